package transcript

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
)

// spot is a place in the text of the thread: between two characters of a block.
// It stays what it is while an answer grows and its blocks are made anew.
type spot struct {
	entry     *entry
	from, ord int // of the block
	off       int // in its text, in bytes
}

func spotIn(b *block, off int) spot { return spot{b.entry, b.from, b.ord, off} }

func (s spot) in(b *block) bool { return s.entry == b.entry && s.from == b.from && s.ord == b.ord }

// compare orders spots as they are read.
func (s spot) compare(o spot) int {
	if s.entry != o.entry {
		return cmp.Compare(s.entry.first, o.entry.first)
	}
	return cmp.Or(cmp.Compare(s.from, o.from), cmp.Compare(s.ord, o.ord), cmp.Compare(s.off, o.off))
}

// before and after compare a block with a spot.
func (s spot) before(b *block) bool { return s.compare(spotIn(b, 0)) <= 0 }
func (s spot) after(b *block) bool {
	return s.compare(spotIn(b, 0)) > 0 && !s.in(b)
}

// selection is what is marked: from where it was begun to where the pointer or
// the cursor is. It is nothing while the two are the same.
type selection struct {
	anchor, head spot
	on           bool
}

// ends returns both ends in order.
func (s selection) ends() (a, b spot) {
	if s.anchor.compare(s.head) <= 0 {
		return s.anchor, s.head
	}
	return s.head, s.anchor
}

func (s selection) empty() bool { return !s.on || s.anchor == s.head }

// part returns which bytes of the block's text lie between two spots.
func part(b *block, from, to spot) (lo, hi int) {
	n := b.length()
	if to.before(b) && !to.in(b) || from.after(b) {
		return 0, 0
	}
	lo, hi = 0, n
	if from.in(b) {
		lo = min(from.off, n)
	}
	if to.in(b) {
		hi = min(to.off, n)
	}
	return lo, max(hi, lo)
}

// wake makes the spans that were left for later, and tells each where it
// begins.
func (b *block) wake() {
	if b.later != nil {
		b.spans, b.later = b.later(), nil
	}
	b.number()
}

// number tells the spans where they begin in the text of the block.
func (b *block) number() {
	at := 0
	b.eachSpan(func(s *span) {
		s.at = at
		at += len(s.text)
	})
}

// eachSpan visits what a person reads of the block, in order.
func (b *block) eachSpan(f func(*span)) {
	for i := range b.spans {
		f(&b.spans[i])
	}
	if b.cells == nil {
		return
	}
	for _, row := range b.cells.rows {
		for _, cell := range row {
			for i := range cell {
				f(&cell[i])
			}
		}
	}
}

// length is the length of the block's text in bytes.
func (b *block) length() (n int) {
	if b.later != nil {
		b.wake()
	}
	b.eachSpan(func(s *span) { n += len(s.text) })
	return n
}

// words returns the text of the block as it is read.
func (b *block) words() string {
	if b.later != nil {
		b.wake()
	}
	if b.cells == nil && len(b.spans) == 1 {
		return b.spans[0].text
	}
	var out strings.Builder
	b.eachSpan(func(s *span) { out.WriteString(s.text) })
	return out.String()
}

// offsetAt returns the character of the run that is nearest to x, which is
// measured from its left.
func (m *measurer) offsetAt(r run, x float32) int {
	text := r.text()
	if r.rtl {
		x = r.w - x
	}
	if r.span.face.mono && ascii(text) {
		return r.from + min(max(int(x/m.metrics(r.span.face).cell+0.5), 0), len(text))
	}
	at, left := 0, float32(0)
	for at < len(text) {
		n, w := m.piece(r.span.face, text[at:])
		if x >= left+w && at+n < len(text) {
			at, left = at+n, left+w
			continue
		}
		was := float32(0)
		for k := 0; k < n; {
			size := letter(text[at+k : at+n])
			to := m.short(r.span.face, text[at:at+k+size])
			if x < left+(was+to)/2 {
				return r.from + at + k
			}
			was, k = to, k+size
		}
		at += n
		left += w
	}
	return r.to
}

