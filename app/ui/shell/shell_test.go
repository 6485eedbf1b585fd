package shell

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/palette"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// fakeChat stands for the page of the conversations.
type fakeChat struct {
	object        fyne.CanvasObject
	shown, hidden int
	begun         int
	opened        []string
	views         []bridge.ServerView
	ran           []keys.ID
	commands      []palette.Command
}

func (c *fakeChat) Run(id keys.ID) bool { c.ran = append(c.ran, id); return true }

func (c *fakeChat) Commands(func(...palette.Command)) []palette.Command { return c.commands }

func (c *fakeChat) Object() fyne.CanvasObject            { return c.object }
func (c *fakeChat) Shown()                               { c.shown++ }
func (c *fakeChat) Hidden()                              { c.hidden++ }
func (c *fakeChat) NewChat()                             { c.begun++ }
func (c *fakeChat) Open(id string)                       { c.opened = append(c.opened, id) }
func (c *fakeChat) SetServers(views []bridge.ServerView) { c.views = views }

// start makes a shell on Fyne's test driver that does everything at once, on the
// goroutine of the test.
func start(t *testing.T, e *uitest.Engine) (*Shell, *fakeChat) {
	t.Helper()
	return startIn(t, uitest.App(t), e)
}

// startIn does the same in an app.
func startIn(t *testing.T, a fyne.App, e *uitest.Engine) (*Shell, *fakeChat) {
	t.Helper()
	chat := &fakeChat{object: container.NewCenter(widget.NewLabel("the chat"))}
	inline := uitest.Inline()
	s, err := newShell(Options{Engine: e, App: a, Chat: func(Host) ChatPage { return chat }, Version: "1", Home: "/h"}, inline.Do, inline.Go)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cancel()
		s.running.Wait()
	})
	if chat.shown != 0 {
		t.Error("the page works before the first frame")
	}
	s.wake()
	return s, chat
}

func TestPagesAreMadeWhenTheyAreShown(t *testing.T) {
	e := uitest.NewEngine()
	s, chat := start(t, e)
	if s.places[placeServers].page != nil || s.places[placeSettings].page != nil {
		t.Error("a page is made before anybody wants it")
	}
	uitest.Shows(t, s.window, "the chat")
	s.setServers(e.Views)
	if len(chat.views) != 1 {
		t.Error("the chat does not hear of the servers")
	}
	test.Tap(s.places[placeServers].item)
	uitest.Shows(t, s.window, "workbench", "Built in · ready")
	if chat.hidden != 1 {
		t.Error("the chat was not told that it is hidden")
	}
	test.Tap(s.places[placeSettings].item)
	uitest.Shows(t, s.window, "Settings", "Rehearsal (no AI)")
	s.newChat()
	if chat.begun != 1 || chat.shown != 2 {
		t.Errorf("begun %d, shown %d", chat.begun, chat.shown)
	}
}

func TestTheEngineIsOpenedBesideTheWindow(t *testing.T) {
	e := uitest.NewEngine()
	inline := uitest.Inline()
	made := false
	s, err := newShell(Options{
		App:  uitest.App(t),
		Open: func() (Engine, error) { made = true; return e, nil },
		Chat: func(Host) ChatPage {
			if !made {
				t.Error("the page is made before the engine")
			}
			return &fakeChat{object: widget.NewLabel("the chat")}
		},
	}, inline.Do, inline.Go)
	if err != nil {
		t.Fatal(err)
	}
	defer s.cancel()
	uitest.Shows(t, s.window, "the chat")

	broken := errors.New("the database is damaged")
	_, err = newShell(Options{
		App:  uitest.App(t),
		Open: func() (Engine, error) { return nil, broken },
		Chat: func(Host) ChatPage { t.Error("a page is made without an engine"); return nil },
	}, inline.Do, inline.Go)
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a shell without an engine was made")
	}
}

func TestTheRailSaysThatAServerWantsALook(t *testing.T) {
	e := uitest.NewEngine()
	s, _ := start(t, e)
	item := s.places[placeServers].item
	s.setServers([]bridge.ServerView{uitest.Workbench(), uitest.Stdio("git", mcphost.Held, "uvx")})
	if !item.alert {
		t.Error("nothing says that a server is held")
	}
	s.setServers([]bridge.ServerView{uitest.Workbench()})
	if item.alert {
		t.Error("the mark stays when nothing waits")
	}
}

