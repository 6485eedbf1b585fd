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
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/pick"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestSendsByReturn(t *testing.T) {
	b := newBench(t, newEngine(answer("It is **noon** in Lima.")))
	uitest.Shows(t, b.w, "What can I do for you?", "No conversations yet.")
	if !b.p.composer.send.Disabled() {
		t.Error("an empty message can be sent")
	}
	b.type_("What time is it")
	b.shift(true)
	b.press(fyne.KeyReturn)
	b.shift(false)
	b.type_("in Lima?")
	if got := b.p.composer.input.Text; got != "What time is it\nin Lima?" {
		t.Errorf("Shift+Return gave %q", got)
	}
	if b.p.composer.input.lines() != 2 {
		t.Errorf("the field shows %d lines", b.p.composer.input.lines())
	}
	b.press(fyne.KeyReturn)
	b.sees("What time is it", "It is noon in Lima.")
	b.settle()
	if b.p.composer.input.Text != "" || b.p.composer.send.Label != "Send" {
		t.Errorf("the composer holds %q and shows %q", b.p.composer.input.Text, b.p.composer.send.Label)
	}
	if sent := b.e.texts(); len(sent) != 1 || sent[0] != "What time is it\nin Lima?" {
		t.Errorf("sent %q", sent)
	}
	b.row("What time is it in Lima?")
	uitest.ShowsNot(t, b.w, "What can I do for you?", "No conversations yet.")
}

func TestSendsByTheButton(t *testing.T) {
	b := newBench(t, newEngine())
	b.type_("hello")
	test.Tap(b.p.composer.send)
	b.sees("hello", "An answer.")
}

func TestStops(t *testing.T) {
	for _, how := range []string{"Escape", "button"} {
		t.Run(how, func(t *testing.T) {
			begun := make(chan struct{})
			b := newBench(t, newEngine(hold("The beginning", begun, nil)))
			b.say("tell me")
			b.sees("The beginning")
			<-begun
			if b.p.composer.send.Label != "Stop" {
				t.Errorf("the button says %q", b.p.composer.send.Label)
			}
			b.type_("more") // one may write while the answer grows, and not send
			b.press(fyne.KeyReturn)
			if how == "Escape" {
				b.press(fyne.KeyEscape)
			} else {
				test.Tap(b.p.composer.send)
			}
			b.sees("You stopped this answer.")
			b.settle()
			if b.p.composer.send.Label != "Send" || b.p.composer.input.Text != "more" || len(b.e.texts()) != 1 {
				t.Errorf("the button says %q, the field %q; sent %q", b.p.composer.send.Label, b.p.composer.input.Text, b.e.texts())
			}
		})
	}
}

func TestApproves(t *testing.T) {
	for label, want := range map[string]tools.Answer{
		"Allow once": tools.AnswerOnce, "This conversation": tools.AnswerConversation, "Always": tools.AnswerAlways, "Deny": tools.AnswerDeny,
	} {
		t.Run(label, func(t *testing.T) {
			given := make(chan tools.Answer, 1)
			b := newBench(t, newEngine(call(given)))
			b.say("the time, please")
			b.sees("May the model run time of workbench?", "This tool has not been used", `"zone": "Europe/Berlin"`)
			if b.p.stateOf(b.p.current) != stateAsking {
				t.Error("the sidebar does not mark the question")
			}
			b.tapText(label)
			if got := <-given; got != want {
				t.Errorf("answered %q", got)
			}
			b.sees("It is one o'clock.")
			b.settle()
			text := b.p.view.script.DumpText()
			if strings.Contains(text, "May the model") || !strings.Contains(text, "workbench · time") {
				t.Errorf("afterwards the thread shows %q", text)
			}
			if want == tools.AnswerDeny {
				b.tapText("Open workbench · time · failed")
				b.sees("The person did not allow the call.")
			} else {
				b.tapText("Open workbench · time · 3 ms")
				b.sees(`"time": "13:00"`)
			}
		})
	}
}

func TestStopAnswersDeny(t *testing.T) {
	given := make(chan tools.Answer, 1)
	b := newBench(t, newEngine(call(given)))
	b.say("the time, please")
	b.sees("May the model run")
	b.press(fyne.KeyEscape)
	if got := <-given; got != tools.AnswerDeny {
		t.Errorf("a stop answers %q", got)
	}
	b.settle()
	if text := b.p.view.script.DumpText(); strings.Contains(text, "May the model") {
		t.Errorf("the question stays: %q", text)
	}
}

