package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/plain"
)

// Visible is plain.Visible.
func Visible(s string, keepLines bool) string { return plain.Visible(s, keepLines) }

// Spaced is plain.Spaced.
func Spaced(s string) string { return plain.Spaced(s) }

// exactChunk is how much text one label lays out; the cost of a label grows
// faster than its text.
const exactChunk = 1000

// Exact shows a text whole, in letters of one width, broken where the line
// ends and never shortened.
func Exact(text string) fyne.CanvasObject {
	shown := []rune(Visible(text, true))
	box := container.New(layout.NewCustomPaddedVBoxLayout(-2 * theme.InnerPadding()))
	for first := true; first || len(shown) > 0; first = false {
		n := min(len(shown), exactChunk)
		l := widget.NewLabel(string(shown[:n]))
		l.TextStyle.Monospace = true
		l.Wrapping = fyne.TextWrapBreak
		l.Selectable = len(shown) <= exactChunk && first
		box.Add(l)
		shown = shown[n:]
	}
	return box
}
