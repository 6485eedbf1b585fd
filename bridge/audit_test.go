package bridge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// slowLog is an audit on a disk that takes its time.
type slowLog struct {
	takes time.Duration

	mu   sync.Mutex // protects what follows
	err  error
	kept []string // the reasons, in order
}

func (l *slowLog) fails(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *slowLog) reasons() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.kept)
}

func (l *slowLog) AddAudit(_ context.Context, records []store.AuditRecord, _ int64) error {
	time.Sleep(l.takes)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for _, r := range records {
		l.kept = append(l.kept, r.Reason)
	}
	return nil
}

func (l *slowLog) Audit(context.Context, store.AuditQuery) ([]store.AuditRecord, error) {
	return nil, nil
}

// TestAuditIsInTime holds by a clock of its own that what was refused or answered
// is written before whoever records it goes on, that a call that ran is written
// within a second, and that what could not be written is written later, in the
// order in which it happened.
func TestAuditIsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &slowLog{takes: 200 * time.Millisecond}
		a := newAuditor(log, func() store.Settings { return store.Settings{} }, slog.New(slog.DiscardHandler), time.Now)
		ctx, end := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { defer close(over); a.run(ctx) }()
		kept := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if got := log.reasons(); !slices.Equal(got, want) {
				t.Fatalf("kept are %q, not %q", got, want)
			}
		}
		began := time.Now()
		a.later(store.AuditRecord{Reason: "ran"}, nil)
		if time.Since(began) != 0 {
			t.Error("a call waits for the disk")
		}
		kept()
		time.Sleep(time.Second)
		kept("ran")
		a.later(store.AuditRecord{Reason: "ran again"}, nil)
		if err := a.record(ctx, store.AuditRecord{Reason: "refused"}, nil); err != nil {
			t.Fatal(err)
		}
		if got := log.reasons(); !slices.Equal(got, []string{"ran", "ran again", "refused"}) { // without waiting for anything
			t.Errorf("the answer would have been given with %q", got)
		}
		full := errors.New("the disk is full")
		log.fails(full)
		if err := a.record(ctx, store.AuditRecord{Reason: "answered"}, nil); !errors.Is(err, full) {
			t.Errorf("what was not written gave %v", err)
		}
		a.later(store.AuditRecord{Reason: "ran on"}, nil)
		time.Sleep(5 * time.Second)
		kept("ran", "ran again", "refused")
		log.fails(nil)
		time.Sleep(time.Second)
		kept("ran", "ran again", "refused", "answered", "ran on")
		// What is pending at the end is written, and nothing is taken after it.
		a.later(store.AuditRecord{Reason: "last"}, nil)
		end()
		<-over
		kept("ran", "ran again", "refused", "answered", "ran on", "last")
		if err := a.record(t.Context(), store.AuditRecord{Reason: "late"}, nil); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}
