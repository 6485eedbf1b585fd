package uitest

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
)

// cramped says what has no room in what lies on top of a window, in the order in
// which it is drawn: texts that go over the edge of what they are on, or are cut
// where they are no data; texts that lie on one another; and what takes clicks
// or keys beyond the edge of the window, of its sheet or of its scroll, where
// nothing scrolls to it. What opens by a click may be shortened, where its label has
// it in full. Sizes are in units of Fyne.
func cramped(w fyne.Window) []string {
	r := &survey{window: fyne.Position{}.Add(w.Canvas().Size())}
	top := w.Canvas().Overlays().Top()
	if top == nil {
		top = w.Content()
	}
	all := box{0, 0, r.window.X, r.window.Y}
	r.walk(top, site{at: top.Position(), reach: all, on: all, seen: all})
	r.overlaps()
	slices.Sort(r.words)
	return slices.Compact(r.words)
}

// slack is how far letters and frames may go over an edge: by what is rounded.
const slack float32 = 1.5

// leastView is the height of a scroll in which something can be read.
const leastView float32 = 60

// box is a rectangle on the canvas.
type box struct{ x0, y0, x1, y1 float32 }

func boxOf(at fyne.Position, size fyne.Size) box {
	return box{at.X, at.Y, at.X + size.Width, at.Y + size.Height}
}

func (b box) and(o box) box {
	return box{max(b.x0, o.x0), max(b.y0, o.y0), min(b.x1, o.x1), min(b.y1, o.y1)}
}

// beyond says by how much the box goes over the edges of another; empty for not
// at all.
func (b box) beyond(o box) string {
	var out []string
	for _, side := range []struct {
		name string
		by   float32
	}{{"left", o.x0 - b.x0}, {"top", o.y0 - b.y0}, {"right", b.x1 - o.x1}, {"bottom", b.y1 - o.y1}} {
		if side.by > slack {
			out = append(out, fmt.Sprintf("%.0f at the %s", side.by, side.name))
		}
	}
	return strings.Join(out, ", ")
}

// site is where an object is.
type site struct {
	at     fyne.Position
	reach  box    // within which it can be seen, perhaps after scrolling
	on     box    // what it is drawn on: the widgets around it, within reach
	field  bool   // it is in a field, which scrolls with what is typed
	slides bool   // it is moved along its lines where they are too long
	label  string // what it says that is around it and takes clicks, in full
	seen   box    // within which it is seen now
	scroll int    // the scroll that it is in; 0 for none
	in     []string
}

// placed is a text as it is drawn.
type placed struct {
	text   string
	drawn  box
	seen   box
	scroll int
	order  int
	in     []string
}

// cover is something drawn that hides what was drawn before.
type cover struct {
	box   box
	order int
}

// survey is one look at a window.
type survey struct {
	window  fyne.Position
	words   []string
	texts   []placed
	covers  []cover
	order   int
	scrolls int
}

func (r *survey) say(s site, format string, args ...any) {
	r.words = append(r.words, fmt.Sprintf(format, args...)+" (in "+strings.Join(s.in[max(0, len(s.in)-4):], " ")+")")
}

