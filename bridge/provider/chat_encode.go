package provider

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// chatBody writes the body of a request to Chat Completions, with those of the
// optional fields that may be used.
func chatBody(req model.Request, q quirks, fields []field) ([]byte, error) {
	p := openai.ChatCompletionNewParams{
		Model:    req.Model.Model,
		Messages: chatMessages(req, q, fields),
	}
	if req.Tools != nil {
		for _, f := range req.Tools.Functions() {
			raw := f.JSON(tools.FormatChat)
			if !json.Valid(raw) {
				return nil, &invalidTool{f.Name}
			}
			p.Tools = append(p.Tools, param.Override[openai.ChatCompletionToolUnionParam](raw))
		}
	}
	if slices.Contains(fields, fieldStreamOptions) {
		p.StreamOptions.IncludeUsage = param.NewOpt(true)
	}
	if req.MaxOutput > 0 {
		if q.openai {
			p.MaxCompletionTokens = param.NewOpt(req.MaxOutput)
		} else {
			p.MaxTokens = param.NewOpt(req.MaxOutput)
		}
	}
	p.SetExtraFields(openAIFields(req, false))
	return p.MarshalJSON()
}

// invalidTool says that a tool's definition is no JSON.
type invalidTool struct{ name string }

func (e *invalidTool) Error() string { return "the schema of " + e.name + " is no JSON" }

// chatWriter writes a history as the messages of Chat Completions.
type chatWriter struct {
	req    model.Request
	q      quirks
	fields []field
	out    []openai.ChatCompletionMessageParamUnion
	short  shortIDs
	names  map[string]string // id of a call → the name that it went out with
}

func chatMessages(req model.Request, q quirks, fields []field) []openai.ChatCompletionMessageParamUnion {
	w := &chatWriter{req: req, q: q, fields: fields, names: map[string]string{}}
	if req.System != "" {
		w.out = append(w.out, openai.SystemMessage(req.System))
	}
	turn := lastUser(req.Messages)
	for i, m := range req.Messages {
		switch m.Role {
		case store.RoleUser:
			w.user(w.content(m.Parts))
		case store.RoleAssistant:
			w.assistant(m, i > turn)
		case store.RoleTool:
			w.results(m)
		}
	}
	return w.out
}

// lastUser returns the index of the last message of the person, -1 if there is
// none. What follows it is the turn that runs.
func lastUser(msgs []store.Message) int {
	for i, m := range slices.Backward(msgs) {
		if m.Role == store.RoleUser {
			return i
		}
	}
	return -1
}

// id returns the id under which a call goes to the service.
func (w *chatWriter) id(id string) string {
	if w.q.mistral {
		return w.short.id(id)
	}
	return wireID(id)
}

func (w *chatWriter) content(parts store.Parts) []openai.ChatCompletionContentPartUnionParam {
	var out []openai.ChatCompletionContentPartUnionParam
	for _, p := range parts {
		switch p := p.(type) {
		case store.Text:
			out = append(out, openai.TextContentPart(p.Text))
		case store.Image:
			if img, ok := w.image(p); ok {
				out = append(out, img)
			} else {
				out = append(out, openai.TextContentPart(describeImage(p)))
			}
		case store.File:
			out = append(out, openai.TextContentPart(describeFile(p)))
		}
	}
	return out
}

// user adds a message of the person. Where one stands there already it is
// joined with it, since the templates of some models want roles in turn.
func (w *chatWriter) user(parts []openai.ChatCompletionContentPartUnionParam) {
	n := len(w.out)
	if w.q.mistral && n > 0 && w.out[n-1].OfTool != nil {
		w.out = append(w.out, openai.AssistantMessage(interruption))
	}
	if n > 0 && w.out[n-1].OfUser != nil {
		before := &w.out[n-1].OfUser.Content
		if before.OfString.Valid() {
			before.OfArrayOfContentParts = []openai.ChatCompletionContentPartUnionParam{openai.TextContentPart(before.OfString.Value)}
		}
		parts = append(before.OfArrayOfContentParts, parts...)
		w.out = w.out[:n-1]
	}
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.OfText == nil {
			w.out = append(w.out, openai.UserMessage(parts))
			return
		}
		texts = append(texts, p.OfText.Text)
	}
	w.out = append(w.out, openai.UserMessage(strings.Join(texts, "\n")))
}

