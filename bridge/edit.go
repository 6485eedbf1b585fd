package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// editedReason is what the audit has of a call whose arguments a person changed.
const editedReason = "The person changed the arguments and allowed this call."

// maxEditedTold bounds how much of changed arguments a model is told, in bytes.
const maxEditedTold = 8 << 10

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

// tellEdited has the model know with which arguments the call ran. What rules
// added to those that it gave stays hidden from it.
func tellEdited(r tools.Result, given, asked, arguments json.RawMessage) tools.Result {
	r.Edited = arguments
	told := string(withoutAdded(given, asked, arguments))
	if n := len(told); n > maxEditedTold {
		told = fmt.Sprintf("%s… (%d bytes in all)", strings.ToValidUTF8(told[:maxEditedTold], ""), n)
	}
	words := "The person changed the arguments before they allowed this call. It ran with these instead of yours:\n" + told + "\n\nWhat follows is the result of that."
	r.Content = append(store.Parts{store.Text{Text: words}}, r.Content...)
	return r
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
