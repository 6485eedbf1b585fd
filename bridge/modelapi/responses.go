package modelapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// responseRules are the fields of a request to /v1/responses.
var responseRules = map[string]rule{
	"model": anything, "input": anything, "instructions": anything, "tools": anything, "tool_choice": anything, "stream": anything,
	"max_output_tokens": anything, "temperature": anything, "top_p": anything, "reasoning": anything, "text": anything,
	"previous_response_id": anything, "store": only("true", "false"), "metadata": anything, "user": anything,
	"safety_identifier": anything, "prompt_cache_key": anything, "prompt_cache_retention": anything, "include": anything,
	"parallel_tool_calls": only("true"), "background": only("false"), "truncation": only(`"auto"`, `"disabled"`),
	"service_tier": only(`"auto"`, `"default"`), "top_logprobs": only("0"), "stream_options": anything,
}

var responseWhy = map[string]string{
	"background":          "background is not done here: an answer is given while the request is open. Leave it out, and use stream for long answers.",
	"conversation":        "Conversations of OpenAI are not kept here; send the input items, or use previous_response_id.",
	"parallel_tool_calls": "parallel_tool_calls cannot be switched off here; calls of a server that needs it run in turn anyway.",
	"prompt":              "Prompts that OpenAI keeps are not known here; send instructions and input.",
}

// responses answers POST /v1/responses.
func (h *Handler) responses(w http.ResponseWriter, r *http.Request, c store.Caller) error {
	fields, err := decodeBody(w, r)
	if err != nil {
		return err
	}
	if err := checkFields(fields, responseRules, responseWhy); err != nil {
		return err
	}
	c.Session = "response/" + store.NewID()
	keep := true
	if err := get(fields, "store", &keep); err != nil {
		return err
	}
	var previous string
	if err := get(fields, "previous_response_id", &previous); err != nil {
		return err
	}
	var before *keptAnswer
	if previous != "" {
		if strings.HasPrefix(previous, "resp_") {
			before = h.kept.answer(c.Key, previous)
		}
		if before == nil {
			return &fault{status: http.StatusBadRequest, code: "previous_response_not_found", param: "previous_response_id", message: fmt.Sprintf("There is no response %q of this key here (any more): they are kept for an hour, in memory. Send the input items instead.", clip(previous, 80))}
		}
		c.Session = before.session
	}
	q, err := h.common(r, c, fields, false)
	if err != nil {
		return err
	}
	if before != nil {
		q.history.begin(before)
		for _, e := range q.offer.entries {
			e.listed = slices.Contains(before.listed, e.label)
		}
	}
	if err := q.readResponse(); err != nil {
		return err
	}
	in := &inputReader{h: h, q: q, ctx: r.Context(), asked: map[string]*askedItem{}, before: before}
	if err := in.read(fields["input"]); err != nil {
		return err
	}
	out := newResponseWriter(w, q, keep, previous, h.o.Now())
	run := &run{h: h, q: q, out: out, view: q.view}
	out.start()
	defer func() { out.stream.close() }()
	for _, e := range q.offer.entries {
		if !e.listed {
			out.listed(e, q.view)
		}
	}
	done, err := run.do(r.Context())
	if err == nil && keep {
		h.kept.keep(c.Key, &keptAnswer{id: out.id, messages: run.made, session: c.Session, open: run.open, listed: q.offer.labels(before)})
	}
	h.note(r.Context(), q, done, err)
	if r.Context().Err() != nil {
		return nil // nobody is there
	}
	return out.end(done, err)
}

// labels returns those whose tools the program was told.
func (o *offer) labels(before *keptAnswer) []string {
	var out []string
	if before != nil {
		out = slices.Clone(before.listed)
	}
	for _, e := range o.entries {
		if !slices.Contains(out, e.label) {
			out = append(out, e.label)
		}
	}
	return out
}

