package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

func openFiles(t *testing.T, dir string) *Files {
	t.Helper()
	f, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func put(t *testing.T, path, s string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n--- got\n%s\n--- want\n%s", what, got, want)
	}
}

func stdio(name string, args ...string) store.ServerConfig {
	return store.ServerConfig{ID: name, Name: name, Transport: store.TransportStdio, Command: "npx", Args: args}
}

func TestServersOfTheEcosystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "mcp.json"), "\ufeff"+`// Mine.
{
  /* shared with the editor */
  "mcpServers": {
    "files": {"command": "npx", "args": ["-y", "pkg", "/tmp"], "env": {"A": "1", "K": "${secret:server/files/env/K}"}, "cwd": "/srv", "disabled": true,},
    "typed": {"type": "stdio", "command": "x", "url": "https://ignored.example"},
    "web": {"url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${secret:tok}"}, "args": null},
    "a": {"type": "http", "url": "https://a.example"},
    "b": {"type": "streamable-http", "url": "https://b.example"},
    "c": {"type": "streamableHttp", "url": "https://c.example"},
    "Renamed": {"command": "y", "drawbridge": {"id": "older", "theirs": 1}},
  },
}
// the end`)
	f := openFiles(t, dir)
	equal(t, "servers", f.Servers(), []store.ServerConfig{
		{
			ID: "files", Name: "files", Transport: store.TransportStdio, Command: "npx", Args: []string{"-y", "pkg", "/tmp"},
			Env: map[string]store.Value{"A": "1", "K": "${secret:server/files/env/K}"}, Dir: "/srv", Disabled: true,
		},
		{ID: "typed", Name: "typed", Transport: store.TransportStdio, Command: "x"},
		{ID: "web", Name: "web", Transport: store.TransportHTTP, URL: "https://example.com/mcp", Headers: map[string]store.Value{"Authorization": "Bearer ${secret:tok}"}},
		{ID: "a", Name: "a", Transport: store.TransportHTTP, URL: "https://a.example"},
		{ID: "b", Name: "b", Transport: store.TransportHTTP, URL: "https://b.example"},
		{ID: "c", Name: "c", Transport: store.TransportHTTP, URL: "https://c.example"},
		{ID: "older", Name: "Renamed", Transport: store.TransportStdio, Command: "y"},
	})
	equal(t, "problems", f.Problems(), []string(nil))
	f.Servers()[0].Args[0] = "changed by a caller"
	if f.Servers()[0].Args[0] != "-y" {
		t.Error("a caller can change the list in force")
	}
}

