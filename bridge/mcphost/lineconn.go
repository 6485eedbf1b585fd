package mcphost

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// messageMax is the size of a message in bytes; a longer one fails its call.
const messageMax = 16 << 20

// incomingMax is the number of a server's own requests that may wait for our
// answer; what comes beyond is dropped, so that a server that asks without
// reading costs nothing.
const incomingMax = 64

// requestMax is the size of the parameters of such a request in bytes. Several
// wait at once, and what a server may ask is short.
const requestMax = 1 << 20

// peerEvents is what a connection reports beside the messages that the SDK
// gets. The calls must not block.
type peerEvents struct {
	progress func(params json.RawMessage)
	// notice is any other notification of the server.
	notice func(method string, params json.RawMessage)
	stray  func(line []byte) // what is no message
	note   func(text string) // something went wrong that the connection survives
	tap    *tap              // sees each message
}

// lineConn speaks newline-delimited JSON-RPC over a pair of streams, as
// "Transports: stdio" of the specification has it. It is the SDK's Connection
// for child processes and for what is built in. Unlike the SDK's own it
// survives lines that are no message and messages that are too long, and it
// hands results on as they were sent.
type lineConn struct {
	in     *bufio.Reader
	out    io.Writer
	closer func() // ends blocked reads and writes
	events peerEvents

	writer  chan struct{} // holds a token while somebody writes
	done    chan struct{} // closed by Close
	once    sync.Once
	over    chan struct{} // closed when nothing more is read
	ending  sync.Once
	pending atomic.Int32 // requests of the server that are not answered
	queue   []jsonrpc.Message
	// ended says that the server ended the streams, or itself, and not we.
	ended atomic.Bool
	// initialized says that the older era's first request was sent.
	initialized atomic.Bool

	mu       sync.Mutex // protects captures
	captures map[jsonrpc.ID]*capture
}

func newLineConn(in io.Reader, out io.Writer, closer func(), events peerEvents) *lineConn {
	return &lineConn{
		in: bufio.NewReaderSize(in, 64<<10), out: out, closer: closer, events: events,
		writer: make(chan struct{}, 1), done: make(chan struct{}), over: make(chan struct{}), captures: map[jsonrpc.ID]*capture{},
	}
}

// Connect makes a lineConn a transport of itself; it can be used once.
func (c *lineConn) Connect(context.Context) (mcp.Connection, error) { return c, nil }

// SessionID is part of the SDK's Connection; these streams have none.
func (c *lineConn) SessionID() string { return "" }

// Close ends the connection and whatever is blocked on it.
func (c *lineConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.closer()
	})
	return nil
}

// Write sends a message. It returns when the message is written or ctx ends; in
// the second case the rest is still written before any other message, so that
// the stream stays whole.
func (c *lineConn) Write(ctx context.Context, msg jsonrpc.Message) error {
	data, err := jsonrpc.EncodeMessage(msg)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	c.events.tap.see(true, data)
	data = append(data, '\n')
	var waiting *capture
	switch msg := msg.(type) {
	case *jsonrpc.Request:
		if msg.Method == "initialize" {
			c.initialized.Store(true)
		}
		if waiting = captureFrom(ctx); waiting != nil && msg.IsCall() {
			c.expect(msg.ID, waiting)
		}
	case *jsonrpc.Response:
		defer c.pending.Add(-1)
	}
	wrote, err := c.send(ctx, data)
	if err != nil {
		return err
	}
	select {
	case err := <-wrote:
		return c.unwritten(err, waiting)
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return io.ErrClosedPipe
	}
}

// send begins to write a line. What it returns takes how that ended.
func (c *lineConn) send(ctx context.Context, line []byte) (<-chan error, error) {
	select {
	case c.writer <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, io.ErrClosedPipe
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := c.out.Write(line)
		<-c.writer
		wrote <- err
	}()
	return wrote, nil
}

// unwritten notes why a line was not written, if err says so.
func (c *lineConn) unwritten(err error, waiting *capture) error {
	if refused := (*notTakenError)(nil); waiting != nil && errors.As(err, &refused) {
		waiting.notTaken()
	}
	if errors.Is(err, syscall.EPIPE) || isClosed(err) && !c.closed() {
		c.ended.Store(true)
	}
	return err
}

// closed reports whether the connection was closed here.
func (c *lineConn) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *lineConn) expect(id jsonrpc.ID, capture *capture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.captures[id] = capture
	capture.expected(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.captures, id)
	})
}

// Read returns the next message that is for the SDK. The end of the stream is
// io.EOF.
func (c *lineConn) Read(context.Context) (jsonrpc.Message, error) {
	msg, err := c.next()
	if err != nil {
		c.ending.Do(func() { close(c.over) })
	}
	return msg, err
}

func (c *lineConn) next() (jsonrpc.Message, error) {
	for {
		if len(c.queue) > 0 {
			msg := c.queue[0]
			c.queue = c.queue[1:]
			return msg, nil
		}
		line, err := c.line()
		if tooLong := (*tooLongError)(nil); errors.As(err, &tooLong) {
			c.skipped(tooLong.head, tooLong.tail, tooLong)
			continue
		}
		if err != nil {
			if c.closed() {
				return nil, io.EOF
			}
			if errors.Is(err, io.EOF) || isClosed(err) {
				c.ended.Store(true)
				return nil, io.EOF
			}
			return nil, err
		}
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case tooMany(line):
			c.skipped(line, line, tooManyError{})
		default:
			c.take(line)
		}
	}
}

// take queues what a line holds: one message, or a batch of the oldest era.
func (c *lineConn) take(line []byte) {
	if line[0] == '[' {
		var batch []json.RawMessage
		if json.Unmarshal(line, &batch) == nil && len(batch) > 0 && len(batch) <= 1000 {
			for _, raw := range batch {
				c.takeOne(raw)
			}
			return
		}
	}
	c.takeOne(line)
}

func (c *lineConn) takeOne(raw []byte) {
	if raw[0] != '{' {
		c.events.stray(raw)
		return
	}
	msg, err := decodeMessage(raw)
	if err != nil {
		c.events.stray(raw)
		// Some servers log JSON, with ids in it, to their output.
		id, ok := answeredID(raw, raw)
		if ok && bytes.Contains(raw[:min(len(raw), endsOfLine)], []byte(`"jsonrpc"`)) {
			c.refuse(id, &unreadableError{err})
		}
		return
	}
	c.events.tap.see(false, raw)
	switch msg := msg.(type) {
	case *jsonrpc.Response:
		if !c.captured(msg) {
			c.queue = append(c.queue, msg)
		}
	case *jsonrpc.Request:
		if c.request(msg) {
			c.queue = append(c.queue, msg)
		}
	}
}

