package mcphost

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

const (
	nameMax       = 256     // bytes of a tool's name
	definitionMax = 1 << 20 // bytes of a tool's definition
)

// canonical returns JSON with sorted keys and without spaces; numbers stay as
// they were written. Of two equal keys the last counts, and broken UTF-8 is
// replaced: what is pinned and what is used are both made from this.
func canonical(raw json.RawMessage) (json.RawMessage, error) {
	v, err := tools.DecodeJSON(raw)
	if err != nil {
		return nil, err
	}
	return tools.EncodeJSON(v)
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// newTool reads one definition. notes say what was mended or left out of it;
// the error says why the tool cannot be used.
func newTool(server string, raw json.RawMessage) (t tools.Tool, notes []string, err error) {
	if len(raw) > definitionMax {
		var w struct{ Name string }
		if json.Unmarshal(raw, &w) == nil {
			t.Tool = w.Name // to say which one it is
		}
		return t, nil, fmt.Errorf("its definition of %d KiB is longer than the %d that are taken", len(raw)>>10, definitionMax>>10)
	}
	definition, err := canonical(raw)
	if err != nil {
		return t, nil, fmt.Errorf("its definition is no JSON: %w", err)
	}
	// Keys are looked up exactly; decoding into a struct would take others too.
	var m map[string]json.RawMessage
	if err := json.Unmarshal(definition, &m); err != nil || m == nil {
		return t, nil, errors.New("its definition is no object")
	}
	t = tools.Tool{Ref: tools.Ref{Server: server}, Definition: definition, Hash: hashOf(definition)}
	if err := json.Unmarshal(m["name"], &t.Tool); err != nil || t.Tool == "" {
		return t, nil, errors.New("it has no name")
	}
	if len(t.Tool) > nameMax || strings.ContainsAny(t.Tool, "\n\t") || !clean(t.Tool, unseen) {
		return t, nil, fmt.Errorf("its name is longer than %d bytes or contains characters that cannot be seen", nameMax)
	}
	text := func(key string) string {
		var s string
		if v, ok := m[key]; ok && json.Unmarshal(v, &s) != nil {
			notes = append(notes, "its "+key+" is no text and is left out")
		}
		return visible(s)
	}
	t.Title, t.Description = text("title"), text("description")
	if t.InputSchema, err = inputSchema(m["inputSchema"], &notes); err != nil {
		return t, nil, err
	}
	t.OutputSchema = outputSchema(m["outputSchema"], &notes)
	t.Claims = claims(m["annotations"])
	if t.Title == "" {
		var a struct{ Title string }
		if json.Unmarshal(m["annotations"], &a) == nil {
			t.Title = visible(a.Title)
		}
	}
	return t, notes, nil
}

// inputSchema mends a schema that is missing, or that does not say that it is
// an object.
func inputSchema(raw json.RawMessage, notes *[]string) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		*notes = append(*notes, "it has no input schema; it is taken to need no arguments")
		return json.RawMessage(`{"type":"object"}`), nil
	}
	v, err := tools.DecodeJSON(raw)
	if err != nil {
		return nil, err
	}
	schema, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("its input schema is no object")
	}
	switch kind := schema["type"]; kind {
	case "object":
	case nil:
		*notes = append(*notes, "its input schema does not say that it is an object; that was added")
		schema["type"] = "object"
	default:
		return nil, fmt.Errorf("its input schema describes %s where an object is needed", cut(visible(fmt.Sprint(kind)), 60))
	}
	return tools.EncodeJSON(visibleTree(schema))
}

func outputSchema(raw json.RawMessage, notes *[]string) json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	v, err := tools.DecodeJSON(raw)
	if schema, ok := v.(map[string]any); err == nil && ok {
		if out, err := tools.EncodeJSON(visibleTree(schema)); err == nil {
			return out
		}
	}
	*notes = append(*notes, "its output schema is no object and is left out")
	return nil
}

// visibleTree writes out what cannot be seen in every text of a schema, names
// of properties and values of enumerations included: a model reads all of them.
func visibleTree(v any) any {
	switch v := v.(type) {
	case string:
		return visible(v)
	case []any:
		for i := range v {
			v[i] = visibleTree(v[i])
		}
	case map[string]any:
		for k, inner := range v {
			inner = visibleTree(inner)
			if seen := visible(k); seen != k {
				delete(v, k)
				k = seen
			}
			v[k] = inner
		}
	}
	return v
}

// claims reads the annotations; what is no boolean claims nothing.
func claims(raw json.RawMessage) tools.Claims {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return tools.Claims{}
	}
	flag := func(key string) *bool {
		var b *bool
		if json.Unmarshal(m[key], &b) != nil {
			return nil
		}
		return b
	}
	return tools.Claims{
		ReadOnly: flag("readOnlyHint"), Destructive: flag("destructiveHint"),
		Idempotent: flag("idempotentHint"), OpenWorld: flag("openWorldHint"),
	}
}
