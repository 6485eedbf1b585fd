package wiretest

import (
	"fmt"
	"regexp"
	"strings"
)

// anthropic is Anthropic's Messages API.
type anthropic struct{}

var anthropicName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

func (anthropic) check(s *Service, body map[string]any) (names []string, person bool, faults []string) {
	fault := func(format string, a ...any) { faults = append(faults, fmt.Sprintf(format, a...)) }
	marks := strings.Count(encode(body), `"cache_control":{`)
	if marks > 4 {
		fault("there are %d places to cache, and 4 are allowed", marks)
	}
	if n, ok := body["max_tokens"].(float64); !ok || n < 1 {
		fault("max_tokens is %v", body["max_tokens"])
	}
	for _, t := range list(body["tools"]) {
		f := object(t)
		names = append(names, text(f["name"]))
		schemaOf(text(f["name"]), object(f["input_schema"]), &faults)
	}
	namesOf(names, anthropicName, &faults)
	var open pairs
	before := ""
	for i, raw := range list(body["messages"]) {
		m := object(raw)
		role := text(m["role"])
		if role == before || i == 0 && role != "user" || role != "user" && role != "assistant" {
			fault("message %d is of the role %q after %q", i, role, before)
		}
		before = role
		blocks := list(m["content"])
		if words, ok := m["content"].(string); ok {
			blocks = []any{map[string]any{"type": "text", "text": words}}
		}
		if len(blocks) == 0 {
			fault("message %d is empty", i)
		}
		person = false
		said := false
		for _, raw := range blocks {
			b := object(raw)
			switch kind := text(b["type"]); {
			case kind == "text":
				person, said = role == "user", true
				if strings.TrimSpace(text(b["text"])) == "" {
					fault("message %d has an empty text", i)
				}
				if role == "user" {
					open.closed("words of the person", &faults)
				}
			case kind == "image" && role == "user":
				anthropicImage(b, fault)
			case kind == "thinking" && role == "assistant":
				if said {
					fault("message %d thinks after it spoke", i)
				}
				if !s.given[text(b["signature"])] {
					fault("the signature %q is not of this service", text(b["signature"]))
				}
			case kind == "tool_use" && role == "assistant":
				said = true
				open.call(text(b["id"]), &faults)
				if object(b["input"]) == nil {
					fault("the input of %s is no object", text(b["id"]))
				}
				if !anthropicName.MatchString(text(b["name"])) {
					fault("the history calls %q", text(b["name"]))
				}
			case kind == "tool_result" && role == "user":
				if person {
					fault("message %d has a result behind the person's words", i)
				}
				open.result(text(b["tool_use_id"]), &faults)
				for _, c := range list(b["content"]) {
					part := object(c)
					switch text(part["type"]) {
					case "text":
						if text(part["text"]) == "" {
							fault("a result has an empty text")
						}
					case "image":
						anthropicImage(part, fault)
					default:
						fault("a part of a result is %s", encode(part))
					}
				}
			default:
				fault("a block of the role %s is %s", role, encode(b))
			}
		}
		if role == "user" {
			open.closed("a message of the person", &faults)
		}
	}
	if before != "user" {
		fault("the request ends with the role %q", before)
	}
	return names, person, faults
}

func anthropicImage(b map[string]any, fault func(string, ...any)) {
	source := object(b["source"])
	switch text(source["media_type"]) {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
	default:
		fault("an image is of the type %q", text(source["media_type"]))
	}
	if text(source["type"]) != "base64" || text(source["data"]) == "" {
		fault("an image has no data")
	}
}

func (anthropic) pieces(p plan) []string {
	var out []string
	event := func(kind string, fields map[string]any) {
		fields["type"] = kind
		out = append(out, "event: "+kind+"\ndata: "+encode(fields)+"\n\n")
	}
	blocks := 0
	block := func(start map[string]any, deltas ...map[string]any) {
		event("content_block_start", map[string]any{"index": blocks, "content_block": start})
		for _, d := range deltas {
			event("content_block_delta", map[string]any{"index": blocks, "delta": d})
		}
		event("content_block_stop", map[string]any{"index": blocks})
		blocks++
	}
	event("message_start", map[string]any{"message": map[string]any{
		"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": []any{}, "stop_reason": nil,
		"usage": map[string]any{"input_tokens": 10, "output_tokens": 1},
	}})
	block(map[string]any{"type": "thinking", "thinking": "", "signature": ""},
		map[string]any{"type": "thinking_delta", "thinking": "Let me "},
		map[string]any{"type": "thinking_delta", "thinking": "think."},
		map[string]any{"type": "signature_delta", "signature": p.signed})
	var words []map[string]any
	for _, word := range strings.SplitAfter(p.text, " ") {
		words = append(words, map[string]any{"type": "text_delta", "text": word})
	}
	block(map[string]any{"type": "text", "text": ""}, words...)
	for i, name := range p.tools {
		block(map[string]any{"type": "tool_use", "id": p.callIDs[i], "name": name, "input": map[string]any{}},
			map[string]any{"type": "input_json_delta", "partial_json": ""},
			map[string]any{"type": "input_json_delta", "partial_json": halves(p.arguments[i])[0]},
			map[string]any{"type": "input_json_delta", "partial_json": halves(p.arguments[i])[1]})
	}
	stop := "end_turn"
	if len(p.tools) > 0 {
		stop = "tool_use"
	}
	event("message_delta", map[string]any{"delta": map[string]any{"stop_reason": stop, "stop_sequence": nil}, "usage": map[string]any{"output_tokens": 5}})
	event("message_stop", map[string]any{})
	return out
}
