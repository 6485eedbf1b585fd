package transcript

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// card shows a question that brings its own widgets.
func (e *entry) card(c Card) {
	g := &group{fill: look.ColorCard, stroke: theme.ColorNamePrimary, radius: look.Radius, over: 12}
	e.blocks = []*block{{
		gap: 12 + 12, below: 14, left: cardPad, right: cardPad, group: g, fixed: c.Object, elastic: true,
		tall: func(width float32) float32 {
			// What is wrapped is as high as its width has it.
			c.Object.Resize(fyne.NewSize(width, c.Object.MinSize().Height))
			return c.Object.MinSize().Height
		},
	}}
}

// grew reports whether the block's widget needs another height than it was given.
func (b *block) grew() bool {
	return b.elastic && b.width > 0 && b.fixed.MinSize().Height != b.height-b.gap-b.below
}

// Reveal brings a widget of a card into view, and reports whether it is part of
// one. It is part of form.Revealer.
func (v *View) Reveal(o fyne.CanvasObject) bool {
	found := false
	v.eachInView(func(b *block, _ float32) { found = found || b.elastic && form.Within(b.fixed, o) })
	if !found {
		return false
	}
	driver := fyne.CurrentApp().Driver()
	y := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(v).Y
	if over := y + o.Size().Height - v.Size().Height; y < 0 {
		v.scrollBy(y - 8)
	} else if over > 0 {
		v.scrollBy(over + 8)
	}
	return true
}
