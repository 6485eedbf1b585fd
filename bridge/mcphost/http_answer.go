package mcphost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// capturedBody is a response's body that takes the answer to its request out as
// it is read, and hands everything else on. In the place of a result the SDK
// gets an error, which spares it the work of decoding it, too: whoever captures
// an answer looks at that first. One goroutine reads.
type capturedBody struct {
	from io.ReadCloser
	sse  bool
	keep bool // the SDK gets the result as well
	// asked is the id of the request; an answer to another is none.
	asked jsonrpc.ID
	sdkID jsonrpc.ID // the id that the SDK knows it by

	held    []byte // what was read of an event that has not ended
	scanned int    // bytes of held that are known to hold no end of a line
	line    int    // where the last line of held begins
	passing bool   // an event was too long, so all is handed on as it comes
	made    []byte // the memory of out
	out     []byte // what is to be handed on
	end     error  // comes after out

	mu      sync.Mutex // protects what follows
	raw     json.RawMessage
	refusal *jsonrpc.Error
	err     error // of reading
}

func (b *capturedBody) Read(p []byte) (int, error) {
	for len(b.out) == 0 {
		if b.end != nil {
			return 0, b.end
		}
		b.made = b.made[:0]
		if b.sse {
			b.readEvents()
		} else {
			b.readWhole()
		}
		b.out = b.made
		if b.end != nil {
			b.mu.Lock()
			b.err = b.end
			b.mu.Unlock()
		}
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

// heldMax is how much of one event is held in bytes.
const heldMax = messageMax + errorBodyMax

// readWhole reads a body that is one message.
func (b *capturedBody) readWhole() {
	b.made, b.end = io.ReadAll(io.LimitReader(b.from, heldMax))
	if b.end == nil {
		b.end = io.EOF
	}
	if b.take(b.made) {
		b.made = b.instead(nil)
	}
}

// readEvents reads some of a stream of events, and makes what is to be handed on
// of those that have ended.
func (b *capturedBody) readEvents() {
	b.held = slices.Grow(b.held, 4<<10)
	n, err := b.from.Read(b.held[len(b.held):cap(b.held)])
	b.held = b.held[:len(b.held)+n]
	b.end = err
	for !b.passing {
		i := bytes.IndexByte(b.held[b.scanned:], '\n')
		if i < 0 {
			b.scanned = len(b.held)
			break
		}
		next := b.scanned + i + 1
		ended := len(bytes.TrimSuffix(b.held[b.line:next-1], []byte("\r"))) == 0
		b.line, b.scanned = next, next
		if ended {
			b.hand(b.held[:next])
			b.held, b.line, b.scanned = b.held[next:], 0, 0
		}
	}
	b.passing = b.passing || len(b.held) > heldMax
	if b.passing || err != nil {
		b.made = append(b.made, b.held...)
		b.held, b.line, b.scanned = b.held[:0], 0, 0
	}
}

// hand adds an event to what is handed on, without the result if it has it.
func (b *capturedBody) hand(event []byte) {
	events := eventReader{data: event}
	data, ok := events.next()
	if !ok || !b.take(data) {
		b.made = append(b.made, event...)
		return
	}
	for line := range bytes.Lines(event) {
		if !bytes.HasPrefix(line, []byte(dataField)) && len(bytes.TrimRight(line, "\r\n")) > 0 {
			b.made = append(b.made, line...)
		}
	}
	b.made = append(b.made, dataField...)
	b.made = append(b.instead(b.made), "\n\n"...)
}

// take keeps a message if it is the answer, and reports whether the SDK is to
// get another in its place.
func (b *capturedBody) take(data []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.raw != nil || b.refusal != nil {
		return false
	}
	raw, refusal, ok := response(data, b.asked)
	if !ok {
		return false
	}
	b.raw, b.refusal = raw, refusal
	if refusal != nil {
		return b.asked != b.sdkID // it would not know what that answers
	}
	return raw != nil && !b.keep
}

// instead adds what the SDK gets in the place of the answer.
func (b *capturedBody) instead(to []byte) []byte {
	id, err := json.Marshal(b.sdkID.Raw())
	if err != nil {
		panic(err) // an id is text or a number
	}
	return fmt.Appendf(to, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32099,"message":"captured"}}`, id)
}

func (b *capturedBody) Close() error { return b.from.Close() }

// answer returns what was found so far.
func (b *capturedBody) answer() (json.RawMessage, *jsonrpc.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.raw, b.refusal
}

// response reads a message if it is the response to that request.
func response(data []byte, asked jsonrpc.ID) (json.RawMessage, *jsonrpc.Error, bool) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil, false
	}
	msg, err := decodeMessage(data)
	if err != nil {
		return nil, nil, false
	}
	r, ok := msg.(*jsonrpc.Response)
	if !ok || r.ID != asked {
		return nil, nil, false
	}
	var refusal *jsonrpc.Error
	errors.As(r.Error, &refusal)
	return r.Result, refusal, true
}

// eventReader takes server-sent events apart ("Interpreting an event stream" of
// the HTML standard), as far as their data goes. What is not ended is left.
type eventReader struct{ data []byte }

func (r *eventReader) next() (data []byte, ok bool) {
	var event []byte
	for {
		i := bytes.IndexByte(r.data, '\n')
		if i < 0 {
			return nil, false
		}
		line := bytes.TrimSuffix(r.data[:i], []byte("\r"))
		r.data = r.data[i+1:]
		if len(line) == 0 {
			if event != nil {
				return event, true
			}
			continue
		}
		if value, found := bytes.CutPrefix(line, []byte("data:")); found {
			if event != nil {
				event = append(event, '\n')
			}
			event = append(event, bytes.TrimPrefix(value, []byte(" "))...)
		}
	}
}
