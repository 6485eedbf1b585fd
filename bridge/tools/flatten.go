package tools

import (
	"bytes"
	"strings"
)

const (
	noteTop = "At its top the service takes no anyOf, oneOf, allOf, enum or not, so the model is told of them in words."
	maxTop  = 16 // rounds of merging
)

// inlineRoot puts what a reference at the root means in its place.
func (r *rewriter) inlineRoot() {
	for range maxTop {
		ref := r.root.get("$ref")
		if !ref.isString() {
			return
		}
		if r.legacy != 0 { // what stands beside a reference does not count
			for i := 0; i < len(r.root.members); i++ {
				if key := r.root.members[i].key; key != "$ref" && !annotation(key) {
					r.root.remove(key)
					i--
				}
			}
		}
		r.root.remove("$ref")
		r.changed = true
		target := r.defined(ref.text())
		if target == nil || target == r.root {
			continue // a reference to itself says nothing
		}
		target = target.clone()
		target.remove("$defs")
		if next := target.remove("$ref"); next != nil {
			r.root.set("$ref", next)
		}
		if !r.merge(target) {
			all := r.root.get("allOf")
			if !all.isArray() {
				all = arrayNode()
				r.root.set("allOf", all)
			}
			all.items = append(all.items, target)
		}
	}
	if r.root.remove("$ref") != nil {
		r.note(noteRare)
	}
}

// defined follows a reference in the form that references gives it.
func (r *rewriter) defined(ref string) *node {
	if ref == "#" {
		return r.root
	}
	f := referencer{r: r}
	if len(ref) == 0 || ref[0] != '#' {
		return nil
	}
	target, _ := f.find(ref[1:])
	if !target.isObject() {
		return nil
	}
	return target
}

// flatten writes the root without anyOf, oneOf and allOf, and for OpenAI without
// enum, const and not. Where what is left means the same, nothing is lost;
// otherwise the root allows more, and the model is told in words.
func (r *rewriter) flatten() {
	for range maxTop {
		changed := r.flattenAll()
		for _, key := range []string{"anyOf", "oneOf"} {
			changed = r.flattenAny(key) || changed
		}
		if !changed {
			break
		}
		r.changed = true
	}
	if r.format == FormatGemini {
		return // takes them
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		list := r.root.get(key)
		if list == nil {
			continue
		}
		r.root.remove(key)
		r.hoist(key, list.items)
		if names := required(list.items); names != "" && key != "allOf" {
			r.loosened(map[string]string{"anyOf": "At least one", "oneOf": "Exactly one"}[key] + " of these arguments must be given: " + names + ".")
			continue
		}
		r.loosened(map[string]string{
			"anyOf": "The arguments must also fit at least one of these JSON Schemas: ",
			"oneOf": "The arguments must also fit exactly one of these JSON Schemas: ",
			"allOf": "The arguments must also fit all of these JSON Schemas: ",
		}[key] + string(list.append(nil)))
	}
	if r.format == FormatAnthropic {
		return
	}
	for _, key := range []string{"enum", "const", "not"} {
		if v := r.root.remove(key); v != nil {
			r.loosened(map[string]string{
				"enum":  "The arguments must be one of these: ",
				"const": "The arguments must be: ",
				"not":   "The arguments must not fit this JSON Schema: ",
			}[key] + string(v.append(nil)))
		}
	}
}

func (r *rewriter) loosened(words string) {
	r.changed = true
	r.note(noteTop)
	r.hints = append(r.hints, words)
}

// required returns the names that branches ask for, if each asks for one argument
// and for nothing else.
func required(branches []*node) string {
	var names []string
	for _, b := range branches {
		list := b.get("required")
		if len(b.members) != 1 || !list.isArray() || len(list.items) != 1 {
			return ""
		}
		names = append(names, list.items[0].text())
	}
	return strings.Join(names, ", ")
}

// flattenAll merges what it can of allOf into the root.
func (r *rewriter) flattenAll() (changed bool) {
	all := r.root.get("allOf")
	if !all.isArray() {
		return false
	}
	r.root.remove("allOf")
	var rest []*node
	for _, branch := range all.items {
		branch = r.resolved(branch)
		if r.merge(branch) {
			changed = true
		} else {
			rest = append(rest, branch)
		}
	}
	if len(rest) > 0 {
		if own := r.root.get("allOf"); own.isArray() { // a branch had one
			own.items = append(own.items, rest...)
		} else {
			r.root.set("allOf", arrayNode(rest...))
		}
	}
	return changed
}

// resolved returns a copy of what a branch that is only a reference means, or
// the branch.
func (r *rewriter) resolved(branch *node) *node {
	for range maxTop {
		ref := branch.get("$ref")
		if !ref.isString() || len(branch.members) != 1 {
			break
		}
		target := r.defined(ref.text())
		if target == nil || target == r.root || r.copied > maxCopied {
			break
		}
		r.copied += target.count(maxCopied)
		branch = target.clone()
		branch.remove("$defs")
	}
	return branch
}

