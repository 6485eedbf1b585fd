// Package form has the pieces that the pages of the window are built from:
// cards, fields with their error beside them, rows of names and values, modal
// sheets, and a view of exact text.
//
// It knows nothing of servers or models and keeps nothing. Everything here
// belongs to the goroutine of the window.
//
//	name := form.NewField("Name", "A short name, for example files")
//	sheet := form.NewSheet(window, "Add a server", form.Column(name))
//	sheet.SetButtons(cancel, add)
//	sheet.Show()
package form

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// Gap is the distance between the parts of a form; Gap*2 lies between groups.
const Gap float32 = 8

// Column stacks objects with even gaps. What is hidden takes no room.
func Column(objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedVBoxLayout(Gap), objects...)
}

// Groups stacks objects with wide gaps.
func Groups(objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedVBoxLayout(Gap*2), objects...)
}

// Row puts objects side by side with even gaps.
func Row(objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedHBoxLayout(Gap), objects...)
}

// Pad surrounds an object.
func Pad(horizontal, vertical float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedLayout(vertical, vertical, horizontal, horizontal), o)
}

// Relayout lays out anew all that an object is part of, after it grew or
// shrank. It does nothing while the object is not on a screen.
func Relayout(o fyne.CanvasObject) {
	c := fyne.CurrentApp().Driver().CanvasForObject(o)
	if c == nil {
		return
	}
	if top := c.Overlays().Top(); top != nil {
		top.Refresh()
		return
	}
	if content := c.Content(); content != nil {
		content.Refresh()
	}
}

// Label returns wrapped text.
func Label(text string) *Words {
	l := NewWords(text)
	l.Wrapping = fyne.TextWrapWord
	return l
}

// Bold returns text of the weight of a heading.
func Bold(text string) *Words {
	l := NewWords(text)
	l.TextStyle.Bold = true
	return l
}

// Failure returns wrapped text that says what went wrong; hidden if empty.
func Failure(text string) *Words {
	l := Label(text)
	l.Importance = widget.DangerImportance
	if text == "" {
		l.Hide()
	}
	return l
}

// SetFailure shows the sentence, or hides the label if there is none.
func SetFailure(l *Words, text string) {
	if l.Text != text {
		l.SetText(text)
	}
	if text == "" {
		l.Hide()
	} else {
		l.Show()
	}
}

// Button returns a button of plain weight.
func Button(text string, tapped func()) *Action {
	return NewAction(text, widget.MediumImportance, tapped)
}

// Quiet returns a button without a background.
func Quiet(text string, icon fyne.Resource, tapped func()) *Action {
	a := NewAction(text, widget.LowImportance, tapped)
	a.SetIcon(icon)
	return a
}

// Heading is the title of a page, with what can be done there at its end.
func Heading(title, subtitle string, actions ...fyne.CanvasObject) fyne.CanvasObject {
	t := NewWords(title)
	t.TextStyle.Bold = true
	t.SizeName = theme.SizeNameHeadingText
	end := &fyne.Container{Layout: &wrap{gap: Gap}, Objects: actions}
	left := container.New(layout.NewCustomPaddedVBoxLayout(-8), t)
	if subtitle != "" {
		left.Add(Muted(subtitle))
	}
	return Beside(left, end, 240)
}

// Page lays a page out: its heading and content in one scrolled column of a
// width that is pleasant to read.
func Page(width float32, objects ...fyne.CanvasObject) (*container.Scroll, *fyne.Container) {
	column := Groups(objects...)
	return container.NewVScroll(container.New(Centered(width), Pad(24, 20, column))), column
}

// Centered is a layout that gives its objects at most the width, in the
// middle.
func Centered(width float32) fyne.Layout { return centered(width) }

type centered float32

func (c centered) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w := min(size.Width, float32(c))
	for _, o := range objects {
		o.Move(fyne.NewPos((size.Width-w)/2, 0))
		o.Resize(fyne.NewSize(w, size.Height))
	}
}

func (c centered) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var s fyne.Size
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s
}

// Sized is a layout that gives its objects at least that size.
func Sized(w, h float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(sized{fyne.NewSize(w, h)}, o)
}

type sized struct{ least fyne.Size }

func (s sized) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.Position{})
		o.Resize(size)
	}
}

