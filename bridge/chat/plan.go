package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// What of an answer's calls is run and kept.
const (
	maxCalls    = 128  // calls of one step that are run
	maxCallID   = 256  // bytes; longer ids are replaced
	maxCallName = 256  // bytes of a name that are kept
	maxBroken   = 2000 // bytes of broken arguments that are kept
)

// plannedCall is a call of a whole answer.
type plannedCall struct {
	call store.ToolCall
	tool tools.Tool
	// arguments are what the tool gets.
	arguments json.RawMessage
	// run answers a call of one of Drawbridge's own functions. Nil for tools.
	run func() tools.Result
	// refuse is what the model is told if the call is not run, whatever anybody
	// would allow.
	refuse string
	// managed says that the provider runs it: all there is to do is to answer
	// whether it may. Its result is then empty, or an error that says why not.
	managed bool
}

// openCalls are the calls of the last message in the chain, as far as they have
// results.
type openCalls struct {
	message string // id of the message that holds the calls
	id      string // of the tool message that answers them
	calls   []plannedCall
	results []*store.ToolResult // nil while there is none
	began   []bool              // the call was handed to Tools
	size    int                 // bytes of the results
	created time.Time
	done    bool // all of them came to their end, and nothing broke the step off
}

func newOpenCalls(m store.Message, calls []plannedCall, now time.Time) *openCalls {
	return &openCalls{
		message: m.ID, id: store.NewID(), calls: calls, created: now,
		results: make([]*store.ToolResult, len(calls)), began: make([]bool, len(calls)),
	}
}

// lanes returns the calls by index: those of one lane run in turn, the lanes
// side by side. Calls of a serial server share a lane, each other call has its
// own.
func (o *openCalls) lanes() [][]int {
	lanes := make([][]int, 0, len(o.calls))
	serial := map[string]int{} // server → its lane
	for i, c := range o.calls {
		if !c.tool.Serial || c.refuse != "" {
			lanes = append(lanes, []int{i})
			continue
		}
		n, ok := serial[c.tool.Server]
		if !ok {
			n = len(lanes)
			serial[c.tool.Server] = n
			lanes = append(lanes, nil)
		}
		lanes[n] = append(lanes[n], i)
	}
	return lanes
}

// plan finds the tool of each call by the name that the model was offered, and
// makes the calls safe to keep: ids are unique in the conversation, arguments
// that are no object of JSON become a string.
func (t *turn) plan(parts store.Parts, table *tools.Table) (store.Parts, []plannedCall) {
	var open []plannedCall
	for i, p := range parts {
		call, ok := p.(store.ToolCall)
		if !ok {
			continue
		}
		planned := plannedCall{}
		call.ID = t.callID(call.ID)
		var fault error
		call.Arguments, fault = arguments(call.Arguments)
		planned.arguments = call.Arguments
		tool, found := table.Lookup(call.Name)
		if fault == nil {
			t.own(&call, &planned, table)
		}
		switch {
		case len(open) >= maxCalls:
			planned.refuse = fmt.Sprintf("Only %d tools may be called at once, so this call was not run. Call fewer at a time.", maxCalls)
		case !found && !offers(table, call.Name):
			planned.refuse = t.unknown(call.Name)
		case fault != nil:
			planned.refuse = fault.Error()
		}
		if found {
			call.Server, call.Tool = tool.Server, tool.Tool
			planned.tool = tool
		}
		call.Name = cut(strings.ToValidUTF8(call.Name, "�"), maxCallName)
		planned.call = call
		parts[i] = call
		open = append(open, planned)
	}
	return parts, open
}

// callID returns the id, or a new one if it is empty, odd or was used before in
// this conversation.
func (t *turn) callID(id string) string {
	_, used := t.ids[id]
	odd := strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
	if used || odd || id == "" || len(id) > maxCallID {
		id = "call_" + store.NewID()
	}
	t.ids[id] = struct{}{}
	return id
}

// unknown is what the model is told about a name that it was not offered.
func (t *turn) unknown(name string) string {
	for _, m := range t.chain {
		for _, c := range m.Calls() {
			if c.Name == name && c.Server != "" {
				return fmt.Sprintf("The tool %s is not available in this conversation any more. Go on without it.", name)
			}
		}
	}
	return fmt.Sprintf("There is no tool named %q in this conversation. Use the names exactly as they are offered.", cut(name, maxCallName))
}

// arguments returns arguments as they are kept, and what is wrong with them.
// Nothing is repaired, since a guess might do something else than was meant.
func arguments(raw json.RawMessage) (json.RawMessage, error) {
	if string(raw) == "null" {
		return json.RawMessage("{}"), nil
	}
	fault := tools.CheckArguments(raw)
	if fault == nil {
		return raw, nil
	}
	text := string(raw)
	if s := ""; len(raw) <= tools.MaxArguments && json.Unmarshal(raw, &s) == nil {
		text = s // it was no JSON, or a string, before it came here
	}
	kept, err := json.Marshal(cut(strings.ToValidUTF8(text, "�"), maxBroken))
	if err != nil {
		return json.RawMessage(`""`), errors.Join(fault, err)
	}
	return kept, fault
}

// clean makes a result safe to keep.
func (o *openCalls) clean(r tools.Result) tools.Result {
	const maxResults = 64 << 20 // bytes of all results of one step
	parts := make(store.Parts, 0, len(r.Content))
	size := len(r.Structured)
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Text:
			size += len(p.Text)
		case store.Image:
			size += len(p.Data)
		case store.File:
			size += len(p.Data) + len(p.URI)
		default:
			continue
		}
		parts = append(parts, p)
	}
	r.Content = parts
	if len(r.Structured) > 0 && !json.Valid(r.Structured) {
		r.Structured = nil
	}
	switch {
	case o.size+size > maxResults:
		text := fmt.Sprintf("The tool ran, but the results of this step are longer than %d MB together, so this one was not kept. Ask for less.", maxResults>>20)
		r.Content, r.Structured, r.IsError = store.Parts{store.Text{Text: text}}, nil, true
	case len(r.Content) == 0 && r.IsError && r.Structured == nil:
		r.Content = store.Parts{store.Text{Text: "The tool failed and did not say why."}}
		fallthrough
	default:
		o.size += size
	}
	return r
}

// parts returns the results in the order of the calls: all of them, those that
// are missing as errors, or, while calls run, those that are there.
func (o *openCalls) parts(all bool) store.Parts {
	parts := make(store.Parts, 0, len(o.calls))
	broken := all && !o.done
	for i, c := range o.calls {
		switch {
		case c.managed:
			if a, ok := o.managedAnswer(i, broken); ok {
				parts = append(parts, a)
			}
		case o.results[i] != nil:
			parts = append(parts, *o.results[i])
		case !all:
		case c.refuse != "":
			parts = append(parts, tools.ErrorResult(c.refuse).Part(c.call.ID))
		case o.began[i]:
			parts = append(parts, tools.ErrorResult("The call was stopped while it ran. It may or may not have had its effect.").Part(c.call.ID))
		default:
			parts = append(parts, tools.ErrorResult("The person stopped the answer before this call was run.").Part(c.call.ID))
		}
	}
	return parts
}
