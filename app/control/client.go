package control

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A Client is a connection to the owner of a home, good for one command.
type Client struct {
	opts   Options
	conn   net.Conn
	frames *frameReader
	out    *frameWriter
	owner  Info
	used   atomic.Bool
}

// Dial connects to the owner of home. Without a deadline in ctx it takes at
// most Options.Handshake. [Client.Run] or [Client.Close] must follow, within
// the owner's Options.Handshake.
//
// Errors: [ErrNoOwner], [ErrForeign], [ErrRefused], [*VersionError].
func Dial(ctx context.Context, home string, opts Options) (*Client, error) {
	opts = opts.withDefaults()
	ctx, cancel := withDefaultTimeout(ctx, opts.Handshake)
	defer cancel()
	return dial(ctx, home, opts)
}

// dial is Dial with options that have their defaults and a context that has a
// deadline.
func dial(ctx context.Context, home string, opts Options) (*Client, error) {
	home, err := resolve(home)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoOwner, err)
	}
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, home)
	if err != nil {
		return nil, err
	}
	c := &Client{opts: opts, conn: conn, frames: newFrameReader(conn), out: &frameWriter{w: conn}}
	peer, err := peerOf(conn)
	if err == nil {
		err = checkPeer(peer)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("checking who answers for %s: %w", home, err)
	}
	// A context that ends wakes the connection up.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = c.greet(peer)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return c, nil
	}
	_ = conn.Close()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	return nil, err
}

// greet exchanges versions.
func (c *Client) greet(peer Peer) error {
	hello, err := json.Marshal(helloMessage{Protocol: protocolVersion, Version: c.opts.Version})
	if err != nil {
		return err
	}
	if err := c.out.send(kindHello, hello); err != nil {
		return unanswered(peer, err)
	}
	k, payload, err := c.frames.next(wantWelcome)
	if err != nil {
		return unanswered(peer, err)
	}
	if k == kindRefuse {
		return refusal(payload)
	}
	var welcome welcomeMessage
	if err := json.Unmarshal(payload, &welcome); err != nil {
		return fmt.Errorf("the answer of process %d: %w", peer.PID, errProtocol)
	}
	if welcome.Protocol != protocolVersion || welcome.Version != c.opts.Version {
		return &VersionError{Mine: c.opts.Version, Theirs: welcome.Version, PID: peer.PID}
	}
	c.owner = Info{PID: peer.PID, Version: welcome.Version, Role: welcome.Role}
	return nil
}

// unanswered explains a connection that ended before the owner spoke. An owner
// that is ending does that, so it counts as none.
func unanswered(peer Peer, err error) error {
	if errors.Is(err, errProtocol) {
		return fmt.Errorf("the answer of process %d: %w", peer.PID, err)
	}
	return fmt.Errorf("process %d did not answer: %w (%w)", peer.PID, ErrNoOwner, err)
}

func refusal(payload []byte) error {
	return fmt.Errorf("%w: %s", ErrRefused, printable(string(payload)))
}

// Owner tells who runs the commands.
func (c *Client) Owner() Info { return c.owner }

// Close gives the connection up. A command that runs is cancelled. It may be
// called after Run, and from any goroutine.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run has the owner run the command of s with the streams of s, and returns
// its exit code. It is called once, and closes the connection.
//
// When ctx is done the command is told so, and may still print and choose its
// exit code for Options.Grace; after that Run returns ExitInterrupted and the
// cause of ctx. When the owner goes away the error is [ErrOwnerGone] and the
// code ExitUnavailable. When s.Stdout or s.Stderr cannot be written the
// command is cancelled and the code is ExitOutput. Whenever the error is nil
// the code is the command's own.
//
// Standard input is read only when the command reads it. One read of it may
// stay behind when Run returns, and one write of s.Stdout or s.Stderr that
// waits, if Run gave up on it.
func (c *Client) Run(ctx context.Context, s *Session) (int, error) {
	if c.used.Swap(true) {
		return ExitInternal, errors.New("control: Run was called twice")
	}
	defer c.Close()
	if err := c.start(s); err != nil {
		return ExitUnavailable, err
	}
	r := &relay{client: c, session: s, wants: make(chan int, 1)}
	asking, stopAsking := context.WithCancelCause(ctx)
	done := make(chan struct{})
	defer func() {
		close(done)
		stopAsking(ErrOwnerGone)
		_ = c.Close()
		r.finishPrompts()
	}()
	go r.forwardInput(done)

	type outcome struct {
		code int
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		code, err := r.receive(asking)
		ended <- outcome{code, err}
	}()
	select {
	case o := <-ended:
		return o.code, o.err
	case <-ctx.Done():
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.opts.Grace))
	go func() { _ = c.out.send(kindCancel, nil) }()
	timer := time.NewTimer(c.opts.Grace)
	defer timer.Stop()
	select {
	case o := <-ended:
		return o.code, o.err
	case <-timer.C:
		return ExitInterrupted, context.Cause(ctx)
	}
}