func (s sized) MinSize(objects []fyne.CanvasObject) fyne.Size {
	m := s.least
	for _, o := range objects {
		m = m.Max(o.MinSize())
	}
	return m
}

// Gutter leaves room at the right for the bar of a scroll.
func Gutter(o fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedLayout(0, 0, 0, 2*Gap), o)
}

// Card is a framed area of the page.
type Card struct {
	widget.BaseWidget
	content fyne.CanvasObject
	tone    fyne.ThemeColorName
}

// NewCard frames the content.
func NewCard(content fyne.CanvasObject) *Card { return NewToned(content, "") }

// NewToned frames the content in a colour that says what it means, such as
// theme.ColorNameWarning.
func NewToned(content fyne.CanvasObject, tone fyne.ThemeColorName) *Card {
	c := &Card{content: content, tone: tone}
	c.ExtendBaseWidget(c)
	return c
}

// CreateRenderer links the card to what is drawn.
func (c *Card) CreateRenderer() fyne.WidgetRenderer {
	r := &cardRenderer{card: c, back: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

// cardPad lies between the frame and the content.
const cardPad float32 = 12

type cardRenderer struct {
	card *Card
	back *canvas.Rectangle
}

func (r *cardRenderer) paint() {
	th, v := r.card.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.CornerRadius = uitheme.Radius
	r.back.StrokeWidth = 1
	r.back.FillColor = th.Color(uitheme.ColorCard, v)
	r.back.StrokeColor = th.Color(theme.ColorNameSeparator, v)
	if r.card.tone != "" {
		tone := th.Color(r.card.tone, v)
		r.back.StrokeColor = Faded(tone, 0.55)
		r.back.FillColor = Faded(tone, 0.09)
	}
}

func (r *cardRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.card.content.Move(fyne.NewPos(cardPad, cardPad))
	r.card.content.Resize(fyne.NewSize(size.Width-2*cardPad, size.Height-2*cardPad))
}

func (r *cardRenderer) MinSize() fyne.Size {
	return r.card.content.MinSize().Add(fyne.NewSquareSize(2 * cardPad))
}

func (r *cardRenderer) Refresh() {
	r.paint()
	r.back.Refresh()
	r.card.content.Refresh()
}

func (r *cardRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.card.content}
}

func (r *cardRenderer) Destroy() {}

// Faded returns the colour with its opacity scaled.
func Faded(c color.Color, opacity float64) color.Color {
	n, ok := color.NRGBAModel.Convert(c).(color.NRGBA)
	if !ok {
		return c
	}
	n.A = uint8(float64(n.A) * opacity)
	return n
}

// Dot is a small disc whose colour says a state.
type Dot struct {
	widget.BaseWidget
	tone fyne.ThemeColorName
}

// NewDot makes a disc of a colour of the theme.
func NewDot(tone fyne.ThemeColorName) *Dot {
	d := &Dot{tone: tone}
	d.ExtendBaseWidget(d)
	return d
}

// SetTone changes the colour.
func (d *Dot) SetTone(tone fyne.ThemeColorName) {
	if d.tone != tone {
		d.tone = tone
		d.Refresh()
	}
}

// CreateRenderer links the disc to what is drawn.
func (d *Dot) CreateRenderer() fyne.WidgetRenderer {
	r := &dotRenderer{dot: d, disc: canvas.NewCircle(color.Transparent)}
	r.paint()
	return r
}

const dotSize float32 = 10

type dotRenderer struct {
	dot  *Dot
	disc *canvas.Circle
}

func (r *dotRenderer) paint() {
	r.disc.FillColor = r.dot.Theme().Color(r.dot.tone, fyne.CurrentApp().Settings().ThemeVariant())
}

func (r *dotRenderer) Layout(size fyne.Size) {
	r.disc.Resize(fyne.NewSquareSize(dotSize))
	r.disc.Move(fyne.NewPos((size.Width-dotSize)/2, (size.Height-dotSize)/2))
}

func (r *dotRenderer) MinSize() fyne.Size           { return fyne.NewSquareSize(dotSize) }
func (r *dotRenderer) Refresh()                     { r.paint(); r.disc.Refresh() }
func (r *dotRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.disc} }
func (r *dotRenderer) Destroy()                     {}
