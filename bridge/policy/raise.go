package policy

import (
	"context"
	"fmt"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The states of the bridge.
const (
	unknown int32 = iota // not read from the ledger yet
	lowered
	raised
)

// Raised reports whether the bridge is raised: then no tool is offered or
// called, on any path, until Lower. Where the ledger cannot tell, it is.
func (e *Engine) Raised(ctx context.Context) bool {
	up, err := e.isRaised(ctx)
	if err != nil {
		e.log.Error("nothing is served", "error", err)
	}
	return up
}

// isRaised is Raised with the ledger's error; then it reports true.
func (e *Engine) isRaised(ctx context.Context) (bool, error) {
	switch e.bridge.Load() {
	case lowered:
		return false, nil
	case raised:
		return true, nil
	}
	e.change.Lock()
	defer e.change.Unlock()
	if e.bridge.Load() != unknown {
		return e.bridge.Load() == raised, nil
	}
	up, err := e.ledger.Raised(ctx)
	if err != nil {
		return true, fmt.Errorf("it could not be read whether the bridge is raised, so nothing is served: %w", err)
	}
	if up {
		e.up()
	} else {
		e.bridge.Store(lowered)
	}
	return up, nil
}

// Raise raises the bridge. It holds at once, and over restarts when Raise
// returns nil; after an error it holds until the program ends.
func (e *Engine) Raise(ctx context.Context, by string) error {
	e.change.Lock()
	defer e.change.Unlock()
	e.up()
	if err := e.ledger.SetRaised(ctx, true, by); err != nil {
		return fmt.Errorf("the bridge is raised, but that could not be kept, so it would be lowered after a restart: %w", err)
	}
	e.log.Warn("the bridge is raised", "by", by)
	return nil
}

// up marks the bridge as raised. change is held.
func (e *Engine) up() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bridge.Swap(raised) != raised {
		close(e.raising)
	}
}

// Lower lowers the bridge. After an error it stays raised.
func (e *Engine) Lower(ctx context.Context, by string) error {
	e.change.Lock()
	defer e.change.Unlock()
	if err := e.ledger.SetRaised(ctx, false, by); err != nil {
		return fmt.Errorf("that the bridge is lowered could not be kept, so it stays raised: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bridge.Swap(lowered) == raised {
		e.raising = make(chan struct{})
	}
	e.log.Warn("the bridge is lowered", "by", by)
	return nil
}

// WhenRaised returns a channel that is closed once the bridge is raised: at once
// if it is. After it was lowered ask for a new one. What runs when it is closed
// has to stop.
func (e *Engine) WhenRaised() <-chan struct{} {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.raising
}

// RaisedReason is what is told of everything that is refused while the bridge is
// raised.
const RaisedReason = "The bridge is raised: nothing is run until the person lowers it."

func raisedVerdict() tools.Verdict {
	return tools.Verdict{Decision: tools.Deny, Reason: RaisedReason, Err: fmt.Errorf("%w: %w", store.ErrDenied, store.ErrRaised)}
}
