package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestNewOnesStandWhereTheyBelong puts a provider and a server into lists that a
// person wrote by hand, at each place: the comments stay with what they are about,
// and the rest of the file is as it was.
func TestNewOnesStandWhereTheyBelong(t *testing.T) {
	const providers = `{
  "providers": [
    // the first
    {"id": "a", "type": "chat", "base_url": "http://127.0.0.1/v1"}, // of the office
    /* the last */
    {"id": "c", "type": "chat", "base_url": "http://127.0.0.1/v1"}, // mine
  ],
}
`
	const servers = `{
  "mcpServers": {
    // the first
    "a": {"command": "a"}, // of the office
    /* the last */
    "c": {"command": "c"}, // mine
  },
}
`
	for name, c := range map[string]struct{ providers, servers string }{
		"with comments":        {providers, servers},
		"with Windows's lines": {strings.ReplaceAll(providers, "\n", "\r\n"), strings.ReplaceAll(servers, "\n", "\r\n")},
		"on one line": {
			`{"providers": [{"id":"a","type":"chat","base_url":"http://127.0.0.1/v1"}, {"id":"c","type":"chat","base_url":"http://127.0.0.1/v1"}]}`,
			`{"mcpServers": {"a": {"command": "a"}, "c": {"command": "c"}}}`,
		},
	} {
		for at, want := range []string{"b a c", "a b c", "a c b"} {
			dir := t.TempDir()
			for file, text := range map[string]string{"settings.json": c.providers, "mcp.json": c.servers} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Open(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Update(func(s *store.Settings) error {
				s.Providers = slices.Insert(s.Providers, at, store.ProviderConfig{ID: "b", Kind: store.ProviderChat, BaseURL: "http://127.0.0.1/v1"})
				return nil
			}); err != nil {
				t.Fatalf("%s, %d: %v", name, at, err)
			}
			if err := f.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) {
				return slices.Insert(all, at, store.ServerConfig{ID: "b", Name: "b", Transport: store.TransportStdio, Command: "b"}), nil
			}); err != nil {
				t.Fatalf("%s, %d: %v", name, at, err)
			}
			again, err := Open(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []*Files{f, again} {
				var ids, names []string
				for _, p := range f.Settings().Providers {
					ids = append(ids, p.ID)
				}
				for _, s := range f.Servers() {
					names = append(names, s.Name)
				}
				if got := strings.Join(ids, " "); got != want {
					t.Errorf("%s: the providers are %s, want %s", name, got, want)
				}
				if got := strings.Join(names, " "); got != want {
					t.Errorf("%s: the servers are %s, want %s", name, got, want)
				}
			}
			for file, text := range map[string]string{"settings.json": c.providers, "mcp.json": c.servers} {
				data, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				// Every line of before is there whole, in its order.
				rest := string(data)
				for line := range strings.Lines(text) {
					line = strings.TrimSpace(line)
					if strings.Count(text, "\n") < 2 {
						break
					}
					_, behind, found := strings.Cut(rest, line)
					if !found {
						t.Errorf("%s, %s at %d: the line %q is not where it was:\n%s", name, file, at, line, data)
						break
					}
					rest = behind
				}
			}
		}
	}
}
