package shell

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/palette"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// typedShortcut presses a shortcut; Fyne's window for tests binds none.
func typedShortcut(s *Shell, id keys.ID) {
	for _, k := range keys.Bound() {
		if k.ID == id {
			s.press(k)
			return
		}
	}
}

// find types into the palette and presses Return.
func find(t *testing.T, s *Shell, text string) {
	t.Helper()
	typedShortcut(s, keys.Palette)
	w := s.window
	test.Type(w.Canvas().Focused(), text)
	w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
}

func TestShortcutsLead(t *testing.T) {
	s, chat := start(t, uitest.NewEngine())
	for id, want := range map[keys.ID]place{keys.Servers: placeServers, keys.Gateway: placeGateway, keys.Audit: placeAudit, keys.Settings: placeSettings, keys.Chat: placeChat} {
		typedShortcut(s, id)
		if s.current != want {
			t.Errorf("%s leads to %d", id, s.current)
		}
	}
	typedShortcut(s, keys.Servers)
	typedShortcut(s, keys.Model) // belongs to the conversations
	if s.current != placeChat || len(chat.ran) != 1 || chat.ran[0] != keys.Model {
		t.Errorf("at %d, ran %v", s.current, chat.ran)
	}
	typedShortcut(s, keys.Shortcuts)
	uitest.Shows(t, s.window, "Shortcuts")
	typedShortcut(s, keys.Servers) // something lies on top
	if s.current != placeChat {
		t.Error("a shortcut works below a sheet")
	}
	uitest.Find(t, s.window, func(*form.Switch) bool { return true }).TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if !s.o.Engine.Settings().Window.EnterBreaks {
		t.Error("Enter and Shift+Enter are not exchanged")
	}
	uitest.Tap(t, s.window, "Close")
	// Each shortcut is somebody's.
	for _, k := range keys.Bound() {
		if k.ID == keys.Quit || k.ID == keys.Palette || k.ID == keys.Shortcuts {
			continue
		}
		chat.ran = nil
		chat.begun = 0
		if k.ID == keys.Chat {
			s.open(placeServers)
		}
		at := s.current
		s.run(k.ID)
		if len(chat.ran)+chat.begun == 0 && s.current == at && !s.raise.is {
			t.Errorf("nobody does %s", k.ID)
		}
		s.open(placeChat)
		if s.raise.is {
			s.raise.down()
		}
	}
}

func TestPaletteOfTheWindow(t *testing.T) {
	e := uitest.NewEngine()
	e.Views = append(e.Views, uitest.Stdio("files", mcphost.Ready, "files-mcp"), uitest.Stdio("git", mcphost.Stopped, "git-mcp"))
	s, chat := start(t, e)
	s.setServers(e.Views)
	done := ""
	chat.commands = []palette.Command{{Group: "Conversations", Title: "Bridges of Lima", Do: func() { done = "opened" }}}
	typedShortcut(s, keys.Servers)
	find(t, s, "lima")
	if done != "opened" || s.current != placeChat {
		t.Errorf("%q at %d", done, s.current)
	}
	find(t, s, "theme dark")
	if got := e.Settings().Window.Theme; got != "dark" {
		t.Errorf("the theme is %q", got)
	}
	find(t, s, "stop files")
	find(t, s, "restart files")
	find(t, s, "start git")
	if got := strings.Join(e.Did(), "; "); !strings.Contains(got, "stop files; restart files; start git") {
		t.Errorf("the servers: %s", got)
	}
	find(t, s, "add a server")
	uitest.Shows(t, s.window, "Where the program runs. Leave it empty for your home folder.")
	if s.current != placeServers {
		t.Errorf("a server is added at %d", s.current)
	}
	uitest.Tap(t, s.window, "Cancel")
	find(t, s, "raise")
	if !s.raise.is {
		t.Error("the bridge is not raised")
	}
	find(t, s, "lower")
	if s.raise.is {
		t.Error("the bridge stays raised")
	}
	e.Err = errors.New("the program is gone")
	find(t, s, "stop files")
	uitest.Shows(t, s.window, "The server did not do that", "The program is gone.")
}
