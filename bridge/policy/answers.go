package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// asking is a question that a person has been asked and has not answered.
type asking struct {
	done chan struct{} // closed when the question is over
	// callers counts the calls of other apps that ask beside each other.
	callers int
}

// Permit decides, asks where the decision is tools.Ask, and records the answer.
// The verdict is tools.Allow or tools.Deny, and never tools.Ask. After the
// person has answered it looks and decides again: what was switched off, held
// or refused in the meantime does not run.
//
// Of several calls of one tool in one conversation that come at the same time,
// one asks and the others wait; an answer that holds for more than the one call
// settles them all, so that nobody is asked the same thing eight times. Calls of
// other apps do not wait for each other, since each waits for a limited time: all
// ask, and such an answer settles those that are still asking. A nil ask refuses
// what would have to be asked.
//
// Where a changed definition is held, the question is asked again when the
// definition changes while the person reads, a few times; what was not accepted
// by then does not run, whatever was answered.
func (e *Engine) Permit(ctx context.Context, inv tools.Invocation, look Look, ask Ask) tools.Verdict {
	asked := 0
	for {
		v, limits := e.lookAndDecide(ctx, inv, look)
		if v.Decision != tools.Ask {
			return e.count(ctx, inv, v.Verdict, limits)
		}
		if ask == nil {
			return deny(store.ErrDenied, "The tool %s needs the person's permission, and nobody is there to ask.", inv.Ref)
		}
		s := subject{originOf(inv), inv.Ref}
		if inv.Caller != nil {
			return e.askBeside(ctx, inv, v, look, ask)
		}
		e.mu.Lock()
		open, busy := e.asking[s]
		if !busy {
			open = &asking{done: make(chan struct{})}
			e.asking[s] = open
		}
		e.mu.Unlock()
		if !busy {
			asked++
			said, changed := e.ask(ctx, inv, v, look, ask, s, open)
			if changed && asked < maxAsked {
				continue
			}
			return said
		}
		select {
		case <-open.done:
		case <-ctx.Done():
			return stopped(inv.Ref)
		}
	}
}

// lookAndDecide also returns the limits that the call would count on.
func (e *Engine) lookAndDecide(ctx context.Context, inv tools.Invocation, look Look) (decision, []limit) {
	conv, tool, err := look(ctx)
	if err != nil {
		return decision{Verdict: unread(inv.Ref, err)}, nil
	}
	return e.decide(ctx, inv, conv, tool)
}

// count counts a call that may run, unless a limit was used up meanwhile.
func (e *Engine) count(ctx context.Context, inv tools.Invocation, v tools.Verdict, limits []limit) tools.Verdict {
	if v.Decision == tools.Allow {
		if over, ok := e.counters.take(ctx, inv.Ref, limits, true); !ok {
			return over
		}
	}
	return v
}

// maxAsked bounds how often one call is asked about because its tool changes
// again and again.
const maxAsked = 3

// ask puts the question and heeds the answer.
func (e *Engine) ask(ctx context.Context, inv tools.Invocation, v decision, look Look, ask Ask, s subject, open *asking) (said tools.Verdict, changed bool) {
	defer func() {
		e.mu.Lock()
		delete(e.asking, s)
		e.mu.Unlock()
		close(open.done)
	}()
	a, err := ask(ctx, v.Verdict)
	defer e.stirAsking(inv.Ref)
	return e.heed(ctx, inv, v, look, a, err)
}

// askBeside asks about a call of another app, until it is answered or the answer
// about another call settles it.
func (e *Engine) askBeside(ctx context.Context, inv tools.Invocation, v decision, look Look, ask Ask) tools.Verdict {
	settled := e.joinAsking(inv.Ref)
	defer e.leaveAsking(inv.Ref)
	asking, end := context.WithCancel(ctx)
	defer end()
	type said struct {
		answer tools.Answer
		err    error
	}
	answers := make(chan said, 1)
	go func() {
		a, err := ask(asking, v.Verdict)
		answers <- said{a, err}
	}()
	for {
		select {
		case got := <-answers:
			verdict, _ := e.heed(ctx, inv, v, look, got.answer, got.err)
			if got.err == nil {
				e.stirAsking(inv.Ref)
			}
			return verdict
		case <-settled:
			settled = e.whenStirred(inv.Ref)
			now, limits := e.lookAndDecide(ctx, inv, look)
			if now.Decision == tools.Ask {
				continue
			}
			end()
			if got := <-answers; got.err == nil { // it came at the same moment, and is about this very call
				verdict, _ := e.heed(ctx, inv, v, look, got.answer, nil)
				return verdict
			}
			return e.count(ctx, inv, now.Verdict, limits)
		}
	}
}

// beside is what calls of other apps that ask for a tool have in common: an answer
// may hold for all of them, whoever they are of.
func beside(ref tools.Ref) subject { return subject{origin{client: "*"}, ref} }

