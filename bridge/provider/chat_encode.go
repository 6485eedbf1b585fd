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

// chatBody writes the body of a request to Chat Completions.
func chatBody(req model.Request, fields []field) ([]byte, error) {
	p := openai.ChatCompletionNewParams{
		Model:    req.Model.Model,
		Messages: chatMessages(req),
	}
	if req.Tools != nil {
		for _, f := range req.Tools.Functions() {
			p.Tools = append(p.Tools, chatTool(f))
		}
	}
	if slices.Contains(fields, fieldStreamOptions) {
		p.StreamOptions.IncludeUsage = param.NewOpt(true)
	}
	p.SetExtraFields(map[string]any{"stream": true})
	return p.MarshalJSON()
}

// chatTool offers a function. Strict mode is asked for only where the schema
// fits it as it is, since it would change which arguments are optional.
func chatTool(f tools.Function) openai.ChatCompletionToolUnionParam {
	return param.Override[openai.ChatCompletionToolUnionParam](f.JSON(tools.FormatChat))
}

// chatMessages writes a history as the messages of Chat Completions.
func chatMessages(req model.Request) []openai.ChatCompletionMessageParamUnion {
	var out []openai.ChatCompletionMessageParamUnion
	if req.System != "" {
		out = append(out, openai.SystemMessage(req.System))
	}
	turn := lastUser(req.Messages)
	for i, m := range req.Messages {
		switch m.Role {
		case store.RoleUser:
			out = append(out, chatUser(m))
		case store.RoleAssistant:
			if msg, ok := chatAssistant(m, req, i > turn); ok {
				out = append(out, msg)
			}
		case store.RoleTool:
			for _, r := range m.Results() {
				texts := resultTexts(r, func(store.Image) bool { return false })
				text := strings.Join(texts, "\n")
				if text == "" {
					text = emptyResult
				}
				out = append(out, openai.ToolMessage(text, wireID(r.CallID)))
			}
		}
	}
	return out
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

func chatUser(m store.Message) openai.ChatCompletionMessageParamUnion {
	var parts []openai.ChatCompletionContentPartUnionParam
	plain := true
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Text:
			parts = append(parts, openai.TextContentPart(p.Text))
		case store.Image:
			u, ok := imageURL(p)
			if !ok {
				parts = append(parts, openai.TextContentPart(describeImage(p)))
				continue
			}
			plain = false
			parts = append(parts, openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: u}))
		case store.File:
			parts = append(parts, openai.TextContentPart(describeFile(p)))
		}
	}
	if !plain {
		return openai.UserMessage(parts)
	}
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		texts = append(texts, p.OfText.Text)
	}
	return openai.UserMessage(strings.Join(texts, "\n"))
}

// chatReasoning is the opaque item of this format: what a service calls
// reasoning_content, which some (DeepSeek) want back while a turn with tools
// runs.
type chatReasoning struct {
	ReasoningContent string `json:"reasoning_content"`
}

// chatAssistant returns false for a message of which nothing can be sent.
func chatAssistant(m store.Message, req model.Request, running bool) (openai.ChatCompletionMessageParamUnion, bool) {
	var msg openai.ChatCompletionAssistantMessageParam
	var text strings.Builder
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Text:
			text.WriteString(p.Text)
		case store.ToolCall:
			msg.ToolCalls = append(msg.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
				OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
					ID: wireID(p.ID),
					Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{
						Name: wireName(req.Tools, p), Arguments: wireArguments(p.Arguments),
					},
				},
			})
		case store.Opaque:
			var r chatReasoning
			if running && p.Model == req.Model && json.Unmarshal(p.Data, &r) == nil && r.ReasoningContent != "" {
				msg.SetExtraFields(map[string]any{"reasoning_content": r.ReasoningContent})
			}
		}
	}
	if text.Len() > 0 {
		msg.Content.OfString = param.NewOpt(text.String())
	}
	if text.Len() == 0 && len(msg.ToolCalls) == 0 {
		return openai.ChatCompletionMessageParamUnion{}, false
	}
	return openai.ChatCompletionMessageParamUnion{OfAssistant: &msg}, true
}
