package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	for stat, want := range map[string]int{
		"7 (sh) S 3 7 7 0":                  3,
		"7 (a b) S 4 7 7 0":                 4,
		"7 (a) S 1 (b) R 5 7":               5,
		"7 ()) R 6":                         6,
		"7 (x\n) S 9 (y) S 12 7 7 0 -1 0\n": 12,
		"7 (init) S 0 7":                    0,
	} {
		if got, err := parseStat(stat); err != nil || got.parent != want {
			t.Errorf("%q: %d, %v, want %d", stat, got.parent, err, want)
		}
	}
	for _, stat := range []string{"", "7", "7 (sh", "7 (sh)", "7 (sh) S", "7 (sh) S x", "7 (sh) S -2 1"} {
		if got, err := parseStat(stat); err == nil {
			t.Errorf("%q: %+v, want an error", stat, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("7 (a) S 1 (b) R 5 7")
	f.Add(") ) 1")
	f.Fuzz(func(t *testing.T, stat string) {
		if p, err := parseStat(stat); err == nil && p.parent < 0 {
			t.Errorf("%q: parent %d", stat, p.parent)
		}
	})
}

// A real process of another user finds the door closed, even where the modes
// of files would let it in. Only root can become another user to try.
func TestRealForeignClient(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can start a process of another user; TestForeignClient covers the check itself")
	}
	dir, err := os.MkdirTemp("", "foreign")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	owner, err := Acquire(filepath.Join(dir, "home"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, owner, commands)
	socket := filepath.Join(owner.Home(), socketName)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(uid uint32) string {
		cmd := exec.Command(program, socket)
		cmd.Env = []string{roleEnv + "=knock"}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("user %d: %v: %s", uid, err, out)
		}
		return string(out)
	}
	const other = 65534
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(owner.Home(), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := run(other); !strings.Contains(got, "permission denied") {
		t.Errorf("another user at a socket of mode 0600: %s", got)
	}
	if err := os.Chmod(socket, 0o777); err != nil {
		t.Fatal(err)
	}
	if got, want := run(other), "'\\x00' true\n"; got != want {
		t.Errorf("another user at an open socket was told %q, want %q", got, want)
	}
	if got, want := run(0), "'H' false\n"; got != want {
		t.Errorf("the same user was told %q, want %q", got, want)
	}
}

// openTerminal makes a pseudo terminal: the person's end and the program's.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	raw, err := person.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	if ctlErr := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		if err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 97}); err != nil {
			return
		}
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
	}); err != nil || ctlErr != nil {
		t.Fatal(err, ctlErr)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// At a terminal, through an owner: the width arrives, the prompt is shown, the
// value is not, and the terminal is as it was.
func TestSecretAtATerminal(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	startOwner(t, home)
	person, terminal := openTerminal(t)
	var shown buffer
	go func() { _, _ = io.Copy(&shown, person) }()

	echo := program(t, "start", home, "echo")
	var stderr bytes.Buffer
	echo.Stdin, echo.Stdout, echo.Stderr = terminal, terminal, &stderr
	if err := echo.Run(); err != nil || stderr.String() != "true true 97" {
		t.Fatalf("%v, %q; want two terminals of 97 columns", err, stderr.String())
	}

	take := program(t, "start", home, "take")
	var stdout bytes.Buffer
	take.Stdin, take.Stdout, take.Stderr = terminal, &stdout, terminal
	if err := take.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the prompt", func() bool { return strings.Contains(shown.String(), "value: ") && !echoes(t, terminal) })
	if _, err := io.WriteString(person, "s3cret value\n"); err != nil {
		t.Fatal(err)
	}
	if err := take.Wait(); err != nil || stdout.String() != "s3cret value|" {
		t.Errorf("%v, %q", err, stdout.String())
	}
	if !echoes(t, terminal) {
		t.Error("the terminal stayed without echo")
	}

	// Interrupted at the prompt, the terminal is put back too.
	take = program(t, "start", home, "take")
	take.Stdin, take.Stdout, take.Stderr = terminal, &stdout, terminal
	if err := take.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second prompt", func() bool { return strings.Count(shown.String(), "value: ") == 2 && !echoes(t, terminal) })
	if err := take.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := take.Wait(); take.ProcessState.ExitCode() != 1 {
		t.Errorf("interrupted at the prompt: %v", err)
	}
	if !echoes(t, terminal) {
		t.Error("the terminal stayed without echo after an interrupt")
	}
	if strings.Contains(shown.String(), "s3cret") {
		t.Error("the value was shown")
	}
}

func TestLocalSession(t *testing.T) {
	t.Parallel()
	person, terminal := openTerminal(t)
	var shown buffer
	go func() { _, _ = io.Copy(&shown, person) }()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s, err := local(ctx, []string{"x"}, terminal, terminal, terminal)
	if err != nil {
		t.Fatal(err)
	}
	if !s.StdinTTY || !s.StdoutTTY || s.Width != 97 || s.Peer != (Peer{os.Getpid(), os.Getuid()}) {
		t.Errorf("got %+v", s)
	}
	ask := func(prompt string, typed []byte) (string, error) {
		type answer struct {
			value string
			err   error
		}
		done := make(chan answer, 1)
		go func() {
			v, err := s.ReadSecret(ctx, prompt)
			done <- answer{v.Reveal(), err}
		}()
		eventually(t, prompt, func() bool { return strings.Contains(shown.String(), prompt[:4]) && !echoes(t, terminal) })
		if _, err := person.Write(typed); err != nil {
			t.Fatal(err)
		}
		a := <-done
		return a.value, a.err
	}
	if got, err := ask("one \x1b[2J: ", []byte("k\n")); got != "k" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if strings.ContainsRune(shown.String(), '\x1b') {
		t.Error("a prompt changed the terminal")
	}
	if got, err := ask("two : ", []byte("\n")); got != "" || err != nil {
		t.Errorf("an empty line: %q, %v", got, err)
	}
	if got, err := ask("three: ", append(bytes.Repeat([]byte("k"), 5000), '\n')); err == nil || !strings.Contains(err.Error(), "cuts") {
		t.Errorf("a line that the terminal cuts: %d bytes, %v", len(got), err)
	}

	// A pipe: lines, and an end of the wait.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	s, err = local(ctx, nil, r, w, w)
	if err != nil {
		t.Fatal(err)
	}
	if s.StdinTTY || s.StdoutTTY || s.Width != 0 {
		t.Errorf("a pipe: %+v", s)
	}
	if _, err := io.WriteString(w, "a\nrest"); err != nil {
		t.Fatal(err)
	}
	if v, err := s.ReadSecret(ctx, "p"); v.Reveal() != "a" || err != nil {
		t.Errorf("got %q, %v", v.Reveal(), err)
	}
	rest := make([]byte, 9)
	if n, err := s.Stdin.Read(rest); string(rest[:n]) != "rest" || err != nil {
		t.Errorf("left %q, %v", rest[:n], err)
	}
	why := errors.New("why")
	read := make(chan error, 1)
	go func() { _, err := s.Stdin.Read(rest); read <- err }()
	cancel(why)
	if err := <-read; !errors.Is(err, why) {
		t.Errorf("a read when the context ended: %v", err)
	}
	if _, err := s.ReadSecret(ctx, "p"); !errors.Is(err, why) {
		t.Errorf("a secret when the context ended: %v", err)
	}
}
