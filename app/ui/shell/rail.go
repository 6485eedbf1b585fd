package shell

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
)

// railWidth is the width of the strip at the left, where its words need no more.
const railWidth float32 = 72

// railSide is how much of it is left free at each side.
const railSide float32 = 6

// rail is the strip at the left that switches between the pages; some entries
// stand at the bottom.
type rail struct {
	widget.BaseWidget
	items []*railItem
	low   int // how many of them stand at the bottom
}

func newRail(top, bottom []*railItem) *rail {
	r := &rail{items: slices.Concat(top, bottom), low: len(bottom)}
	r.ExtendBaseWidget(r)
	return r
}

// choose marks one entry as the page that is shown.
func (r *rail) choose(item *railItem) {
	for _, i := range r.items {
		i.set(i == item, i.alert)
	}
}

// CreateRenderer links the rail to what is drawn.
func (r *rail) CreateRenderer() fyne.WidgetRenderer {
	rr := &railRenderer{rail: r, back: canvas.NewRectangle(color.Transparent), edge: canvas.NewRectangle(color.Transparent)}
	rr.paint()
	return rr
}

type railRenderer struct {
	rail       *rail
	back, edge *canvas.Rectangle
}

func (r *railRenderer) paint() {
	th, v := r.rail.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.FillColor = th.Color(theme.ColorNameHeaderBackground, v)
	r.edge.FillColor = th.Color(theme.ColorNameSeparator, v)
}

func (r *railRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.edge.Move(fyne.NewPos(size.Width-1, 0))
	r.edge.Resize(fyne.NewSize(1, size.Height))
	const side, gap float32 = railSide, 4
	y := float32(10)
	below := float32(10) - gap // how high those at the bottom are
	for _, item := range r.rail.items[len(r.rail.items)-r.rail.low:] {
		below += item.MinSize().Height + gap
	}
	for i, item := range r.rail.items {
		h := item.MinSize().Height
		if i == len(r.rail.items)-r.rail.low {
			y = max(y, size.Height-below)
		}
		item.Move(fyne.NewPos(side, y))
		item.Resize(fyne.NewSize(size.Width-2*side-1, h))
		y += h + gap
	}
}

func (r *railRenderer) MinSize() fyne.Size {
	w, h := railWidth, float32(20)
	for _, item := range r.rail.items {
		least := item.MinSize()
		w, h = max(w, least.Width+2*railSide+1), h+least.Height+4
	}
	return fyne.NewSize(w, h)
}

func (r *railRenderer) Refresh() {
	r.paint()
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

func (r *railRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.back, r.edge}
	for _, item := range r.rail.items {
		out = append(out, item)
	}
	return out
}

func (r *railRenderer) Destroy() {}

// railItem is an icon with a caption.
type railItem struct {
	widget.BaseWidget
	caption string
	name    string // where it says more than the caption
	icon    fyne.Resource
	tapped  func()
	chosen  bool
	alert   bool // a dot says that something there wants to be looked at
	alarm   bool // it stands out, since it says that something unusual holds
	hovered bool
	focused bool
}

var (
	_ fyne.Tappable     = (*railItem)(nil)
	_ fyne.Focusable    = (*railItem)(nil)
	_ desktop.Hoverable = (*railItem)(nil)
	_ fyne.Accessible   = (*railItem)(nil)
)

func newRailItem(caption string, icon fyne.Resource, tapped func()) *railItem {
	i := &railItem{caption: caption, icon: icon, tapped: tapped}
	i.ExtendBaseWidget(i)
	return i
}

func (i *railItem) set(chosen, alert bool) {
	if i.chosen != chosen || i.alert != alert {
		i.chosen, i.alert = chosen, alert
		i.Refresh()
	}
}

// sound has the entry stand out, or not, under that caption.
func (i *railItem) sound(alarm bool, caption string) {
	if i.alarm != alarm || i.caption != caption {
		i.alarm, i.caption = alarm, caption
		i.Refresh()
	}
}

// Tapped opens the page.
func (i *railItem) Tapped(*fyne.PointEvent) { i.tapped() }

