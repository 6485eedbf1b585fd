package transcript

import (
	"runtime"
	"strings"
	"sync"

	"fyne.io/fyne/v2/theme"
)

// SelectedText returns what is selected, as plain text or as Markdown. Messages
// that are selected whole are copied as they were written, where that is asked
// for.
func (v *View) SelectedText(markdown bool) string {
	if !v.Selected() {
		return ""
	}
	from, to := v.sel.ends()
	first, last := from.entry.index, to.entry.index
	pieces := make([]string, last-first+1)
	one := func(i int) {
		e := v.entries[first+i]
		a, b := from, to
		if e != from.entry {
			a = spot{entry: e, from: -1}
		}
		if e != to.entry {
			b = spot{entry: e, from: 1 << 62}
		}
		pieces[i] = e.copied(a, b, markdown)
	}
	// Text that nobody has looked at yet is parsed here, by all processors.
	var wg sync.WaitGroup
	var next, mu = 0, sync.Mutex{}
	const batch = 16
	for range min(runtime.GOMAXPROCS(0), 1+len(pieces)/batch) {
		wg.Go(func() {
			for {
				mu.Lock()
				at := next
				next += batch
				mu.Unlock()
				if at >= len(pieces) {
					return
				}
				for i := at; i < min(at+batch, len(pieces)); i++ {
					one(i)
				}
			}
		})
	}
	wg.Wait()
	out := pieces[:0]
	for _, p := range pieces {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n\n")
}

// copied returns the text of the entry between two spots.
func (e *entry) copied(from, to spot, markdown bool) string {
	whole := from.from < 0 && to.from == 1<<62
	var w copyWriter
	w.markdown = markdown
	switch item := e.item.(type) {
	case User:
		if whole {
			return strings.TrimRight(item.Text, "\n")
		}
	case Assistant:
		if whole && markdown {
			return strings.TrimSpace(string(e.doc.src))
		}
	default:
		if whole && e.line.title != "" {
			w.out.WriteString(e.line.words())
			w.any = true
		}
	}
	if e.doc != nil && markdown {
		e.copiedParts(&w, from, to)
		return w.out.String()
	}
	e.eachBlock(func(b *block) bool {
		if lo, hi := part(b, from, to); hi > lo {
			w.block(b, lo, hi)
		}
		return to.compare(spotIn(b, 0)) >= 0
	})
	return w.text()
}

// copiedParts copies parts of a document that are selected whole as they were
// written, and others as their blocks say.
func (e *entry) copiedParts(w *copyWriter, from, to spot) {
	for _, b := range e.blocks {
		if b.lazy == nil {
			if lo, hi := part(b, from, to); hi > lo {
				w.block(b, lo, hi)
			}
			continue
		}
		kids := b.kids
		if kids == nil {
			kids = b.hatch()
		}
		all := true
		for _, k := range kids {
			lo, hi := part(k, from, to)
			all = all && lo == 0 && hi == k.length()
		}
		if all && len(kids) > 0 {
			w.whole(strings.TrimSpace(string(e.doc.src[b.from : b.from+b.chars])))
			continue
		}
		for _, k := range kids {
			if lo, hi := part(k, from, to); hi > lo {
				w.block(k, lo, hi)
			}
		}
	}
	w.end()
}

// copyWriter joins blocks to a text.
type copyWriter struct {
	out      strings.Builder
	markdown bool
	any      bool
	group    *group // of the piece of code that was begun
	fenced   bool
	item     bool // the last block was of a list
}

func (w *copyWriter) text() string {
	w.end()
	return w.out.String()
}

// end closes a piece of code that is open.
func (w *copyWriter) end() {
	if w.fenced {
		w.out.WriteString("\n```")
	}
	w.fenced, w.group = false, nil
}

func (w *copyWriter) whole(text string) {
	w.end()
	w.gap("\n\n")
	w.out.WriteString(text)
	w.item = false
}

func (w *copyWriter) gap(s string) {
	if w.any {
		w.out.WriteString(s)
	}
	w.any = true
}

// block adds a part of a block.
func (w *copyWriter) block(b *block, lo, hi int) {
	goesOn := b.group != nil && b.group == w.group && b.pre
	if !goesOn {
		w.end()
	}
	item := len(b.marker) > 0 || b.icon != nil
	switch {
	case goesOn:
		w.gap("\n")
	case item && w.item:
		w.gap("\n")
	default:
		w.gap("\n\n")
	}
	w.item = item
	if b.pre && b.group != nil && !goesOn {
		w.group = b.group
		if w.markdown {
			w.fenced = true
			w.out.WriteString("```" + b.lang + "\n")
		}
	}
	if lo == 0 {
		w.lead(b)
	}
	if b.cells != nil {
		w.table(b, lo, hi)
		return
	}
	b.eachSpan(func(s *span) { w.span(s, lo, hi, w.markdown && !b.pre && b.heading == 0) })
}

// lead is what stands before the text of a block.
func (w *copyWriter) lead(b *block) {
	if w.markdown {
		w.out.WriteString(strings.Repeat("> ", len(b.bars)))
		if b.heading > 0 {
			w.out.WriteString(strings.Repeat("#", b.heading) + " ")
		}
	}
	if len(b.marker) > 0 || b.taskBox {
		w.out.WriteString(strings.Repeat("  ", max(int(b.left/indentList)-1, 0)))
	}
	switch {
	case b.taskBox && b.checked:
		w.out.WriteString("[x] ")
	case b.taskBox:
		w.out.WriteString("[ ] ")
	case len(b.marker) > 0 && w.markdown && !isDigit(b.marker[0].text):
		w.out.WriteString("- ")
	case len(b.marker) > 0:
		w.out.WriteString(b.marker[0].text + " ")
	}
}

func isDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// span adds the part of a span that lies between two offsets of its block.
func (w *copyWriter) span(s *span, lo, hi int, markup bool) {
	lo, hi = max(lo-s.at, 0), min(hi-s.at, len(s.text))
	if lo >= hi {
		return
	}
	text := s.text[lo:hi]
	if !markup {
		w.out.WriteString(text)
		return
	}
	body := strings.Trim(text, " ")
	if body == "" {
		w.out.WriteString(text)
		return
	}
	at := strings.Index(text, body)
	open, shut := "", ""
	add := func(on bool, mark string) {
		if on {
			open, shut = open+mark, mark+shut
		}
	}
	add(s.face.bold, "**")
	add(s.face.italic, "*")
	add(s.strike, "~~")
	add(s.code && !s.math, "`")
	if s.link != "" && s.ink == theme.ColorNameHyperlink {
		open, shut = open+"[", "]("+s.link+")"+shut
	}
	w.out.WriteString(text[:at] + open + body + shut + text[at+len(body):])
}

// table adds the cells of a table that lie between two offsets.
func (w *copyWriter) table(b *block, lo, hi int) {
	begun := false
	for i, row := range b.cells.rows {
		var cells []string
		any := false
		for _, cell := range row {
			var inner copyWriter
			for k := range cell {
				inner.span(&cell[k], lo, hi, w.markdown && i > 0)
				any = any || cell[k].at < hi && cell[k].at+len(cell[k].text) > lo
			}
			text := inner.out.String()
			if w.markdown {
				text = strings.ReplaceAll(text, "|", `\|`)
			}
			cells = append(cells, text)
		}
		if !any {
			continue
		}
		if begun {
			w.out.WriteByte('\n')
		}
		begun = true
		if !w.markdown {
			w.out.WriteString(strings.Join(cells, "\t"))
			continue
		}
		w.out.WriteString("| " + strings.Join(cells, " | ") + " |")
		if i == 0 {
			w.out.WriteString("\n|" + strings.Repeat(" --- |", len(cells)))
		}
	}
}
