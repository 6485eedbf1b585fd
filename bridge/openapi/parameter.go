package openapi

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"
)

// place tells parameters apart; of headers, name is in lower case.
type place struct{ in, name string }

// parameter is a value that goes into the path, query, a header or a cookie.
type parameter struct {
	in, name      string
	arg           string // its name among the arguments
	style         string
	explode       bool
	allowReserved bool
	allowEmpty    bool
	required      bool
	json          bool // written as JSON ("content" of the parameter object)
}

func (p *parameter) place() place {
	if p.in == "header" {
		return place{p.in, strings.ToLower(p.name)}
	}
	return place{p.in, p.name}
}

// notFromCalls are headers that the specification keeps out of parameters, and
// those that this program or HTTP itself sets.
var notFromCalls = []string{
	"accept", "content-type", "authorization", "host", "content-length", "transfer-encoding", "connection",
	"cookie", "te", "trailer", "upgrade", "expect", "proxy-authorization", "proxy-connection", "keep-alive",
}

func (p *parameter) ignored() bool {
	return p.in == "header" && (slices.Contains(notFromCalls, strings.ToLower(p.name)) || !validName(p.name)) ||
		p.in == "cookie" && !validName(p.name)
}

// validName reports whether s is a token (RFC 9110, section 5.6.2).
func validName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// styles are those that each place has; the first is the default.
var styles = map[string][]string{
	"path":   {"simple", "label", "matrix"},
	"query":  {"form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited"},
	"header": {"simple", "spaceDelimited", "pipeDelimited", "tabDelimited"},
	"cookie": {"form"},
}

// parameter reads a parameter and returns it with its schema. It returns nil
// for what is no parameter of a place that is known.
func (d *Document) parameter(raw map[string]any, u *uses) (*parameter, node, error) {
	if d.swagger {
		raw = swaggerParameter(raw)
	}
	p := &parameter{in: text(raw["in"]), name: text(raw["name"]), required: raw["required"] == true}
	allowed := styles[p.in]
	if allowed == nil || len(p.name) > 500 {
		return nil, nil, nil
	}
	p.required = p.required || p.in == "path"
	p.style = text(raw["style"])
	if p.style == "" {
		p.style = allowed[0]
	}
	if !slices.Contains(allowed, p.style) && !(d.swagger && slices.Contains(styles["query"], p.style)) {
		return nil, nil, fmt.Errorf("its parameter %q has the style %q, which the %s does not know", cut(oneLine(p.name), 60), cut(oneLine(p.style), 40), p.in)
	}
	var ok bool
	if p.explode, ok = raw["explode"].(bool); !ok {
		p.explode = p.style == "form"
	}
	p.allowReserved = raw["allowReserved"] == true && p.in == "query"
	p.allowEmpty = raw["allowEmptyValue"] == true
	schema := raw["schema"]
	if content, ok := raw["content"].(map[string]any); ok && len(content) > 0 {
		kind := sorted(content)[0]
		media, err := d.object(content[kind])
		if err != nil {
			return nil, nil, err
		}
		schema = media["schema"]
		p.json = isJSON(kind)
	}
	out, err := d.schemas.convert(schema, u, false, 0)
	if err != nil {
		return nil, nil, err
	}
	if m, ok := out.(map[string]any); ok {
		if description := text(raw["description"]); description != "" {
			m["description"] = cut(description, 4000)
		}
		if raw["deprecated"] == true {
			m["deprecated"] = true
		}
	}
	return p, out, nil
}

func isJSON(kind string) bool {
	t, _, err := mime.ParseMediaType(kind)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json") || t == "text/json")
}

// pair is a name with its value, both encoded.
type pair struct{ name, value string }

// encoder writes one text for a place.
type encoder func(string) string

// escape writes all but the unreserved characters of RFC 3986 as %XX.
func escape(s string) string { return escapeBut(s, "") }

