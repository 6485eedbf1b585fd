package transcript

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// selecting is how the person selects text: by pointer or by keys.
type selecting struct {
	selection
	unit     int  // clicks that began it: a character, a word, a block
	from, to spot // what the first click took
	shift    bool // the key is down
	pressed  bool
	dragged  bool
	lastTap  time.Time
	lastAt   fyne.Position
	pointer  fyne.Position // while it drags
	drift    float32       // by which the thread moves while the pointer is beyond an edge
	ticking  bool
	wantAll  bool // everything is to be selected once it is there
}

const (
	doubleClick = 450 * time.Millisecond // between the clicks of one double click
	driftEvery  = 30 * time.Millisecond
)

var (
	_ desktop.Mouseable      = (*View)(nil)
	_ desktop.Keyable        = (*View)(nil)
	_ fyne.Draggable         = (*View)(nil)
	_ fyne.Shortcutable      = (*View)(nil)
	_ fyne.SecondaryTappable = (*View)(nil)
)

// MouseDown begins a selection, or with Shift extends it. A second click takes
// the word, a third the paragraph.
func (v *View) MouseDown(e *desktop.MouseEvent) {
	v.focusByPointer()
	if e.Button != desktop.MouseButtonPrimary {
		return
	}
	s := &v.sel
	s.pressed, s.dragged = true, false
	at, ok := v.spotAt(e.Position)
	if !ok {
		v.Unselect()
		return
	}
	now := v.now()
	near := abs(e.Position.X-s.lastAt.X) < 6 && abs(e.Position.Y-s.lastAt.Y) < 6
	if near && now.Sub(s.lastTap) < doubleClick && s.unit > 0 && s.unit < 3 {
		s.unit++
	} else {
		s.unit = 1
	}
	s.lastTap, s.lastAt = now, e.Position
	if e.Modifier&fyne.KeyModifierShift != 0 && s.on {
		s.unit = 1
		s.from, s.to = s.anchor, s.anchor
		v.extend(at)
		return
	}
	s.on = true
	s.from, s.to = v.around(at, s.unit)
	s.anchor, s.head = s.from, s.to
	v.sync()
}

// MouseUp ends what MouseDown began.
func (v *View) MouseUp(*desktop.MouseEvent) {
	v.sel.pressed, v.sel.drift = false, 0
}

// Dragged extends the selection to the pointer. Beyond an edge the thread moves
// along.
func (v *View) Dragged(e *fyne.DragEvent) {
	s := &v.sel
	if !s.on || !s.pressed {
		return
	}
	s.dragged = true
	s.pointer = e.Position
	s.drift = 0
	if y := e.Position.Y; y < 0 {
		s.drift = max(y, -60) - 4
	} else if over := y - v.Size().Height; over > 0 {
		s.drift = min(over, 60) + 4
	}
	v.toPointer()
	if s.drift != 0 && !s.ticking && v.o.After != nil {
		s.ticking = true
		v.o.After(driftEvery, v.driftOn)
	}
}

// DragEnd ends what Dragged began.
func (v *View) DragEnd() { v.sel.drift, v.sel.pressed = 0, false }

// driftOn moves the thread while the pointer is held beyond an edge.
func (v *View) driftOn() {
	s := &v.sel
	s.ticking = false
	if s.drift == 0 || !s.pressed {
		return
	}
	v.scrollBy(s.drift)
	v.toPointer()
	s.ticking = true
	v.o.After(driftEvery, v.driftOn)
}

func (v *View) toPointer() {
	p := v.sel.pointer
	p.Y = min(max(p.Y, 1), v.Size().Height-1)
	if at, ok := v.spotAt(p); ok {
		v.extend(at)
		v.bringAlong(v.sel.head)
	}
}

// extend has the selection reach from where it was begun to a spot, in the unit
// of its first click.
func (v *View) extend(to spot) {
	s := &v.sel
	a, b := v.around(to, s.unit)
	if a.compare(s.from) < 0 {
		s.anchor, s.head = s.to, a
	} else {
		s.anchor, s.head = s.from, b
	}
	v.sync()
}

