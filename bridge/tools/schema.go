package tools

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// schema is a tool's input schema, ready to check with.
type schema struct {
	resolved *jsonschema.Resolved // nil if only "is an object" can be checked
	root     *jsonschema.Schema
	draft7   bool
	refs     map[string]*jsonschema.Schema // by what $ref says
	patterns map[string]int                // the size of each regular expression
	note     string
}

// The bounds of a schema. Reading one costs its size times its depth.
const (
	maxSchema      = 1 << 20  // bytes
	maxSchemaWork  = 16 << 20 // bytes times depth
	maxSchemaNodes = 20_000
	maxSchemaDepth = 128   // objects and arrays inside each other, of a schema that is offered
	maxPattern     = 5_000 // instructions of a regular expression, about
)

// compile reads a schema. What it cannot take is left out, and the note says
// so.
func compile(raw json.RawMessage) *schema {
	if len(raw) == 0 {
		return &schema{}
	}
	if len(raw) > maxSchema || len(raw)*jsonDepth(raw) > maxSchemaWork {
		return unchecked("it is too large or too deep")
	}
	var root jsonschema.Schema
	if err := json.Unmarshal(raw, &root); err != nil {
		return unchecked("it is no JSON Schema that can be read here")
	}
	s := &schema{root: &root, refs: map[string]*jsonschema.Schema{"#": &root, "#/": &root}, patterns: map[string]int{}}
	switch strings.TrimSuffix(strings.Replace(root.Schema, "https://", "http://", 1), "#") {
	case "", "http://json-schema.org/draft/2020-12/schema":
		root.Schema = ""
	case "http://json-schema.org/draft-07/schema", "http://json-schema.org/draft-06/schema":
		root.Schema = "http://json-schema.org/draft-07/schema#"
		s.draft7 = true
	default:
		return unchecked("its dialect is not known here")
	}
	root.ID = "" // it only names the schema, and need not be an address
	c := compiler{s: s}
	c.collect(&root, "#", 0)
	if c.fault != "" {
		return unchecked(c.fault)
	}
	c.loosen()
	resolved, err := root.Resolve(&jsonschema.ResolveOptions{Loader: refuse})
	if err != nil {
		return unchecked("it contradicts itself, or refers to something that is not there")
	}
	s.resolved = resolved
	if len(c.loosened) > 0 {
		s.note = "Not checked in its schema: " + strings.Join(slices.Sorted(maps.Keys(c.loosened)), ", ") + "."
	}
	return s
}

func unchecked(why string) *schema {
	return &schema{note: "Its schema is not checked because " + why + "; only that the arguments are an object is."}
}

// refuse is asked for schemas elsewhere, and never gets one.
func refuse(u *url.URL) (*jsonschema.Schema, error) {
	return nil, fmt.Errorf("schemas elsewhere are not fetched: %s", u.Scheme)
}

// jsonDepth returns how deep objects and arrays are nested in a document.
func jsonDepth(raw []byte) int {
	depth, deepest, inString := 0, 1, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// compiler prepares the parts of one schema.
type compiler struct {
	s        *schema
	all      []*jsonschema.Schema
	loosened map[string]bool
	fault    string
}

// collect finds all subschemas and what they can be referred to by.
func (c *compiler) collect(s *jsonschema.Schema, at string, depth int) {
	if len(c.all) >= maxSchemaNodes || depth > 256 {
		c.fault = "it is too large or too deep"
		return
	}
	if depth > 0 && s.ID != "" || s.DynamicRef != "" || s.DynamicAnchor != "" {
		c.fault = "it uses a rare way to refer to its own parts"
		return
	}
	c.all = append(c.all, s)
	c.s.refs[at] = s
	if s.Anchor != "" {
		c.s.refs["#"+s.Anchor] = s
	}
	for step, sub := range subschemas(s) {
		if c.fault == "" && sub != nil {
			c.collect(sub, at+"/"+step, depth+1)
		}
	}
}

// loosen takes out what cannot be checked here.
func (c *compiler) loosen() {
	c.loosened = map[string]bool{}
	for _, s := range c.all {
		if s.Ref != "" {
			if name, ok := localRef(s.Ref); ok && c.s.refs[name] != nil {
				c.s.refs[s.Ref] = c.s.refs[name]
			} else {
				s.Ref = ""
				c.loosened["references to other schemas"] = true
			}
		}
		if s.Pattern != "" && !c.pattern(s.Pattern) {
			s.Pattern = ""
			c.loosened["patterns"] = true
		}
		for p := range s.PatternProperties {
			if !c.pattern(p) {
				delete(s.PatternProperties, p)
				c.loosened["patterns"] = true
				s.AdditionalProperties, s.UnevaluatedProperties = nil, nil // they would refuse what the pattern allowed
			}
		}
		if s.MultipleOf != nil && *s.MultipleOf <= 0 {
			s.MultipleOf = nil
			c.loosened["multiples"] = true
		}
	}
}

// localRef returns a reference within the document in the form that collect
// gave it, and false for any other.
func localRef(ref string) (string, bool) {
	u, err := url.Parse(ref)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path != "" || u.RawQuery != "" {
		return "", false
	}
	return "#" + u.Fragment, true
}

// pattern reports whether a regular expression can be used. JavaScript's have
// forms that ours lack.
func (c *compiler) pattern(p string) bool {
	if _, ok := c.s.patterns[p]; ok {
		return true
	}
	parsed, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return false
	}
	size := patternSize(parsed)
	if size > maxPattern {
		return false
	}
	if _, err := regexp.Compile(p); err != nil {
		return false
	}
	c.s.patterns[p] = size
	return true
}

