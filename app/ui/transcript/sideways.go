package transcript

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// sideways is how the long lines of a piece of code are shown: one moves along
// them, or they are broken. It is one and the same for all blocks of the piece,
// also after these were made anew. A table that is wider than the thread is moved
// along in the same way.
type sideways struct {
	wraps  bool
	x      float32 // how far one has moved
	widest float32 // of the lines that were laid out
	room   float32 // for them
}

// place tells a piece of code from the others of its entry.
type codePlace struct{ from, ord int }

// most is how far one can move.
func (s *sideways) most() float32 { return max(s.widest-s.room, 0) }

// move moves to a place along the lines, and reports whether that is another one.
func (s *sideways) move(to float32) bool {
	was := s.x
	s.x = min(max(to, 0), s.most())
	return s.x != was
}

// fits takes the width of what is shown and the room for it, and reports whether
// one can move along.
func (s *sideways) fits(widest, room float32) bool {
	s.widest, s.room = widest, room
	s.x = min(s.x, s.most())
	return s.most() > 0
}

// alongside returns how the block's lines are moved along, or nil where they are
// broken, and for a table that there is room for.
func (b *block) alongside() *sideways {
	if b.cells != nil && b.group != nil && b.group.side != nil && b.group.side.most() > 0 {
		return b.group.side
	}
	if b.pre && b.group != nil && b.group.side != nil && !b.group.side.wraps {
		return b.group.side
	}
	return nil
}

// moved is how far the block's lines are moved to the left.
func (b *block) moved() float32 {
	if s := b.alongside(); s != nil {
		return s.x
	}
	return 0
}

// edges are where in the column the block's lines are seen.
func (b *block) edges() (left, right float32) { return b.left, b.width - b.right }

// keepSide has a piece of code or a table be moved and broken as it was before its
// blocks were made anew.
func (e *entry) keepSide(b *block) {
	if !b.beginsCode && b.cells == nil || b.group == nil {
		return
	}
	at := codePlace{b.from, b.ord}
	if kept := e.sides[at]; kept != nil {
		b.group.side = kept
		return
	}
	if e.sides == nil {
		e.sides = map[codePlace]*sideways{}
	}
	e.sides[at] = b.group.side
}

// unbroken sets each line of the block as one, however long.
func (m *measurer) unbroken(spans []span, s *sideways, inner float32) [][]run {
	const endless = 1e9
	lines := m.wrapCode(spans, endless)
	s.room = inner
	for _, l := range lines {
		if n := len(l); n > 0 {
			s.widest = max(s.widest, l[n-1].x+l[n-1].w)
		}
	}
	s.x = min(s.x, s.most())
	return lines
}

// window returns the parts of the runs that stand between two edges, moved to the
// left by dx: letters are shown whole or not at all.
func (m *measurer) window(runs []run, dx, left, right float32) []run {
	var out []run
	for _, r := range runs {
		x := r.x - dx
		if x >= right || x+r.w <= left {
			continue
		}
		if x < left {
			from := m.letterFrom(r, left-x)
			x += m.xOf(r, from)
			r.w -= x - (r.x - dx)
			r.from = from
		}
		if x+r.w > right {
			to := m.letterTo(r, right-x)
			r.w = m.xOf(r, to)
			r.to = to
		}
		if r.x = x; r.from < r.to {
			out = append(out, r)
		}
	}
	return out
}

// letterFrom returns the first letter that does not begin before x.
func (m *measurer) letterFrom(r run, x float32) int {
	at := m.offsetAt(r, x)
	for at < r.to && m.xOf(r, at) < x-0.01 {
		at += letter(r.span.text[at:r.to])
	}
	return at
}

// letterTo returns where the last letter ends that does not reach over x.
func (m *measurer) letterTo(r run, x float32) int {
	at := m.offsetAt(r, x)
	for at > r.from && m.xOf(r, at) > x+0.01 {
		at -= letterBefore(r.span.text[r.from:at])
	}
	return at
}

// sideAt returns how the code at a height of the view is moved along, or nil
// where there is none that one could move.
func (v *View) sideAt(y float32) (found *sideways) {
	v.eachInView(func(b *block, top float32) {
		if y < top || y >= top+b.height || b.group == nil {
			return
		}
		if s := b.group.side; s != nil && !s.wraps && s.most() > 0 {
			found = s
		}
	})
	return found
}

// scrollAlong moves the code at a height of the view along its lines, and reports
// whether there is any.
func (v *View) scrollAlong(y, dx float32) bool {
	s := v.sideAt(y)
	if s == nil || dx == 0 {
		return false
	}
	if s.move(s.x + dx) {
		v.sync()
	}
	return true
}

// shiftHeld reports whether the wheel is turned with Shift, which moves along
// the lines.
func (v *View) shiftHeld() bool {
	if v.sel.shift {
		return true
	}
	d, ok := fyne.CurrentApp().Driver().(desktop.Driver)
	return ok && d.CurrentKeyModifiers()&fyne.KeyModifierShift != 0
}

// bringAlong moves a piece of code so far along its lines that a spot in it is
// seen.
func (v *View) bringAlong(at spot) {
	p, _, ok := v.pointOf(at)
	b := v.blockOf(at)
	if !ok || b == nil || b.alongside() == nil {
		return
	}
	const room = 24 // so that one sees what stands beside it
	side, x := b.alongside(), p.X-v.left()
	left, right := b.edges()
	switch {
	case x < left:
		side.move(side.x - (left - x) - room)
	case x > right:
		side.move(side.x + (x - right) + room)
	default:
		return
	}
	v.sync()
}

// wrapLines has the long lines of a piece of code be broken, or not any more.
func (e *entry) wrapLines(g *group, wraps bool) {
	if g.side.wraps == wraps {
		return
	}
	g.side.wraps, g.side.x, g.side.widest = wraps, 0, 0
	anew := func(b *block) {
		if b.group == g {
			b.width, b.guessedWidth = 0, 0
		}
	}
	v := e.view
	for _, b := range e.blocks {
		anew(b)
		for _, k := range b.kids {
			anew(k)
		}
		if len(b.kids) > 0 {
			b.width, b.guessedWidth = 0, 0
		}
	}
	v.follow = false // what was pressed should not run away from under the pointer
	v.recount()
	v.sync()
}

// newCodeHead is the line above a piece of code: its language, a button that
// copies it, and one that breaks its long lines.
func newCodeHead(e *entry, c *code) fyne.CanvasObject {
	lang := c.lang
	if lang == "" {
		lang = "text"
	}
	label := func() string {
		if c.group.side.wraps {
			return say.T("Do not break long lines")
		}
		return say.T("Break long lines")
	}
	var wrap *look.IconButton
	wrap = look.NewSmallIconButton(label(), look.Icon(look.IconWrap), func() {
		e.wrapLines(c.group, !c.group.side.wraps)
		wrap.Label = label()
	})
	copies := look.NewSmallIconButton(say.T("Copy code"), look.Icon(look.IconCopy), func() { e.view.copy(c.source()) })
	s := newStrip(lang, wrap, copies)
	s.pad = codePad
	return s
}

// countLines is how many lines the text of spans has.
func countLines(spans []span) int {
	n := 1
	for _, s := range spans {
		n += strings.Count(s.text, "\n")
	}
	return n
}
