//go:build linux

package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ask is the shortest turn that writes to the database.
var ask = []string{"ask", "--provider", "rehearsal", "--tools", "none", "hello there"}

// provide sets up a provider that needs no key.
func (p *place) provide(name, address string) {
	p.t.Helper()
	p.must("", "providers", "set", name, "--type", "chat", "--model", "m", "--no-key", "--base-url", address)
}

// askAgain demands that a turn works, and returns how many messages all
// conversations have, each of which is whole.
func (p *place) askAgain() int {
	p.t.Helper()
	p.must("", ask...)
	return p.messages()
}

// messages counts all messages.
func (p *place) messages() int {
	p.t.Helper()
	return len(strings.Split(strings.TrimSpace(p.query("SELECT id FROM messages WHERE status <> 'streaming'")), "\n"))
}

// query asks the database of a place that nobody owns; one line a row.
func (p *place) query(text string) string {
	p.t.Helper()
	d, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.Join(p.home, "drawbridge.db")}).String())
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.Close()
	rows, err := d.QueryContext(p.t.Context(), text)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			p.t.Fatal(err)
		}
		b.WriteString(v + "\n")
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	return b.String()
}

// mounted has the place's commands run where the script has mounted something.
// The mounts end with the function that it returns, or the test.
func (p *place) mounted(script string) (unmount func()) {
	p.t.Helper()
	cmd := exec.Command("sh", "-ec", script+"\necho ready\nexec cat")
	cmd.Env = p.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	enter := []string{"nsenter", "-m"}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		enter = append(enter, "-U", "--preserve-credentials")
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("a place of its own for mounts: %v (run the tests as root, or allow user namespaces)", err)
	}
	done := false
	unmount = func() {
		if !done {
			done = true
			p.wrap = nil
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				p.t.Errorf("the mounts: %v: %s", err, stderr.String())
			}
		}
	}
	p.t.Cleanup(unmount)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		p.t.Fatalf("mount: %q, %v: %s (run the tests as root, or allow user namespaces)", line, err, stderr.String())
	}
	p.wrap = append(enter, "-t", fmt.Sprint(cmd.Process.Pid))
	return unmount
}

