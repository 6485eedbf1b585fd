package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// capture receives the answer to one request as the server sent it, beside what
// the SDK makes of it: definitions are pinned by what was sent, and one odd
// member must not void a whole answer. It travels in the request's context.
type capture struct {
	keep bool // the SDK decodes the result too

	mu     sync.Mutex // protects what follows
	sent   bool       // the transport has taken the request
	raw    json.RawMessage
	err    *jsonrpc.Error // the answer was this instead
	body   *capturedBody  // of an answer over HTTP
	status int            // of that answer; 0 without one
	asked  jsonrpc.ID     // the id of the request over HTTP
	unsent bool           // the server certainly did not take the request
	forget func()
	// ready is closed by the answer to a request that the SDK does not know of;
	// nil for others. lost is why there is none.
	ready chan struct{}
	lost  error
	// sdkID is the id that the SDK gave to the request, where it was sent with
	// another.
	sdkID jsonrpc.ID
}

type captureKey struct{}

// withCapture returns a context whose next request is captured.
func withCapture(ctx context.Context, c *capture) context.Context {
	return context.WithValue(ctx, captureKey{}, c)
}

func captureFrom(ctx context.Context) *capture {
	c, _ := ctx.Value(captureKey{}).(*capture)
	return c
}

// expected notes that a request was sent, and how to stop waiting for its
// answer.
func (c *capture) expected(forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent, c.raw, c.err, c.forget, c.unsent = true, nil, nil, forget, false
}

// notTaken notes that the server did not take the request.
func (c *capture) notTaken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsent = true
}

// wasNotTaken reports whether notTaken was the last that was noted.
func (c *capture) wasNotTaken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsent
}

// set keeps the answer: a result, or an error of the protocol. It reports whether
// nobody else waits for it.
func (c *capture) set(raw json.RawMessage, err *jsonrpc.Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw, c.err = raw, err
	return c.ended()
}

// alone says that the SDK does not know of the request, and returns what is
// closed by its end.
func (c *capture) alone() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = make(chan struct{})
	return c.ready
}

// ended tells who waits for a request that the SDK does not know of; it is called
// once for each. The caller holds mu.
func (c *capture) ended() bool {
	if c.ready == nil {
		return false
	}
	close(c.ready)
	return true
}

// fail is set for a request whose answer is not taken.
func (c *capture) fail(why error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = why
	return c.ended()
}

// outcome is why there is no result of a request that ended; nil if there is one.
func (c *capture) outcome() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.raw == nil && c.lost == nil:
		return errNotWhole
	}
	return c.lost
}

// asks notes the id of the request over HTTP, if it has one. What resumes a
// stream later has none and asks for the same.
func (c *capture) asks(request func() (io.ReadCloser, error)) bool {
	id := idOf(request)
	if id.IsValid() {
		c.sentAs(id, id)
	}
	return id.IsValid()
}

// asksFor notes the id of a request that the SDK does not know of.
func (c *capture) asksFor(id jsonrpc.ID) { c.sentAs(id, id) }

// sentAs notes the id of the request, and the one that the SDK gave to it.
func (c *capture) sentAs(id, sdkID jsonrpc.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked, c.sdkID = id, sdkID
}

// isAlone reports whether the SDK does not know of the request.
func (c *capture) isAlone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready != nil
}

// shared says that the SDK knows of the request from now on.
func (c *capture) shared() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = nil
}

// renumber has the SDK's notification that a request is given up name the id that
// the server knows.
func (c *capture) renumber(req *http.Request, body func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	c.mu.Lock()
	is, was := c.asked, c.sdkID
	c.mu.Unlock()
	if is == was {
		return body
	}
	from, err := body()
	if err != nil {
		return body
	}
	defer from.Close()
	message, err := io.ReadAll(io.LimitReader(from, messageMax))
	if err != nil {
		return body
	}
	message = renumbered(message, was, is)
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(message)), nil }
	req.Body, _ = req.GetBody()
	req.ContentLength = int64(len(message))
	return req.GetBody
}

// has notes the response over HTTP.
func (c *capture) has(resp *http.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = resp.StatusCode
}

// answered notes the response over HTTP, and returns the capture's reader of
// its body.
func (c *capture) answered(resp *http.Response, sse bool) *capturedBody {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = resp.StatusCode
	c.body = &capturedBody{from: resp.Body, sse: sse, keep: c.keep, asked: c.asked, sdkID: c.sdkID}
	return c.body
}

// result returns what was sent as the result; nil if nothing was.
func (c *capture) result() json.RawMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBody()
	return c.raw
}

// came reports whether the answer was received and read.
func (c *capture) came() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw != nil || c.err != nil
}

// refusal returns the error of the protocol that was the answer; nil if there
// was none.
func (c *capture) refusal() *jsonrpc.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBody()
	return c.err
}

// readBody finds the answer in what came over HTTP. The caller holds mu.
func (c *capture) readBody() {
	if c.raw == nil && c.err == nil && c.body != nil {
		c.raw, c.err = c.body.answer()
	}
}

// wasSent reports whether the transport began to send the request.
func (c *capture) wasSent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// httpStatus returns the status of the answer over HTTP; 0 if there was none.
func (c *capture) httpStatus() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// readError returns what ended the reading of an answer over HTTP; nil if
// nothing did.
func (c *capture) readError() error {
	c.mu.Lock()
	body := c.body
	c.mu.Unlock()
	if body == nil {
		return nil
	}
	body.mu.Lock()
	defer body.mu.Unlock()
	return body.err
}

// release ends the wait for an answer.
func (c *capture) release() {
	c.mu.Lock()
	forget := c.forget
	c.mu.Unlock()
	if forget != nil {
		forget()
	}
}

// middleware stands between us and the SDK's sending side. It bounds the
// question which era a server speaks, and forgives an answer that the SDK
// cannot decode where the capture has it. learn is told the metadata of listings.
func middleware(discover time.Duration, asking *probe, learn func(mcp.Meta)) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			switch method {
			case "server/discover":
				return asking.discover(ctx, discover, func(ctx context.Context) (mcp.Result, error) {
					return next(ctx, method, req)
				})
			case "tools/list":
				if params, ok := req.GetParams().(*mcp.ListToolsParams); ok && params != nil {
					learn(params.Meta)
				}
				res, err := next(ctx, method, req)
				if err != nil {
					if c := captureFrom(ctx); c == nil || c.result() == nil {
						return nil, err
					}
					return &mcp.ListToolsResult{}, nil
				}
				if list, ok := res.(*mcp.ListToolsResult); ok {
					list.TTLMs = 0 // each listing asks the server
				}
				return res, nil
			case "resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get", "completion/complete":
				// What the SDK would keep of these is kept by us, with a bound.
				res, err := next(ctx, method, req)
				if c := captureFrom(ctx); c != nil && c.result() != nil {
					return emptyResult(method), nil
				}
				return res, err
			}
			return next(ctx, method, req)
		}
	}
}

// era is what is known of the protocol that a server speaks. One goroutine uses
// it at a time.
type era struct {
	older   bool // it speaks the older era; known from an earlier start
	newer   bool // it answered server/discover at an earlier start
	sse     bool // at its address is the transport of 2024-11-05
	patient bool // ask server/discover without a limit: the answer came late before
	probe   probe
}

// found notes the version that a session was made with.
func (e *era) found(version string) {
	e.newer = version > olderEra
	e.older = !e.newer
}

// answeredLate reports that the server does know server/discover, but took its
// time to start.
func (e *era) answeredLate() bool {
	return e.probe.silent && e.probe.late != nil && e.probe.late.result() != nil
}

// probe is the question which era a server speaks, and what came of it.
type probe struct {
	silent bool // it did not answer in time
	late   *capture
}

// discover asks once, for a limited time: many an older server says nothing to
// a method that it does not know. What comes after the limit is still kept.
func (p *probe) discover(ctx context.Context, limit time.Duration, ask func(context.Context) (mcp.Result, error)) (mcp.Result, error) {
	p.late = &capture{keep: true}
	p.silent = false
	if limit <= 0 {
		return ask(withCapture(ctx, p.late))
	}
	limited, cancel := context.WithTimeout(withCapture(ctx, p.late), limit)
	defer cancel()
	res, err := ask(limited)
	p.silent = err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
	return res, err
}
