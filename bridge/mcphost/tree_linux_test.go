package mcphost

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// treeIsGoneWithin is what is promised after a stop or the program's death.
const treeIsGoneWithin = 5 * time.Second

// marked returns the ids of the processes that have a text in their
// environment, zombies left out: /proc shows those without one.
func marked(t testing.TB, text string) (out []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil && bytes.Contains(b, []byte(text)) {
			out = append(out, pid)
		}
	}
	return out
}

// allGone demands that no marked process is left in time, and ends those that
// are.
func allGone(t testing.TB, what, text string) {
	t.Helper()
	var left []int
	within := patience
	if soak {
		within = treeIsGoneWithin
	}
	for until := time.Now().Add(within); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if left = marked(t, text); len(left) == 0 {
			return
		}
	}
	for _, pid := range left {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		t.Errorf("%s: process %d is left: %s", what, pid, status)
		syscall.Kill(pid, syscall.SIGKILL)
	}
	t.FailNow()
}

// announced waits until so many processes have written their ids.
func announced(t testing.TB, dir string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d processes in %s", n, dir), func() bool {
		entries, err := os.ReadDir(dir)
		return err == nil && len(entries) >= n
	})
}

func parentOf(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var state string
	var parent int
	if _, err := fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &parent); err != nil {
		t.Fatal(err)
	}
	return parent
}

// trees are the kinds of processes that servers start, with the number that
// announces itself.
var trees = map[string]int{"plain": 2, "setsid": 2, "daemon": 1}

func testStopsTree(t *testing.T, times int) {
	for kind, n := range trees {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, nil)
			for range times {
				dir := t.TempDir()
				s := ready(t, m, child(t, "s", kind+":"+dir))
				announced(t, dir, n)
				watcher := parentOf(t, s.PID)
				began := time.Now()
				m.Stop("s")
				allGone(t, "after stop", dir)
				eventually(t, "the shim's end", func() bool { return !alive(watcher) })
				promised(t, began, treeIsGoneWithin)
			}
		})
	}
}

func TestStopEndsTree(t *testing.T) {
	t.Parallel()
	testStopsTree(t, 17)
}

func TestSoakStopEndsTree(t *testing.T) {
	if !soak {
		t.Skip("500 starts and stops: set DRAWBRIDGE_SOAK=1")
	}
	t.Parallel()
	testStopsTree(t, 167)
}

// kill9 starts a program with a server, kills it, and demands that nothing of
// the server is left.
func kill9(t *testing.T, kind string, n int) { killHost(t, "host:", kind, n) }

func killHost(t *testing.T, mode, kind string, n int) {
	t.Helper()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	host := exec.Command(exe)
	host.Env = append(os.Environ(), modeVariable+"="+mode+kind+":"+dir, sandboxesVariable+"="+t.TempDir())
	host.Stderr = &said
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	defer host.Process.Kill()
	announced(t, dir, n+1)
	watcher := parentOf(t, pidFrom(t, filepath.Join(dir, "server")))
	if watcher == host.Process.Pid {
		t.Fatalf("the server runs without a shim; the program said %q", said.String())
	}
	began := time.Now()
	host.Process.Kill()
	host.Wait()
	allGone(t, "after the program was killed", dir)
	eventually(t, "the shim's end", func() bool { return !alive(watcher) })
	promised(t, began, treeIsGoneWithin)
}

func testKillsHost(t *testing.T, times int) {
	for kind, n := range trees {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for range times {
				kill9(t, kind, n)
			}
		})
	}
}

func TestKilledHostLeavesNothing(t *testing.T) {
	t.Parallel()
	testKillsHost(t, 7)
}

func TestSoakKilledHostLeavesNothing(t *testing.T) {
	if !soak {
		t.Skip("200 kills: set DRAWBRIDGE_SOAK=1")
	}
	t.Parallel()
	testKillsHost(t, 67)
}

// TestForkBomb has a server whose children keep starting children in sessions
// of their own, up to 127.
func TestForkBomb(t *testing.T) {
	t.Parallel()
	for _, when := range []int{1, 30, 127} { // while it grows, and after
		t.Run(fmt.Sprint(when), func(t *testing.T) {
			t.Parallel()
			m := newManager(t, nil)
			dir := t.TempDir()
			ready(t, m, child(t, "s", "bomb:"+dir))
			announced(t, dir, when)
			m.Stop("s")
			allGone(t, "after stop", dir)
		})
	}
}

