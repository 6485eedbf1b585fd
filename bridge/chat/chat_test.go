package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

type answerFunc = func(context.Context, model.Request, func(model.Delta, error) bool)

func script(answers ...answerFunc) *scripted { return &scripted{answers: answers} }

func TestTurn(t *testing.T) {
	t.Parallel()
	h, w := newHistory(), shop()
	w.instr = []tools.Instructions{{Server: "fs", Text: "Ask twice."}}
	m := script(
		say("Let me ", "look.", call(0, "a", "fs__echo", `{"x":`), call(1, "b", "fs__ask", ""), call(0, "", "", `1}`),
			model.UsageDelta{Usage: store.Usage{Input: 10, Output: 5}}, doneCalls),
		say("It is ", "1.", model.UsageDelta{Usage: store.Usage{Input: 20, Output: 3}}, doneEnd),
	)
	p := &person{answer: tools.AnswerConversation}
	turn := userTurn(m, "What is x?")
	turn.Approver, turn.Conversation.System = p, "Be brief."
	events := must(t, chat.New(chat.Options{History: h, Tools: w}), turn)

	if got := reason(t, events); got != chat.ReasonEnd {
		t.Errorf("ended by %s", got)
	}
	if u := events[len(events)-1].(chat.TurnDone).Usage; u != (store.Usage{Input: 30, Output: 8}) {
		t.Errorf("usage %+v", u)
	}
	chain := h.chain(t)
	want := `user/complete "What is x?" 
assistant/complete "Let me look." call a fs__echo call b fs__ask 
tool/complete result a "{\"x\":1}" result b "allowed" 
assistant/complete "It is 1." 
`
	if got := shape(chain); got != want {
		t.Errorf("the chain is\n%swant\n%s", got, want)
	}
	if err := validChain(chain); err != nil {
		t.Error(err)
	}
	for i, req := range m.seen() {
		if err := validRequest(req.Messages); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
		if req.System != "Be brief.\n\nWhat the tool server \"fs\" says about its tools (its words, not the person's):\nAsk twice." {
			t.Errorf("system prompt %q", req.System)
		}
		if len(req.Tools.Functions()) != 2 || req.Model.Model != "m" || req.Conversation != "c" {
			t.Errorf("request %+v", req)
		}
	}
	if len(p.asked) != 1 || p.asked[0].Tool.Tool != "ask" || p.asked[0].Call.ID != "b" || p.asked[0].Reason != "It is new." ||
		p.asked[0].MessageID != chain[1].ID || string(p.asked[0].Call.Arguments) != "{}" {
		t.Errorf("asked %+v", p.asked)
	}
	if h.writes != 4 { // the person's message, two for the step with calls, one for the last
		t.Errorf("%d commits, want 4", h.writes)
	}
	if n := len(only[chat.CallRunning](events)); n != 3 { // echo once, ask before and after the question
		t.Errorf("%d times CallRunning, want 3", n)
	}
	if n := len(only[chat.CallDone](events)); n != 2 {
		t.Errorf("%d times CallDone, want 2", n)
	}
}

// Everything that an event announces is in the history when it comes.
func TestEventsAnnounceWhatIsKept(t *testing.T) {
	t.Parallel()
	h := newHistory()
	m := script(say(call(0, "a", "fs__echo", "{}"), doneCalls), say("done", doneEnd))
	n := 0
	for e, err := range chat.New(chat.Options{History: h, Tools: shop()}).Run(t.Context(), userTurn(m, "go")) {
		if err != nil {
			t.Fatal(err)
		}
		var msg store.Message
		switch e := e.(type) {
		case chat.Appended:
			msg = e.Message
		case chat.Finished:
			msg = e.Message
		default:
			continue
		}
		n++
		h.mu.Lock()
		kept, ok := h.messages[msg.ID]
		h.mu.Unlock()
		if !ok {
			t.Fatalf("%T of a message that is not kept", e)
		}
		said, err := json.Marshal(msg)
		if err != nil {
			t.Fatal(err)
		}
		if string(kept) != string(said) {
			t.Errorf("%T says\n%s\nkept is\n%s", e, said, kept)
		}
	}
	if n != 4 {
		t.Errorf("%d messages were announced, want 4", n)
	}
}

