package chat

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
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
	for _, open := range []func(){b.p.chooseTools, b.p.pickModel, b.p.openAbout} {
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
