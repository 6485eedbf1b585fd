//go:build unix

package mcphost

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/shim"
)

// How long a shim may take to begin and to report the server's start.
const shimStarts = 10 * time.Second

// shimGoes is how long is waited for the end of a shim whose tree was killed.
// What can be killed is gone much sooner; what hangs in the kernel never is.
const shimGoes = 500 * time.Millisecond

// newTree returns the best that this system and this program have, and why it
// is not the best there is; empty if it is.
func newTree(own []string, box boxed) (tree, string) {
	if !mayShim.Load() {
		return newGroup(), "the program did not call mcphost.RunShim"
	}
	self := "/proc/self/exe" // also after the file was replaced
	if runtime.GOOS != "linux" {
		path, err := os.Executable()
		if err != nil {
			return newGroup(), "the program's own file is not known: " + err.Error()
		}
		self = path
	}
	t := &shimTree{self: self, env: append([]string{shim.Variable + "=" + shim.Descriptor, "GOMAXPROCS=1"}, loading(own)...), box: box}
	return t, ""
}

// shimTree is a server behind a shim.
type shimTree struct {
	self string
	env  []string
	box  boxed

	cmd     *exec.Cmd // the shim
	server  int
	control *os.File
	over    chan struct{} // closed when the shim has ended
}

// start runs the shim and has it start the command. The error is that of the
// command's start.
func (t *shimTree) start(cmd *exec.Cmd) error {
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	t.cmd = &exec.Cmd{
		Path: t.self, Args: []string{cmd.Args[0], "(shim)"}, Env: t.env, Dir: "/",
		Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr, ExtraFiles: []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := t.cmd.Start(); err != nil {
		ours.Close()
		return err
	}
	t.control, t.over = ours, make(chan struct{})
	theirs.Close()
	go func() {
		t.cmd.Wait()
		close(t.over)
	}()
	ours.SetDeadline(time.Now().Add(shimStarts))
	_, err = ours.Write(shim.Spec(shim.Command{
		Path: cmd.Path, Dir: cmd.Dir, Args: cmd.Args, Env: cmd.Env, Given: t.box.stage, Wrapper: t.box.wrapper,
	}))
	var kind byte
	var n int
	if err == nil {
		kind, n, err = t.answer()
	}
	switch {
	case err != nil:
		err = errors.Join(errors.New("the process that watches over it did not start"), err)
	case kind == shim.Failed:
		err = &os.PathError{Op: "start", Path: cmd.Path, Err: syscall.Errno(n)}
	case kind != shim.Started || n <= 1:
		err = errors.New("the process that watches over it did not start")
	default:
		t.server = n
		ours.SetDeadline(time.Time{})
		return nil
	}
	ours.Close() // ends the shim
	if !t.endsWithin(shimGoes) {
		t.cmd.Process.Kill()
	}
	return err
}

func (t *shimTree) answer() (kind byte, n int, err error) {
	var b [shim.AnswerSize]byte
	if _, err := io.ReadFull(t.control, b[:]); err != nil {
		return 0, 0, err
	}
	return b[0], shim.Number(b[1:]), nil
}

func (t *shimTree) pid() int { return t.server }

func (t *shimTree) wait() string {
	if kind, status, err := t.answer(); err == nil && kind == shim.Exited {
		return describeExit(syscall.WaitStatus(status))
	}
	// The shim itself was killed, and the server with it.
	signalGroup(t.server, syscall.SIGKILL)
	return "was ended together with the process that watches over it"
}

func (t *shimTree) terminate() { t.command(shim.Terminate) }
func (t *shimTree) kill()      { t.command(shim.Kill) }

func (t *shimTree) command(c byte) {
	t.control.SetWriteDeadline(time.Now().Add(time.Second))
	t.control.Write([]byte{c}) // if it fails the shim has ended
}

func (t *shimTree) sweep(d time.Duration) {
	defer t.control.Close()
	select {
	case <-t.over: // nothing is left
		return
	default:
	}
	t.terminate()
	if t.endsWithin(d) {
		return
	}
	t.kill()
	t.endsWithin(shimGoes)
}

func (t *shimTree) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.over:
		return true
	case <-timer.C:
		return false
	}
}

// socketPair returns two connected streams that no child inherits unasked. The
// first, which is ours, has deadlines.
func socketPair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "shim"), os.NewFile(uintptr(fds[1]), "program"), nil
}
