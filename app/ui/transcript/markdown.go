package transcript

import (
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// typeset is how a document is set, and what makes its widgets.
type typeset struct {
	size   float32 // of the letters
	ink    fyne.ThemeColorName
	left   float32    // indent of all
	bars   []quoteBar // lines down the left side
	parser parser.Parser
	header func(*code) fyne.CanvasObject // the line above a piece of code
}

func newParser() parser.Parser {
	return goldmark.New(goldmark.WithExtensions(
		extension.Table, extension.Strikethrough, extension.TaskList, extension.Linkify,
	), goldmark.WithParserOptions(parser.WithInlineParsers(
		util.Prioritized(mathParser{}, 90), util.Prioritized(footnoteParser{}, 95),
	))).Parser()
}

// The distances between blocks.
const (
	gapBlock   float32 = 12
	gapItem    float32 = 5
	gapHeading float32 = 20
	indentList float32 = 26
	indentBar  float32 = 18
	maxDepth           = 10 // levels that are indented; deeper ones stand at the last
	codePad    float32 = 12
	codeHead   float32 = 32
)

// markdown makes blocks of a chunk. It never fails: what is no Markdown is
// text.
func (t *typeset) markdown(src, defs []byte) []*block {
	if tooDeep(src) {
		return t.plainText(string(src))
	}
	src = keepFootnotes(src)
	n := len(src)
	if len(defs) > 0 {
		src = append(append(src[:n:n], "\n\n"...), defs...)
	}
	b := &builder{set: t, src: src}
	root := t.parser.Parse(text.NewReader(src))
	b.blocks(root, place{left: t.left, bars: t.bars, gap: gapBlock})
	return b.out
}

// joined makes blocks of a chunk that goes on with the table of that head,
// unless head is nil.
func (t *typeset) joined(head, src, defs []byte) []*block {
	if head == nil {
		return t.markdown(src, defs)
	}
	out := t.markdown(append(head[:len(head):len(head)], src...), defs)
	if len(out) > 0 && out[0].cells != nil {
		out[0].cells.rows = out[0].cells.rows[1:]
		out[0].gap = 0
		return out
	}
	return t.markdown(src, defs)
}

// tooDeep reports whether a line begins with so many quotes and bullets that
// parsing it would take long.
func tooDeep(src []byte) bool {
	const limit = 40
	n, lead := 0, true
	for _, c := range src {
		switch {
		case c == '\n':
			n, lead = 0, true
		case !lead:
		case c == '>' || c == '-' || c == '*' || c == '+':
			if n++; n > limit {
				return true
			}
		case c != ' ' && c != '\t':
			lead = false
		}
	}
	return false
}

// plainText makes blocks of text that is shown as it is.
func (t *typeset) plainText(s string) []*block {
	var out []*block
	s = strings.TrimRight(s, "\n")
	for first := true; first || s != ""; first = false {
		n := cut(s, maxCode)
		piece := s[:n]
		if n < len(s) {
			piece = strings.TrimSuffix(piece, "\n")
		}
		b := &block{left: t.left, bars: t.bars, spans: []span{{text: visible(piece), face: face{size: t.size}, ink: t.ink}}}
		if first {
			b.gap = gapBlock
		}
		out = append(out, b)
		s = s[n:]
	}
	return out
}

// builder walks what the parser found.
type builder struct {
	set   *typeset
	src   []byte
	out   []*block
	depth int
}

// place is where blocks go.
type place struct {
	left    float32
	indent  float32 // of left, what lists have
	bars    []quoteBar
	gap     float32
	marker  []span        // for the first of them
	box     fyne.Resource // in place of a marker
	checked bool
}

func (b *builder) add(p *place, bl *block) *block {
	bl.left += p.left
	bl.indent = p.indent
	bl.bars = p.bars
	p.bars = goingOn(p.bars)
	if bl.gap == 0 {
		bl.gap = p.gap
	}
	if len(p.marker) > 0 {
		bl.marker = p.marker
		p.marker = nil
	}
	if p.box != nil {
		bl.icon, bl.iconBy = p.box, 24
		bl.taskBox, bl.checked = true, p.checked
		p.box = nil
	}
	p.gap = gapBlock
	b.out = append(b.out, bl)
	return bl
}

// goingOn returns the bars as they are below the first block that has them.
func goingOn(bars []quoteBar) []quoteBar {
	out := make([]quoteBar, len(bars))
	for i, q := range bars {
		out[i] = quoteBar{q.x, true}
	}
	return out
}

func (b *builder) blocks(parent ast.Node, p place) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		b.block(n, &p)
	}
	if len(p.marker) > 0 {
		b.add(&p, &block{spans: []span{{face: face{size: b.set.size}, ink: b.set.ink}}})
	}
}

