// Package transcript shows the thread of a conversation: what the person and
// the model wrote, the tool calls, the questions whether they may run, and
// remarks of the program.
//
// It is a widget of our own, because Fyne's text widgets lay out everything
// they hold at each change. Here the thread is a row of blocks. Only those in
// view are on the canvas, their lines are kept for the width they were broken
// for, and while an answer grows only its last block is parsed and laid out
// again. Heights of blocks that were never in view are estimated, and mended
// when they come into it; the view is anchored at a block, so nothing jumps.
//
// It decides nothing and reads neither network nor files: pictures in Markdown
// are shown as their address, and links are handed to Options.OpenLink.
//
//	view := transcript.New(transcript.Options{Copy: clipboard.SetContent, OpenLink: ask})
//	view.SetItems([]transcript.Item{transcript.User{ID: "1", Text: "What time is it?"}})
//	view.Upsert(transcript.Assistant{ID: "2", Growing: true})
//	view.AppendText("2", "It is ")
//
// Everything here belongs to the goroutine of the window.
package transcript

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
	"github.com/drawbridge-app/drawbridge/app/ui/fonts"
	"github.com/yuin/goldmark/parser"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// Options is what a View needs of the world around it. Each may be nil.
type Options struct {
	// Copy takes text for the clipboard.
	Copy func(string)
	// OpenLink is called when a link was tapped; its target is an address of
	// the web or of mail. It should ask before it opens anything.
	OpenLink func(target string)
	// TypeElsewhere takes letters that are typed while the thread has the
	// focus.
	TypeElsewhere func(rune)
	// Foot returns what stands below the message of an item: a User, an
	// Assistant that is whole, or another that says so. It is called when that
	// comes into view, and by RefreshFeet. Nil is a button that copies.
	Foot func(id string) Foot
	// Escape is called when Escape is pressed in the thread.
	Escape func()
	// Find has the person look for something in the thread; see FindBar.
	Find func()
	// Earlier asks for messages above the first; see SetMissing. They come by
	// Prepend: all that are missing, or the next part.
	Earlier func(all bool)
	// Work runs work elsewhere and then done on the goroutine of the window. Nil
	// leaves code without colours and pictures unseen.
	Work func(work, done func())
	// Save has the person choose where to keep the bytes of a file, which name is
	// proposed for.
	Save func(name string, data []byte)
	// After calls a function on the goroutine of the window after a while. Nil
	// has the thread stand still where the pointer drags beyond an edge.
	After func(time.Duration, func())
	// Lacking is called with what to tell the person where no font of this computer
	// has the letters of a script, once for each.
	Lacking func(advice string)
	// Now is the time; nil is the system's.
	Now func() time.Time
}

// View is the thread.
type View struct {
	widget.BaseWidget
	o       Options
	r       *viewRenderer // nil before the first frame
	measure *measurer
	parser  parser.Parser

	entries []*entry
	byID    map[string]*entry
	blocks  []*block

	// What is in view is anchored at a block and how much of it lies above the
	// edge. follow keeps the end in view instead.
	anchor int
	above  float32
	follow bool
	following

	held    int     // batches that are open
	column  float32 // width of the text
	extents extents
	bar     *scrollBar
	toEnd   *floating
	tip     *tip
	focused bool
	resting bool
	quiet   bool  // the focus came by the pointer
	hover   *span // link under the pointer
	keyed   *span // link at which the keys are

	sel       selecting
	selecting bool // something is selected, from selFrom to selTo; as of the last frame
	selFrom   spot
	selTo     spot
	find      finder
	code      highlighter
	version   int // counts the changes
	missing   int // messages above the first that are not there yet
	asked     asked
	wantPart  float32 // of the whole height, where to go once all is there; below 0 for nowhere
	cursor    desktop.Cursor
}

var (
	_ fyne.Scrollable    = (*View)(nil)
	_ fyne.Tappable      = (*View)(nil)
	_ fyne.Focusable     = (*View)(nil)
	_ desktop.Hoverable  = (*View)(nil)
	_ desktop.Cursorable = (*View)(nil)
)

// New makes an empty thread.
func New(o Options) *View {
	v := &View{o: o, measure: newMeasurer(), parser: newParser(), byID: map[string]*entry{}, follow: true, cursor: desktop.DefaultCursor, wantPart: -1}
	v.bar = newScrollBar(v)
	v.toEnd = newFloating(say.T("Back to the end"), v.ScrollToEnd)
	v.toEnd.Hide()
	v.tip = newTip()
	v.ExtendBaseWidget(v)
	return v
}

