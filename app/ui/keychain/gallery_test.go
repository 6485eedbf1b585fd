package keychain_test

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestGallery renders the question where secrets go, in each state of them.
func TestGallery(t *testing.T) {
	var pictures []uitest.Picture
	for name, state := range map[string]store.SecretState{
		"none":   {Reason: "no Secret Service answers on the session bus; install gnome-keyring or KWallet"},
		"locked": {Place: store.SecretsKeychain, Locked: true},
		"sealed": {Place: store.SecretsPassphrase, Locked: true},
		"memory": {Place: store.SecretsMemory},
	} {
		pictures = append(pictures, uitest.Picture{Name: name, Size: fyne.NewSize(800, 640), Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			e := uitest.NewEngine()
			e.State = state
			size := w.Canvas().Size()
			w.SetContent(form.Label(""))
			w.Resize(size)
			sheet := form.NewSheet(w, "", nil)
			sheet.Show()
			keychain.Ask(sheet, e, uitest.Inline(), func() {}, func() {})
		}})
	}
	uitest.Pictures(t, pictures...)
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }
