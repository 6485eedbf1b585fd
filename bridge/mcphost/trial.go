package mcphost

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// Test starts a server apart from the one of the same id that may run, lists
// its tools, stops it, and returns what it saw: Ready, Held or Failed. The gate
// is asked as for any start. It takes at most Options.StartTimeout beside the
// time for the keychain, and less if ctx ends.
func (m *Manager) Test(ctx context.Context, c store.ServerConfig) Status {
	c = c.Clone()
	s := Status{Server: c, State: Failed, Since: time.Now()}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		s.Error = "The servers are shut down."
		return s
	}
	m.lives.Add(1)
	m.mu.Unlock()
	defer m.lives.Done()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.life, func() { cancel(errStopped) })()
	if err := m.o.Gate.MayStart(ctx, c.Clone()); err != nil {
		s.Error = fmt.Sprintf("It may not start: %v.", err)
		if errors.Is(err, store.ErrHeld) {
			s.State = Held
			s.Error = notApproved
		}
		return s
	}
	log := newServerLog("", c.ID)
	k, took, err := m.try(ctx, c, log, &era{})
	if err != nil {
		s.Error = err.Error()
		lacksSandbox(err, &s)
		if ctx.Err() != nil {
			s.Error = "The test was stopped."
		}
		s.Log = log.lines(logOnFailed)
		return s
	}
	s.State, s.Since = Ready, time.Now()
	k.fill(took)(&s)
	k.close()
	s.PID = 0
	return s
}

// opened is in a test's log once the server speaks the protocol.
const opened = "it speaks the protocol"

// try plans and starts a server and lists its tools. The caller closes the
// link. Errors are sentences.
func (m *Manager) try(ctx context.Context, c store.ServerConfig, log *serverLog, e *era) (*link, time.Duration, error) {
	resolving, cancel := context.WithTimeout(ctx, secretsLimit)
	p, err := m.plan(resolving, c)
	cancel()
	if err != nil {
		return nil, 0, err
	}
	started := time.Now()
	starting, cancel := context.WithTimeoutCause(ctx, m.o.StartTimeout, errNoAnswer)
	defer cancel()
	k, err := m.connect(starting, p, log, e)
	if err != nil {
		return nil, 0, err
	}
	log.add(opened)
	list, err := k.list(starting)
	if err != nil {
		err = k.startError(starting, err, m.o)
		k.close()
		return nil, 0, err
	}
	k.catalogue.Store(list)
	if k.heard != nil {
		within(k.heard, heardWithin)
	}
	return k, time.Since(started), nil
}
