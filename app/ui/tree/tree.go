// Package tree tells what the objects of a window are made of, as Fyne paints
// them.
package tree

import (
	_ "unsafe" // for go:linkname

	"fyne.io/fyne/v2"
)

// Children returns what stands in an object, in the order in which it is painted,
// and whether it is cut off at the edges of the object. A widget that was never
// shown has none. It is called on the goroutine of the window.
func Children(o fyne.CanvasObject) (children []fyne.CanvasObject, clips bool) {
	switch o := o.(type) {
	case *fyne.Container:
		return o.Objects, false
	case fyne.Widget:
		if r, ok := cachedRenderer(o); ok {
			children = r.Objects()
			_, clips = r.(interface{ IsClip() })
		}
	}
	_, scrolls := o.(fyne.Scrollable)
	return children, clips || scrolls
}

// cachedRenderer returns the renderer through which a widget is on the screen
// now. Fyne exports it for tests alone, in a package that replaces the running
// app when it is imported.
//
//go:linkname cachedRenderer fyne.io/fyne/v2/internal/cache.CachedRenderer
func cachedRenderer(fyne.Widget) (fyne.WidgetRenderer, bool)
