package setup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// machine is a system with some programs. It notes what was run.
type machine struct {
	mu   sync.Mutex // protects ran
	has  map[string]string
	says map[string]string
	ran  []string
}

func (m *machine) Find(name string) (string, error) {
	if p, ok := m.has[name]; ok {
		return p, nil
	}
	return "", fmt.Errorf("the program %q was not found", name)
}

func (m *machine) Version(_ context.Context, path, argument string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ran = append(m.ran, path+" "+argument)
	if s, ok := m.says[path]; ok {
		return s, nil
	}
	return "", errors.New("it did not answer in time")
}

func examine(m *machine, goos string, c store.ServerConfig, resolved string, unresolved error) []setup.Check {
	c.Transport = store.TransportStdio
	return setup.Examine(context.Background(), c, goos, m, resolved, unresolved)
}

func TestExamine(t *testing.T) {
	t.Parallel()
	m := &machine{
		has:  map[string]string{"npx": "/usr/bin/npx", "node": "/usr/bin/node", "apt-get": "/usr/bin/apt-get", "docker": "/usr/bin/docker"},
		says: map[string]string{"/usr/bin/npx": "10.9.0\n", "/usr/bin/node": "v16.2.0\nmore"},
	}
	got := examine(m, "linux", store.ServerConfig{Command: "npx"}, "/usr/bin/npx", nil)
	if len(got) != 2 || got[0] != (setup.Check{Program: "npx", Path: "/usr/bin/npx", Version: "10.9.0"}) {
		t.Errorf("got %+v", got)
	}
	if n := got[1]; n.Version != "16.2.0" || n.OK() || n.Install != "sudo apt-get install nodejs npm" {
		t.Errorf("an old node: %+v", n)
	}
	got = examine(m, "linux", store.ServerConfig{Command: "uvx"}, "", errors.New("the program \"uvx\" was not found"))
	if len(got) != 1 || got[0].OK() || !strings.Contains(got[0].Install, "astral.sh/uv/install.sh") {
		t.Errorf("uv is missing: %+v", got)
	}
	got = examine(m, "linux", store.ServerConfig{Command: "docker"}, "/usr/bin/docker", nil)
	if len(got) != 1 || got[0].Version != "" || !got[0].OK() {
		t.Errorf("docker does not answer: %+v", got)
	}
	for _, tt := range []struct{ goos, manager, want string }{
		{"linux", "dnf", "sudo dnf install nodejs npm"}, {"linux", "pacman", "sudo pacman -S nodejs npm"}, {"linux", "zypper", "sudo zypper install nodejs npm"},
		{"darwin", "brew", "brew install node"}, {"windows", "winget", "winget install OpenJS.NodeJS.LTS"}, {"linux", "none", ""}, {"darwin", "apt-get", ""},
	} {
		m := &machine{has: map[string]string{tt.manager: "/x"}}
		if got := examine(m, tt.goos, store.ServerConfig{Command: "node"}, "", errors.New("the program \"node\" was not found")); got[0].Install != tt.want {
			t.Errorf("%s with %s: %q", tt.goos, tt.manager, got[0].Install)
		}
	}
}

// TestExamineRunsNothingOfTheServers gives commands that would like to be run.
func TestExamineRunsNothingOfTheServers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c        store.ServerConfig
		resolved string
		runs     []string
	}{
		{store.ServerConfig{Command: "/tmp/evil/node"}, "/tmp/evil/node", nil},
		{store.ServerConfig{Command: "./npx"}, "/home/ana/npx", []string{"/usr/bin/node --version"}},
		{store.ServerConfig{Command: "evil"}, "/usr/bin/evil", nil},
		{store.ServerConfig{Command: "Node"}, "/tmp/Node", nil},
		{store.ServerConfig{Command: `C:\evil\node.exe`}, `C:\evil\node.exe`, nil},
		{store.ServerConfig{Command: "env", Args: []string{"-i", "A=b", "/tmp/evil/uvx"}}, "/usr/bin/env", nil},
		{store.ServerConfig{Command: "bash", Args: []string{"-c", "node"}}, "/bin/bash", nil},
		// Only the person's own one tells its version; what the PATH of the
		// configuration leads to is shown and not run.
		{store.ServerConfig{Command: "node", Env: map[string]store.Value{"PATH": "/tmp/evil"}}, "/tmp/evil/node", []string{"/usr/bin/node --version"}},
	} {
		m := &machine{has: map[string]string{"node": "/usr/bin/node", "evil": "/usr/bin/evil", "bash": "/bin/bash", "Node": "/tmp/Node", "/tmp/evil/node": "/tmp/evil/node", "env": "/usr/bin/env"}, says: map[string]string{"/usr/bin/node": "v22.0.0"}}
		got := examine(m, "linux", tt.c, tt.resolved, nil)
		if !slices.Equal(m.ran, tt.runs) {
			t.Errorf("%q ran %q", tt.c.Command, m.ran)
		}
		if got[0].Path != tt.resolved || got[0].Version != "" {
			t.Errorf("%q: %+v", tt.c.Command, got[0])
		}
	}
	if got := setup.Examine(context.Background(), store.ServerConfig{Transport: store.TransportHTTP, URL: "https://a.example"}, "linux", &machine{}, "", nil); len(got) != 0 {
		t.Errorf("an address needs %v", got)
	}
}

func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"files", "fіles", true}, {"github", "GitHub", true}, {"mail", "mai1", true}, {"a-b", "a_b", true}, {"ｆiles", "files", true},
		{"files", "files", false}, {"files", "mail", false}, {"one", "two", false},
	} {
		if got := setup.LooksLike(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: %t", tt.a, tt.b, got)
		}
	}
}
