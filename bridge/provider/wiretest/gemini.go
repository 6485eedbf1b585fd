package wiretest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// gemini is Google's generateContent.
type gemini struct{}

var geminiName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$`)

func (gemini) check(s *Service, body map[string]any) (names []string, person bool, faults []string) {
	fault := func(format string, a ...any) { faults = append(faults, fmt.Sprintf(format, a...)) }
	for _, t := range list(body["tools"]) {
		for _, d := range list(object(t)["functionDeclarations"]) {
			f := object(d)
			names = append(names, text(f["name"]))
			schema := object(f["parametersJsonSchema"])
			if schema == nil {
				schema = object(f["parameters"])
			}
			if _, ok := schema["$schema"]; ok {
				fault("the schema of %s has $schema", text(f["name"]))
			}
		}
	}
	namesOf(names, geminiName, &faults)
	before := ""
	var called []string // names that wait for their responses
	for i, raw := range list(body["contents"]) {
		c := object(raw)
		role := text(c["role"])
		if role == before || i == 0 && role != "user" || role != "user" && role != "model" {
			fault("content %d is of the role %q after %q", i, role, before)
		}
		before = role
		parts := list(c["parts"])
		if len(parts) == 0 {
			fault("content %d is empty", i)
		}
		responses, words := 0, false
		for _, raw := range parts {
			p := object(raw)
			if signature, ok := p["thoughtSignature"]; ok {
				id, err := base64.StdEncoding.DecodeString(text(signature))
				if err != nil || !s.given[string(id)] && string(id) != skipSignature && text(signature) != skipSignature {
					fault("the signature %v is not of this service", signature)
				}
			}
			switch {
			case p["functionCall"] != nil && role == "model":
				call := object(p["functionCall"])
				called = append(called, text(call["name"]))
				if !geminiName.MatchString(text(call["name"])) {
					fault("the history calls %q", text(call["name"]))
				}
				if call["args"] != nil && object(call["args"]) == nil {
					fault("the arguments of %q are no object", text(call["name"]))
				}
			case p["functionResponse"] != nil && role == "user":
				response := object(p["functionResponse"])
				responses++
				at := slices.Index(called, text(response["name"]))
				if at < 0 {
					fault("there is a response of %q, which was not called", text(response["name"]))
					continue
				}
				called = slices.Delete(called, at, at+1)
				if object(response["response"]) == nil {
					fault("the response of %q is no object", text(response["name"]))
				}
			case p["text"] != nil:
				words = true
				if text(p["text"]) == "" && p["thoughtSignature"] == nil {
					fault("content %d has an empty text", i)
				}
			case p["inlineData"] != nil && role == "user":
				words = true
			default:
				fault("a part of the role %s is %s", role, encode(p))
			}
		}
		if role == "user" && len(called) > 0 {
			fault("the calls of %v have no response", called)
			called = nil
		}
		person = role == "user" && responses == 0 && words
	}
	if before != "user" {
		fault("the request ends with the role %q", before)
	}
	if len(called) > 0 {
		fault("the calls of %v have no response", called)
	}
	return names, person, faults
}

// skipSignature is what Google documents for calls that another model made.
const skipSignature = "skip_thought_signature_validator"

func (gemini) pieces(p plan) []string {
	var out []string
	chunk := func(finish string, parts ...map[string]any) {
		candidate := map[string]any{"index": 0, "content": map[string]any{"role": "model", "parts": parts}}
		if finish != "" {
			candidate["finishReason"] = finish
		}
		out = append(out, "data: "+encode(map[string]any{
			"candidates": []any{candidate}, "modelVersion": "m",
			"usageMetadata": map[string]any{"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
		})+"\r\n\r\n")
	}
	signature := base64.StdEncoding.EncodeToString([]byte(p.signed))
	chunk("", map[string]any{"text": "Let me think.", "thought": true})
	if len(p.tools) == 0 {
		chunk("", map[string]any{"text": p.text})
		chunk("STOP", map[string]any{"text": "", "thoughtSignature": signature})
		return out
	}
	chunk("", map[string]any{"text": p.text})
	for i, name := range p.tools {
		part := map[string]any{"functionCall": map[string]any{"id": p.callIDs[i], "name": name, "args": json.RawMessage(p.arguments[i])}}
		if i == 0 {
			part["thoughtSignature"] = signature
		}
		chunk("", part)
	}
	chunk("STOP", map[string]any{"text": ""})
	return out
}
