package chat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestAttachmentComesBack takes the removal of an attachment back: it stands where
// it stood, and goes with the message.
func TestAttachmentComesBack(t *testing.T) {
	b := newBench(t, newEngine(answer("Read.")))
	var paths []string
	for _, name := range []string{"one.txt", "two.txt", "three.txt"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	b.p.Attach(paths)
	b.settle()
	titles := func() string {
		var all []string
		for _, a := range b.p.attached[b.p.current] {
			all = append(all, a.title)
		}
		return strings.Join(all, " ")
	}
	b.tapText("Remove two.txt")
	if got := titles(); got != "one.txt three.txt" {
		t.Fatalf("left are %q", got)
	}
	uitest.Shows(t, b.w, "Removed “two.txt” from the message")
	b.tapText("Undo the deletion")
	b.settle()
	if got := titles(); got != "one.txt two.txt three.txt" {
		t.Errorf("back are %q", got)
	}
	uitest.ShowsNot(t, b.w, "from the message")
	b.tapText("Remove one.txt")
	b.say("read them")
	b.settle()
	if got := b.e.parts; len(got) != 3 { // the text and two files
		t.Errorf("sent %+v", got)
	}
	uitest.ShowsNot(t, b.w, "from the message") // what is sent is sent
}

// TestDraftComesBack takes back that what was typed gave way to a message from
// before.
func TestDraftComesBack(t *testing.T) {
	b := newBench(t, newEngine(answer("Yes."), answer("No."), answer("Again.")))
	b.say("first")
	b.settle()
	text := func(want string) {
		t.Helper()
		b.settle()
		if got := b.p.composer.input.Text; got != want {
			t.Errorf("the composer has %q, want %q", got, want)
		}
	}
	b.type_("half a thought")
	b.press(fyne.KeyUp)
	text("first")
	uitest.ShowsNot(t, b.w, "gave way") // Down brings it back
	b.type_("!")
	text("first!")
	uitest.Shows(t, b.w, "“half a thought” gave way to another text")
	b.tapText("Undo the change")
	text("first!\n\nhalf a thought") // nothing is lost
	// Sent as it was found, too.
	b.p.composer.input.SetText("another thought")
	b.press(fyne.KeyUp)
	b.press(fyne.KeyReturn)
	b.settle()
	uitest.Shows(t, b.w, "“another thought” gave way")
	b.tapText("Undo the change")
	text("another thought")
	// What is only looked up is no draft.
	b.press(fyne.KeyUp)
	text("first")
	first := b.p.current
	b.p.NewChat()
	b.settle()
	b.p.open(first)
	text("another thought")
	b.p.composer.input.SetText("")
	b.press(fyne.KeyUp)
	b.type_("?")
	uitest.ShowsNot(t, b.w, "gave way") // nothing was there
	b.end()
	if got := b.e.unsent[first]; got != "first?" {
		t.Errorf("kept is %q", got)
	}
}

// TestLookedUpIsNotKept has the draft be kept while a message from before is shown.
func TestLookedUpIsNotKept(t *testing.T) {
	b := newBench(t, newEngine(answer("Yes.")))
	b.say("first")
	b.settle()
	b.type_("half a thought")
	b.press(fyne.KeyUp)
	b.end()
	if got := b.e.unsent[b.p.current]; got != "half a thought" {
		t.Errorf("kept is %q", got)
	}
}

// TestEditComesBack takes back that a message was left as it was, also from another
// conversation.
func TestEditComesBack(t *testing.T) {
	b := newBench(t, newEngine(answer("Yes.")))
	b.say("first")
	b.settle()
	id, message := b.p.current, b.p.view.shown.order[0]
	b.type_("a draft")
	b.p.edit(message, "first")
	b.p.leaveEdit()
	uitest.ShowsNot(t, b.w, "stays as it was") // nothing was changed
	b.p.edit(message, "first")
	b.p.composer.input.SetText("first, better")
	b.press(fyne.KeyEscape)
	if got := b.p.composer.input.Text; got != "a draft" {
		t.Errorf("the draft is %q", got)
	}
	uitest.Shows(t, b.w, "The message stays as it was")
	b.p.NewChat()
	b.settle()
	b.tapText("Undo the change")
	b.settle()
	if got := b.p.composer.input.Text; b.p.current != id || b.p.editing.message != message || got != "first, better" {
		t.Errorf("%q is shown, %q edited as %q", b.p.current, b.p.editing.message, got)
	}
	b.p.endEdit()
	if got := b.p.composer.input.Text; got != "a draft" {
		t.Errorf("the draft is %q", got)
	}
}

// TestArchivingComesBack brings a conversation back from the archive, pinned as it
// was.
func TestArchivingComesBack(t *testing.T) {
	b := newBench(t, newEngine(answer("Yes.")))
	b.say("first")
	b.settle()
	b.p.pin(b.row("first").line.conv, true)
	b.settle()
	test.Tap(b.row("first").more)
	b.menu("Archive")
	b.settle()
	if b.listed("first") {
		t.Error("it is listed still")
	}
	uitest.Shows(t, b.w, "Archived “first”")
	b.tapText("Undo the change")
	b.settle()
	if c := b.conv(b.p.current); !b.listed("first") || c.Archived || !c.Pinned {
		t.Errorf("it is %+v", c)
	}
}

// TestSwitchesComeBack takes back that all tools were switched off at once.
func TestSwitchesComeBack(t *testing.T) {
	b := newBench(t, furnished())
	b.say("first")
	b.settle()
	chosen := store.Switches{Tools: map[string]map[string]bool{"workbench": {"time": false}}}
	b.p.setSwitches(chosen)
	b.settle()
	b.p.chooseTools()
	b.settle()
	uitest.Tap(t, b.w, "None")
	b.settle()
	if s := b.conv(b.p.current).Switches; !s.Off || len(s.Tools) != 0 {
		t.Errorf("switched to %+v", s)
	}
	uitest.Tap(t, b.w, "Done")
	uitest.Shows(t, b.w, "What you had chosen tool by tool gave way")
	b.tapText("Undo the change")
	b.settle()
	if s := b.conv(b.p.current).Switches; s.Off || s.On("workbench", "time") {
		t.Errorf("back are %+v", s)
	}
	b.p.chooseTools()
	uitest.Tap(t, b.w, "All")
	uitest.Tap(t, b.w, "None")
	uitest.Tap(t, b.w, "All")
	b.settle()
	uitest.Shows(t, b.w, "What you had chosen")
	b.tapText("Undo the change")
	b.settle()
	if s := b.conv(b.p.current).Switches; s.On("workbench", "time") || !s.ServerOn("files") {
		t.Errorf("after All, None, All back are %+v", s)
	}
}
