package settings

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tailscale/hujson"

	"github.com/drawbridge-app/drawbridge/store"
)

// insert adds a value to the list at path, before the element at index at. What
// stands in the lines above that element, and beside the one before it, stays there.
func (d *document) insert(path []string, list *hujson.Array, at int, raw []byte) error {
	v, err := d.value(raw, len(path)+2)
	if err != nil {
		return err
	}
	fresh := hujson.Value{Value: v}
	fresh.BeforeExtra = d.part(&list.Elements[at].BeforeExtra, at > 0)
	list.Elements = slices.Insert(list.Elements, at, fresh)
	return nil
}

// setBefore gives a new key of the object at path a value, before another key.
func (d *document) setBefore(path []string, key string, raw []byte, next string) error {
	parent := object(d.root.Find(pointer(path)))
	if parent == nil || member(parent, key) != nil {
		return fmt.Errorf("%s takes no new key %q (%w)", pointer(path), key, store.ErrInvalid)
	}
	at := slices.IndexFunc(parent.Members, func(m hujson.ObjectMember) bool { return memberName(&m) == next })
	if at < 0 {
		return d.set(path, key, raw)
	}
	v, err := d.value(raw, len(path)+2)
	if err != nil {
		return err
	}
	fresh := hujson.ObjectMember{Name: hujson.Value{Value: hujson.String(key)}, Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: v}}
	fresh.Name.BeforeExtra = d.part(&parent.Members[at].Name.BeforeExtra, at > 0)
	parent.Members = slices.Insert(parent.Members, at, fresh)
	return nil
}

// part divides what stands before an element for one that comes in between, and
// returns the share of that one: the rest of the line in which the element before it
// ends, and the beginning of a line.
func (d *document) part(before *hujson.Extra, follows bool) hujson.Extra {
	line, rest, broken := bytes.Cut(*before, []byte("\n"))
	if !broken { // all on one line
		mine := slices.Clone(*before)
		if len(bytes.TrimSpace(mine)) > 0 {
			mine = nil // a comment of the one that is there
		}
		if len(*before) == 0 {
			*before = hujson.Extra(" ")
		}
		if follows && len(mine) == 0 {
			mine = hujson.Extra(" ")
		}
		return mine
	}
	indent := lastIndent(*before)
	line = bytes.TrimRight(line, " \t\r")
	*before = hujson.Extra(d.newline + string(rest))
	return hujson.Extra(string(line) + d.newline + indent)
}

// successor returns the index, among the elements that are in the file, of the first
// of those that follow in the new list and are there already; -1 where none is.
func successor[T any](follow []T, at func(T) int) int {
	for _, one := range follow {
		if i := at(one); i >= 0 {
			return i
		}
	}
	return -1
}
