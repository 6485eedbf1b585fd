package mcphost

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

const (
	crashesMax    = 5 // within crashesWithin; then a server is not started again
	crashesWithin = 5 * time.Minute
	relistAfter   = 250 * time.Millisecond // notices that come meanwhile count as one
	relistEvery   = time.Second            // at most
	secretsLimit  = 2 * time.Minute        // for the keychain, which may ask a person
	shortLife     = time.Second            // of a connection; the third in a row that ends sooner waits
)

// notApproved is the sentence of a held server.
const notApproved = "Its command has not been approved yet. Look at it, then approve it."

// life watches over one server from its start to its stop: it starts it,
// lists its tools, and starts it again after a crash. It runs in a goroutine of
// its own. Each start is a generation.
type life struct {
	m      *Manager
	s      *server
	config store.ServerConfig
	ctx    context.Context // ends with errStopped
	cancel context.CancelCauseFunc
	after  <-chan struct{} // closed when the life before has ended; may be nil
	done   chan struct{}   // closed when this one has, and its process is gone
	log    *serverLog
	era    *era
	// generation of the present start. Only the life's goroutine uses it.
	generation uint64
	hurry      chan struct{} // a call waits: try again at once

	awake   bool // the server runs, also if it starts on demand
	crashes []time.Time
	failed  int // starts in a row that failed, for the wait between them
	short   int // connections in a row that did not last
}

func (l *life) run() {
	defer close(l.done)
	if l.after != nil {
		<-l.after
	}
	reached := false // it has been ready before
	known := l.recall()
	for l.ctx.Err() == nil {
		if err := l.m.o.Gate.MayStart(l.ctx, l.config.Clone()); err != nil {
			l.refused(err)
			return
		}
		if l.config.OnDemand && !l.awake && known != nil {
			if !l.sleep(known) {
				return
			}
			l.awake = true
			continue // the gate may have changed its mind meanwhile
		}
		err := l.once(&reached)
		if errors.Is(err, errAsleep) {
			l.log.add("it was not needed for a while and was stopped; it starts at the next call")
			l.awake, known = false, l.recall()
			continue
		}
		if l.ctx.Err() != nil || !l.again(err, reached) {
			return
		}
	}
}

// refused says that the server may not start.
func (l *life) refused(err error) {
	switch {
	case l.ctx.Err() != nil:
	case errors.Is(err, store.ErrHeld):
		l.event(Held, func(s *Status) { s.Error = notApproved })
	default:
		l.event(Failed, func(s *Status) { s.Error = fmt.Sprintf("It may not start: %v.", err) })
	}
}

// event moves the state, if this life still owns the server.
func (l *life) event(to State, fill func(*Status)) bool {
	return l.m.event(l.s, l.generation, to, fill)
}

// next begins a new generation, and reports false if this life does not own the
// server any more. A server that is ready stays so while its connection is made
// anew.
func (l *life) next() bool {
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.s.status.Generation != l.generation {
		return false
	}
	l.generation++
	l.s.status.Generation = l.generation
	switch was := l.s.status; was.State {
	case Ready:
	case Asleep: // its tools stay known while it wakes
		m.move(l.s, l.generation, Starting, func(s *Status) { s.Tools, s.Instructions = was.Tools, was.Instructions })
	default:
		m.move(l.s, l.generation, Starting, nil)
	}
	m.publish()
	return true
}

// once starts the server, and returns when it has ended or did not start.
func (l *life) once(reached *bool) error {
	if !l.next() {
		return errStopped
	}
	k, took, err := l.m.try(l.ctx, l.config, l.log, l.era)
	if err != nil {
		return err
	}
	defer k.close()
	fill := k.fill(took)
	if !l.ready(k, fill) {
		return errStopped
	}
	l.log.add(fmt.Sprintf("ready with %d tools after %d ms", len(k.catalogue.Load().tools), took.Milliseconds()))
	*reached = true
	l.awake = true
	l.remember(k)
	guarding, cancel := context.WithCancel(l.ctx)
	defer cancel()
	go k.guard(guarding)
	return l.watch(k, fill, time.Now())
}

// ready makes the link the server's live one.
func (l *life) ready(k *link, fill func(*Status)) bool {
	m := l.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !m.move(l.s, l.generation, Ready, fill) {
		return false
	}
	l.s.link = k
	m.publish()
	return true
}

