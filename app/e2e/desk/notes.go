//go:build linux && e2e

package desk

import (
	"context"
	"fmt"
	"sync"

	"github.com/godbus/dbus/v5"
)

// The service that shows notifications (Desktop Notifications Specification 1.2).
const (
	notesName = "org.freedesktop.Notifications"
	notesPath = "/org/freedesktop/Notifications"
)

// A Note is a notification that is shown.
type Note struct {
	ID            uint32
	Summary, Body string
}

// Notes is what shows notifications on a desktop: nothing is painted, and Shown
// tells what a person would read. Its methods may be called from any goroutine.
type Notes struct {
	bus *dbus.Conn

	mu    sync.Mutex
	last  uint32
	shown map[uint32]Note
}

// StartNotes has the desktop show notifications until Close.
func (d *Desktop) StartNotes(ctx context.Context) (*Notes, error) {
	bus, err := dbus.Connect(d.bus, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("connecting to the session bus: %w", err)
	}
	n := &Notes{bus: bus, shown: map[uint32]Note{}}
	if err := bus.Export(notesService{n}, notesPath, notesName); err != nil {
		bus.Close()
		return nil, err
	}
	reply, err := bus.RequestName(notesName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		bus.Close()
		return nil, fmt.Errorf("becoming %s: reply %d, %w", notesName, reply, err)
	}
	return n, nil
}

// Close shows no more notifications.
func (n *Notes) Close() error { return n.bus.Close() }

// Shown are the notifications that are shown now.
func (n *Notes) Shown() (list []Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, note := range n.shown {
		list = append(list, note)
	}
	return list
}

// Click clicks a notification, which then goes.
func (n *Notes) Click(note Note) error {
	if err := n.bus.Emit(notesPath, notesName+".ActionInvoked", note.ID, "default"); err != nil {
		return err
	}
	return n.close(note.ID, 2) // the person did it
}

// close takes a notification away and says why.
func (n *Notes) close(id, reason uint32) error {
	n.mu.Lock()
	delete(n.shown, id)
	n.mu.Unlock()
	return n.bus.Emit(notesPath, notesName+".NotificationClosed", id, reason)
}

// notesService has the methods that programs call over the bus.
type notesService struct{ n *Notes }

// Notify shows a notification, or replaces one.
func (s notesService) Notify(_ string, replaces uint32, _, summary, body string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	id := replaces
	if id == 0 {
		s.n.last++
		id = s.n.last
	}
	s.n.shown[id] = Note{id, summary, body}
	return id, nil
}

// CloseNotification takes one away, as its program wants it.
func (s notesService) CloseNotification(id uint32) *dbus.Error {
	if err := s.n.close(id, 3); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

// GetCapabilities tells what it can show.
func (s notesService) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"actions", "body"}, nil
}

// GetServerInformation tells what it is.
func (s notesService) GetServerInformation() (name, vendor, version, specification string, failed *dbus.Error) {
	return "desk", "Drawbridge", "1", "1.2", nil
}
