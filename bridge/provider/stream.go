package provider

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// What one answer may hold. A service that sends more is not answering.
const (
	maxAnswer = 32 << 20  // bytes of text, reasoning, arguments and opaque items
	maxStream = 256 << 20 // bytes of the whole stream, framing included
	maxEvent  = 16 << 20  // bytes of one event
	maxCalls  = 10_000
	maxTokens = 100_000_000 // that a service may say it took, which is more than any model takes
)

// errTooMuch ends an answer that passes one of the limits.
var errTooMuch = errors.New("the answer is larger than any answer should be")

// errFormat says that an event is not what the format allows.
var errFormat = errors.New("an event is not in the format")

// answer turns the events of one stream into deltas.
type answer interface {
	// event takes the data of one event. What it returns holds until the next
	// call. final says that the format's last event came; an error may be a
	// *model.Error, or wrap errFormat.
	event(data []byte) (deltas []model.Delta, final bool, err error)
	// end is asked once when the stream ended without a final event: whether
	// the answer is whole all the same, and what is still to be said of it.
	end() (deltas []model.Delta, whole bool)
}

// appendUsage passes a provider's count on, unless it says nothing, or nonsense.
func appendUsage(out []model.Delta, u store.Usage) []model.Delta {
	if u == (store.Usage{}) || min(u.Input, u.Cached, u.Written, u.Output, u.Reasoning) < 0 || max(u.Input, u.Cached, u.Written, u.Output, u.Reasoning) > maxTokens {
		return out
	}
	return append(out, model.UsageDelta{Usage: u})
}

// exchange is one streamed call, as a format wants it made.
type exchange struct {
	path   string      // after the base URL; it may have a query
	header http.Header // the format's own, such as its version; may be nil
	// optional are the fields that improve an answer and that some services
	// refuse.
	optional []field
	// body writes the request with the optional fields that may be used. It is
	// called again when the service refused one of them.
	body func([]field) ([]byte, error)
	// again, if not nil, is asked of any other refusal whether the request is
	// to be written and sent once more. It says so a few times at most.
	again func(error) bool
	// answer reads the stream; secrets are the values that no error may repeat.
	answer func(secrets []string) answer
}

// stream makes a call and yields the deltas of its answer.
func (e *endpoint) stream(ctx context.Context, req model.Request, x exchange, yield func(model.Delta, error) bool) {
	out := yield
	yield = func(d model.Delta, err error) bool { return out(d, nameManaged(req.Managed, err)) }
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(e.o.Idle, func() { cancel(errIdle) })
	defer idle.Stop()

	var res *http.Response
	var secrets []string
	for {
		fields := e.optional(req.Model.Model, x.optional)
		b, err := x.body(fields)
		if err != nil {
			yield(nil, e.errorf(model.ErrorRequest, 0, err, "The request could not be written: %s. A tool's schema may be damaged; switch its server off and try again.", clean(err.Error(), 200)))
			return
		}
		res, secrets, err = e.send(ctx, outgoing{
			method: http.MethodPost, path: x.path, header: x.header, body: b,
			conversation: req.Conversation, metadata: req.Metadata, managed: req.Managed,
		})
		if err == nil {
			break
		}
		if !e.refuse(req.Model.Model, fields, err) && (x.again == nil || !x.again(err)) {
			yield(nil, err)
			return
		}
	}
	defer res.Body.Close()
	sieve := &screen{r: tools.NewRedactor(secretInAnswer, secrets...), yield: yield}
	defer sieve.end()
	yield = sieve.pass

	src := &source{r: res.Body, alive: func() { idle.Reset(e.o.Idle) }, maxTotal: maxStream, maxEvent: maxEvent}
	in := bufio.NewReader(src)
	if err := e.checkStream(res, in, secrets); err != nil {
		yield(nil, e.streamError(ctx, err, secrets))
		return
	}
	dec := ssestream.NewDecoder(&http.Response{
		Header: http.Header{"Content-Type": {"text/event-stream"}},
		Body:   readCloser{in, res.Body},
	})
	a := x.answer(secrets)
	for dec.Next() {
		if ctx.Err() != nil {
			break
		}
		deltas, final, err := a.event(dec.Event().Data)
		if errors.Is(err, errTooMuch) {
			deltas = nil
		}
		for _, d := range deltas {
			if !yield(d, nil) {
				return
			}
		}
		if errors.Is(err, errFormat) && src.ended && !dec.Next() && dec.Err() == nil {
			err = model.ErrCut // the last event is only half there
		}
		if err != nil {
			yield(nil, e.streamError(ctx, err, secrets))
			return
		}
		if final {
			return
		}
	}
	if err := cmp.Or(ctx.Err(), dec.Err()); err != nil {
		yield(nil, e.streamError(ctx, err, secrets))
		return
	}
	deltas, whole := a.end()
	for _, d := range deltas {
		if !yield(d, nil) {
			return
		}
	}
	if !whole {
		yield(nil, e.streamError(ctx, model.ErrCut, secrets))
	}
}

