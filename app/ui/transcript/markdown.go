package transcript

import (
	"bytes"
	"net/url"
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

	"github.com/drawbridge-app/drawbridge/app/ui/say"
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

// code is a piece of code with a header of its own.
type code struct {
	lang     string
	doc      *document // nil if text holds it
	from, to int       // in doc.src; to is -1 while it grows
	text     string
	group    *group
}

// source returns the code as it was written.
func (c *code) source() string {
	if c.doc == nil {
		return c.text
	}
	to := c.to
	if to < 0 {
		to = len(c.doc.src)
	}
	return string(c.doc.src[c.from:to])
}

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

// code makes blocks of a piece of code. first says that the piece begins the
// code, last that it ends it.
func (t *typeset) code(c *code, s string, first, last bool) []*block {
	return t.codeAt(c, s, first, last, t.left, t.bars)
}

func (t *typeset) codeAt(c *code, s string, first, last bool, left float32, bars []quoteBar) []*block {
	if c.group == nil {
		c.group = &group{fill: look.ColorCode, radius: 8, left: left, side: &sideways{}}
	}
	var out []*block
	if first {
		out = append(out, &block{
			gap: gapBlock, left: left, bars: bars, group: c.group, beginsCode: true,
			make: func() fyne.CanvasObject { return t.header(c) },
			tall: func(float32) float32 { return codeHead },
		})
	}
	s = strings.TrimSuffix(s, "\n")
	for again := true; again; again = s != "" {
		n := cutCode(s)
		piece := s[:n]
		s = s[n:]
		out = append(out, &block{
			left: left + codePad, right: codePad, bars: bars, group: c.group, pre: true, lang: c.lang,
			spans: []span{{text: visible(strings.TrimSuffix(piece, "\n")), face: face{mono: true, size: t.size - 2}, ink: theme.ColorNameForeground}},
		})
	}
	if last {
		out[len(out)-1].below = 10
	}
	return out
}

// cutCode returns how much of the code makes one block.
func cutCode(s string) int {
	lines := 0
	for i := range len(s) {
		if s[i] == '\n' {
			if lines++; lines == maxLines {
				return i + 1
			}
		}
		if i >= maxCode {
			return cut(s, maxCode)
		}
	}
	return len(s)
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
	bars    []quoteBar
	gap     float32
	marker  []span        // for the first of them
	box     fyne.Resource // in place of a marker
	checked bool
}

func (b *builder) add(p *place, bl *block) *block {
	bl.left += p.left
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

func (b *builder) style() style { return style{size: b.set.size, ink: b.set.ink} }

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
		b.add(p, &block{cells: b.table(n)})
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

func (b *builder) code(lang string, lines *text.Segments, p *place) {
	b.needMarker(p)
	c := &code{lang: lang, text: linesOf(lines, b.src)}
	out := b.set.codeAt(c, c.text, true, true, p.left, p.bars)
	out[0].gap = p.gap
	b.out = append(b.out, out...)
	p.gap = gapBlock
	p.bars = goingOn(p.bars)
}

func linesOf(lines *text.Segments, src []byte) string {
	var s strings.Builder
	for i := range lines.Len() {
		seg := lines.At(i)
		s.Write(seg.Value(src))
	}
	return s.String()
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
		inner := place{left: p.left + indent, bars: p.bars, gap: p.gap, marker: []span{st.span(mark)}}
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

// style is how text within a block looks.
type style struct {
	bold, italic, mono, strike, math bool
	size                             float32
	ink                              fyne.ThemeColorName
	link                             string
}

func (s style) span(t string) span {
	size := s.size
	if s.mono {
		size = float32(int(size*0.9*2)) / 2
	}
	return span{
		text: visible(t), ink: s.ink, code: s.mono, strike: s.strike, math: s.math, link: s.link,
		face: face{bold: s.bold && !s.mono, italic: s.italic && !s.mono, mono: s.mono, size: size},
	}
}

func (b *builder) spans(parent ast.Node, st style) []span {
	var out []span
	b.inline(parent, st, &out)
	return out
}

func (b *builder) inline(parent ast.Node, st style, out *[]span) {
	put := func(st style, t string) {
		if t == "" {
			return
		}
		s := st.span(t)
		if n := len(*out); n > 0 {
			if last := &(*out)[n-1]; last.face == s.face && last.ink == s.ink && last.code == s.code && last.strike == s.strike && last.link == s.link && last.math == s.math {
				last.text += s.text
				return
			}
		}
		*out = append(*out, s)
	}
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			t := n.Segment.Value(b.src)
			if !n.IsRaw() {
				t = resolve(t)
			}
			put(st, string(t))
			switch {
			case n.HardLineBreak():
				put(st, "\n")
			case n.SoftLineBreak():
				put(st, " ")
			}
		case *ast.String:
			put(st, string(n.Value))
		case *ast.CodeSpan:
			inner := st
			inner.mono = true
			var t []byte
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				if seg, ok := c.(*ast.Text); ok {
					t = append(t, bytes.ReplaceAll(seg.Segment.Value(b.src), []byte("\n"), []byte(" "))...)
				}
			}
			put(inner, string(t))
		case *ast.Emphasis:
			inner := st
			if n.Level >= 2 {
				inner.bold = true
			} else {
				inner.italic = true
			}
			b.inline(n, inner, out)
		case *east.Strikethrough:
			inner := st
			inner.strike = true
			b.inline(n, inner, out)
		case *ast.Link:
			b.link(n, string(n.Destination), st, out, put)
		case *ast.AutoLink:
			target := string(n.URL(b.src))
			if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(target), "mailto:") {
				target = "mailto:" + target
			}
			inner := st
			if checked, ok := safeLink(target); ok {
				inner.link, inner.ink = checked, theme.ColorNameHyperlink
			}
			put(inner, string(n.Label(b.src)))
		case *ast.Image:
			// The picture itself is never fetched: its address is shown instead.
			put(st, "["+say.T("image")+": ")
			b.link(n, string(n.Destination), st, out, put)
			put(st, "]")
		case *ast.RawHTML:
			inner := st
			inner.mono = true
			for i := range n.Segments.Len() {
				seg := n.Segments.At(i)
				put(inner, string(seg.Value(b.src)))
			}
		case *mathNode:
			inner := st
			inner.mono, inner.math = true, true
			put(inner, n.source)
		case *footnoteNode:
			inner := st
			inner.ink = theme.ColorNameHyperlink
			inner.size = st.size * 0.8
			if !n.words {
				put(inner, "["+n.label+"]")
				break
			}
			if len(*out) > 0 {
				put(st, "\n")
			}
			inner.size, inner.bold = st.size, true
			put(inner, "["+n.label+"]")
		case *east.TaskCheckBox:
		default:
			b.inline(n, st, out)
		}
	}
}

