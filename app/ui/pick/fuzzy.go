package pick

import (
	"unicode"
	"unicode/utf8"
)

// Fuzzy looks for the letters of the query in a text, in order but not
// necessarily side by side, without regard to case. A higher score is a better
// match: letters that begin words or follow each other count more, and so does a
// match that begins early. marks are the bytes of the text that matched. An empty
// query matches all.
func Fuzzy(query, text string) (score int, marks [][2]int, ok bool) {
	if query == "" {
		return 0, nil, true
	}
	best := -1
	begun := 0
	// Each place where the first letter stands is tried, as far as some: the
	// letters that follow are taken where they come first.
	first, _ := utf8.DecodeRuneInString(query)
	before := ' '
	for i, r := range text {
		if fits(first, r) {
			if s, m, found := follow(query, text, i, before); found && s > best {
				best, score, marks, ok = s, s, m, true
			}
			if begun++; begun == 16 {
				break
			}
		}
		before = r
	}
	return score, marks, ok
}

func fits(want, r rune) bool { return unicode.ToLower(want) == unicode.ToLower(r) }

// follow matches from a place of the text on.
func follow(query, text string, from int, before rune) (score int, marks [][2]int, ok bool) {
	q := []rune(query)
	at, last := 0, -1
	for i, r := range text[from:] {
		if at == len(q) {
			break
		}
		for at < len(q) && unicode.IsSpace(q[at]) {
			at++ // a space in the query stands for anything
			if at == len(q) {
				break
			}
		}
		if at < len(q) && fits(q[at], r) {
			start := from + i
			end := start + utf8.RuneLen(r)
			score++
			if begins(before, r) {
				score += 8
			}
			if start == last {
				score += 5
				marks[len(marks)-1][1] = end
			} else {
				marks = append(marks, [2]int{start, end})
			}
			last = end
			at++
		}
		before = r
	}
	for at < len(q) && unicode.IsSpace(q[at]) {
		at++
	}
	if at < len(q) {
		return 0, nil, false
	}
	return score*16 - min(from, 12) - min(len(text)/8, 12), marks, true
}

// begins reports whether a letter begins a word.
func begins(before, r rune) bool {
	return !unicode.IsLetter(before) && !unicode.IsDigit(before) || unicode.IsLower(before) && unicode.IsUpper(r)
}
