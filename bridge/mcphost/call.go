package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Call runs a tool and returns its result, also one in which the tool or the
// server says that it failed. The error is a sentence and says that there is no
// result: the server does not run, has no such tool (store.ErrNotFound), ended,
// took too long, or ctx ended. A request is never sent twice, unless it is
// certain that the server did not take it the first time.
//
// args is a JSON object; it is passed on as it is. progress may be nil; it is
// called from one goroutine, and not any more after Call has returned. A call
// may take Options.CallMax in all and Options.CallIdle without progress.
func (m *Manager) Call(ctx context.Context, ref tools.Ref, args json.RawMessage, progress func(tools.Progress)) (tools.Result, error) {
	started := time.Now()
	// The definition that was offered, or that the first try used: its hash.
	before, err := m.offered(ctx, ref)
	if err != nil {
		return tools.Result{}, err
	}
	for try := 0; ; try++ {
		k, back, err := m.linkFor(ctx, ref.Server)
		if err != nil {
			return tools.Result{}, err
		}
		tool, ok := k.catalogue.Load().byName[ref.Tool]
		if !ok {
			back()
			return tools.Result{}, noSuchTool(k.name, ref.Tool)
		}
		if before != "" && tool.Hash != before {
			back()
			return tools.Result{}, sentence(fmt.Sprintf("The server %q was started or connected anew and defines %q differently now, so the call was not run.", k.name, ref.Tool), store.ErrHeld)
		}
		before = tool.Hash
		result, err := k.call(ctx, m.o, &tool, args, progress)
		back()
		if errors.Is(err, errUnsent) {
			if try+1 < callTries {
				continue // the link is dead; live waits for the next one
			}
			return tools.Result{}, sentence(fmt.Sprintf("The server %q did not take the call: its connection was lost each of the %d times that it was tried.", k.name, callTries), err)
		}
		if err == nil {
			result = m.checkOutput(tool, result)
		}
		result.Started, result.Elapsed = started, time.Since(started)
		return result, err
	}
}

// callTries is how often a call is tried that the server certainly did not take.
const callTries = 3

// offered returns the hash of a tool of a server that does not run yet, or that
// the call gets a connection of its own to; empty for all others.
func (m *Manager) offered(ctx context.Context, ref tools.Ref) (string, error) {
	v, _ := m.now()
	s, ok := v.servers[ref.Server]
	if !ok || s.status.State == Ready && !lends(tools.ExchangeFrom(ctx), &s) || !s.status.Callable() {
		return "", nil
	}
	for _, t := range s.status.Tools {
		if t.Tool == ref.Tool {
			return t.Hash, nil
		}
	}
	return "", noSuchTool(s.status.Server.Name, ref.Tool)
}

func noSuchTool(server, tool string) error {
	return sentence(fmt.Sprintf("The server %q has no tool %q.", server, cut(visible(tool), 100)), store.ErrNotFound)
}

// live returns the server's link, and waits while the server is starting.
func (m *Manager) live(ctx context.Context, id string) (*link, error) {
	var hurried uint64 // the generation that was asked to try again
	for {
		v, next := m.now()
		s, ok := v.servers[id]
		if !ok {
			return nil, sentence(fmt.Sprintf("There is no server %q.", id), store.ErrNotFound)
		}
		name := s.status.Server.Name
		switch s.status.State {
		case Ready:
			if !s.link.isDead() {
				return s.link, nil
			}
		case Starting:
		case Asleep:
			select {
			case s.hurry <- struct{}{}:
			default:
			}
		case Failed:
			if s.hurry == nil || hurried != 0 && hurried != s.status.Generation {
				return nil, fmt.Errorf("the server %q does not run: %s", name, s.status.Error)
			}
			hurried = s.status.Generation
			select {
			case s.hurry <- struct{}{}:
			default:
			}
		case Held:
			return nil, sentence(fmt.Sprintf("The server %q does not run: its command waits for your approval.", name), store.ErrHeld)
		default:
			return nil, fmt.Errorf("the server %q does not run: it is %s", name, s.status.State)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil, fmt.Errorf("the server %q was still starting: %w", name, context.Cause(ctx))
		case <-m.life.Done():
			return nil, fmt.Errorf("the servers are shut down (%w)", store.ErrClosed)
		}
	}
}

// failed says why there is no result.
func (k *link) failed(cause error, o Options, err error, answer *capture, x *tools.Exchange) (tools.Result, error) {
	switch {
	case errors.Is(cause, errIdle):
		return tools.Result{}, sentence(fmt.Sprintf("The server %q gave no sign of life for %s, so the call was given up. Whether it did something is not known.", k.name, o.CallIdle), cause)
	case errors.Is(cause, errTooLong):
		return tools.Result{}, sentence(fmt.Sprintf("The call to %q took longer than %s and was given up. Whether it did something is not known.", k.name, o.CallMax), cause)
	case errors.Is(cause, errStopped):
		return tools.Result{}, sentence(fmt.Sprintf("The server %q was stopped while the call ran. Whether it did something is not known.", k.name), cause)
	}
	if dead := (*deadError)(nil); errors.As(cause, &dead) {
		err = dead.cause
	} else if cause != nil {
		return tools.Result{}, fmt.Errorf("the call to %q was stopped: %w", k.name, cause)
	}
	if long := (*tooLongError)(nil); errors.As(err, &long) {
		return tools.Result{}, sentence(fmt.Sprintf("The server %q answered with %s. Ask for less at a time.", k.name, long), err)
	}
	if many := (tooManyError{}); errors.As(err, &many) || errors.As(answer.readError(), &many) {
		return tools.Result{}, sentence(fmt.Sprintf("The server %q answered with %s. Ask for less at a time.", k.name, many), err)
	}
	if bad := (*unreadableError)(nil); errors.As(err, &bad) {
		return tools.Result{}, sentence(fmt.Sprintf("The server %q gave %s. Whether it did something is not known.", k.name, cut(bad.Error(), 500)), err)
	}
	if in := (*inputError)(nil); errors.As(err, &in) {
		return tools.ErrorResult(k.redactor.Text(fmt.Sprintf("The server %q did not finish the call: %s.", k.name, in))), nil
	}
	if said := answer.refusal(); said != nil && x != nil {
		return tools.Result{}, k.refusalOf(said)
	} else if said != nil {
		return tools.ErrorResult(fmt.Sprintf("The server %q refused the call: %s (code %d)", k.name, cut(k.redactor.Text(visible(said.Message)), 4<<10), said.Code)), nil
	}
	// "Session management" of the specification: 404 says that the server does
	// not know the session, so it did nothing.
	forgotten := answer.httpStatus() == http.StatusNotFound && errors.Is(err, mcp.ErrSessionMissing) || answer.wasNotTaken()
	if forgotten || !answer.wasSent() && errors.Is(err, mcp.ErrConnectionClosed) {
		k.die(err)
		return tools.Result{}, fmt.Errorf("%w: %w", errUnsent, err)
	}
	if k.http != nil {
		return tools.Result{}, k.failedHTTP(err, answer)
	}
	k.die(err)
	how := "closed the connection"
	if k.process != nil {
		k.process.endsWithin(exitAfter)
		how = k.process.ending()
	}
	return tools.Result{}, sentence(fmt.Sprintf("The server %q %s while the call ran. Whether it did something is not known.", k.name, how), err)
}
