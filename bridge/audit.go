package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// AuditLog keeps the audit. store/db implements it.
type AuditLog interface {
	// AddAudit appends records, durably, and removes the oldest until all take
	// no more than limit bytes.
	AddAudit(ctx context.Context, records []store.AuditRecord, limit int64) error
	// Audit returns the records that a query chooses, the newest first.
	Audit(ctx context.Context, q store.AuditQuery) ([]store.AuditRecord, error)
}

// The bounds of the audit.
const (
	auditDelay   = 500 * time.Millisecond // until the records of calls are written
	auditMB      = 64                     // where the settings do not say
	auditPending = 8 << 20                // bytes that wait at most until they are written at once
	auditMost    = 64 << 20               // bytes that wait at most at all
	auditSecrets = time.Minute            // how long the secrets that are looked for stay the same
)

// auditor writes the audit. What was refused and what a person answered is
// durable when record returns; calls that ran are written a moment later, aside.
type auditor struct {
	log      AuditLog // nil keeps nothing
	settings func() store.Settings
	secrets  func(context.Context) (*tools.Redactor, error)
	also     func(context.Context) // what else is kept with each batch
	logger   *slog.Logger
	now      func() time.Time

	mu      sync.Mutex // protects what follows
	pending []auditEntry
	size    int
	waiting []chan error // those who wait for the batch that is pending
	closed  bool

	some, hurry chan struct{} // something is pending; it is to be written now
	written     *signal       // records were written
	redactor    *tools.Redactor
	redactorAt  time.Time
}

// auditEntry is a record with the arguments that its shape is made of.
type auditEntry struct {
	store.AuditRecord
	arguments json.RawMessage
}

func newAuditor(log AuditLog, settings func() store.Settings, logger *slog.Logger, now func() time.Time) *auditor {
	return &auditor{
		log: log, settings: settings, logger: logger, now: now,
		some: make(chan struct{}, 1), hurry: make(chan struct{}, 1), written: newSignal(),
	}
}

// later has the record be written within a second. It does not wait, unless so
// much is pending that memory would run out.
func (a *auditor) later(r store.AuditRecord, arguments json.RawMessage) {
	if done := a.add(r, arguments, false); done != nil {
		<-done
	}
}

