package tools

import (
	"bytes"
	"math/big"
)

// The sentences of notes.
const (
	noteMalformed = "Parts of the schema that are no valid JSON Schema are left out."
	noteElsewhere = "References to schemas elsewhere are left out."
	noteRare      = "References in a rare form are left out."
	noteManyRefs  = "References that would make the schema too long are left out."
)

// schema rewrites one schema and all inside it: words of older drafts become
// those of 2020-12, what is no valid JSON Schema is taken out, because a service
// would refuse the whole request for it, and boolean schemas become objects. It
// may be called twice for the same schema.
func (r *rewriter) schema(s *node) {
	for i := 0; i < len(s.members); i++ {
		m := &s.members[i]
		if r.keyword(s, m.key, m.value) {
			continue
		}
		s.remove(m.key)
		r.changed = true
		i--
	}
	if r.legacy != 0 {
		r.older(s)
	}
	if s.get("$ref") != nil {
		r.aside(s)
	}
	if r.format == FormatAnthropic {
		return
	}
	if s.get("type") == nil {
		if kind := impliedType(s); kind != "" {
			s.members = append([]member{{"type", stringNode(kind)}}, s.members...)
			r.changed = true
		}
	}
	if r.openAI() && s.get("items") == nil {
		// An array without items is refused, also where prefixItems says all.
		if kind := s.get("type"); kind.text() == "array" || kind.isArray() && containsText(kind, "array") {
			s.set("items", objectNode())
			r.changed = true
		}
	}
}

// keyword rewrites the value of one keyword and returns false if the keyword has
// to go.
func (r *rewriter) keyword(s *node, key string, v *node) bool {
	ok := true
	switch key {
	case "properties", "$defs", "definitions", "patternProperties", "dependentSchemas":
		if ok = v.isObject(); ok {
			for i := 0; i < len(v.members); i++ {
				if r.sub(&v.members[i].value) {
					continue
				}
				v.members = append(v.members[:i:i], v.members[i+1:]...)
				r.note(noteMalformed)
				r.changed = true
				i--
				// What the broken schema allowed must not be refused now.
				if key == "properties" || key == "patternProperties" {
					r.open(s)
				}
			}
		}
	case "allOf", "anyOf", "oneOf", "prefixItems":
		if ok = v.isArray() && len(v.items) > 0; ok {
			for i := range v.items {
				if !r.sub(&v.items[i]) {
					ok = false
				}
			}
		}
	case "items":
		if v.isArray() { // a tuple, before 2020-12
			r.tuple(s, v)
			return r.keyword(s, "items", s.get("items"))
		}
		ok = r.sub(r.at(s, key))
	case "not", "if", "then", "else", "contains", "propertyNames", "contentSchema":
		ok = r.sub(r.at(s, key))
	case "additionalProperties", "unevaluatedProperties", "unevaluatedItems":
		ok = v.isBool() || r.sub(r.at(s, key))
	case "type":
		ok = validType(v)
	case "required":
		ok = texts(v)
	case "enum":
		ok = v.isArray() && len(v.items) > 0
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		ok = v.isNumber() || r.legacy != 0 && r.legacy <= 4 && v.isBool()
	case "multipleOf":
		n, isNumber := number(v)
		ok = isNumber && n.Sign() > 0
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains":
		n, isNumber := number(v)
		ok = isNumber && n.IsInt() && n.Sign() >= 0
	case "uniqueItems":
		ok = v.isBool()
	case "pattern", "format", "$ref", "$anchor":
		ok = v.isString()
	case "dependentRequired":
		ok = v.isObject()
		for _, m := range v.members {
			ok = ok && texts(m.value)
		}
	case "$schema", "$id", "title", "description", "$comment":
		// They allow and refuse nothing. $schema is refused by some wherever it
		// is; an inner $id would change what references mean.
		return v.isString() && key != "$schema" && key != "$id"
	case "examples":
		return v.isArray()
	case "deprecated", "readOnly", "writeOnly":
		return v.isBool()
	}
	if !ok {
		r.note(noteMalformed)
	}
	return ok
}

// at returns the place of a member's value, and sub may put another there.
func (r *rewriter) at(s *node, key string) **node {
	for i := range s.members {
		if s.members[i].key == key {
			return &s.members[i].value
		}
	}
	return nil
}

// sub rewrites a schema inside another and returns false if it is none.
func (r *rewriter) sub(at **node) bool {
	if at == nil {
		return true
	}
	switch n := *at; n.kind {
	case 't':
		*at = objectNode()
		r.changed = true
	case 'f':
		*at = objectNode(member{"not", objectNode()})
		r.changed = true
	case '{':
		r.schema(n)
	default:
		return false
	}
	return true
}

// open takes out what would refuse properties that are not named.
func (r *rewriter) open(s *node) {
	for _, key := range []string{"additionalProperties", "unevaluatedProperties"} {
		if s.get(key) != nil {
			r.set(s, key, &node{kind: 't', raw: []byte("true")})
		}
	}
}

func (r *rewriter) set(s *node, key string, v *node) {
	s.set(key, v)
	r.changed = true
}

