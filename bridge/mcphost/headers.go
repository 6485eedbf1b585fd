package mcphost

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// headersOf says why a tool may not be used over HTTP: its input schema wants
// arguments repeated in headers in a way that the protocol forbids ("Custom
// headers from tool parameters" of the specification, SEP-2243).
func headersOf(schema json.RawMessage) error {
	if !strings.Contains(string(schema), headerMember) {
		return nil
	}
	return headersIn(schema, map[string]bool{}, 0)
}

const (
	headerMember   = "x-mcp-header"
	headerDepthMax = 64
)

func headersIn(schema json.RawMessage, seen map[string]bool, depth int) error {
	if depth > headerDepthMax {
		return errors.New("its input schema is too deep")
	}
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil // no schema that holds properties
	}
	for name, raw := range s.Properties {
		var p map[string]json.RawMessage
		if json.Unmarshal(raw, &p) != nil {
			continue
		}
		if value, ok := p[headerMember]; ok {
			var header, kind string
			if json.Unmarshal(value, &header) != nil || !isToken(header) {
				return fmt.Errorf("its argument %q is to go into a header that has no proper name", cut(visible(name), 80))
			}
			if json.Unmarshal(p["type"], &kind) != nil || kind != "string" && kind != "integer" && kind != "boolean" {
				return fmt.Errorf("its argument %q is to go into a header, and is neither text nor a whole number nor yes or no", cut(visible(name), 80))
			}
			if lower := strings.ToLower(header); seen[lower] {
				return fmt.Errorf("two of its arguments are to go into the header %q", header)
			} else {
				seen[lower] = true
			}
		}
		if err := headersIn(raw, seen, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// isToken reports whether s can be part of a header's name (RFC 9110, section
// 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
