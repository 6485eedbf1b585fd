package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// adapter is what the conformance suite runs against: a format, and how to make
// its model give the answer of a case.
type adapter struct {
	kind store.ProviderKind
	// wire says that there is a service, whose recorded answers stand under
	// testdata; the others are asked in words.
	wire bool
}

var adapters = []adapter{
	{store.ProviderResponses, true},
	{store.ProviderChat, true},
	{store.ProviderGemini, true},
	{store.ProviderAnthropic, true},
	{store.ProviderRehearsal, false},
}

// run makes one call that is to be answered as the case says.
func (a adapter) run(t *testing.T, name, words string) ([]model.Delta, error) {
	t.Helper()
	if !a.wire {
		return drain(t.Context(), newClient(t, a.kind, ""), ask(words))
	}
	tr := readTranscript(t, filepath.Join("testdata", string(a.kind), name+".txtar"))
	return drain(t.Context(), serve(t, tr.handler).client(t, a.kind), ask(words))
}

func assemble(deltas []model.Delta) (store.Parts, model.StopReason) {
	var a model.Assembler
	for _, d := range deltas {
		a.Add(d)
	}
	done, _ := a.Done()
	return a.Parts(testModel), done.Reason
}

func calls(parts store.Parts) string {
	var out []string
	for _, c := range (store.Message{Parts: parts}).Calls() {
		out = append(out, fmt.Sprintf("%s %s", c.Name, c.Arguments))
	}
	return strings.Join(out, "; ")
}

// TestConformance runs the same cases against every adapter.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, a := range adapters {
		t.Run(string(a.kind), func(t *testing.T) {
			t.Parallel()
			a.answers(t)
			t.Run("break closes", a.breakCloses)
			t.Run("stop", a.stop)
			if a.wire {
				a.wireAnswers(t)
				t.Run("reasoning carried back", a.reasoningBack)
				t.Run("images both ways", a.images)
			}
		})
	}
}

// answers are the cases that every adapter passes.
func (a adapter) answers(t *testing.T) {
	t.Run("text", func(t *testing.T) {
		deltas, err := a.run(t, "text", "Hello")
		parts, reason := assemble(deltas)
		if err != nil || reason != model.StopEnd || len(parts) != 1 || parts.Text() == "" {
			t.Errorf("%v, %s, %+v", err, reason, parts)
		}
	})
	t.Run("streaming", func(t *testing.T) {
		deltas, err := a.run(t, "text", "Hello")
		n := 0
		for _, d := range deltas {
			if _, ok := d.(model.TextDelta); ok {
				n++
			}
		}
		if _, last := deltas[len(deltas)-1].(model.Done); err != nil || n < 2 || !last {
			t.Errorf("%v, %d pieces, %T at the end", err, n, deltas[len(deltas)-1])
		}
	})
	t.Run("one call", func(t *testing.T) {
		deltas, err := a.run(t, "call", `files__read path=a.txt`)
		parts, reason := assemble(deltas)
		if err != nil || reason != model.StopCalls || calls(parts) != `files__read {"path":"a.txt"}` {
			t.Errorf("%v, %s, %s", err, reason, calls(parts))
		}
	})
	t.Run("parallel calls", func(t *testing.T) {
		deltas, err := a.run(t, "parallel", "files__read path=a.txt\nfiles__read path=b.txt")
		parts, reason := assemble(deltas)
		if err != nil || reason != model.StopCalls || calls(parts) != `files__read {"path":"a.txt"}; files__read {"path":"b.txt"}` {
			t.Errorf("%v, %s, %s", err, reason, calls(parts))
		}
		ids := map[string]bool{}
		for _, c := range (store.Message{Parts: parts}).Calls() {
			if c.ID == "" || ids[c.ID] {
				t.Errorf("the id %q is empty or not unique", c.ID)
			}
			ids[c.ID] = true
		}
	})
	t.Run("no arguments", func(t *testing.T) {
		deltas, err := a.run(t, "no-arguments", "clock__now\nclock__now")
		parts, reason := assemble(deltas)
		if err != nil || reason != model.StopCalls || !strings.HasPrefix(calls(parts), `clock__now {}`) {
			t.Errorf("%v, %s, %s", err, reason, calls(parts))
		}
	})
	t.Run("invalid arguments", func(t *testing.T) {
		deltas, err := a.run(t, "invalid-arguments", `files__read {"path": a.txt`)
		parts, reason := assemble(deltas)
		if !a.wire { // the rehearsal reads what a person wrote, and calls nothing that is not whole
			if err != nil || reason != model.StopEnd || calls(parts) != "" || !strings.Contains(parts.Text(), "JSON") {
				t.Errorf("%v, %s, %+v", err, reason, parts)
			}
			return
		}
		if err != nil || reason != model.StopCalls || calls(parts) != `files__read "{\"path\": a.txt"` {
			t.Errorf("%v, %s, %s", err, reason, calls(parts))
		}
	})
}

