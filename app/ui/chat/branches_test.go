package chat

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// shows checks what is and, after a "-", what is not in the thread.
func (b *bench) shows(texts ...string) {
	b.t.Helper()
	all := b.p.view.script.DumpText()
	for _, text := range texts {
		if not, ok := strings.CutPrefix(text, "-"); ok == strings.Contains(all, strings.TrimPrefix(text, "-")) {
			b.t.Errorf("the thread and %q (not: %v):\n%s", text, not, all)
		}
	}
}

func TestEditsAMessage(t *testing.T) {
	b := newBench(t, newEngine(answer("The first answer."), answer("The second answer.")))
	b.say("What is rong?")
	b.settle()
	b.type_("half a thought")
	b.tapText("Edit message")
	b.settle()
	if b.p.composer.input.Text != "What is rong?" || !b.p.composer.edit.Visible() || b.w.Canvas().Focused() != fyne.Focusable(b.p.composer.input) {
		t.Errorf("the composer has %q", b.p.composer.input.Text)
	}
	// Escape leaves it, and what was being written comes back.
	b.press(fyne.KeyEscape)
	if b.p.composer.input.Text != "half a thought" || b.p.composer.edit.Visible() {
		t.Errorf("after Escape the composer has %q", b.p.composer.input.Text)
	}
	b.tapText("Edit message")
	b.settle()
	b.type_(" Tell!")
	b.press(fyne.KeyReturn)
	b.sees("What is rong? Tell!", "The second answer.")
	b.settle()
	b.shows("2 of 2", "-The first answer.")
	first := b.e.gone
	if got := b.e.did(); !strings.HasPrefix(got, "edit ") || !strings.HasSuffix(got, ": What is rong? Tell!") || len(first) != 2 {
		t.Errorf("the engine was asked to %q", got)
	}
	if b.p.composer.input.Text != "half a thought" || b.p.composer.edit.Visible() {
		t.Errorf("afterwards the composer has %q", b.p.composer.input.Text)
	}
	b.tapText("Show the one before")
	b.settle()
	b.shows("1 of 2", "What is rong?\n", "The first answer.", "-The second answer.")
	b.tapText("Show the one after")
	b.settle()
	b.shows("2 of 2", "The second answer.")
}

func TestRegenerates(t *testing.T) {
	b := newBench(t, newEngine(answer("A poor answer."), answer("A better answer.")))
	b.say("Well?")
	b.settle()
	b.shows("-of 2")
	b.tapText("Regenerate answer")
	b.sees("A better answer.")
	b.settle()
	b.shows("Well?", "2 of 2", "-A poor answer.")
	if !strings.HasPrefix(b.e.did(), "regenerate ") {
		t.Errorf("the engine was asked to %q", b.e.did())
	}
}

func TestForks(t *testing.T) {
	b := newBench(t, newEngine(answer("One."), answer("Two.")))
	b.say("first")
	b.settle()
	b.say("second")
	b.settle()
	old := b.p.current
	b.act("One.", "Branch into a new conversation")
	b.settle()
	if b.p.current == old || b.p.head.title.text != "A fork" {
		t.Errorf("%q is shown", b.p.head.title.text)
	}
	b.shows("first", "One.", "-second", "-Two.")
}

// act presses a button of the row below the message that says so.
func (b *bench) act(text, label string) {
	b.t.Helper()
	for _, e := range b.p.view.shown.entries {
		if e.text != text {
			continue
		}
		for _, a := range b.p.foot(e.id).Actions {
			if a.Label == label {
				a.Do()
				return
			}
		}
	}
	b.t.Fatalf("there is no %q below %q", label, text)
}

// While a turn runs nothing can be edited or made again; a message can be
// copied.
func TestRowsRestWhileATurnRuns(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	b := newBench(t, newEngine(answer("Before."), hold("Growing", begun, release)))
	b.say("first")
	b.settle()
	labels := func() (all []string) {
		for _, e := range b.p.view.shown.entries {
			f := b.p.foot(e.id)
			for _, a := range f.Actions {
				if a.Do != nil {
					all = append(all, a.Label)
				}
			}
			if f.Copy != nil {
				all = append(all, "copy")
			}
		}
		return all
	}
	b.say("second")
	b.sees("Growing")
	<-begun
	for _, l := range labels() {
		if l != "copy" {
			t.Errorf("while a turn runs a row offers %q", l)
		}
	}
	close(release)
	b.settle()
	if got := strings.Join(labels(), ","); strings.Count(got, "Edit message") != 2 || strings.Count(got, "Regenerate answer") != 2 {
		t.Errorf("afterwards the rows offer %s", got)
	}
	b.tapText("Copy message")
	if got := b.p.o.Clipboard.Content(); got == "" {
		t.Error("nothing was copied")
	}
}

// A turn of which nothing came changes nothing: what was written is back in the
// composer, and the thread is as it was.
func TestNothingCameOfATurn(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(b *bench)
		text  string // in the composer afterwards
		retry bool
	}{
		"edit":       {func(b *bench) { b.tapText("Edit message"); b.settle(); b.type_("!"); b.press(fyne.KeyReturn) }, "first!", false},
		"regenerate": {func(b *bench) { b.tapText("Regenerate answer") }, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, newEngine(answer("The answer."), answer("Another answer.")))
			b.say("first")
			b.settle()
			b.e.mu.Lock()
			b.e.refused = errors.New("the provider is gone. Choose another model")
			b.e.mu.Unlock()
			c.do(b)
			b.sees("The provider is gone. Choose another model.")
			b.settle()
			b.shows("first", "The answer.")
			if b.p.composer.input.Text != c.text || b.p.composer.edit.Visible() != (c.text != "") {
				t.Errorf("the composer has %q", b.p.composer.input.Text)
			}
			if !c.retry {
				b.press(fyne.KeyReturn)
			} else {
				b.tapText("Retry")
			}
			b.sees("Another answer.")
			b.settle()
			b.shows("-The answer.", "-is gone", "2 of 2")
		})
	}
	t.Run("send", func(t *testing.T) {
		b := newBench(t, newEngine(answer("The answer."), answer("Another answer.")))
		b.say("first")
		b.settle()
		b.e.mu.Lock()
		b.e.refused = errors.New("the provider is gone. Choose another model")
		b.e.mu.Unlock()
		b.say("second")
		b.sees("The provider is gone. Choose another model.")
		b.settle()
		if b.p.composer.input.Text != "second" {
			t.Errorf("the composer has %q", b.p.composer.input.Text)
		}
		b.press(fyne.KeyReturn)
		b.sees("Another answer.")
		b.settle()
		b.shows("-is gone", "second")
	})
}