// walk looks at an object and at all that is in it.
func (r *survey) walk(o fyne.CanvasObject, s site) {
	if o == nil || !o.Visible() {
		return
	}
	r.order++
	size := o.Size()
	own := boxOf(s.at, size)
	switch o := o.(type) {
	case *canvas.Text:
		r.text(o, s)
		return
	case *canvas.Rectangle:
		if n, ok := color.NRGBAModel.Convert(o.FillColor).(color.NRGBA); ok && n.A > 0xe0 {
			r.covers = append(r.covers, cover{own.and(s.seen), r.order})
		}
		return
	}
	field := s.field
	if _, ok := o.(fyne.Widget); ok {
		s.label = full(o, s.label)
		_, s.field = o.(interface{ SetPlaceHolder(string) })
	}
	if takes(o) {
		if by := own.beyond(s.reach); by != "" {
			r.say(s, "%s is out of reach by %s", called(o), by)
		}
	}
	if e, ok := o.(*form.Entry); ok {
		r.entry(e, s)
	}
	children := parts(o)
	if len(children) == 0 {
		return
	}
	s.in = append(s.in[:len(s.in):len(s.in)], strings.TrimPrefix(fmt.Sprintf("%T", o), "*"))
	if scroll, ok := o.(*container.Scroll); ok {
		s.field = field
		r.scrolled(scroll, own, s)
		return
	}
	if _, ok := o.(fyne.Scrollable); ok { // it clips, and scrolls by itself
		r.scrolls++
		s.scroll = r.scrolls
		s.seen = s.seen.and(own)
		s.reach = box{own.x0, -1e9, own.x1, 1e9}.and(box{s.reach.x0, -1e9, s.reach.x1, 1e9})
		s.on, s.slides = s.reach, true
	} else if _, ok := o.(fyne.Widget); ok {
		s.on, s.slides = s.on.and(own), false
		if strings.HasSuffix(fmt.Sprintf("%T", o), ".sheetOverlay") {
			panel := children[1]
			s.reach = s.reach.and(boxOf(s.at.Add(panel.Position()), panel.Size()))
			s.on = s.reach
		} else if _, ok := o.(*form.Card); ok {
			s.reach = s.reach.and(own)
		}
	}
	for _, child := range children {
		inner := s
		inner.at = s.at.Add(child.Position())
		r.walk(child, inner)
	}
}

// scrolled looks at what is in a scroll, and at the scroll itself.
func (r *survey) scrolled(scroll *container.Scroll, own box, s site) {
	if scroll.Content == nil {
		return
	}
	if by := own.beyond(s.reach); by != "" {
		r.say(s, "a scroll is out of reach by %s", by)
	}
	view := own.and(s.reach)
	if !s.field && scroll.Direction == container.ScrollVerticalOnly && view.y1-view.y0 < min(leastView, scroll.Content.MinSize().Height)-slack {
		r.say(s, "only %.0f of what scrolls can be seen", view.y1-view.y0)
	}
	inner := s
	r.scrolls++
	inner.scroll = r.scrolls
	inner.seen = s.seen.and(own)
	inner.reach = s.reach.and(own)
	if scroll.Direction == container.ScrollVerticalOnly || scroll.Direction == container.ScrollBoth {
		inner.reach.y0, inner.reach.y1 = -1e9, 1e9
	}
	if scroll.Direction == container.ScrollHorizontalOnly || scroll.Direction == container.ScrollBoth {
		inner.reach.x0, inner.reach.x1 = -1e9, 1e9
	}
	inner.on, inner.slides, inner.field = inner.reach, false, false
	inner.at = s.at.Add(scroll.Content.Position())
	r.walk(scroll.Content, inner)
}

// text looks at a text as it is drawn.
func (r *survey) text(t *canvas.Text, s site) {
	if strings.TrimSpace(t.Text) == "" {
		return
	}
	least, size := t.MinSize(), t.Size()
	drawn := boxOf(s.at, least)
	switch t.Alignment {
	case fyne.TextAlignCenter:
		drawn.x0 += (size.Width - least.Width) / 2
	case fyne.TextAlignTrailing:
		drawn.x0 += size.Width - least.Width
	}
	drawn.x1 = drawn.x0 + least.Width
	if size.Height > least.Height {
		drawn.y0 += (size.Height - least.Height) / 2
	}
	drawn.y1 = drawn.y0 + least.Height
	edge := s.on
	if s.slides && !strings.ContainsAny(t.Text, accents) {
		edge.x0, edge.x1 = -1e9, 1e9 // data
	}
	if by := drawn.beyond(edge); by != "" {
		r.say(s, "the text %q goes over the edge by %s", t.Text, by)
	} else if cut(t.Text) && !strings.Contains(s.label, strings.TrimSuffix(t.Text, "…")) {
		r.say(s, "the text %q is cut", t.Text)
	}
	r.texts = append(r.texts, placed{t.Text, drawn, s.seen, s.scroll, r.order, s.in})
}