// around returns what a number of clicks takes there.
func (v *View) around(at spot, clicks int) (from, to spot) {
	from, to = at, at
	if clicks < 2 {
		return from, to
	}
	b := v.blockOf(at)
	if b == nil {
		return from, to
	}
	if clicks == 2 {
		from.off, to.off = wordAround(b.words(), min(at.off, b.length()))
	} else {
		from.off, to.off = 0, b.length()
	}
	return from, to
}

// blockOf returns the block in which the spot is, or nil.
func (v *View) blockOf(s spot) (found *block) {
	if s.entry == nil || v.byID[s.entry.item.id()] != s.entry {
		return nil
	}
	s.entry.eachBlock(func(b *block) bool {
		if s.in(b) {
			found = b
		}
		return found == nil
	})
	return found
}

// eachBlock visits the blocks of an entry, those included that were not made
// yet, until f returns false.
func (e *entry) eachBlock(f func(*block) bool) {
	for _, b := range e.blocks {
		if b.lazy == nil {
			if !f(b) {
				return
			}
			continue
		}
		kids := b.kids
		if kids == nil {
			kids = b.hatch()
		}
		for _, k := range kids {
			if !f(k) {
				return
			}
		}
	}
}

// Unselect leaves nothing selected.
func (v *View) Unselect() {
	if v.sel.on {
		v.sel.selection = selection{}
		v.sync()
	}
}

// SelectAll selects the whole thread. Where its beginning is not there yet, that
// is asked for first.
func (v *View) SelectAll() {
	if v.missing > 0 {
		v.sel.wantAll = true
		v.askEarlier(true)
	}
	first, last := v.edge(false), v.edge(true)
	if first == nil {
		return
	}
	v.sel.selection = selection{anchor: spotIn(first, 0), head: spotIn(last, last.length()), on: true}
	v.sel.unit, v.sel.from, v.sel.to = 1, v.sel.anchor, v.sel.anchor
	v.sync()
}

// edge returns the first or last block that has text, or nil.
func (v *View) edge(last bool) (found *block) {
	for i := range v.entries {
		e := v.entries[i]
		if last {
			e = v.entries[len(v.entries)-1-i]
		}
		e.eachBlock(func(b *block) bool {
			if b.length() > 0 {
				found = b
				return last
			}
			return true
		})
		if found != nil {
			return found
		}
	}
	return nil
}

// Selected reports whether text is selected.
func (v *View) Selected() bool { return !v.sel.empty() && v.intact() }

// intact reports whether both ends of the selection are still in the thread,
// and gives it up if not.
func (v *View) intact() bool {
	for _, e := range []*entry{v.sel.anchor.entry, v.sel.head.entry} {
		if e == nil || v.byID[e.item.id()] != e {
			v.sel.selection = selection{}
			return false
		}
	}
	return true
}

// KeyDown is part of desktop.Keyable.
func (v *View) KeyDown(e *fyne.KeyEvent) {
	if e.Name == desktop.KeyShiftLeft || e.Name == desktop.KeyShiftRight {
		v.sel.shift = true
	}
}

// KeyUp is part of desktop.Keyable.
func (v *View) KeyUp(e *fyne.KeyEvent) {
	if e.Name == desktop.KeyShiftLeft || e.Name == desktop.KeyShiftRight {
		v.sel.shift = false
	}
}

// TypedShortcut copies, selects and searches; what it does not know goes on to
// the window.
func (v *View) TypedShortcut(s fyne.Shortcut) {
	ctrl := fyne.KeyModifierShortcutDefault
	switch s := s.(type) {
	case *fyne.ShortcutCopy:
		v.CopySelection(false)
		return
	case *fyne.ShortcutSelectAll:
		v.SelectAll()
		return
	case *desktop.CustomShortcut:
		switch {
		case s.KeyName == fyne.KeyC && s.Modifier == ctrl|fyne.KeyModifierShift:
			v.CopySelection(true)
			return
		case s.Modifier == ctrl|fyne.KeyModifierShift && v.selectBy(s.KeyName, true):
			return
		case s.Modifier == ctrl && s.KeyName == fyne.KeyHome:
			v.toStart()
			return
		case s.Modifier == ctrl && s.KeyName == fyne.KeyEnd:
			v.ScrollToEnd()
			return
		}
	}
	if c, ok := fyne.CurrentApp().Driver().CanvasForObject(v).(fyne.Shortcutable); ok {
		c.TypedShortcut(s)
	}
}

