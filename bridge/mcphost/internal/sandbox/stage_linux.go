package sandbox

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const descriptor = 3

func init() {
	if os.Getenv(Variable) != Descriptor {
		return
	}
	// Whoever set the variable by hand gets the program and no stage.
	var info unix.Stat_t
	if unix.Fstat(descriptor, &info) != nil || info.Mode&unix.S_IFMT != unix.S_IFIFO {
		return
	}
	err := stage()
	fmt.Fprintf(os.Stderr, "drawbridge: the sandbox could not be set up, so the program does not run: %v\n", err)
	os.Exit(Failed)
}

// stage takes rights away and becomes the command; it returns only an error.
func stage() error {
	runtime.LockOSThread() // rights belong to a thread, and exec keeps this one
	unix.CloseOnExec(descriptor)
	in := os.NewFile(descriptor, "stage")
	s, err := decode(in)
	if err != nil {
		return fmt.Errorf("what it was told cannot be read: %w", err)
	}
	// Nothing of this program is for the command.
	if err := unix.CloseRange(descriptor+1, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil && err != unix.ENOSYS && err != unix.EINVAL {
		return fmt.Errorf("close descriptors: %w", err)
	}
	if s.Given != nil {
		if err := give(s.Given); err != nil {
			return err
		}
	}
	switch {
	case s.Landlock:
		if err = confine(s.Access, s.ABI); err == nil {
			err = dropCapabilities()
		}
	case s.Scope:
		err = scope(s.ABI)
	}
	if err != nil {
		return err
	}
	if s.Filter.On {
		if err := s.Filter.install(); err != nil {
			return err
		}
	}
	if err := syscall.Exec(s.Command.Path, s.Command.Args, s.Command.Env); err != nil {
		return fmt.Errorf("%s cannot be started inside: %w", s.Command.Path, err)
	}
	return nil
}

// lastCapability is above all that there are (linux/capability.h has 41).
const lastCapability = 63

// dropCapabilities takes from this thread, and what it becomes, what only the
// superuser may: Landlock does not keep that from, say, the memory of others.
func dropCapabilities() error {
	if os.Geteuid() != 0 {
		return nil // and what is started gets none, since no_new_privs is set
	}
	for c := range uintptr(lastCapability + 1) {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
			break // there are no more
		} else if err != nil && err != unix.EPERM {
			return fmt.Errorf("drop a capability: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && err != unix.EINVAL {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	// What could not be dropped from the bound is not given back to the
	// superuser at exec.
	const noRoot = 1<<0 | 1<<1 | 1<<2 | 1<<3 // SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP and their locks
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot, 0, 0, 0); err != nil && err != unix.EPERM {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return os.NewSyscallError("capset", unix.Capset(&header, &none[0]))
}

// give has the command find b at its descriptor 3.
func give(b []byte) error {
	fd, err := unix.MemfdCreate("given", unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "given")
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("write what the command is given: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := unix.Dup3(fd, descriptor, 0); err != nil { // kept at exec
		return os.NewSyscallError("dup3", err)
	}
	return f.Close()
}

// self is the program's own file, also after it was replaced on the disk.
const self = "/proc/self/exe"

// staged returns what to start for a stage.
func staged(s stageSpec, dir string, own []string) (Started, error) {
	b, err := encode(s)
	if err != nil {
		return Started{}, err
	}
	return Started{
		Command: Command{Path: self, Args: []string{s.Command.Args[0], "(sandbox)"}, Env: append([]string{Variable + "=" + Descriptor, "GOMAXPROCS=1"}, own...), Dir: dir},
		Stage:   b,
	}, nil
}
