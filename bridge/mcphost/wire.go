package mcphost

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// cleanWire returns what a server sent, for another program: secrets are
// redacted, also within the bytes of a resource, and what moves the cursor,
// reorders text or cannot be seen is taken out or written out. The rest stays as
// it is. It returns nil for what is no JSON.
func cleanWire(raw json.RawMessage, r *tools.Redactor) json.RawMessage {
	if r == nil && plainWire(raw) {
		return raw
	}
	v, err := tools.DecodeJSON(raw)
	if err != nil {
		return nil
	}
	out, err := tools.EncodeJSON(cleanTree(v, r))
	if err != nil {
		return nil
	}
	return r.JSON(out)
}

// newWireResult takes a result for another program: it is passed on as it was
// sent, so that no more of it is read here than what is asked about it.
func newWireResult(raw json.RawMessage, r *tools.Redactor) (tools.Result, error) {
	out := tools.Result{Wire: cleanWire(raw, r)}
	var w struct {
		Structured json.RawMessage `json:"structuredContent"`
		IsError    bool            `json:"isError"`
	}
	if out.Wire == nil {
		return out, errors.New("its result is no JSON")
	}
	if err := json.Unmarshal(out.Wire, &w); err != nil {
		return out, fmt.Errorf("its result is not what the protocol asks for: %w", err)
	}
	out.IsError = w.IsError
	if len(w.Structured) > 0 && string(w.Structured) != "null" {
		out.Structured = w.Structured
	}
	return out, nil
}

// asksFirst reports whether a result is none yet, but says what the server
// wants to know first.
func asksFirst(wire json.RawMessage) bool {
	if !mayAsk(wire) {
		return false
	}
	var w struct {
		Type string `json:"resultType"`
	}
	return json.Unmarshal(wire, &w) == nil && w.Type == "input_required"
}

// plainWire reports whether nothing in the text needs cleaning: no escape that
// could stand for what is not seen, and nothing of that kind itself.
func plainWire(raw json.RawMessage) bool {
	for i, c := range raw {
		if c >= utf8.RuneSelf || c == '\\' && i+1 < len(raw) && raw[i+1] == 'u' || c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return json.Valid(raw)
}

func cleanTree(v any, r *tools.Redactor) any {
	switch v := v.(type) {
	case string:
		return printable(v)
	case []any:
		for i := range v {
			v[i] = cleanTree(v[i], r)
		}
	case map[string]any:
		for k, inner := range v {
			if blob, ok := inner.(string); ok && k == "blob" {
				v[k] = cleanBlob(blob, r)
				continue
			}
			inner = cleanTree(inner, r)
			if seen := printable(k); seen != k {
				delete(v, k)
				k = seen
			}
			v[k] = inner
		}
	}
	return v
}

// cleanBlob redacts within bytes that are written in base64.
func cleanBlob(s string, r *tools.Redactor) string {
	if r == nil {
		return printable(s)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return printable(s)
	}
	clean := r.Bytes(b)
	if string(clean) == string(b) {
		return s
	}
	return base64.StdEncoding.EncodeToString(clean)
}
