//go:build !linux && !freebsd && !openbsd && !netbsd

package shell

import (
	"context"
	"log/slog"
	"sync/atomic"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/drawbridge-app/drawbridge/assets"
)

// tray is the icon in the system's tray or menu bar, which Windows and macOS
// always have.
type tray struct {
	actions trayActions
	desktop desktop.App
	menu    *fyne.Menu
	owned   atomic.Bool   // whether there is a tray
	looked  chan struct{} // closed when it is known whether there is one
	states  latest[trayState]
}

func newTray(app fyne.App, actions trayActions, _ *slog.Logger) *tray {
	t := &tray{actions: actions, looked: make(chan struct{}), states: make(latest[trayState], 1)}
	close(t.looked)
	d, ok := app.(desktop.App)
	if !ok {
		return t
	}
	t.desktop = d
	t.owned.Store(true)
	first := trayState{icon: assets.TrayIdle}
	t.menu = fyne.NewMenu(title, t.items(first)...)
	d.SetSystemTrayMenu(t.menu)
	d.SetSystemTrayIcon(trayPicture(first.icon))
	return t
}

// available reports whether the icon can be seen.
func (t *tray) available() bool { return t.owned.Load() }

// put shows a state. It does not wait.
func (t *tray) put(s trayState) { t.states.put(s) }

// run updates the menu until the context ends.
func (t *tray) run(ctx context.Context) {
	shown := trayState{icon: assets.TrayIdle}
	for {
		select {
		case <-ctx.Done():
			return
		case state := <-t.states:
			if !t.owned.Load() || shown.equal(state) {
				continue
			}
			icon := shown.icon != state.icon
			shown = state
			fyne.Do(func() {
				t.menu.Items = t.items(state)
				t.menu.Refresh()
				if icon {
					t.desktop.SetSystemTrayIcon(trayPicture(state.icon))
				}
			})
		}
	}
}

// items are the entries of the menu.
func (t *tray) items(s trayState) []*fyne.MenuItem {
	entries := func(list []trayEntry, action func(string)) []*fyne.MenuItem {
		items := make([]*fyne.MenuItem, 0, len(list))
		for _, e := range list {
			item := fyne.NewMenuItem(e.label, func() { action(e.id) })
			item.Checked = e.on
			items = append(items, item)
		}
		return items
	}
	items := []*fyne.MenuItem{
		fyne.NewMenuItem(trayOpen, t.actions.open),
		fyne.NewMenuItem(trayNewChat, t.actions.newChat),
	}
	if len(s.chats) > 0 {
		chats := fyne.NewMenuItem(trayChats, nil)
		chats.ChildMenu = fyne.NewMenu(trayChats, entries(s.chats, t.actions.chat)...)
		items = append(items, chats)
	}
	servers := fyne.NewMenuItem(trayServers, nil)
	servers.ChildMenu = fyne.NewMenu(trayServers, append([]*fyne.MenuItem{
		fyne.NewMenuItem(trayServersPage, t.actions.servers), fyne.NewMenuItemSeparator(),
	}, entries(s.servers, t.actions.server)...)...)
	label := s.gateway
	if label == "" {
		label = gatewayClosed
	}
	items = append(items, fyne.NewMenuItemSeparator(), servers, fyne.NewMenuItem(label, t.actions.gateway),
		fyne.NewMenuItemSeparator(), fyne.NewMenuItem(s.raiseLabel(), t.actions.raise), fyne.NewMenuItemSeparator())
	if t.actions.login != nil {
		login := fyne.NewMenuItem(trayLogin, t.actions.login)
		login.Checked = s.login
		items = append(items, login)
	}
	quit := fyne.NewMenuItem(trayQuit, t.actions.quit)
	quit.IsQuit = true
	return append(items, quit)
}

func trayPicture(state assets.TrayState) fyne.Resource {
	return fyne.NewStaticResource("drawbridge-"+string(state)+".png", assets.TrayPNG(state))
}
