package model

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// Assembler folds the deltas of one answer into the parts of a message, in the
// order in which they began. The zero value is ready; one goroutine uses it.
type Assembler struct {
	// Now tells how long the reasoning took; nil leaves that out.
	Now    func() time.Time
	pieces []piece
	calls  map[int]int    // CallDelta.Index → index in pieces
	ran    map[string]int // ManagedCall.ID → index in pieces
	usage  store.Usage
	done   *Done
}

type piece struct {
	kind byte // 't' text, 'r' reasoning, 'c' call, 'o' opaque, 'p' a whole part
	buf  bytes.Buffer
	id   string
	name string
	part store.Part
	// Of reasoning, when it began and when the last of it came.
	began, last time.Time
}

// Add takes the next delta.
func (a *Assembler) Add(d Delta) {
	switch d := d.(type) {
	case TextDelta:
		a.text('t', d.Text)
	case ReasoningDelta:
		a.text('r', d.Text)
	case CallDelta:
		i, ok := a.calls[d.Index]
		if !ok {
			if a.calls == nil {
				a.calls = map[int]int{}
			}
			i = len(a.pieces)
			a.calls[d.Index] = i
			a.pieces = append(a.pieces, piece{kind: 'c'})
		}
		p := &a.pieces[i]
		if p.id == "" {
			p.id = d.ID
		}
		if p.name == "" {
			p.name = d.Name
		}
		p.buf.WriteString(d.Arguments)
	case OpaqueDelta:
		a.pieces = append(a.pieces, piece{kind: 'o'})
		a.pieces[len(a.pieces)-1].buf.Write(d.Data)
	case ListingDelta:
		listing := store.ManagedListing{Server: d.Server, Error: d.Error}
		for _, t := range d.Tools {
			listing.Tools = append(listing.Tools, t.Name)
		}
		a.pieces = append(a.pieces, piece{kind: 'p', part: listing})
	case ImageDelta:
		a.pieces = append(a.pieces, piece{kind: 'p', part: d.Image})
	case ManagedDelta:
		if i, ok := a.ran[d.Call.ID]; ok {
			a.pieces[i].part = d.Call
			break
		}
		if a.ran == nil {
			a.ran = map[string]int{}
		}
		a.ran[d.Call.ID] = len(a.pieces)
		a.pieces = append(a.pieces, piece{kind: 'p', part: d.Call})
	case UsageDelta:
		a.usage = d.Usage
	case Done:
		a.done = &d
	}
}

func (a *Assembler) text(kind byte, s string) {
	if s == "" {
		return
	}
	if n := len(a.pieces); n == 0 || a.pieces[n-1].kind != kind {
		a.pieces = append(a.pieces, piece{kind: kind})
	}
	p := &a.pieces[len(a.pieces)-1]
	p.buf.WriteString(s)
	if kind == 'r' && a.Now != nil {
		p.last = a.Now()
		if p.began.IsZero() {
			p.began = p.last
		}
	}
}

// Done returns how the answer ended, and false while it has not.
func (a *Assembler) Done() (Done, bool) {
	if a.done == nil {
		return Done{}, false
	}
	return *a.done, true
}

// Usage returns what the provider reported so far.
func (a *Assembler) Usage() store.Usage { return a.usage }

// Parts returns what there is so far. ref tags opaque items. Calls carry the
// name that the model used; their Server and Tool are left to the caller.
// Arguments are the JSON value that the model wrote ("{}" for nothing at all);
// text that is no JSON becomes a JSON string of it.
func (a *Assembler) Parts(ref store.ModelRef) store.Parts {
	parts := make(store.Parts, 0, len(a.pieces))
	for i := range a.pieces {
		p := &a.pieces[i]
		switch p.kind {
		case 't':
			parts = append(parts, store.Text{Text: p.buf.String()})
		case 'r':
			parts = append(parts, store.Reasoning{Text: p.buf.String(), Elapsed: p.last.Sub(p.began).Truncate(10 * time.Millisecond)})
		case 'o':
			parts = append(parts, store.Opaque{Model: ref, Data: bytes.Clone(p.buf.Bytes())})
		case 'p':
			parts = append(parts, p.part)
		case 'c':
			parts = append(parts, store.ToolCall{ID: p.id, Name: p.name, Arguments: arguments(p.buf.Bytes())})
		}
	}
	return parts
}

func arguments(b []byte) json.RawMessage {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return json.RawMessage("{}")
	}
	if json.Valid(b) {
		return bytes.Clone(b)
	}
	quoted, err := json.Marshal(string(b))
	if err != nil {
		panic("model: a string always encodes: " + err.Error())
	}
	return quoted
}
