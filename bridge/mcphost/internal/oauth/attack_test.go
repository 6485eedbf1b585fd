package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/oauthtest"
	"github.com/drawbridge-app/drawbridge/store"
)

// untouched fails if a browser was opened, a code or token was asked for, or
// anything is kept.
func (w *world) untouched(name string) {
	w.t.Helper()
	if n := len(w.opened()); n > 0 {
		w.t.Errorf("%s: the browser was sent to %q", name, w.opened())
	}
	if n := len(w.a.Asked("/token")); n > 0 || w.vault.text() != "" {
		w.t.Errorf("%s: a token was asked for, or kept", name)
	}
}

// TestLies holds what must be refused before anything is opened.
func TestLies(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(w *world){
		"metadata of another issuer":      func(w *world) { w.a.Meta(map[string]any{"issuer": "https://honest.example"}) },
		"metadata without an issuer":      func(w *world) { w.a.Meta(map[string]any{"issuer": nil}) },
		"an issuer with a path more":      func(w *world) { w.a.Meta(map[string]any{"issuer": w.a.URL + "/x"}) },
		"no PKCE":                         func(w *world) { w.a.Meta(map[string]any{"code_challenge_methods_supported": nil}) },
		"PKCE, but plain":                 func(w *world) { w.a.Meta(map[string]any{"code_challenge_methods_supported": []string{"plain"}}) },
		"PKCE in other letters":           func(w *world) { w.a.Meta(map[string]any{"code_challenge_methods_supported": []string{"s256"}}) },
		"no token endpoint":               func(w *world) { w.a.Meta(map[string]any{"token_endpoint": nil}) },
		"no authorization endpoint":       func(w *world) { w.a.Meta(map[string]any{"authorization_endpoint": ""}) },
		"a token endpoint without TLS":    func(w *world) { w.a.Meta(map[string]any{"token_endpoint": "http://auth.example.com/token"}) },
		"metadata of another resource":    func(w *world) { w.r.Meta(map[string]any{"resource": "https://honest.example/mcp"}) },
		"metadata of a path beside":       func(w *world) { w.r.Meta(map[string]any{"resource": w.r.URL + "/mc"}) },
		"metadata of a path below":        func(w *world) { w.r.Meta(map[string]any{"resource": w.r.URL + "/mcp/x"}) },
		"metadata without servers":        func(w *world) { w.r.Meta(map[string]any{"authorization_servers": []string{}}) },
		"metadata of the wrong kind":      func(w *world) { w.r.Meta(map[string]any{"authorization_servers": 7}) },
		"a registration in a private net": func(w *world) { w.a.Meta(map[string]any{"registration_endpoint": "https://10.0.0.1/register"}) },
		"no metadata where there must be": func(w *world) {
			w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool { http.NotFound(rw, r); return true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			lie(w)
			err := w.signIn(w.session())
			if !errors.Is(err, ErrRefused) || strings.HasPrefix(name, "no metadata") && !strings.Contains(err.Error(), "does not say how") {
				t.Errorf("%v", err)
			}
			w.untouched(name)
		})
	}
}

