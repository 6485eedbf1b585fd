package transcript

// ScrollToEnd shows the end and follows it.
func (v *View) ScrollToEnd() {
	v.follow, v.following = true, following{}
	v.sync()
}

// ScrollTo has the item with that ID stand at the top, as far as there is
// enough below it. It does nothing if there is none.
func (v *View) ScrollTo(id string) {
	e, ok := v.byID[id]
	if !ok || e.placed == 0 {
		return
	}
	v.follow, v.anchor, v.above = false, e.first, 0
	v.sync()
}

// AtEnd reports whether the end is in view and followed.
func (v *View) AtEnd() bool { return v.follow }

// scrollBy moves the thread up by dy, or down if it is negative.
func (v *View) scrollBy(dy float32) {
	if dy == 0 || len(v.blocks) == 0 {
		return
	}
	v.follow = false
	v.above += dy
	v.sync()
}

// toStart shows the beginning, and asks for it if it is not there.
func (v *View) toStart() {
	if v.missing > 0 {
		v.askEarlier(true)
	}
	v.follow, v.anchor, v.above = false, 0, -padTop
	v.sync()
}

// mover is a widget in which something may move.
type mover interface {
	Gone() // it is out of view
	Back()
}

// Rest stops all that moves, until Wake. Use it while the thread cannot be
// seen.
func (v *View) Rest() {
	v.resting = true
	v.eachInView(func(b *block, _ float32) {
		if m, ok := b.fixed.(mover); ok {
			m.Gone()
		}
	})
}

// Wake lets things move again.
func (v *View) Wake() {
	v.resting = false
	v.eachInView(func(b *block, _ float32) {
		if m, ok := b.fixed.(mover); ok {
			m.Back()
		}
	})
	v.sync()
}

// left is where the column of text begins.
func (v *View) left() float32 { return (v.Size().Width - v.column) / 2 }

// eachInView visits the blocks in view with their distance from the top edge,
// in order.
func (v *View) eachInView(f func(b *block, top float32)) {
	v.eachPlaced(func(p placed) { f(p.block, p.top) })
}

// placed is a block in view.
type placed struct {
	block  *block
	top    float32 // distance from the top edge
	begins bool    // the block above is not of its group
	goesOn bool    // the block below is
}

func (v *View) eachPlaced(f func(placed)) {
	height := v.Size().Height
	group := func(list []*block, i int) *group {
		if i < 0 || i >= len(list) {
			return nil
		}
		return list[i].group
	}
	visit := func(list []*block, i int, top float32) {
		g := list[i].group
		f(placed{list[i], top, g != group(list, i-1), g == group(list, i+1)})
	}
	y := -v.above
	for i := v.anchor; i < len(v.blocks) && y < height; i++ {
		b := v.blocks[i]
		if b.lazy == nil {
			visit(v.blocks, i, y)
			y += b.height
			continue
		}
		for k := range b.kids {
			if y < height && y+b.kids[k].height > -beyond {
				visit(b.kids, k, y)
			}
			y += b.kids[k].height
		}
	}
}

// reveal scrolls just so far that the block is in view.
func (v *View) reveal(b *block) {
	y := -v.above
	for i := v.anchor; i < len(v.blocks) && y < v.Size().Height; i++ {
		at := v.blocks[i]
		if at == b {
			if y < 0 {
				v.scrollBy(y - 8)
			} else if over := y + at.height - v.Size().Height; over > 0 {
				v.scrollBy(over + 8)
			}
			return
		}
		y += at.height
	}
}