// TestBadServersAlone has one good entry between bad ones, and changes the good
// one: each bad one is named, and stays in the file as it is.
func TestBadServersAlone(t *testing.T) {
	t.Parallel()
	for entry, reason := range map[string]string{
		`{}`:               `neither a "command" nor a "url"`,
		`{"command": ""}`:  `neither a "command" nor a "url"`,
		`{"args": ["x"]}`:  `neither a "command" nor a "url"`,
		`{"type": "http"}`: "is no address",
		`{"type": "stdio", "url": "https://x.org"}`:                         "the command is missing",
		`{"type": "sse", "url": "x.org"}`:                                   "is no address",
		`{"command": "x", "drawbridge": {"idleMinutes": "5"}}`:              `"idleMinutes" should be a number`,
		`{"command": "x", "drawbridge": {"idleMinutes": 99999}}`:            "minutes without a call",
		`{"url": "https://x.org", "drawbridge": {"certFile": "/a"}}`:        "needs its key",
		`{"url": "https://x.org", "drawbridge": {"caFile": "a.pem"}}`:       "no full path",
		`{"url": "https://x.org", "drawbridge": {"proxy": "x.org:80"}}`:     "is no proxy",
		`{"url": "https://x.org", "drawbridge": {"proxy": "http://a:b@c"}}`: "contains a password",
		`{"type": "pigeon", "command": "x"}`:                                `"pigeon" is not known`,
		`{"type": "builtin", "command": "x"}`:                               `"builtin" is not known`,
		`{"type": 7, "command": "x"}`:                                       `"type" should be a text`,
		`{"command": 7}`:                                                    `"command" should be a text`,
		`{"command": ["npx"]}`:                                              `"command" should be a text`,
		`{"command": "x", "args": "-y"}`:                                    `"args" should be a list`,
		`{"command": "x", "args": [8080]}`:                                  "quotes around numbers",
		`{"command": "x", "env": ["A=1"]}`:                                  `"env" should be an object`,
		`{"command": "x", "env": {"A": 1}}`:                                 "quotes around numbers",
		`{"command": "x", "env": {"A B": "1"}}`:                             "no name for an environment variable",
		`{"command": "x", "env": {"K": "${secret:provider/openai/key}"}}`:   "belongs to something else",
		`{"command": "x", "disabled": "yes"}`:                               "true or false",
		`{"command": "x", "drawbridge": 1}`:                                 `"drawbridge" should be an object`,
		`{"command": "x", "drawbridge": {"id": 1}}`:                         `"id" should be a text`,
		`{"command": "x", "drawbridge": {"id": "good"}}`:                    `that of the server "good"`,
		`{"url": "ftp://x.org"}`:                                            "is no address",
		`{"url": "https://u:p@x.org"}`:                                      "user name or password",
		`{"url": "https://x.org", "headers": {"A": "b\nc"}}`:                "line break",
		`"npx"`: "no object",
		`null`:  "no object",
		`[]`:    "no object",
	} {
		dir := t.TempDir()
		file := fmt.Sprintf(`{"mcpServers": {"good": {"command": "g"}, "bad": %s, "also good": {"command": "h"}}}`, entry)
		put(t, filepath.Join(dir, "mcp.json"), file)
		f := openFiles(t, dir)
		p := f.Problems()
		if len(p) != 1 || !strings.Contains(p[0], `the server "bad"`) || !strings.Contains(p[0], reason) {
			t.Errorf("%s: problems %q, want one with %q", entry, p, reason)
		}
		equal(t, entry, f.Servers(), []store.ServerConfig{
			{ID: "good", Name: "good", Transport: store.TransportStdio, Command: "g"},
			{ID: "also good", Name: "also good", Transport: store.TransportStdio, Command: "h"},
		})
		err := f.UpdateServers(func(list []store.ServerConfig) ([]store.ServerConfig, error) {
			list[0].Command = "changed"
			return append(list, stdio("new")), nil
		})
		if err != nil {
			t.Errorf("%s: %v", entry, err)
		}
		same(t, entry, get(t, filepath.Join(dir, "mcp.json")),
			strings.Replace(strings.Replace(file, `"g"`, `"changed"`, 1), `{"command": "h"}`, `{"command": "h"}, "new": {
      "command": "npx"
    }`, 1)+"\n")
		err = f.UpdateServers(func(list []store.ServerConfig) ([]store.ServerConfig, error) { return append(list, stdio("bad")), nil })
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("%s: adding a server of that name: %v", entry, err)
		}
	}
}

const byHand = `// My servers.
{
    "mcpServers": {
        // for notes
        "notes": { // here
            "command": "notes-server", // from homebrew
            "args": [
                "--vault", // which one
                "main"
            ],
            "timeout": 60,
            "env": {
                "A": "1", // one
                "B": "2"
            }
        },

        /* the web one */
        "web": {
            "type": "streamableHttp",
            "url": "https://example.com/mcp" // public
        }, // after web
        // the last
        "last": {"command": "last"} // at the end
    },
    "inputs": [{"id": "x"}] // of another program
}
`

