package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of one answer. A provider has its own; these hold whatever it is.
const (
	maxAnswer      = 64 << 20 // bytes, of everything that the deltas carry
	maxAnswerText  = 3 << 20  // bytes of text and reasoning, more than half a million tokens; they are kept, read, sent and shown many times over
	deltaCost      = 128      // counted for each delta, for what it costs to keep
	maxAnswerCalls = 1024     // calls in one answer; of those maxCalls are run
	maxAnswerParts = 10_000   // texts, reasonings and items in one answer
)

// answer is an assistant's message that grows.
type answer struct {
	msg   store.Message
	parts model.Assembler
	size  int
	text  int         // bytes of text and reasoning
	calls map[int]int // bytes of arguments, by index
	runs  int         // parts other than calls that have begun
	last  byte        // kind of the last of them
	done  *model.Done

	managed bool // the provider itself has looked for tools or run one
	refused bool // what came cannot be taken, and would not be another time
	kept    bool // the history has it as it stays
	made    int  // how often room was made in the model's context for it
}

// add takes a delta. An error says that the answer cannot be taken.
func (a *answer) add(d model.Delta) error {
	size, part := deltaCost, d
	switch d := d.(type) {
	case model.TextDelta:
		size += len(d.Text)
		a.text += len(d.Text)
		a.run('t')
	case model.ReasoningDelta:
		size += len(d.Text)
		a.text += len(d.Text)
		a.run('r')
	case model.CallDelta:
		size += len(d.ID) + len(d.Name) + len(d.Arguments)
		if a.calls == nil {
			a.calls = map[int]int{}
		}
		had := a.calls[d.Index]
		a.calls[d.Index] = had + len(d.Arguments)
		a.last = 'c'
		if had > tools.MaxArguments { // refused already; the rest is not kept
			part = model.CallDelta{Index: d.Index, ID: d.ID, Name: d.Name}
		}
		if len(a.calls) > maxAnswerCalls {
			return &model.Error{Kind: model.ErrorProtocol, Message: fmt.Sprintf(
				"The model asked for more than %d tool calls in one answer, so the answer was broken off. None of them was run.", maxAnswerCalls)}
		}
	case model.OpaqueDelta:
		size += len(d.Data)
		a.run('o')
		if !json.Valid(d.Data) {
			return &model.Error{Kind: model.ErrorProtocol, Message: "The provider sent an item that is not JSON. Try again."}
		}
	case model.ListingDelta:
		a.managed = true
		size += managedSize(d)
		a.run('m')
	case model.ManagedDelta:
		a.managed = true
		size += managedSize(d)
		a.run('m')
	case model.ImageDelta:
		size += len(d.Image.MIMEType) + len(d.Image.Data)
		a.run('m')
	case model.Done:
		a.done = &d
	}
	if a.runs > maxAnswerParts {
		return &model.Error{Kind: model.ErrorProtocol, Message: fmt.Sprintf(
			"The answer came in more than %d separate parts and was broken off. Try again, or use another model.", maxAnswerParts)}
	}
	a.size += size
	for _, bound := range []struct{ has, most int }{{a.text, maxAnswerText}, {a.size, maxAnswer}} {
		if bound.has > bound.most {
			return &model.Error{Kind: model.ErrorProtocol, Message: fmt.Sprintf(
				"The answer grew beyond %d MB and was broken off. Try again, or use another model.", bound.most>>20)}
		}
	}
	a.parts.Add(part)
	return nil
}

// run counts the parts other than calls. Texts that follow each other are one.
func (a *answer) run(kind byte) {
	if kind != a.last || kind == 'o' || kind == 'm' {
		a.runs++
	}
	a.last = kind
}

// whole reports whether the answer ended as the model meant it to, so that its
// calls are whole too.
func (a *answer) whole() bool {
	if a.done == nil {
		return false
	}
	switch a.done.Reason {
	case model.StopLength, model.StopFilter:
		return false
	case model.StopRefusal:
		return len(a.calls) == 0
	}
	return true
}

