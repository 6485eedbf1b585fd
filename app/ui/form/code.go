package form

import (
	"image/color"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// Line is a line of a Code.
type Line struct {
	Text string
	// Tone colours the line's background; empty leaves it plain.
	Tone fyne.ThemeColorName
}

// Lines makes plain lines of a text.
func Lines(text string) []Line {
	var out []Line
	for l := range strings.Lines(text) {
		out = append(out, Line{Text: strings.TrimSuffix(l, "\n")})
	}
	return out
}

// Code shows a text of any length in letters of one width: whole, broken where
// the line ends, scrolled, and with only what can be seen laid out. Where there is
// more than can be seen it takes the focus, and the arrow keys scroll.
type Code struct {
	widget.BaseWidget
	// Name tells people who cannot see it what it is; empty is the text itself.
	Name    string
	focused bool
	lines   []Line
	scroll  *container.Scroll
	body    *codeBody
	least   fyne.Size
	// OnScrolled is called when the person scrolled; it may be nil.
	OnScrolled func()
}

// NewCode shows the lines. It is at least that high.
func NewCode(lines []Line, height float32) *Code {
	c := &Code{least: fyne.NewSize(120, height)}
	c.body = &codeBody{code: c}
	c.body.ExtendBaseWidget(c.body)
	c.scroll = container.NewVScroll(c.body)
	c.scroll.OnScrolled = func(fyne.Position) {
		if c.OnScrolled != nil {
			c.OnScrolled()
		}
	}
	c.ExtendBaseWidget(c)
	c.SetLines(lines)
	return c
}

// SetLines replaces the text.
func (c *Code) SetLines(lines []Line) {
	c.lines = make([]Line, len(lines))
	for i, l := range lines {
		l.Text = Visible(strings.ReplaceAll(l.Text, "\t", "    "), false)
		c.lines[i] = l
	}
	c.body.width = 0
	c.body.Refresh()
	c.scroll.Refresh()
}

// ScrollToEnd shows the last lines.
func (c *Code) ScrollToEnd() { c.scroll.ScrollToBottom() }

// ScrollToTop shows the first lines.
func (c *Code) ScrollToTop() { c.scroll.ScrollToTop() }

// AtEnd reports whether the last line is in view.
func (c *Code) AtEnd() bool {
	return c.scroll.Offset.Y+c.scroll.Size().Height >= c.body.MinSize().Height-1
}

// Disabled reports that there is nothing to scroll to, so that Tab goes past it.
func (c *Code) Disabled() bool {
	return c.body.MinSize().Height <= c.scroll.Size().Height
}

// Enable is part of fyne.Disableable. The text alone says whether there is
// anything to scroll to.
func (c *Code) Enable() {}

// Disable is part of fyne.Disableable, as Enable is.
func (c *Code) Disable() {}

// FocusGained shows that keys go to the text, and brings it into view.
func (c *Code) FocusGained() { c.focused = true; c.Refresh(); Reveal(c) }

// FocusLost ends what FocusGained began.
func (c *Code) FocusLost() { c.focused = false; c.Refresh() }

// TypedRune is part of fyne.Focusable.
func (c *Code) TypedRune(rune) {}

// TypedKey scrolls, or cancels the sheet.
func (c *Code) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape {
		if s := sheetOn(c); s != nil {
			s.cancel()
		}
		return
	}
	scrollByKey(c.scroll, e.Name)
}

// scrollByKey scrolls as a key says, and reports whether it says anything.
func scrollByKey(s *container.Scroll, key fyne.KeyName) bool {
	at, page := s.Offset.Y, max(s.Size().Height-40, 40)
	switch key {
	case fyne.KeyUp:
		at -= 40
	case fyne.KeyDown:
		at += 40
	case fyne.KeyPageUp:
		at -= page
	case fyne.KeyPageDown, fyne.KeySpace:
		at += page
	case fyne.KeyHome:
		at = 0
	case fyne.KeyEnd:
		s.ScrollToBottom()
		return true
	default:
		return false
	}
	s.ScrollToOffset(fyne.NewPos(s.Offset.X, max(at, 0)))
	return true
}

// AccessibilityLabel returns the name, or else how the text begins.
func (c *Code) AccessibilityLabel() string {
	const most = 200
	if c.Name != "" {
		return c.Name
	}
	text := []rune(c.DumpText())
	return string(text[:min(len(text), most)])
}

