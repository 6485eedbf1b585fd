package servers

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestReturnGoesOn has Return in a field of one line go on to the review, and in one
// of several lines begin a line; what runs is never agreed to by it.
func TestReturnGoesOn(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Light)
	uitest.Tap(t, w, "Add server")
	uitest.Fill(t, w, "Name", "time")
	uitest.Fill(t, w, "Command", "uvx")
	w.Canvas().Capture()
	press := func(name string) {
		t.Helper()
		w.Canvas().Focus(uitest.Entry(t, w, name, 0))
		w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	}
	press("Arguments")
	uitest.ShowsNot(t, w, "Review what will run")
	press("Command")
	uitest.Shows(t, w, "Review what will run")
	w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	did(t, e)
}

func TestAddACommand(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Add server")
	uitest.Fill(t, w, "Name", "files")
	uitest.Fill(t, w, "Command", "npx")
	uitest.Fill(t, w, "Arguments", `-y @modelcontextprotocol/server-filesystem "/home/you/my notes"`)
	uitest.Tap(t, w, "Add variable")
	uitest.Fill(t, w, "Environment: name", "API_KEY")
	uitest.Fill(t, w, "Environment: value", "canary-4711")
	if !uitest.Entry(t, w, "Environment: value", 0).Password {
		t.Error("a value that is likely a secret is shown")
	}
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "Review what will run", "npx", "/home/you/my notes", "API_KEY=‹secret›")
	uitest.ShowsNot(t, w, "canary-4711")
	did(t, e)
	uitest.Tap(t, w, "Add and start")
	did(t, e, `add files npx ["-y" "@modelcontextprotocol/server-filesystem" "/home/you/my notes"] env=map[API_KEY:${secret:server/files/env/API_KEY}] headers=map[] secrets=1 approve=true`)
	if w.Canvas().Overlays().Top() != nil {
		t.Error("the sheet stays open")
	}
}

func TestBackKeepsWhatWasTyped(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Add server")
	uitest.Fill(t, w, "Name", "files")
	uitest.Fill(t, w, "Command", "npx")
	uitest.Tap(t, w, "Continue")
	uitest.Tap(t, w, "Back")
	if got := uitest.Entry(t, w, "Command", 0).Text; got != "npx" {
		t.Errorf("the command is %q", got)
	}
}

func TestAddAnAddress(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Add server")
	uitest.Tap(t, w, "Add by URL")
	uitest.Fill(t, w, "URL", "ftp://example.com")
	uitest.Fill(t, w, "Name", "web")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "This is no address. It should look like https://example.com/mcp.")
	uitest.Fill(t, w, "URL", "https://example.com/mcp")
	uitest.Tap(t, w, "Add header")
	uitest.Fill(t, w, "Headers: name", "Authorization")
	uitest.Fill(t, w, "Headers: value", "Bearer canary")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "https://example.com/mcp", "Authorization: ‹secret›")
	uitest.Tap(t, w, "Add and start")
	did(t, e, `add web https://example.com/mcp [] env=map[] headers=map[Authorization:${secret:server/web/header/Authorization}] secrets=1 approve=true`)
}

func TestErrorsStandBesideTheirField(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Add server")
	uitest.Fill(t, w, "Arguments", `"unclosed`)
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "The command is missing.", "has a quote or backslash without its partner", "Give it a name")
	uitest.Fill(t, w, "Name", "workbench")
	uitest.Fill(t, w, "Command", "npx")
	uitest.Fill(t, w, "Arguments", "")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "There is a server of this name already.")
	uitest.ShowsNot(t, w, "The command is missing.")
	uitest.Fill(t, w, "Name", "n")
	uitest.Tap(t, w, "Add variable")
	uitest.Fill(t, w, "Environment: value", "v")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "A value has no name.")
	uitest.Fill(t, w, "Environment: name", "1 bad")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "is no name for an environment variable")
	did(t, e)
}

func TestAddSaysWhyItFailedAndLosesNothing(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Add server")
	uitest.Fill(t, w, "Name", "n")
	uitest.Fill(t, w, "Command", "npx")
	uitest.Tap(t, w, "Continue")
	e.Err = errors.New("the keychain is locked (locked)")
	uitest.Tap(t, w, "Add and start")
	uitest.Shows(t, w, "The keychain is locked.")
	uitest.Tap(t, w, "Add and start")
	if w.Canvas().Overlays().Top() != nil {
		t.Error("the second try did not end it")
	}
}

