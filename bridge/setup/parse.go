package setup

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxText bounds what Parse reads; a real file has some kilobytes.
const maxText = 4 << 20

// maxServers bounds how many servers one text may describe.
const maxServers = 500

// Parse reads servers from a pasted text or a file: the mcpServers object that
// READMEs and other apps use, the same under "servers", the inner object
// alone, or a single server; comments, trailing commas and a surrounding
// Markdown fence are allowed. Drafts come sorted by name and are validated; one
// that cannot work is returned as a problem in the second value and does not
// void the others. The error wraps store.ErrInvalid and says what is wrong with
// the text as a whole.
func Parse(text []byte) (drafts []Draft, problems []string, err error) {
	if len(text) > maxText {
		return nil, nil, fmt.Errorf("the text is longer than 4 MB; paste only the part with the servers (%w)", store.ErrInvalid)
	}
	entries, err := entriesOf(text)
	if err != nil {
		return nil, nil, err
	}
	if len(entries) > maxServers {
		return nil, nil, fmt.Errorf("the text describes %d servers, more than %d (%w)", len(entries), maxServers, store.ErrInvalid)
	}
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		d, err := draftOf(key, entries[key])
		if err == nil && seen[d.Config.Name] {
			err = fmt.Errorf("server %q: the name comes twice", d.Config.Name)
		}
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		seen[d.Config.Name] = true
		drafts = append(drafts, d)
	}
	return drafts, problems, nil
}

func entriesOf(text []byte) (map[string]json.RawMessage, error) {
	body := unfence(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	if len(body) == 0 {
		return nil, fmt.Errorf("there is no text; paste the JSON from the server's README (%w)", store.ErrInvalid)
	}
	std, err := hujson.Standardize(body)
	if err != nil && body[0] == '"' {
		// A README often shows just `"name": { … }`.
		std, err = hujson.Standardize(slices.Concat([]byte("{"), body, []byte("}")))
	}
	if err != nil {
		return nil, fmt.Errorf("the text is no JSON (%v); copy the whole block, from its first { to its last } (%w)", err, store.ErrInvalid)
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal(std, &root); err != nil {
		return nil, fmt.Errorf("the text is JSON, but not an object of servers (%w)", store.ErrInvalid)
	}
	for _, key := range []string{"mcpServers", "servers"} {
		if raw, ok := root[key]; ok {
			var inner map[string]json.RawMessage
			if err := json.Unmarshal(raw, &inner); err != nil {
				return nil, fmt.Errorf("%q is not an object of servers (%w)", key, store.ErrInvalid)
			}
			return inner, nil
		}
	}
	if raw, ok := root["mcp"]; ok { // older settings files nest it
		if inner, err := entriesOf(raw); err == nil {
			return inner, nil
		}
	}
	if isServer(root) {
		return map[string]json.RawMessage{guessName(root): json.RawMessage(std)}, nil
	}
	for _, raw := range root {
		var entry map[string]json.RawMessage
		if json.Unmarshal(raw, &entry) != nil || !isServer(entry) {
			return nil, fmt.Errorf("no servers were found: the JSON has no \"mcpServers\" (%w)", store.ErrInvalid)
		}
	}
	if len(root) == 0 {
		return nil, fmt.Errorf("no servers were found: the JSON is empty (%w)", store.ErrInvalid)
	}
	return root, nil
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

func isServer(m map[string]json.RawMessage) bool {
	for _, key := range []string{"command", "url", "serverUrl", "httpUrl"} {
		if raw, ok := m[key]; ok {
			var s string
			return json.Unmarshal(raw, &s) == nil
		}
	}
	return false
}

func guessName(m map[string]json.RawMessage) string {
	var name string
	if json.Unmarshal(m["name"], &name) == nil && name != "" {
		return name
	}
	return "server"
}

// entry is one server in any of the shapes that Parse reads.
type entry struct {
	Type      string            `json:"type"`
	Transport string            `json:"transport"`
	Command   string            `json:"command"`
	Args      []string          `json:"args"`
	Env       map[string]scalar `json:"env"`
	Cwd       string            `json:"cwd"`
	URL       string            `json:"url"`
	ServerURL string            `json:"serverUrl"`
	HTTPURL   string            `json:"httpUrl"`
	Headers   map[string]scalar `json:"headers"`
	Disabled  bool              `json:"disabled"`
}

// scalar takes strings, and numbers and booleans that people write without
// quotes.
type scalar string

func (s *scalar) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case string:
		*s = scalar(v)
	case float64, bool:
		*s = scalar(string(b))
	default:
		return fmt.Errorf("a value is neither text nor a number")
	}
	return nil
}

// dropped are keys of other apps that would waive a question to the person.
var dropped = []string{"trust", "autoApprove", "alwaysAllow", "autoAllow", "alwaysApprove"}

func draftOf(key string, raw json.RawMessage) (Draft, error) {
	name := cleanName(key)
	bad := func(format string, a ...any) (Draft, error) {
		return Draft{}, fmt.Errorf("server %q: "+format, append([]any{name}, a...)...)
	}
	if name == "" {
		return Draft{}, fmt.Errorf("a server has no name")
	}
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return bad("its entry has a value of the wrong kind (%v)", err)
	}
	d := Draft{Config: store.ServerConfig{ID: name, Name: name}}
	c := &d.Config
	kind := strings.ToLower(e.Type + e.Transport)
	address := cmp.Or(e.HTTPURL, e.URL, e.ServerURL)
	switch {
	case e.Command != "" && address != "":
		return bad("it has both a command and a URL; keep one of them")
	case e.Command != "":
		c.Transport, c.Command, c.Args, c.Dir = store.TransportStdio, e.Command, e.Args, e.Cwd
		if len(e.Args) == 0 && strings.ContainsAny(e.Command, " \t") {
			if words, err := Split(e.Command); err == nil && len(words) > 1 {
				c.Command, c.Args = words[0], words[1:]
				d.Notes = append(d.Notes, "The command was one line; it was taken apart into program and arguments.")
			}
		}
		c.Env = values(e.Env)
	case address != "":
		if kind == "sse" {
			return bad("it uses the old SSE transport; ask the server's maker for its Streamable HTTP address")
		}
		c.Transport, c.URL = store.TransportHTTP, address
		c.Headers = values(e.Headers)
	default:
		return bad("it has neither a command nor a URL")
	}
	d.note(raw)
	for _, m := range []map[string]store.Value{c.Env, c.Headers} {
		for k, v := range m {
			if v.Secret() {
				return bad("%s refers to a secret by name; only values can be pasted", k)
			}
		}
	}
	d.makeLikelySecrets()
	if err := c.Validate(); err != nil {
		return Draft{}, err
	}
	return d, nil
}

// note says what of the entry is not taken over.
func (d *Draft) note(raw json.RawMessage) {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return
	}
	for _, key := range dropped {
		if _, ok := all[key]; ok {
			d.Notes = append(d.Notes, fmt.Sprintf("%q was left out: here you are asked before a tool runs the first time.", key))
		}
	}
	if _, ok := all["envFile"]; ok {
		d.Notes = append(d.Notes, `"envFile" was left out; add its variables here.`)
	}
	for _, m := range []map[string]store.Value{d.Config.Env, d.Config.Headers} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if v := string(m[k]); placeholder.MatchString(v) {
				d.Notes = append(d.Notes, fmt.Sprintf("%s holds the placeholder %s; type the real value.", k, v))
			}
		}
	}
}

func values(m map[string]scalar) map[string]store.Value {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]store.Value, len(m))
	for k, v := range m {
		out[k] = store.Value(v)
	}
	return out
}
