package transcript

// A thread may begin with messages that are not there yet: a long one opens at
// its end, and what is above comes when somebody goes there. Until then it has
// an estimated height.

// asked says what of the beginning was asked for.
type asked int

const (
	askedNothing asked = iota
	askedSome
	askedAll
)

// SetMissing says how many messages stand above the first item and are not
// there yet. Options.Earlier is called when they are needed.
func (v *View) SetMissing(messages int) {
	v.missing, v.asked, v.wantPart = messages, askedNothing, -1
	v.sync()
}

// Prepend puts items above the first one, and says how many messages are
// missing now. What is in view stays where it is.
func (v *View) Prepend(items []Item, missing int) {
	old := v.entries
	v.entries = make([]*entry, 0, len(items)+len(old))
	for _, item := range items {
		if v.byID[item.id()] == nil {
			v.put(item)
		}
	}
	before := 0
	for _, e := range v.entries {
		before += len(e.blocks)
	}
	v.entries = append(v.entries, old...)
	v.placeAll()
	v.anchor += before
	v.missing, v.asked = missing, askedNothing
	v.version++
	if missing > 0 {
		v.sync()
		return
	}
	if v.sel.wantAll {
		v.sel.wantAll = false
		v.SelectAll()
	}
	if part := v.wantPart; part >= 0 {
		v.wantPart = -1
		v.jump(part)
		return
	}
	v.sync()
}

// askEarlier asks for what is missing, all of it or the next part.
func (v *View) askEarlier(all bool) {
	want := askedSome
	if all {
		want = askedAll
	}
	if v.missing > 0 && v.asked < want && v.o.Earlier != nil {
		v.asked = want
		v.o.Earlier(all)
	}
}

// nearStart asks for more before the person gets there.
func (v *View) nearStart(height float32) {
	if v.missing == 0 || v.asked != askedNothing {
		return
	}
	above := v.above
	for i := v.anchor - 1; i >= 0; i-- {
		if above += v.blocks[i].counted; above > 4*height {
			return
		}
	}
	v.askEarlier(false)
}

// missingHeight estimates how high the missing messages are together.
func (v *View) missingHeight() float32 {
	if v.missing == 0 || len(v.entries) == 0 {
		return 0
	}
	return float32(v.extents.before(len(v.entries))) / float32(len(v.entries)) * float32(v.missing)
}
