package transcript

import (
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// longestLetter bounds in bytes what counts as one letter: somebody may put
// thousands of marks on one.
const longestLetter = 128

// letter returns the length of what a person takes for the first letter: a
// character with its marks, an emoji with all that it is joined of (UAX #29). The
// text must not be empty.
func letter(s string) int {
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return 1
	}
	it := graphemes.FromString(beginning(s, longestLetter))
	it.Next()
	return max(len(it.Value()), 1)
}

// letterBefore returns the length of the last letter of a text that is not empty.
func letterBefore(s string) (n int) {
	if c := s[len(s)-1]; c < utf8.RuneSelf {
		return 1
	}
	from := max(len(s)-2*longestLetter, 0)
	for from < len(s)-1 && !utf8.RuneStart(s[from]) {
		from++
	}
	for at := from; at < len(s); at += n {
		n = letter(s[at:])
	}
	return n
}

// beginning is the beginning of a text, of at most so many bytes and whole characters.
func beginning(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 1 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// unit returns the length of what stays together at the beginning of a text in a
// script that is written without spaces: a letter, with the signs that no line
// may begin with after it, and those that none may end with before it.
func unit(s string) int {
	n := 0
	for n < len(s) && n < longestLetter {
		r, _ := utf8.DecodeRuneInString(s[n:])
		n += letter(s[n:])
		if !keepsNext(r) {
			break
		}
	}
	for n < len(s) && n < longestLetter {
		r, _ := utf8.DecodeRuneInString(s[n:])
		if !keepsBefore(r) {
			break
		}
		n += letter(s[n:])
	}
	return n
}

// keepsNext are the characters after which no line is broken: opening brackets,
// and the vowels of Thai and Lao that are written before their consonant.
func keepsNext(r rune) bool {
	switch {
	case r >= 0x0E40 && r <= 0x0E44, r >= 0x0EC0 && r <= 0x0EC4:
		return true
	}
	return unicode.In(r, unicode.Ps, unicode.Pi)
}

// keepsBefore are those before which none is: closing brackets, commas and stops,
// and what belongs to the syllable before it.
func keepsBefore(r rune) bool {
	switch r {
	case '、', '。', '，', '．', '：', '；', '？', '！', '・', 'ー', '々', '‥', '…',
		'ぁ', 'ぃ', 'ぅ', 'ぇ', 'ぉ', 'っ', 'ゃ', 'ゅ', 'ょ', 'ゎ', 'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ッ', 'ャ', 'ュ', 'ョ', 'ヮ',
		0x0E2F, 0x0E30, 0x0E32, 0x0E33, 0x0E45, 0x0E46, // Thai
		0x0EB0, 0x0EB2, 0x0EB3, 0x0EC6, // Lao
		'.', ',', ':', ';', '?', '!':
		return true
	}
	return unicode.In(r, unicode.Pe, unicode.Pf)
}

// spaceless are the scripts in which a line may be broken between any two units.
func spaceless(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) ||
		r >= 0x3000 && r <= 0x303F || r >= 0xFF00 && r <= 0xFFEF
}
