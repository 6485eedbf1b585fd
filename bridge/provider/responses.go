package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/maphash"
	"iter"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// responsesClient speaks OpenAI's Responses API.
type responsesClient struct{ *endpoint }

// Features implements model.Client. The person chose the format, so its
// provider is taken to have all of it; one that has not refuses the request.
func (c *responsesClient) Features() model.Features {
	return model.Features{Managed: true, ManagedAsks: true}
}

// Stream implements model.Client.
func (c *responsesClient) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		optional := []field{fieldInclude, fieldReasoning}
		if req.Conversation != "" {
			optional = append(optional, fieldCacheKey)
		}
		kept := keptResponse{}
		if c.cfg.KeepResponses {
			kept = findKept(req)
		}
		c.stream(ctx, req, exchange{
			path:     "responses",
			optional: optional,
			body:     func(fields []field) ([]byte, error) { return responsesBody(req, fields, c.cfg.KeepResponses, kept) },
			again: func(err error) bool {
				if kept.ID == "" || !kept.lost(err) {
					return false
				}
				kept = keptResponse{}
				return true
			},
			answer: func(secrets []string) answer {
				return &responsesAnswer{e: c.endpoint, secrets: secrets, labels: managedLabels(req.Managed), keep: c.keepMark(req)}
			},
		}, yield)
	}
}

// responsesEvent is what counts of an event.
type responsesEvent struct {
	Type         string          `json:"type"`
	OutputIndex  int             `json:"output_index"`
	ContentIndex int             `json:"content_index"`
	SummaryIndex int             `json:"summary_index"`
	Delta        json.RawMessage `json:"delta"`
	Text         string          `json:"text"`
	Refusal      string          `json:"refusal"`
	Arguments    json.RawMessage `json:"arguments"`
	Item         json.RawMessage `json:"item"`
	Response     struct {
		ID                string            `json:"id"`
		Output            []json.RawMessage `json:"output"`
		Error             json.RawMessage   `json:"error"`
		IncompleteDetails struct {
			Reason string `json:"reason"`
		} `json:"incomplete_details"`
		Usage *struct {
			InputTokens        int64 `json:"input_tokens"`
			OutputTokens       int64 `json:"output_tokens"`
			InputTokensDetails struct {
				CachedTokens int64 `json:"cached_tokens"`
			} `json:"input_tokens_details"`
			OutputTokensDetails struct {
				ReasoningTokens int64 `json:"reasoning_tokens"`
			} `json:"output_tokens_details"`
		} `json:"usage"`
	} `json:"response"`
}

// responsesItem is what counts of an output item.
type responsesItem struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Content   []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Refusal string `json:"refusal"`
	} `json:"content"`
	Summary []struct {
		Text string `json:"text"`
	} `json:"summary"`
	managedItem
	Result       string `json:"result"`        // of an image: base64
	OutputFormat string `json:"output_format"` // of an image
}

// responsesAnswer reads one answer. It is whole when response.completed or
// response.incomplete came.
type responsesAnswer struct {
	e       *endpoint
	secrets []string
	out     []model.Delta
	size    int
	items   map[int]*responsesSlot // by output_index
	calls   int
	ids     map[string]bool
	refused bool
	labels  map[string]string // of the servers that the service connects to: label → id
	keep    *keptResponse     // what becomes the mark of a kept answer; nil if none is kept
}

// responsesSlot is what was passed on of one output item.
type responsesSlot struct {
	text    maphash.Hash // of a message
	said    int          // bytes of it
	thought int          // bytes of reasoning
	part    int          // the part of the summary that runs
	call    int          // number of the call among the calls
	begun   bool         // the call was announced
	args    strings.Builder
	done    bool
	managed store.ManagedCall // a call that the service runs
}

func (s *responsesSlot) say(text string) {
	_, _ = s.text.WriteString(text) // a hash never fails
	s.said += len(text)
}

// unsaid returns what of a message's text did not come in pieces. The text is
// not kept for that, since it can be long.
func (s *responsesSlot) unsaid(whole string) string {
	if len(whole) <= s.said || maphash.String(s.text.Seed(), whole[:s.said]) != s.text.Sum64() {
		return ""
	}
	return whole[s.said:]
}

func (a *responsesAnswer) slot(index int) (*responsesSlot, error) {
	if s, ok := a.items[index]; ok {
		return s, nil
	}
	if len(a.items) >= maxCalls {
		return nil, errTooMuch
	}
	if a.items == nil {
		a.items, a.ids = map[int]*responsesSlot{}, map[string]bool{}
	}
	s := &responsesSlot{}
	a.items[index] = s
	return s, nil
}

