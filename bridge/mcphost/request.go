package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// round is what one sending of a request carries of the rounds before it.
type round struct {
	token     int64 // for progress
	responses mcp.InputResponseMap
	state     string
}

// sender sends a request once.
type sender func(ctx context.Context, r round) error

// failing phrases why there is no result.
type failing func() (tools.Result, error)

// request sends a request within the limits of a call, has the person answer
// what the server asks meanwhile, and returns the result as it was sent.
func (k *link) request(ctx context.Context, o Options, report func(tools.Progress), send sender) (json.RawMessage, failing) {
	by, x := elicitorOf(ctx, o.Elicitor), tools.ExchangeFrom(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &activeCall{
		cancel: cancel, by: by, x: x, idle: o.CallIdle, deadline: time.Now().Add(o.CallMax), heard: time.Now(),
		longest: time.AfterFunc(o.CallMax, func() { cancel(errTooLong) }),
	}
	k.mu.Lock()
	c.timer = time.AfterFunc(o.CallIdle, func() { k.silent(c) })
	k.mu.Unlock()
	if report != nil {
		c.inbox = make(chan tools.Progress, 64)
		var reporting sync.WaitGroup
		reporting.Go(func() {
			for p := range c.inbox {
				report(p)
			}
		})
		defer reporting.Wait()
	}
	token := k.token.Add(1)
	entered := k.enter(token, c)
	defer func() {
		k.mu.Lock()
		delete(k.calls, token)
		k.used = time.Now()
		c.timer.Stop()
		c.longest.Stop()
		if c.inbox != nil {
			close(c.inbox)
		}
		k.mu.Unlock()
	}()
	if !entered {
		return nil, func() (tools.Result, error) {
			return tools.Result{}, fmt.Errorf("%w: %w", errUnsent, k.cause)
		}
	}
	raw, answer, err := k.rounds(ctx, by, token, send)
	if raw != nil {
		return raw, nil
	}
	cause := context.Cause(ctx)
	return nil, func() (tools.Result, error) { return k.failed(cause, o, err, answer, x) }
}

// lateness is how much later than it should a clock may ring before it counts as
// one that stood still together with this program: a computer that slept, or a
// program that was stopped.
const lateness = 5 * time.Second

// silent ends a call whose server said nothing for too long. If this program
// itself was stopped meanwhile, nobody could have heard the server: then it gets
// its time once more.
func (k *link) silent(c *activeCall) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !c.spared && time.Since(c.heard) > c.idle+lateness {
		c.spared = true
		c.hears()
		return
	}
	c.cancel(errIdle)
}

// hears begins the time of silence anew. The link's mutex is held.
func (c *activeCall) hears() {
	c.heard = time.Now()
	c.timer.Reset(c.idle)
}

// pause stops the clocks of the calls that run, while a person is asked: nobody
// has to answer within the time that a server may take. What it returns starts
// them again.
func (k *link) pause() (resume func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	paused := slices.Collect(maps.Values(k.calls))
	for _, c := range paused {
		if c.paused++; c.paused == 1 {
			c.timer.Stop()
			c.longest.Stop()
			c.left = time.Until(c.deadline)
		}
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, c := range paused {
			if c.paused--; c.paused == 0 {
				c.deadline = time.Now().Add(c.left)
				c.hears()
				c.longest.Reset(c.left)
			}
		}
	}
}

// The bounds of a request that needs more rounds ("Multi Round-Trip Requests"
// of the specification).
const (
	roundsMax    = 10
	questionsMax = 8                      // in one round
	busyMax      = 3                      // rounds that ask for nothing but patience
	busyWait     = 200 * time.Millisecond // before the first of these; doubled each time
)

// inputError is why a request could not go on: what the server asked for cannot
// be given.
type inputError struct{ what string }

func (e *inputError) Error() string { return e.what }

// rounds sends the request, and again with the answers as long as the server
// wants input. Each sending is a request of its own. The result is nil if there
// is none; then the error and the last answer say why.
func (k *link) rounds(ctx context.Context, by Elicitor, token int64, send sender) (json.RawMessage, *capture, error) {
	x := tools.ExchangeFrom(ctx)
	next := round{token: token}
	if x != nil {
		var err error
		if next.responses, err = answersOf(x); err != nil {
			return nil, &capture{}, err
		}
		next.state = x.RequestState
	}
	busy := 0
	visited := false
	for n := 1; ; n++ {
		answer := &capture{}
		err := send(withCapture(ctx, answer), next)
		raw := answer.result()
		answer.release()
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			raw = nil // it was given up before this came, which may be about just that
		}
		if raw == nil {
			if said := answer.refusal(); said != nil && said.Code == urlRequired && !visited && ctx.Err() == nil {
				visited = true
				again, waiting := k.visit(ctx, by, said)
				if again {
					continue
				}
				if waiting != nil {
					return nil, answer, waiting
				}
			}
			if err == nil {
				err = errNotWhole
			}
			return nil, answer, err
		}
		if !mayAsk(raw) {
			return raw, answer, nil
		}
		var w struct {
			Type     string                     `json:"resultType"`
			Requests map[string]json.RawMessage `json:"inputRequests"`
			State    string                     `json:"requestState"`
		}
		if json.Unmarshal(raw, &w) != nil || w.Type != "input_required" || x != nil && x.Rounds {
			return raw, answer, nil
		}
		if n == roundsMax {
			return nil, answer, &inputError{fmt.Sprintf("it asked for input %d times in a row, so the call was given up", roundsMax)}
		}
		if len(w.Requests) == 0 {
			if busy++; busy > busyMax {
				return nil, answer, &inputError{"it is too busy to answer; try again later"}
			}
			wait := time.NewTimer(busyWait << busy)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
				return nil, answer, context.Cause(ctx)
			}
		}
		responses, err := k.fulfil(ctx, by, w.Requests)
		if err != nil {
			return nil, answer, err
		}
		next.responses, next.state = responses, w.State
	}
}

