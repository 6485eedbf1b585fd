package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// An import that fails at its last step leaves nothing of its first ones.
func TestImportIsAllOrNothing(t *testing.T) {
	b := openBridge(t)
	// An entry that cannot be used keeps its name, and only the writing of the
	// file finds that out.
	if err := os.WriteFile(filepath.Join(b.Home(), "mcp.json"), []byte(`{"mcpServers": {"bad": {"command": 5}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file to be read", time.Minute, func() bool { return strings.Contains(strings.Join(b.Problems(), " "), `"bad"`) })
	found, err := b.ReadImport([]byte(fmt.Sprintf(`{"mcpServers": {
		"good": {"command": %q, "env": {"API_TOKEN": "canary-4711"}},
		"bad": {"command": "x", "env": {"API_TOKEN": "canary-4712"}}}}`, program(t, "echo-mcp"))), "")
	if err != nil || len(found.Entries) != 2 {
		t.Fatalf("got %v, %v", found, err)
	}
	if _, err := b.ImportServers(t.Context(), found.Entries, true); !errors.Is(err, store.ErrExists) || strings.Contains(err.Error(), "canary") {
		t.Fatalf("got %v", err)
	}
	if refs, err := b.Secrets(t.Context()); err != nil || len(refs) != 0 {
		t.Errorf("secrets stay: %v, %v", refs, err)
	}
	if len(b.Servers()) != 1 {
		t.Errorf("servers stay: %v", b.Servers())
	}

	good := found.Entries[1:]
	if good[0].Draft.Config.Name != "good" {
		t.Fatalf("the order is another: %v", good)
	}
	// The approval of the try before does not count either.
	if _, err := b.ImportServers(t.Context(), good, false); err != nil {
		t.Fatal(err)
	}
	if err := b.KnowServers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, "good"); v.State != mcphost.Held {
		t.Errorf("what was imported is %s", v.State)
	}
	again, err := b.ReadImport([]byte(fmt.Sprintf(`{"good": {"command": %q, "env": {"API_TOKEN": "another"}}}`, good[0].Draft.Config.Command)), "")
	if err != nil || again.Count(setup.Same) != 1 {
		t.Errorf("it is not known again: %v, %v", again, err)
	}
	differs, err := b.ReadImport([]byte(`{"good": {"command": "y"}, "unfilled": {"command": "x", "args": ["${input:a}"]}}`), "")
	if err != nil || differs.Count(setup.Differs) != 1 {
		t.Fatalf("got %v, %v", differs, err)
	}
	if _, err := b.ImportServers(t.Context(), differs.Entries, true); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a server that still asks was kept: %v", err)
	}
	if v, err := b.Server("good"); err != nil || v.Server.Command == "y" {
		t.Errorf("half of an import was kept: %v", err)
	}
	if _, err := b.ImportServers(t.Context(), differs.Entries[:1], false); err != nil {
		t.Fatal(err)
	}
	if err := b.KnowServers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, "good"); v.Server.Command != "y" || v.State != mcphost.Held {
		t.Errorf("what was replaced runs %q and is %s", v.Server.Command, v.State)
	}
}

// An import that would replace a server, and fails, leaves the server as it was
// and approved, and no files of a bundle beside it.
func TestImportThatFailsReplacesNothing(t *testing.T) {
	b := openBridge(t)
	echo := program(t, "echo-mcp")
	read := func(text string) []setup.Compared {
		t.Helper()
		i, err := b.ReadImport([]byte(text), "")
		if err != nil {
			t.Fatal(err)
		}
		return i.Entries
	}
	first := read(fmt.Sprintf(`{"good": {"command": %q, "env": {"API_TOKEN": "canary-1"}}}`, echo))
	if _, err := b.ImportServers(t.Context(), first, true); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, "good"); v.State != mcphost.Ready {
		t.Fatalf("it is %s: %s", v.State, v.Error)
	}
	// An entry that cannot be used keeps its name, which only the writing finds.
	path := filepath.Join(b.Home(), "mcp.json")
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(kept), `"mcpServers": {`, `"mcpServers": {"bad": {"command": 5},`, 1)
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file to be read", time.Minute, func() bool { return strings.Contains(strings.Join(b.Problems(), " "), `"bad"`) })
	archive := filepath.Join(t.TempDir(), "b.mcpb")
	writeBundle(t, archive, map[string]string{"manifest.json": `{"manifest_version": "0.3", "name": "bundled", "version": "1", "server": {"type": "binary", "entry_point": "run", "mcp_config": {"command": "${__dirname}/run"}}}`, "run": "x"})
	bundled, err := b.OpenBundle(t.Context(), archive)
	if err != nil {
		t.Fatal(err)
	}
	chosen := append(read(fmt.Sprintf(`{"good": {"command": %q, "args": ["--more"], "env": {"API_TOKEN": "canary-2"}}, "bad": {"command": "x"}}`, echo)), setup.Compared{Draft: bundled, State: setup.New})
	if _, err := b.ImportServers(t.Context(), chosen, true); !errors.Is(err, store.ErrExists) {
		t.Fatalf("got %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(b.Home(), "bundles")); err != nil || len(left) > 0 {
		t.Errorf("the files of the bundle stay: %v, %v", left, err)
	}
	if err := b.RestartServer("good"); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, "good"); v.State != mcphost.Ready || len(v.Server.Args) > 0 {
		t.Errorf("it is %s with %q: %s", v.State, v.Server.Args, v.Error)
	}
}

// A bundle runs from Drawbridge's folder and goes with its server.
func TestBundleComesAndGoesWithItsServer(t *testing.T) {
	b := openBridge(t)
	path := filepath.Join(t.TempDir(), "echo.mcpb")
	writeBundle(t, path, map[string]string{
		"manifest.json": `{"manifest_version": "0.3", "name": "echo", "version": "1", "server": {"type": "binary", "entry_point": "run", "mcp_config": {"command": "${__dirname}/run", "env": {"API_KEY": "${user_config.key}"}}},
			"user_config": {"key": {"type": "string", "title": "Key", "sensitive": true, "required": true}}}`,
		"run": "#!/bin/sh\ntest \"$API_KEY\" = canary-4711 && exec " + program(t, "echo-mcp") + "\n",
	})
	d, err := b.OpenBundle(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddServer(t.Context(), d, true); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("it was added although it still asks: %v", err)
	}
	full, err := d.Fill(map[string][]string{"key": {"canary-4711"}})
	if err != nil {
		t.Fatal(err)
	}
	bundles := filepath.Join(b.Home(), "bundles")
	if _, err := os.Stat(bundles); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking at it unpacked it: %v", err)
	}
	for i, name := range []string{"echo", "echo-2"} {
		if _, err := b.AddServer(t.Context(), full.Rename(name), true); err != nil {
			t.Fatal(err)
		}
		if v := settle(t, b, name); v.State != mcphost.Ready {
			t.Fatalf("server %d is %s: %s %q", i, v.State, v.Error, v.Log)
		}
	}
	if _, err := b.AddServer(t.Context(), full, true); !errors.Is(err, store.ErrExists) {
		t.Errorf("a name was taken twice: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(b.Home(), "mcp.json"))
	if err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("the file has the secret, or cannot be read: %v", err)
	}
	// The files stay as long as one server runs from them.
	if err := b.RemoveServer(t.Context(), "echo"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(full.Bundle.Dir); err != nil {
		t.Errorf("the second server lost its files: %v", err)
	}
	if err := b.RemoveServer(t.Context(), "echo-2"); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(bundles); err != nil || len(left) != 0 {
		t.Errorf("its files stay: %v, %v", left, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.AddServer(ctx, full, true); err == nil {
		t.Error("a stopped call added it")
	}
	if left, err := os.ReadDir(bundles); err != nil || len(left) != 0 {
		t.Errorf("a call that was stopped left %v, %v", left, err)
	}
}

func writeBundle(t *testing.T, path string, files map[string]string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for name, text := range files {
		e, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