func (a *responsesAnswer) event(data []byte) ([]model.Delta, bool, error) {
	a.out = a.out[:0]
	var ev responsesEvent
	if err := readEvent(data, &ev); err != nil {
		return nil, false, err
	}
	final, err := a.handle(&ev, data)
	if a.size > a.e.maxAnswer {
		err = errTooMuch
	}
	return a.out, final && err == nil, err
}

func (a *responsesAnswer) handle(ev *responsesEvent, data []byte) (final bool, err error) {
	switch ev.Type {
	case "response.output_text.delta", "response.refusal.delta",
		"response.reasoning_summary_text.delta", "response.reasoning_text.delta",
		"response.function_call_arguments.delta", "response.mcp_call_arguments.delta":
		s, err := a.slot(ev.OutputIndex)
		if err != nil {
			return false, err
		}
		a.delta(ev, s, looseText(ev.Delta))
	case "response.mcp_call_arguments.done":
		s, err := a.slot(ev.OutputIndex)
		if err != nil {
			return false, err
		}
		a.managedArguments(s, looseText(ev.Arguments))
	case "response.output_item.added":
		return false, a.added(ev)
	case "response.output_item.done":
		return false, a.itemDone(ev.OutputIndex, ev.Item)
	case "response.completed", "response.incomplete":
		if err := a.missed(ev.Response.Output); err != nil {
			return false, err
		}
		a.finish(ev)
		return true, nil
	case "response.failed", "response.cancelled":
		a.usage(ev)
		return false, a.e.complaintError(0, readComplaint(ev.Response.Error), a.secrets)
	case "error":
		return false, a.e.complaintError(0, readComplaint(data), a.secrets)
	case "":
		var s struct{ Error json.RawMessage }
		if json.Unmarshal(data, &s) == nil && looseText(s.Error) != "" {
			return false, a.e.complaintError(0, readComplaint(data), a.secrets)
		}
	}
	return false, nil // an event that says nothing to us
}

func (a *responsesAnswer) delta(ev *responsesEvent, s *responsesSlot, text string) {
	if text == "" {
		return
	}
	a.size += len(text)
	switch ev.Type {
	case "response.output_text.delta":
		s.say(text)
		a.out = append(a.out, model.TextDelta{Text: text})
	case "response.refusal.delta":
		a.refused = true
		s.say(text)
		a.out = append(a.out, model.TextDelta{Text: text})
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		if part := ev.SummaryIndex + ev.ContentIndex; part != s.part && s.thought > 0 {
			s.part = part
			text = "\n\n" + text
		}
		s.thought += len(text)
		a.out = append(a.out, model.ReasoningDelta{Text: text})
	case "response.function_call_arguments.delta":
		s.args.WriteString(text)
		if s.begun {
			a.out = append(a.out, model.CallDelta{Index: s.call, Arguments: text})
		}
	case "response.mcp_call_arguments.delta":
		s.args.WriteString(text)
	}
}

// added announces a call as soon as its name is known.
func (a *responsesAnswer) added(ev *responsesEvent) error {
	var item responsesItem
	if err := decodeItem(ev.Item, &item); err != nil {
		return err
	}
	s, err := a.slot(ev.OutputIndex)
	if err != nil {
		return err
	}
	if item.Type == "function_call" && item.CallID != "" && item.Name != "" && !s.begun && !s.done {
		s.args.WriteString(looseText(item.Arguments))
		a.begin(s, item)
	}
	if item.Type == itemManagedCall && item.ID != "" && s.managed.ID == "" && !s.done {
		a.managedBegin(s, item)
	}
	return nil
}

func decodeItem(raw json.RawMessage, item *responsesItem) error {
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, item); err != nil && !errors.As(err, &mistyped) {
		return errFormat
	}
	return nil
}

// begin announces a call with the arguments known so far.
func (a *responsesAnswer) begin(s *responsesSlot, item responsesItem) {
	id := item.CallID
	if id == "" || a.ids[id] {
		id = "call_" + store.NewID()
	}
	a.ids[id] = true
	s.begun, s.call = true, a.calls
	a.calls++
	a.out = append(a.out, model.CallDelta{Index: s.call, ID: id, Name: item.Name, Arguments: s.args.String()})
}

