package pick

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
)

func rowHeight(two bool) float32 {
	if two {
		return 48
	}
	return 32
}

// row shows an item. It is used again for others.
type row struct {
	widget.BaseWidget
	list    *List
	at      int
	hovered bool
}

var (
	_ fyne.Tappable     = (*row)(nil)
	_ desktop.Hoverable = (*row)(nil)
	_ fyne.Accessible   = (*row)(nil)
)

func newRow(l *List) *row {
	r := &row{list: l, at: -1}
	r.ExtendBaseWidget(r)
	return r
}

func (r *row) item() Item {
	if r.at < 0 || r.at >= len(r.list.items) {
		return Item{}
	}
	return r.list.items[r.at]
}

func (r *row) show(at int) {
	r.at = at
	r.Refresh()
}

// Tapped picks the item, or turns its star.
func (r *row) Tapped(e *fyne.PointEvent) {
	if i := r.item(); i.Star != NoStar && i.Turn != nil && e.Position.X > r.Size().Width-starRoom {
		r.list.to(r.at)
		i.Turn()
		return
	}
	if r.item().Heading {
		return
	}
	r.list.cursor = r.at
	r.list.pick(r.at)
}

// MouseIn shows that the row can be picked.
func (r *row) MouseIn(*desktop.MouseEvent) { r.hovered = true; r.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (r *row) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (r *row) MouseOut() { r.hovered = false; r.Refresh() }

// DumpText is what the row says.
func (r *row) DumpText() string {
	i := r.item()
	out := form.Visible(i.Title, false)
	if i.Note != "" {
		out += "\n" + form.Visible(i.Note, false)
	}
	return out
}

// AccessibilityLabel is what the row says.
func (r *row) AccessibilityLabel() string {
	if i := r.item(); i.Note != "" {
		return say.F("%s: %s", i.Title, i.Note)
	}
	return r.item().Title
}

// AccessibilityRole says that it acts.
func (r *row) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer links the row to what is drawn.
func (r *row) CreateRenderer() fyne.WidgetRenderer {
	rr := &rowRenderer{r: r, back: canvas.NewRectangle(color.Transparent), trail: canvas.NewText("", color.Transparent)}
	rr.icon, rr.check = widget.NewIcon(nil), widget.NewIcon(theme.Tinted(theme.IconCheck, fynetheme.ColorNamePrimary))
	rr.star = widget.NewIcon(nil)
	rr.Refresh()
	return rr
}

const (
	rowPad   float32 = 10
	rowIcon  float32 = 16
	starRoom float32 = 34
)

type rowRenderer struct {
	r           *row
	back        *canvas.Rectangle
	icon, check *widget.Icon
	star        *widget.Icon
	trail       *canvas.Text
	texts       []*canvas.Text // the pieces of the title and of the note
	used        int
}

// span is a piece of a text that is marked, or is not.
type span struct {
	text   string
	marked bool
}

// spans cuts a text at its marks, in the order in which it is seen, and shows what
// could deceive as what it is. A word from right to left is marked as a whole.
func spans(text string, marks [][2]int) []span {
	var clean [][2]int
	at := 0
	for _, m := range marks {
		if m[0] >= at && m[1] <= len(text) && m[0] < m[1] {
			clean = append(clean, m)
			at = m[1]
		}
	}
	var out []span
	add := func(text string, marked bool) {
		if text != "" {
			out = append(out, span{form.Visible(text, false), marked})
		}
	}
	for _, p := range bidi.Pieces(text) {
		at := p.From
		for _, m := range clean {
			from, to := max(m[0], p.From), min(m[1], p.To)
			if from >= to {
				continue
			}
			if p.Word || p.Text != text[p.From:p.To] {
				add(p.Text, true)
				at = p.To
				break
			}
			add(text[at:from], false)
			add(text[from:to], true)
			at = to
		}
		switch {
		case at == p.From:
			add(p.Text, false)
		case at < p.To:
			add(text[at:p.To], false)
		}
	}
	return out
}

// line places a text in a width and returns where it ends.
func (rr *rowRenderer) line(text string, marks [][2]int, x, y, width, size float32, ink color.Color, bold bool) float32 {
	th, v := rr.r.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	end := x + width
	if bidi.RightToLeft(text) {
		text = form.Shorten(text, width*0.97, size, fyne.TextStyle{Bold: bold}) // it ends at the left
	}
	for _, s := range spans(text, marks) {
		if x >= end {
			break
		}
		if rr.used == len(rr.texts) {
			rr.texts = append(rr.texts, canvas.NewText("", ink))
		}
		t := rr.texts[rr.used]
		rr.used++
		t.TextSize, t.Color, t.TextStyle = size, ink, fyne.TextStyle{Bold: bold || s.marked}
		if s.marked {
			t.Color = th.Color(fynetheme.ColorNamePrimary, v)
		}
		shown := form.Shorten(s.text, end-x, size, t.TextStyle)
		t.Text = shown
		m := t.MinSize()
		t.Move(fyne.NewPos(x, y))
		t.Resize(m)
		t.Show()
		x += fyne.MeasureText(t.Text, size, t.TextStyle).Width
		if shown != s.text {
			break
		}
	}
	return x
}

func (rr *rowRenderer) Layout(size fyne.Size) {
	r, i := rr.r, rr.r.item()
	th, v := r.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	ink, muted := th.Color(fynetheme.ColorNameForeground, v), th.Color(theme.ColorMuted, v)
	textSize, small := th.Size(fynetheme.SizeNameText), th.Size(fynetheme.SizeNameCaptionText)

	rr.back.CornerRadius = theme.Radius - 2
	rr.back.FillColor = color.Transparent
	rr.back.StrokeWidth = 0
	switch {
	case i.Heading:
	case r.at == r.list.cursor:
		rr.back.FillColor = th.Color(theme.ColorSelected, v)
		if r.list.focused {
			rr.back.StrokeWidth, rr.back.StrokeColor = 2, th.Color(fynetheme.ColorNameFocus, v)
		}
	case r.hovered:
		rr.back.FillColor = th.Color(fynetheme.ColorNameHover, v)
	}
	rr.back.Resize(size)

	rr.used = 0
	left, right := rowPad, size.Width-rowPad
	rr.icon.Hide()
	if i.Icon != "" {
		tint := i.Tint
		if tint == "" {
			tint = theme.ColorMuted
		}
		rr.icon.SetResource(theme.Tinted(i.Icon, tint))
		rr.icon.Resize(fyne.NewSquareSize(rowIcon))
		rr.icon.Move(fyne.NewPos(left, (size.Height-rowIcon)/2))
		rr.icon.Show()
		left += rowIcon + 8
	}
	rr.star.Hide()
	if i.Star != NoStar {
		rr.star.SetResource(theme.Tinted(theme.IconStar, theme.ColorMuted))
		if i.Star == StarOn {
			rr.star.SetResource(theme.Tinted(theme.IconStarFill, fynetheme.ColorNamePrimary))
		}
		rr.star.Resize(fyne.NewSquareSize(rowIcon))
		rr.star.Move(fyne.NewPos(size.Width-(starRoom+rowIcon)/2, (size.Height-rowIcon)/2))
		rr.star.Show()
		right -= starRoom - rowPad
	}
	rr.check.Hide()
	if i.Checked {
		right -= rowIcon
		rr.check.Resize(fyne.NewSquareSize(rowIcon))
		rr.check.Move(fyne.NewPos(right, (size.Height-rowIcon)/2))
		rr.check.Show()
		right -= 8
	}
	rr.trail.Text, rr.trail.TextSize, rr.trail.Color = form.Visible(i.Trail, false), small, muted
	if i.Trail != "" {
		rr.trail.Text = bidi.Visual(form.Shorten(rr.trail.Text, (right-left)/2, small, fyne.TextStyle{}))
		m := rr.trail.MinSize()
		right -= m.Width
		rr.trail.Move(fyne.NewPos(right, (size.Height-m.Height)/2))
		rr.trail.Resize(m)
		right -= 10
	}
	width := max(right-left, 0)
	high := fyne.MeasureText("Ag", textSize, fyne.TextStyle{}).Height
	low := fyne.MeasureText("Ag", small, fyne.TextStyle{}).Height
	switch {
	case i.Heading:
		rr.line(i.Title, nil, left, size.Height-low-4, width, small, muted, true)
	case i.Note == "":
		rr.line(i.Title, i.Marks, left, (size.Height-high)/2, width, textSize, ink, false)
	case r.list.two:
		y := (size.Height - high - low) / 2
		rr.line(i.Title, i.Marks, left, y, width, textSize, ink, false)
		rr.line(i.Note, i.NoteMarks, left, y+high, width, small, muted, false)
	default:
		x := rr.line(i.Title, i.Marks, left, (size.Height-high)/2, width, textSize, ink, false) + 10
		rr.line(i.Note, i.NoteMarks, x, (size.Height-low)/2, max(right-x, 0), small, muted, false)
	}
	for _, t := range rr.texts[rr.used:] {
		t.Text = ""
		t.Hide()
	}
}

func (rr *rowRenderer) MinSize() fyne.Size { return fyne.NewSize(80, rowHeight(rr.r.list.two)) }

func (rr *rowRenderer) Refresh() {
	rr.Layout(rr.r.Size())
	for _, o := range rr.Objects() {
		o.Refresh()
	}
}

func (rr *rowRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{rr.back, rr.icon, rr.check, rr.trail, rr.star}
	for _, t := range rr.texts {
		out = append(out, t)
	}
	return out
}

func (rr *rowRenderer) Destroy() {}
