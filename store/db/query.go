package db

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// query is what a person looks for, word by word.
type query struct {
	words    []queryWord
	phrases  int
	unspaced bool // a word is of a script without spaces between words
}

// queryWord is one word of a query, folded.
type queryWord struct {
	text   string
	raw    string // as it was typed; the index folds it by itself
	whole  bool   // it is in quotes, and no beginning of a longer word will do
	phrase int    // the phrase that it is part of, from 1; 0 for none
}

func parseQuery(text string) query {
	var q query
	for i, piece := range strings.Split(text, `"`) {
		quoted := i%2 == 1
		if quoted {
			q.phrases++
		}
		for _, t := range tokens(piece) {
			if len(q.words) == searchWords {
				return q
			}
			w := queryWord{text: t.folded, raw: piece[t.start:t.end]}
			if quoted {
				w.whole, w.phrase = true, q.phrases
			}
			q.words = append(q.words, w)
			q.unspaced = q.unspaced || strings.ContainsFunc(t.folded, unspaced)
		}
	}
	return q
}

// match is the query in the words of FTS5. A word holds letters and digits
// alone, so that nothing in it can be read as an operator.
func (q query) match() string {
	var b strings.Builder
	for i, w := range q.words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + w.raw + `"`)
		if !w.whole {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// token is a word of a text and where it stands there, in bytes.
type token struct {
	folded     string
	start, end int
}

// tokens cuts a text into words as the index does: runs of letters, digits and
// the marks upon them.
func tokens(text string) []token {
	var out []token
	start := -1
	for i, r := range text {
		if wordly(r) {
			if start < 0 {
				start = i
			}
		} else if start >= 0 {
			out = append(out, token{fold(text[start:i]), start, i})
			start = -1
		}
	}
	if start >= 0 {
		out = append(out, token{fold(text[start:]), start, len(text)})
	}
	return out
}

func wordly(r rune) bool {
	return r != utf8.RuneError && (unicode.In(r, unicode.L, unicode.N, unicode.Co) || unicode.Is(unicode.M, r))
}

// fold writes a word in small letters without accents.
func fold(word string) string {
	plain := true
	for i := range len(word) {
		if c := word[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return word
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(word) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return norm.NFC.String(b.String())
}

// unspaced tells whether a letter is of a script that puts no spaces between
// words.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}

// place is where a word of a query stands in a text.
type place struct {
	word       int // of the query
	at         int // which word of the text
	start, end int // in bytes
	whole      bool
}

// look finds the words in a text that has them, and is false where a phrase is not
// there. A word that only the index takes for one of these is not marked.
func (q query) look(text string) (score int, passage string, marks [][2]int, fits bool) {
	places := q.places(text)
	first := make([]int, len(q.words)) // index in places + 1
	for i, p := range places {
		if j := first[p.word]; j == 0 || p.whole && !places[j-1].whole {
			first[p.word] = i + 1
		}
	}
	from := place{}
	for w := len(q.words) - 1; w >= 0; w-- {
		if first[w] > 0 {
			from = places[first[w]-1]
			if from.whole {
				score++
			}
		}
	}
	if run, ok := q.sideBySide(places, 0, len(q.words)); ok {
		from = run
		if len(q.words) > 1 {
			score += len(q.words)
		}
	}
	for i := 0; i < len(q.words); {
		j := i + 1
		for j < len(q.words) && q.words[i].phrase > 0 && q.words[j].phrase == q.words[i].phrase {
			j++
		}
		if q.words[i].phrase > 0 {
			run, ok := q.sideBySide(places, i, j)
			if !ok {
				return 0, "", nil, false
			}
			if i == 0 {
				from = run
			}
		}
		i = j
	}
	begin := from.start
	for _, i := range first { // the other words are shown too where they are near
		if i > 0 && places[i-1].start < begin && from.end-places[i-1].start <= passageSize/2 {
			begin = places[i-1].start
		}
	}
	passage, marks = cut(text, begin, places)
	return score, passage, marks, true
}

// maxPlaces bounds how often words are looked for in one text.
const maxPlaces = 4096

// places finds every place of the words in the text, in order.
func (q query) places(text string) (out []place) {
	if q.unspaced {
		return q.letters(text)
	}
	at, start := 0, -1
	take := func(end int) {
		t := token{fold(text[start:end]), start, end}
		for w, word := range q.words {
			if t.folded == word.text || !word.whole && strings.HasPrefix(t.folded, word.text) {
				out = append(out, place{w, at, t.start, t.end, t.folded == word.text})
			}
		}
		at++
		start = -1
	}
	for i, r := range text {
		if wordly(r) {
			if start < 0 {
				start = i
			}
		} else if start >= 0 {
			if take(i); len(out) >= maxPlaces {
				return out
			}
		}
	}
	if start >= 0 {
		take(len(text))
	}
	return out
}

// letters finds the words wherever their letters stand.
func (q query) letters(text string) (out []place) {
	lower := strings.ToLower(text)
	if len(lower) != len(text) {
		lower = text // small letters of another length would shift the marks
	}
	for i := 0; i < len(lower) && len(out) < maxPlaces; {
		_, n := utf8.DecodeRuneInString(lower[i:])
		for w, word := range q.words {
			if strings.HasPrefix(lower[i:], word.text) {
				out = append(out, place{w, i, i, i + len(word.text), true})
			}
		}
		i += n
	}
	return out
}

// sideBySide finds the words from one to before another of the query where they
// stand in this order with nothing between them.
func (q query) sideBySide(places []place, from, to int) (place, bool) {
	type key struct{ word, at int }
	there := make(map[key]place, len(places))
	for _, p := range places {
		there[key{p.word, p.at}] = p
	}
	for _, p := range places {
		if p.word != from {
			continue
		}
		at, ok := p, true
		for w := from + 1; w < to && ok; w++ {
			next := at.at + 1
			if q.unspaced {
				next = at.end
			}
			at, ok = there[key{w, next}]
		}
		if ok {
			return p, true
		}
	}
	return place{}, false
}

// How much of a text a passage shows, in bytes, before the first word and in all.
const (
	passageLead = 16
	passageSize = 220
)

// cut takes the line of the passage out of a text, and the marks in it. White
// space and control characters become single spaces.
func cut(text string, from int, places []place) (string, [][2]int) {
	start := max(0, from-passageLead)
	for start > 0 && start < from && text[start-1] != ' ' && text[start-1] != '\n' {
		start++ // a word that begins before is left out
	}
	for start < len(text) && !utf8.RuneStart(text[start]) {
		start++
	}
	end := min(len(text), start+passageSize)
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	var b strings.Builder
	if start > 0 {
		b.WriteString("…")
	}
	moved := make(map[int]int, end-start) // from places in the text to places in the passage
	space := true
	for i, r := range text[start:end] {
		moved[start+i] = b.Len()
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			if !space {
				b.WriteByte(' ')
			}
			space = true
			continue
		}
		space = false
		b.WriteRune(r)
	}
	moved[end] = b.Len()
	if end < len(text) {
		b.WriteString("…")
	}
	var marks [][2]int
	for _, p := range places {
		s, ok := moved[p.start]
		e, also := moved[p.end]
		if ok && also && e > s && (len(marks) == 0 || s >= marks[len(marks)-1][1]) {
			marks = append(marks, [2]int{s, e})
		}
	}
	return b.String(), marks
}
