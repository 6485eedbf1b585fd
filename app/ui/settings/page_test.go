package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

var size = fyne.NewSize(1028, 900)

// login stands for the desktop's start at login.
type login struct {
	is  bool
	err error
}

func (l *login) On() (bool, error) { return l.is, nil }
func (l *login) Set(on bool) error {
	if l.err == nil {
		l.is = on
	}
	return l.err
}

// files answers for the person.
type files struct{ save, open string }

// chosen are the files that the person would choose: none.
var chosen = files{}

func (f files) Save(_ string, then func(string, error))   { then(f.save, nil) }
func (f files) Open(_ []string, then func(string, error)) { then(f.open, nil) }

func put(e *uitest.Engine, w fyne.Window, onTheme func()) *Page {
	p := New(Options{Engine: e, Window: w, Runner: uitest.Inline(), Version: "1.2.3", Home: "/home/you/.local/share/drawbridge", OnTheme: onTheme, Autostart: &login{}, Shortcuts: func() {}, Clipboard: fyne.CurrentApp().Clipboard(), Files: chosen})
	size := w.Canvas().Size()
	w.SetContent(p.Object())
	w.Resize(size)
	p.Shown()
	return p
}

func open(t *testing.T, e *uitest.Engine) fyne.Window {
	t.Helper()
	w := uitest.Window(t, theme.Dark, size)
	put(e, w, nil)
	return w
}

// did fails unless the engine was asked for exactly these changes.
func did(t *testing.T, e *uitest.Engine, want ...string) {
	t.Helper()
	if got := e.Did(); !slices.Equal(got, want) {
		t.Errorf("the engine was asked for\n%q\nwant\n%q", got, want)
	}
}

func TestAddAProvider(t *testing.T) {
	e := uitest.NewEngine()
	e.Lists["work"] = []model.Info{{ID: "large"}, {ID: "small"}}
	w := open(t, e)
	uitest.Shows(t, w, "Rehearsal (no AI)", "for new chats", "Drawbridge 1.2.3")
	uitest.Tap(t, w, "Add provider")
	uitest.Tap(t, w, "Set up Any compatible URL")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Give it a name", "This is no address.")
	did(t, e)
	uitest.Fill(t, w, "Name", "Work")
	uitest.Fill(t, w, "Base URL", "https://ai.example.com/v1/")
	uitest.Fill(t, w, "API key", "canary-key-0815")
	if !uitest.Entry(t, w, "API key", 0).Password {
		t.Error("the key is shown")
	}
	uitest.Tap(t, w, "Add header")
	uitest.Fill(t, w, "Headers: name", "X-Team")
	uitest.Fill(t, w, "Headers: value", "blue")
	uitest.Tap(t, w, "Save")
	did(t, e, "provider work chat https://ai.example.com/v1 model= key=true", "models of work")
	uitest.Shows(t, w, "It answers and offers 2 models.", "large")
	if got := e.Keep.Providers[0].Headers["X-Team"]; got != "blue" {
		t.Errorf("the header is %q", got)
	}
	if got := e.Keys[store.ProviderSecret("work", "key")]; got.Reveal() != "canary-key-0815" {
		t.Error("the key did not reach the engine")
	}

	e.Calls = nil
	uitest.Find(t, w, func(*modelList) bool { return true }).Select(1)
	uitest.Shows(t, w, "Work", "key stored", "small")
	uitest.ShowsNot(t, w, "canary-key-0815")
	uitest.Tap(t, w, "Use Work for new chats")
	did(t, e, "provider work chat https://ai.example.com/v1 model=small key=false", "settings")
	if got := e.DefaultModel(); got != (store.ModelRef{Provider: "work", Model: "small"}) {
		t.Errorf("new chats start with %v", got)
	}
}

func TestEditAProviderKeepsItsKey(t *testing.T) {
	e := uitest.NewEngine()
	e.Keep.Providers = []store.ProviderConfig{{ID: "openai", Name: "OpenAI", Kind: store.ProviderResponses, BaseURL: "https://api.openai.com/v1", Model: "m"}}
	e.Keys[store.ProviderSecret("openai", "key")] = store.NewSecret("canary")
	w := open(t, e)
	uitest.Tap(t, w, "Edit OpenAI")
	if got := uitest.Entry(t, w, "API key", 0); got.Text != "" || got.PlaceHolder != "stored in the keychain; type to replace" {
		t.Errorf("the key's field holds %q, %q", got.Text, got.PlaceHolder)
	}
	uitest.Fill(t, w, "Name", "Mine")
	uitest.Tap(t, w, "Save")
	did(t, e, "provider openai responses https://api.openai.com/v1 model=m key=false", "models of openai")
	uitest.Shows(t, w, "The provider does not answer at that address. Check that it runs.")

	e.Calls = nil
	uitest.Tap(t, w, "Remove Mine")
	did(t, e, "remove provider openai")
	uitest.Shows(t, w, "Removed Mine, with its keys")
	uitest.Tap(t, w, "Undo the deletion")
	uitest.Tap(t, w, "Remove Mine")
	uitest.Tap(t, w, "Delete it now")
	did(t, e, "remove provider openai", "take back provider openai", "remove provider openai", "forget provider openai")
	uitest.ShowsNot(t, w, "Mine")
}

