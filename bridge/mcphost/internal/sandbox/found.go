package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Method is what a sandbox is made of.
type Method string

// The methods, strongest first.
const (
	Bubblewrap Method = "bubblewrap"
	Landlock   Method = "Landlock"
	Seatbelt   Method = "sandbox-exec"
	None       Method = ""
)

// Found is what this system has. The zero value has nothing.
type Found struct {
	Method Method
	// Why says what is missing where Method is None, as a sentence.
	Why string

	program string // of Bubblewrap and Seatbelt
	own     []string
	abi     int    // of Landlock, which bubblewrap is helped by too
	scope   bool   // Landlock separates abstract sockets and signals
	filter  bool   // calls can be filtered
	mend    string // what bubblewrap lacks, where it is there and does not work
}

// Holds says in sentences what a command with this access is kept from.
func (f Found) Holds(a Access) []string {
	if f.Method == None {
		return nil
	}
	out := []string{"Files: it reads the system's folders and what was granted, and writes in its own folders and where that was granted. It sees no other files of yours."}
	if f.Method == Landlock {
		out[0] = "Files: it reads the system's folders and what was granted, and writes in its own folders and where that was granted. It opens no other files of yours."
	}
	switch {
	case a.Network:
	case f.Method == Landlock && !f.filter:
		out = append(out, "Network: it makes no TCP connection.")
	default:
		out = append(out, "Network: it makes no connection.")
	}
	if f.Method == Bubblewrap {
		out = append(out, "Processes: it sees only its own.")
	} else if f.Method == Landlock && f.scope {
		out = append(out, "Processes: it sends signals only to its own.")
	}
	if f.filter && f.Method == Landlock {
		out = append(out, "Other programs: it cannot connect to the sockets of programs on this computer.")
	}
	return out
}

// Gaps says in sentences what it is not kept from, where that may be expected.
func (f Found) Gaps(a Access) []string {
	var out []string
	if a.Network && f.Method != None {
		out = append(out, "It may use the network, also to reach programs on this computer.")
	}
	switch f.Method {
	case Bubblewrap:
		if a.Network && !f.scope {
			out = append(out, "It can reach abstract sockets of programs on this computer, which some screens and desktops have.")
		}
	case Landlock:
		out = append(out, "It sees which files exist and which processes run.")
		if !f.scope {
			out = append(out, "It can send signals to your other programs.")
		}
		if !f.filter {
			out = append(out, "It can connect to the sockets of programs on this computer, which may do more than it may.")
			if !a.Network && f.abi < 4 {
				out = append(out, "It can use the network.")
			} else if !a.Network {
				out = append(out, "It can send datagrams, for example to name servers.")
			}
			if f.abi < 3 {
				out = append(out, "It can empty files of yours whose names it knows.")
			}
		}
	case Seatbelt:
		out = append(out, "It sees which files exist.")
	}
	return out
}

// Better says in a sentence why there is no stronger method; empty where there is
// none.
func (f Found) Better() string {
	if f.Method != Landlock {
		return ""
	}
	return f.mend + " With it the sandbox would be stronger."
}

// enforces reports whether the method keeps a command to the access. Landlock
// before its version 4 cannot refuse connections by itself.
func (f Found) enforces(a Access) error {
	if f.Method == Landlock && !f.filter && (f.abi < 4 && !a.Network || f.abi < 3) {
		return fmt.Errorf("%w: the Landlock of this kernel is too old on this processor; install bubblewrap", ErrNone)
	}
	return nil
}

// Wrap returns what to start so that the command has this access and no more. An
// error wraps ErrNone where that cannot be had.
func (f Found) Wrap(c Command, a Access) (Started, error) {
	if err := f.enforces(a); err != nil {
		return Started{}, err
	}
	return f.wrap(c, a)
}

// none joins why neither method is there.
func none(reasons ...string) Found {
	reasons = slices.DeleteFunc(reasons, func(s string) bool { return s == "" })
	return Found{Why: strings.Join(reasons, " ")}
}

// Finder looks for what a system has.
type Finder struct {
	// Path are the folders in which programs are looked for, after those of the
	// system.
	Path []string
	// Own is what this program needs in its environment to be started again.
	Own []string
}

// Find returns the best method that works here. It starts programs to see
// whether they do, and takes some milliseconds, 5 s at most.
func (f Finder) Find(ctx context.Context) Found { return f.find(ctx) }
