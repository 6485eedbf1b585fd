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
)

// Sheet is a modal dialog: a title, a content that scrolls, and buttons.
// Escape cancels it.
type Sheet struct {
	canvas  fyne.Canvas
	title   *Words
	fail    *Words
	scroll  *container.Scroll
	fill    fyne.CanvasObject // takes the place of scroll
	buttons *fyne.Container
	overlay *sheetOverlay
	size    fyne.Size
	focus   fyne.Focusable
	before  func(*fyne.KeyEvent)
	onClose func()
	cancel  func()
	submit  *Action // what Return in a field presses; nil for nothing
	open    bool
}

// NewSheet prepares a sheet over the window.
func NewSheet(w fyne.Window, title string, content fyne.CanvasObject) *Sheet {
	return NewSheetOn(w.Canvas(), title, content)
}

// NewSheetOn prepares a sheet over what a canvas shows.
func NewSheetOn(c fyne.Canvas, title string, content fyne.CanvasObject) *Sheet {
	s := &Sheet{canvas: c, title: Bold(title), fail: Failure(""), size: fyne.NewSize(640, 520)}
	s.title.SizeName = theme.SizeNameSubHeadingText
	s.title.Truncation = fyne.TextTruncateEllipsis
	s.scroll = container.NewVScroll(gutter(content))
	s.buttons = &fyne.Container{Layout: &wrap{gap: Gap}}
	s.cancel = s.Close
	return s
}

// gutter leaves room for the bar of the scroll.
func gutter(content fyne.CanvasObject) fyne.CanvasObject {
	if content == nil {
		content = container.NewStack()
	}
	return container.New(layout.NewCustomPaddedLayout(4, 4, 0, 12), content)
}

// SetContent replaces what the sheet shows.
func (s *Sheet) SetContent(title string, content fyne.CanvasObject) {
	s.title.SetText(title)
	s.scroll.Content = gutter(content)
	s.scroll.Offset = fyne.Position{}
	s.scroll.Refresh()
	s.Fail("")
}

// SetFill replaces the content by one that scrolls by itself.
func (s *Sheet) SetFill(title string, content fyne.CanvasObject) {
	s.title.SetText(title)
	s.fill = content
	s.Fail("")
}

// SetButtons sets the buttons at the lower right, the last one outermost.
func (s *Sheet) SetButtons(objects ...fyne.CanvasObject) {
	s.submit = nil
	s.buttons.Objects = append([]fyne.CanvasObject{layout.NewSpacer()}, objects...)
	s.buttons.Refresh()
}

// SetSubmit has Return in a field of one line press one of the buttons, until there
// are others.
func (s *Sheet) SetSubmit(a *Action) { s.submit = a }

// SetSize says how large the sheet wants to be; a small window makes it
// smaller.
func (s *Sheet) SetSize(width, height float32) {
	s.size = fyne.NewSize(width, height)
	if s.open {
		s.overlay.Refresh()
	}
}

// SetFocus says what has the focus when the sheet opens, or now if it is open.
func (s *Sheet) SetFocus(f fyne.Focusable) {
	s.focus = f
	if s.open {
		s.canvas.Focus(f)
	}
}

// OnClose sets what is called when the sheet was closed in any way.
func (s *Sheet) OnClose(f func()) { s.onClose = f }

// OnCancel sets what Escape does instead of closing the sheet.
func (s *Sheet) OnCancel(f func()) { s.cancel = f }

// Fail shows a sentence above the buttons; empty removes it.
func (s *Sheet) Fail(sentence string) {
	SetFailure(s.fail, sentence)
	if s.open {
		s.overlay.Refresh()
	}
}

// IsOpen reports whether the sheet is on the screen.
func (s *Sheet) IsOpen() bool { return s.open }

// Show opens the sheet.
func (s *Sheet) Show() {
	if s.open {
		return
	}
	s.open = true
	head := container.New(layout.NewCustomPaddedVBoxLayout(6), s.title, widget.NewSeparator())
	foot := container.New(layout.NewCustomPaddedVBoxLayout(8), widget.NewSeparator(), s.fail, s.buttons)
	var middle fyne.CanvasObject = s.scroll
	if s.fill != nil {
		middle = s.fill
	}
	body := Pad(16, 14, container.New(layout.NewBorderLayout(head, foot, nil, nil), head, foot, middle))
	s.overlay = &sheetOverlay{sheet: s, body: body}
	s.overlay.ExtendBaseWidget(s.overlay)
	s.canvas.Overlays().Add(s.overlay)
	s.overlay.Resize(s.canvas.Size())
	s.before = s.canvas.OnTypedKey()
	s.canvas.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			s.cancel()
		}
	})
	if s.focus != nil {
		s.canvas.Focus(s.focus)
	}
}

// Close removes the sheet, and whatever lies above it.
func (s *Sheet) Close() {
	if !s.open {
		return
	}
	s.open = false
	s.canvas.Overlays().Remove(s.overlay)
	s.canvas.SetOnTypedKey(s.before)
	if s.onClose != nil {
		s.onClose()
	}
}

// Reveal scrolls so far that all of an object in the content can be seen.
func (s *Sheet) Reveal(o fyne.CanvasObject) {
	if s.open {
		s.overlay.Refresh()
		scrollTo(s.scroll, o)
	}
}

// FocusAdded gives the focus to a part of a row that was just added to a list,
// and brings it into view. Such a row has not been drawn, so that the driver
// does not know yet where it is; the list it knows.
func FocusAdded(list *fyne.Container, row fyne.CanvasObject, f fyne.Focusable) {
	driver := fyne.CurrentApp().Driver()
	c := driver.CanvasForObject(list)
	if c == nil {
		return
	}
	Relayout(list)
	c.Focus(f)
	if s := sheetOn(list); s != nil && s.fill == nil {
		scrollToArea(s.scroll, driver.AbsolutePositionForObject(list).Y+row.Position().Y, row.Size().Height)
	}
}

