package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// shape says what one app means with what others write alike.
type shape struct {
	app    string
	format format
	// braces, dollar and percent are the ways to name a variable of the
	// environment, beside ${env:NAME}, which all of them get.
	braces, dollar, percent bool
	// urlIsSSE says that "url" is the older transport, and "httpUrl" the newer.
	urlIsSSE bool
}

// batch is what a text holds.
type batch struct {
	entries []named
	inputs  map[string]input
	// problems are sentences about what was passed over.
	problems []string
}

// named is an entry with the name it has in the text.
type named struct {
	name  string
	raw   json.RawMessage
	from  string // a note about where it stood, if that matters
	dir   string // where it runs if it does not say
	shape shape
	was   string // what it is called there, where it gets another name
	notes []string
}

// input is what VS Code asks for: {type, id, description, password, default,
// options}.
type input struct {
	Type        string   `json:"type"`
	ID          string   `json:"id"`
	Description string   `json:"description"`
	Password    bool     `json:"password"`
	Default     string   `json:"default"`
	Options     []string `json:"options"`
}

// holders are the keys under which apps keep their servers.
var holders = []struct {
	key   string
	shape shape
}{
	{"mcpServers", shape{braces: true}},
	{"context_servers", shape{app: "zed"}},
	{"mcp_servers", shape{app: "litellm"}},
	{"extensions", shape{app: "goose"}},
	{"servers", shape{app: "vscode"}},
}

// gather finds the servers of an object. s says whose file it is, as far as
// that is known.
func gather(root members, s shape) (batch, error) {
	var b batch
	found := false
	b.readInputs(root.get("inputs"))
	for _, h := range holders {
		raw := root.get(h.key)
		if raw == nil {
			continue
		}
		is := s
		if is.app == "" {
			is = h.shape
			if h.key == "mcp_servers" && s.format == formatTOML {
				is.app = "codex"
			}
		}
		if h.key == "extensions" && is.app != "goose" || h.key == "extensions" && !goose(raw) {
			continue // a word that other files use as well
		}
		if err := b.addAll(h.key, raw, is, "", ""); err != nil {
			return batch{}, err
		}
		found = true
	}
	if raw := root.get("mcp"); raw != nil { // VS Code's older settings nest it
		if inner, err := membersOf(raw); err == nil {
			b.readInputs(inner.get("inputs"))
			if list := inner.get("servers"); list != nil {
				if err := b.addAll("mcp.servers", list, shape{app: "vscode"}, "", ""); err != nil {
					return batch{}, err
				}
				found = true
			}
		}
	}
	if raw := root.get("projects"); raw != nil { // Claude Code keeps some by folder
		found = b.addProjects(raw) || found
	}
	if found {
		b.liteLLM(root)
		return b, nil
	}
	return b, b.addBare(root, s)
}

// addBare takes a single server, or the inner object alone.
func (b *batch) addBare(root members, s shape) error {
	if s.app == "" {
		s.braces = true
	}
	if looksLikeServer(root) {
		raw, err := json.Marshal(asMap(root))
		if err != nil {
			return fmt.Errorf("no servers were found (%w)", store.ErrInvalid)
		}
		if key := root.twice(); key != "" {
			return fmt.Errorf("%q stands there twice; keep one of them (%w)", key, store.ErrInvalid)
		}
		b.entries = append(b.entries, named{name: guessName(root), raw: raw, shape: s})
		return nil
	}
	for _, m := range root {
		entry, err := membersOf(m.value)
		if err != nil || !looksLikeServer(entry) {
			return fmt.Errorf("no servers were found: the text has no \"mcpServers\" or the like (%w)", store.ErrInvalid)
		}
	}
	if len(root) == 0 {
		return fmt.Errorf("no servers were found: the text is empty (%w)", store.ErrInvalid)
	}
	for _, m := range root {
		b.entries = append(b.entries, named{name: m.key, raw: m.value, shape: s})
	}
	return nil
}

func asMap(m members) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, e := range m {
		out[e.key] = e.value
	}
	return out
}

// addAll takes an object of servers, or a list of servers with names, as
// Continue has it.
func (b *batch) addAll(key string, raw json.RawMessage, s shape, from, dir string) error {
	list, err := membersOf(raw)
	if errors.Is(err, errTooMany) {
		return fmt.Errorf("%q describes more than %d servers (%w)", key, maxServers, store.ErrInvalid)
	}
	if err == nil {
		for _, m := range list {
			b.entries = append(b.entries, named{name: m.key, raw: m.value, from: from, dir: dir, shape: s})
		}
		return nil
	}
	var entries []json.RawMessage
	if json.Unmarshal(raw, &entries) != nil {
		return fmt.Errorf("%q is neither an object nor a list of servers (%w)", key, store.ErrInvalid)
	}
	for _, raw := range entries[:min(len(entries), maxServers+1)] {
		entry, err := membersOf(raw)
		if err != nil {
			b.problems = append(b.problems, fmt.Sprintf("An entry of %q is no server.", key))
			continue
		}
		b.entries = append(b.entries, named{name: guessName(entry), raw: raw, from: from, dir: dir, shape: s})
	}
	return nil
}

func (b *batch) addProjects(raw json.RawMessage) bool {
	projects, err := membersOf(raw)
	if err != nil {
		return false
	}
	found := false
	for _, p := range projects {
		inner, err := membersOf(p.value)
		if err != nil {
			continue
		}
		list := inner.get("mcpServers")
		if list == nil || string(list) == "{}" {
			continue
		}
		from := fmt.Sprintf("It belongs to the project %s there; here it serves all conversations.", p.key)
		if b.addAll("mcpServers", list, shape{app: "claude-code", braces: true}, from, p.key) == nil {
			found = true
		}
	}
	return found
}

func (b *batch) readInputs(raw json.RawMessage) {
	var list []json.RawMessage
	if raw == nil || json.Unmarshal(raw, &list) != nil {
		return
	}
	for _, raw := range list {
		var in input
		if json.Unmarshal(raw, &in) != nil || in.ID == "" {
			continue
		}
		if b.inputs == nil {
			b.inputs = map[string]input{}
		}
		b.inputs[in.ID] = in
	}
}

// goose reports whether an object is goose's list of extensions.
func goose(raw json.RawMessage) bool {
	list, err := membersOf(raw)
	if err != nil || len(list) == 0 {
		return false
	}
	return slices.ContainsFunc(list, func(m member) bool {
		e, err := membersOf(m.value)
		return err == nil && e.get("type") != nil
	})
}

func looksLikeServer(m members) bool {
	for _, key := range []string{"command", "cmd", "url", "serverUrl", "httpUrl", "uri"} {
		if raw := m.get(key); raw != nil {
			var s string
			if json.Unmarshal(raw, &s) == nil {
				return true
			}
			var zed struct {
				Path string `json:"path"`
			}
			return json.Unmarshal(raw, &zed) == nil && zed.Path != ""
		}
	}
	return false
}

func guessName(m members) string {
	var name string
	if json.Unmarshal(m.get("name"), &name) == nil && strings.TrimSpace(name) != "" {
		return name
	}
	return "server"
}
