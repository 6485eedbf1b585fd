//go:build unix

package shim

import (
	"sync"
	"syscall"
)

const control = 3 // the descriptor of the socket

func init() {
	if v, _ := syscall.Getenv(Variable); v != Descriptor {
		return
	}
	// Whoever set the variable by hand gets the program and no shim.
	if kind, err := syscall.GetsockoptInt(control, syscall.SOL_SOCKET, syscall.SO_TYPE); err != nil || kind != syscall.SOCK_STREAM {
		return
	}
	syscall.CloseOnExec(control)
	serve()
	syscall.Exit(0)
}

// tree are the processes that the shim owns.
type tree struct {
	server int
	// wrapper says that the server passes its work on, see Command.
	wrapper bool
	// reaping is held while ended processes are taken from the system's table
	// and while signals are sent, so that no signal reaches a process that got
	// the number of an ended one.
	reaping sync.Mutex
}

// serve starts the server and returns when it and all its descendants have
// ended.
func serve() {
	ignoreSignals()
	adopt()
	s, ok := receive()
	if !ok {
		return
	}
	t := &tree{wrapper: s.Wrapper}
	files := []uintptr{0, 1, 2}
	var give int
	if s.Given != nil {
		r, w, err := pipe()
		if err != nil {
			errno, _ := err.(syscall.Errno)
			answer(Failed, int(errno))
			return
		}
		files, give = append(files, uintptr(r)), w
	}
	// What init runs on is the thread that lives as long as the process, so the
	// signal for its end comes at the right time.
	pid, err := syscall.ForkExec(s.Path, s.Args, &syscall.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: files, Sys: attributes(),
	})
	if err != nil {
		errno, _ := err.(syscall.Errno)
		answer(Failed, int(errno))
		return
	}
	t.server = pid
	if s.Given != nil {
		syscall.Close(int(files[3]))
		go func() {
			write(give, s.Given) // if it does not want it, it ends, and that is told
			syscall.Close(give)
		}()
	}
	closeStreams()
	answer(Started, pid)
	ended := make(chan struct{})
	go func() {
		t.reap()
		close(ended)
	}()
	go t.obey()
	<-ended
}

// obey does what the program says, and from its end on kills.
func (t *tree) obey() {
	pause(20) // until the other goroutine waits
	trim()
	var command [1]byte
	for {
		n, err := syscall.Read(control, command[:])
		switch {
		case err == syscall.EINTR:
		case err != nil || n == 0 || command[0] == Kill:
			for {
				t.signal(syscall.SIGKILL)
				pause(2)
			}
		case command[0] == Terminate:
			t.signal(syscall.SIGTERM)
		}
	}
}

// receive reads the Spec.
func receive() (Command, bool) {
	var head [4]byte
	if !fill(head[:]) {
		return Command{}, false
	}
	n := Number(head[:])
	if n < 0 || n > specMax {
		return Command{}, false
	}
	body := make([]byte, n)
	if !fill(body) {
		return Command{}, false
	}
	return decode(body)
}

func fill(b []byte) bool {
	for len(b) > 0 {
		n, err := syscall.Read(control, b)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// answer tells the program. If nobody listens any more, obey hears of it.
func answer(kind byte, n int) {
	write(control, appendNumber([]byte{kind}, n))
}

func write(fd int, b []byte) {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return
		}
		b = b[n:]
	}
}

// pipe returns the two ends of a pipe, which no child inherits unasked.
func pipe() (r, w int, err error) {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		return 0, 0, err
	}
	syscall.CloseOnExec(ends[0])
	syscall.CloseOnExec(ends[1])
	return ends[0], ends[1], nil
}

// closeStreams lets go of the server's streams, whose ends must be the
// server's alone.
func closeStreams() {
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	for fd := range 3 {
		if err != nil || duplicate(null, fd) != nil {
			syscall.Close(fd)
		}
	}
}
