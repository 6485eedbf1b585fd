package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// rawResult is a result that is JSON already.
type rawResult struct {
	mcp.ResultBase
	body json.RawMessage
}

func (r *rawResult) MarshalJSON() ([]byte, error) { return r.body, nil }

// The members of results that the newer era has ("Result types", "Caching").
const (
	memberType  = "resultType"
	memberTTL   = "ttlMs"
	memberScope = "cacheScope"
	memberMeta  = "_meta"
)

// passed makes a server's result one of the gateway's, for the era that the
// client speaks: what a server says of itself is not the gateway, and what may
// be kept is this key's alone.
func (a *asking) passed(raw json.RawMessage) (mcp.Result, error) {
	if !a.modern && len(raw) > 0 && raw[0] == '{' && !bytes.Contains(raw, []byte(memberMeta)) && !bytes.Contains(raw, []byte(memberType)) && !bytes.Contains(raw, []byte(memberTTL)) {
		return &rawResult{body: raw}, nil // nothing of it is about an era
	}
	m, ok := members(raw)
	if !ok {
		return nil, internal(a.room.g, "pass on what a server answered", errors.New("it is no object"))
	}
	return a.sealed(m)
}

// members takes an object apart that is known to be JSON. Its values are parts of
// raw, which must not change any more.
func members(raw []byte) (map[string]json.RawMessage, bool) {
	i := 0
	space := func() {
		for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
			i++
		}
	}
	text := func() {
		for i++; i < len(raw) && raw[i] != '"'; i++ {
			if raw[i] == '\\' {
				i++
			}
		}
		i++
	}
	if space(); i >= len(raw) || raw[i] != '{' {
		return nil, false
	}
	out := map[string]json.RawMessage{}
	for i++; ; i++ {
		space()
		if i < len(raw) && raw[i] == '}' && len(out) == 0 {
			return out, true
		}
		if i >= len(raw) || raw[i] != '"' {
			return nil, false
		}
		from := i
		text()
		var name string
		if i > len(raw) || json.Unmarshal(raw[from:i], &name) != nil {
			return nil, false
		}
		if space(); i >= len(raw) || raw[i] != ':' {
			return nil, false
		}
		i++
		space()
		from = i
		for depth := 0; i < len(raw); i++ {
			c := raw[i]
			if c == '"' {
				text()
				i--
				continue
			}
			if c == '{' || c == '[' {
				depth++
			}
			if depth == 0 && (c == ',' || c == '}') {
				break
			}
			if c == '}' || c == ']' {
				depth--
			}
		}
		if i >= len(raw) {
			return nil, false
		}
		out[name] = bytes.TrimRight(raw[from:i], " \n\t\r")
		if raw[i] == '}' {
			return out, true
		}
	}
}

// written writes an object.
func written(m map[string]json.RawMessage) (json.RawMessage, error) {
	size := 2
	for k, v := range m {
		size += len(k) + len(v) + 6
	}
	out := append(make([]byte, 0, size), '{')
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		name, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), m[k]...)
	}
	return append(out, '}'), nil
}

// sealed completes a result for the era of the client.
func (a *asking) sealed(m map[string]json.RawMessage) (mcp.Result, error) {
	meta := map[string]json.RawMessage{}
	if raw, ok := m[memberMeta]; ok {
		if known, ok := members(raw); ok {
			meta = known
		}
		delete(meta, mcp.MetaKeyServerInfo)
	}
	if a.modern {
		meta[mcp.MetaKeyServerInfo] = a.room.g.info
		if _, ok := m[memberType]; !ok {
			m[memberType] = json.RawMessage(`"complete"`)
		}
		if _, ok := m[memberTTL]; ok {
			m[memberScope] = json.RawMessage(`"private"`)
		}
	} else {
		delete(m, memberType)
		delete(m, memberTTL)
		delete(m, memberScope)
	}
	delete(m, memberMeta)
	if len(meta) > 0 {
		raw, err := written(meta)
		if err != nil {
			return nil, err
		}
		m[memberMeta] = raw
	}
	body, err := written(m)
	if err != nil {
		return nil, err
	}
	return &rawResult{body: body}, nil
}

// infoOf is what the gateway calls itself.
func infoOf(version string) json.RawMessage {
	raw, err := json.Marshal(map[string]string{"name": "drawbridge", "title": "Drawbridge", "version": version})
	if err != nil {
		return nil
	}
	return raw
}

// list answers with a page of a list.
func (a *asking) list(member string, all []listed, cursor string) (mcp.Result, error) {
	part, next, err := page(all, cursor)
	if err != nil {
		return nil, err
	}
	entries := make([]json.RawMessage, len(part))
	for i := range part {
		entries[i] = part[i].raw
	}
	raw, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	m := map[string]json.RawMessage{member: raw, memberTTL: json.RawMessage("0")}
	if next != "" {
		if m["nextCursor"], err = json.Marshal(next); err != nil {
			return nil, err
		}
	}
	return a.sealed(m)
}

// ours writes a result of ours, as a server would have.
func (a *asking) ours(r tools.Result, status int) (mcp.Result, error) {
	content := []map[string]any{}
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Text:
			content = append(content, map[string]any{"type": "text", "text": p.Text})
		case store.Image:
			content = append(content, map[string]any{"type": "image", "mimeType": p.MIMEType, "data": p.Data})
		case store.File:
			if len(p.Data) == 0 {
				content = append(content, map[string]any{"type": "resource_link", "uri": p.URI, "name": p.Name, "mimeType": p.MIMEType})
				continue
			}
			content = append(content, map[string]any{"type": "resource", "resource": map[string]any{"uri": p.URI, "mimeType": p.MIMEType, "blob": p.Data}})
		}
	}
	out := map[string]any{"content": content}
	if r.IsError {
		out["isError"] = true
	}
	if len(r.Structured) > 0 {
		out["structuredContent"] = r.Structured
	}
	if status != 0 {
		out[memberMeta] = map[string]any{"status": status}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return a.passed(raw)
}

// refused is a server's error of the protocol for the client.
func refused(r *tools.Refusal) error {
	return &jsonrpc.Error{Code: int64(r.Code), Message: r.Message, Data: r.Data}
}

// renamed returns an entry under another name.
func renamed(raw json.RawMessage, member, name string) (json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	out := maps.Clone(m)
	var err error
	if out[member], err = json.Marshal(name); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
