//go:build !linux && !freebsd && !openbsd && !netbsd

package shell

import (
	"context"
	"log/slog"
	"sync/atomic"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// tray is the icon in the system's tray or menu bar, which Windows and macOS
// always have.
type tray struct {
	actions trayActions
	menu    *fyne.Menu
	group   *fyne.MenuItem
	owned   atomic.Bool // whether there is a tray
	labels  latest
}

func newTray(app fyne.App, icon []byte, actions trayActions, _ *slog.Logger) *tray {
	t := &tray{actions: actions, labels: make(latest, 1)}
	d, ok := app.(desktop.App)
	if !ok {
		return t
	}
	t.owned.Store(true)
	t.group = fyne.NewMenuItem(trayServers, actions.servers)
	quit := fyne.NewMenuItem(trayQuit, actions.quit)
	quit.IsQuit = true
	t.menu = fyne.NewMenu("Drawbridge",
		fyne.NewMenuItem(trayOpen, actions.open),
		fyne.NewMenuItem(trayNewChat, actions.newChat),
		fyne.NewMenuItemSeparator(),
		t.group,
		fyne.NewMenuItemSeparator(),
		quit)
	d.SetSystemTrayMenu(t.menu)
	d.SetSystemTrayIcon(fyne.NewStaticResource("drawbridge-tray.png", icon))
	return t
}

// available reports whether the icon can be seen.
func (t *tray) available() bool { return t.owned.Load() }

// servers shows how the servers are. It does not wait.
func (t *tray) servers(labels []string) { t.labels.put(labels) }

// run updates the menu until the context ends.
func (t *tray) run(ctx context.Context) {
	var shown []string
	for {
		select {
		case <-ctx.Done():
			return
		case labels := <-t.labels:
			if t.owned.Load() && changedLabels(shown, labels) {
				shown = labels
				fyne.Do(func() { t.show(labels) })
			}
		}
	}
}

func (t *tray) show(labels []string) {
	items := make([]*fyne.MenuItem, 0, len(labels))
	for _, label := range labels {
		items = append(items, fyne.NewMenuItem(label, t.actions.servers))
	}
	t.group.ChildMenu = fyne.NewMenu(trayServers, items...)
	t.menu.Refresh()
}