// TestDiscovery holds the ways to the metadata.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	t.Run("below the path without a hint", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.r.Hint(false)
		w.signedIn()
	})
	t.Run("at the root", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.r.Hint(false)
		w.r.Meta(map[string]any{"resource": w.r.URL})
		w.r.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/.well-known/oauth-protected-resource/mcp" {
				return false
			}
			http.NotFound(rw, r)
			return true
		})
		w.signedIn()
		if got := w.form("/token").Get("resource"); got != w.r.URL {
			t.Errorf("asked for %q", got)
		}
	})
	t.Run("OpenID", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.a.Meta(map[string]any{"issuer": w.a.URL + "/tenant"})
		w.r.Meta(map[string]any{"authorization_servers": []string{w.a.URL + "/tenant"}})
		var asked []string
		var mu sync.Mutex
		w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, ".well-known") {
				return false
			}
			mu.Lock()
			asked = append(asked, r.URL.Path)
			mu.Unlock()
			if r.URL.Path == "/tenant/.well-known/openid-configuration" {
				oauthtest.JSON(rw, 200, map[string]any{"issuer": w.a.URL + "/tenant", "authorization_endpoint": w.a.URL + "/authorize", "token_endpoint": w.a.URL + "/token",
					"registration_endpoint": w.a.URL + "/register", "code_challenge_methods_supported": []string{"S256"}})
				return true
			}
			fmt.Fprint(rw, "<html>a page for everything</html>")
			return true
		})
		w.a.Answer(func(q url.Values) { q.Del("iss") })
		w.signedIn()
		want := "[/.well-known/oauth-authorization-server/tenant /.well-known/openid-configuration/tenant /tenant/.well-known/openid-configuration]"
		if fmt.Sprint(asked) != want {
			t.Errorf("asked %v", asked)
		}
	})
	t.Run("of 2025-03-26", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t) // the server is its own authorization server, and says nothing
		w.r.Meta(map[string]any{"resource": w.r.Address()})
		w.r.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			switch {
			case strings.Contains(r.URL.Path, ".well-known"):
				http.NotFound(rw, r)
			case r.URL.Path == "/authorize", r.URL.Path == "/token", r.URL.Path == "/register":
				w.a.Config.Handler.ServeHTTP(rw, r)
			default:
				return false
			}
			return true
		})
		w.a.Answer(func(q url.Values) { q.Del("iss") })
		_, token := w.signedIn()
		w.holds(token)
		if w.form("/authorize").Get("code_challenge") == "" {
			t.Error("without PKCE")
		}
	})
}

// TestMixUp: the answer names another issuer, or none, or carries an error of
// another. Nothing of it is used or shown.
func TestMixUp(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(url.Values){
		"another":           func(q url.Values) { q.Set("iss", "https://evil.example") },
		"missing":           func(q url.Values) { q.Del("iss") },
		"twice":             func(q url.Values) { q.Add("iss", "https://evil.example") },
		"in other letters":  func(q url.Values) { q.Set("iss", strings.ToUpper(q.Get("iss"))) },
		"with a slash more": func(q url.Values) { q.Set("iss", q.Get("iss")+"/") },
		"another's error": func(q url.Values) {
			q.Del("code")
			q.Set("iss", "https://evil.example")
			q.Set("error", "server_error")
			q.Set("error_description", "CALL-THIS-NUMBER")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.a.Answer(change)
			s := w.session()
			err := w.signIn(s)
			if !errors.Is(err, errIssuer) {
				t.Errorf("%v", err)
			}
			for _, text := range []string{err.Error(), s.Info().Error} {
				if strings.Contains(text, "CALL-THIS") || strings.Contains(text, "server_error") || strings.Contains(text, "evil") {
					t.Errorf("the error shows what another sent: %s", text)
				}
			}
			if len(w.a.Asked("/token")) > 0 || w.vault.text() != "" {
				t.Error("the code was used")
			}
		})
	}
	// Without the promise, a right one counts and a wrong one does not.
	w := newWorld(t)
	w.a.Meta(map[string]any{"authorization_response_iss_parameter_supported": nil})
	w.signedIn()
	w.a.Answer(func(q url.Values) { q.Set("iss", "https://evil.example") })
	if err := w.signIn(w.session()); !errors.Is(err, errIssuer) {
		t.Errorf("%v", err)
	}
}

func TestDeclined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Answer(func(q url.Values) {
		q.Del("code")
		q.Set("error", "invalid_scope")
		q.Set("error_description", "not\x1b[31m today\u202e")
	})
	err := w.signIn(w.session())
	if !errors.Is(err, ErrDeclined) || !strings.Contains(err.Error(), "today") || strings.ContainsAny(err.Error(), "\x1b\u202e") {
		t.Errorf("%q", err)
	}
	w.a.Answer(func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") })
	if err := w.signIn(w.session()); !errors.Is(err, ErrDeclined) {
		t.Errorf("%v", err)
	}
	w.a.Answer(func(q url.Values) { q.Del("code") })
	if err := w.signIn(w.session()); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}