// decodeMessage reads one message of JSON-RPC 2.0. It does what the SDK's
// function does, which takes a buffer of 64 KiB for each.
func decodeMessage(raw []byte) (jsonrpc.Message, error) {
	var m struct {
		Version string          `json:"jsonrpc"`
		ID      any             `json:"id"`
		Method  *string         `json:"method"`
		Params  json.RawMessage `json:"params"`
		Result  json.RawMessage `json:"result"`
		Error   *jsonrpc.Error  `json:"error"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	if m.Version != "2.0" {
		return nil, errors.New("no message of JSON-RPC 2.0")
	}
	id, err := jsonrpc.MakeID(m.ID)
	switch {
	case err != nil:
		return nil, err
	case m.Method != nil:
		return &jsonrpc.Request{ID: id, Method: *m.Method, Params: m.Params}, nil
	case !id.IsValid():
		return nil, errors.New("a response without an id")
	}
	r := &jsonrpc.Response{ID: id, Result: m.Result}
	if m.Error != nil { // and not an error that holds nil
		r.Error = m.Error
	}
	return r, nil
}

// captured hands the result to who waits for it as it was sent, and reports
// whether the SDK has nothing to do with it. Where it has, it is spared the work
// of decoding it too.
func (c *lineConn) captured(msg *jsonrpc.Response) bool {
	c.mu.Lock()
	capture := c.captures[msg.ID]
	delete(c.captures, msg.ID)
	c.mu.Unlock()
	if capture == nil {
		return directID(msg.ID) // it was given up
	}
	var refusal *jsonrpc.Error
	errors.As(msg.Error, &refusal)
	if capture.set(msg.Result, refusal) {
		return true
	}
	if refusal == nil && !capture.keep {
		msg.Result = json.RawMessage("{}")
	}
	return false
}

// request reports whether the SDK needs to see a request or notification of the
// server. Notifications are handled here, at once and in order, so that a flood
// of them is never kept.
func (c *lineConn) request(msg *jsonrpc.Request) bool {
	if msg.IsCall() {
		if len(msg.Params) > requestMax {
			c.events.note(tooLongRequest(msg.Method))
			return false
		}
		if c.pending.Add(1) > incomingMax {
			c.pending.Add(-1)
			c.events.note("the server asks more than it reads; a request of its own (" + cut(msg.Method, 100) + ") is dropped")
			return false
		}
		if msg.Method == "elicitation/create" {
			msg.Params = keepOrder(msg.Params)
		}
		return true
	}
	switch msg.Method {
	case "notifications/progress":
		c.events.progress(msg.Params)
	case "notifications/cancelled":
		return true
	default:
		c.events.notice(msg.Method, msg.Params)
	}
	return false
}

// tooLongRequest is the note about a request of the server that is not taken.
func tooLongRequest(method string) string {
	return fmt.Sprintf("a request of its own (%s) is longer than %d MiB and is dropped", cut(method, 100), requestMax>>20)
}

// tooLongError is a line beyond messageMax that was read over.
type tooLongError struct {
	head, tail []byte
	size       int64
}

func (e *tooLongError) Error() string {
	return "a message of " + strconv.FormatInt(e.size>>20, 10) + " MiB, longer than the 16 MiB that are taken"
}

// line returns the next line, valid until the next call.
func (c *lineConn) line() ([]byte, error) {
	chunk, err := c.in.ReadSlice('\n')
	if err == nil || len(chunk) > 0 && errors.Is(err, io.EOF) {
		return chunk, nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	long := append(make([]byte, 0, 4*len(chunk)), chunk...)
	for {
		chunk, err = c.in.ReadSlice('\n')
		if len(long)+len(chunk) > messageMax {
			return nil, c.skip(long, chunk, err)
		}
		long = append(long, chunk...)
		switch {
		case err == nil:
			return long, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return long, nil
		default:
			return nil, err
		}
	}
}

// endsOfLine is how much of both ends of a skipped line is looked at, in bytes.
const endsOfLine = 4 << 10

// skip reads over the rest of a line, and keeps both its ends, where its id is.
func (c *lineConn) skip(long, chunk []byte, err error) error {
	const ends = endsOfLine
	skipped := &tooLongError{head: bytes.Clone(long[:ends]), size: int64(len(long) + len(chunk))}
	tail := append(bytes.Clone(long[len(long)-ends:]), chunk...)
	for errors.Is(err, bufio.ErrBufferFull) {
		chunk, err = c.in.ReadSlice('\n')
		skipped.size += int64(len(chunk))
		tail = append(tail, chunk...)
		if len(tail) > ends {
			tail = append(tail[:0], tail[len(tail)-ends:]...)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	skipped.tail = tail
	return skipped
}

// skipped fails the call that a skipped message answered, if its id can be
// found at either end of it. Otherwise the call runs into its time limit.
func (c *lineConn) skipped(head, tail []byte, why error) {
	c.events.note("skipped " + why.Error())
	if id, ok := answeredID(head, tail); ok {
		c.refuse(id, why)
	}
}

// refuse fails the request of that id, whose answer is not taken.
func (c *lineConn) refuse(id jsonrpc.ID, why error) {
	c.mu.Lock()
	capture := c.captures[id]
	delete(c.captures, id)
	c.mu.Unlock()
	if capture == nil && directID(id) || capture != nil && capture.fail(why) {
		return
	}
	c.queue = append(c.queue, &jsonrpc.Response{ID: id, Error: why})
}

// unreadableError is an answer that is no message.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string { return "an answer that cannot be read: " + e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

// The expressions are large and rarely needed, so they are made at their first
// use and not at each start of the program.
var (
	idAtHead = expression(`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15}|"[^"\\]{1,200}")\s*,\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"(?:result|error)"`)
	idAtTail = expression(`"id"\s*:\s*(\d{1,15}|"[^"\\]{1,200}")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`)
)

func expression(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// answeredID finds the id of a response in the two ends of its text. Servers
// write it before the result, or as their last member.
func answeredID(head, tail []byte) (jsonrpc.ID, bool) {
	head, tail = head[:min(len(head), endsOfLine)], tail[max(0, len(tail)-endsOfLine):]
	found := idAtHead().FindSubmatch(head)
	if found == nil {
		if bytes.Contains(head, []byte(`"method"`)) {
			return jsonrpc.ID{}, false
		}
		found = idAtTail().FindSubmatch(tail)
	}
	if found == nil {
		return jsonrpc.ID{}, false
	}
	var value any
	if json.Unmarshal(found[1], &value) != nil {
		return jsonrpc.ID{}, false
	}
	id, err := jsonrpc.MakeID(value)
	return id, err == nil
}
