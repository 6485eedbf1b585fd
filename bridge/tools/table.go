package tools

import (
	"slices"
	"strings"
	"sync"
)

// Table gives each tool of one request a name that the model may use, and finds
// the tool again by that name. Names are found by looking up, never by taking
// them apart, so any server id and any tool name will do. A table does not
// change after it is made; any goroutine may use it.
type Table struct {
	dialect   Dialect
	list      []Tool // that it was made from
	functions []Function
	leftOut   []LeftOut
	byName    map[string]int // in list
	byRef     map[Ref]string

	// Of a table that offers find_tools and call_tool in place of the tools.
	search bool
	index  func() *Index
	parts  map[Ref]Function // what find_tools tells of each

	reading func() *Table // the same table with read_result
}

// LeftOut is a tool that cannot be offered in a dialect.
type LeftOut struct {
	Ref    Ref
	Reason string // a sentence for people
}

// NewTable names and converts the tools. A tool that is listed twice counts
// once, as it comes first. One that cannot be converted is left out, see
// LeftOut, and never keeps another from being offered. Names are as DESIGN says:
// unique, within the dialect's length, and independent of the order of the list.
//
// It converts everything anew; a Converter keeps what it converted.
func NewTable(list []Tool, d Dialect) *Table { return newTable(list, d, false, convert) }

// NewSearchTable returns a table for more tools than a model can be offered: in
// their place it offers find_tools and call_tool. Its Lookup and Name know the
// tools by the names that NewTable would give them, and find_tools tells the
// model these names.
func NewSearchTable(list []Tool, d Dialect) *Table { return newTable(list, d, true, convert) }

// newTable makes a table from a list, which it keeps.
func newTable(list []Tool, d Dialect, search bool, convert func(Tool, Dialect) conversion) *Table {
	t := &Table{
		dialect: d, list: list, search: search,
		byName: make(map[string]int, len(list)), byRef: nameTools(list, d.MaxName),
	}
	functions := make([]Function, 0, len(list))
	for i := range list {
		tool := &list[i]
		name := t.byRef[tool.Ref]
		if _, ok := t.byName[name]; ok || name == "" {
			continue // listed twice, or left out
		}
		c := convert(*tool, d)
		if c.fault != "" {
			t.leftOut = append(t.leftOut, LeftOut{tool.Ref, c.fault})
			t.byRef[tool.Ref] = ""
			continue
		}
		t.byName[name] = i
		functions = append(functions, Function{
			Name: name, Description: c.description, Parameters: c.parameters,
			Strict: c.strict && d.Strict, Note: c.note, Ref: tool.Ref,
		})
	}
	for _, l := range t.leftOut {
		delete(t.byRef, l.Ref)
	}
	slices.SortFunc(functions, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	t.functions = functions
	if search {
		t.parts = make(map[Ref]Function, len(functions))
		offered := make([]Tool, 0, len(functions))
		for _, f := range functions {
			t.parts[f.Ref] = f
			offered = append(offered, list[t.byName[f.Name]])
		}
		t.functions = ownFunctions(FindTools, CallTool)
		t.index = sync.OnceValue(func() *Index { return NewIndex(offered) })
	}
	t.reading = sync.OnceValue(func() *Table {
		r := *t
		r.functions = append(slices.Clone(t.functions), ownFunctions(ReadResult)...)
		r.reading = func() *Table { return &r }
		return &r
	})
	return t
}

// Functions returns the tools as they are offered, sorted by name; those of
// Drawbridge itself come last. Do not change the slice.
func (t *Table) Functions() []Function { return t.functions }

// Dialect returns what the table was made for.
func (t *Table) Dialect() Dialect { return t.dialect }

// Search reports whether the table offers find_tools and call_tool in place of
// the tools.
func (t *Table) Search() bool { return t.search }

// WithReadResult returns the table with read_result offered too. It is the same
// one each time.
func (t *Table) WithReadResult() *Table {
	if t.reading == nil {
		t = NewTable(nil, t.dialect)
	}
	return t.reading()
}

// LeftOut returns the tools that are not offered because the dialect cannot take
// them, with the reasons, in the order of the list.
func (t *Table) LeftOut() []LeftOut { return t.leftOut }

// Over returns by how many functions the table exceeds what the service takes; 0
// if it does not, or if no limit is known.
func (t *Table) Over() int {
	if t.dialect.MaxTools == 0 {
		return 0
	}
	return max(0, len(t.functions)-t.dialect.MaxTools)
}

// Lookup returns the tool that was offered under that name.
func (t *Table) Lookup(name string) (Tool, bool) {
	i, ok := t.byName[name]
	if !ok {
		return Tool{}, false
	}
	return t.list[i], true
}

// Name returns the name under which the tool was offered.
func (t *Table) Name(ref Ref) (string, bool) {
	name, ok := t.byRef[ref]
	return name, ok
}

// Tokens returns how many tokens the offered functions take in a request, by id
// of their server; Drawbridge's own are under "". count counts the tokens of a
// text. Nil estimates: EstimateTokens of the function's JSON.
func (t *Table) Tokens(count func(string) int) map[string]int {
	out := map[string]int{}
	for _, f := range t.functions {
		raw := f.JSON(t.dialect.Format)
		if count == nil {
			out[f.Ref.Server] += EstimateTokens(len(raw))
		} else {
			out[f.Ref.Server] += count(string(raw))
		}
	}
	return out
}

// bytesPerToken is what tokenisers make of JSON schemas with English
// descriptions: between 3.8 and 4.6 bytes for each token.
const bytesPerToken = 4

// EstimateTokens says about how many tokens so many bytes of a tool's JSON are:
// a quarter, rounded up.
func EstimateTokens(bytes int) int { return (bytes + bytesPerToken - 1) / bytesPerToken }