// escapeReserved leaves reserved characters, and what is escaped already, as
// they are (allowReserved; RFC 6570, section 3.2.3), but for those that would
// end the value or the query, or mean a space there.
func escapeReserved(s string) string { return escapeBut(s, ":/?@!$'()*,;=%") }

func escapeForm(s string) string { return url.QueryEscape(s) }

func escapeBut(s, kept string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~':
			b.WriteByte(c)
		case c == '%' && strings.IndexByte(kept, '%') >= 0 && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(c)
		case c != '%' && strings.IndexByte(kept, c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// plain writes a value that is no list and no object; those that stand inside
// of another are written as JSON.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return string(compact(v))
}

// compact encodes JSON as it is usual, without escapes for HTML.
func compact(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("openapi: arguments always encode: " + err.Error())
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

var delimiters = map[string]string{"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}

// pairs writes a value for the query, a cookie or a form ("Style Values" of the
// specification).
func (p *parameter) pairs(v any, enc encoder) []pair {
	name := enc(p.name)
	if p.json {
		return []pair{{name, enc(string(compact(v)))}}
	}
	join := delimiters[p.style]
	switch v := v.(type) {
	case []any:
		if p.style == "deepObject" {
			return deep(p.name, v, enc)
		}
		var out []pair
		var parts []string
		for _, one := range v {
			parts = append(parts, enc(plain(one)))
			out = append(out, pair{name, enc(plain(one))})
		}
		if p.explode || len(parts) == 0 {
			return out
		}
		return []pair{{name, strings.Join(parts, join)}}
	case map[string]any:
		if p.style == "deepObject" {
			return deep(p.name, v, enc)
		}
		var out []pair
		var parts []string
		for _, k := range sorted(v) {
			parts = append(parts, enc(k), enc(plain(v[k])))
			out = append(out, pair{enc(k), enc(plain(v[k]))})
		}
		if p.explode && p.style == "form" || len(parts) == 0 {
			return out
		}
		return []pair{{name, strings.Join(parts, join)}}
	}
	return []pair{{name, enc(plain(v))}}
}

// deep writes nested names in brackets, and the places of lists as numbers.
func deep(name string, v any, enc encoder) []pair {
	var out []pair
	switch v := v.(type) {
	case []any:
		for i, one := range v {
			out = append(out, deep(fmt.Sprintf("%s[%d]", name, i), one, enc)...)
		}
	case map[string]any:
		for _, k := range sorted(v) {
			out = append(out, deep(name+"["+k+"]", v[k], enc)...)
		}
	default:
		out = append(out, pair{enc(name), enc(plain(v))})
	}
	return out
}

// single writes a value for the path or a header.
func (p *parameter) single(v any, enc encoder) string {
	if p.json {
		return enc(string(compact(v)))
	}
	prefix, join := "", ","
	switch p.style {
	case "label":
		prefix = "."
		if p.explode {
			join = "."
		}
	case "matrix":
		prefix = ";" + enc(p.name) + "="
		if p.explode {
			join = ";"
		}
	case "spaceDelimited", "pipeDelimited", "tabDelimited": // of version 2.0 alone
		join = map[string]string{"spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}[p.style]
		if p.in == "path" {
			join = escape(join)
		}
	}
	var parts []string
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			part := enc(plain(one))
			if p.style == "matrix" && p.explode {
				part = enc(p.name) + "=" + part
			}
			parts = append(parts, part)
		}
	case map[string]any:
		for _, k := range sorted(v) {
			if p.explode {
				parts = append(parts, enc(k)+"="+enc(plain(v[k])))
			} else {
				parts = append(parts, enc(k), enc(plain(v[k])))
			}
		}
	default:
		s := enc(plain(v))
		if p.style == "matrix" && s == "" {
			return ";" + enc(p.name) // RFC 6570, section 3.2.7
		}
		return prefix + s
	}
	if p.style == "matrix" && p.explode {
		prefix = ";"
	}
	return prefix + strings.Join(parts, join)
}
