//go:build linux && amd64 && !gles && !wayland

package damage

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"github.com/go-gl/gl/v2.1/gl"
)

// surfaceOf returns what a window is painted on, and nil where it is no window of
// X11 or not the processor paints it.
func surfaceOf(w fyne.Window) (s surface) {
	native, ok := w.(driver.NativeWindow)
	if !ok {
		return nil
	}
	native.RunNative(func(c any) {
		if _, ok := c.(driver.X11WindowContext); !ok {
			return
		}
		// The names of Mesa's painters that need no graphics card.
		name := gl.GoStr(gl.GetString(gl.RENDERER))
		if strings.Contains(name, "llvmpipe") || strings.Contains(name, "softpipe") {
			s = painted{}
		}
	})
	return s
}

// painted speaks to OpenGL beside Fyne, in the context in which Fyne paints.
type painted struct{}

// Clear is part of surface.
func (painted) Clear(part area, size fyne.Size, ground color.Color) {
	const whole = 0xffff
	r, g, b, a := ground.RGBA()
	gl.ClearColor(float32(r)/whole, float32(g)/whole, float32(b)/whole, float32(a)/whole)
	if part == (area{0, 0, size.Width, size.Height}) {
		gl.Disable(gl.SCISSOR_TEST) // whatever the scale of the window is
	} else {
		gl.Scissor(fromBelow(part, size))
		gl.Enable(gl.SCISSOR_TEST)
	}
	gl.Clear(gl.COLOR_BUFFER_BIT)
	gl.Disable(gl.SCISSOR_TEST)
}

// Keep is part of surface.
func (painted) Keep() {
	gl.Scissor(0, 0, 0, 0)
	gl.Enable(gl.SCISSOR_TEST)
}

// Pixels is part of surface.
func (painted) Pixels(part area, size fyne.Size) []byte {
	x, y, w, h := fromBelow(part, size)
	out := make([]byte, 4*int(w)*int(h))
	if len(out) > 0 {
		gl.ReadPixels(x, y, w, h, gl.RGBA, gl.UNSIGNED_BYTE, gl.Ptr(out))
	}
	return out
}

// fromBelow counts an area as OpenGL does, from the lower left.
func fromBelow(part area, size fyne.Size) (x, y, w, h int32) {
	return int32(part.left), int32(size.Height - part.bottom), int32(part.right - part.left), int32(part.bottom - part.top)
}
