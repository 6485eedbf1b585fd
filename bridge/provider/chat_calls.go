package provider

import (
	"encoding/json"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// chatCalls tells the parallel calls of an answer apart. By the book the index
// does that. Some services give every call index 0, or none, some an empty id,
// some repeat the id or the name with each fragment: so a fragment belongs to
// the call with its id, else to the last one with its index, unless it can
// only be the beginning of another.
type chatCalls struct {
	slots   []chatSlot
	byID    map[string]int // the service's id → slot
	byIndex map[int]int    // the service's index → the last slot that had it
	ids     map[string]bool
}

type chatSlot struct {
	theirs string // the id as the service gave it, may be empty
	name   string
	args   []byte // so far
	begun  bool   // announced, which waits for the name
	id     string // as announced
	extra  json.RawMessage
}

// maxRepeatedName is the length of arguments, in bytes, above which a repeated
// name is taken for a repetition without looking whether they are whole.
const maxRepeatedName = 1 << 20

// noIndex is the index of a fragment that has none.
const noIndex = -1

// add takes a fragment and appends what is now known to out. It returns false
// for more calls than an answer may have.
func (c *chatCalls) add(d chatCallDelta, out []model.Delta) ([]model.Delta, bool) {
	args := looseText(d.Function.Arguments)
	i, ok := c.find(d)
	if !ok {
		if len(c.slots) >= maxCalls {
			return out, false
		}
		i = c.open(d)
	}
	s := &c.slots[i]
	if s.theirs == "" && d.ID != "" {
		s.theirs = d.ID
		c.byID[d.ID] = i
	}
	if s.name == "" {
		s.name = d.Function.Name
	}
	if len(d.ExtraContent) > 0 && string(d.ExtraContent) != "null" {
		s.extra = d.ExtraContent
	}
	s.args = append(s.args, args...)
	switch {
	case s.begun && args != "":
		out = append(out, model.CallDelta{Index: i, Arguments: args})
	case !s.begun && s.name != "":
		out = append(out, c.begin(i))
	}
	return out, true
}

// find returns the slot to which a fragment belongs, and false if it begins a
// new call.
func (c *chatCalls) find(d chatCallDelta) (int, bool) {
	index := noIndex
	if d.Index != nil {
		index = *d.Index
	}
	i, seen := c.byIndex[index]
	if d.ID != "" {
		switch {
		case seen && (c.slots[i].theirs == d.ID || c.slots[i].theirs == "" && !c.startsAnew(i, d)):
			return i, true
		case !seen && index != noIndex:
			return 0, false // another call, even if its id is not new
		}
		j, known := c.byID[d.ID]
		return j, known
	}
	if !seen && index == noIndex && len(c.slots) > 0 {
		i, seen = len(c.slots)-1, true
	}
	if !seen || c.startsAnew(i, d) {
		return 0, false
	}
	return i, true
}

// startsAnew reports whether a fragment without a telling id begins another
// call than slot i: it names a tool although that call has a name, and either
// the name is another or that call's arguments are already whole.
func (c *chatCalls) startsAnew(i int, d chatCallDelta) bool {
	s := &c.slots[i]
	if d.Function.Name == "" || s.name == "" {
		return false
	}
	return s.name != d.Function.Name || len(s.args) < maxRepeatedName && json.Valid(s.args)
}

func (c *chatCalls) open(d chatCallDelta) int {
	if c.byID == nil {
		c.byID, c.byIndex, c.ids = map[string]int{}, map[int]int{}, map[string]bool{}
	}
	i := len(c.slots)
	c.slots = append(c.slots, chatSlot{theirs: d.ID})
	index := noIndex
	if d.Index != nil {
		index = *d.Index
	}
	c.byIndex[index] = i
	if d.ID != "" {
		c.byID[d.ID] = i
	}
	return i
}

// begin announces a call with all that is known of it. The id is the
// service's, or one of ours where that is missing or taken.
func (c *chatCalls) begin(i int) model.CallDelta {
	s := &c.slots[i]
	s.begun = true
	id := s.theirs
	if id == "" || c.ids[id] {
		id = "call_" + store.NewID()
	}
	c.ids[id], s.id = true, id
	return model.CallDelta{Index: i, ID: id, Name: s.name, Arguments: string(s.args)}
}

// finish announces the calls whose name never came.
func (c *chatCalls) finish(out []model.Delta) []model.Delta {
	for i := range c.slots {
		if !c.slots[i].begun {
			out = append(out, c.begin(i))
		}
	}
	return out
}

func (c *chatCalls) count() int { return len(c.slots) }

// extras returns what came beside the calls, by their ids, nil if nothing did.
func (c *chatCalls) extras() map[string]json.RawMessage {
	var out map[string]json.RawMessage
	for i := range c.slots {
		if s := &c.slots[i]; s.extra != nil {
			if out == nil {
				out = map[string]json.RawMessage{}
			}
			out[s.id] = s.extra
		}
	}
	return out
}