// link shows the text of a link. A target that is not opened is written out
// after it, so that nothing is hidden.
func (b *builder) link(n ast.Node, target string, st style, out *[]span, put func(style, string)) {
	inner := st
	checked, ok := safeLink(target)
	if ok {
		inner.link, inner.ink = checked, theme.ColorNameHyperlink
	}
	before := len(*out)
	b.inline(n, inner, out)
	if ok && (n.FirstChild() == nil || len(*out) == before && before == 0) {
		put(inner, checked)
	}
	if !ok && target != "" {
		put(st, " ("+shorten(target)+")")
	}
}

// shorten cuts a target that nobody would read, and says so.
func shorten(s string) string {
	const limit = 300
	if len(s) <= limit {
		return s
	}
	return s[:cut(s, limit)] + "… " + say.N(len(s), "%d byte", "%d bytes", len(s))
}

// safeLink returns a target that may be opened when the person asks for it: an
// absolute address of the web, or one of mail.
func safeLink(target string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(target))
	if err != nil || len(target) > 8<<10 {
		return "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host == "" || u.User != nil {
			return "", false
		}
	case "mailto":
		if u.Opaque == "" {
			return "", false
		}
	default:
		return "", false
	}
	return u.String(), true
}

// resolve replaces escapes and entities by what they stand for.
func resolve(t []byte) []byte {
	if bytes.IndexByte(t, '\\') >= 0 {
		t = util.UnescapePunctuations(t)
	}
	if bytes.IndexByte(t, '&') >= 0 {
		t = util.ResolveEntityNames(util.ResolveNumericReferences(t))
	}
	return t
}