func TestRetryAfterAnError(t *testing.T) {
	t.Parallel()
	h, w := newHistory(), shop()
	m := script(
		say(call(0, "a", "fs__echo", "{}"), doneCalls),
		say("Half an ans", &model.Error{Kind: model.ErrorTransport, Message: "The connection was lost. Try again.", Err: model.ErrCut}),
		say("A whole answer.", doneEnd),
	)
	loop := chat.New(chat.Options{History: h, Tools: w, Tries: 1})
	events, err := play(t.Context(), loop, userTurn(m, "go"))
	if e := (*model.Error)(nil); !errors.As(err, &e) || !errors.Is(err, model.ErrCut) {
		t.Fatalf("the error is %v", err)
	}
	finished := only[chat.Finished](events)
	last := finished[len(finished)-1].Message
	if last.Status != store.StatusInterrupted || last.Text() != "Half an ans" || last.Error != "The connection was lost. Try again." {
		t.Errorf("kept %+v", last)
	}
	if err := validChain(h.chain(t)); err != nil {
		t.Error(err)
	}
	must(t, loop, userTurn(m, ""))
	want := `user/complete "go" 
assistant/complete call a fs__echo 
tool/complete result a "{}" 
assistant/complete "A whole answer." 
`
	if got := shape(h.chain(t)); got != want {
		t.Errorf("the chain is\n%s", got)
	}
	if !h.has(last.ID) {
		t.Error("the interrupted answer is gone")
	}
	if len(w.log()) != 1 {
		t.Errorf("ran %v, want one run", w.log())
	}
	for i, req := range m.seen() {
		if err := validRequest(req.Messages); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if _, err := play(t.Context(), loop, userTurn(m, "")); !errors.Is(err, chat.ErrNothing) {
		t.Errorf("continuing a whole answer: %v", err)
	}
}

func TestCutAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer answerFunc
		reason chat.DoneReason
		err    error
		text   string
	}{
		"length with a call":   {say("I will", call(0, "a", "fs__echo", `{"path":"/tm`), model.Done{Reason: model.StopLength}), chat.ReasonLength, nil, "I will"},
		"filter with a call":   {say("I will", call(0, "a", "fs__echo", `{}`), model.Done{Reason: model.StopFilter}), chat.ReasonFilter, nil, "I will"},
		"refusal with a call":  {say("No", call(0, "a", "fs__echo", `{}`), model.Done{Reason: model.StopRefusal}), chat.ReasonRefusal, nil, "No"},
		"length":               {say("Long", model.Done{Reason: model.StopLength}), chat.ReasonLength, nil, "Long"},
		"no terminal event":    {say("I will", call(0, "a", "fs__echo", `{}`)), "", model.ErrCut, "I will"},
		"nothing at all":       {say(), "", model.ErrCut, ""},
		"an error in a call":   {say("I will", call(0, "a", "fs__echo", `{"x"`), &model.Error{Kind: model.ErrorServer, Message: "500.", Err: errDisk}), "", errDisk, "I will"},
		"an error at once":     {say(&model.Error{Kind: model.ErrorAuth, Message: "No key.", Err: errDisk}), "", errDisk, ""},
		"a panic":              {func(context.Context, model.Request, func(model.Delta, error) bool) { panic("boom") }, "", nil, ""},
		"an item that is junk": {say("x", model.OpaqueDelta{Data: json.RawMessage("{")}), "", nil, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, w := newHistory(), shop()
			events, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: w, Tries: 1}), userTurn(script(test.answer), "go"))
			switch {
			case test.reason == "" && (err == nil || test.err != nil && !errors.Is(err, test.err)):
				t.Errorf("the error is %v, want %v", err, test.err)
			case test.reason != "" && (err != nil || reason(t, events) != test.reason):
				t.Errorf("ended by %v, %v", events[len(events)-1], err)
			}
			chain := h.chain(t)
			last := chain[len(chain)-1]
			if last.Status != store.StatusInterrupted || last.Error == "" || last.Text() != test.text || len(last.Calls()) != 0 {
				t.Errorf("kept %+v", last)
			}
			if err := validChain(chain); err != nil {
				t.Error(err)
			}
			if err := validRequest(chat.Repair(append(chain, user("and?")))); err != nil {
				t.Error(err)
			}
			if len(w.log()) != 0 {
				t.Errorf("ran %v of an answer that was cut off", w.log())
			}
		})
	}
}

