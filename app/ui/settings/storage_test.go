package settings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// with puts the page on a window with what the person chooses.
func with(t *testing.T, e *uitest.Engine, o Options) fyne.Window {
	t.Helper()
	w := uitest.Window(t, theme.Light, fyne.NewSize(1028, 2600))
	o.Engine, o.Window, o.Runner, o.Clipboard = e, w, uitest.Inline(), fyne.CurrentApp().Clipboard()
	p := New(o)
	w.SetContent(p.Object())
	p.Shown()
	return w
}

func TestExportAndImport(t *testing.T) {
	e := furnished()
	path := filepath.Join(t.TempDir(), "all.zip")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	e.Taken = bridge.Imported{
		Conversations: []store.Conversation{{ID: "a"}, {ID: "b"}}, Servers: []store.ServerConfig{{ID: "git"}},
		Providers: []store.ProviderConfig{{ID: "openai", Kind: store.ProviderChat, BaseURL: "https://api.example.com/v1"}, {ID: "local", NoKey: true, Kind: store.ProviderChat, BaseURL: "http://127.0.0.1:1/v1"}},
		Notes:     []string{"The conversation \"Old\u202e\" is here already."},
	}
	w := with(t, e, Options{Files: files{save: path, open: "/some/export.zip"}})
	uitest.Shows(t, w, "48.2 MB", "312 KB", "1 August 2026", "41.0 MB", "rename a backup to drawbridge.db")
	e.Err = errors.New("the keychain is locked. Unlock it, then try again")
	uitest.Tap(t, w, "Export everything…")
	uitest.Shows(t, w, "The keychain is locked. Unlock it, then try again.")
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("a failed export leaves %q, %v", got, err)
	}
	uitest.Tap(t, w, "Export everything…")
	uitest.Shows(t, w, "2 conversations exported to")
	uitest.ShowsNot(t, w, "The keychain is locked")
	if got, err := os.ReadFile(path); err != nil || string(got) != "everything" {
		t.Errorf("the file is %q, %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".drawbridge-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	uitest.Tap(t, w, "Import…")
	uitest.Shows(t, w, "2 conversations imported. 1 server imported, to be reviewed on the Servers page. 2 providers imported.", "is here already.", "waits for its key.", "and wants no key.")
	uitest.Tap(t, w, "Give the key of openai")
	uitest.Shows(t, w, "Edit ")
	did(t, e, "export everything", "export everything", "import /some/export.zip")
}

func TestNothingChosenDoesNothing(t *testing.T) {
	e := furnished()
	w := with(t, e, Options{Files: files{}})
	uitest.Tap(t, w, "Export everything…")
	uitest.Tap(t, w, "Import…")
	did(t, e)
}

func TestLogsAreClearedAfterAWhile(t *testing.T) {
	e := furnished()
	w := with(t, e, Options{Files: files{}})
	uitest.Tap(t, w, "Clear the logs")
	did(t, e)
	uitest.Tap(t, w, "Undo the deletion")
	did(t, e)
	uitest.Tap(t, w, "Clear the logs")
	uitest.Tap(t, w, "Delete it now")
	did(t, e, "clear the logs")
	uitest.Shows(t, w, "0 bytes")
}

// TestChoicesOfAppearance chooses each of the options, which are kept and shown at once.
func TestChoicesOfAppearance(t *testing.T) {
	e := uitest.NewEngine()
	shown := 0
	w := with(t, e, Options{OnTheme: func() { shown++ }})
	choose := func(words string) { t.Helper(); uitest.TapText(t, w, words) }
	for _, words := range []string{"Dark", "Large", "Compact"} {
		choose(words)
	}
	now := e.Keep.Window
	if now.Theme != "dark" || now.TextSize != "large" || !now.Compact || shown != 3 {
		t.Errorf("kept %+v, shown %d times", now, shown)
	}
	th := theme.Of(now)
	usual := theme.New(theme.Dark)
	if th.Size(theme.SizeReading) <= usual.Size(theme.SizeReading) || th.Size("padding") >= usual.Size("padding") {
		t.Errorf("reading at %g, padding %g", th.Size(theme.SizeReading), th.Size("padding"))
	}
	choose("Usual")
	choose("Roomy")
	choose("As the system")
	if now = e.Keep.Window; now != (store.WindowSettings{}) {
		t.Errorf("kept %+v", now)
	}
}

func TestStartAndShortcuts(t *testing.T) {
	l, asked := &login{}, 0
	w := with(t, uitest.NewEngine(), Options{Autostart: l, Shortcuts: func() { asked++ }})
	check := func() *form.Check {
		for _, o := range test.LaidOutObjects(w.Content()) {
			if c, ok := o.(*form.Check); ok && c.Text == "Start at login, in the tray" {
				return c
			}
		}
		t.Fatal("there is no switch for the start at login")
		return nil
	}
	test.Tap(check())
	if !l.is || !check().Checked {
		t.Error("it does not start at login")
	}
	l.err = errors.New("the folder cannot be written")
	test.Tap(check())
	if !l.is || !check().Checked {
		t.Error("the switch says what is not so")
	}
	uitest.Shows(t, w, "The folder cannot be written.")
	uitest.Tap(t, w, "Show all shortcuts")
	if asked != 1 {
		t.Error("the shortcuts are not shown")
	}
}

func TestAbout(t *testing.T) {
	w := with(t, uitest.NewEngine(), Options{Version: "1.2.3"})
	uitest.Tap(t, w, "Copy the version")
	if got := fyne.CurrentApp().Clipboard().Content(); got != "Drawbridge 1.2.3" {
		t.Errorf("copied %q", got)
	}
	uitest.Tap(t, w, "Licences")
	uitest.Shows(t, w, "MIT License", "each under its own licence", "the Go standard library")
}
