package provider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/packages/param"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The fields of the Messages API that can be done without.
const (
	// fieldCacheControl marks how far the beginning of a request is worth
	// keeping in the service's cache.
	fieldCacheControl field = "cache_control"
	// fieldMaxTokens is a guess at how long an answer may get; without it the
	// least that any model takes is asked for, since the field itself must be
	// there.
	fieldMaxTokens field = "max_tokens"
)

// leastMaxTokens is what every model of the format can answer with.
const leastMaxTokens = 4096

// anthropicWriter writes one request.
type anthropicWriter struct {
	req    model.Request
	limits store.ModelLimits
	// servers are those of the connector, and connector its version.
	servers   []connectorServer
	connector connectorVersion
	// paused says that the last message is the beginning of the answer, which
	// goes back as it is.
	paused bool

	cache bool
	out   []anthropic.BetaMessageParam
	taken map[string]bool   // ids of the calls written so far
	ids   map[string]string // of the history → in the request
}

// body writes the request. The tools, the system prompt and the history come
// in the order in which the service caches them, each with a breakpoint at its
// end, and one more where the history of the request before ended: four are
// the most that the API takes.
func (w *anthropicWriter) body(fields []field) ([]byte, error) {
	w.cache = slices.Contains(fields, fieldCacheControl)
	w.out, w.taken, w.ids = nil, map[string]bool{}, map[string]string{}
	p := anthropic.BetaMessageNewParams{
		Model:     anthropic.Model(w.req.Model.Model),
		MaxTokens: w.maxTokens(fields),
	}
	var err error
	if p.Tools, err = w.tools(); err != nil {
		return nil, err
	}
	if !blank(w.req.System) {
		p.System = []anthropic.BetaTextBlockParam{{Text: w.req.System}}
		w.mark(&p.System[0].CacheControl)
	}
	w.messages()
	w.markHistory()
	p.Messages = w.out
	p.MCPServers = w.definitions()
	extra := map[string]any{"stream": true}
	if choice := anthropicChoice(w.req); choice != nil {
		extra["tool_choice"] = choice
	}
	if s := w.req.Sampling; s.Temperature != nil {
		extra["temperature"] = *s.Temperature
	}
	if s := w.req.Sampling; s.TopP != nil {
		extra["top_p"] = *s.TopP
	}
	p.SetExtraFields(extra)
	return p.MarshalJSON()
}

// mark sets a breakpoint of the cache.
func (w *anthropicWriter) mark(c *anthropic.BetaCacheControlEphemeralParam) {
	if w.cache {
		*c = anthropic.NewBetaCacheControlEphemeralParam()
	}
}

// guessesMaxTokens reports whether nobody said how long an answer may get.
func (w *anthropicWriter) guessesMaxTokens() bool {
	return w.req.MaxOutput <= 0 && w.limits.MaxOutput <= 0
}

// maxTokens returns the bound of the answer, which the API demands: the
// request's, the entry's, or a guess by the model's name. It is the least that
// the models of a line take, so that no request is refused for it.
func (w *anthropicWriter) maxTokens(fields []field) int64 {
	name := w.req.Model.Model
	switch {
	case w.req.MaxOutput > 0:
		return w.req.MaxOutput
	case w.limits.MaxOutput > 0:
		return w.limits.MaxOutput
	case !slices.Contains(fields, fieldMaxTokens):
		return leastMaxTokens
	case strings.Contains(name, "claude-3-5"), strings.Contains(name, "claude-3.5"), !strings.Contains(name, "claude"):
		return 8192
	case strings.Contains(name, "claude-3-7"), strings.Contains(name, "claude-3.7"):
		return 32_000
	case strings.Contains(name, "claude-3"), strings.Contains(name, "claude-2"), strings.Contains(name, "claude-instant"):
		return leastMaxTokens
	}
	return 32_000
}

// anthropicCache is a breakpoint of the cache where the JSON is written here.
type anthropicCache struct {
	Type string `json:"type"`
}

