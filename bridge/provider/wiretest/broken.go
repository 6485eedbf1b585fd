package wiretest

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// Broken are requests that a service has to refuse, by format: they prove that
// the checks check.
var Broken = map[Format][]string{
	Chat: {
		`{"messages":[]}`,
		`{"messages":[{"role":"user","content":""}]}`,
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"t","arguments":"{}"}}]}]}`,
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"t","arguments":"{}"}}]},{"role":"user","content":"b"}]}`,
		`{"messages":[{"role":"user","content":"a"},{"role":"tool","tool_call_id":"c","content":"x"}]}`,
		`{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"a.b","parameters":{"type":"object"}}}]}`,
	},
	Responses: {
		`{"store":false,"input":[]}`,
		`{"store":true,"input":[{"role":"user","content":"a"}]}`,
		`{"store":false,"input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c","name":"t","arguments":"{}"},{"role":"user","content":"b"}]}`,
		`{"store":false,"input":[{"role":"user","content":"a"},{"type":"function_call_output","call_id":"c","output":"x"}]}`,
		`{"store":false,"input":[{"role":"user","content":"a"},{"type":"reasoning","id":"r","summary":[],"encrypted_content":"of another"},{"type":"message","role":"assistant","content":"b"}]}`,
		`{"store":false,"input":[{"role":"user","content":"a"},{"type":"reasoning","id":"r","summary":[],"encrypted_content":""},{"role":"user","content":"b"}]}`,
	},
	Anthropic: {
		`{"max_tokens":1,"messages":[{"role":"assistant","content":"a"}]}`,
		`{"messages":[{"role":"user","content":"a"}]}`,
		`{"max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}`,
		`{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":" "}]}]}`,
		`{"max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"t","input":{}}]},{"role":"user","content":"b"}]}`,
		`{"max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"of another"},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}`,
		`{"max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`,
	},
	Gemini: {
		`{"contents":[{"role":"model","parts":[{"text":"a"}]}]}`,
		`{"contents":[{"role":"user","parts":[{"text":""}]}]}`,
		`{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"b"}]}]}`,
		`{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"functionCall":{"name":"t","args":{}}}]},{"role":"user","parts":[{"text":"b"}]}]}`,
		`{"contents":[{"role":"user","parts":[{"functionResponse":{"name":"t","response":{}}}]}]}`,
		`{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b","thoughtSignature":"b2YgYW5vdGhlcg=="}]},{"role":"user","parts":[{"text":"c"}]}]}`,
	},
}

// Post asks a service with a body and returns the status.
func Post(ctx context.Context, s *Service, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
