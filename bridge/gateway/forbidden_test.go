package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// forbidden is a request that must be refused with a status before anything of
// it is read or run.
type forbidden struct {
	name    string
	method  string
	host    string // empty: the right one
	path    string
	headers [][2]string
	want    int
}

// corpus are requests that no gateway may answer: wrong hosts, origins, keys and
// namespaces, in both eras and by every way in.
func corpus() []forbidden {
	var out []forbidden
	good := [2]string{"Authorization", "Bearer key-office"}
	add := func(what string, want int, f forbidden) {
		f.name, f.want = fmt.Sprintf("%s %d", what, len(out)), want
		if f.method == "" {
			f.method = http.MethodPost
		}
		if f.path == "" {
			f.path = "/mcp"
		}
		out = append(out, f)
	}
	for _, host := range []string{
		"evil.com", "evil.com:80", "127.0.0.1.evil.com", "localhost.evil.com", "localhost.:80", "127.0.0.2:80", "0.0.0.0:80", "[::]:80", "169.254.169.254",
		"192.168.0.1:7777", "127.1:80", "2130706433:80", "0x7f000001:80", "127.0.0.1:", "127.0.0.1@evil.com", "evil.com#127.0.0.1", "[::ffff:127.0.0.1]:80", "LOCALHOST.EVIL.COM", "rebind.network:80", "localhost:80:80",
	} {
		add("host "+host, 403, forbidden{host: host, headers: [][2]string{good}})
	}
	for _, origin := range []string{
		"https://evil.com", "http://evil.com", "null", "http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://127.0.0.1:1", "http://localhost:1", "https://localhost", "file://", "chrome-extension://abc", "vscode-webview://x",
		"http://evil.com:80/127.0.0.1", "http://user@127.0.0.1", "http://127.0.0.1\t", "javascript:alert(1)", "http://[::1]", "ws://127.0.0.1", "//127.0.0.1", "127.0.0.1", "http://", "",
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			add("origin "+origin, 403, forbidden{method: method, headers: [][2]string{good, {"Origin", origin}}})
		}
	}
	add("two origins", 403, forbidden{headers: [][2]string{good, {"Origin", "http://$HOST"}, {"Origin", "http://evil.com"}}})
	for _, site := range []string{"cross-site", "same-site", "none, cross-site", "unknown"} {
		add("site "+site, 403, forbidden{headers: [][2]string{good, {"Sec-Fetch-Site", site}}})
	}
	for _, method := range []string{http.MethodOptions, http.MethodDelete, http.MethodPut, http.MethodHead} {
		add("preflight "+method, 403, forbidden{method: method, headers: [][2]string{{"Origin", "https://evil.com"}, {"Access-Control-Request-Method", "POST"}}})
	}
	for _, h := range [][][2]string{
		nil, {{"Authorization", ""}}, {{"Authorization", "Bearer"}}, {{"Authorization", "Bearer "}}, {{"Authorization", "key-office"}}, {{"Authorization", "Basic a2V5LW9mZmljZQ=="}},
		{{"Authorization", "Bearer wrong"}}, {{"Authorization", "Bearer key-office2"}}, {{"Authorization", "Bearer key-offic"}}, {{"Authorization", "Bearer KEY-OFFICE"}}, {{"Authorization", "Bearer key-office key-all"}},
		{{"Authorization", "Bearer key-office"}, {"Authorization", "Bearer key-all"}}, {{"Authorization", "bearer  "}}, {{"Authorization", "Digest key-office"}},
		{{"X-Drawbridge-Key", "wrong"}}, {{"X-Drawbridge-Key", ""}}, {{"X-Drawbridge-Key", "wrong"}, good}, {{"X-Litellm-Api-Key", "wrong"}, good}, {{"X-Litellm-Api-Key", "sk-1234"}}, {{"X-Drawbridge-Key", "a b"}},
		{{"X-Drawbridge-Key", "key-office"}, {"X-Drawbridge-Key", "key-all"}}, {{"X-Api-Key", "key-office"}}, {{"Api-Key", "key-office"}}, {{"Cookie", "key=key-office"}}, {{"Proxy-Authorization", "Bearer key-office"}},
		{{"X-Mcp-Auth", "Bearer key-office"}}, {{"Mcp-Session-Id", "key-office"}}, {{"X-Drawbridge-Key", strings.Repeat("k", 8000)}}, {{"Authorization", "Bearer key-office\x00"}},
	} {
		add("key", 401, forbidden{headers: h})
	}
	for _, path := range []string{"/mcp?key=key-office", "/mcp?access_token=key-office", "/mcp/office?x-drawbridge-key=key-office", "/key-office/mcp"} {
		add("key in the address", 401, forbidden{path: path})
	}
	for _, path := range []string{
		"/mcp/lab", "/lab/mcp", "/mcp/closed", "/closed/mcp", "/mcp/files,lab", "/mcp/office,closed", "/lab,files/mcp", "/mcp/nowhere", "/nowhere/mcp", "/mcp/lab/", "/mcp/%6cab", "/mcp/files,%6Cab", "/mcp/LAB",
		"/mcp/files/lab", "/mcp/*", "/mcp/lab%20", "/mcp/%20lab", "/mcp/..%2Flab", "/mcp/files%2Clab", "/mcp/office,nowhere", "/lab/notes/mcp", "/mcp/lab%00",
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			add("namespace "+path, 403, forbidden{method: method, path: path, headers: [][2]string{good}})
		}
	}
	for _, names := range []string{"lab", "closed", "files,lab", "nowhere", "Lab", "office, lab", "*", "files lab", "lab,", ",lab"} {
		add("header "+names, 403, forbidden{headers: [][2]string{good, {"X-Mcp-Servers", names}}})
	}
	add("two headers", 403, forbidden{headers: [][2]string{good, {"X-Mcp-Servers", "files"}, {"X-Mcp-Servers", "lab"}}})
	return out
}