// TestCallback: what comes to the listener without the state of this sign-in
// changes nothing, and the state serves once.
func TestCallback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var pages []string
	get := func(method, address, host string) {
		req, err := http.NewRequest(method, address, nil)
		if err != nil {
			t.Error(err)
			return
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			pages = append(pages, "closed")
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode < 300 && !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Error("the page has no policy")
		}
		pages = append(pages, fmt.Sprint(resp.StatusCode))
		if strings.Contains(string(b), "<script") || strings.Contains(string(b), "FORGED") {
			t.Errorf("the page repeats what came: %s", b)
		}
	}
	var listener string
	s := w.session()
	err := s.SignIn(testContext(t), w.probe, func(_ context.Context, address string) error {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		redirect, state := u.Query().Get("redirect_uri"), u.Query().Get("state")
		at, err := url.Parse(redirect)
		if err != nil {
			return err
		}
		listener = at.Host
		if at.Hostname() != "127.0.0.1" || len(state) < 20 {
			t.Errorf("it waits at %s with the state %q", redirect, state)
		}
		get("GET", redirect+"?code=FORGED<script>&state=guess", "")
		get("GET", redirect+"?error=FORGED", "")
		get("GET", redirect+"?code=FORGED&state="+state+"&state=x", "")
		get("GET", "http://"+at.Host+"/favicon.ico", "")
		get("POST", redirect+"?code=FORGED&state="+state, "")
		get("GET", redirect+"?code=FORGED&state="+state, "evil.example")
		resp, err := http.Get(address) // the real browser
		if err != nil {
			return err
		}
		resp.Body.Close()
		get("GET", redirect+"?code=FORGED&state="+state, "")
		return nil
	})
	if err != nil {
		t.Errorf("%v", err)
	}
	if got := fmt.Sprint(pages[:6]); got != "[400 400 400 404 405 404]" || pages[6] != "410" && pages[6] != "closed" {
		t.Errorf("%v", pages)
	}
	for _, q := range w.a.Asked("/token") {
		if strings.Contains(q.Form.Get("code"), "FORGED") {
			t.Error("a forged code was used")
		}
	}
	if _, err := net.DialTimeout("tcp", listener, time.Second); err == nil {
		t.Error("the listener is still open")
	}
}

// TestStateAndVerifierAreNew at each sign-in.
func TestStateAndVerifierAreNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.signedIn()
	if err := w.signIn(s); err != nil {
		t.Fatal(err)
	}
	list := w.a.Asked("/authorize")
	for _, k := range []string{"state", "code_challenge"} {
		if list[0].Form.Get(k) == list[1].Form.Get(k) {
			t.Errorf("%s is the same twice", k)
		}
	}
}

// corpus are addresses that no browser may be sent to and nothing be asked at,
// after those that ran programs through mcp-remote (CVE-2025-6514) and others.
var corpus = []string{
	"http://www.$(calc.exe).com/", "https://www.$(calc.exe).com/", "https://a`id`.com/", "https://a\";calc;\".com/", "https://a'b.com/", "https://a&calc.com/",
	"https://a|calc.com/", "https://a;calc.com/", "https://a>x.com/", "https://a^b.com/", "https://a%25b.com/", "https://a!b.com/", "https://(a).com/",
	"a:$(calc.exe)?response_type=code", "file:/c:/windows/system32/calc.exe", "file:///etc/passwd", "javascript:alert(1)", "data:text/html,x", "vbscript:x",
	"ms-settings:", "search-ms:query=x", "vscode://x", "smb://a/b", "\\\\evil\\share", "//evil.example/x", "--renderer-cmd-prefix=calc", "-a", "", "calc.exe", "cmd:/c calc",
	"http://example.com/authorize", "HTTP://example.com/", "ftp://example.com/", "ws://example.com/", "https:example.com", "https:///x", "https://", "https://:443/",
	"https://user:pass@example.com/", "https://example.com@10.0.0.1/", "https://example.com/#frag", "https://exa mple.com/", "https://example.com:/", "https://example.com:x/",
	"https://bücher.example.org/", "https://１２７.0.0.1/", "https://[fe80::1%25eth0]/", "https://example.com\n.evil/", "https://example.com\x00/",
	"https://localhost/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0/", "https://0.0.0.0/",
	"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/admin", "https://169.254.169.254/latest/meta-data/", "https://100.100.100.200/", "https://[::1]/", "https://[::]/",
	"https://[::ffff:127.0.0.1]/", "https://[::ffff:a00:1]/", "https://[fd00::1]/", "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://nas/",
	"https://metadata.google.internal/", "https://router.lan/", "https://printer.local/", "http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/",
}

