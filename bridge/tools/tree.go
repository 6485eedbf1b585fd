package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// node is a JSON value that keeps the order of members and the text of scalars,
// so that a schema that is rewritten in one place stays as it was elsewhere.
type node struct {
	kind    byte   // '{', '[', '"', 't', 'f', 'n' or '0' for a number
	raw     []byte // of a scalar; a string with its quotes
	members []member
	items   []*node
}

type member struct {
	key   string
	value *node
}

var (
	errNoJSON  = errors.New("it is no valid JSON")
	errTooDeep = errors.New("it is nested too deep")
)

// parseTree reads one document that is nested at most so deep. Of two members
// of the same name the last counts, as in encoding/json. The nodes share raw.
func parseTree(raw []byte, depth int) (*node, error) {
	if !json.Valid(raw) {
		return nil, errNoJSON
	}
	p := treeParser{raw: raw}
	n := p.value(depth)
	if n == nil {
		return nil, errTooDeep
	}
	return n, nil
}

// treeParser reads a document that is known to be valid.
type treeParser struct {
	raw  []byte
	at   int
	free []node // allocated and not used yet
}

func (p *treeParser) node(kind byte) *node {
	if len(p.free) == 0 {
		p.free = make([]node, 32)
	}
	n := &p.free[0]
	p.free = p.free[1:]
	n.kind = kind
	return n
}

func (p *treeParser) skip() byte {
	for {
		switch c := p.raw[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
}

// value returns nil where the document is nested deeper than depth.
func (p *treeParser) value(depth int) *node {
	c := p.skip()
	switch c {
	case '{':
		if depth == 0 {
			return nil
		}
		n := p.node('{')
		p.at++
		for p.skip() != '}' {
			if p.raw[p.at] == ',' {
				p.at++
				p.skip()
			}
			key := p.text()
			p.skip() // to the colon
			p.at++
			v := p.value(depth - 1)
			if v == nil {
				return nil
			}
			n.members = append(n.members, member{key, v})
		}
		p.at++
		n.unique()
		return n
	case '[':
		if depth == 0 {
			return nil
		}
		n := p.node('[')
		p.at++
		for p.skip() != ']' {
			if p.raw[p.at] == ',' {
				p.at++
			}
			v := p.value(depth - 1)
			if v == nil {
				return nil
			}
			n.items = append(n.items, v)
		}
		p.at++
		return n
	case '"':
		end, _ := stringEnd(p.raw, p.at)
		n := p.node('"')
		n.raw = p.raw[p.at : end+1]
		p.at = end + 1
		return n
	}
	start := p.at
	for p.at < len(p.raw) && !endsScalar(p.raw[p.at]) {
		p.at++
	}
	if c == '-' || c >= '0' && c <= '9' {
		c = '0'
	}
	n := p.node(c)
	n.raw = p.raw[start:p.at]
	return n
}

func endsScalar(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

func (p *treeParser) text() string {
	end, escaped := stringEnd(p.raw, p.at)
	quoted := p.raw[p.at : end+1]
	p.at = end + 1
	return unquote(quoted, escaped)
}

func unquote(quoted []byte, escaped bool) string {
	if !escaped {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return string(quoted[1 : len(quoted)-1])
	}
	return s
}

// unique keeps the last of members with the same name.
func (n *node) unique() {
	if len(n.members) < 2 {
		return
	}
	twice := false
	if len(n.members) <= 16 {
		for i := range n.members {
			for j := range i {
				twice = twice || n.members[i].key == n.members[j].key
			}
		}
	} else {
		seen := make(map[string]struct{}, len(n.members))
		for _, m := range n.members {
			seen[m.key] = struct{}{}
		}
		twice = len(seen) < len(n.members)
	}
	if !twice {
		return
	}
	last := make(map[string]int, len(n.members))
	for i, m := range n.members {
		last[m.key] = i
	}
	kept := n.members[:0]
	for i, m := range n.members {
		if last[m.key] == i {
			kept = append(kept, m)
		}
	}
	n.members = kept
}

// get returns the member of that name, and nil if there is none or n is no
// object.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.members {
		if n.members[i].key == key {
			return n.members[i].value
		}
	}
	return nil
}

// list returns the members of an object; n may be nil.
func (n *node) list() []member {
	if n == nil {
		return nil
	}
	return n.members
}

// set replaces a member or adds it at the end.
func (n *node) set(key string, v *node) {
	for i := range n.members {
		if n.members[i].key == key {
			n.members[i].value = v
			return
		}
	}
	n.members = append(n.members, member{key, v})
}

// remove takes a member out and returns it.
func (n *node) remove(key string) *node {
	for i := range n.members {
		if n.members[i].key == key {
			v := n.members[i].value
			n.members = append(n.members[:i:i], n.members[i+1:]...)
			return v
		}
	}
	return nil
}

// isObject, isArray, isString and isNumber may be asked of nil.
func (n *node) isObject() bool { return n != nil && n.kind == '{' }
func (n *node) isArray() bool  { return n != nil && n.kind == '[' }
func (n *node) isString() bool { return n != nil && n.kind == '"' }
func (n *node) isNumber() bool { return n != nil && n.kind == '0' }
func (n *node) isBool() bool   { return n != nil && (n.kind == 't' || n.kind == 'f') }

// text returns the value of a string, and "" for anything else.
func (n *node) text() string {
	if !n.isString() {
		return ""
	}
	return unquote(n.raw, bytes.IndexByte(n.raw, '\\') >= 0)
}

// clone copies a tree; scalars are shared, since they never change.
func (n *node) clone() *node {
	if n == nil || n.kind != '{' && n.kind != '[' {
		return n
	}
	c := &node{kind: n.kind}
	if n.members != nil {
		c.members = make([]member, len(n.members))
		for i, m := range n.members {
			c.members[i] = member{m.key, m.value.clone()}
		}
	}
	if n.items != nil {
		c.items = make([]*node, len(n.items))
		for i, v := range n.items {
			c.items[i] = v.clone()
		}
	}
	return c
}

// append writes a tree as compact JSON.
func (n *node) append(b []byte) []byte {
	switch n.kind {
	case '{':
		b = append(b, '{')
		for i, m := range n.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, m.key)
			b = append(b, ':')
			b = m.value.append(b)
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i, v := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.append(b)
		}
		return append(b, ']')
	}
	return append(b, n.raw...)
}

func objectNode(members ...member) *node { return &node{kind: '{', members: members} }
func arrayNode(items ...*node) *node     { return &node{kind: '[', items: slices.Clone(items)} }
func stringNode(s string) *node          { return &node{kind: '"', raw: appendString(nil, s)} }