// note has the audit keep how a request ended.
func (h *Handler) note(ctx context.Context, q *question, done Done, err error) {
	ctx = context.WithoutCancel(ctx)
	name := q.model.Provider + "/" + q.model.Model
	switch {
	case err == nil:
		h.o.Engine.Note(ctx, q.caller, name, "allow", fmt.Sprintf("The model answered with %d tokens for %d.", done.Usage.Output, done.Usage.Input))
	case errors.Is(err, store.ErrDenied):
		h.o.Engine.Note(ctx, q.caller, name, "deny", sentence(err))
	default:
		h.o.Engine.Note(ctx, q.caller, name, "allow", "The model was asked and did not answer to the end.")
	}
}

// readResponse reads the fields that only this format has.
func (q *question) readResponse() error {
	f := q.fields
	if err := get(f, "instructions", &q.system); err != nil {
		return err
	}
	if err := get(f, "max_output_tokens", &q.maxOutput); err != nil {
		return err
	}
	if raw := f["max_output_tokens"]; !isNull(raw) && q.maxOutput < 1 {
		return bad("max_output_tokens", "max_output_tokens should be 1 or more.")
	}
	if raw := f["reasoning"]; !isNull(raw) {
		if err := onlyFields("reasoning", raw, []string{"effort", "summary", "generate_summary"}); err != nil {
			return err
		}
		var o struct {
			Effort string `json:"effort"`
		}
		if err := get(f, "reasoning", &o); err != nil {
			return err
		}
		q.sampling.Effort = o.Effort
	}
	var include []string
	if err := get(f, "include", &include); err != nil {
		return err
	}
	for _, what := range include {
		if what != includeThoughts {
			return unsupported("include", fmt.Sprintf("%q cannot be included here.", clip(what, 80)))
		}
		q.thoughts = true
	}
	var text struct {
		Format *struct {
			Type        string          `json:"type"`
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Schema      json.RawMessage `json:"schema"`
			Strict      *bool           `json:"strict"`
		} `json:"format"`
		Verbosity *string `json:"verbosity"`
	}
	if raw := f["text"]; !isNull(raw) {
		if err := onlyFields("text", raw, []string{"format", "verbosity"}); err != nil {
			return err
		}
	}
	if err := get(f, "text", &text); err != nil {
		return err
	}
	if text.Verbosity != nil && *text.Verbosity != "medium" {
		return unsupported("text.verbosity", "text.verbosity cannot be kept to here. Leave it out.")
	}
	if t := text.Format; t != nil {
		return q.readFormat("text.format", t.Type, &model.Format{Name: t.Name, Description: t.Description, Schema: t.Schema, Strict: t.Strict})
	}
	return nil
}

func (q *question) readFormat(at, kind string, f *model.Format) error {
	switch kind {
	case "", "text":
		return nil
	case "json_object":
		f = &model.Format{}
	case "json_schema":
		if isNull(f.Schema) || !functionName.MatchString(f.Name) {
			return bad(at, at+" needs a name and a schema.")
		}
	default:
		return unsupported(at+".type", fmt.Sprintf("The form %q is not known here.", clip(kind, 50)))
	}
	q.sampling.Format = f
	return nil
}

// inputReader reads the items of input.
type inputReader struct {
	h      *Handler
	q      *question
	ctx    context.Context
	asked  map[string]*askedItem // mcp_approval_request items of the input, by id
	before *keptAnswer
}

type askedItem struct {
	label, name string
	arguments   json.RawMessage
	ref         tools.Ref
	answered    bool // by a response, or by the call that came of it
	used        bool // it was approved, and nothing is open under its id
}

type wireItem struct {
	Type              string          `json:"type"`
	Role              string          `json:"role"`
	Content           json.RawMessage `json:"content"`
	ID                string          `json:"id"`
	CallID            string          `json:"call_id"`
	Name              string          `json:"name"`
	Arguments         string          `json:"arguments"`
	Output            json.RawMessage `json:"output"`
	ServerLabel       string          `json:"server_label"`
	Error             json.RawMessage `json:"error"`
	ApprovalRequestID *string         `json:"approval_request_id"`
	Approve           *bool           `json:"approve"`
	Reason            string          `json:"reason"`
	Encrypted         *string         `json:"encrypted_content"`
}

