package wiretest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// chat is OpenAI's Chat Completions.
type chat struct{}

func (chat) check(s *Service, body map[string]any) (names []string, person bool, faults []string) {
	fault := func(format string, a ...any) { faults = append(faults, fmt.Sprintf(format, a...)) }
	for _, t := range list(body["tools"]) {
		f := object(object(t)["function"])
		names = append(names, text(f["name"]))
		if schema := object(f["parameters"]); schema != nil {
			schemaOf(text(f["name"]), schema, &faults)
		}
	}
	namesOf(names, openAIName, &faults)
	var open pairs
	messages := list(body["messages"])
	if len(messages) == 0 {
		fault("there are no messages")
	}
	for i, raw := range messages {
		m := object(raw)
		role := text(m["role"])
		// Pictures of results follow them as a message of the person.
		person = role == "user" && (i == 0 || text(object(messages[i-1])["role"]) != "tool")
		if role != "tool" {
			open.closed("a message of the role "+role, &faults)
		}
		switch role {
		case "system", "developer":
			if i > 0 {
				fault("message %d is a system prompt in the middle", i)
			}
		case "user":
			chatContent(m["content"], true, fault)
		case "assistant":
			calls := list(m["tool_calls"])
			if m["content"] == nil && len(calls) == 0 {
				fault("the assistant's message %d is empty", i)
			}
			if m["content"] != nil {
				chatContent(m["content"], false, fault)
			}
			for _, c := range calls {
				call := object(c)
				f := object(call["function"])
				open.call(text(call["id"]), &faults)
				if len(text(call["id"])) > 64 {
					fault("the call id %q is too long", text(call["id"]))
				}
				if !openAIName.MatchString(text(f["name"])) {
					fault("the history calls %q", text(f["name"]))
				}
				var arguments map[string]any
				if json.Unmarshal([]byte(text(f["arguments"])), &arguments) != nil {
					fault("the arguments %q of the history are no object", text(f["arguments"]))
				}
			}
		case "tool":
			open.result(text(m["tool_call_id"]), &faults)
			if _, ok := m["content"].(string); !ok {
				fault("the result %d is no text", i)
			}
		default:
			fault("message %d has the role %q", i, role)
		}
	}
	open.closed("the request ends", &faults)
	return names, person, faults
}

func chatContent(content any, images bool, fault func(string, ...any)) {
	if words, ok := content.(string); ok {
		if words == "" {
			fault("a message is an empty text")
		}
		return
	}
	parts := list(content)
	if len(parts) == 0 {
		fault("a message is neither text nor parts")
	}
	for _, raw := range parts {
		p := object(raw)
		switch kind := text(p["type"]); {
		case kind == "text" && text(p["text"]) != "":
		case kind == "image_url" && images && strings.HasPrefix(text(object(p["image_url"])["url"]), "data:image/"):
		default:
			fault("a part of a message is %s", encode(p))
		}
	}
}

func (chat) pieces(p plan) []string {
	var out []string
	chunk := func(delta map[string]any, finish any) {
		out = append(out, "data: "+encode(map[string]any{
			"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
			"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}},
		})+"\n\n")
	}
	chunk(map[string]any{"role": "assistant", "reasoning_content": "Let me "}, nil)
	chunk(map[string]any{"reasoning_content": "think."}, nil)
	for _, word := range strings.SplitAfter(p.text, " ") {
		chunk(map[string]any{"content": word}, nil)
	}
	for i, name := range p.tools {
		chunk(map[string]any{"tool_calls": []any{map[string]any{
			"index": i, "id": p.callIDs[i], "type": "function", "function": map[string]any{"name": name, "arguments": ""},
		}}}, nil)
		for _, piece := range halves(p.arguments[i]) {
			chunk(map[string]any{"tool_calls": []any{map[string]any{"index": i, "function": map[string]any{"arguments": piece}}}}, nil)
		}
	}
	finish := "stop"
	if len(p.tools) > 0 {
		finish = "tool_calls"
	}
	chunk(map[string]any{}, finish)
	return append(out, "data: [DONE]\n\n")
}