// TestKilledShim has somebody kill the shim: the server ends too, and is
// started again.
func TestKilledShim(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	first := ready(t, m, child(t, "s", "echo"))
	syscall.Kill(parentOf(t, first.PID), syscall.SIGKILL)
	s := await(t, m, "s", "another start", func(s Status) bool { return s.State == Ready && s.PID != first.PID })
	eventually(t, "the first server's end", func() bool { return !alive(first.PID) })
	// Polite signals, as killall sends them, do not end it.
	watcher := parentOf(t, s.PID)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		syscall.Kill(watcher, signal)
	}
	if r := mustCall(t, m, "s", "echo", `{"text":"still"}`); r.Content.Text() != "still" || status(t, m, "s").PID != s.PID {
		t.Errorf("%+v", r)
	}
	if parentOf(t, s.PID) != watcher {
		t.Error("the shim has ended")
	}
}

// ignoredSignals are the signals that a process ignores, the bit 0 for the
// signal 1.
func ignoredSignals(t *testing.T, pid int) uint64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "SigIgn:"); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(v), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return mask
		}
	}
	t.Fatalf("/proc/%d/status has no SigIgn", pid)
	return 0
}

// TestShimPassesAllOn compares what a server gets with what it should get.
func TestShimPassesAllOn(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	c := child(t, "s", "echo")
	c.Env["ODD"] = "a\nb ä \xff"
	s := ready(t, m, c)
	text := mustCall(t, m, "s", "environment", `{}`).Content.Text()
	if !strings.Contains(text, "ODD=a\nb ä") || strings.Contains(text, "DRAWBRIDGE_PROCESS_SHIM") || strings.Contains(text, "GOMAXPROCS") {
		t.Errorf("%s", text)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", s.PID, fd.Name())); strings.HasPrefix(to, "socket:") {
			t.Errorf("the server has the socket of the shim")
		}
	}
	watcher := parentOf(t, s.PID)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", watcher))
	if err != nil || bytes.Contains(b, []byte("ODD=")) {
		t.Errorf("the shim has the server's environment: %q, %v", b, err)
	}
	// What this process was started with is passed on; the shim adds nothing.
	if got, inherited := ignoredSignals(t, s.PID), ignoredSignals(t, os.Getpid()); got&^inherited != 0 {
		t.Errorf("the server ignores signals: %x, and this process %x", got, inherited)
	}
}

// TestShimBounds looks at what a shim takes while it waits: a few megabytes. The
// race detector needs more than that for itself.
func TestShimBounds(t *testing.T) {
	if bounds.Race {
		t.Skip("with the race detector every process is large; make bounds runs this without")
	}
	t.Parallel()
	watcher := parentOf(t, ready(t, newManager(t, nil), child(t, "s", "echo")).PID)
	eventually(t, "the shim to be small", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", watcher))
		var kb int
		for _, line := range strings.Split(string(b), "\n") {
			if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				fmt.Sscan(v, &kb)
			}
		}
		return kb > 0 && kb <= 15<<10
	})
}

// TestWithoutShim runs a server in a group alone.
func TestWithoutShim(t *testing.T) {
	t.Parallel()
	var gone sync.WaitGroup
	for name, spec := range map[string]processSpec{
		"runs":   {path: "/bin/sh", args: []string{"sh", "-c", "trap '' TERM; sleep 200 & read line"}, dir: "/"},
		"absent": {path: "/nowhere/at/all", args: []string{"x"}, dir: "/"},
	} {
		for _, tree := range []func() tree{newGroup, func() tree { s, _ := newTree(nil, boxed{}); return s }} {
			p, err := launch(spec, tree())
			if (err == nil) != (name == "runs") || err != nil && reason(err) != "no such file or directory" {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil {
				continue
			}
			gone.Go(func() {
				began := time.Now()
				p.stop()
				promised(t, began, 2500*time.Millisecond)
				eventually(t, "the group's end", func() bool { return !signalGroup(p.pid(), 0) })
			})
		}
	}
	gone.Wait()
}