func TestThePumpBringsEachState(t *testing.T) {
	e := uitest.NewEngine()
	s, chat := start(t, e)
	queue := make(chan func())
	s.post = func(f func()) {
		select {
		case queue <- f:
		case <-s.ctx.Done():
		}
	}
	s.running.Go(s.pump)
	wait := func(want int) {
		t.Helper()
		for deadline := time.After(time.Minute); len(chat.views) != want; {
			select {
			case f := <-queue:
				f()
			case <-deadline:
				t.Fatalf("the page never heard of %d servers", want)
			}
		}
	}
	wait(1)
	e.SetViews(uitest.Workbench(), uitest.Stdio("git", mcphost.Ready, "uvx"))
	wait(2)
	s.hidden = true
	e.SetViews(uitest.Workbench())
	select {
	case f := <-queue:
		f()
	case <-time.After(time.Minute):
		t.Fatal("the pump stopped")
	}
	if len(chat.views) != 2 || len(s.views) != 1 {
		t.Errorf("hidden, the page was told of %d servers, and %d are known", len(chat.views), len(s.views))
	}
	s.show()
	if len(chat.views) != 1 {
		t.Error("shown again, the page does not hear what it missed")
	}
}

func TestClosingWithoutATrayQuits(t *testing.T) {
	e := uitest.NewEngine()
	s, _ := start(t, e)
	s.closing()
	if s.hidden || s.window.Canvas().Overlays().Top() != nil {
		t.Error("a window that nothing can bring back hides")
	}
}

func TestClosingSaysOnceThatItHides(t *testing.T) {
	e := uitest.NewEngine()
	s, chat := start(t, e)
	s.tray.owned.Store(true)
	s.closing()
	uitest.Shows(t, s.window, "Drawbridge stays in the tray")
	s.closing()
	if n := len(s.window.Canvas().Overlays().List()); n != 1 {
		t.Errorf("%d sheets say it", n)
	}
	uitest.Tap(t, s.window, "Close to tray")
	if !s.hidden || chat.hidden != 1 || !e.Settings().Window.SaidItHides {
		t.Errorf("hidden %t, page hidden %d, said %t", s.hidden, chat.hidden, e.Settings().Window.SaidItHides)
	}
	s.show()
	if s.hidden || chat.shown != 2 {
		t.Error("it does not come back")
	}
	s.closing()
	if !s.hidden || s.window.Canvas().Overlays().Top() != nil {
		t.Error("the second time it does not just hide")
	}
	s.trayLost()
	if s.hidden {
		t.Error("without the tray nothing brings the window back")
	}
}

func TestTheSizeIsRemembered(t *testing.T) {
	e := uitest.NewEngine()
	e.Keep.Window.Width, e.Keep.Window.Height = 900, 700
	s, _ := start(t, e)
	if s.size.Width != 900 || s.size.Height != 700 {
		t.Errorf("the window begins at %v", s.size)
	}
	s.window.Resize(fyne.NewSize(1000, 800))
	if err := s.remember(); err != nil {
		t.Fatal(err)
	}
	if got := e.Settings().Window; got.Width != 1000 || got.Height != 800 {
		t.Errorf("remembered %v", got)
	}
	if got := startSize(store.WindowSettings{Width: 10, Height: 10}); got != leastSize {
		t.Errorf("a tiny window comes back as %v", got)
	}
}

func TestWelcomeImportsOnlyWhatIsChosenAndStartsNothing(t *testing.T) {
	e := uitest.NewEngine()
	e.Local = []store.ProviderConfig{{ID: "ollama", Name: "Ollama", Kind: store.ProviderChat, BaseURL: "http://localhost:11434/v1", NoKey: true}}
	e.Found = []bridge.Import{e.Offer("Claude Desktop", "/home/you/claude.json",
		setup.Draft{Config: store.ServerConfig{ID: "git", Name: "git", Transport: store.TransportStdio, Command: "uvx", Args: []string{"mcp-server-git", "--flag with space"}}},
		setup.Draft{Config: store.ServerConfig{ID: "bad", Name: "bad", Transport: store.TransportStdio, Command: "rm"}},
	)}
	s, _ := start(t, e)
	s.welcomePerson()
	uitest.Shows(t, s.window, "Welcome to Drawbridge", "1 of 3", "It works at once")
	uitest.Tap(t, s.window, "Next")
	uitest.Shows(t, s.window, "2 of 3", "Ollama at http://localhost:11434/v1")
	uitest.Tap(t, s.window, "Use and go on")
	uitest.Shows(t, s.window, "3 of 3", "uvx mcp-server-git '--flag with space'")
	bad := uitest.Find(t, s.window, func(c *form.Check) bool { return c.Text == "bad" })
	test.Tap(bad)
	uitest.Tap(t, s.window, "Import")
	for _, call := range e.Did() {
		if strings.HasPrefix(call, "add ") && (!strings.HasPrefix(call, "add git uvx") || !strings.HasSuffix(call, "approve=false")) {
			t.Errorf("asked for %q", call)
		}
	}
	if !e.Settings().Window.Welcomed {
		t.Error("the welcome will come again")
	}
	if s.current != placeServers {
		t.Error("the servers that wait for a review are not shown")
	}
}

