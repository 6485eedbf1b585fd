package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"

	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of a file that is read. Real ones are a few kilobytes.
const (
	maxSize  = 4 << 20
	maxDepth = 64
)

// document is a JSON file with comments, as a tree that keeps every byte that
// is not changed on purpose.
type document struct {
	root    hujson.Value // an object
	newline string
	indent  string // of one level
	// unusable are the values that could not be used, by their StartOffset,
	// which stays with them when others are added or removed.
	unusable map[int]bool
}

// object returns the value as an object, or nil.
func object(v *hujson.Value) *hujson.Object {
	o, _ := v.Value.(*hujson.Object)
	return o
}

// text returns the value as a string.
func text(v *hujson.Value) (string, bool) {
	l, ok := v.Value.(hujson.Literal)
	if !ok || l.Kind() != '"' {
		return "", false
	}
	return l.String(), true
}

func memberName(m *hujson.ObjectMember) string {
	s, _ := text(&m.Name)
	return s
}

// member returns the value of a key of an object, or nil.
func member(o *hujson.Object, key string) *hujson.Value {
	if o == nil {
		return nil
	}
	for i := range o.Members {
		if memberName(&o.Members[i]) == key {
			return &o.Members[i].Value
		}
	}
	return nil
}

// standard returns the value as plain JSON.
func standard(v *hujson.Value) []byte {
	c := v.Clone()
	c.Minimize()
	return c.Pack()
}

// parse reads a file: one object, in which no key of any object stands twice.
// Its error says what is wrong and where, never what is written there, since
// that may be a secret.
func parse(b []byte) (*document, error) {
	if len(b) > maxSize {
		return nil, fmt.Errorf("it is larger than %d MB", maxSize>>20)
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("it is empty")
	}
	if !utf8.Valid(b) {
		return nil, errors.New("it is no UTF-8 text")
	}
	if tooDeep(b) {
		return nil, fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	b = slices.Clone(b) // the tree refers to it
	if b[len(b)-1] != '\n' {
		b = append(b, '\n') // which a comment in the last line needs
	}
	root, err := hujson.Parse(b)
	if err != nil {
		var line, column int
		if _, serr := fmt.Sscanf(err.Error(), "hujson: line %d, column %d", &line, &column); serr != nil {
			return nil, errors.New("it is no JSON")
		}
		return nil, fmt.Errorf("it is no JSON: look near line %d, column %d", line, column)
	}
	if object(&root) == nil {
		return nil, errors.New("it is no JSON object; it should begin with {")
	}
	for v := range root.All() {
		if key, twice := repeated(object(v)); twice {
			line := 1 + bytes.Count(b[:v.StartOffset], []byte("\n"))
			return nil, fmt.Errorf("the key %q stands twice in the object that begins in line %d", key, line)
		}
	}
	d := &document{root: root, newline: "\n", indent: "  "}
	if bytes.Contains(b, []byte("\r\n")) {
		d.newline = "\r\n"
	}
	if members := object(&d.root).Members; len(members) > 0 {
		if s := lastIndent(members[0].Name.BeforeExtra); s != "" {
			d.indent = s
		}
	}
	return d, nil
}

func repeated(o *hujson.Object) (string, bool) {
	if o == nil {
		return "", false
	}
	seen := make(map[string]bool, len(o.Members))
	for i := range o.Members {
		name := memberName(&o.Members[i])
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}

// tooDeep looks at the nesting before anything recursive does.
func tooDeep(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '/':
			if i+1 >= len(b) {
				break
			}
			var end string
			switch b[i+1] {
			case '/':
				end = "\n"
			case '*':
				end = "*/"
			default:
				continue
			}
			n := bytes.Index(b[i+2:], []byte(end))
			if n < 0 {
				return false // an error that the parser finds here
			}
			i += 2 + n + len(end) - 1
		}
	}
	return false
}

// bytes returns the file.
func (d *document) bytes() []byte { return d.root.Pack() }

