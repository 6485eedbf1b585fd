package settings

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

func full() store.Settings {
	return store.Settings{
		Providers: []store.ProviderConfig{
			{ID: "openai", Name: "OpenAI <&>", Kind: store.ProviderResponses, BaseURL: "https://api.openai.com/v1", Headers: map[string]store.Value{"X-Org": "${secret:provider/openai/header/X-Org}"}, Model: "gpt"},
			{ID: "local", Kind: store.ProviderChat, BaseURL: "http://localhost:11434/v1", NoKey: true},
		},
		Model:     store.ModelRef{Provider: "openai", Model: "gpt"},
		Switches:  store.Switches{Off: true}.SetServer("a", true).SetTool("a", "t", false),
		Folders:   []string{"/srv/notes", "/tmp"},
		StepLimit: 7,
		Window:    store.WindowSettings{Width: 1024.5, Height: 768, Theme: "dark", Welcomed: true},
	}
}

func set(s store.Settings) func(*store.Settings) error {
	return func(to *store.Settings) error { *to = s; return nil }
}

func TestSettingsRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := openFiles(t, dir)
	equal(t, "at first", f.Settings(), store.Settings{})
	if err := f.Update(set(full())); err != nil {
		t.Fatal(err)
	}
	equal(t, "in force", f.Settings(), full())
	equal(t, "read again", openFiles(t, dir).Settings(), full())
	file := get(t, filepath.Join(dir, "settings.json"))
	if !strings.HasPrefix(file, "{\n  \"version\": 1,\n  \"providers\": [\n    {\n      \"id\": \"openai\",\n      \"name\": \"OpenAI <&>\",") {
		t.Errorf("the file is\n%s", file)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, error %v", entries, err)
	}
	info, err := os.Stat(filepath.Join(dir, "settings.json"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("rights %v, error %v", info.Mode().Perm(), err)
	}
	f.Settings().Providers[0].Headers["X-Org"] = "changed by a caller"
	f.Settings().Folders[0] = "changed by a caller"
	equal(t, "after a caller's changes", f.Settings(), full())
	if err := f.Update(set(store.Settings{})); err != nil {
		t.Fatal(err)
	}
	same(t, "emptied", get(t, filepath.Join(dir, "settings.json")), "{\n  \"version\": 1\n}\n")
}

func TestSettingsKeepWhatOthersWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "settings.json")
	put(t, path, `{
	// what I like
	"version": 1,
	"future": {"a": [1, 2]}, // of a later version
	"window": {"width": 800, "future": true},
	"providers": [
		// broken on purpose
		{"id": "bad", "type": "pigeon"},
		// at work
		{"id": "work", "type": "chat", "base_url": "https://w.example/v1", "note": "mine"}, // note
		{"id": "home", "type": "chat", "base_url": "https://h.example/v1"},
		17,
	],
	"step_limit": "many", // a mistake
	"folders": ["/a", /* and */ "/b"],
}
`)
	f := openFiles(t, dir)
	p := strings.Join(f.Problems(), "\n")
	for _, want := range []string{"provider 1 of the list", `type "pigeon"`, "provider 4 of the list", `"step_limit"`} {
		if !strings.Contains(p, want) {
			t.Errorf("the problems do not say %s:\n%s", want, p)
		}
	}
	if s := f.Settings(); len(s.Providers) != 2 || s.Window.Width != 800 || s.StepLimit != 0 || len(s.Folders) != 2 {
		t.Fatalf("settings %+v", s)
	}
	err := f.Update(func(s *store.Settings) error {
		s.Window.Width = 900
		s.Providers[0].Model = "m"
		s.Providers[1] = store.ProviderConfig{ID: "new", Kind: store.ProviderRehearsal}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the file", get(t, path), `{
	// what I like
	"version": 1,
	"future": {"a": [1, 2]}, // of a later version
	"window": {"width": 900, "future": true},
	"providers": [
		// broken on purpose
		{"id": "bad", "type": "pigeon"},
		// at work
		{"id": "work", "type": "chat", "base_url": "https://w.example/v1", "note": "mine", "model": "m"}, // note
		17,
		{
			"id": "new",
			"type": "rehearsal"
		},
	],
	"step_limit": "many", // a mistake
	"folders": ["/a", /* and */ "/b"],
}
`)
	err = f.Update(func(s *store.Settings) error {
		s.Window, s.Providers, s.StepLimit = store.WindowSettings{}, nil, 3
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := get(t, path)
	for _, want := range []string{`"window": {"future": true}`, `{"id": "bad", "type": "pigeon"}`, "\t\t17", `"step_limit": 3, // a mistake`} {
		if !strings.Contains(got, want) {
			t.Errorf("the file has no %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, `"work"`) || strings.Contains(got, `"new"`) {
		t.Errorf("removed providers are left:\n%s", got)
	}
	if err := f.Update(func(s *store.Settings) error {
		s.Providers = []store.ProviderConfig{{ID: "bad", Kind: store.ProviderRehearsal}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if s := openFiles(t, dir).Settings(); len(s.Providers) != 1 || s.Providers[0].Kind != store.ProviderRehearsal {
		t.Errorf("a provider with the id of a broken one: %+v", s.Providers)
	}
}

// TestBrokenTwin has a provider that cannot be used beside one of its id.
func TestBrokenTwin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "settings.json")
	file := `{"providers": [{"id": "a", "type": "pigeon"}, {"id": "a", "type": "chat", "base_url": "http://x/v1"}, {"id": "a", "type": "rehearsal"}]}`
	put(t, path, file)
	f := openFiles(t, dir)
	if err := f.Update(func(s *store.Settings) error { s.Providers[0].Model = "m"; return nil }); err != nil {
		t.Fatal(err)
	}
	same(t, "the file", get(t, path), strings.Replace(file, `/v1"`, `/v1", "model": "m"`, 1)+"\n")
	if err := f.Update(func(s *store.Settings) error { s.Providers = nil; return nil }); err == nil {
		if s := openFiles(t, dir).Settings(); len(s.Providers) != 0 {
			t.Errorf("a removed provider came back as %+v", s.Providers)
		}
	} else if !strings.Contains(err.Error(), "mend the entries") {
		t.Errorf("removing one whose twin would take its place: %v", err)
	}
}

func TestSettingsRefuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := openFiles(t, dir)
	if err := f.Update(set(full())); err != nil {
		t.Fatal(err)
	}
	before := get(t, filepath.Join(dir, "settings.json"))
	mine := errors.New("mine")
	for name, tt := range map[string]struct {
		change func(*store.Settings) error
		want   error
	}{
		"a provider without address": {func(s *store.Settings) error { s.Providers[0].BaseURL = ""; return nil }, store.ErrInvalid},
		"two of an id":               {func(s *store.Settings) error { s.Providers[0].ID = "local"; s.Providers[0].Headers = nil; return nil }, store.ErrExists},
		"steps":                      {func(s *store.Settings) error { s.StepLimit = -1; return nil }, store.ErrInvalid},
		"no number":                  {func(s *store.Settings) error { s.Window.Width = float32(math.NaN()); return nil }, store.ErrInvalid},
		"the caller's own":           {func(s *store.Settings) error { s.StepLimit = 1; return mine }, mine},
	} {
		if err := f.Update(tt.change); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	equal(t, "in force", f.Settings(), full())
	same(t, "the file", get(t, filepath.Join(dir, "settings.json")), before)
}

func TestDamagedSettingsAreKeptAside(t *testing.T) {
	t.Parallel()
	whole := "{\n  \"version\": 1,\n  \"step_limit\": 9\n}\n"
	for _, damaged := range []string{
		"", whole[:len(whole)-4], whole[:10], "\x00\x00\x00\x00", "[]", "null", "garbage", whole + whole, "{\"version\": \"x\"}", "{\"version\": 0}",
		`{"step_limit": 1, "step_limit": 2}`, strings.Repeat("[", 1<<20), "{\"a\":\"\xff\"}", "{\"a\": \"" + strings.Repeat("x", maxSize) + "\"}",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "settings.json")
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		aside := path + ".damaged-20260102T030405Z"
		put(t, path, damaged)
		put(t, aside, "an older one")
		put(t, filepath.Join(dir, ".settings.json.new-123"), "left over")
		f, err := openAt(dir, nil, at)
		if err != nil {
			t.Fatal(err)
		}
		head := damaged[:min(len(damaged), 30)]
		if p := f.Problems(); len(p) != 1 || !strings.Contains(p[0], filepath.Base(aside)+"-2") {
			t.Errorf("%q: problems %q", head, p)
		}
		if get(t, aside+"-2") != damaged || get(t, aside) != "an older one" {
			t.Errorf("%q was not kept as it was", head)
		}
		if err := f.Update(func(s *store.Settings) error { s.StepLimit = 4; return nil }); err != nil {
			t.Errorf("%q: %v", head, err)
		}
		again := openFiles(t, dir)
		if len(again.Problems()) != 0 || again.Settings().StepLimit != 4 {
			t.Errorf("%q: at the next start %+v, %q", head, again.Settings(), again.Problems())
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
			t.Errorf("left-over files: %q", left)
		}
	}
}

func TestNewerSettingsAreUntouched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "settings.json")
	newer := `{"version": 2, "step_limit": 9, "providers": {"other": "shape"}}`
	put(t, path, newer)
	f := openFiles(t, dir)
	equal(t, "settings", f.Settings(), store.Settings{})
	if p := f.Problems(); len(p) != 1 || !strings.Contains(p[0], "newer version") {
		t.Errorf("problems %q", p)
	}
	if err := f.Update(func(s *store.Settings) error { s.StepLimit = 1; return nil }); !errors.Is(err, store.ErrNewer) {
		t.Errorf("update: %v", err)
	}
	if err := f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) { return append(l, stdio("x")), nil }); err != nil {
		t.Errorf("the servers are affected: %v", err)
	}
	same(t, "the file", get(t, path), newer)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a file that is gone is looked for twice
		f.mu.Lock()
		f.reload(false)
		f.mu.Unlock()
	}
	if err := f.Update(func(s *store.Settings) error { s.StepLimit = 1; return nil }); err != nil {
		t.Errorf("after the newer file was moved away: %v", err)
	}
}

