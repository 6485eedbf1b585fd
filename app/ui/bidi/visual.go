package bidi

import (
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// mark is an invisible sign that is read from left to right: what stands between two
// of it does so, unless it is a word that does not.
const mark = "\u200e"

// Visual returns a line of text as it has to be handed to Fyne to be seen in its
// order. It is for drawing alone: there are invisible marks in it, and it cannot be
// searched, compared or cut. A text from left to right is returned as it is.
func Visual(line string) string {
	levels, rtl := Levels(line)
	return Part(line, levels, rtl, 0, len(line))
}

// Part does the same for the part of a paragraph that stands on one line, from a byte
// to another. levels and rtl are what Levels returned for the paragraph.
func Part(paragraph string, levels []uint8, rtl bool, from, to int) string {
	if levels == nil {
		return paragraph[from:to]
	}
	base := uint8(0)
	if rtl {
		base = 1
	}
	ends := from + len(strings.TrimRight(paragraph[from:to], " ")) // spaces at its end stand there (L1)
	type part struct {
		from, to int
		level    uint8
	}
	var parts []part
	for at, letters := from, graphemes.FromString(paragraph[from:to]); letters.Next(); {
		level, next := levels[at], at+len(letters.Value())
		if at >= ends {
			level = base
		}
		if n := len(parts) - 1; n >= 0 && parts[n].level == level && (level%2 == 0 || Together(paragraph[parts[n].from:at], paragraph[at:next])) {
			parts[n].to = next
		} else {
			parts = append(parts, part{at, next, level})
		}
		at = next
	}
	Reorder(parts, func(p part) uint8 { return p.level })
	var b strings.Builder
	b.WriteString(mark)
	for _, p := range parts {
		text := paragraph[p.from:p.to]
		r, n := utf8.DecodeRuneInString(text)
		other, _ := Mirrored(r)
		switch {
		case p.level%2 == 0:
			b.WriteString(text)
		case other != 0 && n == len(text):
			b.WriteRune(other)
		case inWord(r):
			b.WriteString(mark + text + mark)
		default:
			b.WriteString(text)
		}
	}
	return b.String()
}