// tuple writes items that are a list as prefixItems, and additionalItems as
// items (JSON Schema 2020-12, 10.3.1).
func (r *rewriter) tuple(s, list *node) {
	rest := s.get("additionalItems")
	if rest == nil {
		rest = objectNode()
	}
	r.set(s, "items", rest)
	if len(list.items) == 0 {
		return
	}
	for i := range list.items {
		if !r.sub(&list.items[i]) {
			list.items[i] = objectNode()
			r.note(noteMalformed)
		}
	}
	if s.get("prefixItems") == nil {
		s.members = append(s.members, member{"prefixItems", list})
	}
}

// older rewrites what schemas of drafts up to 7 say otherwise. keyword has done
// the rest.
func (r *rewriter) older(s *node) {
	for _, pair := range [][2]string{{"exclusiveMinimum", "minimum"}, {"exclusiveMaximum", "maximum"}} {
		exclusive := s.get(pair[0])
		if !exclusive.isBool() {
			continue
		}
		s.remove(pair[0])
		if limit := s.get(pair[1]); limit != nil && exclusive.kind == 't' {
			s.remove(pair[1])
			s.set(pair[0], limit)
		}
		r.changed = true
	}
	if s.get("additionalItems") != nil { // has no meaning beside items that are no list
		s.remove("additionalItems")
		r.changed = true
	}
	dependencies := s.get("dependencies")
	if !dependencies.isObject() {
		return
	}
	s.remove("dependencies")
	r.changed = true
	needed, schemas := objectNode(), objectNode()
	for i := range dependencies.members {
		m := &dependencies.members[i]
		switch {
		case texts(m.value):
			needed.members = append(needed.members, *m)
		case r.sub(&m.value):
			schemas.members = append(schemas.members, *m)
		default:
			r.note(noteMalformed)
		}
	}
	if len(needed.members) > 0 && s.get("dependentRequired") == nil {
		s.set("dependentRequired", needed)
	}
	if len(schemas.members) > 0 && s.get("dependentSchemas") == nil {
		s.set("dependentSchemas", schemas)
	}
}

// annotation reports whether a keyword neither allows nor refuses anything.
func annotation(key string) bool {
	switch key {
	case "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$defs", "definitions", "$anchor":
		return true
	}
	return false
}

// aside settles what stands beside a reference. Drafts up to 7 pass it over, and
// Gemini takes a description and a default alone.
func (r *rewriter) aside(s *node) {
	if s == r.root {
		return // inlineRoot sees to it
	}
	var others []string
	for _, m := range s.members {
		if m.key != "$ref" && !annotation(m.key) {
			others = append(others, m.key)
		}
	}
	if r.legacy != 0 {
		for _, key := range others {
			s.remove(key)
			r.changed = true
		}
		others = nil
	}
	if r.format != FormatGemini {
		return
	}
	if len(others) > 0 {
		ref := objectNode(member{"$ref", s.remove("$ref")})
		if all := s.get("allOf"); all.isArray() {
			all.items = append(all.items, ref)
		} else {
			s.set("allOf", arrayNode(ref))
		}
		r.changed = true
		return
	}
	for i := 0; i < len(s.members); i++ {
		switch key := s.members[i].key; key {
		case "$ref", "description", "default":
		default:
			s.remove(key)
			r.changed = true
			i--
		}
	}
}

// impliedType returns the type that all values of an enum or a const have.
func impliedType(s *node) string {
	values := []*node{s.get("const")}
	if values[0] == nil {
		list := s.get("enum")
		if list == nil {
			return ""
		}
		values = list.items
	}
	kind := ""
	for _, v := range values {
		k := ""
		switch v.kind {
		case '"':
			k = "string"
		case 't', 'f':
			k = "boolean"
		case '0':
			k = "number"
			if !bytes.ContainsAny(v.raw, ".eE") {
				k = "integer"
			}
		}
		switch {
		case k == "":
			return ""
		case kind == "" || kind == k:
			kind = k
		case kind+k == "integernumber" || kind+k == "numberinteger":
			kind = "number"
		default:
			return ""
		}
	}
	return kind
}

func validType(v *node) bool {
	known := func(n *node) bool {
		switch n.text() {
		case "object", "array", "string", "number", "integer", "boolean", "null":
			return true
		}
		return false
	}
	if v.isString() {
		return known(v)
	}
	if !v.isArray() || len(v.items) == 0 {
		return false
	}
	for i, n := range v.items {
		if !known(n) {
			return false
		}
		for _, before := range v.items[:i] {
			if before.text() == n.text() {
				return false
			}
		}
	}
	return true
}

// texts reports whether v is a list of different texts.
func texts(v *node) bool {
	if !v.isArray() {
		return false
	}
	seen := make(map[string]bool, len(v.items))
	for _, n := range v.items {
		if !n.isString() || seen[n.text()] {
			return false
		}
		seen[n.text()] = true
	}
	return true
}

// number returns the value of a number of an ordinary length.
func number(v *node) (*big.Rat, bool) {
	if !v.isNumber() || len(v.raw) > 40 {
		return nil, false
	}
	if i := bytes.IndexAny(v.raw, "eE"); i >= 0 && len(v.raw)-i > 4 {
		return nil, false // a big exponent would be a big number
	}
	return new(big.Rat).SetString(string(v.raw))
}