// MouseIn shows that the entry can be tapped.
func (i *railItem) MouseIn(*desktop.MouseEvent) { i.hovered = true; i.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (i *railItem) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (i *railItem) MouseOut() { i.hovered = false; i.Refresh() }

// FocusGained shows that keys go to the entry.
func (i *railItem) FocusGained() { i.focused = true; i.Refresh() }

// FocusLost ends what FocusGained began.
func (i *railItem) FocusLost() { i.focused = false; i.Refresh() }

// TypedRune is part of fyne.Focusable.
func (i *railItem) TypedRune(rune) {}

// TypedKey opens the page.
func (i *railItem) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		i.tapped()
	}
}

// AccessibilityLabel names the page.
func (i *railItem) AccessibilityLabel() string {
	if i.name != "" {
		return i.name
	}
	return i.caption
}

// AccessibilityRole says that the entry acts.
func (i *railItem) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// DumpText names the page for a dump of the window.
func (i *railItem) DumpText() string { return i.caption }

// CreateRenderer links the entry to what is drawn.
func (i *railItem) CreateRenderer() fyne.WidgetRenderer {
	r := &railItemRenderer{
		item: i,
		back: canvas.NewRectangle(color.Transparent),
		icon: widget.NewIcon(i.icon),
		text: canvas.NewText(i.caption, color.Transparent),
		dot:  canvas.NewCircle(color.Transparent),
	}
	r.text.Alignment = fyne.TextAlignCenter
	r.paint()
	return r
}

type railItemRenderer struct {
	item *railItem
	back *canvas.Rectangle
	icon *widget.Icon
	text *canvas.Text
	dot  *canvas.Circle
}

func (r *railItemRenderer) paint() {
	th, v := r.item.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	primary := th.Color(theme.ColorNamePrimary, v)
	r.back.CornerRadius = 10
	r.back.FillColor = color.Transparent
	r.back.StrokeWidth = 0
	r.text.Color = th.Color(theme.ColorNamePlaceHolder, v)
	r.text.TextSize = th.Size(theme.SizeNameCaptionText)
	r.text.TextStyle.Bold = r.item.chosen
	r.text.Text = bidi.Visual(r.item.caption)
	switch {
	case r.item.alarm:
		r.back.FillColor = th.Color(theme.ColorNameError, v)
		r.text.Color = th.Color(theme.ColorNameForegroundOnError, v)
		r.text.TextStyle.Bold = true
		r.icon.SetResource(theme.NewColoredResource(r.item.icon, theme.ColorNameForegroundOnError))
	case r.item.chosen:
		r.back.FillColor = form.Faded(primary, 0.16)
		r.text.Color = th.Color(theme.ColorNameForeground, v)
		r.icon.SetResource(theme.NewPrimaryThemedResource(r.item.icon))
	default:
		r.icon.SetResource(r.item.icon)
		if r.item.hovered {
			r.back.FillColor = th.Color(theme.ColorNameHover, v)
		}
	}
	if r.item.focused {
		r.back.StrokeWidth = 2
		r.back.StrokeColor = th.Color(theme.ColorNameFocus, v)
	}
	r.dot.FillColor = th.Color(theme.ColorNameWarning, v)
	if r.item.alert {
		r.dot.Show()
	} else {
		r.dot.Hide()
	}
}

const railIcon float32 = 22

func (r *railItemRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.icon.Resize(fyne.NewSquareSize(railIcon))
	r.icon.Move(fyne.NewPos((size.Width-railIcon)/2, 8))
	r.dot.Resize(fyne.NewSquareSize(8))
	r.dot.Move(fyne.NewPos((size.Width+railIcon)/2-2, 6))
	h := r.text.MinSize().Height
	r.text.Resize(fyne.NewSize(size.Width, h))
	r.text.Move(fyne.NewPos(0, size.Height-h-6))
}

func (r *railItemRenderer) MinSize() fyne.Size {
	text := r.text.MinSize()
	return fyne.NewSize(max(railWidth-2*railSide-1, text.Width), railIcon+text.Height+18)
}

func (r *railItemRenderer) Refresh() {
	r.paint()
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

func (r *railItemRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.icon, r.text, r.dot}
}

func (r *railItemRenderer) Destroy() {}
