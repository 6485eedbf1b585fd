package tools

import (
	"encoding/json"
	"sync"
)

// Converter makes tables and keeps what it converted, so that a turn whose tools
// are those of the turn before costs next to nothing. Whoever makes tables again
// and again owns one. Any goroutine may use it.
type Converter struct {
	mu        sync.Mutex
	converted map[conversionKey]conversion
	tables    []*Table // the last few, the newest first
}

// The bounds of what a Converter keeps. Beyond maxConverted everything is
// dropped, since so many tools are no one's working set.
const (
	maxConverted = 50_000
	maxTables    = 8
)

// conversionKey is what a conversion depends on, apart from the tool's name.
type conversionKey struct {
	format Format
	hash   string // of the definition
	server string // its name, which is in the description
}

// conversion is a tool in a dialect, without its name.
type conversion struct {
	description string
	parameters  json.RawMessage
	strict      bool
	note        string
	fault       string // why it cannot be offered, in a sentence
}

// NewConverter returns a Converter that has converted nothing yet.
func NewConverter() *Converter {
	return &Converter{converted: map[conversionKey]conversion{}}
}

// Table is NewTable, and NewSearchTable where search is true. The list is kept
// and must not change. For the same tools and dialect the table is the same one;
// tools of one Hash count as the same.
func (c *Converter) Table(list []Tool, d Dialect, search bool) *Table {
	c.mu.Lock()
	kept := append([]*Table(nil), c.tables...)
	c.mu.Unlock()
	for _, t := range kept {
		if t.dialect == d && t.search == search && sameTools(t.list, list) {
			return t
		}
	}
	t := newTable(list, d, search, c.convert)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables = append([]*Table{t}, c.tables...)
	c.tables = c.tables[:min(len(c.tables), maxTables)]
	return t
}

// convert is convert with a memory. Tools without a hash are not kept.
func (c *Converter) convert(t Tool, d Dialect) conversion {
	if t.Hash == "" {
		return convert(t, d)
	}
	key := conversionKey{d.Format, t.Hash + t.Narrowed, t.ServerName}
	c.mu.Lock()
	known, ok := c.converted[key]
	c.mu.Unlock()
	if ok {
		return known
	}
	made := convert(t, d)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.converted) >= maxConverted {
		clear(c.converted)
	}
	c.converted[key] = made
	return made
}

// sameTools reports whether two lists are of the same tools in the same order.
// Snapshots of a catalogue share their strings, so that most comparisons see one
// address.
func sameTools(a, b []Tool) bool {
	if len(a) != len(b) || len(a) == 0 {
		return len(a) == len(b)
	}
	if &a[0] == &b[0] {
		return true
	}
	for i := range a {
		x, y := &a[i], &b[i]
		if x.Hash == "" || x.Hash != y.Hash || x.Narrowed != y.Narrowed || x.Ref != y.Ref || x.ServerName != y.ServerName || x.Given != y.Given || x.Serial != y.Serial {
			return false
		}
	}
	return true
}