// TestWelcomeTakesWhatIsPasted keeps a pasted server, which waits for its review.
func TestWelcomeTakesWhatIsPasted(t *testing.T) {
	e := uitest.NewEngine()
	s, _ := start(t, e)
	s.welcomePerson()
	uitest.Tap(t, s.window, "Next")
	uitest.Tap(t, s.window, "Next")
	uitest.Fill(t, s.window, "Or paste one", "{")
	uitest.Tap(t, s.window, "Import")
	uitest.Shows(t, s.window, "3 of 3")
	uitest.Fill(t, s.window, "Or paste one", "npx -y @scope/some-mcp --root x")
	uitest.Tap(t, s.window, "Import")
	if !strings.Contains(strings.Join(e.Did(), "\n"), "npx") || s.current != placeServers {
		t.Errorf("asked for %q:\n%s", e.Did(), uitest.Texts(s.window))
	}
}

func TestWelcomeCanBeSkipped(t *testing.T) {
	e := uitest.NewEngine()
	s, _ := start(t, e)
	s.welcomePerson()
	uitest.Tap(t, s.window, "Skip")
	if !e.Settings().Window.Welcomed || s.window.Canvas().Overlays().Top() != nil || s.current != placeChat {
		t.Error("the welcome did not end")
	}
	for _, call := range e.Did() {
		if call != "settings" && call != "imports" {
			t.Errorf("asked for %q", call)
		}
	}
}

// TestDump looks at a window through the socket, as the end-to-end test does.
func TestDump(t *testing.T) {
	e := uitest.NewEngine()
	s, _ := start(t, e)
	secret := form.NewSecretEntry("Key", "type it")
	secret.SetText("canary-secret")
	revealed := widget.NewPasswordEntry()
	revealed.SetText("canary-revealed")
	revealed.Password = false
	plain := form.NewEntry("Name", "")
	plain.SetText("plain text")
	check := widget.NewCheck("Checked", nil)
	check.SetChecked(true)
	gone := widget.NewLabel("hidden away")
	gone.Hide()
	off := form.NewAction("Off", widget.MediumImportance, nil)
	off.Disable()
	var rows []fyne.CanvasObject
	for i := range 60 {
		rows = append(rows, widget.NewLabel(strings.Repeat("row ", i%3)+string(rune('A'+i%26))))
	}
	rows = append(rows, widget.NewLabel("the last row"))
	top := container.NewVBox(secret, revealed, plain, check, gone, off, widget.NewSelect([]string{"one"}, nil))
	s.window.SetContent(container.NewBorder(top, nil, nil, nil, container.NewVScroll(container.NewVBox(rows...))))
	s.window.Resize(fyne.NewSize(500, 500))
	s.window.Canvas().Focus(plain)
	sheet := form.NewSheet(s.window, "A sheet", form.Label("in the sheet"))
	sheet.Show()

	doc := readDump(t, s)
	if len(doc.Windows) != 1 || doc.Windows[0].Title != "Drawbridge" || doc.Windows[0].W != 500 {
		t.Fatalf("windows %+v", doc.Windows)
	}
	nodes := doc.Windows[0].Nodes
	all, err := json.Marshal(nodes)
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{"canary", "hidden away"} {
		if strings.Contains(string(all), no) {
			t.Errorf("the dump tells %q", no)
		}
	}
	find := func(text string) dumpNode {
		t.Helper()
		for _, n := range nodes {
			if n.Text == text || n.Label == text {
				return n
			}
		}
		t.Fatalf("the dump has no %q", text)
		return dumpNode{}
	}
	if n := find("Key"); n.Type != "*form.Entry" || n.W < 100 {
		t.Errorf("the secret field is %+v", n)
	}
	if n := find("plain text"); n.Label != "Name" {
		t.Errorf("the entry is %+v", n)
	}
	if !find("Checked").Checked || !find("Off").Disabled {
		t.Error("states are missing")
	}
	if n := find("the last row"); n.Visible {
		t.Errorf("a row that is scrolled out is visible: %+v", n)
	}
	if n := find("in the sheet"); n.Layer != 1 || !n.Visible {
		t.Errorf("the sheet is %+v", n)
	}
	if last := nodes[len(nodes)-1]; last.Layer != 1 {
		t.Error("what lies on top is not last")
	}
	for _, n := range nodes {
		if n.Visible && (n.X < 0 || n.Y < 0 || n.X+n.W > 501 || n.Y+n.H > 501) {
			t.Errorf("%+v is visible outside of the window", n)
		}
	}
}

