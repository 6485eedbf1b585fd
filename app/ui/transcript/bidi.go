package transcript

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
)

// Text from right to left is put in its order here and not by Fyne, which draws
// the parts of a text that are in different fonts from left to right. So each
// word of such a script, and each sign between them, is a run of its own.
//
// The order is that of package bidi.

// order is the levels of the characters of some spans, by byte, as the text of
// all of them; nil where all goes from left to right. rtl says that the text
// begins from the right.
type order struct {
	first  int // where the spans begin in the text of their block
	levels []uint8
	rtl    bool
}

// orderOf finds the order of spans that follow each other.
func orderOf(spans []span) *order {
	if !slices.ContainsFunc(spans, func(s span) bool { return bidi.RightToLeft(s.text) }) {
		return nil
	}
	var all strings.Builder
	for _, s := range spans {
		all.WriteString(s.text)
	}
	o := &order{first: spans[0].at}
	o.levels, o.rtl = bidi.Levels(all.String())
	return o
}

// end is where the last run of a line ends.
func end(runs []run) float32 {
	last := runs[len(runs)-1]
	return last.x + last.w
}

// visual puts the runs of a line in the order in which they are seen, from left
// to right, beginning where the line does.
func (m *measurer) visual(runs []run, o *order) []run {
	if o == nil || len(runs) == 0 {
		return runs
	}
	var base uint8
	if o.rtl {
		base = 1
	}
	type part struct {
		run
		level uint8
	}
	// Spaces at the end of a line stand at its end (L1): what is before the last of
	// those is letters of the text.
	lastRun, ends := len(runs)-1, 0
	for ; lastRun >= 0; lastRun-- {
		if text := strings.TrimRight(runs[lastRun].text(), " "); text != "" {
			ends = runs[lastRun].from + len(text)
			break
		}
	}
	var parts []part
	for i, r := range runs {
		for at := r.from; at < r.to; {
			if i > lastRun || i == lastRun && at >= ends {
				parts = append(parts, part{run{span: r.span, from: at, to: r.to, w: m.xOf(r, r.to) - m.xOf(r, at)}, base})
				break
			}
			until := r.to
			if i == lastRun {
				until = ends
			}
			level := o.levels[r.span.at-o.first+at]
			end := at + letter(r.span.text[at:until])
			for end < until && o.levels[r.span.at-o.first+end] == level && (level%2 == 0 || bidi.Together(r.span.text[at:end], r.span.text[end:until])) {
				end += letter(r.span.text[end:until])
			}
			p := part{run: r, level: level}
			p.from, p.to = at, end
			p.w = m.xOf(r, end) - m.xOf(r, at)
			parts = append(parts, p)
			at = end
		}
	}
	bidi.Reorder(parts, func(p part) uint8 { return p.level })
	x := runs[0].x
	out := make([]run, len(parts))
	for i, p := range parts {
		p.x, p.rtl = x, p.level%2 == 1
		x += p.w
		out[i] = p.run
	}
	return out
}

// read returns the runs of a line in the order in which one reads them.
func (l line) read() []run {
	if !l.mixed {
		return l.runs
	}
	runs := slices.Clone(l.runs)
	slices.SortStableFunc(runs, func(a, b run) int { return a.span.at + a.from - b.span.at - b.from })
	return runs
}

// drawn returns what is drawn for the run: brackets from right to left look the
// other way.
func (r run) drawn() string {
	text := r.text()
	if c, n := utf8.DecodeRuneInString(text); r.rtl && n == len(text) {
		if other, _ := bidi.Mirrored(c); other != 0 {
			return string(other)
		}
	}
	return text
}