// SetItems replaces the whole thread and shows its end.
func (v *View) SetItems(items []Item) {
	v.entries = make([]*entry, 0, len(items))
	v.byID = make(map[string]*entry, len(items))
	v.blocks = nil
	for _, item := range items {
		v.put(item)
	}
	v.placeAll()
	v.follow = true
	v.sel.selection = selection{}
	v.find = finder{}
	v.missing, v.asked, v.wantPart = 0, askedNothing, -1
	v.version++
	v.anchor, v.above = 0, 0
	v.sync()
}

// placeAll places the blocks of all entries.
func (v *View) placeAll() {
	v.blocks, v.extents = v.blocks[:0], extents{width: v.column}
	for i, e := range v.entries {
		e.index = i
		v.attach(e)
	}
}

// renewBlocks makes all blocks again, in the looks of the theme, and keeps the
// place that is in view.
func (v *View) renewBlocks() {
	var at *entry
	within := 0
	if len(v.blocks) > 0 {
		at = v.blocks[v.anchor].entry
		within = v.anchor - at.first
	}
	for _, e := range v.entries {
		e.same = 0
		e.restyle()
	}
	v.placeAll()
	if at != nil {
		v.anchor = max(min(at.first+min(within, at.placed-1), len(v.blocks)-1), 0)
	}
}

// put adds or replaces an entry without placing its blocks.
func (v *View) put(item Item) *entry {
	if e, ok := v.byID[item.id()]; ok {
		e.set(item)
		return e
	}
	e := &entry{view: v}
	e.index = len(v.entries)
	v.entries = append(v.entries, e)
	v.byID[item.id()] = e
	e.set(item)
	return e
}

// Batch has changes made by f shown at once, when it returns.
func (v *View) Batch(f func()) {
	v.held++
	f()
	v.held--
	v.sync()
}

// Upsert adds an item at the end, or replaces the one with its ID where it
// stands.
func (v *View) Upsert(item Item) {
	_, known := v.byID[item.id()]
	e := v.put(item)
	if !known {
		v.attach(e)
		v.sync()
		return
	}
	v.replace(e)
	v.sync()
}

// attach puts the blocks of a new entry at the end.
func (v *View) attach(e *entry) {
	e.adopt(0)
	v.version++
	e.first, e.placed = len(v.blocks), len(e.blocks)
	v.blocks = append(v.blocks, e.blocks...)
	for len(v.extents.sums) <= e.index {
		v.extents.grow()
	}
	for _, b := range e.blocks {
		b.counted = 0
		v.count(b)
	}
}

// AppendText adds text to an Assistant or Reasoning that is Growing. It does
// nothing for other items.
func (v *View) AppendText(id, text string) {
	e, ok := v.byID[id]
	if !ok || text == "" || !e.grow(text) {
		return
	}
	v.replace(e)
	v.sync()
}

// Remove takes an item out. It does nothing if there is none with that ID.
func (v *View) Remove(id string) {
	e, ok := v.byID[id]
	if !ok {
		return
	}
	e.blocks, e.same = nil, 0
	v.replace(e)
	delete(v.byID, id)
	for i := range v.entries {
		if v.entries[i] == e {
			v.entries = append(v.entries[:i], v.entries[i+1:]...)
			break
		}
	}
	v.recount()
	v.sync()
}

// Has reports whether there is an item with that ID.
func (v *View) Has(id string) bool { return v.byID[id] != nil }

// replace puts the entry's blocks in the place of those it had. The first
// e.same of them are in place already.
func (v *View) replace(e *entry) {
	e.adopt(e.same)
	from, to := e.first+e.same, e.first+e.placed
	delta := len(e.blocks) - e.placed
	v.version++
	for _, b := range v.blocks[from:to] {
		v.uncount(b)
	}
	for _, b := range e.blocks[e.same:] {
		v.count(b)
	}
	switch {
	case v.anchor >= to:
		v.anchor += delta
	case v.anchor >= from:
		v.anchor = max(min(v.anchor, e.first+len(e.blocks)-1), 0)
	}
	if to == len(v.blocks) {
		v.blocks = append(v.blocks[:from], e.blocks[e.same:]...)
	} else {
		tail := append([]*block(nil), v.blocks[to:]...)
		v.blocks = append(append(v.blocks[:from], e.blocks[e.same:]...), tail...)
	}
	e.placed = len(e.blocks)
	if delta == 0 {
		return
	}
	for i := len(v.entries) - 1; i >= 0 && v.entries[i] != e; i-- {
		v.entries[i].first += delta
	}
}

// ScrollToEnd shows the end and follows it.
func (v *View) ScrollToEnd() {
	v.follow, v.following = true, following{}
	v.sync()
}

