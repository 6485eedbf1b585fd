package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v3"

	"github.com/drawbridge-app/drawbridge/store"
)

// Bounds of what is read. A real file has some kilobytes; only Claude Code's
// also keeps a history in it, as plain JSON.
const (
	maxText    = 4 << 20
	maxJSONC   = 512 << 10 // with comments
	maxTOML    = 64 << 10
	maxYAML    = 64 << 10
	maxDepth   = 100
	maxNodes   = 20_000
	maxMembers = 5_000
	maxServers = 500
	maxEntry   = 64 << 10  // of one server, as JSON
	maxEntries = 128 << 10 // of all servers together
)

// format is how a text is written.
type format string

const (
	formatAny  format = ""
	formatJSON format = "json"
	formatTOML format = "toml"
	formatYAML format = "yaml"
)

// object reads a text into the members of its outermost object, whatever it is
// written in. The error wraps store.ErrInvalid and is a sentence.
func object(text []byte, f format) (members, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("the text is longer than 4 MB; paste only the part with the servers (%w)", store.ErrInvalid)
	}
	body := unfence(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	if len(body) == 0 {
		return nil, fmt.Errorf("there is no text; paste the part of the server's README or of the other app's file that has the servers (%w)", store.ErrInvalid)
	}
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return nil, fmt.Errorf("the text is no plain text in UTF-8; save the file as that, or paste its text (%w)", store.ErrInvalid)
	}
	switch f {
	case formatTOML:
		return fromTOML(body)
	case formatYAML:
		return fromYAML(body)
	case formatJSON:
		return fromJSON(body)
	}
	switch body[0] {
	case '{', '"', '/':
		m, err := fromJSON(body)
		if err != nil && body[0] == '"' && len(body) <= maxTOML {
			if y, yerr := fromYAML(body); yerr == nil {
				return y, nil
			}
		}
		return m, err
	}
	if looksLikeTOML(body) {
		return fromTOML(body)
	}
	m, err := fromYAML(body)
	if err != nil {
		return nil, fmt.Errorf("the text is no JSON, TOML or YAML with servers; copy the whole block, from its first line to its last (%w)", store.ErrInvalid)
	}
	return m, nil
}

func unfence(b []byte) []byte {
	if !bytes.HasPrefix(b, []byte("```")) {
		return b
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	return bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(b), []byte("```")))
}

// looksLikeTOML reports whether the first line that says something is a table's
// head or an assignment.
func looksLikeTOML(b []byte) bool {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			return true
		}
		key, _, ok := bytes.Cut(line, []byte("="))
		return ok && !bytes.ContainsAny(key, ":{ ") || ok && bytes.IndexByte(key, ':') < 0 && len(bytes.Fields(key)) == 1
	}
	return false
}

// fromJSON takes comments and trailing commas, and a member without the braces
// around it, as READMEs show it.
func fromJSON(body []byte) (members, error) {
	bad := func(err error) error {
		return fmt.Errorf("the text is no JSON (%v); copy the whole block, from its first { to its last } (%w)", err, store.ErrInvalid)
	}
	if body[0] == '"' {
		body = append(append([]byte("{"), body...), '}')
	}
	if err := shallow(body); err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		if len(body) > maxJSONC {
			return nil, fmt.Errorf("the text is no plain JSON and longer than %d kB; paste only the part with the servers (%w)", maxJSONC>>10, store.ErrInvalid)
		}
		if bytes.Count(body, []byte(","))+bytes.Count(body, []byte(":")) > maxNodes {
			return nil, fmt.Errorf("the text has more parts than a file of servers; paste only the part with the servers (%w)", store.ErrInvalid)
		}
		std, err := hujson.Standardize(body)
		if err != nil {
			return nil, bad(err)
		}
		body = std
	}
	m, err := membersOf(body)
	if errors.Is(err, errTooMany) {
		return nil, fmt.Errorf("the text has more parts than a file of servers; paste only the part with the servers (%w)", store.ErrInvalid)
	}
	if err != nil {
		return nil, fmt.Errorf("the text is JSON, but not an object of servers (%w)", store.ErrInvalid)
	}
	return m, nil
}

// shallow refuses JSON that is nested deeper than any file of servers: readers
// that call themselves would use up the stack.
func shallow(b []byte) error {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '/':
			if i+1 == len(b) {
				break
			}
			end := ""
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
				return nil // all the rest is a comment
			}
			i += 1 + n + len(end)
		case '{', '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("the text is nested deeper than %d levels; paste only the part with the servers (%w)", maxDepth, store.ErrInvalid)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// fromTOML reads Codex's shape.
