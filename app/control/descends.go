package control

import (
	"errors"
	"fmt"
)

// ErrNoProcess says that there is no process of that number any more.
var ErrNoProcess = errors.New("the process has ended")

// A process is what the operating system tells of one.
type process struct {
	parent  int    // 0 at the root of the tree
	started uint64 // Windows only: when, in units of 100 ns
}

// A system looks processes up.
type system struct {
	// lookup returns ErrNoProcess for one that is not there.
	lookup func(pid int) (process, error)
	// adopts says that a process whose parent ends gets another one in the
	// same moment. Where it does not (Windows), it keeps the parent's number,
	// which a later process may get.
	adopts bool
}

// deepest bounds a walk.
const deepest = 4096

// Descends says whether is holds for the process pid, for its parent, for the
// parent of that, or for any other up to the root. With an error nothing is
// known, and a caller that guards something refuses: the process has ended
// ([ErrNoProcess]), or the system does not show it or one above it (Linux with
// /proc mounted hidepid, or without /proc).
//
// A process whose parent has ended is the child of whoever adopted it. So one
// that left its server's tree on purpose is not found, unless the server runs
// under a process that adopts (a subreaper, or the first process of a pid
// namespace), and never on Windows, where nobody adopts.
func Descends(pid int, is func(pid int) bool) (bool, error) {
	return descends(pid, is, system{lookup: lookup, adopts: adopts})
}

func descends(pid int, is func(int) bool, sys system) (bool, error) {
	// A parent that ends during the walk leaves a chain that never was.
	// Then the walk begins again.
	const attempts = 10
	var err error
	for range attempts {
		var found bool
		if found, err = walk(pid, is, sys); !errors.Is(err, errMoved) {
			return found, err
		}
	}
	return false, fmt.Errorf("finding the parents of process %d: %w", pid, err)
}

var errMoved = errors.New("they keep ending")

func walk(pid int, is func(int) bool, sys system) (bool, error) {
	if pid <= 0 {
		return false, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	}
	at, err := sys.lookup(pid)
	if err != nil {
		return false, err
	}
	for range deepest {
		if is(pid) {
			return true, nil
		}
		if at.parent <= 0 || at.parent == pid {
			return false, nil
		}
		parent, err := sys.lookup(at.parent)
		if sys.adopts {
			// What was looked up is the parent if it still is: a number is
			// free for another process only after the adoption.
			again, againErr := sys.lookup(pid)
			if againErr != nil || again.parent != at.parent {
				return false, errMoved
			}
			if err != nil {
				return false, fmt.Errorf("process %d, above process %d, cannot be seen: %w", at.parent, pid, err)
			}
		} else if errors.Is(err, ErrNoProcess) || err == nil && parent.started > at.started {
			return false, nil // the parent ended; its number may be another's
		} else if err != nil {
			return false, err
		}
		pid, at = at.parent, parent
	}
	return false, fmt.Errorf("more than %d processes above each other", deepest)
}