// xOf returns how far from the left of the run a character of it stands, on the
// side from which it is read.
func (m *measurer) xOf(r run, off int) float32 {
	if r.rtl {
		r.rtl = false
		return r.w - m.xOf(r, off)
	}
	text := r.text()
	off = min(max(off-r.from, 0), len(text))
	if off == len(text) {
		return r.w
	}
	if r.span.face.mono && ascii(text) {
		return m.metrics(r.span.face).cell * float32(off)
	}
	at, left := 0, float32(0)
	for at < off {
		n, w := m.piece(r.span.face, text[at:])
		if at+n > off {
			return left + m.short(r.span.face, text[at:off])
		}
		at, left = at+n, left+w
	}
	return left
}

// piece returns the first word of the text, or the spaces that it begins with,
// and how wide that was made.
func (m *measurer) piece(f face, text string) (n int, w float32) {
	if text[0] == ' ' {
		for n < len(text) && text[n] == ' ' {
			n++
		}
		return n, m.width(f, " ") * float32(n)
	}
	if n, _ = wordEnd(text); n <= longWord {
		return max(n, 1), m.short(f, text[:max(n, 1)])
	}
	n = letter(text)
	return n, m.width(f, text[:n])
}

// short is the width of a few letters.
func (m *measurer) short(f face, text string) float32 {
	if strings.TrimLeft(text, " ") == "" {
		return m.width(f, " ") * float32(len(text))
	}
	return m.width(f, text)
}

// spotAt returns the place in the text that is nearest to a point of the view.
// It is false if no text is in view.
func (v *View) spotAt(p fyne.Position) (found spot, ok bool) {
	b, top, ok := v.textNear(p.Y)
	if !ok {
		return spot{}, false
	}
	return spotIn(b, v.offsetIn(b, p.X-v.left(), p.Y-top)), true
}

// textNear returns the block with text that is nearest to a height.
func (v *View) textNear(y float32) (found *block, top float32, ok bool) {
	best := float32(-1)
	v.eachInView(func(b *block, at float32) {
		if len(b.lines) == 0 || b.length() == 0 {
			return
		}
		d := max(at+b.gap-y, y-(at+b.height), 0)
		if best < 0 || d < best {
			found, top, best = b, at, d
		}
	})
	return found, top, found != nil
}

// offsetIn returns the place in the text of a block that is nearest to a point
// of it.
func (v *View) offsetIn(b *block, x, y float32) int {
	var line *line
	best := float32(-1)
	x += b.moved()
	for i := range b.lines {
		l := &b.lines[i]
		if len(l.runs) == 0 && len(b.lines) > 1 && b.cells != nil {
			continue
		}
		d := max(l.y-y, y-(l.y+l.h)+0.01, 0) * 1000
		if n := len(l.runs); n > 0 {
			d += max(l.runs[0].x-x, x-(l.runs[n-1].x+l.runs[n-1].w), 0)
		}
		if best < 0 || d < best {
			line, best = l, d
		}
	}
	if line == nil {
		return 0
	}
	off := -1
	for _, r := range line.runs {
		if b.isMarker(r.span) {
			continue
		}
		if off < 0 || x >= r.x {
			off = r.span.at + v.measure.offsetAt(r, x-r.x)
		}
	}
	if off < 0 { // an empty line: what the one before ends with
		off = 0
		for i := range b.lines {
			if &b.lines[i] == line {
				break
			}
			for _, r := range b.lines[i].runs {
				off = max(off, r.span.at+r.to)
			}
			off++
		}
		off = min(off, b.length())
	}
	return off
}

func (b *block) isMarker(s *span) bool {
	return len(b.marker) > 0 && s == &b.marker[0]
}

// wordAround returns where the word at an offset begins and ends.
func wordAround(text string, off int) (from, to int) {
	in := func(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) || r == '_' }
	from, to = off, off
	for from > 0 {
		r, n := utf8.DecodeLastRuneInString(text[:from])
		if !in(r) {
			break
		}
		from -= n
	}
	for to < len(text) {
		r, n := utf8.DecodeRuneInString(text[to:])
		if !in(r) {
			break
		}
		to += n
	}
	if from == to && to < len(text) {
		_, n := utf8.DecodeRuneInString(text[to:])
		to += n
	}
	return from, to
}