// start sends the command.
func (c *Client) start(s *Session) error {
	args := make([][]byte, len(s.Args))
	for i, a := range s.Args {
		args[i] = []byte(a)
	}
	payload, err := json.Marshal(startMessage{
		Args: args, Dir: []byte(s.Dir), StdinTTY: s.StdinTTY, StdoutTTY: s.StdoutTTY, Width: s.Width,
	})
	if err != nil {
		return err
	}
	if len(payload) > maxPayload {
		return fmt.Errorf("the arguments are too long to hand to the running Drawbridge: they may have about %d bytes in all. Give long text through standard input", maxPayload*3/4)
	}
	if err := c.out.send(kindStart, payload); err != nil {
		return c.gone(err)
	}
	return nil
}

func (c *Client) gone(err error) error {
	return fmt.Errorf("%w (process %d): run it again: %w", ErrOwnerGone, c.owner.PID, err)
}

// A relay passes the bytes of one command on.
type relay struct {
	client  *Client
	session *Session
	wants   chan int    // how many bytes of input the owner wants; one at a time
	wanting atomic.Bool // from a want until its input is sent

	mu        sync.Mutex
	finished  bool               // protected by mu; no question is asked any more
	askNumber uint32             // protected by mu; of the last question
	askCancel context.CancelFunc // protected by mu; of the last question
	askDone   chan struct{}      // protected by mu; closed when the last question, and all before it, are over
}

// finishPrompts waits until no question is open, so that the terminal is as it
// was. Their context has ended.
func (r *relay) finishPrompts() {
	r.mu.Lock()
	r.finished = true
	last := r.askDone
	r.mu.Unlock()
	if last != nil {
		<-last
	}
}

// receive does what the owner says until the command has ended.
func (r *relay) receive(asking context.Context) (int, error) {
	c := r.client
	for {
		k, payload, err := c.frames.next(fromOwner)
		if err != nil {
			return ExitUnavailable, c.gone(err)
		}
		var wrote error
		switch k {
		case kindOutput:
			_, wrote = r.session.Stdout.Write(payload)
		case kindErrput:
			_, wrote = r.session.Stderr.Write(payload)
		case kindExit:
			if len(payload) != 4 {
				return ExitUnavailable, c.gone(errProtocol)
			}
			return int(int32(binary.BigEndian.Uint32(payload))), nil
		case kindRefuse:
			return ExitUnavailable, refusal(payload)
		case kindWant:
			n, _, err := takeUint32(payload)
			if err != nil || n == 0 || n > maxChunk || r.wanting.Swap(true) {
				return ExitUnavailable, c.gone(errProtocol)
			}
			r.wants <- int(n)
		case kindAsk:
			number, prompt, err := takeUint32(payload)
			if err != nil {
				return ExitUnavailable, c.gone(err)
			}
			r.ask(asking, number, string(prompt))
		case kindAskEnd:
			number, _, err := takeUint32(payload)
			if err != nil {
				return ExitUnavailable, c.gone(err)
			}
			r.takeBack(number)
		}
		if wrote != nil {
			return ExitOutput, fmt.Errorf("writing what the command printed: %w", wrote)
		}
	}
}

// forwardInput reads standard input when the owner wants some.
func (r *relay) forwardInput(done <-chan struct{}) {
	buf := make([]byte, maxChunk)
	var end error
	for {
		var n int
		select {
		case n = <-r.wants:
		case <-done:
			return
		}
		read := 0
		for read == 0 && end == nil {
			read, end = r.session.Stdin.Read(buf[:n])
		}
		r.wanting.Store(false) // the next want may come once this is sent
		var err error
		switch {
		case read > 0:
			err = r.client.out.send(kindInput, buf[:read])
		case errors.Is(end, io.EOF):
			err = r.client.out.send(kindInputEnd, nil)
		default:
			text := end.Error()
			err = r.client.out.send(kindInputEnd, []byte(text[:min(len(text), maxText)]))
		}
		if err != nil {
			return // receive notices too
		}
	}
}

// ask asks the person, in a goroutine, so that output and the owner's end are
// not held up. Questions are asked one after the other.
func (r *relay) ask(ctx context.Context, number uint32, prompt string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished {
		return
	}
	before := r.askDone
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	r.askNumber, r.askCancel, r.askDone = number, cancel, done
	go func() {
		defer close(done)
		defer cancel()
		if before != nil {
			<-before
		}
		if ctx.Err() != nil || r.session.ReadSecret == nil {
			r.answer(number, answerError, []byte("nobody can be asked"))
			return
		}
		value, err := r.session.ReadSecret(ctx, prompt)
		switch {
		case errors.Is(err, ErrNoInput):
			r.answer(number, answerNoInput, nil)
		case err != nil:
			text := err.Error()
			r.answer(number, answerError, []byte(text[:min(len(text), maxText)]))
		case len(value.Reveal()) > maxSecret:
			r.answer(number, answerError, fmt.Appendf(nil, "the value is longer than %d bytes", maxSecret))
		default:
			r.answer(number, answerValue, []byte(value.Reveal()))
		}
	}()
}

// takeBack ends a question whose answer is no longer wanted.
func (r *relay) takeBack(number uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.askCancel != nil && number == r.askNumber {
		r.askCancel()
	}
}

func (r *relay) answer(number uint32, status byte, data []byte) {
	_ = r.client.out.send(kindAnswer, append(append(putUint32(number), status), data...))
}
