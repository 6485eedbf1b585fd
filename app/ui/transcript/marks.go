package transcript

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// markBlock puts grounds behind what is selected and what was found in a block.
func (r *viewRenderer) markBlock(b *block, top, left float32, under []fyne.CanvasObject) []fyne.CanvasObject {
	v := r.v
	s := b.shown
	used := 0
	if k := v.keyed; k != nil && slices.ContainsFunc(b.lines, func(l line) bool {
		return slices.ContainsFunc(l.runs, func(r run) bool { return r.span == k })
	}) {
		under = r.markPart(b, k.at, k.at+len(k.text), top, left, r.color(theme.ColorNameFocus), &used, under)
	}
	if v.selecting || v.find.active() {
		if v.find.active() {
			for _, m := range v.find.in(b) {
				ink := r.color(theme.ColorNameWarning)
				alpha := uint8(0x48)
				if v.find.current(b, m[0]) {
					alpha = 0xb0
				}
				under = r.markPart(b, m[0], m[1], top, left, faded(ink, alpha), &used, under)
			}
		}
		if v.selecting {
			if lo, hi := part(b, v.selFrom, v.selTo); hi > lo {
				under = r.markPart(b, lo, hi, top, left, r.color(theme.ColorNameSelection), &used, under)
			}
		}
	}
	s.marks = s.marks[:used]
	return under
}

func (r *viewRenderer) markPart(b *block, lo, hi int, top, left float32, c color.Color, used *int, under []fyne.CanvasObject) []fyne.CanvasObject {
	dx, along := b.moved(), b.alongside() != nil
	inLeft, inRight := b.edges()
	for _, l := range b.lines {
		y := top + l.y
		if y+l.h < -beyond || y > r.size.Height+beyond {
			continue
		}
		for _, run := range l.runs {
			from, to := run.span.at+run.from, run.span.at+run.to
			if b.isMarker(run.span) || hi <= from || lo >= to {
				continue
			}
			x0 := run.x + r.v.measure.xOf(run, max(lo, from)-run.span.at) - dx
			x1 := run.x + r.v.measure.xOf(run, min(hi, to)-run.span.at) - dx
			if x1 < x0 {
				x0, x1 = x1, x0
			}
			if along {
				if x0, x1 = max(x0, inLeft), min(x1, inRight); x0 >= x1 {
					continue
				}
			}
			s := b.shown
			if *used == len(s.marks) {
				s.marks = append(s.marks, canvas.NewRectangle(color.Transparent))
			}
			rect := s.marks[*used]
			*used++
			if rect.FillColor != c {
				rect.FillColor = c
				canvas.Refresh(rect)
			}
			rect.Resize(fyne.NewSize(x1-x0, l.h))
			rect.Move(fyne.NewPos(left+x0, y))
			under = append(under, rect)
		}
	}
	return under
}

func faded(c color.Color, alpha uint8) color.Color {
	r, g, b, _ := c.RGBA()
	return color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), alpha}
}
