package damage

import (
	"image/color"

	"fyne.io/fyne/v2"
)

// surface is what a window is painted on by the processor. Its methods are called
// while a frame is being painted. Areas count from the upper left of a window of a
// size.
type surface interface {
	// Clear gives an area the colour of the ground.
	Clear(part area, size fyne.Size, ground color.Color)
	// Keep has the next frame begin with the pixels that this one leaves; without it,
	// Fyne clears all of them first.
	Keep()
	// Pixels returns what is painted in an area.
	Pixels(part area, size fyne.Size) []byte
}
