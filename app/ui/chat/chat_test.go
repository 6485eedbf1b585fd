package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
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
