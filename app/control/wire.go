package control

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
)

// The protocol. One connection carries one command. After the operating
// system named the two processes to each other:
//
//	client                          owner
//	hello {protocol, version}  →
//	                           ←    welcome {protocol, version, pid, role}, or refuse
//	start {args, dir, …}       →
//	                           ←    output, errput, as the command prints
//	                           ←    want N: read standard input once, at most N bytes
//	input, or input end        →
//	                           ←    ask ID, prompt
//	answer ID, status, value   →
//	                           ←    ask end ID: the answer is no longer wanted
//	cancel                     →
//	                           ←    exit code
//
// A frame is one byte that tells its kind, four bytes that tell the length of
// the payload (big endian), and the payload. Each kind has a limit of its own.
//
// Nothing is buffered without a bound. Input is sent only as far as the
// command asked for it, so the owner always reads a connection at once, sees a
// cancel or the end of a client at once, and a command that reads nothing
// leaves the client's standard input alone. Output waits in the socket: a
// client that is slow holds up its own command and no other.
const protocolVersion = 1

type kind byte

const (
	kindHello    kind = 'h'
	kindStart    kind = 's'
	kindInput    kind = 'i'
	kindInputEnd kind = 'e'
	kindAnswer   kind = 'a'
	kindCancel   kind = 'c'

	kindWelcome kind = 'H'
	kindRefuse  kind = 'R'
	kindOutput  kind = 'O'
	kindErrput  kind = 'E'
	kindWant    kind = 'W'
	kindAsk     kind = 'A'
	kindAskEnd  kind = 'Z'
	kindExit    kind = 'X'
)

const (
	headerSize = 5
	maxPayload = 1 << 20  // no frame is longer
	maxChunk   = 64 << 10 // of input and output
	maxText    = 4 << 10  // of greetings, prompts, errors
	maxSecret  = 1 << 16  // of a value read without echo
)

// limits tells which kinds of frame are expected and how long each may be.
type limits map[kind]int

var (
	wantHello   = limits{kindHello: maxText}
	wantStart   = limits{kindStart: maxPayload}
	wantWelcome = limits{kindWelcome: maxText, kindRefuse: maxText}
	fromClient  = limits{kindInput: maxChunk, kindInputEnd: maxText, kindAnswer: 5 + maxSecret, kindCancel: 0}
	fromOwner   = limits{kindOutput: maxChunk, kindErrput: maxChunk, kindWant: 4, kindAsk: 4 + maxText,
		kindAskEnd: 4, kindExit: 4, kindRefuse: maxText}
)

// errProtocol says that the other end sent what the protocol does not allow.
var errProtocol = errors.New("the control connection carried something that is not Drawbridge's protocol")

type (
	helloMessage struct {
		Protocol int    `json:"protocol"`
		Version  string `json:"version"`
	}
	welcomeMessage struct {
		Protocol int    `json:"protocol"`
		Version  string `json:"version"`
		PID      int    `json:"pid"`
		Role     string `json:"role"`
	}
	// startMessage has bytes for what need not be UTF-8: file names.
	startMessage struct {
		Args      [][]byte `json:"args"`
		Dir       []byte   `json:"dir"`
		StdinTTY  bool     `json:"stdin_tty"`
		StdoutTTY bool     `json:"stdout_tty"`
		Width     int      `json:"width"`
	}
)

// Status bytes of an answer.
const (
	answerValue   = 0
	answerError   = 1
	answerNoInput = 2
)

// A frameReader reads frames. One goroutine uses it.
type frameReader struct {
	r       *bufio.Reader
	payload []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 4<<10)}
}

// next reads one frame of a kind that is expected. The payload is valid until
// the next call. The error is io.EOF only between two frames, and wraps
// errProtocol for a frame that may not come; nothing can be read after it.
func (f *frameReader) next(expect limits) (kind, []byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(f.r, header[:]); err != nil {
		return 0, nil, err
	}
	k, size := kind(header[0]), binary.BigEndian.Uint32(header[1:])
	limit, ok := expect[k]
	if !ok {
		return 0, nil, fmt.Errorf("%w (kind %q)", errProtocol, byte(k))
	}
	if int64(size) > int64(limit) {
		return 0, nil, fmt.Errorf("%w (kind %q with %d bytes, at most %d)", errProtocol, byte(k), size, limit)
	}
	if cap(f.payload) > 2*maxChunk {
		f.payload = nil // one long frame does not cost memory for ever
	}
	// Room is made as bytes arrive, so a length alone costs nothing.
	f.payload = f.payload[:0]
	for n := int(size); len(f.payload) < n; {
		have := len(f.payload)
		step := min(n-have, maxChunk)
		f.payload = slices.Grow(f.payload, step)[:have+step]
		if _, err := io.ReadFull(f.r, f.payload[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, nil, err
		}
	}
	return k, f.payload, nil
}

// errFinished is returned to whoever writes after the command's last frame.
var errFinished = errors.New("the command has ended")

// A frameWriter writes frames, from any goroutine. After one failed write all
// fail, because the other end could not find the next frame.
type frameWriter struct {
	w      io.Writer
	before func() // called before each write, with mu held; may be nil

	mu  sync.Mutex
	buf []byte // protected by mu
	err error  // protected by mu
}

// send writes one frame. It returns when the operating system has taken it.
func (f *frameWriter) send(k kind, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sendLocked(k, payload)
}

// sendLast writes one frame after which nothing may follow.
func (f *frameWriter) sendLast(k kind, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.sendLocked(k, payload)
	if f.err == nil {
		f.err = errFinished
	}
	return err
}

func (f *frameWriter) sendLocked(k kind, payload []byte) error {
	if f.err != nil {
		return f.err
	}
	if len(payload) > maxPayload {
		return fmt.Errorf("a frame of %d bytes is longer than %d", len(payload), maxPayload)
	}
	if f.before != nil {
		f.before()
	}
	f.buf = appendFrame(f.buf[:0], k, payload)
	_, err := f.w.Write(f.buf)
	if k == kindAnswer {
		clear(f.buf)
	}
	if cap(f.buf) > 2*maxChunk {
		f.buf = nil
	}
	if err != nil {
		f.err = err
	}
	return err
}

func appendFrame(b []byte, k kind, payload []byte) []byte {
	b = append(b, byte(k))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// A streamWriter is an io.Writer whose bytes go out as frames of one kind.
type streamWriter struct {
	frames *frameWriter
	kind   kind
}

func (s streamWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(p)-done, maxChunk)
		if err := s.frames.send(s.kind, p[done:done+n]); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func putUint32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// takeUint32 splits the number off that a payload starts with.
func takeUint32(payload []byte) (uint32, []byte, error) {
	if len(payload) < 4 {
		return 0, nil, fmt.Errorf("%w (a number is missing)", errProtocol)
	}
	return binary.BigEndian.Uint32(payload), payload[4:], nil
}

// exitPayload carries a code through the wire; one out of range is an error
// all the same.
func exitPayload(code int) []byte {
	if code < math.MinInt32 || code > math.MaxInt32 {
		code = ExitInternal
	}
	return putUint32(uint32(int32(code)))
}
