package transcript

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// table is rows of cells; the first row is the head.
type table struct {
	rows  [][][]span
	align []fyne.TextAlign
}

const cellPad float32 = 10

// layout places the cells in columns: as wide as they want to be if there is
// room, and narrowed in proportion if not, but no narrower than their words. A
// table that is wider than the room then is moved along.
func (t *table) layout(b *block, m *measurer, y, inner float32) float32 {
	columns := len(t.align)
	want := make([]float32, columns)
	sum := float32(0)
	for _, row := range t.rows {
		for c, spans := range row {
			if c < columns {
				want[c] = max(want[c], natural(m, spans))
			}
		}
	}
	room := max(inner-2*cellPad*float32(columns), 24*float32(columns))
	for _, w := range want {
		sum += w
	}
	widths := want
	if sum > room {
		widths = fit(want, t.least(m), room)
	}
	total := float32(0)
	for _, w := range widths {
		total += w + 2*cellPad
	}
	top := y
	for i, row := range t.rows {
		if i > 0 {
			b.shapes = append(b.shapes, shape{x: b.left, y: y, w: total, h: 1, ink: theme.ColorNameSeparator})
		}
		y += 5
		height := float32(0)
		x := b.left
		for c := range columns {
			if c < len(row) {
				cy := y
				o := orderOf(row[c])
				for _, runs := range m.wrap(row[c], widths[c]+0.5) {
					runs = m.visual(runs, o)
					size := float32(14)
					used := float32(0)
					for k := range runs {
						size = max(size, runs[k].span.face.size)
						used = runs[k].x + runs[k].w
					}
					shift := float32(0)
					switch t.align[c] {
					case fyne.TextAlignTrailing:
						shift = widths[c] - used
					case fyne.TextAlignCenter:
						shift = (widths[c] - used) / 2
					}
					for k := range runs {
						runs[k].x += x + cellPad + max(shift, 0)
					}
					h := lineHeight(size, false)
					b.lines = append(b.lines, line{y: cy, h: h, runs: runs, mixed: o != nil})
					b.grounds(runs, cy, h)
					cy += h
				}
				height = max(height, cy-y)
			}
			x += widths[c] + 2*cellPad
		}
		y += height + 5
	}
	edge := func(x, y, w, h float32) {
		b.shapes = append(b.shapes, shape{x: x, y: y, w: w, h: h, ink: theme.ColorNameSeparator})
	}
	edge(b.left, top, total, 1)
	edge(b.left, y, total, 1)
	y++
	if b.group != nil && b.group.side != nil {
		if s := b.group.side; s.fits(total, inner) {
			y += 2 + sideBarHeight
		}
	}
	return y
}

// widestWord is how much room a word gets before it is broken to fit its column.
const widestWord float32 = 180

// least is how wide each column is at least, so that its words are whole.
func (t *table) least(m *measurer) []float32 {
	least := make([]float32, len(t.align))
	for _, row := range t.rows {
		for c, spans := range row {
			if c < len(least) && least[c] < widestWord {
				least[c] = max(least[c], min(longest(m, spans), widestWord))
			}
		}
	}
	return least
}

// longest is the width of the longest word of spans.
func longest(m *measurer, spans []span) float32 {
	widest, word := float32(0), float32(0)
	end := func() { widest, word = max(widest, word), 0 }
	for i := range spans {
		s := &spans[i]
		for at := 0; at < len(s.text); {
			if c := s.text[at]; c == ' ' || c == '\n' {
				end()
				at++
				continue
			}
			n, breaks := wordEnd(s.text[at:])
			if n > longWord {
				return widestWord
			}
			word += m.width(s.face, s.text[at:at+n])
			if breaks {
				end()
			}
			at += n
		}
	}
	end()
	return widest
}

// fit divides the room as share does, but gives no column less than its least.
// It may come to more than the room.
func fit(want, least []float32, room float32) []float32 {
	out := make([]float32, len(want))
	held := make([]bool, len(want)) // at their least
	for {
		var open []int
		var wants []float32
		rest := room
		for c := range want {
			if held[c] {
				rest -= out[c]
			} else {
				open, wants = append(open, c), append(wants, want[c])
			}
		}
		if len(open) == 0 {
			return out
		}
		again := false
		for i, w := range share(wants, max(rest, 0)) {
			c := open[i]
			if out[c] = w; w < least[c] {
				out[c], held[c], again = least[c], true, true
			}
		}
		if !again {
			return out
		}
	}
}

// natural is the width of spans on one line, as far as it matters.
func natural(m *measurer, spans []span) float32 {
	return widestOf(m.wrap(spans, 4000))
}

// share divides the room: columns that want less than an even part get it, the
// others share the rest in proportion.
func share(want []float32, room float32) []float32 {
	out := make([]float32, len(want))
	rest, open := room, 0
	even := room / float32(len(want))
	sum := float32(0)
	for i, w := range want {
		if w <= even {
			out[i] = w
			rest -= w
		} else {
			open++
			sum += w
		}
	}
	for i, w := range want {
		if w > even {
			out[i] = max(rest*w/sum, 24)
		}
	}
	return out
}