func cutReason(r model.StopReason) (DoneReason, string) {
	switch r {
	case model.StopLength:
		return ReasonLength, "The answer reached the model's limit of length."
	case model.StopFilter:
		return ReasonFilter, "The provider withheld the rest of the answer."
	}
	return ReasonRefusal, "The model refused."
}

// sentence is what a person reads of an error of the model.
func sentence(err error) string {
	var e *model.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	return "The answer broke off: " + err.Error() + "."
}

// receive calls the model, reads the answer until its end, hands on the deltas
// and keeps a checkpoint at most once per Options.Checkpoint.
//
// What the step before ended with is written while the model begins to read,
// so that neither waits for the other. Where that fails there is no answer, and
// nothing of it to keep.
func (t *turn) receive(a *answer, req model.Request) error {
	s := t.stream(req)
	defer func() { s.stop(a.done != nil) }()
	if err := t.kept(); err != nil {
		a.kept = true
		return err
	}
	if !t.emit(Started{a.msg}) {
		return errGone
	}
	timer := time.NewTimer(t.Checkpoint)
	timer.Stop()
	defer timer.Stop()
	waiting := false // a checkpoint is due when the timer fires
	return t.listen(s, a, func(d model.Delta) error {
		delta, err := t.admit(req, d)
		if err == nil {
			err = a.add(delta)
		}
		if err != nil {
			a.refused = true
			return err
		}
		if !t.emit(Delta{a.msg.ID, delta}) {
			return errGone
		}
		if !waiting {
			waiting = true
			timer.Reset(t.Checkpoint)
		}
		return nil
	}, timer.C, func() error {
		waiting = false
		msg := a.msg
		msg.Parts, msg.Usage = withoutCalls(a.parts.Parts(msg.Model)), a.parts.Usage()
		return t.save(msg)
	})
}

// listen gives each delta to take, until a is done. Whenever due fires in
// between, it calls keep.
func (t *turn) listen(s stream, a *answer, take func(model.Delta) error, due <-chan time.Time, keep func() error) error {
	for a.done == nil {
		var err error
		select {
		case <-t.ctx.Done():
			return errStopped
		case p, ok := <-s.pieces:
			switch {
			case t.ctx.Err() != nil:
				return errStopped
			case !ok:
				return &model.Error{Kind: model.ErrorTransport, Message: "The answer broke off before its end. Try again.", Err: model.ErrCut}
			case p.err != nil:
				return p.err
			}
			err = take(p.delta)
		case <-due:
			err = keep()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// piece is what a stream yields.
type piece struct {
	delta model.Delta
	err   error
}

// stream is a call of the model. stop ends it and waits, though not for ever;
// after a whole answer it is given a moment to end by itself, which lets the
// connection be used again.
type stream struct {
	pieces <-chan piece
	stop   func(whole bool)
}

// stream calls the model on a goroutine of its own, so that neither a stop nor
// a checkpoint waits for it. The caller stops it.
func (t *turn) stream(req model.Request) stream {
	ctx, cancel := context.WithCancel(t.ctx)
	pieces := make(chan piece, 64)
	ended := make(chan struct{})
	client := t.candidate().Model
	go func() {
		defer close(ended)
		defer close(pieces)
		var failed error
		defer func() {
			if failed != nil {
				select {
				case pieces <- piece{err: failed}:
				case <-ctx.Done():
				}
			}
		}()
		defer t.recovered("the provider's adapter", &failed)
		done := false
		for d, err := range client.Stream(ctx, req) {
			if done { // what follows the end does not count
				if ctx.Err() != nil {
					return
				}
				continue
			}
			select {
			case pieces <- piece{d, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			_, done = d.(model.Done)
		}
	}()
	return stream{pieces, func(whole bool) {
		if whole {
			closed(ended, time.Second)
		}
		cancel()
		if !closed(ended, stopGrace) {
			t.Logger.Warn("a provider's stream does not end after it was cancelled", "provider", req.Model.Provider)
		}
	}}
}

// closed waits for the channel to be closed, at most that long, and reports
// whether it was.
func closed(c <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
