//go:build unix

package mcphost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// pidFrom waits for a process's id in a file.
func pidFrom(t *testing.T, file string) int {
	t.Helper()
	var pid int
	eventually(t, "a process id in "+file, func() bool {
		b, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(string(b))
		return err == nil && pid > 1
	})
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

func TestStopStubborn(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	s := ready(t, m, child(t, "s", "stubborn"))
	began := time.Now()
	m.Stop("s")
	eventually(t, "its end", func() bool { return !alive(s.PID) })
	promised(t, began, 2500*time.Millisecond)
	if took := time.Since(began); took < stopAfterEOF {
		t.Errorf("it took %s only", took)
	}
	eventually(t, "its being forgotten", func() bool { return len(m.Processes()) == 0 })
}

func TestGrandchildEndsToo(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"grandchild", "wrapper"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, nil)
			file := filepath.Join(t.TempDir(), "pid")
			s := ready(t, m, child(t, "s", mode+":"+file))
			pid := pidFrom(t, file)
			mustCall(t, m, "s", "echo", `{"text":"x"}`)
			if gone(pid) {
				t.Fatal("the grandchild does not run")
			}
			began := time.Now()
			m.Stop("s")
			eventually(t, "both to end", func() bool { return !alive(s.PID) && gone(pid) })
			promised(t, began, 2500*time.Millisecond)
		})
	}
}

// gone reports that a process has ended; one that nobody has buried yet counts.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z")
}

func TestGrandchildEndsWhenServerCrashes(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	file := filepath.Join(t.TempDir(), "pid")
	ready(t, m, child(t, "s", "grandchild:"+file))
	pid := pidFrom(t, file)
	if _, err := call(t, m, "s", "crash", `{}`); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "not known") {
		t.Errorf("%v", err)
	}
	eventually(t, "the grandchild to end", func() bool { return gone(pid) })
}

func TestCrashAndRestart(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	first := ready(t, m, child(t, "s", "echo"))
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := call(t, m, "s", "until", `{"file":"/nowhere"}`); err == nil || !strings.Contains(err.Error(), "while the call ran") {
			t.Errorf("a call that ran: %v", err)
		}
	})
	eventually(t, "the call to run", func() bool {
		m.mu.Lock()
		k := m.servers["s"].link
		m.mu.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.calls) == 1
	})
	_, err := call(t, m, "s", "crash", `{}`)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v", err)
	}
	all.Wait()
	// The next call works, and waits for the restart.
	if r := mustCall(t, m, "s", "echo", `{"text":"again"}`); r.Content.Text() != "again" {
		t.Errorf("%+v", r)
	}
	if s := status(t, m, "s"); s.PID == first.PID || s.Generation <= first.Generation || s.Error != "" {
		t.Errorf("%+v", s)
	}
	if !logHas(m, "s", "about to crash") {
		t.Errorf("the log %q lost the first life", tail(m, "s"))
	}
}

func TestCrashedCallIsNotRepeated(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	file := filepath.Join(t.TempDir(), "count")
	ready(t, m, child(t, "s", "once:"+file))
	if _, err := call(t, m, "s", "echo", `{}`); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("%v", err)
	}
	if r := mustCall(t, m, "s", "echo", `{}`); r.Content.Text() != "second life" {
		t.Errorf("%+v", r)
	}
	if b, _ := os.ReadFile(file); string(b) != "xx" {
		t.Errorf("two calls ran %d times", len(b))
	}
}

func TestCrashLoop(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	m.Apply([]store.ServerConfig{child(t, "s", "crash-loop")})
	s := await(t, m, "s", "giving up", func(s Status) bool { return s.State == Failed })
	if !strings.Contains(s.Error, "5 times") || !strings.Contains(s.Error, "exit status 7") {
		t.Errorf("%s", s.Error)
	}
	if n := strings.Count(strings.Join(m.Log("s"), "\n"), "started "); n != crashesMax {
		t.Errorf("it was started %d times", n)
	}
	if err := m.Start("s"); err != nil { // a person may
		t.Fatal(err)
	}
	await(t, m, "s", "another start", func(s Status) bool { return s.State == Ready })
}

