package chat

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

func TestRenameAndDelete(t *testing.T) {
	b := newBench(t, newEngine())
	b.say("first")
	b.settle()
	b.p.NewChat()
	b.say("second")
	b.settle()
	test.Tap(b.row("first").more)
	b.menu("Rename")
	b.fill("Of \u202eboats", fyne.KeyReturn)
	b.settle()
	b.row("Of ‹U+202E›boats")
	test.Tap(b.row("second").more)
	b.menu("Delete")
	b.drain()
	uitest.Shows(t, b.w, "Deleted “second”", "What can I do for you?")
	if b.listed("second") || len(b.e.kept()) != 2 || b.p.current != "" {
		t.Errorf("%v are left, %q is shown", b.e.kept(), b.p.current)
	}
	b.tapText("Undo the deletion")
	b.settle()
	if !b.listed("second") || len(b.e.kept()) != 2 || titleOf(b.p.conversation()) != "second" {
		t.Errorf("%v are left, %q is shown", b.e.kept(), titleOf(b.p.conversation()))
	}
	uitest.ShowsNot(t, b.w, "Deleted “second”")
	b.p.delete(b.row("second").line.conv)
	b.tapText("Delete it now")
	b.settle()
	if b.listed("second") || len(b.e.kept()) != 1 {
		t.Errorf("%v are left", b.e.kept())
	}
	uitest.ShowsNot(t, b.w, "Deleted “second”")
}

// TestDeletions has one deletion end the time of the one before, the end of its
// time delete, and so does the end of the window.
func TestDeletions(t *testing.T) {
	b := newBench(t, newEngine())
	for _, text := range []string{"first", "second", "third"} {
		b.p.NewChat()
		b.say(text)
		b.settle()
	}
	b.p.delete(b.row("first").line.conv)
	b.p.delete(b.row("second").line.conv)
	b.until("the end of the first", func() bool { return len(b.e.kept()) == 2 })
	uitest.Shows(t, b.w, "Deleted “second”")
	b.p.undoTime = time.Millisecond
	b.p.delete(b.row("third").line.conv)
	b.settle()
	if got := b.e.kept(); len(got) != 0 {
		t.Errorf("%v are left", got)
	}
	b.say("fourth")
	b.settle()
	b.p.undoTime = time.Hour
	b.p.delete(b.row("fourth").line.conv)
	b.end()
	if got := b.e.kept(); len(got) != 0 {
		t.Errorf("%v are left after the window", got)
	}
}

func TestDeletionFails(t *testing.T) {
	b := newBench(t, newEngine())
	b.say("first")
	b.settle()
	b.e.mu.Lock()
	b.e.stuck = errors.New("the disk is full")
	b.e.mu.Unlock()
	b.p.undoTime = time.Millisecond
	b.p.delete(b.row("first").line.conv)
	b.settle()
	uitest.Shows(t, b.w, "The disk is full.")
	b.row("first")
}

func TestDeleteStopsTheTurn(t *testing.T) {
	begun := make(chan struct{})
	b := newBench(t, newEngine(hold("going on", begun, nil)))
	b.say("first")
	b.sees("going on")
	<-begun
	b.until("the row", func() bool { return strings.Contains(uitest.Texts(b.w), "Today") })
	b.p.undoTime = time.Millisecond
	b.p.delete(b.row("first").line.conv)
	b.settle()
	if len(b.e.conv) != 0 || len(b.p.runs) != 0 {
		t.Errorf("%d conversations and %d turns are left", len(b.e.conv), len(b.p.runs))
	}
}