// flattenAny writes anyOf or oneOf without it, where that means the same.
func (r *rewriter) flattenAny(key string) (changed bool) {
	list := r.root.get(key)
	if !list.isArray() {
		return false
	}
	var branches []*node
	for _, b := range list.items {
		b = r.resolved(b)
		if never(b) { // no object fits it
			continue
		}
		branches = append(branches, b)
	}
	switch {
	case len(branches) == 0:
		return false
	case len(branches) == 1:
		r.root.remove(key)
		if !r.merge(branches[0]) {
			all := r.root.get("allOf")
			if !all.isArray() {
				all = arrayNode()
				r.root.set("allOf", all)
			}
			all.items = append(all.items, branches[0])
		}
		return true
	case key == "anyOf" && anyFits(branches) && r.root.get("unevaluatedProperties") == nil:
		r.root.remove(key)
		return true
	}
	if one := differsOnce(key, branches); one != nil {
		r.root.remove(key)
		if r.merge(one) {
			return true
		}
		r.root.set(key, list)
	}
	return false
}

// never reports whether no object fits a schema, as far as its type says.
func never(s *node) bool {
	if kind := s.get("type"); kind != nil && kind.text() != "object" && !(kind.isArray() && containsText(kind, "object")) {
		return true
	}
	not := s.get("not")
	return not.isObject() && len(not.members) == 0
}

// anyFits reports whether every object fits one of the schemas.
func anyFits(branches []*node) bool {
	for _, b := range branches {
		all := true
		for _, m := range b.members {
			all = all && (annotation(m.key) || m.key == "type")
		}
		if all {
			return true
		}
	}
	return false
}

// differsOnce returns one schema that means the same as the branches together,
// if they differ in the schema of one property alone.
func differsOnce(key string, branches []*node) *node {
	first := bare(branches[0])
	properties := first.get("properties")
	if !properties.isObject() {
		return nil
	}
	differs := ""
	forms := []*node{nil}
	for _, b := range branches[1:] {
		b = bare(b)
		others := b.get("properties")
		if !others.isObject() || len(others.members) != len(properties.members) || len(b.members) != len(first.members) {
			return nil
		}
		for _, m := range first.members {
			if m.key != "properties" && !same(m.value, b.get(m.key)) {
				return nil
			}
		}
		for _, m := range properties.members {
			other := others.get(m.key)
			switch {
			case other == nil:
				return nil
			case same(m.value, other):
			case differs == "" || differs == m.key:
				differs = m.key
			default:
				return nil
			}
		}
		forms = append(forms, others.get(differs))
	}
	if differs == "" {
		return nil // of oneOf, nothing fits; of anyOf, it is too odd to matter
	}
	// Under oneOf a missing property would fit all branches.
	if key == "oneOf" && (!first.get("required").isArray() || !containsText(first.get("required"), differs)) {
		return nil
	}
	for i, b := range branches {
		if forms[i] = b.get("properties").get(differs); forms[i] == nil {
			return nil
		}
	}
	one := first.clone()
	one.get("properties").set(differs, objectNode(member{key, arrayNode(forms...)}))
	return one
}

// bare returns a schema without its annotations and an "object" type.
func bare(s *node) *node {
	c := objectNode()
	for _, m := range s.members {
		if !annotation(m.key) && !(m.key == "type" && m.value.text() == "object") {
			c.members = append(c.members, m)
		}
	}
	return c
}

// same reports whether two trees are equal, whatever the order of members.
func same(a, b *node) bool {
	if a == nil || b == nil || a.kind != b.kind {
		return a == b
	}
	switch a.kind {
	case '{':
		if len(a.members) != len(b.members) {
			return false
		}
		for _, m := range a.members {
			if !same(m.value, b.get(m.key)) {
				return false
			}
		}
		return true
	case '[':
		if len(a.items) != len(b.items) {
			return false
		}
		for i := range a.items {
			if !same(a.items[i], b.items[i]) {
				return false
			}
		}
		return true
	}
	return bytes.Equal(a.raw, b.raw)
}

// merge adds a schema to the root so that the root means both, and returns false
// and changes nothing where that takes more than it can do.
func (r *rewriter) merge(b *node) bool {
	if !r.mergeable(b) {
		return false
	}
	root := r.root
	rootClosed, branchClosed := closed(root), closed(b)
	properties := root.get("properties")
	if !properties.isObject() {
		properties = objectNode()
	}
	mine := b.get("properties")
	merged := objectNode()
	for _, m := range properties.members {
		other := mine.get(m.key)
		switch {
		case other == nil && branchClosed: // the branch refuses it
		case other == nil, same(m.value, other):
			merged.members = append(merged.members, m)
		default:
			merged.members = append(merged.members, member{m.key, objectNode(member{"allOf", arrayNode(m.value, other)})})
		}
	}
	if mine != nil {
		for _, m := range mine.members {
			if properties.get(m.key) == nil && !rootClosed {
				merged.members = append(merged.members, m)
			}
		}
	}
	if len(merged.members) > 0 || root.get("properties") != nil {
		root.set("properties", merged)
	}
	for _, m := range b.members {
		switch m.key {
		case "type", "properties", "$defs":
		case "additionalProperties":
			if branchClosed {
				root.set(m.key, m.value)
			}
		case "required":
			list := root.get("required")
			if !list.isArray() {
				root.set("required", m.value)
				continue
			}
			union := arrayNode(list.items...)
			for _, v := range m.value.items {
				if !containsText(list, v.text()) {
					union.items = append(union.items, v)
				}
			}
			root.set("required", union)
		default:
			if root.get(m.key) == nil {
				root.set(m.key, m.value)
			}
		}
	}
	r.changed = true
	return true
}

