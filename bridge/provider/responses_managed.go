package provider

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// The items of the Responses API about servers that the service connects to
// itself.
const (
	itemManagedList = "mcp_list_tools"
	itemManagedCall = "mcp_call"
	itemManagedAsk  = "mcp_approval_request"
)

// managedItem is what else counts of such an item.
type managedItem struct {
	ServerLabel string          `json:"server_label"`
	Output      json.RawMessage `json:"output"`
	Error       json.RawMessage `json:"error"`
	Status      string          `json:"status"`
	Tools       []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"input_schema"`
	} `json:"tools"`
}

// managedLabels returns the ids of the servers by their labels.
func managedLabels(servers []model.ManagedServer) map[string]string {
	out := make(map[string]string, len(servers))
	for _, m := range servers {
		out[m.Label] = m.Server
	}
	return out
}

// managedTool has the service connect to a server, and returns false for one of
// which it may use nothing. Every tool is asked about first but those that are
// named as free: a tool that the service finds and that is not in the list
// never runs unasked, even where the list itself is not heeded.
func managedTool(m model.ManagedServer) (responses.ToolUnionParam, bool, error) {
	if len(m.Tools) == 0 {
		return responses.ToolUnionParam{}, false, nil
	}
	type names struct {
		ToolNames []string `json:"tool_names"`
	}
	type approval struct {
		Always *names `json:"always,omitempty"`
		Never  *names `json:"never,omitempty"`
	}
	tool := struct {
		Type            string            `json:"type"`
		ServerLabel     string            `json:"server_label"`
		ServerURL       string            `json:"server_url"`
		Headers         map[string]string `json:"headers,omitempty"`
		AllowedTools    []string          `json:"allowed_tools"`
		RequireApproval any               `json:"require_approval"`
	}{Type: "mcp", ServerLabel: m.Label, ServerURL: m.URL}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		if tool.Headers == nil {
			tool.Headers = map[string]string{}
		}
		tool.Headers[name] = m.Headers[name].Reveal()
	}
	var asks, free []string
	for _, t := range m.Tools {
		tool.AllowedTools = append(tool.AllowedTools, t.Ref.Tool)
		if t.Always {
			free = append(free, t.Ref.Tool)
		} else {
			asks = append(asks, t.Ref.Tool)
		}
	}
	tool.RequireApproval = "always"
	if len(free) > 0 {
		a := approval{Never: &names{free}}
		if len(asks) > 0 {
			a.Always = &names{asks}
		}
		tool.RequireApproval = a
	}
	raw, err := json.Marshal(tool)
	return param.Override[responses.ToolUnionParam](json.RawMessage(raw)), true, err
}

// managedHead tells the items of managed calls from the other opaque items.
type managedHead struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	ServerLabel string `json:"server_label"`
}

func readManagedItem(data json.RawMessage) (managedHead, bool) {
	var h managedHead
	if json.Unmarshal(data, &h) != nil {
		return managedHead{}, false
	}
	switch h.Type {
	case itemManagedList, itemManagedCall, itemManagedAsk:
		return h, true
	}
	return managedHead{}, false
}

// echoed returns the ids of the message's items that go back: those of this
// entry and model, of servers that the service still connects to. A question
// goes back only with its answer.
func echoed(m store.Message, ref store.ModelRef, labels map[string]string, answers []store.ManagedAnswer) map[string]bool {
	out := map[string]bool{}
	for _, p := range m.Parts {
		o, ok := p.(store.Opaque)
		if !ok || o.Model != ref {
			continue
		}
		h, ok := readManagedItem(o.Data)
		if _, here := labels[h.ServerLabel]; !ok || !here || h.ID == "" {
			continue
		}
		if h.Type == itemManagedAsk && !slices.ContainsFunc(answers, func(a store.ManagedAnswer) bool { return a.CallID == h.ID }) {
			continue
		}
		out[h.ID] = true
	}
	return out
}

// managedAnswers writes what the person said to the questions that go back.
func managedAnswers(answers []store.ManagedAnswer, echo map[string]bool) []responses.ResponseInputItemUnionParam {
	var out []responses.ResponseInputItemUnionParam
	for _, a := range answers {
		if !echo[a.CallID] {
			continue
		}
		item := responses.ResponseInputItemMcpApprovalResponseParam{ApprovalRequestID: a.CallID, Approve: a.Approve}
		if a.Reason != "" {
			item.Reason = param.NewOpt(a.Reason)
		}
		out = append(out, responses.ResponseInputItemUnionParam{OfMcpApprovalResponse: &item})
	}
	return out
}

// managedBegin announces a call that the service runs.
func (a *responsesAnswer) managedBegin(s *responsesSlot, item responsesItem) {
	s.args.WriteString(looseText(item.Arguments))
	s.managed = store.ManagedCall{ID: item.ID, Server: a.labels[item.ServerLabel], Tool: item.Name, State: store.ManagedRunning}
	a.out = append(a.out, model.ManagedDelta{Call: s.managed})
}

// managedArguments tells the arguments once they are whole, before the call
// runs.
func (a *responsesAnswer) managedArguments(s *responsesSlot, whole string) {
	if s.managed.ID == "" || s.done {
		return
	}
	if whole == "" {
		whole = s.args.String()
	}
	a.size += len(whole)
	s.managed.Arguments = managedJSON(whole)
	a.out = append(a.out, model.ManagedDelta{Call: s.managed})
}

// managedDone takes an item that is whole.
func (a *responsesAnswer) managedDone(s *responsesSlot, item responsesItem, raw json.RawMessage) error {
	if item.ID == "" || a.ids[item.ID] {
		return errFormat // it could not be answered, or would be taken for another
	}
	a.ids[item.ID] = true
	server := a.labels[item.ServerLabel]
	a.size += len(raw)
	switch item.Type {
	case itemManagedList:
		d := model.ListingDelta{Server: server, Error: quote(managedFault(item.Error), a.secrets, maxErrorText)}
		for _, t := range item.Tools {
			d.Tools = append(d.Tools, model.ListedTool{Name: t.Name, Description: t.Description, InputSchema: t.InputSchema})
		}
		a.out = append(a.out, d)
	default:
		c := store.ManagedCall{ID: item.ID, Server: server, Tool: item.Name, Arguments: managedJSON(looseText(item.Arguments)), State: store.ManagedAsked}
		if item.Type == itemManagedCall {
			c.State = store.ManagedDone
			text := looseText(item.Output)
			if fault := managedFault(item.Error); fault != "" {
				c.IsError, text = true, scrub(fault, a.secrets)
			} else if item.Status == "failed" || item.Status == "incomplete" {
				c.IsError = true
			}
			if text != "" {
				c.Content = store.Parts{store.Text{Text: text}}
			}
		}
		a.out = append(a.out, model.ManagedDelta{Call: c})
	}
	a.opaque(raw)
	return nil
}

// managedFault reads an error of such an item: a text, or an object with a
// message, or with the content that the tool returned.
func managedFault(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '{' {
		return looseText(raw)
	}
	var e struct {
		Message string `json:"message"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	}
	if json.Unmarshal(raw, &e) == nil {
		text := e.Message
		for _, c := range e.Content {
			if c.Text != "" && text != "" {
				text += "\n"
			}
			text += c.Text
		}
		if text != "" {
			return text
		}
	}
	return string(raw)
}

// managedJSON returns arguments as JSON, whatever they are.
func managedJSON(text string) json.RawMessage {
	if text == "" {
		return json.RawMessage("{}")
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	b, err := json.Marshal(text)
	if err != nil {
		panic("provider: a string always encodes: " + err.Error())
	}
	return b
}
