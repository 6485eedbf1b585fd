package chat

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/store"
)

// row shows a line. It is used again for other lines.
type row struct {
	widget.BaseWidget
	s       *sidebar
	line    line
	hovered bool

	back  *canvas.Rectangle
	title *canvas.Text
	dot   *canvas.Circle
	more  *theme.IconButton
}

var (
	_ fyne.Tappable          = (*row)(nil)
	_ fyne.SecondaryTappable = (*row)(nil)
	_ desktop.Hoverable      = (*row)(nil)
)

func newRow(s *sidebar) *row {
	r := &row{s: s, back: canvas.NewRectangle(color.Transparent), title: canvas.NewText("", color.Black), dot: canvas.NewCircle(color.Transparent)}
	r.more = theme.NewSmallIconButton(say.T("More"), theme.Icon(theme.IconMore), func() {
		d := fyne.CurrentApp().Driver()
		s.menu(r, r.line.conv, d.AbsolutePositionForObject(r.more).AddXY(0, r.more.Size().Height))
	})
	r.ExtendBaseWidget(r)
	return r
}

func (r *row) show(l line) {
	r.line = l
	r.more.Label = say.F("More about %s", titleOf(l.conv))
	r.Refresh()
}

func titleOf(c store.Conversation) string {
	if c.Title == "" {
		return say.T("New conversation")
	}
	return form.Visible(c.Title, false)
}

// describe says what a line is, with what its conversation does.
func describe(l line, states map[string]runState) string {
	if l.day != "" {
		return l.day
	}
	text := titleOf(l.conv)
	if l.conv.Pinned {
		text += ", " + say.T("pinned")
	}
	if words := states[l.conv.ID].words(); words != "" {
		text += ", " + words
	}
	return text
}

// DumpText is what the row says.
func (r *row) DumpText() string {
	if r.line.day != "" {
		return r.line.day
	}
	return titleOf(r.line.conv)
}

// AccessibilityLabel is what the row says, and what its conversation does.
func (r *row) AccessibilityLabel() string { return describe(r.line, r.s.states) }

// AccessibilityRole says that it acts.
func (r *row) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// Tapped opens the conversation.
func (r *row) Tapped(*fyne.PointEvent) {
	if r.line.day == "" {
		r.s.list.at = r.line.conv.ID
		r.s.do.open(r.line.conv)
	}
}

// TappedSecondary opens the menu.
func (r *row) TappedSecondary(e *fyne.PointEvent) {
	if r.line.day == "" {
		r.s.menu(r, r.line.conv, e.AbsolutePosition)
	}
}

// MouseIn shows that the row can be opened.
func (r *row) MouseIn(*desktop.MouseEvent) { r.hovered = true; r.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (r *row) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (r *row) MouseOut() { r.hovered = false; r.Refresh() }

// CreateRenderer links the row to what is drawn.
func (r *row) CreateRenderer() fyne.WidgetRenderer {
	rr := &rowRenderer{r: r, icon: widget.NewIcon(nil)}
	rr.paint()
	return rr
}

type rowRenderer struct {
	r    *row
	icon *widget.Icon // that it is pinned, or failed
}

// renaming returns the field in the place of the title, or nil.
func (rr *rowRenderer) renaming() *renameEntry {
	if n := rr.r.s.renamed; n != nil && rr.r.line.day == "" && n.id == rr.r.line.conv.ID {
		return n.entry
	}
	return nil
}

func (rr *rowRenderer) paint() {
	r := rr.r
	th, v := r.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.CornerRadius = theme.Radius - 2
	r.back.FillColor = color.Transparent
	r.back.StrokeWidth = 0
	r.title.TextStyle = fyne.TextStyle{}
	r.title.TextSize = th.Size(fynetheme.SizeNameText)
	r.title.Color = th.Color(fynetheme.ColorNameForeground, v)
	r.dot.FillColor, r.dot.StrokeWidth = color.Transparent, 0
	r.more.Hide()
	rr.icon.Hide()
	if r.line.day != "" {
		r.title.Text = r.line.day
		r.title.TextSize = th.Size(fynetheme.SizeNameCaptionText)
		r.title.TextStyle.Bold = true
		r.title.Color = th.Color(theme.ColorMuted, v)
		return
	}
	selected := r.line.conv.ID == r.s.current
	if selected {
		r.back.FillColor = th.Color(theme.ColorSelected, v)
	} else if r.hovered {
		r.back.FillColor = th.Color(fynetheme.ColorNameHover, v)
	}
	if r.s.list.focused && r.s.list.at == r.line.conv.ID {
		r.back.StrokeWidth, r.back.StrokeColor = 2, th.Color(fynetheme.ColorNameFocus, v)
	}
	switch r.s.states[r.line.conv.ID] {
	case stateRunning: // a ring, so that the colour is not all that tells them apart
		r.dot.StrokeWidth, r.dot.StrokeColor = 2, th.Color(fynetheme.ColorNamePrimary, v)
	case stateAsking:
		r.dot.FillColor = th.Color(fynetheme.ColorNameWarning, v)
	case stateFailed:
		rr.icon.SetResource(theme.Tinted(theme.IconError, fynetheme.ColorNameError))
		rr.icon.Show()
	}
	if (r.hovered || selected) && rr.renaming() == nil {
		r.more.Show()
	}
}

func (rr *rowRenderer) Layout(size fyne.Size) {
	r := rr.r
	r.back.Resize(size)
	if e := rr.renaming(); e != nil {
		e.Resize(fyne.NewSize(size.Width-4, e.MinSize().Height))
		e.Move(fyne.NewPos(2, (size.Height-e.MinSize().Height)/2))
		r.title.Text = ""
		r.dot.Resize(fyne.Size{})
		return
	}
	const inset float32 = 10
	right := float32(10)
	m := r.more.MinSize()
	if r.more.Visible() {
		right = m.Width + 3
	}
	r.more.Resize(m)
	r.more.Move(fyne.NewPos(size.Width-m.Width-3, (size.Height-m.Height)/2))
	if state := r.s.states[r.line.conv.ID]; r.line.day == "" && state != stateIdle {
		right += 12
		r.dot.Resize(fyne.NewSquareSize(8))
		r.dot.Move(fyne.NewPos(size.Width-right, (size.Height-8)/2))
		rr.icon.Resize(fyne.NewSquareSize(14))
		rr.icon.Move(fyne.NewPos(size.Width-right-3, (size.Height-14)/2))
		right += 4
	}
	w := size.Width - inset - right
	if r.line.day == "" {
		r.title.Text = bidi.Visual(form.Shorten(titleOf(r.line.conv), w, r.title.TextSize, r.title.TextStyle))
	}
	h := r.title.MinSize().Height
	y := (size.Height - h) / 2
	if r.line.day != "" {
		y = size.Height - h - 4
	}
	r.title.Move(fyne.NewPos(inset, y))
	r.title.Resize(fyne.NewSize(w, h))
}

func (rr *rowRenderer) MinSize() fyne.Size { return fyne.NewSize(80, 34) }

func (rr *rowRenderer) Refresh() {
	rr.paint()
	rr.Layout(rr.r.Size())
	for _, o := range rr.Objects() {
		o.Refresh()
	}
}

func (rr *rowRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{rr.r.back, rr.r.title, rr.r.dot, rr.icon, rr.r.more}
	if e := rr.renaming(); e != nil {
		out = append(out, e)
	}
	return out
}

func (rr *rowRenderer) Destroy() {}
