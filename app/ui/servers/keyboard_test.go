package servers

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
	sheets := []string{"Review git", "Tools files", "Show log files", "Edit git", "Rules files", "Add server"}
	for _, button := range uitest.Few(sheets, 2) {
		uitest.Tap(t, w, button)
		uitest.Keyboard(t, w, nil)
		w.Canvas().Overlays().Remove(w.Canvas().Overlays().Top())
	}
}
