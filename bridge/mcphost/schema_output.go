package mcphost

import (
	"fmt"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// checkOutput holds a result against the schema that the tool gave for it
// ("Tools: output schema" of the specification). What does not fit is marked as
// an error with a note in front, so that a model does not build on it; the
// result itself stays whole. A result that lacks the structured part altogether
// gets the note alone, since its text is as good as that of any tool.
func (m *Manager) checkOutput(t tools.Tool, r tools.Result) tools.Result {
	if r.IsError || asksFirst(r.Wire) {
		return r // errors have a shape of their own
	}
	err := m.outputs.CheckOutput(t, r.Structured)
	if err == nil {
		return r
	}
	if r.Wire != nil {
		// It is not passed on as it is, so that it says what is wrong with it.
		if whole, err := newResult(r.Wire, nil); err == nil {
			r.Content = whole.Content
		}
		r.Wire = nil
	}
	note := store.Text{Text: fmt.Sprintf("[Drawbridge: %s. What the tool returned follows as it came; do not rely on its shape.]", err)}
	r.Content = append(store.Parts{note}, r.Content...)
	r.IsError = len(r.Structured) > 0
	return r
}
