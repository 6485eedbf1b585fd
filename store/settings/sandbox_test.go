package settings

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestSandboxRoundTrip: what a program may do is written and read again, by hand
// too, and an empty sandbox is not the same as none.
func TestSandboxRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := openFiles(t, dir)
	all := []store.ServerConfig{stdio("none"), stdio("empty"), stdio("full")}
	all[1].Sandbox = &store.Sandbox{}
	all[2].Sandbox = &store.Sandbox{Network: true, Read: []string{"/a"}, Write: []string{"~/b", "/c"}, Optional: true}
	write := func() {
		t.Helper()
		if err := f.UpdateServers(func([]store.ServerConfig) ([]store.ServerConfig, error) { return all, nil }); err != nil {
			t.Fatal(err)
		}
		equal(t, "the servers", openFiles(t, dir).Servers(), all)
	}
	write()
	text := get(t, filepath.Join(dir, "mcp.json"))
	if strings.Count(text, `"sandbox"`) != 2 {
		t.Errorf("a server without has the key too:\n%s", text)
	}
	// Each way from one to the other.
	all[0].Sandbox, all[1].Sandbox, all[2].Sandbox = &store.Sandbox{}, nil, &store.Sandbox{Read: []string{"/d"}}
	write()
	all[0].Sandbox, all[1].Sandbox, all[2].Sandbox = &store.Sandbox{Network: true}, &store.Sandbox{Optional: true}, &store.Sandbox{}
	write()

	for text, want := range map[string]*store.Sandbox{`true`: {}, `{}`: {}, `false`: nil, `null`: nil, `{"network":true}`: {Network: true}} {
		put(t, filepath.Join(dir, "mcp.json"), `{"mcpServers":{"x":{"command":"y","drawbridge":{"sandbox":`+text+`}}}}`)
		servers := openFiles(t, dir).Servers()
		if len(servers) != 1 {
			t.Fatalf("%s: %v", text, servers)
		}
		equal(t, text, servers[0].Sandbox, want)
	}
	// What cannot be understood is no server, rather than one without a sandbox.
	for _, bad := range []string{`7`, `"on"`, `[]`, `{"read":"x"}`, `{"read":["x"]}`, `{"network":1}`, `{"optional":"no"}`, `{"netwrok":false}`, `{"write":[7]}`} {
		put(t, filepath.Join(dir, "mcp.json"), `{"mcpServers":{"x":{"command":"y","drawbridge":{"sandbox":`+bad+`}}}}`)
		f := openFiles(t, dir)
		if len(f.Servers()) != 0 || len(f.Problems()) != 1 {
			t.Errorf("%s: %v, %q", bad, f.Servers(), f.Problems())
		}
	}
	put(t, filepath.Join(dir, "mcp.json"), `{"mcpServers":{"x":{"url":"https://x.example.com/","drawbridge":{"sandbox":{}}}}}`)
	if f := openFiles(t, dir); len(f.Servers()) != 0 || len(f.Problems()) != 1 {
		t.Errorf("an address with a sandbox: %v, %q", f.Servers(), f.Problems())
	}
}