// entry looks at what an empty field says.
func (r *survey) entry(e *form.Entry, s site) {
	if e.Text != "" || e.MultiLine || !strings.Contains(e.PlaceHolder, "⁅") {
		return
	}
	have := e.Size().Width - 2*e.Theme().Size(theme.SizeNameInnerPadding)
	if icon := e.ActionItem; icon != nil {
		have -= icon.Size().Width
	}
	if need := fyne.MeasureText(e.PlaceHolder, e.Theme().Size(theme.SizeNameText), e.TextStyle).Width; need > have+slack {
		r.say(s, "the text %q is cut: it needs %.0f, and has %.0f", e.PlaceHolder, need, have)
	}
}

// overlaps finds texts that lie on one another, where nothing between them hides
// the lower one.
func (r *survey) overlaps() {
	const across, down = 2, 4 // lines may touch
	slices.SortStableFunc(r.texts, func(a, b placed) int { return int(a.drawn.y0*4) - int(b.drawn.y0*4) })
	for i, a := range r.texts {
		for _, b := range r.texts[i+1:] {
			if b.drawn.y0 >= a.drawn.y1 {
				break
			}
			both := a.drawn.and(b.drawn)
			if a.scroll != b.scroll {
				both = both.and(a.seen).and(b.seen)
			}
			if both.x1-both.x0 < across || both.y1-both.y0 < down {
				continue
			}
			first, last := min(a.order, b.order), max(a.order, b.order)
			hidden := slices.ContainsFunc(r.covers, func(c cover) bool {
				return c.order > first && c.order < last && both.beyond(c.box) == ""
			})
			if !hidden {
				r.say(site{in: b.in}, "the texts %q and %q lie on one another", a.text, b.text)
			}
		}
	}
}

// parts are what an object is made of.
func parts(o fyne.CanvasObject) []fyne.CanvasObject {
	switch o := o.(type) {
	case *fyne.Container:
		return o.Objects
	case fyne.Widget:
		return test.WidgetRenderer(o).Objects()
	}
	return nil
}

// takes reports whether an object takes clicks or keys.
func takes(o fyne.CanvasObject) bool {
	if strings.Contains(fmt.Sprintf("%T", o), "scrollBar") {
		return false
	}
	switch o.(type) {
	case *widget.Label, *widget.RichText, *form.Words, *form.Note:
		return false
	case fyne.Tappable, fyne.Focusable, desktop.Mouseable:
		return true
	}
	return false
}

// full is what a person can have in full where it is shortened: by a click, or by
// going there with the pointer. What is drawn by Fyne for a widget is part of it.
func full(o fyne.CanvasObject, around string) string {
	switch o.(type) {
	case *widget.RichText, *widget.Label, *form.Words:
		return around
	case fyne.Scrollable, *form.Select:
		return ""
	}
	if _, shows := o.(desktop.Hoverable); !shows && !takes(o) {
		return ""
	}
	if d, ok := o.(interface{ DumpText() string }); ok {
		return label(o) + "\n" + d.DumpText()
	}
	return label(o)
}

// called is what a message calls an object.
func called(o fyne.CanvasObject) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", o), "*")
	if l := label(o); l != "" {
		return fmt.Sprintf("%s %q", name, l)
	}
	return name
}

// accents are in texts of the pseudo-language alone.
const accents = "⁅⁆åéîöûÅÉÎÖÛçñšÿžÇÑŠÝŽŕļţ"

// cut reports whether a text was shortened that has no data in it: what a person
// or a server wrote may be of any length, what the window says may not. All
// letters of the pseudo-language that have an accent there have one.
func cut(text string) bool {
	short, ok := strings.CutSuffix(text, "…")
	if at := strings.Index(short, "⁅"); at > 0 && !strings.ContainsAny(short[:at], accents) {
		return false // it begins with data
	}
	return ok && strings.ContainsAny(short, accents) && !strings.ContainsAny(short, "aeiouAEIOUcnsyzCNSYZrlt")
}
