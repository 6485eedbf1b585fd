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
	"github.com/yuin/goldmark/parser"

	"github.com/drawbridge-app/drawbridge/app/ui/fonts"
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