// ScrollTo has the item with that ID stand at the top, as far as there is
// enough below it. It does nothing if there is none.
func (v *View) ScrollTo(id string) {
	e, ok := v.byID[id]
	if !ok || e.placed == 0 {
		return
	}
	v.follow, v.anchor, v.above = false, e.first, 0
	v.sync()
}

// AtEnd reports whether the end is in view and followed.
func (v *View) AtEnd() bool { return v.follow }

// Scrolled moves the thread, or the code under the pointer along its lines.
func (v *View) Scrolled(e *fyne.ScrollEvent) {
	dx, dy := e.Scrolled.DX, e.Scrolled.DY
	if dx == 0 && v.shiftHeld() {
		dx = dy
	}
	if v.scrollAlong(e.Position.Y, -dx) {
		return
	}
	v.scrollBy(-dy)
}

// scrollBy moves the thread up by dy, or down if it is negative.
func (v *View) scrollBy(dy float32) {
	if dy == 0 || len(v.blocks) == 0 {
		return
	}
	v.follow = false
	v.above += dy
	v.sync()
}

// Tapped opens the link under the pointer, if there is one.
func (v *View) Tapped(e *fyne.PointEvent) {
	s := v.linkAt(e.Position)
	switch {
	case s == nil || v.Selected():
	default:
		v.followLink(s)
	}
}

// MouseIn is part of desktop.Hoverable.
func (v *View) MouseIn(e *desktop.MouseEvent) { v.MouseMoved(e) }

// MouseMoved shows the target of the link under the pointer.
func (v *View) MouseMoved(e *desktop.MouseEvent) {
	s := v.linkAt(e.Position)
	v.hoverOver(s)
	v.cursor = desktop.DefaultCursor
	if s != nil {
		v.cursor = desktop.PointerCursor
	} else if v.overText(e.Position) {
		v.cursor = desktop.TextCursor
	}
}

// overText reports whether a line of text is under a point.
func (v *View) overText(p fyne.Position) (over bool) {
	x := p.X - v.left()
	v.eachInView(func(b *block, top float32) {
		if p.Y < top || p.Y >= top+b.height {
			return
		}
		x := x + b.moved()
		for _, l := range b.lines {
			if n := len(l.runs); n > 0 && p.Y >= top+l.y && p.Y < top+l.y+l.h && x >= l.runs[0].x && x < l.runs[n-1].x+l.runs[n-1].w {
				over = true
			}
		}
	})
	return over
}

// MouseOut ends what MouseMoved began.
func (v *View) MouseOut() {
	v.hoverOver(nil)
	v.cursor = desktop.DefaultCursor
}

func (v *View) hoverOver(s *span) {
	if v.hover == s {
		return
	}
	v.hover = s
	text := ""
	if s != nil {
		text = visible(s.link)
	}
	v.tip.set(text)
	v.placeTip()
}

// Cursor is a hand over links.
func (v *View) Cursor() desktop.Cursor { return v.cursor }

// FocusGained shows that keys move the thread, and answer the question in it.
func (v *View) FocusGained() { v.setFocused(true) }

// FocusLost ends what FocusGained began.
func (v *View) FocusLost() {
	v.quiet, v.sel.shift = false, false
	v.leaveLink()
	v.setFocused(false)
}

func (v *View) setFocused(on bool) {
	v.focused = on
	if b := v.question(); b != nil {
		b.Refresh()
	}
	v.sync()
}

// question returns the buttons of the first question in view, or nil.
func (v *View) question() (found *bar) {
	v.eachInView(func(bl *block, _ float32) {
		if b, ok := bl.fixed.(*bar); ok && len(b.keys) > 0 && found == nil {
			found = b
		}
	})
	return found
}

// TypedRune answers the question in view, if the key does, and hands other
// letters to where one writes.
func (v *View) TypedRune(r rune) {
	if b := v.question(); b != nil && b.press(r) {
		return
	}
	if v.o.TypeElsewhere != nil {
		v.o.TypeElsewhere(r)
	}
}

// TypedKey moves the thread.
func (v *View) TypedKey(e *fyne.KeyEvent) {
	if v.sel.shift && v.selectBy(e.Name, false) {
		return
	}
	v.unquiet()
	if v.linkKey(e.Name) {
		return
	}
	page := max(v.Size().Height-40, 40)
	switch e.Name {
	case fyne.KeyUp:
		v.scrollBy(-40)
	case fyne.KeyDown:
		v.scrollBy(40)
	case fyne.KeyPageUp:
		v.scrollBy(-page)
	case fyne.KeyPageDown, fyne.KeySpace:
		v.scrollBy(page)
	case fyne.KeyHome:
		v.toStart()
	case fyne.KeyEnd:
		v.ScrollToEnd()
	case fyne.KeyEscape:
		if v.Selected() {
			v.Unselect()
			return
		}
		if v.o.Escape != nil {
			v.o.Escape()
		}
	}
}

