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
	var b strings.Builder
	b.WriteString(mark)
	for _, p := range pieces(paragraph, levels, rtl, from, to) {
		if p.Word {
			b.WriteString(mark + p.Text + mark)
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Piece is a part of a line that is drawn by itself.
type Piece struct {
	Text     string // as it is drawn
	From, To int    // which bytes of the line it shows
	Word     bool   // it is a word from right to left, which is drawn as a whole
}

// Pieces returns the parts of a line in the order in which they are seen, from left
// to right, for what draws each by itself.
func Pieces(line string) []Piece {
	levels, rtl := Levels(line)
	if levels == nil {
		return []Piece{{line, 0, len(line), false}}
	}
	return pieces(line, levels, rtl, 0, len(line))
}

func pieces(paragraph string, levels []uint8, rtl bool, from, to int) []Piece {
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
	out := make([]Piece, len(parts))
	for i, p := range parts {
		text := paragraph[p.from:p.to]
		out[i] = Piece{Text: text, From: p.from, To: p.to}
		if p.level%2 == 0 {
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		if other, _ := Mirrored(r); other != 0 && n == len(text) {
			out[i].Text = string(other)
		}
		out[i].Word = inWord(r)
	}
	return out
}