// TestGoesOnElsewhere lets a turn run and ask while another conversation is
// shown.
func TestGoesOnElsewhere(t *testing.T) {
	given := make(chan tools.Answer, 1)
	b := newBench(t, newEngine(call(given), answer("Something else.")))
	b.say("first")
	b.sees("May the model run")
	first := b.p.current
	b.p.NewChat()
	b.drain()
	if text := b.p.view.script.DumpText(); strings.Contains(text, "May the model") && b.p.view.script.Visible() {
		t.Errorf("the new conversation shows %q", text)
	}
	if b.p.composer.send.Label != "Send" {
		t.Error("the new conversation seems to run")
	}
	b.say("second")
	b.sees("Something else.")
	if b.p.stateOf(first) != stateAsking || b.p.sidebar.states[first] != stateAsking {
		t.Error("the sidebar forgot the question")
	}
	test.Tap(b.row("first"))
	b.sees("first", "May the model run")
	if b.p.composer.send.Label != "Stop" {
		t.Error("the first conversation does not seem to run")
	}
	b.tapText("Allow once")
	if got := <-given; got != tools.AnswerOnce {
		t.Errorf("answered %q", got)
	}
	b.sees("It is one o'clock.")
	b.settle()
	// It ends while the other one is shown, and is read anew.
	b.e.mu.Lock()
	release, begun := make(chan struct{}), make(chan struct{})
	b.e.turns = []turn{hold("a long story", begun, release)}
	b.e.mu.Unlock()
	b.say("again")
	b.sees("a long story")
	<-begun
	test.Tap(b.row("second"))
	b.sees("Something else.")
	close(release)
	b.settle()
	if b.p.threads[first] != nil || b.p.stateOf(first) != stateIdle {
		t.Error("the ended turn is still held")
	}
	test.Tap(b.row("first"))
	b.sees("a long story and the rest", "workbench · time")
}

// TestGoesOnHidden lets a turn end while the page is out of view.
func TestGoesOnHidden(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	b := newBench(t, newEngine(hold("the beginning", begun, release)))
	b.say("go")
	b.sees("the beginning")
	<-begun
	b.p.Hidden()
	close(release)
	b.settle()
	if text := b.p.view.script.DumpText(); strings.Contains(text, "the rest") {
		t.Errorf("a hidden page is painted: %q", text)
	}
	b.p.Shown()
	b.sees("the beginning and the rest")
}

func TestErrorsCanBeRetried(t *testing.T) {
	b := newBench(t, newEngine(broken("the provider did not answer. Check the network, then try again"), answer("Now it works.")))
	b.say("hello")
	b.sees("The provider did not answer. Check the network, then try again.")
	b.settle()
	b.tapText("Retry")
	b.sees("Now it works.")
	b.settle()
	if text := b.p.view.script.DumpText(); strings.Contains(text, "did not answer") {
		t.Errorf("the error stays: %q", text)
	}
	if sent := b.e.texts(); len(sent) != 2 || sent[1] != "" {
		t.Errorf("sent %q", sent)
	}
}

func TestStepLimit(t *testing.T) {
	on := make(chan bool, 1)
	b := newBench(t, newEngine(func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error {
		say(chat.StepLimit{Steps: 25})
		goOn, err := by.Continue(ctx, chat.Pause{Steps: 25})
		on <- goOn
		if err != nil {
			return err
		}
		return answer("Then I went on.")(ctx, say, by)
	}))
	b.say("work")
	b.sees("The model has been called 25 times")
	b.tapText("Go on")
	if !<-on {
		t.Error("the turn was told to stop")
	}
	b.sees("Then I went on.")
}

// TestPump proves that a flood of deltas is folded: one function is outstanding
// at a time, however much comes.
func TestPump(t *testing.T) {
	const words = 20000
	begun := make(chan struct{})
	b := newBench(t, newEngine(func(_ context.Context, say func(chat.Event) bool, _ chat.Approver) error {
		m := store.Message{ID: "flood", Role: store.RoleAssistant}
		say(chat.Started{Message: m})
		for i := range words {
			say(chat.Delta{MessageID: m.ID, Delta: model.TextDelta{Text: fmt.Sprintf("w%d ", i)}})
		}
		close(begun)
		return nil
	}))
	b.say("go")
	b.until("the end of the flood", func() bool {
		select {
		case <-begun:
			return true
		default:
			return false
		}
	})
	b.settle()
	b.sees(fmt.Sprintf("w%d", words-1))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 8 {
		t.Errorf("%d functions were in the queue of the window at once", b.most)
	}
}

