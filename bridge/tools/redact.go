package tools

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "‹secret›"

// redactDefinitionFrom is the length in bytes from which secrets count in
// definitions, since a shorter one may be a word of the schema.
const redactDefinitionFrom = 8

// Redactor replaces the secrets that somebody outside was given in what comes
// back from there. A nil Redactor replaces nothing. It does not change; any
// goroutine may use it.
type Redactor struct {
	values []string  // longest first
	first  [256]bool // how values begin
	// later is what became known since, such as tokens that were renewed.
	later func() *Redactor
}

// And returns a Redactor that also replaces what later gives, which is asked at
// each use and may return nil. Streams do without it.
func (r *Redactor) And(later func() *Redactor) *Redactor {
	if r == nil {
		return &Redactor{later: later}
	}
	both := *r
	both.later = later
	return &both
}

// since returns what became known later; nil if nothing did.
func (r *Redactor) since() *Redactor {
	if r.later == nil {
		return nil
	}
	return r.later()
}

// NewRedactor takes the values as they are, as JSON and addresses write them,
// without the scheme of a header (as in "Bearer …"), and the lines of those
// that have several. Values shorter than least bytes are left alone, as they
// would be replaced all over. It returns nil if no value is left.
func NewRedactor(least int, secrets ...string) *Redactor {
	var r Redactor
	add := func(v string) {
		if len(v) >= max(least, 1) && !slices.Contains(r.values, v) {
			r.values = append(r.values, v)
			r.first[v[0]] = true
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

// Text returns s without secrets.
func (r *Redactor) Text(s string) string {
	if r == nil {
		return s
	}
	for _, v := range r.values {
		if strings.Contains(s, v) {
			s = strings.ReplaceAll(s, v, Redacted)
		}
	}
	return r.since().Text(s)
}

// Bytes returns b without secrets; b itself stays as it is.
func (r *Redactor) Bytes(b []byte) []byte {
	if r == nil {
		return b
	}
	for _, v := range r.values {
		if bytes.Contains(b, []byte(v)) {
			b = bytes.ReplaceAll(b, []byte(v), []byte(Redacted))
		}
	}
	return r.since().Bytes(b)
}

// JSON returns a JSON document without secrets, which is JSON still. What has
// none is returned as it is.
func (r *Redactor) JSON(raw json.RawMessage) json.RawMessage {
	if r == nil {
		return raw
	}
	raw = r.since().JSON(raw)
	v, err := DecodeJSON(raw)
	if err != nil {
		return nil // it was read before, so this does not happen
	}
	clean, changed := r.tree(v, 0)
	if !changed {
		return raw
	}
	out, err := EncodeJSON(clean)
	if err != nil {
		return nil
	}
	return out
}

// Definition does the same for the definition of a tool: names of properties and
// numbers stay, because calls are made with them. What cannot be read is
// returned as it is.
func (r *Redactor) Definition(raw json.RawMessage) json.RawMessage {
	if r == nil {
		return raw
	}
	raw = r.since().Definition(raw)
	v, err := DecodeJSON(raw)
	if err != nil {
		return raw
	}
	clean, changed := r.tree(v, redactDefinitionFrom)
	if !changed {
		return raw
	}
	out, err := EncodeJSON(clean)
	if err != nil {
		return raw
	}
	return out
}

// tree replaces secrets in the texts of a decoded document, in place. With from
// above 0 only secrets of that length count, and keys and numbers stay.
func (r *Redactor) tree(v any, from int) (out any, changed bool) {
	text := func(s string) (string, bool) {
		was := s
		for _, v := range r.values {
			if len(v) >= from && strings.Contains(s, v) {
				s = strings.ReplaceAll(s, v, Redacted)
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

// RedactingStream replaces secrets in a stream that arrives in pieces, however
// a secret is cut. It passes on what can no longer be the beginning of one. One
// goroutine uses it.
type RedactingStream struct {
	r    *Redactor
	held []byte
	emit func([]byte)
	// passed is how many bytes of held were passed on by Pause, and masked says
	// that Redacted was passed on in place of some.
	passed int
	masked bool
}

// Stream returns a stream that passes on what is left by emit, whose argument
// holds until emit returns.
func (r *Redactor) Stream(emit func([]byte)) *RedactingStream {
	return &RedactingStream{r: r, emit: emit}
}

// Write takes the next piece. It never fails.
func (s *RedactingStream) Write(p []byte) (int, error) {
	if s.r == nil {
		s.emit(p)
		return len(p), nil
	}
	s.held = append(s.held, p...)
	clear := 0 // of held, all before is decided
	pass := func(to int) {
		if from := max(clear, s.passed); to > from {
			s.emit(s.held[from:to])
		}
	}
	for i := 0; i < len(s.held); {
		if !s.r.first[s.held[i]] {
			i++
			continue
		}
		match, open := s.at(i)
		switch {
		case match > 0 && !open:
			pass(i)
			if i+match > s.passed && !(s.masked && i < s.passed) {
				s.emit([]byte(Redacted))
			}
			i += match
			clear = i
		case open:
			pass(i)
			s.held = append(s.held[:0], s.held[i:]...)
			s.passed = max(s.passed-i, 0)
			s.masked = s.masked && s.passed > 0
			return len(p), nil
		default:
			i++
		}
	}
	pass(len(s.held))
	s.held, s.passed, s.masked = s.held[:0], 0, false
	return len(p), nil
}

// at says how long the longest secret is that begins at i, and whether a longer
// one could, once more has arrived.
func (s *RedactingStream) at(i int) (match int, open bool) {
	rest := s.held[i:]
	for _, v := range s.r.values {
		switch {
		case len(v) <= len(rest):
			if match == 0 && string(rest[:len(v)]) == v {
				match = len(v)
			}
		case v[:len(rest)] == string(rest):
			open = true
		}
	}
	return match, open
}

// Pause passes on what is held, since something else comes before the stream
// goes on. A secret that goes on there is found all the same, but for its
// beginning where that is less than half of it.
func (s *RedactingStream) Pause() {
	rest := s.held[min(s.passed, len(s.held)):]
	switch {
	case len(rest) == 0:
	case s.telling():
		if !s.masked {
			s.emit([]byte(Redacted))
		}
		s.masked = true
	default:
		s.emit(s.r.Bytes(rest))
	}
	s.passed = len(s.held)
}

// telling reports whether what is held is so much of a secret that it may not
// be passed on: half of it.
func (s *RedactingStream) telling() bool {
	for _, v := range s.r.values {
		if len(s.held) >= max(8, len(v)/2) && strings.HasPrefix(v, string(s.held)) {
			return true
		}
	}
	return false
}

// Flush passes on what is held: the stream has ended.
func (s *RedactingStream) Flush() {
	if len(s.held) > 0 {
		s.Pause()
	}
	s.held, s.passed, s.masked = nil, 0, false
}
