package shim

import (
	"syscall"
	"unsafe"
)

const (
	prSetChildSubreaper = 36         // prctl(2)
	wAll                = 0x40000000 // __WALL of wait(2)
	sigIgn              = 1          // SIG_IGN of sigaction(2)
	sysPidfdSendSignal  = 424        // the same number on every architecture
	sysPidfdOpen        = 434
)

// adopt makes this process the parent of what its descendants leave behind.
func adopt() {
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
}

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ignoreSignals keeps the shim alive at signals that are meant for the program
// or for all its processes: it hears of the program's end over the socket. The
// server gets the signals' usual handling back, since the runtime resets them
// for a new process.
func ignoreSignals() {
	type sigaction struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}
	ignore := sigaction{handler: sigIgn}
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2} {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&ignore)), 0, unsafe.Sizeof(ignore.mask), 0, 0)
	}
}

func duplicate(from, to int) error { return syscall.Dup3(from, to, 0) }

func pause(milliseconds int64) {
	t := syscall.NsecToTimespec(milliseconds * 1e6)
	syscall.Nanosleep(&t, nil)
}

// reap takes ended descendants from the system's table until none is left.
func (t *tree) reap() {
	for {
		// Wait first without taking anybody, so that reaping is not held.
		var info [128]byte
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, 0, 0, uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT|wAll, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if t.collect() {
			return
		}
	}
}

// collect takes all that have ended, and reports whether nobody is left.
func (t *tree) collect() bool {
	t.reaping.Lock()
	defer t.reaping.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|wAll, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return true // ECHILD
		case pid == 0:
			return false
		case pid == t.server:
			answer(Exited, int(status))
		}
	}
}

// signal sends a signal to all descendants: first to the children, whose
// numbers cannot pass to anybody else meanwhile and which are found fast, then
// to all that the process table shows.
func (t *tree) signal(s syscall.Signal) {
	t.reaping.Lock()
	defer t.reaping.Unlock()
	self := syscall.Getpid()
	direct := map[int]bool{}
	entries("/proc/self/task", func(thread int) {
		for _, pid := range numbers(read("/proc/self/task/" + decimal(thread) + "/children")) {
			direct[pid] = true
			if !t.spared(pid, s) {
				syscall.Kill(pid, s)
			}
		}
	})
	parents := map[int]int{}
	entries("/proc", func(pid int) {
		if parent := parentOf(pid); parent > 0 {
			parents[pid] = parent
		}
	})
	for pid, parent := range parents {
		switch {
		case direct[pid]:
		case parent == self && !t.spared(pid, s):
			syscall.Kill(pid, s)
		case descends(pid, self, parents):
			signalVerified(pid, parent, s)
		}
	}
}

// spared reports whether a process gets no such signal: with a wrapper, what it
// wraps would be killed before it has done what it was asked.
func (t *tree) spared(pid int, s syscall.Signal) bool {
	return t.wrapper && pid == t.server && s == syscall.SIGTERM
}

// descends reports whether self is among the ancestors of pid.
func descends(pid, self int, parents map[int]int) bool {
	for range len(parents) { // a table that changes while it is read may have circles
		parent, ok := parents[pid]
		if !ok || parent == self {
			return ok
		}
		pid = parent
	}
	return false
}

// signalVerified sends a signal to a process that still has the given parent.
// Its number may pass to another at any time, hence the descriptor.
func signalVerified(pid, parent int, s syscall.Signal) {
	fd, _, errno := syscall.RawSyscall(sysPidfdOpen, uintptr(pid), 0, 0)
	if errno == syscall.ENOSYS {
		syscall.Kill(pid, s)
		return
	}
	if errno != 0 {
		return
	}
	if parentOf(pid) == parent {
		syscall.RawSyscall6(sysPidfdSendSignal, fd, uintptr(s), 0, 0, 0, 0)
	}
	syscall.Close(int(fd))
}

// parentOf reads proc_pid_stat(5); 0 says that there is no such process.
func parentOf(pid int) int {
	b := read("/proc/" + decimal(pid) + "/stat")
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == ')' { // the name before may contain anything
			if i+4 < len(b) {
				if n := numbers(b[i+4:]); len(n) > 0 {
					return n[0]
				}
			}
			break
		}
	}
	return 0
}

// numbers reads the numbers at the beginning of a text, with spaces between
// them.
func numbers(b []byte) (out []int) {
	n, digits := 0, false
	for _, c := range append(b, ' ') {
		switch {
		case c >= '0' && c <= '9':
			n, digits = n*10+int(c-'0'), true
		case c == ' ':
			if digits {
				out = append(out, n)
			}
			n, digits = 0, false
		default:
			return out
		}
	}
	return out
}

func decimal(n int) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[i:])
		}
	}
}

// read returns the contents of a small file; nothing if it cannot be read.
func read(path string) []byte {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	out := make([]byte, 0, 512)
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := syscall.Read(fd, out[len(out):cap(out)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return out
		}
		out = out[:len(out)+n]
	}
}

// entries calls do with each entry of a folder whose name is a number.
func entries(folder string, do func(int)) {
	fd, err := syscall.Open(folder, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	buf := make([]byte, 16<<10)
	for {
		n, err := syscall.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return
		}
		_, _, names := syscall.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if pid := numbers([]byte(name)); len(pid) == 1 && decimal(pid[0]) == name {
				do(pid[0])
			}
		}
	}
}
