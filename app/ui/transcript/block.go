package transcript

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// block is what is laid out and shown as one: a paragraph, a piece of code, a
// row of buttons. Its layout is kept for the width that it was made for.
type block struct {
	gap    float32 // free room above
	left   float32 // indent
	indent float32 // of left, what lists have; a text that begins at the right has it there
	right  float32 // free room at the right
	below  float32 // free room below
	group  *group  // the ground that it shares with its neighbours, or nil
	bars   []quoteBar
	spans  []span
	marker []span // stands before the first line: a bullet, a number
	icon   fyne.Resource
	iconBy float32 // how far before the text it begins
	iconX  float32
	cells  *table
	rule   bool
	// For copying as Markdown: the level of a heading, the language of code, and
	// whether the icon is a box of a task list, and a checked one.
	heading          int
	lang             string
	coloured         int  // bytes of code that have their inks
	recoloured       bool // since it was drawn
	plain            bool // code that nothing is known of
	taskBox, checked bool
	pre              bool                        // lines are broken anywhere, as in code
	beginsCode       bool                        // it is the line above a piece of code
	hug              bool                        // the group is as wide as the text, and stands at the right
	with             *block                      // the other block of a group that hugs both
	fixed            fyne.CanvasObject           // a widget, or nil
	elastic          bool                        // fixed may change its height
	make             func() fyne.CanvasObject    // makes fixed when it comes into view, and anew each time
	tall             func(width float32) float32 // height of fixed; nil takes its MinSize

	// lazy makes the blocks that this one stands for, when it comes into view;
	// chars is how much text they will hold. kids are what it made.
	lazy  func() []*block
	later func() []span // the same for spans
	chars int
	kids  []*block

	// entry is what the block is of; from and ord tell it from the others there,
	// even after it was made anew: where its part of the text begins, and the
	// place among the blocks of that part.
	entry     *entry
	from, ord int

	counted      float32 // height that the sums of the view have
	guessed      float32 // height while it was never laid out
	guessedWidth float32 // that it was guessed for

	width  float32 // that the rest is for; 0 while unknown
	height float32
	lines  []line
	shapes []shape
	box    frame // the ground's left and width
	shown  *shown
}

// quoteBar is a line down the left side of what is quoted.
type quoteBar struct {
	x      float32
	goesOn bool // the block above has it, too
}

// frame is an extent in the column.
type frame struct{ x, w float32 }

// group is a ground behind neighbouring blocks.
type group struct {
	fill        fyne.ThemeColorName // "" for none
	stroke      fyne.ThemeColorName // "" for none
	radius      float32
	left, right float32   // free room beside it in the column
	over        float32   // how far it reaches above its first block's content
	known       colours   // of the piece of code that was coloured last
	side        *sideways // of a piece of code, or of a table, that one can move along
}

// line is one line of text, placed in its block.
type line struct {
	y, h  float32
	runs  []run
	mixed bool // they are not in the order in which one reads them
}

// shape is a rectangle, placed in its block.
type shape struct {
	x, y, w, h float32
	ink        fyne.ThemeColorName
	radius     float32
}

// leading is the height of a line over the size of its letters.
const leading = 1.5

// layout places the block's lines for a width.
func (b *block) layout(m *measurer, width float32) {
	if b.width == width && !b.grew() {
		return
	}
	b.width = width
	if b.lazy != nil {
		b.layoutKids(m, width)
		return
	}
	b.wake()
	b.lines, b.shapes = b.lines[:0], b.shapes[:0]
	y := b.gap
	inner := max(width-b.left-b.right, 24)
	b.iconX = b.left - b.iconBy
	b.box = frame{0, width}
	if g := b.group; g != nil {
		b.box = frame{g.left, width - g.left - g.right}
	}
	switch {
	case b.tall != nil:
		y += b.tall(inner)
	case b.fixed != nil:
		y += b.fixed.MinSize().Height
	case b.rule:
		b.shapes = append(b.shapes, shape{x: b.left, y: y + 4, w: inner, h: 1, ink: theme.ColorNameSeparator})
		y += 9
	case b.cells != nil:
		y = b.cells.layout(b, m, y, inner)
	default:
		y = b.text(m, y, inner)
	}
	b.height = y + b.below
	for _, q := range b.bars {
		top := b.gap
		if q.goesOn {
			top = 0
		}
		b.shapes = append(b.shapes, shape{x: q.x, y: top, w: 3, h: b.height - top, ink: theme.ColorNameInputBorder})
	}
}

func (b *block) layoutKids(m *measurer, width float32) {
	if b.kids == nil {
		b.kids = b.hatch()
	}
	b.height = 0
	for _, k := range b.kids {
		k.layout(m, width)
		b.height += k.height
	}
}

// hatch makes the blocks that a lazy one stands for.
func (b *block) hatch() []*block {
	kids := b.lazy()
	for i, k := range kids {
		k.entry, k.from, k.ord = b.entry, b.from, i
		k.number()
		b.entry.keepSide(k)
	}
	if len(kids) > 0 && b.gap > 0 {
		kids[0].gap = b.gap
	}
	return kids
}

