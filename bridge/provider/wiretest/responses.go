package wiretest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// responses is OpenAI's Responses API, with nothing stored at the service.
type responses struct{}

func (responses) check(s *Service, body map[string]any) (names []string, person bool, faults []string) {
	fault := func(format string, a ...any) { faults = append(faults, fmt.Sprintf(format, a...)) }
	for _, t := range list(body["tools"]) {
		f := object(t)
		names = append(names, text(f["name"]))
		schemaOf(text(f["name"]), object(f["parameters"]), &faults)
		if _, ok := f["strict"].(bool); !ok {
			fault("the tool %s does not say whether it is strict", text(f["name"]))
		}
	}
	namesOf(names, openAIName, &faults)
	if stored, ok := body["store"].(bool); !ok || stored {
		fault("store is %v", body["store"])
	}
	var open pairs
	items := list(body["input"])
	if len(items) == 0 {
		fault("there is no input")
	}
	reasoning := false // an item of it waits for what it led to
	for _, raw := range items {
		item := object(raw)
		kind := text(item["type"])
		if kind == "" && item["role"] != nil {
			kind = "message"
		}
		role := text(item["role"])
		ours := kind == "function_call" || kind == "reasoning" || kind == "message" && role == "assistant"
		if reasoning && !ours {
			fault("a reasoning item is without what followed it")
		}
		if kind != "reasoning" {
			reasoning = false
		}
		person = kind == "message" && role == "user"
		switch kind {
		case "message":
			open.closed("a message", &faults)
			responsesContent(item, fault)
		case "reasoning":
			reasoning = true
			if id := text(item["encrypted_content"]); !s.given[id] {
				fault("the reasoning %q is not of this service", id)
			}
			if _, ok := item["summary"].([]any); !ok {
				fault("a reasoning item has no summary")
			}
		case "function_call":
			open.call(text(item["call_id"]), &faults)
			var arguments map[string]any
			if json.Unmarshal([]byte(text(item["arguments"])), &arguments) != nil {
				fault("the arguments %q of the history are no object", text(item["arguments"]))
			}
			if !openAIName.MatchString(text(item["name"])) || len(text(item["call_id"])) > 64 {
				fault("the history calls %q as %q", text(item["name"]), text(item["call_id"]))
			}
		case "function_call_output":
			open.result(text(item["call_id"]), &faults)
			if parts, ok := item["output"].([]any); ok {
				for _, p := range parts {
					switch text(object(p)["type"]) {
					case "input_text", "input_image", "input_file":
					default:
						fault("a part of a result is %s", encode(p))
					}
				}
			} else if _, ok := item["output"].(string); !ok {
				fault("a result is neither text nor parts")
			}
		default:
			fault("an item is %s", encode(item))
		}
	}
	if reasoning {
		fault("the request ends with a reasoning item")
	}
	open.closed("the request ends", &faults)
	return names, person, faults
}

func responsesContent(item map[string]any, fault func(string, ...any)) {
	role := text(item["role"])
	if role != "user" && role != "assistant" && role != "system" && role != "developer" {
		fault("a message has the role %q", role)
	}
	if words, ok := item["content"].(string); ok {
		if words == "" {
			fault("a message is an empty text")
		}
		return
	}
	parts := list(item["content"])
	if len(parts) == 0 {
		fault("a message has no content")
	}
	for _, raw := range parts {
		p := object(raw)
		kind := text(p["type"])
		switch {
		case kind == "output_text" && role == "assistant", kind == "input_text" && role != "assistant":
		case kind == "input_image" && role == "user" && strings.HasPrefix(text(p["image_url"]), "data:image/"):
		default:
			fault("a part of a message of the role %s is %s", role, encode(p))
		}
	}
}

func (responses) pieces(p plan) []string {
	var out []string
	event := func(kind string, fields map[string]any) {
		fields["type"], fields["sequence_number"] = kind, len(out)
		out = append(out, "event: "+kind+"\ndata: "+encode(fields)+"\n\n")
	}
	var output []any
	item := func(added, done map[string]any, between func(index int)) {
		index := len(output)
		event("response.output_item.added", map[string]any{"output_index": index, "item": added})
		between(index)
		event("response.output_item.done", map[string]any{"output_index": index, "item": done})
		output = append(output, done)
	}
	event("response.created", map[string]any{"response": map[string]any{"id": "resp", "status": "in_progress", "output": []any{}}})
	item(map[string]any{"type": "reasoning", "id": "rs_" + p.signed, "summary": []any{}, "encrypted_content": "not-this"},
		map[string]any{"type": "reasoning", "id": "rs_" + p.signed, "encrypted_content": p.signed,
			"summary": []any{map[string]any{"type": "summary_text", "text": "Let me think."}}},
		func(index int) {
			event("response.reasoning_summary_text.delta", map[string]any{"output_index": index, "summary_index": 0, "delta": "Let me think."})
		})
	item(map[string]any{"type": "message", "id": "msg", "role": "assistant", "status": "in_progress", "content": []any{}},
		map[string]any{"type": "message", "id": "msg", "role": "assistant", "status": "completed",
			"content": []any{map[string]any{"type": "output_text", "text": p.text, "annotations": []any{}}}},
		func(index int) {
			for _, word := range strings.SplitAfter(p.text, " ") {
				event("response.output_text.delta", map[string]any{"output_index": index, "content_index": 0, "delta": word})
			}
		})
	for i, name := range p.tools {
		call := func(arguments, status string) map[string]any {
			return map[string]any{"type": "function_call", "id": "fc_" + p.callIDs[i], "call_id": p.callIDs[i],
				"name": name, "arguments": arguments, "status": status}
		}
		item(call("", "in_progress"), call(p.arguments[i], "completed"), func(index int) {
			for _, piece := range halves(p.arguments[i]) {
				event("response.function_call_arguments.delta", map[string]any{"output_index": index, "delta": piece})
			}
		})
	}
	event("response.completed", map[string]any{"response": map[string]any{"id": "resp", "status": "completed", "output": output,
		"usage": map[string]any{"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}}})
	return out
}
