package modelapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// offer is what a request offers its model.
type offer struct {
	entries   []*entry
	functions []tools.Tool
}

// entry is a tool of the type mcp: some of the person's servers under a label.
type entry struct {
	label   string
	servers []string // ids
	allowed *filter  // nil is all
	always  *filter  // asked about
	never   *filter  // not asked about, as far as the program goes
	asks    bool     // what is neither
	headers map[string]map[string]string
	listed  bool // the program knows the list already
}

// filter chooses tools.
type filter struct {
	names    []string // nil is all
	readOnly *bool
}

func (f *filter) has(t *tools.Tool, shown string) bool {
	if f == nil {
		return false
	}
	if f.names != nil && !slices.ContainsFunc(f.names, func(n string) bool {
		return n == t.Tool || n == shown || n == t.Server+"__"+t.Tool || n == t.ServerName+"__"+t.Tool ||
			n == t.Server+"-"+t.Tool || n == t.ServerName+"-"+t.Tool
	}) {
		return false
	}
	if f.readOnly != nil && (t.Claims.ReadOnly != nil && *t.Claims.ReadOnly) != *f.readOnly {
		return false
	}
	return true
}

// covers reports whether the entry offers a tool.
func (e *entry) covers(t *tools.Tool, shown string) bool {
	return slices.Contains(e.servers, t.Server) && (e.allowed == nil || e.allowed.has(t, shown))
}

// wantsToBeAsked reports whether the program wants to be asked about calls of a
// tool.
func (e *entry) wantsToBeAsked(t *tools.Tool, shown string) bool {
	switch {
	case e.always.has(t, shown):
		return true
	case e.never.has(t, shown):
		return false
	}
	return e.asks
}

// The bounds of what a request offers.
const (
	maxEntries   = 64
	maxFunctions = 1024
	maxNames     = 1000
)

