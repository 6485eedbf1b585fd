// Package plain writes out what a person could not see in a text, or would read
// wrongly. It knows no window, so that what reads hostile texts is quick to build
// and to test.
//
//	label.SetText(plain.Visible(name, false))
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns the text with everything that a person could not see, or
// that changes how the rest is seen, written out: control characters, marks of
// direction, zero-width and tag characters become ‹U+202E›. Line breaks and
// tabs stay where keepLines says that they belong there.
func Visible(s string, keepLines bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, "‹0x%02X›", s[i])
		case keepLines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case r == ' ' || unicode.IsPrint(r) && !blank(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "‹U+%04X›", r)
		}
	}
	return b.String()
}

// blank are letters to Unicode that show nothing at all.
func blank(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, 0x034F, 0x17B4, 0x17B5:
		return true
	}
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF // variation selectors
}

// Spaced marks spaces that would be overlooked, those at either end and runs of
// them, with a dot each.
func Spaced(s string) string {
	lead := len(s) - len(strings.TrimLeft(s, " "))
	trail := len(strings.TrimRight(s, " "))
	var b strings.Builder
	for i, r := range s {
		hidden := i < lead || i >= trail || i > 0 && s[i-1] == ' ' || i+1 < len(s) && s[i+1] == ' '
		if r == ' ' && hidden {
			r = '·'
		}
		b.WriteRune(r)
	}
	return b.String()
}