// TestPumpFolds looks at the folding itself.
func TestPumpFolds(t *testing.T) {
	r := newRun("c", newThread(nil), func() {})
	text := func(m, s string) chat.Event {
		return chat.Delta{MessageID: m, Delta: model.TextDelta{Text: s}}
	}
	orders := 0
	for _, e := range []chat.Event{
		text("a", "one "), text("a", "two"), chat.Delta{MessageID: "a", Delta: model.ReasoningDelta{Text: "hm"}},
		text("a", "three"), text("b", "four"), text("b", " five"),
	} {
		if r.push(e) {
			orders++
		}
	}
	if orders != 1 {
		t.Errorf("%d functions were ordered", orders)
	}
	var got []string
	for _, e := range r.take() {
		switch d := e.(chat.Delta).Delta.(type) {
		case model.TextDelta:
			got = append(got, d.Text)
		case model.ReasoningDelta:
			got = append(got, "("+d.Text+")")
		}
	}
	if s := strings.Join(got, "|"); s != "one two|(hm)|three|four five" {
		t.Errorf("folded to %q", s)
	}
	if !r.push(text("a", "x")) {
		t.Error("after a take nothing is ordered")
	}
}

// TestEarlyAnswer proves that an answer counts that comes between the event and
// the question.
func TestEarlyAnswer(t *testing.T) {
	r := newRun("c", newThread(nil), func() {})
	r.answer("k", tools.AnswerDeny)
	got, err := r.Approve(t.Context(), chat.Approval{Call: store.ToolCall{ID: "k"}})
	if got != tools.AnswerDeny || err != nil {
		t.Errorf("answered %q, %v", got, err)
	}
}

func TestToolsSheet(t *testing.T) {
	e := furnished()
	b := newBench(t, e)
	if b.p.composer.tools.text != "9 of 9 tools, 4.1k tokens" {
		t.Errorf("the button says %q", b.p.composer.tools.text)
	}
	b.p.composer.tools.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	b.settle()
	uitest.Shows(t, b.w, "Tools in this conversation", "9 of 9 tools are offered to the model", "read_text_file", "You never allow this tool", "move_file", "starting")
	never := b.sw("Use files write_file")
	if !never.Disabled() {
		t.Error("a tool that is never allowed can be switched")
	}
	time := b.sw("Use workbench time")
	b.w.Canvas().Focus(time)
	time.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if b.w.Canvas().Focused() != fyne.Focusable(time) || time.Checked {
		t.Error("the switch lost the focus, or did not turn")
	}
	uitest.Shows(t, b.w, "8 of 9 tools are offered to the model", "3 of 4")
	test.Tap(b.sw("Use files"))
	uitest.Shows(t, b.w, "3 of 9 tools are offered to the model")
	if !b.sw("Use files read_text_file").Disabled() {
		t.Error("a tool of a server that is off can be switched")
	}
	uitest.Fill(t, b.w, "Search tools", "zone")
	uitest.Shows(t, b.w, "time")
	uitest.ShowsNot(t, b.w, "read_text_file")
	uitest.Fill(t, b.w, "Search tools", "no such thing")
	uitest.Shows(t, b.w, "No tool matches.")
	uitest.Fill(t, b.w, "Search tools", "")
	uitest.Tap(t, b.w, "None")
	uitest.Shows(t, b.w, "0 of 9 tools are offered to the model")
	uitest.Tap(t, b.w, "Done")
	if b.p.composer.tools.text != "0 of 9 tools" {
		t.Errorf("the button says %q", b.p.composer.tools.text)
	}
	// The choice is that of the conversation, which begins with it.
	b.say("hello")
	b.settle()
	if s := b.e.conv[len(b.e.conv)-1].Switches; !s.Off {
		t.Errorf("the conversation begins with %+v", s)
	}
	b.p.NewChat()
	if b.p.composer.tools.text != "9 of 9 tools, 4.1k tokens" {
		t.Errorf("the next conversation begins with %q", b.p.composer.tools.text)
	}
	uitest.ShowsNot(t, b.w, "Tools in this conversation")
}

// sw finds a switch by its name.
func (b *bench) sw(name string) *form.Switch {
	b.t.Helper()
	return uitest.Find(b.t, b.w, func(s *form.Switch) bool { return uitest.English(s.Name) == name })
}

func TestManyTools(t *testing.T) {
	e := newEngine()
	big := uitest.Stdio("big", mcphost.Ready, "x")
	for i := range 1000 {
		big.Passed = append(big.Passed, uitest.Tool("big", fmt.Sprintf("tool_%03d", i), "One of many."))
	}
	e.Views = append(e.Views, big)
	b := newBench(t, e)
	b.p.chooseTools()
	b.settle()
	uitest.Shows(t, b.w, "tool_000", "800 more; search to find them.", "1004 of 1004 tools are offered")
	uitest.Fill(t, b.w, "Search tools", "tool_999")
	uitest.Shows(t, b.w, "tool_999")
}