// mayAsk reports whether a result could be input_required, without decoding it.
func mayAsk(raw json.RawMessage) bool {
	return bytes.Contains(raw, []byte("input_required")) || bytes.Contains(raw, []byte(`\u`))
}

// fulfil answers the questions of one round, one after the other.
func (k *link) fulfil(ctx context.Context, by Elicitor, requests map[string]json.RawMessage) (mcp.InputResponseMap, error) {
	if len(requests) > questionsMax {
		return nil, &inputError{fmt.Sprintf("it asked for %d things at once, and at most %d are answered", len(requests), questionsMax)}
	}
	out := mcp.InputResponseMap{}
	for _, id := range slices.Sorted(maps.Keys(requests)) {
		var r struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if err := json.Unmarshal(requests[id], &r); err != nil {
			return nil, &inputError{"it asked for input in a way that cannot be read"}
		}
		switch r.Method {
		case "elicitation/create":
			var w wireElicitation
			if err := json.Unmarshal(r.Params, &w); err != nil {
				return nil, &inputError{"it asked a question that cannot be read"}
			}
			answer, err := k.elicitFor(ctx, by, w)
			if err != nil {
				return nil, &inputError{"it asked a question that cannot be shown: " + err.Error()}
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			out[id] = answer
		case "roots/list":
			if x := tools.ExchangeFrom(ctx); x != nil {
				roots, err := k.rootsThrough(ctx, x)
				if err != nil {
					return nil, &inputError{"it asked for folders, and the program that made the call gave none"}
				}
				out[id] = roots
				continue
			}
			if len(k.roots) == 0 {
				return nil, &inputError{"it asked for folders, and none were granted to it; grant some in its settings"}
			}
			out[id] = k.tellRoots()
		case "sampling/createMessage":
			if x := tools.ExchangeFrom(ctx); x != nil {
				said, err := k.sampleThrough(ctx, x, r.Params)
				if err != nil {
					return nil, &inputError{"it asked for a model (sampling), and the program that made the call gave none"}
				}
				out[id] = said
				continue
			}
			k.log.add("it asks to use your model (sampling), which is refused")
			return nil, &inputError{"it asked to use your model (sampling), which is not offered to servers"}
		default:
			return nil, &inputError{fmt.Sprintf("it asked for %q, which is not known here", cut(visible(r.Method), 100))}
		}
	}
	return out, nil
}

// logLevelMember has a server of the newer era say what it logs from that level
// on, while it runs a call ("Logging" of the specification).
const logLevelMember = "io.modelcontextprotocol/logLevel"

// logs reports whether a server says that it logs.
func logs(hello *mcp.InitializeResult) bool {
	//lint:ignore SA1019 deprecated, and what servers have until something takes its place
	return hello.Capabilities != nil && hello.Capabilities.Logging != nil
}

// call runs a tool. An error that wraps errUnsent means that the server cannot
// have seen the request.
func (k *link) call(ctx context.Context, o Options, t *tools.Tool, args json.RawMessage, report func(tools.Progress)) (tools.Result, error) {
	if x := tools.ExchangeFrom(ctx); x != nil {
		k.wantLogs(ctx, x.LogLevel)
	}
	raw, fail := k.request(ctx, o, report, func(ctx context.Context, r round) error {
		return k.callTool(ctx, t, args, r)
	})
	if fail != nil {
		return fail()
	}
	read := newResult
	if x := tools.ExchangeFrom(ctx); x != nil && !x.Read {
		read = newWireResult
	}
	result, err := read(raw, k.redactor)
	if err != nil {
		return tools.Result{}, fmt.Errorf("the server %q answered, but %w", k.name, err)
	}
	return result, nil
}

// metaOf is the metadata of a request: its token for progress, and for a server
// of the newer era what it may ask of whoever made the request, and from which
// level on it logs.
func (k *link) metaOf(ctx context.Context, token int64) mcp.Meta {
	meta := mcp.Meta{"progressToken": token}
	hello := k.session.InitializeResult()
	if hello.ProtocolVersion <= olderEra {
		return meta
	}
	x := tools.ExchangeFrom(ctx)
	if x != nil && len(x.Capabilities) > 0 {
		meta[mcp.MetaKeyClientCapabilities] = x.Capabilities
	}
	if logs(hello) {
		meta[logLevelMember] = "info" // or there would be no log messages at all
		if x != nil && x.LogLevel != "" {
			meta[logLevelMember] = x.LogLevel
		}
	}
	return meta
}

// ask is call for requests that are no tool's: a refusal is an error, too.
func (k *link) ask(ctx context.Context, o Options, send sender) (json.RawMessage, error) {
	raw, fail := k.request(ctx, o, nil, send)
	if fail == nil {
		return raw, nil
	}
	r, err := fail()
	if err == nil {
		err = errors.New(r.Content.Text())
	}
	return nil, err
}
