package transcript

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// sideBar shows which part of the lines of a piece of code is in view, and moves
// along them.
type sideBar struct {
	widget.BaseWidget
	v       *View
	side    *sideways
	hovered bool
	grip    float32 // where in the thumb the pointer took it; below 0 if it did not
}

const sideBarHeight float32 = 10

var (
	_ fyne.Draggable    = (*sideBar)(nil)
	_ fyne.Tappable     = (*sideBar)(nil)
	_ desktop.Hoverable = (*sideBar)(nil)
)

func newSideBar(v *View, s *sideways) *sideBar {
	b := &sideBar{v: v, side: s, grip: -1}
	b.ExtendBaseWidget(b)
	return b
}

// thumb returns where the thumb stands, and its length.
func (b *sideBar) thumb() (x, w float32) {
	s, width := b.side, b.Size().Width
	if s.most() <= 0 || width <= 0 {
		return 0, 0
	}
	w = min(max(width*s.room/s.widest, barLeast), width)
	return s.x / s.most() * (width - w), w
}

func (b *sideBar) move(to float32) {
	if b.side.move(to) {
		b.v.sync()
	}
}

// Dragged moves along the lines.
func (b *sideBar) Dragged(e *fyne.DragEvent) {
	x, w := b.thumb()
	if b.grip < 0 {
		b.grip = min(max(e.Position.X-e.Dragged.DX-x, 0), w)
	}
	if room := b.Size().Width - w; room > 0 {
		b.move((e.Position.X - b.grip) / room * b.side.most())
	}
}

// DragEnd ends what Dragged began.
func (b *sideBar) DragEnd() { b.grip = -1; b.Refresh() }

// Tapped goes on by what is in view, towards the pointer.
func (b *sideBar) Tapped(e *fyne.PointEvent) {
	switch x, w := b.thumb(); {
	case e.Position.X < x:
		b.move(b.side.x - b.side.room)
	case e.Position.X > x+w:
		b.move(b.side.x + b.side.room)
	}
}

// MouseIn makes the bar easier to take.
func (b *sideBar) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (b *sideBar) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (b *sideBar) MouseOut() { b.hovered = false; b.Refresh() }

// AccessibilityLabel says what it moves.
func (b *sideBar) AccessibilityLabel() string { return say.T("Move along the lines") }

// AccessibilityRole says that it acts.
func (b *sideBar) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer links the bar to what is drawn.
func (b *sideBar) CreateRenderer() fyne.WidgetRenderer {
	return &sideBarRenderer{b: b, thumb: canvas.NewRectangle(color.Transparent)}
}

type sideBarRenderer struct {
	b     *sideBar
	thumb *canvas.Rectangle
}

func (r *sideBarRenderer) Layout(fyne.Size) {
	x, w := r.b.thumb()
	h := float32(4)
	if r.b.hovered || r.b.grip >= 0 {
		h = 7
	}
	r.thumb.Move(fyne.NewPos(x, sideBarHeight-h-1))
	r.thumb.Resize(fyne.NewSize(w, h))
	c := r.b.Theme().Color(theme.ColorNameScrollBar, fyne.CurrentApp().Settings().ThemeVariant())
	if r.thumb.FillColor != c || r.thumb.CornerRadius != h/2 {
		r.thumb.FillColor, r.thumb.CornerRadius = c, h/2
		canvas.Refresh(r.thumb)
	}
}

func (r *sideBarRenderer) MinSize() fyne.Size           { return fyne.NewSize(barLeast, sideBarHeight) }
func (r *sideBarRenderer) Refresh()                     { r.Layout(r.b.Size()); canvas.Refresh(r.b) }
func (r *sideBarRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.thumb} }
func (r *sideBarRenderer) Destroy()                     {}

// sideBars places a bar below each table and piece of code in view that is wider
// than its ground, or at the lower edge where the piece goes on below it.
func (r *viewRenderer) sideBars(bodies []*block, left float32) {
	kept := make(map[*group]*sideBar, len(bodies))
	for _, b := range bodies {
		g, rect := b.group, r.grounds[b.group]
		if kept[g] != nil || rect == nil {
			continue
		}
		bar := r.sides[g]
		if bar == nil || bar.side != g.side {
			bar = newSideBar(r.v, g.side)
		}
		kept[g] = bar
		inLeft, inRight := b.edges()
		top, bottom := rect.Position().Y, min(rect.Position().Y+rect.Size().Height, r.size.Height)
		if bottom-top < 2*sideBarHeight {
			continue
		}
		bar.Move(fyne.NewPos(left+inLeft, bottom-sideBarHeight))
		bar.Resize(fyne.NewSize(inRight-inLeft, sideBarHeight))
		bar.Refresh()
		r.objects = append(r.objects, bar)
	}
	r.sides = kept
}
