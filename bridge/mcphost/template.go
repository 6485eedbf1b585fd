package mcphost

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// expression6570 is one {…} of a template (RFC 6570), without the modifiers of
// its fourth level, of which only the explode mark is read over.
type expression6570 struct {
	before   string // literal text in front
	operator byte   // 0 for none
	names    []string
}

type uriTemplate struct {
	parts []expression6570
	rest  string // literal text at the end
}

const variablesMax = 50

func parseTemplate(s string) (uriTemplate, error) {
	var t uriTemplate
	seen := 0
	for {
		before, after, ok := strings.Cut(s, "{")
		if strings.Contains(before, "}") {
			return t, errors.New("its address has a brace that nothing opens")
		}
		if !ok {
			t.rest = before
			return t, nil
		}
		inner, rest, ok := strings.Cut(after, "}")
		if !ok || inner == "" {
			return t, errors.New("its address has a brace that nothing closes")
		}
		e := expression6570{before: before}
		if strings.IndexByte("+#./;?&", inner[0]) >= 0 {
			e.operator, inner = inner[0], inner[1:]
		}
		for name := range strings.SplitSeq(inner, ",") {
			name = strings.TrimSuffix(name, "*")
			name, _, _ = strings.Cut(name, ":")
			if name == "" || strings.ContainsAny(name, " {}/?&=") {
				return t, errors.New("its address has a variable without a proper name")
			}
			e.names = append(e.names, name)
			if seen++; seen > variablesMax {
				return t, fmt.Errorf("its address has more than %d variables", variablesMax)
			}
		}
		t.parts = append(t.parts, e)
		s = rest
	}
}

// Variables returns the names of the values that the template takes, in their
// order, each once.
func (t Template) Variables() []string {
	parsed, err := parseTemplate(t.URITemplate)
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range parsed.parts {
		for _, n := range p.names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// Expand returns the address for these values; what is left out is undefined.
// The error wraps store.ErrInvalid.
func (t Template) Expand(values map[string]string) (string, error) {
	parsed, err := parseTemplate(t.URITemplate)
	if err != nil {
		return "", fmt.Errorf("%w (%w)", err, store.ErrInvalid)
	}
	var b strings.Builder
	for _, p := range parsed.parts {
		b.WriteString(p.before)
		first, between := "", ","
		switch p.operator {
		case '#':
			first = "#"
		case '.', '/', ';':
			first, between = string(p.operator), string(p.operator)
		case '?':
			first, between = "?", "&"
		case '&':
			first, between = "&", "&"
		}
		n := 0
		for _, name := range p.names {
			v, ok := values[name]
			if !ok {
				continue
			}
			if n++; n == 1 {
				b.WriteString(first)
			} else {
				b.WriteString(between)
			}
			switch p.operator {
			case '?', '&':
				b.WriteString(name + "=")
			case ';':
				b.WriteString(name)
				if v != "" {
					b.WriteString("=")
				}
			}
			b.WriteString(escape6570(v, p.operator == '+' || p.operator == '#'))
		}
	}
	b.WriteString(parsed.rest)
	if b.Len() > uriMax {
		return "", fmt.Errorf("the address is too long (%w)", store.ErrInvalid)
	}
	return b.String(), nil
}

// escape6570 encodes a value; reserved keeps what may stand in an address.
func escape6570(v string, reserved bool) string {
	keep := "-._~"
	if reserved {
		keep += ":/?#[]@!$&'()*+,;="
	}
	var b strings.Builder
	for i := range len(v) {
		c := v[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		case reserved && c == '%' && i+2 < len(v) && validEscape(v[i:i+3]):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func validEscape(s string) bool {
	_, err := url.PathUnescape(s)
	return err == nil
}
