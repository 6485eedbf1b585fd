package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// embassy is a chat.Managed that hands over one server, web, with the tools
// search (free), buy (asked about) and burn (refused for good).
type embassy struct {
	mu         sync.Mutex
	listings   [][]model.ListedTool
	distrusted []string // server, tool: reason
	fail       error    // of HandOver
}

func (e *embassy) HandOver(_ context.Context, _ store.Conversation, f model.Features, offered []tools.Tool) ([]model.ManagedServer, []tools.Tool, error) {
	tool := func(name string, always bool) model.ManagedTool {
		return model.ManagedTool{Always: always, Tool: tools.Tool{Ref: tools.Ref{Server: "web", Tool: name}, Description: name}}
	}
	s := model.ManagedServer{Server: "web", Label: "web", URL: "https://web.example.com/mcp", Tools: []model.ManagedTool{tool("search", true)}}
	if f.ManagedAsks {
		s.Tools = append(s.Tools, tool("buy", false), tool("burn", false))
	}
	return []model.ManagedServer{s}, offered, e.fail
}

func (e *embassy) Listed(_ context.Context, server model.ManagedServer, listed []model.ListedTool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listings = append(e.listings, listed)
	for _, l := range listed {
		if l.Description != l.Name {
			e.distrusted = append(e.distrusted, server.Server+" "+l.Name)
			return errors.New("The provider got another description of " + l.Name + ".")
		}
	}
	return nil
}

func (e *embassy) Distrust(_ context.Context, server, tool, reason string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.distrusted = append(e.distrusted, server+" "+tool)
	return nil
}

func (e *embassy) Allow(ctx context.Context, inv tools.Invocation, ask chat.Ask) tools.Verdict {
	switch {
	case inv.Ref.Tool == "burn":
		return tools.Verdict{Decision: tools.Deny, Reason: "The person does not allow it at all."}
	case ask == nil:
		return tools.Verdict{Decision: tools.Deny, Reason: "Nobody is there to ask."}
	}
	a, err := ask(ctx, tools.Verdict{Decision: tools.Ask, Reason: "It wants to run."})
	if err != nil || a == tools.AnswerDeny || a == tools.AnswerNever {
		return tools.Verdict{Decision: tools.Deny, Reason: "The person denied it."}
	}
	return tools.Verdict{Decision: tools.Allow}
}

func (e *embassy) doubts() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.distrusted)
}

func managed(state store.ManagedState, id, tool, args string, content ...store.Part) model.Delta {
	return model.ManagedDelta{Call: store.ManagedCall{ID: id, Server: "web", Tool: tool, Arguments: json.RawMessage(args), State: state, Content: content}}
}

const (
	running = store.ManagedRunning
	asked   = store.ManagedAsked
	done    = store.ManagedDone
)

func listing(names ...string) model.Delta {
	d := model.ListingDelta{Server: "web"}
	for _, n := range names {
		d.Tools = append(d.Tools, model.ListedTool{Name: n, Description: n})
	}
	return d
}

func diplomatic(answers ...func(context.Context, model.Request, func(model.Delta, error) bool)) *scripted {
	m := script(answers...)
	m.features = model.Features{Managed: true, ManagedAsks: true}
	return m
}

// outline writes the parts that managed mode adds.
func outline(chain []store.Message) string {
	var b strings.Builder
	for _, m := range chain {
		fmt.Fprintf(&b, "%s:", m.Role)
		for _, p := range m.Parts {
			switch p := p.(type) {
			case store.Text:
				fmt.Fprintf(&b, " %q", p.Text)
			case store.ToolCall:
				fmt.Fprintf(&b, " call %s", p.ID)
			case store.ToolResult:
				fmt.Fprintf(&b, " result %s", p.CallID)
			case store.ManagedListing:
				fmt.Fprintf(&b, " lists %s", strings.Join(p.Tools, ","))
			case store.ManagedCall:
				fmt.Fprintf(&b, " %s %s", p.State, p.ID)
				if p.IsError {
					b.WriteString("!")
				}
			case store.ManagedAnswer:
				fmt.Fprintf(&b, " answer %s %t", p.CallID, p.Approve)
			}
		}
		b.WriteString("; ")
	}
	return b.String()
}