func TestRefusalIsAWholeAnswer(t *testing.T) {
	t.Parallel()
	h := newHistory()
	events := must(t, chat.New(chat.Options{History: h, Tools: shop()}), userTurn(script(say("I cannot.", model.Done{Reason: model.StopRefusal})), "go"))
	if reason(t, events) != chat.ReasonRefusal || h.chain(t)[1].Status != store.StatusComplete {
		t.Errorf("%v, %s", reason(t, events), shape(h.chain(t)))
	}
}

func TestStepLimit(t *testing.T) {
	t.Parallel()
	endless := func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
		say(call(0, "same", "fs__echo", "{}"), doneCalls)(ctx, req, yield)
	}
	late := make(chan struct{})
	t.Cleanup(func() { close(late) })
	for name, test := range map[string]struct {
		approver chat.Approver
		calls    int
		reason   chat.DoneReason
	}{
		"nobody to ask":  {nil, 3, chat.ReasonLimit},
		"no":             {&person{answer: tools.AnswerOnce}, 3, chat.ReasonLimit},
		"yes, then no":   {&person{more: func(p chat.Pause) (bool, error) { return p.Steps == 3, nil }}, 6, chat.ReasonLimit},
		"asking fails":   {&person{more: func(chat.Pause) (bool, error) { return true, errDisk }}, 3, ""},
		"asking panics":  {&person{more: func(chat.Pause) (bool, error) { panic("boom") }}, 3, ""},
		"asking is late": {&person{more: func(chat.Pause) (bool, error) { <-late; return true, nil }}, 3, chat.ReasonStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, m := newHistory(), script(endless)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			turn := userTurn(m, "go")
			turn.Approver = test.approver
			var events []chat.Event
			var failed error
			for e, err := range chat.New(chat.Options{History: h, Tools: shop(), StepLimit: 3}).Run(ctx, turn) {
				if failed = err; err != nil {
					break
				}
				events = append(events, e)
				if _, ok := e.(chat.StepLimit); ok && test.reason == chat.ReasonStopped {
					cancel()
				}
			}
			if n := len(m.seen()); n != test.calls {
				t.Errorf("the model was called %d times, want %d", n, test.calls)
			}
			if test.reason == "" && failed == nil || test.reason != "" && (failed != nil || reason(t, events) != test.reason) {
				t.Errorf("ended by %v, %v", events[len(events)-1], failed)
			}
			if err := validChain(h.chain(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTooManyToolsIsSaid(t *testing.T) {
	t.Parallel()
	h := newHistory()
	m := script(say("hi", doneEnd))
	m.dialect = tools.Dialect{MaxName: 64, MaxTools: 1}
	_, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: shop()}), userTurn(m, "go"))
	if err == nil || !strings.Contains(err.Error(), "2 tools") || len(m.seen()) != 0 {
		t.Errorf("%v after %d requests", err, len(m.seen()))
	}
	if len(h.chain(t)) != 1 {
		t.Errorf("the person's message is not kept: %s", shape(h.chain(t)))
	}
}

func TestSwitchesAreReadBeforeEachStep(t *testing.T) {
	t.Parallel()
	h, w := newHistory(), shop()
	w.run["echo"] = func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result {
		h.mu.Lock()
		defer h.mu.Unlock()
		c := h.conv["c"]
		c.Switches = c.Switches.SetTool("fs", "echo", false)
		h.conv["c"] = c
		return text("ok")
	}
	m := script(say(call(0, "a", "fs__echo", "{}"), doneCalls), say(call(0, "b", "fs__echo", "{}"), doneCalls), say("done", doneEnd))
	must(t, chat.New(chat.Options{History: h, Tools: w}), userTurn(m, "go"))
	if n := len(m.seen()[1].Tools.Functions()); n != 1 {
		t.Errorf("the second request offers %d tools, want 1", n)
	}
	if r := results(h.chain(t))["b"]; !r.IsError || !strings.Contains(r.Content.Text(), "not available in this conversation any more") || len(w.log()) != 1 {
		t.Errorf("the second call gave %+v, ran %v", r, w.log())
	}
}

func TestOneTurnAtATime(t *testing.T) {
	t.Parallel()
	h := newHistory()
	h.conv["d"] = store.Conversation{ID: "d"}
	m := script(say("hi", doneEnd))
	loop := chat.New(chat.Options{History: h, Tools: shop()})
	other := userTurn(m, "other")
	other.Conversation.ID = "d"
	first := true
	turn := loop.Run(t.Context(), userTurn(m, "go"))
	for _, err := range turn {
		if err != nil {
			t.Fatal(err)
		}
		if !first {
			continue
		}
		first = false
		if _, err := play(t.Context(), loop, userTurn(m, "again")); !errors.Is(err, chat.ErrBusy) {
			t.Errorf("a second turn: %v, want ErrBusy", err)
		}
		if _, err := play(t.Context(), loop, other); err != nil {
			t.Errorf("a turn of another conversation: %v", err)
		}
	}
	if n := len(h.chain(t)); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	for _, err := range turn {
		if err == nil {
			t.Error("the turn ran twice")
		}
	}
	must(t, loop, userTurn(m, "again"))
}

func TestTurnThatCannotBegin(t *testing.T) {
	t.Parallel()
	h, w := newHistory(), shop()
	loop := chat.New(chat.Options{History: h, Tools: w})
	if _, err := play(t.Context(), loop, userTurn(nil, "go")); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no model: %v", err)
	}
	m := script(say("hi", doneEnd))
	missing := userTurn(m, "go")
	missing.Conversation.ID = "nowhere"
	if _, err := play(t.Context(), loop, missing); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no conversation: %v", err)
	}
	if _, err := play(t.Context(), loop, userTurn(m, "")); !errors.Is(err, chat.ErrNothing) {
		t.Errorf("an empty conversation: %v", err)
	}
	w.offered = errDisk
	if _, err := play(t.Context(), loop, userTurn(m, "go")); !errors.Is(err, errDisk) {
		t.Errorf("no tools: %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	events, err := play(stopped, loop, userTurn(m, "go on"))
	if err != nil || reason(t, events) != chat.ReasonStopped {
		t.Errorf("stopped before it began: %v, %v", events, err)
	}
	if len(m.seen()) != 0 {
		t.Error("the model was called")
	}
}

// slowHistory calls a function before each Append ends. Unlike history.kept, it
// lets others read meanwhile.
type slowHistory struct {
	*history
	waits func([]store.Message)
}

func (h slowHistory) Append(ctx context.Context, msgs ...store.Message) error {
	err := h.history.Append(ctx, msgs...)
	h.waits(msgs)
	return err
}

// TestModelIsCalledWhileResultsAreKept has the history wait, in the write of the
// results, for the model's next call.
func TestModelIsCalledWhileResultsAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		called := make(chan struct{})
		h := slowHistory{newHistory(), func(msgs []store.Message) {
			if msgs[0].Role == store.RoleTool {
				select {
				case <-called:
				case <-time.After(time.Second):
					t.Error("the model was not called while the results were being kept")
				}
			}
		}}
		m := script(say(call(0, "a", "fs__echo", "{}"), doneCalls), func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
			close(called)
			say("done", doneEnd)(ctx, req, yield)
		})
		events := must(t, chat.New(chat.Options{History: h, Tools: shop()}), userTurn(m, "go"))
		kept := slices.IndexFunc(events, func(e chat.Event) bool {
			a, ok := e.(chat.Appended)
			return ok && a.Message.Role == store.RoleTool
		})
		if _, ok := events[kept+1].(chat.Started); kept < 0 || !ok {
			t.Errorf("the results were kept at event %d of %d, and the answer to them did not begin after it", kept, len(events))
		}
	})
}

// TestResultsThatCannotBeKept: the model may be called by then, and nothing of
// what it says is taken.
func TestResultsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHistory()
		h.fail = func(n int) bool { return n == 3 }
		m := script(say(call(0, "a", "fs__echo", "{}"), doneCalls), func(ctx context.Context, _ model.Request, yield func(model.Delta, error) bool) {
			yield(model.TextDelta{Text: "never"}, nil)
			<-ctx.Done() // or the test does not end
		})
		events, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: shop()}), userTurn(m, "go"))
		if !errors.Is(err, errDisk) {
			t.Errorf("the turn ended with %v", err)
		}
		if n := len(only[chat.Started](events)); n != 1 || h.count() != 2 {
			t.Errorf("%d answers began and %d messages are kept", n, h.count())
		}
	})
}
