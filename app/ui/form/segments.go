package form

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// Segments is a choice of one from a few that are all in sight, side by side. The
// arrow keys go from one to the next.
type Segments struct {
	widget.BaseWidget
	// Name tells people who cannot see the choice what it is.
	Name string
	// OnChosen is called when a person chose another one, with its place.
	OnChosen func(at int)

	titles  []string
	at      int
	hovered int // under the pointer; -1 for none
	focused bool
}

var (
	_ fyne.Tappable      = (*Segments)(nil)
	_ fyne.Focusable     = (*Segments)(nil)
	_ fyne.Accessible    = (*Segments)(nil)
	_ desktop.Hoverable  = (*Segments)(nil)
	_ desktop.Cursorable = (*Segments)(nil)
)

// NewSegments returns a choice with the first chosen.
func NewSegments(name string, titles []string, chosen func(at int)) *Segments {
	s := &Segments{Name: name, OnChosen: chosen, titles: titles, hovered: -1}
	s.ExtendBaseWidget(s)
	return s
}

// Set marks one as chosen, without telling.
func (s *Segments) Set(at int) {
	if s.at != at {
		s.at = at
		s.Refresh()
	}
}

// Chosen is the place of the one that is.
func (s *Segments) Chosen() int { return s.at }

func (s *Segments) choose(at int) {
	if at < 0 || at >= len(s.titles) || at == s.at {
		return
	}
	s.Set(at)
	if s.OnChosen != nil {
		s.OnChosen(at)
	}
}

// width of a part, with the room beside its words.
func (s *Segments) width(i int) float32 {
	th := s.Theme()
	return fyne.MeasureText(s.titles[i], th.Size(theme.SizeNameText), fyne.TextStyle{}).Width + 2*segmentPad
}

// under returns which part is at a point, or -1.
func (s *Segments) under(p fyne.Position) int {
	x := float32(0)
	for i := range s.titles {
		if x += s.width(i); p.X < x {
			return i
		}
	}
	return -1
}

// Tapped chooses what is under the pointer.
func (s *Segments) Tapped(e *fyne.PointEvent) { s.choose(s.under(e.Position)) }

// MouseIn shows what can be chosen.
func (s *Segments) MouseIn(e *desktop.MouseEvent) { s.MouseMoved(e) }

// MouseMoved shows what can be chosen.
func (s *Segments) MouseMoved(e *desktop.MouseEvent) { s.hover(s.under(e.Position)) }

// MouseOut ends what MouseIn began.
func (s *Segments) MouseOut() { s.hover(-1) }

func (s *Segments) hover(at int) {
	if s.hovered != at {
		s.hovered = at
		s.Refresh()
	}
}

// Cursor is a hand over what can be chosen.
func (s *Segments) Cursor() desktop.Cursor {
	if s.hovered >= 0 {
		return desktop.PointerCursor
	}
	return desktop.DefaultCursor
}

// FocusGained shows that keys go to the choice, and brings it into view.
func (s *Segments) FocusGained() { s.focused = true; s.Refresh(); Reveal(s) }

// FocusLost ends what FocusGained began.
func (s *Segments) FocusLost() { s.focused = false; s.Refresh() }

// TypedRune is part of fyne.Focusable.
func (s *Segments) TypedRune(rune) {}

// TypedKey chooses another one, or cancels the sheet.
func (s *Segments) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyLeft, fyne.KeyUp:
		s.choose(s.at - 1)
	case fyne.KeyRight, fyne.KeyDown:
		s.choose(s.at + 1)
	case fyne.KeyHome:
		s.choose(0)
	case fyne.KeyEnd:
		s.choose(len(s.titles) - 1)
	case fyne.KeyEscape:
		if on := sheetOn(s); on != nil {
			on.cancel()
		}
	}
}

// AccessibilityLabel names the choice and what is chosen.
func (s *Segments) AccessibilityLabel() string { return say.F("%s: %s", s.Name, s.titles[s.at]) }

// AccessibilityRole says that it acts.
func (s *Segments) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// DumpText returns what can be chosen.
func (s *Segments) DumpText() string { return strings.Join(s.titles, ", ") }

const segmentPad float32 = 14

// CreateRenderer links the choice to what is drawn.
func (s *Segments) CreateRenderer() fyne.WidgetRenderer {
	r := &segmentsRenderer{s: s, ground: canvas.NewRectangle(color.Transparent), chosen: canvas.NewRectangle(color.Transparent), hover: canvas.NewRectangle(color.Transparent)}
	for _, title := range s.titles {
		t := canvas.NewText(title, color.Transparent)
		t.Alignment = fyne.TextAlignCenter
		r.texts = append(r.texts, t)
	}
	r.paint()
	return r
}

type segmentsRenderer struct {
	s                     *Segments
	ground, chosen, hover *canvas.Rectangle
	texts                 []*canvas.Text
}

func (r *segmentsRenderer) paint() {
	th, v := r.s.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	radius := th.Size(theme.SizeNameInputRadius)
	r.ground.FillColor, r.ground.CornerRadius = th.Color(theme.ColorNameButton, v), radius
	r.ground.StrokeWidth = 0
	if r.s.focused {
		r.ground.StrokeWidth, r.ground.StrokeColor = 2, th.Color(theme.ColorNameFocus, v)
	}
	r.chosen.FillColor, r.chosen.CornerRadius = th.Color(theme.ColorNameBackground, v), radius-2
	r.chosen.StrokeColor, r.chosen.StrokeWidth = th.Color(theme.ColorNamePrimary, v), 1
	r.hover.FillColor, r.hover.CornerRadius = color.Transparent, radius-2
	if r.s.hovered >= 0 && r.s.hovered != r.s.at {
		r.hover.FillColor = th.Color(theme.ColorNameHover, v)
	}
	for i, t := range r.texts {
		t.TextSize = th.Size(theme.SizeNameText)
		t.Color = th.Color(uitheme.ColorMuted, v)
		if i == r.s.at {
			t.Color = th.Color(theme.ColorNameForeground, v)
		}
	}
}

func (r *segmentsRenderer) Layout(size fyne.Size) {
	x, h := float32(0), r.MinSize().Height
	y := (size.Height - h) / 2
	const inset = 3
	for i, t := range r.texts {
		w := r.s.width(i)
		t.Resize(fyne.NewSize(w, t.MinSize().Height))
		t.Move(fyne.NewPos(x, y+(h-t.MinSize().Height)/2))
		for _, b := range []struct {
			rect *canvas.Rectangle
			at   int
		}{{r.chosen, r.s.at}, {r.hover, r.s.hovered}} {
			if b.at == i {
				b.rect.Resize(fyne.NewSize(w-2*inset, h-2*inset))
				b.rect.Move(fyne.NewPos(x+inset, y+inset))
			}
		}
		x += w
	}
	r.ground.Resize(fyne.NewSize(x, h))
	r.ground.Move(fyne.NewPos(0, y))
}

func (r *segmentsRenderer) MinSize() fyne.Size {
	s := fyne.NewSize(0, 0)
	for i, t := range r.texts {
		s.Width += r.s.width(i)
		s.Height = max(s.Height, t.MinSize().Height+14)
	}
	return s
}

func (r *segmentsRenderer) Refresh() {
	r.paint()
	r.Layout(r.s.Size())
	canvas.Refresh(r.s)
}

func (r *segmentsRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.ground, r.hover, r.chosen}
	for _, t := range r.texts {
		out = append(out, t)
	}
	return out
}

func (r *segmentsRenderer) Destroy() {}
