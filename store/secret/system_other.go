//go:build !linux

package secret

import (
	"context"
	"errors"

	"github.com/drawbridge-app/drawbridge/store"
)

// osKeychain is the keychain of macOS or Windows. It shows dialogs of its own
// accord; there is no question to ask it before.
type osKeychain struct{ items }

func newSystem(service string, _ func(string) string) system { return osKeychain{items{service}} }

func (osKeychain) ready(context.Context) error { return nil }

// unlock reads an item that does not exist, which has a locked keychain ask for
// its password.
func (k osKeychain) unlock(context.Context) error {
	_, err := k.get("unlock")
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
