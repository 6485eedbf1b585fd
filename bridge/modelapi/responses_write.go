package modelapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

type object = map[string]any

// responseWriter writes a run as a response of the Responses API: at once at the
// end, or as its events.
type responseWriter struct {
	w        http.ResponseWriter
	q        *question
	id       string
	created  int64
	keep     bool
	previous string
	stream   *sse // nil writes at the end
	seq      int

	items []object // output
	open  *openItem
	first int                  // index of the first item of the answer that grows
	calls map[string]*openItem // calls that run, by id
}

// openItem is an item that grows: a text, or what the model shows of its
// thinking, or a call.
type openItem struct {
	index int
	item  object
	text  strings.Builder
	kind  string
}

func newResponseWriter(w http.ResponseWriter, q *question, keep bool, previous string, now time.Time) *responseWriter {
	o := &responseWriter{w: w, q: q, id: "resp_" + store.NewID(), created: now.Unix(), keep: keep, previous: previous, calls: map[string]*openItem{}, items: []object{}}
	if q.stream {
		o.stream = &sse{}
	}
	return o
}

// response is the response as it is now.
func (o *responseWriter) response(status string) object {
	q := o.q
	echo := func(name string, otherwise any) any {
		if raw := q.fields[name]; !isNull(raw) {
			return raw
		}
		return otherwise
	}
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return object{
		"id": o.id, "object": "response", "created_at": o.created, "status": status, "background": false,
		"error": nil, "incomplete_details": nil, "instructions": echo("instructions", nil),
		"max_output_tokens": echo("max_output_tokens", nil), "model": q.name, "output": o.items,
		"parallel_tool_calls": true, "previous_response_id": orNull(o.previous),
		"reasoning": echo("reasoning", object{"effort": nil, "summary": nil}), "store": o.keep,
		"temperature": echo("temperature", 1), "text": echo("text", object{"format": object{"type": "text"}}),
		"tool_choice": echo("tool_choice", "auto"), "tools": shownTools(q.fields["tools"]), "top_p": echo("top_p", 1),
		"truncation": "auto", "usage": nil, "user": echo("user", nil), "metadata": echo("metadata", object{}),
	}
}

// shownTools returns the tools of a request without what is secret.
func shownTools(raw json.RawMessage) any {
	var list []object
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return []object{}
	}
	for _, t := range list {
		delete(t, "headers")
		delete(t, "authorization")
	}
	return list
}

// emit sends an event.
func (o *responseWriter) emit(kind string, fields object) {
	if o.stream == nil {
		return
	}
	fields["type"], fields["sequence_number"] = kind, o.seq
	o.seq++
	o.stream.send(kind, fields)
}

func (o *responseWriter) start() {
	if o.stream == nil {
		return
	}
	o.stream.open(o.w)
	o.emit("response.created", object{"response": o.response("in_progress")})
	o.emit("response.in_progress", object{"response": o.response("in_progress")})
}

// add begins an item.
func (o *responseWriter) add(kind string, item object) *openItem {
	i := &openItem{index: len(o.items), item: item, kind: kind}
	o.items = append(o.items, item)
	o.emit("response.output_item.added", object{"output_index": i.index, "item": clone(item)})
	return i
}

func (o *responseWriter) done(i *openItem) {
	o.emit("response.output_item.done", object{"output_index": i.index, "item": clone(i.item)})
}

func clone(item object) object {
	out := make(object, len(item))
	for k, v := range item {
		out[k] = v
	}
	return out
}

func (o *responseWriter) listed(e *entry, v *view) {
	list := []object{}
	for i := range v.list {
		t := &v.list[i]
		if v.by[t.Ref] != e {
			continue
		}
		schema := t.InputSchema
		if len(schema) == 0 {
			schema = json.RawMessage(`{"type":"object"}`)
		}
		list = append(list, object{"name": v.shown[t.Ref], "description": t.Description, "input_schema": schema, "annotations": t.Claims})
	}
	i := o.add("list", object{"id": "mcpl_" + store.NewID(), "type": "mcp_list_tools", "server_label": e.label, "tools": []object{}})
	o.emit("response.mcp_list_tools.in_progress", object{"output_index": i.index, "item_id": i.item["id"]})
	i.item["tools"] = list
	o.emit("response.mcp_list_tools.completed", object{"output_index": i.index, "item_id": i.item["id"]})
	o.done(i)
}

func (o *responseWriter) begun() { o.first = len(o.items) }

// grow returns the item of that kind that grows, and begins it if need be.
func (o *responseWriter) grow(kind string) *openItem {
	if o.open != nil && o.open.kind == kind {
		return o.open
	}
	o.shut("completed")
	if kind == "message" {
		o.open = o.add(kind, object{"id": "msg_" + store.NewID(), "type": "message", "status": "in_progress", "role": "assistant", "content": []object{}})
		o.emit("response.content_part.added", o.at(object{"content_index": 0, "part": textPart("")}))
		return o.open
	}
	o.open = o.add(kind, object{"id": "rs_" + store.NewID(), "type": "reasoning", "summary": []object{}})
	o.emit("response.reasoning_summary_part.added", o.at(object{"summary_index": 0, "part": object{"type": "summary_text", "text": ""}}))
	return o.open
}

// at adds where the open item is.
func (o *responseWriter) at(fields object) object {
	fields["item_id"], fields["output_index"] = o.open.item["id"], o.open.index
	return fields
}

func textPart(text string) object {
	return object{"type": "output_text", "text": text, "annotations": []object{}, "logprobs": []object{}}
}

