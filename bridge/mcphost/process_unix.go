//go:build unix

package mcphost

import (
	"errors"
	"os/exec"
	"syscall"
	"time"
)

const windows = false

// group is a process group, led by the child. A process that leaves it (with
// setsid, say) is not found by its signals, and when this program is killed the
// group stays; a shim has neither weakness.
type group struct{ cmd *exec.Cmd }

func newGroup() tree { return &group{} }

// start starts the command as the leader of a new group.
func (g *group) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	g.cmd = cmd
	return nil
}

func (g *group) pid() int { return g.cmd.Process.Pid }

func (g *group) wait() string {
	g.cmd.Wait() // how it ended is in ProcessState
	if w, ok := g.cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		return describeExit(w)
	}
	return exitCode(g.cmd.ProcessState.ExitCode())
}

// terminate asks the whole group to end.
func (g *group) terminate() { signalGroup(g.pid(), syscall.SIGTERM) }

// kill ends the whole group.
func (g *group) kill() { signalGroup(g.pid(), syscall.SIGKILL) }

// signalGroup reports whether the group has anybody.
func signalGroup(leader int, s syscall.Signal) bool {
	// Never 0 or 1: kill(2) takes them for our own group and for everyone.
	return leader > 1 && !errors.Is(syscall.Kill(-leader, s), syscall.ESRCH)
}

// sweep ends what the leader left behind in its group.
func (g *group) sweep(within time.Duration) {
	if !signalGroup(g.pid(), syscall.SIGTERM) {
		return
	}
	for until := time.Now().Add(within); time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
		if !signalGroup(g.pid(), 0) {
			return
		}
	}
	g.kill()
}

func describeExit(w syscall.WaitStatus) string {
	if w.Signaled() {
		return "was ended by the signal " + w.Signal().String()
	}
	return exitCode(w.ExitStatus())
}
