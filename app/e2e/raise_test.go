//go:build linux && e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
)

// TestRaiseInTheMiddle raises the bridge by its shortcut while a tool runs: the
// tool is stopped, the model is told so, and nothing runs until the bridge is
// lowered, which the tray does here.
func TestRaiseInTheMiddle(t *testing.T) {
	k := newTold(t)
	k.begin()
	k.say("Please hold on.")
	k.calls(k.asks(), "call_1", "hold", "first")
	k.click(driver.Text("Always"))
	k.wrote("begin:first")

	k.must(k.app.Press(k.ctx, "ctrl+shift+b"))
	k.see(driver.Text("The bridge is raised"))
	k.see(driver.Contains("One running call was stopped."))
	k.wrote("begin:first", "stopped:first")
	q := k.asks()
	if got := k.result(q, "call_1"); strings.Contains(got, "It was held") {
		t.Errorf("of a call that was stopped, the model is told %q", got)
	}
	k.answer(q, "So it was stopped.")
	k.see(driver.Contains("So it was stopped."))
	k.idle()
	k.picture("raised")
	k.tip("raised")

	// Nothing runs meanwhile, though it was always allowed.
	k.say("Then hold on again.")
	q = k.asks()
	if len(q.Tools) > 0 {
		t.Errorf("while the bridge is raised, the model is offered %v", q.Tools)
	}
	k.calls(q, "call_2", "hold", "second")
	q = k.asks()
	if got := k.result(q, "call_2"); strings.Contains(got, "It was held") || got == "" {
		t.Errorf("while the bridge is raised, the model is told %q", got)
	}
	k.answer(q, "So nothing runs.")
	k.see(driver.Contains("So nothing runs."))
	k.idle()
	k.wrote("begin:first", "stopped:first")

	// It stays raised when the program starts again.
	k.quit()
	k.open()
	k.see(driver.Text("The bridge is raised"))
	k.fromTray("Lower the bridge")
	k.gone(driver.Text("The bridge is raised"))
	k.ready("journal")
	k.click(driver.Text("Please hold on.").Kind("row"))
	k.say("Please note that it is over.")
	k.calls(k.asks(), "call_3", "note", "over")
	k.click(driver.Text("Allow once"))
	k.wrote("begin:first", "stopped:first", "note:over")
	k.answer(k.asks(), "It is over.")
	k.see(driver.Contains("It is over."))
	k.quit()
}

// fromTray picks an entry of the tray's menu, once it is there.
func (s *stage) fromTray(labels ...string) {
	s.t.Helper()
	s.must(desk.Until(s.ctx, stepLimit, fmt.Sprintf("%q in the menu of the tray", labels), func(ctx context.Context) error {
		return s.desk.TrayPick(ctx, labels...)
	}))
}

// tip waits until the icon in the tray says this.
func (s *stage) tip(words string) {
	s.t.Helper()
	s.must(desk.Until(s.ctx, stepLimit, "the tray to say "+words, func(ctx context.Context) error {
		tip, err := s.desk.TrayTip(ctx)
		if err == nil && !strings.Contains(tip, words) {
			err = fmt.Errorf("it says %q", tip)
		}
		return err
	}))
}

