package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// handle serves one connection from its first byte to its last.
func (o *Owner) handle(ctx context.Context, conn net.Conn, h Handler) {
	defer conn.Close()
	peer, err := o.peerOf(conn)
	if err == nil {
		err = o.admit(peer)
	}
	if err != nil {
		o.opts.Logger.Warn("control: a connection was refused", "err", err)
		return
	}
	// Until a command is known the connection is worth nothing: it may take
	// its time only once, and does not hold up the end of the owner.
	_ = conn.SetDeadline(time.Now().Add(o.opts.Handshake))
	unguard := context.AfterFunc(o.accepting, func() { _ = conn.Close() })
	frames := newFrameReader(conn)
	out := &frameWriter{w: conn}
	if err := o.greet(frames, out); err != nil {
		unguard()
		if !errors.Is(err, ErrClosing) {
			o.opts.Logger.Warn("control: a connection was closed", "pid", peer.PID, "err", err)
		}
		return
	}
	defer o.farewell()
	if !unguard() {
		return // the owner closes
	}
	start, err := o.readStart(frames, out)
	if err != nil {
		o.opts.Logger.Warn("control: a connection was closed", "pid", peer.PID, "err", err)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	o.run(ctx, conn, frames, out, peer, start, h)
}

// greet reads the hello and answers it. When it returns nil the command is
// counted and the caller must call farewell.
func (o *Owner) greet(frames *frameReader, out *frameWriter) error {
	_, payload, err := frames.next(wantHello)
	if err != nil {
		return fmt.Errorf("reading the greeting: %w", err)
	}
	var hello helloMessage
	if err := json.Unmarshal(payload, &hello); err != nil {
		return fmt.Errorf("reading the greeting: %w", errProtocol)
	}
	welcome, err := json.Marshal(welcomeMessage{
		Protocol: protocolVersion, Version: o.opts.Version, PID: os.Getpid(), Role: o.opts.Role,
	})
	if err != nil {
		return err
	}
	if hello.Protocol != protocolVersion || hello.Version != o.opts.Version {
		// The client compares too, and says what it means.
		if err := out.sendLast(kindWelcome, welcome); err != nil {
			return err
		}
		return fmt.Errorf("the client is version %.40q with protocol %d", hello.Version, hello.Protocol)
	}
	if err := o.welcome(); err != nil {
		if errors.Is(err, errBusy) {
			_ = out.sendLast(kindRefuse, []byte(err.Error()))
		}
		return err
	}
	if err := out.send(kindWelcome, welcome); err != nil {
		o.farewell()
		return err
	}
	return nil
}

// readStart reads the command and checks it.
func (o *Owner) readStart(frames *frameReader, out *frameWriter) (startMessage, error) {
	var start startMessage
	_, payload, err := frames.next(wantStart)
	if err != nil {
		return start, fmt.Errorf("reading the command: %w", err)
	}
	if err := json.Unmarshal(payload, &start); err != nil {
		return start, fmt.Errorf("reading the command: %w", errProtocol)
	}
	dir := string(start.Dir)
	if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) {
		_ = out.sendLast(kindRefuse, []byte("the working directory is not an absolute path"))
		return start, fmt.Errorf("the working directory is not an absolute path: %w", errProtocol)
	}
	start.Width = min(max(start.Width, 0), 10_000)
	return start, nil
}