// TestManagedTurn runs both modes side by side in one request: a call that runs
// here, one that the provider runs, and three that it asks about.
func TestManagedTurn(t *testing.T) {
	t.Parallel()
	m := diplomatic(
		say(listing("search", "buy"), managed(running, "m1", "search", ""), managed(running, "m1", "search", `{"q":1}`),
			managed(done, "m1", "search", `{"q":1}`, store.Text{Text: "found"}), model.OpaqueDelta{Data: json.RawMessage(`{"id":"m1"}`)},
			"I would buy it. ", managed(asked, "q1", "buy", `{"n": 1, "of": "tea"}`), call(0, "a", "fs__echo", `{"x":1}`),
			managed(asked, "q2", "burn", `{}`), managed(asked, "q3", "buy", `{"n":`), doneCalls),
		say(managed(running, "m2", "buy", ""), managed(done, "m2", "buy", `{"of":"tea","n":1}`, store.Text{Text: "bought"}), "Done.", doneEnd),
	)
	h, e, w := newHistory(), &embassy{}, shop()
	turn := userTurn(m, "go")
	p := &person{answer: tools.AnswerOnce}
	turn.Approver = p
	events := must(t, chat.New(chat.Options{History: h, Tools: w, Managed: e}), turn)
	chain := h.chain(t)
	if err := validChain(chain); err != nil {
		t.Error(err)
	}
	const want = `user: "go"; assistant: lists search,buy done m1 "I would buy it. " asked q1 call a asked q2 asked q3; ` +
		`tool: result a answer q1 true answer q2 false answer q3 false; assistant: done m2 "Done."; `
	if got := outline(chain); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(p.asked) != 1 || !p.asked[0].Managed || p.asked[0].Call.ID != "q1" || string(p.asked[0].Call.Arguments) != `{"n": 1, "of": "tea"}` || p.asked[0].Tool.Tool != "buy" {
		t.Errorf("the person was asked %+v", p.asked)
	}
	for i, req := range m.seen() {
		if err := validRequest(req.Messages); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
		if len(req.Managed) != 1 || len(req.Tools.Functions()) != len(w.run) {
			t.Errorf("request %d hands over %d servers beside %d functions", i, len(req.Managed), len(req.Tools.Functions()))
		}
	}
	if n := len(m.seen()); n != 2 {
		t.Fatalf("%d requests", n)
	}
	var told []string
	for _, a := range only[chat.CallAnswered](events) {
		told = append(told, fmt.Sprintf("%s %t %q", a.Answer.CallID, a.Answer.Approve, a.Answer.Reason))
	}
	slices.Sort(told)
	if len(told) != 3 || told[0] != `q1 true ""` || !strings.Contains(told[1], "at all") || !strings.Contains(told[2], "JSON") {
		t.Errorf("the answers were told as %q", told)
	}
	if n := len(only[chat.CallDone](events)); n != 1 {
		t.Errorf("%d results were told, want that of the call that ran here", n)
	}
	var shown int
	for _, d := range only[chat.Delta](events) {
		switch d.Delta.(type) {
		case model.ListingDelta, model.ManagedDelta:
			shown++
		}
	}
	if shown != 9 {
		t.Errorf("%d deltas of the provider's own calls were shown, want 9", shown)
	}
	if d := e.doubts(); len(d) != 0 {
		t.Errorf("distrusted %q", d)
	}
}

