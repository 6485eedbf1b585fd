package transcript

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"github.com/yuin/goldmark/text"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// code is a piece of code with a header of its own.
type code struct {
	lang     string
	doc      *document // nil if text holds it
	from, to int       // in doc.src; to is -1 while it grows
	text     string
	group    *group
}

// source returns the code as it was written.
func (c *code) source() string {
	if c.doc == nil {
		return c.text
	}
	to := c.to
	if to < 0 {
		to = len(c.doc.src)
	}
	return string(c.doc.src[c.from:to])
}

// code makes blocks of a piece of code. first says that the piece begins the
// code, last that it ends it.
func (t *typeset) code(c *code, s string, first, last bool) []*block {
	return t.codeAt(c, s, first, last, t.left, t.bars)
}

func (t *typeset) codeAt(c *code, s string, first, last bool, left float32, bars []quoteBar) []*block {
	if c.group == nil {
		c.group = &group{fill: look.ColorCode, radius: 8, left: left, side: &sideways{}}
	}
	var out []*block
	if first {
		out = append(out, &block{
			gap: gapBlock, left: left, bars: bars, group: c.group, beginsCode: true,
			make: func() fyne.CanvasObject { return t.header(c) },
			tall: func(float32) float32 { return codeHead },
		})
	}
	s = strings.TrimSuffix(s, "\n")
	for again := true; again; again = s != "" {
		n := cutCode(s)
		piece := s[:n]
		s = s[n:]
		out = append(out, &block{
			left: left + codePad, right: codePad, bars: bars, group: c.group, pre: true, lang: c.lang,
			spans: []span{{text: visible(strings.TrimSuffix(piece, "\n")), face: face{mono: true, size: t.size - 2}, ink: theme.ColorNameForeground}},
		})
	}
	if last {
		out[len(out)-1].below = 10
	}
	return out
}

// cutCode returns how much of the code makes one block.
func cutCode(s string) int {
	lines := 0
	for i := range len(s) {
		if s[i] == '\n' {
			if lines++; lines == maxLines {
				return i + 1
			}
		}
		if i >= maxCode {
			return cut(s, maxCode)
		}
	}
	return len(s)
}

func (b *builder) code(lang string, lines *text.Segments, p *place) {
	b.needMarker(p)
	c := &code{lang: lang, text: linesOf(lines, b.src)}
	out := b.set.codeAt(c, c.text, true, true, p.left, p.bars)
	out[0].gap = p.gap
	b.out = append(b.out, out...)
	p.gap = gapBlock
	p.bars = goingOn(p.bars)
}

func linesOf(lines *text.Segments, src []byte) string {
	var s strings.Builder
	for i := range lines.Len() {
		seg := lines.At(i)
		s.Write(seg.Value(src))
	}
	return s.String()
}
