//go:build !linux && !freebsd && !openbsd && !netbsd

package shell

import (
	"context"
	"log/slog"

	"fyne.io/fyne/v2"
)

// desktopNotes are the system's notifications.
type desktopNotes struct{ app fyne.App }

func newNotifier(app fyne.App, _ func(), _ *slog.Logger) *desktopNotes { return &desktopNotes{app} }

func (n *desktopNotes) tell(what string)        { n.app.SendNotification(fyne.NewNotification(title, what)) }
func (n *desktopNotes) clear()                  {}
func (n *desktopNotes) run(ctx context.Context) { <-ctx.Done() }
