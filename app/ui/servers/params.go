package servers

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// param is one argument of a tool as a form can ask for it.
type param struct {
	Name, Title, Description string
	Kind                     paramKind
	Required                 bool
	Default                  json.RawMessage   // nil without one
	Choices                  []json.RawMessage // of paramChoice
}

type paramKind int

const (
	paramJSON   paramKind = iota // whatever has no simpler field
	paramText                    // a string
	paramNumber                  // a number; whole with paramWhole
	paramWhole
	paramSwitch
	paramChoice
	paramLines // a list of strings
)

// paramsMax is how many arguments have a field; more are written as JSON.
const paramsMax = 100

// wireParam is a schema, as far as a form looks into it.
type wireParam struct {
	Ref         string            `json:"$ref"`
	Type        json.RawMessage   `json:"type"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Default     json.RawMessage   `json:"default"`
	Enum        []json.RawMessage `json:"enum"`
	Const       json.RawMessage   `json:"const"`
	AnyOf       []json.RawMessage `json:"anyOf"`
	OneOf       []json.RawMessage `json:"oneOf"`
	Items       json.RawMessage   `json:"items"`
}

// paramsOf returns the arguments that a schema names: those that are required
// first, otherwise in its order. What it does not understand is asked for as
// JSON.
func paramsOf(schema json.RawMessage) []param {
	var root struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if json.Unmarshal(schema, &root) != nil {
		return nil
	}
	var out []param
	for _, m := range members(root.Properties) {
		if len(out) == paramsMax {
			break
		}
		p := paramOf(schema, m.value, 0)
		p.Name, p.Required = m.name, slices.Contains(root.Required, m.name)
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b param) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return out
}

type member struct {
	name  string
	value json.RawMessage
}

// members returns those of an object in their order; of two with one name the
// last counts.
func members(object json.RawMessage) []member {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var out []member
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return out
		}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return out
		}
		if i := slices.IndexFunc(out, func(m member) bool { return m.name == name }); i >= 0 {
			out[i].value = v
			continue
		}
		out = append(out, member{name, v})
	}
	return out
}

// refsMax bounds how often a schema may lead elsewhere.
const refsMax = 8

func paramOf(root, schema json.RawMessage, depth int) param {
	var w wireParam
	if json.Unmarshal(schema, &w) != nil || depth > refsMax {
		return param{}
	}
	p := param{Title: w.Title, Description: w.Description, Default: w.Default}
	// inner looks at a schema that stands for this one.
	inner := func(s json.RawMessage) param {
		in := paramOf(root, s, depth+1)
		in.Title, in.Description = nameOf(p.Title, in.Title), nameOf(p.Description, in.Description)
		if p.Default != nil {
			in.Default = p.Default
		}
		return in
	}
	switch branches := slices.Concat(w.AnyOf, w.OneOf); {
	case w.Ref != "":
		if target := pointed(root, w.Ref); target != nil {
			return inner(target)
		}
		return p
	case len(w.Enum) > 0 && len(w.Enum) <= 500:
		p.Kind, p.Choices = paramChoice, w.Enum
		return p
	case w.Const != nil:
		p.Kind, p.Choices = paramChoice, []json.RawMessage{w.Const}
		return p
	case len(branches) > 0:
		rest := slices.DeleteFunc(slices.Clone(branches), isNull)
		if len(rest) == 1 {
			return inner(rest[0])
		}
		return p
	}
	switch typeOf(w.Type) {
	case "string":
		p.Kind = paramText
	case "number":
		p.Kind = paramNumber
	case "integer":
		p.Kind = paramWhole
	case "boolean":
		p.Kind = paramSwitch
	case "array":
		if in := paramOf(root, w.Items, depth+1); w.Items != nil && in.Kind == paramText {
			p.Kind = paramLines
		}
	}
	return p
}

// typeOf returns the one type of a schema beside null; "" where there are
// several.
func typeOf(raw json.RawMessage) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return ""
	}
	list = slices.DeleteFunc(list, func(s string) bool { return s == "null" })
	if len(list) == 1 {
		return list[0]
	}
	return ""
}

func isNull(schema json.RawMessage) bool {
	var w wireParam
	return json.Unmarshal(schema, &w) == nil && string(w.Type) == `"null"`
}

// pointed returns what a reference within the document leads to (RFC 6901); nil
// for any other.
func pointed(root json.RawMessage, ref string) json.RawMessage {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	at := root
	for step := range strings.SplitSeq(path, "/") {
		var o map[string]json.RawMessage
		if json.Unmarshal(at, &o) != nil {
			return nil
		}
		at, ok = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
		if !ok {
			return nil
		}
	}
	return at
}