// TestCorpus sends the corpus through each place where a server can name an
// address. No process but the opener starts, since only the opener could start
// one, and it is not called; no connection goes where it should not.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for _, bad := range corpus {
		places := map[string]func(w *world, c *Challenge){
			"authorization endpoint": func(w *world, _ *Challenge) { w.a.Meta(map[string]any{"authorization_endpoint": bad}) },
			"token endpoint":         func(w *world, _ *Challenge) { w.a.Meta(map[string]any{"token_endpoint": bad}) },
			"registration endpoint":  func(w *world, _ *Challenge) { w.a.Meta(map[string]any{"registration_endpoint": bad}) },
			"authorization server":   func(w *world, _ *Challenge) { w.r.Meta(map[string]any{"authorization_servers": []string{bad}}) },
			"resource":               func(w *world, _ *Challenge) { w.r.Meta(map[string]any{"resource": bad}) },
			"resource metadata":      func(_ *world, c *Challenge) { c.Metadata = bad },
		}
		for place, put := range places {
			if bad == "" && place == "resource metadata" {
				continue // none is named
			}
			w := newWorld(t)
			s := w.session()
			dialled := watch(s)
			c := Challenge{Bearer: true}
			put(w, &c)
			err := s.SignIn(testContext(t), func(context.Context) (Challenge, error) { return c, nil }, w.open)
			if !errors.Is(err, ErrRefused) {
				t.Errorf("%s %q: %v", place, bad, err)
			}
			if n := len(w.opened()); n > 0 {
				t.Errorf("%s %q: the browser was sent to %q", place, bad, w.opened())
			}
			for _, to := range dialled() {
				if to != strings.TrimPrefix(w.a.URL, "http://") && to != strings.TrimPrefix(w.r.URL, "http://") {
					t.Errorf("%s %q: connected to %s", place, bad, to)
				}
			}
		}
	}
}

// TestTokens that cannot be sent safely, or say what they are not.
func TestTokens(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]map[string]any{
		"none":          {"token_type": "Bearer"},
		"another kind":  {"access_token": "x", "token_type": "mac"},
		"no kind":       {"access_token": "x"},
		"a line break":  {"access_token": "x\r\nX-Evil: 1", "token_type": "Bearer"},
		"a blank":       {"access_token": "x y", "token_type": "Bearer"},
		"beyond ASCII":  {"access_token": "tökén", "token_type": "Bearer"},
		"too long":      {"access_token": strings.Repeat("x", tokenMax+1), "token_type": "Bearer"},
		"a bad renewal": {"access_token": "x", "token_type": "Bearer", "refresh_token": "x\n"},
		"a number":      {"access_token": 7, "token_type": "Bearer"},
	} {
		w := newWorld(t)
		w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/token" {
				return false
			}
			oauthtest.JSON(rw, 200, answer)
			return true
		})
		if err := w.signIn(w.session()); !errors.Is(err, ErrRefused) || w.vault.text() != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnprotected: a server without TLS in the network gets no token.
func TestUnprotected(t *testing.T) {
	t.Parallel()
	s := New(Options{}, Target{Server: "http://mcp.example.com/mcp", Auth: store.Auth{}})
	err := s.SignIn(testContext(t), func(context.Context) (Challenge, error) { return Challenge{}, nil }, nil)
	if !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}
