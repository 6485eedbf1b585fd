package provider

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// chatMessage is a message of Chat Completions, as far as it is sent. The SDK's
// own types encode what they hold once for each level of nesting, and all of the
// history goes out with each step, so that they took a fifth of the time of a turn.
type chatMessage struct {
	Role             string            `json:"role"`
	Content          any               `json:"content,omitempty"` // a string, or []chatPart
	ToolCalls        []chatCall        `json:"tool_calls,omitempty"`
	ToolCallID       string            `json:"tool_call_id,omitempty"`
	ReasoningContent *string           `json:"reasoning_content,omitempty"`
	ReasoningDetails []json.RawMessage `json:"reasoning_details,omitempty"`
}

type chatPart struct {
	Type     string        `json:"type"` // text or image_url
	Text     string        `json:"text,omitempty"`
	ImageURL *chatImageURL `json:"image_url,omitempty"`
}

type chatImageURL struct {
	URL string `json:"url"`
}

type chatCall struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"` // function
	Function     chatFunction    `json:"function"`
	ExtraContent json.RawMessage `json:"extra_content,omitempty"`
}

type chatFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

func textPart(text string) chatPart { return chatPart{Type: "text", Text: text} }

// chatBody writes the body of a request to Chat Completions, with those of the
// optional fields that may be used.
func chatBody(req model.Request, q quirks, fields []field) ([]byte, error) {
	body := openAIFields(req, false)
	body["model"] = req.Model.Model
	body["messages"] = chatMessages(req, q, fields)
	if req.Tools != nil && len(req.Tools.Functions()) > 0 {
		offered := make([]json.RawMessage, len(req.Tools.Functions()))
		for i, f := range req.Tools.Functions() {
			if offered[i] = f.JSON(tools.FormatChat); !json.Valid(offered[i]) {
				return nil, &invalidTool{f.Name}
			}
		}
		body["tools"] = offered
	}
	if slices.Contains(fields, fieldStreamOptions) {
		body["stream_options"] = map[string]bool{"include_usage": true}
	}
	if req.MaxOutput > 0 {
		if q.openai {
			body["max_completion_tokens"] = req.MaxOutput
		} else {
			body["max_tokens"] = req.MaxOutput
		}
	}
	return json.Marshal(body)
}

// invalidTool says that a tool's definition is no JSON.
type invalidTool struct{ name string }

func (e *invalidTool) Error() string { return "the schema of " + e.name + " is no JSON" }

// chatWriter writes a history as the messages of Chat Completions.
type chatWriter struct {
	req    model.Request
	q      quirks
	fields []field
	out    []chatMessage
	short  shortIDs
	names  map[string]string // id of a call → the name that it went out with
}

func chatMessages(req model.Request, q quirks, fields []field) []chatMessage {
	w := &chatWriter{req: req, q: q, fields: fields, names: map[string]string{}}
	if req.System != "" {
		w.out = append(w.out, chatMessage{Role: "system", Content: req.System})
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

func (w *chatWriter) content(parts store.Parts) []chatPart {
	var out []chatPart
	for _, p := range parts {
		switch p := p.(type) {
		case store.Text:
			out = append(out, textPart(p.Text))
		case store.Image:
			if img, ok := w.image(p); ok {
				out = append(out, img)
			} else {
				out = append(out, textPart(describeImage(p)))
			}
		case store.File:
			out = append(out, textPart(describeFile(p)))
		}
	}
	return out
}

// user adds a message of the person. Where one stands there already it is
// joined with it, since the templates of some models want roles in turn.
func (w *chatWriter) user(parts []chatPart) {
	n := len(w.out)
	if w.q.mistral && n > 0 && w.out[n-1].Role == "tool" {
		w.out = append(w.out, chatMessage{Role: "assistant", Content: interruption})
	}
	if n > 0 && w.out[n-1].Role == "user" {
		switch before := w.out[n-1].Content.(type) {
		case string:
			parts = append([]chatPart{textPart(before)}, parts...)
		case []chatPart:
			parts = append(before, parts...)
		}
		w.out = w.out[:n-1]
	}
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.Type != "text" {
			w.out = append(w.out, chatMessage{Role: "user", Content: parts})
			return
		}
		texts = append(texts, p.Text)
	}
	w.out = append(w.out, chatMessage{Role: "user", Content: strings.Join(texts, "\n")})
}

// assistant adds an answer, unless there is nothing of it that can be sent.
func (w *chatWriter) assistant(m store.Message, running bool) {
	msg := chatMessage{Role: "assistant"}
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
			call := chatCall{
				ID: w.id(p.ID), Type: "function",
				Function:     chatFunction{Name: name, Arguments: wireArguments(p.Arguments)},
				ExtraContent: back.ExtraContent[p.ID],
			}
			if call.ExtraContent == nil && w.q.google && running && len(msg.ToolCalls) == 0 {
				call.ExtraContent = json.RawMessage(`{"google":{"thought_signature":"` + geminiNoSignature + `"}}`)
			}
			msg.ToolCalls = append(msg.ToolCalls, call)
		}
	}
	if text.Len() > 0 {
		msg.Content = text.String()
	}
	if text.Len() == 0 && len(msg.ToolCalls) == 0 {
		return
	}
	if slices.Contains(w.fields, fieldReasoningBack) {
		switch {
		case w.q.reasoning && (back.ReasoningContent != "" || len(msg.ToolCalls) > 0), // empty where another model answered
			running && back.ReasoningContent != "":
			msg.ReasoningContent = &back.ReasoningContent
		}
	}
	msg.ReasoningDetails = back.ReasoningDetails
	w.out = append(w.out, msg)
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
	var images []chatPart
	for _, r := range m.Results() {
		shown := 0
		texts := resultTexts(r, func(img store.Image) bool {
			part, ok := w.image(img)
			if ok {
				shown++
				images = append(images, textPart("[An image that "+w.name(r.CallID)+" returned:]"), part)
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
		w.out = append(w.out, chatMessage{Role: "tool", Content: text, ToolCallID: w.id(r.CallID)})
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
