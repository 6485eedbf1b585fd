package form

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Switch is on or off. Space and Return turn it.
type Switch struct {
	widget.DisableableWidget
	// Name tells what is switched, to people who cannot see where it stands.
	Name      string
	Checked   bool
	OnChanged func(bool)
	hovered   bool
	focused   bool
}

var (
	_ fyne.Tappable     = (*Switch)(nil)
	_ fyne.Focusable    = (*Switch)(nil)
	_ fyne.Disableable  = (*Switch)(nil)
	_ desktop.Hoverable = (*Switch)(nil)
)

// NewSwitch returns a switch that is off.
func NewSwitch(name string, changed func(bool)) *Switch {
	s := &Switch{Name: name, OnChanged: changed}
	s.ExtendBaseWidget(s)
	return s
}

// Set turns the switch without telling OnChanged.
func (s *Switch) Set(on bool) {
	if s.Checked != on {
		s.Checked = on
		s.Refresh()
	}
}

func (s *Switch) turn() {
	if s.Disabled() {
		return
	}
	s.Checked = !s.Checked
	s.Refresh()
	if s.OnChanged != nil {
		s.OnChanged(s.Checked)
	}
}

// Tapped turns the switch.
func (s *Switch) Tapped(*fyne.PointEvent) { s.turn() }

// MouseIn shows that the switch can be turned.
func (s *Switch) MouseIn(*desktop.MouseEvent) { s.hovered = true; s.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (s *Switch) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (s *Switch) MouseOut() { s.hovered = false; s.Refresh() }

// FocusGained shows that keys go to the switch, and brings it into view.
func (s *Switch) FocusGained() {
	s.focused = true
	s.Refresh()
	Reveal(s)
}

// FocusLost ends what FocusGained began.
func (s *Switch) FocusLost() { s.focused = false; s.Refresh() }

// TypedRune is part of fyne.Focusable.
func (s *Switch) TypedRune(rune) {}

// TypedKey turns the switch, or cancels its sheet.
func (s *Switch) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		s.turn()
	case fyne.KeyEscape:
		if on := sheetOn(s); on != nil {
			on.cancel()
		}
	case fyne.KeyPageUp, fyne.KeyPageDown, fyne.KeyHome, fyne.KeyEnd:
		scrollAround(s, e.Name)
	}
}

// AccessibilityLabel names what is switched.
func (s *Switch) AccessibilityLabel() string { return s.Name }

// AccessibilityRole says that it acts.
func (s *Switch) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer links the switch to what is drawn.
func (s *Switch) CreateRenderer() fyne.WidgetRenderer {
	r := &switchRenderer{s: s, track: canvas.NewRectangle(color.Transparent), knob: canvas.NewCircle(color.Transparent)}
	r.paint()
	return r
}

const (
	switchWidth  float32 = 36
	switchHeight float32 = 20
)

type switchRenderer struct {
	s     *Switch
	track *canvas.Rectangle
	knob  *canvas.Circle
}

func (r *switchRenderer) paint() {
	th, v := r.s.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.track.CornerRadius = switchHeight / 2
	r.track.FillColor = th.Color(theme.ColorNameDisabled, v)
	r.knob.FillColor = color.White
	if r.s.Checked {
		r.track.FillColor = th.Color(theme.ColorNamePrimary, v)
	}
	r.track.StrokeWidth = 0
	if r.s.focused || r.s.hovered {
		r.track.StrokeWidth = 2
		r.track.StrokeColor = th.Color(theme.ColorNameFocus, v)
	}
	if r.s.Disabled() {
		r.track.FillColor = Faded(r.track.FillColor, 0.5)
		r.knob.FillColor = Faded(color.White, 0.6)
	}
}

func (r *switchRenderer) Layout(size fyne.Size) {
	x, y := (size.Width-switchWidth)/2, (size.Height-switchHeight)/2
	r.track.Move(fyne.NewPos(x, y))
	r.track.Resize(fyne.NewSize(switchWidth, switchHeight))
	const inset float32 = 3
	d := switchHeight - 2*inset
	kx := x + inset
	if r.s.Checked {
		kx = x + switchWidth - inset - d
	}
	r.knob.Move(fyne.NewPos(kx, y+inset))
	r.knob.Resize(fyne.NewSquareSize(d))
}

func (r *switchRenderer) MinSize() fyne.Size {
	return fyne.NewSize(switchWidth+4, switchHeight+4)
}

func (r *switchRenderer) Refresh() {
	r.paint()
	r.Layout(r.s.Size())
	r.track.Refresh()
	r.knob.Refresh()
}

func (r *switchRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.track, r.knob}
}

func (r *switchRenderer) Destroy() {}
