package tools

import (
	"net/url"
	"strconv"
	"strings"
)

// references makes every reference one to "#" or to a member of $defs at the
// root, since that is what all services follow, and since other places move when
// a schema is rewritten. What a reference means elsewhere is copied to $defs. A
// reference that cannot be followed is taken out.
func (r *rewriter) references() {
	refs := referencer{r: r, names: map[string]string{}, anchors: map[string]*node{}}
	refs.rename()
	refs.findAnchors(r.root)
	refs.walk(r.root)
	for len(refs.waiting) > 0 { // copies have references too
		next := refs.waiting[0]
		refs.waiting = refs.waiting[1:]
		refs.walk(next)
	}
	if len(refs.added) == 0 {
		return
	}
	defs := r.root.get("$defs")
	if !defs.isObject() {
		defs = objectNode()
		r.root.set("$defs", defs)
	}
	defs.members = append(defs.members, refs.added...)
	r.changed = true
}

type referencer struct {
	r       *rewriter
	moved   map[string]string // member of definitions → of $defs
	names   map[string]string // reference → member of $defs
	anchors map[string]*node
	added   []member
	waiting []*node
	taken   map[string]bool // names in $defs, once fresh was asked
	counter int
}

// rename moves definitions, as drafts up to 7 have them, to $defs.
func (f *referencer) rename() {
	old := f.r.root.get("definitions")
	if !old.isObject() {
		return
	}
	f.r.root.remove("definitions")
	f.r.changed = true
	defs := f.r.root.get("$defs")
	if !defs.isObject() {
		defs = objectNode()
		f.r.root.set("$defs", defs)
	}
	f.moved = make(map[string]string, len(old.members))
	here := make(map[string]bool, len(defs.members))
	f.taken = make(map[string]bool, len(defs.members)+len(old.members))
	for _, m := range defs.members {
		here[m.key], f.taken[m.key] = true, true
	}
	for _, m := range old.members {
		f.taken[m.key] = true
	}
	for _, m := range old.members {
		name := m.key
		if here[name] {
			name = f.fresh(m.key)
		}
		f.moved[m.key] = name
		defs.members = append(defs.members, member{name, m.value})
	}
}

// fresh returns a name that no member of $defs has.
func (f *referencer) fresh(like string) string {
	if f.taken == nil {
		f.taken = map[string]bool{}
		for _, m := range f.r.root.get("$defs").list() {
			f.taken[m.key] = true
		}
	}
	for {
		f.counter++
		if name := like + "_" + strconv.Itoa(f.counter); !f.taken[name] {
			f.taken[name] = true
			return name
		}
	}
}

// values reports whether what a keyword holds is no schema.
func values(key string) bool {
	switch key {
	case "enum", "const", "default", "examples":
		return true
	}
	return false
}

func (f *referencer) findAnchors(n *node) {
	if anchor := n.get("$anchor"); anchor.isString() {
		f.anchors[anchor.text()] = n
	}
	for _, m := range n.members {
		if !values(m.key) {
			f.findAnchors(m.value)
		}
	}
	for _, v := range n.items {
		f.findAnchors(v)
	}
}

// walk settles the references of a tree.
func (f *referencer) walk(n *node) {
	for _, key := range []string{"$dynamicRef", "$recursiveRef"} {
		if n.get(key).isString() {
			n.remove(key)
			f.r.changed = true
			f.r.note(noteRare)
		}
	}
	if ref := n.get("$ref"); ref.isString() {
		f.settle(n, ref.text())
	}
	for _, m := range n.members {
		if !values(m.key) {
			f.walk(m.value)
		}
	}
	for _, v := range n.items {
		f.walk(v)
	}
}

func (f *referencer) settle(n *node, ref string) {
	drop := func(note string) {
		n.remove("$ref")
		f.r.changed = true
		f.r.note(note)
	}
	fragment, local := strings.CutPrefix(ref, "#")
	if !local {
		drop(noteElsewhere)
		return
	}
	if ref == "#" && f.r.format != FormatGemini {
		return
	}
	if name, ok := strings.CutPrefix(ref, "#/$defs/"); ok && !strings.ContainsAny(name, "/~%") && f.defs().get(name).isObject() {
		return // as nearly all are
	}
	if name, ok := f.names[ref]; ok {
		f.point(n, ref, name)
		return
	}
	decoded, err := url.PathUnescape(fragment)
	if err != nil {
		drop(noteElsewhere)
		return
	}
	target, name := f.find(decoded)
	switch {
	case target == nil:
		drop(noteElsewhere)
	case name != "":
		f.names[ref] = name
		f.point(n, ref, name)
	default:
		if f.r.copied += target.count(maxCopied); f.r.copied > maxCopied {
			drop(noteManyRefs)
			return
		}
		name = f.fresh("ref")
		f.names[ref] = name
		f.point(n, ref, name)
		c := target.clone()
		if target == f.r.root {
			c.remove("$defs")
		}
		f.added = append(f.added, member{name, c})
		f.waiting = append(f.waiting, c)
	}
}

func (f *referencer) defs() *node { return f.r.root.get("$defs") }

// point writes a reference to a member of $defs.
func (f *referencer) point(n *node, old, name string) {
	ref := "#/$defs/" + escapeStep.Replace(name)
	if ref != old {
		n.set("$ref", stringNode(ref))
		f.r.changed = true
	}
}

// What stands for characters of a name in a reference (RFC 6901, 3 and 6).
var (
	escapeStep   = strings.NewReplacer("~", "~0", "/", "~1", "%", "%25")
	unescapeStep = strings.NewReplacer("~1", "/", "~0", "~")
)

// find follows the fragment of a reference (RFC 6901). name is that of the
// member of $defs at the root, where the target is one.
func (f *referencer) find(fragment string) (target *node, name string) {
	if fragment == "" || fragment == "/" {
		return f.r.root, ""
	}
	pointer, ok := strings.CutPrefix(fragment, "/")
	if !ok {
		return f.anchors[fragment], ""
	}
	n := f.r.root
	steps := strings.Split(pointer, "/")
	for i := range steps {
		steps[i] = unescapeStep.Replace(steps[i])
	}
	if moved, ok := f.moved[at(steps, 1)]; ok && steps[0] == "definitions" {
		steps[0], steps[1] = "$defs", moved
	}
	for i, step := range steps {
		switch {
		case n.isObject():
			n = n.get(step)
		case n.isArray():
			at, err := strconv.Atoi(step)
			if err != nil || at < 0 || at >= len(n.items) {
				return nil, ""
			}
			n = n.items[at]
		}
		if n == nil || !n.isObject() && !n.isArray() && i < len(steps)-1 {
			return nil, ""
		}
	}
	if !n.isObject() && !n.isBool() {
		return nil, ""
	}
	if len(steps) == 2 && steps[0] == "$defs" {
		return n, steps[1]
	}
	return n, ""
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// count returns how many values a tree has, or limit if there are more.
func (n *node) count(limit int) int {
	total := 1
	for _, m := range n.members {
		if total >= limit {
			return limit
		}
		total += m.value.count(limit - total)
	}
	for _, v := range n.items {
		if total >= limit {
			return limit
		}
		total += v.count(limit - total)
	}
	return total
}
