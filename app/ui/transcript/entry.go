package transcript

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// entry is an item and the blocks that show it.
type entry struct {
	view   *View
	item   Item
	blocks []*block
	same   int // blocks at the beginning that the last change left as they were
	index  int // among the entries of the view
	first  int // index of the first block in the view
	placed int // blocks that stand in the view

	doc   *document
	open  bool            // a folded item was opened
	all   bool            // what was cut is shown whole
	raw   bool            // JSON is shown as it was written
	folds map[string]bool // parts of JSON that were opened or closed, by place
	head  *head           // made when it comes into view
	line  headState
	row   *bar                    // the buttons of a notice, as long as their labels stay
	sides map[codePlace]*sideways // of the pieces of code
	edit  *editing                // of a question; nil until its arguments are changed
}

const gapItemTop float32 = 22 // above each thing in the thread

// set takes an item, new or changed.
func (e *entry) set(item Item) {
	e.same = 0
	was := e.item
	e.item = item
	switch item := item.(type) {
	case User:
		e.user(item)
	case Assistant:
		e.assistant(was, item)
	case Reasoning:
		e.reasoning(was, item)
	case Call:
		e.call(item)
		if item.Foot {
			e.blocks = append(e.blocks, e.footBlock(false))
		}
	case Listing:
		e.listing(item)
	case Card:
		e.card(item)
	case Notice:
		e.notice(item)
		if item.Foot {
			e.blocks = append(e.blocks, e.footBlock(false))
		}
	}
}

// adopt has the blocks from that one on belong to the entry.
func (e *entry) adopt(from int) {
	for i := max(from-1, 0); i < len(e.blocks); i++ {
		b := e.blocks[i]
		b.entry = e
		b.number()
		if e.doc == nil {
			b.from, b.ord = i, 0
		}
		e.keepSide(b)
	}
}

// grow adds text and reports whether the item takes any.
func (e *entry) grow(text string) bool {
	switch item := e.item.(type) {
	case Assistant:
		if !item.Growing {
			return false
		}
		item.Text = "" // the document holds it
		e.item = item
		e.doc.append(text)
		e.fromDocument(e.doc.update())
		return true
	case Reasoning:
		if !item.Growing {
			return false
		}
		e.doc.append(text)
		e.folded(item)
		return true
	}
	return false
}

// read puts a text into the entry's document, which is kept where the text only
// grew.
func (e *entry) read(text string, growing bool, set typeset) (same int) {
	if e.doc == nil || e.doc.ended || !strings.HasPrefix(text, string(e.doc.src)) {
		e.doc = &document{set: set}
	}
	e.doc.append(text[len(e.doc.src):])
	if growing {
		return e.doc.update()
	}
	return e.doc.end()
}

func (e *entry) typeset(size float32, ink fyne.ThemeColorName) typeset {
	return typeset{size: size, ink: ink, parser: e.view.parser, header: func(c *code) fyne.CanvasObject {
		return newCodeHead(e, c)
	}}
}

func (v *View) size(name fyne.ThemeSizeName) float32 {
	if s := v.Theme().Size(name); s > 0 {
		return s
	}
	return theme.Size(theme.SizeNameText)
}

func (v *View) copy(text string) {
	if v.o.Copy != nil {
		v.o.Copy(text)
	}
}

func (e *entry) user(u User) {
	size := e.view.size(look.SizeReading)
	const pad, over = 14, 9
	g := &group{fill: look.ColorUser, radius: 12, over: over}
	text := strings.TrimRight(u.Text, "\n")
	e.blocks = nil
	for first := true; first || text != ""; first = false {
		n := cut(text, maxCode)
		piece := strings.TrimSuffix(text[:n], "\n")
		text = text[n:]
		b := &block{group: g, left: 100, right: pad}
		if first {
			b.gap = gapItemTop + over
			b.hug = text == ""
			g.left = b.left - pad
		}
		if text == "" {
			b.below = over
		}
		set := func() []span {
			return []span{{text: visible(piece), face: face{size: size}, ink: theme.ColorNameForeground}}
		}
		if first {
			b.spans = set()
		} else { // it may be megabytes
			b.later = set
			b.chars = n
		}
		e.blocks = append(e.blocks, b)
	}
	if len(u.Files) > 0 {
		last := e.blocks[len(e.blocks)-1]
		last.below = 2
		words := say.F("With %s", strings.Join(u.Files, ", "))
		files := &block{
			group: g, left: 100, right: pad, below: over, hug: last.hug,
			spans: []span{{text: visible(words[:cut(words, maxCode)]), face: face{size: e.view.size(theme.SizeNameCaptionText)}, ink: look.ColorMuted}},
		}
		if last.hug {
			last.with, files.with = files, last
		}
		e.blocks = append(e.blocks, files)
	}
	e.blocks = append(e.blocks, e.footBlock(true))
}

