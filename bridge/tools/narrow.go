package tools

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// maxNarrowed bounds the values that are looked at, and copied for references,
// to narrow one schema.
const maxNarrowed = 20_000

// Narrow returns the tool with a schema without the parameters that hide names,
// as it may be shown to models. Definition and Hash stay: they are what the
// server gave. Parameters go wherever the schema speaks of the arguments
// themselves: in properties and what is required, in the branches of anyOf and
// its like, and in what is referred to there. A schema that cannot be read
// becomes one of an object without parameters.
func Narrow(t Tool, hide func(param string) bool) Tool {
	t.InputSchema = narrow(t.InputSchema, hide)
	sum := sha256.Sum256(t.InputSchema)
	t.Narrowed = hex.EncodeToString(sum[:])
	return t
}

func narrow(schema json.RawMessage, hide func(string) bool) json.RawMessage {
	if len(bytes.TrimSpace(schema)) == 0 {
		return json.RawMessage(emptySchema)
	}
	root, err := parseTree(schema, maxSchemaDepth)
	if err != nil || !root.isObject() {
		return json.RawMessage(emptySchema)
	}
	n := narrower{root: root, hide: hide, left: maxNarrowed}
	n.strip(root, 0)
	if n.left < 0 {
		return json.RawMessage(emptySchema)
	}
	n.prune()
	return root.append(nil)
}

type narrower struct {
	root *node
	hide func(string) bool
	left int // values that may still be looked at
}

// strip takes the parameters out of a schema that the arguments as a whole have
// to fit, and out of those that it applies to them.
func (n *narrower) strip(s *node, depth int) {
	n.left--
	if !s.isObject() || n.left < 0 {
		return
	}
	if depth > maxSchemaDepth {
		s.members = nil
		return
	}
	for _, key := range []string{"default", "examples", "example", "patternProperties", "propertyOrdering", "minProperties", "const", "enum", "$dynamicRef", "$recursiveRef", "not", "if", "then", "else"} {
		s.remove(key) // they may name what is hidden, and would mean another thing without it; they are checked all the same
	}
	if ref := s.remove("$ref"); ref.isString() {
		if target := n.find(ref.text()); target != nil {
			all := s.get("allOf")
			if !all.isArray() {
				all = arrayNode()
				s.set("allOf", all)
			}
			copied := target.clone()
			n.left -= size(copied, n.left)
			copied.remove("$defs")
			copied.remove("definitions")
			all.items = append(all.items, copied)
		}
	}
	for _, key := range []string{"properties", "dependentSchemas", "dependentRequired", "dependencies"} {
		list := s.get(key)
		if !list.isObject() {
			continue
		}
		kept := list.members[:0:0]
		for _, m := range list.members {
			if n.hide(m.key) {
				continue
			}
			if key != "properties" {
				n.names(m.value)
				n.strip(m.value, depth+1)
			}
			kept = append(kept, m)
		}
		list.members = kept
	}
	if required := s.get("required"); required.isArray() {
		n.names(required)
		if len(required.items) == 0 {
			s.remove("required")
		}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		if list := s.get(key); list.isArray() {
			for _, item := range list.items {
				n.strip(item, depth+1)
			}
		}
	}
}

// names takes hidden names out of a list of names.
func (n *narrower) names(list *node) {
	if !list.isArray() {
		return
	}
	kept := list.items[:0:0]
	for _, item := range list.items {
		if !item.isString() || !n.hide(item.text()) {
			kept = append(kept, item)
		}
	}
	list.items = kept
}

// find returns what a reference within the document points to, and nil for any
// other.
func (n *narrower) find(ref string) *node {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	at := n.root
	for _, step := range strings.Split(path, "/") {
		if at = at.get(strings.NewReplacer("~1", "/", "~0", "~").Replace(step)); at == nil {
			return nil
		}
	}
	return at
}

// prune removes definitions that nothing refers to any more.
func (n *narrower) prune() {
	used := map[string]bool{}
	var look func(s *node, root bool)
	look = func(s *node, root bool) {
		if n.left--; s == nil || n.left < 0 {
			return
		}
		for _, m := range s.members {
			if root && (m.key == "$defs" || m.key == "definitions") {
				continue
			}
			if m.key == "$ref" && m.value.isString() {
				if ref := m.value.text(); !used[ref] {
					used[ref] = true
					look(n.find(ref), false)
				}
			}
			look(m.value, false)
		}
		for _, item := range s.items {
			look(item, false)
		}
	}
	look(n.root, true)
	if n.left < 0 {
		return
	}
	for _, key := range []string{"$defs", "definitions"} {
		defs := n.root.get(key)
		if !defs.isObject() {
			continue
		}
		kept := defs.members[:0:0]
		for _, m := range defs.members {
			at := "#/" + key + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(m.key)
			for ref := range used {
				if ref == at || strings.HasPrefix(ref, at+"/") || !strings.HasPrefix(ref, "#/") {
					kept = append(kept, m)
					break
				}
			}
		}
		if defs.members = kept; len(kept) == 0 {
			n.root.remove(key)
		}
	}
}

// size counts the values of a tree, up to a little more than limit.
func size(s *node, limit int) int {
	if s == nil {
		return 0
	}
	count := 1
	for _, m := range s.members {
		if count > limit {
			return count
		}
		count += size(m.value, limit-count)
	}
	for _, item := range s.items {
		if count > limit {
			return count
		}
		count += size(item, limit-count)
	}
	return count
}
