package transcript

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// scrollBar shows which part of the thread is in view, and moves it.
type scrollBar struct {
	widget.BaseWidget
	v            *View
	above, total float32
	view         float32
	wide         bool
	grip         float32 // where in the thumb the pointer took it; below 0 if it did not
}

const (
	barWidth float32 = 12
	barLeast float32 = 32 // the thumb is never shorter
)

var (
	_ fyne.Draggable    = (*scrollBar)(nil)
	_ fyne.Tappable     = (*scrollBar)(nil)
	_ desktop.Hoverable = (*scrollBar)(nil)
)

func newScrollBar(v *View) *scrollBar {
	b := &scrollBar{v: v, grip: -1}
	b.ExtendBaseWidget(b)
	return b
}

func (b *scrollBar) set(above, total, view float32) {
	if b.above != above || b.total != total || b.view != view {
		b.above, b.total, b.view = above, total, view
		b.Refresh()
	}
}

// thumb returns where the thumb stands, and its length; 0 if all is in view.
func (b *scrollBar) thumb() (y, h float32) {
	if b.total <= b.view || b.view <= 0 {
		return 0, 0
	}
	h = max(b.view*b.view/b.total, barLeast)
	return min(max(b.above/(b.total-b.view), 0), 1) * (b.view - h), h
}

// Dragged moves the thread.
func (b *scrollBar) Dragged(e *fyne.DragEvent) {
	y, h := b.thumb()
	if h == 0 {
		return
	}
	if b.grip < 0 {
		b.grip = min(max(e.Position.Y-e.Dragged.DY-y, 0), h)
	}
	b.v.jump(min(max((e.Position.Y-b.grip)/(b.view-h), 0), 1))
}

// DragEnd ends what Dragged began.
func (b *scrollBar) DragEnd() { b.grip = -1 }

// Tapped goes a page towards the pointer.
func (b *scrollBar) Tapped(e *fyne.PointEvent) {
	switch y, h := b.thumb(); {
	case e.Position.Y < y:
		b.v.scrollBy(-(b.view - 40))
	case e.Position.Y > y+h:
		b.v.scrollBy(b.view - 40)
	}
}

// MouseIn makes the bar easier to take.
func (b *scrollBar) MouseIn(*desktop.MouseEvent) { b.wide = true; b.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (b *scrollBar) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (b *scrollBar) MouseOut() { b.wide = false; b.Refresh() }

// CreateRenderer links the bar to what is drawn.
func (b *scrollBar) CreateRenderer() fyne.WidgetRenderer {
	return &scrollBarRenderer{b: b, bar: canvas.NewRectangle(color.Transparent)}
}

// snap has the thumb stay where it is until it has moved by a whole unit: it would
// be painted anew with each word of an answer otherwise.
func snap(v float32) float32 { return float32(math.Round(float64(v))) }

type scrollBarRenderer struct {
	b   *scrollBar
	bar *canvas.Rectangle
}

func (r *scrollBarRenderer) Layout(fyne.Size) { r.place() }

func (r *scrollBarRenderer) place() {
	y, h := r.b.thumb()
	y, h = snap(y), snap(h)
	w := float32(4)
	if r.b.wide || r.b.grip >= 0 {
		w = 8
	}
	if h == 0 {
		r.bar.Hide()
		return
	}
	r.bar.Show()
	c := r.b.Theme().Color(theme.ColorNameScrollBar, fyne.CurrentApp().Settings().ThemeVariant())
	r.bar.Move(fyne.NewPos(barWidth-w-2, y+2))
	if r.bar.FillColor != c || r.bar.CornerRadius != w/2 {
		r.bar.FillColor, r.bar.CornerRadius = c, w/2
		canvas.Refresh(r.bar)
	}
	r.bar.Resize(fyne.NewSize(w, max(h-4, 8)))
}

func (r *scrollBarRenderer) MinSize() fyne.Size           { return fyne.NewSize(barWidth, barLeast) }
func (r *scrollBarRenderer) Refresh()                     { r.place() }
func (r *scrollBarRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.bar} }
func (r *scrollBarRenderer) Destroy()                     {}

// floating is a round button over the thread.
type floating struct {
	widget.BaseWidget
	button *look.IconButton
}

func newFloating(label string, tapped func()) *floating {
	f := &floating{button: look.NewIconButton(label, look.Icon(look.IconArrowDown), tapped)}
	f.ExtendBaseWidget(f)
	return f
}

// CreateRenderer links the button to what is drawn.
func (f *floating) CreateRenderer() fyne.WidgetRenderer {
	r := &floatingRenderer{f: f, back: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

type floatingRenderer struct {
	f    *floating
	back *canvas.Rectangle
}

func (r *floatingRenderer) paint() {
	th, v := r.f.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.FillColor = th.Color(theme.ColorNameOverlayBackground, v)
	r.back.StrokeColor = th.Color(theme.ColorNameInputBorder, v)
	r.back.StrokeWidth, r.back.CornerRadius = 1, 17
}

func (r *floatingRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.f.button.Resize(size)
}
func (r *floatingRenderer) MinSize() fyne.Size { return fyne.NewSquareSize(34) }
func (r *floatingRenderer) Refresh() {
	r.paint()
	r.back.Refresh()
	r.f.button.Refresh()
}
func (r *floatingRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.f.button}
}
func (r *floatingRenderer) Destroy() {}

// tip shows a line at the lower edge: the target of a link.
type tip struct {
	widget.BaseWidget
	text string
}

func newTip() *tip {
	t := &tip{}
	t.ExtendBaseWidget(t)
	t.Hide()
	return t
}

func (t *tip) set(text string) {
	if t.text == text {
		return
	}
	t.text = text
	if text == "" {
		t.Hide()
	} else {
		t.Show()
	}
	t.Refresh()
}

// DumpText returns the line.
func (t *tip) DumpText() string { return t.text }

// CreateRenderer links the line to what is drawn.
func (t *tip) CreateRenderer() fyne.WidgetRenderer {
	r := &tipRenderer{t: t, back: canvas.NewRectangle(color.Transparent), line: canvas.NewText("", color.Transparent)}
	r.paint()
	return r
}

type tipRenderer struct {
	t    *tip
	back *canvas.Rectangle
	line *canvas.Text
}

func (r *tipRenderer) paint() {
	th, v := r.t.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.FillColor = th.Color(theme.ColorNameHeaderBackground, v)
	r.back.StrokeColor = th.Color(theme.ColorNameSeparator, v)
	r.back.StrokeWidth = 1
	r.line.Color = th.Color(theme.ColorNamePlaceHolder, v)
	r.line.TextSize = th.Size(theme.SizeNameCaptionText)
	r.line.Text = r.t.text
	if len(r.line.Text) > 160 {
		r.line.Text = r.line.Text[:cut(r.line.Text, 160)] + "…"
	}
}

func (r *tipRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.line.Move(fyne.NewPos(8, 3))
	r.line.Resize(r.line.MinSize())
}

func (r *tipRenderer) MinSize() fyne.Size { return r.line.MinSize().Add(fyne.NewSize(16, 6)) }
func (r *tipRenderer) Refresh() {
	r.paint()
	r.Layout(r.t.Size())
	r.back.Refresh()
	r.line.Refresh()
}
func (r *tipRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.back, r.line} }
func (r *tipRenderer) Destroy()                     {}