func (in *inputReader) read(raw json.RawMessage) error {
	hist := &in.q.history
	var text string
	if !isNull(raw) && json.Unmarshal(raw, &text) == nil {
		hist.user(store.Parts{store.Text{Text: text}})
		return in.finish()
	}
	var items []json.RawMessage
	if !isNull(raw) && json.Unmarshal(raw, &items) != nil {
		return bad("input", "input should be a text or an array of items.")
	}
	if len(items) > maxItems {
		return bad("input", fmt.Sprintf("input has more than %d items.", maxItems))
	}
	for i, raw := range items {
		if err := in.item(fmt.Sprintf("input[%d]", i), raw); err != nil {
			return err
		}
	}
	return in.finish()
}

func (in *inputReader) item(at string, raw json.RawMessage) error {
	var it wireItem
	if err := json.Unmarshal(raw, &it); err != nil {
		return bad(at, at+" cannot be read: "+clip(err.Error(), 200)+".")
	}
	hist := &in.q.history
	switch it.Type {
	case "", "message":
		parts, err := hist.content(at+".content", it.Content)
		if err != nil {
			return err
		}
		switch it.Role {
		case "user":
			hist.user(parts)
		case "assistant":
			hist.said(parts)
		case "system", "developer":
			in.q.system = strings.TrimSpace(in.q.system + "\n\n" + parts.Text())
		default:
			return bad(at+".role", fmt.Sprintf("The role %q is not known; use user, assistant, system or developer.", clip(it.Role, 50)))
		}
		return nil
	case "reasoning":
		return in.thought(at, it.Encrypted)
	case "mcp_list_tools":
		// What a program says that a server offers is not believed, but that it knows
		// the list.
		for _, e := range in.q.offer.entries {
			e.listed = e.listed || e.label == it.ServerLabel
		}
		return nil
	case "function_call":
		return hist.call(at, store.ToolCall{ID: it.CallID, Name: it.Name, Server: Functions, Tool: it.Name, Arguments: json.RawMessage(it.Arguments)}, "")
	case "function_call_output":
		parts, err := hist.content(at+".output", it.Output)
		if err != nil {
			return err
		}
		if !hist.result(it.CallID, tools.Result{Content: parts}) {
			return bad(at+".call_id", fmt.Sprintf("No tool call found for function call output with call_id %s.", clip(it.CallID, 80)))
		}
		return nil
	case "mcp_call":
		return in.mcpCall(at, it)
	case "mcp_approval_request":
		return in.approvalRequest(at, it)
	case "mcp_approval_response":
		return in.approvalResponse(at, it)
	case "item_reference":
		return unsupported(at, "Items are not kept here under their ids; send the item itself, or use previous_response_id.")
	}
	return unsupported(at+".type", fmt.Sprintf("Items of the type %q are not taken here.", clip(it.Type, 50)))
}

// named returns the tool that an item names, if it is offered in this request.
func (in *inputReader) named(it wireItem) (c store.ToolCall) {
	c = store.ToolCall{ID: it.ID, Name: it.Name, Arguments: json.RawMessage(it.Arguments)}
	if it.Arguments == "" {
		c.Arguments = json.RawMessage("{}")
	}
	if t, ok := in.q.view.find(it.ServerLabel, it.Name); ok {
		c.Server, c.Tool = t.Server, t.Tool
	}
	return c
}

// noteContent notes that what a server said stands in the input, as the program
// says; where it cannot be told which server it was, it may be any of the label,
// or of all.
func (in *inputReader) noteContent(c store.ToolCall, label string) {
	servers := []string{c.Server}
	if c.Server == "" {
		servers = nil
		for _, e := range in.q.offer.entries {
			if e.label == label {
				servers = e.servers
			}
		}
		if servers == nil {
			for _, s := range in.h.o.Engine.Servers(in.q.caller) {
				servers = append(servers, s.ID)
			}
		}
	}
	for _, s := range servers {
		in.h.o.Engine.NoteContent(in.ctx, in.q.caller, s)
	}
}

