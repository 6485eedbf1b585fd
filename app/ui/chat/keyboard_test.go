package chat

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// TestKeyboard reaches everything on the page and its sheets without a pointer.
func TestKeyboard(t *testing.T) {
	got := make(chan bridge.ElicitAnswer, 1)
	b := newBench(t, furnished(eliciting(got)))
	rows := func(o fyne.CanvasObject) bool {
		_, is := o.(*row) // the list goes through its rows
		return is
	}
	openOld(b)
	uitest.Keyboard(t, b.w, rows)
	sheets := []func(){b.p.chooseTools, b.p.pickModel, b.p.openAbout}
	for _, open := range uitest.Few(sheets, 1) {
		open()
		b.settle()
		uitest.Keyboard(t, b.w, func(o fyne.CanvasObject) bool {
			_, is := o.(pickRow)
			return is
		})
		b.w.Canvas().Overlays().Remove(b.w.Canvas().Overlays().Top())
	}
	b.p.NewChat()
	b.say("hello")
	b.until("the question", func() bool { return b.p.stateOf(b.p.current) == stateAsking })
	uitest.Keyboard(t, b.w, rows)
	b.press(fyne.KeyEscape)
	<-got
	b.settle()
}

// TestShiftTabLeadsToAQuestion holds what the empty composer says while a call
// waits for the person.
func TestShiftTabLeadsToAQuestion(t *testing.T) {
	answered := make(chan tools.Answer, 1)
	b := newBench(t, furnished(call(answered)))
	b.say("What time is it in Berlin?")
	b.sees("May the model run")
	b.w.Canvas().Capture()
	b.w.Canvas().Focus(b.p.composer.input)
	b.w.Canvas().FocusPrevious()
	if b.w.Canvas().Focused() != fyne.Focusable(b.p.view.script) {
		t.Fatalf("Shift+Tab leads to a %T", b.w.Canvas().Focused())
	}
	b.w.Canvas().Focused().TypedRune('4')
	if got := <-answered; got != tools.AnswerDeny {
		t.Errorf("4 answers %q", got)
	}
	b.settle()
}