var (
	functionName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	labelName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,99}$`)
)

type wireTool struct {
	Type              string            `json:"type"`
	ServerLabel       string            `json:"server_label"`
	ServerURL         *string           `json:"server_url"`
	ServerDescription *string           `json:"server_description"`
	ConnectorID       *string           `json:"connector_id"`
	Authorization     *string           `json:"authorization"`
	DeferLoading      *bool             `json:"defer_loading"`
	Headers           map[string]string `json:"headers"`
	AllowedTools      json.RawMessage   `json:"allowed_tools"`
	RequireApproval   json.RawMessage   `json:"require_approval"`

	Function    json.RawMessage `json:"function"` // of Chat Completions
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      *bool           `json:"strict"`
}

// readTools reads the tools of a request. nested says that a function's fields
// are inside of it, as in Chat Completions.
func (h *Handler) readTools(r *http.Request, c store.Caller, raw json.RawMessage, nested bool) (*offer, error) {
	o := &offer{}
	if isNull(raw) {
		return o, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, bad("tools", "tools should be an array.")
	}
	for i, raw := range list {
		at := fmt.Sprintf("tools[%d]", i)
		var t wireTool
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, bad(at, fmt.Sprintf("%s cannot be read: %s.", at, clip(err.Error(), 200)))
		}
		switch t.Type {
		case "function":
			if nested {
				t.Name, t.Description, t.Parameters = "", nil, nil
				if err := json.Unmarshal(t.Function, &t); err != nil {
					return nil, bad(at+".function", at+".function should be an object with a name.")
				}
			}
			if err := o.addFunction(at, t); err != nil {
				return nil, err
			}
		case "mcp":
			e, err := h.readEntry(r, c, at, raw, t, nested)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(o.entries, func(other *entry) bool { return other.label == e.label }) {
				return nil, bad(at+".server_label", fmt.Sprintf("The label %q is there twice; each server needs its own.", e.label))
			}
			o.entries = append(o.entries, e)
		default:
			return nil, unsupported(at+".type", fmt.Sprintf("Tools of the type %q are not run here; use function and mcp.", clip(t.Type, 50)))
		}
		if len(o.entries) > maxEntries || len(o.functions) > maxFunctions {
			return nil, bad("tools", fmt.Sprintf("A request may have %d functions and %d servers.", maxFunctions, maxEntries))
		}
	}
	return o, nil
}

func (o *offer) addFunction(at string, t wireTool) error {
	if !functionName.MatchString(t.Name) {
		return bad(at+".name", fmt.Sprintf("The name of %s should be letters, digits, _ and -, at most 64.", at))
	}
	if tools.Own(t.Name) {
		return bad(at+".name", fmt.Sprintf("The name %s is one that Drawbridge uses itself; choose another.", t.Name))
	}
	if slices.ContainsFunc(o.functions, func(f tools.Tool) bool { return strings.EqualFold(f.Tool, t.Name) }) {
		return bad(at+".name", fmt.Sprintf("There are two functions named %s.", t.Name))
	}
	f := tools.Tool{Ref: tools.Ref{Server: Functions, Tool: t.Name}, Given: t.Name, InputSchema: json.RawMessage(`{"type":"object","properties":{}}`)}
	if t.Description != nil {
		f.Description = *t.Description
	}
	if !isNull(t.Parameters) {
		var object map[string]json.RawMessage
		if json.Unmarshal(t.Parameters, &object) != nil {
			return bad(at+".parameters", fmt.Sprintf("The parameters of %s should be a JSON Schema.", t.Name))
		}
		if len(object) > 0 {
			f.InputSchema = t.Parameters
		}
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %s", t.Name, f.Description, f.InputSchema)
	f.Hash = "function:" + hex.EncodeToString(sum.Sum(nil))
	o.functions = append(o.functions, f)
	return nil
}

// entryFields are the fields of a tool of the type mcp that are known.
var entryFields = []string{"type", "server_label", "server_url", "server_description", "headers", "allowed_tools", "require_approval", "authorization", "connector_id", "defer_loading"}

func (h *Handler) readEntry(r *http.Request, c store.Caller, at string, raw json.RawMessage, t wireTool, invisible bool) (*entry, error) {
	if err := onlyFields(at, raw, entryFields); err != nil {
		return nil, err
	}
	switch {
	case t.ConnectorID != nil:
		return nil, unsupported(at+".connector_id", "Connectors of OpenAI are not run here; name a server of yours with server_url.")
	case t.DeferLoading != nil && *t.DeferLoading:
		return nil, unsupported(at+".defer_loading", "defer_loading is not done here; where tools are too many the model gets a search over them by itself.")
	case !labelName.MatchString(t.ServerLabel):
		return nil, bad(at+".server_label", "server_label should begin with a letter and have letters, digits, _ , . and - alone, at most 100.")
	case t.ServerURL == nil:
		return nil, bad(at+".server_url", "server_url is missing; write drawbridge, or drawbridge/mcp/ and the names of servers or groups.")
	}
	e := &entry{label: t.ServerLabel, asks: !invisible}
	names, err := namespace(*t.ServerURL, r.Host)
	if err != nil {
		return nil, bad(at+".server_url", err.Error())
	}
	all := h.o.Engine.Servers(c)
	within, ok := narrow(all, names)
	header, err := h.readHeaders(r.Context(), c, at, t)
	if err != nil {
		return nil, err
	}
	if list := header.Values("X-Mcp-Servers"); len(list) > 0 {
		header.Del("X-Mcp-Servers")
		if named := splitNames(strings.Join(list, ",")); named != nil {
			chosen, found := narrow(all, named)
			ok = ok && found
			within = slices.DeleteFunc(within, func(id string) bool { return !slices.Contains(chosen, id) })
		}
	}
	if !ok {
		return nil, &fault{status: http.StatusForbidden, kind: "permission_error", code: "permission_denied", param: at + ".server_url", message: "This key may not see one of the servers or groups of " + at + ", or it does not exist."}
	}
	e.servers = within
	for name := range header {
		one := http.Header{name: header[name]}
		goes := h.o.Engine.Forward(r.Context(), one, within)
		if len(goes) == 0 {
			return nil, bad(at+".headers", fmt.Sprintf("The header %s goes to none of these servers. Credentials are x-mcp-auth and x-mcp-{server}-{header}; others have to be named in a server's extra_headers.", clip(name, 80)))
		}
		for server, headers := range goes {
			if e.headers == nil {
				e.headers = map[string]map[string]string{}
			}
			if e.headers[server] == nil {
				e.headers[server] = map[string]string{}
			}
			for k, v := range headers {
				e.headers[server][k] = v
			}
		}
	}
	if !isNull(t.AllowedTools) {
		if e.allowed, err = readFilter(at+".allowed_tools", t.AllowedTools); err != nil {
			return nil, err
		}
	}
	return e, e.readApproval(at+".require_approval", t.RequireApproval, invisible)
}

// readHeaders checks the keys among an entry's headers and returns the others.
func (h *Handler) readHeaders(ctx context.Context, c store.Caller, at string, t wireTool) (http.Header, error) {
	out := http.Header{}
	for name, value := range t.Headers {
		if len(name) > 200 || len(value) > 16<<10 || strings.ContainsAny(value, "\r\n\x00") || !headerName.MatchString(name) {
			return nil, bad(at+".headers", "A header of "+at+" cannot be sent.")
		}
		if out.Get(name) != "" {
			return nil, bad(at+".headers", fmt.Sprintf("The header %s is there twice.", clip(name, 80)))
		}
		out.Set(name, value)
	}
	if t.Authorization != nil {
		if out.Get("Authorization") != "" {
			return nil, bad(at+".authorization", "There is both authorization and a header of that name; send one.")
		}
		out.Set("Authorization", "Bearer "+*t.Authorization)
	}
	for _, name := range []string{"X-Drawbridge-Key", "X-Litellm-Api-Key", "Authorization"} {
		value := strings.TrimSpace(out.Get(name))
		if value == "" {
			continue
		}
		scheme, rest, has := strings.Cut(value, " ")
		if has && strings.EqualFold(scheme, "Bearer") {
			value = strings.TrimSpace(rest)
		}
		switch {
		case h.o.Engine.SameKey(ctx, c, store.NewSecret(value)):
			out.Del(name)
		case name != "Authorization" || strings.HasPrefix(value, "drawbridge-"):
			return nil, &fault{status: http.StatusForbidden, kind: "permission_error", code: "permission_denied", param: at + ".headers", message: "The key in the headers of " + at + " is not the key of this request; leave it out."}
		}
	}
	return out, nil
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func readFilter(at string, raw json.RawMessage) (*filter, error) {
	f := &filter{}
	if json.Unmarshal(raw, &f.names) == nil && f.names != nil {
		if len(f.names) > maxNames {
			return nil, bad(at, fmt.Sprintf("%s names more than %d tools.", at, maxNames))
		}
		return f, nil
	}
	if err := onlyFields(at, raw, []string{"tool_names", "read_only"}); err != nil {
		return nil, err
	}
	var o struct {
		Names    []string `json:"tool_names"`
		ReadOnly *bool    `json:"read_only"`
	}
	if json.Unmarshal(raw, &o) != nil || len(o.Names) > maxNames {
		return nil, bad(at, at+" should be an array of names, or an object with tool_names and read_only.")
	}
	return &filter{o.Names, o.ReadOnly}, nil
}

// readApproval reads what a program wants to be asked about. invisible says that
// the format has no words to ask it in.
func (e *entry) readApproval(at string, raw json.RawMessage, invisible bool) error {
	if isNull(raw) {
		return nil
	}
	var word string
	if json.Unmarshal(raw, &word) == nil {
		switch {
		case word == "never":
			e.asks = false
			return nil
		case word != "always":
			return bad(at, "require_approval should be always, never, or an object with these.")
		}
		e.asks = true
	} else {
		if err := onlyFields(at, raw, []string{"always", "never"}); err != nil {
			return err
		}
		var o struct {
			Always json.RawMessage `json:"always"`
			Never  json.RawMessage `json:"never"`
		}
		if err := json.Unmarshal(raw, &o); err != nil {
			return bad(at, "require_approval should be always, never, or an object with these.")
		}
		var err error
		if !isNull(o.Always) {
			if e.always, err = readFilter(at+".always", o.Always); err != nil {
				return err
			}
		}
		if !isNull(o.Never) {
			if e.never, err = readFilter(at+".never", o.Never); err != nil {
				return err
			}
		}
		e.asks = true
	}
	if invisible {
		return unsupported(at, "Chat Completions has no form in which you could be asked; write never, and the person is asked where that is due, or use /v1/responses.")
	}
	return nil
}

// namespace reads which servers and groups an address names; nil is all. The
// error is a sentence.
func namespace(address, host string) ([]string, error) {
	const elsewhere = "server_url should be drawbridge or litellm_proxy, each with or without /mcp/ and the names of servers or groups, or the address of this gateway; servers elsewhere have to be added to Drawbridge first."
	path := ""
	for _, word := range []string{"drawbridge", "litellm_proxy"} {
		rest, ok := strings.CutPrefix(address, word)
		if ok && (rest == "" || rest[0] == '/') {
			path = "/mcp"
			if strings.Trim(rest, "/") != "" {
				path = rest
			}
		}
	}
	if path == "" {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !sameHost(u.Host, host) {
			return nil, fmt.Errorf("%s", elsewhere)
		}
		path = u.EscapedPath()
	}
	path = strings.TrimSuffix(path, "/")
	if path == "/mcp" {
		return nil, nil
	}
	rest, ok := strings.CutPrefix(path, "/mcp/")
	if !ok {
		if rest, ok = strings.CutSuffix(strings.TrimPrefix(path, "/"), "/mcp"); !ok {
			return nil, fmt.Errorf("%s", elsewhere)
		}
	}
	names := []string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, err := url.PathUnescape(part)
		if err != nil || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("%s", elsewhere)
		}
		names = append(names, strings.TrimSpace(name))
	}
	return names, nil
}

// sameHost reports whether two hosts with ports are the same, or both this
// computer.
func sameHost(a, b string) bool {
	if a != "" && strings.EqualFold(a, b) {
		return true
	}
	hostA, portA, err1 := net.SplitHostPort(a)
	hostB, portB, err2 := net.SplitHostPort(b)
	return err1 == nil && err2 == nil && portA == portB && loopback(hostA) && loopback(hostB)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func splitNames(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// narrow returns the ids of the servers that names stand for, nil for all. It
// reports false if one of them stands for nothing that can be seen.
func narrow(servers []Server, names []string) (ids []string, ok bool) {
	if names == nil {
		for _, s := range servers {
			ids = append(ids, s.ID)
		}
		return ids, true
	}
	for _, name := range names {
		found := false
		for _, s := range servers {
			if s.ID != name && s.Name != name && strings.ReplaceAll(s.Name, " ", "_") != name && !slices.Contains(s.Groups, name) {
				continue
			}
			found = true
			if !slices.Contains(ids, s.ID) {
				ids = append(ids, s.ID)
			}
		}
		if !found {
			return nil, false
		}
	}
	return ids, true
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// onlyFields refuses an object that has a field which is not in the list, unless
// it is null.
func onlyFields(at string, raw json.RawMessage, known []string) error {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return bad(at, at+" should be an object.")
	}
	for name, value := range object {
		if !isNull(value) && !slices.Contains(known, name) {
			return unsupported(at+"."+clip(name, 50), fmt.Sprintf("The field %s of %s is not known here, so it cannot be kept to. Leave it out.", clip(name, 50), at))
		}
	}
	return nil
}
