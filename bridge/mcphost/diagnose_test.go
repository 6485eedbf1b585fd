//go:build unix

package mcphost

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVersionIsBounded asks programs that say much, nothing, or never end.
func TestVersionIsBounded(t *testing.T) {
	home := t.TempDir()
	m := New(Options{Environ: func() []string { return []string{"HOME=" + home, "PATH=/usr/bin:/bin", "SECRET=canary"} }})
	for _, tt := range []struct{ name, text, want string }{
		{"fine", `echo "v22.1.0 $1"`, "v22.1.0 --version"},
		{"stderr", `echo "1.2.3" >&2`, "1.2.3"},
		{"flood", `head -c 9000000 /dev/zero | tr '\0' x`, strings.Repeat("x", versionBytes)},
		{"silent", `exit 3`, ""},
		{"nosy", `env | grep canary; echo 1.0`, "1.0"},
		{"reader", `cat; echo 2.0`, "2.0"},
	} {
		got, err := m.Version(context.Background(), script(t, home, tt.name, tt.text), "--version")
		if got != tt.want || (err == nil) == (tt.want == "") {
			t.Errorf("%s: %.60q, %v", tt.name, got, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := m.Version(ctx, script(t, home, "endless", "sleep 1000"), "--version"); err == nil {
		t.Error("what never ends has a version")
	}
	promised(t, began, 6*time.Second)
}

// TestDiagnoseTellsEachStep says where a start got stuck.
func TestDiagnoseTellsEachStep(t *testing.T) {
	home := t.TempDir()
	m := New(Options{Gate: open, Environ: func() []string { return []string{"HOME=" + home, "PATH=/usr/bin:/bin"} }, StartTimeout: patience})
	defer m.Close(context.Background())
	for _, tt := range []struct{ command, want string }{
		{"no-such-program-4711", "resolve ✗"},
		{script(t, home, "ends", "exit 1"), "resolve ✓ start ✓ initialize ✗"},
	} {
		var steps []string
		s := m.Diagnose(context.Background(), store.ServerConfig{ID: "a", Name: "a", Transport: store.TransportStdio, Command: tt.command}, func(s Step) {
			mark := "✗"
			if s.OK {
				mark = "✓"
			}
			steps = append(steps, s.Name+" "+mark)
			if s.Words == "" {
				t.Errorf("%s: %s says nothing", tt.command, s.Name)
			}
		})
		if got := strings.Join(steps, " "); got != tt.want || s.State != Failed {
			t.Errorf("%s: %s, %s", tt.command, got, s.State)
		}
	}
	if _, err := m.Find("../bin/sh"); err == nil {
		t.Error("a path was taken for a bare name")
	}
	// A PATH of the configuration leads to what starts, and to nothing else.
	trap := script(t, home, "node", "touch "+filepath.Join(home, "ran"))
	got, err := m.Resolve(store.ServerConfig{ID: "a", Name: "a", Transport: store.TransportStdio, Command: "node", Env: map[string]store.Value{"PATH": store.Value(home)}})
	if err != nil || got != trap {
		t.Errorf("it resolves to %q, %v", got, err)
	}
	if found, err := m.Find("node"); err == nil && found == trap {
		t.Error("the configuration's PATH leads to what is asked for its version")
	}
	if _, err := os.Stat(filepath.Join(home, "ran")); err == nil {
		t.Error("something ran")
	}
}