// TestAway hides the window in the tray while a turn runs. The turn goes on, the
// icon and a notification say when it waits for the person and when it is done, and
// lead there; the menu begins a conversation, switches a server and brings the
// window back.
func TestAway(t *testing.T) {
	k := newTold(t)
	notes, err := k.desk.StartNotes(k.ctx)
	k.must(err)
	defer notes.Close()
	k.begin()
	k.say("Work while I am away.")
	q := k.asks()
	k.must(q.Say("I begin. "))
	k.see(driver.Contains("I begin."))
	k.tip("working")
	k.must(k.app.Press(k.ctx, "alt+F4"))
	k.click(driver.Text("Close to tray"))
	k.must(k.app.WaitHidden(k.ctx))

	// The turn goes on, and waits.
	k.must(q.Say("I need a note."))
	k.calls(q, "call_1", "note", "away")
	k.tip("waits for you")
	k.noted(notes, "A call of note waits for your answer.")
	k.fromTray("Recent conversations", "Work while I am away.")
	k.must(k.app.WaitShown(k.ctx))
	k.see(driver.Contains("I begin. I need a note."))
	k.see(driver.Text("Allow once"))
	k.picture("back-at-the-question")
	k.must(k.app.Press(k.ctx, "shift+Tab"))
	k.must(k.app.Press(k.ctx, "1"))
	k.wrote("note:away")

	// It ends while nobody looks, and is there afterwards.
	q = k.asks()
	k.must(k.app.Press(k.ctx, "alt+F4"))
	k.must(k.app.WaitHidden(k.ctx))
	k.answer(q, "It was done while you were away.")
	k.must(desk.Until(k.ctx, stepLimit, "the end of the turn", func(ctx context.Context) error {
		tip, err := k.desk.TrayTip(ctx)
		if err == nil && tip != "Drawbridge" {
			err = fmt.Errorf("the tray says %q", tip)
		}
		return err
	}))

	// The notification leads back to it.
	note := k.noted(notes, "The answer to “Work while I am away.” is there.")
	k.must(notes.Click(note))
	k.must(k.app.WaitShown(k.ctx))
	k.see(driver.Contains("It was done while you were away."))
	k.picture("back")
	k.must(k.app.Press(k.ctx, "alt+F4"))
	k.must(k.app.WaitHidden(k.ctx))

	// A server is switched off and on by the menu alone.
	k.turnServer(false)
	k.turnServer(true)
	k.ready("journal")
	k.fromTray("Open Drawbridge")
	k.must(k.app.WaitShown(k.ctx))
	k.must(k.app.Press(k.ctx, "alt+F4"))
	k.must(k.app.WaitHidden(k.ctx))
	k.fromTray("New chat")
	k.must(k.app.WaitShown(k.ctx))
	k.see(driver.Text("What can I do for you?"))
	k.fromTray("Quit")
	k.ended()
}

// noted waits until the desktop shows this notification, and no other.
func (s *stage) noted(notes *desk.Notes, body string) (note desk.Note) {
	s.t.Helper()
	s.must(desk.Until(s.ctx, stepLimit, "the notification "+body, func(context.Context) error {
		shown := notes.Shown()
		if len(shown) != 1 || shown[0].Body != body {
			return fmt.Errorf("there are %+v", shown)
		}
		note = shown[0]
		return nil
	}))
	return note
}

// turnServer switches the server by the tray's menu, and waits until the menu
// shows it.
func (k *told) turnServer(on bool) {
	k.t.Helper()
	entry := func(ctx context.Context) (desk.MenuEntry, error) {
		menu, err := k.desk.TrayMenu(ctx)
		if err != nil {
			return desk.MenuEntry{}, err
		}
		for _, e := range menu {
			if e.Label != "Servers" {
				continue
			}
			if i := slices.IndexFunc(e.Entries, func(s desk.MenuEntry) bool { return strings.HasPrefix(s.Label, "journal · ") }); i >= 0 {
				return e.Entries[i], nil
			}
		}
		return desk.MenuEntry{}, errors.New("the menu has no such server")
	}
	ctx, cancel := context.WithTimeout(k.ctx, time.Minute)
	defer cancel()
	now, err := entry(ctx)
	k.must(err)
	if now.Checked == on {
		k.t.Fatalf("the menu shows %+v before it is switched", now)
	}
	k.fromTray("Servers", now.Label)
	k.must(desk.Until(k.ctx, stepLimit, "the server in the menu", func(ctx context.Context) error {
		now, err := entry(ctx)
		if err == nil && now.Checked != on {
			err = fmt.Errorf("it shows %+v", now)
		}
		return err
	}))
}
