package keychain_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestMissing(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("else"), false},
		{fmt.Errorf("x: %w", store.ErrNoKeychain), true},
		{fmt.Errorf("x: %w", store.ErrLocked), true},
	} {
		if got := keychain.Missing(tt.err); got != tt.want {
			t.Errorf("Missing(%v) = %t", tt.err, got)
		}
	}
}

func TestAsk(t *testing.T) {
	for _, tt := range []struct {
		state store.SecretState
		shows string
		press string
		did   []string
	}{
		{store.SecretState{Reason: "there is no session bus (no keychain)"}, "There is no session bus.", "For this run only", []string{"use memory"}},
		{store.SecretState{Place: store.SecretsKeychain, Locked: true}, "is locked", "Unlock", []string{"unlock"}},
		{store.SecretState{Place: store.SecretsPassphrase, Locked: true}, "is sealed", "Unlock", []string{"use passphrase of 4 letters"}},
		{store.SecretState{Place: store.SecretsKeychain}, "They are in the keychain", "Try again", nil},
	} {
		e := uitest.NewEngine()
		e.State = tt.state
		w := uitest.Window(t, theme.Light, fyne.NewSize(800, 700))
		w.SetContent(form.Label(""))
		again, back := 0, 0
		sheet := form.NewSheet(w, "", nil)
		sheet.Show()
		keychain.Ask(sheet, e, uitest.Inline(), func() { back++ }, func() { again++ })
		uitest.Shows(t, w, "Where should the secrets go?", tt.shows)
		uitest.ShowsNot(t, w, "(no keychain)")
		if tt.state.Place == store.SecretsPassphrase {
			uitest.Fill(t, w, "Passphrase", "open")
		}
		uitest.Tap(t, w, tt.press)
		if got := e.Did(); !slices.Equal(got, tt.did) || again != 1 {
			t.Errorf("%+v: the engine was asked for %q, and the work was tried again %d times", tt.state, got, again)
		}
		uitest.Tap(t, w, "Back")
		if back != 1 {
			t.Errorf("%+v: Back leads nowhere", tt.state)
		}
	}
}