// untouched is a body that nobody may read before a request is let in.
type untouched struct {
	io.Reader
	read bool
}

func (b *untouched) Read(p []byte) (int, error) {
	b.read = true
	return b.Reader.Read(p)
}

func (b *untouched) Close() error { return nil }

func TestForbiddenRequests(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g, _ := serve(t, w)
	list := corpus()
	if len(list) < 100 {
		t.Fatalf("the corpus has %d requests", len(list))
	}
	const host = "127.0.0.1:7777"
	ask := func(f forbidden, version string) (int, *untouched) {
		body := &untouched{Reader: strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__echo","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`)}
		path := f.path
		r := httptest.NewRequestWithContext(t.Context(), f.method, "http://"+host+path, body)
		r.Host = host
		if f.host != "" {
			r.Host = f.host
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
		if version == newer {
			r.Header.Set("Mcp-Protocol-Version", newer)
			r.Header.Set("Mcp-Method", "tools/call")
			r.Header.Set("Mcp-Name", "files__echo")
		}
		for _, h := range f.headers {
			r.Header.Add(h[0], strings.ReplaceAll(h[1], "$HOST", host))
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7777})))
		rec := httptest.NewRecorder()
		g.ServeHTTP(rec, r)
		return rec.Code, body
	}
	for _, version := range []string{older, newer} {
		for _, f := range list {
			status, body := ask(f, version)
			if status != f.want {
				t.Errorf("%s (%s %s %q): %d, not %d", f.name, f.method, f.path, f.headers, status, f.want)
			}
			if body.read {
				t.Errorf("%s: its body was read", f.name)
			}
		}
	}
	if n := w.ran.Load(); n != 0 {
		t.Errorf("%d calls reached a server", n)
	}
	strayed := 0
	for _, f := range list {
		if strings.HasPrefix(f.name, "namespace ") {
			strayed += 2 // in both eras
		}
	}
	if n := w.strayed.Load(); n == 0 || int(n) < strayed {
		t.Errorf("of %d requests for namespaces the runner was told %d times", strayed, n)
	}
	if got := g.Clients(); len(got) != 0 {
		t.Errorf("refused requests count as clients: %v", got)
	}
	// The same request with everything right does run, or the above shows nothing.
	status, body := ask(forbidden{method: http.MethodPost, path: "/mcp", headers: [][2]string{{"Authorization", "Bearer key-office"}, {"Origin", "http://$HOST"}}}, newer)
	if status != 200 || !body.read || w.ran.Load() != 1 {
		t.Errorf("the right request gave %d and ran %d times", status, w.ran.Load())
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.servers = append(w.servers, gateway.Server{ID: "lab-two", Name: "lab two", Forwards: true, Ready: true}, gateway.Server{ID: "local", Name: "local", Ready: true}, gateway.Server{ID: "x", Name: "twin"}, gateway.Server{ID: "y", Name: "Twin"})
	for i := range w.servers {
		switch w.servers[i].ID {
		case "files":
			w.servers[i].Extra = []string{"x-tenant", "authorization", "x-drawbridge-key", "Mcp-Session-Id", "Content-Type"}
		case "notes":
			w.servers[i].AuthHeader = "X-Api-Key"
		}
	}
	w.tools["lab-two"], w.tools["local"] = nil, []tools.Tool{tool("local", "echo")}
	for _, id := range []string{"lab-two", "local"} {
		w.tools[id] = []tools.Tool{tool(id, "echo")}
	}
	w.key("all", "files", "notes", "lab", "lab-two", "local")
	w.call = forwarded
	_, address := serve(t, w)
	_, renamed := serve(t, w, func(o *gateway.Options) { o.CredentialHeader = "x-my-auth" })
	for _, c := range []struct {
		name    string
		address string
		key     headers
		given   headers
		want    map[string]string // by tool
	}{
		{"nothing", address, bearer("all"), headers{"X-Tenant": "t", "Cookie": "c", "X-Other": "o"}, map[string]string{"files": "X-Tenant=t", "lab": "", "notes": ""}},
		{"for one server alone", address, bearer("all"), headers{"x-mcp-lab-authorization": "Bearer a", "X-Mcp-Files-X-Token": "b"}, map[string]string{"lab": "Authorization=Bearer a", "files": "X-Token=b", "notes": "", "lab-two": ""}},
		{"the longer name", address, bearer("all"), headers{"x-mcp-lab-two-authorization": "z"}, map[string]string{"lab": "", "lab-two": "Authorization=z"}},
		{"the name with a blank", address, bearer("all"), headers{"x-mcp-lab_two-authorization": "z"}, map[string]string{"lab": "", "lab-two": "Authorization=z"}},
		{"for all", address, bearer("all"), headers{"x-mcp-auth": "tok"}, map[string]string{"lab": "Authorization=Bearer tok", "files": "Authorization=Bearer tok", "notes": "X-Api-Key=tok", "local": ""}},
		{"for all, with its scheme", address, bearer("all"), headers{"x-mcp-auth": "Basic tok"}, map[string]string{"lab": "Authorization=Basic tok"}},
		{"its own before that for all", address, bearer("all"), headers{"x-mcp-auth": "tok", "x-mcp-lab-authorization": "mine"}, map[string]string{"lab": "Authorization=mine", "files": "Authorization=Bearer tok"}},
		{"renamed", renamed, bearer("all"), headers{"x-my-auth": "tok"}, map[string]string{"lab": "Authorization=Bearer tok"}},
		{"renamed, by the old name", renamed, bearer("all"), headers{"x-mcp-auth": "tok"}, map[string]string{"lab": ""}},
		{"the key is never passed on", address, bearer("all"), headers{}, map[string]string{"files": ""}},
		{"authorization, with the key elsewhere", address, headers{"x-drawbridge-key": "key-all"}, headers{"Authorization": "Bearer user"}, map[string]string{"files": "Authorization=Bearer user", "lab": ""}},
		{"with LiteLLM's header", address, headers{"x-litellm-api-key": "Bearer key-all"}, headers{"Authorization": "Bearer user"}, map[string]string{"files": "Authorization=Bearer user", "lab": ""}},
		{"what is the protocol's", address, bearer("all"), headers{"x-mcp-lab-content-length": "3", "x-mcp-lab-host": "evil.com", "x-mcp-lab-mcp-session-id": "s", "x-mcp-lab-x-drawbridge-key": "k"}, map[string]string{"lab": ""}},
		{"a name that two have", address, bearer("all"), headers{"x-mcp-twin-authorization": "z"}, map[string]string{"lab": "", "files": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, func(t *testing.T, version string) {
				h := headers{}
				for k, v := range c.key {
					h[k] = v
				}
				for k, v := range c.given {
					h[k] = v
				}
				s := mustDial(t, c.address+"/mcp", version, h, nil)
				for server, want := range c.want {
					r, err := s.CallTool(t.Context(), callOf(server))
					if err != nil {
						t.Fatal(err)
					}
					if got := text(t, r); got != want {
						t.Errorf("%s was sent %q, not %q", server, got, want)
					}
				}
			})
		})
	}
}

// TestServeNeedsTLS lets nobody listen for other computers in the clear.
func TestServeNeedsTLS(t *testing.T) {
	t.Parallel()
	w := newWorld()
	g := gateway.New(gateway.Options{Runner: w, Keys: w})
	defer g.Close()
	open := fakeListener{addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}}
	if err := g.Serve(t.Context(), open, nil); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("it would serve %s: %v", open.Addr(), err)
	}
	l, err := gateway.Listen(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !gateway.Loopback(l) {
		t.Errorf("by default it listens at %s", l.Addr())
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if _, err := gateway.Listen(t.Context(), "", l.Addr().(*net.TCPAddr).Port); err == nil || !strings.Contains(err.Error(), port) {
		t.Errorf("a port that is taken: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, l, nil) }()
	s := mustDial(t, "http://"+l.Addr().String()+"/mcp", older, bearer("all"), nil)
	names(t, s)
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

type fakeListener struct{ addr net.Addr }

func (l fakeListener) Accept() (net.Conn, error) { return nil, errors.New("closed") }
func (l fakeListener) Close() error              { return nil }
func (l fakeListener) Addr() net.Addr            { return l.addr }

// FuzzRequests holds any request against the rule: nothing runs that the key may
// not run, and nothing panics.
func FuzzRequests(f *testing.F) {
	for _, c := range corpus()[:60] {
		var h strings.Builder
		for _, one := range c.headers {
			h.WriteString(one[0] + ":" + one[1] + "\n")
		}
		f.Add(c.path, h.String(), `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, true)
	}
	f.Add("/mcp/lab", "X-Mcp-Servers:lab\n", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lab__echo"}}`, false)
	f.Add("/mcp", "Mcp-Session-Id:x\n", `[{"jsonrpc":"2.0","id":1,"method":"initialize"}]`, true)
	f.Add("/mcp", "", `{"jsonrpc":"2.0","id":{},"method":"resources/read","params":{"uri":"drawbridge://lab/x","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, true)
	w := newWorld()
	w.call = onlyOffice(f)
	g := gateway.New(gateway.Options{Runner: w, Keys: w})
	f.Cleanup(g.Close)
	f.Fuzz(func(t *testing.T, path, lines, body string, modern bool) {
		if len(body) > 1<<16 || strings.ContainsAny(path, " \r\n\x00#") || !strings.HasPrefix(path, "/") {
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:7777"+path, strings.NewReader(body))
		if err != nil {
			return
		}
		for line := range strings.SplitSeq(lines, "\n") {
			if k, v, ok := strings.Cut(line, ":"); ok {
				r.Header.Add(k, v)
			}
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("X-Drawbridge-Key", "key-office")
		if modern {
			var m struct {
				Method string
				Params struct{ Name, URI string }
			}
			json.Unmarshal([]byte(body), &m)
			r.Header.Set("Mcp-Protocol-Version", newer)
			r.Header.Set("Mcp-Method", m.Method)
			r.Header.Set("Mcp-Name", m.Params.Name+m.Params.URI)
			if m.Method == "subscriptions/listen" {
				return // a stream that lasts
			}
		}
		g.ServeHTTP(httptest.NewRecorder(), r)
	})
}
