package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// offer finds the tools that a message names.
type offer struct {
	functions []tools.Function
	// names holds, in lower case, every way to name a tool: as it is offered,
	// by its own name, and by its server and its own name. Where several tools
	// answer to one, all are listed.
	names map[string][]int
}

func newOffer(t *tools.Table) *offer {
	o := &offer{names: map[string][]int{}}
	if t == nil {
		return o
	}
	o.functions = t.Functions()
	for i, f := range o.functions {
		ways := []string{f.Name, f.Ref.Tool, f.Ref.Server + " " + f.Ref.Tool}
		if tool, ok := t.Lookup(f.Name); ok && tool.ServerName != "" {
			ways = append(ways, tool.ServerName+" "+f.Ref.Tool)
		}
		for _, w := range ways {
			w = strings.ToLower(w)
			if !slices.Contains(o.names[w], i) {
				o.names[w] = append(o.names[w], i)
			}
		}
	}
	return o
}

// wish is one call that a message asks for, or why it cannot be made.
type wish struct {
	function  tools.Function
	arguments json.RawMessage
	problem   string // a sentence or two in Markdown
}

// read returns the calls that a message asks for: at most one a line, the one
// that is named first. A JSON object may run over several lines.
func (o *offer) read(text string) []wish {
	var out []wish
	for len(text) > 0 && len(out) < maxCalls {
		line, _, _ := strings.Cut(text, "\n")
		start, end, found := o.find(line)
		if len(found) == 0 {
			text = text[min(len(line)+1, len(text)):]
			continue
		}
		if len(found) > 1 {
			out = append(out, wish{problem: o.ambiguous(line[start:end], found)})
			text = text[min(len(line)+1, len(text)):]
			continue
		}
		f := o.functions[found[0]]
		w, used := readWish(f, text[end:], len(line)-end)
		out = append(out, w)
		text = text[end+used:]
		_, text, _ = strings.Cut(text, "\n")
	}
	return out
}

// find returns where in the line a tool is named first, by the longest of its
// names, and which tools answer to that.
func (o *offer) find(line string) (start, end int, found []int) {
	lower := strings.ToLower(line)
	if len(lower) != len(line) {
		lower = line // some letters change their length; then only exact names count
	}
	start = len(line)
	for name, these := range o.names {
		at := wordIndex(lower, name)
		if at < 0 || at > start || at == start && at+len(name) <= end {
			continue
		}
		start, end, found = at, at+len(name), these
	}
	return start, end, found
}

// wordIndex returns where name stands in text as a word of its own, or -1.
func wordIndex(text, name string) int {
	if name == "" {
		return -1
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return -1
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		rest := text[i+len(name):]
		after, n := utf8.DecodeRuneInString(rest)
		if after == '.' { // a full stop, unless the word goes on
			after, _ = utf8.DecodeRuneInString(rest[n:])
		}
		if !inWord(before) && before != '=' && !inWord(after) && after != '=' {
			return i
		}
		from = i + 1
	}
}

func inWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || r == '-' || r == '/' || r == '.' ||
		r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127)
}

var offeredName = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_-]*__[A-Za-z0-9_-]+`)

// unoffered returns a word of the message that looks like a tool's name.
func (o *offer) unoffered(text string) (string, bool) {
	name := offeredName.FindString(text)
	return cut(name, 100), name != ""
}

func (o *offer) ambiguous(name string, found []int) string {
	names := make([]string, 0, len(found))
	for _, i := range found[:min(len(found), 10)] {
		names = append(names, "`"+o.functions[i].Name+"`")
	}
	return fmt.Sprintf("Several tools are called `%s`. Write one of these names: %s.", name, strings.Join(names, ", "))
}

// simplest returns the tool with the fewest required arguments, at least one if
// there is such a tool, for an example.
func (o *offer) simplest() int {
	best, least := 0, -1
	for i, f := range o.functions {
		n := len(readParameters(f).Required)
		if n > 0 && (least < 0 || n < least) {
			best, least = i, n
		}
	}
	return best
}

// parameters is what counts of a tool's schema.
type parameters struct {
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
}

func readParameters(f tools.Function) parameters {
	var p parameters
	if json.Unmarshal(f.Parameters, &p) != nil {
		return parameters{} // a schema that cannot be read asks for nothing
	}
	return p
}

// kind returns the type that the schema gives a property, "" if it gives none.
func (p parameters) kind(name string) string {
	var s struct {
		Type         json.RawMessage
		AnyOf, OneOf []struct{ Type string }
	}
	if json.Unmarshal(p.Properties[name], &s) != nil {
		return ""
	}
	var one string
	var many []string
	switch {
	case json.Unmarshal(s.Type, &one) == nil:
		return one
	case json.Unmarshal(s.Type, &many) == nil:
	default:
		for _, alt := range append(s.AnyOf, s.OneOf...) {
			many = append(many, alt.Type)
		}
	}
	for _, k := range many {
		if k != "null" && k != "" {
			return k
		}
	}
	return ""
}

// readWish reads the arguments that follow a tool's name. line is the number of
// bytes of text that stand on the same line. It also returns how many bytes
// belong to the call.
func readWish(f tools.Function, text string, line int) (wish, int) {
	w := wish{function: f}
	rest := text[:line]
	used := line
	object := strings.TrimLeft(text, " \t\r\n:`")
	brace, equals := strings.IndexByte(rest, '{'), strings.IndexByte(rest, '=')
	switch {
	case strings.HasPrefix(object, "{"):
		brace = len(text) - len(object)
		fallthrough
	case brace >= 0 && (equals < 0 || brace < equals):
		dec := json.NewDecoder(strings.NewReader(text[brace:]))
		if err := dec.Decode(&w.arguments); err != nil {
			w.problem = fmt.Sprintf("What follows `%s` is no JSON object: %s. Write it like this:\n\n%s", f.Name, escapeMarkdown(clean(err.Error(), 100)), fenced(example(f)))
			return w, max(used, len(text)) // what follows is part of it
		}
		used = max(used, brace+int(dec.InputOffset()))
	default:
		w.arguments, w.problem = readPairs(f, rest)
	}
	if w.problem == "" {
		w.problem = missing(f, w.arguments)
	}
	return w, used
}

