package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

const (
	errorBodyMax    = 64 << 10        // bytes of an error's body that are read
	redirectsMax    = 5               // within the origin
	listenLimit     = 5 * time.Second // until the answer to a subscription begins
	closeHTTPWithin = time.Second     // for the farewell to a server
	endWithin       = time.Second     // for the end of an answer that was received
)

// httpLink is the HTTP side of a link. It adds the configured headers to
// requests for the configured origin alone, bounds what comes back, and
// remembers how the last answer looked, to explain a failure.
type httpLink struct {
	base    http.RoundTripper
	origin  string
	address string
	headers map[string]string
	life    context.Context // ends every request
	secrets *tools.Redactor // for what is said of a failure
	signIn  bool            // a person, or the program, can sign in
	// progress takes what is reported in the streams that answer requests; nil
	// where the SDK hands that on.
	progress func(params json.RawMessage)
	tap      *tap // sees each message; nil where the connection has one

	mu   sync.Mutex // protects last
	last httpAnswer
}

// httpAnswer is what is remembered of an answer.
type httpAnswer struct {
	status int
	kind   string // media type
	err    error  // there was no answer
}

// newHTTPLink makes a link over HTTP that has no session yet.
func (m *Manager) newHTTPLink(p plan, log *serverLog) (*link, error) {
	target, err := url.Parse(p.config.URL)
	if err != nil {
		return nil, sentence(fmt.Sprintf("The address %q cannot be read.", p.config.URL), err)
	}
	life, end := context.WithCancel(context.Background())
	k := newLink(p.config, log, p.given.redactor)
	k.samples = p.samples
	k.http = &httpLink{base: p.account.over(p.given.http, originOf(target)), signIn: p.account != nil, origin: originOf(target), address: p.config.URL, headers: p.given.headers, life: life, secrets: p.given.redactor, tap: k.tap()}
	k.end = func() {
		if k.session != nil {
			closed := make(chan struct{})
			go func() { k.session.Close(); close(closed) }()
			within(closed, closeHTTPWithin)
		}
		end()
		if p.given.http != m.o.HTTP {
			p.given.http.CloseIdleConnections()
		}
	}
	return k, nil
}

// connectStreamable opens a session over Streamable HTTP ("Transports:
// Streamable HTTP" of the specification). older says that the server may be one
// of the transport before.
func (m *Manager) connectStreamable(ctx context.Context, p plan, log *serverLog, e *era) (_ *link, older bool, _ error) {
	// A server may announce changes of its tools and yet take no subscription.
	for _, listen := range []bool{true, false} {
		k, err := m.newHTTPLink(p, log)
		if err != nil {
			return nil, false, err
		}
		k.http.progress = k.progress
		t := &mcp.StreamableClientTransport{
			Endpoint: p.config.URL, HTTPClient: k.http.client(), MaxEventSize: messageMax,
			// The stream for what a server says unasked is ours, since the SDK
			// ends the session when it cannot have one.
			DisableStandaloneSSE: true,
		}
		if err = k.open(ctx, t, m, e, listen); err == nil {
			k.listen(m.o)
			return k, false, nil
		}
		refused := strings.Contains(err.Error(), "subscriptions/listen")
		status := k.http.lastAnswer().status
		err = k.startError(ctx, err, m.o)
		k.close()
		if !refused || !listen || ctx.Err() != nil {
			// "Backwards compatibility" of the specification names these three.
			older = status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusMethodNotAllowed
			return nil, older && ctx.Err() == nil, err
		}
	}
	panic("mcphost: the loop returns")
}

// connectHTTP opens a session at an address: over Streamable HTTP, or the
// transport before it where the server has only that. What was found is tried
// first the next time, and found anew when it holds no more.
func (m *Manager) connectHTTP(ctx context.Context, p plan, log *serverLog, e *era) (*link, error) {
	if e.sse {
		k, err := m.connectSSE(ctx, p, log)
		if err == nil || ctx.Err() != nil {
			return k, err
		}
		*e = era{}
	}
	known := e.older
	k, older, err := m.connectStreamable(ctx, p, log, e)
	if err != nil && known && ctx.Err() == nil {
		*e = era{}
		k, older, err = m.connectStreamable(ctx, p, log, e)
	}
	if e.probe.silent {
		// The silence says that the server is slow, and nothing of its era.
		if err != nil && ctx.Err() == nil {
			log.add("it did not answer in time when asked for the newest protocol, and does not speak the older one; asking again, with patience")
			*e = era{patient: true}
			k, older, err = m.connectStreamable(ctx, p, log, e)
			e.patient = false
		} else if err == nil {
			e.older = false // it is asked again at the next start
		}
	}
	if older {
		// The first error is the one that is shown if this fails too.
		if over, sseErr := m.connectSSE(ctx, p, log); sseErr == nil {
			log.add("it speaks the older transport, HTTP with server-sent events")
			e.sse = true
			return over, nil
		}
	}
	return k, err
}

func (h *httpLink) client() *http.Client {
	return &http.Client{Transport: h, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch {
		case originOf(req.URL) != h.origin:
			return &redirectError{to: req.URL}
		case len(via) > redirectsMax:
			return errors.New("the server redirects in a circle")
		}
		return nil
	}}
}

// redirectError is a redirect that leaves the configured origin. It is not
// followed: the server would choose where arguments go, also within a private
// network.
type redirectError struct{ to *url.URL }

func (e *redirectError) Error() string { return "the server redirects to " + e.target() }

// target is where the redirect leads, without what a server may have put a
// credential in.
func (e *redirectError) target() string {
	return (&url.URL{Scheme: e.to.Scheme, Host: e.to.Host, Path: e.to.Path}).String()
}

// originOf returns scheme, host and port ("origin" of RFC 6454).
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

// reserved are headers that the protocol or HTTP itself sets.
var reserved = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Content-Type": true,
	"Accept": true, "Mcp-Session-Id": true, "Mcp-Protocol-Version": true, "Mcp-Method": true, "Mcp-Name": true,
	"Last-Event-Id": true,
}

// RoundTrip sends one request.
func (h *httpLink) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := captureFrom(req.Context())
	body := req.GetBody
	if l := lentTo(req); l != nil && answer != nil {
		// It came already, for the same request with another id.
		answer.sentAs(l.id, idOf(body))
		l.resp.Request = req
		l.resp.Body = answer.answered(l.resp, mediaType(l.resp) == "text/event-stream")
		return l.resp, nil
	}
	ours := answer != nil && answer.isAlone()
	if answer != nil {
		answer.expected(nil)
	}
	if originOf(req.URL) != h.origin {
		return nil, &redirectError{to: req.URL}
	}
	caller := req.Context()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(caller))
	stop := context.AfterFunc(h.life, func() { cancel(errStopped) })
	over := context.AfterFunc(caller, func() {
		if answer != nil && answer.came() {
			// The connection is used again only if the end of the answer is read.
			t := time.NewTimer(endWithin)
			defer t.Stop()
			select {
			case <-t.C:
			case <-ctx.Done():
			}
		}
		cancel(context.Cause(caller))
	})
	done := func() { stop(); over(); cancel(nil) }
	if req.Header.Get("Mcp-Method") == "subscriptions/listen" {
		late := time.AfterFunc(listenLimit, func() { cancel(errors.New("the server did not answer the subscription")) })
		defer late.Stop()
	}
	if ours {
		req = req.WithContext(ctx)
	} else {
		req = req.Clone(ctx)
		if answer != nil && body != nil && !answer.asks(body) {
			body = answer.renumber(req, body)
		}
	}
	for name, value := range h.headers {
		if !reserved[http.CanonicalHeaderKey(name)] {
			req.Header.Set(name, value)
		}
	}
	h.tapRequest(body)
	resp, err := h.base.RoundTrip(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		done()
		h.remember(httpAnswer{err: err})
		return nil, err
	}
	kind := mediaType(resp)
	h.remember(httpAnswer{status: resp.StatusCode, kind: kind})
	resp.Body = &endingBody{ReadCloser: resp.Body, done: done}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		h.buffer(resp, errorBodyMax, nil)
	case kind == "application/json":
		h.buffer(resp, messageMax, body)
	case kind == "text/event-stream" && !ours:
		resp.Body = h.watched(resp.Body, tools.ExchangeFrom(req.Context()), answer != nil)
	}
	if answer != nil && !ours {
		resp.Body = answer.answered(resp, kind == "text/event-stream")
	} else if ours {
		answer.has(resp)
	}
	return resp, nil
}

// watched bounds and shows what comes as a stream of events. reports says that
// it answers a request, of the program x if that is not nil.
func (h *httpLink) watched(body io.ReadCloser, x *tools.Exchange, reports bool) io.ReadCloser {
	body = &countedEvents{ReadCloser: body}
	if h.tap != nil {
		body = tapEvents(body, h.tap)
	}
	if reports && h.progress != nil {
		body = &overheard{ReadCloser: body, x: x, r: h.secrets, progress: h.progress}
	}
	return body
}

// tapRequest shows what is sent.
func (h *httpLink) tapRequest(body func() (io.ReadCloser, error)) {
	if !h.tap.active() || body == nil {
		return
	}
	r, err := body()
	if err != nil {
		return
	}
	defer r.Close()
	if b, err := io.ReadAll(io.LimitReader(r, messageMax)); err == nil {
		h.tap.see(true, b)
	}
}

// buffer reads the body before it is handed on, so that its length is bounded.
// One that is too long becomes an error of the protocol for its own call, whose
// request is read again for the id.
func (h *httpLink) buffer(resp *http.Response, limit int64, request func() (io.ReadCloser, error)) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	resp.Body.Close()
	switch long := int64(len(b)) > limit; {
	case long && request == nil:
		b = b[:limit]
	case long:
		b = refusedAnswer(request, &tooLongError{size: limit + 1})
	case tooMany(b):
		b = refusedAnswer(request, tooManyError{})
	}
	h.tap.see(false, b)
	var rest io.Reader = bytes.NewReader(b)
	if err != nil {
		rest = io.MultiReader(rest, failingReader{err})
	}
	resp.Body = io.NopCloser(rest)
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// refusedAnswer is what takes the place of an answer that is not taken.
func refusedAnswer(request func() (io.ReadCloser, error), why error) []byte {
	if request == nil {
		return nil
	}
	id := idOf(request)
	if !id.IsValid() {
		return nil
	}
	raw, err := json.Marshal(id.Raw())
	if err != nil {
		return nil
	}
	text, err := json.Marshal(why.Error())
	if err != nil {
		return nil
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%s}}`, raw, jsonrpc.CodeInternalError, text)
}

// idFirst is how the SDK begins a request.
const idFirst = `{"jsonrpc":"2.0","id":`

// idOf reads the id of a request from its body; it is not valid where there is
// none.
func idOf(request func() (io.ReadCloser, error)) jsonrpc.ID {
	body, err := request()
	if err != nil {
		return jsonrpc.ID{}
	}
	defer body.Close()
	var begin [64]byte // which spares reading all of it
	n, _ := io.ReadFull(body, begin[:])
	if digits, found := bytes.CutPrefix(begin[:n], []byte(idFirst)); found {
		if i := bytes.IndexByte(digits, ','); i > 0 {
			if number, err := strconv.ParseInt(string(digits[:i]), 10, 53); err == nil {
				id, _ := jsonrpc.MakeID(float64(number))
				return id
			}
		}
	}
	var m struct {
		ID any `json:"id"`
	}
	if json.NewDecoder(io.MultiReader(bytes.NewReader(begin[:n]), body)).Decode(&m) != nil {
		return jsonrpc.ID{}
	}
	id, err := jsonrpc.MakeID(m.ID)
	if err != nil {
		return jsonrpc.ID{}
	}
	return id
}

// endingBody calls done when the body is closed.
type endingBody struct {
	io.ReadCloser
	done func()
}

func (b *endingBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

func mediaType(resp *http.Response) string {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func (h *httpLink) remember(a httpAnswer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = a
}

func (h *httpLink) lastAnswer() httpAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}
