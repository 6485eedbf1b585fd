//go:build linux || freebsd || openbsd || netbsd

package shell

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/systray"
	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	// busLimit bounds each question to the session bus.
	busLimit = time.Second
	// trayGrace is how long a tray may be away, as when a panel restarts,
	// before it counts as gone.
	trayGrace = 10 * time.Second
	// trayPause lies between two updates of the menu.
	trayPause = 300 * time.Millisecond
)

// tray is the icon in the desktop's tray: a StatusNotifierItem on the session
// bus. It is there while somebody owns the StatusNotifierWatcher.
//
// It speaks to the tray's library itself and not through Fyne, since Fyne can
// only start a tray before the first frame, on the goroutine of the window, and
// makes a second window for it.
type tray struct {
	actions trayActions
	icon    []byte // PNG
	logger  *slog.Logger
	owned   atomic.Bool
	labels  latest[[]string]
	bridge  latest[bool] // whether it is raised

	// Of the goroutine in run alone.
	end   func()
	group *systray.MenuItem
	items []*systray.MenuItem
	shown []string
	raise *systray.MenuItem
	up    bool
}

func newTray(_ fyne.App, icon []byte, actions trayActions, logger *slog.Logger) *tray {
	return &tray{actions: actions, icon: icon, logger: logger, labels: make(latest[[]string], 1), bridge: make(latest[bool], 1)}
}

// available reports whether the icon can be seen now.
func (t *tray) available() bool { return t.owned.Load() }

// servers shows how the servers are. It does not wait.
func (t *tray) servers(labels []string) { t.labels.put(labels) }

// raised shows whether the bridge is raised. It does not wait.
func (t *tray) raised(up bool) { t.bridge.put(up) }

// run keeps the tray until the context ends. It must not run before the first
// frame, since it asks the bus.
func (t *tray) run(ctx context.Context) {
	if err := t.follow(ctx); err != nil && ctx.Err() == nil {
		t.logger.Info("there is no tray, so closing the window quits", "reason", err)
	}
	t.owned.Store(false)
	if t.end != nil {
		t.end()
	}
}

func (t *tray) follow(ctx context.Context) error {
	address := sessionBus()
	if address == "" {
		return errors.New("there is no session bus")
	}
	conn, err := connectBus(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()

	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	ask, cancel := context.WithTimeout(ctx, busLimit)
	defer cancel()
	err = conn.AddMatchSignalContext(ask,
		dbus.WithMatchSender("org.freedesktop.DBus"),
		dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"),
		dbus.WithMatchArg(0, watcherName))
	if err != nil {
		return fmt.Errorf("watch for a tray on the session bus: %w", err)
	}
	var owned bool
	call := conn.BusObject().CallWithContext(ask, "org.freedesktop.DBus.NameHasOwner", 0, watcherName)
	if err := call.Store(&owned); err != nil {
		return fmt.Errorf("look for a tray on the session bus: %w", err)
	}
	t.set(owned)

	var gone, pause <-chan time.Time
	labels := t.labels
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s, ok := <-signals:
			if !ok {
				t.owned.Store(false)
				t.actions.lost()
				return errors.New("the session bus went away")
			}
			owner, ok := newOwner(s)
			if !ok {
				continue
			}
			t.set(owner != "")
			gone = nil
			if owner == "" {
				gone = time.After(trayGrace)
			}
		case <-gone:
			gone = nil
			t.actions.lost()
		case l := <-labels:
			t.show(l)
			labels, pause = nil, time.After(trayPause)
		case t.up = <-t.bridge:
			if t.raise != nil {
				t.raise.SetTitle(raiseLabel(t.up))
			}
		case <-pause:
			labels, pause = t.labels, nil
		}
	}
}

// newOwner reads a NameOwnerChanged signal of the watcher's name.
func newOwner(s *dbus.Signal) (string, bool) {
	if s == nil || s.Name != "org.freedesktop.DBus.NameOwnerChanged" || len(s.Body) != 3 || s.Body[0] != watcherName {
		return "", false
	}
	owner, ok := s.Body[2].(string)
	return owner, ok
}

// set takes note of whether there is a host. The icon itself stays once it is
// there: it registers again with each host that comes.
func (t *tray) set(owned bool) {
	if owned && t.end == nil {
		t.start()
	}
	t.owned.Store(owned)
}

func (t *tray) start() {
	systray.SetIcon(t.icon)
	systray.SetTitle("Drawbridge")
	systray.SetOnTapped(t.actions.open)
	on(systray.AddMenuItem(trayOpen, ""), t.actions.open)
	on(systray.AddMenuItem(trayNewChat, ""), t.actions.newChat)
	systray.AddSeparator()
	t.group = systray.AddMenuItem(trayServers, "")
	on(t.group, t.actions.servers)
	t.raise = systray.AddMenuItem(raiseLabel(t.up), "")
	on(t.raise, t.actions.raise)
	systray.AddSeparator()
	on(systray.AddMenuItem(trayQuit, ""), t.actions.quit)
	shown := t.shown
	t.shown = nil
	t.show(shown)
	start, end := systray.RunWithExternalLoop(nil, nil)
	t.end = end
	start()
}

// show updates the entries of the servers in place.
func (t *tray) show(labels []string) {
	if t.group == nil || !changedLabels(t.shown, labels) {
		t.shown = labels
		return
	}
	for i, label := range labels {
		switch {
		case i == len(t.items):
			item := t.group.AddSubMenuItem(label, "")
			on(item, t.actions.servers)
			t.items = append(t.items, item)
		case i >= len(t.shown):
			t.items[i].SetTitle(label)
			t.items[i].Show()
		case t.shown[i] != label:
			t.items[i].SetTitle(label)
		}
	}
	for i := len(labels); i < len(t.shown); i++ {
		t.items[i].Hide()
	}
	t.shown = labels
}

// on runs the action at each click, for as long as the program runs.
func on(item *systray.MenuItem, action func()) {
	go func() {
		for range item.ClickedCh {
			action()
		}
	}()
}

// connectBus connects within the limit. The connection ends with the context.
func connectBus(ctx context.Context, address string) (*dbus.Conn, error) {
	type result struct {
		conn *dbus.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := dbus.Connect(address, dbus.WithContext(ctx))
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("connect to the session bus: %w", r.err)
		}
		return r.conn, nil
	case <-time.After(busLimit):
		go func() { // it may still come; nobody needs it then
			if r := <-done; r.err == nil {
				r.conn.Close()
			}
		}()
		return nil, errors.New("the session bus does not answer")
	}
}

// sessionBus returns the address of a session bus that runs, or "". It starts
// none: a bus of its own would have no tray.
func sessionBus() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" {
		if a == "autolaunch:" {
			return ""
		}
		return a
	}
	u, err := user.Current()
	if err != nil {
		return ""
	}
	path := filepath.Join("/run/user", u.Uid, "bus")
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
		return ""
	}
	return "unix:path=" + dbus.EscapeBusAddressValue(path)
}
