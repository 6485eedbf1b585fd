package control

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// adopts: see system.
const adopts = true

// lookup asks sysctl(3) for kern.proc.pid.
func lookup(pid int) (process, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		// An unknown process gives an answer of no bytes, which x/sys
		// reports as EIO; kill tells it from other failures.
		if killed := unix.Kill(pid, 0); killed == unix.ESRCH {
			return process{}, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
		}
		return process{}, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return process{parent: int(info.Eproc.Ppid)}, nil
}
