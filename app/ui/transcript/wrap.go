package transcript

import (
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/fonts"
)

// face is what a text is written in.
type face struct {
	bold, italic, mono bool
	size               float32
}

func (f face) style() fyne.TextStyle {
	return fyne.TextStyle{Bold: f.bold, Italic: f.italic, Monospace: f.mono}
}

// span is a piece of text that looks the same throughout. It has been made
// visible; a line break in it begins a new line.
type span struct {
	text   string
	face   face
	ink    fyne.ThemeColorName
	code   bool // on a ground of its own
	strike bool
	math   bool   // mathematics, with its signs
	link   string // target, checked; empty for none
	act    func() // what a tap on it does
	at     int    // where it begins in the text of its block
}

// run is the part of a span that stands on one line.
type run struct {
	span     *span
	from, to int
	x, w     float32
	rtl      bool // it is read from its right
}

func (r run) text() string { return r.span.text[r.from:r.to] }

// maxWords bounds the widths that a measurer remembers.
const maxWords = 1 << 16

// measurer knows how wide words are. One goroutine uses it.
type measurer struct {
	faces map[face]*metrics
	words int
	face  face            // the last one
	news  []rune          // of lacks, what nobody was told of yet
	lacks map[string]rune // scripts that no font has, with one of their letters
	last  *metrics
}

type metrics struct {
	height, baseline float32
	cell             float32 // of a letter, where all have one width
	widths           map[string]float32
}

func newMeasurer() *measurer { return &measurer{faces: map[face]*metrics{}} }

func (m *measurer) metrics(f face) *metrics {
	if m.last != nil && m.face == f {
		return m.last
	}
	k, ok := m.faces[f]
	if !ok {
		fonts.Use(f.style())
		size, baseline := fyne.CurrentApp().Driver().RenderedTextSize("M", f.size, f.style(), nil)
		k = &metrics{height: size.Height, baseline: baseline, cell: size.Width, widths: map[string]float32{}}
		m.faces[f] = k
	}
	m.face, m.last = f, k
	return k
}

// width returns the width of a word, or of a few letters.
func (m *measurer) width(f face, word string) float32 {
	k := m.metrics(f)
	if f.mono && ascii(word) {
		return k.cell * float32(len(word))
	}
	if w, ok := k.widths[word]; ok {
		return w
	}
	m.look(f, word)
	w := fyne.MeasureText(word, f.size, f.style()).Width
	if m.words >= maxWords {
		for _, other := range m.faces {
			clear(other.widths)
		}
		m.words = 0
	}
	m.words++
	k.widths[word] = w
	return w
}

// look notes what of a word no font has.
func (m *measurer) look(f face, word string) {
	if ascii(word) {
		return
	}
	r, lacks := fonts.Lacks(f.style(), word)
	if !lacks {
		return
	}
	script := fonts.Script(r)
	if _, known := m.lacks[script]; !known {
		if m.lacks == nil {
			m.lacks = map[string]rune{}
		}
		m.lacks[script] = r
		m.news = append(m.news, r)
	}
}

// baseline is how far below the upper edge of a text its letters stand.
func (m *measurer) baseline(f face, text string) float32 {
	usual := m.metrics(f).baseline
	if ascii(text) {
		return usual
	}
	if a := fonts.Ascent(f.style(), text, f.size); a > 0 {
		return a
	}
	return usual
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// wrapper breaks spans into lines.
type wrapper struct {
	m     *measurer
	width float32
	lines [][]run
	cur   []run
	x     float32
	soft  bool  // the line began because the one before was full
	word  []run // pieces that stay together
	wordW float32
}

// wrap breaks spans into lines of at most that width. Words that are wider are
// broken between letters. There is at least one line.
func (m *measurer) wrap(spans []span, width float32) [][]run {
	w := &wrapper{m: m, width: max(width, 24)}
	for i := range spans {
		w.words(&spans[i], 0, len(spans[i].text))
	}
	w.flush()
	w.lines = append(w.lines, w.cur)
	return w.lines
}

// words sets a part of a span word by word.
func (w *wrapper) words(s *span, from, to int) {
	for at := from; at < to; {
		text := s.text[at:to]
		switch text[0] {
		case '\n':
			w.flush()
			w.newline(false)
			at++
			continue
		case ' ':
			n := 1
			for n < len(text) && text[n] == ' ' {
				n++
			}
			w.flush()
			w.space(s, at, at+n)
			at += n
			continue
		}
		n, breaks := wordEnd(text)
		if n > longWord {
			w.flush()
			w.long(s, at, at+n)
		} else {
			p := run{span: s, from: at, to: at + n, w: w.m.width(s.face, text[:n])}
			w.word = append(w.word, p)
			w.wordW += p.w
		}
		if breaks {
			w.flush()
		}
		at += n
	}
}

// longWord is the length from which a word is not measured as a whole.
const longWord = 120

// wordEnd returns where the word at the beginning ends, and whether a line may
// be broken there even without a space: after a hyphen or a slash, and around
// the characters of scripts that are written without spaces.
func wordEnd(s string) (n int, breaks bool) {
	for n < len(s) {
		c := s[n]
		if c == ' ' || c == '\n' {
			return n, true
		}
		if c < utf8.RuneSelf {
			n++
			if (c == '-' || c == '/') && n > 1 && n < len(s) && isWord(s[n]) {
				return n, true
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		if r >= 0x0E00 && spaceless(r) {
			if n > 0 {
				return n, true
			}
			return unit(s), true
		}
		n += size
	}
	return n, false
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// long sets a word that is too long to measure at once, letter by letter.
func (w *wrapper) long(s *span, from, to int) {
	start, width := from, float32(0)
	for at := from; at < to; {
		n := letter(s.text[at:to])
		rw := w.m.width(s.face, s.text[at:at+n])
		if w.x+width+rw > w.width && (at > start || w.x > 0) {
			w.put(run{span: s, from: start, to: at, w: width})
			w.newline(true)
			start, width = at, 0
		}
		width += rw
		at += n
	}
	w.put(run{span: s, from: start, to: to, w: width})
}

// flush puts the pending word on this line, or on the next.
func (w *wrapper) flush() {
	if len(w.word) == 0 {
		return
	}
	if w.x > 0 && w.x+w.wordW > w.width {
		w.newline(true)
	}
	fits := w.wordW <= w.width
	for _, p := range w.word {
		if fits {
			w.put(p)
		} else {
			w.long(p.span, p.from, p.to)
		}
	}
	w.word, w.wordW = w.word[:0], 0
}

// space puts spaces, unless the line was broken right before them.
func (w *wrapper) space(s *span, from, to int) {
	if w.x == 0 && w.soft {
		return
	}
	w.put(run{span: s, from: from, to: to, w: w.m.width(s.face, " ") * float32(to-from)})
}

func (w *wrapper) put(p run) {
	if p.from == p.to {
		return
	}
	if n := len(w.cur); n > 0 && w.cur[n-1].span == p.span && w.cur[n-1].to == p.from {
		w.cur[n-1].to = p.to
		w.cur[n-1].w += p.w
	} else {
		p.x = w.x
		w.cur = append(w.cur, p)
	}
	w.x += p.w
}

func (w *wrapper) newline(soft bool) {
	w.lines = append(w.lines, w.cur)
	w.cur, w.x, w.soft = nil, 0, soft
}