func TestModelPicker(t *testing.T) {
	b := newBench(t, furnished())
	if b.p.composer.models.text != "Rehearsal (no AI)" {
		t.Errorf("the button says %q", b.p.composer.models.text)
	}
	b.p.composer.models.Tapped(nil)
	b.settle()
	uitest.Shows(t, b.w, "gpt-4o", "o4-mini", "Ollama", "The provider does not answer at that address.")
	b.fill("mini")
	if got := b.offered(); !slices.Equal(got, []string{"OpenAI", "gpt-5.2-mini", "o4-mini", "Ollama", "The provider does not answer at that address. Check that it runs.", "Use “mini”", "Rehearsal (no AI)"}) {
		t.Errorf("offered are %q", got)
	}
	b.choose("o4-mini")
	b.settle()
	if b.p.composer.models.text != "OpenAI › o4-mini" {
		t.Errorf("the button says %q", b.p.composer.models.text)
	}
	if b.e.DefaultModel() != (store.ModelRef{Provider: "openai", Model: "o4-mini"}) {
		t.Errorf("new conversations start with %v", b.e.DefaultModel())
	}
	// A model that the provider does not list can be typed.
	b.p.pickModel()
	b.settle()
	b.fill("llama-unlisted", fyne.KeyReturn)
	b.settle()
	if b.p.composer.models.text != "OpenAI › llama-unlisted" {
		t.Errorf("the button says %q", b.p.composer.models.text)
	}
	b.p.pickModel()
	b.settle()
	uitest.Tap(t, b.w, "Set up a provider…")
	if fmt.Sprint(b.opened) != "[settings]" {
		t.Errorf("opened %v", b.opened)
	}
}

// TestFavourites keeps a model at the top, by the star and by its shortcut, and
// uses it by keys alone.
func TestFavourites(t *testing.T) {
	b := newBench(t, furnished())
	star := func() {
		b.w.Canvas().Focused().(fyne.Shortcutable).TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyD, Modifier: fyne.KeyModifierShortcutDefault})
		b.settle()
	}
	b.p.pickModel()
	b.settle()
	b.fill("o4")
	star()
	if got := b.e.Settings().Favourites; len(got) != 1 || got[0].Model != "o4-mini" {
		t.Fatalf("favourites: %v", got)
	}
	b.fill("", fyne.KeyEscape)
	b.settle()
	b.p.pickModel()
	b.settle()
	if got := b.offered(); len(got) < 3 || got[0] != "Favourites" || got[1] != "o4-mini" {
		t.Errorf("offered are %q", got)
	}
	b.keys(fyne.KeyReturn)
	b.settle()
	if got := b.p.composer.models.text; got != "OpenAI › o4-mini" {
		t.Errorf("the button says %q", got)
	}
	b.p.pickModel()
	b.settle()
	star()
	if got := b.e.Settings().Favourites; len(got) != 0 {
		t.Errorf("favourites: %v", got)
	}
}

// offered returns what the list on top offers.
func (b *bench) offered() (out []string) {
	b.t.Helper()
	for _, i := range uitest.Find(b.t, b.w, func(*pick.List) bool { return true }).Items() {
		out = append(out, i.Title)
	}
	return out
}

// choose taps the first row of the picker that says so.
func (b *bench) choose(text string) {
	b.t.Helper()
	test.Tap(uitest.Find(b.t, b.w, func(r pickRow) bool {
		title, _, _ := strings.Cut(r.DumpText(), "\n")
		return title == text
	}))
}

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

func TestDraftsStay(t *testing.T) {
	b := newBench(t, newEngine())
	b.say("first")
	b.settle()
	b.type_("half a thought")
	b.p.NewChat()
	if b.p.composer.input.Text != "" {
		t.Errorf("the new conversation has %q", b.p.composer.input.Text)
	}
	b.type_("another")
	test.Tap(b.row("first"))
	b.settle()
	if b.p.composer.input.Text != "half a thought" {
		t.Errorf("the first has %q", b.p.composer.input.Text)
	}
	b.p.NewChat()
	if b.p.composer.input.Text != "another" {
		t.Errorf("the new one has %q", b.p.composer.input.Text)
	}
}

