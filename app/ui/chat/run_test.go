package chat

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestPump proves that a flood of deltas is folded: one function is outstanding
// at a time, however much comes.
func TestPump(t *testing.T) {
	const words = 20000
	begun := make(chan struct{})
	b := newBench(t, newEngine(func(_ context.Context, say func(chat.Event) bool, _ chat.Approver) error {
		m := store.Message{ID: "flood", Role: store.RoleAssistant}
		say(chat.Started{Message: m})
		for i := range words {
			say(chat.Delta{MessageID: m.ID, Delta: model.TextDelta{Text: fmt.Sprintf("w%d ", i)}})
		}
		close(begun)
		return nil
	}))
	b.say("go")
	b.until("the end of the flood", func() bool {
		select {
		case <-begun:
			return true
		default:
			return false
		}
	})
	b.settle()
	b.sees(fmt.Sprintf("w%d", words-1))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 8 {
		t.Errorf("%d functions were in the queue of the window at once", b.most)
	}
}

// TestPumpFolds looks at the folding itself.
func TestPumpFolds(t *testing.T) {
	r := newRun("c", newThread(nil), func() {})
	text := func(m, s string) chat.Event {
		return chat.Delta{MessageID: m, Delta: model.TextDelta{Text: s}}
	}
	orders := 0
	for _, e := range []chat.Event{
		text("a", "one "), text("a", "two"), chat.Delta{MessageID: "a", Delta: model.ReasoningDelta{Text: "hm"}},
		text("a", "three"), text("b", "four"), text("b", " five"),
	} {
		if r.push(e) {
			orders++
		}
	}
	if orders != 1 {
		t.Errorf("%d functions were ordered", orders)
	}
	var got []string
	for _, e := range r.take() {
		switch d := e.(chat.Delta).Delta.(type) {
		case model.TextDelta:
			got = append(got, d.Text)
		case model.ReasoningDelta:
			got = append(got, "("+d.Text+")")
		}
	}
	if s := strings.Join(got, "|"); s != "one two|(hm)|three|four five" {
		t.Errorf("folded to %q", s)
	}
	if !r.push(text("a", "x")) {
		t.Error("after a take nothing is ordered")
	}
}

// TestEarlyAnswer proves that a run waits from the event on, and that an answer
// counts that comes between the event and the question.
func TestEarlyAnswer(t *testing.T) {
	r := newRun("c", newThread(nil), func() {})
	a := chat.Approval{Call: store.ToolCall{ID: "k"}}
	r.push(chat.CallAsked{Approval: a})
	if !r.waiting() {
		t.Error("the question was announced, and nothing waits")
	}
	r.answer("k", tools.AnswerDeny)
	got, err := r.Approve(t.Context(), a)
	if got != tools.AnswerDeny || err != nil {
		t.Errorf("answered %q, %v", got, err)
	}
	if r.waiting() {
		t.Error("it waits after the answer")
	}
	r.push(chat.CallAsked{Approval: a})
	r.push(chat.CallDone{Result: store.ToolResult{CallID: "k"}})
	if r.waiting() {
		t.Error("it waits for a call that is over")
	}
}

// TestLateAnnouncement proves that an answer gets to what waits for it also where
// the event that asks for it is handled only then.
func TestLateAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := newRun("c", newThread(nil), func() {})
		a := chat.Approval{Call: store.ToolCall{ID: "k"}}
		asked := make(chan string, 1)
		go func() {
			got, err := r.Approve(ctx, a)
			asked <- fmt.Sprint(got, err)
		}()
		synctest.Wait()
		r.push(chat.CallAsked{Approval: a})
		r.answer("k", tools.AnswerOnce)
		if got, want := <-asked, fmt.Sprint(tools.AnswerOnce, nil); got != want {
			t.Errorf("the call: %s, want %s", got, want)
		}
		paused := make(chan string, 1)
		go func() {
			on, err := r.Continue(ctx, chat.Pause{})
			paused <- fmt.Sprint(on, err)
		}()
		synctest.Wait()
		r.push(chat.StepLimit{})
		r.goOn(true)
		if got, want := <-paused, fmt.Sprint(true, nil); got != want {
			t.Errorf("the limit: %s, want %s", got, want)
		}
	})
}
