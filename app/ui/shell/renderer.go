package shell

import (
	_ "unsafe" // for go:linkname

	"fyne.io/fyne/v2"
)

// cachedRenderer returns the renderer through which a widget is on the screen
// now. Fyne exports it for tests alone, in a package that replaces the running
// app when it is imported; a dump needs it to see what a widget is made of.
//
//go:linkname cachedRenderer fyne.io/fyne/v2/internal/cache.CachedRenderer
func cachedRenderer(fyne.Widget) (fyne.WidgetRenderer, bool)
