package provider

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// chatClient speaks OpenAI's Chat Completions, and the many dialects of it
// that other services speak.
type chatClient struct {
	*endpoint
	// demands holds the models of which the service said that it wants their
	// reasoning back (string → bool).
	demands sync.Map
}

// Dialect implements model.Client.
func (c *chatClient) Dialect() tools.Dialect {
	if quirksOf(c.cfg, c.base, "").openai {
		return tools.Chat
	}
	return tools.OpenAI
}

// Models implements model.Client. An address of Azure's older form names the
// one model that there is.
func (c *chatClient) Models(ctx context.Context) ([]model.Info, error) {
	if name, ok := azureDeployment(c.base); ok {
		return []model.Info{{ID: name}}, nil
	}
	return c.endpoint.Models(ctx)
}

// Stream implements model.Client.
func (c *chatClient) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		q := quirksOf(c.cfg, c.base, req.Model.Model)
		if _, ok := c.demands.Load(req.Model.Model); ok {
			q.reasoning = true
		}
		optional := []field{fieldReasoningBack}
		if !q.unasked {
			optional = append(optional, fieldStreamOptions)
		}
		if hasImages(req) {
			optional = append(optional, fieldImages)
		}
		c.stream(ctx, req, exchange{
			path:     "chat/completions",
			optional: optional,
			body:     func(fields []field) ([]byte, error) { return chatBody(req, q, fields) },
			again: func(err error) bool {
				if q.reasoning || !demandsReasoning(err) {
					return false
				}
				q.reasoning = true
				c.demands.Store(req.Model.Model, true)
				return true
			},
			answer: func(secrets []string) answer { return &chatAnswer{e: c.endpoint, q: q, secrets: secrets} },
		}, yield)
	}
}

// chatChunk is what counts of a chunk. Every field is optional, and one of
// another type than expected counts as absent.
type chatChunk struct {
	Choices []struct {
		Index        int       `json:"index"`
		Delta        chatDelta `json:"delta"`
		FinishReason string    `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens        int64 `json:"prompt_tokens"`
		CompletionTokens    int64 `json:"completion_tokens"`
		PromptTokensDetails struct {
			CachedTokens int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		CompletionTokensDetails struct {
			ReasoningTokens int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

type chatDelta struct {
	Content          json.RawMessage   `json:"content"`
	Refusal          string            `json:"refusal"`
	ReasoningContent string            `json:"reasoning_content"` // DeepSeek, llama.cpp, vLLM
	Reasoning        string            `json:"reasoning"`         // OpenRouter, Groq, Ollama
	ReasoningDetails []json.RawMessage `json:"reasoning_details"` // OpenRouter
	ToolCalls        []chatCallDelta   `json:"tool_calls"`
}

type chatCallDelta struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
	ExtraContent json.RawMessage `json:"extra_content"` // Google
}

// chatAnswer reads one answer. It is whole when a finish_reason came and the
// stream then ended, with [DONE] or, as some services do, without.
type chatAnswer struct {
	e         *endpoint
	q         quirks
	secrets   []string
	out       []model.Delta
	size      int
	calls     chatCalls
	reasoning strings.Builder // of reasoning_content, which goes back
	details   reasoningDetails
	said      bool // any text
	refused   bool
	finish    string
}

func (a *chatAnswer) event(data []byte) ([]model.Delta, bool, error) {
	a.out = a.out[:0]
	text := strings.TrimSpace(string(data))
	if text == "[DONE]" {
		deltas, whole := a.end()
		if !whole {
			return deltas, false, model.ErrCut
		}
		return deltas, true, nil
	}
	var chunk chatChunk
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &chunk); err != nil && !errors.As(err, &mistyped) {
		return nil, false, errFormat
	}
	if looseText(chunk.Error) != "" {
		return nil, false, a.e.complaintError(0, readComplaint(data), a.secrets)
	}
	for _, choice := range chunk.Choices {
		if choice.Index != 0 {
			continue // one answer was asked for
		}
		if err := a.delta(choice.Delta); err != nil {
			return a.out, false, err
		}
		if choice.FinishReason != "" {
			a.finish = choice.FinishReason
		}
	}
	if u := chunk.Usage; u != nil {
		a.out = appendUsage(a.out, store.Usage{
			Input: u.PromptTokens, Cached: u.PromptTokensDetails.CachedTokens,
			Output: u.CompletionTokens, Reasoning: u.CompletionTokensDetails.ReasoningTokens,
		})
	}
	if a.finish == "error" {
		return a.out, false, a.e.complaintError(0, complaint{}, nil)
	}
	return a.out, false, nil
}

func (a *chatAnswer) delta(d chatDelta) error {
	text, thinking := chatContent(d.Content)
	if d.Refusal != "" {
		a.refused = true
		text += d.Refusal
	}
	if d.ReasoningContent != "" {
		a.reasoning.WriteString(d.ReasoningContent)
		thinking += d.ReasoningContent
	} else {
		thinking += d.Reasoning
	}
	if len(d.ReasoningDetails) > 0 {
		said, ok := a.details.add(d.ReasoningDetails)
		if !ok {
			return errTooMuch
		}
		if thinking == "" {
			thinking = said
		}
		for _, r := range d.ReasoningDetails {
			a.size += len(r)
		}
	}
	if thinking != "" {
		a.out = append(a.out, model.ReasoningDelta{Text: thinking})
	}
	if text != "" {
		a.out = append(a.out, model.TextDelta{Text: text})
		a.said = true
	}
	a.size += len(text) + 2*len(thinking)
	for _, c := range d.ToolCalls {
		var ok bool
		a.out, ok = a.calls.add(c, a.out)
		if !ok {
			return errTooMuch
		}
		a.size += len(c.Function.Arguments) + len(c.ExtraContent)
	}
	if a.size > a.e.maxAnswer {
		return errTooMuch
	}
	return nil
}

// chatContent reads the content of a delta: text, or, from services that
// think, a list of parts.
func chatContent(raw json.RawMessage) (text, thinking string) {
	if len(raw) == 0 || raw[0] != '[' {
		if len(raw) > 0 && raw[0] == '"' {
			text = looseText(raw)
		}
		return text, ""
	}
	var parts []struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Thinking json.RawMessage `json:"thinking"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		var mistyped *json.UnmarshalTypeError
		if !errors.As(err, &mistyped) {
			return "", ""
		}
	}
	for _, p := range parts {
		switch {
		case p.Type == "thinking" && len(p.Thinking) > 0 && p.Thinking[0] == '[':
			var inner []struct{ Text string }
			if json.Unmarshal(p.Thinking, &inner) == nil {
				for _, t := range inner {
					thinking += t.Text
				}
			}
		case p.Type == "thinking":
			thinking += looseText(p.Thinking)
		default:
			text += p.Text
		}
	}
	return text, thinking
}

func (a *chatAnswer) end() ([]model.Delta, bool) {
	a.out = a.calls.finish(a.out[:0])
	if a.finish == "" {
		return a.out, false
	}
	calls := a.calls.count()
	if calls == 0 && !a.said && (a.finish == "tool_calls" || a.finish == "function_call") {
		return a.out, false // some servers lose the calls of a stream
	}
	if o, ok := a.opaque(); ok {
		a.out = append(a.out, o)
	}
	reason := model.StopEnd
	switch {
	case a.finish == "length":
		reason = model.StopLength
	case a.finish == "content_filter":
		reason = model.StopFilter
	case calls > 0:
		reason = model.StopCalls
	case a.refused:
		reason = model.StopRefusal
	}
	a.out = append(a.out, model.Done{Reason: reason})
	return a.out, true
}
