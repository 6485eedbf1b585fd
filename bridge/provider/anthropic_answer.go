package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// anthropicEvent is what counts of an event.
type anthropicEvent struct {
	Type    string `json:"type"`
	Index   int    `json:"index"`
	Message struct {
		Usage anthropicUsage `json:"usage"`
	} `json:"message"`
	Block json.RawMessage `json:"content_block"`
	Delta struct {
		Type        string `json:"type"`
		Text        string `json:"text"`
		Thinking    string `json:"thinking"`
		Signature   string `json:"signature"`
		PartialJSON string `json:"partial_json"`
		StopReason  string `json:"stop_reason"`
	} `json:"delta"`
	Usage anthropicUsage `json:"usage"`
}

// anthropicUsage counts tokens. What is not there stays as it was said before.
type anthropicUsage struct {
	Input    *int64 `json:"input_tokens"` // neither read from the cache nor written to it
	Read     *int64 `json:"cache_read_input_tokens"`
	Written  *int64 `json:"cache_creation_input_tokens"`
	Output   *int64 `json:"output_tokens"`
	Thinking struct {
		Tokens *int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
}

// anthropicBlock is what counts of a content block.
type anthropicBlock struct {
	Type          string          `json:"type"`
	Text          string          `json:"text"`
	Thinking      string          `json:"thinking"`
	Signature     string          `json:"signature"`
	Data          string          `json:"data"`
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Input         json.RawMessage `json:"input"`
	ServerName    string          `json:"server_name"`
	MCPServerName string          `json:"mcp_server_name"`
	ToolUseID     string          `json:"tool_use_id"`
	IsError       bool            `json:"is_error"`
	Content       json.RawMessage `json:"content"`
	Tools         []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"input_schema"`
	} `json:"tools"`
}

// readAnthropicBlock takes what it can of a block.
func readAnthropicBlock(raw json.RawMessage) anthropicBlock {
	var b anthropicBlock
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &b); err != nil && !errors.As(err, &mistyped) {
		return anthropicBlock{}
	}
	return b
}

// anthropicAnswer reads one answer, which may come in several streams where the
// service pauses. Each is whole when message_stop came.
type anthropicAnswer struct {
	e       *endpoint
	servers []connectorServer
	secrets []string

	// Of the whole answer.
	out    []model.Delta
	size   int
	blocks int
	calls  int
	ids    map[string]bool
	ran    map[string]*managedRun
	before store.Usage // of the streams before this one

	// Of one stream.
	open     map[int]*anthropicSlot
	now      store.Usage
	fresh    int64 // input that the cache knows nothing of
	reason   string
	mayPause bool // a pause is continued
	paused   bool
}

// managedRun is a call that the service runs itself.
type managedRun struct {
	call  store.ManagedCall
	begun time.Time
}

// anthropicSlot is a block that is not at its end.
type anthropicSlot struct {
	block     anthropicBlock
	raw       json.RawMessage
	thought   strings.Builder
	signature strings.Builder
	args      strings.Builder
	call      int
}

// begin makes the answer ready for the next stream.
func (a *anthropicAnswer) begin(mayPause bool) {
	a.before = a.before.Add(a.now)
	a.open, a.now, a.fresh, a.reason = map[int]*anthropicSlot{}, store.Usage{}, 0, ""
	a.mayPause, a.paused = mayPause, false
	if a.ids == nil {
		a.ids, a.ran = map[string]bool{}, map[string]*managedRun{}
	}
}

func (a *anthropicAnswer) end() ([]model.Delta, bool) { return nil, false }

func (a *anthropicAnswer) event(data []byte) ([]model.Delta, bool, error) {
	a.out = a.out[:0]
	var ev anthropicEvent
	if err := readEvent(data, &ev); err != nil {
		return nil, false, err
	}
	final, err := a.handle(&ev, data)
	if a.size > a.e.maxAnswer {
		err = errTooMuch
	}
	return a.out, final && err == nil, err
}

func (a *anthropicAnswer) handle(ev *anthropicEvent, data []byte) (final bool, err error) {
	switch ev.Type {
	case "message_start":
		a.usage(ev.Message.Usage)
	case "content_block_start":
		return false, a.start(ev.Index, ev.Block)
	case "content_block_delta":
		a.delta(ev)
	case "content_block_stop":
		return false, a.stop(ev.Index)
	case "message_delta":
		if ev.Delta.StopReason != "" {
			a.reason = ev.Delta.StopReason
		}
		a.usage(ev.Usage)
	case "message_stop":
		return true, a.finish()
	case "error":
		return false, a.e.complaintError(0, readComplaint(data), a.secrets)
	case "":
		var s struct{ Error json.RawMessage }
		if json.Unmarshal(data, &s) == nil && looseText(s.Error) != "" {
			return false, a.e.complaintError(0, readComplaint(data), a.secrets)
		}
	}
	return false, nil // a ping, or an event that says nothing to us
}

// usage takes the counts of an event. The service counts the input in three
// parts, of which ours is the sum.
func (a *anthropicAnswer) usage(u anthropicUsage) {
	for _, n := range []struct {
		from *int64
		to   *int64
	}{{u.Input, &a.fresh}, {u.Read, &a.now.Cached}, {u.Written, &a.now.Written}, {u.Output, &a.now.Output}, {u.Thinking.Tokens, &a.now.Reasoning}} {
		if n.from != nil && *n.from >= 0 && *n.from <= maxTokens {
			*n.to = *n.from
		}
	}
	a.now.Input = a.fresh + a.now.Cached + a.now.Written
}

// serverID returns the id of the server that has that label in the request, or
// nothing.
func (a *anthropicAnswer) serverID(label string) string {
	for _, s := range a.servers {
		if s.label == label {
			return s.id
		}
	}
	return ""
}

func (a *anthropicAnswer) start(index int, raw json.RawMessage) error {
	if err := a.stop(index); err != nil {
		return err
	}
	if a.blocks++; a.blocks > maxCalls {
		return errTooMuch
	}
	a.size += len(raw)
	s := &anthropicSlot{block: readAnthropicBlock(raw), raw: raw}
	b := &s.block
	a.open[index] = s
	switch b.Type {
	case "text":
		a.text(b.Text)
	case "thinking":
		s.thought.WriteString(b.Thinking)
		s.signature.WriteString(b.Signature)
		if b.Thinking != "" {
			a.out = append(a.out, model.ReasoningDelta{Text: b.Thinking})
		}
	case "tool_use":
		id := b.ID
		if id == "" || a.ids[id] {
			id = "call_" + store.NewID()
		}
		a.ids[id] = true
		s.call = a.calls
		a.calls++
		a.out = append(a.out, model.CallDelta{Index: s.call, ID: id, Name: b.Name})
	case "mcp_tool_use":
		if b.ID == "" || a.ran[b.ID] != nil {
			return errFormat
		}
		run := &managedRun{call: store.ManagedCall{
			ID: b.ID, Server: a.serverID(b.ServerName), Tool: b.Name, State: store.ManagedRunning,
		}}
		a.ran[b.ID] = run
		a.out = append(a.out, model.ManagedDelta{Call: run.call})
	}
	return nil
}

func (a *anthropicAnswer) text(text string) {
	if text != "" {
		a.out = append(a.out, model.TextDelta{Text: text})
	}
}

func (a *anthropicAnswer) delta(ev *anthropicEvent) {
	d := &ev.Delta
	a.size += len(d.Text) + len(d.Thinking) + len(d.Signature) + len(d.PartialJSON)
	s := a.open[ev.Index]
	switch {
	case d.Type == "text_delta":
		a.text(d.Text)
	case d.Type == "thinking_delta":
		if s != nil {
			s.thought.WriteString(d.Thinking)
		}
		if d.Thinking != "" {
			a.out = append(a.out, model.ReasoningDelta{Text: d.Thinking})
		}
	case s == nil:
	case d.Type == "signature_delta":
		s.signature.WriteString(d.Signature)
	case d.Type == "input_json_delta" && d.PartialJSON != "":
		s.args.WriteString(d.PartialJSON)
		if s.block.Type == "tool_use" {
			a.out = append(a.out, model.CallDelta{Index: s.call, Arguments: d.PartialJSON})
		}
	}
}

// stop takes a block that is whole. What the service wants back is passed on
// now, since a part of it is worth nothing.
func (a *anthropicAnswer) stop(index int) error {
	s, ok := a.open[index]
	if !ok {
		return nil
	}
	delete(a.open, index)
	b := &s.block
	switch b.Type {
	case "thinking":
		if s.signature.Len() > 0 {
			return a.opaque(s.raw, map[string]any{"thinking": s.thought.String(), "signature": s.signature.String()})
		}
	case "redacted_thinking":
		return a.opaque(s.raw, nil)
	case "tool_use":
		if input := bytes.TrimSpace(b.Input); s.args.Len() == 0 && len(input) > 0 && string(input) != "{}" && string(input) != "null" {
			a.out = append(a.out, model.CallDelta{Index: s.call, Arguments: string(input)})
		}
	case "mcp_tool_use":
		return a.ranTool(s)
	case "mcp_tool_result":
		return a.ranResult(s)
	case "mcp_tool_listing":
		list := model.ListingDelta{Server: a.serverID(b.MCPServerName)}
		for _, t := range b.Tools {
			list.Tools = append(list.Tools, model.ListedTool{Name: t.Name, Description: t.Description, InputSchema: t.InputSchema})
		}
		a.out = append(a.out, list)
		return a.opaque(s.raw, nil)
	}
	return nil
}

// opaque passes a block on that goes back as it is, with the fields that came
// in pieces.
func (a *anthropicAnswer) opaque(raw json.RawMessage, set map[string]any) error {
	if len(set) > 0 {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return errFormat
		}
		for k, v := range set {
			b, err := json.Marshal(v)
			if err != nil {
				return errFormat
			}
			fields[k] = b
		}
		b, err := json.Marshal(fields)
		if err != nil {
			return errFormat
		}
		raw = b
	}
	a.out = append(a.out, model.OpaqueDelta{Data: raw})
	return nil
}

// ranTool takes a call of the service's own with all of its arguments.
func (a *anthropicAnswer) ranTool(s *anthropicSlot) error {
	input := json.RawMessage(bytes.TrimSpace(s.block.Input))
	if s.args.Len() > 0 {
		input = json.RawMessage(s.args.String())
	}
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	if !json.Valid(input) {
		return errFormat
	}
	run := a.ran[s.block.ID]
	run.call.Arguments, run.begun = input, a.e.o.Now()
	a.out = append(a.out, model.ManagedDelta{Call: run.call})
	return a.opaque(s.raw, map[string]any{"input": input})
}

// ranResult takes the result of a call of the service's own. One without a call
// answers nothing, and is left out.
func (a *anthropicAnswer) ranResult(s *anthropicSlot) error {
	run := a.ran[s.block.ToolUseID]
	if run == nil || run.call.State == store.ManagedDone {
		return nil
	}
	run.call.State, run.call.IsError = store.ManagedDone, s.block.IsError
	run.call.Content = anthropicParts(s.block.Content)
	if !run.begun.IsZero() {
		run.call.Elapsed = max(0, a.e.o.Now().Sub(run.begun))
	}
	a.out = append(a.out, model.ManagedDelta{Call: run.call})
	return a.opaque(s.raw, nil)
}

// anthropicParts reads the content of a result: a text, or a list of blocks.
func anthropicParts(raw json.RawMessage) store.Parts {
	var out store.Parts
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		if text := looseText(raw); text != "" {
			out = append(out, store.Text{Text: text})
		}
		return out
	}
	for _, r := range list {
		var b struct {
			Type   string `json:"type"`
			Text   string `json:"text"`
			Source struct {
				MediaType string `json:"media_type"`
				Data      []byte `json:"data"`
			} `json:"source"`
		}
		err := json.Unmarshal(r, &b)
		switch {
		case err == nil && b.Type == "text":
			out = append(out, store.Text{Text: b.Text})
		case err == nil && b.Type == "image" && len(b.Source.Data) > 0:
			out = append(out, store.Image{MIMEType: b.Source.MediaType, Data: b.Source.Data})
		default:
			out = append(out, store.Text{Text: string(r)})
		}
	}
	return out
}

// finish takes the end of the message. Blocks whose end some services leave out
// end with it.
func (a *anthropicAnswer) finish() error {
	var left []int
	for i := range a.open {
		left = append(left, i)
	}
	slices.Sort(left)
	for _, i := range left {
		if err := a.stop(i); err != nil {
			return err
		}
	}
	a.out = appendUsage(a.out, a.before.Add(a.now))
	if a.reason == "pause_turn" && a.mayPause {
		a.paused = true
		return nil
	}
	a.out = append(a.out, model.Done{Reason: a.stopReason()})
	return nil
}

func (a *anthropicAnswer) stopReason() model.StopReason {
	switch a.reason {
	case "max_tokens", "model_context_window_exceeded", "pause_turn":
		return model.StopLength
	case "refusal":
		return model.StopRefusal
	case "content_filter": // of gateways in front of other models
		return model.StopFilter
	}
	if a.calls > 0 {
		return model.StopCalls
	}
	return model.StopEnd
}