func TestHandsWorkSurvives(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(l []store.ServerConfig) []store.ServerConfig
		old    []string // pairs of what is replaced in the file
	}{
		{"nothing", func(l []store.ServerConfig) []store.ServerConfig { return l }, nil},
		{"another order", func(l []store.ServerConfig) []store.ServerConfig { l[0], l[2] = l[2], l[0]; return l }, nil},
		{"a value", func(l []store.ServerConfig) []store.ServerConfig { l[0].Env["A"] = "one"; return l }, []string{`"A": "1"`, `"A": "one"`}},
		{"a new value", func(l []store.ServerConfig) []store.ServerConfig { l[0].Env["C"] = "3"; return l }, []string{`"B": "2"`, "\"B\": \"2\",\n                \"C\": \"3\""}},
		{"one value less", func(l []store.ServerConfig) []store.ServerConfig { delete(l[0].Env, "B"); return l }, []string{"\"A\": \"1\", // one\n                \"B\": \"2\"", `"A": "1" // one`}},
		{"arguments", func(l []store.ServerConfig) []store.ServerConfig { l[0].Args = []string{"--vault", "x"}; return l },
			[]string{"[\n                \"--vault\", // which one\n                \"main\"\n            ]", `["--vault", "x"]`}},
		{"no environment", func(l []store.ServerConfig) []store.ServerConfig { l[0].Env = nil; return l },
			[]string{"60,\n            \"env\": {\n                \"A\": \"1\", // one\n                \"B\": \"2\"\n            }\n", "60\n"}},
		{"off", func(l []store.ServerConfig) []store.ServerConfig { l[1].Disabled = true; return l },
			[]string{"mcp\" // public\n", "mcp\", // public\n            \"disabled\": true\n"}},
		{"off on one line", func(l []store.ServerConfig) []store.ServerConfig { l[2].Disabled = true; return l }, []string{`"last"}`, `"last", "disabled": true}`}},
		{"renamed", func(l []store.ServerConfig) []store.ServerConfig { l[2].Name = "first"; return l },
			[]string{`"last": {"command": "last"}`, "\"first\": {\"command\": \"last\", \"drawbridge\": {\n                \"id\": \"last\"\n            }}"}},
		{"swapped names", func(l []store.ServerConfig) []store.ServerConfig {
			l[1].Name, l[2].Name = l[2].Name, l[1].Name
			l[1].ID, l[2].ID = l[1].Name, l[2].Name
			l[1], l[2] = l[2], l[1] // now the names stand for the others' ids
			return l
		}, nil},
		{"by command", func(l []store.ServerConfig) []store.ServerConfig {
			l[1].Transport, l[1].URL, l[1].Command = store.TransportStdio, "", "local"
			return l
		}, []string{"\"type\": \"streamableHttp\",\n            \"url\": \"https://example.com/mcp\" // public", `"command": "local"`}},
		{"by address", func(l []store.ServerConfig) []store.ServerConfig {
			l[2].Transport, l[2].Command, l[2].URL = store.TransportHTTP, "", "https://l.example"
			return l
		}, []string{`{"command": "last"}`, `{"type": "http", "url": "https://l.example"}`}},
		{"added", func(l []store.ServerConfig) []store.ServerConfig {
			c := stdio("new", "-y", "p")
			c.Env = map[string]store.Value{"K": "v"}
			return append(l, c)
		}, []string{`"last"} // at the end`, `"last"}, // at the end
        "new": {
            "command": "npx",
            "args": ["-y", "p"],
            "env": {
                "K": "v"
            }
        }`}},
		{"added in front", func(l []store.ServerConfig) []store.ServerConfig {
			return slices.Insert(l, 0, stdio("new"))
		}, []string{"        // for notes", "        \"new\": {\n            \"command\": \"npx\"\n        },\n        // for notes"}},
		{"added in between", func(l []store.ServerConfig) []store.ServerConfig {
			return slices.Insert(l, 2, stdio("new"))
		}, []string{"}, // after web\n", "}, // after web\n        \"new\": {\n            \"command\": \"npx\"\n        },\n"}},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "mcp.json")
		put(t, path, byHand)
		f := openFiles(t, dir)
		var want []store.ServerConfig
		err := f.UpdateServers(func(list []store.ServerConfig) ([]store.ServerConfig, error) {
			want = tt.change(list)
			return want, nil
		})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		expected := byHand
		for i := 0; i+1 < len(tt.old); i += 2 {
			if !strings.Contains(expected, tt.old[i]) {
				t.Fatalf("%s: the test looks for %s", tt.name, tt.old[i])
			}
			expected = strings.Replace(expected, tt.old[i], tt.old[i+1], 1)
		}
		if tt.name != "swapped names" {
			same(t, tt.name, get(t, path), expected)
		}
		if !sameServers(f.Servers(), want) || !sameServers(openFiles(t, dir).Servers(), want) {
			t.Errorf("%s: servers %+v, want %+v", tt.name, f.Servers(), want)
		}
	}
}

func TestRemovedServers(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string][]int{"first": {1, 2}, "middle": {0, 2}, "last": {0, 1}, "all": {}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "mcp.json")
		put(t, path, byHand)
		f := openFiles(t, dir)
		err := f.UpdateServers(func(list []store.ServerConfig) (out []store.ServerConfig, err error) {
			for _, i := range keep {
				out = append(out, list[i])
			}
			return out, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := get(t, path)
		for i, marks := range [][]string{
			{"// for notes", `"notes"`, "// from homebrew", "// which one", `"timeout"`},
			{"/* the web one */", `"web"`, "// public"},
			{"// the last", `"last"`, "// at the end"},
		} {
			for _, m := range append(marks, "// My servers.", "// of another program") {
				kept := strings.HasSuffix(m, "My servers.") || strings.HasSuffix(m, "another program")
				for _, k := range keep {
					kept = kept || k == i
				}
				if strings.Contains(got, m) != kept {
					t.Errorf("%s removed: %q is there: %v\n%s", name, m, !kept, got)
				}
			}
		}
	}
}