// unquiet shows the focus, now that it is keys that are used.
func (v *View) unquiet() {
	if v.quiet {
		v.quiet = false
		v.sync()
	}
}

// toStart shows the beginning, and asks for it if it is not there.
func (v *View) toStart() {
	if v.missing > 0 {
		v.askEarlier(true)
	}
	v.follow, v.anchor, v.above = false, 0, -padTop
	v.sync()
}

// tellLacking tells of the scripts that no font has.
func (v *View) tellLacking() {
	if len(v.measure.news) == 0 || v.o.Lacking == nil || v.o.After == nil {
		return
	}
	news := v.measure.news
	v.measure.news = nil
	v.o.After(0, func() { // it may change the thread
		for _, r := range news {
			v.o.Lacking(fonts.Advice(r))
		}
	})
}

// mover is a widget in which something may move.
type mover interface {
	Gone() // it is out of view
	Back()
}

// Rest stops all that moves, until Wake. Use it while the thread cannot be
// seen.
func (v *View) Rest() {
	v.resting = true
	v.eachInView(func(b *block, _ float32) {
		if m, ok := b.fixed.(mover); ok {
			m.Gone()
		}
	})
}

// Wake lets things move again.
func (v *View) Wake() {
	v.resting = false
	v.eachInView(func(b *block, _ float32) {
		if m, ok := b.fixed.(mover); ok {
			m.Back()
		}
	})
	v.sync()
}

// AccessibilityLabel names the thread.
func (v *View) AccessibilityLabel() string { return say.T("Conversation") }

// AccessibilityRole says what it is.
func (v *View) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// DumpText returns the text that is in view, line by line.
func (v *View) DumpText() string {
	var b strings.Builder
	v.eachInView(func(bl *block, top float32) {
		for _, l := range bl.lines {
			if top+l.y+l.h < 0 || top+l.y > v.Size().Height {
				continue
			}
			for _, r := range l.read() {
				b.WriteString(r.text())
			}
			b.WriteByte('\n')
		}
		if t, ok := bl.fixed.(interface{ DumpText() string }); ok {
			b.WriteString(t.DumpText())
			b.WriteByte('\n')
		}
	})
	return b.String()
}

// linkAt returns the link at a point, or nil.
func (v *View) linkAt(p fyne.Position) (found *span) {
	x := p.X - v.left()
	v.eachInView(func(bl *block, top float32) {
		for _, l := range bl.lines {
			if p.Y < top+l.y || p.Y >= top+l.y+l.h {
				continue
			}
			for _, r := range l.runs {
				if (r.span.link != "" || r.span.act != nil) && x >= r.x && x < r.x+r.w {
					found = r.span
				}
			}
		}
	})
	return found
}

// left is where the column of text begins.
func (v *View) left() float32 { return (v.Size().Width - v.column) / 2 }

// eachInView visits the blocks in view with their distance from the top edge,
// in order.
func (v *View) eachInView(f func(b *block, top float32)) {
	v.eachPlaced(func(p placed) { f(p.block, p.top) })
}

// placed is a block in view.
type placed struct {
	block  *block
	top    float32 // distance from the top edge
	begins bool    // the block above is not of its group
	goesOn bool    // the block below is
}

func (v *View) eachPlaced(f func(placed)) {
	height := v.Size().Height
	group := func(list []*block, i int) *group {
		if i < 0 || i >= len(list) {
			return nil
		}
		return list[i].group
	}
	visit := func(list []*block, i int, top float32) {
		g := list[i].group
		f(placed{list[i], top, g != group(list, i-1), g == group(list, i+1)})
	}
	y := -v.above
	for i := v.anchor; i < len(v.blocks) && y < height; i++ {
		b := v.blocks[i]
		if b.lazy == nil {
			visit(v.blocks, i, y)
			y += b.height
			continue
		}
		for k := range b.kids {
			if y < height && y+b.kids[k].height > -beyond {
				visit(b.kids, k, y)
			}
			y += b.kids[k].height
		}
	}
}

// reveal scrolls just so far that the block is in view.
func (v *View) reveal(b *block) {
	y := -v.above
	for i := v.anchor; i < len(v.blocks) && y < v.Size().Height; i++ {
		at := v.blocks[i]
		if at == b {
			if y < 0 {
				v.scrollBy(y - 8)
			} else if over := y + at.height - v.Size().Height; over > 0 {
				v.scrollBy(over + 8)
			}
			return
		}
		y += at.height
	}
}
