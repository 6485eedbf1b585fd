package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// # Tool search
//
// Where a conversation has more tools than a model can be offered, the loop
// makes its table with NewSearchTable. The model then looks for tools with
// find_tools and calls them with call_tool:
//
//	switch call.Name {
//	case tools.FindTools:
//		result := table.Find(call.Arguments)      // a result for the model
//	case tools.CallTool:
//		tool, arguments, err := table.Unwrap(call.Arguments)
//		// err is a sentence for the model; otherwise the call goes the same way
//		// as any other: policy, approval and validation see tool and arguments.
//	default:
//		tool, ok := table.Lookup(call.Name)       // models also call by the name they found
//	}

// The bounds of what find_tools answers.
const (
	findDefault = 5
	findMost    = 20
	findBytes   = 24 << 10 // of all
	findOne     = 12 << 10 // of one tool's parameters
	findText    = 1 << 10  // of one tool's description
)

// Find answers a call of find_tools: the tools of the table that match best, with
// their names, descriptions and parameters, as one text that is JSON, of at most
// 24 KiB. It finds only tools of the list that the table was made from. The
// result is an error where the arguments make no sense.
func (t *Table) Find(arguments json.RawMessage) Result {
	if err := CheckArguments(emptyObject(arguments)); err != nil {
		return ErrorResult(err.Error())
	}
	var in struct {
		Query string       `json:"query"`
		Limit *json.Number `json:"limit"`
	}
	if err := json.Unmarshal(emptyObject(arguments), &in); err != nil || strings.TrimSpace(in.Query) == "" {
		return ErrorResult(`find_tools needs a query: say in a few words what the tool should do, for example {"query":"create an issue"}.`)
	}
	limit := findDefault
	if in.Limit != nil {
		if n, err := in.Limit.Float64(); err == nil {
			limit = int(min(max(n, 1), findMost))
		}
	}
	if t.index == nil {
		return ErrorResult("There is nothing to find: every tool of this conversation is offered already.")
	}
	found := t.index().Find(in.Query, limit)
	if len(found) == 0 {
		return textResult("No tool matches. " + t.known())
	}
	return textResult(t.render(found))
}

// render writes what a model needs to call the tools.
func (t *Table) render(found []Tool) string {
	b := []byte("[")
	for i, tool := range found {
		f := t.parts[tool.Ref]
		one := append([]byte(nil), `{"name":`...)
		one = appendString(one, f.Name)
		one = append(one, `,"description":`...)
		one = appendString(one, clipNoted(f.Description, findText))
		switch {
		case len(f.Parameters) <= findOne && len(b)+len(one)+len(f.Parameters) < findBytes:
			one = append(append(one, `,"parameters":`...), f.Parameters...)
		default:
			one = append(one, `,"parameters_left_out":"They are too long to be listed here. Ask again with limit 1 and the tool's name, or call it; if the arguments do not fit, the answer says how."`...)
		}
		one = append(one, '}')
		if len(b)+len(one) >= findBytes {
			break
		}
		if i > 0 {
			b = append(b, ",\n"...)
		}
		b = append(b, one...)
	}
	return string(append(b, ']'))
}

// known tells a model where the tools are from, so that it can ask better.
func (t *Table) known() string {
	var names []string
	for i := range t.list {
		if name := t.list[i].ServerName; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) == 50 {
			break
		}
	}
	if len(names) == 0 {
		return "Try other words."
	}
	return "Try other words. There are tools of these servers: " + clipNoted(strings.Join(names, ", "), findText) + "."
}

// Unwrap reads the arguments of a call of call_tool: the tool that is meant and
// the arguments for it. They are not checked against the tool's schema. The
// error is a sentence for the model.
func (t *Table) Unwrap(arguments json.RawMessage) (Tool, json.RawMessage, error) {
	arguments = emptyObject(arguments)
	if err := CheckArguments(arguments); err != nil {
		return Tool{}, nil, err
	}
	var in struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal(arguments, &in); err != nil || in.Name == "" {
		return Tool{}, nil, argumentsError(`call_tool needs the name of a tool and its arguments, for example {"name":"…","arguments":{}}. find_tools gives the names.`)
	}
	tool, ok := t.Lookup(in.Name)
	if !ok {
		return Tool{}, nil, argumentsError(fmt.Sprintf("There is no tool %.200q here. Use a name that find_tools gave.", in.Name))
	}
	// Some models write the object as a text.
	var text string
	if json.Unmarshal(in.Arguments, &text) == nil {
		in.Arguments = json.RawMessage(text)
	}
	in.Arguments = emptyObject(in.Arguments)
	return tool, in.Arguments, CheckArguments(in.Arguments)
}

// emptyObject takes no arguments, and null, for {}.
func emptyObject(raw json.RawMessage) json.RawMessage {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || string(trimmed) == "null" {
		return json.RawMessage("{}")
	}
	return raw
}
