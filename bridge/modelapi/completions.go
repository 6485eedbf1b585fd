package modelapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// completionRules are the fields of a request to /v1/chat/completions.
var completionRules = map[string]rule{
	"model": anything, "messages": anything, "tools": anything, "tool_choice": anything, "stream": anything, "stream_options": anything,
	"max_tokens": anything, "max_completion_tokens": anything, "temperature": anything, "top_p": anything,
	"reasoning_effort": anything, "response_format": anything, "metadata": anything, "user": anything, "safety_identifier": anything,
	"prompt_cache_key": anything, "prompt_cache_retention": anything, "store": only("true", "false"), "prediction": anything,
	"n": only("1"), "parallel_tool_calls": only("true"), "logprobs": only("false"), "top_logprobs": only("0"),
	"presence_penalty": only("0", "0.0"), "frequency_penalty": only("0", "0.0"), "logit_bias": only("{}"),
	"modalities": only(`["text"]`), "service_tier": only(`"auto"`, `"default"`), "verbosity": only(`"medium"`), "stop": only("[]"),
}

var completionWhy = map[string]string{
	"functions":           "functions is the older form; use tools.",
	"function_call":       "function_call is the older form; use tool_choice.",
	"parallel_tool_calls": responseWhy["parallel_tool_calls"],
	"n":                   "One answer is given to a request; leave n out.",
}

// completions answers POST /v1/chat/completions.
func (h *Handler) completions(w http.ResponseWriter, r *http.Request, c store.Caller) error {
	fields, err := decodeBody(w, r)
	if err != nil {
		return err
	}
	if err := checkFields(fields, completionRules, completionWhy); err != nil {
		return err
	}
	c.Session = "completion/" + store.NewID()
	q, err := h.common(r, c, fields, true)
	if err != nil {
		return err
	}
	usage, err := q.readCompletion()
	if err != nil {
		return err
	}
	in := &messageReader{h: h, q: q}
	if err := in.read(fields["messages"]); err != nil {
		return err
	}
	for _, server := range in.heard {
		h.o.Engine.NoteContent(r.Context(), q.caller, server)
	}
	out := &completionWriter{w: w, q: q, id: "chatcmpl-" + store.NewID(), created: h.o.Now().Unix(), usage: usage}
	run := &run{h: h, q: q, out: out, view: q.view}
	out.start()
	defer func() { out.stream.close() }()
	done, err := run.do(r.Context())
	if err == nil && len(run.open) > 0 {
		h.kept.keep(c.Key, &keptAnswer{id: "call:" + run.open[0], messages: sinceUser(run.made), open: run.open})
	}
	h.note(r.Context(), q, done, err)
	if r.Context().Err() != nil {
		return nil
	}
	return out.end(done, err)
}

// sinceUser returns what follows the last message of the person.
func sinceUser(list []store.Message) []store.Message {
	for i, m := range slices.Backward(list) {
		if m.Role == store.RoleUser {
			return list[i+1:]
		}
	}
	return nil
}

// readCompletion reads the fields that only this format has, and returns whether
// a stream ends with the usage.
func (q *question) readCompletion() (usage bool, err error) {
	f := q.fields
	var most, older int64
	if err := get(f, "max_completion_tokens", &most); err != nil {
		return false, err
	}
	if err := get(f, "max_tokens", &older); err != nil {
		return false, err
	}
	q.maxOutput = max(most, older)
	if most > 0 && older > 0 {
		q.maxOutput = min(most, older)
	}
	if (!isNull(f["max_tokens"]) || !isNull(f["max_completion_tokens"])) && q.maxOutput < 1 {
		return false, bad("max_completion_tokens", "max_completion_tokens should be 1 or more.")
	}
	if err := get(f, "reasoning_effort", &q.sampling.Effort); err != nil {
		return false, err
	}
	var options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	if err := get(f, "stream_options", &options); err != nil {
		return false, err
	}
	var format *struct {
		Type   string `json:"type"`
		Schema struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Schema      json.RawMessage `json:"schema"`
			Strict      *bool           `json:"strict"`
		} `json:"json_schema"`
	}
	if err := get(f, "response_format", &format); err != nil {
		return false, err
	}
	if format != nil {
		s := format.Schema
		err = q.readFormat("response_format", format.Type, &model.Format{Name: s.Name, Description: s.Description, Schema: s.Schema, Strict: s.Strict})
	}
	return options.IncludeUsage, err
}

