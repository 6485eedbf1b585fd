package transcript

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible returns the text as it can be shown on lines of its own: what a
// person could not see, or what changes how the rest is seen (control
// characters, marks of direction, zero-width and tag characters), is written
// out as ‹U+202E›. Line breaks stay, a tab becomes four spaces, and every kind
// of space a plain one.
func visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	prev := rune(-1)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		next := rune(-1)
		if i+n < len(s) {
			next, _ = utf8.DecodeRuneInString(s[i+n:])
		}
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "‹0x%02X›", s[i])
		case r == '\n':
			b.WriteByte('\n')
		case r == '\r' && next == '\n':
		case r == '\t':
			b.WriteString("    ")
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case joins(prev, r, next):
			b.WriteRune(r)
		case !unicode.IsPrint(r) || blank(r):
			fmt.Fprintf(&b, "‹U+%04X›", r)
		default:
			b.WriteRune(r)
		}
		prev, i = r, i+n
	}
	return b.String()
}

// plain reports whether the text needs no change.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && c != '\n' {
			return false
		}
	}
	return true
}

// blank are characters that count as printable and show nothing.
func blank(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0:
		return true
	}
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF
}

// joins reports whether an invisible character does its proper work between its
// neighbours: the sign that asks for a coloured emoji after a symbol, and the
// joiners between emoji or in scripts that are written with them.
func joins(prev, r, next rune) bool {
	switch r {
	case 0xFE0F, 0xFE0E:
		return unicode.In(prev, unicode.So, unicode.Sm, unicode.Po, unicode.Nd)
	case 0x200D, 0x200C:
		emoji := func(r rune) bool { return r == 0xFE0F || unicode.In(r, unicode.So, unicode.Sk) }
		script := func(r rune) bool { return r >= 0x0600 && r <= 0x0FFF && unicode.In(r, unicode.L, unicode.M) }
		return emoji(prev) && emoji(next) || script(prev) && script(next)
	}
	return false
}
