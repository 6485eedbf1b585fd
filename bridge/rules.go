package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/store"
)

// SetRules sets the rules of a server (by id). It is the person's own act, so a
// server whose present configuration was approved needs no second approval; one
// that waits for its approval still does. Nothing is started anew. The error
// wraps store.ErrNotFound or store.ErrInvalid.
func (b *Bridge) SetRules(ctx context.Context, id string, rules store.Rules) error {
	if err := rules.Validate(); err != nil {
		return err
	}
	configs := b.configs()
	i := slices.IndexFunc(configs, func(c store.ServerConfig) bool { return c.ID == id })
	if i < 0 {
		return fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
	}
	was := configs[i]
	is := was.Clone()
	is.Rules = rules.Clone()
	switch err := b.policy.RulesApproved(ctx, id); {
	case err == nil:
		// What was approved together with the rules is the same but for them.
		if err := b.policy.MayStart(ctx, was); errors.Is(err, store.ErrHeld) {
			break
		} else if err != nil {
			return err
		}
		if err := b.policy.ApproveServer(ctx, is); err != nil {
			return fmt.Errorf("keep your approval of server %q: %w", was.Name, err)
		}
	case !errors.Is(err, store.ErrHeld):
		return err
	}
	var err error
	if id == Workbench {
		err = b.o.Settings.Update(func(s *store.Settings) error { s.WorkbenchRules = is.Rules; return nil })
	} else {
		err = b.o.Settings.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) {
			for i := range all {
				if all[i].ID == id && all[i].Hash() == was.Hash() {
					all[i].Rules = is.Rules
					return all, nil
				}
			}
			return nil, fmt.Errorf("the configuration of %q has changed in the meantime; look again (%w)", was.Name, store.ErrHeld)
		})
	}
	if err != nil {
		return err
	}
	b.apply()
	b.catalogue.again()
	return b.audit.record(ctx, store.AuditRecord{
		Kind: store.AuditApproval, Client: "person", Server: id, Decision: "allow", Reason: "The rules of the server were set.",
	}, nil)
}

// Rules returns the rules of a server by id, as they are configured.
func (b *Bridge) Rules(id string) (store.Rules, error) {
	for _, c := range b.configs() {
		if c.ID == id {
			return c.Rules, nil
		}
	}
	return store.Rules{}, fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
}

// Raised reports whether the bridge is raised: then nothing is served.
func (b *Bridge) Raised(ctx context.Context) bool { return b.policy.Raised(ctx) }

// WhenRaised returns a channel that is closed once the bridge is raised: at once
// if it is. After it was lowered ask for a new one.
func (b *Bridge) WhenRaised() <-chan struct{} { return b.policy.WhenRaised() }

// WhenBridgeChanges returns a channel that is closed when the bridge is raised or
// lowered next.
func (b *Bridge) WhenBridgeChanges() <-chan struct{} { return b.bridgeChanged.wait() }

// Raise raises the bridge: every running call stops, answers of models that were
// given a server are broken off, and nothing is served, on any path, until Lower.
// by says who did it. It holds over restarts. An error says that it could not be
// kept; it holds until the program ends then.
func (b *Bridge) Raise(ctx context.Context, by string) error {
	raised, over := b.policy.WhenRaised(), make(chan struct{})
	b.running.Go(func() { // what runs does not wait for the disk
		select {
		case <-raised:
			b.serves.stop(errRaised)
		case <-over:
		}
	})
	err := b.policy.Raise(ctx, by)
	close(over)
	b.serves.stop(errRaised)
	b.bridgeChanged.fire()
	return errors.Join(err, b.audit.record(ctx, store.AuditRecord{Kind: store.AuditBridge, Client: by, Decision: "deny", Reason: "The bridge was raised."}, nil))
}

// Lower lowers the bridge. After an error it stays raised.
func (b *Bridge) Lower(ctx context.Context, by string) error {
	// It is in the audit before anything can be served.
	err := b.audit.record(ctx, store.AuditRecord{Kind: store.AuditBridge, Client: by, Decision: "allow", Reason: "The bridge was lowered."}, nil)
	if err == nil {
		err = b.policy.Lower(ctx, by)
	}
	b.bridgeChanged.fire()
	return err
}

// errRaised is why what runs is stopped.
var errRaised = fmt.Errorf("%s (%w)", policy.RaisedReason, store.ErrRaised)

// stoppable holds what has to stop when the bridge is raised.
type stoppable struct {
	mu    sync.Mutex // protects what follows
	next  uint64
	stops map[uint64]context.CancelCauseFunc
}

func (s *stoppable) stop(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stop := range s.stops {
		stop(cause)
	}
}

// serving returns a context that ends when the bridge is raised, with an error
// that wraps store.ErrRaised as its cause, and what ends it otherwise. While the
// bridge is raised it is an error.
func (b *Bridge) serving(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &b.serves
	s.mu.Lock()
	if s.stops == nil {
		s.stops = map[uint64]context.CancelCauseFunc{}
	}
	s.next++
	n := s.next
	s.stops[n] = cancel
	s.mu.Unlock()
	done := func() {
		s.mu.Lock()
		delete(s.stops, n)
		s.mu.Unlock()
		cancel(nil)
	}
	// Looked at after it is known to stop, so that none slips through.
	if b.policy.Raised(ctx) {
		done()
		return nil, func() {}, errRaised
	}
	return ctx, done, nil
}

// Running returns how many calls, and answers of providers that may use servers
// themselves, run now: what Raise would stop.
func (b *Bridge) Running() int {
	b.serves.mu.Lock()
	defer b.serves.mu.Unlock()
	return len(b.serves.stops)
}
