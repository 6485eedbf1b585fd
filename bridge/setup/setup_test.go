package setup_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestParseShapes(t *testing.T) {
	for name, text := range map[string]string{
		"mcpServers":  `{"mcpServers": {"files": {"command": "npx", "args": ["-y", "pkg"]}}}`,
		"servers":     `{"servers": {"files": {"type": "stdio", "command": "npx", "args": ["-y", "pkg"]}}}`,
		"inner":       `{"files": {"command": "npx", "args": ["-y", "pkg"]}}`,
		"single":      `{"name": "files", "command": "npx", "args": ["-y", "pkg"]}`,
		"no braces":   `"files": {"command": "npx", "args": ["-y", "pkg"]}`,
		"comments":    "{ // mine\n \"mcpServers\": {\"files\": {\"command\": \"npx\", \"args\": [\"-y\", \"pkg\",],},},}",
		"fenced":      "```json\n{\"mcpServers\": {\"files\": {\"command\": \"npx\", \"args\": [\"-y\", \"pkg\"]}}}\n```",
		"byte mark":   "\xef\xbb\xbf{\"mcpServers\": {\"files\": {\"command\": \"npx\", \"args\": [\"-y\", \"pkg\"]}}}",
		"nested mcp":  `{"mcp": {"servers": {"files": {"command": "npx", "args": ["-y", "pkg"]}}}}`,
		"one line":    `{"mcpServers": {"files": {"command": "npx -y pkg"}}}`,
		"beside else": `{"theme": "dark", "mcpServers": {"files": {"command": "npx", "args": ["-y", "pkg"]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			drafts, problems, err := setup.Parse([]byte(text))
			if err != nil || len(problems) > 0 || len(drafts) != 1 {
				t.Fatalf("got %v, %v, %v", drafts, problems, err)
			}
			c := drafts[0].Config
			if c.Name != "files" || c.Command != "npx" || strings.Join(c.Args, " ") != "-y pkg" || c.Transport != store.TransportStdio {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestParseMovesSecretsOut(t *testing.T) {
	drafts, _, err := setup.Parse([]byte(`{"mcpServers": {
		"gh": {"command": "gh-mcp", "env": {"GITHUB_TOKEN": "ghp_abcdefghijklmnopqrst", "LOG_LEVEL": "debug", "TOKEN_URL": "https://x.example"}},
		"web": {"url": "https://mcp.example/mcp", "headers": {"Authorization": "Bearer abcdef", "X-Trace": "1"}}
	}}`))
	if err != nil || len(drafts) != 2 {
		t.Fatalf("got %v, %v", drafts, err)
	}
	gh, web := drafts[0], drafts[1]
	ref := store.ServerSecret("gh", "env", "GITHUB_TOKEN")
	if gh.Config.Env["GITHUB_TOKEN"] != store.RefTo(ref) || gh.Secrets[ref].Reveal() != "ghp_abcdefghijklmnopqrst" {
		t.Errorf("the token was not moved: %+v", gh)
	}
	if gh.Config.Env["LOG_LEVEL"] != "debug" || gh.Config.Env["TOKEN_URL"] != "https://x.example" {
		t.Errorf("plain values were moved: %+v", gh.Config.Env)
	}
	ref = store.ServerSecret("web", "header", "Authorization")
	if web.Config.Headers["Authorization"] != store.RefTo(ref) || web.Secrets[ref].Reveal() != "Bearer abcdef" || web.Config.Headers["X-Trace"] != "1" {
		t.Errorf("the header was not moved: %+v", web)
	}

	renamed := gh.Rename("gh-2")
	ref = store.ServerSecret("gh-2", "env", "GITHUB_TOKEN")
	if renamed.Config.Env["GITHUB_TOKEN"] != store.RefTo(ref) || renamed.Secrets[ref].Reveal() != "ghp_abcdefghijklmnopqrst" || len(renamed.Secrets) != 1 {
		t.Errorf("renaming lost the token: %+v", renamed)
	}
	if gh.Config.Name != "gh" || gh.Config.Env["GITHUB_TOKEN"] == renamed.Config.Env["GITHUB_TOKEN"] {
		t.Error("renaming changed the draft it was made of")
	}
}

func TestParseNeverWaivesQuestions(t *testing.T) {
	drafts, _, err := setup.Parse([]byte(`{"mcpServers": {"a": {"command": "x", "autoApprove": ["*"], "trust": true, "alwaysAllow": ["y"]}}}`))
	if err != nil || len(drafts) != 1 {
		t.Fatalf("got %v, %v", drafts, err)
	}
	if notes := strings.Join(drafts[0].Notes, "\n"); strings.Count(notes, "was left out") != 3 {
		t.Errorf("the waivers are not noted: %q", notes)
	}
}

func TestParseOldTransport(t *testing.T) {
	for _, key := range []string{"type", "transport"} {
		drafts, problems, err := setup.Parse([]byte(`{"mcpServers": {"a": {"` + key + `": "sse", "url": "https://a.example/sse"}}}`))
		if err != nil || len(drafts) != 1 || drafts[0].Config.Transport != store.TransportSSE || drafts[0].Config.URL != "https://a.example/sse" {
			t.Errorf("%s: got %v, %v, %v", key, drafts, problems, err)
		}
	}
}

func TestParseKeepsGoodBesideBad(t *testing.T) {
	drafts, problems, err := setup.Parse([]byte(`{"mcpServers": {
		"good": {"command": "x"},
		"nothing": {},
		"both": {"command": "x", "url": "https://a.example"},
		"args": {"command": "x", "args": "not a list"},
		"env": {"command": "x", "env": {"A B": "1"}},
		"url": {"url": "file:///etc/passwd"},
		"thief": {"command": "x", "env": {"K": "${secret:provider/openai/key}"}}
	}}`))
	if err != nil || len(drafts) != 1 || drafts[0].Config.Name != "good" {
		t.Fatalf("got %v, %v", drafts, err)
	}
	if len(problems) != 6 {
		t.Errorf("got %d problems: %q", len(problems), problems)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":      "",
		"prose":        "run npx -y pkg",
		"cut short":    `{"mcpServers": {"a": {"command"`,
		"list":         `[1, 2]`,
		"no servers":   `{"theme": "dark"}`,
		"empty object": `{}`,
		"wrong inner":  `{"mcpServers": 5}`,
		"too long":     `{"mcpServers": {"a": {"command": "` + strings.Repeat("x", 5<<20) + `"}}}`,
	} {
		if drafts, problems, err := setup.Parse([]byte(text)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: got %v, %v, %v", name, drafts, problems, err)
		}
	}
}

func TestFindIsQuietWithoutServers(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	places := setup.Places{GOOS: "linux", Home: home}
	if found := setup.Find(places); len(found) > 0 {
		t.Fatalf("found something in an empty home: %v", found)
	}
	if found := setup.Find(setup.Places{}); len(found) > 0 {
		t.Fatalf("found something without a home: %v", found)
	}
	path := filepath.Join(home, ".config", "Claude", "claude_desktop_config.json")
	write := func(text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{`{"globalShortcut": ""}`, `{"mcpServers": {}}`, ``} {
		write(text)
		if found := setup.Find(places); len(found) > 0 {
			t.Errorf("%q is offered: %v", text, found)
		}
	}
	for _, text := range []string{`{"mcpServers": {`, `{"mcpServers": 5}`, `{"mcpServers": {"a": {}}}`} {
		write(text)
		if found := setup.Find(places); len(found) != 1 || len(found[0].Problems) != 1 || len(found[0].Drafts) != 0 {
			t.Errorf("%q: nobody hears of it: %v", text, found)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if found := setup.Find(places); len(found) != 1 || len(found[0].Problems) != 1 {
		t.Errorf("a folder in its place: %v", found)
	}
	if found := setup.Find(places, "cursor"); len(found) > 0 {
		t.Errorf("another app's file was read: %v", found)
	}
}

func TestPlacesOfEachSystem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ goos, path, id string }{
		{"darwin", "Library/Application Support/Claude/claude_desktop_config.json", "claude-desktop"},
		{"darwin", "Library/Application Support/Code/User/mcp.json", "vscode"},
		{"darwin", ".config/zed/settings.json", "zed"},
		{"darwin", ".config/goose/config.yaml", "goose"},
		{"windows", "AppData/Roaming/Claude/claude_desktop_config.json", "claude-desktop"},
		{"windows", "AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json", "claude-desktop"},
		{"windows", "AppData/Roaming/Code/User/mcp.json", "vscode"},
		{"windows", "AppData/Roaming/Zed/settings.json", "zed"},
		{"windows", "AppData/Roaming/Block/goose/config/config.yaml", "goose"},
		{"linux", ".config/claude/claude_desktop_config.json", "claude-desktop"},
		{"linux", ".cache/lm-studio/mcp.json", "lmstudio"},
		{"linux", ".gemini/settings.json", "gemini"},
	} {
		home := t.TempDir()
		path := filepath.Join(home, filepath.FromSlash(tt.path))
		text := `{"mcpServers": {"a": {"command": "x"}}}`
		switch tt.id {
		case "zed":
			text = `{"context_servers": {"a": {"command": "x"}}}`
		case "goose":
			text = "extensions: {a: {type: stdio, cmd: x}}"
		case "vscode":
			text = `{"servers": {"a": {"command": "x"}}}`
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found := setup.Find(setup.Places{GOOS: tt.goos, Home: home})
		if len(found) != 1 || found[0].ID != tt.id || len(found[0].Drafts) != 1 {
			t.Errorf("%s on %s: %v", tt.path, tt.goos, found)
		}
	}
}

func TestForMovesEverySecret(t *testing.T) {
	t.Parallel()
	drafts, _, err := setup.Parse([]byte(`{"mcpServers": {"a": {"url": "https://a.example/mcp", "headers": {"X-Api-Key": "v1"}, "auth_type": "oauth2", "client_id": "c", "client_secret": "os.environ/SECRET", "authorization_url": "https://a.example/a", "token_url": "https://a.example/t"}}}`))
	if err != nil || len(drafts) != 1 || len(drafts[0].Fields) != 1 {
		t.Fatalf("got %v, %v", drafts, err)
	}
	full, err := drafts[0].Fill(map[string][]string{"client_secret": {"v2"}})
	if err != nil {
		t.Fatal(err)
	}
	moved := full.For("id", "name")
	for ref, want := range map[store.SecretRef]string{store.ServerSecret("id", "header", "X-Api-Key"): "v1", store.ServerSecret("id", "auth", "secret"): "v2"} {
		if moved.Secrets[ref].Reveal() != want {
			t.Errorf("%s was not moved", ref)
		}
	}
	if refs := moved.Config.Refs(); len(refs) != 2 || len(moved.Secrets) != 2 || moved.Config.Validate() != nil {
		t.Errorf("got %v, %v", refs, moved.Config.Validate())
	}
}

func TestSplit(t *testing.T) {
	words, err := setup.Split(`npx -y "a b" 'c d' e\ f $HOME`)
	if err != nil || strings.Join(words, "|") != "npx|-y|a b|c d|e f|$HOME" {
		t.Errorf("got %q, %v", words, err)
	}
	if _, err := setup.Split(`npx "open`); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"mcpServers": {"files": {"command": "npx", "args": ["-y"], "env": {"API_KEY": "x"}}}}`))
	f.Add([]byte("```json\n{\"servers\": {}}\n```"))
	f.Add([]byte(`"a": {"url": "http://x", "headers": {"Authorization": "y"}}`))
	for _, pattern := range []string{"testdata/texts/*.json", "testdata/texts/*.yaml", "testdata/home/.*/*", "testdata/home/.*/*/*", "testdata/home/.*/*/*/*", "testdata/home/.claude.json"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			if text, err := setup.ReadFile(path); err == nil {
				f.Add(text)
			}
		}
	}
	f.Add([]byte("cursor://anysphere.cursor-deeplink/mcp/install?name=a&config=eyJjb21tYW5kIjoibnB4In0="))
	f.Add([]byte("vscode:mcp/install?%7B%22name%22%3A%22a%22%2C%22command%22%3A%22npx%22%7D"))
	f.Add([]byte("goose://extension?cmd=npx&arg=-y&env=A%3Db&name=n"))
	here := []store.ServerConfig{{ID: "files", Name: "files", Transport: store.TransportStdio, Command: "npx"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, app := range append(setup.Apps(), "") {
			drafts, _, err := setup.Reader{App: app}.Parse(text)
			if err != nil {
				if !errors.Is(err, store.ErrInvalid) {
					t.Errorf("the error is of no kind: %v", err)
				}
				continue
			}
			names := map[string]bool{}
			for _, d := range drafts {
				setup.Compare(d, here)
				if names[d.Config.Name] {
					t.Errorf("two are called %q", d.Config.Name)
				}
				names[d.Config.Name] = true
				for _, ref := range d.Config.Refs() {
					if _, ok := d.Secrets[ref]; !ok || !ref.MayUse(d.Config.ID) {
						t.Errorf("%q refers to %q, which the text did not give", d.Config.Name, ref)
					}
				}
				values := map[string][]string{}
				for _, f := range d.Fields {
					values[f.Key] = []string{"/x"}
					if len(f.Options) > 0 {
						values[f.Key] = f.Options[:1]
					}
				}
				full, err := d.Fill(values)
				if err != nil {
					if len(d.Fields) == 0 {
						t.Errorf("a draft does not hold its own rules: %v", err)
					}
					continue
				}
				if err := full.Validate(); err != nil {
					t.Errorf("a draft does not hold its own rules: %v", err)
				}
			}
		}
	})
}