// joinAsking notes one more call that is asked about, and returns what is closed
// when another one was answered.
func (e *Engine) joinAsking(ref tools.Ref) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	open := e.asking[beside(ref)]
	if open == nil {
		open = &asking{done: make(chan struct{})}
		e.asking[beside(ref)] = open
	}
	open.callers++
	return open.done
}

func (e *Engine) leaveAsking(ref tools.Ref) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if open := e.asking[beside(ref)]; open.callers > 1 {
		open.callers--
	} else {
		delete(e.asking, beside(ref))
	}
}

// stirAsking has the calls that are still asked about look whether they are
// settled.
func (e *Engine) stirAsking(ref tools.Ref) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if open := e.asking[beside(ref)]; open != nil {
		close(open.done)
		open.done = make(chan struct{})
	}
}

func (e *Engine) whenStirred(ref tools.Ref) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asking[beside(ref)].done
}

// heed makes a verdict of what the person answered, and keeps it. changed says
// that there is a definition now which the question was not about.
func (e *Engine) heed(ctx context.Context, inv tools.Invocation, v decision, look Look, a tools.Answer, err error) (said tools.Verdict, changed bool) {
	if ctx.Err() != nil {
		return stopped(inv.Ref), false
	}
	if err != nil {
		e.log.Warn("nobody could be asked", "tool", inv.Ref.String(), "error", err)
		return tools.Verdict{
			Decision: tools.Deny,
			Reason:   fmt.Sprintf("The person could not be asked about the tool %s, so it was not run.", inv.Ref),
			Err:      fmt.Errorf("%w: %w", store.ErrDenied, err),
		}, false
	}
	if err := e.record(ctx, inv, a, v.sources); err != nil {
		e.log.Error("an answer could not be kept", "tool", inv.Ref.String(), "error", err)
		return tools.Verdict{
			Decision: tools.Deny,
			Reason:   fmt.Sprintf("The person's answer about the tool %s could not be kept, so it was not run. Try again later.", inv.Ref),
			Err:      fmt.Errorf("%w: %w", store.ErrDenied, err),
		}, false
	}
	switch a {
	case tools.AnswerOnce, tools.AnswerConversation, tools.AnswerAlways, tools.AnswerAfter:
		now, limits := e.lookAndDecide(ctx, inv, look)
		if now.Decision == tools.Deny {
			return now.Verdict, false
		}
		if now.Change != nil { // it changed while the person read, or they did not accept it
			return deny(store.ErrHeld, "The definition of the tool %s has changed; it is held until the person has seen the change.", inv.Ref),
				v.Change == nil || v.Change.NewHash != now.Change.NewHash
		}
		return e.count(ctx, inv, tools.Verdict{Decision: tools.Allow, Reason: "The person allowed this call."}, limits), false
	case tools.AnswerNever:
		return deny(store.ErrDenied, "The person does not allow the tool %s at all.", inv.Ref), false
	}
	return deny(store.ErrDenied, "The person denied this call of %s.", inv.Ref), false
}

func stopped(ref tools.Ref) tools.Verdict {
	return deny(store.ErrDenied, "The call of %s was stopped before the person answered.", ref)
}

// record keeps an answer to a question that was also about content of servers
// (ids): whoever allows the tool here, or always, allows it after that content,
// too.
func (e *Engine) record(ctx context.Context, inv tools.Invocation, a tools.Answer, sources []string) error {
	switch a {
	case tools.AnswerAfter:
		if len(sources) == 0 || originOf(inv) == (origin{}) {
			return fmt.Errorf("there is no content that this answer could be about (%w)", store.ErrInvalid)
		}
		if err := e.Record(ctx, inv, tools.AnswerConversation); err != nil {
			return err
		}
	default:
		if err := e.Record(ctx, inv, a); err != nil {
			return err
		}
	}
	switch a {
	case tools.AnswerAfter, tools.AnswerConversation, tools.AnswerAlways:
		if len(sources) > 0 {
			return e.allowAfter(ctx, originOf(inv), inv.Ref, sources)
		}
	}
	return nil
}

// Record keeps what a person answered: AnswerConversation for the invocation's
// conversation, AnswerAlways and AnswerNever everywhere. AnswerOnce and
// AnswerDeny are about the one call and leave no trace. It is durable when
// Record returns. An answer that is none of these, and AnswerConversation
// outside of a conversation, is an error that wraps store.ErrInvalid.
func (e *Engine) Record(ctx context.Context, inv tools.Invocation, a tools.Answer) error {
	switch a {
	case tools.AnswerOnce, tools.AnswerDeny:
		return nil
	case tools.AnswerConversation:
		if originOf(inv) == (origin{}) {
			return fmt.Errorf("an answer for this conversation needs a conversation (%w)", store.ErrInvalid)
		}
		return e.setInConversation(ctx, subject{originOf(inv), inv.Ref}, a)
	case tools.AnswerAlways, tools.AnswerNever:
		return e.setStanding(ctx, inv.Ref, a)
	}
	return fmt.Errorf("%q is no answer that could be kept (%w)", a, store.ErrInvalid)
}

