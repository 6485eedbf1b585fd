package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/oauthtest"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestIssuersAreComparedAsWritten: only an empty path may be written as "/".
func TestIssuersAreComparedAsWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"https://a.example", "https://a.example", true}, {"https://a.example/", "https://a.example", true},
		{"https://a.example/tenant", "https://a.example/tenant/", false}, {"https://a.example/tenant", "https://a.example", false},
		{"https://A.example", "https://a.example", false}, {"http://a.example", "https://a.example", false},
		{"https://a.example:443", "https://a.example", false}, {"https://a.example/%74enant", "https://a.example/tenant", false},
		{"", "", false}, {"", "https://a.example", false},
	} {
		if got := sameIssuer(tt.a, tt.b); got != tt.same {
			t.Errorf("%q and %q: %t", tt.a, tt.b, got)
		}
	}
}

// TestResourcesThatAreAnothers: the metadata of a resource is for that address,
// or for one above it, and for no other way to write it.
func TestResourcesThatAreAnothers(t *testing.T) {
	t.Parallel()
	server, err := url.Parse("https://mcp.example.com/a/b?tenant=1")
	if err != nil {
		t.Fatal(err)
	}
	for id, good := range map[string]bool{
		"https://mcp.example.com/a/b?tenant=1": true, "https://mcp.example.com/a/b": true, "https://mcp.example.com/a/": true, "https://mcp.example.com": true, "https://MCP.example.com:443/a": true,
		"https://mcp.example.com/a/b?tenant=2": false, "https://mcp.example.com/a/bc": false, "https://mcp.example.com/a/b/c": false, "https://mcp.example.com:8443/a": false,
		"http://mcp.example.com/a/b": false, "https://mcp.example.com/a/b#x": false, "https://me@mcp.example.com/a/b": false, "https://mcp.example.com.evil.com/a/b": false,
		"/a/b": false, "": false, "https://mcp.example.com/a?" + strings.Repeat("x", addressMax): false,
	} {
		text, err := json.Marshal(map[string]any{"resource": id, "authorization_servers": []string{"https://a.example"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readResource(text, server); (err == nil) != good || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%.100q: %v", id, err)
		}
	}
	long := "https://mcp.example.com/" + strings.Repeat("a", addressMax)
	if server, err = url.Parse(long); err != nil {
		t.Fatal(err)
	}
	if _, err := readResource([]byte(`{"resource":"`+long+`","authorization_servers":["https://a.example"]}`), server); !errors.Is(err, ErrRefused) {
		t.Errorf("an address without end: %v", err)
	}
	if _, err := safe(long); !errors.Is(err, ErrRefused) {
		t.Errorf("an address without end: %v", err)
	}
}

// TestScopesAreChecked wherever they come from.
func TestScopesAreChecked(t *testing.T) {
	t.Parallel()
	bad := []string{"good", "with blank", "qu\"ote", "back\\slash", "ünicode", "line\nbreak", "", "good", strings.Repeat("x", 300)}
	text, err := json.Marshal(map[string]any{"resource": "https://a.example", "issuer": "https://a.example", "authorization_servers": []string{"https://a.example"}, "scopes_supported": bad,
		"authorization_endpoint": "https://a.example/a", "token_endpoint": "https://a.example/t", "code_challenge_methods_supported": []string{"S256"}})
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse("https://a.example")
	if err != nil {
		t.Fatal(err)
	}
	if r, err := readResource(text, server); err != nil || !slices.Equal(r.Scopes, []string{"good"}) {
		t.Errorf("%q, %v", r.Scopes, err)
	}
	if a, err := readAuthority(text, "https://a.example", true); err != nil || !slices.Equal(a.Scopes, []string{"good"}) {
		t.Errorf("%q, %v", a.Scopes, err)
	}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprint("scope", i))
	}
	if got := scopes(many); len(got) != scopesMax {
		t.Errorf("%d scopes", len(got))
	}
	h := http.Header{"Www-Authenticate": {`Bearer scope="a a b` + "\x01" + ` c\\d e"`}}
	if got := ReadChallenge(h).Scopes; !slices.Equal(got, []string{"a", "e"}) {
		t.Errorf("%q", got)
	}
}