// run runs the command of a connection and tells the client how it ended.
func (o *Owner) run(ctx context.Context, conn net.Conn, frames *frameReader, out *frameWriter, peer Peer, start startMessage, h Handler) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(o.running, func() { cancel(ErrClosing) })()

	// Once the command is cancelled no write may take for ever, neither the
	// one that waits now nor a later one.
	limitWrites := func() { _ = conn.SetWriteDeadline(time.Now().Add(o.opts.Grace)) }
	out.mu.Lock()
	out.before = func() {
		if ctx.Err() != nil {
			limitWrites()
		}
	}
	out.mu.Unlock()
	defer context.AfterFunc(ctx, limitWrites)()

	r := &remote{ctx: ctx, frames: out, tty: start.StdinTTY, asking: make(chan struct{}, 1)}
	r.input.arrived = make(chan inputChunk, 1)
	r.answers = make(chan answer, 1)

	readerDone := make(chan struct{})
	go func() {
		defer close(readerDone)
		err := r.read(frames, cancel)
		if errors.Is(err, errProtocol) {
			o.opts.Logger.Warn("control: a connection was closed", "pid", peer.PID, "err", err)
			_ = conn.Close()
		}
		cancel(ErrClientGone)
	}()

	args := make([]string, len(start.Args))
	for i, a := range start.Args {
		args[i] = string(a)
	}
	session := &Session{
		Args: args, Dir: string(start.Dir),
		Stdin:    r,
		Stdout:   streamWriter{out, kindOutput},
		Stderr:   streamWriter{out, kindErrput},
		StdinTTY: start.StdinTTY, StdoutTTY: start.StdoutTTY, Width: start.Width,
		Peer:       peer,
		ReadSecret: r.readSecret,
	}
	code := o.call(ctx, h, session)
	if err := out.sendLast(kindExit, exitPayload(code)); err != nil {
		return
	}
	// The client closes when it has read all; closing first could lose it.
	_ = conn.SetReadDeadline(time.Now().Add(min(o.opts.Grace, 2*time.Second)))
	<-readerDone
}

// call runs the command. One that panics does not take the owner and the
// commands of others with it.
func (o *Owner) call(ctx context.Context, h Handler, s *Session) (code int) {
	defer func() {
		if p := recover(); p != nil {
			o.opts.Logger.Error("control: a command panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			fmt.Fprintln(s.Stderr, "Drawbridge ran into a mistake of its own while running this command. Its log has the details.")
			code = ExitInternal
		}
	}()
	return h.Run(ctx, s)
}

// A remote is the owner's end of a command whose streams are a client's.
type remote struct {
	ctx    context.Context // of the session
	frames *frameWriter
	tty    bool
	input  remoteInput

	asking  chan struct{} // holds one token while a secret is asked for
	asked   atomic.Uint32 // number of the question that waits; 0 is none
	number  uint32        // of the last question; protected by asking
	answers chan answer   // never more than one: see asked
}

type remoteInput struct {
	mu      sync.Mutex      // one Read at a time
	end     error           // protected by mu
	wanted  atomic.Int64    // bytes the client may send now
	arrived chan inputChunk // never more than one: see wanted
}

type inputChunk struct {
	data []byte
	end  error
}

type answer struct {
	value store.Secret
	err   error
}

// read takes in what the client sends until the connection ends. It never
// waits for the command.
func (r *remote) read(frames *frameReader, cancel context.CancelCauseFunc) error {
	for {
		k, payload, err := frames.next(fromClient)
		if err != nil {
			return err
		}
		switch k {
		case kindCancel:
			cancel(ErrInterrupted)
		case kindInput:
			wanted := r.input.wanted.Swap(0)
			if len(payload) == 0 || int64(len(payload)) > wanted {
				return fmt.Errorf("%w (%d bytes of input where %d were wanted)", errProtocol, len(payload), wanted)
			}
			r.input.arrived <- inputChunk{data: append([]byte(nil), payload...)}
		case kindInputEnd:
			if r.input.wanted.Swap(0) == 0 {
				return fmt.Errorf("%w (an end of input that was not wanted)", errProtocol)
			}
			r.input.arrived <- inputChunk{end: inputEnd(payload)}
		case kindAnswer:
			number, rest, err := takeUint32(payload)
			if err != nil || len(rest) == 0 {
				return fmt.Errorf("%w (an answer cut short)", errProtocol)
			}
			// A late answer to a question that was taken back is dropped.
			if number != 0 && r.asked.CompareAndSwap(number, 0) {
				r.answers <- newAnswer(rest[0], rest[1:])
			}
			clear(payload)
		}
	}
}
