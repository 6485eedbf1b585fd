package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// forbiddenCall is a request that no key of the test may make. status is that of
// HTTP, or of the result's _meta where the request itself is in order.
type forbiddenCall struct {
	name, path, tool, arguments string
	key                         string // name of one
	headers                     map[string]string
	status                      int
}

// forbiddenCalls are requests of keys that see the group red, the group blue, or
// one tool of one server, and of keys that hold no more.
func forbiddenCalls() []forbiddenCall {
	var out []forbiddenCall
	add := func(status int, c forbiddenCall) {
		c.name = fmt.Sprintf("forbidden %d", len(out))
		c.status = status
		if c.path == "" {
			c.path = "/mcp"
		}
		if c.arguments == "" {
			c.arguments = `{"call":%q}`
		}
		c.arguments = fmt.Sprintf(c.arguments, c.name)
		out = append(out, c)
	}
	hidden := map[string][]string{"red": {"blue0", "blue1", "none0"}, "blue": {"red0", "red1", "none0"}, "narrow": {"red1", "blue0", "none0"}}
	for key, servers := range hidden {
		for _, server := range servers {
			for _, tool := range []string{server + "__read", server + "__write", server + "-read", strings.ToUpper(server) + "__read"} {
				add(403, forbiddenCall{key: key, tool: tool})
			}
			// In the namespace of what the key may see, by its whole name. In that of
			// one server it is a name like any that is not there.
			if key == "narrow" {
				add(400, forbiddenCall{key: key, path: "/mcp/red0", tool: server + "__read"})
			} else {
				add(403, forbiddenCall{key: key, path: "/mcp/" + key, tool: server + "__read"})
			}
			// A namespace that it may not see, on either path, and by header.
			add(403, forbiddenCall{key: key, path: "/mcp/" + server, tool: "read"})
			add(403, forbiddenCall{key: key, path: "/" + server + "/mcp", tool: "read"})
			add(403, forbiddenCall{key: key, tool: server + "__read", headers: map[string]string{"X-Mcp-Servers": server}})
		}
	}
	for _, tool := range []string{"red0__write", "red0__", "__read", "read", "red0_read", "red0/read"} {
		add(403, forbiddenCall{key: "narrow", tool: tool})
	}
	for _, tool := range []string{"red0__delete", "red0__reaD"} { // of its own server, and not there
		add(400, forbiddenCall{key: "narrow", tool: tool})
	}
	// A tool that the server's rules disallow, and parameters that they do.
	for _, key := range []string{"red", "narrow", "all"} {
		for _, arguments := range []string{
			`{"call":%q,"limit":1}`, `{"call":%q,"status":"x","limit":1}`, `{"call":%q,"Call":"x"}`, `{"call":%q,"__proto__":{}}`, `{"call":%q,"limit":null}`, `{"call":%q,"li\u006dit":1}`, `{"call":%q,"":1}`,
		} {
			add(403, forbiddenCall{key: key, tool: "red0__read", arguments: arguments})
		}
	}
	for _, key := range []string{"red", "all"} {
		add(403, forbiddenCall{key: key, tool: "red1__write"})
	}
	for _, key := range []string{"revoked", "expired", "nobody", ""} {
		for _, path := range []string{"/mcp", "/mcp/red", "/red0/mcp"} {
			add(401, forbiddenCall{key: key, path: path, tool: "red0__read"})
		}
	}
	for _, headers := range []map[string]string{{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}} {
		for _, key := range []string{"red", "all", "revoked"} {
			add(403, forbiddenCall{key: key, tool: "red0__read", headers: headers})
		}
	}
	return out
}

