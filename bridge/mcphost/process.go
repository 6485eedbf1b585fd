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
	sweepAfter    = 300 * time.Millisecond // for what it left behind
	drainAfter    = 200 * time.Millisecond // for what it had written
)

// exitAfter is how long a server that closed its output before it was ready is
// given to end, so that it can be said how it ended.
const exitAfter = 2 * time.Second

// processSpec is what is to run. It is complete: nothing is inherited.
type processSpec struct {
	path string // of the program
	args []string
	env  []string
	dir  string
	box  boxed
	// fence is what is to keep the program in; nil for nothing.
	fence *fence
	// sandbox is what is told of that; nil where there was to be none.
	sandbox *SandboxState
}

// boxed is what a shim needs for a sandbox beside the command.
type boxed struct {
	stage   []byte
	wrapper bool
}

// tree is a child process with what it starts: all of it behind a shim and in a
// Windows job, and what stays in its process group without a shim.
type tree interface {
	// start starts the command.
	start(*exec.Cmd) error
	pid() int
	// wait returns when the process itself has ended, and says how, to continue
	// a sentence. It is called once.
	wait() string
	terminate() // asks all to end
	kill()      // ends all
	// sweep ends what the process left behind, after asking it: d later it is
	// killed. It is called once, after kill or the process's own end, and
	// returns when nothing is left, or can be done.
	sweep(d time.Duration)
}

// process is a child process with its tree.
type process struct {
	tree                  tree
	stdin, stdout, stderr *os.File // our ends

	exited chan struct{} // closed when the process itself has ended
	how    string        // it ended; set before
	gone   chan struct{} // closed when its tree has ended too
	once   sync.Once
}

// launch starts a process as the root of a tree. The caller reads stdout and
// stderr to their ends, and calls stop.
func launch(spec processSpec, t tree) (*process, error) {
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
	cmd := &exec.Cmd{Path: spec.path, Args: spec.args, Env: spec.env, Dir: spec.dir}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipes[0], pipes[3], pipes[5]
	if err := t.start(cmd); err != nil {
		closeAll()
		return nil, err
	}
	for _, i := range []int{0, 3, 5} {
		pipes[i].Close()
	}
	p := &process{
		tree: t, stdin: pipes[1], stdout: pipes[2], stderr: pipes[4],
		exited: make(chan struct{}), gone: make(chan struct{}),
	}
	go func() {
		p.how = t.wait()
		close(p.exited)
		p.stop()
	}()
	return p, nil
}

func (p *process) pid() int { return p.tree.pid() }

// stop ends the process and its tree: it closes the input, waits, asks, waits,
// kills. It returns when all is gone, after 2.5 s at most. Everyone who calls
// it waits for the same end.
func (p *process) stop() {
	p.once.Do(func() {
		p.stdin.Close()
		if !p.endsWithin(stopAfterEOF) {
			p.tree.terminate()
			if !p.endsWithin(stopAfterTerm) {
				p.tree.kill()
				p.endsWithin(stopAfterKill)
			}
		}
		p.tree.sweep(sweepAfter)
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
		return p.how
	default:
		return "closed its output without ending"
	}
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
