package settings

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// TestKeyboard reaches everything on the page and its sheets without a pointer.
func TestKeyboard(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(900, 560))
	put(furnished(), w, nil)
	w.Resize(fyne.NewSize(900, 560))
	uitest.Keyboard(t, w, nil)
	sheets := []string{"Edit Portkey at work", "Model of OpenAI", "Licences"}
	for _, button := range uitest.Few(sheets, 1) {
		uitest.Tap(t, w, button)
		uitest.Keyboard(t, w, nil)
		w.Canvas().Overlays().Remove(w.Canvas().Overlays().Top())
	}
}
