package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of the tests.
const patience = time.Minute

// The environment variable that makes the test binary another program.
const roleEnv = "CONTROL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case "racer":
		racer()
	case "start":
		os.Exit(start(os.Args[1:]))
	case "ancestry":
		ancestry(os.Args[1:])
	case "parent":
		os.Exit(parent(os.Args[1:]))
	case "knock":
		knock(os.Args[1])
	default:
		panic("unknown role " + role)
	}
}

// racer takes and gives up locks as its standard input says.
func racer() {
	var owner *Owner
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var err error
		if home, ok := strings.CutPrefix(lines.Text(), "acquire "); ok {
			owner, err = Acquire(home, Options{})
		} else if owner != nil {
			err, owner = owner.Close(), nil
		}
		fmt.Println(owner != nil, err)
	}
}

// start is a program like Drawbridge: DRAWBRIDGE_HOME, arguments, exit code.
func start(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	session, err := Local(ctx, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	owner, client, err := Join(ctx, os.Getenv("DRAWBRIDGE_HOME"), Options{Version: "test", Role: "command"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return ExitUnavailable
	}
	if client != nil {
		code, err := client.Run(ctx, session)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return code
	}
	served := make(chan error, 1)
	serveCtx, stopServing := context.WithCancel(ctx)
	go func() { served <- owner.Serve(serveCtx, HandlerFunc(commands)) }()
	code := commands(ctx, session)
	_ = owner.Drain(ctx)
	stopServing()
	if err := errors.Join(<-served, owner.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// commands are the commands of the program of the tests.
func commands(ctx context.Context, s *Session) int {
	fail := func(err error) int {
		fmt.Fprintln(s.Stderr, "error:", err)
		return 1
	}
	switch s.Args[0] {
	case "echo":
		fmt.Fprintf(s.Stdout, "%q in %s", s.Args[1:], s.Dir)
		fmt.Fprintf(s.Stderr, "%v %v %d", s.StdinTTY, s.StdoutTTY, s.Width)
	case "exit":
		code, err := strconv.Atoi(s.Args[1])
		if err != nil {
			return fail(err)
		}
		return code
	case "pid":
		fmt.Fprintln(s.Stdout, os.Getpid(), s.Peer.PID)
	case "cat":
		if _, err := io.Copy(s.Stdout, s.Stdin); err != nil {
			return fail(err)
		}
	case "take": // one line, a byte at a time as ReadSecret does
		value, err := s.ReadSecret(ctx, "value: ")
		if err != nil {
			return fail(err)
		}
		fmt.Fprintf(s.Stdout, "%s|", value.Reveal())
	case "memory":
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(s.Stdout, m.HeapSys)
	case "wait": // until cancelled, and write why into a file
		fmt.Fprintln(s.Stdout, "waiting")
		<-ctx.Done()
		if len(s.Args) > 1 {
			if err := os.WriteFile(s.Args[1]+".new", []byte(context.Cause(ctx).Error()), 0o600); err != nil {
				return fail(err)
			}
			if err := os.Rename(s.Args[1]+".new", s.Args[1]); err != nil {
				return fail(err)
			}
		}
		fmt.Fprintln(s.Stderr, context.Cause(ctx))
		return 42
	case "panic":
		panic("on purpose")
	default:
		return fail(fmt.Errorf("unknown command %q", s.Args[0]))
	}
	return 0
}

// program prepares the test binary as another program in a home. It is killed
// when the test ends.
func program(t *testing.T, role, home string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role, "DRAWBRIDGE_HOME="+home)
	t.Cleanup(func() {
		if cmd.Process != nil && cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// startOwner is a process that owns home and waits, until it is killed.
func startOwner(t *testing.T, home string) *exec.Cmd {
	t.Helper()
	cmd := program(t, "start", home, "wait")
	startAndExpect(t, cmd, "waiting\n")
	return cmd
}

// startAndExpect starts a process and waits for the first line it prints.
func startAndExpect(t *testing.T, cmd *exec.Cmd, want string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make(chan string, 1)
	go func() {
		s, _ := bufio.NewReader(out).ReadString('\n')
		line <- s
	}()
	select {
	case got := <-line:
		if got != want {
			t.Fatalf("%v printed %q, want %q", cmd.Args[1:], got, want)
		}
	case <-time.After(patience):
		t.Fatalf("%v printed nothing", cmd.Args[1:])
	}
}

// serve makes the test's process the owner of a new home.
func serve(t *testing.T, opts Options, h HandlerFunc) (string, *Owner) {
	t.Helper()
	home := t.TempDir()
	owner, err := Acquire(home, opts)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, owner, h)
	return home, owner
}

func serveOn(t *testing.T, owner *Owner, h HandlerFunc) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- owner.Serve(context.Background(), h) }()
	t.Cleanup(func() {
		if err := owner.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve did not return")
		}
	})
}

// A locked buffer is written by the relay and read by the test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type result struct {
	code           int
	err            error
	stdout, stderr string
}

// runClient runs a command as a client in this process.
func runClient(ctx context.Context, home string, opts Options, change func(*Session), args ...string) result {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := Dial(ctx, home, opts)
	if err != nil {
		return result{code: -1, err: err}
	}
	var stdout, stderr buffer
	s := &Session{Args: args, Dir: filepath.Clean(os.TempDir()), Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr}
	if change != nil {
		change(s)
	}
	code, err := client.Run(ctx, s)
	return result{code, err, stdout.String(), stderr.String()}
}

// eventually waits for a condition of another process or goroutine.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
