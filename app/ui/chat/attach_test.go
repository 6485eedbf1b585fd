package chat

import (
	"errors"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/offers"
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
	uitest.Find(b.t, b.w, func(*form.List) bool { return true }).Select(at)
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
	b.p.openOffers(offers.All, "", "")
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
	b.p.openOffers(offers.All, "", "")
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
	b.p.openOffers(offers.All, "", "")
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
	b.p.openOffers(offers.All, "", "")
	b.pick(0, "Attach to message")
	b.e.refused = errors.New("the disk is full")
	b.say("second")
	b.settle()
	b.chip("Today")
	if got := b.p.composer.input.Text; got != "second" {
		t.Errorf("the text is %q", got)
	}
}

// top types into the sheet on top and presses keys.
func (b *bench) top(text string, keys ...fyne.KeyName) {
	b.t.Helper()
	b.settle()
	for _, r := range text {
		b.w.Canvas().Focused().TypedRune(r)
	}
	b.keys(keys...)
	b.settle()
}

func TestSignsOpenTheSheet(t *testing.T) {
	b := newBench(t, offering())
	b.type_("/")
	b.top("plan", fyne.KeyReturn)
	uitest.Tap(t, b.w, "Use in message")
	b.settle()
	if got := b.p.composer.input.Text; got != "User: Plan my day.\n\nAssistant: Gladly." {
		t.Errorf("the message is %q", got)
	}
	b.chip("day.ics")
	b.p.composer.input.SetText("")
	b.type_("see @")
	b.top("tod", fyne.KeyReturn)
	b.chip("Today")
	if got := b.p.composer.input.Text; got != "see " {
		t.Errorf("the message is %q", got)
	}
	// What is no name stays in the text.
	b.type_("@")
	b.top("", fyne.KeyEscape)
	if got := b.p.composer.input.Text; got != "see @" {
		t.Errorf("typing behind the sheet gives %q", got)
	}
	b.p.composer.input.SetText("")
	b.type_("#")
	b.top(" ")
	if b.w.Canvas().Overlays().Top() != nil || b.p.composer.input.Text != "# " {
		t.Errorf("a heading is %q", b.p.composer.input.Text)
	}
	for _, text := range []string{"a/b", "me@example.com", "C#"} {
		b.p.composer.input.SetText("")
		b.type_(text)
		if b.w.Canvas().Overlays().Top() != nil {
			t.Fatalf("%q opens the sheet", text)
		}
	}
	b.p.composer.input.SetText("")
	b.p.SetServers(b.p.views[:1]) // the workbench alone
	b.type_("/usr")
	if b.w.Canvas().Overlays().Top() != nil || b.p.composer.input.Text != "/usr" {
		t.Error("there is nothing to be shown")
	}
}

// TestNamesATool switches on a tool that is off.
func TestNamesATool(t *testing.T) {
	b := newBench(t, furnished())
	b.p.setSwitches(store.Switches{Off: true})
	b.settle()
	b.type_("use #")
	b.top("read_text", fyne.KeyReturn)
	if got := b.p.composer.input.Text; got != "use files__read_text_file " {
		t.Errorf("the message is %q", got)
	}
	if on, _ := countTools(b.p.views, b.p.switches(), nil); on == 0 {
		t.Error("the tool is still off")
	}
}

// TestPresets makes one, uses it with its arguments, changes and removes it.
func TestPresets(t *testing.T) {
	b := newBench(t, newEngine())
	b.p.propose('/', "")
	b.top("new", fyne.KeyReturn)
	uitest.Fill(t, b.w, "Name", "weather")
	uitest.Tap(t, b.w, "Save")
	b.settle()
	uitest.Shows(t, b.w, "A preset is a text")
	uitest.Fill(t, b.w, "Message", "Weather in {{city}} on {{day}}?")
	uitest.Tap(t, b.w, "Save")
	b.settle()
	for _, city := range []string{"Lima", "Cusco"} {
		b.p.composer.input.SetText("")
		b.type_("/")
		b.top("weath", fyne.KeyReturn)
		b.top(city, fyne.KeyReturn)
		b.top("Monday", fyne.KeyReturn)
		if got := b.p.composer.input.Text; got != "Weather in "+city+" on Monday?" {
			t.Errorf("the message is %q", got)
		}
	}
	b.p.composer.input.SetText("")
	b.type_("/")
	b.top("weath", fyne.KeyReturn)
	b.top("L")
	uitest.Tap(t, b.w, "Take Lima") // as it was before
	b.top("", fyne.KeyReturn)
	uitest.Tap(t, b.w, "Take Monday")
	uitest.Tap(t, b.w, "Use in message")
	b.settle()
	if got := b.p.composer.input.Text; got != "Weather in Lima on Monday?" {
		t.Errorf("the message is %q", got)
	}
	b.p.propose('/', "")
	b.top("change weather", fyne.KeyReturn)
	uitest.Fill(t, b.w, "Name", "climate")
	uitest.Tap(t, b.w, "Save")
	b.settle()
	preset := func(name string) {
		t.Helper()
		if got := b.e.Settings().Messages; len(got) != 1 || got[0] != (store.MessagePreset{Name: name, Text: "Weather in {{city}} on {{day}}?"}) {
			t.Fatalf("presets: %+v", got)
		}
	}
	preset("climate")
	uitest.Shows(t, b.w, "Changed the preset “climate”")
	b.tapText("Undo the change")
	b.settle()
	preset("weather")
	b.p.propose('/', "")
	b.top("change weather", fyne.KeyReturn)
	uitest.Fill(t, b.w, "Name", "climate")
	uitest.Tap(t, b.w, "Save")
	b.settle()
	b.p.propose('/', "")
	b.top("change climate", fyne.KeyReturn)
	uitest.Tap(t, b.w, "Remove")
	b.settle()
	if got := b.e.Settings().Messages; len(got) != 0 {
		t.Errorf("presets: %+v", got)
	}
	uitest.Shows(t, b.w, "Removed the preset “climate”")
	b.tapText("Undo the deletion")
	b.settle()
	preset("climate")
}