// wireAnswers are the cases that a service can bring about.
func (a adapter) wireAnswers(t *testing.T) {
	t.Run("usage", func(t *testing.T) {
		deltas, err := a.run(t, "text", "Hello")
		var asm model.Assembler
		for _, d := range deltas {
			asm.Add(d)
		}
		if want := (store.Usage{Input: 9, Cached: 3, Output: 4, Reasoning: 1}); err != nil || asm.Usage() != want {
			t.Errorf("%v, %+v", err, asm.Usage())
		}
	})
	for name, reason := range map[string]model.StopReason{
		"refusal": model.StopRefusal, "length": model.StopLength, "filter": model.StopFilter,
	} {
		t.Run(name, func(t *testing.T) {
			deltas, err := a.run(t, name, "Hello")
			if _, got := assemble(deltas); err != nil || got != reason {
				t.Errorf("%v, %s", err, got)
			}
		})
	}
	for _, name := range []string{"cut-end", "cut-done", "cut-reset", "cut-half-event", "cut-empty", "malformed", "html", "json", "error-event"} {
		t.Run("cut: "+name, func(t *testing.T) {
			deltas, err := a.run(t, name, "Hello")
			var e *model.Error
			if !errors.Is(err, model.ErrCut) || !errors.As(err, &e) {
				t.Errorf("got %v", err)
			}
			if _, reason := assemble(deltas); reason != "" {
				t.Errorf("it is taken for whole: %s", reason)
			}
		})
	}
	for name, kind := range map[string]model.ErrorKind{
		"error-400": model.ErrorRequest, "error-401": model.ErrorAuth, "error-403": model.ErrorAuth, "error-404": model.ErrorNotFound,
		"error-429": model.ErrorRate, "error-quota": model.ErrorAuth, "error-500": model.ErrorServer, "error-context": model.ErrorContext,
	} {
		t.Run(name, func(t *testing.T) {
			deltas, err := a.run(t, name, "Hello")
			var e *model.Error
			if !errors.As(err, &e) || e.Kind != kind || e.Status == 0 || len(deltas) != 0 {
				t.Errorf("got %v with %d deltas", err, len(deltas))
			}
		})
	}
}

// breakCloses leaves the loop after the first delta; the service sees the
// connection end at once.
func (a adapter) breakCloses(t *testing.T) {
	if !a.wire {
		n := 0
		for range newClient(t, a.kind, "").Stream(t.Context(), ask("Hello")) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%d deltas", n)
		}
		return
	}
	gone := make(chan struct{})
	s := serve(t, a.endless(t, gone))
	for _, err := range s.client(t, a.kind).Stream(t.Context(), ask("Hello")) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	waitFor(t, gone)
}

// stop ends the context in the middle of an answer: the call ends promptly,
// with the context's error, and closes the connection.
func (a adapter) stop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := make(chan struct{})
	var c model.Client
	if a.wire {
		c = serve(t, a.endless(t, gone)).client(t, a.kind)
	} else {
		close(gone)
		c = newClient(t, a.kind, "", func(_ *store.ProviderConfig, o *Options) { o.RehearsalDelay = time.Hour / 1000 })
		time.AfterFunc(20*time.Millisecond, cancel)
	}
	var last error
	start := time.Now()
	for _, err := range c.Stream(ctx, ask("Hello")) {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("got %v", last)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	waitFor(t, gone)
}

func waitFor(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the connection stayed open")
	}
}

// endless sends the beginning of an answer and then nothing, until the other
// side has gone.
func (a adapter) endless(t *testing.T, gone chan struct{}) http.HandlerFunc {
	t.Helper()
	text := readTranscript(t, filepath.Join("testdata", string(a.kind), "text.txtar")).body
	begin := text[:strings.Index(text, "Hello")+len("Hello")]
	begin += text[len(begin):][:strings.Index(text[len(begin):], "\n\n")+2]
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if _, err := io.WriteString(w, begin); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	}
}

