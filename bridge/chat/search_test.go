package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// crowd is a workshop with n tools more.
func crowd(n int) *workshop {
	w := shop()
	for i := range n {
		w.run[fmt.Sprintf("tool_%03d", i)] = func(_ context.Context, args json.RawMessage, _ func(tools.Progress)) tools.Result {
			return text(fmt.Sprintf("tool %d got %s", i, args))
		}
	}
	return w
}

func functionNames(req model.Request) []string {
	var names []string
	for _, f := range req.Tools.Functions() {
		names = append(names, f.Name)
	}
	return names
}

func callsOf(msgs []store.Message) []store.ToolCall {
	var out []store.ToolCall
	for _, m := range msgs {
		out = append(out, m.Calls()...)
	}
	return out
}

func TestSearch(t *testing.T) {
	t.Parallel()
	h := newHistory()
	w := crowd(300)
	w.ask["tool_007"] = true
	m := script(
		say(call(0, "f", "find_tools", `{"query":"tool_007"}`), doneCalls),
		say(call(0, "c", "call_tool", `{"name":"fs__tool_007","arguments":{"path":"/x"}}`), doneCalls),
		say("Fine.", doneEnd),
	)
	loop := chat.New(chat.Options{History: h, Tools: w})
	turn := userTurn(m, "go")
	by := turn.Approver.(*person)
	events := must(t, loop, turn)
	checkRequests(t, m)
	for _, req := range m.seen() {
		if got := functionNames(req); !slices.Equal(got, []string{"find_tools", "call_tool"}) {
			t.Fatalf("the model is offered %q", got)
		}
		if !strings.Contains(req.System, `302 tools`) || !strings.Contains(req.System, `"fs"`) {
			t.Errorf("the model is told %q", req.System)
		}
	}
	got := results(h.chain(t))
	if found := got["f"].Content.Text(); !strings.Contains(found, `"fs__tool_007"`) || len(found) > 30_000 {
		t.Errorf("find_tools gave %.300q", found)
	}
	if got["c"].Content.Text() != `tool 7 got {"path":"/x"}` {
		t.Errorf("the tool gave %q", got["c"].Content.Text())
	}
	if len(by.asked) != 1 || by.asked[0].Tool.Ref != (tools.Ref{Server: "fs", Tool: "tool_007"}) || string(by.asked[0].Call.Arguments) != `{"path":"/x"}` {
		t.Errorf("the person was asked %+v", by.asked)
	}
	calls := callsOf(h.chain(t))
	if c := calls[1]; c.Name != "call_tool" || c.Server != "fs" || c.Tool != "tool_007" || string(c.Arguments) != `{"name":"fs__tool_007","arguments":{"path":"/x"}}` {
		t.Errorf("the history has %+v", c)
	}
	if c := chat.Meant(calls[1]); string(c.Arguments) != `{"path":"/x"}` {
		t.Errorf("what is meant is %+v", c)
	}
	if c := chat.Meant(calls[0]); string(c.Arguments) != string(calls[0].Arguments) || c.Server != "" {
		t.Errorf("what is meant is %+v", c)
	}
	if n := len(only[chat.CallRunning](events)); n != 3 { // find, call, and again after the answer
		t.Errorf("%d calls ran", n)
	}
	// To a model the search is a search while there is one …
	if c := callsOf(m.seen()[2].Messages)[1]; c.Name != "call_tool" || c.Server != "" {
		t.Errorf("the request has %+v", c)
	}
	// … and a call of the tool where there is none.
	few := crowd(20)
	plain := script(say("Still fine.", doneEnd))
	must(t, chat.New(chat.Options{History: h, Tools: few}), userTurn(plain, "and?"))
	checkRequests(t, plain)
	req := plain.seen()[0]
	if c := callsOf(req.Messages)[1]; c.Name != "fs__tool_007" || string(c.Arguments) != `{"path":"/x"}` {
		t.Errorf("the request has %+v", c)
	}
	if len(functionNames(req)) != 22 || strings.Contains(req.System, "find_tools") {
		t.Errorf("the model is offered %q", functionNames(req))
	}
	// A call that was made without the search stays what it was within one.
	direct := script(say(call(0, "d", "fs__echo", `{"n":1}`), doneCalls), say("ok", doneEnd))
	must(t, chat.New(chat.Options{History: h, Tools: few}), userTurn(direct, "echo"))
	again := script(say("Fine.", doneEnd))
	must(t, loop, userTurn(again, "back"))
	checkRequests(t, again)
	if c := callsOf(again.seen()[0].Messages)[2]; c.Name != "fs__echo" || c.Tool != "echo" {
		t.Errorf("the request has %+v", c)
	}
}

