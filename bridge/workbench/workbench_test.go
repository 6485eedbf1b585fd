package workbench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// bench is a server over a folder tree: home/granted is granted, home/.ssh and
// home/app are not read.
type bench struct {
	t       *testing.T
	home    string
	granted string
	app     string
	server  *Server
	session *mcp.ClientSession
}

func newBench(t *testing.T, folders ...string) *bench {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, home: home, granted: filepath.Join(home, "granted"), app: filepath.Join(home, "app")}
	b.write("granted/hello.txt", "Hello, wörld.\nSecond line.\n")
	b.write("granted/sub/deep/Main.go", "package main\n\nfunc main() {}\n")
	b.write("granted/.ssh/id_project", "KEY")
	b.write("outside/secret.txt", "outside")
	b.write(".ssh/id_ed25519", "PRIVATE")
	b.write(".gnupg/private-keys-v1.d/a.key", "PRIVATE")
	b.write(".local/share/keyrings/login.keyring", "PRIVATE")
	b.write("app/drawbridge.db", "PRIVATE")
	b.write("app/logs/a.log", "PRIVATE")
	s := New(Options{
		Folders: func() []string {
			list := []string{b.granted}
			if folders != nil {
				list = nil
				for _, f := range folders {
					list = append(list, filepath.Join(home, f))
				}
			}
			return list
		},
		Home: b.app,
		Now:  func() time.Time { return time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC) },
	})
	s.user = home
	b.server = s
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, theirs) }()
	b.session, err = mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).
		Connect(ctx, &mcp.IOTransport{Reader: ours, Writer: ours}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.session.Close()
		cancel()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("Serve does not end")
		}
	})
	return b
}

func (b *bench) path(p string) string { return filepath.Join(b.home, filepath.FromSlash(p)) }

func (b *bench) write(p, text string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(p)), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(p), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) call(tool string, args map[string]any) (text string, failed bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := b.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		return err.Error(), true
	}
	for _, c := range r.Content {
		text += c.(*mcp.TextContent).Text
	}
	return text, r.IsError
}

func (b *bench) ok(tool string, args map[string]any) string {
	b.t.Helper()
	text, failed := b.call(tool, args)
	if failed {
		b.t.Fatalf("%s %v: %s", tool, args, text)
	}
	return text
}

func args(kv ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1]
	}
	return m
}