// messageReader reads the messages of a request.
type messageReader struct {
	h     *Handler
	q     *question
	heard []string // servers whose content stands in steps that were not shown
}

type wireMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Refusal    *string         `json:"refusal"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  []struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Function *struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
	FunctionCall json.RawMessage `json:"function_call"`
	Audio        json.RawMessage `json:"audio"`
}

func (in *messageReader) read(raw json.RawMessage) error {
	var list []wireMessage
	if isNull(raw) || json.Unmarshal(raw, &list) != nil {
		return bad("messages", "messages should be an array of messages.")
	}
	if len(list) > maxItems {
		return bad("messages", fmt.Sprintf("messages has more than %d messages.", maxItems))
	}
	for i, m := range list {
		if err := in.message(fmt.Sprintf("messages[%d]", i), m); err != nil {
			return err
		}
	}
	_, err := in.q.history.messages()
	return err
}

func (in *messageReader) message(at string, m wireMessage) error {
	hist := &in.q.history
	parts, err := hist.content(at+".content", m.Content)
	if err != nil {
		return err
	}
	switch m.Role {
	case "system", "developer":
		in.q.system = strings.TrimSpace(in.q.system + "\n\n" + parts.Text())
	case "user":
		hist.user(parts)
	case "assistant":
		if !isNull(m.FunctionCall) || !isNull(m.Audio) {
			return unsupported(at, "function_call and audio of a message are not taken here.")
		}
		return in.assistant(at, m, parts)
	case "tool":
		if !hist.result(m.ToolCallID, tools.Result{Content: parts}) {
			return bad(at+".tool_call_id", fmt.Sprintf("There is no call %q before %s that is still to be answered.", clip(m.ToolCallID, 80), at))
		}
	default:
		return bad(at+".role", fmt.Sprintf("The role %q is not known; use user, assistant, system, developer or tool.", clip(m.Role, 50)))
	}
	return nil
}

// assistant takes an answer. Where this key got it here, the steps that were not
// shown come back in front of it.
func (in *messageReader) assistant(at string, m wireMessage, parts store.Parts) error {
	hist := &in.q.history
	if m.Refusal != nil && *m.Refusal != "" {
		parts = append(parts, store.Text{Text: *m.Refusal})
	}
	if len(m.ToolCalls) > 0 {
		in.hidden(m.ToolCalls[0].ID)
	}
	hist.said(parts)
	for i, c := range m.ToolCalls {
		here := fmt.Sprintf("%s.tool_calls[%d]", at, i)
		if c.Function == nil || c.Type != "" && c.Type != "function" {
			return unsupported(here, "Calls of functions alone are taken here.")
		}
		call := store.ToolCall{ID: c.ID, Name: c.Function.Name, Server: Functions, Tool: c.Function.Name, Arguments: json.RawMessage(c.Function.Arguments)}
		if err := hist.call(here, call, ""); err != nil {
			return err
		}
	}
	return nil
}

// hidden puts in the steps with the person's tools that led to a call.
func (in *messageReader) hidden(id string) {
	a := in.h.kept.answer(in.q.caller.Key, "call:"+id)
	if a == nil {
		return
	}
	for i := 0; i < len(a.messages); i++ {
		m := a.messages[i]
		if m.Role != store.RoleAssistant {
			continue
		}
		var results []store.ToolResult
		if i+1 < len(a.messages) {
			results = a.messages[i+1].Results()
		}
		s := &step{role: store.RoleAssistant, results: map[string]store.ToolResult{}, waits: map[string]string{}}
		for _, p := range m.Parts {
			c, ok := p.(store.ToolCall)
			if !ok || c.Server == "" || c.Server == Functions || in.q.history.has(c.ID) {
				continue
			}
			s.parts, s.calls, s.waits[c.ID] = append(s.parts, c), append(s.calls, c.ID), waitingOutput
			if !slices.Contains(in.heard, c.Server) {
				in.heard = append(in.heard, c.Server)
			}
			for _, r := range results {
				if r.CallID == c.ID {
					s.results[c.ID] = r
				}
			}
		}
		if len(s.calls) > 0 {
			in.q.history.steps = append(in.q.history.steps, s)
		}
	}
}

// completionWriter writes a run as a chat completion.
type completionWriter struct {
	w       http.ResponseWriter
	q       *question
	id      string
	created int64
	usage   bool
	stream  *sse

	said  strings.Builder // text of the answer that grows
	sent  bool            // something of it was sent
	any   bool            // something of any answer was sent
	calls []object
}

func (o *completionWriter) chunk(delta object, finish any) object {
	c := object{
		"id": o.id, "object": "chat.completion.chunk", "created": o.created, "model": o.q.name,
		"choices": []object{{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": nil}},
	}
	if o.usage {
		c["usage"] = nil
	}
	return c
}

func (o *completionWriter) start() {
	if !o.q.stream {
		return
	}
	o.stream = &sse{}
	o.stream.open(o.w)
	o.stream.send("", o.chunk(object{"role": "assistant", "content": ""}, nil))
}

func (o *completionWriter) listed(*entry, *view) {}

func (o *completionWriter) begun() {
	o.said.Reset()
	o.sent = false
}

func (o *completionWriter) text(s string) {
	if s == "" {
		return
	}
	o.said.WriteString(s)
	if o.stream == nil {
		return
	}
	if !o.sent && o.any {
		s = "\n\n" + s // after a step with tools
	}
	o.sent, o.any = true, true
	o.stream.send("", o.chunk(object{"content": s}, nil))
}

func (o *completionWriter) reasoning(string) {}

func (o *completionWriter) void(reason string) error {
	if o.sent {
		return &model.Error{Kind: model.ErrorTransport, Message: reason}
	}
	o.said.Reset()
	return nil
}

func (o *completionWriter) answered() {}

func (o *completionWriter) thought(string) {}

func (o *completionWriter) function(c store.ToolCall) {
	call := object{"id": c.ID, "type": "function", "function": object{"name": c.Tool, "arguments": argumentText(c.Arguments)}}
	if o.stream != nil {
		piece := clone(call)
		piece["index"] = len(o.calls)
		o.stream.send("", o.chunk(object{"tool_calls": []object{piece}}, nil))
	}
	o.calls = append(o.calls, call)
}

func (o *completionWriter) calling(shownCall)                  {}
func (o *completionWriter) called(shownCall, store.ToolResult) {}
func (o *completionWriter) asked(string, shownCall)            {}

func (o *completionWriter) end(d Done, err error) error {
	if err != nil && o.stream == nil {
		return err
	}
	if err != nil {
		o.stream.send("", object{"error": faultOf(err).body()})
		o.stream.close()
		return nil
	}
	finish := "stop"
	switch {
	case len(o.calls) > 0:
		finish = "tool_calls"
	case d.Reason == Length, d.Reason == Steps:
		finish = "length"
	case d.Reason == Filter:
		finish = "content_filter"
	}
	usage := object{
		"prompt_tokens": d.Usage.Input, "completion_tokens": d.Usage.Output, "total_tokens": d.Usage.Input + d.Usage.Output,
		"prompt_tokens_details":     object{"cached_tokens": d.Usage.Cached},
		"completion_tokens_details": object{"reasoning_tokens": d.Usage.Reasoning},
	}
	if o.stream != nil {
		o.stream.send("", o.chunk(object{}, finish))
		if o.usage {
			last := o.chunk(object{}, nil)
			last["choices"], last["usage"] = []object{}, usage
			o.stream.send("", last)
		}
		o.stream.write([]byte("data: [DONE]\n\n"))
		o.stream.close()
		return nil
	}
	message := object{"role": "assistant", "content": nil, "refusal": nil}
	if o.said.Len() > 0 || len(o.calls) == 0 {
		message["content"] = o.said.String()
	}
	if len(o.calls) > 0 {
		message["tool_calls"] = o.calls
	}
	writeJSON(o.w, http.StatusOK, object{
		"id": o.id, "object": "chat.completion", "created": o.created, "model": o.q.name, "usage": usage,
		"choices": []object{{"index": 0, "message": message, "finish_reason": finish, "logprobs": nil}},
	})
	return nil
}