// shut ends the item that grows.
func (o *responseWriter) shut(status string) {
	if o.open == nil {
		return
	}
	text := o.open.text.String()
	if o.open.kind == "message" {
		o.emit("response.output_text.done", o.at(object{"content_index": 0, "text": text, "logprobs": []object{}}))
		o.emit("response.content_part.done", o.at(object{"content_index": 0, "part": textPart(text)}))
		o.open.item["content"], o.open.item["status"] = []object{textPart(text)}, status
	} else {
		part := object{"type": "summary_text", "text": text}
		o.emit("response.reasoning_summary_text.done", o.at(object{"summary_index": 0, "text": text}))
		o.emit("response.reasoning_summary_part.done", o.at(object{"summary_index": 0, "part": part}))
		o.open.item["summary"] = []object{part}
	}
	o.done(o.open)
	o.open = nil
}

func (o *responseWriter) text(s string) {
	if s == "" {
		return
	}
	o.grow("message").text.WriteString(s)
	o.emit("response.output_text.delta", o.at(object{"content_index": 0, "delta": s, "logprobs": []object{}}))
}

func (o *responseWriter) reasoning(s string) {
	if s == "" {
		return
	}
	o.grow("reasoning").text.WriteString(s)
	o.emit("response.reasoning_summary_text.delta", o.at(object{"summary_index": 0, "delta": s}))
}

// void forgets what came of an answer. What was sent cannot be taken back.
func (o *responseWriter) void(reason string) error {
	if o.stream != nil && len(o.items) > o.first {
		return &model.Error{Kind: model.ErrorTransport, Message: reason}
	}
	o.items, o.open = o.items[:min(o.first, len(o.items))], nil
	return nil
}

func (o *responseWriter) answered() { o.shut("completed") }

// thought gives the program what the provider wants back.
func (o *responseWriter) thought(sealed string) {
	o.done(o.add("thought", object{"id": "rs_" + store.NewID(), "type": "reasoning", "summary": []object{}, "encrypted_content": sealed}))
}

func (o *responseWriter) function(c store.ToolCall) {
	arguments := argumentText(c.Arguments)
	i := o.add("function", object{"id": "fc_" + store.NewID(), "type": "function_call", "status": "in_progress", "call_id": c.ID, "name": c.Tool, "arguments": ""})
	o.emit("response.function_call_arguments.delta", object{"item_id": i.item["id"], "output_index": i.index, "delta": arguments})
	o.emit("response.function_call_arguments.done", object{"item_id": i.item["id"], "output_index": i.index, "name": c.Tool, "arguments": arguments})
	i.item["arguments"], i.item["status"] = arguments, "completed"
	o.done(i)
}

func (o *responseWriter) calling(c shownCall) {
	item := object{
		"id": "mcp_" + store.NewID(), "type": "mcp_call", "status": "in_progress", "approval_request_id": nil,
		"arguments": "", "error": nil, "name": c.name, "output": nil, "server_label": c.label,
	}
	if c.approval != "" {
		item["approval_request_id"] = c.approval
	}
	i := o.add("call", item)
	at := func(fields object) object {
		fields["item_id"], fields["output_index"] = item["id"], i.index
		return fields
	}
	o.emit("response.mcp_call.in_progress", at(object{}))
	o.emit("response.mcp_call_arguments.delta", at(object{"delta": c.arguments}))
	o.emit("response.mcp_call_arguments.done", at(object{"arguments": c.arguments}))
	item["arguments"] = c.arguments
	o.calls[c.id] = i
}

func (o *responseWriter) called(c shownCall, r store.ToolResult) {
	i := o.calls[c.id]
	if i == nil {
		return
	}
	delete(o.calls, c.id)
	text, event := outputText(r), "response.mcp_call.completed"
	if r.IsError {
		event = "response.mcp_call.failed"
		i.item["error"], i.item["status"] = text, "failed"
	} else {
		i.item["output"], i.item["status"] = text, "completed"
	}
	o.emit(event, object{"item_id": i.item["id"], "output_index": i.index})
	o.done(i)
}

func (o *responseWriter) asked(id string, c shownCall) {
	o.done(o.add("asked", object{"id": id, "type": "mcp_approval_request", "arguments": c.arguments, "name": c.name, "server_label": c.label}))
}

// end writes the last event, or the whole response. An error comes back where
// nothing was sent yet.
func (o *responseWriter) end(d Done, err error) error {
	if err != nil && o.stream == nil {
		return err
	}
	status, details := "completed", any(nil)
	switch {
	case err != nil:
		status = "failed"
	case d.Reason == Length:
		status, details = "incomplete", object{"reason": "max_output_tokens"}
	case d.Reason == Filter:
		status, details = "incomplete", object{"reason": "content_filter"}
	case d.Reason == Steps:
		status, details = "incomplete", object{"reason": "max_tool_calls"}
	}
	if status == "completed" {
		o.shut("completed")
	} else {
		o.shut("incomplete")
	}
	for _, i := range o.calls {
		i.item["status"], i.item["error"] = "failed", "The call was cut off. It may or may not have had its effect."
	}
	response := o.response(status)
	response["incomplete_details"] = details
	if err != nil {
		f := faultOf(err)
		code := "server_error"
		if f.status == http.StatusTooManyRequests {
			code = "rate_limit_exceeded"
		}
		response["error"] = object{"code": code, "message": f.message}
	} else {
		response["usage"] = usageOf(d.Usage)
	}
	if o.stream == nil {
		writeJSON(o.w, http.StatusOK, response)
		return nil
	}
	o.emit("response."+status, object{"response": response})
	o.stream.close()
	return nil
}

func usageOf(u store.Usage) object {
	return object{
		"input_tokens": u.Input, "input_tokens_details": object{"cached_tokens": u.Cached},
		"output_tokens": u.Output, "output_tokens_details": object{"reasoning_tokens": u.Reasoning},
		"total_tokens": u.Input + u.Output,
	}
}
