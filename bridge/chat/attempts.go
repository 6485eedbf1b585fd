package chat

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// How long a failed call of a model is left alone before it is repeated.
const (
	firstWait = 500 * time.Millisecond // doubled each time
	maxWait   = time.Minute            // also where the provider asks for more
	// patience is how long a provider may ask to be left alone while another
	// one could answer.
	patience = 10 * time.Second
)

// answer has a model answer once: the call is repeated where that helps, by the
// next model if need be. The message is in the history afterwards, whatever
// happened. If it has calls, t.open holds them.
//
// The attempts of an answer are one message, which each of them begins anew, so
// that the history never holds a text twice.
func (t *turn) answer() (DoneReason, error) {
	req, err := t.request()
	if err != nil {
		return "", err
	}
	a := &answer{msg: store.Message{
		ID: store.NewID(), ConversationID: t.conv.ID, ParentID: t.head(), Role: store.RoleAssistant,
		Status: store.StatusStreaming, Model: req.Model, CreatedAt: t.Now(),
	}}
	a.parts.Now = t.Now
	defer func() { // the reader left or panicked
		if !a.kept {
			if err := t.keepCut(a, stoppedSentence); err != nil {
				t.Logger.Error("an answer that was stopped could not be kept", "conversation", t.conv.ID, "error", err)
			}
		}
	}()
	for attempt := 1; ; attempt++ {
		err := t.receive(a, req)
		if a.kept || errors.Is(err, errGone) {
			return "", err
		}
		t.spend(req.Model, a.parts.Usage())
		if err == nil {
			return t.finish(a, req)
		}
		active, made := t.active, a.made
		if err = t.repeat(a, attempt, err); err != nil {
			return "", t.giveUp(a, err)
		}
		if t.active != active || a.made != made {
			attempt = 0
			if req, err = t.request(); err == nil {
				err = t.follow(a)
			}
			if err != nil {
				return "", t.giveUp(a, err)
			}
		}
		*a = answer{msg: a.msg, made: a.made}
		a.parts.Now = t.Now
		a.msg.Model = req.Model
	}
}

// repeat decides what to do about a failed attempt. Without an error the model
// is to be called again: the same after a wait, or the next one, to which
// t.active points. With one, the answer has failed.
func (t *turn) repeat(a *answer, attempt int, err error) error {
	var failed *model.Error
	switch {
	case a.refused || !errors.As(err, &failed):
		return err
	case t.ctx.Err() != nil:
		return errStopped
	}
	if a.managed {
		return &model.Error{
			Kind: failed.Kind, Status: failed.Status, Server: failed.Server, Err: err,
			Message: sentence(err) + " The provider had begun to use tools itself, so the call was not repeated. Retry repeats it; a tool may then run twice.",
		}
	}
	next := t.active < len(t.in.Fallbacks)
	switch failed.Kind {
	case model.ErrorRate, model.ErrorServer, model.ErrorTransport:
		if attempt < t.Tries && !(next && failed.RetryAfter > patience) {
			return t.wait(a, attempt+1, failed)
		}
	case model.ErrorContext:
		return t.makeRoom(a, err)
	case model.ErrorAuth, model.ErrorNotFound, model.ErrorTrust, model.ErrorProtocol:
	default:
		return err
	}
	if !next {
		return err
	}
	from := t.candidate().Ref
	t.active++
	if !t.emit(FellBack{a.msg.ID, from, t.candidate().Ref, sentence(err)}) {
		return errGone
	}
	return nil
}

// wait waits before an attempt.
func (t *turn) wait(a *answer, attempt int, failed *model.Error) error {
	wait := min(failed.RetryAfter, maxWait)
	if wait <= 0 {
		wait = backoff(attempt - 1)
	}
	if !t.emit(Retrying{a.msg.ID, attempt, t.Tries, wait, t.Now().Add(wait), sentence(failed)}) {
		return errGone
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.ctx.Done():
		return errStopped
	}
}

// backoff is how long a call is left alone after so many failed attempts: between
// a half and one and a half of a time that doubles.
func backoff(attempts int) time.Duration {
	wait := min(firstWait<<(attempts-1), maxWait)
	return wait/2 + rand.N(wait)
}

// giveUp keeps what came of an answer that failed or was stopped, and returns
// the error.
func (t *turn) giveUp(a *answer, err error) error {
	if errors.Is(err, errGone) {
		return err
	}
	why := stoppedSentence
	if !errors.Is(err, errStopped) {
		why = sentence(err)
	}
	if failed := t.keepCut(a, why); failed != nil {
		return errors.Join(failed, err)
	}
	t.emit(Finished{a.msg})
	return err
}

// finish keeps an answer that came to its end.
func (t *turn) finish(a *answer, req model.Request) (DoneReason, error) {
	if !a.whole() {
		reason, why := cutReason(a.done.Reason)
		if len(a.calls) > 0 {
			why += " Its tool calls were not run."
		}
		if err := t.keepCut(a, why); err != nil {
			return "", err
		}
		if !t.emit(Finished{a.msg}) {
			return "", errGone
		}
		return reason, nil
	}
	a.kept = true
	parts := a.parts.Parts(req.Model)
	asked := t.planAsked(parts, req)
	parts, open := t.plan(parts, req.Tools)
	open = append(open, asked...)
	a.msg.Parts, a.msg.Usage, a.msg.Status = parts, a.parts.Usage(), store.StatusComplete
	if err := t.save(a.msg); err != nil {
		return "", err
	}
	t.chain = append(t.chain, a.msg)
	if len(open) > 0 {
		t.open = newOpenCalls(a.msg, open, t.Now())
	}
	if !t.emit(Finished{a.msg}) {
		return "", errGone
	}
	if a.done.Reason == model.StopRefusal {
		return ReasonRefusal, nil
	}
	return ReasonEnd, nil
}

// keepCut keeps what came of an answer as interrupted. Calls may be cut in the
// middle, so they go.
func (t *turn) keepCut(a *answer, why string) error {
	a.kept = true
	if a.size == 0 { // it is not in the history yet, and a summary may be
		a.msg.ParentID = t.head()
	}
	a.msg.Parts, a.msg.Usage = cutParts(a.parts.Parts(a.msg.Model)), a.parts.Usage()
	a.msg.Status, a.msg.Error = store.StatusInterrupted, why
	if err := t.save(a.msg); err != nil {
		return err
	}
	t.chain = append(t.chain, a.msg)
	return nil
}

// stoppedSentence is kept with an answer that the person stopped.
const stoppedSentence = "You stopped this answer."
