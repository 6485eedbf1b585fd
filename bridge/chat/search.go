package chat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

const (
	// defaultShare is the share of a model's context that tools may take.
	defaultShare = 0.2
	// The bytes that a token of a tool's JSON surely has not more, and hardly
	// less, of. Between these it is worth to count.
	mostBytes, leastBytes = 8, 2.5
)

// table returns the functions that the model is offered: the tools, or, where
// they are more than it takes or than the person wants to spend on them, a
// search over them. Where a result was cut, the model can read on in it.
func (t *turn) table(ref store.ModelRef, offered []tools.Tool, isCut bool) (*tools.Table, error) {
	dialect := t.candidate().Model.Dialect()
	table := t.converter.Table(offered, dialect, false)
	reading := func(table *tools.Table) *tools.Table {
		if isCut {
			return table.WithReadResult()
		}
		return table
	}
	if reading(table).Over() == 0 && !t.overShare(ref, table) {
		return reading(table), nil
	}
	table = reading(t.converter.Table(offered, dialect, true))
	if table.Over() > 0 {
		return nil, &model.Error{Kind: model.ErrorRequest, Message: fmt.Sprintf(
			"This conversation offers %d tools, and the model takes at most %d, which is too few even for a search over them. Switch tools off or choose another model.", len(offered), dialect.MaxTools)}
	}
	return table, nil
}

// overShare reports whether the tools take more of the model's context than
// they may.
func (t *turn) overShare(ref store.ModelRef, table *tools.Table) bool {
	context := t.Limits(ref).Context
	if context <= 0 || len(table.Functions()) <= 2 { // a search takes as many
		return false
	}
	share := t.SearchShare()
	if share <= 0 {
		share = defaultShare
	}
	limit := float64(context) * share
	var size int64
	for _, f := range table.Functions() {
		size += functionBound(f)
	}
	switch size := float64(size); {
	case size <= limit*leastBytes:
		return false
	case size > limit*mostBytes:
		return true
	}
	return float64(t.ruler.table(ref.Model, table)) > limit
}

// searchPrompt tells the model what there is to find.
func searchPrompt(offered []tools.Tool) string {
	const limit = 2 << 10 // bytes of names
	var names []string
	size := 0
	for _, t := range offered {
		name := t.ServerName
		if name == "" {
			name = t.Server
		}
		name = fmt.Sprintf("%q", cut(name, 100))
		if slices.Contains(names, name) {
			continue
		}
		if size += len(name) + 2; size > limit {
			names = append(names, "and others")
			break
		}
		names = append(names, name)
	}
	return fmt.Sprintf("There are %d tools, too many to list. Look for them with %s and call them with %s. They come from these servers: %s.",
		len(offered), tools.FindTools, tools.CallTool, strings.Join(names, ", "))
}

// offers reports whether the table offers one of Drawbridge's own functions.
func offers(table *tools.Table, name string) bool {
	return slices.ContainsFunc(table.Functions(), func(f tools.Function) bool { return f.Name == name && f.Ref == tools.Ref{} })
}

// own plans a call of one of Drawbridge's own functions, if the model was
// offered it. The call of call_tool becomes one of the tool that it names: Name
// and Arguments stay as the model wrote them, and everything else is the tool's.
func (t *turn) own(call *store.ToolCall, planned *plannedCall, table *tools.Table) {
	if !tools.Own(call.Name) || !offers(table, call.Name) {
		return
	}
	arguments := call.Arguments
	switch call.Name {
	case tools.CallTool:
		tool, inner, err := table.Unwrap(arguments)
		if err != nil {
			planned.refuse = err.Error()
		}
		if tool.Ref != (tools.Ref{}) {
			call.Server, call.Tool = tool.Server, tool.Tool
		}
		planned.tool, planned.arguments = tool, inner
		return
	case tools.FindTools:
		planned.run = func() tools.Result { return table.Find(arguments) }
	case tools.ReadResult:
		chain, limit := slices.Clip(t.chain), resultLimit(t.Limits(t.candidate().Ref))
		planned.run = func() tools.Result { return readResult(chain, arguments, limit) }
	}
	call.Tool = call.Name
}

// Meant returns the call that is meant by one that a model made through
// Drawbridge's search: the same call with the arguments that the tool gets. Any
// other comes back as it is.
func Meant(c store.ToolCall) store.ToolCall {
	if _, arguments, ok := wrapped(c); ok {
		c.Arguments = arguments
	}
	return c
}

// wrapped returns the name and the arguments of the tool that a call of
// call_tool names.
func wrapped(c store.ToolCall) (name string, arguments json.RawMessage, ok bool) {
	if c.Name != tools.CallTool || c.Server == "" {
		return "", nil, false
	}
	var in struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal(c.Arguments, &in) != nil {
		return "", nil, false
	}
	var text string
	if json.Unmarshal(in.Arguments, &text) == nil && text != "" {
		in.Arguments = json.RawMessage(text)
	}
	if tools.CheckArguments(in.Arguments) != nil {
		in.Arguments = json.RawMessage("{}")
	}
	return in.Name, in.Arguments, true
}

// renameCalls returns the messages with the calls that were made through the
// search as the table has them: while there is a search they are calls of
// call_tool, and otherwise calls of the tools themselves. It changes nothing in
// those that it gets.
func renameCalls(msgs []store.Message, table *tools.Table) []store.Message {
	out := msgs
	for i, m := range msgs {
		if m.Role != store.RoleAssistant {
			continue
		}
		copied := false
		for k, p := range m.Parts {
			call, ok := p.(store.ToolCall)
			if !ok {
				continue
			}
			name, arguments, ok := wrapped(call)
			if !ok {
				continue
			}
			if table.Search() {
				call.Server, call.Tool = "", "" // its name in this request is the one that it has
			} else {
				call.Name, call.Arguments = name, arguments
			}
			if !copied {
				copied = true
				if &out[0] == &msgs[0] {
					out = slices.Clone(msgs)
				}
				out[i].Parts = slices.Clone(m.Parts)
			}
			out[i].Parts[k] = call
		}
	}
	return out
}
