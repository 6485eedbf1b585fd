package transcript

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// document turns Markdown that grows into blocks. What cannot change any more
// becomes blocks once; only what follows the last sure boundary is parsed again
// when text is added. So adding costs the same however long the text is.
//
// Boundaries are fences and headings at the beginning of a line, and blank
// lines after which no list goes on. Where there are none for maxChunk bytes
// the text is cut, so that no input makes a frame long.
type document struct {
	set    typeset
	src    []byte
	done   int // src[:done] is in blocks for good
	fence  *fence
	head   []byte   // of the table that src[:done] ends in
	blocks []*block // for good
	tail   []*block // of src[done:]
	defs   []byte   // link definitions, which may stand after their use
	ended  bool
}

// fence is a code block that was opened at the beginning of a line.
type fence struct {
	mark  byte
	count int
	code  *code
	first bool // no block of it was made for good yet
}

const (
	maxChunk = 8 << 10 // that the parser gets at once
	maxLines = 40      // of code in a block
	// leastChunk is what parts of a text come to at the least, where there is
	// enough of it.
	leastChunk = 2 << 10
	longChunk  = 1 << 10 // from which a list or a table is cut
	maxInfo    = 200     // bytes after a fence that can be its language
	maxCode    = 4 << 10 // bytes of code in a block
)

func (d *document) append(text string) { d.src = append(d.src, text...) }

// update lays hold of what was appended. It returns how many blocks at the
// beginning are still the same.
func (d *document) update() (same int) {
	same = len(d.blocks)
	for d.step() {
	}
	if d.ended {
		d.blocks, d.tail = append(d.blocks, d.tail...), nil
	}
	return same
}

// end says that nothing will be appended any more.
func (d *document) end() (same int) {
	d.ended = true
	if defs := definitions(d.src); len(defs) > 0 {
		d.defs = defs
		d.done, d.fence, d.head, d.blocks, d.tail = 0, nil, nil, nil, nil
	}
	return d.update()
}

// all returns every block.
func (d *document) all() []*block {
	return append(d.blocks[:len(d.blocks):len(d.blocks)], d.tail...)
}

// placed tells blocks where in the text their part begins.
func (d *document) placed(blocks []*block) []*block {
	for i, b := range blocks {
		b.from, b.ord = d.done, i
	}
	return blocks
}

// step makes the next blocks for good and reports whether there may be more. If
// not, the rest is in tail.
func (d *document) step() bool {
	rest := d.src[d.done:]
	d.tail = nil
	if len(rest) == 0 && d.fence == nil {
		return false
	}
	if d.fence != nil {
		return d.stepFence(rest)
	}
	if f, n := openFence(rest, d.ended); f != nil {
		if n == 0 { // its line is not whole yet
			return false
		}
		d.fence = f
		d.done += n
		f.code.doc, f.code.from, f.code.to = d, d.done, -1
		return true
	}
	n, sure := chunk(rest, d.head != nil)
	for sure && n < leastChunk { // what is there already makes few large parts
		if f, _ := openFence(rest[n:], true); f != nil {
			break
		}
		more, sureToo := chunk(rest[n:], false)
		if !sureToo && !d.ended || n+more > maxChunk {
			break
		}
		n, sure = n+more, sureToo
	}
	head := d.head
	if !sure && !d.ended {
		d.tail = d.placed(d.set.joined(head, rest[:n], d.defs))
		return false
	}
	// What is for good is parsed when somebody looks at it.
	set, part, defs := d.set, rest[:n:n], d.defs
	if len(bytes.TrimSpace(part)) > 0 {
		d.blocks = append(d.blocks, &block{from: d.done, chars: n, lazy: func() []*block { return set.joined(head, part, defs) }})
	}
	d.head = tableHead(head, part, firstLine(rest[n:min(len(rest), n+maxChunk)]))
	d.done += n
	return d.done < len(d.src)
}