// missed takes what the last event tells and no event before it did: all of
// the output if no item was seen, else the calls that are new.
func (a *responsesAnswer) missed(output []json.RawMessage) error {
	seen := len(a.items) > 0
	for i, raw := range output {
		if seen {
			var item responsesItem
			if err := decodeItem(raw, &item); err != nil {
				return err
			}
			switch item.Type {
			case "function_call":
				if a.ids[item.CallID] {
					continue
				}
			case itemManagedList, itemManagedCall, itemManagedAsk:
				if a.ids[item.ID] {
					continue
				}
			default:
				continue
			}
		}
		if err := a.itemDone(-1-i, raw); err != nil {
			return err
		}
	}
	return nil
}

// itemDone takes an item that is whole. What of it was not streamed before
// follows now. Arguments that were streamed otherwise than they end are an
// error, since what was passed on cannot be taken back.
func (a *responsesAnswer) itemDone(index int, raw json.RawMessage) error {
	s, err := a.slot(index)
	if err != nil || s.done {
		return err
	}
	s.done = true
	var item responsesItem
	if err := decodeItem(raw, &item); err != nil {
		return err
	}
	switch item.Type {
	case "message":
		var whole strings.Builder
		for _, c := range item.Content {
			if c.Refusal != "" {
				a.refused = true
			}
			whole.WriteString(c.Text + c.Refusal)
		}
		if rest := s.unsaid(whole.String()); rest != "" {
			a.size += len(rest)
			a.out = append(a.out, model.TextDelta{Text: rest})
		}
	case "function_call":
		rest, ok := remainder(s.args.String(), looseText(item.Arguments))
		if !ok {
			return errFormat
		}
		a.size += len(rest)
		s.args.WriteString(rest)
		switch {
		case !s.begun:
			a.begin(s, item)
		case rest != "":
			a.out = append(a.out, model.CallDelta{Index: s.call, Arguments: rest})
		}
	case "reasoning":
		if s.thought == 0 {
			var texts []string
			for _, t := range item.Summary {
				texts = append(texts, t.Text)
			}
			if text := strings.Join(texts, "\n\n"); text != "" {
				a.size += len(text)
				a.out = append(a.out, model.ReasoningDelta{Text: text})
			}
		}
		a.opaque(raw)
	case itemManagedList, itemManagedCall, itemManagedAsk:
		return a.managedDone(s, item, raw)
	case "image_generation_call":
		a.image(item)
	}
	return nil
}

func (a *responsesAnswer) opaque(raw json.RawMessage) {
	a.size += len(raw)
	a.out = append(a.out, model.OpaqueDelta{Data: raw})
}

// image passes a picture on that the service's own tool made. One that cannot
// be read is left out; the model's text still speaks of it.
func (a *responsesAnswer) image(item responsesItem) {
	data, err := base64.StdEncoding.DecodeString(item.Result)
	kind := map[string]string{"": "image/png", "png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}[item.OutputFormat]
	if err != nil || len(data) == 0 || kind == "" {
		return
	}
	a.size += len(data)
	a.out = append(a.out, model.ImageDelta{Image: store.Image{MIMEType: kind, Data: data}})
}

// remainder returns what of a call's arguments was not streamed, and false if
// the two are not the same arguments. Services that end a call with its
// arguments spaced in another way mean the same.
func remainder(streamed, whole string) (string, bool) {
	if rest, ok := strings.CutPrefix(whole, streamed); ok {
		return rest, true
	}
	if whole == "" {
		return "", true
	}
	var x, y bytes.Buffer
	if json.Compact(&x, []byte(streamed)) != nil || json.Compact(&y, []byte(whole)) != nil {
		return "", false
	}
	return "", bytes.Equal(x.Bytes(), y.Bytes())
}

func (a *responsesAnswer) usage(ev *responsesEvent) {
	if u := ev.Response.Usage; u != nil {
		a.out = appendUsage(a.out, store.Usage{
			Input: u.InputTokens, Cached: u.InputTokensDetails.CachedTokens,
			Output: u.OutputTokens, Reasoning: u.OutputTokensDetails.ReasoningTokens,
		})
	}
}

func (a *responsesAnswer) finish(ev *responsesEvent) {
	a.usage(ev)
	reason := model.StopEnd
	switch {
	case ev.Type == "response.incomplete" && ev.Response.IncompleteDetails.Reason == "content_filter":
		reason = model.StopFilter
	case ev.Type == "response.incomplete":
		reason = model.StopLength
	case a.calls > 0:
		reason = model.StopCalls
	case a.refused:
		reason = model.StopRefusal
	}
	if a.keep != nil && ev.Type == "response.completed" && ev.Response.ID != "" {
		a.keep.ID = ev.Response.ID
		a.opaque(a.keep.item())
	}
	a.out = append(a.out, model.Done{Reason: reason})
}

func (a *responsesAnswer) end() ([]model.Delta, bool) { return nil, false }
