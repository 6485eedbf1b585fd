package tools

// The limits of OpenAI's strict mode, on the safe side of what its
// documentation of Structured Outputs names.
const (
	maxStrictDepth      = 5
	maxStrictProperties = 100
	maxStrictValues     = 500   // of all enums
	maxStrictText       = 15000 // bytes of names and values of enums
)

// strict reports whether OpenAI's strict mode takes a schema as it is: each
// property required, no others allowed, and only keywords that the mode knows.
// In doubt it does not: a schema that is refused would void the whole request.
func strict(root *node) bool {
	s := strictness{root: root}
	return s.object(root, 1, true) && s.properties <= maxStrictProperties && s.values <= maxStrictValues && s.text <= maxStrictText
}

type strictness struct {
	root                     *node
	properties, values, text int
}

func (s *strictness) object(n *node, depth int, top bool) bool {
	properties, required := n.get("properties"), n.get("required")
	if extra := n.get("additionalProperties"); extra == nil || extra.kind != 'f' ||
		!properties.isObject() || !required.isArray() || len(required.items) != len(properties.members) || depth > maxStrictDepth {
		return false
	}
	for _, m := range n.members {
		switch m.key {
		case "type", "properties", "required", "additionalProperties", "description", "title":
		case "$defs":
			if !top {
				return false
			}
			for _, d := range m.value.members {
				s.text += len(d.key)
				if !s.schema(d.value, depth) {
					return false
				}
			}
		default:
			return false
		}
	}
	for _, m := range properties.members {
		s.properties++
		s.text += len(m.key)
		if !containsText(required, m.key) || !s.schema(m.value, depth+1) {
			return false
		}
	}
	return true
}

func (s *strictness) schema(n *node, depth int) bool {
	if !n.isObject() {
		return false
	}
	if ref := n.get("$ref"); ref != nil {
		return len(n.members) == 1
	}
	if list := n.get("anyOf"); list != nil {
		for _, m := range n.members {
			if m.key != "anyOf" && m.key != "description" {
				return false
			}
		}
		for _, b := range list.items {
			if !s.schema(b, depth) {
				return false
			}
		}
		return true
	}
	kinds := []*node{n.get("type")}
	if kinds[0].isArray() {
		kinds = kinds[0].items
	}
	for _, kind := range kinds {
		switch kind.text() {
		case "object":
			if len(kinds) > 1 {
				return false
			}
			return s.object(n, depth, false)
		case "array":
			if len(kinds) > 1 || !s.schema(n.get("items"), depth+1) {
				return false
			}
		case "string", "number", "integer", "boolean", "null":
		default:
			return false
		}
	}
	for _, m := range n.members {
		switch m.key {
		case "type", "description", "title", "items":
		case "const":
			if !s.value(m.value) {
				return false
			}
		case "enum":
			for _, v := range m.value.items {
				if !s.value(v) {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

func (s *strictness) value(v *node) bool {
	s.values++
	s.text += len(v.raw)
	return v.kind != '{' && v.kind != '['
}
