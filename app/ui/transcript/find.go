package transcript

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// finder looks for words in the thread, in what is folded too.
type finder struct {
	query   string   // as it is compared
	others  []string // what is looked for as well, of FindWords
	word    string   // of the query, that a text must have to be looked at
	hits    []hit
	total   int
	at      int // which of all is the current one, from 0; -1 for none
	cur     spot
	next    int // entry that is looked at next
	version int // of the thread that the hits are of
	running bool
	changed func()
	blocks  map[*block][][2]int // of what was in view in the last frames
}

// hit is an entry that has what is looked for.
type hit struct {
	entry *entry
	count int
}

func (f *finder) active() bool { return f.query != "" }

// current reports whether a match of a block is the one that the person is at.
func (f *finder) current(b *block, off int) bool {
	return f.at >= 0 && f.cur.in(b) && f.cur.off == off
}

// in returns where the matches in a block are.
func (f *finder) in(b *block) [][2]int {
	if m, ok := f.blocks[b]; ok {
		return m
	}
	if len(f.blocks) > 500 {
		clear(f.blocks)
	}
	m := f.matches(b.words())
	f.blocks[b] = m
	return m
}

// matches returns where a text has something of what is looked for.
func (f *finder) matches(text string) [][2]int {
	out := matches(text, f.query)
	if len(f.others) == 0 {
		return out
	}
	for _, o := range f.others {
		out = append(out, matches(text, o)...)
	}
	slices.SortFunc(out, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(b[1], a[1])) })
	end := 0
	return slices.DeleteFunc(out, func(m [2]int) bool {
		if m[0] < end {
			return true // within the one before
		}
		end = m[1]
		return false
	})
}

// Find looks for a text, in capitals or not, and marks it. An empty one ends
// that. changed is called whenever Found has something new to say.
func (v *View) Find(text string, changed func()) { v.findAny(text, nil, changed) }

// FindWords does the same for several texts, each wherever it stands.
func (v *View) FindWords(words []string, changed func()) {
	if len(words) == 0 {
		v.findAny("", nil, changed)
		return
	}
	v.findAny(words[0], words[1:], changed)
}

func (v *View) findAny(text string, others []string, changed func()) {
	v.find = finder{query: fold(visible(text)), at: -1, changed: changed, blocks: map[*block][][2]int{}}
	for _, o := range others {
		if o = fold(visible(o)); o != "" {
			v.find.others = append(v.find.others, o)
		}
	}
	for _, w := range strings.FieldsFunc(v.find.query, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.N) }) {
		if len(v.find.others) == 0 && len(w) > len(v.find.word) {
			v.find.word = w
		}
	}
	if v.find.active() {
		v.askEarlier(true)
		v.search()
	}
	v.sync()
}

// Found returns which match the person is at, from 1 and 0 for none, how many
// there are, and whether all has been looked at.
func (v *View) Found() (at, of int, whole bool) {
	f := &v.find
	return f.at + 1, f.total, !f.running && v.missing == 0
}

// searchSlice is how long one piece of a search holds the window up.
const searchSlice = 6 * time.Millisecond

// search begins anew.
func (v *View) search() {
	f := &v.find
	f.hits, f.total, f.next, f.version = nil, 0, 0, v.version
	if f.running {
		return // the piece that is due goes on from there
	}
	f.running = true
	v.searchOn()
}

// searchOn looks at some entries, and has the rest looked at a moment later.
func (v *View) searchOn() {
	f := &v.find
	if !f.active() {
		f.running = false
		return
	}
	began := time.Now()
	for f.next < len(v.entries) {
		e := v.entries[f.next]
		f.next++
		if n := e.countMatches(f); n > 0 {
			f.hits = append(f.hits, hit{e, n})
			f.total += n
		}
		if v.o.After != nil && time.Since(began) > searchSlice && f.next < len(v.entries) {
			v.o.After(time.Millisecond, v.searchOn)
			v.tellFound()
			return
		}
	}
	f.running = false
	if f.at < 0 && f.total > 0 {
		v.nearest()
	}
	v.tellFound()
}

