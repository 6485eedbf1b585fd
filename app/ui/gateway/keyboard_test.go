package gateway

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// TestKeyboard reaches everything on the page and its sheets without a pointer.
func TestKeyboard(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(900, 560))
	put(galleryEngine(), w)
	uitest.Keyboard(t, w, nil)
	sheets := []string{"Add key", "Connect an app", "Port and network…"}
	for _, button := range uitest.Few(sheets, 1) {
		uitest.Tap(t, w, button)
		uitest.Keyboard(t, w, nil)
		w.Canvas().Overlays().Remove(w.Canvas().Overlays().Top())
	}
}