// tableHead returns the first two lines of the table that a cut went through,
// if it went through one, so that the rest can be set as a table, too. head is
// that of the part itself.
func tableHead(head, part, next []byte) []byte {
	if !bytes.ContainsRune(next, '|') || len(part) == 0 || part[len(part)-1] != '\n' {
		return nil
	}
	lines := bytes.SplitAfter(part, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := len(lines) - 1; i >= 0; i-- {
		if !bytes.ContainsRune(lines[i], '|') {
			return nil
		}
		if i > 0 && delimiterRow.Match(lines[i]) {
			return bytes.Join(lines[i-1:i+1], nil)
		}
	}
	return head
}

var delimiterRow = regexp.MustCompile(`^ {0,3}[|:-][ \t|:-]*-[ \t|:-]*\r?\n$`)

// stepFence takes lines of the open code block.
func (d *document) stepFence(rest []byte) bool {
	f := d.fence
	at, lines := 0, 0
	for at < len(rest) {
		line := rest[at:min(len(rest), at+4*maxCode)] // a line may be endless
		n := bytes.IndexByte(line, '\n')
		whole := n >= 0
		if whole {
			line = rest[at : at+n]
		}
		if (whole || d.ended && at+len(line) == len(rest)) && f.closes(line) {
			f.code.to = d.done + at
			d.blocks = append(d.blocks, d.placed(d.set.code(f.code, string(rest[:at]), f.first, true))...)
			d.done += at + len(line)
			if whole {
				d.done++
			}
			d.fence = nil
			return true
		}
		if !whole {
			at = len(rest)
			break
		}
		at += n + 1
		if lines++; lines == maxLines || at >= maxCode {
			d.blocks = append(d.blocks, d.placed(d.set.code(f.code, string(rest[:at]), f.first, false))...)
			d.done += at
			f.first = false
			return true
		}
	}
	if at > 2*maxCode { // a line without an end
		n := cut(rest, maxCode)
		d.blocks = append(d.blocks, d.placed(d.set.code(f.code, string(rest[:n]), f.first, false))...)
		d.done += n
		f.first = false
		return true
	}
	d.tail = d.placed(d.set.code(f.code, string(rest), f.first, true))
	if d.ended {
		f.code.to = len(d.src)
		d.done = len(d.src)
		d.fence = nil
	}
	return false
}

// openFence reads a fence at the beginning of the text. n is the length of its
// line, 0 if the line has no end yet.
func openFence(s []byte, ended bool) (f *fence, n int) {
	if len(s) == 0 || s[0] != '`' && s[0] != '~' {
		return nil, 0
	}
	count := 0
	for count < len(s) && s[count] == s[0] {
		count++
	}
	if count < 3 {
		return nil, 0
	}
	s = s[:min(len(s), count+maxInfo+2)]
	end := bytes.IndexByte(s, '\n')
	whole := end >= 0
	if !whole {
		end = len(s)
	}
	info := s[count:end]
	if len(info) > maxInfo || s[0] == '`' && bytes.IndexByte(info, '`') >= 0 {
		return nil, 0
	}
	f = &fence{mark: s[0], count: count, first: true}
	f.code = &code{lang: language(string(info))}
	switch {
	case whole:
		return f, end + 1
	case ended:
		return f, end
	}
	return f, 0
}

// language is the first word of a fence's info string.
func language(info string) string {
	if fields := strings.Fields(info); len(fields) > 0 {
		return visible(strings.ToLower(fields[0]))
	}
	return ""
}

func (f *fence) closes(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r")
	trimmed := bytes.TrimLeft(line, " ")
	if len(line)-len(trimmed) > 3 || len(trimmed) < f.count {
		return false
	}
	for _, c := range trimmed {
		if c != f.mark {
			return false
		}
	}
	return true
}

// chunk returns how much of the text can be parsed by itself, and whether what
// follows can no longer change it. A long list is cut between its items, and a
// long table between its rows; table says that the text goes on with one.
func chunk(s []byte, table bool) (n int, sure bool) {
	s = s[:min(len(s), 2*maxChunk)] // a line may be endless
	first := firstLine(s)
	list := isListItem(first)
	blank := false
	for at := 0; at < len(s); {
		end := bytes.IndexByte(s[at:], '\n')
		line := s[at:]
		if end >= 0 {
			line = s[at : at+end]
		}
		if at > 0 && len(line) > 0 {
			if boundary(line, blank, list) {
				return at, true
			}
			row := bytes.IndexByte(line, '|') >= 0
			if at > longChunk && (table && row && end >= 0 || list && nextItem(first, line)) {
				return at, true
			}
			table = row && (table || end >= 0 && delimiterRow.Match(s[at:at+end+1]))
		}
		if end < 0 {
			end = len(line) - 1
		}
		next := at + end + 1
		if next > maxChunk {
			if at > 0 && at > maxChunk/4 {
				return at, true
			}
			return cut(s, maxChunk), true
		}
		blank = len(bytes.TrimSpace(line)) == 0
		at = next
	}
	return len(s), false
}

// boundary reports whether a block begins with this line that does not belong
// to the one before.
func boundary(line []byte, blank, list bool) bool {
	switch c := line[0]; {
	case c == ' ' || c == '\t' || c == '\r':
		return false
	case c == '#':
		return bytes.IndexByte(line, ' ') > 0
	case c == '`' || c == '~':
		f, _ := openFence(line, true)
		return f != nil
	}
	return blank && !(list && (isListItem(line) || mayBeListItem(line)))
}

// nextItem reports whether a line begins an item of the list that began with
// another line, and says its own number where the list has numbers.
func nextItem(first, line []byte) bool {
	if !isListItem(line) || isListItem(first) && isDigit(string(first)) != isDigit(string(line)) {
		return false
	}
	if !isDigit(string(line)) {
		return line[0] == first[0]
	}
	mark := bytes.IndexAny(line, ".)")
	return !bytes.HasPrefix(first, line[:mark+1])
}

var listItem = regexp.MustCompile(`^(?:[-+*]|\d{1,9}[.)])(?:[ \t]|\r?$)`)

func isListItem(line []byte) bool { return listItem.Match(line) }

// mayBeListItem reports whether the beginning of a line could still become a
// list item.
func mayBeListItem(line []byte) bool {
	if len(line) > 10 {
		return false
	}
	for _, c := range line {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func firstLine(s []byte) []byte {
	if i := bytes.IndexByte(s, '\n'); i >= 0 {
		return s[:i]
	}
	return s
}

// cut returns where to cut the text at about n bytes: after a space if there is
// one near, and never within a character.
func cut[T string | []byte](s T, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for i := n; i > n-200 && i > 0; i-- {
		if s[i-1] == ' ' || s[i-1] == '\n' {
			return i
		}
	}
	for n > 1 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

var definition = regexp.MustCompile(`(?m)^ {0,3}\[[^\]\n^][^\]\n]{0,200}\]:[ \t]*\S.*$`)

// maxDefinitions bounds what is parsed with every chunk.
const maxDefinitions = 100

// definitions returns the link definitions of a text.
func definitions(src []byte) []byte {
	if !bytes.Contains(src, []byte("]:")) {
		return nil
	}
	var out []byte
	for _, d := range definition.FindAll(src, maxDefinitions) {
		if len(out) > maxChunk {
			break
		}
		out = append(append(out, d...), '\n')
	}
	return out
}