func TestWithoutAKeychainThePersonChooses(t *testing.T) {
	e := uitest.NewEngine()
	e.State = store.SecretState{Reason: "no Secret Service answers on the session bus"}
	w := open(t, e)
	uitest.Shows(t, w, "This computer offers no keychain", "No Secret Service answers on the session bus.")
	uitest.Tap(t, w, "Add provider")
	uitest.Tap(t, w, "Set up OpenAI")
	uitest.Fill(t, w, "API key", "canary")
	e.Err = fmt.Errorf("there is no keychain (%w)", store.ErrNoKeychain)
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Where should the secrets go?", "what you typed is not lost")
	e.Calls = nil
	uitest.Tap(t, w, "For this run only")
	did(t, e, "use memory", "provider openai responses https://api.openai.com/v1 model= key=true", "models of openai")
	uitest.Tap(t, w, "Close")
	uitest.Shows(t, w, "They are kept in memory, for this run only.")
}

func TestPassphrase(t *testing.T) {
	e := uitest.NewEngine()
	e.State = store.SecretState{}
	w := open(t, e)
	uitest.Tap(t, w, "Use this passphrase")
	uitest.Shows(t, w, "Type a passphrase.")
	uitest.Fill(t, w, "Passphrase", "correct horse")
	uitest.Fill(t, w, "Passphrase again", "correct")
	uitest.Tap(t, w, "Use this passphrase")
	uitest.Shows(t, w, "The two are not the same.")
	did(t, e)
	uitest.Fill(t, w, "Passphrase again", "correct horse")
	uitest.Tap(t, w, "Use this passphrase")
	did(t, e, "use passphrase of 13 letters")
	uitest.Shows(t, w, "They are in a file that your passphrase seals.")
}

func TestALockedKeychainIsUnlocked(t *testing.T) {
	e := uitest.NewEngine()
	e.State.Locked = true
	w := open(t, e)
	e.Err = errors.New("the dialog was dismissed, so the keychain stays locked (locked)")
	uitest.Tap(t, w, "Unlock")
	uitest.Shows(t, w, "The dialog was dismissed, so the keychain stays locked.")
	uitest.Tap(t, w, "Unlock")
	uitest.Shows(t, w, "They are in the keychain of this computer.")
}

func TestLocalModelsAreOffered(t *testing.T) {
	e := uitest.NewEngine()
	e.Local = []store.ProviderConfig{{ID: "ollama", Name: "Ollama", Kind: store.ProviderChat, BaseURL: "http://localhost:11434/v1", NoKey: true, Preset: "ollama", Model: "qwen"}}
	e.Lists["ollama"] = []model.Info{{ID: "qwen"}}
	w := open(t, e)
	uitest.Shows(t, w, "Ollama runs on this computer, at http://localhost:11434/v1.")
	uitest.Tap(t, w, "Use Ollama")
	did(t, e, "provider ollama chat http://localhost:11434/v1 model=qwen key=false", "models of ollama")
	uitest.Shows(t, w, "It answers and offers one model.")
	uitest.ShowsNot(t, w, "runs on this computer, at")
}

func TestFolders(t *testing.T) {
	e := uitest.NewEngine()
	w := open(t, e)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, said := range map[string]string{
		"notes":                      "Type the whole path",
		filepath.Join(dir, "absent"): "There is no folder",
		file:                         "is a file. Grant the folder that it is in.",
	} {
		uitest.Fill(t, w, "Folder", text)
		uitest.Tap(t, w, "Grant")
		uitest.Shows(t, w, said)
	}
	did(t, e)
	uitest.Fill(t, w, "Folder", dir+"/")
	uitest.Tap(t, w, "Grant")
	uitest.Fill(t, w, "Folder", dir)
	uitest.Tap(t, w, "Grant")
	if !slices.Equal(e.Keep.Folders, []string{dir}) {
		t.Errorf("granted %q", e.Keep.Folders)
	}
	uitest.Shows(t, w, dir)
	uitest.Tap(t, w, "Remove "+dir)
	if len(e.Keep.Folders) != 0 {
		t.Errorf("granted %q", e.Keep.Folders)
	}
	uitest.Tap(t, w, "Undo the deletion")
	if !slices.Equal(e.Keep.Folders, []string{dir}) {
		t.Errorf("granted %q after it was taken back", e.Keep.Folders)
	}
}

func TestAppearance(t *testing.T) {
	e := uitest.NewEngine()
	e.Keep.Window.Theme = "light"
	w := uitest.Window(t, theme.Dark, size)
	told := 0
	put(e, w, func() { told++ })
	choice := uitest.Find(t, w, func(g *form.Segments) bool { return g.Name == "Colours" })
	if got := choice.AccessibilityLabel(); got != "Colours: Light" {
		t.Errorf("%q is chosen", got)
	}
	w.Canvas().Capture() // what was never painted cannot have the focus
	w.Canvas().Focus(choice)
	key := func(name fyne.KeyName) { w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: name}) }
	key(fyne.KeyRight)
	if e.Keep.Window.Theme != "dark" || told != 1 {
		t.Errorf("kept %q, told %d times", e.Keep.Window.Theme, told)
	}
	key(fyne.KeyRight) // there is none
	key(fyne.KeyHome)
	if e.Keep.Window.Theme != "" || told != 2 {
		t.Errorf("kept %q, told %d times", e.Keep.Window.Theme, told)
	}
}

func TestProblemsAreShown(t *testing.T) {
	e := uitest.NewEngine()
	e.Said = []string{"settings.json could not be read, and was kept as settings.json.damaged-1."}
	w := open(t, e)
	uitest.Shows(t, w, e.Said[0])
}

func TestNamesOfEntries(t *testing.T) {
	for in, want := range map[string]string{
		"OpenAI": "openai", " My Work (EU) ": "my-work-eu", "日本": "", strings.Repeat("x", 99): strings.Repeat("x", 40),
	} {
		if got := idOf(in); got != want {
			t.Errorf("idOf(%q) = %q, want %q", in, got, want)
		}
	}
}