func (b *block) text(m *measurer, y, inner float32) float32 {
	var lines [][]run
	switch side := b.alongside(); {
	case side != nil:
		lines = m.unbroken(b.spans, side, inner)
	case b.pre:
		lines = m.wrapCode(b.spans, inner)
	default:
		lines = m.wrap(b.spans, inner)
	}
	o := orderOf(b.spans)
	left := b.left
	if b.hug {
		widest := widestOf(lines)
		if b.with != nil {
			widest = max(widest, widestOf(m.wrap(b.with.spans, inner)))
		}
		left = b.width - b.right - widest
		b.box = frame{left - b.right, widest + 2*b.right}
	}
	// A text from right to left begins at the right, with what stands before it. Trees
	// have marks, too, and stay as they are.
	turned := o != nil && o.rtl && !b.pre && (len(b.marker) == 0 || b.indent > 0)
	right := b.width - b.right - b.indent
	if turned && b.taskBox {
		b.iconX = right + b.iconBy - iconSize
	}
	first := y
	for _, runs := range lines {
		runs = m.visual(runs, o)
		left := left
		if turned && len(runs) > 0 {
			left = max(right-end(runs), left-b.indent)
		}
		size := b.size()
		for i := range runs {
			runs[i].x += left
			size = max(size, runs[i].span.face.size)
		}
		h := lineHeight(size, b.pre)
		b.lines = append(b.lines, line{y: y, h: h, runs: runs, mixed: o != nil})
		b.grounds(runs, y, h)
		y += h
	}
	if len(b.marker) > 0 && len(b.lines) > 0 {
		b.mark(m, left, right, turned)
	}
	if b.icon != nil {
		y = max(y, first+iconSize)
	}
	return y
}

// iconSize is the side of the box of a task.
const iconSize float32 = 18

// mark puts the marker before the first line: left of it, or, where the text begins
// at the right, right of it.
func (b *block) mark(m *measurer, left, right float32, turned bool) {
	const gap = 8
	for i := range b.marker {
		b.marker[i].at = -len(b.marker[i].text) // one reads it before the text
	}
	mark := m.wrap(b.marker, 1e6)[0]
	first := &b.lines[0].runs
	if !turned {
		left -= end(mark) + gap
		for i := range mark {
			mark[i].x += left
		}
		*first = append(mark, *first...)
		return
	}
	// What ends a number stands left of it.
	if r := mark[0]; isDigit(r.text()) {
		number := r
		number.to = number.from + strings.IndexFunc(r.text(), func(c rune) bool { return c < '0' || c > '9' })
		if number.to > number.from {
			number.w = m.xOf(r, number.to) - m.xOf(r, number.from)
			r.from, r.w = number.to, r.w-number.w
			number.x = r.w
			mark = append([]run{r, number}, mark[1:]...)
		}
	}
	for i := range mark {
		mark[i].x += right + gap
	}
	*first = append(*first, mark...)
}

// widestOf is the width of the widest line.
func widestOf(lines [][]run) float32 {
	widest := float32(0)
	for _, l := range lines {
		if n := len(l); n > 0 {
			widest = max(widest, l[n-1].x+l[n-1].w)
		}
	}
	return widest
}

// grounds puts a ground behind code within text.
func (b *block) grounds(runs []run, y, h float32) {
	for _, r := range runs {
		if r.span.code && !b.pre {
			b.shapes = append(b.shapes, shape{x: r.x - 2, y: y + h*0.1, w: r.w + 4, h: h * 0.8, ink: look.ColorCode, radius: 4})
		}
	}
}

// size is that of the block's letters.
func (b *block) size() float32 {
	if len(b.spans) > 0 {
		return b.spans[0].face.size
	}
	return 14
}

func lineHeight(size float32, code bool) float32 {
	if code {
		return float32(int(size*1.4 + 0.5))
	}
	return float32(int(size*leading + 0.5))
}

// guess returns the height of a block, or an estimate if it was never laid out
// for that width.
func (b *block) guess(width float32) float32 {
	if b.width == width {
		return b.height
	}
	if b.guessedWidth != width {
		b.guessed, b.guessedWidth = b.estimate(width), width
	}
	return b.guessed
}

func (b *block) estimate(width float32) float32 {
	switch {
	case b.lazy != nil:
		// Prose has some 0.5 of its size a letter, and a gap now and then.
		return 12 + float32(b.chars)*7.5/max(width, 24)*lineHeight(15, false)*1.15
	case b.tall != nil, b.fixed != nil:
		return b.gap + 40 + b.below
	case b.rule:
		return b.gap + 9
	case b.cells != nil:
		return b.gap + float32(len(b.cells.rows))*32
	}
	n := b.chars
	for _, s := range b.spans {
		n += len(s.text)
	}
	size := b.size()
	each := size * 0.5
	if b.pre {
		each = size * 0.6
	}
	if b.alongside() != nil {
		return b.gap + float32(countLines(b.spans))*lineHeight(size, true) + b.below
	}
	inner := max(width-b.left-b.right, 24)
	return b.gap + float32(1+int(float32(n)*each/inner))*lineHeight(size, b.pre) + b.below
}

// wrapCode breaks lines as wrap does; most lines of code fit and are not looked
// at word by word.
func (m *measurer) wrapCode(spans []span, width float32) [][]run {
	w := &wrapper{m: m, width: max(width, 24)}
	for i := range spans {
		s := &spans[i]
		cell := m.metrics(s.face).cell
		for at := 0; at < len(s.text); {
			end := at
			for end < len(s.text) && s.text[end] != '\n' {
				end++
			}
			if fits := w.x + cell*float32(end-at); fits <= w.width && s.face.mono && ascii(s.text[at:end]) {
				w.put(run{span: s, from: at, to: end, w: cell * float32(end-at)})
			} else {
				w.words(s, at, end)
				w.flush()
			}
			if end < len(s.text) {
				w.newline(false)
				end++
			}
			at = end
		}
	}
	w.lines = append(w.lines, w.cur)
	return w.lines
}