// readEvent takes what it can of an event of a format that names its own end.
func readEvent(data []byte, ev any) error {
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(data, ev); err != nil && !errors.As(err, &mistyped) {
		if strings.TrimSpace(string(data)) == "[DONE]" {
			return model.ErrCut // some services and gateways send it too; the end came before, or never
		}
		return errFormat
	}
	return nil
}

// streamError maps what ended a stream too early. The error wraps
// model.ErrCut unless it is the context's.
func (e *endpoint) streamError(ctx context.Context, err error, secrets []string) error {
	var known *model.Error
	switch {
	case errors.As(err, &known):
		if !errors.Is(known, model.ErrCut) {
			known.Err = errors.Join(known.Err, model.ErrCut)
		}
		return known
	case context.Cause(ctx) != nil:
		return e.transportError(ctx, err, secrets)
	case errors.Is(err, errTooMuch) || errors.Is(err, bufio.ErrTooLong):
		return e.errorf(model.ErrorProtocol, 0, fmt.Errorf("%w: %w", model.ErrCut, errTooMuch),
			"%s sent more than an answer can hold, so it was stopped. Check that the address is right.", e.cfg.Title())
	case errors.Is(err, errFormat):
		return e.errorf(model.ErrorProtocol, 0, fmt.Errorf("%w: %w", model.ErrCut, err),
			"%s sent something that is not in the format of its API. Try again, and check that the provider's type is right.", e.cfg.Title())
	case errors.Is(err, model.ErrCut):
		return e.errorf(model.ErrorTransport, 0, model.ErrCut, "The answer of %s broke off before its end. Try again.", e.cfg.Title())
	}
	return e.errorf(model.ErrorTransport, 0, fmt.Errorf("%w: %s", model.ErrCut, quote(bareText(err), secrets, 200)),
		"The connection to %s broke off in the middle of the answer. Try again.", e.cfg.Title())
}

// checkStream looks at the beginning of an answer that claims success: a web
// page or a plain JSON document is no stream.
func (e *endpoint) checkStream(res *http.Response, in *bufio.Reader, secrets []string) error {
	kind, _, _ := strings.Cut(strings.ToLower(res.Header.Get("Content-Type")), ";")
	if strings.TrimSpace(kind) == "text/event-stream" {
		return nil
	}
	first, err := in.Peek(1)
	for err == nil && strings.ContainsAny(string(first), " \t\r\n") {
		if _, err = in.Discard(1); err == nil {
			first, err = in.Peek(1)
		}
	}
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case strings.Contains(kind, "html"), len(first) == 1 && first[0] == '<':
		return e.errorf(model.ErrorProtocol, res.StatusCode, nil,
			"%s answered with a web page instead of a model's answer. The address %s may be wrong; %s.", e.cfg.Title(), e.address(), e.ending())
	case len(first) == 1 && (first[0] == '{' || first[0] == '['):
		body, _ := io.ReadAll(io.LimitReader(in, maxErrorBody)) // what was read before an error still helps
		var s struct{ Error json.RawMessage }
		if json.Unmarshal(body, &s) == nil && looseText(s.Error) != "" {
			return e.complaintError(0, readComplaint(body), secrets)
		}
		return e.errorf(model.ErrorProtocol, res.StatusCode, nil,
			"%s answered with one JSON document where a stream was asked for. The address %s may be wrong (%s), or the service does not stream.", e.cfg.Title(), e.address(), e.ending())
	case len(first) == 0:
		return e.errorf(model.ErrorProtocol, res.StatusCode, nil,
			"%s answered with nothing at all. The address %s may be wrong; %s.", e.cfg.Title(), e.address(), e.ending())
	}
	return nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// source is the body of a stream, held to the limits. At a clean end it adds
// the empty line that ends the last event, because some services leave it out.
type source struct {
	r                  io.Reader
	alive              func() // called whenever something came
	maxTotal, maxEvent int    // bytes
	total              int
	event              int  // bytes since the last empty line
	line               int  // bytes since the last line break
	ended              bool // the body ended cleanly
	tail               string
	pace               pace
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.ended {
		n := copy(p, s.tail)
		s.tail = s.tail[n:]
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	s.pace.before()
	n, err := s.r.Read(p)
	s.pace.after(n, len(p))
	if n > 0 {
		s.alive()
	}
	s.total += n
	for _, c := range p[:n] {
		switch {
		case c == '\n' && s.line == 0:
			s.event = 0
		case c == '\n':
			s.line = 0
		case c != '\r':
			s.line++
			s.event++
		}
	}
	if s.total > s.maxTotal || s.event > s.maxEvent {
		return 0, errTooMuch
	}
	if err == io.EOF {
		s.ended, s.tail = true, "\n\n"
		if n == 0 {
			return s.Read(p)
		}
		err = nil
	}
	return n, err
}