// TestScopesThatAreAskedFor: those of the challenge come first, and where tokens
// can be renewed that is asked for, with the consent that it needs.
func TestScopesThatAreAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Meta(map[string]any{"scopes_supported": []string{"offline_access", "admin"}})
	challenged := func(context.Context) (Challenge, error) {
		return Challenge{Bearer: true, Metadata: w.r.URL + "/.well-known/oauth-protected-resource/mcp", Scopes: []string{"mcp:write"}}, nil
	}
	if err := w.session().SignIn(testContext(t), challenged, w.open); err != nil {
		t.Fatal(err)
	}
	q := w.form("/authorize")
	if q.Get("scope") != "mcp:write offline_access" || q.Get("prompt") != "consent" {
		t.Errorf("the browser was sent with %v", q)
	}

	w = newWorld(t)
	w.signedIn()
	if q := w.form("/authorize"); q.Has("prompt") || strings.Contains(q.Get("scope"), "offline_access") {
		t.Errorf("the browser was sent with %v", q)
	}

	w = newWorld(t) // a program renews nothing
	w.a.Client("robot", "robot secret")
	w.a.Meta(map[string]any{"scopes_supported": []string{"offline_access"}})
	w.target.Auth = store.Auth{Kind: store.AuthClient, ClientID: "robot", Secret: store.RefTo("x"), Origins: []string{w.a.URL}}
	w.target.Secret = func(context.Context) (store.Secret, error) { return store.NewSecret("robot secret"), nil }
	if _, err := w.session().Refused(testContext(t), "", Challenge{}); err != nil {
		t.Fatal(err)
	}
	if got := w.form("/token").Get("scope"); got != "mcp:read" {
		t.Errorf("a program asks for %q", got)
	}
}

// TestMetadataThatFails: an outage is no proof that there is no metadata, and
// leads to no guess.
func TestMetadataThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var guessed atomic.Int32
	w.r.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.Contains(r.URL.Path, "oauth-protected-resource"):
			http.Error(rw, "later", http.StatusBadGateway)
		case r.URL.Path == "/mcp":
			return false
		default:
			guessed.Add(1)
			http.NotFound(rw, r)
		}
		return true
	})
	if err := w.signIn(w.session()); err == nil || errors.Is(err, ErrRefused) || !Passing(err) {
		t.Errorf("%v", err)
	}
	w.untouched("an outage")
	if guessed.Load() > 0 {
		t.Error("endpoints were guessed")
	}

	w = newWorld(t)
	w.r.Meta(map[string]any{"authorization_servers": []string{w.a.URL + "/?x=y"}})
	if err := w.signIn(w.session()); !errors.Is(err, ErrRefused) || len(w.a.Asked("/.well-known/oauth-authorization-server")) > 0 {
		t.Errorf("an issuer with a query: %v", err)
	}

	w = newWorld(t) // redirects within the origin, but not for ever
	w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		http.Redirect(rw, r, r.URL.Path+"x", http.StatusFound)
		return true
	})
	if err := w.signIn(w.session()); !errors.Is(err, ErrRefused) {
		t.Errorf("redirects without end: %v", err)
	}
}

// TestAnswersOfTheBrowser: what the answer says is checked and shown safely.
func TestAnswersOfTheBrowser(t *testing.T) {
	t.Parallel()
	p := place{authority: authority{Issuer: "https://a.example"}}
	for name, q := range map[string]url.Values{
		"two codes": {"code": {"a", "b"}}, "an empty code": {"code": {""}}, "no code": {}, "a code without end": {"code": {strings.Repeat("c", tokenMax+1)}},
	} {
		if err := p.judge(q); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.judge(url.Values{"error": {"odd\x1b[31m\u202e" + strings.Repeat("x", 1000)}}); !errors.Is(err, ErrDeclined) || strings.ContainsAny(err.Error(), "\x1b\u202e") || len(err.Error()) > 300 {
		t.Errorf("%v", err)
	}
	if err := p.judge(url.Values{"code": {"c"}, "iss": {"https://a.example"}}); err != nil {
		t.Errorf("%v", err)
	}
	// Whose endpoints were guessed or typed has told no issuer to compare with.
	for _, a := range []authority{{Issuer: "https://a.example", withoutMeta: true}, {typed: true}} {
		if err := (place{authority: a}).judge(url.Values{"code": {"c"}, "iss": {"https://b.example"}}); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// TestQueryOfTheServer: the metadata of a resource is asked for with the query of
// its address (RFC 9728, section 3.1).
func TestQueryOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.r.Hint(false)
	w.target.Server += "?tenant=1"
	w.r.Meta(map[string]any{"resource": w.target.Server})
	var asked atomic.Value
	w.r.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "oauth-protected-resource") {
			asked.Store(r.URL.RequestURI())
		}
		return false
	})
	if err := w.signIn(w.session()); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got != "/.well-known/oauth-protected-resource/mcp?tenant=1" {
		t.Errorf("asked for %v", got)
	}
}

