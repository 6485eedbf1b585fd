package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

var (
	size = fyne.NewSize(1028, 760)
	noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
)

func put(e *uitest.Engine, w fyne.Window, home string) *Page {
	p := New(Options{
		Engine: e, Window: w, Clipboard: fyne.CurrentApp().Clipboard(), Runner: uitest.Inline(),
		Now: func() time.Time { return noon }, Home: home,
	})
	files := uitest.Stdio("files", mcphost.Ready, "npx")
	files.Server.ID = "f1"
	files.Tools = []tools.Tool{uitest.Tool("f1", "read", ""), uitest.Tool("f1", "write", "")}
	p.SetServers([]bridge.ServerView{files, uitest.Stdio("git", mcphost.Ready, "uvx")})
	w.SetContent(p.Object())
	p.Shown()
	return p
}

func open(t *testing.T, e *uitest.Engine) (*Page, fyne.Window) {
	t.Helper()
	w := uitest.Window(t, theme.Light, size)
	return put(e, w, t.TempDir()), w
}

// some returns records of each kind, the newest first.
func some() []store.AuditRecord {
	shape := json.RawMessage(`{"path":"string","limit":"number"}`)
	return []store.AuditRecord{
		{ID: 9, At: noon.Add(-time.Second), Kind: store.AuditCall, Client: "chat", Conversation: "c1", Server: "f1", Tool: "read", Decision: "allow", Reason: "You always allow it.", ArgumentShape: shape, ResultBytes: 2048, Elapsed: 12 * time.Millisecond},
		{ID: 8, At: noon.Add(-time.Minute), Kind: store.AuditCall, Client: "gateway", Key: "k", Server: "f1", Tool: "write", Decision: "allow", Error: "The tool reported an error.", ArgumentShape: shape, Arguments: json.RawMessage(`{"path":"/etc/x"}`), Elapsed: 340 * time.Microsecond},
		{ID: 7, At: noon.Add(-2 * time.Hour), Kind: store.AuditDecision, Client: "models", Key: "k", Server: "git", Tool: "push\u202e", Decision: "deny", Reason: "The bridge is raised."},
		{ID: 6, At: noon.AddDate(0, 0, -1), Kind: store.AuditApproval, Client: "person", Server: "git", Tool: "status", Decision: "always", Reason: "The tool claims to be read-only."},
		{ID: 5, At: noon.AddDate(0, 0, -3), Kind: store.AuditKey, Client: "person", Decision: "allow", Reason: `The key "cursor" was made.`},
		{ID: 4, At: noon.AddDate(-1, 0, 0), Kind: store.AuditBridge, Client: "window", Decision: "deny", Reason: "The bridge was raised."},
	}
}

func engine() *uitest.Engine {
	e := uitest.NewEngine()
	e.Records = some()
	e.Door.Keys = []store.Key{{ID: "k", Name: "cursor"}}
	return e
}

func choose(t *testing.T, w fyne.Window, name, title string) {
	t.Helper()
	s := uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == name })
	s.SetSelected(title)
	if s.Selected != title {
		t.Fatalf("%s has no %q, but %q", name, title, s.Options)
	}
}

func TestRecordsAreShownAndFound(t *testing.T) {
	e := engine()
	_, w := open(t, e)
	uitest.Shows(t, w, "files · read", "Conversation · ran · 12 ms · 2.0 kB · You always allow it.", "11:59:59",
		"App “cursor” · failed · 340 µs · The tool reported an error.",
		"git · push‹U+202E›", "App asking models “cursor” · refused · The bridge is raised.",
		"You · always allowed", `The key "cursor" was made.`, "You · raised", "30 Apr 12:00", "1 May 2025")
	// Each letter asks.
	search := uitest.Entry(t, w, "Search the audit", 0)
	test.Type(search, "lim")
	uitest.Shows(t, w, "files · read", "files · write")
	uitest.ShowsNot(t, w, "push", "status")
	search.SetText("nothing of that kind")
	uitest.Shows(t, w, "No record fits")
	uitest.Tap(t, w, "Clear filters")
	uitest.Shows(t, w, "git · status")
	for _, c := range []struct{ name, title, in, out string }{
		{"Who", "Other apps: models", "push", "read"},
		{"Who", "Key: cursor", "write", "status"},
		{"Server", "git", "status", "write"},
		{"Outcome", "Failed", "write", "read"},
		{"Outcome", "Refused", "push", "write"},
		{"Outcome", "Answered by you", "status", "push"},
		{"Outcome", "Bridge raised or lowered", "The bridge was raised.", "status"},
		{"Time", "Last hour", "write", "push"},
	} {
		choose(t, w, c.name, c.title)
		uitest.Shows(t, w, c.in)
		uitest.ShowsNot(t, w, " · "+c.out)
		uitest.Tap(t, w, "Export…") // also from what is shown
		uitest.Tap(t, w, "Close")
		w.Canvas().Focus(nil)
		p := uitest.Find(t, w, func(s *form.Select) bool { return s.Name == c.name })
		p.SetSelectedIndex(0)
	}
	choose(t, w, "Server", "files")
	choose(t, w, "Tool", "write")
	uitest.Shows(t, w, "files · write")
	uitest.ShowsNot(t, w, "files · read")
	if got := strings.Join(e.Did(), "\n"); !strings.Contains(got, `audit "" client= server=f1 tool=write`) {
		t.Errorf("asked %s", got)
	}
}

