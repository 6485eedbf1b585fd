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
	labels  latest[[]string]
	raise   *fyne.MenuItem
	bridge  latest[bool] // whether it is raised
}

func newTray(app fyne.App, icon []byte, actions trayActions, _ *slog.Logger) *tray {
	t := &tray{actions: actions, labels: make(latest[[]string], 1), bridge: make(latest[bool], 1)}
	d, ok := app.(desktop.App)
	if !ok {
		return t
	}
	t.owned.Store(true)
	t.group = fyne.NewMenuItem(trayServers, actions.servers)
	t.raise = fyne.NewMenuItem(trayRaise, actions.raise)
	quit := fyne.NewMenuItem(trayQuit, actions.quit)
	quit.IsQuit = true
	t.menu = fyne.NewMenu("Drawbridge",
		fyne.NewMenuItem(trayOpen, actions.open),
		fyne.NewMenuItem(trayNewChat, actions.newChat),
		fyne.NewMenuItemSeparator(),
		t.group,
		t.raise,
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

// raised shows whether the bridge is raised. It does not wait.
func (t *tray) raised(up bool) { t.bridge.put(up) }

// run updates the menu until the context ends.
func (t *tray) run(ctx context.Context) {
	var shown []string
	for {
		select {
		case <-ctx.Done():
			return
		case up := <-t.bridge:
			if t.owned.Load() {
				fyne.Do(func() {
					t.raise.Label = raiseLabel(up)
					t.menu.Refresh()
				})
			}
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