func TestPasteJSON(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Add server")
	uitest.Tap(t, w, "Add by Paste")
	uitest.Fill(t, w, "Text", "not json")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "The text is no JSON")
	uitest.Fill(t, w, "Text", `{"mcpServers":{
		"git":{"command":"uvx","args":["mcp-server-git"],"env":{"GITHUB_TOKEN":"ghp_canarycanarycanary"}},
		"old":{"url":"https://example.com/sse","type":"pigeon","command":"x"},
		"web":{"url":"https://example.com/mcp"}}}`)
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "Found 2 servers", "GITHUB_TOKEN looks like a secret", `Server "old": it has both a command and a URL`)
	web := uitest.Find(t, w, func(c *form.Check) bool { return c.Text == "web" })
	test.Tap(web)
	uitest.Tap(t, w, "Edit git")
	if got := uitest.Entry(t, w, "Environment: value", 0); got.Text != "" || got.PlaceHolder != "kept as it was found; type to replace" {
		t.Errorf("the secret's field holds %q, %q", got.Text, got.PlaceHolder)
	}
	uitest.Fill(t, w, "Name", "repo")
	uitest.Tap(t, w, "Done")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "GITHUB_TOKEN=‹secret›")
	uitest.ShowsNot(t, w, "ghp_canary", "https://example.com/mcp")
	uitest.Tap(t, w, "Add and start")
	got := e.Did()
	if len(got) != 2 || !strings.HasPrefix(got[1], `add repo uvx ["mcp-server-git"]`) || !strings.Contains(got[1], "secrets=1 approve=true") {
		t.Errorf("asked for %q", got)
	}
}

func TestEdit(t *testing.T) {
	e := uitest.NewEngine()
	v := uitest.Stdio("git", mcphost.Ready, "uvx", "mcp-server-git", "two words", "line\nbreak")
	ref := store.ServerSecret("git", "env", "TOKEN")
	v.Server.Env = map[string]store.Value{"TOKEN": store.RefTo(ref), "MODE": "fast"}
	v.Hash = v.Server.Hash()
	e.Views = append(e.Views, v)
	_, w := open(t, e, theme.Dark)

	uitest.Tap(t, w, "Edit git")
	uitest.Fill(t, w, "Name", "repo")
	uitest.Tap(t, w, "Save")
	did(t, e, `update git: repo uvx ["mcp-server-git" "two words" "line\nbreak"] env=map[MODE:fast TOKEN:${secret:server/git/env/TOKEN}] secrets=0 approve=false`)

	e.Calls = nil
	uitest.Tap(t, w, "Edit git")
	uitest.Fill(t, w, "Command", "npx")
	uitest.Entry(t, w, "Environment: value", 1).SetText("new value")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Review what will run", "npx", "TOKEN=‹secret›")
	did(t, e)
	uitest.Tap(t, w, "Save and start")
	did(t, e, `update git: git npx ["mcp-server-git" "two words" "line\nbreak"] env=map[MODE:fast TOKEN:${secret:server/git/env/TOKEN}] secrets=1 approve=true`)
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", []string{}},
		{"-y server", []string{"-y", "server"}},
		{`-y "two words" 'it''s'`, []string{"-y", "two words", "its"}},
		{"-y\nserver with spaces\n", []string{"-y", "server with spaces"}},
		{"one\r\n  two\r\n\r\n", []string{"one", "two"}},
	} {
		got, err := readArgs(tt.text)
		if err != nil || !(len(got) == 0 && len(tt.want) == 0 || reflect.DeepEqual(got, tt.want)) {
			t.Errorf("readArgs(%q) = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
	for _, args := range [][]string{nil, {"a"}, {"two words"}, {"a", "b c"}, {"a", ""}, {" a", "b"}, {`it's "quoted"`, "x"}} {
		got, err := readArgs(writeArgs(args))
		if err != nil || !(len(got) == 0 && len(args) == 0 || reflect.DeepEqual(got, args)) {
			t.Errorf("%q becomes %q (%v)", args, got, err)
		}
	}
}

func TestAWholeLineInTheCommandIsTakenApart(t *testing.T) {
	for _, tt := range []struct{ in, command, name string }{
		{"npx -y @modelcontextprotocol/server-everything@1.2", "npx", "everything"},
		{"uvx mcp-server-git", "uvx", "git"},
		{"/opt/my tools/run", "/opt/my tools/run", "run"},
	} {
		uitest.App(t)
		e := newEditor(uitest.Window(t, theme.Light, size), store.TransportStdio, func(string) bool { return false })
		e.command.SetText(tt.in)
		d, ok := e.draft()
		if !ok || d.Config.Command != tt.command || d.Config.Name != tt.name {
			t.Errorf("%q gives %q called %q (%t)", tt.in, d.Config.Command, d.Config.Name, ok)
		}
	}
}

func TestNamesAreSuggested(t *testing.T) {
	for _, tt := range []struct {
		c    store.ServerConfig
		want string
	}{
		{store.ServerConfig{Transport: store.TransportHTTP, URL: "https://mcp.example.com/mcp"}, "mcp.example.com"},
		{store.ServerConfig{Transport: store.TransportStdio, Command: "/usr/bin/my-mcp"}, "my"},
		{store.ServerConfig{Transport: store.TransportStdio, Command: "/"}, ""},
	} {
		if got := suggestName(tt.c); got != tt.want {
			t.Errorf("%v is called %q, want %q", tt.c, got, tt.want)
		}
	}
}