// tools offers the functions, each with its schema as it is, and after them the
// toolsets of the connector.
func (w *anthropicWriter) tools() ([]anthropic.BetaToolUnionParam, error) {
	var functions []tools.Function
	if w.req.Tools != nil {
		functions = w.req.Tools.Functions()
	}
	out := make([]anthropic.BetaToolUnionParam, 0, len(functions)+len(w.servers))
	add := func(raw json.RawMessage) {
		out = append(out, param.Override[anthropic.BetaToolUnionParam](raw))
	}
	sets := w.toolsets()
	for i, f := range functions {
		raw := f.JSON(tools.FormatAnthropic)
		if w.cache && i == len(functions)-1 && len(sets) == 0 {
			raw = append(raw[:len(raw)-1], `,"cache_control":{"type":"ephemeral"}}`...)
		}
		add(raw)
	}
	for i, s := range sets {
		if w.cache && i == len(sets)-1 {
			s.Cache = &anthropicCache{"ephemeral"}
		}
		raw, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		add(raw)
	}
	return out, nil
}

// markHistory sets the breakpoints of the history: at its end, so that the next
// request can go on from there, and where the request before this one ended,
// because a breakpoint looks back over a bounded number of blocks only.
func (w *anthropicWriter) markHistory() {
	left := 2
	for i := len(w.out) - 1; i >= 0 && left > 0; i-- {
		m := &w.out[i]
		if m.Role != anthropic.BetaMessageParamRoleUser {
			continue
		}
		left--
		switch b := m.Content[len(m.Content)-1]; {
		case b.OfText != nil:
			w.mark(&b.OfText.CacheControl)
		case b.OfImage != nil:
			w.mark(&b.OfImage.CacheControl)
		case b.OfToolResult != nil:
			w.mark(&b.OfToolResult.CacheControl)
		}
	}
}

// messages writes the history. Roles alternate: what follows one another in the
// same role becomes one message.
func (w *anthropicWriter) messages() {
	for i, m := range w.req.Messages {
		switch m.Role {
		case store.RoleUser:
			w.add(anthropic.BetaMessageParamRoleUser, anthropicContent(m.Parts)...)
		case store.RoleAssistant:
			w.assistant(m, w.paused && i == len(w.req.Messages)-1)
		case store.RoleTool:
			for _, r := range m.Results() {
				w.add(anthropic.BetaMessageParamRoleUser, w.result(r))
			}
		}
	}
}

func (w *anthropicWriter) add(role anthropic.BetaMessageParamRole, blocks ...anthropic.BetaContentBlockParamUnion) {
	if len(blocks) == 0 {
		return
	}
	if n := len(w.out); n > 0 && w.out[n-1].Role == role {
		w.out[n-1].Content = append(w.out[n-1].Content, blocks...)
		return
	}
	w.out = append(w.out, anthropic.BetaMessageParam{Role: role, Content: blocks})
}

// blank reports whether a text is one that the API refuses.
func blank(text string) bool { return strings.TrimSpace(text) == "" }

func anthropicText(text string) anthropic.BetaContentBlockParamUnion {
	return anthropic.BetaContentBlockParamUnion{OfText: &anthropic.BetaTextBlockParam{Text: text}}
}

// anthropicImage returns an image as a block, and false if the API does not
// take its type.
func anthropicImage(img store.Image) (*anthropic.BetaImageBlockParam, bool) {
	if _, ok := imageURL(img); !ok {
		return nil, false
	}
	return &anthropic.BetaImageBlockParam{Source: anthropic.BetaImageBlockParamSourceUnion{
		OfBase64: &anthropic.BetaBase64ImageSourceParam{
			Data: base64.StdEncoding.EncodeToString(img.Data), MediaType: anthropic.BetaBase64ImageSourceMediaType(img.MIMEType),
		},
	}}, true
}

func anthropicContent(parts store.Parts) []anthropic.BetaContentBlockParamUnion {
	var out []anthropic.BetaContentBlockParamUnion
	for _, p := range parts {
		switch p := p.(type) {
		case store.Text:
			if !blank(p.Text) {
				out = append(out, anthropicText(p.Text))
			}
		case store.Image:
			if img, ok := anthropicImage(p); ok {
				out = append(out, anthropic.BetaContentBlockParamUnion{OfImage: img})
			} else {
				out = append(out, anthropicText(describeImage(p)))
			}
		case store.File:
			out = append(out, anthropicText(describeFile(p)))
		}
	}
	return out
}

