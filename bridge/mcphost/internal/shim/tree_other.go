//go:build unix && !linux

package shim

import "syscall"

// adopt does nothing: this system gives orphans to its first process.
func adopt() {}

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ignoreSignals does nothing: the shim leads a session of its own, which no
// terminal's signal reaches.
func ignoreSignals() {}

// trim does nothing: this system has no cheap way to tell which pages may go.
func trim() {}

func duplicate(from, to int) error { return syscall.Dup2(from, to) }

func pause(milliseconds int64) {
	t := syscall.NsecToTimeval(milliseconds * 1e6)
	syscall.Select(0, nil, nil, nil, &t)
}

// reap waits for the server, and then until its process group is empty.
func (t *tree) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(t.server, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid != t.server {
			return
		}
		answer(Exited, int(status))
		break
	}
	for syscall.Kill(-t.server, 0) != syscall.ESRCH {
		pause(10)
	}
}

// signal sends a signal to the server's process group.
func (t *tree) signal(s syscall.Signal) {
	if t.server > 1 { // kill(2) takes 0 and 1 for other groups
		syscall.Kill(-t.server, s)
	}
}
