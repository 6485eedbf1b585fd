package chat

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// eliciting is a turn in which a server asks the person before the answer comes.
func eliciting(got chan<- bridge.ElicitAnswer) turn {
	return func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error {
		say(chat.Appended{Message: store.Message{ID: store.NewID(), Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: "hello"}}}})
		who, ok := by.(bridge.Elicitor)
		if !ok {
			return fmt.Errorf("a %T asks nobody", by)
		}
		a, err := who.Elicit(ctx, bridge.Elicitation{Server: "weather", ServerName: "Weather", Message: "Where do you want to know it?",
			Fields: []mcphost.Field{
				{Name: "city", Title: "City", Kind: mcphost.FieldText, Required: true},
				{Name: "days", Title: "Days", Kind: mcphost.FieldInteger},
			}})
		got <- a
		if err != nil {
			return err
		}
		return answer("It is sunny.")(ctx, say, by)
	}
}

// TestAServerAsksInTheThread has a server's form stand in the thread, hold what was
// typed while another conversation is shown, say what is wrong, and go when it was
// answered.
func TestAServerAsksInTheThread(t *testing.T) {
	got := make(chan bridge.ElicitAnswer, 1)
	b := newBench(t, newEngine(eliciting(got)))
	var waits, over []string
	b.p.o.Waiting = func(what string, _ func()) func() {
		waits = append(waits, what)
		return func() { over = append(over, what) }
	}
	b.say("hello")
	b.until("the question", func() bool { return strings.Contains(uitest.Texts(b.w), "Where do you want to know it?") })
	if b.w.Canvas().Overlays().Top() != nil {
		t.Error("the question lies over the window")
	}
	conv := b.p.current
	if b.p.stateOf(conv) != stateAsking || len(waits) != 1 || !strings.Contains(waits[0], "Weather") {
		t.Errorf("state %v, told %q", b.p.stateOf(conv), waits)
	}
	card := b.p.view.shown.entries[len(b.p.view.shown.entries)-1].question.card
	before := card.Size().Height
	uitest.Fill(t, b.w, "City (required)", "")
	uitest.Fill(t, b.w, "Days", "many")
	uitest.Tap(t, b.w, "Send")
	uitest.Shows(t, b.w, "this is required", "this is no number")
	if card.Size().Height < before+20 || card.Size().Height < card.MinSize().Height {
		t.Errorf("the card was %g high, and is %g with what is wrong, of %g", before, card.Size().Height, card.MinSize().Height)
	}
	uitest.Fill(t, b.w, "City (required)", "Lima")
	b.p.NewChat()
	b.drain()
	uitest.ShowsNot(t, b.w, "Where do you want")
	b.p.open(conv)
	b.drain()
	uitest.Fill(t, b.w, "Days", "3")
	b.w.Canvas().Capture()
	b.w.Canvas().Focus(uitest.Entry(t, b.w, "City (required)", 0))
	b.keys(fyne.KeyEnter)
	uitest.Tap(t, b.w, "Send")
	if a := <-got; a.Action != mcphost.Accepted || !reflect.DeepEqual(a.Content, map[string]any{"city": "Lima", "days": 3.}) {
		t.Errorf("answered %+v", a)
	}
	b.sees("It is sunny.")
	b.settle()
	uitest.ShowsNot(t, b.w, "Where do you want to know it?")
	if len(over) != 1 || b.p.stateOf(conv) != stateIdle {
		t.Errorf("state %v, over %q", b.p.stateOf(conv), over)
	}
}

// TestStopTakesAQuestionAway leaves nothing of a question of a turn that ends.
func TestStopTakesAQuestionAway(t *testing.T) {
	got := make(chan bridge.ElicitAnswer, 1)
	b := newBench(t, newEngine(eliciting(got)))
	b.say("hello")
	b.until("the question", func() bool { return strings.Contains(uitest.Texts(b.w), "Where do you want to know it?") })
	b.press(fyne.KeyEscape)
	if a := <-got; a.Action != mcphost.Dismissed {
		t.Errorf("answered %+v", a)
	}
	b.settle()
	uitest.ShowsNot(t, b.w, "Where do you want to know it?")
}
