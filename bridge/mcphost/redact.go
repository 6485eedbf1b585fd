package mcphost

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// redacted stands where a secret was.
const redacted = "‹secret›"

// Shorter values are left alone: "1" or "true" would be replaced all over, and
// what is that short is no secret.
const redactFrom = 4

// In definitions values count from this length on, since a shorter one may be a
// word of the schema.
const redactDefinitionFrom = 8

// redactor replaces the values that one server received. A nil redactor
// replaces nothing. It does not change; any goroutine may use it.
type redactor struct {
	values  []string // longest first
	longest int
}

// newRedactor takes the values as they are, as JSON and addresses write them,
// without the scheme of a header (as in "Bearer …"), and the lines of those
// that have several.
func newRedactor(secrets []string) *redactor {
	var r redactor
	add := func(v string) {
		if len(v) >= redactFrom && !slices.Contains(r.values, v) {
			r.values = append(r.values, v)
			r.longest = max(r.longest, len(v))
		}
	}
	for _, v := range secrets {
		forms := []string{v, strings.TrimSpace(v)}
		if scheme, token, ok := strings.Cut(forms[1], " "); ok && isAuthScheme(scheme) {
			forms = append(forms, strings.TrimSpace(token))
		}
		for _, v := range forms {
			add(v)
			add(url.PathEscape(v))
			add(url.QueryEscape(v))
			if quoted, err := json.Marshal(v); err == nil {
				add(string(quoted[1 : len(quoted)-1]))
			}
			add(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(v))
		}
		if lines := strings.Split(v, "\n"); len(lines) > 1 {
			for _, line := range lines {
				if line = strings.TrimSpace(line); len(line) >= 8 {
					add(line)
				}
			}
		}
	}
	if len(r.values) == 0 {
		return nil
	}
	slices.SortFunc(r.values, func(a, b string) int { return len(b) - len(a) })
	return &r
}

// isAuthScheme reports whether a header's value begins with the name of a way to
// sign in (RFC 9110, section 11.1), behind which the token stands.
func isAuthScheme(s string) bool {
	switch strings.ToLower(s) {
	case "bearer", "basic", "token", "apikey", "api-key", "key":
		return true
	}
	return false
}

// text returns s without secrets.
func (r *redactor) text(s string) string {
	if r == nil {
		return s
	}
	for _, v := range r.values {
		if strings.Contains(s, v) {
			s = strings.ReplaceAll(s, v, redacted)
		}
	}
	return s
}

// bytes returns b without secrets; b itself stays as it is.
func (r *redactor) bytes(b []byte) []byte {
	if r == nil {
		return b
	}
	for _, v := range r.values {
		if bytes.Contains(b, []byte(v)) {
			b = bytes.ReplaceAll(b, []byte(v), []byte(redacted))
		}
	}
	return b
}

// json returns a JSON document without secrets, which is JSON still. What has
// none is returned as it is.
func (r *redactor) json(raw json.RawMessage) json.RawMessage {
	if r == nil {
		return raw
	}
	v, err := decode(raw)
	if err != nil {
		return nil // it was read before, so this does not happen
	}
	clean, changed := r.tree(v, 0)
	if !changed {
		return raw
	}
	out, err := encode(clean)
	if err != nil {
		return nil
	}
	return out
}

// definition does the same for the definition of a tool: names of properties and
// numbers stay, because calls are made with them. What cannot be read is
// returned as it is, for newTool to refuse.
func (r *redactor) definition(raw json.RawMessage) json.RawMessage {
	if r == nil || len(raw) > definitionMax {
		return raw
	}
	v, err := decode(raw)
	if err != nil {
		return raw
	}
	clean, changed := r.tree(v, redactDefinitionFrom)
	if !changed {
		return raw
	}
	out, err := encode(clean)
	if err != nil {
		return raw
	}
	return out
}

// tree replaces secrets in the texts of a decoded document, in place. With from
// above 0 only secrets of that length count, and keys and numbers stay.
func (r *redactor) tree(v any, from int) (out any, changed bool) {
	text := func(s string) (string, bool) {
		was := s
		for _, v := range r.values {
			if len(v) >= from && strings.Contains(s, v) {
				s = strings.ReplaceAll(s, v, redacted)
			}
		}
		return s, s != was
	}
	switch v := v.(type) {
	case string:
		return text(v)
	case json.Number:
		if s, hit := text(v.String()); hit && from == 0 {
			return s, true
		}
	case []any:
		for i := range v {
			inner, hit := r.tree(v[i], from)
			v[i], changed = inner, changed || hit
		}
	case map[string]any:
		for k, inner := range v {
			inner, hit := r.tree(inner, from)
			if s, key := text(k); key && from == 0 {
				delete(v, k)
				k, hit = s, true
			}
			v[k], changed = inner, changed || hit
		}
	}
	return v, changed
}

// redactingStream replaces secrets in a stream that arrives in pieces, however
// a secret is cut. It passes on what can no longer be the beginning of one.
type redactingStream struct {
	r    *redactor
	held []byte
	emit func([]byte)
}

// Write takes the next piece. It never fails.
func (s *redactingStream) Write(p []byte) (int, error) {
	if s.r == nil {
		s.emit(p)
		return len(p), nil
	}
	s.held = append(s.held, p...)
	clear := 0 // of held, all before is decided
	for i := 0; i < len(s.held); {
		match, open := s.at(i)
		switch {
		case match > 0 && !open:
			s.emit(s.held[clear:i])
			s.emit([]byte(redacted))
			i += match
			clear = i
		case open:
			s.emit(s.held[clear:i])
			s.held = append(s.held[:0], s.held[i:]...)
			return len(p), nil
		default:
			i++
		}
	}
	s.emit(s.held[clear:])
	s.held = s.held[:0]
	return len(p), nil
}

// at says how long the longest secret is that begins at i, and whether a longer
// one could, once more has arrived.
func (s *redactingStream) at(i int) (match int, open bool) {
	rest := s.held[i:]
	for _, v := range s.r.values {
		switch {
		case len(v) <= len(rest):
			if match == 0 && string(rest[:len(v)]) == v {
				match = len(v)
			}
		case strings.HasPrefix(v, string(rest)):
			open = true
		}
	}
	return match, open
}

// Flush passes on what is held: the stream has ended.
func (s *redactingStream) Flush() {
	rest := s.r.bytes(s.held)
	s.held = nil
	if len(rest) > 0 {
		s.emit(rest)
	}
}
