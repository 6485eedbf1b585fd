//go:build linux || darwin

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModes(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	owner, err := Acquire(home, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	for name, want := range map[string]fs.FileMode{".": fs.ModeDir | 0o700, "lock": 0o600, socketName: fs.ModeSocket | 0o600} {
		info, err := os.Lstat(filepath.Join(home, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

// What is not a socket is not removed.
func TestSomethingInTheWay(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	path := filepath.Join(home, socketName)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(home, Options{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Acquire: %v", err)
	}
	if got, err := os.ReadFile(path); string(got) != "mine" {
		t.Errorf("the file: %q, %v", got, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	owner, err := Acquire(home, Options{})
	if err != nil {
		t.Fatalf("the lock was kept after a failure: %v", err)
	}
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTwoNamesOfAHome(t *testing.T) {
	t.Parallel()
	home, _ := serve(t, Options{}, commands)
	other := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(home, other); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(other, Options{}); !errors.Is(err, ErrOwned) {
		t.Errorf("Acquire by another name: %v", err)
	}
	if r := runClient(context.Background(), other, Options{}, nil, "exit", "6"); r.code != 6 || r.err != nil {
		t.Errorf("a client by another name: %+v", r)
	}
}

// A home whose path is too long for a socket works all the same, whatever the
// client's environment.
func TestLongHome(t *testing.T) {
	runtimeDir, err := os.MkdirTemp("", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtimeDir) })
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	home := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	short := filepath.Join(runtimeDir, "home") // another name of it
	if err := os.Symlink(home, short); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{home, short} {
		owner, err := Acquire(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- owner.Serve(context.Background(), HandlerFunc(commands)) }()
		t.Setenv("XDG_RUNTIME_DIR", "/nonexistent")
		if r := runClient(context.Background(), home, Options{}, nil, "exit", "8"); r.code != 8 || r.err != nil {
			t.Errorf("a client: %+v", r)
		}
		t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
		target, err := os.Readlink(filepath.Join(owner.Home(), socketName))
		if err != nil || !strings.HasPrefix(target, runtimeDir) || len(target) > longestSocket {
			t.Errorf("the socket is at %s, %v", target, err)
		}
		if info, err := os.Stat(target); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("its mode is %v, %v", info.Mode(), err)
		}
		if err := owner.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket stayed: %v", err)
		}
		if _, err := os.Lstat(filepath.Join(owner.Home(), socketName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the link stayed: %v", err)
		}
		if _, err := Dial(context.Background(), home, Options{}); !errors.Is(err, ErrNoOwner) {
			t.Errorf("Dial without an owner: %v", err)
		}
		// What a killed owner leaves: a link to a socket that is gone.
		if err := os.Symlink(target, filepath.Join(owner.Home(), socketName)); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(context.Background(), home, Options{}); !errors.Is(err, ErrNoOwner) {
			t.Errorf("Dial to what a killed owner left: %v", err)
		}
	}

	// A directory that others may write to, or a link, is passed over.
	other, err := os.MkdirTemp("", "o")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(other) })
	t.Setenv("TMPDIR", other)
	dir := filepath.Join(runtimeDir, fmt.Sprintf("drawbridge-%d", os.Getuid()))
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	if got, err := shortPath(home); err != nil || !strings.HasPrefix(got, other) {
		t.Errorf("a directory of others' was taken: %s, %v", got, err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := shortPath(home); err != nil || !strings.HasPrefix(got, other) {
		t.Errorf("a link was taken: %s, %v", got, err)
	}
	// Nor does a client follow the home's link into such a directory.
	resolved, err := resolve(home)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(resolved, socketName)
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "x.sock"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(context.Background(), home, Options{}); err == nil || !strings.Contains(err.Error(), "mode 0700") {
		t.Errorf("Dial into a directory that is a link: %v", err)
	}
}

func TestInterruptedClient(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	startOwner(t, home)
	client := program(t, "start", home, "wait")
	var stderr buffer
	client.Stderr = &stderr
	startAndExpect(t, client, "waiting\n")
	if err := client.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := client.Wait()
	if code := client.ProcessState.ExitCode(); code != 42 || stderr.String() != ErrInterrupted.Error()+"\n" {
		t.Errorf("%v, %q; want the command's own code 42 and its last words", err, stderr.String())
	}
}
