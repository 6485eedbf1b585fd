package chat

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

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
