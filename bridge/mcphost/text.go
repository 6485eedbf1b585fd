package mcphost

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ansi are the escape sequences of terminals: CSI, OSC and the like, and the
// short ones.
var ansi = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]*[0-~])|\u009b[0-?]*[ -/]*[@-~]")

// unseen reports whether a reader could miss the character, or be misled by it:
// controls, marks that change the direction of writing, characters without
// width, tags, and the like. Newline and tab are seen.
func unseen(c rune) bool {
	switch {
	case c == '\n' || c == '\t':
		return false
	case c < 0x20 || c >= 0x7f && c < 0xa0:
		return true
	case c < 0xad:
		return false
	case c == 0xad, // soft hyphen
		c == 0x034f,              // combining grapheme joiner
		c == 0x115f, c == 0x1160, // Hangul fillers
		c == 0x17b4, c == 0x17b5, // Khmer vowels that are not shown
		c >= 0x180b && c <= 0x180f, // Mongolian selectors
		c == 0x2028, c == 0x2029,   // line and paragraph separator
		c == 0x3164, c == 0xffa0, // Hangul fillers
		c >= 0xfe00 && c <= 0xfe0e, // variation selectors; the last one asks for an emoji
		c >= 0xe0000 && c <= 0xe0fff:
		return true
	}
	return unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Co, c)
}

// visible returns the text with every unseen character written out, as in
// ‹U+202E›, and broken UTF-8 replaced: for names and descriptions, which people
// approve by reading and models obey.
func visible(s string) string {
	if clean(s, unseen) {
		return s
	}
	return mapRunes(s, func(b *strings.Builder, c rune) {
		if unseen(c) {
			fmt.Fprintf(b, "‹U+%04X›", c)
		} else {
			b.WriteRune(c)
		}
	})
}

// misleading is the part of unseen that has no place even in the contents of a
// file: what reorders text, and tags, which spell out text that nobody sees.
func misleading(c rune) bool {
	return c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 || c >= 0xe0000 && c <= 0xe007f
}

func control(c rune) bool {
	return c < 0x20 && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0
}

// printable returns a result's text as it is, but for terminal sequences and
// control characters, which are dropped, and what misleads, which is written
// out.
func printable(s string) string {
	if clean(s, func(c rune) bool { return control(c) || misleading(c) }) {
		return s
	}
	s = ansi.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	return mapRunes(s, func(b *strings.Builder, c rune) {
		switch {
		case control(c):
		case misleading(c):
			fmt.Fprintf(b, "‹U+%04X›", c)
		default:
			b.WriteRune(c)
		}
	})
}

// logLine returns one line for the log: without terminal sequences, everything
// else written out.
func logLine(s string) string {
	if clean(s, func(c rune) bool { return c == '\n' || unseen(c) }) {
		return s
	}
	return strings.ReplaceAll(visible(ansi.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")), "\n", " ")
}

// clean reports whether s is valid UTF-8 without any such character.
func clean(s string, bad func(rune) bool) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if bad(rune(c)) {
				return false
			}
			i++
			continue
		}
		c, size := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && size == 1 || bad(c) {
			return false
		}
		i += size
	}
	return true
}

func mapRunes(s string, write func(*strings.Builder, rune)) string {
	var b strings.Builder
	b.Grow(len(s) + 16)
	for _, c := range s { // a broken byte comes as U+FFFD
		write(&b, c)
	}
	return b.String()
}

// cut shortens a text for an error or a log line, at a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
