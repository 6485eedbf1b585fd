//go:build linux || freebsd || openbsd || netbsd

package shell

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"fyne.io/fyne/v2"
	"github.com/godbus/dbus/v5"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = "/org/freedesktop/Notifications"
)

// desktopNotes are notifications on the session bus (the Desktop Notifications
// Specification). A click on one brings the window to the front, which Fyne's own
// cannot do. The connection is made with the first.
type desktopNotes struct {
	orders chan string // what to tell; "" takes it away
	open   func()
	logger *slog.Logger
}

func newNotifier(_ fyne.App, open func(), logger *slog.Logger) *desktopNotes {
	return &desktopNotes{orders: make(chan string, 1), open: open, logger: logger}
}

func (n *desktopNotes) tell(what string) { n.order(what) }
func (n *desktopNotes) clear()           { n.order("") }

// order replaces the order that waits, if one does.
func (n *desktopNotes) order(what string) {
	for {
		select {
		case n.orders <- what:
			return
		default:
		}
		select {
		case <-n.orders:
		default:
		}
	}
}

// run shows notifications until the context ends.
func (n *desktopNotes) run(ctx context.Context) {
	for {
		select {
		case what := <-n.orders:
			if what == "" {
				continue // nothing is shown
			}
			if err := n.serve(ctx, sessionBus(), what); err != nil && ctx.Err() == nil {
				n.logger.Info("a notification could not be shown", "reason", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// serve shows the notification and what comes after it, until the bus fails or
// the context ends.
func (n *desktopNotes) serve(ctx context.Context, address, what string) error {
	if address == "" {
		return fmt.Errorf("there is no session bus")
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
	if err := conn.AddMatchSignalContext(ask, dbus.WithMatchSender(notifyName), dbus.WithMatchInterface(notifyName), dbus.WithMatchObjectPath(notifyPath)); err != nil {
		return fmt.Errorf("listen to notifications on the session bus: %w", err)
	}
	var shown uint32 // 0 while there is none
	for {
		// Any program on the bus can send us a signal. The desktop alone may open
		// the window, so it is asked who shows notifications before we are told of
		// them.
		service, err := n.put(ctx, conn, &shown, what)
		if err != nil {
			return err
		}
		for next := false; !next; {
			select {
			case what = <-n.orders:
				next = true
			case s, ok := <-signals:
				if !ok {
					return fmt.Errorf("the session bus went away")
				}
				if s == nil || s.Sender != service || s.Path != notifyPath || len(s.Body) < 1 || s.Body[0] != shown || shown == 0 {
					continue
				}
				switch s.Name {
				case notifyName + ".ActionInvoked":
					n.open()
				case notifyName + ".NotificationClosed":
					shown = 0
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// put shows what is to be told in the place of what is shown. It returns the
// bus's own name of the service that shows it, which no other program can have.
func (n *desktopNotes) put(ctx context.Context, conn *dbus.Conn, shown *uint32, what string) (service string, err error) {
	ask, cancel := context.WithTimeout(ctx, busLimit)
	defer cancel()
	notes := conn.Object(notifyName, notifyPath)
	switch {
	case what != "":
		err = notes.CallWithContext(ask, notifyName+".Notify", 0, title, *shown, "", title, plainBody(what),
			[]string{"default", say.T("Open Drawbridge")}, map[string]dbus.Variant{
				"desktop-entry": dbus.MakeVariant(AppID),
				"category":      dbus.MakeVariant("im"),
			}, int32(-1)).Store(shown)
	case *shown != 0:
		id := *shown
		*shown = 0
		err = notes.CallWithContext(ask, notifyName+".CloseNotification", 0, id).Err
	}
	if err != nil || *shown == 0 {
		return "", err
	}
	err = conn.BusObject().CallWithContext(ask, "org.freedesktop.DBus.GetNameOwner", 0, notifyName).Store(&service)
	if err != nil {
		return "", fmt.Errorf("ask who shows notifications: %w", err)
	}
	return service, nil
}

// plainBody takes out what some desktops read as markup.
func plainBody(s string) string {
	return strings.NewReplacer("<", "‹", ">", "›", "&", "＆").Replace(s)
}