// sheetOn returns the sheet that lies on top, or nil.
func sheetOn(o fyne.CanvasObject) *Sheet {
	c := fyne.CurrentApp().Driver().CanvasForObject(o)
	if c == nil {
		return nil
	}
	if top, ok := c.Overlays().Top().(*sheetOverlay); ok {
		return top.sheet
	}
	return nil
}

// sheetOverlay covers the window and has the sheet in its middle.
type sheetOverlay struct {
	widget.BaseWidget
	sheet *Sheet
	body  fyne.CanvasObject
}

// CreateRenderer links the overlay to what is drawn.
func (o *sheetOverlay) CreateRenderer() fyne.WidgetRenderer {
	r := &sheetRenderer{o: o, scrim: canvas.NewRectangle(color.Transparent), panel: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

type sheetRenderer struct {
	o            *sheetOverlay
	scrim, panel *canvas.Rectangle
}

func (r *sheetRenderer) paint() {
	th, v := r.o.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.scrim.FillColor = color.NRGBA{A: 0x66}
	if v == theme.VariantDark {
		r.scrim.FillColor = color.NRGBA{A: 0x99}
	}
	r.panel.FillColor = th.Color(theme.ColorNameOverlayBackground, v)
	r.panel.StrokeColor = th.Color(theme.ColorNameSeparator, v)
	r.panel.StrokeWidth = 1
	r.panel.CornerRadius = 12
}

// margin is what stays visible of the window around a large sheet.
const margin float32 = 24

func (r *sheetRenderer) Layout(size fyne.Size) {
	r.scrim.Resize(size)
	least := r.o.body.MinSize()
	want := fyne.NewSize(
		max(min(r.o.sheet.size.Width, size.Width-2*margin), least.Width),
		max(min(r.o.sheet.size.Height, size.Height-2*margin), least.Height))
	want = want.Min(size)
	at := fyne.NewPos((size.Width-want.Width)/2, (size.Height-want.Height)/2)
	for _, o := range []fyne.CanvasObject{r.panel, r.o.body} {
		o.Move(at)
		o.Resize(want)
	}
	// Text that is wrapped for this width may be higher now, so that what is
	// around it has to be laid out again.
	for range 3 {
		before := r.o.body.MinSize()
		r.o.body.Refresh()
		if r.o.body.MinSize() == before {
			return
		}
	}
}

func (r *sheetRenderer) MinSize() fyne.Size { return r.o.body.MinSize() }

func (r *sheetRenderer) Refresh() {
	r.paint()
	r.Layout(r.o.Size())
	r.scrim.Refresh()
	r.panel.Refresh()
}

func (r *sheetRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.scrim, r.panel, r.o.body}
}

func (r *sheetRenderer) Destroy() {}

// Action is a button that Return presses too, and that passes Escape on to the
// sheet it is on.
type Action struct {
	widget.Button
	// Name tells what the button does where it shows no text, or one that
	// several buttons share.
	Name    string
	focused bool
}

// NewAction returns a button.
func NewAction(text string, importance widget.Importance, tapped func()) *Action {
	a := &Action{}
	a.Text, a.Importance, a.OnTapped = text, importance, tapped
	a.ExtendBaseWidget(a)
	return a
}

// AccessibilityLabel tells what the button does.
func (a *Action) AccessibilityLabel() string {
	if a.Name != "" {
		return a.Name
	}
	return a.Text
}

// FocusGained brings the button into view.
func (a *Action) FocusGained() {
	a.focused = true
	a.Button.FocusGained()
	a.Refresh()
	Reveal(a)
}

// FocusLost ends what FocusGained began.
func (a *Action) FocusLost() {
	a.focused = false
	a.Button.FocusLost()
	a.Refresh()
}

// CreateRenderer draws the focus beside the button.
func (a *Action) CreateRenderer() fyne.WidgetRenderer {
	return Ringed(a, a.Button.CreateRenderer(), func() bool { return a.focused })
}

// TypedKey presses the button, or cancels its sheet.
func (a *Action) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		a.press()
	case fyne.KeyEscape:
		if s := sheetOn(a); s != nil {
			s.cancel()
		}
	case fyne.KeyPageUp, fyne.KeyPageDown, fyne.KeyHome, fyne.KeyEnd:
		scrollAround(a, e.Name)
	default:
		a.Button.TypedKey(e)
	}
}

// press taps the button and keeps the focus on it, which Fyne's button drops,
// unless what the button did took the keys elsewhere.
func (a *Action) press() {
	c := fyne.CurrentApp().Driver().CanvasForObject(a)
	if c == nil {
		a.Tapped(nil)
		return
	}
	top := c.Overlays().Top()
	a.Tapped(nil)
	if c.Focused() == nil && c.Overlays().Top() == top {
		c.Focus(a)
	}
}

// Confirm asks before something that cannot be undone. Cancel has the focus.
func Confirm(w fyne.Window, title, text, yes string, confirmed func()) *Sheet {
	s := NewSheet(w, title, Label(text))
	s.SetSize(460, 220)
	cancel := NewAction(say.T("Cancel"), widget.MediumImportance, s.Close)
	s.SetButtons(cancel, NewAction(yes, widget.DangerImportance, func() {
		s.Close()
		confirmed()
	}))
	s.SetFocus(cancel)
	s.Show()
	return s
}