func TestFailuresAreSaid(t *testing.T) {
	e := newEngine()
	b := newBench(t, e)
	e.mu.Lock()
	e.fail = errors.New("the disk is full. Make room, then try again")
	e.mu.Unlock()
	b.say("hello")
	b.settle()
	uitest.Shows(t, b.w, "The disk is full. Make room, then try again.")
	if b.p.composer.input.Text != "hello" {
		t.Errorf("the message is gone; the field has %q", b.p.composer.input.Text)
	}
	b.press(fyne.KeyReturn)
	b.sees("An answer.")
	uitest.ShowsNot(t, b.w, "The disk is full.")
}

func TestExampleOfTheRehearsal(t *testing.T) {
	b := newBench(t, newEngine())
	uitest.Shows(t, b.w, "This is a rehearsal")
	uitest.Tap(t, b.w, "workbench__time zone=Europe/Berlin")
	b.settle()
	if b.p.composer.input.Text != "workbench__time zone=Europe/Berlin" || b.p.composer.send.Disabled() {
		t.Errorf("the field has %q", b.p.composer.input.Text)
	}
	b.press(fyne.KeyReturn)
	b.sees("An answer.")
}

func TestLinksAsk(t *testing.T) {
	b := newBench(t, newEngine())
	b.p.openLink("https://example.org/\u202epath")
	uitest.Shows(t, b.w, "Open this link?", "https://example.org/‹U+202E›path")
	uitest.Tap(t, b.w, "Cancel")
	if len(b.opened) != 0 {
		t.Errorf("opened %v", b.opened)
	}
	b.p.openLink("https://example.org/path")
	uitest.Tap(t, b.w, "Open")
	if fmt.Sprint(b.opened) != "[https://example.org/path]" {
		t.Errorf("opened %v", b.opened)
	}
	b.p.openLink("file:///etc/passwd")
	uitest.Shows(t, b.w, "The link leads to nothing that can be opened safely.")
	uitest.ShowsNot(t, b.w, "Open this link?")
}

func TestDays(t *testing.T) {
	b := newBench(t, furnished())
	text := uitest.Texts(b.w)
	at := -1
	for _, day := range []string{"Today", "Yesterday", "Previous 7 days", "November"} {
		i := strings.Index(text, day)
		if i < at || i < 0 {
			t.Errorf("%s stands at %d after %d in\n%s", day, i, at, text)
		}
		at = i
	}
}

// TestShownAgain brings up an old conversation with everything in it.
func TestShownAgain(t *testing.T) {
	e := newEngine()
	e.conv = []store.Conversation{{ID: "c", Title: "old", UpdatedAt: noon, Model: store.ModelRef{Provider: "gone", Model: "x"}}}
	e.said["c"] = []store.Message{
		{ID: "1", Role: store.RoleUser, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: "Question"}}},
		{ID: "2", Role: store.RoleAssistant, Status: store.StatusComplete, Parts: store.Parts{store.Text{Text: "I call."}, store.ToolCall{ID: "k", Server: "workbench", Tool: "time", Arguments: []byte(`{}`)}}},
		{ID: "3", Role: store.RoleTool, Status: store.StatusComplete, Parts: store.Parts{store.ToolResult{CallID: "k", IsError: true, Content: store.Parts{store.Text{Text: "no clock"}}}}},
		{ID: "4", Role: store.RoleAssistant, Status: store.StatusInterrupted, Error: "The program ended before the answer did.", Parts: store.Parts{store.Text{Text: "So I"}}},
	}
	b := newBench(t, e)
	test.Tap(b.row("old"))
	b.sees("Question", "I call.", "workbench · time · failed", "So I", "The program ended before the answer did.")
	if b.p.composer.models.text != "Choose a model" {
		t.Errorf("a provider that is gone is shown as %q", b.p.composer.models.text)
	}
}

func TestTypingGoesToTheComposer(t *testing.T) {
	b := newBench(t, newEngine())
	b.w.Canvas().Unfocus()
	test.TypeOnCanvas(b.w.Canvas(), "abc")
	b.settle()
	if b.p.composer.input.Text != "abc" {
		t.Errorf("the field has %q", b.p.composer.input.Text)
	}
	b.w.Canvas().Focus(b.p.composer.input)
	b.p.Hidden()
	if b.w.Canvas().Focused() != nil {
		t.Error("the cursor of a page that is hidden blinks")
	}
	if b.w.Canvas().OnTypedRune() != nil {
		t.Error("a page that is hidden takes letters")
	}
}

func TestIconButtonsHaveLabels(t *testing.T) {
	b := newBench(t, furnished(call(nil)))
	b.say("the time")
	b.sees("May the model run")
	b.w.Canvas().Capture()
	uitest.Find(t, b.w, func(i *theme.IconButton) bool {
		if i.AccessibilityLabel() == "" {
			t.Error("a button has no label")
		}
		return i.Label == "Stop"
	})
}
