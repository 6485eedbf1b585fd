package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/secret"
)

// changingServer is an MCP server whose tool is described by the text of the
// file that its argument names, at each start anew.
func changingServer() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "changing", Version: "1"}, nil)
	for line := range strings.Lines(string(text)) {
		name, description, _ := strings.Cut(strings.TrimSpace(line), " ")
		mcp.AddTool(server, &mcp.Tool{Name: name, Description: description},
			func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
			})
	}
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// program returns a path under which this test's program is the named one.
func program(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// openBridge opens a bridge with real stores in an empty home, with secrets in
// memory.
func openBridge(t *testing.T) *bridge.Bridge {
	t.Helper()
	b, _ := openEngine(t)
	return b
}

// openEngine also returns what closes the bridge, and opens the next one on the
// same home.
func openEngine(t *testing.T) (*bridge.Bridge, func() *bridge.Bridge) {
	t.Helper()
	t.Setenv("DRAWBRIDGE_HOME", filepath.Join(t.TempDir(), "drawbridge"))
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("SHELL", "/bin/sh")
	h, err := openHome()
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, h, os.Environ)
}

// openBridgeAside is openBridge for tests that run beside others; see
// openEngineAside.
func openBridgeAside(t *testing.T) *bridge.Bridge {
	t.Helper()
	b, _ := openEngineAside(t)
	return b
}

// openEngineAside is openEngine for tests that run beside others, and so cannot
// set the environment of this process. Its home is in memory where the system has
// a folder for that: these tests are about what is written there, and not about
// how long a disk takes.
func openEngineAside(t *testing.T) (*bridge.Bridge, func() *bridge.Bridge) {
	t.Helper()
	memory := "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		memory = ""
	}
	dir, err := os.MkdirTemp(memory, "db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h, err := openHomeAt(filepath.Join(dir, "drawbridge"))
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, h, func() []string {
		return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "SHELL=/bin/sh", "XDG_RUNTIME_DIR=" + dir}
	})
}

// opened opens the bridge of a home, and returns what closes it and opens the next
// one. Their secrets are in memory, and outlive a bridge as a keychain does.
func opened(t *testing.T, h *home, environ func() []string) (*bridge.Bridge, func() *bridge.Bridge) {
	t.Helper()
	keychain := secret.Open(h.dir)
	keychain.UseMemory()
	var end func()
	open := func(h *home) *bridge.Bridge {
		t.Helper()
		e := newEngine(h, startAll)
		e.environ, e.secrets = environ, keychain
		end = func() {
			var said strings.Builder
			e.close(&said)
			if said.Len() > 0 {
				t.Error(said.String())
			}
		}
		t.Cleanup(end)
		b, err := e.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return open(h), func() *bridge.Bridge {
		t.Helper()
		end()
		next, err := openHomeAt(h.dir)
		if err != nil {
			t.Fatal(err)
		}
		return open(next)
	}
}

// addChanging adds a server whose tools are the lines of a text, each a name and a
// description, and returns what writes another text for the next start.
func addChanging(t *testing.T, b *bridge.Bridge, text string) (store.ServerConfig, func(string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tools")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	c, err := b.AddServer(t.Context(), setup.Draft{Config: store.ServerConfig{
		Name: "changing", Transport: store.TransportStdio, Command: program(t, "changing-mcp"), Args: []string{file},
	}}, true)
	if err != nil {
		t.Fatal(err)
	}
	return c, write
}

func settle(t *testing.T, b *bridge.Bridge, id string) bridge.ServerView {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.SettleServers(ctx, id); err != nil {
		t.Fatal(err)
	}
	v, err := b.Server(id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func heldNames(v bridge.ServerView) string {
	var names []string
	for _, h := range v.Held {
		names = append(names, h.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func passedNames(v bridge.ServerView) string {
	var names []string
	for _, t := range v.Passed {
		names = append(names, t.Tool)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
