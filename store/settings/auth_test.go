package settings

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestAuthRoundTrip: how one signs in is written and read again, by hand too.
func TestAuthRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := openFiles(t, dir)
	all := []store.ServerConfig{
		{ID: "a", Name: "a", Transport: store.TransportHTTP, URL: "https://a.example.com/mcp"},
		{ID: "b", Name: "b", Transport: store.TransportHTTP, URL: "https://b.example.com/mcp", Auth: store.Auth{
			Kind: store.AuthOAuth, Secret: store.RefTo(store.ServerSecret("b", "auth", "secret")), ClientID: "c",
			AuthorizationURL: "https://l.example.com/a", TokenURL: "https://l.example.com/t", Scopes: []string{"x", "y"}, TokenAuth: "post", Port: 3118, Origins: []string{"http://127.0.0.1:9"},
		}},
		{ID: "c", Name: "c", Transport: store.TransportHTTP, URL: "https://c.example.com/mcp", Auth: store.Auth{
			Kind: store.AuthHeader, Header: "X-Key", Secret: store.RefTo(store.ServerSecret("c", "auth", "secret")),
		}},
	}
	if err := f.UpdateServers(func([]store.ServerConfig) ([]store.ServerConfig, error) { return all, nil }); err != nil {
		t.Fatal(err)
	}
	equal(t, "the servers", openFiles(t, dir).Servers(), all)
	text := get(t, filepath.Join(dir, "mcp.json"))
	if strings.Count(text, `"auth"`) != 2 {
		t.Errorf("a server without has the key too:\n%s", text)
	}
	// What a person wrote beside it stays, and what is taken away goes.
	put(t, filepath.Join(dir, "mcp.json"), strings.Replace(text, `"port"`, `"mine": 1, "port"`, 1))
	f = openFiles(t, dir)
	all[1].Auth.Scopes, all[2].Auth = nil, store.Auth{}
	if err := f.UpdateServers(func([]store.ServerConfig) ([]store.ServerConfig, error) { return all, nil }); err != nil {
		t.Fatal(err)
	}
	text = get(t, filepath.Join(dir, "mcp.json"))
	if !strings.Contains(text, `"mine"`) || strings.Contains(text, "scopes") || strings.Contains(text, "X-Key") {
		t.Errorf("it became\n%s", text)
	}
	equal(t, "the servers", openFiles(t, dir).Servers(), all)

	for _, bad := range []string{`7`, `{"type":7}`, `{"type":"magic"}`, `{"port":"x"}`, `{"port":-1}`, `{"port":1.5}`, `{"scopes":"x"}`, `{"type":"bearer","secret":"in plain text"}`} {
		put(t, filepath.Join(dir, "mcp.json"), `{"mcpServers":{"x":{"url":"https://x.example.com/","auth":`+bad+`}}}`)
		f := openFiles(t, dir)
		if len(f.Servers()) != 0 || len(f.Problems()) != 1 || strings.Contains(f.Problems()[0], "in plain text") {
			t.Errorf("%s: %v, %q", bad, f.Servers(), f.Problems())
		}
	}
}
