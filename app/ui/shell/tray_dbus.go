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

	"github.com/drawbridge-app/drawbridge/assets"
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
	logger  *slog.Logger
	owned   atomic.Bool
	looked  chan struct{} // closed when it is known whether there is a tray
	states  latest[trayState]
	shown   atomic.Pointer[trayState] // what the menu shows now

	// Of the goroutine in run alone.
	end            func()
	chats, servers *trayGroup
	gateway        *systray.MenuItem
	raise, login   *systray.MenuItem
}

// newTray returns a tray that shows nothing before run.
func newTray(_ fyne.App, actions trayActions, logger *slog.Logger) *tray {
	t := &tray{actions: actions, logger: logger, looked: make(chan struct{}), states: make(latest[trayState], 1)}
	t.shown.Store(&trayState{icon: assets.TrayIdle})
	return t
}

// available reports whether the icon can be seen now.
func (t *tray) available() bool { return t.owned.Load() }

// put shows a state. It does not wait.
func (t *tray) put(s trayState) { t.states.put(s) }

// run keeps the tray until the context ends. It must not run before the first
// frame, since it asks the bus.
func (t *tray) run(ctx context.Context) {
	if err := t.follow(ctx); err != nil && ctx.Err() == nil {
		t.logger.Info("there is no tray, so closing the window quits", "reason", err)
	}
	t.owned.Store(false)
	t.known()
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
	t.known()

	var gone, pause <-chan time.Time
	states := t.states
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
		case state := <-states:
			t.show(state)
			states, pause = nil, time.After(trayPause)
		case <-pause:
			states, pause = t.states, nil
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

// known says that it was looked whether there is a tray.
func (t *tray) known() {
	select {
	case <-t.looked:
	default:
		close(t.looked)
	}
}

func (t *tray) start() {
	state := *t.shown.Load()
	systray.SetIcon(assets.TrayPNG(state.icon))
	systray.SetTitle(title)
	systray.SetTooltip(state.tip())
	systray.SetOnTapped(t.actions.open)
	on(systray.AddMenuItem(trayOpen, ""), t.actions.open)
	on(systray.AddMenuItem(trayNewChat, ""), t.actions.newChat)
	t.chats = &trayGroup{tray: t, item: systray.AddMenuItem(trayChats, ""), list: func(s *trayState) []trayEntry { return s.chats }, action: t.actions.chat}
	t.chats.item.Hide()
	systray.AddSeparator()
	servers := systray.AddMenuItem(trayServers, "")
	on(servers.AddSubMenuItem(trayServersPage, ""), t.actions.servers)
	servers.AddSeparator()
	t.servers = &trayGroup{tray: t, item: servers, checks: true, list: func(s *trayState) []trayEntry { return s.servers }, action: t.actions.server}
	t.gateway = systray.AddMenuItem(gatewayClosed, "")
	on(t.gateway, t.actions.gateway)
	systray.AddSeparator()
	t.raise = systray.AddMenuItem(trayState{}.raiseLabel(), "")
	on(t.raise, t.actions.raise)
	systray.AddSeparator()
	if t.actions.login != nil {
		t.login = systray.AddMenuItemCheckbox(trayLogin, "", false)
		on(t.login, t.actions.login)
	}
	on(systray.AddMenuItem(trayQuit, ""), t.actions.quit)
	t.fill(trayState{}, state)
	start, end := systray.RunWithExternalLoop(nil, nil)
	t.end = end
	start()
}

// show takes over a state.
func (t *tray) show(state trayState) {
	was := *t.shown.Load()
	if was.equal(state) {
		return
	}
	t.shown.Store(&state)
	if t.end == nil {
		return
	}
	if was.icon != state.icon {
		systray.SetIcon(assets.TrayPNG(state.icon))
		systray.SetTooltip(state.tip())
	}
	t.fill(was, state)
}

// fill updates the entries of the menu in place.
func (t *tray) fill(was, is trayState) {
	t.chats.fill(was.chats, is.chats)
	if len(is.chats) > 0 {
		t.chats.item.Show()
	} else {
		t.chats.item.Hide()
	}
	t.servers.fill(was.servers, is.servers)
	if is.gateway != "" && is.gateway != was.gateway {
		t.gateway.SetTitle(is.gateway)
	}
	if is.raised != was.raised {
		t.raise.SetTitle(is.raiseLabel())
	}
	if t.login != nil && is.login != was.login {
		check(t.login, is.login)
	}
}

// trayGroup is a menu of entries that come and go. An item that is not needed is
// hidden, and used again.
type trayGroup struct {
	tray   *tray
	item   *systray.MenuItem
	items  []*systray.MenuItem
	checks bool // the entries can be on or off
	list   func(*trayState) []trayEntry
	action func(id string)
}

func (g *trayGroup) fill(was, is []trayEntry) {
	for i, e := range is {
		if i == len(g.items) {
			g.add(e)
			continue
		}
		item := g.items[i]
		if i >= len(was) || was[i].label != e.label {
			item.SetTitle(e.label)
		}
		if g.checks && (i >= len(was) || was[i].on != e.on) {
			check(item, e.on)
		}
		if i >= len(was) {
			item.Show()
		}
	}
	for i := len(is); i < len(g.items); i++ {
		if i < len(was) {
			g.items[i].Hide()
		}
	}
}

// add makes one item more. A click acts on what the item shows at that time.
func (g *trayGroup) add(e trayEntry) {
	i := len(g.items)
	var item *systray.MenuItem
	if g.checks && e.id != "" {
		item = g.item.AddSubMenuItemCheckbox(e.label, "", e.on)
	} else {
		item = g.item.AddSubMenuItem(e.label, "")
	}
	g.items = append(g.items, item)
	on(item, func() {
		if list := g.list(g.tray.shown.Load()); i < len(list) {
			g.action(list[i].id)
		}
	})
}

func check(item *systray.MenuItem, on bool) {
	if on {
		item.Check()
	} else {
		item.Uncheck()
	}
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
