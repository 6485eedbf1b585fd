package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// view is what a caller sees in a namespace: lists as they go out, and the
// tables that names are looked up in. It does not change, except that what is
// there beside tools is listed when it is first asked for.
type view struct {
	room    *room
	servers []Server
	alone   bool // the namespace is that of one server
	tools   []listed
	byName  map[string]tools.Ref // names of tools, the bare ones too where one server is alone
	print   [sha256.Size]byte    // of the tools

	offersMu sync.Mutex // protects offers
	offers   *offered
}

// listed is an entry of a list as it goes out, under the name that it is listed
// by.
type listed struct {
	name string
	raw  json.RawMessage
}

// nameMax is how long a name may be, in bytes: what every service takes.
const nameMax = 64

// pageSize is the number of entries of one page of a list.
const pageSize = 1000

func (r *room) newView(ctx context.Context, c store.Caller) (*view, error) {
	servers, ok := narrow(r.g.o.Runner.Servers(c), r.names)
	if !ok {
		servers = nil // a server of the namespace was taken from the key meanwhile
	}
	v := &view{room: r, servers: servers, alone: len(r.names) == 1 && len(servers) == 1, byName: map[string]tools.Ref{}}
	all, err := r.g.o.Runner.Tools(ctx, c)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(t tools.Tool) bool { return v.server(t.Server) == nil })
	names := tools.Names(all, nameMax)
	hash := sha256.New()
	var headers []*mcp.Tool
	for i := range all {
		t := &all[i]
		name := names[t.Ref]
		if _, twice := v.byName[name]; twice {
			continue
		}
		v.byName[name] = t.Ref
		shown := name
		if v.alone {
			v.byName[t.Tool] = t.Ref
			if r.g.o.BareNames {
				shown = t.Tool
			}
		}
		raw, err := toolDefinition(t, shown)
		if err != nil {
			r.g.o.Logger.Warn("a tool cannot be shown to clients of the gateway", "tool", t.Ref.String(), "error", err)
			continue
		}
		v.tools = append(v.tools, listed{shown, raw})
		fmt.Fprintf(hash, "%d:%s%s%s", len(shown), shown, t.Hash, t.Narrowed)
		if strings.Contains(string(t.InputSchema), "x-mcp-header") {
			headers = append(headers, headerTools(t, name, v.alone)...)
		}
	}
	slices.SortFunc(v.tools, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
	hash.Sum(v.print[:0])
	r.checkHeaders(headers)
	return v, nil
}

func (v *view) server(id string) *Server {
	for i := range v.servers {
		if v.servers[i].ID == id {
			return &v.servers[i]
		}
	}
	return nil
}

// toolDefinition is a tool as its server defined it, under another name and with
// the schema that the caller may see. Tasks are not offered here.
func toolDefinition(t *tools.Tool, name string) (json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	if len(t.Definition) > 0 {
		if err := json.Unmarshal(t.Definition, &m); err != nil {
			return nil, err
		}
	}
	put := func(key string, value any) error {
		raw, err := json.Marshal(value)
		m[key] = raw
		return err
	}
	delete(m, "execution")
	if t.Title != "" {
		if err := put("title", t.Title); err != nil {
			return nil, err
		}
	}
	delete(m, "outputSchema")
	if len(t.OutputSchema) > 0 {
		m["outputSchema"] = t.OutputSchema
	}
	m["inputSchema"] = t.InputSchema
	if err := errors.Join(put("name", name), put("description", t.Description)); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// headerTools have the SDK hold the headers that repeat arguments against them
// (SEP-2243), by every name that the tool can be called by.
func headerTools(t *tools.Tool, name string, alone bool) []*mcp.Tool {
	out := []*mcp.Tool{{Name: name, InputSchema: t.InputSchema}}
	if alone && t.Tool != name {
		out = append(out, &mcp.Tool{Name: t.Tool, InputSchema: t.InputSchema})
	}
	return out
}

// checkHeaders gives the SDK's server the tools of which headers are checked. It
// panics about a schema that it does not like; then there is nothing to check.
func (r *room) checkHeaders(list []*mcp.Tool) {
	r.mu.Lock()
	before := r.headed
	r.headed = map[string]string{}
	for _, t := range list {
		r.headed[t.Name] = string(t.InputSchema.(json.RawMessage))
	}
	now := r.headed
	r.mu.Unlock()
	for name := range before {
		if _, still := now[name]; !still {
			r.server.RemoveTools(name)
		}
	}
	for _, t := range list {
		if before[t.Name] == now[t.Name] {
			continue
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					r.g.o.Logger.Warn("the headers of a tool cannot be checked", "tool", t.Name, "error", fmt.Sprint(p))
				}
			}()
			r.server.AddTool(t, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return nil, mcp.ResourceNotFoundError(t.Name)
			})
		}()
	}
}

// prints identify what the view shows.
func (v *view) prints() prints {
	h := sha256.New()
	for _, s := range v.servers {
		fmt.Fprintf(h, "%d:%s %v %v %v %d;", len(s.ID), s.ID, s.Ready, s.Resources, s.Prompts, s.Revision)
	}
	p := prints{known: true, tools: v.print}
	h.Sum(p.rest[:0])
	return p
}

// find returns the tool of a name. What is not in the list is looked for by the
// servers' names, so that the policy can say why it may not be called.
func (v *view) find(name string) (tools.Ref, bool) {
	if ref, ok := v.byName[name]; ok {
		return ref, true
	}
	for _, s := range v.servers {
		for _, server := range []string{s.ID, s.Name} {
			for _, between := range []string{"__", "-"} {
				if tool, ok := strings.CutPrefix(name, server+between); ok && tool != "" {
					return tools.Ref{Server: s.ID, Tool: tool}, true
				}
			}
		}
	}
	if v.alone {
		return tools.Ref{Server: v.servers[0].ID, Tool: name}, true
	}
	return tools.Ref{}, false
}

// instructions are those of the servers, each under its name.
func (v *view) instructions() string {
	var b strings.Builder
	for _, s := range v.servers {
		if s.Instructions == "" {
			continue
		}
		if len(v.servers) > 1 {
			fmt.Fprintf(&b, "[%s] ", s.Name)
		}
		b.WriteString(s.Instructions)
		b.WriteString("\n\n")
	}
	return strings.TrimSpace(b.String())
}

// page returns a part of a list, which is sorted by name, and the cursor of the
// next.
func page(list []listed, cursor string) (part []listed, next string, err error) {
	if cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			return nil, "", &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "the cursor is none of this list"}
		}
		i, found := slices.BinarySearchFunc(list, string(last), func(l listed, name string) int { return cmp.Compare(l.name, name) })
		if found {
			i++
		}
		list = list[i:]
	}
	if len(list) <= pageSize {
		return list, "", nil
	}
	return list[:pageSize], base64.RawURLEncoding.EncodeToString([]byte(list[pageSize-1].name)), nil
}

// offersWithin is how long a listing waits for a server; then it goes without.
const offersWithin = 10 * time.Second
