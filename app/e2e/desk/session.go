//go:build linux && e2e

package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

// The names on the session bus that a desktop waits for.
const (
	keychainName = "org.freedesktop.secrets"
	watcherName  = "org.kde.StatusNotifierWatcher"
)

// password is that of the keychain, which holds the tests' own secrets alone.
const password = "ci\n"

// startWindowManager starts openbox and waits until it manages the screen,
// which it says by a property of the root window (EWMH, "_NET_SUPPORTING_WM_CHECK").
func (d *Desktop) startWindowManager(ctx context.Context) error {
	if _, err := d.Run("openbox", exec.Command("openbox", "--sm-disable")); err != nil {
		return err
	}
	return Until(ctx, startLimit, "the window manager", func(ctx context.Context) error {
		// It prints the number of the desktop, and fails without a window manager.
		_, err := d.xdotool(ctx, "get_desktop")
		return err
	})
}

// startKeychain starts a Secret Service whose only collection is unlocked.
func (d *Desktop) startKeychain(ctx context.Context) error {
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets",
		"--control-directory="+d.path("run/keyring"))
	cmd.Stdin = strings.NewReader(password)
	if _, err := d.Run("keyring", cmd); err != nil {
		return err
	}
	return d.withBus(ctx, func(bus *dbus.Conn) error {
		return Until(ctx, startLimit, "an unlocked keychain", func(ctx context.Context) error {
			var collection dbus.ObjectPath
			service := bus.Object(keychainName, "/org/freedesktop/secrets")
			// Asking must not make the bus start a second daemon.
			if err := service.CallWithContext(ctx, "org.freedesktop.Secret.Service.ReadAlias", dbus.FlagNoAutoStart, "default").Store(&collection); err != nil {
				return err
			}
			locked, err := bus.Object(keychainName, collection).GetProperty("org.freedesktop.Secret.Collection.Locked")
			if err != nil {
				return err
			}
			if locked.Value() != false {
				return fmt.Errorf("the collection %s is locked", collection)
			}
			return nil
		})
	})
}

// panelConfig is a panel at the top left that holds a tray and nothing else,
// so that the first icon is always at the same place.
const panelConfig = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
      <property name="hide-new-items" type="bool" value="false"/>
    </property>
  </property>
</channel>
`

// startPanel starts the panel and waits until its tray takes icons.
func (d *Desktop) startPanel(ctx context.Context) error {
	file := d.path("config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(panelConfig), 0o600); err != nil {
		return err
	}
	if _, err := d.Run("panel", exec.Command("xfce4-panel", "--disable-wm-check")); err != nil {
		return err
	}
	return Until(ctx, startLimit, "the tray", func(ctx context.Context) error {
		owned, err := d.TrayWatched(ctx)
		if err == nil && !owned {
			err = errors.New("nobody owns " + watcherName)
		}
		return err
	})
}

// TrayWatched tells whether there is a tray: whether the name of the
// StatusNotifierWatcher is owned on the session bus.
func (d *Desktop) TrayWatched(ctx context.Context) (owned bool, err error) {
	err = d.withBus(ctx, func(bus *dbus.Conn) error {
		return bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, watcherName).Store(&owned)
	})
	return owned, err
}

// TrayItems are the icons that are in the tray now, by their D-Bus services.
func (d *Desktop) TrayItems(ctx context.Context) (items []string, err error) {
	err = d.withBus(ctx, func(bus *dbus.Conn) error {
		value, err := bus.Object(watcherName, "/StatusNotifierWatcher").GetProperty(watcherName + ".RegisteredStatusNotifierItems")
		if err != nil {
			return err
		}
		return value.Store(&items)
	})
	return items, err
}

// withBus connects to the session bus for the length of a function.
func (d *Desktop) withBus(ctx context.Context, f func(*dbus.Conn) error) error {
	bus, err := dbus.Connect(d.bus, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("connecting to the session bus: %w", err)
	}
	defer bus.Close()
	return f(bus)
}
