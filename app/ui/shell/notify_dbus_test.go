//go:build linux

package shell

import (
	"bufio"
	"context"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// noteService stands for the service that shows notifications.
type noteService struct {
	conn   *dbus.Conn
	shown  chan string
	closed chan uint32
	mu     sync.Mutex // protects last
	last   uint32
}

// Notify is a method of the service.
func (d *noteService) Notify(app string, replaces uint32, icon, summary, body string, actions []string, hints map[string]dbus.Variant, timeout int32) (uint32, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if replaces == 0 {
		d.last++
	}
	d.shown <- strings.Join(append([]string{app, summary, body}, actions...), "|")
	return d.last, nil
}

// CloseNotification is a method of the service.
func (d *noteService) CloseNotification(id uint32) *dbus.Error {
	d.closed <- id
	return nil
}

// bus starts a session bus that ends with the test.
func bus(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// names are those of everybody on the bus, and "" for all at once.
func names(t *testing.T, conn *dbus.Conn) []string {
	t.Helper()
	var list []string
	if err := conn.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&list); err != nil {
		t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(name string) bool { return !strings.HasPrefix(name, ":") || name == conn.Names()[0] })
	return append(list, "")
}

func TestNotificationsOnTheSessionBus(t *testing.T) {
	address := bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d := &noteService{conn: conn, shown: make(chan string, 10), closed: make(chan uint32, 10)}
	if err := conn.Export(d, notifyPath, notifyName); err != nil {
		t.Fatal(err)
	}
	if r, err := conn.RequestName(notifyName, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(r, err)
	}
	opened := make(chan struct{}, 10)
	n := newNotifier(nil, func() { opened <- struct{}{} }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { n.run(ctx); close(over) }()
	patience := time.After(time.Minute)
	next := func(what string, c any) {
		t.Helper()
		switch c := c.(type) {
		case chan string:
			select {
			case got := <-c:
				if got != what {
					t.Errorf("shown: %q, want %q", got, what)
				}
				return
			case <-patience:
			}
		case chan struct{}:
			select {
			case <-c:
				return
			case <-patience:
			}
		case chan uint32:
			select {
			case <-c:
				return
			case <-patience:
			}
		}
		t.Fatalf("%s did not happen", what)
	}
	n.clear() // nothing is shown
	n.tell("<b>files</b> & co asks you something.")
	next("Drawbridge|Drawbridge|‹b›files‹/b› ＆ co asks you something.|default|Open Drawbridge", d.shown)
	n.tell("again")
	next("Drawbridge|Drawbridge|again|default|Open Drawbridge", d.shown)
	// Another program on the bus answers in the desktop's place, to all and to us
	// alone.
	stranger, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	forged := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldInterface: dbus.MakeVariant(notifyName), dbus.FieldMember: dbus.MakeVariant("ActionInvoked"),
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(notifyPath)), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(uint32(1), "default")),
	}, Body: []any{uint32(1), "default"}}
	for _, name := range names(t, stranger) {
		m := *forged
		m.Headers = maps.Clone(forged.Headers)
		if name != "" {
			m.Headers[dbus.FieldDestination] = dbus.MakeVariant(name)
		}
		if call := stranger.Send(&m, nil); call.Err != nil {
			t.Fatal(call.Err)
		}
	}
	var id string // the bus has handed on all of it when it answers
	if err := stranger.BusObject().Call("org.freedesktop.DBus.GetId", 0).Store(&id); err != nil {
		t.Fatal(err)
	}
	n.tell("after the forged ones")
	next("Drawbridge|Drawbridge|after the forged ones|default|Open Drawbridge", d.shown)
	if len(opened) > 0 {
		t.Fatal("another program opened the window")
	}
	for _, id := range []uint32{99, 1} { // another program's, and ours
		if err := conn.Emit(notifyPath, notifyName+".ActionInvoked", id, "default"); err != nil {
			t.Fatal(err)
		}
	}
	next("opening the window", opened)
	n.clear()
	next("closing the notification", d.closed)
	if len(opened) > 0 || d.last != 1 {
		t.Errorf("opened %d times more, %d notifications", len(opened), d.last)
	}
	cancel()
	next("the end", over)
}