// TestStateServesOnce, also while the listener is still open.
func TestStateServesOnce(t *testing.T) {
	t.Parallel()
	l, err := listen(0, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	got := l.serve("the-state", func(url.Values) error { return nil })
	for i, want := range []int{http.StatusOK, http.StatusGone, http.StatusGone} {
		resp, err := http.Get(l.redirect + "?state=the-state&code=" + fmt.Sprint("code", i))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("the answer %d: %s", i, resp.Status)
		}
	}
	if o := <-got; o.code != "code0" {
		t.Errorf("the code is %q", o.code)
	}
}

// answers has the token endpoint answer so, with a token where there is none.
func (w *world) answers(status int, body map[string]any) {
	w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		if status == http.StatusOK && body["access_token"] == nil {
			body["access_token"], body["token_type"] = fmt.Sprint("access-", time.Now().UnixNano()), "Bearer"
		}
		oauthtest.JSON(rw, status, body)
		return true
	})
}

// clock is a time that a test sets.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func (w *world) clock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	w.o.Now = c.now
	return c
}

// TestRenewalKeeps what the answer leaves out (RFC 6749, section 6).
func TestRenewalKeeps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Account("ada@example.com")
	s, token := w.signedIn()
	before := s.grant
	w.answers(http.StatusOK, map[string]any{"expires_in": 3600})
	fresh, err := s.Refused(testContext(t), token, Challenge{})
	if err != nil || fresh == token {
		t.Fatal(err)
	}
	g := s.grant
	if g.Refresh != before.Refresh || !slices.Equal(g.Scopes, before.Scopes) || g.Account != "ada@example.com" || g.Revoke != before.Revoke || g.Resource != before.Resource {
		t.Errorf("%+v became %+v", before, g)
	}
}

// TestRenewalThatFails: a token that still holds is used meanwhile, and nobody is
// asked again at once.
func TestRenewalThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.clock()
	s, token := w.signedIn()
	asked := func() int { return len(w.a.Asked("/token")) }
	w.answers(http.StatusServiceUnavailable, map[string]any{})
	c.advance(time.Hour - 50*time.Second)
	for range 3 {
		if got := w.token(s); got != token {
			t.Errorf("got %q", got)
		}
	}
	if n := asked(); n != 2 {
		t.Errorf("the token endpoint was asked %d times", n)
	}
	c.advance(tryAgainAfter + time.Second)
	w.token(s)
	if n := asked(); n != 3 {
		t.Errorf("the token endpoint was asked %d times", n)
	}
	c.advance(time.Minute) // it has expired
	if got, err := s.Token(testContext(t)); err == nil || got != "" || errors.Is(err, ErrNeeded) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestAcceptedTokenSettles: a token that works after all needs no new sign-in,
// unless rights are missing.
func TestAcceptedTokenSettles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, token := w.signedIn()
	_ = s.need(nil)
	s.Accepted(token)
	if i := s.Info(); i.Needed {
		t.Errorf("%+v", i)
	}
	_ = s.need([]string{"more"})
	s.Accepted(token)
	if i := s.Info(); !i.Needed {
		t.Errorf("%+v", i)
	}
}

// TestShortLives: a token of a few minutes is not renewed all the time, and a
// life beyond reason is none.
func TestShortLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.clock()
	w.a.Life(50 * time.Second)
	s, token := w.signedIn()
	c.advance(35 * time.Second)
	if w.token(s) != token {
		t.Error("a token that holds for 15 of its 50 seconds was renewed")
	}
	c.advance(8 * time.Second)
	if w.token(s) == token {
		t.Error("a token that holds for 7 of its 50 seconds was not renewed")
	}
	for _, life := range []any{1e300, -5, "never", "1e10", map[string]any{}} {
		w := newWorld(t)
		w.answers(http.StatusOK, map[string]any{"expires_in": life})
		s, token := w.signedIn()
		if i := s.Info(); !i.Expires.IsZero() || w.token(s) != token {
			t.Errorf("%v: %+v", life, i)
		}
	}
}

