package mcphost

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// redacted stands where a secret was.
const redacted = "‹secret›"

// Shorter values are left alone: "1" or "true" would be replaced all over, and
// what is that short is no secret.
const redactFrom = 4

// redactor replaces the values that one server received. A nil redactor
// replaces nothing. It does not change; any goroutine may use it.
type redactor struct {
	values  []string // longest first
	longest int
}

// newRedactor takes the values as they are, as JSON writes them, and the lines
// of those that have several.
func newRedactor(secrets []string) *redactor {
	var r redactor
	add := func(v string) {
		if len(v) >= redactFrom && !slices.Contains(r.values, v) {
			r.values = append(r.values, v)
			r.longest = max(r.longest, len(v))
		}
	}
	for _, v := range secrets {
		for _, v := range []string{v, strings.TrimSpace(v)} {
			add(v)
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