func TestARecordIsOpened(t *testing.T) {
	p, w := open(t, engine())
	p.list.list.Select(1)
	uitest.Shows(t, w, "files · write", "App “cursor”", "The tool reported an error.", "/etc/x", `"limit": "number"`, "340 µs")
	uitest.Tap(t, w, "Copy as JSON")
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.Contains(got, `"id":8,`) {
		t.Errorf("the clipboard has %q", got)
	}
	uitest.Tap(t, w, "Only this tool")
	uitest.Shows(t, w, "files · write")
	uitest.ShowsNot(t, w, "files · read", "status")
	uitest.Button(t, w, "Export…")
	p.filters.reset()
	// By keyboard: down, Return, Escape.
	w.Canvas().Focus(p.list.list)
	p.list.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	p.list.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	p.list.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	uitest.Shows(t, w, "Copy as JSON", "The bridge is raised.")
	w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	uitest.ShowsNot(t, w, "Copy as JSON")
	// One whose server is gone can be filtered for, too.
	p.o.Engine.(*uitest.Engine).Records[0].Server = "gone"
	p.load()
	p.list.list.Select(0)
	uitest.Shows(t, w, "The values are not kept.")
	uitest.Tap(t, w, "Only this tool")
	uitest.Shows(t, w, "gone · read")
	uitest.ShowsNot(t, w, "files · write")
}

func TestOlderAndNewerRecords(t *testing.T) {
	e := uitest.NewEngine()
	for n := 250; n > 0; n-- {
		e.Records = append(e.Records, store.AuditRecord{ID: int64(n), At: noon, Kind: store.AuditCall, Server: "f1", Tool: fmt.Sprintf("tool%d", n)})
	}
	p, w := open(t, e)
	if len(p.records) != pageOf || !p.more {
		t.Fatalf("%d records at first", len(p.records))
	}
	for range 4 {
		p.list.list.ScrollToBottom()
	}
	if len(p.records) != 250 || p.more {
		t.Errorf("%d records after scrolling to the end", len(p.records))
	}
	uitest.Shows(t, w, "tool1\n")
	// Who reads older ones is not torn away.
	e.Records = append([]store.AuditRecord{{ID: 251, At: noon, Kind: store.AuditCall, Server: "f1", Tool: "newest"}}, e.Records...)
	p.grown()
	uitest.ShowsNot(t, w, "newest")
	uitest.Tap(t, w, "Show newer records")
	uitest.Shows(t, w, "newest")
	uitest.ShowsNot(t, w, "Show newer records")
	// Who reads the newest sees them come.
	e.Records = append([]store.AuditRecord{{ID: 252, At: noon, Kind: store.AuditCall, Server: "f1", Tool: "brand-new"}}, e.Records...)
	p.grown()
	uitest.Shows(t, w, "brand-new")
}

func TestEmptyAndErrors(t *testing.T) {
	e := uitest.NewEngine()
	p, w := open(t, e)
	uitest.Shows(t, w, "Nothing has been called, refused or answered yet.")
	uitest.ShowsNot(t, w, "Clear filters")
	e.Err = errors.New("the database is locked by another program")
	p.load()
	uitest.Shows(t, w, "The database is locked by another program.")
	e.Records = some()
	p.load()
	uitest.ShowsNot(t, w, "locked by another")
	uitest.Shows(t, w, "files · read")
}

