package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// long is a conversation of that many questions and answers.
func long(n int) (out []store.Message) {
	for i := range n {
		out = append(out,
			store.Message{ID: fmt.Sprint("u", i), ConversationID: "long", Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: fmt.Sprintf("Question %d.", i)}}},
			store.Message{ID: fmt.Sprint("a", i), ConversationID: "long", Role: store.RoleAssistant, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: fmt.Sprintf("Answer %d.", i)}}})
	}
	return out
}

// TestOpensALongOneAtItsEnd reads the end, the rest when somebody goes there, and
// finds what was not read.
func TestOpensALongOneAtItsEnd(t *testing.T) {
	e := newEngine(answer("One more."))
	e.conv = append(e.conv, store.Conversation{ID: "long", Title: "Long", Model: e.DefaultModel(), UpdatedAt: time.Unix(1, 0)})
	e.said["long"] = long(1500)
	b := newBench(t, e)
	b.p.open("long")
	b.settle()
	b.shows("Answer 1499.", "-Question 0.")
	if n := len(b.p.view.shown.entries); n > 2*openAtFirst {
		t.Fatalf("%d entries were read", n)
	}
	// A turn goes on at the end while the rest is missing.
	b.say("And now?")
	b.settle()
	b.shows("One more.")

	b.p.Find()
	if !b.p.view.find.Visible() {
		t.Error("nothing opens the search")
	}
	b.p.view.script.Find("question 7.", nil)
	b.settle()
	if n := len(b.p.view.shown.order); n != 3002 {
		t.Errorf("%d messages are there", n)
	}
	b.until("the search to end", func() bool { _, _, whole := b.p.view.script.Found(); return whole })
	b.p.view.script.FindNext(false)
	if at, of, _ := b.p.view.script.Found(); at != 1 || of != 1 {
		t.Errorf("found %d of %d", at, of)
	}
	b.shows("Question 7.")
	for i, id := range b.p.view.shown.order[:3000] {
		if want := fmt.Sprint([]string{"u", "a"}[i%2], i/2); id != want {
			t.Fatalf("message %d is %s, want %s", i, id, want)
		}
	}
	b.p.showMessage("u300")
	if text := b.p.view.script.DumpText(); !strings.HasPrefix(strings.TrimSpace(text), "Question 300.") {
		t.Errorf("shows %q", text)
	}
}
