package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// A client of the newer era is asked by a result that wants input, and sends its
// request again with the answer. A server of the newer era does the same, and
// the two are passed on as they are. A server of the older era asks while the
// call runs: that call waits here, under a name that its client gets as the
// state of the request, until the client comes back.

// answer is what a request came to: a call's answer, a result as it was sent, or
// what the server wants to know first.
type answer struct {
	call *Answer
	raw  json.RawMessage
	asks json.RawMessage
}

// stateMark begins the states that are names of waiting requests.
const stateMark = "drawbridge:"

// The bounds of requests that wait for their clients.
const (
	pendingMax    = 256
	pendingPerKey = 16
	pendingWithin = 10 * time.Minute
)

// pending are the requests that wait.
type pending struct {
	mu   sync.Mutex // protects byID
	byID map[string]*waiting
}

// waiting is a request that runs while its client is away.
type waiting struct {
	scope   string // whose it is
	cancel  context.CancelCauseFunc
	asks    chan question
	done    chan struct{} // closed when answer or err is there
	answer  answer
	err     error
	current *question // that the client was sent away with
}

type question struct {
	method string
	params json.RawMessage
	reply  chan json.RawMessage
}

var errGivenUp = errors.New("the client did not come back with an answer in time")

// run runs a request with everything that goes back and forth beside it.
func (a *asking) run(ctx context.Context, server *Server, state string, responses mcp.InputResponseMap, do func(context.Context) (answer, error)) (answer, error) {
	x := a.exchange(ctx, server)
	if !a.modern {
		return do(tools.WithExchange(ctx, x))
	}
	var raw json.RawMessage
	if responses != nil {
		var err error
		if raw, err = json.Marshal(responses); err != nil {
			return answer{}, badInput()
		}
	}
	if strings.HasPrefix(state, stateMark) {
		return a.resume(ctx, state, raw)
	}
	x.RequestState, x.InputResponses = state, raw
	return a.begin(ctx, x, do)
}

func badInput() error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "the answers that came with the request cannot be read, or belong to no request that waits"}
}

// begin runs the request, and lets go of the client when the server asks
// something while it runs.
func (a *asking) begin(ctx context.Context, x *tools.Exchange, do func(context.Context) (answer, error)) (answer, error) {
	w := &waiting{scope: x.Scope, asks: make(chan question), done: make(chan struct{})}
	// What the server says while the client is away goes nowhere.
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	w.cancel = cancel
	closing := context.AfterFunc(a.room.life, func() { cancel(errClosing) })
	x.Asked = func(inner context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
		if !a.offers.answers(method) {
			return nil, fmt.Errorf("the client does not offer %s", method)
		}
		q := question{method, params, make(chan json.RawMessage, 1)}
		select {
		case w.asks <- q:
		case <-inner.Done():
			return nil, context.Cause(inner)
		}
		select {
		case r := <-q.reply:
			return r, nil
		case <-inner.Done():
			return nil, context.Cause(inner)
		case <-running.Done():
			return nil, context.Cause(running)
		}
	}
	a.room.g.busy.Go(func() {
		defer closing()
		defer cancel(nil)
		w.answer, w.err = do(tools.WithExchange(running, x))
		close(w.done)
	})
	return a.await(ctx, w)
}

// answers reports whether the client can be asked this.
func (o offering) answers(method string) bool {
	switch method {
	case "elicitation/create":
		return o.elicits()
	case "sampling/createMessage":
		return o.sampling
	case "roots/list":
		return o.roots
	}
	return false
}

// await waits for the end of a request or the next question of its server.
func (a *asking) await(ctx context.Context, w *waiting) (answer, error) {
	select {
	case <-w.done:
		return w.answer, w.err
	case <-ctx.Done():
		w.cancel(context.Cause(ctx))
		<-w.done
		return w.answer, w.err
	case q := <-w.asks:
		w.current = &q
		id, err := a.room.g.pending.put(w)
		if err != nil {
			w.cancel(err)
			return answer{}, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: err.Error()}
		}
		out := map[string]any{
			memberType:     "input_required",
			"requestState": stateMark + id,
			"inputRequests": map[string]any{
				"question": map[string]any{"method": q.method, "params": q.params},
			},
		}
		raw, err := json.Marshal(out)
		return answer{asks: raw}, err
	}
}

// resume takes a request up again that waits, with the client's answer.
func (a *asking) resume(ctx context.Context, state string, responses json.RawMessage) (answer, error) {
	w := a.room.g.pending.take(strings.TrimPrefix(state, stateMark), a.caller.Key+"/"+a.caller.Session)
	if w == nil {
		return answer{}, badInput()
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(responses, &given) != nil || len(given["question"]) == 0 {
		// Asked once more.
		q := *w.current
		go func() {
			select {
			case w.asks <- q:
			case <-w.done:
			}
		}()
		return a.await(ctx, w)
	}
	w.current.reply <- given["question"]
	return a.await(ctx, w)
}

// put keeps a request until its client comes back, or does not.
func (p *pending) put(w *waiting) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine := 0
	for _, other := range p.byID {
		if other.scope == w.scope {
			mine++
		}
	}
	if len(p.byID) >= pendingMax || mine >= pendingPerKey {
		return "", errors.New("too many requests wait for answers of their clients")
	}
	if p.byID == nil {
		p.byID = map[string]*waiting{}
	}
	id := rand.Text()
	p.byID[id] = w
	time.AfterFunc(pendingWithin, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.byID[id] == w {
			delete(p.byID, id)
			w.cancel(errGivenUp)
		}
	})
	return id, nil
}

// take returns a request to the client that it is of; nil where there is none.
func (p *pending) take(id, scope string) *waiting {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.byID[id]
	if w == nil || w.scope != scope {
		return nil
	}
	delete(p.byID, id)
	return w
}