// Standing returns the answer that holds for the tool everywhere: AnswerAlways,
// AnswerNever, AnswerAsk, or "" for none.
func (e *Engine) Standing(ctx context.Context, ref tools.Ref) (tools.Answer, error) {
	e.mu.RLock()
	standing := e.standing
	a := standing[ref]
	e.mu.RUnlock()
	if standing != nil {
		return a, nil
	}
	e.change.Lock()
	defer e.change.Unlock()
	if err := e.loadStanding(ctx); err != nil {
		return "", err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.standing[ref], nil
}

// loadStanding reads the answers that hold everywhere, once. change is held.
func (e *Engine) loadStanding(ctx context.Context) error {
	e.mu.RLock()
	known := e.standing != nil
	e.mu.RUnlock()
	if known {
		return nil
	}
	list, err := e.ledger.ToolAnswers(ctx)
	if err != nil {
		return fmt.Errorf("the answers about tools could not be read: %w", err)
	}
	standing := make(map[tools.Ref]tools.Answer, len(list))
	for _, a := range list {
		standing[tools.Ref{Server: a.Server, Tool: a.Tool}] = tools.Answer(a.Answer)
	}
	e.mu.Lock()
	e.standing = standing
	e.mu.Unlock()
	return nil
}

// SetStanding replaces the answer that holds for the tool everywhere:
// AnswerAlways, AnswerNever, AnswerAsk, or "" for what the rules say. Anything else is an error
// that wraps store.ErrInvalid.
func (e *Engine) SetStanding(ctx context.Context, ref tools.Ref, a tools.Answer) error {
	switch a {
	case tools.AnswerAlways, tools.AnswerNever, tools.AnswerAsk, "":
		defer e.stirAsking(ref)
		return e.setStanding(ctx, ref, a)
	}
	return fmt.Errorf("%q is no answer that holds everywhere (%w)", a, store.ErrInvalid)
}

func (e *Engine) setStanding(ctx context.Context, ref tools.Ref, a tools.Answer) error {
	e.change.Lock()
	defer e.change.Unlock()
	err := e.ledger.SetToolAnswer(ctx, "", ref.Server, ref.Tool, string(a))
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil:
		// It may or may not be written: what counts is read again.
		e.standing = nil
		return fmt.Errorf("the answer for the tool %s could not be kept: %w", ref, err)
	case e.standing == nil:
	case a == "":
		delete(e.standing, ref)
	default:
		e.standing[ref] = a
	}
	return nil
}

// inConversation returns the answer for one conversation, from the copy or the
// ledger.
func (e *Engine) inConversation(ctx context.Context, s subject) (tools.Answer, error) {
	e.mu.RLock()
	a, ok := e.answers[s]
	e.mu.RUnlock()
	if ok || s.origin.client != "" {
		return a, nil // the session of a client is in no ledger
	}
	e.change.Lock()
	defer e.change.Unlock()
	text, err := e.ledger.ToolAnswer(ctx, s.origin.conversation, s.ref.Server, s.ref.Tool)
	if err != nil {
		return "", fmt.Errorf("the answers for the tool %s could not be read: %w", s.ref, err)
	}
	e.remember(s, tools.Answer(text))
	return tools.Answer(text), nil
}

func (e *Engine) setInConversation(ctx context.Context, s subject, a tools.Answer) error {
	e.change.Lock()
	defer e.change.Unlock()
	if s.origin.client != "" {
		e.remember(s, a)
		return nil
	}
	if err := e.ledger.SetToolAnswer(ctx, s.origin.conversation, s.ref.Server, s.ref.Tool, string(a)); err != nil {
		e.mu.Lock()
		delete(e.answers, s)
		e.mu.Unlock()
		return fmt.Errorf("the answer for the tool %s could not be kept: %w", s.ref, err)
	}
	e.remember(s, a)
	return nil
}

func (e *Engine) remember(s subject, a tools.Answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.answers) >= maxAnswers {
		clear(e.answers)
	}
	e.answers[s] = a
}

// void removes the answers that allow these tools. change is held.
func (e *Engine) void(ctx context.Context, server string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	err := e.ledger.VoidToolAnswers(ctx, server, names)
	void := func(ref tools.Ref) bool { return ref.Server == server && slices.Contains(names, ref.Tool) }
	e.mu.Lock()
	e.standing = nil // read again
	maps.DeleteFunc(e.answers, func(s subject, _ tools.Answer) bool { return void(s.ref) })
	e.mu.Unlock()
	e.flows.Lock()
	for _, s := range e.stands {
		maps.DeleteFunc(s.allowed, func(f flow, _ bool) bool { return void(f.ref) })
	}
	e.flows.Unlock()
	if err != nil {
		return fmt.Errorf("what you answered about the tools of %q before could not be removed, so their new definitions stay held: %w", server, err)
	}
	return nil
}