func (v *View) tellFound() {
	if v.find.changed != nil {
		v.find.changed()
	}
}

// nearest goes to the first match that is in view or below, or to the last.
func (v *View) nearest() {
	f := &v.find
	at, first := 0, 0
	if v.anchor < len(v.blocks) {
		first = v.blocks[v.anchor].entry.index
	}
	for _, h := range f.hits {
		if h.entry.index >= first {
			break
		}
		at += h.count
	}
	v.goTo(min(at, f.total-1))
}

// FindNext goes to the next match, or with back to the one before; around the
// ends of the thread.
func (v *View) FindNext(back bool) {
	f := &v.find
	if !f.active() {
		return
	}
	if f.version != v.version {
		at := f.at
		v.search()
		f.at = min(at, f.total-1)
	}
	if f.total == 0 {
		return
	}
	step := 1
	if back {
		step = -1
	}
	v.goTo((f.at + step + f.total) % f.total)
	v.tellFound()
}

// goTo brings a match into view, and opens what it is folded in.
func (v *View) goTo(n int) {
	f := &v.find
	for _, h := range f.hits {
		if n >= h.count {
			n -= h.count
			continue
		}
		e := h.entry
		before := 0
		for _, k := range f.hits {
			if k.entry == e {
				break
			}
			before += k.count
		}
		f.at = before + n
		version := v.version
		e.unfold()
		f.version += v.version - version
		end := f.cur
		e.eachBlock(func(b *block) bool {
			m := f.matches(b.words())
			if n < len(m) {
				f.cur, end = spotIn(b, m[n][0]), spotIn(b, m[n][1])
				n = -1
				return false
			}
			n -= len(m)
			return true
		})
		v.bring(f.cur, 70)
		v.bringAlong(end)
		v.bringAlong(f.cur)
		v.sync()
		return
	}
}

// unfold shows all that the entry holds.
func (e *entry) unfold() {
	switch e.item.(type) {
	case Reasoning, Call, Listing:
		if !e.open || !e.all {
			e.open, e.all = true, true
			e.rebuild()
		}
	}
}

// countMatches counts what is found in the entry, folded or not.
func (e *entry) countMatches(f *finder) (n int) {
	if f.word != "" && !e.mayHave(f.word) {
		return 0
	}
	g := e
	switch item := e.item.(type) {
	case Call, Listing:
		if !e.open || !e.all {
			ghost := *e
			ghost.open, ghost.all, ghost.row = true, true, nil
			ghost.set(item)
			ghost.adopt(0)
			g = &ghost
		}
	case Reasoning:
		if !e.open {
			ghost := *e
			ghost.blocks = e.doc.all()
			g = &ghost
		}
	}
	g.eachBlock(func(b *block) bool {
		n += len(f.matches(b.words()))
		return true
	})
	return n
}

// mayHave reports whether a word can be in what the entry shows.
func (e *entry) mayHave(word string) bool {
	has := func(s string) bool { return len(matches(s, word)) > 0 }
	switch item := e.item.(type) {
	case User:
		return has(item.Text) || has(strings.Join(item.Files, " "))
	case Assistant, Reasoning:
		// An entity or an escape may stand within the word.
		src := string(e.doc.src)
		return has(src) || strings.ContainsAny(src, "&\\*_`~")
	}
	return true
}

// matches returns where a folded text is found.
func matches(text, folded string) (out [][2]int) {
	if folded == "" || len(text) < len(folded) {
		return nil
	}
	text = fold(text)
	for at := 0; ; {
		i := strings.Index(text[at:], folded)
		if i < 0 {
			return out
		}
		at += i
		out = append(out, [2]int{at, at + len(folded)})
		at += len(folded)
	}
}

// fold makes letters small, each in as many bytes as it had.
func fold(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || r >= 'A' && r <= 'Z' }); i < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}
		if l := unicode.ToLower(r); utf8.RuneLen(l) == utf8.RuneLen(r) {
			return l
		}
		return r
	}, s)
}