func TestSearchHostile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call, args string
		want       string
	}{
		"unknown":             {"call_tool", `{"name":"fs__nothing","arguments":{}}`, "There is no tool"},
		"not offered":         {"call_tool", `{"name":"fs__ask","arguments":{}}`, "There is no tool"},
		"nested":              {"call_tool", `{"name":"call_tool","arguments":{"name":"fs__tool_001","arguments":{}}}`, "There is no tool"},
		"a search in a call":  {"call_tool", `{"name":"find_tools","arguments":{"query":"x"}}`, "There is no tool"},
		"no name":             {"call_tool", `{"arguments":{}}`, "needs the name"},
		"no object":           {"call_tool", `[1]`, "not a JSON object"},
		"broken":              {"call_tool", `{"name":"fs__tool_001","arguments":{"a"`, "not a JSON object"},
		"arguments no object": {"call_tool", `{"name":"fs__tool_001","arguments":[1]}`, "not a JSON object"},
		"a name twice":        {"call_tool", `{"name":"fs__tool_001","name":"fs__tool_002","arguments":{}}`, "twice"},
		"inner name twice":    {"call_tool", `{"name":"fs__tool_001","arguments":{"a":1,"a":2}}`, "twice"},
		"other case":          {"CALL_TOOL", `{"name":"fs__tool_001","arguments":{}}`, "There is no tool named"},
		"no query":            {"find_tools", `{}`, "needs a query"},
		"a query of numbers":  {"find_tools", `{"query":7}`, "needs a query"},
		"read nothing":        {"read_result", `{"handle":"c0"}`, "There is no tool named"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory()
			h.conv["c"] = store.Conversation{ID: "c", Switches: store.Switches{}.SetTool("fs", "ask", false)}
			w := crowd(200)
			m := script(say(call(0, "x", tt.call, tt.args), doneCalls), say("Fine.", doneEnd))
			turn := userTurn(m, "go")
			turn.Conversation.Switches = h.conv["c"].Switches
			must(t, chat.New(chat.Options{History: h, Tools: w}), turn)
			checkRequests(t, m)
			chain := h.chain(t)
			if err := validChain(chain); err != nil {
				t.Error(err)
			}
			got := results(chain)
			if r, ok := got[callsOf(chain)[0].ID]; !ok || !r.IsError || !strings.Contains(r.Content.Text(), tt.want) {
				t.Errorf("the result is %+v, want an error with %q", got, tt.want)
			}
			if len(w.log()) != 0 {
				t.Errorf("it ran %q", w.log())
			}
		})
	}
	// What is switched off is not found.
	h := newHistory()
	w := crowd(200)
	m := script(say(call(0, "x", "find_tools", `{"query":"tool 001 tool_001","limit":20}`), doneCalls), say("Fine.", doneEnd))
	turn := userTurn(m, "go")
	turn.Conversation.Switches = store.Switches{}.SetTool("fs", "tool_001", false)
	must(t, chat.New(chat.Options{History: h, Tools: w}), turn)
	if got := results(h.chain(t))["x"].Content.Text(); strings.Contains(got, "fs__tool_001") || !strings.Contains(got, "fs__tool_0") {
		t.Errorf("found %.300q", got)
	}
}

// The search begins where the tools take more than their share of the context.
func TestSearchShare(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tools   int
		context int64
		share   float64
		search  bool
	}{
		{50, 0, 0, false},
		{50, 100_000, 0, false},
		{50, 4000, 0, true},
		{50, 20_000, 0.01, true},
		{50, 20_000, 0.9, false},
		{200, 1_000_000, 0.9, true}, // over the cap
		{0, 500, 0.001, false},      // two tools are no more than a search
	} {
		h := newHistory()
		m := script(say("Fine.", doneEnd))
		must(t, chat.New(chat.Options{
			History: h, Tools: crowd(tt.tools), Limits: small(tt.context), SearchShare: func() float64 { return tt.share },
		}), userTurn(m, "go"))
		if got := m.seen()[0].Tools.Search(); got != tt.search {
			t.Errorf("%+v: the search is %v", tt, got)
		}
	}
}

func long(n int) tools.Result {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d of the log, größer\n", i)
	}
	return tools.Result{Content: store.Parts{
		store.Text{Text: b.String()}, store.Image{MIMEType: "image/png", Data: []byte("png")},
		store.File{Name: "a.mp3", MIMEType: "audio/mpeg", Data: []byte("mp3")}, store.File{Name: "b", URI: "file:///b"},
	}}
}