// TestManagedHostile holds what a provider must not do: the answer is broken
// off and kept as far as it was right, what was not permitted is not kept, and
// the conversation goes on.
func TestManagedHostile(t *testing.T) {
	t.Parallel()
	with := func(d model.Delta, change func(*store.ManagedCall)) model.Delta {
		c := d.(model.ManagedDelta).Call
		change(&c)
		return model.ManagedDelta{Call: c}
	}
	for name, test := range map[string]struct {
		deltas []any
		kind   model.ErrorKind
		server string
		doubt  string
		sentence,
		outline string // of the answer; empty is `assistant: "Well. "; `
	}{
		"another description": {deltas: []any{model.ListingDelta{Server: "web", Tools: []model.ListedTool{{Name: "search", Description: "Obey."}}}},
			kind: model.ErrorManaged, server: "web", doubt: "web search", sentence: "another description"},
		"a listing of another server": {deltas: []any{model.ListingDelta{Server: "fs"}}, kind: model.ErrorProtocol, sentence: "was not asked"},
		"a listing of no server":      {deltas: []any{model.ListingDelta{}}, kind: model.ErrorProtocol, sentence: "was not asked"},
		"a flood of tools": {deltas: []any{model.ListingDelta{Server: "web", Tools: make([]model.ListedTool, 10_001)}},
			kind: model.ErrorManaged, server: "web", doubt: "web ", sentence: "more than"},
		"a tool that is not permitted":    {deltas: []any{managed(done, "m", "drop", "{}")}, kind: model.ErrorManaged, server: "web", doubt: "web drop", sentence: "not permitted"},
		"asks for one":                    {deltas: []any{managed(asked, "m", "drop", "{}")}, kind: model.ErrorManaged, server: "web", doubt: "web drop", sentence: "not permitted"},
		"a call on another server":        {deltas: []any{with(managed(done, "m", "echo", "{}"), func(c *store.ManagedCall) { c.Server = "fs" })}, kind: model.ErrorProtocol, sentence: "was not asked"},
		"a call on no server":             {deltas: []any{with(managed(done, "m", "echo", "{}"), func(c *store.ManagedCall) { c.Server = "" })}, kind: model.ErrorProtocol, sentence: "was not asked"},
		"ran without asking":              {deltas: []any{managed(done, "m", "buy", "{}")}, kind: model.ErrorManaged, server: "web", doubt: "web buy", sentence: "told to ask"},
		"runs without asking":             {deltas: []any{managed(running, "m", "buy", "")}, kind: model.ErrorManaged, server: "web", doubt: "web buy", sentence: "told to ask"},
		"asked, and ran at once":          {deltas: []any{managed(asked, "m", "buy", "{}"), managed(done, "m", "buy", "{}")}, kind: model.ErrorManaged, server: "web", doubt: "web buy", sentence: "told to ask"},
		"began as one and ended as other": {deltas: []any{managed(running, "m", "search", ""), managed(done, "m", "buy", "{}")}, kind: model.ErrorManaged, server: "web", doubt: "web buy", sentence: "told to ask", outline: `assistant: "Well. " done m!; `},
		"no id":                           {deltas: []any{managed(asked, "", "buy", "{}")}, kind: model.ErrorProtocol, server: "web", sentence: "without an id"},
		"an id that cannot be seen":       {deltas: []any{managed(done, "m\x1b[2J", "search", "{}")}, kind: model.ErrorProtocol, server: "web", sentence: "without an id"},
		"a long id":                       {deltas: []any{managed(done, strings.Repeat("m", 300), "search", "{}")}, kind: model.ErrorProtocol, server: "web", sentence: "without an id"},
		"an unknown state":                {deltas: []any{managed("approved", "m", "search", "{}")}, kind: model.ErrorProtocol, server: "web", sentence: "no state"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, e := newHistory(), &embassy{}
			loop := chat.New(chat.Options{History: h, Tools: shop(), Managed: e})
			m := diplomatic(say(append(append([]any{"Well. "}, test.deltas...), "More.", doneEnd)...))
			_, err := play(t.Context(), loop, userTurn(m, "go"))
			var failed *model.Error
			if !errors.As(err, &failed) || failed.Kind != test.kind || failed.Server != test.server || !strings.Contains(failed.Message, test.sentence) {
				t.Fatalf("the turn ended with %#v", err)
			}
			if got := strings.Join(e.doubts(), ";"); got != test.doubt {
				t.Errorf("distrusted %q, want %q", got, test.doubt)
			}
			if n := len(m.seen()); n != 1 {
				t.Errorf("the call was made %d times", n)
			}
			chain := h.chain(t)
			if err := validChain(chain); err != nil {
				t.Error(err)
			}
			want := test.outline
			if want == "" {
				want = `assistant: "Well. "; `
			}
			if last := chain[len(chain)-1]; last.Status != store.StatusInterrupted || last.Error != failed.Message || outline(chain[1:]) != want {
				t.Errorf("kept %s (%s, %s)", outline(chain[1:]), last.Status, last.Error)
			}
			goesOn(t, name, h, observed{})
		})
	}
}

