package tools

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Index finds tools by what they are about. It ranks by BM25 over the words of
// names, titles, descriptions and names of parameters. It is written here
// because the libraries for it that were found are either without releases, or
// without a tokeniser and a way to the best few (which is most of what there is
// to do), or whole search engines with files on disk; the formula itself is a
// few lines.
//
// An Index does not change after NewIndex; any goroutine may use it.
type Index struct {
	tools    []Tool
	postings map[string][]posting
	words    []string // the words of postings, sorted
	lengths  []float32
	average  float32
}

// posting says how often a word is in a tool's text, with the weights of the
// places counted in.
type posting struct {
	tool   int32
	weight float32
}

// The parameters of BM25, as they are usually set, and the weights of the
// places.
const (
	bm25K1 = 1.2
	bm25B  = 0.75

	weightName        = 4
	weightTitle       = 2
	weightServer      = 1.5
	weightDescription = 1
	weightParameter   = 1
	weightPrefix      = 0.5 // of a word that only begins like the one asked for
)

// The bounds of a text's words and of a query.
const (
	maxDocumentWords = 2_000
	maxQueryWords    = 32
	maxQuery         = 2 << 10 // bytes
	maxPrefixWords   = 32
)

// NewIndex reads the tools. It keeps the list, which must not change.
func NewIndex(list []Tool) *Index {
	x := &Index{tools: list, postings: map[string][]posting{}, lengths: make([]float32, len(list))}
	var total float64
	weights := map[string]float32{}
	for i := range list {
		t := &list[i]
		clear(weights)
		n := 0
		add := func(text string, weight float32) {
			eachWord(text, func(word string) bool {
				weights[word] += weight
				n++
				return n < maxDocumentWords
			})
		}
		add(t.Tool, weightName)
		add(t.Title, weightTitle)
		add(t.ServerName, weightServer)
		add(t.Description, weightDescription)
		if root, err := parseTree(t.InputSchema, maxSchemaDepth); err == nil {
			parameterNames(root, func(name string) { add(name, weightParameter) })
		}
		for word, w := range weights {
			x.postings[word] = append(x.postings[word], posting{int32(i), w})
		}
		x.lengths[i] = float32(n)
		total += float64(n)
	}
	if len(list) > 0 {
		x.average = max(float32(total/float64(len(list))), 1)
	}
	x.words = make([]string, 0, len(x.postings))
	for word := range x.postings {
		x.words = append(x.words, word)
	}
	slices.Sort(x.words)
	return x
}

// parameterNames gives the names of all properties of a schema, also of those
// inside others.
func parameterNames(n *node, yield func(string)) {
	for _, m := range n.members {
		if m.key == "properties" {
			for _, p := range m.value.members {
				yield(p.key)
			}
		}
		switch m.key {
		case "enum", "const", "default", "examples":
			continue
		}
		parameterNames(m.value, yield)
	}
	for _, v := range n.items {
		parameterNames(v, yield)
	}
}

// Find returns the tools that match the query best, the best first, at most
// limit of them; none if nothing matches. Of two that match alike the one with
// the lower reference in the alphabet comes first, so the same tools and query
// always give the same list.
func (x *Index) Find(query string, limit int) []Tool {
	if limit <= 0 || len(x.tools) == 0 {
		return nil
	}
	scores := make([]float32, len(x.tools))
	var asked []string
	eachWord(clip(query, maxQuery), func(word string) bool {
		if !slices.Contains(asked, word) {
			asked = append(asked, word)
		}
		return len(asked) < maxQueryWords
	})
	for _, word := range asked {
		if list, ok := x.postings[word]; ok {
			x.score(scores, list, 1)
			continue
		}
		for _, longer := range x.beginning(word) {
			x.score(scores, x.postings[longer], weightPrefix)
		}
	}
	better := func(a, b int32) int {
		if c := cmp.Compare(scores[b], scores[a]); c != 0 {
			return c
		}
		if c := strings.Compare(x.tools[a].Server, x.tools[b].Server); c != 0 {
			return c
		}
		if c := strings.Compare(x.tools[a].Tool, x.tools[b].Tool); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	}
	// Far more tools match a common word than are asked for, so only the best
	// so far are kept in order.
	var best []int32
	for i, s := range scores {
		at := int32(i)
		if s <= 0 || len(best) == limit && better(best[limit-1], at) < 0 {
			continue
		}
		place, _ := slices.BinarySearchFunc(best, at, better)
		if len(best) == limit {
			best = best[:limit-1]
		}
		best = slices.Insert(best, place, at)
	}
	out := make([]Tool, 0, len(best))
	for _, i := range best {
		out = append(out, x.tools[i])
	}
	return out
}

