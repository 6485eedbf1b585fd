package tools

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Dialect is what a wire format accepts as function tools.
type Dialect struct {
	MaxName  int // bytes of a name
	MaxTools int // 0 means no limit that is known
}

// OpenAI is the dialect of OpenAI's two APIs, and of the services compatible
// with them: 64 bytes are what Chat Completions takes.
var OpenAI = Dialect{MaxName: 64, MaxTools: 128}

// Function is a tool as it is offered to a model.
type Function struct {
	Name        string
	Description string
	Parameters  json.RawMessage
	Ref         Ref
}

// Table gives each tool of one request a name that the model may use, and finds
// the tool again by that name. Names are found by looking up, never by taking
// them apart, so any server id and any tool name will do. A table does not
// change after NewTable; any goroutine may use it.
type Table struct {
	functions []Function
	byName    map[string]Tool
	byRef     map[Ref]string
}

// NewTable names the tools. The name is server__tool in the characters
// [A-Za-z0-9_-], with a letter first; where that changed or cut anything, or
// where two differ by case at most, a hash of the full reference ends it. A name
// that looks as if it ended in such a hash gets one as well, so that no tool can
// take the name that another was given. So names do not depend on the order of
// the list, and no two are equal. A tool that is listed twice counts once, as it
// comes first.
func NewTable(list []Tool, d Dialect) *Table {
	t := &Table{byName: make(map[string]Tool, len(list)), byRef: make(map[Ref]string, len(list))}
	plain := map[string]int{}
	for _, tool := range list {
		if _, ok := t.byRef[tool.Ref]; !ok {
			t.byRef[tool.Ref] = ""
			plain[strings.ToLower(plainName(tool.Ref))]++
		}
	}
	for _, tool := range list {
		if t.byRef[tool.Ref] != "" {
			continue
		}
		name := plainName(tool.Ref)
		if name != tool.Ref.String() || len(name) > d.MaxName || plain[strings.ToLower(name)] > 1 || looksHashed(name) {
			name = hashedName(name, tool.Ref, d.MaxName)
		}
		t.byRef[tool.Ref] = name
		t.byName[name] = tool
		t.functions = append(t.functions, Function{
			Name: name, Description: describe(tool), Parameters: objectSchema(tool.InputSchema), Ref: tool.Ref,
		})
	}
	slices.SortFunc(t.functions, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// Functions returns the tools as they are offered, sorted by name. Do not
// change the slice.
func (t *Table) Functions() []Function { return t.functions }

// Lookup returns the tool that was offered under that name.
func (t *Table) Lookup(name string) (Tool, bool) {
	tool, ok := t.byName[name]
	return tool, ok
}

// Name returns the name under which the tool was offered.
func (t *Table) Name(ref Ref) (string, bool) {
	name, ok := t.byRef[ref]
	return name, ok
}

func plainName(r Ref) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			return c
		}
		return '_'
	}, r.String())
	if name == "" || !isLetter(name[0]) {
		name = "t" + name
	}
	return name
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// The end of a hashed name: a mark, and 80 bits of the hash in lower-case
// base32.
const (
	hashMark = "_0"
	hashSize = 16
	hashTail = len(hashMark) + hashSize
)

// hashedName ends the name with a hash over the two parts of the reference, so
// that neither cutting nor a changed character makes two tools equal. A limit
// too short for it is passed over.
func hashedName(name string, r Ref, limit int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(r.Server)) + ":" + r.Server + r.Tool))
	tail := hashMark + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashSize]
	if keep := max(limit-hashTail, 1); len(name) > keep {
		name = name[:keep]
	}
	return name + tail
}

// looksHashed reports whether a name ends as hashedName ends one, in either
// case, since names that differ by case alone count as equal.
func looksHashed(name string) bool {
	if len(name) < hashTail {
		return false
	}
	mark, hash := name[len(name)-hashTail:][:len(hashMark)], name[len(name)-hashSize:]
	return mark == hashMark && strings.Trim(strings.ToLower(hash), "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// describe puts the server's name in front, so that a model can tell alike
// tools of two servers apart.
func describe(t Tool) string {
	text := t.Description
	if text == "" {
		text = t.Title
	}
	if t.ServerName == "" {
		return text
	}
	return strings.TrimSpace("[" + t.ServerName + "] " + text)
}