// missing says which required arguments are not there.
func missing(f tools.Function, args json.RawMessage) string {
	var given map[string]json.RawMessage
	if json.Unmarshal(args, &given) != nil {
		return fmt.Sprintf("The arguments of `%s` are no JSON object.", f.Name)
	}
	var names []string
	for _, name := range readParameters(f).Required {
		if _, ok := given[name]; !ok {
			names = append(names, "`"+clean(name, 60)+"`")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("`%s` also needs %s. Write it like this:\n\n%s", f.Name, strings.Join(names, ", "), fenced(example(f)))
}

var pairKey = regexp.MustCompile(`(?:^|[\s,(])([A-Za-z_$][A-Za-z0-9_.$-]*)[ \t]*=[ \t]*`)

// readPairs reads key=value pairs from a line and ignores the words between
// them. A key that is given twice counts as last given.
func readPairs(f tools.Function, line string) (json.RawMessage, string) {
	p := readParameters(f)
	args := map[string]json.RawMessage{}
	for {
		loc := pairKey.FindStringSubmatchIndex(line)
		if loc == nil {
			break
		}
		key := line[loc[2]:loc[3]]
		raw, quoted, rest, err := readValue(line[loc[1]:])
		if err != nil {
			return nil, fmt.Sprintf("The value of `%s` for `%s` %s.", key, f.Name, err)
		}
		args[key] = typed(raw, quoted, p.kind(key))
		line = rest
	}
	b, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Sprintf("The arguments of `%s` cannot be written as JSON.", f.Name)
	}
	return b, ""
}

// readValue takes one value: in quotes, a JSON array or object, or a word.
func readValue(s string) (value string, quoted bool, rest string, err error) {
	if s == "" {
		return "", false, "", nil
	}
	switch s[0] {
	case '"', '[', '{':
		var raw json.RawMessage
		dec := json.NewDecoder(strings.NewReader(s))
		if dec.Decode(&raw) != nil {
			if s[0] == '"' {
				return "", true, "", fmt.Errorf("lacks its closing quote")
			}
			return "", false, "", fmt.Errorf("is no JSON")
		}
		rest = s[dec.InputOffset():]
		if s[0] == '"' {
			return looseText(raw), true, rest, nil
		}
		return string(raw), false, rest, nil
	case '\'':
		value, rest, ok := strings.Cut(s[1:], "'")
		if !ok {
			return "", true, "", fmt.Errorf("lacks its closing quote")
		}
		return value, true, rest, nil
	}
	n := strings.IndexAny(s, " \t\r")
	if n < 0 {
		n = len(s)
	}
	return strings.TrimRight(s[:n], ",;)`"), false, s[n:], nil
}

// typed writes a value as the JSON that the schema's type asks for. What does
// not fit stays a string; checking the arguments is not this package's work.
func typed(value string, quoted bool, kind string) json.RawMessage {
	b := []byte(value)
	if json.Valid(b) {
		first := bytes.TrimSpace(b)[0]
		number := first == '-' || first >= '0' && first <= '9'
		switch kind {
		case "number", "integer":
			if number {
				return b
			}
		case "boolean":
			if value == "true" || value == "false" {
				return b
			}
		case "array":
			if first == '[' {
				return b
			}
		case "object":
			if first == '{' {
				return b
			}
		case "null":
			if value == "null" {
				return b
			}
		case "":
			if !quoted && first != '"' {
				return b
			}
		}
	}
	s, err := json.Marshal(value)
	if err != nil {
		panic("provider: a string always encodes: " + err.Error())
	}
	return s
}

// example writes out a call with its required arguments.
func example(f tools.Function) string {
	p := readParameters(f)
	var b strings.Builder
	b.WriteString(f.Name)
	for i, name := range p.Required {
		if i == 8 {
			break
		}
		b.WriteString(" " + clean(name, 60) + "=" + exampleValue(p, name))
	}
	return b.String()
}

func exampleValue(p parameters, name string) string {
	var s struct{ Enum []json.RawMessage }
	if json.Unmarshal(p.Properties[name], &s) == nil && len(s.Enum) > 0 && len(s.Enum[0]) < 60 {
		return clean(string(s.Enum[0]), 60)
	}
	switch p.kind(name) {
	case "number", "integer":
		return "1"
	case "boolean":
		return "true"
	case "array":
		return "[]"
	case "object":
		return "{}"
	}
	return `"some text"`
}
