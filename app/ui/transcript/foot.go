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

// Foot is what stands in the row of small buttons below a message.
type Foot struct {
	// Copy returns what the first button copies; nil has no such button.
	Copy func() string
	// At and Of say which of several messages in the same place is shown,
	// counted from 1. Nothing is shown where Of is below 2.
	At, Of int
	// Turn goes to the message at that place; it cannot be gone to while Turn is
	// nil.
	Turn    func(at int)
	Actions []FootAction
	Info    string // small words beside the buttons
}

// FootAction is a button of a Foot. It cannot be pressed while Do is nil.
type FootAction struct {
	Label string
	Icon  look.IconName
	Do    func()
}

// RefreshFeet asks for the rows below the messages in view again.
func (v *View) RefreshFeet() {
	v.eachInView(func(b *block, _ float32) {
		if f, ok := b.fixed.(*foot); ok {
			f.set(v.footOf(f.id))
		}
	})
}

func (v *View) footOf(id string) Foot {
	if v.o.Foot != nil {
		return v.o.Foot(id)
	}
	return Foot{Copy: func() string { return v.textOf(id) }}
}

// textOf is what a message says.
func (v *View) textOf(id string) string {
	if e := v.byID[id]; e != nil {
		if e.doc != nil {
			return string(e.doc.src)
		}
		if u, ok := e.item.(User); ok {
			return u.Text
		}
	}
	return ""
}

// footBlock is the row of small buttons below the entry's message.
func (e *entry) footBlock(right bool) *block {
	id := e.item.id()
	b := &block{gap: 2, tall: func(float32) float32 { return footHeight }}
	b.make = func() fyne.CanvasObject {
		f := newFoot(e.view, id, right)
		f.reveal = func() { e.view.reveal(b) }
		f.set(e.view.footOf(id))
		return f
	}
	return b
}

const footHeight float32 = 24

// foot shows a Foot.
type foot struct {
	widget.BaseWidget
	view    *View
	id      string
	right   bool // it stands at the right
	reveal  func()
	short   bool // its words were shortened
	now     Foot
	before  *look.IconButton
	after   *look.IconButton
	buttons []*look.IconButton
}

func newFoot(v *View, id string, right bool) *foot {
	f := &foot{view: v, id: id, right: right}
	f.ExtendBaseWidget(f)
	return f
}

// set shows another state. Buttons that stay are the same widgets, so that one
// that has the focus keeps it.
func (f *foot) set(now Foot) {
	f.now = now
	type wanted struct {
		label string
		icon  look.IconName
		do    func()
	}
	var list []wanted
	if now.Of > 1 {
		turn := func(by int) func() {
			return func() {
				if at := f.now.At + by; f.now.Turn != nil && at >= 1 && at <= f.now.Of {
					f.now.Turn(at)
				}
			}
		}
		list = append(list, wanted{say.T("Show the one before"), look.IconChevronLeft, turn(-1)}, wanted{say.T("Show the one after"), look.IconChevronRight, turn(1)})
	}
	if now.Copy != nil {
		list = append(list, wanted{say.T("Copy message"), look.IconCopy, func() {
			if f.now.Copy != nil {
				f.view.copy(f.now.Copy())
			}
		}})
	}
	for _, a := range now.Actions {
		list = append(list, wanted{a.Label, a.Icon, a.Do})
	}
	old := map[string]*look.IconButton{}
	for _, b := range f.buttons {
		old[b.Label] = b
	}
	f.buttons = nil
	for _, w := range list {
		b := old[w.label]
		if b == nil {
			b = look.NewSmallIconButton(w.label, look.Icon(w.icon), nil)
			b.OnFocus = f.reveal
		}
		b.OnTapped = w.do
		able(b, w.do != nil)
		f.buttons = append(f.buttons, b)
	}
	f.before, f.after = nil, nil
	if now.Of > 1 {
		f.before, f.after = f.buttons[0], f.buttons[1]
		able(f.before, now.Turn != nil && now.At > 1)
		able(f.after, now.Turn != nil && now.At < now.Of)
	}
	f.Refresh()
}

