package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// Revealer is a widget that scrolls by itself. Reveal brings an object that is
// part of it into view, and reports whether it is.
type Revealer interface {
	Reveal(o fyne.CanvasObject) bool
}

// Reveal scrolls whatever an object is in, on a page or a sheet, so far that all
// of it can be seen. Widgets that take keys call it when they get the focus.
func Reveal(o fyne.CanvasObject) {
	c := fyne.CurrentApp().Driver().CanvasForObject(o)
	if c == nil {
		return
	}
	switch top := c.Overlays().Top().(type) {
	case nil:
		revealIn(c.Content(), o)
	case *sheetOverlay:
		revealIn(top.body, o)
	}
}

// Within reports whether an object is part of another, as far as forms are made
// of containers.
func Within(root, o fyne.CanvasObject) bool {
	if root == o {
		return true
	}
	switch r := root.(type) {
	case *fyne.Container:
		for _, child := range r.Objects {
			if Within(child, o) {
				return true
			}
		}
	case *container.Scroll:
		return r.Content != nil && Within(r.Content, o)
	case *Card:
		return Within(r.content, o)
	}
	return false
}

// revealIn scrolls what lies between root and the object, from the inside out,
// and reports whether the object is part of root.
func revealIn(root, o fyne.CanvasObject) bool {
	if root == o {
		return true
	}
	switch r := root.(type) {
	case *fyne.Container:
		for _, child := range r.Objects {
			if child.Visible() && revealIn(child, o) {
				return true
			}
		}
	case *container.Scroll:
		if r.Content != nil && revealIn(r.Content, o) {
			scrollTo(r, o)
			return true
		}
	case *container.Split:
		return revealIn(r.Leading, o) || revealIn(r.Trailing, o)
	case *Card:
		return revealIn(r.content, o)
	case Revealer:
		return r.Reveal(o)
	}
	return false
}

// scrollTo scrolls to an object in the content; of one that is higher than there
// is room for, its beginning is shown.
func scrollTo(s *container.Scroll, o fyne.CanvasObject) {
	driver := fyne.CurrentApp().Driver()
	scrollToArea(s, driver.AbsolutePositionForObject(o).Y, o.Size().Height)
}

// scrollToArea scrolls to what is that far from the top of the window, and that
// high.
func scrollToArea(s *container.Scroll, y, height float32) {
	top := y - fyne.CurrentApp().Driver().AbsolutePositionForObject(s).Y
	below := top + min(height, s.Size().Height-2*Gap) - s.Size().Height
	switch {
	case top < 0:
		s.ScrollToOffset(fyne.NewPos(s.Offset.X, max(s.Offset.Y+top-Gap, 0)))
	case below > 0:
		s.ScrollToOffset(fyne.NewPos(s.Offset.X, s.Offset.Y+below+Gap))
	}
}

// scrollAround scrolls the sheet or the page that an object is on, by a key.
func scrollAround(o fyne.CanvasObject, key fyne.KeyName) {
	if s := sheetOn(o); s != nil {
		if s.fill == nil {
			scrollByKey(s.scroll, key)
		} else {
			ScrollPage(s.fill, key)
		}
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && c.Overlays().Top() == nil {
		ScrollPage(c.Content(), key)
	}
}

// ScrollPage scrolls what of a page can be scrolled, by a key: the arrows, Page Up
// and Page Down, Home and End. It reports whether there was anything to scroll.
func ScrollPage(page fyne.CanvasObject, key fyne.KeyName) bool {
	switch p := page.(type) {
	case *container.Scroll:
		return scrollByKey(p, key)
	case *fyne.Container:
		for _, child := range p.Objects {
			if child.Visible() && ScrollPage(child, key) {
				return true
			}
		}
	}
	return false
}
