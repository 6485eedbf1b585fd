package provider

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
)

// fieldReasoningBack is what DeepSeek and others call the reasoning of an answer.
// Some services demand it back, and some refuse it.
const fieldReasoningBack field = "reasoning_content"

// chatOpaque is the opaque item of this format: what of an answer a service
// wants back.
type chatOpaque struct {
	// ReasoningContent goes back while a turn with tools runs; to services that
	// demand it (DeepSeek, Moonshot) always.
	ReasoningContent string `json:"reasoning_content,omitempty"`
	// ReasoningDetails are OpenRouter's, and go back as they came: each item
	// whole, in order.
	ReasoningDetails []json.RawMessage `json:"reasoning_details,omitempty"`
	// ExtraContent is what came beside calls, by their id: Gemini's signatures,
	// where it answers in this format.
	ExtraContent map[string]json.RawMessage `json:"extra_content,omitempty"`
}

// demandsReasoning reports whether a refusal says that the reasoning of an
// earlier answer has to be there.
func demandsReasoning(err error) bool {
	var refusal *refusedField
	if !errors.As(err, &refusal) {
		return false
	}
	text := strings.ToLower(refusal.message)
	return strings.Contains(text, string(fieldReasoningBack)) &&
		(strings.Contains(text, "missing") || strings.Contains(text, "passed back") || strings.Contains(text, "required"))
}

// reasoningDetails joins the pieces of streamed reasoning_details: texts and
// summaries with the same index are one item, whose other fields are the last
// that were said of it. Encrypted items come whole.
type reasoningDetails struct{ items []reasoningItem }

type reasoningItem struct {
	fields map[string]json.RawMessage
	key    string // of the text that grows; empty if none does
	text   strings.Builder
}

// add takes the pieces of one event, and returns the text in them. It returns
// false for more items than an answer may have.
func (d *reasoningDetails) add(list []json.RawMessage) (string, bool) {
	var said strings.Builder
	for _, raw := range list {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil || len(fields) == 0 {
			continue
		}
		key := map[string]string{"reasoning.text": "text", "reasoning.summary": "summary"}[looseText(fields["type"])]
		text := ""
		if key != "" {
			text = looseText(fields[key])
			delete(fields, key)
			said.WriteString(text)
		}
		if n := len(d.items); n > 0 && key != "" && d.items[n-1].key == key && string(d.items[n-1].fields["index"]) == string(fields["index"]) {
			last := &d.items[n-1]
			last.text.WriteString(text)
			for k, v := range fields {
				if string(v) != "null" || last.fields[k] == nil {
					last.fields[k] = v
				}
			}
			continue
		}
		if len(d.items) >= maxCalls {
			return "", false
		}
		d.items = append(d.items, reasoningItem{fields: fields, key: key})
		d.items[len(d.items)-1].text.WriteString(text)
	}
	return said.String(), true
}

// whole returns the items.
func (d *reasoningDetails) whole() []json.RawMessage {
	var out []json.RawMessage
	for i := range d.items {
		item := &d.items[i]
		if item.key != "" {
			item.fields[item.key] = mustJSON(item.text.String())
		}
		out = append(out, mustJSON(item.fields))
	}
	return out
}

// mustJSON writes a value that always encodes.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("provider: this always encodes: " + err.Error())
	}
	return b
}

// opaque returns what of an answer goes back, and false if nothing does.
func (a *chatAnswer) opaque() (model.OpaqueDelta, bool) {
	o := chatOpaque{ReasoningDetails: a.details.whole(), ExtraContent: a.calls.extras()}
	if a.calls.count() > 0 || a.q.reasoning {
		o.ReasoningContent = a.reasoning.String()
	}
	if o.ReasoningContent == "" && o.ReasoningDetails == nil && o.ExtraContent == nil {
		return model.OpaqueDelta{}, false
	}
	return model.OpaqueDelta{Data: mustJSON(o)}, true
}
