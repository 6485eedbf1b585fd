package form

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// Ringed draws a ring inside the edge of a widget of Fyne's that shows too little
// of having the focus: a button filled with the accent shows nothing. focused
// reports whether w has it; the widget is refreshed when that changes.
func Ringed(w fyne.Widget, inner fyne.WidgetRenderer, focused func() bool) fyne.WidgetRenderer {
	r := &ringed{WidgetRenderer: inner, w: w, focused: focused, ring: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

type ringed struct {
	fyne.WidgetRenderer
	w       fyne.Widget
	focused func() bool
	ring    *canvas.Rectangle
}

func (r *ringed) paint() {
	th, v := fyne.CurrentApp().Settings().Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.ring.Hidden = !r.focused()
	r.ring.StrokeWidth, r.ring.CornerRadius = 2, th.Size(theme.SizeNameButtonRadius)
	r.ring.StrokeColor = th.Color(theme.ColorNameForeground, v)
}

// Layout places the ring with the rest.
func (r *ringed) Layout(size fyne.Size) {
	r.WidgetRenderer.Layout(size)
	r.ring.Resize(size)
}

// Refresh paints the ring with the rest.
func (r *ringed) Refresh() {
	r.WidgetRenderer.Refresh()
	r.paint()
	r.ring.Resize(r.w.Size())
	r.ring.Refresh()
}

// Objects are those of the widget below the ring.
func (r *ringed) Objects() []fyne.CanvasObject {
	inner := r.WidgetRenderer.Objects()
	return append(inner[:len(inner):len(inner)], r.ring)
}