// inside runs a shell command where the place's commands run.
func (p *place) inside(script string) string {
	p.t.Helper()
	line := append(append([]string{}, p.wrap...), "sh", "-c", script)
	cmd := exec.CommandContext(p.t.Context(), line[0], line[1:]...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

func TestFaultDatabaseReadOnly(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before := p.askAgain()
	unmount := p.mounted(`mount --bind "$DRAWBRIDGE_HOME/drawbridge.db" "$DRAWBRIDGE_HOME/drawbridge.db"
mount -o remount,bind,ro "$DRAWBRIDGE_HOME/drawbridge.db"`)
	p.refused("", []string{"drawbridge.db", "cannot be written to", "check its rights"}, ask...)
	p.must("", "providers", "list") // what needs no writing goes on
	unmount()
	if after := p.askAgain(); after != before+2 {
		t.Errorf("%d messages became %d", before, after)
	}
}

func TestFaultDatabaseLocked(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before := p.askAgain()
	d, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.Join(p.home, "drawbridge.db")}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	other, err := d.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	p.refused("", []string{"another program keeps", "drawbridge.db locked", "close that program"}, ask...)
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if after := p.askAgain(); after != before+2 {
		t.Errorf("%d messages became %d", before, after)
	}
}

func TestFaultDiskFull(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if err := os.Mkdir(p.home, 0o700); err != nil {
		t.Fatal(err)
	}
	p.mounted(`mount -t tmpfs -o size=4m,mode=0700 tmpfs "$DRAWBRIDGE_HOME"`)
	fill := func() { p.inside(`dd if=/dev/zero of="$DRAWBRIDGE_HOME/filler" bs=512 2>/dev/null || true`) }
	clear := func() { p.inside(`rm "$DRAWBRIDGE_HOME/filler"`) }
	servers := func() string { return p.inside(`cat "$DRAWBRIDGE_HOME/mcp.json"`) }

	p.must("", "servers", "add", "echo", "--", "echo-mcp")
	p.must("", ask...)
	config := servers()

	fill()
	p.refused("", []string{"drawbridge.db", "free some space"}, ask...)
	p.refused("", []string{"drawbridge.db", "free some space"}, "servers", "add", "more", "--", "echo-mcp")
	if now := servers(); now != config {
		t.Errorf("the servers were %s and are %s", config, now)
	}
	clear()
	p.must("", "servers", "add", "more", "--", "echo-mcp")
	p.must("", ask...)

	// It fills up while a model answers.
	model := newService(t, func(w http.ResponseWriter, r *http.Request) {
		var c chatRequest
		if err := c.read(r); err != nil {
			t.Errorf("a provider would refuse this history: %v", err)
		}
		if _, prompt := c.step(); strings.Contains(prompt, "fill") {
			fill()
			config := servers()
			e := p.run("", "servers", "add", "third", "--", "echo-mcp") // in the owner, which has everything open
			p.checkRefused(e, []string{"free some space"})
			if now := servers(); now != config {
				t.Errorf("the servers were %s and are %s", config, now)
			}
		}
		reply{deltas: []string{strings.Repeat("A long answer. ", 8000)}}.send(w, r)
	})
	p.provide("afar", model.URL+"/v1")
	p.refused("", []string{"save the conversation", "full"}, "ask", "--provider", "afar", "fill")
	clear()
	if out := p.must("", "ask", "--provider", "afar", "hello"); !strings.HasPrefix(out, "A long answer.") {
		t.Errorf("after the disk had room again: %.100q", out)
	}
}

func TestFaultDatabaseDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"no database": func([]byte) []byte { return []byte("this is a letter to my aunt, and no database") },
		"cut":         func(b []byte) []byte { return b[:len(b)/2] },
		"overwritten": func(b []byte) []byte { copy(b[100:], strings.Repeat("\xff", len(b)-100)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.must("", "servers", "add", "echo", "--", "echo-mcp")
			p.must("", ask...)
			path := filepath.Join(p.home, "drawbridge.db")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b = damage(b)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			e := p.run("", "servers", "list")
			if e.code != 0 || !strings.Contains(e.stderr, "was damaged. It is kept as drawbridge.db.damaged-") || !strings.Contains(e.stdout, "echo") {
				t.Errorf("%v", e)
			}
			aside, err := filepath.Glob(path + ".damaged-*")
			if err != nil || len(aside) == 0 {
				t.Fatalf("kept aside: %v, %v", aside, err)
			}
			if kept, err := os.ReadFile(aside[0]); err != nil || string(kept) != string(b) {
				t.Errorf("what was kept aside is not what was there (%v)", err)
			}
			p.must("", "servers", "remove", "echo")
			p.must("", "servers", "add", "echo", "--", "echo-mcp")
			if n := p.askAgain(); n != 2 {
				t.Errorf("the new database has %d messages", n)
			}
		})
	}
}

func TestFaultHomeNotWritable(t *testing.T) {
	t.Parallel()
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		if err := os.WriteFile(p.home, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.refused("", []string{p.home, "DRAWBRIDGE_HOME"}, ask...)
		if b, err := os.ReadFile(p.home); err != nil || string(b) != "mine" {
			t.Errorf("what stood there: %q, %v", b, err)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		before := p.askAgain()
		unmount := p.mounted(`mount --bind "$DRAWBRIDGE_HOME" "$DRAWBRIDGE_HOME"
mount -o remount,bind,ro "$DRAWBRIDGE_HOME"`)
		p.refused("", []string{p.home, "read-only", "DRAWBRIDGE_HOME"}, ask...)
		unmount()
		if after := p.askAgain(); after != before+2 {
			t.Errorf("%d messages became %d", before, after)
		}
	})
}

// TestFaultNoDescriptors has the program start with ever fewer of them: it
// works, or says what is wrong.
func TestFaultNoDescriptors(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.must("", "servers", "add", "echo", "--", "echo-mcp")
	worked, failed := 0, 0
	before := p.askAgain()
	for _, n := range []int{10, 12, 14, 16, 20, 32} {
		p.wrap = []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, n), "sh"}
		started := time.Now()
		e := p.run("", "ask", "--approve", "always", "echo__say text=hello")
		p.wrap = nil
		if took := time.Since(started); took > 2*time.Minute {
			t.Errorf("with %d descriptors it took %v", n, took)
		}
		if e.code == 0 {
			worked++
			continue
		}
		failed++
		if !strings.Contains(e.stderr, "drawbridge: ") || !strings.Contains(e.stderr, "too many") || strings.Contains(e.stderr, "goroutine ") {
			t.Errorf("with %d descriptors: %v", n, e)
		}
	}
	t.Logf("%d worked, %d failed", worked, failed)
	if failed == 0 {
		t.Error("every start worked")
	}
	if after := p.askAgain(); after < before+2 {
		t.Errorf("%d messages became %d", before, after)
	}
}

