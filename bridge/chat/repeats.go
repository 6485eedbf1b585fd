package chat

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxRepeats is how often the same may be called in a row before somebody is
// asked.
const maxRepeats = 3

// Pause is why a turn asks whether to go on: it has come to the step limit, or
// the model makes the same calls again and again.
type Pause struct {
	Steps int // calls of the model in this turn
	// Repeated are the calls that come again and again with the same arguments:
	// one, or two that take turns. Empty at the step limit.
	Repeated []store.ToolCall
	Times    int // how often each of them came
}

// String says it in a sentence.
func (p Pause) String() string {
	switch len(p.Repeated) {
	case 0:
		return fmt.Sprintf("The model has been called %d times in this turn.", p.Steps)
	case 1:
		return fmt.Sprintf("The model has called %s with the same arguments %d times in a row.", p.Repeated[0].Name, p.Times)
	}
	return fmt.Sprintf("The model calls %s and %s in turn, each %d times with the same arguments.", p.Repeated[0].Name, p.Repeated[1].Name, p.Times)
}

// mayGoOn asks before a step, if there is a reason to. A DoneReason ends the
// turn.
func (t *turn) mayGoOn(step int, limit *int) (DoneReason, error) {
	pause := Pause{Steps: step}
	end := ReasonLimit
	if step != *limit {
		if pause.Repeated = t.made.found(); len(pause.Repeated) == 0 {
			return "", nil
		}
	}
	if err := t.kept(); err != nil {
		return "", err
	}
	if step == *limit {
		if !t.emit(StepLimit{step}) {
			return "", errGone
		}
	} else {
		pause.Times, end = maxRepeats, ReasonRepeats
		if !t.emit(Repeating{pause}) {
			return "", errGone
		}
	}
	more, err := t.askToContinue(pause)
	if err != nil {
		return "", err
	}
	if !more {
		return end, nil
	}
	if step == *limit {
		*limit += t.StepLimit
	}
	t.made = repeats{}
	return "", nil
}

// askToContinue puts the question to the person.
func (t *turn) askToContinue(pause Pause) (bool, error) {
	if t.in.Approver == nil {
		return false, nil
	}
	type reply struct {
		more bool
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		var r reply
		defer func() { replies <- r }()
		defer t.recovered("the question whether to go on", &r.err)
		r.more, r.err = t.in.Approver.Continue(t.ctx, pause)
	}()
	select {
	case r := <-replies:
		if r.err != nil {
			return false, t.failed("ask whether to go on", r.err)
		}
		return r.more, nil
	case <-t.ctx.Done():
		return false, errStopped
	}
}

// repeats remembers the calls of the last steps.
type repeats struct {
	steps []map[[sha256.Size]byte]store.ToolCall // the newest last, at most 2*maxRepeats
}

// add takes the calls of a step.
func (r *repeats) add(calls []plannedCall) {
	step := make(map[[sha256.Size]byte]store.ToolCall, len(calls))
	for _, c := range calls {
		step[sameCall(c.call)] = c.call
	}
	if len(r.steps) == 2*maxRepeats {
		r.steps = r.steps[1:]
	}
	r.steps = append(r.steps, step)
}

// found returns the call that was in each of the last steps, or two that took
// turns in them.
func (r *repeats) found() []store.ToolCall {
	n := len(r.steps)
	if n >= maxRepeats {
		if c, ok := inAll(r.steps[n-maxRepeats:], 1); ok {
			return []store.ToolCall{c}
		}
	}
	if n >= 2*maxRepeats {
		a, ok1 := inAll(r.steps[n-2*maxRepeats:], 2)
		b, ok2 := inAll(r.steps[n-2*maxRepeats+1:], 2)
		if ok1 && ok2 {
			return []store.ToolCall{a, b}
		}
	}
	return nil
}

// inAll returns a call that is in the first of the steps and in each
// period-th one after it.
func inAll(steps []map[[sha256.Size]byte]store.ToolCall, period int) (store.ToolCall, bool) {
	for key, c := range steps[0] {
		all := true
		for i := period; i < len(steps); i += period {
			if _, ok := steps[i][key]; !ok {
				all = false
				break
			}
		}
		if all {
			return c, true
		}
	}
	return store.ToolCall{}, false
}

// sameCall is equal for calls of the same tool with the same arguments, however
// they are written.
func sameCall(c store.ToolCall) [sha256.Size]byte {
	args := []byte(c.Arguments)
	d := json.NewDecoder(bytes.NewReader(args))
	d.UseNumber()
	var v any
	if d.Decode(&v) == nil {
		if b, err := json.Marshal(v); err == nil { // its keys are sorted
			args = b
		}
	}
	name := c.Server + "\x00" + c.Tool
	if c.Server == "" {
		name = "\x00" + c.Name
	}
	return sha256.Sum256(append([]byte(name+"\x00"), args...))
}