// TestRefusalsTellNothing: what was sent does not come back in an error.
func TestRefusalsTellNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		f := w.a.Asked("/token")[0].Form
		oauthtest.JSON(rw, http.StatusBadRequest, map[string]any{"error": f.Get("code"), "error_description": "\x1b[31mgot " + f.Get("code") + " and " + f.Get("code_verifier") + strings.Repeat("x", 5000)})
		return true
	})
	err := w.signIn(w.session())
	f := w.form("/token")
	if err == nil || strings.Contains(err.Error(), f.Get("code")) || strings.Contains(err.Error(), f.Get("code_verifier")) || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 600 {
		t.Errorf("%v", err)
	}
}

// TestSecretsAreLearned before anybody could show them: tokens, codes and what
// the program is registered with, new or kept.
func TestSecretsAreLearned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Meta(map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}})
	learned := map[string]bool{}
	w.o.Learned = func(s string) { learned[s] = true }
	_, token := w.signedIn()
	f := w.form("/token")
	var kept record
	if err := json.Unmarshal([]byte(w.vault.text()), &kept); err != nil {
		t.Fatal(err)
	}
	with := kept.Issuers[w.a.URL]
	all := []string{token, with.Grant.Refresh, with.Client.Secret}
	for _, secret := range append(all, f.Get("code"), f.Get("code_verifier")) {
		if secret == "" || !learned[secret] {
			t.Errorf("%q is not known as a secret", secret)
		}
	}
	clear(learned)
	s := w.session()
	if _, err := s.readGrant(answer{status: 200, body: []byte(`{"access_token":"refused-token","token_type":"mac"}`)}, w.a.URL); !errors.Is(err, ErrRefused) || !learned["refused-token"] {
		t.Errorf("a token that is refused is not known as a secret: %v", err)
	}
	c, err := s.register(testContext(t), place{authority: authority{Register: w.a.URL + "/register", TokenAuth: []string{"client_secret_basic"}}}, "http://127.0.0.1:7000/callback")
	if err != nil || c.Secret == "" || !learned[c.Secret] {
		t.Errorf("what it registered with is not known as a secret: %v", err)
	}
	w.token(w.session())
	for _, secret := range all {
		if !learned[secret] {
			t.Errorf("after a restart %q is not known as a secret", secret)
		}
	}
}

// TestSecretsAreEncoded for the header, so that no character ends them early
// (RFC 6749, section 2.3.1).
func TestSecretsAreEncoded(t *testing.T) {
	t.Parallel()
	c := client{ID: "my id:%2B", Secret: "a+b%41:c d&e", Auth: store.TokenAuthBasic}
	form := url.Values{}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.identify(form), "Basic "))
	if err != nil || string(raw) != "my+id%3A%252B:a%2Bb%2541%3Ac+d%26e" || form.Has("client_secret") {
		t.Errorf("%q, %v, %v", raw, form, err)
	}
}