// mcpCall takes a call that the program says was run. It is a text like any
// other: nothing runs for it, and nothing is allowed by it.
func (in *inputReader) mcpCall(at string, it wireItem) error {
	c := in.named(it)
	in.noteContent(c, it.ServerLabel)
	result := tools.Result{}
	var output string
	if json.Unmarshal(it.Output, &output) == nil && output != "" {
		result.Content = store.Parts{store.Text{Text: output}}
	}
	if !isNull(it.Error) {
		var text string
		if json.Unmarshal(it.Error, &text) != nil {
			text = string(it.Error)
		}
		result = tools.ErrorResult(text)
	}
	if it.ApprovalRequestID != nil {
		if a := in.asked[*it.ApprovalRequestID]; a != nil && in.q.history.result(*it.ApprovalRequestID, result) {
			a.answered = true
			return nil
		}
	}
	if err := in.q.history.call(at, c, waitingOutput); err != nil {
		return err
	}
	in.q.history.result(c.ID, result)
	return nil
}

func (in *inputReader) approvalRequest(at string, it wireItem) error {
	c := in.named(it)
	if err := in.q.history.call(at, c, "Nobody has answered whether this call may run, so it was not run."); err != nil {
		return err
	}
	in.asked[it.ID] = &askedItem{label: it.ServerLabel, name: it.Name, arguments: c.Arguments, ref: tools.Ref{Server: c.Server, Tool: c.Tool}}
	return nil
}

func (in *inputReader) approvalResponse(at string, it wireItem) error {
	if it.ApprovalRequestID == nil || it.Approve == nil {
		return bad(at, at+" needs approval_request_id and approve.")
	}
	id := *it.ApprovalRequestID
	item, open := in.asked[id], in.h.kept.open(in.q.caller.Key, id)
	kept := open != nil && in.before != nil && slices.ContainsFunc(in.before.messages, func(m store.Message) bool {
		return slices.ContainsFunc(m.Calls(), func(c store.ToolCall) bool { return c.ID == open.callID })
	})
	if item == nil && !kept || slices.Contains(in.q.used, id) {
		return bad(at+".approval_request_id", fmt.Sprintf("There is no approval request %q before this response, or it was answered already.", clip(id, 80)))
	}
	if item != nil {
		if item.answered {
			return bad(at+".approval_request_id", "This approval request was answered already.")
		}
		item.answered = true
		if open != nil && (open.label != item.label || open.name != item.name || !sameJSON(open.arguments, item.arguments)) {
			return bad(at+".approval_request_id", "The approval request in the input is not the one that was made: its server, name or arguments differ.")
		}
	}
	if !*it.Approve {
		call := id
		if item == nil {
			call = open.callID
		}
		reason := "The call was not approved."
		if it.Reason != "" {
			reason += " " + clip(it.Reason, 2000)
		}
		if open != nil {
			in.q.used = append(in.q.used, id)
		}
		in.q.history.replace(call, tools.ErrorResult(reason))
		return nil
	}
	if open == nil {
		// It may be an old one, whose call follows; finish looks.
		item.answered, item.used = false, true
		return nil
	}
	e := in.q.view.by[open.ref]
	if e == nil || e.label != open.label {
		return bad(at+".approval_request_id", "The tool of this approval is not among the tools of this request that the key may use.")
	}
	approved := *open
	if item != nil {
		approved.callID = id
	}
	in.q.used = append(in.q.used, id)
	in.q.approved = append(in.q.approved, &approved)
	in.q.history.replace(approved.callID, tools.ErrorResult(waitingApproval))
	return nil
}

// finish uses up the approvals, once everything else is found good.
func (in *inputReader) finish() error {
	for id, a := range in.asked {
		if a.used && !a.answered {
			return bad("input", fmt.Sprintf("The approval %q is none of this key's, was used already, or is too old: an approval counts once, for an hour.", clip(id, 80)))
		}
	}
	if _, err := in.q.history.messages(); err != nil {
		return err
	}
	if len(in.q.used) > 0 && !in.h.kept.use(in.q.caller.Key, in.q.used) {
		return bad("input", "An approval of this request was used meanwhile.")
	}
	return nil
}
