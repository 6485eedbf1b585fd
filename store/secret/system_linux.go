package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/drawbridge-app/drawbridge/store"
)

// The names of the Secret Service API, draft 0.2, which gnome-keyring, KWallet
// and KeePassXC offer.
const (
	secretsName    = "org.freedesktop.secrets"
	secretsPath    = dbus.ObjectPath("/org/freedesktop/secrets")
	secretsService = "org.freedesktop.Secret.Service"
	secretsPrompt  = "org.freedesktop.Secret.Prompt"
	collection     = "org.freedesktop.Secret.Collection"
	loginPath      = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	noObject       = dbus.ObjectPath("/")
)

// osKeychain is the Secret Service on the session's bus. It is asked on a
// connection of our own, which can be given up, before go-keyring is called,
// which would wait for ever for a bus or a person.
type osKeychain struct {
	items
	getenv func(string) string
}

func newSystem(service string, getenv func(string) string) system {
	return osKeychain{items{service}, getenv}
}

const envBus = "DBUS_SESSION_BUS_ADDRESS"

// address returns the session's bus, if there is one already. None is ever
// launched.
func (k osKeychain) address() (string, error) {
	if a := k.getenv(envBus); a != "" && !strings.HasPrefix(a, "autolaunch:") {
		return a, nil
	}
	dir := k.getenv("XDG_RUNTIME_DIR")
	if dir != "" {
		path := filepath.Join(dir, "bus")
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dbus.EscapeBusAddressValue(path), nil
		}
	}
	return "", missing("there is no session bus (DBUS_SESSION_BUS_ADDRESS is not set), which leads to the keychain")
}

// connect opens a connection that ends with the context.
func (k osKeychain) connect(ctx context.Context) (*dbus.Conn, error) {
	address, err := k.address()
	if err != nil {
		return nil, err
	}
	conn, err := dbus.Dial(address, dbus.WithContext(ctx))
	if err == nil {
		if err = conn.Auth(nil); err == nil {
			err = conn.Hello()
		}
		if err != nil {
			_ = conn.Close()
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, missing(fmt.Sprintf("the session bus cannot be reached (%v)", err))
	}
	return conn, nil
}

func (k osKeychain) ready(ctx context.Context) error {
	conn, err := k.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	s := service{conn}
	path, err := s.collection(ctx)
	if err != nil {
		return err
	}
	if path == noObject {
		return fmt.Errorf("the keychain has no collection for passwords yet; unlock it in Drawbridge to make one (%w)", store.ErrLocked)
	}
	locked, err := s.locked(ctx, path)
	if err != nil {
		return err
	}
	if locked {
		return fmt.Errorf("the keychain is locked; unlock it and try again (%w)", store.ErrLocked)
	}
	return nil
}

// publish tells go-keyring the address of the bus, which it looks for in the
// environment of the process alone; without one it would launch a bus.
func (k osKeychain) publish() error {
	if a := os.Getenv(envBus); a != "" && !strings.HasPrefix(a, "autolaunch:") {
		return nil
	}
	address, err := k.address()
	if err != nil {
		return err
	}
	return os.Setenv(envBus, address)
}

func (k osKeychain) get(user string) (string, error) {
	if err := k.publish(); err != nil {
		return "", err
	}
	return k.items.get(user)
}

func (k osKeychain) set(user, value string) error {
	if err := k.publish(); err != nil {
		return err
	}
	return k.items.set(user, value)
}

func (k osKeychain) remove(user string) error {
	if err := k.publish(); err != nil {
		return err
	}
	return k.items.remove(user)
}

func (k osKeychain) unlock(ctx context.Context) error {
	conn, err := k.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	s := service{conn}
	path, err := s.collection(ctx)
	if err != nil {
		return err
	}
	var prompt dbus.ObjectPath
	if path == noObject {
		label := map[string]dbus.Variant{collection + ".Label": dbus.MakeVariant("Login")}
		err = s.object(secretsPath).CallWithContext(ctx, secretsService+".CreateCollection", 0, label, "default").Store(&path, &prompt)
	} else {
		var now []dbus.ObjectPath
		err = s.object(secretsPath).CallWithContext(ctx, secretsService+".Unlock", 0, []dbus.ObjectPath{path}).Store(&now, &prompt)
	}
	if err != nil {
		return s.failed(ctx, err)
	}
	if err := s.prompt(ctx, prompt); err != nil {
		return err
	}
	return k.ready(ctx)
}

// service is the Secret Service on one connection.
type service struct{ conn *dbus.Conn }

func (s service) object(path dbus.ObjectPath) dbus.BusObject { return s.conn.Object(secretsName, path) }

func (s service) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return missing(fmt.Sprintf("the keychain does not work (%v)", err))
}

