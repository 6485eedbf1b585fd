package openapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// refError is a reference that leads nowhere: its operation cannot be used.
type refError string

func (e refError) Error() string { return string(e) }

// lookup returns what a reference within the document points to (RFC 6901). A
// reference to something outside is refused by name.
func (d *Document) lookup(ref string) (node, error) {
	if !strings.HasPrefix(ref, "#") {
		return nil, bad("The document refers to %q, which is outside of it. Nothing is fetched for a document; bundle it into one file first.", cut(oneLine(ref), 200))
	}
	at := node(d.root)
	if ref == "#" {
		return at, nil
	}
	nowhere := refError("it refers to " + strconv.Quote(cut(oneLine(ref), 200)) + ", which the document does not have")
	if !strings.HasPrefix(ref, "#/") || strings.Count(ref, "/") > depthMax {
		return nil, nowhere
	}
	for token := range strings.SplitSeq(ref[2:], "/") {
		if unescaped, err := url.PathUnescape(token); err == nil {
			token = unescaped
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch v := at.(type) {
		case map[string]any:
			next, ok := v[token]
			if !ok {
				return nil, nowhere
			}
			at = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, nowhere
			}
			at = v[i]
		default:
			return nil, nowhere
		}
	}
	return at, nil
}

// object returns what v is, following references, if that is an object, and
// else nil.
func (d *Document) object(v node) (map[string]any, error) {
	for range 50 {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, nil
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return m, nil
		}
		next, err := d.lookup(ref)
		if err != nil {
			return nil, err
		}
		v = next
	}
	return nil, refError("it refers to something that refers back to itself")
}

// schemas converts the schemas of a document to JSON Schema 2020-12, each one
// that is referred to once, under the name that it has in $defs.
type schemas struct {
	d     *Document
	named map[string]*definition // by reference
	taken map[string]bool        // names in $defs
	// pending are those that settle has to convert.
	pending []*definition
}

type definition struct {
	name string
	from node // until it is converted
	raw  json.RawMessage
	uses []string // references
	// inPlace are the references that apply to the very same value: a circle of
	// these has no end.
	inPlace []string
	err     error
}

func newSchemas(d *Document) *schemas {
	return &schemas{d: d, named: map[string]*definition{}, taken: map[string]bool{}}
}

// uses collects what a schema refers to while it is converted.
type uses struct{ all, inPlace []string }

// define returns what is known by a reference. What it points to is converted
// later, by settle, so that a long chain of references needs no deep stack.
func (s *schemas) define(ref string) (*definition, error) {
	if def, ok := s.named[ref]; ok {
		return def, nil
	}
	v, err := s.d.lookup(ref)
	if err != nil {
		return nil, err
	}
	def := &definition{name: s.nameOf(ref), from: v}
	s.named[ref] = def
	s.pending = append(s.pending, def)
	return def, nil
}

// settle converts what was referred to, and what that refers to.
func (s *schemas) settle(ctx context.Context) error {
	for len(s.pending) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		def := s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		var u uses
		out, err := s.convert(def.from, &u, true, 0)
		if errors.Is(err, store.ErrInvalid) {
			return err
		}
		def.from = nil
		if err != nil {
			def.err = err
			continue
		}
		def.uses, def.inPlace, def.raw = u.all, u.inPlace, encode(out)
	}
	return nil
}

func (s *schemas) nameOf(ref string) string {
	base := ref[strings.LastIndexByte(ref, '/')+1:]
	base = strings.ReplaceAll(strings.ReplaceAll(base, "~1", "_"), "~0", "_")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, base)
	if len(name) > 100 {
		name = name[:100]
	}
	if name == "" {
		name = "schema"
	}
	if s.taken[name] {
		name += "_" + hashOf(ref)
	}
	s.taken[name] = true
	return name
}

// encode never fails: the values come from a document or are made here.
func encode(v node) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("openapi: what was read always encodes: " + err.Error())
	}
	return b
}