// CopySelection hands what is selected to the clipboard, as plain text or as
// Markdown. It does nothing if nothing is selected.
func (v *View) CopySelection(markdown bool) {
	if v.Selected() {
		v.copy(v.SelectedText(markdown))
	}
}

// TappedSecondary offers what can be done with text.
func (v *View) TappedSecondary(e *fyne.PointEvent) {
	c := fyne.CurrentApp().Driver().CanvasForObject(v)
	if c == nil {
		return
	}
	item := func(label string, able bool, do func()) *fyne.MenuItem {
		m := fyne.NewMenuItem(label, do)
		m.Disabled = !able
		return m
	}
	menu := []*fyne.MenuItem{
		item(say.T("Copy"), v.Selected(), func() { v.CopySelection(false) }),
		item(say.T("Copy as Markdown"), v.Selected(), func() { v.CopySelection(true) }),
		item(say.T("Select all"), len(v.entries) > 0, v.SelectAll),
	}
	if s := v.linkAt(e.Position); s != nil && s.link != "" {
		menu = append(menu, item(say.T("Copy the link's address"), true, func() { v.copy(s.link) }))
	}
	if v.o.Find != nil {
		menu = append(menu, fyne.NewMenuItemSeparator(), item(say.T("Find in the conversation…"), true, v.o.Find))
	}
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", menu...), c, e.AbsolutePosition)
}

// selectBy moves the end of the selection by a key, and reports whether the key
// does. far goes by words, and to the ends of the thread.
func (v *View) selectBy(key fyne.KeyName, far bool) bool {
	s := &v.sel
	switch key {
	case fyne.KeyLeft, fyne.KeyRight, fyne.KeyUp, fyne.KeyDown, fyne.KeyHome, fyne.KeyEnd, fyne.KeyPageUp, fyne.KeyPageDown:
	default:
		return false
	}
	if !s.on || !v.intact() {
		at, ok := v.spotAt(fyne.NewPos(v.left(), 0))
		if !ok {
			return true
		}
		s.selection = selection{anchor: at, head: at, on: true}
	}
	s.unit, s.from, s.to = 1, s.anchor, s.anchor
	switch key {
	case fyne.KeyLeft:
		v.moveHead(-1, far)
	case fyne.KeyRight:
		v.moveHead(1, far)
	case fyne.KeyUp:
		v.lineHead(-1, 0)
	case fyne.KeyDown:
		v.lineHead(1, 0)
	case fyne.KeyPageUp:
		v.lineHead(-1, v.Size().Height-60)
	case fyne.KeyPageDown:
		v.lineHead(1, v.Size().Height-60)
	case fyne.KeyHome, fyne.KeyEnd:
		b := v.blockOf(s.head)
		if far {
			b = v.edge(key == fyne.KeyEnd)
		}
		if b != nil && key == fyne.KeyHome {
			s.head = spotIn(b, 0)
		} else if b != nil {
			s.head = spotIn(b, b.length())
		}
	}
	v.showHead()
	v.sync()
	return true
}

// moveHead moves the end of the selection by a character or a word.
func (v *View) moveHead(by int, word bool) {
	s := &v.sel
	b := v.blockOf(s.head)
	if b == nil {
		return
	}
	text := b.words()
	off := min(s.head.off, len(text))
	if by < 0 && off == 0 || by > 0 && off == len(text) {
		if next := v.neighbour(b, by); next != nil {
			s.head = spotIn(next, 0)
			if by < 0 {
				s.head.off = next.length()
			}
		}
		return
	}
	for first := true; first || word && off > 0 && off < len(text) && !wordEdge(text, off, by); first = false {
		if by < 0 {
			off -= letterBefore(text[:off])
		} else {
			off += letter(text[off:])
		}
	}
	s.head.off = off
}

// wordEdge reports whether a word begins there, or ends where one goes right.
func wordEdge(text string, off, by int) bool {
	before, after := text[off-1] == ' ' || text[off-1] == '\n', text[off] == ' ' || text[off] == '\n'
	if by > 0 {
		return !before && after
	}
	return before && !after
}

