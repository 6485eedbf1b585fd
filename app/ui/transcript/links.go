package transcript

import (
	"slices"

	"fyne.io/fyne/v2"
)

// links returns the links in view, in order.
func (v *View) links() (out []*span) {
	v.eachInView(func(b *block, top float32) {
		for _, l := range b.lines {
			if top+l.y < 0 || top+l.y+l.h > v.Size().Height {
				continue
			}
			for _, r := range l.runs {
				if (r.span.link != "" || r.span.act != nil) && !slices.Contains(out, r.span) {
					out = append(out, r.span)
				}
			}
		}
	})
	return out
}

// stepLink goes to the next link in view or the one before, and shows where it
// leads.
func (v *View) stepLink(by int) {
	all := v.links()
	if len(all) == 0 {
		v.leaveLink()
		return
	}
	at := slices.Index(all, v.keyed) + by
	switch {
	case v.keyed == nil && by < 0, at >= len(all):
		at = len(all) - 1
	case at < 0:
		at = 0
	}
	v.keyed = all[at]
	v.hoverOver(v.keyed)
	v.sync()
}

// leaveLink ends what stepLink began, and reports whether it had.
func (v *View) leaveLink() bool {
	was := v.keyed != nil
	if was {
		v.keyed = nil
		v.hoverOver(nil)
		v.sync()
	}
	return was
}

// followLink opens a link.
func (v *View) followLink(s *span) {
	switch {
	case s.act != nil:
		s.act()
	case v.o.OpenLink != nil:
		v.o.OpenLink(s.link)
	}
}

// keyedLink returns the link at which the keys are, while it is in view.
func (v *View) keyedLink() *span {
	if v.keyed != nil && slices.Contains(v.links(), v.keyed) {
		return v.keyed
	}
	return nil
}

// linkKey does what a key is for that has to do with links, and reports whether it
// does.
func (v *View) linkKey(key fyne.KeyName) bool {
	switch key {
	case fyne.KeyLeft:
		v.stepLink(-1)
	case fyne.KeyRight:
		v.stepLink(1)
	case fyne.KeyReturn, fyne.KeyEnter:
		s := v.keyedLink()
		if s == nil {
			return false
		}
		v.followLink(s)
	case fyne.KeyEscape:
		return v.leaveLink()
	default:
		return false
	}
	return true
}
