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
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// chip is a quiet button: a word or two, with an icon at one end. Space and
// Return press it.
type chip struct {
	widget.BaseWidget
	// name tells what the button does; its text only says how things are.
	name     string
	text     string
	lead     theme.IconName // before the text; empty for none
	trail    theme.IconName // after it; empty for none
	wide     bool           // the text begins at the left of all the room, and trail ends it
	filled   bool           // it stands on a ground of its own
	onTapped func()

	hovered, focused bool
}

var (
	_ fyne.Tappable     = (*chip)(nil)
	_ fyne.Focusable    = (*chip)(nil)
	_ fyne.Accessible   = (*chip)(nil)
	_ desktop.Hoverable = (*chip)(nil)
)

func newChip(name, text string, lead, trail theme.IconName, tapped func()) *chip {
	c := &chip{name: name, text: text, lead: lead, trail: trail, onTapped: tapped}
	c.ExtendBaseWidget(c)
	return c
}

// setText changes what the chip says and reports whether it is another text.
func (c *chip) setText(text string) bool {
	if c.text == text {
		return false
	}
	c.text = text
	c.Refresh()
	return true
}

// Tapped presses the chip.
func (c *chip) Tapped(*fyne.PointEvent) { c.onTapped() }

// MouseIn shows that the chip can be pressed.
func (c *chip) MouseIn(*desktop.MouseEvent) { c.hovered = true; c.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (c *chip) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (c *chip) MouseOut() { c.hovered = false; c.Refresh() }

// FocusGained shows that keys go to the chip.
func (c *chip) FocusGained() { c.focused = true; c.Refresh() }

// FocusLost ends what FocusGained began.
func (c *chip) FocusLost() { c.focused = false; c.Refresh() }

// TypedRune is part of fyne.Focusable.
func (c *chip) TypedRune(rune) {}

// TypedKey presses the chip.
func (c *chip) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		c.onTapped()
	}
}

// DumpText is what the chip says.
func (c *chip) DumpText() string { return c.text }

// AccessibilityLabel says what the chip does.
func (c *chip) AccessibilityLabel() string {
	if c.name != "" {
		return c.name
	}
	return c.text
}

// AccessibilityRole says that it acts.
func (c *chip) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer links the chip to what is drawn.
func (c *chip) CreateRenderer() fyne.WidgetRenderer {
	r := &chipRenderer{c: c, back: canvas.NewRectangle(color.Transparent), text: canvas.NewText(c.text, color.Transparent)}
	for _, name := range []theme.IconName{c.lead, c.trail} {
		if name == "" {
			r.icons = append(r.icons, nil)
			continue
		}
		i := canvas.NewImageFromResource(theme.Icon(name))
		i.FillMode = canvas.ImageFillContain
		r.icons = append(r.icons, i)
	}
	r.paint()
	return r
}

const (
	chipHeight float32 = 32
	chipPad    float32 = 8
	chipIcon   float32 = 16
	chipGap    float32 = 6
)

type chipRenderer struct {
	c     *chip
	back  *canvas.Rectangle
	text  *canvas.Text
	icons []*canvas.Image // before and after the text; nil for none
}

func (r *chipRenderer) paint() {
	th, v := r.c.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	ink := theme.ColorMuted
	if r.c.hovered || r.c.focused || r.c.wide {
		ink = fynetheme.ColorNameForeground
	}
	r.back.CornerRadius = 8
	r.back.FillColor = color.Transparent
	if r.c.filled {
		r.back.FillColor = th.Color(fynetheme.ColorNameButton, v)
	}
	if r.c.hovered {
		r.back.FillColor = th.Color(fynetheme.ColorNameHover, v)
	}
	r.back.StrokeWidth = 0
	if r.c.focused {
		r.back.StrokeWidth, r.back.StrokeColor = 2, th.Color(fynetheme.ColorNameFocus, v)
	}
	r.text.Text, r.text.TextSize, r.text.Color = r.c.text, th.Size(fynetheme.SizeNameText), th.Color(ink, v)
	for i, name := range []theme.IconName{r.c.lead, r.c.trail} {
		if r.icons[i] == nil {
			continue
		}
		tint := ink
		if r.c.wide {
			tint = fynetheme.ColorNamePrimary
		}
		r.icons[i].Resource = theme.Tinted(name, tint)
	}
}

func (r *chipRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	x := chipPad
	place := func(i int) {
		if img := r.icons[i]; img != nil {
			img.Resize(fyne.NewSquareSize(chipIcon))
			img.Move(fyne.NewPos(x, (size.Height-chipIcon)/2))
			x += chipIcon + chipGap
		}
	}
	place(0)
	room := size.Width - x - chipPad
	if r.icons[1] != nil {
		room -= chipIcon + chipGap
	}
	r.text.Text = ""
	if r.c.text != "" {
		r.text.Text = bidi.Visual(form.Shorten(r.c.text, room+1, r.text.TextSize, r.text.TextStyle))
	}
	s := r.text.MinSize()
	r.text.Move(fyne.NewPos(x, (size.Height-s.Height)/2))
	r.text.Resize(s)
	x += s.Width + chipGap
	if r.c.wide {
		x = size.Width - chipPad - chipIcon
	}
	place(1)
}

func (r *chipRenderer) MinSize() fyne.Size {
	if r.c.wide {
		return fyne.NewSize(80, chipHeight)
	}
	w := 2*chipPad + fyne.MeasureText(r.c.text, r.text.TextSize, r.text.TextStyle).Width
	for _, i := range r.icons {
		if i != nil {
			w += chipIcon + chipGap
		}
	}
	if r.c.text == "" {
		w -= chipGap // nothing stands beside the icon
	}
	return fyne.NewSize(w, chipHeight)
}

func (r *chipRenderer) Refresh() {
	r.paint()
	r.Layout(r.c.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

func (r *chipRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.back, r.text}
	for _, i := range r.icons {
		if i != nil {
			out = append(out, i)
		}
	}
	return out
}

func (r *chipRenderer) Destroy() {}