func TestCountsDown(t *testing.T) {
	b := newBench(t, newEngine(waiting(12400*time.Millisecond), answer("At last.")))
	b.say("hello")
	b.sees("Trying again in 13 s · 2 of 4 · OpenAI wants fewer requests (429)")
	b.pass(9 * time.Second)
	b.sees("Trying again in 4 s")
	b.p.Hidden()
	b.until("the end of the ticking", func() bool { return !b.p.counting })
	b.pass(2 * time.Second)
	b.p.Shown()
	b.sees("Trying again in 2 s")
	b.pass(2 * time.Second)
	b.sees("Trying again now")
	b.tapText("Stop")
	b.sees("You stopped this answer.")
	b.settle()
	b.shows("-Trying again")
	if b.p.counting {
		t.Error("it goes on to tick")
	}
	// An answer that was cut off can be tried again, and its place is taken.
	b.tapText("Retry")
	b.sees("At last.")
	b.settle()
	b.shows("hello", "-You stopped")
}

// A provider's failure is told once, with a way to try again, also when the
// conversation is opened later.
func TestFailureIsToldOnce(t *testing.T) {
	const why = "OpenAI does not answer (502)."
	failing := func(_ context.Context, say func(chat.Event) bool, _ chat.Approver) error {
		m := store.Message{ID: "cut", Role: store.RoleAssistant, Status: store.StatusStreaming}
		say(chat.Started{Message: m})
		m.Status, m.Error, m.Parts = store.StatusInterrupted, why, store.Parts{store.Text{Text: "The begin"}}
		say(chat.Finished{Message: m})
		return errors.New(why)
	}
	b := newBench(t, newEngine(failing, answer("Now.")))
	b.say("hello")
	b.sees(why, "The begin")
	b.settle()
	if n := strings.Count(b.p.view.script.DumpText(), why); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	b.p.NewChat()
	b.settle()
	test.Tap(b.row("hello"))
	b.settle()
	if n := strings.Count(b.p.view.script.DumpText(), why); n != 1 {
		t.Errorf("later it is told %d times", n)
	}
	b.tapText("Retry")
	b.sees("Now.")
	b.settle()
	b.shows("-The begin", "-502")
}

func TestAsksWhetherToGoOn(t *testing.T) {
	on := make(chan bool, 1)
	pause := chat.Pause{Steps: 4, Times: 3, Repeated: []store.ToolCall{{Name: "workbench__time", Server: "workbench", Tool: "time"}}}
	b := newBench(t, newEngine(func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error {
		say(chat.Repeating{Pause: pause})
		goOn, err := by.Continue(ctx, pause)
		on <- goOn
		if err == nil && !goOn {
			say(chat.TurnDone{Reason: chat.ReasonRepeats})
		}
		return err
	}))
	b.say("work")
	b.sees("The model has called time of workbench with the same arguments 3 times in a row. Should it go on?")
	b.tapText("Stop here")
	if <-on {
		t.Error("the turn was told to go on")
	}
	b.sees("made the same calls again and again")
	b.settle()
	b.shows("-Should it go on?")
}

// TestEarlyDecision proves that a run waits from the event on, and that an answer
// counts that comes between the event and the question.
func TestEarlyDecision(t *testing.T) {
	for _, event := range []chat.Event{chat.StepLimit{Steps: 3}, chat.Repeating{}} {
		r := newRun("c", newThread(nil), func() {})
		if r.push(event); !r.waiting() {
			t.Errorf("%T was announced, and nothing waits", event)
		}
		r.goOn(true)
		if on, err := r.Continue(t.Context(), chat.Pause{}); !on || err != nil || r.waiting() {
			t.Errorf("answered %v, %v; it waits: %v", on, err, r.waiting())
		}
	}
}

func TestTitlesFollow(t *testing.T) {
	b := newBench(t, newEngine())
	b.say("please tell me about boats")
	b.settle()
	b.e.mu.Lock()
	b.e.conv[0].Title = "Boats"
	b.e.mu.Unlock()
	b.e.titled <- struct{}{}
	b.until("the new title", func() bool { return strings.Contains(uitest.Texts(b.w), "Boats") })
	b.row("Boats")
	if b.p.head.title.text != "Boats" {
		t.Errorf("the head says %q", b.p.head.title.text)
	}
}

func TestOldConversation(t *testing.T) {
	b := newBench(t, furnished())
	openOld(b)
	b.shows("Find tools: “read a text file” · 40 ms", "files · read_text_file · 40 ms", "Read on in a long result",
		"1 of 2 · 12k in, 310 out · $0.03", "2 of 3 · 12k in, 310 out · $0.03", "The connection to OpenAI was lost.")
	uitest.Shows(t, b.w, "18k of 200k tokens · $0.04")
	b.p.NewChat()
	b.settle()
	uitest.ShowsNot(t, b.w, "18k of 200k tokens")
}
