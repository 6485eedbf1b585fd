package transcript

import (
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// barButton is a button of a bar.
type barButton struct {
	label   string
	primary bool
	do      func()
}

// bar is a row of buttons, or as many rows as they need. While one of them has
// the focus, keys press the others: a digit each.
type bar struct {
	widget.BaseWidget
	buttons []*pressable
	keys    map[rune]int
	reveal  func()
	view    *View
	focused int
}

func newBar(v *View, list []barButton, keys map[rune]int) *bar {
	b := &bar{view: v, keys: keys}
	for _, l := range list {
		p := &pressable{bar: b}
		p.label, p.Text, p.OnTapped = l.label, l.label, l.do
		if l.primary {
			p.Importance = widget.HighImportance
		}
		p.ExtendBaseWidget(p)
		b.buttons = append(b.buttons, p)
	}
	b.ExtendBaseWidget(b)
	return b
}

// take has the buttons do what the list says, and reports whether they are the
// same by their looks.
func (b *bar) take(list []barButton) bool {
	if len(list) != len(b.buttons) {
		return false
	}
	for i, l := range list {
		if p := b.buttons[i]; p.label != l.label || (p.Importance == widget.HighImportance) != l.primary {
			return false
		}
	}
	for i, l := range list {
		b.buttons[i].OnTapped = l.do
	}
	return true
}

const barGap float32 = 8

// rows places the buttons and returns the height of all.
func (b *bar) rows(width float32, place func(i int, at fyne.Position, size fyne.Size)) float32 {
	x, y, h := float32(0), float32(0), float32(0)
	for i, p := range b.buttons {
		s := p.MinSize()
		if p.Text != p.label { // shortened, for a narrower bar perhaps
			s.Width += p.wide(p.label) - p.wide(p.Text)
		}
		if s.Width > width && width > 0 {
			s.Width = width
		}
		h = s.Height
		if x > 0 && x+s.Width > width {
			x = 0
			y += s.Height + barGap
		}
		if place != nil {
			place(i, fyne.NewPos(x, y), s)
		}
		x += s.Width + barGap
	}
	return y + h
}

// press presses the button that the key stands for, if it does.
func (b *bar) press(r rune) bool {
	i, ok := b.keys[unicode.ToLower(r)]
	if ok {
		b.buttons[i].Tapped(nil)
	}
	return ok
}

func (b *bar) heightFor(width float32) float32 { return b.rows(width, nil) }

// CreateRenderer links the bar to what is drawn.
func (b *bar) CreateRenderer() fyne.WidgetRenderer {
	r := &barRenderer{b: b, hint: canvas.NewText("", nil)}
	r.paint()
	return r
}

type barRenderer struct {
	b    *bar
	hint *canvas.Text // says which keys answer
}

func (r *barRenderer) paint() {
	th, v := r.b.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.hint.Color = th.Color(look.ColorMuted, v)
	r.hint.TextSize = th.Size(theme.SizeNameCaptionText)
	r.hint.Text = ""
	if len(r.b.keys) > 0 && (r.b.focused > 0 || r.b.view.focused) {
		r.hint.Text = say.T("Keys 1 to 4 answer")
		if _, ok := r.b.keys['e']; ok {
			r.hint.Text = say.T("Keys 1 to 4 answer, E edits")
		}
	}
}

func (r *barRenderer) Layout(size fyne.Size) {
	right := float32(0)
	r.b.rows(size.Width, func(i int, at fyne.Position, s fyne.Size) {
		r.b.buttons[i].fit(s.Width)
		r.b.buttons[i].Move(at)
		r.b.buttons[i].Resize(s)
		right = at.X + s.Width
	})
	h := r.hint.MinSize()
	r.hint.Resize(h)
	r.hint.Move(fyne.NewPos(max(size.Width-h.Width, right+barGap), size.Height-h.Height-8))
	if right+barGap+h.Width > size.Width {
		r.hint.Hide()
	} else {
		r.hint.Show()
	}
}

func (r *barRenderer) MinSize() fyne.Size { return fyne.NewSize(120, r.b.rows(r.b.Size().Width, nil)) }

func (r *barRenderer) Refresh() {
	r.paint()
	r.Layout(r.b.Size())
	canvas.Refresh(r.hint)
	for _, p := range r.b.buttons {
		p.Refresh()
	}
}

func (r *barRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.hint}
	for _, p := range r.b.buttons {
		out = append(out, p)
	}
	return out
}

func (r *barRenderer) Destroy() {}

// pressable is a button that Return presses too.
type pressable struct {
	widget.Button
	label   string // what it says in full
	bar     *bar
	focused bool
}

// CreateRenderer draws the focus beside the button.
func (p *pressable) CreateRenderer() fyne.WidgetRenderer {
	return form.Ringed(p, p.Button.CreateRenderer(), func() bool { return p.focused })
}

// FocusGained brings the button into view.
func (p *pressable) FocusGained() {
	p.focused = true
	p.Button.FocusGained()
	p.bar.focused++
	if p.bar.reveal != nil {
		p.bar.reveal()
	}
	p.bar.Refresh()
}

// FocusLost ends what FocusGained began.
func (p *pressable) FocusLost() {
	p.focused = false
	p.Button.FocusLost()
	p.bar.focused = max(p.bar.focused-1, 0)
	p.bar.Refresh()
}

// TypedRune presses the button that the key stands for.
func (p *pressable) TypedRune(r rune) { p.bar.press(r) }

// TypedKey presses the button.
func (p *pressable) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		p.Tapped(nil)
	default:
		p.Button.TypedKey(e)
	}
}

// AccessibilityLabel says what the button does.
func (p *pressable) AccessibilityLabel() string { return p.label }

// wide is how wide a text in the button is.
func (p *pressable) wide(text string) float32 {
	return fyne.MeasureText(text, p.Theme().Size(theme.SizeNameText), fyne.TextStyle{Bold: true}).Width
}

// fit shortens what the button says where it is wider than a row of the bar.
func (p *pressable) fit(width float32) {
	th := p.Theme()
	room := width - 2*th.Size(theme.SizeNameInnerPadding) - 2
	text := p.label
	if p.wide(text) > room+4 {
		text = form.Shorten(text, room, th.Size(theme.SizeNameText), fyne.TextStyle{Bold: true})
	}
	if p.Text != text {
		p.SetText(text)
	}
}
