package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// IconButton is a button that shows an icon alone. Its label says to everyone
// who cannot see the icon what it does. Space and Return press it.
type IconButton struct {
	widget.DisableableWidget
	// Label says what the button does, in a word or two.
	Label string
	// Primary fills the button with the accent.
	Primary  bool
	OnTapped func()
	// OnKey takes keys that are not the button's own; nil drops them.
	OnKey func(*fyne.KeyEvent)
	// OnFocus is called when keys begin to go to the button; nil is nothing.
	OnFocus func()

	icon    fyne.Resource
	side    float32
	glyph   float32
	hovered bool
	focused bool
}

var (
	_ fyne.Tappable      = (*IconButton)(nil)
	_ fyne.Focusable     = (*IconButton)(nil)
	_ fyne.Disableable   = (*IconButton)(nil)
	_ fyne.Accessible    = (*IconButton)(nil)
	_ desktop.Hoverable  = (*IconButton)(nil)
	_ desktop.Cursorable = (*IconButton)(nil)
)

// NewIconButton returns a button of 32 by 32.
func NewIconButton(label string, icon fyne.Resource, tapped func()) *IconButton {
	b := &IconButton{Label: label, OnTapped: tapped, icon: icon, side: 32, glyph: 18}
	b.ExtendBaseWidget(b)
	return b
}

// NewSmallIconButton returns a button of 24 by 24, for the corner of a card.
func NewSmallIconButton(label string, icon fyne.Resource, tapped func()) *IconButton {
	b := NewIconButton(label, icon, tapped)
	b.side, b.glyph = 24, 15
	return b
}

// Set changes what the button is.
func (b *IconButton) Set(label string, icon fyne.Resource) {
	if b.Label == label && b.icon == icon {
		return
	}
	b.Label, b.icon = label, icon
	b.Refresh()
}

// Tapped presses the button.
func (b *IconButton) Tapped(*fyne.PointEvent) { b.press() }

func (b *IconButton) press() {
	if !b.Disabled() && b.OnTapped != nil {
		b.OnTapped()
	}
}

// MouseIn shows that the button can be pressed.
func (b *IconButton) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (b *IconButton) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (b *IconButton) MouseOut() { b.hovered = false; b.Refresh() }

// Cursor is the arrow, also over text.
func (b *IconButton) Cursor() desktop.Cursor { return desktop.DefaultCursor }

// FocusGained shows that keys go to the button.
func (b *IconButton) FocusGained() {
	b.focused = true
	b.Refresh()
	if b.OnFocus != nil {
		b.OnFocus()
	}
}

// FocusLost ends what FocusGained began.
func (b *IconButton) FocusLost() { b.focused = false; b.Refresh() }

// TypedRune is part of fyne.Focusable.
func (b *IconButton) TypedRune(rune) {}

// TypedKey presses the button.
func (b *IconButton) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		b.press()
	default:
		if b.OnKey != nil {
			b.OnKey(e)
		}
	}
}

// AccessibilityLabel says what the button does.
func (b *IconButton) AccessibilityLabel() string { return b.Label }

// AccessibilityRole says that it acts.
func (b *IconButton) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer links the button to what is drawn.
func (b *IconButton) CreateRenderer() fyne.WidgetRenderer {
	r := &iconButtonRenderer{b: b, back: canvas.NewRectangle(color.Transparent), icon: canvas.NewImageFromResource(b.icon)}
	r.icon.FillMode = canvas.ImageFillContain
	r.paint()
	return r
}

type iconButtonRenderer struct {
	b    *IconButton
	back *canvas.Rectangle
	icon *canvas.Image
}

func (r *iconButtonRenderer) paint() {
	th, v := r.b.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	ink := theme.ColorNamePlaceHolder
	r.back.FillColor = color.Transparent
	r.back.StrokeWidth = 0
	r.back.CornerRadius = r.b.side / 4
	switch {
	case r.b.Disabled() && r.b.Primary:
		ink = theme.ColorNameDisabled
		r.back.FillColor = th.Color(theme.ColorNameDisabledButton, v)
	case r.b.Disabled():
		ink = theme.ColorNameDisabled
	case r.b.Primary:
		ink = theme.ColorNameForegroundOnPrimary
		r.back.FillColor = th.Color(theme.ColorNamePrimary, v)
	case r.b.hovered || r.b.focused:
		ink = theme.ColorNameForeground
		r.back.FillColor = th.Color(theme.ColorNameHover, v)
	}
	if r.b.focused {
		r.back.StrokeWidth = 2
		r.back.StrokeColor = th.Color(theme.ColorNameFocus, v)
	}
	r.icon.Resource = theme.NewColoredResource(r.b.icon, ink)
}

func (r *iconButtonRenderer) Layout(size fyne.Size) {
	s := fyne.NewSquareSize(r.b.side)
	at := fyne.NewPos((size.Width-s.Width)/2, (size.Height-s.Height)/2)
	r.back.Resize(s)
	r.back.Move(at)
	r.icon.Resize(fyne.NewSquareSize(r.b.glyph))
	inset := (r.b.side - r.b.glyph) / 2
	r.icon.Move(at.AddXY(inset, inset))
}

func (r *iconButtonRenderer) MinSize() fyne.Size { return fyne.NewSquareSize(r.b.side) }

func (r *iconButtonRenderer) Refresh() {
	r.paint()
	r.back.Refresh()
	r.icon.Refresh()
}

func (r *iconButtonRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.icon}
}

func (r *iconButtonRenderer) Destroy() {}