// neighbour returns the next block with text after, or before, that one.
func (v *View) neighbour(b *block, by int) (found *block) {
	passed := false
	visit := func(k *block) bool {
		switch {
		case by > 0 && passed && k.length() > 0:
			found = k
			return false
		case k == b:
			passed = true
			return by > 0
		case by < 0 && k.length() > 0:
			found = k
		}
		return true
	}
	b.entry.eachBlock(visit)
	for i := b.entry.index + by; found == nil && i >= 0 && i < len(v.entries); i += by {
		passed = by > 0
		v.entries[i].eachBlock(visit)
	}
	return found
}

// lineHead moves the end of the selection by a line, or by a distance.
func (v *View) lineHead(by, distance float32) {
	v.showHead()
	p, h, ok := v.pointOf(v.sel.head)
	if !ok {
		return
	}
	step := max(h, distance)
	y := p.Y + h/2 + by*step
	if y < 0 || y > v.Size().Height {
		v.scrollBy(by * (step + h))
		if p, h, ok = v.pointOf(v.sel.head); !ok {
			return
		}
		y = p.Y + h/2 + by*step
	}
	was := v.sel.head
	for range 4 { // the next line may stand below a gap
		if at, ok := v.spotAt(fyne.NewPos(p.X, y)); ok && at != was {
			v.sel.head = at
			return
		}
		y += by * h
	}
}

// pointOf returns where a spot in view is, and the height of its line.
func (v *View) pointOf(s spot) (p fyne.Position, height float32, ok bool) {
	v.eachInView(func(b *block, top float32) {
		if !s.in(b) {
			return
		}
		for _, l := range b.lines {
			for _, r := range l.runs {
				if !b.isMarker(r.span) && s.off >= r.span.at+r.from && s.off <= r.span.at+r.to {
					p = fyne.NewPos(v.left()+r.x+v.measure.xOf(r, s.off-r.span.at)-b.moved(), top+l.y)
					height, ok = l.h, true
				}
			}
		}
	})
	return p, height, ok
}

// showHead brings the end of the selection into view.
func (v *View) showHead() { v.bring(v.sel.head, 8) }

// bring scrolls so far that a spot is in view, with some room around it.
func (v *View) bring(s spot, room float32) {
	if s.entry == nil || s.entry.placed == 0 {
		return
	}
	if _, _, ok := v.pointOf(s); !ok {
		at := v.placeOf(s)
		v.follow, v.anchor, v.above = false, at, -room
		v.sync()
		if down := v.blocks[at].depth(s); down > 0 { // it may stand far below the beginning of its block
			v.anchor, v.above = at, down-room
			v.sync()
		}
	}
	for range 3 { // heights are mended as things come into view
		p, h, ok := v.pointOf(s)
		switch {
		case ok && p.Y < room:
			v.scrollBy(p.Y - room)
		case ok && p.Y+h > v.Size().Height-room:
			v.scrollBy(p.Y + h - v.Size().Height + room)
		default:
			v.bringAlong(s)
			return
		}
	}
	v.bringAlong(s)
}

// placeOf returns the index of the block in which, or in whose lazy part, the
// spot is.
func (v *View) placeOf(s spot) int {
	e := s.entry
	at := e.first
	for i := e.first; i < e.first+e.placed; i++ {
		// What is not of the document, such as the row of buttons, is no place in it.
		if b := v.blocks[i]; b.from <= s.from && (e.doc == nil || b.lazy != nil) {
			at = i
		}
	}
	return min(at, len(v.blocks)-1)
}

// depth is how far below the beginning of a block the part of it is in which the
// spot is.
func (b *block) depth(s spot) (y float32) {
	for _, k := range b.kids {
		if s.in(k) {
			return y
		}
		y += k.height
	}
	return 0
}

func (v *View) now() time.Time {
	if v.o.Now != nil {
		return v.o.Now()
	}
	return time.Now()
}

// focusByPointer has keys go to the thread, without a ring around it.
func (v *View) focusByPointer() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(v); c != nil && c.Focused() != fyne.Focusable(v) {
		v.quiet = true
		c.Focus(v)
	}
}

func abs(x float32) float32 { return max(x, -x) }
