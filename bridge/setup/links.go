package setup

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxLink bounds a link; browsers hand on about that much.
const maxLink = 64 << 10

// schemes are the links that install a server in some app.
var schemes = []string{"drawbridge", "vscode", "vscode-insiders", "cursor", "lmstudio", "cherrystudio", "goose"}

// badges are the pages that such links hide behind on the web.
var badges = []string{"vscode.dev", "insiders.vscode.dev", "cursor.com", "www.cursor.com", "lmstudio.ai"}

// isLink reports whether a text is one link and nothing else.
func isLink(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || strings.ContainsAny(s, "\n\r\t ") && !strings.Contains(s, "?") || strings.ContainsAny(s, "\n\r") {
		return false
	}
	scheme = strings.ToLower(scheme)
	for _, known := range schemes {
		if scheme == known {
			return true
		}
	}
	if scheme != "https" {
		return false
	}
	host, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	for _, b := range badges {
		if host == b && strings.Contains(path, "?") {
			return true
		}
	}
	return false
}

// IsLink reports whether a text is a link that Parse reads.
func IsLink(text string) bool { return len(text) <= maxLink && isLink(strings.TrimSpace(text)) }

// fromLink reads what a link describes. Nothing of it is fetched: a link that
// holds only the address of a description is refused.
func fromLink(link string) (batch, error) {
	bad := func(what string) (batch, error) {
		return batch{}, fmt.Errorf("the link cannot be used: %s (%w)", what, store.ErrInvalid)
	}
	if len(link) > maxLink {
		return bad("it is longer than 64 kB")
	}
	_, rest, _ := strings.Cut(link, ":")
	where, query, _ := strings.Cut(rest, "?")
	query, _, _ = strings.Cut(query, "#")
	if scheme := strings.ToLower(link[:strings.IndexByte(link, ':')]); strings.HasPrefix(scheme, "vscode") && strings.Trim(where, "/") == "mcp/install" {
		text, err := url.PathUnescape(query)
		if err != nil {
			return bad("its description is not encoded as it should be")
		}
		return fromLinkText([]byte(text), "", nil)
	}
	values, err := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B"))
	if err != nil {
		return bad("its description is not encoded as it should be")
	}
	for key, list := range values {
		if len(list) > 1 && key != "arg" && key != "env" && key != "header" {
			return bad(fmt.Sprintf("it has %q twice", key))
		}
	}
	if strings.HasPrefix(strings.ToLower(link), "goose:") {
		return gooseLink(values)
	}
	text := values.Get("config")
	if text == "" {
		text = values.Get("servers")
	}
	if text == "" {
		return bad("it has no description of a server in it")
	}
	var inputs []byte
	if s := values.Get("inputs"); s != "" {
		inputs = []byte(s)
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return fromLinkText([]byte(text), values.Get("name"), inputs)
	}
	decoded, err := unbase64(text)
	if err != nil {
		return bad("its description is neither JSON nor base64")
	}
	return fromLinkText(decoded, values.Get("name"), inputs)
}

// fromLinkText reads the description of a link: a server, or several.
func fromLinkText(text []byte, name string, inputs []byte) (batch, error) {
	root, err := object(text, formatJSON)
	if err != nil {
		return batch{}, fmt.Errorf("the link cannot be used: %w", err)
	}
	b, err := gather(root, shape{})
	if err != nil {
		return batch{}, fmt.Errorf("the link cannot be used: %w", err)
	}
	if inputs != nil && shallow(inputs) == nil {
		b.readInputs(inputs)
	}
	if name != "" && len(b.entries) == 1 && looksLikeServer(root) {
		b.entries[0].name = name
	}
	return b, nil
}

// unbase64 takes all four ways to write it; a + may have become a blank.
func unbase64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer(" ", "+", "\n", "", "\r", "").Replace(s), "=")
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	return base64.RawStdEncoding.DecodeString(s)
}

// gooseLink reads goose://extension?cmd=…&arg=…&id=…&name=…&env=NAME=what.
func gooseLink(v url.Values) (batch, error) {
	e := map[string]any{"name": v.Get("name")}
	if cmd := v.Get("cmd"); cmd != "" {
		e["command"], e["args"] = cmd, v["arg"]
	} else {
		e["url"] = v.Get("url")
	}
	var keys []string
	for _, pair := range v["env"] {
		name, _, _ := strings.Cut(pair, "=")
		keys = append(keys, name)
	}
	if len(keys) > 0 {
		e["env_keys"] = keys
	}
	name := v.Get("name")
	if name == "" {
		name = v.Get("id")
	}
	if name == "" {
		name = "server"
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return batch{}, fmt.Errorf("the link cannot be used (%w)", store.ErrInvalid)
	}
	return batch{entries: []named{{name: name, raw: raw}}}, nil
}