// TestBrokenServersFile breaks mcp.json while the program runs and before it
// starts: what was good holds, nothing is written, mending it is enough.
func TestBrokenServersFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	f := openFiles(t, dir)
	add := func(f *Files, name string) error {
		return f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) { return append(l, stdio(name)), nil })
	}
	if err := add(f, "one"); err != nil {
		t.Fatal(err)
	}
	good := get(t, path)
	for _, broken := range []string{good[:len(good)/2], "", "{\"mcpServers\": []}", "{\"mcpServers\": {}, \"mcpServers\": {}}"} {
		put(t, path, broken)
		err := add(f, "two")
		if err == nil || !strings.Contains(err.Error(), "mcp.json cannot be used") {
			t.Errorf("%q: update: %v", broken, err)
		}
		if p := f.Problems(); len(p) != 1 || !strings.Contains(p[0], "mend it") {
			t.Errorf("%q: problems %q", broken, p)
		}
		if l := f.Servers(); len(l) != 1 || l[0].Name != "one" {
			t.Errorf("%q: servers %v", broken, l)
		}
		if err := f.Update(func(s *store.Settings) error { s.StepLimit++; return nil }); err != nil {
			t.Errorf("%q: the settings are affected: %v", broken, err)
		}
		started := openFiles(t, dir)
		if err := add(started, "two"); err == nil || len(started.Problems()) != 1 || len(started.Servers()) != 0 {
			t.Errorf("%q at the start: update %v, problems %q, servers %v", broken, err, started.Problems(), started.Servers())
		}
		same(t, "the broken file", get(t, path), broken)
		put(t, path, good)
		if err := add(f, "two"); err != nil || len(f.Problems()) != 0 || len(f.Servers()) != 2 {
			t.Errorf("%q, mended: update %v, problems %q, servers %v", broken, err, f.Problems(), f.Servers())
		}
		if err := f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) { return l[:1], nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProblemsShowNoValues(t *testing.T) {
	t.Parallel()
	const canary = "sk-canary-0123456789"
	for _, s := range []string{
		`{"mcpServers": {"a": {"command": "x", "env": {"K": "` + canary + `"}`,
		`{"mcpServers": {"a": {"command": "x", "env": {"K": "` + canary + "\x01" + `"}}}}`,
		`{"mcpServers": {"a": {"command": "x", "env": {"K": "` + canary + `\x"}}}}`,
		`{"mcpServers": {"a": {"command": "x", "env": {"K": ` + canary + `}}}}`,
		`{"mcpServers": {"a": {"command": "x", "env": ["` + canary + `"]}}}`,
		`{"mcpServers": {"a": {"command": "x", "env": {"K": "` + canary + `", "L": 1}}}}`,
		`{"mcpServers": {"a": {"url": "https://x.org", "headers": {"Authorization": "` + canary + `\n"}}}}`,
	} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "mcp.json"), s)
		p := strings.Join(openFiles(t, dir).Problems(), "\n")
		if p == "" || strings.Contains(p, "canary") {
			t.Errorf("%s: problems %q", s, p)
		}
	}
}