// clone returns a copy that can be changed apart. It is parsed anew, because
// the tree's own Clone forgets trailing commas; places in the text stay the same.
func (d *document) clone() (*document, error) {
	c, err := parse(d.bytes())
	if err != nil {
		return nil, err
	}
	c.unusable = d.unusable
	return c, nil
}

// lastIndent is the white space before what follows the extra, if that begins
// a line.
func lastIndent(e hujson.Extra) string {
	i := bytes.LastIndexByte(e, '\n')
	if i < 0 {
		return ""
	}
	s := string(e[i+1:])
	if strings.Trim(s, " \t") != "" {
		return ""
	}
	return s
}

// value lays plain JSON out as it should stand at a depth of nesting.
func (d *document) value(raw []byte, depth int) (hujson.ValueTrimmed, error) {
	v, err := hujson.Parse(slices.Clone(raw))
	if err != nil {
		return nil, err
	}
	d.layOut(&v, depth)
	return v.Value, nil
}

// maxLine is how long a list of plain values may be to stay on one line.
const maxLine = 80

func (d *document) layOut(v *hujson.Value, depth int) {
	inner := hujson.Extra(d.newline + strings.Repeat(d.indent, depth))
	outer := hujson.Extra(d.newline + strings.Repeat(d.indent, depth-1))
	switch c := v.Value.(type) {
	case *hujson.Object:
		for i := range c.Members {
			m := &c.Members[i]
			m.Name.BeforeExtra, m.Value.BeforeExtra = inner, hujson.Extra(" ")
			d.layOut(&m.Value, depth+1)
		}
		if len(c.Members) > 0 {
			c.AfterExtra = outer
		}
	case *hujson.Array:
		if oneLine(c) {
			for i := range c.Elements[min(1, len(c.Elements)):] {
				c.Elements[i+1].BeforeExtra = hujson.Extra(" ")
			}
			return
		}
		for i := range c.Elements {
			c.Elements[i].BeforeExtra = inner
			d.layOut(&c.Elements[i], depth+1)
		}
		c.AfterExtra = outer
	}
}

func oneLine(a *hujson.Array) bool {
	length := 0
	for i := range a.Elements {
		l, ok := a.Elements[i].Value.(hujson.Literal)
		if !ok {
			return false
		}
		length += len(l) + 2
	}
	return length <= maxLine
}

// pointer is the JSON pointer (RFC 6901) to a path of keys.
func pointer(path []string) string {
	var b strings.Builder
	esc := strings.NewReplacer("~", "~0", "/", "~1")
	for _, p := range path {
		b.WriteString("/" + esc.Replace(p))
	}
	return b.String()
}

type patchStep struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

func (d *document) patch(op, ptr string, value json.RawMessage) error {
	b, err := json.Marshal([]patchStep{{op, ptr, value}})
	if err != nil {
		return err
	}
	return d.root.Patch(b)
}

// set gives a key of the object at path a value, in place or at the end.
func (d *document) set(path []string, key string, raw []byte) error {
	parent := object(d.root.Find(pointer(path)))
	if parent == nil {
		return fmt.Errorf("%s is no object (%w)", pointer(path), store.ErrInvalid)
	}
	depth := len(path) + 1
	v, err := d.value(raw, depth+1)
	if err != nil {
		return err
	}
	if old := member(parent, key); old != nil {
		old.Value, old.StartOffset = v, 0
		return nil
	}
	last := len(parent.Members)
	if err := d.patch("add", pointer(append(slices.Clone(path), key)), []byte("null")); err != nil {
		return err
	}
	m := &parent.Members[last]
	if last > 0 && parent.Members[last-1].Value.AfterExtra != nil {
		m.Value.AfterExtra = hujson.Extra{} // a trailing comma, as before
	}
	m.Value.Value, m.Value.BeforeExtra = v, hujson.Extra(" ")
	compact := last > 0 && !bytes.ContainsRune(parent.Members[last-1].Name.BeforeExtra, '\n')
	if compact {
		if len(m.Name.BeforeExtra) == 0 {
			m.Name.BeforeExtra = hujson.Extra(" ")
		}
		return nil
	}
	indent := strings.Repeat(d.indent, depth)
	if last > 0 {
		indent = lastIndent(parent.Members[last-1].Name.BeforeExtra)
	}
	m.Name.BeforeExtra = d.beginLine(m.Name.BeforeExtra, indent)
	if !bytes.ContainsRune(parent.AfterExtra, '\n') {
		parent.AfterExtra = d.beginLine(parent.AfterExtra, strings.Repeat(d.indent, depth-1))
	}
	return nil
}