func TestTools(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	list, err := b.session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, tool := range list.Tools {
		got[tool.Name] = true
		a := tool.Annotations
		if !a.ReadOnlyHint || a.DestructiveHint == nil || *a.DestructiveHint || a.OpenWorldHint == nil || *a.OpenWorldHint {
			t.Errorf("%s claims %+v", tool.Name, a)
		}
		schema, err := json.Marshal(tool.InputSchema)
		if err != nil || !strings.Contains(string(schema), `"additionalProperties":false`) || !strings.Contains(string(schema), `"type":"object"`) {
			t.Errorf("%s has the schema %s", tool.Name, schema)
		}
		if len(tool.Description) < 40 {
			t.Errorf("%s is described as %q", tool.Name, tool.Description)
		}
	}
	for _, name := range []string{"time", "list_folders", "list_directory", "read_file", "search_files"} {
		if !got[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if text, failed := b.call("read_file", args("path", "hello.txt", "limit", 0)); !failed {
		t.Errorf("a limit of 0: %s", text)
	}
	if text, failed := b.call("read_file", args("path", "hello.txt", "mode", "w")); !failed {
		t.Errorf("an unknown argument: %s", text)
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for zone, want := range map[string]string{
		"":                   "2026-03-01T12:30:00Z",
		"America/Lima":       "2026-03-01T07:30:00-05:00",
		"Asia/Kathmandu":     "2026-03-01T18:15:00+05:45",
		"Pacific/Kiritimati": "2026-03-02T02:30:00+14:00",
	} {
		a := args()
		if zone != "" {
			a = args("zone", zone)
		}
		if text := b.ok("time", a); !strings.HasPrefix(text, want+"\n") {
			t.Errorf("%s: %s", zone, text)
		}
	}
	for _, zone := range []string{"Lima", "../../etc/passwd", "/etc/passwd", "UTC\x00"} {
		if text, failed := b.call("time", args("zone", zone)); !failed {
			t.Errorf("%q: %s", zone, text)
		}
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	want := "Hello, wörld.\nSecond line.\n"
	for _, p := range []string{"hello.txt", "./hello.txt", "sub/../hello.txt", b.path("granted/hello.txt"), b.path("granted/sub/../hello.txt"), "~/granted/hello.txt"} {
		if text := b.ok("read_file", args("path", p)); text != want {
			t.Errorf("%s: %q", p, text)
		}
	}
	// Pieces are cut between characters, and together are the whole.
	var all strings.Builder
	for offset := int64(0); offset < int64(len(want)); {
		text := b.ok("read_file", args("path", "hello.txt", "offset", offset, "limit", 1))
		piece, note, _ := strings.Cut(text, "\n\n[")
		all.WriteString(piece)
		var from, to, size int64
		if _, err := fmt.Sscanf(note, "bytes %d to %d of %d", &from, &to, &size); err != nil || from != offset || to <= from || size != int64(len(want)) {
			t.Fatalf("%q: %v", text, err)
		}
		offset = to
	}
	if all.String() != want {
		t.Errorf("%q", all.String())
	}
	if text := b.ok("read_file", args("path", "hello.txt", "offset", 9)); !strings.HasPrefix(text, "rld.") { // the middle of ö
		t.Errorf("%q", text)
	}
	if text, failed := b.call("read_file", args("path", "hello.txt", "offset", 1000)); !failed {
		t.Errorf("behind the end: %s", text)
	}
	b.write("granted/empty", "")
	if text := b.ok("read_file", args("path", "empty")); text != "(the file is empty)" {
		t.Errorf("%q", text)
	}
	b.write("granted/image.png", "\x89PNG\r\n\x1a\n\x00\x00")
	if text := b.ok("read_file", args("path", "image.png")); !strings.Contains(text, "image/png") || !strings.Contains(text, "10 bytes") {
		t.Errorf("%q", text)
	}
	b.write("granted/latin1.txt", "caf\xe9 au lait")
	if text := b.ok("read_file", args("path", "latin1.txt")); !strings.Contains(text, "is no text") {
		t.Errorf("%q", text)
	}
	b.write("granted/long.txt", strings.Repeat("0123456789abcde\n", 1<<17)) // 2 MiB
	if text := b.ok("read_file", args("path", "long.txt", "limit", 1<<20)); len(text) > 1<<20+100 || !strings.Contains(text, "go on with offset 1048576]") {
		t.Errorf("%d bytes", len(text))
	}
	if text, failed := b.call("read_file", args("path", "no-such.txt")); !failed || !strings.Contains(text, "there is no no-such.txt") {
		t.Errorf("%s", text)
	}
	if text, failed := b.call("read_file", args("path", "sub")); !failed || !strings.Contains(text, "list_directory") {
		t.Errorf("%s", text)
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if text := b.ok("list_folders", args()); text != b.granted {
		t.Errorf("%q", text)
	}
	for _, p := range []string{".", b.granted, b.granted + string(filepath.Separator)} {
		want := fmt.Sprintf("%s\n  .ssh  (never read)\n  hello.txt  28\n  sub%c\n", b.granted, filepath.Separator)
		if text := b.ok("list_directory", args("path", p)); text != want {
			t.Errorf("%s: %q, not %q", p, text, want)
		}
	}
	if text, failed := b.call("list_directory", args("path", "hello.txt")); !failed || !strings.Contains(text, "read_file") {
		t.Errorf("%s", text)
	}
	for i := range listMax + 5 {
		b.write(fmt.Sprintf("granted/many/%05d", i), "")
	}
	if text := b.ok("list_directory", args("path", "many")); strings.Count(text, "\n") != listMax+2 || !strings.Contains(text, "and more") {
		t.Errorf("%d lines", strings.Count(text, "\n"))
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("granted/sub/notes.md", "The MAIN thing.\nNothing.\nmain again\n")
	b.write("granted/binary", "main\x00")
	main := b.path("granted/sub/deep/Main.go")
	for _, c := range []struct {
		args map[string]any
		want string
	}{
		{args("name", "*.GO"), main},
		{args("name", "main.*", "path", "sub"), main},
		{args("text", "func main"), main + ":3: func main() {}"},
		{args("text", "main", "name", "*.md"), b.path("granted/sub/notes.md") + ":1: The MAIN thing.\n" + b.path("granted/sub/notes.md") + ":3: main again"},
		{args("text", "second", "path", "hello.txt"), b.path("granted/hello.txt") + ":2: Second line."},
		{args("name", "id_*"), "Nothing was found."},
		{args("text", "KEY"), "Nothing was found."},
	} {
		if text := b.ok("search_files", c.args); text != c.want {
			t.Errorf("%v: %q, not %q", c.args, text, c.want)
		}
	}
	if text := b.ok("search_files", args("name", "*", "max_results", 2)); strings.Count(text, "\n") != 2 || !strings.Contains(text, "after 2 results") {
		t.Errorf("%q", text)
	}
	for _, bad := range []map[string]any{args(), args("name", "[a"), args("name", "x", "max_results", 5000)} {
		if text, failed := b.call("search_files", bad); !failed {
			t.Errorf("%v: %s", bad, text)
		}
	}
	b.write("granted/long-line", strings.Repeat("ä", 5000)+"needle"+strings.Repeat("ö", 5000))
	if text := b.ok("search_files", args("text", "needle")); len(text) > 1000 || !strings.Contains(text, "needle") || !strings.HasSuffix(text, "…") {
		t.Errorf("%q", text)
	}
}

func TestSeveralGrants(t *testing.T) {
	t.Parallel()
	b := newBench(t, "granted", "granted/sub", "outside", "gone")
	b.write("outside/hello.txt", "another")
	if text, failed := b.call("read_file", args("path", "hello.txt")); !failed || !strings.Contains(text, b.path("outside/hello.txt")) || !strings.Contains(text, b.path("granted/hello.txt")) {
		t.Errorf("%s", text)
	}
	if text := b.ok("read_file", args("path", b.path("outside/hello.txt"))); text != "another" {
		t.Errorf("%s", text)
	}
	if text := b.ok("read_file", args("path", "deep/Main.go")); !strings.HasPrefix(text, "package main") {
		t.Errorf("%s", text)
	}
	if text := b.ok("list_folders", args()); !strings.Contains(text, "not there or not allowed: "+b.path("gone")) {
		t.Errorf("%s", text)
	}
}

func TestNoGrants(t *testing.T) {
	t.Parallel()
	b := newBench(t, []string{}...)
	_ = b
	none := newBench(t, "gone")
	for tool, a := range map[string]map[string]any{
		"read_file": args("path", "/etc/passwd"), "list_directory": args("path", "."), "search_files": args("name", "*"),
	} {
		if text, failed := none.call(tool, a); !failed || !strings.Contains(text, "no folder has been granted") {
			t.Errorf("%s: %s", tool, text)
		}
	}
}
