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

// parseTree reads one document (RFC 8259) that is nested at most so deep. Of two
// members of the same name the last counts, as in encoding/json. The nodes share
// raw.
func parseTree(raw []byte, depth int) (*node, error) {
	p := treeParser{raw: raw, text: string(raw)}
	n, err := p.value(depth)
	if err != nil {
		return nil, err
	}
	if p.skip(); p.at < len(raw) {
		return nil, errNoJSON
	}
	return n, nil
}

type treeParser struct {
	raw  []byte
	text string // the same, for names without a copy of each
	at   int
	free []node // allocated and not used yet
}

func (p *treeParser) node(kind byte, raw []byte) *node {
	if len(p.free) == 0 {
		p.free = make([]node, 32)
	}
	n := &p.free[0]
	p.free = p.free[1:]
	n.kind, n.raw = kind, raw
	return n
}

// skip returns the next byte that is no space, and 0 at the end.
func (p *treeParser) skip() byte {
	for ; p.at < len(p.raw); p.at++ {
		switch c := p.raw[p.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (p *treeParser) value(depth int) (*node, error) {
	switch c := p.skip(); c {
	case '{', '[':
		if depth == 0 {
			// What is no JSON at all is told so, however deep.
			if !json.Valid(p.raw) {
				return nil, errNoJSON
			}
			return nil, errTooDeep
		}
		p.at++
		if c == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case '"':
		start := p.at
		if _, ok := p.quoted(); !ok {
			return nil, errNoJSON
		}
		return p.node('"', p.raw[start:p.at]), nil
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	}
	return p.number()
}

func (p *treeParser) object(depth int) (*node, error) {
	n := p.node('{', nil)
	for first := true; ; first = false {
		c := p.skip()
		if c == '}' && first {
			p.at++
			return n, nil
		}
		start := p.at
		if c != '"' {
			return nil, errNoJSON
		}
		escaped, ok := p.quoted()
		if !ok {
			return nil, errNoJSON
		}
		key := p.text[start+1 : p.at-1]
		if escaped {
			key = unquote(p.raw[start:p.at], true)
		}
		if p.skip() != ':' {
			return nil, errNoJSON
		}
		p.at++
		v, err := p.value(depth - 1)
		if err != nil {
			return nil, err
		}
		if n.members == nil {
			n.members = make([]member, 0, 4)
		}
		n.members = append(n.members, member{key, v})
		switch p.skip() {
		case ',':
			p.at++
		case '}':
			p.at++
			n.unique()
			return n, nil
		default:
			return nil, errNoJSON
		}
	}
}

func (p *treeParser) array(depth int) (*node, error) {
	n := p.node('[', nil)
	if p.skip() == ']' {
		p.at++
		return n, nil
	}
	for {
		v, err := p.value(depth - 1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, v)
		switch p.skip() {
		case ',':
			p.at++
		case ']':
			p.at++
			return n, nil
		default:
			return nil, errNoJSON
		}
	}
}

// quoted passes over a string and says whether it contains an escape.
func (p *treeParser) quoted() (escaped, ok bool) {
	for p.at++; p.at < len(p.raw); p.at++ {
		switch c := p.raw[p.at]; {
		case c == '"':
			p.at++
			return escaped, true
		case c < 0x20:
			return false, false
		case c == '\\':
			escaped = true
			if p.at++; p.at == len(p.raw) {
				return false, false
			}
			switch p.raw[p.at] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if p.at++; p.at == len(p.raw) || !isHex(p.raw[p.at]) {
						return false, false
					}
				}
			default:
				return false, false
			}
		}
	}
	return false, false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (p *treeParser) literal(word string) (*node, error) {
	end := p.at + len(word)
	if end > len(p.raw) || p.text[p.at:end] != word {
		return nil, errNoJSON
	}
	n := p.node(word[0], p.raw[p.at:end])
	p.at = end
	return n, nil
}

func (p *treeParser) number() (*node, error) {
	start := p.at
	if p.at < len(p.raw) && p.raw[p.at] == '-' {
		p.at++
	}
	if p.at < len(p.raw) && p.raw[p.at] == '0' {
		p.at++
	} else if !p.digits() {
		return nil, errNoJSON
	}
	if p.at < len(p.raw) && p.raw[p.at] == '.' {
		if p.at++; !p.digits() {
			return nil, errNoJSON
		}
	}
	if p.at < len(p.raw) && (p.raw[p.at] == 'e' || p.raw[p.at] == 'E') {
		p.at++
		if p.at < len(p.raw) && (p.raw[p.at] == '+' || p.raw[p.at] == '-') {
			p.at++
		}
		if !p.digits() {
			return nil, errNoJSON
		}
	}
	return p.node('0', p.raw[start:p.at]), nil
}

// digits passes over at least one digit.
func (p *treeParser) digits() bool {
	start := p.at
	for p.at < len(p.raw) && p.raw[p.at] >= '0' && p.raw[p.at] <= '9' {
		p.at++
	}
	return p.at > start
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
