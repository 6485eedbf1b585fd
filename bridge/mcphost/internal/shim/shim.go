// Package shim is the small process that stands between this program and a
// server that it started, so that nothing which the server starts can outlive
// it.
//
// The program runs itself again with Variable in its environment and a socket
// as descriptor 3. This package sees that while the program's packages are
// being initialised, takes the process over and never returns; it imports next
// to nothing, so that it comes before nearly all other packages and the process
// stays small. It then starts the server, and ends only when the server and all
// its descendants have. When the other end of the socket closes, which the
// system does also when the program is killed, it kills them all. On Linux it
// is the parent of whatever a descendant leaves behind (PR_SET_CHILD_SUBREAPER),
// so that neither setsid nor a double fork gets away; elsewhere it knows the
// server's process group alone.
//
// Package mcphost is the other end:
//
//	cmd := &exec.Cmd{Path: "/proc/self/exe", Env: []string{shim.Variable + "=" + shim.Descriptor}, …}
//	control.Write(shim.Spec(shim.Command{Path: path, …}))
//	// answer: shim.Started with the server's id, or shim.Failed with an errno
package shim

// Variable marks, with the value Descriptor, a process that is to be a shim.
const (
	Variable   = "DRAWBRIDGE_PROCESS_SHIM"
	Descriptor = "3"
)

// What the program sends after the Spec, one byte each.
const (
	Terminate = 't' // ask the whole tree to end
	Kill      = 'k' // end the whole tree; the end of the socket means the same
)

// What the shim answers: one of these and a number of 32 bits, low byte first.
const (
	Started = 's' // the server's process id
	Failed  = 'f' // the errno with which it could not be started; the shim ends
	Exited  = 'x' // the server's wait status; descendants may still be there
)

// AnswerSize is the length of an answer in bytes.
const AnswerSize = 5

// specMax bounds a Spec in bytes; systems take less than that.
const specMax = 64 << 20

// Command is what a shim is told to run. No text may contain NUL.
type Command struct {
	Path, Dir string
	Args, Env []string
	// Given is what the process reads from its descriptor 3; nil for no such
	// descriptor.
	Given []byte
	// Wrapper says that the process passes its work on to a child, so that
	// Terminate is for its descendants alone.
	Wrapper bool
}

// Spec encodes what to run.
func Spec(c Command) []byte {
	body := append([]byte(c.Path), 0)
	body = append(append(body, c.Dir...), 0)
	for _, list := range [][]string{c.Args, c.Env} {
		body = appendNumber(body, len(list))
		for _, s := range list {
			body = append(append(body, s...), 0)
		}
	}
	wrapper := 0
	if c.Wrapper {
		wrapper = 1
	}
	body = appendNumber(body, wrapper)
	given := len(c.Given)
	if c.Given == nil {
		given = -1
	}
	body = append(appendNumber(body, given), c.Given...)
	return append(appendNumber(nil, len(body)), body...)
}

func appendNumber(b []byte, n int) []byte {
	return append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

// Number reads the number of an answer.
func Number(b []byte) int {
	return int(int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24))
}

// decode reads the body of a Spec, and reports whether it is whole.
func decode(b []byte) (s Command, ok bool) {
	text := func() (string, bool) {
		for i, c := range b {
			if c == 0 {
				t := string(b[:i])
				b = b[i+1:]
				return t, true
			}
		}
		return "", false
	}
	list := func() (out []string, ok bool) {
		if len(b) < 4 {
			return nil, false
		}
		n := Number(b)
		b = b[4:]
		if n < 0 || n > len(b) {
			return nil, false
		}
		for range n {
			t, ok := text()
			if !ok {
				return nil, false
			}
			out = append(out, t)
		}
		return out, true
	}
	if s.Path, ok = text(); !ok {
		return s, false
	}
	if s.Dir, ok = text(); !ok {
		return s, false
	}
	if s.Args, ok = list(); !ok {
		return s, false
	}
	if s.Env, ok = list(); !ok {
		return s, false
	}
	if len(b) < 8 {
		return s, false
	}
	wrapper, given := Number(b), Number(b[4:])
	b = b[8:]
	if wrapper < 0 || wrapper > 1 || given < -1 || max(given, 0) != len(b) {
		return s, false
	}
	s.Wrapper = wrapper == 1
	if given >= 0 {
		s.Given = b
	}
	return s, true
}
