package transcript

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// Scrolled moves the thread, or the code under the pointer along its lines.
func (v *View) Scrolled(e *fyne.ScrollEvent) {
	dx, dy := e.Scrolled.DX, e.Scrolled.DY
	if dx == 0 && v.shiftHeld() {
		dx = dy
	}
	if v.scrollAlong(e.Position.Y, -dx) {
		return
	}
	v.scrollBy(-dy)
}

// Tapped opens the link under the pointer, if there is one.
func (v *View) Tapped(e *fyne.PointEvent) {
	s := v.linkAt(e.Position)
	switch {
	case s == nil || v.Selected():
	default:
		v.followLink(s)
	}
}

// MouseIn is part of desktop.Hoverable.
func (v *View) MouseIn(e *desktop.MouseEvent) { v.MouseMoved(e) }

// MouseMoved shows the target of the link under the pointer.
func (v *View) MouseMoved(e *desktop.MouseEvent) {
	s := v.linkAt(e.Position)
	v.hoverOver(s)
	v.cursor = desktop.DefaultCursor
	if s != nil {
		v.cursor = desktop.PointerCursor
	} else if v.overText(e.Position) {
		v.cursor = desktop.TextCursor
	}
}

// overText reports whether a line of text is under a point.
func (v *View) overText(p fyne.Position) (over bool) {
	x := p.X - v.left()
	v.eachInView(func(b *block, top float32) {
		if p.Y < top || p.Y >= top+b.height {
			return
		}
		x := x + b.moved()
		for _, l := range b.lines {
			if n := len(l.runs); n > 0 && p.Y >= top+l.y && p.Y < top+l.y+l.h && x >= l.runs[0].x && x < l.runs[n-1].x+l.runs[n-1].w {
				over = true
			}
		}
	})
	return over
}

// MouseOut ends what MouseMoved began.
func (v *View) MouseOut() {
	v.hoverOver(nil)
	v.cursor = desktop.DefaultCursor
}

func (v *View) hoverOver(s *span) {
	if v.hover == s {
		return
	}
	v.hover = s
	text := ""
	if s != nil {
		text = visible(s.link)
	}
	v.showTip(text)
}

// showTip shows a line at the lower edge; empty hides it.
func (v *View) showTip(text string) {
	v.tip.set(text)
	v.placeTip()
}

// Cursor is a hand over links.
func (v *View) Cursor() desktop.Cursor { return v.cursor }

// FocusGained shows that keys move the thread, and answer the question in it.
func (v *View) FocusGained() { v.setFocused(true) }

// FocusLost ends what FocusGained began.
func (v *View) FocusLost() {
	v.quiet, v.sel.shift = false, false
	v.leaveLink()
	v.setFocused(false)
}

func (v *View) setFocused(on bool) {
	v.focused = on
	if b := v.question(); b != nil {
		b.Refresh()
	}
	v.sync()
}

// question returns the buttons of the first question in view, or nil.
func (v *View) question() (found *bar) {
	v.eachInView(func(bl *block, _ float32) {
		if b, ok := bl.fixed.(*bar); ok && len(b.keys) > 0 && found == nil {
			found = b
		}
	})
	return found
}

// TypedRune answers the question in view, if the key does, and hands other
// letters to where one writes.
func (v *View) TypedRune(r rune) {
	if b := v.question(); b != nil && b.press(r) {
		return
	}
	if v.o.TypeElsewhere != nil {
		v.o.TypeElsewhere(r)
	}
}

// TypedKey moves the thread.
func (v *View) TypedKey(e *fyne.KeyEvent) {
	if v.sel.shift && v.selectBy(e.Name, false) {
		return
	}
	v.unquiet()
	if v.linkKey(e.Name) {
		return
	}
	page := max(v.Size().Height-40, 40)
	switch e.Name {
	case fyne.KeyUp:
		v.scrollBy(-40)
	case fyne.KeyDown:
		v.scrollBy(40)
	case fyne.KeyPageUp:
		v.scrollBy(-page)
	case fyne.KeyPageDown, fyne.KeySpace:
		v.scrollBy(page)
	case fyne.KeyHome:
		v.toStart()
	case fyne.KeyEnd:
		v.ScrollToEnd()
	case fyne.KeyEscape:
		if v.Selected() {
			v.Unselect()
			return
		}
		if v.o.Escape != nil {
			v.o.Escape()
		}
	}
}

// unquiet shows the focus, now that it is keys that are used.
func (v *View) unquiet() {
	if v.quiet {
		v.quiet = false
		v.sync()
	}
}

// linkAt returns the link at a point, or nil.
func (v *View) linkAt(p fyne.Position) (found *span) {
	x := p.X - v.left()
	v.eachInView(func(bl *block, top float32) {
		for _, l := range bl.lines {
			if p.Y < top+l.y || p.Y >= top+l.y+l.h {
				continue
			}
			for _, r := range l.runs {
				if (r.span.link != "" || r.span.act != nil) && x >= r.x && x < r.x+r.w {
					found = r.span
				}
			}
		}
	})
	return found
}