// AccessibilityRole says what it is.
func (c *Code) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// DumpText returns the whole text, also what is scrolled out.
func (c *Code) DumpText() string {
	var b strings.Builder
	for _, l := range c.lines {
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	return b.String()
}

// MinSize is what the text is never smaller than.
func (c *Code) MinSize() fyne.Size { return c.least }

// CreateRenderer links the view to what is drawn.
func (c *Code) CreateRenderer() fyne.WidgetRenderer {
	r := &codeRenderer{code: c, back: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

const codePad float32 = 8

type codeRenderer struct {
	code *Code
	back *canvas.Rectangle
}

func (r *codeRenderer) paint() {
	th, v := r.code.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.FillColor = th.Color(uitheme.ColorCode, v)
	r.back.StrokeColor = th.Color(theme.ColorNameSeparator, v)
	r.back.StrokeWidth = 1
	if r.code.focused {
		r.back.StrokeWidth, r.back.StrokeColor = 2, th.Color(theme.ColorNameFocus, v)
	}
	r.back.CornerRadius = th.Size(theme.SizeNameInputRadius)
}

func (r *codeRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.code.scroll.Move(fyne.NewPos(codePad, codePad/2))
	r.code.scroll.Resize(fyne.NewSize(size.Width-codePad, size.Height-codePad))
	r.code.body.Refresh()
	r.code.scroll.Refresh()
}

func (r *codeRenderer) MinSize() fyne.Size { return r.code.least }
func (r *codeRenderer) Refresh()           { r.paint(); r.back.Refresh(); r.code.body.Refresh() }
func (r *codeRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.code.scroll}
}
func (r *codeRenderer) Destroy() {}

// codeBody is what is scrolled: as high as the whole text, with objects for the
// rows in view alone.
type codeBody struct {
	widget.BaseWidget
	code  *Code
	width float32 // that rows are broken for
	rows  []row
}

// row is a piece of a line that fits the width.
type row struct {
	text string
	tone fyne.ThemeColorName
}

var mono = fyne.TextStyle{Monospace: true}

func (b *codeBody) textSize() float32 { return b.Theme().Size(uitheme.SizeCode) }

func (b *codeBody) rowHeight() float32 {
	return fyne.MeasureText("Mg", b.textSize(), mono).Height
}

// wrap breaks the lines for the width.
func (b *codeBody) wrap(width float32) {
	if width == b.width || width <= 0 {
		return
	}
	b.width = width
	b.rows = b.rows[:0]
	size := b.textSize()
	cell := fyne.MeasureText("M", size, mono).Width
	columns := max(int(width/cell), 8)
	for _, l := range b.code.lines {
		for _, piece := range breakLine(l.Text, columns, func(s string) float32 {
			return fyne.MeasureText(s, size, mono).Width / cell
		}) {
			b.rows = append(b.rows, row{piece, l.Tone})
		}
	}
}

// breakLine cuts a line into pieces of at most that many columns. Letters that
// are not of one width are measured.
func breakLine(s string, columns int, measure func(string) float32) []string {
	plain := func(r rune) bool { return r < 0x80 }
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		var out []string
		for len(s) > columns {
			out, s = append(out, s[:columns]), s[columns:]
		}
		return append(out, s)
	}
	var out []string
	widths := map[rune]float32{}
	start, used := 0, float32(0)
	for i, r := range s {
		w := float32(1)
		if !plain(r) {
			var ok bool
			if w, ok = widths[r]; !ok {
				w = measure(string(r))
				widths[r] = w
			}
		}
		if used+w > float32(columns) && i > start {
			out = append(out, s[start:i])
			start, used = i, 0
		}
		used += w
	}
	return append(out, s[start:])
}

// Move is how the scroll brings another part into view.
func (b *codeBody) Move(to fyne.Position) {
	if to != b.Position() {
		b.BaseWidget.Move(to)
		b.Refresh()
	}
}

// MinSize is the height of the whole text.
func (b *codeBody) MinSize() fyne.Size {
	return fyne.NewSize(1, float32(len(b.rows))*b.rowHeight())
}

// CreateRenderer links the body to what is drawn.
func (b *codeBody) CreateRenderer() fyne.WidgetRenderer { return &codeBodyRenderer{body: b} }

type codeBodyRenderer struct {
	body  *codeBody
	marks []*canvas.Rectangle
	texts []*canvas.Text
	shown int
}

func (r *codeBodyRenderer) Layout(fyne.Size) { r.Refresh() }

func (r *codeBodyRenderer) MinSize() fyne.Size { return r.body.MinSize() }

// Refresh lays out the rows that are in view.
func (r *codeBodyRenderer) Refresh() {
	b := r.body
	scroll := b.code.scroll
	view := scroll.Size()
	b.wrap(view.Width - 2*codePad)
	height := b.rowHeight()
	first := max(int(scroll.Offset.Y/height), 0)
	last := min(int((scroll.Offset.Y+view.Height)/height)+2, len(b.rows))
	th, v := b.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	ink := th.Color(theme.ColorNameForeground, v)
	r.shown = 0
	for i := first; i < last; i++ {
		if r.shown == len(r.texts) {
			t := canvas.NewText("", ink)
			t.TextStyle = mono
			r.texts = append(r.texts, t)
			r.marks = append(r.marks, canvas.NewRectangle(color.Transparent))
		}
		t, m := r.texts[r.shown], r.marks[r.shown]
		r.shown++
		t.Text, t.Color, t.TextSize = b.rows[i].text, ink, b.textSize()
		m.FillColor = color.Transparent
		if tone := b.rows[i].tone; tone != "" {
			m.FillColor = Faded(th.Color(tone, v), 0.18)
		}
		at := fyne.NewPos(0, float32(i)*height)
		t.Move(at)
		t.Resize(fyne.NewSize(view.Width, height))
		m.Move(at)
		m.Resize(fyne.NewSize(view.Width, height))
		t.Refresh()
		m.Refresh()
	}
	canvas.Refresh(b)
}

func (r *codeBodyRenderer) Objects() []fyne.CanvasObject {
	out := make([]fyne.CanvasObject, 0, 2*r.shown)
	for i := range r.shown {
		out = append(out, r.marks[i], r.texts[i])
	}
	return slices.Clip(out)
}

func (r *codeBodyRenderer) Destroy() {}