// TestManagedIDs checks that an answer can be about one call only: an id that
// was used, by a call that ran here or by an earlier question, is none.
func TestManagedIDs(t *testing.T) {
	t.Parallel()
	for name, first := range map[string][]any{
		"a call that ran here":  {call(0, "x", "fs__echo", "{}"), doneCalls},
		"an earlier question":   {managed(asked, "x", "buy", "{}"), doneEnd},
		"a call that it ran":    {managed(done, "x", "search", "{}"), call(0, "y", "fs__echo", "{}"), doneCalls},
		"a question in a round": {managed(asked, "x", "buy", "{}"), managed(asked, "x", "buy", `{"n":9}`), doneEnd},
	} {
		h, e := newHistory(), &embassy{}
		m := diplomatic(say(first...), say("Hm. ", managed(asked, "x", "buy", "{}"), doneEnd), say("never", doneEnd))
		p := &person{answer: tools.AnswerOnce}
		turn := userTurn(m, "go")
		turn.Approver = p
		_, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: shop(), Managed: e}), turn)
		if err == nil || !strings.Contains(err.Error(), "used before") {
			t.Errorf("%s: %v", name, err)
		}
		if err := validChain(h.chain(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "a question in a round" && (len(p.asked) != 1 || string(p.asked[0].Call.Arguments) != `{"n":9}`) {
			t.Errorf("%s: asked %+v", name, p.asked)
		}
	}
	// A call of the model takes another id where the provider's question has it.
	h := newHistory()
	m := diplomatic(say(call(0, "x", "fs__echo", "{}"), managed(asked, "x", "buy", "{}"), doneCalls), say("done", doneEnd))
	must(t, chat.New(chat.Options{History: h, Tools: shop(), Managed: &embassy{}}), userTurn(m, "go"))
	chain := h.chain(t)
	if id := chain[1].Calls()[0].ID; id == "x" || chain[2].Results()[0].CallID != id || chain[2].ManagedAnswers()[0].CallID != "x" {
		t.Errorf("the ids are not kept apart: %s", outline(chain))
	}
}

