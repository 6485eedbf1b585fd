package sandbox

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

const sandboxExec = "/usr/bin/sandbox-exec"

func (f Finder) find(ctx context.Context) Found {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := exec.CommandContext(ctx, sandboxExec, "-p", seatbelt(Access{Read: System()}), "/usr/bin/true").Run(); err != nil {
		return none("sandbox-exec does not work: " + err.Error() + ".")
	}
	return Found{Method: Seatbelt, program: sandboxExec}
}

// System are the files and folders of the system that every program may read.
func System() []string {
	return []string{
		"/usr", "/bin", "/sbin", "/System", "/Library/Apple", "/Library/Frameworks", "/Library/Preferences", "/Library/Developer",
		"/Library/Java", "/Applications/Xcode.app", "/opt", "/private/etc", "/private/var/db/timezone", "/private/var/db/dyld",
		"/private/var/select", "/private/var/run/resolv.conf",
	}
}

func (f Found) wrap(c Command, a Access) (Started, error) {
	if f.Method != Seatbelt {
		return Started{}, fmt.Errorf("%w: %s", ErrNone, f.Why)
	}
	args := append([]string{"sandbox-exec", "-p", seatbelt(a), c.Path}, c.Args[1:]...)
	return Started{Command: Command{Path: f.program, Args: args, Env: c.Env, Dir: c.Dir}}, nil
}