func (b *builder) block(n ast.Node, p *place) {
	switch n := n.(type) {
	case *ast.Heading:
		st := b.style()
		st.bold = true
		st.size = map[int]float32{1: 1.4, 2: 1.25, 3: 1.1}[n.Level] * st.size
		if st.size == 0 {
			st.size = b.set.size
		}
		st.ink = theme.ColorNameForeground
		bl := &block{spans: b.spans(n, st), heading: n.Level}
		if p.gap == gapBlock {
			bl.gap = gapHeading
		}
		b.add(p, bl)
		p.gap = 8
	case *ast.Paragraph, *ast.TextBlock:
		if n.ChildCount() > 0 {
			st := b.style()
			if f, ok := n.FirstChild().(*footnoteNode); ok && f.words {
				st.size, st.ink = st.size-1, look.ColorMuted
			}
			b.add(p, &block{spans: b.spans(n, st)})
		}
	case *ast.List:
		b.list(n, p)
	case *ast.Blockquote:
		inner := *p
		if b.depth++; b.depth <= maxDepth {
			inner.bars = append(p.bars[:len(p.bars):len(p.bars)], quoteBar{x: p.left + 2})
			inner.left += indentBar
		}
		b.needMarker(p)
		inner.marker = nil
		b.blocks(n, inner)
		b.depth--
		p.gap = gapBlock
		p.bars = goingOn(p.bars)
	case *ast.FencedCodeBlock:
		info := ""
		if n.Info != nil {
			info = string(n.Info.Segment.Value(b.src))
		}
		b.code(language(info), n.Lines(), p)
	case *ast.CodeBlock:
		b.code("", n.Lines(), p)
	case *ast.HTMLBlock:
		raw := linesOf(n.Lines(), b.src)
		if n.HasClosure() {
			raw += string(n.ClosureLine.Value(b.src))
		}
		st := b.style()
		st.mono = true
		b.add(p, &block{pre: true, spans: []span{st.span(strings.TrimRight(raw, "\n"))}})
	case *ast.ThematicBreak:
		b.needMarker(p)
		b.add(p, &block{rule: true})
	case *east.Table:
		b.needMarker(p)
		b.add(p, &block{cells: b.table(n), group: &group{left: p.left, side: &sideways{}}})
	default:
		if n.HasChildren() {
			b.blocks(n, *p)
			p.marker = nil
		}
	}
}

// needMarker gives the marker of a list item a line of its own, where what
// follows has no line that it could stand at.
func (b *builder) needMarker(p *place) {
	if len(p.marker) > 0 {
		b.add(p, &block{spans: []span{{face: face{size: b.set.size}, ink: b.set.ink}}})
		p.gap = gapItem
	}
}

func (b *builder) list(n *ast.List, p *place) {
	b.needMarker(p)
	number := n.Start
	between := gapItem
	if !n.IsTight {
		between = gapItem + 3
	}
	if p.gap == gapBlock {
		p.gap = gapBlock - 4
	}
	indent := indentList
	b.depth++
	if b.depth > maxDepth {
		indent = 0
	}
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "•"
		if n.IsOrdered() {
			mark = strconv.Itoa(number) + string(n.Marker)
			number++
		} else if b.depth%2 == 0 {
			mark = "–" // unlike hollow bullets, the built-in fonts have it
		}
		st := b.style()
		inner := place{left: p.left + indent, indent: p.indent + indent, bars: p.bars, gap: p.gap, marker: []span{st.span(mark)}}
		if task := taskBox(item); task != nil {
			inner.marker = nil
			inner.box = look.Tinted("box", look.ColorMuted)
			if task.IsChecked {
				inner.box, inner.checked = look.Tinted("box-checked", theme.ColorNamePrimary), true
			}
		}
		b.blocks(item, inner)
		p.gap = between
		p.bars = goingOn(p.bars)
	}
	b.depth--
	p.gap = gapBlock
}

// taskBox returns the box that a list item begins with, or nil.
func taskBox(item ast.Node) *east.TaskCheckBox {
	if first := item.FirstChild(); first != nil {
		box, _ := first.FirstChild().(*east.TaskCheckBox)
		return box
	}
	return nil
}

func (b *builder) table(n *east.Table) *table {
	t := &table{}
	for _, a := range n.Alignments {
		t.align = append(t.align, map[east.Alignment]fyne.TextAlign{
			east.AlignRight: fyne.TextAlignTrailing, east.AlignCenter: fyne.TextAlignCenter,
		}[a])
	}
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		st := b.style()
		st.size--
		_, st.bold = row.(*east.TableHeader)
		var cells [][]span
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			cells = append(cells, b.spans(c, st))
		}
		t.rows = append(t.rows, cells)
	}
	return t
}