func (e *entry) assistant(was Item, a Assistant) {
	if _, ok := was.(Assistant); !ok {
		e.doc = nil
	}
	set := e.typeset(e.view.size(look.SizeReading), theme.ColorNameForeground)
	e.fromDocument(e.read(a.Text, a.Growing, set))
	if !a.Growing && !a.More && len(e.doc.src) > 0 {
		e.blocks = append(e.blocks, e.footBlock(false))
	}
}

// fromDocument takes the document's blocks, the first of which are those that
// were there.
func (e *entry) fromDocument(same int) {
	e.same = min(same, e.placed)
	e.blocks = append(append(e.blocks[:e.same], e.doc.blocks[e.same:]...), e.doc.tail...)
	if len(e.blocks) > 0 {
		e.blocks[0].gap = gapItemTop - 4
		return
	}
	e.same = 0
	if a, ok := e.item.(Assistant); ok && a.Growing {
		e.blocks = []*block{{
			gap: gapItemTop, tall: func(float32) float32 { return 20 },
			make: func() fyne.CanvasObject { return newWaiting() },
		}}
	}
}

func (e *entry) reasoning(was Item, r Reasoning) {
	if _, ok := was.(Reasoning); !ok {
		e.doc = nil
	}
	set := e.typeset(e.view.size(theme.SizeNameText), look.ColorMuted)
	set.left, set.bars = 20, []quoteBar{{x: 4}}
	e.read(r.Text, r.Growing, set)
	e.folded(r)
}

func (e *entry) folded(r Reasoning) {
	e.same = 0
	title := say.T("Thought about it")
	switch {
	case r.Title != "":
		title = r.Title
	case r.Growing:
		title = say.T("Thinking…")
	case r.Took > 0:
		title = say.F("Thought for %s", duration(r.Took))
	}
	e.line = headState{
		quiet: true, title: title, open: e.open, can: len(e.doc.src) > 0,
		icon: look.IconThinking, tint: look.ColorMuted, busy: r.Growing,
	}
	e.blocks = []*block{e.headBlock(nil, gapItemTop-8)}
	if e.open {
		if r.Growing {
			e.doc.update()
		}
		e.blocks = append(e.blocks, e.doc.all()...)
	}
}

// headBlock is the line that opens and closes the entry. Its widget is one and
// the same as long as the entry lives, so that it keeps the focus.
func (e *entry) headBlock(g *group, gap float32) *block {
	b := &block{gap: gap, group: g, tall: func(float32) float32 { return headHeight }}
	b.make = func() fyne.CanvasObject {
		if e.head == nil {
			e.head = newHead(e.toggle)
		}
		e.head.reveal = func() { e.view.reveal(b) }
		e.head.set(e.line)
		return e.head
	}
	return b
}

// restyle sets the item again, in the sizes of the theme as it is now.
func (e *entry) restyle() {
	doc := e.doc
	e.doc = nil
	switch item := e.item.(type) {
	case Assistant:
		item.Text = string(doc.src)
		e.set(item)
	case Reasoning:
		item.Text = string(doc.src)
		e.set(item)
	default:
		e.set(item)
	}
}

// toggle opens or closes a folded item.
func (e *entry) toggle() {
	e.open = !e.open
	e.rebuild()
}

// rebuild shows the same item anew.
func (e *entry) rebuild() {
	switch item := e.item.(type) {
	case Reasoning:
		e.folded(item)
	default:
		e.set(item)
	}
	v := e.view
	// What was opened should not run away from under the pointer.
	if v.follow && len(v.blocks) > 0 {
		v.follow = false
	}
	v.replace(e)
	v.sync()
}
