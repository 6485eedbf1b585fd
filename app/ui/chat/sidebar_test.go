package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// manyStates has conversations in each state, one that was deleted a moment ago,
// and the keys in the list.
func manyStates(b *bench) {
	b.t.Helper()
	b.e.mu.Lock()
	for i, title := range []string{"The bridges of Lima", "Rows of oars and the time it takes to row them home again", "Waits for the answer"} {
		c := store.Conversation{ID: "s" + title, Title: title, UpdatedAt: noon.Add(-time.Duration(i) * time.Hour), Pinned: i == 1}
		b.e.conv = append(b.e.conv, c)
		b.e.said[c.ID] = []store.Message{{ID: "m" + title, Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: "Say the name of the old bridge, please"}}}}
	}
	b.e.conv = append(b.e.conv, store.Conversation{ID: "gone", Title: "Old news", UpdatedAt: noon}, store.Conversation{ID: "aside", Title: "Aside", Archived: true})
	b.e.mu.Unlock()
	b.p.reloadConversations()
	b.settle()
	for id, s := range map[string]runState{"sThe bridges of Lima": stateRunning, "sRows of oars and the time it takes to row them home again": stateAsking, "sWaits for the answer": stateFailed} {
		b.p.sidebar.setState(id, s)
	}
	b.p.undoTime = time.Hour
	b.p.delete(store.Conversation{ID: "gone", Title: "Old news"})
	b.drain()
	b.w.Canvas().Focus(b.p.sidebar.list)
	b.keys(fyne.KeyHome, fyne.KeyDown)
}

func (b *bench) order() string {
	var out []string
	for _, l := range b.p.sidebar.lines {
		if l.day != "" {
			out = append(out, l.day+":")
		} else {
			out = append(out, titleOf(l.conv))
		}
	}
	return strings.Join(out, " ")
}

func TestPinsAndArchives(t *testing.T) {
	b := newBench(t, newEngine())
	for _, text := range []string{"first", "second", "third"} {
		b.p.NewChat()
		b.say(text)
		b.settle()
	}
	test.Tap(b.row("first").more)
	b.menu("Pin")
	b.settle()
	if got := b.order(); got != "Pinned: first Today: third second" {
		t.Error(got)
	}
	test.TapSecondary(b.row("second"))
	b.menu("Archive")
	b.settle()
	if got := b.order(); got != "Pinned: first Today: third" {
		t.Error(got)
	}
	b.tapText("Show the archived conversations")
	if got := b.order(); got != "Today: second" {
		t.Error(got)
	}
	test.Tap(b.row("second"))
	b.settle()
	b.sees("second")
	test.Tap(b.row("second").more)
	b.menu("Bring back from the archive")
	b.settle()
	uitest.Shows(t, b.w, "No conversation is archived. The menu of a conversation puts it here.")
	b.tapText("Show the archived conversations")
	if got := b.order(); got != "Pinned: first Today: third second" {
		t.Error(got)
	}
	test.Tap(b.row("first").more)
	b.menu("Unpin")
	b.settle()
	if got := b.order(); got != "Today: third second first" {
		t.Error(got)
	}
}