// reasoningBack makes a call with reasoning, answers it, and looks at the next
// request: to the same model of the same entry the reasoning goes back as it
// came, and to no other.
func (a adapter) reasoningBack(t *testing.T) {
	tr := readTranscript(t, filepath.Join("testdata", string(a.kind), "reasoning.txtar"))
	s := serve(t, tr.handler)
	c := s.client(t, a.kind)
	deltas, err := drain(t.Context(), c, ask("Hello"))
	if err != nil {
		t.Fatal(err)
	}
	parts, _ := assemble(deltas)
	thought := ""
	for _, p := range parts {
		if r, ok := p.(store.Reasoning); ok {
			thought += r.Text
		}
	}
	if !strings.HasPrefix(thought, "Thinking.") {
		t.Errorf("the reasoning is %q", thought)
	}
	next := ask("Hello")
	next.Messages = append(next.Messages,
		store.Message{Role: store.RoleAssistant, Parts: parts, Model: testModel},
		store.Message{Role: store.RoleTool, Parts: store.Parts{store.ToolResult{CallID: "call_1", Content: store.Parts{store.Text{Text: "ok"}}}}})
	marks := map[store.ProviderKind]string{
		store.ProviderChat:      `"reasoning_content":"Thinking."`,
		store.ProviderGemini:    `{"functionCall":{"id":"call_1","name":"files__read"},"thoughtSignature":"b3BhcXVl"}`,
		store.ProviderResponses: `{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Thinking."}],"encrypted_content":"b3BhcXVl"}`,
		store.ProviderAnthropic: `{"signature":"c2lnbmVk","thinking":"Thinking.","type":"thinking"},{"type":"redacted_thinking","data":"aGlkZGVu"},{"text":"Reading.","type":"text"},{"id":"call_1","input":{},"name":"clock__now","type":"tool_use"}`,
	}
	for _, other := range []store.ModelRef{testModel, {Provider: "test", Model: "another"}, {Provider: "another", Model: "m"}} {
		next.Model = other
		if _, err := drain(t.Context(), c, next); err != nil {
			t.Fatal(err)
		}
		all := s.all()
		body := all[len(all)-1].body
		if got := strings.Contains(body, marks[a.kind]); got != (other == testModel) {
			t.Errorf("to %+v the reasoning goes back: %v\n%s", other, got, body)
		}
		if strings.Contains(body, "NOT-THIS") {
			t.Errorf("the item of output_item.added went back: %s", body)
		}
	}
}

// images sends an image of the person and one of a tool.
func (a adapter) images(t *testing.T) {
	tr := readTranscript(t, filepath.Join("testdata", string(a.kind), "text.txtar"))
	s := serve(t, tr.handler)
	req := ask("Look")
	req.Messages = []store.Message{
		userSays(store.Text{Text: "Look"}, store.Image{MIMEType: "image/png", Data: []byte("PNG")}),
		{Role: store.RoleAssistant, Parts: store.Parts{store.ToolCall{ID: "call_1", Name: "files__read", Arguments: json.RawMessage(`{}`)}}},
		{Role: store.RoleTool, Parts: store.Parts{store.ToolResult{CallID: "call_1", Content: store.Parts{store.Image{MIMEType: "image/jpeg", Data: []byte("JPG")}}}}},
	}
	if _, err := drain(t.Context(), s.client(t, a.kind), req); err != nil {
		t.Fatal(err)
	}
	body := s.all()[0].body
	want := [2]string{"data:image/png;base64,UE5H", "data:image/jpeg;base64,SlBH"}
	switch a.kind {
	case store.ProviderAnthropic:
		want = [2]string{`{"source":{"data":"UE5H","media_type":"image/png","type":"base64"}`, `"content":[{"source":{"data":"SlBH","media_type":"image/jpeg","type":"base64"},"type":"image"}]`}
	case store.ProviderGemini:
		want = [2]string{`{"inlineData":{"data":"UE5H","mimeType":"image/png"}}`, `{"inlineData":{"data":"SlBH","mimeType":"image/jpeg"}}`}
	}
	for i, who := range []string{"person", "tool"} {
		if !strings.Contains(body, want[i]) {
			t.Errorf("the image of the %s is missing: %s", who, body)
		}
	}
}

// TestStreamsAgain checks that an answer's iterator can be ranged over twice:
// it makes a new call each time.
func TestStreamsAgain(t *testing.T) {
	t.Parallel()
	tr := readTranscript(t, filepath.Join("testdata", "chat", "text.txtar"))
	s := serve(t, tr.handler)
	stream := s.client(t, store.ProviderChat).Stream(t.Context(), ask("Hello"))
	var got [2][]model.Delta
	for i := range got {
		for d, err := range stream {
			if err != nil {
				t.Fatal(err)
			}
			got[i] = append(got[i], d)
		}
	}
	if len(s.all()) != 2 || !reflect.DeepEqual(got[0], got[1]) {
		t.Errorf("%d requests, %v", len(s.all()), got)
	}
}