// score adds what one word gives to the tools that have it.
func (x *Index) score(scores []float32, list []posting, weight float32) {
	n, df := float64(len(x.tools)), float64(len(list))
	idf := float32(math.Log(1+(n-df+0.5)/(df+0.5))) * weight
	for _, p := range list {
		scores[p.tool] += idf * p.weight * (bm25K1 + 1) /
			(p.weight + bm25K1*(1-bm25B+bm25B*x.lengths[p.tool]/x.average))
	}
}

// beginning returns words that begin with one that no tool has.
func (x *Index) beginning(word string) []string {
	if len(word) < 3 {
		return nil
	}
	at, _ := slices.BinarySearch(x.words, word)
	end := at
	for end < len(x.words) && end < at+maxPrefixWords && strings.HasPrefix(x.words[end], word) {
		end++
	}
	return x.words[at:end]
}

// eachWord gives the words of a text until yield returns false: parts of
// camelCase, snake_case and kebab-case, in lower case, English ones without
// their most usual endings. Scripts that write no spaces give each character,
// and each pair of neighbours.
func eachWord(text string, yield func(string) bool) {
	runes := []rune(text)
	for i := 0; i < len(runes); {
		r := runes[i]
		if dense(r) {
			if !yield(string(r)) {
				return
			}
			if i+1 < len(runes) && dense(runes[i+1]) && !yield(string(runes[i:i+2])) {
				return
			}
			i++
			continue
		}
		if !wordRune(r) {
			i++
			continue
		}
		start := i
		for i++; i < len(runes) && wordRune(runes[i]) && !dense(runes[i]); i++ {
			// fooBar splits before B, and HTTPServer before S.
			if unicode.IsUpper(runes[i]) && (!unicode.IsUpper(runes[i-1]) && !unicode.IsDigit(runes[i-1]) ||
				i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])) {
				break
			}
		}
		if !yield(stem(strings.ToLower(string(runes[start:i])))) {
			return
		}
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// dense reports whether r belongs to a script without spaces between words.
func dense(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// stem takes the endings of plurals and of verbs from an English word. It need
// not find the true stem, only the same for the forms of one word.
func stem(w string) string {
	for i := range len(w) {
		if w[i] >= 0x80 {
			return w
		}
	}
	n := len(w)
	switch {
	case n > 4 && strings.HasSuffix(w, "ies"):
		return w[:n-3] + "y"
	case n > 4 && strings.HasSuffix(w, "sses"), n > 4 && (strings.HasSuffix(w, "xes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "shes")):
		return w[:n-2]
	case n > 3 && w[n-1] == 's' && !strings.ContainsRune("sui", rune(w[n-2])):
		w = w[:n-1]
	case n > 5 && strings.HasSuffix(w, "ing") && vowelIn(w[:n-3]):
		w = undouble(w[:n-3])
	case n > 4 && strings.HasSuffix(w, "ed") && vowelIn(w[:n-2]):
		w = undouble(w[:n-2])
	}
	if n := len(w); n > 3 && w[n-1] == 'e' && w[n-2] != 'e' {
		w = w[:n-1]
	}
	return w
}

func vowelIn(w string) bool { return strings.ContainsAny(w, "aeiouy") }

// undouble turns the "runn" of running into run.
func undouble(w string) string {
	n := len(w)
	if n > 3 && w[n-1] == w[n-2] && !strings.ContainsRune("aeiouls", rune(w[n-1])) {
		return w[:n-1]
	}
	return w
}