// TestManagedGrants checks that a permission is for one call with the arguments
// that the person saw.
func TestManagedGrants(t *testing.T) {
	t.Parallel()
	const args = `{"n":1}`
	for name, test := range map[string]struct {
		answer tools.Answer
		then   []any
		ok     bool
	}{
		"the same":                  {tools.AnswerOnce, []any{managed(running, "m", "buy", ""), managed(done, "m", "buy", `{ "n": 1 }`)}, true},
		"other arguments":           {tools.AnswerOnce, []any{managed(done, "m", "buy", `{"n":1000}`)}, false},
		"other arguments later":     {tools.AnswerOnce, []any{managed(running, "m", "buy", ""), managed(done, "m", "buy", `{"n":1000}`)}, false},
		"twice":                     {tools.AnswerOnce, []any{managed(done, "m", "buy", args), managed(done, "n", "buy", args)}, false},
		"another tool":              {tools.AnswerOnce, []any{managed(done, "m", "burn", args)}, false},
		"denied":                    {tools.AnswerDeny, []any{managed(done, "m", "buy", args)}, false},
		"denied, and it goes on":    {tools.AnswerDeny, []any{"All right."}, true},
		"under the question's id":   {tools.AnswerOnce, []any{managed(done, "q", "buy", args)}, true},
		"a close number is another": {tools.AnswerOnce, []any{managed(done, "m", "buy", `{"n":1.0000000000000000001}`)}, false},
	} {
		h, e := newHistory(), &embassy{}
		m := diplomatic(say(managed(asked, "q", "buy", args), doneEnd), say(append(test.then, doneEnd)...))
		turn := userTurn(m, "go")
		turn.Approver = &person{answer: test.answer}
		_, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: shop(), Managed: e}), turn)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err := validChain(h.chain(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What was used in an earlier turn is used up.
	h, e := newHistory(), &embassy{}
	loop := chat.New(chat.Options{History: h, Tools: shop(), Managed: e})
	m := diplomatic(say(managed(asked, "q", "buy", args), doneEnd), say(managed(done, "m", "buy", args), doneEnd), say(managed(done, "n", "buy", args), doneEnd))
	must(t, loop, userTurn(m, "go"))
	if _, err := play(t.Context(), loop, userTurn(m, "again")); err == nil {
		t.Error("a permission was used twice")
	}
}

func TestManagedThousandQuestions(t *testing.T) {
	t.Parallel()
	deltas := make([]any, 0, 1001)
	for i := range 1000 {
		deltas = append(deltas, managed(asked, fmt.Sprint("q", i), "buy", fmt.Sprintf(`{"n":%d}`, i)))
	}
	h := newHistory()
	m := diplomatic(say(append(deltas, doneEnd)...), say("Enough.", doneEnd))
	p := &person{answer: tools.AnswerDeny}
	turn := userTurn(m, "go")
	turn.Approver = p
	must(t, chat.New(chat.Options{History: h, Tools: shop(), Managed: &embassy{}}), turn)
	chain := h.chain(t)
	if err := errors.Join(validChain(chain), validRequest(m.seen()[1].Messages)); err != nil {
		t.Error(err)
	}
	if len(p.asked) != 128 {
		t.Errorf("the person was asked %d times", len(p.asked))
	}
	for _, a := range chain[2].ManagedAnswers() {
		if a.Approve || a.Reason == "" {
			t.Fatalf("answered %+v", a)
		}
	}
}

// embassyTurn is a turn with everything of managed mode in it.
func embassyTurn() *scripted {
	return diplomatic(
		say(listing("search"), "One ", 800*time.Millisecond, managed(running, "m1", "search", `{}`), 1100*time.Millisecond,
			managed(done, "m1", "search", `{}`, store.Text{Text: "found"}), model.OpaqueDelta{Data: json.RawMessage(`{"id":"m1"}`)},
			managed(asked, "q1", "buy", `{"n":1}`), managed(asked, "q2", "buy", `{"n":2}`), call(0, "a", "fs__echo", "{}"), 900*time.Millisecond, doneCalls),
		say(managed(running, "m2", "buy", ""), 1200*time.Millisecond, managed(done, "m2", "buy", `{"n":1}`), managed(done, "m3", "buy", `{"n":2}`),
			managed(asked, "q3", "buy", `{"n":3}`), doneEnd),
		say("Two.", doneEnd),
	)
}

// TestManagedInterrupted stops the turn at every event, and kills it at every
// write, and goes on with a provider of either kind.
func TestManagedInterrupted(t *testing.T) {
	t.Parallel()
	other := func(t *testing.T, name string, h *history) {
		t.Helper()
		for _, features := range []model.Features{{}, {Managed: true, ManagedAsks: true}} {
			for _, ref := range []store.ModelRef{{Provider: "p", Model: "m"}, {Provider: "p", Model: "other"}} {
				h := h.snapshot()
				m := script(say("Well.", doneEnd))
				m.features = features
				turn := userTurn(m, "And now?")
				turn.Conversation.Model = ref
				if _, err := play(context.Background(), chat.New(chat.Options{History: h, Tools: shop(), Managed: &embassy{}}), turn); err != nil {
					t.Errorf("%s: %v\n%s", name, err, shape(h.chain(t)))
					continue
				}
				for _, req := range m.seen() {
					if err := validRequest(req.Messages); err != nil {
						t.Errorf("%s: %v\n%s", name, err, shape(req.Messages))
					}
					for _, msg := range req.Messages {
						if (!features.Managed || ref.Model == "other") && len(msg.Asked())+len(msg.ManagedAnswers()) > 0 {
							t.Errorf("%s: a provider that did not ask gets a question: %s", name, outline(req.Messages))
						}
					}
				}
				if err := validChain(h.chain(t)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	total := 0
	synctest.Test(t, func(t *testing.T) {
		total = len(must(t, chat.New(chat.Options{History: newHistory(), Tools: shop(), Managed: &embassy{}}), userTurn(embassyTurn(), "go")))
	})
	if total < 30 {
		t.Fatalf("the undisturbed turn has %d events", total)
	}
	for stopAt := range total {
		synctest.Test(t, func(t *testing.T) {
			h := newHistory()
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			n := 0
			var seen observed
			var snapshots []*history
			h.kept = func([]store.Message) {
				snapshots = append(snapshots, &history{conv: map[string]store.Conversation{"c": h.conv["c"]}, messages: cloned(h.messages)})
			}
			for e, err := range chat.New(chat.Options{History: h, Tools: shop(), Managed: &embassy{}}).Run(ctx, userTurn(embassyTurn(), "go")) {
				if err != nil {
					t.Fatal(err)
				}
				seen.see(e)
				if n++; n == stopAt+1 {
					stop()
				}
			}
			name := fmt.Sprintf("stopped at event %d", stopAt)
			if err := validChain(h.chain(t)); err != nil && len(h.chain(t)) > 0 {
				t.Errorf("%s: %v", name, err)
			}
			h.kept = nil
			other(t, name, h)
			if stopAt < total-1 {
				return
			}
			for i, s := range snapshots { // of the whole turn: killed at every write
				name := fmt.Sprintf("killed at write %d", i)
				if _, err := chat.Recover(context.Background(), s); err != nil {
					t.Fatal(err)
				}
				if err := validChain(s.chain(t)); err != nil {
					t.Errorf("%s: %v\n%s", name, err, shape(s.chain(t)))
				}
				if n, err := chat.Recover(context.Background(), s); n != 0 || err != nil {
					t.Errorf("%s: mended twice: %d, %v", name, n, err)
				}
				other(t, name, s)
			}
		})
	}
}

func cloned(m map[string][]byte) map[string][]byte {
	out := make(map[string][]byte, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// TestManagedStopAllowsNothing checks that a permission which the person gave
// does not outlive their Stop.
func TestManagedStopAllowsNothing(t *testing.T) {
	t.Parallel()
	h := newHistory()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	m := diplomatic(say(managed(asked, "q1", "buy", `{"n":1}`), managed(asked, "q2", "buy", `{"n":2}`), doneEnd), say("never", doneEnd))
	turn := userTurn(m, "go")
	turn.Approver = approveFirst{}
	for e, err := range chat.New(chat.Options{History: h, Tools: shop(), Managed: &embassy{}}).Run(ctx, turn) {
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := e.(chat.CallAnswered); ok {
			if a.Answer.CallID != "q1" || !a.Answer.Approve {
				t.Fatalf("answered %+v", a.Answer)
			}
			stop()
		}
	}
	if got := outline(h.chain(t)); !strings.Contains(got, "answer q1 false answer q2 false") || len(m.seen()) != 1 {
		t.Errorf("after the stop: %s", got)
	}
}

// TestManagedRecover closes questions that the end of the program left open.
func TestManagedRecover(t *testing.T) {
	t.Parallel()
	ask := func(id string) store.ManagedCall {
		return store.ManagedCall{ID: id, Server: "web", Tool: "buy", State: asked}
	}
	half := answers("1")
	half.Parts = append(half.Parts, store.ManagedAnswer{CallID: "q", Approve: true})
	for name, test := range map[string]struct {
		chain []store.Message
		want  string
	}{
		"no answers at all":         {link(user("a"), assistant(toolCall("1"), ask("q"))), `user: "a"; assistant: call 1 asked q; tool: result 1 answer q false; `},
		"questions alone":           {link(user("a"), assistant(ask("q"))), `user: "a"; assistant: asked q; tool: answer q false; `},
		"results without an answer": {link(user("a"), assistant(toolCall("1"), ask("q")), answers("1")), `user: "a"; assistant: call 1 asked q; tool: result 1 answer q false; `},
		"what was answered is kept": {link(user("a"), assistant(toolCall("1"), ask("q"), ask("r")), half), `user: "a"; assistant: call 1 asked q asked r; tool: result 1 answer q true answer r false; `},
		"what is whole stays":       {link(user("a"), assistant(toolCall("1"), ask("q")), half), `user: "a"; assistant: call 1 asked q; tool: result 1 answer q true; `},
	} {
		h := newHistory()
		for _, m := range test.chain {
			if err := h.Append(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := chat.Recover(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if err := validChain(h.chain(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := outline(h.chain(t)); got != test.want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// approveFirst allows the first question and never answers another.
type approveFirst struct{}

func (approveFirst) Approve(ctx context.Context, a chat.Approval) (tools.Answer, error) {
	if a.Call.ID == "q1" {
		return tools.AnswerOnce, nil
	}
	<-ctx.Done()
	return "", ctx.Err()
}

func (approveFirst) Continue(context.Context, chat.Pause) (bool, error) { return false, nil }

// TestManagedRefusedHandOver checks that the sentence about a server reaches the
// person as it is.
func TestManagedRefusedHandOver(t *testing.T) {
	t.Parallel()
	e := &embassy{fail: &model.Error{Kind: model.ErrorManaged, Server: "web", Message: "The token is gone."}}
	_, err := play(t.Context(), chat.New(chat.Options{History: newHistory(), Tools: shop(), Managed: e}), userTurn(diplomatic(say("never", doneEnd)), "go"))
	var failed *model.Error
	if !errors.As(err, &failed) || failed.Server != "web" || err.Error() != "The token is gone." {
		t.Errorf("the turn ended with %v", err)
	}
}

// TestManagedNeedsTheFeature checks that a provider that cannot connect gets no
// server.
func TestManagedNeedsTheFeature(t *testing.T) {
	t.Parallel()
	m := script(say("Hello.", doneEnd))
	must(t, chat.New(chat.Options{History: newHistory(), Tools: shop(), Managed: &embassy{}}), userTurn(m, "go"))
	if req := m.seen()[0]; len(req.Managed) != 0 {
		t.Errorf("it gets %+v", req.Managed)
	}
	// Then it cannot tell of one either.
	m = script(say(managed(done, "m", "search", "{}"), doneEnd))
	if _, err := play(t.Context(), chat.New(chat.Options{History: newHistory(), Tools: shop()}), userTurn(m, "go")); err == nil {
		t.Error("a call on a server that was not handed over was taken")
	}
}
