package chat

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

const (
	// saveTime bounds a write to the history. Writes go on when the turn is
	// stopped, so they need a limit of their own.
	saveTime = 30 * time.Second
	// stopGrace is how long a stopped turn waits for what it started.
	stopGrace = 3 * time.Second
)

var (
	errGone    = errors.New("chat: the reader left")
	errStopped = errors.New("chat: the turn was stopped")
)

// turn is the state of one Run. Only the goroutine that ranges over it touches
// it.
type turn struct {
	Options
	ctx  context.Context // the caller's; its end stops the turn
	in   Turn
	conv store.Conversation

	yield func(Event, error) bool
	gone  bool // the reader left: yield is never called again

	chain  []store.Message     // as it is in the history, up to what is open
	ids    map[string]struct{} // of the calls in chain
	open   *openCalls          // calls in chain that are not answered yet
	aside  *keeping            // the last of chain, while it is being written
	step   int                 // that runs, from 0
	active int                 // which candidate answers: 0 is the one that was chosen
	made   repeats             // what was called since anybody was asked
	grants []grant             // what the provider may run now without asking again
	usage  store.Usage
	cost   Cost

	ruler     *ruler
	converter *tools.Converter
	shapes    map[string]shaped // tool messages as the model gets them, by id
	squeezed  int               // how far results are cut shorter than usual, to fit at all

	failedSummary store.ModelRef // the model that could not sum up in this turn
	leftOut       *store.Message // stands for what is left out therefore; not in the history
}

// run makes the steps. Whatever ends it, it answers the open calls.
func (t *turn) run() (reason DoneReason, err error) {
	defer func() {
		if failed := errors.Join(t.kept(), t.settle()); failed != nil {
			err = failed
		}
	}()
	if err := t.start(); err != nil {
		return "", err
	}
	limit := t.StepLimit
	for step := 0; ; step++ {
		reason, err := t.mayGoOn(step, &limit)
		if err != nil || reason != "" {
			return reason, err
		}
		if t.ctx.Err() != nil {
			return "", errStopped
		}
		if step > 0 {
			if err := t.refresh(); err != nil {
				return "", err
			}
		}
		if most := t.in.MaxOutput; most > 0 && t.usage.Output >= most {
			return ReasonLength, nil
		}
		t.step = step
		reason, err = t.answer()
		if err != nil {
			return "", err
		}
		if t.open == nil {
			return reason, nil
		}
		t.made.add(t.open.calls)
		if err := t.runCalls(); err != nil {
			return "", err
		}
		if t.in.Halt != nil && t.in.Halt() {
			return ReasonHalted, nil
		}
	}
}

// start loads the chain, closes what an earlier failure left open, and adds the
// person's message.
func (t *turn) start() error {
	if t.ctx.Err() != nil {
		return errStopped
	}
	chain, err := t.begin()
	if err != nil {
		return t.failed("read the conversation", err)
	}
	t.chain = chain
	add := mend(chain, "an earlier failure")
	t.chain = merge(t.chain, add)
	if len(t.in.Message.Parts) > 0 {
		m := t.in.Message
		m.ConversationID, m.Role, m.Status = t.conv.ID, store.RoleUser, store.StatusComplete
		m.ParentID = t.head()
		if m.ID == "" {
			m.ID = store.NewID()
		}
		if m.CreatedAt.IsZero() {
			m.CreatedAt = t.Now()
		}
		add = append(add, m)
		t.chain = append(t.chain, m)
	}
	if len(add) > 0 {
		if err := t.save(add...); err != nil {
			return err
		}
		for _, m := range add {
			if !t.emit(Appended{m}) {
				return errGone
			}
		}
	}
	// An answer that was cut off is answered anew, in its place.
	for len(t.chain) > 0 && cutOff(t.chain[len(t.chain)-1]) && len(t.in.Message.Parts) == 0 {
		t.chain = t.chain[:len(t.chain)-1]
	}
	if len(t.chain) == 0 || t.chain[len(t.chain)-1].Role == store.RoleAssistant {
		return ErrNothing
	}
	t.ids = map[string]struct{}{}
	for _, m := range t.chain {
		for _, p := range m.Parts {
			switch p := p.(type) {
			case store.ToolCall:
				t.ids[p.ID] = struct{}{}
			case store.ManagedCall:
				t.ids[p.ID] = struct{}{}
			}
		}
	}
	return nil
}

// begin reads the chain that the turn continues.
func (t *turn) begin() ([]store.Message, error) {
	switch {
	case t.in.From == nil:
		return t.History.Chain(t.ctx, t.conv.ID)
	case *t.in.From == "":
		return nil, nil
	}
	return t.History.ChainTo(t.ctx, t.conv.ID, *t.in.From)
}

// cutOff reports whether m is an assistant's message that is not whole.
func cutOff(m store.Message) bool {
	return m.Role == store.RoleAssistant && m.Status != store.StatusComplete && len(m.Calls()) == 0
}

func (t *turn) head() string {
	if len(t.chain) == 0 {
		return ""
	}
	return t.chain[len(t.chain)-1].ID
}

// refresh reads the switches again: what a person switched off since the last
// step is offered no more.
func (t *turn) refresh() error {
	conv, err := t.History.Conversation(t.ctx, t.conv.ID)
	if err != nil {
		return t.failed("read the conversation", err)
	}
	t.conv.Switches = conv.Switches
	return nil
}

// emit hands an event to the reader and reports whether it is still there. A
// reader that panics is gone.
func (t *turn) emit(e Event) bool {
	if t.gone {
		return false
	}
	t.gone = true
	t.gone = !t.yield(e, nil)
	return !t.gone
}

// save writes to the history, also when the turn has been stopped.
func (t *turn) save(messages ...store.Message) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), saveTime)
	defer cancel()
	if err := t.History.Append(ctx, messages...); err != nil {
		return fmt.Errorf("save the conversation: %w", err)
	}
	return nil
}

// keeping is a message on its way into the history.
type keeping struct {
	message store.Message
	done    chan error
}

// keep begins to write the message that the chain now ends with. Nothing is
// announced or written before kept says that it is there.
func (t *turn) keep(m store.Message) {
	k := &keeping{m, make(chan error, 1)}
	t.aside = k
	go func() {
		var err error
		defer func() { k.done <- err }()
		defer t.recovered("the history", &err)
		err = t.save(m)
	}()
}

// kept waits until the message that keep was given is in the history, and says
// so. It does nothing if there is none.
func (t *turn) kept() error {
	if t.aside == nil {
		return nil
	}
	k := t.aside
	t.aside = nil
	if err := <-k.done; err != nil {
		return err
	}
	if !t.emit(Appended{k.message}) {
		return errGone
	}
	return nil
}

// failed wraps an error with what was being done, unless the turn was stopped.
func (t *turn) failed(doing string, err error) error {
	if t.ctx.Err() != nil {
		return errStopped
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// recovered is deferred where foreign code runs: a panic in it becomes an error
// and ends neither the program nor the history.
func (t *turn) recovered(what string, err *error) {
	if p := recover(); p != nil {
		t.Logger.Error("a panic was caught", "in", what, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = fmt.Errorf("%s failed inside Drawbridge; the log says more", what)
	}
}
