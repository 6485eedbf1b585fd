package transcript

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// FindBar is a field for what is looked for in a View, how many there are, and
// the ways to the next and the last one. It floats at the top of the thread;
// stack it on the View. Return goes on, Shift and Return go back, Escape closes
// it.
type FindBar struct {
	widget.BaseWidget
	v          *View
	closed     func()
	field      *findEntry
	prev, next *look.IconButton
	shut       *look.IconButton
	said       string
	none       bool
}

// NewFindBar makes a bar that is hidden until Open. closed is called when the
// person closes it, and may be nil.
func NewFindBar(v *View, closed func()) *FindBar {
	b := &FindBar{v: v, closed: closed}
	b.field = newFindEntry(b)
	b.field.OnChanged = func(text string) { v.Find(text, b.tell) }
	b.field.OnSubmitted = func(string) { v.FindNext(b.field.shift) }
	b.prev = look.NewSmallIconButton(say.T("Find the one before"), look.Icon(look.IconChevronLeft), func() { v.FindNext(true) })
	b.next = look.NewSmallIconButton(say.T("Find the next one"), look.Icon(look.IconChevronRight), func() { v.FindNext(false) })
	b.shut = look.NewSmallIconButton(say.T("Close the search"), look.Icon(look.IconClose), b.Close)
	b.ExtendBaseWidget(b)
	b.Hide()
	return b
}

// Open shows the bar and has keys go to its field.
func (b *FindBar) Open() {
	b.Show()
	if b.field.Text != "" {
		b.v.Find(b.field.Text, b.tell)
	}
	b.tell()
	b.Refresh()
	// The bar itself may never have been on a canvas so far.
	if c := fyne.CurrentApp().Driver().CanvasForObject(b.v); c != nil {
		c.Focus(b.field)
		b.field.TypedShortcut(&fyne.ShortcutSelectAll{})
	}
}

// OpenAt shows the bar with what was looked for elsewhere, and marks these words;
// the first from what is in view on is the current one. The focus stays where it
// is.
func (b *FindBar) OpenAt(looked string, words []string) {
	change := b.field.OnChanged
	b.field.OnChanged = nil
	b.field.SetText(looked)
	b.field.OnChanged = change
	b.Show()
	b.v.FindWords(words, b.tell)
	b.tell()
	b.Refresh()
}

// Close hides the bar and ends the search.
func (b *FindBar) Close() {
	if !b.Visible() {
		return
	}
	b.v.Find("", nil)
	b.Hide()
	if b.closed != nil {
		b.closed()
	}
}

// tell says which of how many it is.
func (b *FindBar) tell() {
	at, of, whole := b.v.Found()
	b.none = false
	switch {
	case b.field.Text == "":
		b.said = ""
	case of == 0 && whole:
		b.said, b.none = say.T("not found"), true
	case of == 0:
		b.said = say.T("searching…")
	case whole:
		b.said = say.F("%d of %d", at, of)
	default:
		b.said = say.F("%d of %d…", at, of)
	}
	b.Refresh()
}

// DumpText returns what the bar says.
func (b *FindBar) DumpText() string { return b.said }

// CreateRenderer links the bar to what is drawn.
func (b *FindBar) CreateRenderer() fyne.WidgetRenderer {
	r := &findBarRenderer{b: b, back: canvas.NewRectangle(color.Transparent), said: canvas.NewText("", color.Transparent)}
	r.paint()
	return r
}

type findBarRenderer struct {
	b    *FindBar
	back *canvas.Rectangle
	said *canvas.Text
}

func (r *findBarRenderer) paint() {
	th, v := r.b.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.FillColor = th.Color(theme.ColorNameOverlayBackground, v)
	r.back.StrokeColor, r.back.StrokeWidth = th.Color(theme.ColorNameInputBorder, v), 1
	r.back.CornerRadius = look.Radius
	r.said.Text = r.b.said
	r.said.TextSize = th.Size(theme.SizeNameCaptionText)
	r.said.Color = th.Color(look.ColorMuted, v)
	if r.b.none {
		r.said.Color = th.Color(theme.ColorNameError, v)
	}
}

const (
	findWidth  float32 = 420
	findHeight float32 = 46
)

func (r *findBarRenderer) Layout(size fyne.Size) {
	w := min(findWidth, size.Width-2*barWidth)
	x := size.Width - w - barWidth - 4
	const top = 8
	r.back.Move(fyne.NewPos(x, top))
	r.back.Resize(fyne.NewSize(w, findHeight))
	right := x + w - 8
	for _, o := range []*look.IconButton{r.b.shut, r.b.next, r.b.prev} {
		right -= 26
		o.Resize(fyne.NewSquareSize(24))
		o.Move(fyne.NewPos(right, top+(findHeight-24)/2))
	}
	s := r.said.MinSize()
	room := max(s.Width, 70)
	right -= room + 8
	r.said.Resize(s)
	r.said.Move(fyne.NewPos(right+room-s.Width, top+(findHeight-s.Height)/2))
	h := r.b.field.MinSize().Height
	r.b.field.Move(fyne.NewPos(x+6, top+(findHeight-h)/2))
	r.b.field.Resize(fyne.NewSize(max(right-x-14, 60), h))
}

func (r *findBarRenderer) MinSize() fyne.Size { return fyne.NewSize(240, findHeight) }

func (r *findBarRenderer) Refresh() {
	r.paint()
	r.Layout(r.b.Size())
	canvas.Refresh(r.b)
}

func (r *findBarRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.b.field, r.said, r.b.prev, r.b.next, r.b.shut}
}

func (r *findBarRenderer) Destroy() {}

// findEntry is the field of a FindBar.
type findEntry struct {
	form.Entry
	bar   *FindBar
	shift bool
}

var _ desktop.Keyable = (*findEntry)(nil)

func newFindEntry(b *FindBar) *findEntry {
	e := &findEntry{bar: b}
	e.Name, e.PlaceHolder = say.T("Find in the conversation"), say.T("Find in the conversation")
	e.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	e.ExtendBaseWidget(e)
	return e
}

// KeyDown notes that Shift is held.
func (e *findEntry) KeyDown(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = true
	}
	e.Entry.KeyDown(k)
}

// KeyUp ends what KeyDown began.
func (e *findEntry) KeyUp(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = false
	}
	e.Entry.KeyUp(k)
}

// FocusLost ends what KeyDown began.
func (e *findEntry) FocusLost() {
	e.shift = false
	e.Entry.FocusLost()
}

// TypedKey closes the bar on Escape.
func (e *findEntry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		e.bar.Close()
		return
	}
	e.Entry.TypedKey(k)
}