// mergeable reports whether merge can do it.
func (r *rewriter) mergeable(b *node) bool {
	root := r.root
	if !b.isObject() || never(b) || b.get("$ref") != nil {
		return false
	}
	for _, s := range []*node{root, b} {
		if extra := s.get("additionalProperties"); extra != nil && !extra.isBool() && len(extra.members) > 0 {
			return false
		}
		if (closed(root) || closed(b)) && s.get("patternProperties") != nil || s.get("unevaluatedProperties") != nil {
			return false
		}
	}
	for _, m := range b.members {
		switch {
		case annotation(m.key), m.key == "type", m.key == "properties", m.key == "required", m.key == "additionalProperties":
		case root.get(m.key) == nil && (m.key != "then" && m.key != "else" && m.key != "if" || root.get("if") == nil && root.get("then") == nil && root.get("else") == nil):
			// Nothing there yet.
		case same(m.value, root.get(m.key)):
		default:
			return false
		}
	}
	return true
}

// closed reports whether a schema refuses properties that it does not name.
func closed(s *node) bool {
	extra := s.get("additionalProperties")
	if extra == nil {
		return false
	}
	if extra.kind == 'f' {
		return true
	}
	not := extra.get("not")
	return len(extra.members) == 1 && not.isObject() && len(not.members) == 0
}

// hoist names at the root the properties of branches that are going, so that the
// model sees them. A property gets a schema where each branch has one for it or
// refuses it; where a branch leaves it open, it gets only words.
func (r *rewriter) hoist(key string, branches []*node) {
	all := key == "allOf"
	for i := range branches {
		branches[i] = r.resolved(branches[i])
	}
	r.root.remove("unevaluatedProperties") // it would refuse what the branches name
	properties := r.root.get("properties")
	var names []string
	forms := map[string][]*node{}
	asked := map[string]int{}
	everyClosed := true
	for _, b := range branches {
		own := b.get("properties")
		if own.isObject() {
			for _, m := range own.members {
				if forms[m.key] == nil {
					names = append(names, m.key)
				}
				forms[m.key] = append(forms[m.key], m.value)
			}
		}
		everyClosed = everyClosed && closed(b) && b.get("patternProperties") == nil
		if list := b.get("required"); list.isArray() {
			for _, v := range list.items {
				asked[v.text()]++
			}
		}
	}
	rootClosed := closed(r.root)
	for _, name := range names {
		if properties.get(name) != nil || rootClosed {
			continue // the root says more already, or refuses it
		}
		list := distinct(forms[name])
		switch {
		case all:
			properties.set(name, only(list, "allOf"))
		case len(forms[name]) == len(branches) || everyClosed:
			properties.set(name, only(list, "anyOf"))
		default:
			words := objectNode()
			for _, word := range []string{"title", "description"} {
				if v := list[0].get(word); v.isString() {
					words.set(word, v)
				}
			}
			properties.set(name, words)
		}
	}
	if everyClosed && !all && !rootClosed && r.root.get("additionalProperties") == nil && r.root.get("patternProperties") == nil && len(r.rootOnly(forms)) == 0 {
		r.root.set("additionalProperties", &node{kind: 'f', raw: []byte("false")})
	}
	list := r.root.get("required")
	if !list.isArray() {
		list = arrayNode()
	}
	list = arrayNode(list.items...)
	for _, name := range names {
		if n := asked[name]; (n == len(branches) || all && n > 0) && !containsText(list, name) {
			list.items = append(list.items, stringNode(name))
		}
	}
	if len(list.items) > 0 {
		r.root.set("required", list)
	}
}

// rootOnly returns the properties of the root that no branch names.
func (r *rewriter) rootOnly(forms map[string][]*node) []string {
	var out []string
	for _, m := range r.root.get("properties").members {
		if forms[m.key] == nil {
			out = append(out, m.key)
		}
	}
	return out
}

func distinct(list []*node) []*node {
	var out []*node
	for _, n := range list {
		known := false
		for _, o := range out {
			known = known || same(n, o)
		}
		if !known {
			out = append(out, n)
		}
	}
	return out
}

func only(list []*node, key string) *node {
	if len(list) == 1 {
		return list[0]
	}
	return objectNode(member{key, arrayNode(list...)})
}