// assistant writes an assistant's message. What the service wants back goes
// back as it came, at its place, to the entry and the model that it came from,
// and never from an answer that was cut off. Thinking that nothing follows is
// left out, since no message may end with it.
func (w *anthropicWriter) assistant(m store.Message, paused bool) {
	own := func(o store.Opaque) bool {
		return o.Model == w.req.Model && m.Status != store.StatusInterrupted && m.Status != store.StatusStreaming
	}
	echoed := w.echoed(m.Parts, own, paused)
	var out, waiting []anthropic.BetaContentBlockParamUnion
	add := func(b anthropic.BetaContentBlockParamUnion) {
		out = append(append(out, waiting...), b)
		waiting = nil
	}
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Text:
			if !blank(p.Text) {
				add(anthropicText(p.Text))
			}
		case store.Image:
			add(anthropicText(describeImage(p)))
		case store.ToolCall:
			add(anthropic.BetaContentBlockParamUnion{OfToolUse: &anthropic.BetaToolUseBlockParam{
				ID: w.callID(p.ID), Name: wireName(w.req.Tools, p), Input: json.RawMessage(wireArguments(p.Arguments)),
			}})
		case store.ManagedCall:
			if !echoed[p.ID] {
				add(anthropicText(managedText(p)))
			}
		case store.Opaque:
			if !own(p) {
				continue
			}
			switch b := readAnthropicBlock(p.Data); {
			case b.waits(w):
				waiting = append(waiting, param.Override[anthropic.BetaContentBlockParamUnion](p.Data))
			case b.Type == "mcp_tool_use" && echoed[b.ID], b.Type == "mcp_tool_result" && echoed[b.ToolUseID]:
				add(param.Override[anthropic.BetaContentBlockParamUnion](p.Data))
			}
		}
	}
	w.add(anthropic.BetaMessageParamRoleAssistant, out...)
}

// waits reports whether the block goes back if anything follows it: thinking
// that the service can verify, and the listing of a server that is in this
// request, in the version that knows such blocks.
func (b anthropicBlock) waits(w *anthropicWriter) bool {
	switch b.Type {
	case "thinking":
		return b.Signature != ""
	case "redacted_thinking":
		return b.Data != ""
	case "mcp_tool_listing":
		return w.connector == connectorPinned && w.declares(b.MCPServerName)
	}
	return false
}

// echoed returns the ids of the calls that the service ran itself and whose
// blocks go back: of a server that is in this request, and with their results,
// where the answer did not pause between the two.
func (w *anthropicWriter) echoed(parts store.Parts, own func(store.Opaque) bool, paused bool) map[string]bool {
	uses, out := map[string]bool{}, map[string]bool{}
	for _, p := range parts {
		o, ok := p.(store.Opaque)
		if !ok || !own(o) {
			continue
		}
		switch b := readAnthropicBlock(o.Data); b.Type {
		case "mcp_tool_use":
			if b.ID != "" && w.declares(b.ServerName) {
				uses[b.ID] = true
				if paused {
					out[b.ID] = true
				}
			}
		case "mcp_tool_result":
			if uses[b.ToolUseID] {
				out[b.ToolUseID] = true
			}
		}
	}
	return out
}

// callID returns the id under which a call goes to the service, which wants
// each to be there once in the whole history. Other services number their calls
// anew in every answer.
func (w *anthropicWriter) callID(id string) string {
	wire := wireID(id)
	for n := 2; w.taken[wire]; n++ {
		wire = wireID(fmt.Sprintf("%s#%d", id, n))
	}
	w.taken[wire] = true
	w.ids[id] = wire
	return wire
}

// result writes a result, with its images unless it is an error: the API takes
// nothing but text there.
func (w *anthropicWriter) result(r store.ToolResult) anthropic.BetaContentBlockParamUnion {
	id, ok := w.ids[r.CallID]
	if !ok {
		id = wireID(r.CallID)
	}
	b := &anthropic.BetaToolResultBlockParam{ToolUseID: id}
	if r.IsError {
		b.IsError = param.NewOpt(true)
	}
	failed := r.IsError
	r.IsError = false // is_error says it
	var images []anthropic.BetaToolResultBlockParamContentUnion
	texts := resultTexts(r, func(img store.Image) bool {
		block, ok := anthropicImage(img)
		if ok && !failed {
			images = append(images, anthropic.BetaToolResultBlockParamContentUnion{OfImage: block})
		}
		return ok && !failed
	})
	text := strings.Join(texts, "\n")
	if blank(text) && len(images) == 0 {
		text = emptyResult
	}
	if !blank(text) {
		b.Content = append(b.Content, anthropic.BetaToolResultBlockParamContentUnion{OfText: &anthropic.BetaTextBlockParam{Text: text}})
	}
	b.Content = append(b.Content, images...)
	return anthropic.BetaContentBlockParamUnion{OfToolResult: b}
}
