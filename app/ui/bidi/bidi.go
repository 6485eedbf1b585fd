// Package bidi orders texts in which some words are written from right to left, as
// Hebrew and Arabic are, for what draws from left to right.
//
// Fyne draws the parts of a text that go in different directions, or are in
// different fonts, one after the other from the left, whatever their order is. So
// what draws a line has to put its parts in the order in which they are seen, by the
// rules of UAX #9. Those for invisible signs of direction are left out: the window
// writes these signs out where a text has any, see package plain, since they can make
// a text read as another.
//
//	text.Text = bidi.Visual(title)
//
// It knows no widgets. Any goroutine may call what is here.
package bidi

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// RightToLeft reports whether a text has a character that is written from right
// to left. Of most texts it looks at the bytes alone.
func RightToLeft(s string) bool {
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

// Levels returns how deep each byte of a text is embedded (UAX #9, P2 to I2), line
// by line: what is at an odd level is read from its right. It is nil where all goes
// from left to right. rtl says that the first line begins at the right.
func Levels(text string) (levels []uint8, rtl bool) {
	if !RightToLeft(text) {
		return nil, false
	}
	levels = make([]uint8, len(text))
	at := 0
	for line := range strings.Lines(text) {
		is := paragraph(strings.TrimSuffix(line, "\n"), levels[at:at+len(line)])
		if at == 0 {
			rtl = is
		}
		at += len(line)
	}
	return levels, rtl
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

// mirrors are the characters that look the other way from right to left.
const mirrors = "()[]{}<>«»‹›≤≥⟨⟩⟦⟧⌈⌉⌊⌋"

// Mirrored returns what is drawn for a character from right to left, or 0 where that
// is itself, and whether it opens a bracket.
func Mirrored(r rune) (other rune, opens bool) {
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
		other, opens := Mirrored(r)
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

// Together reports whether what follows a letter of a text from right to left is
// drawn with it: within a word, and within spaces.
func Together(before, after string) bool {
	a, _ := utf8.DecodeLastRuneInString(before)
	b, _ := utf8.DecodeRuneInString(after)
	return inWord(a) && inWord(b) || a == ' ' && b == ' '
}

func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.Cf) }

// Reorder puts the parts of a line in the order in which they are seen, from left to
// right (L2).
func Reorder[T any](parts []T, level func(T) uint8) {
	highest, lowest := uint8(0), uint8(255)
	for _, p := range parts {
		l := level(p)
		highest = max(highest, l)
		if l%2 == 1 {
			lowest = min(lowest, l)
		}
	}
	for at := highest; at >= lowest && at > 0; at-- {
		for i := 0; i < len(parts); i++ {
			end := i
			for end < len(parts) && level(parts[end]) >= at {
				end++
			}
			slices.Reverse(parts[i:end])
			i = max(i, end-1)
		}
	}
}