// TestGatewayForbiddenCalls: each is refused with its status, nothing of it runs,
// and nobody else's audit tells of it.
func TestGatewayForbiddenCalls(t *testing.T) {
	g := openGated(t)
	if err := g.UpdateSettings(func(s *store.Settings) error { s.AuditArguments = true; return nil }); err != nil {
		t.Fatal(err)
	}
	u := newUpstream(t)
	for _, name := range []string{"red0", "red1", "blue0", "blue1", "none0"} {
		g.add(name, u.url, func(c *store.ServerConfig) {
			if group := strings.TrimRight(name, "01"); group != "none" {
				c.Rules.Groups = []string{group}
			}
			c.Rules.Trusted = true
			switch name {
			case "red0":
				c.Rules.AllowedParams = map[string][]string{"read": {"call", "status"}}
			case "red1":
				c.Rules.DisallowedTools = []string{"write"}
			}
		})
	}
	values := map[string]string{
		"all": g.key("all", "", store.Limits{}), "red": g.key("red", "", store.Limits{Groups: []string{"red"}}), "blue": g.key("blue", "", store.Limits{Groups: []string{"blue"}}),
		"narrow":  g.key("narrow", "", store.Limits{Servers: []string{"red0"}, Tools: []string{"red0__read"}}),
		"expired": g.key("expired", "", store.Limits{Expires: time.Now().Add(-time.Hour)}), "revoked": g.key("revoked", "", store.Limits{}), "nobody": "drawbridge-nobody",
	}
	ids := map[string]string{}
	keys, err := g.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		ids[k.Name] = k.ID
	}
	if err := g.RevokeKey(t.Context(), ids["revoked"]); err != nil {
		t.Fatal(err)
	}
	list := forbiddenCalls()
	if len(list) < 100 {
		t.Fatalf("there are %d", len(list))
	}
	for _, c := range list {
		if got, said := g.ask(c, values[c.key]); got != c.status {
			t.Errorf("%s (%s as %q at %s %v): %d, not %d: %.300s", c.name, c.tool, c.key, c.path, c.headers, got, c.status, said)
		}
	}
	u.mu.Lock()
	for call := range u.seen {
		t.Errorf("%s ran", call)
	}
	u.mu.Unlock()

	// What is allowed runs with the same means, and its record comes after all of
	// the others.
	for _, key := range []string{"red", "blue", "narrow", "all"} {
		tool := map[string]string{"blue": "blue0__read"}[key]
		if tool == "" {
			tool = "red0__read"
		}
		if got, said := g.ask(forbiddenCall{path: "/mcp", tool: tool, arguments: fmt.Sprintf(`{"call":"allowed %s"}`, key)}, values[key]); got != 200 {
			t.Fatalf("what %s may do gave %d: %s", key, got, said)
		}
	}
	var everything []store.AuditRecord
	eventually(t, "the records of what ran", time.Minute, func() bool {
		if everything, err = g.Audit(t.Context(), store.AuditQuery{Limit: 1000}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range everything {
			if strings.Contains(string(r.Arguments), "allowed ") {
				n++
			}
		}
		return n == 4
	})
	told := 0
	for name, id := range ids {
		own, err := g.Audit(t.Context(), store.AuditQuery{Key: id, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range own {
			text := fmt.Sprintf("%+v %s %s", r, r.Arguments, r.ArgumentShape)
			for _, c := range list {
				if !strings.Contains(text, `"`+c.name+`"`) {
					continue
				}
				if told++; c.key != name {
					t.Errorf("the audit of %s tells of %s, which %s tried", name, c.name, c.key)
				}
			}
			if r.Key != id {
				t.Errorf("the audit of %s has a record of %s", name, r.Key)
			}
		}
	}
	if told < 20 {
		t.Errorf("the audit of those who tried tells of %d refused calls", told)
	}
	// A namespace that a key may not see is a decision, too.
	for _, name := range []string{"red", "blue", "narrow"} {
		tried := 0
		for _, c := range list {
			if c.key == name && (strings.HasPrefix(c.path, "/mcp/") && c.tool == "read" || strings.HasSuffix(c.path, "/mcp") && c.path != "/mcp" || c.headers["X-Mcp-Servers"] != "") {
				tried++
			}
		}
		own, err := g.Audit(t.Context(), store.AuditQuery{Key: ids[name], Text: "servers or groups", Decision: "deny", Limit: 1000})
		if err != nil || tried == 0 || len(own) != tried {
			t.Errorf("the audit of %s tells of %d namespaces, and it tried %d (%v)", name, len(own), tried, err)
		}
	}
}

// ask makes a request of 2026-07-28 with the key, and returns the status that came
// of it: that of HTTP, or that of the result.
func (g *gated) ask(c forbiddenCall, key string) (status int, said string) {
	g.t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, c.tool, c.arguments)
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, strings.TrimSuffix(g.address, "/mcp")+c.path, bytes.NewReader([]byte(body)))
	if err != nil {
		g.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": c.tool,
	} {
		r.Header.Set(name, value)
	}
	if key != "" {
		r.Header.Set("X-Drawbridge-Key", key)
	}
	for name, value := range c.headers {
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	if res.StatusCode != 200 {
		return res.StatusCode, string(raw)
	}
	text := string(raw)
	if _, data, ok := strings.Cut(text, "data: "); ok {
		text, _, _ = strings.Cut(data, "\n")
	}
	var m struct {
		Result struct {
			IsError bool `json:"isError"`
			Meta    struct {
				Status int `json:"status"`
			} `json:"_meta"`
		} `json:"result"`
		Error *struct{ Code int } `json:"error"`
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		g.t.Fatalf("%s: %v", raw, err)
	}
	switch {
	case m.Error != nil:
		return m.Error.Code, text
	case m.Result.IsError:
		return m.Result.Meta.Status, text
	}
	return 200, text
}
