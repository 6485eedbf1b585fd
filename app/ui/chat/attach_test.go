package chat

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// offering is an engine whose server has a resource and a prompt.
func offering(turns ...turn) *engine {
	e := newEngine(turns...)
	v := uitest.Stdio("notes", mcphost.Ready, "notes-mcp")
	v.Offers = mcphost.Offers{Resources: true, Prompts: true}
	e.Views = append(e.Views, v)
	e.Contents = mcphost.Contents{Resources: []mcphost.Resource{{URI: "note:///today", Title: "Today", Size: -1}}}
	e.Read = store.Parts{store.File{URI: "note:///today", Data: []byte("buy bread")}}
	e.Written = []mcphost.Prompt{{Name: "plan"}}
	e.Filled = []mcphost.PromptMessage{
		{Role: store.RoleUser, Parts: store.Parts{store.Text{Text: "Plan my day."}, store.File{Name: "day.ics", Data: []byte("x")}}},
		{Role: store.RoleAssistant, Parts: store.Parts{store.Text{Text: "Gladly."}}},
	}
	return e
}

// pick chooses an entry of the sheet and presses a button of it.
func (b *bench) pick(at int, button string) {
	b.t.Helper()
	b.settle()
	uitest.Find(b.t, b.w, func(*widget.List) bool { return true }).Select(at)
	b.settle()
	uitest.Tap(b.t, b.w, button)
	b.settle()
}

// chip finds an attachment above the text.
func (b *bench) chip(text string) *chip {
	b.t.Helper()
	return uitest.Find(b.t, b.w, func(c *chip) bool { return c.text == text })
}

func TestAttachesAResource(t *testing.T) {
	b := newBench(t, offering(answer("Bread, it seems."), answer("Again.")))
	test.Tap(b.p.composer.attach)
	b.pick(0, "Attach to message")
	b.chip("Today")
	if b.p.composer.send.Disabled() {
		t.Error("an attachment alone cannot be sent")
	}
	b.type_("What shall I buy?")
	b.press(fyne.KeyReturn)
	b.sees("What shall I buy?", "With notes.txt", "Bread, it seems.")
	b.settle()
	if got := b.e.parts; len(got) != 2 || got.Text() != "What shall I buy?" || string(got[1].(store.File).Data) != "buy bread" {
		t.Errorf("sent %+v", got)
	}
	if b.p.composer.files.box.Visible() || len(b.p.attached) > 0 {
		t.Error("it goes with the next message too")
	}
	b.e.parts = nil
	b.say("And now?")
	b.sees("Again.")
	b.settle()
	if b.e.parts != nil {
		t.Errorf("sent %+v", b.e.parts)
	}
}

func TestAttachmentsStayWithTheirConversation(t *testing.T) {
	b := newBench(t, offering(answer("One."), answer("Two.")))
	b.say("first")
	b.sees("One.")
	b.settle()
	first := b.p.current
	test.Tap(b.p.composer.attach)
	b.pick(0, "Attach to message")
	b.p.NewChat()
	b.settle()
	if b.p.composer.attached != 0 {
		t.Error("it came along")
	}
	b.p.open(first)
	b.settle()
	b.p.edit(b.e.said[first][0].ID, "first")
	if b.p.composer.attached != 0 {
		t.Error("it would go with a message that is edited")
	}
	b.p.endEdit()
	test.Tap(b.chip("Today"))
	if b.p.composer.attached != 0 || b.p.composer.files.box.Visible() {
		t.Error("a press does not remove it")
	}
	b.e.fail = errors.New("the note is gone")
	test.Tap(b.p.composer.attach)
	b.pick(0, "Attach to message")
	uitest.Shows(t, b.w, "The note is gone.")
	if b.p.composer.attached != 0 {
		t.Error("what could not be read is attached")
	}
}

func TestWhatWasNotSentComesBack(t *testing.T) {
	b := newBench(t, offering(answer("One.")))
	b.say("first")
	b.sees("One.")
	b.settle()
	test.Tap(b.p.composer.attach)
	b.pick(0, "Attach to message")
	b.e.refused = errors.New("the disk is full")
	b.say("second")
	b.settle()
	b.chip("Today")
	if got := b.p.composer.input.Text; got != "second" {
		t.Errorf("the text is %q", got)
	}
}

func TestSignsOpenTheSheet(t *testing.T) {
	b := newBench(t, offering())
	b.type_("/")
	b.pick(0, "Use in message")
	if got := b.p.composer.input.Text; got != "User: Plan my day.\n\nAssistant: Gladly." {
		t.Errorf("the message is %q", got)
	}
	b.chip("day.ics")
	b.p.composer.input.SetText("")
	b.type_("see @")
	b.settle()
	uitest.Shows(t, b.w, "Resources and prompts of your servers", "Today")
	uitest.ShowsNot(t, b.w, "Prompt: plan")
	b.pick(0, "Attach to message")
	if got := b.p.composer.input.Text; got != "see " {
		t.Errorf("the message is %q", got)
	}
	for _, text := range []string{"a/b", "me@example.com"} {
		b.p.composer.input.SetText("")
		b.type_(text)
		if b.w.Canvas().Overlays().Top() != nil {
			t.Fatalf("%q opens the sheet", text)
		}
	}
	b.p.composer.input.SetText("")
	b.p.SetServers(b.p.views[:1]) // the workbench alone
	b.type_("/usr @home")
	if b.w.Canvas().Overlays().Top() != nil || !strings.HasPrefix(b.p.composer.input.Text, "/usr @home") {
		t.Error("there is nothing to be shown")
	}
}