// beginLine keeps the comments of an extra and has what follows it begin a
// line.
func (d *document) beginLine(e hujson.Extra, indent string) hujson.Extra {
	kept := bytes.TrimRight(e, " \t\r\n")
	return hujson.Extra(string(kept) + d.newline + indent)
}

// remove takes a key away, with the comment that belongs to it.
func (d *document) remove(path []string, key string) error {
	parent := object(d.root.Find(pointer(path)))
	if parent == nil || member(parent, key) == nil {
		return fmt.Errorf("%s has no %q (%w)", pointer(path), key, store.ErrNotFound)
	}
	outer, first := lastIndent(parent.AfterExtra), parent.Members[0].Name.BeforeExtra
	wasFirst := memberName(&parent.Members[0]) == key
	if err := d.patch("remove", pointer(append(slices.Clone(path), key)), nil); err != nil {
		return err
	}
	if bytes.ContainsRune(parent.AfterExtra, '\n') {
		parent.AfterExtra = d.beginLine(parent.AfterExtra, outer)
	}
	if wasFirst && len(parent.Members) > 0 && len(first) == 0 && string(parent.Members[0].Name.BeforeExtra) == " " {
		parent.Members[0].Name.BeforeExtra = nil // all on one line
	}
	return nil
}

// merge carries what differs between two plain JSON objects, old and now, over
// to the object at path. Keys that neither of them has stay as they are, and so
// do the comments around what stays.
func (d *document) merge(path []string, old, now *hujson.Object) error {
	for i := range now.Members {
		key, value := memberName(&now.Members[i]), &now.Members[i].Value
		was := member(old, key)
		if was != nil && bytes.Equal(standard(was), standard(value)) {
			continue
		}
		if there := d.at(path, key); there != nil && object(there) != nil && object(value) != nil && !d.unusable[there.StartOffset] {
			before := &hujson.Object{}
			if was != nil && object(was) != nil {
				before = object(was)
			}
			if err := d.merge(append(slices.Clone(path), key), before, object(value)); err != nil {
				return err
			}
			continue
		}
		if done, err := d.mergeList(path, key, was, value); err != nil {
			return err
		} else if done {
			continue
		}
		if err := d.set(path, key, standard(value)); err != nil {
			return err
		}
	}
	for i := range old.Members {
		key := memberName(&old.Members[i])
		if member(now, key) != nil || d.at(path, key) == nil {
			continue
		}
		if err := d.dissolve(path, key, &old.Members[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// dissolve takes a key away that was ours, but leaves what others put into it.
func (d *document) dissolve(path []string, key string, was *hujson.Value) error {
	there := d.at(path, key)
	if object(was) != nil && object(there) != nil {
		if err := d.merge(append(slices.Clone(path), key), object(was), &hujson.Object{}); err != nil {
			return err
		}
		if len(object(there).Members) > 0 {
			return nil
		}
	}
	if _, err := d.mergeList(path, key, was, nil); err != nil {
		return err
	}
	if list, ok := there.Value.(*hujson.Array); ok && len(list.Elements) > 0 && byID(was) != nil {
		return nil
	}
	return d.remove(path, key)
}

func (d *document) at(path []string, key string) *hujson.Value {
	return member(object(d.root.Find(pointer(path))), key)
}

// mergeList is merge for a list of objects that have an id; old or now may be
// nil. Elements keep their place, and new ones stand before those that follow them
// in now. Elements that could not be used stay. It reports false if this is no
// such list.
func (d *document) mergeList(path []string, key string, old, now *hujson.Value) (bool, error) {
	there := d.at(path, key)
	if there == nil {
		return false, nil
	}
	list, ok := there.Value.(*hujson.Array)
	before, after := byID(old), byID(now)
	if !ok || (before == nil && after == nil) || (old != nil && before == nil) || (now != nil && after == nil) {
		return false, nil
	}
	inner := append(slices.Clone(path), key)
	for i := len(list.Elements) - 1; i >= 0; i-- {
		id, ok := elementID(&list.Elements[i])
		if !ok || d.unusable[list.Elements[i].StartOffset] || before[id] == nil {
			continue
		}
		at := append(slices.Clone(inner), fmt.Sprint(i))
		var err error
		if after[id] == nil {
			err = d.patch("remove", pointer(at), nil)
		} else {
			err = d.merge(at, before[id], after[id])
		}
		if err != nil {
			return false, err
		}
	}
	if now == nil {
		return true, nil
	}
	all := now.Value.(*hujson.Array).Elements
	for i := range all {
		if id, _ := elementID(&all[i]); before[id] != nil {
			continue
		}
		at := successor(all[i+1:], func(next hujson.Value) int {
			id, _ := elementID(&next)
			return slices.IndexFunc(list.Elements, func(there hujson.Value) bool {
				known, ok := elementID(&there)
				return ok && known == id && !d.unusable[there.StartOffset]
			})
		})
		var err error
		if at < 0 {
			err = d.push(inner, list, standard(&all[i]))
		} else {
			err = d.insert(inner, list, at, standard(&all[i]))
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// push adds a value to the end of the list at path.
func (d *document) push(path []string, list *hujson.Array, raw []byte) error {
	depth := len(path) + 1
	v, err := d.value(raw, depth+1)
	if err != nil {
		return err
	}
	last := len(list.Elements)
	if err := d.patch("add", pointer(append(slices.Clone(path), "-")), []byte("null")); err != nil {
		return err
	}
	e := &list.Elements[last]
	e.Value = v
	if last > 0 && list.Elements[last-1].AfterExtra != nil {
		e.AfterExtra = hujson.Extra{} // a trailing comma, as before
	}
	if last > 0 && !bytes.ContainsRune(list.Elements[last-1].BeforeExtra, '\n') {
		if len(e.BeforeExtra) == 0 {
			e.BeforeExtra = hujson.Extra(" ")
		}
		return nil
	}
	indent := strings.Repeat(d.indent, depth)
	if last > 0 {
		indent = lastIndent(list.Elements[last-1].BeforeExtra)
	}
	e.BeforeExtra = d.beginLine(e.BeforeExtra, indent)
	if !bytes.ContainsRune(list.AfterExtra, '\n') {
		list.AfterExtra = d.beginLine(list.AfterExtra, strings.Repeat(d.indent, depth-1))
	}
	return nil
}

// byID returns the objects of a list by their ids; nil if it is no list of such
// objects, or an empty one.
func byID(v *hujson.Value) map[string]*hujson.Object {
	if v == nil {
		return nil
	}
	list, ok := v.Value.(*hujson.Array)
	if !ok || len(list.Elements) == 0 {
		return nil
	}
	out := map[string]*hujson.Object{}
	for i := range list.Elements {
		id, ok := elementID(&list.Elements[i])
		if !ok || out[id] != nil {
			return nil
		}
		out[id] = object(&list.Elements[i])
	}
	return out
}

func elementID(v *hujson.Value) (string, bool) {
	id := member(object(v), "id")
	if id == nil {
		return "", false
	}
	return text(id)
}
