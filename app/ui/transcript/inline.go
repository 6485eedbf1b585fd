package transcript

import (
	"bytes"
	"regexp"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// mathNode is mathematics, with the signs around it. It is shown as it was
// written: nothing in it is Markdown.
type mathNode struct {
	ast.BaseInline
	source string
}

var kindMath = ast.NewNodeKind("Math")

// Kind implements ast.Node.
func (*mathNode) Kind() ast.NodeKind { return kindMath }

// Dump implements ast.Node.
func (n *mathNode) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

// mathParser finds $…$, $$…$$, \(…\) and \[…\].
type mathParser struct{}

// Trigger implements parser.InlineParser.
func (mathParser) Trigger() []byte { return []byte{'$', '\\'} }

// Parse implements parser.InlineParser.
func (mathParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	var shut []byte
	open := 2
	switch {
	case bytes.HasPrefix(line, []byte("$$")):
		shut = []byte("$$")
	case bytes.HasPrefix(line, []byte(`\(`)):
		shut = []byte(`\)`)
	case bytes.HasPrefix(line, []byte(`\[`)):
		shut = []byte(`\]`)
	case line[0] == '$':
		return dollarMath(line, block)
	default:
		return nil
	}
	at, pos := block.Position()
	var source []byte
	const most = 64 // lines
	for n := range most {
		line, _ := block.PeekLine()
		if line == nil {
			break
		}
		from := 0
		if n == 0 {
			from = open
		}
		if i := bytes.Index(line[min(from, len(line)):], shut); i >= 0 {
			end := from + i + len(shut)
			source = append(source, line[:end]...)
			if shut[0] == '\\' && !mathematical(source[2:len(source)-2]) {
				break // brackets that are none of Markdown
			}
			block.Advance(end)
			return &mathNode{source: string(source)}
		}
		source = append(source, line...)
		block.AdvanceLine()
	}
	block.SetPosition(at, pos)
	return nil
}

// mathematical reports whether what stands between \(…\) or \[…\] is mathematics: a
// letter, or something with a sign of it. A word is text between brackets that were
// escaped, so that they are no link.
func mathematical(between []byte) bool {
	if len(bytes.TrimSpace(between)) < 3 || bytes.ContainsAny(between, "^=+<>{}") {
		return true
	}
	for i, c := range between[:len(between)-1] {
		next := between[i+1]
		letter := next >= 'a' && next <= 'z' || next >= 'A' && next <= 'Z'
		if c == '\\' && letter || c != '\\' && next == '_' {
			return true
		}
	}
	return false
}

// dollarMath finds $…$ on one line: no space stands within its signs, and no
// digit after it, so that prices are none.
func dollarMath(line []byte, block text.Reader) ast.Node {
	if len(line) < 3 || line[1] == ' ' || line[1] == '\t' || line[1] == '$' {
		return nil
	}
	for i := 2; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == '$':
			if line[i-1] == ' ' || i+1 < len(line) && line[i+1] >= '0' && line[i+1] <= '9' {
				return nil
			}
			block.Advance(i + 1)
			return &mathNode{source: string(line[:i+1])}
		}
	}
	return nil
}

// footnoteNode is the mark of a footnote: in the text, or where its words begin.
type footnoteNode struct {
	ast.BaseInline
	label string
	words bool
}

var kindFootnote = ast.NewNodeKind("FootnoteMark")

// Kind implements ast.Node.
func (*footnoteNode) Kind() ast.NodeKind { return kindFootnote }

// Dump implements ast.Node.
func (n *footnoteNode) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

// footnoteParser finds [^label]. The words of a footnote stay where they were
// written.
type footnoteParser struct{}

// Trigger implements parser.InlineParser.
func (footnoteParser) Trigger() []byte { return []byte{'['} }

var (
	footnoteMark  = regexp.MustCompile(`^\[\^([^\]\s\[]{1,40})\]`)
	footnoteWords = regexp.MustCompile(`(?m)^( {0,3}\[\^[^\]\s\[]{1,40}\]):`)
)

// Parse implements parser.InlineParser.
func (footnoteParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	m := footnoteMark.FindSubmatch(line)
	if m == nil {
		return nil
	}
	n := &footnoteNode{label: string(m[1])}
	end := len(m[0])
	if bytes.HasPrefix(line[end:], []byte(`\:`)) && block.PrecendingCharacter() == '\n' {
		n.words = true
		end += 2
	}
	block.Advance(end)
	return n
}

// keepFootnotes has the words of footnotes be no link definitions, which are not
// shown.
func keepFootnotes(src []byte) []byte {
	if !bytes.Contains(src, []byte("[^")) || bytes.Contains(src, []byte("```")) || bytes.Contains(src, []byte("~~~")) {
		return src
	}
	return footnoteWords.ReplaceAll(src, []byte(`$1\:`))
}