// readDump reads one document from a dump socket.
func readDump(t *testing.T, s *Shell) dumpDoc {
	t.Helper()
	dir, err := os.MkdirTemp("", "dump")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- serveDump(ctx, path, func(f func()) { f() }, func() []fyne.Window { return []fyne.Window{s.window} }, slog.New(slog.DiscardHandler))
	}()
	var conn net.Conn
	for deadline := time.Now().Add(time.Minute); conn == nil; {
		if conn, err = net.Dial("unix", path); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has the mode %v (%v)", info.Mode(), err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	var doc dumpDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	return doc
}

func TestErrorWindow(t *testing.T) {
	w := uitest.Window(t, theme.Light, fyne.NewSize(560, 260))
	closed := false
	w.SetContent(errorContent(errors.New("the database was written by a newer version; install that version (written by a newer version)"), fyne.CurrentApp().Clipboard(), func() { closed = true }))
	uitest.Shows(t, w, "Drawbridge cannot start", "The database was written by a newer version; install that version.")
	uitest.Tap(t, w, "Copy")
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.HasPrefix(got, "The database") {
		t.Errorf("copied %q", got)
	}
	uitest.Tap(t, w, "Quit")
	if !closed {
		t.Error("it does not close")
	}
}

func TestGallery(t *testing.T) {
	size := fyne.NewSize(1100, 720)
	uitest.Pictures(t,
		uitest.Picture{Name: "welcome", Size: size, Narrow: leastSize, Build: func(w fyne.Window) { galleryWelcome(t, w, stepWhat, "") }},
		uitest.Picture{Name: "models", Size: size, Narrow: leastSize, Build: func(w fyne.Window) { galleryWelcome(t, w, stepModels, "") }},
		uitest.Picture{Name: "import", Size: size, Narrow: leastSize, Build: func(w fyne.Window) { galleryWelcome(t, w, stepServers, "") }},
		uitest.Picture{Name: "import-paste", Size: size, Narrow: leastSize, Build: func(w fyne.Window) {
			galleryWelcome(t, w, stepServers, "npx -y @modelcontextprotocol/server-everything")
		}},
		uitest.Picture{Name: "no-start", Size: fyne.NewSize(560, 260), Narrow: fyne.NewSize(400, 260), Build: func(w fyne.Window) {
			w.SetContent(errorContent(errors.New("another Drawbridge owns this folder, and does not answer; end it, then start again"), nil, nil))
		}})
}

// galleryWelcome shows a step of the first start. With something that is pasted
// there are no servers of other apps.
func galleryWelcome(t *testing.T, w fyne.Window, step int, pasted string) {
	t.Helper()
	e := uitest.NewEngine()
	e.Local = []store.ProviderConfig{{ID: "ollama", Name: "Ollama", Kind: store.ProviderChat, BaseURL: "http://localhost:11434/v1", NoKey: true}}
	e.Found = []bridge.Import{e.Offer("Claude Desktop", "/home/you/.config/Claude/claude_desktop_config.json",
		setup.Draft{Config: store.ServerConfig{ID: "git", Name: "git", Transport: store.TransportStdio, Command: "uvx", Args: []string{"mcp-server-git"}}, Notes: []string{"GITHUB_TOKEN looks like a secret; its value goes into the keychain."}},
	)}
	if pasted != "" {
		e.Found = nil
	}
	size := w.Canvas().Size()
	w.SetContent(widget.NewLabel(""))
	w.Resize(size)
	x := &welcome{engine: e, runner: uitest.Inline(), busy: form.NewBusy(), using: map[string]bool{}, done: func(place) {}, openSettings: func() {}, step: step}
	x.sheet = form.NewSheet(w, "", nil)
	x.sheet.SetSize(620, 520)
	x.start()
	if pasted != "" {
		uitest.Fill(t, w, "Or paste one", pasted)
	}
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }
