package mcphost

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	endpointLimit = 5 * time.Second  // until the stream has said where messages go
	postLimit     = 30 * time.Second // for the server to take one message
	eventLineMax  = 8 << 10          // bytes of a line before that
)

// connectSSE opens a session over the transport of 2024-11-05: a stream of
// events on which the server answers, and an address, which the stream names
// first, that takes what we say ("Transports: HTTP with SSE" of that version).
// It speaks the older era alone.
func (m *Manager) connectSSE(ctx context.Context, p plan, log *serverLog) (*link, error) {
	k, err := m.newHTTPLink(p, log)
	if err != nil {
		return nil, err
	}
	k.http.tap = nil // the connection has it
	stream, err := k.http.openEvents(ctx)
	if err == nil {
		k.lines = newLineConn(&eventLines{from: stream.lines}, stream, stream.close, k.events())
		if err = k.open(ctx, k.lines, m, &era{older: true}, true); err == nil {
			return k, nil
		}
		stream.close()
	}
	err = k.startError(ctx, err, m.o)
	k.close()
	return nil, err
}

// eventStream is an open stream of events with the address for messages.
type eventStream struct {
	http  *httpLink
	lines *bufio.Reader
	body  io.Closer
	to    string
}

var (
	errNoEvents   = errors.New("the server has no stream of events there")
	errNoEndpoint = errors.New("the stream of events does not say where messages go")
)

// openEvents opens the stream and waits for the address.
func (h *httpLink) openEvents(ctx context.Context) (*eventStream, error) {
	// The stream lives on after ctx, which is that of the start.
	life, cancel := context.WithCancelCause(h.life)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	late := time.AfterFunc(endpointLimit, func() { cancel(fmt.Errorf("%w within %s", errNoEndpoint, endpointLimit)) })
	defer late.Stop()
	fail := func(err error) (*eventStream, error) {
		stop()
		if cause := context.Cause(life); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	req, err := http.NewRequestWithContext(life, http.MethodGet, h.address, nil)
	if err != nil {
		return fail(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := h.client().Do(req)
	if err != nil {
		return fail(err)
	}
	if resp.StatusCode != http.StatusOK || mediaType(resp) != "text/event-stream" {
		resp.Body.Close()
		return fail(errNoEvents)
	}
	s := &eventStream{http: h, lines: bufio.NewReaderSize(resp.Body, 64<<10), body: resp.Body}
	endpoint, err := firstEndpoint(s.lines)
	if err != nil {
		resp.Body.Close()
		return fail(err)
	}
	to, err := resp.Request.URL.Parse(endpoint)
	if err != nil || to.User != nil || originOf(to) != h.origin {
		resp.Body.Close()
		if err == nil {
			err = &redirectError{to: to}
		}
		return fail(err)
	}
	if !stop() { // ctx ended meanwhile
		resp.Body.Close()
		return fail(context.Cause(ctx))
	}
	s.to = to.String()
	return s, nil
}

// firstEndpoint reads events until the one that is called endpoint.
func firstEndpoint(lines *bufio.Reader) (string, error) {
	var name, data string
	for range 100 {
		line, err := lines.ReadSlice('\n')
		if err != nil || len(line) > eventLineMax {
			return "", errNoEndpoint
		}
		text := strings.TrimRight(string(line), "\r\n")
		switch field, value, _ := strings.Cut(text, ":"); field {
		case "event":
			name = strings.TrimSpace(value)
		case "data":
			data += strings.TrimSpace(value)
		case "":
			if text == "" && name == "endpoint" && data != "" {
				return data, nil
			}
			if text == "" {
				name, data = "", ""
			}
		}
	}
	return "", errNoEndpoint
}

func (s *eventStream) close() { s.body.Close() }

// notTakenError says that the server certainly did not take a message.
type notTakenError struct{ err error }

func (e *notTakenError) Error() string { return "the message was not taken: " + e.err.Error() }
func (e *notTakenError) Unwrap() error { return e.err }

// Write posts one message. The server's answer to it comes on the stream.
func (s *eventStream) Write(message []byte) (int, error) {
	ctx, cancel := context.WithTimeout(s.http.life, postLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.to, bytes.NewReader(bytes.TrimSpace(message)))
	if err != nil {
		return 0, &notTakenError{err}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.client().Do(req)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
			err = &notTakenError{err}
		}
		return 0, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, errorBodyMax))
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return len(message), nil
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		// The server does not know this stream any more.
		return 0, &notTakenError{errors.New(resp.Status)}
	}
	return 0, errors.New(resp.Status)
}

// eventLines makes lines of the data of events, one for each event, as far as
// they are messages ("Interpreting an event stream" of the HTML standard). It
// keeps nothing of an event, however long it is.
type eventLines struct {
	from *bufio.Reader
	// give is what is left of the present piece of data.
	give []byte
	// within says that the present line goes on; data that it is passed on.
	within, data bool
	// other says that the event is no message; some that it had data.
	other, some bool
	err         error
}

func (r *eventLines) Read(p []byte) (int, error) {
	for len(r.give) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		piece, err := r.from.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			r.give = r.piece(piece, false)
			continue
		}
		r.err = err
		if err == nil {
			r.give = r.piece(piece, true)
		}
	}
	n := copy(p, r.give)
	r.give = r.give[n:]
	return n, nil
}

var (
	newline = []byte("\n")
	space   = []byte(" ")
)

// piece takes a part of a line, or its end, and returns what is data of it.
func (r *eventLines) piece(b []byte, ends bool) []byte {
	if ends {
		b = bytes.TrimRight(b, "\r\n")
	}
	begins := !r.within
	r.within = !ends
	if !begins {
		if !r.data {
			return nil
		}
		return b
	}
	r.data = false
	switch {
	case len(b) == 0 && ends:
		some := r.some
		r.some, r.other = false, false
		if some {
			return newline
		}
	case bytes.HasPrefix(b, []byte("event:")):
		name := bytes.TrimSpace(b[len("event:"):])
		r.other = len(name) > 0 && string(name) != "message"
	case bytes.HasPrefix(b, []byte("data:")) && !r.other:
		r.data = true
		b = b[len("data:"):]
		if !r.some {
			b = bytes.TrimPrefix(b, space)
		}
		r.some = true
		return b
	}
	return nil
}

// hostOf returns the host of an address, for a sentence.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}
