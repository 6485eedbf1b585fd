//go:build unix

package mcphost

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const windows = false

// group is a process group, led by the child. A process that leaves it (with
// setsid, say) is not found by its signals.
type group struct{ leader int }

// start starts the command as the leader of a new group.
func (g *group) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	g.leader = cmd.Process.Pid
	return nil
}

// terminate asks the whole group to end.
func (g *group) terminate() { g.signal(syscall.SIGTERM) }

// kill ends the whole group.
func (g *group) kill() { g.signal(syscall.SIGKILL) }

func (g *group) signal(s syscall.Signal) bool {
	// Never 0 or 1: kill(2) takes them for our own group and for everyone.
	return g.leader > 1 && !errors.Is(syscall.Kill(-g.leader, s), syscall.ESRCH)
}

// sweep ends what the leader left behind in its group.
func (g *group) sweep(within time.Duration) {
	if !g.terminateAndFind() {
		return
	}
	for until := time.Now().Add(within); time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
		if !g.signal(0) {
			return
		}
	}
	g.kill()
}

// terminateAndFind asks the group to end and reports whether it had anybody.
func (g *group) terminateAndFind() bool { return g.signal(syscall.SIGTERM) }

func describeExit(s *os.ProcessState) string {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return "was ended by the signal " + w.Signal().String()
	}
	return exitCode(s.ExitCode())
}
