package mcphost

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// How long a child process is given at each step of stopping it. Together they
// stay under 2.5 s.
const (
	stopAfterEOF  = 500 * time.Millisecond // after its input was closed
	stopAfterTerm = time.Second            // after it was asked to end
	stopAfterKill = 500 * time.Millisecond // after it was killed
	sweepAfter    = 300 * time.Millisecond // for what it left in its group
	drainAfter    = 200 * time.Millisecond // for what it had written
)

// processSpec is what is to run. It is complete: nothing is inherited.
type processSpec struct {
	path string // of the program
	args []string
	env  []string
	dir  string
}

// process is a child process with everything in its process group (unix) or
// job (Windows).
type process struct {
	cmd                   *exec.Cmd
	group                 group
	stdin, stdout, stderr *os.File // our ends

	exited chan struct{} // closed when the process itself has ended
	gone   chan struct{} // closed when its group has ended too
	once   sync.Once
}

// launch starts a process. The caller reads stdout and stderr to their ends,
// and calls stop.
func launch(spec processSpec) (*process, error) {
	var pipes [6]*os.File
	closeAll := func() {
		for _, f := range pipes {
			if f != nil {
				f.Close()
			}
		}
	}
	for i := 0; i < 6; i += 2 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll()
			return nil, err
		}
		pipes[i], pipes[i+1] = r, w
	}
	p := &process{
		cmd:   &exec.Cmd{Path: spec.path, Args: spec.args, Env: spec.env, Dir: spec.dir},
		stdin: pipes[1], stdout: pipes[2], stderr: pipes[4],
		exited: make(chan struct{}), gone: make(chan struct{}),
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = pipes[0], pipes[3], pipes[5]
	if err := p.group.start(p.cmd); err != nil {
		closeAll()
		return nil, err
	}
	for _, i := range []int{0, 3, 5} {
		pipes[i].Close()
	}
	go func() {
		p.cmd.Wait() // how it ended is in cmd.ProcessState
		close(p.exited)
		p.stop()
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process and its group: it closes the input, waits, asks, waits,
// kills. It returns when all is gone, after 2.5 s at most. Everyone who calls
// it waits for the same end.
func (p *process) stop() {
	p.once.Do(func() {
		p.stdin.Close()
		if !p.endsWithin(stopAfterEOF) {
			p.group.terminate()
			if !p.endsWithin(stopAfterTerm) {
				p.group.kill()
				p.endsWithin(stopAfterKill)
			}
		}
		p.group.sweep(sweepAfter)
		close(p.gone)
	})
	<-p.gone
}

func (p *process) endsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.exited:
		return true
	case <-t.C:
		return false
	}
}

// ending says how the process ended, to continue a sentence.
func (p *process) ending() string {
	select {
	case <-p.exited:
	default:
		return "is still there"
	}
	return describeExit(p.cmd.ProcessState)
}

// isClosed reports whether a read or write failed because our end was closed.
func isClosed(err error) bool { return errors.Is(err, os.ErrClosed) }

// exitCode phrases an exit status.
func exitCode(code int) string {
	switch code {
	case 0:
		return "ended by itself without an error"
	case 126:
		return "ended with exit status 126: what it should run is not executable"
	case 127:
		return "ended with exit status 127: a command was not found"
	}
	return fmt.Sprintf("ended with exit status %d", code)
}
