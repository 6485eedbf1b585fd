//go:build !(linux && amd64 && !gles && !wayland)

package damage

import "fyne.io/fyne/v2"

// surfaceOf is nil where Fyne does not paint with the OpenGL of X11.
func surfaceOf(fyne.Window) surface { return nil }
