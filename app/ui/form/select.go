package form

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// Select is a choice of one from a few. Return opens it too, and Escape is
// passed on to the sheet it is on.
type Select struct {
	widget.Select
	// Name tells people who cannot see the choice what it is.
	Name string
}

// NewSelect returns a choice of nothing yet; changed may be nil.
func NewSelect(name string, options []string, changed func(string)) *Select {
	s := &Select{Name: name}
	s.Options, s.OnChanged = options, changed
	s.PlaceHolder = say.T("Choose one")
	s.ExtendBaseWidget(s)
	return s
}

// Least is the width at which each of its options is whole.
func (s *Select) Least() float32 {
	w := float32(0)
	for _, o := range s.Options {
		w = max(w, fyne.MeasureText(o, theme.TextSize(), fyne.TextStyle{}).Width)
	}
	return w + theme.IconInlineSize() + 5*theme.InnerPadding()
}

// AccessibilityLabel names the choice, and says what is chosen.
func (s *Select) AccessibilityLabel() string {
	if s.Selected == "" {
		return s.Name
	}
	return say.F("%s: %s", s.Name, s.Selected)
}

// AccessibilityRole says that it acts.
func (s *Select) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// FocusGained brings the choice into view.
func (s *Select) FocusGained() {
	s.Select.FocusGained()
	Reveal(s)
}

// TypedKey opens the choice, or cancels its sheet.
func (s *Select) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		s.Tapped(nil)
	case fyne.KeyEscape:
		if on := sheetOn(s); on != nil {
			on.cancel()
		}
	default:
		s.Select.TypedKey(e)
	}
}

// Labelled puts a caption above a choice and an explanation below it, which may
// be empty.
func Labelled(caption string, s *Select, help string) *fyne.Container {
	box := container.New(layout.NewCustomPaddedVBoxLayout(0), Caption(caption), Framed(s))
	if help != "" {
		box.Add(Muted(help))
	}
	return box
}

// Framed draws the border of an entry around a choice.
func Framed(s *Select) *fyne.Container { return container.NewStack(s, newFrame()) }

// frame draws the border of an entry around what has none.
type frame struct{ widget.BaseWidget }

func newFrame() *frame {
	f := &frame{}
	f.ExtendBaseWidget(f)
	return f
}

// CreateRenderer links the frame to what is drawn.
func (f *frame) CreateRenderer() fyne.WidgetRenderer {
	r := &frameRenderer{frame: f, line: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

type frameRenderer struct {
	frame *frame
	line  *canvas.Rectangle
}

func (r *frameRenderer) paint() {
	th, v := r.frame.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.line.StrokeColor = th.Color(theme.ColorNameInputBorder, v)
	r.line.StrokeWidth = th.Size(theme.SizeNameInputBorder)
	r.line.CornerRadius = th.Size(theme.SizeNameInputRadius)
}

func (r *frameRenderer) Layout(size fyne.Size)        { r.line.Resize(size) }
func (r *frameRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *frameRenderer) Refresh()                     { r.paint(); r.line.Refresh() }
func (r *frameRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.line} }
func (r *frameRenderer) Destroy()                     {}

// SwitchRow puts a switch at the end of its caption, with an explanation below.
func SwitchRow(s *Switch, caption, help string) *fyne.Container {
	row := container.NewBorder(nil, nil, nil, container.NewCenter(s), Label(caption))
	if help == "" {
		return row
	}
	return container.New(layout.NewCustomPaddedVBoxLayout(-theme.InnerPadding()/2), row, Muted(help))
}

// Fold shows or hides a part of a form that few need.
type Fold struct {
	Box     *fyne.Container
	head    *Action
	content fyne.CanvasObject
}

// NewFold returns one whose content is hidden.
func NewFold(title string, content fyne.CanvasObject) *Fold {
	f := &Fold{content: content}
	f.head = Quiet(title, uitheme.Icon(uitheme.IconChevronRight), func() { f.SetOpen(!f.content.Visible()) })
	f.head.Alignment = widget.ButtonAlignLeading
	content.Hide()
	f.Box = Column(f.head, content)
	return f
}

// SetOpen shows or hides the content.
func (f *Fold) SetOpen(open bool) {
	if f.content.Visible() == open {
		return
	}
	icon := uitheme.IconChevronRight
	if open {
		icon = uitheme.IconChevronDown
		f.content.Show()
	} else {
		f.content.Hide()
	}
	f.head.SetIcon(uitheme.Icon(icon))
	Relayout(f.Box)
}