func TestServersRoundTrip(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "home")
	f := openFiles(t, dir)
	list := []store.ServerConfig{
		{
			ID: "id-1", Name: "With \"quotes\" / and ~1 ü\u202e", Transport: store.TransportStdio, Command: `C:\x\y.exe`, Args: []string{"", "-y", "a b", "<&>", "\u2028"},
			Env: map[string]store.Value{"A": "", "B": "${secret:server/id-1/env/B}"}, Dir: "/x", Disabled: true,
		},
		{ID: "w", Name: "w", Transport: store.TransportHTTP, URL: "http://localhost:1/mcp?x=1&y=2", Headers: map[string]store.Value{"X-A": "b"}},
	}
	for i := range list {
		err := f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) { return append(l, list[i]), nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "in force", f.Servers(), list)
	equal(t, "read again", openFiles(t, dir).Servers(), list)
	same(t, "the file", get(t, filepath.Join(dir, "mcp.json")), `{
  "mcpServers": {
    "With \"quotes\" / and ~1 ü`+"\u202e"+`": {
      "command": "C:\\x\\y.exe",
      "args": ["", "-y", "a b", "<&>", "\u2028"],
      "env": {
        "A": "",
        "B": "${secret:server/id-1/env/B}"
      },
      "cwd": "/x",
      "disabled": true,
      "drawbridge": {
        "id": "id-1"
      }
    },
    "w": {
      "type": "http",
      "url": "http://localhost:1/mcp?x=1&y=2",
      "headers": {
        "X-A": "b"
      }
    }
  }
}
`)
	info, err := os.Stat(filepath.Join(dir, "mcp.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("rights %v, error %v", info.Mode().Perm(), err)
	}
	if err := f.UpdateServers(func([]store.ServerConfig) ([]store.ServerConfig, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	same(t, "emptied", get(t, filepath.Join(dir, "mcp.json")), "{\n  \"mcpServers\": {\n  }\n}\n")
}

func TestUpdateServersRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "mcp.json"), byHand)
	f := openFiles(t, dir)
	for name, tt := range map[string]struct {
		add  store.ServerConfig
		want error
	}{
		"name taken": {store.ServerConfig{ID: "n", Name: "web", Transport: store.TransportStdio, Command: "x"}, store.ErrExists},
		"id taken":   {store.ServerConfig{ID: "web", Name: "n", Transport: store.TransportStdio, Command: "x"}, store.ErrExists},
		"no id":      {store.ServerConfig{Name: "n", Transport: store.TransportStdio, Command: "x"}, store.ErrInvalid},
		"no command": {store.ServerConfig{ID: "n", Name: "n", Transport: store.TransportStdio}, store.ErrInvalid},
		"built in":   {store.ServerConfig{ID: "n", Name: "n", Transport: store.TransportBuiltin, Command: "x"}, store.ErrInvalid},
		"no name":    {store.ServerConfig{ID: "n", Transport: store.TransportStdio, Command: "x"}, store.ErrInvalid},
	} {
		err := f.UpdateServers(func(l []store.ServerConfig) ([]store.ServerConfig, error) { return append(l, tt.add), nil })
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mine := errors.New("mine")
	if err := f.UpdateServers(func([]store.ServerConfig) ([]store.ServerConfig, error) { return nil, mine }); !errors.Is(err, mine) {
		t.Errorf("the caller's own error: %v", err)
	}
	same(t, "the file", get(t, filepath.Join(dir, "mcp.json")), byHand)
	if n := len(f.Servers()); n != 3 {
		t.Errorf("%d servers", n)
	}
}

func TestServerOfAnAPI(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := openFiles(t, dir)
	c := store.ServerConfig{ID: "p", Name: "p", Transport: store.TransportOpenAPI, URL: "https://api.example.com/v1",
		Headers: map[string]store.Value{"X-A": "b"}, OpenAPI: &store.OpenAPI{
			Document: "pets.yaml", Digest: strings.Repeat("ab", 32), Tags: []string{"t"}, Methods: []string{"GET"}, Paths: []string{"/a/**"},
			Auth: store.APIAuth{Kind: store.APIAuthClient, In: "query", Name: "k", User: "id", Value: store.RefTo("server/p/auth/value"), TokenURL: "https://l.example/t", Scopes: []string{"s"}},
		}}
	if err := f.UpdateServers(func([]store.ServerConfig) ([]store.ServerConfig, error) { return []store.ServerConfig{c}, nil }); err != nil {
		t.Fatal(err)
	}
	equal(t, "read again", openFiles(t, dir).Servers(), []store.ServerConfig{c})
	put(t, filepath.Join(dir, "mcp.json"), `{"mcpServers":{"p":{"type":"openapi","url":"https://a.example","openapi":{"document":1}},"q":{"type":"openapi","url":"https://a.example"}}}`)
	broken := openFiles(t, dir)
	if len(broken.Servers()) > 0 || len(broken.Problems()) != 2 {
		t.Errorf("%v %v", broken.Servers(), broken.Problems())
	}
}
