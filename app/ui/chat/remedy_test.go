package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestErrorsOfferWhatHelps has each kind of error offer in buttons what its words
// say.
func TestErrorsOfferWhatHelps(t *testing.T) {
	e := furnished()
	b := newBench(t, e)
	b.p.setModel(store.ModelRef{Provider: "openai", Model: "gpt-5.2"})
	b.settle()
	for _, c := range []struct {
		err     error
		offered []string // the button to press first
	}{
		{&model.Error{Kind: model.ErrorAuth, Message: "The key is wrong"}, []string{"Open its settings", "Choose another model", "Retry"}},
		{&model.Error{Kind: model.ErrorNotFound, Message: "There is no such model"}, []string{"Choose another model", "Open its settings", "Retry"}},
		{&model.Error{Kind: model.ErrorContext, Message: "It is too long"}, []string{"New chat", "Choose another model", "Retry"}},
		{&model.Error{Kind: model.ErrorTransport, Message: "No connection"}, []string{"Retry", "Open its settings"}},
		{&model.Error{Kind: model.ErrorRate, Message: "Too many"}, []string{"Retry", "Choose another model"}},
		{fmt.Errorf("read the key: %w", store.ErrNoKeychain), []string{"Open the settings", "Retry"}},
		{errors.New("something else"), []string{"Retry"}},
	} {
		e.mu.Lock()
		e.turns = []turn{func(_ context.Context, say func(chat.Event) bool, _ chat.Approver) error {
			say(chat.Appended{Message: store.Message{ID: store.NewID(), Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: "hello"}}}})
			return c.err
		}}
		e.mu.Unlock()
		b.say("hello")
		b.settle()
		n := b.p.view.shown.entries
		got, ok := b.p.view.item(n[len(n)-1]).(transcript.Notice)
		if !ok || got.Text != form.Sentence(c.err) {
			t.Fatalf("%v: the last thing is %+v", c.err, got)
		}
		var labels []string
		for i, a := range got.Actions {
			labels = append(labels, a.Label)
			if a.Primary != (i == 0) {
				t.Errorf("%v: %q stands out: %v", c.err, a.Label, a.Primary)
			}
		}
		if !slices.Equal(labels, c.offered) {
			t.Errorf("%v offers %q", c.err, labels)
		}
	}
	press := func(label string) {
		for i := range remedy(4) {
			if a := b.p.action(i); a.Label == label {
				a.Do()
				return
			}
		}
		t.Fatalf("there is no %q", label)
	}
	press("Open its settings")
	press("Open the settings")
	if got := strings.Join(b.opened, ", "); got != "provider openai, settings" {
		t.Errorf("opened %q", got)
	}
	press("Choose another model")
	b.settle()
	uitest.Shows(t, b.w, "Set up a provider…")
	b.keys("Escape")
	press("New chat")
	if b.p.current != "" {
		t.Error("no new chat")
	}
}

// TestFailureAboveTheComposer can be closed, and a conversation that could not be
// read can be read again.
func TestFailureAboveTheComposer(t *testing.T) {
	b := newBench(t, furnished())
	openOld(b)
	b.p.NewChat()
	b.settle()
	b.e.mu.Lock()
	b.e.fail = errors.New("the disk is slow")
	b.e.mu.Unlock()
	b.p.open("old")
	b.until("the failure", func() bool { return b.p.fail.text.Text == "The disk is slow." })
	b.settle()
	if !strings.Contains(uitest.Texts(b.w), "Try again") || strings.Contains(b.p.view.script.DumpText(), "boats") {
		t.Fatalf("no way to read it again:\n%s", uitest.Texts(b.w))
	}
	uitest.Tap(t, b.w, "Try again")
	b.sees("They are about boats")
	uitest.ShowsNot(t, b.w, "The disk is slow.")
	b.p.sayFailure(store.ErrNoKeychain)
	uitest.Shows(t, b.w, "Open the settings")
	test.Tap(uitest.Find(t, b.w, func(i *theme.IconButton) bool { return i.Label == "Close what is said" }))
	uitest.ShowsNot(t, b.w, "Open the settings")
}
