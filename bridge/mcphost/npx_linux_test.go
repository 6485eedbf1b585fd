package mcphost

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/sandbox"
	"github.com/drawbridge-app/drawbridge/store"
)

// npmFolder is where the tests' npm packages are installed.
func npmFolder(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../app/testdata/npm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".bin", "mcp-server-everything")); err != nil {
		t.Fatalf("the npm packages of the tests are not installed; make unit does that, or npm ci in %s: %v", dir, err)
	}
	return dir
}

// programPath is the PATH on which the tests' own node is found.
func programPath(t testing.TB) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("Node.js is not installed: %v", err)
	}
	return filepath.Dir(node) + ":/usr/bin:/bin"
}

// npx is a server that npx starts, which is its grandchild: between them are npm
// and a shell. Its processes are marked with a text in their environment.
func npx(t testing.TB, mark string) store.ServerConfig {
	return store.ServerConfig{
		ID: "s", Name: "s", Transport: store.TransportStdio, Command: "npx", Args: []string{"--offline", "mcp-server-everything"},
		Dir: npmFolder(t), Env: map[string]store.Value{"MARK": store.Value(mark)},
	}
}

// echoes calls a tool of server-everything.
func echoes(t testing.TB, m *Manager) {
	t.Helper()
	if r := mustCall(t, m, "s", "echo", `{"message":"over npx"}`); !strings.Contains(r.Content.Text(), "over npx") {
		t.Errorf("%+v", r)
	}
}

func npxManager(t testing.TB) *Manager {
	path, home := programPath(t), t.TempDir()
	return newManager(t, func(o *Options) {
		o.StartTimeout = 60 * time.Second
		o.Environ = func() []string { return []string{"HOME=" + home, "PATH=" + path} }
	})
}

// patientlyReady is ready for programs that take long to start.
func patientlyReady(t testing.TB, m *Manager, c store.ServerConfig) Status {
	t.Helper()
	m.Apply([]store.ServerConfig{c})
	for until := time.Now().Add(90 * time.Second); ; {
		switch s := status(t, m, c.ID); {
		case s.State == Ready:
			return s
		case s.State == Failed || time.Now().After(until):
			t.Fatalf("%s: %s; log: %q", s.State, s.Error, tail(m, c.ID))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestNpxGrandchildren has a real npx, whose server is not its child, stopped
// while it runs and while it starts.
func TestNpxGrandchildren(t *testing.T) {
	t.Parallel()
	m := npxManager(t)
	for round := range 3 {
		mark := fmt.Sprintf("npx-%s-%d", t.TempDir(), round)
		if round == 2 { // still starting
			m.Apply([]store.ServerConfig{npx(t, mark)})
			eventually(t, "npx to run", func() bool { return len(marked(t, mark)) > 0 })
		} else {
			patientlyReady(t, m, npx(t, mark))
			echoes(t, m)
			if n := len(marked(t, mark)); n < 2 {
				t.Fatalf("%d processes run; is the server a child of npx?", n)
			}
		}
		began := time.Now()
		m.Stop("s")
		allGone(t, "after stop", mark)
		promised(t, began, treeIsGoneWithin)
	}
}

// TestNpxKilledHost kills the program while npx runs, and a second time while it
// starts.
func TestNpxKilledHost(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, running := range []bool{true, false} {
		mark, dir := "npx-"+t.TempDir(), t.TempDir()
		host := exec.Command(exe)
		host.Env = append(os.Environ(), modeVariable+"=npx-host:"+dir, "MARK="+mark, "PATH="+programPath(t))
		host.Stderr = os.Stderr
		if err := host.Start(); err != nil {
			t.Fatal(err)
		}
		defer host.Process.Kill()
		if running {
			for until := time.Now().Add(90 * time.Second); !exists(filepath.Join(dir, "server")); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(until) {
					t.Fatal("the server did not become ready")
				}
			}
		} else {
			eventually(t, "npx to run", func() bool { return len(marked(t, mark)) > 1 }) // the host has the mark too
		}
		host.Process.Kill()
		host.Wait()
		allGone(t, "after the program was killed", mark)
	}
}

// hostNpx runs npx until it is killed.
func hostNpx(dir string) {
	m := New(Options{Gate: open, Secrets: keychain{}, StartTimeout: time.Minute, Environ: func() []string {
		return []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	}})
	folder, err := filepath.Abs("../../app/testdata/npm")
	if err != nil {
		os.Exit(93)
	}
	m.Apply([]store.ServerConfig{{
		ID: "s", Name: "s", Transport: store.TransportStdio, Command: "npx", Args: []string{"--offline", "mcp-server-everything"}, Dir: folder,
		Env: map[string]store.Value{"MARK": store.Value(os.Getenv("MARK"))},
	}})
	for statuses := range m.Watch(m.life) {
		if s := statuses[0]; s.State == Ready {
			os.WriteFile(filepath.Join(dir, "server"), fmt.Append(nil, s.PID), 0o600)
		}
	}
}

// TestNpxInSandbox: npx, npm, a shell and a real server do their work inside.
func TestNpxInSandbox(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		m := npxManager(t)
		m.boxes.found = &found
		mark := "npx-" + t.TempDir()
		c := npx(t, mark)
		// The packages of a clone may lie elsewhere.
		packages, err := filepath.EvalSymlinks(filepath.Join(c.Dir, "node_modules"))
		if err != nil {
			t.Fatal(err)
		}
		c.Sandbox = &store.Sandbox{Read: []string{packages}}
		s := patientlyReady(t, m, c)
		if s.Sandbox == nil || s.Sandbox.Method != string(found.Method) {
			t.Errorf("%+v", s.Sandbox)
		}
		echoes(t, m)
		m.Stop("s")
		allGone(t, "after stop", mark)
	})
}

// TestScriptInSandbox has a script that a person wrote into a folder of their
// own.
func TestScriptInSandbox(t *testing.T) {
	t.Parallel()
	eachMethod(t, func(t *testing.T, found sandbox.Found) {
		c := newCell(t, found)
		folder := filepath.Join(c.home, "work", "server")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		script := filepath.Join(folder, "server.sh")
		text := "#!/bin/sh\n. \"$(dirname \"$0\")/part.sh\"\necho started >\"$HOME/mark\"\nexec " + exe + "\n"
		for name, text := range map[string]string{script: text, filepath.Join(folder, "part.sh"): "true\n", filepath.Join(c.home, "work", "other"): "secret"} {
			if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		config := child(t, "s", "prisoner")
		config.Command, config.Args = "sh", []string{script}
		config.Sandbox = &store.Sandbox{Read: []string{exe}}
		ready(t, c.m, config)
		c.mayNot(t, "read", filepath.Join(c.home, "work", "other"))
		if b, err := os.ReadFile(filepath.Join(c.kept, "sandboxes", "s", "home", "mark")); err != nil || string(b) != "started\n" {
			t.Errorf("%q, %v", b, err)
		}
	})
}