func fromTOML(body []byte) (members, error) {
	if len(body) > maxTOML {
		return nil, fmt.Errorf("the text is longer than %d kB; paste only the part with the servers (%w)", maxTOML>>10, store.ErrInvalid)
	}
	// Each brace may be a level, wherever it stands, and the reader's work grows
	// with the square of their number.
	if bytes.Count(body, []byte("[")) > 3000 || bytes.Count(body, []byte("{")) > 300 {
		return nil, fmt.Errorf("the text has more brackets than a file of servers; paste only the part with the servers (%w)", store.ErrInvalid)
	}
	if deepTable(body) {
		return nil, fmt.Errorf("the text is nested deeper than %d levels; paste only the part with the servers (%w)", maxDepth, store.ErrInvalid)
	}
	var root map[string]any
	if err := toml.Unmarshal(body, &root); err != nil {
		var where toml.ParseError
		if errors.As(err, &where) {
			return nil, fmt.Errorf("the text is no TOML (line %d: %s) (%w)", where.Position.Line, oneLine(where.Message), store.ErrInvalid)
		}
		return nil, fmt.Errorf("the text is no TOML (%w)", store.ErrInvalid)
	}
	return fromAny(root)
}

// deepTable reports whether a line has more dots or brackets than a key of a
// real file, each of which is a level.
func deepTable(body []byte) bool {
	for line := range bytes.Lines(body) {
		key := line
		if i := bytes.IndexByte(line, '='); i >= 0 {
			key = line[:i]
		}
		if bytes.Count(key, []byte(".")) > maxDepth {
			return true
		}
	}
	return false
}

// fromYAML reads goose's, Continue's and LiteLLM's shape.
func fromYAML(body []byte) (members, error) {
	if len(body) > maxYAML {
		return nil, fmt.Errorf("the text is longer than %d kB; paste only the part with the servers (%w)", maxYAML>>10, store.ErrInvalid)
	}
	if tooManyMarks(body) {
		return nil, fmt.Errorf("the text has more parts than a file of servers; paste only the part with the servers (%w)", store.ErrInvalid)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("the text is no YAML (%s) (%w)", oneLine(strings.TrimPrefix(err.Error(), "yaml: ")), store.ErrInvalid)
	}
	w := yamlWalk{left: maxNodes}
	v, err := w.value(&doc, 0)
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the text is YAML, but not an object of servers (%w)", store.ErrInvalid)
	}
	return fromAny(root)
}

// tooManyMarks bounds what makes the YAML reader slow: deep or many collections.
func tooManyMarks(body []byte) bool {
	if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > 2000 {
		return true
	}
	for line := range bytes.Lines(body) {
		if bytes.Count(line, []byte("- ")) > maxDepth || bytes.Count(line, []byte("? ")) > maxDepth || len(line) > 0 && len(line)-len(bytes.TrimLeft(line, " ")) > 2000 {
			return true
		}
	}
	return false
}

// yamlWalk turns nodes into plain values. Aliases are followed within a bound,
// so that a small text cannot become a large value.
type yamlWalk struct{ left int }

func (w *yamlWalk) value(n *yaml.Node, depth int) (any, error) {
	if w.left--; w.left < 0 || depth > maxDepth {
		return nil, fmt.Errorf("the text is larger inside than a file of servers; paste only the part with the servers (%w)", store.ErrInvalid)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return w.value(n.Content[0], depth+1)
	case yaml.AliasNode:
		return w.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			v, err := w.value(c, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case yaml.MappingNode:
		out := map[string]any{}
		merged := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := w.value(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d of the text has a key that is no plain text (%w)", key.Line, store.ErrInvalid)
			}
			if key.Tag == "!!merge" {
				if m, ok := v.(map[string]any); ok {
					for k, v := range m {
						merged[k] = v
					}
				}
				continue
			}
			if _, twice := out[key.Value]; twice {
				return nil, fmt.Errorf("line %d of the text has the key %.80q a second time (%w)", key.Line, key.Value, store.ErrInvalid)
			}
			out[key.Value] = v
		}
		for k, v := range merged {
			if _, own := out[k]; !own {
				out[k] = v
			}
		}
		return out, nil
	}
	switch n.Tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		b, err := strconv.ParseBool(strings.ToLower(n.Value))
		if err != nil {
			return n.Value, nil
		}
		return b, nil
	}
	return n.Value, nil // numbers too: they stay as they are written
}

// fromAny makes members of plain values.
func fromAny(root map[string]any) (members, error) {
	b, err := json.Marshal(plain(root))
	if err != nil {
		return nil, fmt.Errorf("the text has a value that no server could have (%w)", store.ErrInvalid)
	}
	return membersOf(b)
}

// plain replaces what JSON has no word for.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	}
	return v
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// member is a key of an object with its value.
type member struct {
	key   string
	value json.RawMessage
}

// members are those of an object, in the order of the text and with those that
// come twice.
type members []member

func membersOf(raw []byte) (members, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it is no object")
	}
	var out members
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := t.(string)
		if !ok {
			return nil, errors.New("a key is no text")
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		if len(out) == maxMembers {
			return nil, errTooMany
		}
		out = append(out, member{key, v})
	}
	return out, nil
}

var errTooMany = fmt.Errorf("it has more than %d members", maxMembers)

// get returns the value of a key, or nil. Null counts as absent.
func (m members) get(key string) json.RawMessage {
	for _, e := range m {
		if e.key == key && string(e.value) != "null" {
			return e.value
		}
	}
	return nil
}

// twice returns a key that is there more than once, or "".
func (m members) twice() string {
	seen := map[string]bool{}
	for _, e := range m {
		if seen[e.key] {
			return e.key
		}
		seen[e.key] = true
	}
	return ""
}