// assistant adds an answer, unless there is nothing of it that can be sent.
func (w *chatWriter) assistant(m store.Message, running bool) {
	var msg openai.ChatCompletionAssistantMessageParam
	var text strings.Builder
	back := w.opaque(m)
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Text:
			text.WriteString(p.Text)
		case store.ManagedCall:
			if text.Len() > 0 {
				text.WriteString("\n\n")
			}
			text.WriteString(managedText(p) + "\n\n")
		case store.ToolCall:
			name := wireName(w.req.Tools, p)
			w.names[p.ID] = name
			call := &openai.ChatCompletionMessageFunctionToolCallParam{
				ID:       w.id(p.ID),
				Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: name, Arguments: wireArguments(p.Arguments)},
			}
			extra := back.ExtraContent[p.ID]
			if extra == nil && w.q.google && running && len(msg.ToolCalls) == 0 {
				extra = json.RawMessage(`{"google":{"thought_signature":"` + geminiNoSignature + `"}}`)
			}
			if extra != nil {
				call.SetExtraFields(map[string]any{"extra_content": extra})
			}
			msg.ToolCalls = append(msg.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{OfFunction: call})
		}
	}
	if text.Len() > 0 {
		msg.Content.OfString = param.NewOpt(text.String())
	}
	if text.Len() == 0 && len(msg.ToolCalls) == 0 {
		return
	}
	extra := map[string]any{}
	if slices.Contains(w.fields, fieldReasoningBack) {
		switch {
		case w.q.reasoning && (back.ReasoningContent != "" || len(msg.ToolCalls) > 0):
			extra["reasoning_content"] = back.ReasoningContent // empty where another model answered
		case running && back.ReasoningContent != "":
			extra["reasoning_content"] = back.ReasoningContent
		}
	}
	if len(back.ReasoningDetails) > 0 {
		extra["reasoning_details"] = back.ReasoningDetails
	}
	if len(extra) > 0 {
		msg.SetExtraFields(extra)
	}
	w.out = append(w.out, openai.ChatCompletionMessageParamUnion{OfAssistant: &msg})
}

// opaque returns what of an answer goes back to this model.
func (w *chatWriter) opaque(m store.Message) chatOpaque {
	var all chatOpaque
	for _, p := range m.Parts {
		var one chatOpaque
		o, ok := p.(store.Opaque)
		if ok && o.Model == w.req.Model && json.Unmarshal(o.Data, &one) == nil &&
			(one.ReasoningContent != "" || one.ReasoningDetails != nil || one.ExtraContent != nil) {
			all = one
		}
	}
	return all
}

// results adds the results of one step. They are text alone in this format, so
// their images follow the last of them, in a message of their own.
func (w *chatWriter) results(m store.Message) {
	var images []openai.ChatCompletionContentPartUnionParam
	for _, r := range m.Results() {
		shown := 0
		texts := resultTexts(r, func(img store.Image) bool {
			part, ok := w.image(img)
			if ok {
				shown++
				images = append(images, openai.TextContentPart("[An image that "+w.name(r.CallID)+" returned:]"), part)
			}
			return ok
		})
		text := strings.Join(texts, "\n")
		switch {
		case shown > 0:
			text = strings.TrimSpace(text + "\n[Its images follow the results.]")
		case text == "":
			text = emptyResult
		}
		w.out = append(w.out, openai.ToolMessage(text, w.id(r.CallID)))
	}
	if len(images) > 0 {
		w.user(images)
	}
}

func (w *chatWriter) name(callID string) string {
	if name, ok := w.names[callID]; ok {
		return name
	}
	return "the tool"
}