func TestCloseEndsAll(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	var configs []store.ServerConfig
	for i := range 4 {
		configs = append(configs, child(t, fmt.Sprint("s", i), "stubborn"))
	}
	configs = append(configs, child(t, "silent", "silent")) // still starting
	m.Apply(configs)
	if err := m.Ready(testContext(t), "s0", "s1", "s2", "s3"); err != nil {
		t.Fatal(err)
	}
	pids := m.Processes()
	if len(pids) != 5 {
		t.Fatalf("%d processes", len(pids))
	}
	began := time.Now()
	if err := m.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	promised(t, began, 2500*time.Millisecond)
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
	m.Apply(configs)
	if err := m.Start("s0"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
	if s := m.Test(testContext(t), configs[0]); s.State != Failed {
		t.Errorf("Test after Close: %+v", s)
	}
	for range m.Watch(testContext(t)) { // ends
	}
}

func TestStderrFlood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := newManager(t, func(o *Options) { o.LogDir = dir })
	ready(t, m, child(t, "s", "stderr-flood"))
	mustCall(t, m, "s", "echo", `{"text":"x"}`)
	eventually(t, "the last line", func() bool { return logHas(m, "s", "the last line") })
	size := 0
	for _, line := range m.Log("s") {
		size += len(line) + 1
	}
	if size > logRing+logRing/4 {
		t.Errorf("%d bytes are kept in memory", size)
	}
	for _, name := range []string{"s.log", "s.log.1"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			if name == "s.log" {
				t.Error(err)
			}
			continue
		}
		if info.Mode().Perm() != 0o600 || info.Size() > logFileMax {
			t.Errorf("%s: %v, %d bytes", name, info.Mode(), info.Size())
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	const value = "canary-4711-value"
	dir := t.TempDir()
	m := newManager(t, func(o *Options) {
		o.LogDir = dir
		o.Secrets = keychain{"server/s/env/TOKEN": value}
	})
	c := child(t, "s", "secret-log")
	c.Env["TOKEN"] = store.RefTo("server/s/env/TOKEN")
	ready(t, m, c)
	r := mustCall(t, m, "s", "echo", `{}`)
	if got := r.Content.Text(); got != "my token is "+tools.Redacted {
		t.Errorf("%q", got)
	}
	if got := string(r.Structured); got != `{"token":"`+tools.Redacted+`"}` {
		t.Errorf("%s", got)
	}
	eventually(t, "its log", func() bool {
		return logHas(m, "s", "key="+tools.Redacted+" end") && logHas(m, "s", "not json: "+tools.Redacted)
	})
	m.Stop("s")
	eventually(t, "its end", func() bool { return len(m.Processes()) == 0 })
	b, err := os.ReadFile(filepath.Join(dir, "s.log"))
	if err != nil || strings.Contains(string(b), value) || !strings.Contains(string(b), "key="+tools.Redacted) {
		t.Errorf("the file holds %q (%v)", b, err)
	}
}

func TestShellsPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, rc, want string }{
		{"plain", `export PATH=/from/shell:$PATH`, "/from/shell"},
		{"noisy", `export PATH=/from/shell:$PATH; i=0; while [ $i -lt 3000 ]; do echo "noise $i noise noise noise noise noise noise noise noise noise noise"; echo err >&2; i=$((i+1)); done`, "/from/shell"},
		{"reads its input", `read answer; export PATH=/from/shell:$PATH`, "/from/shell"},
		{"keeps the descriptor open", `export PATH=/from/shell:$PATH; (sleep 200 &)`, "/from/shell"},
		{"fails", `exit 1`, "/own"},
		{"hangs", `sleep 200`, "/own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			// What runs as "$SHELL -ilc COMMAND".
			shell := filepath.Join(home, "shell")
			script := "#!/bin/sh\n[ \"$1\" = -ilc ] || exit 9\n" + c.rc + "\neval \"$2\"\n"
			if err := os.WriteFile(shell, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(home, ".nvm/versions/node/v9.1.0/bin"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(home, ".nvm/versions/node/v22.1.0/bin"), 0o700); err != nil {
				t.Fatal(err)
			}
			p := newSearchPath(func() []string { return []string{"HOME=" + home, "SHELL=" + shell, "PATH=/own:/usr/bin:/bin"} })
			began := time.Now()
			list := strings.Join(p.list(), ":")
			promised(t, began, loginLimit+3*time.Second)
			if !strings.HasPrefix(list, c.want+":") {
				t.Errorf("%s", list)
			}
			newer, older := strings.Index(list, "v22.1.0"), strings.Index(list, "v9.1.0")
			if newer < 0 || older < newer {
				t.Errorf("version managers: %s", list)
			}
		})
	}
}

func TestRealShells(t *testing.T) {
	t.Parallel()
	shell := "/bin/bash"
	if _, err := os.Stat(shell); err != nil {
		shell = "/bin/sh"
	}
	home := t.TempDir()
	for _, name := range []string{".profile", ".bash_profile"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("echo banner\nexport PATH=\"/from/profile:$PATH\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := newSearchPath(func() []string { return []string{"HOME=" + home, "SHELL=" + shell, "PATH=/usr/bin:/bin"} })
	if list := p.list(); list[0] != "/from/profile" {
		t.Errorf("%v", list)
	}
}