// TestSidebarKeys does with keys alone what the mouse does.
func TestSidebarKeys(t *testing.T) {
	b := newBench(t, newEngine())
	for _, text := range []string{"first", "second", "third"} {
		b.p.NewChat()
		b.say(text)
		b.settle()
	}
	b.w.Canvas().Focus(b.p.sidebar.list)
	if got := b.p.sidebar.list.AccessibilityLabel(); got != "third" {
		t.Errorf("the keys begin at %q", got)
	}
	b.keys(fyne.KeyDown, fyne.KeyDown, fyne.KeyDown, fyne.KeyUp, fyne.KeyReturn)
	b.settle()
	if titleOf(b.p.conversation()) != "second" || b.w.Canvas().Focused() != fyne.Focusable(b.p.composer.input) {
		t.Errorf("%q is open", titleOf(b.p.conversation()))
	}
	b.w.Canvas().Focus(b.p.sidebar.list)
	b.keys(fyne.KeyF2)
	b.fill("The other", fyne.KeyEscape)
	b.keys(fyne.KeyF2)
	b.fill("Number two", fyne.KeyReturn)
	b.settle()
	b.row("Number two")
	b.p.undoTime = time.Millisecond
	b.keys(fyne.KeyDelete)
	b.settle()
	if got := b.order(); got != "Today: third first" {
		t.Error(got)
	}
	b.w.Canvas().Focus(b.p.sidebar.list)
	b.keys(fyne.KeyEnd, fyne.KeyRight)
	b.menu("Pin")
	b.settle()
	if got := b.order(); got != "Pinned: first Today: third" {
		t.Error(got)
	}
	b.keys(fyne.KeyEscape)
	b.settle()
	if b.w.Canvas().Focused() != fyne.Focusable(b.p.composer.input) {
		t.Error("Escape does not lead back to the composer")
	}
}

