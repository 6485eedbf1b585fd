package transcript

// extents knows how high each entry is, as far as that is known, so that
// nothing has to be added up while one scrolls. It is a tree of partial sums.
type extents struct {
	width float32   // that the heights are for
	sums  []float64 // sums[i] is of the entries before i+1, back to its last set bit
}

// grow makes room for one more entry at the end.
func (t *extents) grow() {
	i := len(t.sums) + 1
	sum := float64(0)
	for k := 1; k < i&-i; k <<= 1 {
		sum += t.sums[i-k-1]
	}
	t.sums = append(t.sums, sum)
}

// add changes the height of an entry.
func (t *extents) add(at int, by float32) {
	for i := at + 1; i <= len(t.sums); i += i & -i {
		t.sums[i-1] += float64(by)
	}
}

// before is how high the first n entries are together.
func (t *extents) before(n int) (sum float64) {
	for i := n; i > 0; i -= i & -i {
		sum += t.sums[i-1]
	}
	return sum
}

// at returns the entry that lies at a height, and how far in it that is.
func (t *extents) at(height float64) (entry int, rest float64) {
	step := 1
	for step*2 <= len(t.sums) {
		step *= 2
	}
	for ; step > 0; step /= 2 {
		if n := entry + step; n <= len(t.sums) && t.sums[n-1] <= height {
			entry = n
			height -= t.sums[n-1]
		}
	}
	return min(entry, max(len(t.sums)-1, 0)), height
}

// count has the block's height, as it is known now, be in the sums.
func (v *View) count(b *block) {
	if h := b.guess(v.column); h != b.counted {
		v.extents.add(b.entry.index, h-b.counted)
		b.counted = h
	}
}

// uncount takes the block's height out of them.
func (v *View) uncount(b *block) {
	v.extents.add(b.entry.index, -b.counted)
	b.counted = 0
}

// recount makes the sums anew, after the width changed or entries moved.
func (v *View) recount() {
	v.extents = extents{width: v.column}
	for i, e := range v.entries {
		e.index = i
		v.extents.grow()
		sum := float32(0)
		for _, b := range e.blocks {
			b.counted = b.guess(v.column)
			sum += b.counted
		}
		v.extents.add(i, sum)
	}
}

// extent estimates the height of all blocks, and of those above the view.
func (v *View) extent() (above, total float32) {
	if len(v.blocks) > 0 {
		e := v.blocks[v.anchor].entry
		sum := v.extents.before(e.index)
		for _, b := range v.blocks[e.first:v.anchor] {
			sum += float64(b.counted)
		}
		above = float32(sum) + v.above
	}
	miss := v.missingHeight()
	return above + miss + padTop, float32(v.extents.before(len(v.entries))) + miss + padTop + padEnd
}

// jump shows the place at a part of the whole height.
func (v *View) jump(part float32) {
	_, total := v.extent()
	room := total - v.Size().Height
	if room <= 0 || len(v.blocks) == 0 {
		return
	}
	v.follow = part >= 0.999
	place := part*room - padTop - v.missingHeight()
	if place < 0 && v.missing > 0 {
		v.wantPart = part
		v.askEarlier(true)
	}
	i, rest := v.extents.at(float64(max(place, 0)))
	e := v.entries[i]
	at := min(e.first, len(v.blocks)-1)
	for ; at < e.first+e.placed-1 && rest >= float64(v.blocks[at].counted); at++ {
		rest -= float64(v.blocks[at].counted)
	}
	v.anchor, v.above = at, float32(rest)
	if part <= 0 {
		v.anchor, v.above = 0, -padTop
	}
	v.sync()
}
