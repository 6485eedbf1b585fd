package secret

import (
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"

	"github.com/drawbridge-app/drawbridge/store"
)

// items are the keychain's items of one service name.
type items struct{ service string }

func (i items) get(user string) (string, error) {
	v, err := keyring.Get(i.service, user)
	return v, explain("read", err)
}

func (i items) set(user, value string) error {
	return explain("write", keyring.Set(i.service, user, value))
}

func (i items) remove(user string) error {
	return explain("remove", keyring.Delete(i.service, user))
}

func explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return store.ErrNotFound
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return missing("this system has no keychain that Drawbridge knows")
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return fmt.Errorf("the keychain takes no item with so long a name or value; choose a shorter name (%w)", store.ErrInvalid)
	}
	return fmt.Errorf("the keychain could not %s the secret, and says: %w; try again, or look at it in the program that manages your passwords", what, err)
}
