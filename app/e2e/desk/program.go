//go:build linux && e2e

package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Program is one process that a desktop started and that Close will end.
type Program struct {
	name  string
	cmd   *exec.Cmd
	obeys time.Duration // how long it has to obey TERM before it is killed
	must  bool          // that it has to be killed is an error
	ended chan struct{}
	err   error // of Wait; read after ended
}

const (
	// stopLimit is how long a program has to obey TERM before it is killed.
	stopLimit = time.Minute
	// foreignLimit is the same for a program that is not ours to mend.
	foreignLimit = 10 * time.Second
)

// RunForeign is Run for a program that is not ours to mend, such as what ours is
// measured beside: one that does not end at TERM is killed soon, which is no error.
// Fyne, for one, hangs in rare cases when it quits.
func (d *Desktop) RunForeign(name string, cmd *exec.Cmd) (*Program, error) {
	return d.run(&Program{name: name, cmd: cmd, obeys: foreignLimit})
}

// Run starts a program on the desktop. Where the command has no output of its
// own, it goes to NAME.log in the folder of logs, after what is there already.
// A command without an environment gets Environ.
func (d *Desktop) Run(name string, cmd *exec.Cmd) (*Program, error) {
	return d.run(&Program{name: name, cmd: cmd, obeys: stopLimit, must: true})
}

// run starts a program, and remembers it for Close.
func (d *Desktop) run(p *Program) (*Program, error) {
	name, cmd := p.name, p.cmd
	if cmd.Env == nil {
		cmd.Env = d.Environ()
	}
	if cmd.Stdout == nil || cmd.Stderr == nil {
		log, err := os.OpenFile(filepath.Join(d.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		defer log.Close()
		if cmd.Stdout == nil {
			cmd.Stdout = log
		}
		if cmd.Stderr == nil {
			cmd.Stderr = log
		}
	}
	if cmd.Dir == "" {
		cmd.Dir = d.Home()
	}
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p.ended = make(chan struct{})
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	d.mu.Lock()
	d.programs = append(d.programs, p)
	d.mu.Unlock()
	return p, nil
}

// starter is the one thread that starts programs. The kernel ends them when
// the thread that started them ends, and this one ends with the process only:
// so a test that is killed leaves no desktop behind.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done := make(chan error)
	starter() <- func() { done <- cmd.Start() }
	return <-done
}

// PID is the id of the process.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the program has ended.
func (p *Program) Ended() <-chan struct{} { return p.ended }

// Wait waits for the end of the program, and returns what exec.Cmd.Wait does.
func (p *Program) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s to end: %w", p.name, context.Cause(ctx))
	}
}

// Stop asks the program to end, and kills it when it does not. It may be
// called more than once. The error says that it had to be killed; what a
// program of Go did instead of ending is then in its log. There is none for what
// RunForeign started.
func (p *Program) Stop() error {
	for _, attempt := range []struct {
		signal syscall.Signal
		limit  time.Duration
	}{{syscall.SIGTERM, p.obeys}, {syscall.SIGQUIT, 10 * time.Second}} {
		select {
		case <-p.ended:
			return nil
		default:
		}
		if err := p.cmd.Process.Signal(attempt.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-p.ended:
			if attempt.signal == syscall.SIGTERM {
				return nil
			}
		case <-time.After(attempt.limit):
		}
		if !p.must {
			break // nobody reads what it did instead
		}
	}
	p.Kill()
	if !p.must {
		return nil
	}
	return fmt.Errorf("%s (process %d) did not end within %v of TERM, and was killed", p.name, p.PID(), p.obeys)
}

// Kill ends the program as kill -9 does, and waits for that.
func (p *Program) Kill() {
	// The only error is that it has ended already.
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// A Process is one that runs on the desktop, whoever started it.
type Process struct {
	PID     int
	Command string // with its arguments
}

// Processes lists everything that runs on this desktop now, whether it was
// started by Run or by something that Run started. They are known by a mark in
// their environment, so one that left its parent, its group and its session is
// found too.
func (d *Desktop) Processes() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	mark := []byte(tokenName + "=" + d.token)
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A process that ends meanwhile, or is another user's, cannot be read
		// and is none of ours.
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || !slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(v []byte) bool { return bytes.Equal(v, mark) }) {
			continue
		}
		arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue
		}
		found = append(found, Process{pid, strings.TrimSpace(strings.ReplaceAll(string(arguments), "\x00", " "))})
	}
	return found, nil
}

// endLeftovers kills the processes of the desktop that nobody ended, and waits
// until they are gone.
func (d *Desktop) endLeftovers() error {
	return Until(context.Background(), stopLimit, "the last processes to end", func(context.Context) error {
		left, err := d.Processes()
		if err != nil || len(left) == 0 {
			return err
		}
		for _, p := range left {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		return fmt.Errorf("%d are left, such as %d: %s", len(left), left[0].PID, left[0].Command)
	})
}