func TestWhatIsKept(t *testing.T) {
	e := engine()
	_, w := open(t, e)
	uitest.Tap(t, w, "What is kept…")
	test.Tap(uitest.Find(t, w, func(s *form.Switch) bool { return uitest.English(s.Name) == "Keep the values of arguments" }))
	uitest.Fill(t, w, "At most, in megabytes", "much")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Type a whole number of megabytes")
	uitest.Fill(t, w, "At most, in megabytes", "128")
	uitest.Tap(t, w, "Save")
	if e.Keep.AuditMB != 128 || !e.Keep.AuditArguments {
		t.Errorf("kept %+v", e.Keep)
	}
	uitest.Tap(t, w, "What is kept…")
	if got := uitest.Entry(t, w, "At most, in megabytes", 0).Text; got != "128" {
		t.Errorf("the form has %q", got)
	}
	// Less room deletes records, which is asked about.
	uitest.Fill(t, w, "At most, in megabytes", "")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Keep less of the audit?", "This cannot be undone")
	uitest.Tap(t, w, "Cancel")
	if e.Keep.AuditMB != 128 {
		t.Errorf("before the person agreed, %d MB are kept", e.Keep.AuditMB)
	}
	uitest.Tap(t, w, "Save")
	uitest.Tap(t, w, "Keep less")
	if e.Keep.AuditMB != 0 {
		t.Errorf("%d MB are kept", e.Keep.AuditMB)
	}
}

func TestTheAuditIsExported(t *testing.T) {
	e := engine()
	_, w := open(t, e)
	uitest.Tap(t, w, "Export…")
	path := uitest.Entry(t, w, "File", 0)
	if !strings.HasSuffix(path.Text, "drawbridge-audit-2026-05-01-120000.jsonl") {
		t.Errorf("the file proposed is %q", path.Text)
	}
	to := filepath.Join(t.TempDir(), "a.jsonl")
	path.SetText("a.jsonl")
	uitest.Tap(t, w, "Export")
	uitest.Shows(t, w, "Type the whole path")
	path.SetText(to)
	uitest.Tap(t, w, "Export")
	uitest.Shows(t, w, "6 records are in "+to)
	raw, err := os.ReadFile(to)
	if err != nil || strings.Count(string(raw), "\n") != 6 || !strings.Contains(string(raw), `"tool":"write"`) {
		t.Errorf("the file has %q (%v)", raw, err)
	}
	uitest.Tap(t, w, "Export")
	uitest.Shows(t, w, "There is a file of this name already.")
	uitest.Tap(t, w, "Close")

	// What the filters leave, and no half of a file.
	choose(t, w, "Outcome", "Failed")
	uitest.Tap(t, w, "Export…")
	uitest.Fill(t, w, "File", to+"2")
	e.Err = errors.New("the disk is full")
	uitest.Tap(t, w, "Export")
	uitest.Shows(t, w, "The disk is full.")
	if _, err := os.Stat(to + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a file is left: %v", err)
	}
	uitest.Tap(t, w, "Export")
	uitest.Shows(t, w, "1 record is in")
}

func TestGallery(t *testing.T) {
	long := func() *uitest.Engine {
		e := engine()
		e.Records[2].Reason = "Parameters ['limit'] are not allowed for tool read_wiki_contents. Allowed parameters: ['status']. " + strings.Repeat("Say so to whoever set the rules. ", 4)
		e.Records[2].Tool = strings.Repeat("a_tool_with_a_long_name_", 6)
		return e
	}
	uitest.Pictures(t,
		uitest.Picture{Name: "page", Size: size, Build: func(w fyne.Window) { put(long(), w, "/home/you") }},
		uitest.Picture{Name: "empty", Size: fyne.NewSize(1028, 480), Build: func(w fyne.Window) { put(uitest.NewEngine(), w, "/home/you") }},
		uitest.Picture{Name: "record", Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) { put(long(), w, "/home/you").list.list.Select(1) }},
		uitest.Picture{Name: "export", Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			put(long(), w, "/home/you")
			uitest.Tap(t, w, "Export…")
		}},
		uitest.Picture{Name: "kept", Size: size, Narrow: uitest.LeastWindow, Build: func(w fyne.Window) {
			put(long(), w, "/home/you")
			uitest.Tap(t, w, "What is kept…")
		}})
}

// TestPseudo looks through the gallery in a language of longer words.
func TestPseudo(t *testing.T) { uitest.Pseudo(t) }