func TestSearch(t *testing.T) {
	b := newBench(t, newEngine(answer("Boats are small."), answer("Ships are large."), answer("About boats again.")))
	for _, text := range []string{"Tell me of boats", "Tell me of ships", "And of boats"} {
		b.p.NewChat()
		b.say(text)
		b.settle()
	}
	b.w.Canvas().Focus(b.p.sidebar.search)
	b.fill("boats")
	b.settle()
	var got []string
	for _, i := range b.p.sidebar.hits.Items() {
		got = append(got, i.Title+"|"+i.Note)
	}
	want := []string{"Titles|", "And of boats|Today", "Tell me of boats|Today", "Messages|", "And of boats|And of boats", "And of boats|About boats again.", "Tell me of boats|Tell me of boats"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	b.keys(fyne.KeyUp, fyne.KeyReturn) // the last
	b.settle()
	if titleOf(b.p.conversation()) != "Tell me of boats" {
		t.Errorf("%q is open", titleOf(b.p.conversation()))
	}
	b.e.newest = 200
	b.w.Canvas().Focus(b.p.sidebar.search)
	b.fill("ships")
	b.settle()
	uitest.Shows(t, b.w, "Only the newest 200 messages that match were compared. Type more to narrow it down.")
	b.e.newest = 0
	b.fill("nothing like it")
	b.settle()
	uitest.Shows(t, b.w, "Nothing is found.")
	b.e.mu.Lock()
	b.e.fail = errors.New("the disk is gone")
	b.e.mu.Unlock()
	b.fill("x")
	b.settle()
	uitest.Shows(t, b.w, "The disk is gone.")
	b.keys(fyne.KeyEscape)
	b.settle()
	if !b.p.sidebar.plain.Visible() || b.p.sidebar.search.Text != "" || b.w.Canvas().Focused() != fyne.Focusable(b.p.composer.input) {
		t.Error("Escape does not end the search")
	}
}

// TestSearchAnswersWhatIsTyped leaves out an answer, or an error, that comes when
// something else is typed already.
func TestSearchAnswersWhatIsTyped(t *testing.T) {
	b := newBench(t, newEngine(answer("Boats are small.")))
	b.say("Tell me of boats")
	b.settle()
	b.p.sidebar.search.Text = "boats"
	b.p.searchFor("boats")
	b.p.sidebar.search.Text = "ships" // before the answer
	b.settle()
	if n := b.p.Found("boats"); n != -1 {
		t.Errorf("%d messages are shown for what is typed no longer", n)
	}
	b.e.mu.Lock()
	b.e.fail = errors.New("the disk is gone")
	b.e.mu.Unlock()
	b.p.searchFor("boats")
	b.settle()
	uitest.ShowsNot(t, b.w, "The disk is gone.")
	b.p.sidebar.search.Text = "boats"
	b.p.searchFor("boats")
	b.settle()
	if n := b.p.Found("boats"); n != 1 {
		t.Errorf("%d messages are shown for what is typed", n)
	}
}

// TestSearchOpensTheMessage scrolls to what was found, and shows the branch that
// it is on.
func TestSearchOpensTheMessage(t *testing.T) {
	e := newEngine()
	long := func(id string) (out []store.Message) {
		for i := range 40 {
			text := strings.Repeat("filler ", 60)
			if i == 3 {
				text = "needle here. " + text
			}
			out = append(out, store.Message{ID: id + string(rune('a'+i)), ConversationID: id, Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: text}}})
		}
		return out
	}
	e.conv = []store.Conversation{{ID: "c", Title: "Long", UpdatedAt: noon}, {ID: "other", Title: "Other", UpdatedAt: noon}, {ID: "longer", UpdatedAt: noon}}
	for range 8 {
		e.said["longer"] = append(e.said["longer"], long(fmt.Sprint("l", len(e.said["longer"])))...)
	}
	e.said["c"] = long("c")
	b := newBench(t, e)
	b.p.openHit(store.Hit{ConversationID: "c", MessageID: "cd"}, "")
	b.settle()
	b.lay()
	if b.p.view.script.AtEnd() {
		t.Error("the end is shown, and not what was found")
	}
	b.p.view.script.ScrollToEnd()
	b.p.openHit(store.Hit{ConversationID: "c", MessageID: "cd"}, "") // it is open already
	b.settle()
	if b.p.view.script.AtEnd() {
		t.Error("the end is shown, and not what was found in the conversation in view")
	}
	e.kin["c"] = map[string][]string{"x": {"x", "hidden"}}
	e.gone["hidden"] = []store.Message{{ID: "hidden", ConversationID: "c", Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: "on another branch"}}}}
	b.p.openHit(store.Hit{ConversationID: "other", MessageID: "none"}, "")
	b.settle()
	b.p.openHit(store.Hit{ConversationID: "c", MessageID: "hidden"}, "")
	b.sees("on another branch")
	// A long one is not read as a whole when it is opened.
	b.p.openHit(store.Hit{ConversationID: "longer", MessageID: "l0d", Passage: "Needle here. filler", Marks: [][2]int{{0, 6}, {7, 11}, {99, 3}}}, "need he")
	b.sees("needle here.")
	b.settle()
	if at, of, whole := b.p.view.script.Found(); at != 1 || of != 16 || !whole || !b.p.view.find.Visible() {
		t.Errorf("at %d of %d marks (whole: %v), the bar is shown: %v", at, of, whole, b.p.view.find.Visible())
	}
	if b.p.view.script.AtEnd() {
		t.Error("the end is shown, and not what was found far above")
	}
	e.gone["deep"] = append(long("x"), store.Message{ID: "deep", ConversationID: "longer", Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: "a branch far above"}}})
	e.kin["longer"] = map[string][]string{"x": {"x", "deep"}}
	b.p.open("other")
	b.settle()
	b.p.openHit(store.Hit{ConversationID: "longer", MessageID: "deep"}, "")
	b.sees("a branch far above")
}

func TestStatesAreTold(t *testing.T) {
	fail := make(chan struct{})
	b := newBench(t, newEngine(func(context.Context, func(chat.Event) bool, chat.Approver) error {
		<-fail
		return errors.New("the key was refused")
	}))
	b.say("first")
	b.sees("first")
	b.until("the row", func() bool { return b.listed("first") })
	if got := b.row("first").AccessibilityLabel(); got != "first, working" {
		t.Errorf("it says %q", got)
	}
	b.p.NewChat()
	close(fail)
	b.settle()
	if got := b.row("first").AccessibilityLabel(); got != "first, failed" {
		t.Errorf("it says %q", got)
	}
	test.Tap(b.row("first"))
	b.settle()
	if got := b.row("first").AccessibilityLabel(); got != "first" {
		t.Errorf("when it was seen it says %q", got)
	}
	b.sees("The key was refused.")
}