// Where in a schema other schemas stand, by what their keyword holds.
var (
	oneSchema      = []string{"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties", "additionalItems", "contentSchema"}
	listOfSchemas  = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	namedSchemas   = []string{"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
	sameValue      = []string{"not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"}
	leftOut        = []string{"xml", "externalDocs", "discriminator", "example", "examples", "$schema", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor", "$vocabulary", "$comment", "id"}
	oldNumberLimit = map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
)

// convert returns the schema as a caller must satisfy it. same tells that it
// applies to the value of the schema that is being defined.
func (s *schemas) convert(v node, u *uses, same bool, depth int) (node, error) {
	m, ok := v.(map[string]any)
	if !ok {
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return map[string]any{}, nil
	}
	if depth > depthMax {
		return nil, tooDeep()
	}
	out := make(map[string]any, len(m))
	if ref, ok := m["$ref"].(string); ok {
		def, err := s.define(ref)
		if err != nil {
			return nil, err
		}
		u.all = append(u.all, ref)
		if same {
			u.inPlace = append(u.inPlace, ref)
		}
		out["$ref"] = "#/$defs/" + def.name
		if s.d.old { // what stands beside a reference has no meaning there
			if text := text(m["description"]); text != "" {
				out["description"] = text
			}
			return out, nil
		}
	}
	for k, one := range m {
		if k == "$ref" || strings.HasPrefix(k, "x-") || slices.Contains(leftOut, k) {
			continue
		}
		var err error
		switch {
		case slices.Contains(oneSchema, k):
			if list, ok := one.([]any); ok && k == "items" {
				out["prefixItems"], err = s.list(list, u, depth, false)
				break
			}
			out[k], err = s.convert(one, u, same && slices.Contains(sameValue, k), depth+1)
		case slices.Contains(listOfSchemas, k):
			list, ok := one.([]any)
			if !ok || len(list) == 0 {
				continue
			}
			out[k], err = s.list(list, u, depth, same && slices.Contains(sameValue, k))
		case slices.Contains(namedSchemas, k):
			out[k], err = s.properties(one, u, depth, same && k == "dependentSchemas")
		case k == "description", k == "title":
			if t := text(one); t != "" {
				out[k] = cut(t, 4000)
			}
		default:
			if w, ok := keyword(k, one); ok {
				out[k] = w
			}
		}
		if err != nil {
			return nil, err
		}
	}
	s.withoutReadOnly(m, out)
	if s.d.old {
		mend(m, out)
	}
	for exclusive := range oldNumberLimit {
		if _, ok := out[exclusive].(bool); ok {
			delete(out, exclusive)
		}
	}
	return out, nil
}

// keyword returns the value of a keyword if it has the form that it must have;
// others would make the whole schema useless.
func keyword(k string, v node) (node, bool) {
	switch k {
	case "type":
		switch v := v.(type) {
		case string:
			return v, slices.Contains(types, v)
		case []any:
			ok := len(v) > 0 && !slices.ContainsFunc(v, func(t any) bool { return !slices.Contains(types, text(t)) })
			return v, ok
		}
		return nil, false
	case "required":
		list, ok := v.([]any)
		if !ok || slices.ContainsFunc(list, func(t any) bool { _, ok := t.(string); return !ok }) {
			return nil, false
		}
		seen := map[string]bool{}
		out := []any{}
		for _, name := range list {
			if !seen[name.(string)] {
				seen[name.(string)] = true
				out = append(out, name)
			}
		}
		return out, true
	case "enum":
		list, ok := v.([]any)
		return list, ok && len(list) > 0
	case "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains":
		n, ok := v.(json.Number)
		if !ok {
			return nil, false
		}
		f, err := n.Float64()
		if strings.HasPrefix(k, "m") && k != "minimum" && k != "maximum" && f < 0 || k == "multipleOf" && f == 0 {
			return nil, false
		}
		if strings.HasPrefix(k, "min") && k != "minimum" || strings.HasPrefix(k, "max") && k != "maximum" {
			if _, err := n.Int64(); err != nil {
				return nil, false
			}
		}
		return n, err == nil
	case "exclusiveMinimum", "exclusiveMaximum":
		switch v.(type) {
		case json.Number, bool:
			return v, true
		}
		return nil, false
	case "pattern":
		// Patterns are those of ECMAScript, which this program cannot check all.
		p, ok := v.(string)
		return p, ok && len(p) <= 2000
	case "uniqueItems", "readOnly", "writeOnly", "deprecated", "nullable":
		b, ok := v.(bool)
		return b, ok
	case "format", "contentEncoding", "contentMediaType":
		t, ok := v.(string)
		return t, ok
	case "default", "const":
		return v, true
	case "dependentRequired":
		m, ok := v.(map[string]any)
		return m, ok
	}
	return nil, false // a keyword that JSON Schema does not have
}

var types = []string{"string", "number", "integer", "boolean", "array", "object", "null"}

func (s *schemas) list(list []any, u *uses, depth int, same bool) ([]any, error) {
	out := make([]any, len(list))
	for i, one := range list {
		v, err := s.convert(one, u, same, depth+1)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (s *schemas) properties(v node, u *uses, depth int, same bool) (node, error) {
	m, _ := v.(map[string]any)
	out := make(map[string]any, len(m))
	for name, one := range m {
		c, err := s.convert(one, u, same, depth+1)
		if err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}

// withoutReadOnly leaves out what an API only gives: it is not to be sent
// ("readOnly" of the schema object).
func (s *schemas) withoutReadOnly(m, out map[string]any) {
	properties, _ := m["properties"].(map[string]any)
	kept, _ := out["properties"].(map[string]any)
	required, _ := out["required"].([]any)
	for name, one := range properties {
		if p, ok := one.(map[string]any); ok && p["readOnly"] == true {
			delete(kept, name)
			required = slices.DeleteFunc(slices.Clone(required), func(r any) bool { return r == name })
		}
	}
	if out["required"] != nil {
		if len(required) == 0 {
			delete(out, "required")
		} else {
			out["required"] = required
		}
	}
}

// mend rewrites what schemas before 3.1 say differently.
func mend(m, out map[string]any) {
	for exclusive, limit := range oldNumberLimit {
		switch m[exclusive] {
		case true:
			delete(out, exclusive)
			if n, ok := out[limit]; ok {
				out[exclusive] = n
				delete(out, limit)
			}
		case false:
			delete(out, exclusive)
		}
	}
	delete(out, "nullable")
	if text(m["type"]) == "file" {
		out["type"] = "string"
	}
	if m["nullable"] != true && m["x-nullable"] != true {
		return
	}
	if t, ok := out["type"].(string); ok {
		out["type"] = []any{t, "null"}
	}
	if list, ok := out["enum"].([]any); ok && !slices.Contains(list, nil) {
		out["enum"] = append(slices.Clone(list), nil)
	}
}