// A result that is too long is cut for the model alone, and the model can read
// all of it.
func TestReadResult(t *testing.T) {
	t.Parallel()
	h := newHistory()
	w := shop()
	w.run["log"] = func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result { return long(5000) }
	offset := 0
	var read strings.Builder
	m := script(
		say(call(0, "l", "fs__log", `{}`), doneCalls),
		func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool) {
			last := req.Messages[len(req.Messages)-1].Results()[0].Content.Text()
			if offset > 0 {
				body, note, _ := strings.Cut(last, "\n\n[Bytes ")
				read.WriteString(body)
				if strings.Contains(note, "This is the end") {
					say("Read.", doneEnd)(ctx, req, yield)
					return
				}
				_, next, _ := strings.Cut(note, "The next offset is ")
				if _, err := fmt.Sscanf(next, "%d.", &offset); err != nil {
					yield(nil, err)
					return
				}
			} else {
				offset = 1
			}
			at := offset
			if read.Len() == 0 {
				at = 0
			}
			say(call(0, fmt.Sprint("r", offset), "read_result", fmt.Sprintf(`{"handle":"l","offset":%d,"length":100000}`, at)), doneCalls)(ctx, req, yield)
		},
	)
	events := must(t, chat.New(chat.Options{History: h, Tools: w}), userTurn(m, "go"))
	checkRequests(t, m)
	whole := long(5000)
	kept := results(h.chain(t))["l"]
	if kept.Content.Text() != whole.Content.Text() || len(kept.Content) != 4 {
		t.Errorf("the history has %d bytes in %d parts", len(kept.Content.Text()), len(kept.Content))
	}
	if read.String() != whole.Content.Text() {
		t.Errorf("the model read %d bytes, want %d", read.Len(), len(whole.Content.Text()))
	}
	seen := m.seen()
	if slices.Contains(functionNames(seen[0]), "read_result") || !slices.Contains(functionNames(seen[1]), "read_result") {
		t.Errorf("the model is offered %q, then %q", functionNames(seen[0]), functionNames(seen[1]))
	}
	sent := seen[1].Messages[2].Results()[0]
	if n := len(sent.Content.Text()); n > 64<<10 || n < 60<<10 || !strings.Contains(sent.Content.Text(), `read_result with handle "l"`) {
		t.Errorf("the model got %d bytes", n)
	}
	if !slices.ContainsFunc(sent.Content, func(p store.Part) bool { _, ok := p.(store.Image); return ok }) {
		t.Error("the image is lost")
	}
	for _, e := range only[chat.Appended](events) {
		if rs := e.Message.Results(); len(rs) > 0 && rs[0].CallID == "l" && rs[0].Content.Text() != whole.Content.Text() {
			t.Error("the person sees a part of it")
		}
	}
	if got := w.log(); len(got) != 1 {
		t.Errorf("read_result went to a server: %q", got)
	}
}

// Handles are of this chain alone.
func TestReadResultHostile(t *testing.T) {
	t.Parallel()
	h := newHistory()
	h.conv["d"] = store.Conversation{ID: "d"}
	w := shop()
	w.run["log"] = func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result { return long(5000) }
	loop := chat.New(chat.Options{History: h, Tools: w})
	run := func(conversation, said string, pieces ...any) (*scripted, []chat.Event) {
		m := script(say(append(pieces, doneCalls)...), say("Fine.", doneEnd))
		turn := userTurn(m, said)
		turn.Conversation.ID = conversation
		return m, must(t, loop, turn)
	}
	// Another conversation, and a branch that is left.
	run("d", "elsewhere", call(0, "other", "fs__log", `{}`))
	run("c", "first", call(0, "kept", "fs__log", `{}`))
	branch := h.conv["c"].Head
	run("c", "second", call(0, "left", "fs__log", `{}`))
	c := h.conv["c"]
	c.Head = branch
	h.conv["c"] = c

	var pieces []any
	for i, args := range []string{
		`{"handle":"other"}`, `{"handle":"left"}`, `{"handle":"nothing"}`, `{"handle":""}`, `{}`, `[]`, `{"handle":7}`,
		`{"handle":"kept","offset":-1}`, `{"handle":"kept","offset":1e300}`, `{"handle":"kept","offset":"x"}`, `{"handle":"kept","handle":"left"}`,
	} {
		pieces = append(pieces, call(i, fmt.Sprint("bad", i), "read_result", args))
	}
	good := len(pieces)
	for i, args := range []string{`{"handle":"kept","length":10}`, `{"handle":"kept","length":1e300}`, `{"handle":"kept","length":-5}`, `{"handle":"kept","offset":3,"length":1}`} {
		pieces = append(pieces, call(good+i, fmt.Sprint("good", i), "read_result", args))
	}
	m, _ := run("c", "third", pieces...)
	checkRequests(t, m)
	for id, r := range results(h.chain(t)) {
		switch text := r.Content.Text(); {
		case strings.HasPrefix(id, "bad") && (!r.IsError || strings.Contains(text, "line 0")):
			t.Errorf("%s gave %.100q", id, text)
		case strings.HasPrefix(id, "good") && (r.IsError || len(text) > 64<<10):
			t.Errorf("%s gave %d bytes, error %v", id, len(text), r.IsError)
		}
	}
}