func TestLinkIsFollowed(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	target := filepath.Join(elsewhere, "servers.json")
	put(t, target, `{"mcpServers": {}}`)
	if err := os.Symlink(target, filepath.Join(dir, "mcp.json")); err != nil {
		t.Fatal(err)
	}
	f := openFiles(t, dir)
	if err := f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) { return append(l, stdio("x")), nil }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(get(t, target), `"x"`) {
		t.Errorf("the linked file is %s", get(t, target))
	}
	if info, err := os.Lstat(filepath.Join(dir, "mcp.json")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
}

func TestWriteFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	f := openFiles(t, dir)
	if err := f.Update(func(s *store.Settings) error { s.StepLimit = 3; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	err := f.Update(func(s *store.Settings) error { s.StepLimit = 4; return nil })
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("update without a folder: %v", err)
	}
	if f.Settings().StepLimit != 3 {
		t.Errorf("what could not be written is in force")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(func(s *store.Settings) error { s.StepLimit = 4; return nil }); err != nil || openFiles(t, dir).Settings().StepLimit != 4 {
		t.Errorf("once it can be written again: %v", err)
	}
	if err := f.Update(func(s *store.Settings) error { s.Folders = []string{strings.Repeat("x", maxSize)}; return nil }); err == nil {
		t.Error("a file too large to be read again was written")
	}
}

func TestFolderInTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, n := range []string{"settings.json", "mcp.json"} {
		if err := os.Mkdir(filepath.Join(dir, n), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f := openFiles(t, dir)
	if p := f.Problems(); len(p) != 2 || !strings.Contains(p[0], "no regular file") {
		t.Errorf("problems %q", p)
	}
	if err := f.Update(func(s *store.Settings) error { s.StepLimit = 4; return nil }); err == nil {
		t.Error("update did not fail")
	}
	if _, err := Open(filepath.Join(dir, "mcp.json", "..", "..", filepath.Base(dir), "x", "\x00"), nil); err == nil {
		t.Error("an impossible folder was opened")
	}
}

func TestUpdatesDoNotLoseEachOther(t *testing.T) {
	t.Parallel()
	f := openFiles(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if err := f.Update(func(s *store.Settings) error { s.StepLimit++; return nil }); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			err := f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) {
				return append(l, stdio(fmt.Sprint("s", i))), nil
			})
			if err != nil {
				t.Error(err)
			}
			_, _, _ = f.Settings(), f.Servers(), f.Problems()
		})
	}
	wg.Wait()
	if n, m := f.Settings().StepLimit, len(f.Servers()); n != 10 || m != 10 {
		t.Errorf("%d and %d of 10 are left", n, m)
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	mcp, own := filepath.Join(dir, "mcp.json"), filepath.Join(dir, "settings.json")
	put(t, mcp, `{"mcpServers": {"a": {"command": "x"}}}`)
	synctest.Test(t, func(t *testing.T) {
		f := openFiles(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		var ticks atomic.Int32
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range f.Watch(ctx) {
				ticks.Add(1)
			}
		}()
		look := func(what string, want int) {
			t.Helper()
			time.Sleep(2*lookEvery + lookEvery/2) // of the bubble's clock
			synctest.Wait()
			if got := ticks.Swap(0); int(got) != want {
				t.Errorf("%s: %d ticks, want %d", what, got, want)
			}
		}
		look("nothing", 0)
		put(t, mcp, `{"mcpServers": {"b": {"command": "x"}}}`) // as long as before
		look("an edit", 1)
		info, err := os.Stat(mcp)
		if err != nil {
			t.Fatal(err)
		}
		put(t, mcp, `{"mcpServers": {"c": {"command": "x"}}}`)
		if err := os.Chtimes(mcp, time.Time{}, info.ModTime()); err != nil {
			t.Fatal(err)
		}
		look("an edit within the tick of the file system's clock", 1)
		put(t, mcp, `{"mcpServers": {"b": {"command": "x"}}}`)
		look("back", 1)
		if l := f.Servers(); len(l) != 1 || l[0].Name != "b" {
			t.Errorf("servers %v", l)
		}
		put(t, mcp, `{"mcpServers": {"b": {"command":`)
		look("a mistake", 1)
		if l := f.Servers(); len(l) != 1 || len(f.Problems()) != 1 {
			t.Errorf("servers %v, problems %q", l, f.Problems())
		}
		look("the mistake remains", 0)
		put(t, mcp, `{"mcpServers": {"b": {"command": "x"}}}`)
		look("mended", 1)
		if err := f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) { return append(l, stdio("c")), nil }); err != nil {
			t.Fatal(err)
		}
		look("our own change", 0)
		if err := os.Remove(mcp); err != nil {
			t.Fatal(err)
		}
		look("removed", 1)
		if l := f.Servers(); len(l) != 0 {
			t.Errorf("servers %v", l)
		}
		put(t, own, `{"step_limit": 12}`)
		look("settings", 1)
		if f.Settings().StepLimit != 12 {
			t.Errorf("settings %+v", f.Settings())
		}
		put(t, own, `{"step_limit": 13}`)
		if err := f.Update(func(s *store.Settings) error { s.StepLimit++; return nil }); err != nil || f.Settings().StepLimit != 14 {
			t.Errorf("an update just after an edit: %v, %+v", err, f.Settings())
		}
		look("noticed by Update", 1)
		cancel()
		<-done
		for range f.Watch(ctx) {
			t.Error("a tick after the end")
		}
	})
}

func TestWatchEndsWithTheLoop(t *testing.T) {
	dir := t.TempDir()
	f := openFiles(t, dir)
	put(t, filepath.Join(dir, "settings.json"), `{"step_limit": 12}`)
	synctest.Test(t, func(t *testing.T) {
		for range f.Watch(t.Context()) {
			break
		}
		if f.Settings().StepLimit != 12 {
			t.Errorf("settings %+v", f.Settings())
		}
	})
}