func able(b *look.IconButton, on bool) {
	if on == b.Disabled() {
		if on {
			b.Enable()
		} else {
			b.Disable()
		}
	}
}

// place says which of several is shown.
func (f *foot) place() string {
	if f.now.Of < 2 {
		return ""
	}
	return say.F("%d of %d", f.now.At, f.now.Of)
}

// DumpText returns the words of the row.
func (f *foot) DumpText() string {
	if f.place() != "" && f.now.Info != "" {
		return f.place() + " · " + f.now.Info
	}
	return f.place() + f.now.Info
}

// AccessibilityLabel says the words of the row in full.
func (f *foot) AccessibilityLabel() string { return f.DumpText() }

// AccessibilityRole says that it is read.
func (f *foot) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// MouseIn shows the words in full where they were shortened.
func (f *foot) MouseIn(*desktop.MouseEvent) {
	if f.short {
		f.view.showTip(f.DumpText())
	}
}

// MouseMoved is part of desktop.Hoverable.
func (f *foot) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (f *foot) MouseOut() {
	if f.short {
		f.view.showTip("")
	}
}

// CreateRenderer links the row to what is drawn.
func (f *foot) CreateRenderer() fyne.WidgetRenderer {
	r := &footRenderer{f: f, place: canvas.NewText("", color.Transparent), info: canvas.NewText("", color.Transparent)}
	r.paint()
	return r
}

type footRenderer struct {
	f           *foot
	place, info *canvas.Text
}

func (r *footRenderer) paint() {
	th, v := r.f.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	for _, t := range []*canvas.Text{r.place, r.info} {
		t.Color, t.TextSize = th.Color(look.ColorMuted, v), th.Size(theme.SizeNameCaptionText)
	}
	r.place.Text = r.f.place()
}

const footStep float32 = 26 // from one button to the next

func (r *footRenderer) Layout(size fyne.Size) {
	f := r.f
	put := func(o fyne.CanvasObject, x float32, s fyne.Size) {
		o.Resize(s)
		o.Move(fyne.NewPos(x, (size.Height-s.Height)/2))
	}
	width, place := float32(len(f.buttons))*footStep, r.place.MinSize()
	if f.before != nil {
		width += place.Width
	}
	// The glyph of a button stands 5 from its edge, which here is made even
	// with the text above.
	x := float32(-5)
	if f.right {
		x = size.Width - width + 7
	}
	rest := f.buttons
	if f.before != nil {
		put(f.buttons[0], x, fyne.NewSquareSize(24))
		put(r.place, x+footStep-1, place)
		put(f.buttons[1], x+footStep-2+place.Width, fyne.NewSquareSize(24))
		x += 2*footStep + place.Width
		rest = f.buttons[2:]
	}
	for _, b := range rest {
		put(b, x, fyne.NewSquareSize(24))
		x += footStep
	}
	x += 6
	room := size.Width - x
	if f.right {
		room = size.Width - width - 8
	}
	r.info.Text, f.short = "", false
	if f.now.Info != "" {
		r.info.Text = form.Shorten(f.now.Info, max(room, 0), r.info.TextSize, r.info.TextStyle)
		f.short = r.info.Text != f.now.Info
	}
	if f.right {
		x = room - r.info.MinSize().Width
	}
	put(r.info, x, r.info.MinSize())
}

func (r *footRenderer) MinSize() fyne.Size { return fyne.NewSize(60, footHeight) }

func (r *footRenderer) Refresh() {
	r.paint()
	r.Layout(r.f.Size())
	for _, b := range r.f.buttons {
		b.Refresh()
	}
	canvas.Refresh(r.f)
}

func (r *footRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.place, r.info}
	for _, b := range r.f.buttons {
		out = append(out, b)
	}
	return out
}

func (r *footRenderer) Destroy() {}