// record writes the record now. An error says that it is not kept yet.
func (a *auditor) record(ctx context.Context, r store.AuditRecord, arguments json.RawMessage) error {
	done := a.add(r, arguments, true)
	if done == nil {
		return nil
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// add appends a record. The channel gives how writing it ended; it is nil where
// nobody has to wait.
func (a *auditor) add(r store.AuditRecord, arguments json.RawMessage, wait bool) <-chan error {
	if a.log == nil {
		a.signal(a.some)
		return nil
	}
	if r.At.IsZero() {
		r.At = a.now()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		done := make(chan error, 1)
		done <- fmt.Errorf("the audit is closed (%w)", store.ErrClosed)
		return done
	}
	a.pending = append(a.pending, auditEntry{r, arguments})
	a.size += 300 + len(r.Reason) + len(r.Error) + len(arguments)
	if !wait && a.size < auditMost {
		if a.size > auditPending {
			a.signal(a.hurry)
		} else {
			a.signal(a.some)
		}
		return nil
	}
	done := make(chan error, 1)
	a.waiting = append(a.waiting, done)
	a.signal(a.hurry)
	return done
}

func (a *auditor) signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run writes until the context ends, and then what is left.
func (a *auditor) run(ctx context.Context) {
	for {
		select {
		case <-a.hurry:
		case <-a.some:
			timer := time.NewTimer(auditDelay)
			select {
			case <-timer.C:
			case <-a.hurry:
			case <-ctx.Done():
			}
			timer.Stop()
		case <-ctx.Done():
		}
		over := ctx.Err() != nil
		if over {
			a.mu.Lock()
			a.closed = true
			a.mu.Unlock()
		}
		if err := a.flush(context.WithoutCancel(ctx)); err != nil {
			a.logger.Error("the audit could not be written", "error", err)
			if !over {
				a.signal(a.some) // once more
			}
		}
		if over {
			return
		}
	}
}

// flush writes what is pending. What could not be written stays pending.
func (a *auditor) flush(ctx context.Context) error {
	a.mu.Lock()
	batch, waiting, size := a.pending, a.waiting, a.size
	a.pending, a.waiting, a.size = nil, nil, 0
	a.mu.Unlock()
	if a.also != nil {
		a.also(ctx)
	}
	var err error
	if len(batch) > 0 {
		err = a.write(ctx, batch)
	}
	if err != nil {
		a.mu.Lock()
		a.pending, a.size = append(batch, a.pending...), a.size+size
		if a.size > auditMost { // the disk has failed for long; the newest tell what is going on
			lost := len(a.pending) / 2
			a.pending, a.size = append([]auditEntry(nil), a.pending[lost:]...), a.size/2
			a.logger.Error("records of the audit are lost", "count", lost)
		}
		a.mu.Unlock()
	}
	for _, done := range waiting {
		done <- err
	}
	return err
}

func (a *auditor) write(ctx context.Context, batch []auditEntry) error {
	s := a.settings()
	var redactor *tools.Redactor
	values := s.AuditArguments
	if values {
		var err error
		if redactor, err = a.known(ctx); err != nil {
			a.logger.Warn("arguments are left out of the audit, since the secrets to be removed from them cannot be read", "error", err)
			values = false
		}
	}
	records := make([]store.AuditRecord, len(batch))
	for i, e := range batch {
		records[i] = e.AuditRecord
		records[i].ArgumentShape = shapeOf(e.arguments)
		if values {
			records[i].Arguments = auditArguments(e.arguments, redactor)
		}
	}
	limit := int64(s.AuditMB)
	if limit <= 0 {
		limit = auditMB
	}
	err := a.log.AddAudit(ctx, records, limit<<20)
	if err == nil {
		a.written.fire()
	}
	return err
}

// known returns what removes the secrets.
func (a *auditor) known(ctx context.Context) (*tools.Redactor, error) {
	if !a.redactorAt.IsZero() && a.now().Sub(a.redactorAt) < auditSecrets {
		return a.redactor, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := a.secrets(ctx)
	if err == nil {
		a.redactor, a.redactorAt = r, a.now()
	}
	return r, err
}

// Audit returns the records of the audit that a query chooses, the newest first,
// with everything that happened before the call.
func (b *Bridge) Audit(ctx context.Context, q store.AuditQuery) ([]store.AuditRecord, error) {
	if b.o.Audit == nil {
		return nil, nil
	}
	if err := b.audit.settle(ctx); err != nil {
		return nil, err
	}
	return b.o.Audit.Audit(ctx, q)
}

// settle waits until what is pending is written.
func (a *auditor) settle(ctx context.Context) error {
	a.mu.Lock()
	if len(a.pending) == 0 || a.closed {
		a.mu.Unlock()
		return nil
	}
	done := make(chan error, 1)
	a.waiting = append(a.waiting, done)
	a.signal(a.hurry)
	a.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ExportAudit writes the records that a query chooses, the newest first, as JSON
// lines. Its Limit is the size of a page here; all pages are written.
func (b *Bridge) ExportAudit(ctx context.Context, w io.Writer, q store.AuditQuery) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	q.Limit = 1000
	for {
		page, err := b.Audit(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			if err := enc.Encode(&page[i]); err != nil {
				return fmt.Errorf("write the audit: %w", err)
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.Before = page[len(page)-1].ID
	}
}

// auditOf begins the record of an invocation.
func auditOf(inv tools.Invocation, kind store.AuditKind) store.AuditRecord {
	r := store.AuditRecord{
		Kind: kind, Client: string(inv.Client), Conversation: inv.Conversation, Server: inv.Ref.Server, Tool: clipAudit(inv.Ref.Tool, 200),
	}
	if inv.Caller != nil {
		r.Key, r.Session = inv.Caller.Key, inv.Caller.Session
	}
	return r
}

// approving has the audit keep what a person approves, before it holds.
func (b *Bridge) approving(ctx context.Context, server, tool, decision, what string) error {
	err := b.audit.record(ctx, store.AuditRecord{
		Kind: store.AuditApproval, Client: "person", Server: server, Tool: clipAudit(tool, 200), Decision: decision, Reason: what,
	}, nil)
	if err != nil {
		return fmt.Errorf("it could not be written to the audit, so it does not hold: %w", err)
	}
	return nil
}

// denied keeps that a call was refused, before the answer is given.
func (b *Bridge) denied(ctx context.Context, inv tools.Invocation, reason string) {
	r := auditOf(inv, store.AuditDecision)
	r.Decision, r.Reason = "deny", clipAudit(reason, 500)
	// Where nobody waits for the answer any more, it is written all the same.
	if err := b.audit.record(ctx, r, inv.Arguments); err != nil && ctx.Err() == nil {
		b.o.Logger.Error("a refusal is not in the audit yet", "tool", inv.Ref.String(), "error", err)
	}
}

// called has the audit keep that a call ran.
func (b *Bridge) called(inv tools.Invocation, reason string, result tools.Result) {
	r := auditOf(inv, store.AuditCall)
	r.Decision, r.Reason, r.Elapsed, r.ResultBytes = "allow", clipAudit(reason, 500), result.Elapsed, sizeOf(result.Content)+int64(len(result.Structured))
	if len(result.Content) == 0 && result.Wire != nil {
		r.ResultBytes = int64(len(result.Wire))
	}
	if result.IsError {
		r.Error = "The tool reported an error." // what it said may be anybody's words
	}
	b.audit.later(r, inv.Arguments)
}

func sizeOf(parts store.Parts) int64 {
	var n int64
	for _, p := range parts {
		switch p := p.(type) {
		case store.Text:
			n += int64(len(p.Text))
		case store.Image:
			n += int64(len(p.Data))
		case store.File:
			n += int64(len(p.Data))
		}
	}
	return n
}