// collection returns the collection that go-keyring uses; noObject if there is
// none.
func (s service) collection(ctx context.Context) (dbus.ObjectPath, error) {
	bus := s.conn.BusObject()
	var owned bool
	if err := bus.CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secretsName).Store(&owned); err != nil {
		return "", s.failed(ctx, err)
	}
	if !owned {
		var names []string
		if err := bus.CallWithContext(ctx, "org.freedesktop.DBus.ListActivatableNames", 0).Store(&names); err != nil {
			return "", s.failed(ctx, err)
		}
		if !slices.Contains(names, secretsName) {
			return "", missing("no program offers one (gnome-keyring, KWallet and KeePassXC do)")
		}
	}
	var all dbus.Variant
	err := s.object(secretsPath).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, secretsService, "Collections").Store(&all)
	if err != nil {
		return "", s.failed(ctx, err)
	}
	if paths, ok := all.Value().([]dbus.ObjectPath); ok && slices.Contains(paths, loginPath) {
		return loginPath, nil
	}
	var path dbus.ObjectPath
	if err := s.object(secretsPath).CallWithContext(ctx, secretsService+".ReadAlias", 0, "default").Store(&path); err != nil {
		return "", s.failed(ctx, err)
	}
	return path, nil
}

func (s service) locked(ctx context.Context, path dbus.ObjectPath) (bool, error) {
	var v dbus.Variant
	if err := s.object(path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, collection, "Locked").Store(&v); err != nil {
		return false, s.failed(ctx, err)
	}
	locked, ok := v.Value().(bool)
	if !ok {
		return false, s.failed(ctx, errors.New("it does not say whether it is locked"))
	}
	return locked, nil
}

// prompt shows the service's dialog and waits for the person.
func (s service) prompt(ctx context.Context, path dbus.ObjectPath) error {
	if path == noObject {
		return nil // it needed no person
	}
	match := []dbus.MatchOption{dbus.WithMatchObjectPath(path), dbus.WithMatchInterface(secretsPrompt)}
	if err := s.conn.AddMatchSignalContext(ctx, match...); err != nil {
		return s.failed(ctx, err)
	}
	signals := make(chan *dbus.Signal, 8)
	s.conn.Signal(signals)
	if err := s.object(path).CallWithContext(ctx, secretsPrompt+".Prompt", 0, "").Err; err != nil {
		return s.failed(ctx, err)
	}
	for {
		select {
		case <-ctx.Done():
			// The connection closes with the context, which takes the dialog away.
			return fmt.Errorf("unlock the keychain: %w", context.Cause(ctx))
		case sig, ok := <-signals:
			if !ok {
				return s.failed(ctx, errors.New("the connection was lost"))
			}
			if sig.Path != path || sig.Name != secretsPrompt+".Completed" || len(sig.Body) == 0 {
				continue
			}
			if dismissed, ok := sig.Body[0].(bool); !ok || dismissed {
				return fmt.Errorf("the keychain stays locked, because its dialog was dismissed (%w)", store.ErrLocked)
			}
			return nil
		}
	}
}
