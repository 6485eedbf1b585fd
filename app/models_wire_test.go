package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/provider/wiretest"
)

// What a program says with tool_choice arrives in the words of each format, for
// the first step alone.
func TestModelsToolChoiceOnTheWire(t *testing.T) {
	for format, wants := range map[wiretest.Format]map[string]string{
		wiretest.Chat:      {"auto": `null`, "required": `"required"`, "none": `"none"`, "weather": `{"function":{"name":"weather"},"type":"function"}`},
		wiretest.Responses: {"auto": `null`, "required": `"required"`, "none": `"none"`, "weather": `{"name":"weather","type":"function"}`},
		wiretest.Anthropic: {"auto": `null`, "required": `{"type":"any"}`, "none": `{"type":"none"}`, "weather": `{"name":"weather","type":"tool"}`},
		wiretest.Gemini: {
			"auto": `null`, "required": `{"functionCallingConfig":{"mode":"ANY"}}`, "none": `{"functionCallingConfig":{"mode":"NONE"}}`,
			"weather": `{"functionCallingConfig":{"allowedFunctionNames":["weather"],"mode":"ANY"}}`,
		},
	} {
		t.Run(string(format), func(t *testing.T) {
			a := openAskableIn(t, format, nil)
			key := a.modelKey("app", nil)
			field := "tool_choice"
			if format == wiretest.Gemini {
				field = "toolConfig"
			}
			written := func(v any) string {
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			for choice, want := range wants {
				given := any(choice)
				if choice == "weather" {
					given = m{"type": "function", "name": "weather"}
				}
				a.requests()
				s := a.respond(key, m{"tools": []m{mcpTool(m{"allowed_tools": []string{"read"}}), weather()}, "tool_choice": given})
				sent := a.requests()
				if s.status != 200 || len(sent) == 0 {
					t.Fatalf("%s: %s", choice, s)
				}
				if got := written(sent[0][field]); got != want {
					t.Errorf("%s: the first step has %s, not %s", choice, got, want)
				}
				// With the person's tools alone there is a second step.
				if choice != "required" {
					continue
				}
				s = a.respond(key, m{"tools": []m{mcpTool(m{"allowed_tools": []string{"read"}})}, "tool_choice": given})
				sent = a.requests()
				if len(sent) != 2 || written(sent[0][field]) != want || sent[1][field] != nil {
					t.Errorf("%s: the steps are %d, and the second has %v: %s", choice, len(sent), sent[len(sent)-1][field], s)
				}
			}
		})
	}
}

// What a provider wants back of a model's reasoning goes to the program sealed,
// and comes back with its next request, to that provider alone.
func TestModelsReasoningWithoutKeeping(t *testing.T) {
	for _, format := range []wiretest.Format{wiretest.Responses, wiretest.Anthropic, wiretest.Gemini} {
		t.Run(string(format), func(t *testing.T) {
			a := openAskableIn(t, format, nil)
			key, other := a.modelKey("app", nil), a.modelKey("other", nil)
			body := func(input []any) m {
				return m{"tools": []m{mcpTool(m{"allowed_tools": []string{"read"}}), weather()}, "store": false, "include": []string{"reasoning.encrypted_content"}, "input": input}
			}
			input := []any{m{"role": "user", "content": "go"}}
			first := a.respond(key, body(input))
			var sealed []m
			for _, i := range first.items("reasoning") {
				if i["encrypted_content"] != nil {
					sealed = append(sealed, i)
				}
			}
			functions := first.items("function_call")
			if len(sealed) != 1 || len(functions) != 1 {
				t.Fatalf("%d sealed items and %d functions: %s", len(sealed), len(functions), first)
			}
			if strings.Contains(fmt.Sprint(sealed), "sig") || len(fmt.Sprint(sealed[0]["encrypted_content"])) < 60 {
				t.Errorf("it can be read: %v", sealed)
			}
			next := append(append(input, first.output()...), m{"type": "function_call_output", "call_id": functions[0]["call_id"], "output": "rain"})
			a.requests()
			second := a.respond(key, body(next))
			sent := a.requests()
			if second.status != 200 || second.text() != "That is all." || len(sent) != 1 {
				t.Fatalf("it did not go on: %s", second)
			}
			// The service holds each signature against those that it gave out.
			back := string(a.service.Last())
			for word, want := range map[wiretest.Format]string{wiretest.Responses: `"encrypted_content":"`, wiretest.Anthropic: `"signature":"`, wiretest.Gemini: `"thoughtSignature":"`} {
				if word == format && !strings.Contains(back, want) {
					t.Errorf("nothing came back to the service: %s", back)
				}
			}
			// Without the item the conversation goes on, and nothing goes back.
			var bare []any
			for _, i := range next {
				if o, ok := i.(map[string]any); !ok || o["type"] != "reasoning" {
					bare = append(bare, i)
				}
			}
			if format == wiretest.Responses { // the others want their signatures
				if s := a.respond(key, body(bare)); s.status != 200 || strings.Contains(string(a.service.Last()), "encrypted_content\":\"") {
					t.Errorf("without the item: %s", s)
				}
			}
			// Of another key, or touched, it is refused with a sentence.
			text := fmt.Sprint(sealed[0]["encrypted_content"])
			for what, try := range map[string]struct{ key, sealed string }{
				"another key": {other, text}, "touched": {key, "A" + text[1:len(text)-1] + "="}, "cut": {key, text[:40]}, "made up": {key, "Z0FBQUFB"}, "no base64": {key, "…"},
			} {
				changed := make([]any, len(next))
				copy(changed, next)
				for i, item := range changed {
					if o, ok := item.(map[string]any); ok && o["encrypted_content"] != nil {
						changed[i] = m{"type": "reasoning", "id": o["id"], "summary": []any{}, "encrypted_content": try.sealed}
					}
				}
				if s := a.respond(try.key, body(changed)); s.status != 400 || !strings.Contains(s.errorText(), "was not made here for this key") || s.body["error"].(map[string]any)["code"] != "invalid_encrypted_content" {
					t.Errorf("%s: %s", what, s)
				}
			}
			// Who does not ask for it does not get it.
			if s := a.respond(key, m{"tools": []m{mcpTool(nil)}, "input": "go"}); strings.Contains(s.raw, "encrypted_content") {
				t.Errorf("it came unasked: %s", s)
			}
		})
	}
}

// A program's history goes on after a restart: what it was given of a model's
// thoughts is sealed under a key that lies where the other secrets do, and of
// which no file shows anything.
func TestModelsReasoningOutlivesARestart(t *testing.T) {
	a := openAskableIn(t, wiretest.Anthropic, nil)
	key, other := a.modelKey("app", nil), a.modelKey("other", nil)
	body := func(input []any) m {
		return m{"tools": []m{mcpTool(m{"allowed_tools": []string{"read"}}), weather()}, "store": false, "include": []string{"reasoning.encrypted_content"}, "input": input}
	}
	input := []any{m{"role": "user", "content": "go"}}
	first := a.respond(key, body(input))
	functions := first.items("function_call")
	if len(functions) != 1 || len(first.items("reasoning")) == 0 {
		t.Fatalf("it began with %s", first)
	}
	a.restart()
	next := append(append(input, first.output()...), m{"type": "function_call_output", "call_id": functions[0]["call_id"], "output": "rain"})
	a.requests()
	second := a.respond(key, body(next))
	if second.status != 200 || second.text() != "That is all." || len(a.requests()) != 1 || !strings.Contains(string(a.service.Last()), `"signature":"`) {
		t.Errorf("it did not go on: %s", second)
	}
	if of := a.respond(other, body(next)); of.status != 400 {
		t.Errorf("another key got on with it: %s", of)
	}
	a.restart()
	if third := a.respond(key, body(next)); third.status != 200 {
		t.Errorf("after one more restart: %s", third)
	}
}
