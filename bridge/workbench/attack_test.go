//go:build unix

package workbench

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func (b *bench) link(target, at string) {
	b.t.Helper()
	if err := os.Symlink(target, b.path(at)); err != nil {
		b.t.Fatal(err)
	}
}

// TestAttacks tries to read what must not be read. Whatever comes back, it must
// be an error, and hold none of the contents.
func TestAttacks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.link("../outside/secret.txt", "granted/relative")
	b.link(b.path("outside/secret.txt"), "granted/absolute")
	b.link("../outside", "granted/folder")
	b.link("/", "granted/root")
	b.link(".ssh", "granted/keys")
	b.link(".ssh/id_project", "granted/key")
	b.link("..", "granted/up")
	b.link("loop2", "granted/loop1")
	b.link("loop1", "granted/loop2")
	b.link("../.ssh", "granted/ssh")
	if err := os.Link(b.path(".ssh/id_ed25519"), b.path("granted/hardlink")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(b.path("app/drawbridge.db"), b.path("granted/database")); err != nil {
		t.Fatal(err)
	}
	b.write("granted/sub/.SSH/id", "PRIVATE")
	b.write("granted/sub/.GnuPG/id", "PRIVATE")
	for _, p := range []string{
		"/etc/passwd", b.path("outside/secret.txt"), "../outside/secret.txt", "sub/../../outside/secret.txt",
		b.granted + "/../outside/secret.txt", "~/outside/secret.txt", "~/.ssh/id_ed25519", b.path("app/drawbridge.db"),
		"relative", "absolute", "folder/secret.txt", "root/etc/passwd", "keys/id_project", "key", "up/outside/secret.txt",
		"loop1", "ssh/id_ed25519", ".ssh/id_project", "./.ssh/id_project", "sub/.SSH/id", "sub/.GnuPG/id",
		"sub/../.ssh/id_project", "hardlink", "database", "hello.txt/x", "hello.txt\x00", b.granted + "-not/x", "", "..", "../granted/../outside/secret.txt",
	} {
		for _, tool := range []string{"read_file", "list_directory", "search_files"} {
			a := args("path", p)
			if tool == "search_files" {
				a["name"] = "*"
			}
			text, failed := b.call(tool, a)
			if !failed || strings.Contains(text, "PRIVATE") || strings.Contains(text, "KEY") || strings.Contains(text, "root:x:") || strings.HasSuffix(text, "outside") {
				t.Errorf("%s %q: %s", tool, p, text)
			}
		}
	}
	for _, text := range []string{"PRIVATE", "KEY", "outside"} {
		if got := b.ok("search_files", args("text", text)); got != "Nothing was found." {
			t.Errorf("searching %s: %s", text, got)
		}
	}
	// A link that stays inside is followed.
	b.link("sub/deep", "granted/inside")
	b.link(b.path("granted/hello.txt"), "granted/same")
	if text := b.ok("read_file", args("path", "inside/../deep/Main.go")); !strings.HasPrefix(text, "package main") {
		t.Errorf("%s", text)
	}
	if text := b.ok("read_file", args("path", "same")); !strings.HasPrefix(text, "Hello") {
		t.Errorf("%s", text)
	}
}

// TestRefusedGrants grants what holds keys, directly, from above, from inside
// and by another name.
func TestRefusedGrants(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{".ssh", ".gnupg/private-keys-v1.d", "app", "app/logs", ".local/share/keyrings", "alias", "granted/.ssh"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, folder)
			b.link(".ssh", "alias")
			if text, failed := b.call("search_files", args("text", "PRIVATE")); !failed || !strings.Contains(text, "no folder has been granted") {
				t.Errorf("%s", text)
			}
		})
	}
	b := newBench(t, ".") // the whole home
	for _, p := range []string{".ssh/id_ed25519", ".gnupg/private-keys-v1.d/a.key", "app/drawbridge.db", "app/logs/a.log", ".local/share/keyrings/login.keyring"} {
		if text, failed := b.call("read_file", args("path", p)); !failed || !strings.Contains(text, "never read") {
			t.Errorf("%s: %s", p, text)
		}
	}
	if text := b.ok("search_files", args("text", "PRIVATE")); text != "Nothing was found." {
		t.Errorf("%s", text)
	}
	if text := b.ok("search_files", args("text", "outside")); !strings.Contains(text, "secret.txt:1: outside") {
		t.Errorf("%s", text)
	}
}

func TestSpecialFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := syscall.Mkfifo(b.path("granted/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "wb") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Rename(filepath.Join(dir, "s"), b.path("granted/socket")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, p := range []string{"pipe", "socket"} {
		if text, failed := b.call("read_file", args("path", p)); !failed || !strings.Contains(text, "no regular file") {
			t.Errorf("%s: %s", p, text)
		}
	}
	b.ok("search_files", args("text", "zzz"))
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	if runtime.GOOS == "linux" {
		b := newBench(t, "proc")
		b.link("/proc", "proc")
		if text, failed := b.call("read_file", args("path", "self/environ")); !failed {
			t.Errorf("%.100s", text)
		}
	}
}

// TestExchange swaps a folder for a link to what is never read, all the time
// while it is read.
func TestExchange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("granted/door/id_project", "harmless")
	b.link(".ssh", "granted/trap")
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		a, spare, c := b.path("granted/door"), b.path("granted/spare"), b.path("granted/trap")
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.Rename(a, spare)
			os.Rename(c, a)
			os.Rename(a, c)
			os.Rename(spare, a)
		}
	})
	seen := 0
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until); {
		text, err := b.server.readFile(t.Context(), readIn{Path: "door/id_project"})
		if strings.Contains(text, "KEY") {
			t.Error("the key was read")
			break
		}
		if err == nil {
			seen++
		}
	}
	close(stop)
	swapping.Wait()
	if seen == 0 {
		t.Error("the file was never there to be read")
	}
}
