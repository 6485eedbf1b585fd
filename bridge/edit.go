package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// editedReason is what the audit has of a call whose arguments a person changed.
const editedReason = "The person changed the arguments and allowed this call."

// edit is what a person makes of the arguments of a call while they are asked
// about it. A nil edit has nothing changed.
type edit struct {
	g     guard
	ref   tools.Ref
	asked json.RawMessage // with what rules add

	mu   sync.Mutex      // protects what follows; never held while something is checked
	open bool            // the question is
	args json.RawMessage // nil while nothing is changed
}

// begin opens the edit for a question, anew for each.
func (e *edit) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open, e.args = true, nil
}

// set is tools.Verdict.Edit.
func (e *edit) set(given json.RawMessage) error {
	if err := tools.CheckArguments(given); err != nil {
		return err
	}
	arguments, verdict := e.g.b.policy.Arguments(e.ref, given)
	if verdict.Decision != tools.Allow {
		return &refusedEdit{verdict.Reason, verdict.Err}
	}
	tool := e.g.b.catalogue.lookup(e.ref)
	if tool == nil {
		return fmt.Errorf("the tool is not there any more, so nothing can be changed about its call (%w)", store.ErrNotFound)
	}
	if err := e.g.b.validator.Check(*tool, arguments); err != nil {
		return err
	}
	if same(arguments, e.asked) {
		arguments = nil
	} else {
		arguments = bytes.Clone(arguments)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.open {
		return fmt.Errorf("the question is answered already, so the arguments stay as they are (%w)", store.ErrInvalid)
	}
	e.args = arguments
	return nil
}

// stop closes the edit and returns the arguments, nil for those of the model.
func (e *edit) stop() json.RawMessage {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open = false
	return e.args
}

// same reports whether two documents differ in nothing but spaces.
func same(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// refusedEdit is a sentence of the policy.
type refusedEdit struct {
	sentence string
	kind     error
}

func (e *refusedEdit) Error() string { return e.sentence }
func (e *refusedEdit) Unwrap() error { return e.kind }

// tellEdited has whoever made the call know with which arguments it ran. What
// rules added to those that it gave stays hidden from it.
func tellEdited(r tools.Result, given, asked, arguments json.RawMessage) tools.Result {
	r.Edited = arguments
	told := withoutAdded(given, asked, arguments)
	note := tools.EditedNote(told)
	if r.Refusal != nil {
		refusal := *r.Refusal
		refusal.Message = note.Text + " " + refusal.Message
		r.Refusal = &refusal
	}
	if r.Wire != nil {
		r.Wire = tellOnWire(r.Wire, note, told)
		return r
	}
	r.Content = append(store.Parts{note}, r.Content...)
	return r
}

// editedMeta is where a program finds in a result's metadata the arguments that
// the call ran with, where a person changed its own. A program that reads only the
// structured part of results sees no note in their content.
const editedMeta = "drawbridge/editedArguments"

// tellOnWire puts the note before the content of a result that is passed on as the
// server sent it. What is no result yet, since the server asks something first,
// stays as it is: the program makes the call again, and the person is asked again.
func tellOnWire(wire json.RawMessage, note store.Text, told json.RawMessage) json.RawMessage {
	var result, meta map[string]json.RawMessage
	if json.Unmarshal(wire, &result) != nil || result == nil || string(result["resultType"]) == `"input_required"` {
		return wire
	}
	var content []json.RawMessage
	if raw := result["content"]; len(raw) > 0 && json.Unmarshal(raw, &content) != nil {
		return wire
	}
	if raw := result["_meta"]; len(raw) > 0 && json.Unmarshal(raw, &meta) != nil {
		return wire
	}
	if meta == nil {
		meta = map[string]json.RawMessage{}
	}
	first, err := json.Marshal(map[string]string{"type": "text", "text": note.Text})
	if err != nil {
		return wire
	}
	meta[editedMeta] = told
	for name, value := range map[string]any{"content": append([]json.RawMessage{first}, content...), "_meta": meta} {
		raw, err := json.Marshal(value)
		if err != nil {
			return wire
		}
		result[name] = raw
	}
	out, err := json.Marshal(result)
	if err != nil {
		return wire
	}
	return out
}

// withoutAdded returns the arguments without the members that asked has and given
// has not: no edit can change those, since a rule fixes them.
func withoutAdded(given, asked, arguments json.RawMessage) json.RawMessage {
	var g, a, out map[string]json.RawMessage
	if json.Unmarshal(asked, &a) != nil || json.Unmarshal(arguments, &out) != nil {
		return arguments // they were checked before, so this does not happen
	}
	if json.Unmarshal(given, &g) != nil {
		g = nil // the model gave none
	}
	added := false
	for name := range a {
		if _, ok := g[name]; !ok {
			delete(out, name)
			added = true
		}
	}
	if !added {
		return arguments
	}
	b, err := json.Marshal(out)
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}