// watch lists the tools again when the server says that they changed, until the
// link is dead.
func (l *life) watch(k *link, fill func(*Status), since time.Time) error {
	timer := time.NewTimer(0)
	<-timer.C
	relist := k.relist
	last := since
	var idle <-chan time.Time
	if after := l.idleAfter(); after > 0 {
		ticker := time.NewTicker(after / 4)
		defer ticker.Stop()
		idle = ticker.C
	}
	for {
		select {
		case <-idle:
			k.retire(l.idleAfter()) // which ends the link
		case <-l.ctx.Done():
			return errStopped
		case <-k.dead:
			if k.process != nil && !errors.Is(k.cause, errAsleep) {
				k.process.endsWithin(exitAfter)
			}
			if errors.Is(k.cause, errAsleep) {
				return errAsleep
			}
			return &lostError{k: k, cause: k.cause, lived: time.Since(since)}
		case <-relist:
			relist = nil
			timer.Reset(max(relistAfter, relistEvery-time.Since(last)))
		case <-k.hasten:
			timer.Reset(0)
		case <-timer.C:
			relist, last = k.relist, time.Now()
			ctx, cancel := context.WithTimeoutCause(l.ctx, l.m.o.StartTimeout, errNoAnswer)
			list, err := k.list(ctx)
			cancel()
			if err != nil {
				if !k.isDead() && l.ctx.Err() == nil {
					l.log.add(k.redactor.Text(fmt.Sprintf("its tools changed, but could not be listed: %v", err)))
					k.catalogue.Store(k.catalogue.Load().postponed())
					l.ready(k, fill)
				}
				continue
			}
			k.catalogue.Store(list)
			l.ready(k, fill)
			l.remember(k)
		}
	}
}

// lostError says that a server which was ready is not any more.
type lostError struct {
	k     *link
	cause error
	lived time.Duration
}

func (e *lostError) Error() string {
	if errors.Is(e.cause, errMute) {
		return "It did not answer any more."
	}
	if e.k.process != nil {
		return fmt.Sprintf("It %s.", e.k.process.ending())
	}
	if e.k.http != nil {
		return e.k.http.explain(e.cause).Error()
	}
	return "It ended by itself."
}

func (e *lostError) Unwrap() error { return e.cause }

// again decides what follows the end of a start, waits if there is something to
// wait for, and reports whether to start again.
func (l *life) again(err error, reached bool) bool {
	var lost *lostError
	wasReady := errors.As(err, &lost)
	if wasReady {
		l.log.add(lost.Error())
		if lost.lived > shortLife {
			l.failed = 0
		}
	}
	overHTTP := l.config.Transport.OverHTTP()
	if overHTTP {
		if wasReady {
			if l.short++; lost.lived > shortLife {
				l.short = 0
			}
			if l.short < 3 {
				return true // sessions expire; the next one is made while the state stays
			}
		}
		if wasReady || retryable(err) {
			l.failed++
			return l.wait(Failed, err, "")
		}
	}
	if !reached || overHTTP {
		l.fail(err.Error(), err)
		return false
	}
	now := time.Now()
	l.crashes = slices.DeleteFunc(append(l.crashes, now), func(t time.Time) bool { return now.Sub(t) > crashesWithin })
	l.failed = len(l.crashes)
	if l.failed >= crashesMax {
		l.fail(fmt.Sprintf("%s That happened %d times within %d minutes, so it is not started again by itself. Look at its log, then start it.",
			err, l.failed, int(crashesWithin.Minutes())), err)
		return false
	}
	return l.wait(Starting, err, " It is started again.")
}

func (l *life) fail(why string, err error) {
	l.event(Failed, func(s *Status) {
		s.Error = why
		lacksSandbox(err, s)
		s.Log = l.log.lines(logOnFailed)
	})
}

// wait shows the cause and waits, longer after each failure.
func (l *life) wait(state State, err error, then string) bool {
	ok := l.m.retrying(l, state, func(s *Status) {
		s.Error = err.Error() + then
		lacksSandbox(err, s)
		s.Log = l.log.lines(logOnFailed)
	})
	if !ok {
		return false
	}
	timer := time.NewTimer(backoff(l.m.o, l.failed))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.hurry:
	case <-l.ctx.Done():
		return false
	}
	return true
}

// retrying moves the state, and lets calls hurry the next try.
func (m *Manager) retrying(l *life, to State, fill func(*Status)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !m.move(l.s, l.generation, to, fill) {
		return false
	}
	l.s.hurry = l.hurry
	m.publish()
	return true
}

// backoff returns the wait before a start, after so many failures: doubled each
// time, give or take a fifth.
func backoff(o Options, failures int) time.Duration {
	d := o.BackoffMin << min(max(failures-1, 0), 20)
	d = min(max(d, o.BackoffMin), o.BackoffMax)
	return d - d/5 + rand.N(d*2/5+1)
}
