package control

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestOneWinsTheLock(t *testing.T) {
	t.Parallel()
	type child struct {
		in  io.Writer
		out *bufio.Reader
	}
	var racers [2]child
	for i := range racers {
		cmd := program(t, "racer", "")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		racers[i] = child{in, bufio.NewReader(out)}
	}
	tell := func(what string) (answers []string) {
		var wg sync.WaitGroup
		for _, r := range racers {
			wg.Go(func() { fmt.Fprintln(r.in, what) })
		}
		wg.Wait()
		for _, r := range racers {
			line, err := r.out.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, strings.TrimSpace(line))
		}
		return answers
	}
	home := filepath.Join(t.TempDir(), "home")
	for range 20 {
		answers := tell("acquire " + home)
		won, owned := 0, 0
		for _, a := range answers {
			if a == "true <nil>" {
				won++
			} else if strings.HasPrefix(a, "false") && strings.HasSuffix(a, ErrOwned.Error()) {
				owned++
			}
		}
		if won != 1 || owned != 1 {
			t.Fatalf("answers %q, want one winner and one that is told of it", answers)
		}
		for _, a := range tell("close") {
			if a != "false <nil>" {
				t.Fatalf("closing: %s", a)
			}
		}
	}
}

func TestOwnerKilled(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	first := startOwner(t, home)
	running := program(t, "start", home, "wait")
	var stderr buffer
	running.Stderr = &stderr
	startAndExpect(t, running, "waiting\n")

	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	// Its client is told.
	err := running.Wait()
	if code := running.ProcessState.ExitCode(); code != ExitUnavailable {
		t.Errorf("the client of a killed owner: %v, want exit code %d", err, ExitUnavailable)
	}
	if want := strconv.Itoa(first.Process.Pid); !strings.Contains(stderr.String(), ErrOwnerGone.Error()) || !strings.Contains(stderr.String(), want) {
		t.Errorf("the client of a killed owner says %q", stderr.String())
	}
	// What the owner left is no obstacle.
	if _, err := os.Lstat(filepath.Join(home, "control.sock")); err != nil && runtime.GOOS != "windows" {
		t.Fatalf("the killed owner left no socket: %v", err)
	}
	out, err := program(t, "start", home, "pid").Output()
	if err != nil {
		t.Fatal(err)
	}
	var owner, peer int
	if _, err := fmt.Sscan(string(out), &owner, &peer); err != nil || owner != peer || owner == first.Process.Pid {
		t.Errorf("the next start ran in process %d for %d", owner, peer)
	}
}

func TestClientKilled(t *testing.T) {
	t.Parallel()
	home, why := t.TempDir(), filepath.Join(t.TempDir(), "why")
	startOwner(t, home)
	client := program(t, "start", home, "wait", why)
	startAndExpect(t, client, "waiting\n")
	if err := client.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = client.Wait()
	var got []byte
	eventually(t, "the command ends", func() bool {
		var err error
		got, err = os.ReadFile(why)
		return err == nil
	})
	if string(got) != ErrClientGone.Error() {
		t.Errorf("the command was cancelled because %q", got)
	}
}

func TestCommandRunsInTheOwner(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	owner := startOwner(t, home)
	client := program(t, "start", home, "pid")
	out, err := client.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), fmt.Sprintln(owner.Process.Pid, client.Process.Pid); got != want {
		t.Errorf("ran in and for processes %q, want %q", got, want)
	}
	dir := t.TempDir()
	echo := program(t, "start", home, "echo", "a b", "", "\xff\xfe")
	echo.Dir = dir
	var stderr bytes.Buffer
	echo.Stderr = &stderr
	out, err = echo.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), `["a b" "" "\xff\xfe"] in `+dir; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := stderr.String(), "false false 0"; got != want {
		t.Errorf("terminals %q, want %q", got, want)
	}
	for _, code := range []int{0, 1, 3, 255} {
		err := program(t, "start", home, "exit", strconv.Itoa(code)).Run()
		var exit *exec.ExitError
		if code == 0 && err != nil || code != 0 && (!errors.As(err, &exit) || exit.ExitCode() != code) {
			t.Errorf("exit %d: %v", code, err)
		}
	}
}

func TestPipe50MB(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	startOwner(t, home)
	const size = 50 << 20
	cmd := program(t, "start", home, "cat")
	random := rand.NewChaCha8([32]byte{1})
	sent, got := sha256.New(), sha256.New()
	cmd.Stdin = io.TeeReader(io.LimitReader(random, size), sent)
	count := &counter{}
	cmd.Stdout = io.MultiWriter(got, count)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if count.n != size || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Errorf("%d bytes arrived, other than the %d that were sent", count.n, size)
	}
	out, err := program(t, "start", home, "memory").Output()
	if err != nil {
		t.Fatal(err)
	}
	heap, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if heap > size/2 {
		t.Errorf("the owner's heap grew to %d bytes for %d that passed through", heap, size)
	}
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

// A command takes no more of the client's standard input than it reads: two
// commands of a script share one.
func TestSharedInput(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	startOwner(t, home)
	name := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(name, []byte("first\r\n\nthird\nlast"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for i, want := range []string{"first|", "|", "", "third|", "last|"} {
		args := []string{"take"}
		if i == 2 { // reads nothing
			args = []string{"exit", "0"}
		}
		cmd := program(t, "start", home, args...)
		cmd.Stdin = file
		out, err := cmd.Output()
		if err != nil || string(out) != want {
			t.Fatalf("command %d took %q (%v), want %q", i, out, err, want)
		}
	}
	cmd := program(t, "start", home, "take")
	cmd.Stdin = file
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), ErrNoInput.Error()) {
		t.Errorf("at the end: %v, %q", err, stderr.String())
	}
}

// Many starts at once: one owns, all run.
func TestManyStarts(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		cmd := program(t, "start", home, "echo", strconv.Itoa(i))
		wg.Go(func() {
			out, err := cmd.Output()
			if err != nil || !strings.HasPrefix(string(out), fmt.Sprintf("[%q]", strconv.Itoa(i))) {
				t.Errorf("start %d: %v, %q", i, err, out)
			}
		})
	}
	wg.Wait()
	owner, err := Acquire(home, Options{})
	if err != nil {
		t.Fatalf("when all have ended: %v", err)
	}
	if err := owner.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Dial(context.Background(), home, Options{}); !errors.Is(err, ErrNoOwner) {
		t.Errorf("Dial without an owner: %v", err)
	}
}