// TestFaultTwoInstances has ten starts race for one home.
func TestFaultTwoInstances(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- oneOwner(ctx, filepath.Join(p.home, "drawbridge.db")) }()
	const starts = 10
	results := make(chan ended, 2*starts)
	for i := range starts {
		go func() { results <- p.run("", "servers", "add", fmt.Sprint("s", i), "--", "echo-mcp") }()
		go func() { results <- p.run("", ask...) }()
	}
	for range 2 * starts {
		if e := <-results; e.code != 0 {
			t.Errorf("%v", e)
		}
	}
	stop()
	if err := <-watched; err != nil {
		t.Error(err)
	}
	list := p.must("", "servers", "list")
	for i := range starts {
		if !strings.Contains(list, fmt.Sprintf("s%d ", i)) {
			t.Errorf("s%d is lost:\n%s", i, list)
		}
	}
	if n := p.messages(); n != 2*starts {
		t.Errorf("%d messages of %d turns", n, starts)
	}
}

// oneOwner watches that never two processes have a file open.
func oneOwner(ctx context.Context, path string) error {
	looks := 0
	for ctx.Err() == nil {
		first, err := openedBy(path, 0)
		if err != nil {
			return err
		}
		if first != 0 {
			looks++
			second, err := openedBy(path, first)
			if err != nil {
				return err
			}
			if second == 0 {
				continue
			}
			if child := childOf(first, second); child != 0 {
				if err := letsGo(ctx, child, path); err != nil {
					return err
				}
				continue
			}
			if again, err := hasOpen(first, path); again || err != nil {
				return fmt.Errorf("the processes %d and %d have %s open at once (%v)", first, second, path, err)
			}
		}
		time.Sleep(time.Millisecond)
	}
	if looks == 0 {
		return fmt.Errorf("nobody was ever seen with %s", path)
	}
	return nil
}

// childOf returns which of two processes the other one started, or 0.
func childOf(a, b int) int {
	switch {
	case parent(b) == a:
		return b
	case parent(a) == b:
		return a
	}
	return 0
}

// letsGo waits until a process that is being started has let go of the file: it
// holds what its parent has open until it runs its own program, and no longer.
func letsGo(ctx context.Context, pid int, path string) error {
	for deadline := time.Now().Add(survive); ctx.Err() == nil; time.Sleep(time.Millisecond) {
		has, err := hasOpen(pid, path)
		if err != nil || !has {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d keeps %s open, which its parent has", pid, path)
		}
	}
	return nil
}

// parent returns the parent of a process, or 0 if the process is gone.
func parent(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nPPid:")
	var of int
	if _, err := fmt.Sscan(rest, &of); err != nil {
		return 0
	}
	return of
}

// openedBy returns a process other than except that has the file open, or 0.
func openedBy(path string, except int) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscanf(e.Name(), "%d", &pid); err != nil || pid == except {
			continue
		}
		if has, err := hasOpen(pid, path); has || err != nil {
			return pid, err
		}
	}
	return 0, nil
}

func hasOpen(pid int, path string) (bool, error) {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false, err
	}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == path {
			return true, nil
		}
	}
	return false, nil
}

// TestFaultOwnerKilled kills the owner while another command runs in it.
func TestFaultOwnerKilled(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pids := filepath.Join(p.root, "pids")
	if err := os.Mkdir(pids, 0o700); err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	model := newService(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	p.provide("afar", model.URL+"/v1")
	p.must("", "servers", "add", "slow", "--env", "PIDS="+pids, "--env", "PAUSE=30s", "--", "slow-mcp")

	owner := p.command("ask", "--provider", "afar", "--tools", "none", "hello")
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("the owner asks nobody")
	}
	client := make(chan ended, 1)
	go func() { client <- p.run("", "ask", "--provider", "afar", "hello from a client") }()
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("the client asks nobody")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed
	e := <-client
	if e.code != 69 || !strings.HasPrefix(e.stderr, "drawbridge: the running Drawbridge ended before this command did") {
		t.Errorf("the client: %v", e)
	}
	for _, pid := range pidFiles(t, pids) {
		eventually(t, fmt.Sprintf("the end of server process %d", pid), survive, func() bool { return !running(pid) })
	}
	p.must("", ask...)
	if n := strings.Count(p.query("SELECT id FROM conversations"), "\n"); n != 3 {
		t.Errorf("%d conversations", n)
	}
}