// TestRegistrationAgain: what was registered serves only while it fits.
func TestRegistrationAgain(t *testing.T) {
	t.Parallel()
	s := New(Options{}, Target{Server: "https://a.example"})
	p := place{authority: authority{Issuer: "https://a.example"}} // one that registers nobody
	redirect := "http://127.0.0.1:7000/callback"
	old := client{ID: "old", Redirect: redirect}
	if c, err := s.be(testContext(t), p, redirect, old); err != nil || c != old {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := s.be(testContext(t), p, "http://127.0.0.1:7001/callback", old); err == nil {
		t.Errorf("with another redirect: %+v", c)
	}
	old.Secret, old.Expires = "secret", time.Now().Add(-time.Minute).Unix()
	if c, err := s.be(testContext(t), p, redirect, old); err == nil {
		t.Errorf("with a secret that has expired: %+v", c)
	}
}

// TestRegistrationsThatLie are not taken.
func TestRegistrationsThatLie(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"refused":        {400, `{"client_id":"x"}`},
		"no id":          {201, `{}`},
		"a line break":   {201, `{"client_id":"x\r\ny"}`},
		"without end":    {201, `{"client_id":"` + strings.Repeat("x", 3000) + `"}`},
		"a bad secret":   {201, `{"client_id":"x","client_secret":"a\nb"}`},
		"another kind":   {201, `{"client_id":7}`},
		"no JSON at all": {201, `<html>`},
	} {
		w := newWorld(t)
		w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/register" {
				return false
			}
			rw.WriteHeader(tt.status)
			_, _ = io.WriteString(rw, tt.body)
			return true
		})
		if err := w.signIn(w.session()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		w.untouched(name)
	}
	// A public client has no secret, whatever comes along.
	w := newWorld(t)
	w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/register" {
			return false
		}
		w.a.Client("public", "")
		oauthtest.JSON(rw, 201, map[string]any{"client_id": "public", "client_secret": "never-to-be-sent", "token_endpoint_auth_method": "none"})
		return true
	})
	w.signedIn()
	if q := w.a.Asked("/token")[0]; q.Basic != "" || q.Form.Has("client_secret") {
		t.Errorf("the secret was sent: %+v", q)
	}
}

// TestProgramKeepsItsSecret: also a program shows its secret to no other
// authorization server than the first.
func TestProgramKeepsItsSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Client("robot", "robot secret")
	other := oauthtest.NewAuthority(t)
	other.Client("robot", "robot secret")
	w.target.Auth = store.Auth{Kind: store.AuthClient, ClientID: "robot", Secret: store.RefTo("x"), Origins: []string{w.a.URL, other.URL}}
	w.target.Secret = func(context.Context) (store.Secret, error) { return store.NewSecret("robot secret"), nil }
	s := w.session()
	token, err := s.Refused(testContext(t), "", Challenge{})
	if err != nil {
		t.Fatal(err)
	}
	s.Accepted(token)
	w.r.Meta(map[string]any{"authorization_servers": []string{other.URL}})
	if _, err := s.Refused(testContext(t), token, Challenge{}); !errors.Is(err, ErrRefused) || len(other.Asked("/token")) > 0 {
		t.Errorf("the secret went to another authorization server: %v", err)
	}
}

// TestIssuersOfOneServer: the tokens of one are dropped when another's come, and
// a server that names ever new ones fills nothing.
func TestIssuersOfOneServer(t *testing.T) {
	t.Parallel()
	var r record
	for i := range 3 * issuersMax {
		r.put(fmt.Sprint("https://a", i, ".example"), client{ID: "c"}, grant{Access: fmt.Sprint("token", i)})
		with := 0
		for _, w := range r.Issuers {
			if w.Grant != nil {
				with++
			}
		}
		if with != 1 || len(r.Issuers) > issuersMax || r.Issuers[r.Current].Grant.Access != fmt.Sprint("token", i) {
			t.Errorf("after %d: %d with tokens, of %d", i, with, len(r.Issuers))
		}
	}
	if r.Bound != "https://a0.example" {
		t.Errorf("it is bound to %s", r.Bound)
	}
}

// TestKeptSignInsAreChecked: what the keychain holds may be old, or another's.
func TestKeptSignInsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedIn()
	good := w.vault.text()
	change := func(f func(*grant)) {
		var r record
		if err := json.Unmarshal([]byte(good), &r); err != nil {
			t.Fatal(err)
		}
		f(r.Issuers[r.Current].Grant)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		w.vault.value = string(b)
	}
	for name, f := range map[string]func(*grant){
		"a line break in the token":         func(g *grant) { g.Access = "a\r\nX: y" },
		"no token":                          func(g *grant) { g.Access = "" },
		"a line break in that for renewing": func(g *grant) { g.Refresh = "a\nb" },
	} {
		change(f)
		if token := w.token(w.session()); token != "" {
			t.Errorf("%s: %q is sent", name, token)
		}
	}
	change(func(*grant) {})
	w.target.Auth.TokenURL, w.target.Auth.AuthorizationURL, w.target.Auth.ClientID = "https://typed.example/token", "https://typed.example/authorize", ""
	if token := w.token(w.session()); token != "" {
		t.Error("a token is sent although the person typed another place since")
	}
}
