package transcript

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// Text from right to left is put in its order here and not by Fyne, which draws
// the parts of a text that are in different fonts from left to right. So each
// word of such a script, and each sign between them, is a run of its own.
//
// The order is that of UAX #9 without its invisible signs, which the thread
// writes out; see visible.

// rightToLeft reports whether a text has a character that is written from right
// to left.
func rightToLeft(s string) bool {
	for i := 0; i < len(s); {
		if s[i] < 0xD6 { // before U+0590
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r >= 0x0590 && r <= 0x08FF || r >= 0xFB1D && r <= 0xFDFF || r >= 0xFE70 && r <= 0xFEFC || r >= 0x10800 && r <= 0x10FFF || r >= 0x1E800 && r <= 0x1EFFF {
			return true
		}
		i += n
	}
	return false
}

// order is the levels of the characters of some spans, by byte, as the text of
// all of them; nil where all goes from left to right. rtl says that the text
// begins from the right.
type order struct {
	first  int // where the spans begin in the text of their block
	levels []uint8
	rtl    bool
}

// orderOf finds the order of spans that follow each other.
func orderOf(spans []span) *order {
	any := false
	for _, s := range spans {
		any = any || rightToLeft(s.text)
	}
	if !any {
		return nil
	}
	var all strings.Builder
	for _, s := range spans {
		all.WriteString(s.text)
	}
	text := all.String()
	o := &order{first: spans[0].at, levels: make([]uint8, len(text))}
	at := 0
	for line := range strings.Lines(text) {
		rtl := paragraph(strings.TrimSuffix(line, "\n"), o.levels[at:at+len(line)])
		if at == 0 {
			o.rtl = rtl
		}
		at += len(line)
	}
	return o
}

// paragraph finds the levels of a line of text (UAX #9, P2 to I2). levels has one
// for each byte.
func paragraph(text string, levels []uint8) (rtl bool) {
	runes := []rune(text)
	kinds := make([]bidi.Class, len(runes))
	base := bidi.L
	found := false
	for i, r := range runes {
		p, _ := bidi.LookupRune(r)
		kinds[i] = p.Class()
		if !found && (kinds[i] == bidi.L || kinds[i] == bidi.R || kinds[i] == bidi.AL) {
			found = true
			if kinds[i] != bidi.L {
				base = bidi.R
			}
		}
	}
	weak(kinds, base)
	brackets(runes, kinds, base)
	neutral(kinds, base)
	var level uint8
	if base == bidi.R {
		level = 1
	}
	at := 0
	for i, r := range runes {
		l := level
		switch k := kinds[i]; {
		case level == 0 && k == bidi.R, level == 1 && k != bidi.R:
			l++
		case level == 0 && (k == bidi.EN || k == bidi.AN):
			l += 2
		}
		for range min(utf8.RuneLen(r), len(levels)-at) {
			levels[at] = l
			levels[at] = l
			at++
		}
	}
	return base == bidi.R
}

// weak resolves marks and numbers (W1 to W7).
func weak(kinds []bidi.Class, base bidi.Class) {
	before, strong := base, base
	for i, k := range kinds {
		if k == bidi.NSM || k == bidi.BN {
			k = before
		}
		switch k {
		case bidi.L, bidi.R, bidi.AL:
			strong = k
		case bidi.EN:
			if strong == bidi.AL {
				k = bidi.AN
			}
		}
		before, kinds[i] = k, k
	}
	at := func(i int) bidi.Class {
		if i < 0 || i >= len(kinds) {
			return bidi.ON
		}
		return kinds[i]
	}
	for i, k := range kinds {
		switch l, r := at(i-1), at(i+1); {
		case k == bidi.AL:
			kinds[i] = bidi.R
		case k == bidi.ES && l == bidi.EN && r == bidi.EN:
			kinds[i] = bidi.EN
		case k == bidi.CS && l == r && (l == bidi.EN || l == bidi.AN):
			kinds[i] = l
		}
	}
	for i := 0; i < len(kinds); i++ {
		end := i
		for at(end) == bidi.ET {
			end++
		}
		if end > i && (at(i-1) == bidi.EN || at(end) == bidi.EN) {
			for k := i; k < end; k++ {
				kinds[k] = bidi.EN
			}
		}
		i = max(i, end-1)
	}
	strong = base
	for i, k := range kinds {
		switch k {
		case bidi.L, bidi.R:
			strong = k
		case bidi.ES, bidi.CS, bidi.ET:
			kinds[i] = bidi.ON
		case bidi.EN:
			if strong == bidi.L {
				kinds[i] = bidi.L
			}
		}
	}
}

// side is the direction for neutrals beside a character: numbers count as from
// right to left.
func side(k bidi.Class) (bidi.Class, bool) {
	switch k {
	case bidi.L:
		return bidi.L, true
	case bidi.R, bidi.EN, bidi.AN:
		return bidi.R, true
	}
	return 0, false
}

// end is where the last run of a line ends.
func end(runs []run) float32 {
	last := runs[len(runs)-1]
	return last.x + last.w
}

// mirrors are the characters that look the other way from right to left.
const mirrors = "()[]{}<>«»‹›≤≥⟨⟩⟦⟧⌈⌉⌊⌋"

// mirrored returns what is drawn for a character from right to left, and whether
// it opens a bracket.
func mirrored(r rune) (other rune, opens bool) {
	all := []rune(mirrors)
	for i := range all {
		if all[i] == r {
			return all[i^1], i%2 == 0
		}
	}
	return 0, false
}

// brackets has both of a pair go the way of what they hold (N0).
func brackets(runes []rune, kinds []bidi.Class, base bidi.Class) {
	type pair struct{ open, shut int }
	var pairs []pair
	var stack []int
	for i, r := range runes {
		if kinds[i] != bidi.ON {
			continue
		}
		other, opens := mirrored(r)
		switch {
		case other == 0:
		case opens:
			if stack = append(stack, i); len(stack) > 63 {
				return
			}
		default:
			for k := len(stack) - 1; k >= 0; k-- {
				if runes[stack[k]] == other {
					pairs = append(pairs, pair{stack[k], i})
					stack = stack[:k]
					break
				}
			}
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return a.open - b.open })
	for _, p := range pairs {
		same, other := false, false
		for _, k := range kinds[p.open+1 : p.shut] {
			if d, ok := side(k); ok {
				same, other = same || d == base, other || d != base
			}
		}
		to := base
		switch {
		case same:
		case other:
			before := base
			for i := p.open - 1; i >= 0; i-- {
				if d, ok := side(kinds[i]); ok {
					before = d
					break
				}
			}
			to = before
		default:
			continue
		}
		kinds[p.open], kinds[p.shut] = to, to
	}
}

// neutral has what stands between two of one direction go there, too, and the
// rest as the paragraph does (N1, N2).
func neutral(kinds []bidi.Class, base bidi.Class) {
	before := base
	for i := 0; i < len(kinds); i++ {
		if d, ok := side(kinds[i]); ok {
			before = d
			continue
		}
		end, after := i, base
		for ; end < len(kinds); end++ {
			if d, ok := side(kinds[end]); ok {
				after = d
				break
			}
		}
		to := base
		if before == after {
			to = before
		}
		for k := i; k < end; k++ {
			kinds[k] = to
		}
		i = end - 1
	}
}

// visual puts the runs of a line in the order in which they are seen, from left
// to right, beginning where the line does.
func (m *measurer) visual(runs []run, o *order) []run {
	if o == nil || len(runs) == 0 {
		return runs
	}
	var base uint8
	if o.rtl {
		base = 1
	}
	type part struct {
		run
		level uint8
	}
	var parts []part
	for _, r := range runs {
		for at := r.from; at < r.to; {
			level := o.levels[r.span.at-o.first+at]
			end := at + letter(r.span.text[at:r.to])
			for end < r.to && o.levels[r.span.at-o.first+end] == level && (level%2 == 0 || together(r.span.text[at:end], r.span.text[end:r.to])) {
				end += letter(r.span.text[end:r.to])
			}
			p := part{run: r, level: level}
			p.from, p.to = at, end
			p.w = m.xOf(r, end) - m.xOf(r, at)
			parts = append(parts, p)
			at = end
		}
	}
	// Spaces at the end of a line stand at its end (L1).
	for i := len(parts) - 1; i >= 0 && strings.Trim(parts[i].text(), " ") == ""; i-- {
		parts[i].level = base
	}
	highest, lowest := uint8(0), uint8(255)
	for i := range parts {
		highest = max(highest, parts[i].level)
		if parts[i].level%2 == 1 {
			lowest = min(lowest, parts[i].level)
		}
	}
	for level := highest; level >= lowest && level > 0; level-- { // L2
		for i := 0; i < len(parts); i++ {
			end := i
			for end < len(parts) && parts[end].level >= level {
				end++
			}
			slices.Reverse(parts[i:end])
			i = max(i, end-1)
		}
	}
	x := runs[0].x
	out := make([]run, len(parts))
	for i, p := range parts {
		p.x, p.rtl = x, p.level%2 == 1
		x += p.w
		out[i] = p.run
	}
	return out
}

// together reports whether what follows a letter of a text from right to left is
// drawn with it: within a word, and within spaces.
func together(before, after string) bool {
	a, _ := utf8.DecodeLastRuneInString(before)
	b, _ := utf8.DecodeRuneInString(after)
	return inWord(a) && inWord(b) || a == ' ' && b == ' '
}

func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.Cf) }

// read returns the runs of a line in the order in which one reads them.
func (l line) read() []run {
	if !l.mixed {
		return l.runs
	}
	runs := slices.Clone(l.runs)
	slices.SortStableFunc(runs, func(a, b run) int { return a.span.at + a.from - b.span.at - b.from })
	return runs
}

// drawn returns what is drawn for the run: brackets from right to left look the
// other way.
func (r run) drawn() string {
	text := r.text()
	if c, n := utf8.DecodeRuneInString(text); r.rtl && n == len(text) {
		if other, _ := mirrored(c); other != 0 {
			return string(other)
		}
	}
	return text
}