// patternSize estimates the instructions of a regular expression, with its
// repetitions written out.
func patternSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += patternSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, 1<<30)
}

// subschemas lists the schemas directly inside s, with the JSON pointer of each
// from s.
func subschemas(s *jsonschema.Schema) func(yield func(string, *jsonschema.Schema) bool) {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	return func(yield func(string, *jsonschema.Schema) bool) {
		for _, e := range []struct {
			step string
			sub  *jsonschema.Schema
		}{
			{"items", s.Items}, {"additionalItems", s.AdditionalItems}, {"contains", s.Contains},
			{"unevaluatedItems", s.UnevaluatedItems}, {"additionalProperties", s.AdditionalProperties},
			{"propertyNames", s.PropertyNames}, {"unevaluatedProperties", s.UnevaluatedProperties},
			{"not", s.Not}, {"if", s.If}, {"then", s.Then}, {"else", s.Else}, {"contentSchema", s.ContentSchema},
		} {
			if e.sub != nil && !yield(e.step, e.sub) {
				return
			}
		}
		for _, e := range []struct {
			step string
			list []*jsonschema.Schema
		}{
			{"prefixItems", s.PrefixItems}, {"items", s.ItemsArray},
			{"allOf", s.AllOf}, {"anyOf", s.AnyOf}, {"oneOf", s.OneOf},
		} {
			for i, sub := range e.list {
				if !yield(e.step+"/"+strconv.Itoa(i), sub) {
					return
				}
			}
		}
		for _, e := range []struct {
			step string
			m    map[string]*jsonschema.Schema
		}{
			{"$defs", s.Defs}, {"definitions", s.Definitions}, {"dependencies", s.DependencySchemas},
			{"properties", s.Properties}, {"patternProperties", s.PatternProperties}, {"dependentSchemas", s.DependentSchemas},
		} {
			for _, k := range slices.Sorted(maps.Keys(e.m)) {
				if !yield(e.step+"/"+escape.Replace(k), e.m[k]) {
					return
				}
			}
		}
	}
}

// visit counts the visit of a value by a schema and of everything inside. It
// returns false once the budget is spent.
func (w *walk) visit(s *jsonschema.Schema, instance any, depth int) bool {
	w.left -= w.cost(instance) + len(s.Enum)
	if w.left < 0 || depth > maxDepth || s == nil {
		return s == nil
	}
	depth++
	all := func(list []*jsonschema.Schema) bool {
		return !slices.ContainsFunc(list, func(sub *jsonschema.Schema) bool { return !w.visit(sub, instance, depth) })
	}
	one := func(sub *jsonschema.Schema) bool { return sub == nil || w.visit(sub, instance, depth) }
	if s.Ref != "" {
		if !one(w.schema.refs[s.Ref]) {
			return false
		}
		if w.schema.draft7 {
			return true
		}
	}
	if !all(s.AllOf) || !all(s.AnyOf) || !all(s.OneOf) || !one(s.Not) || !one(s.If) || !one(s.Then) || !one(s.Else) {
		return false
	}
	switch v := instance.(type) {
	case string:
		if s.Pattern != "" {
			w.left -= w.schema.patterns[s.Pattern] * len(v) / 64
		}
	case []any:
		return w.array(s, v, depth)
	case map[string]any:
		for _, m := range []map[string]*jsonschema.Schema{s.DependencySchemas, s.DependentSchemas} {
			for _, sub := range m {
				if !one(sub) {
					return false
				}
			}
		}
		return w.object(s, v, depth)
	}
	return w.left >= 0
}

func (w *walk) array(s *jsonschema.Schema, v []any, depth int) bool {
	if s.UniqueItems {
		w.left -= len(v) + w.cost(v)
	}
	for i, e := range v {
		for _, list := range [][]*jsonschema.Schema{s.PrefixItems, s.ItemsArray} {
			if i < len(list) && !w.visit(list[i], e, depth) {
				return false
			}
		}
		for _, sub := range []*jsonschema.Schema{s.Items, s.AdditionalItems, s.Contains, s.UnevaluatedItems} {
			if sub != nil && !w.visit(sub, e, depth) {
				return false
			}
		}
	}
	return w.left >= 0
}

func (w *walk) object(s *jsonschema.Schema, v map[string]any, depth int) bool {
	w.left -= (len(s.Properties) + len(s.Required)) / 8
	for k, e := range v {
		if sub := s.Properties[k]; sub != nil && !w.visit(sub, e, depth) {
			return false
		}
		for p, sub := range s.PatternProperties {
			w.left -= w.schema.patterns[p] * len(k) / 64
			if !w.visit(sub, e, depth) {
				return false
			}
		}
		for _, sub := range []*jsonschema.Schema{s.AdditionalProperties, s.UnevaluatedProperties} {
			if sub != nil && !w.visit(sub, e, depth) {
				return false
			}
		}
		if s.PropertyNames != nil && !w.visit(s.PropertyNames, k, depth) {
			return false
		}
	}
	return w.left >= 0
}
