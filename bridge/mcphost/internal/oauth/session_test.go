package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/oauthtest"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Account("ada@example.com")
	s, token := w.signedIn()
	w.holds(token)
	i := s.Info()
	if !i.SignedIn || i.Waiting || i.Needed || i.Issuer != w.a.URL || i.Account != "ada@example.com" || !i.Renews || i.Expires.IsZero() || !slices.Equal(i.Scopes, []string{"mcp:read"}) {
		t.Errorf("%+v", i)
	}
	q := w.form("/authorize")
	for k, v := range map[string]string{"resource": w.r.Address(), "code_challenge_method": "S256", "response_type": "code", "scope": "mcp:read"} {
		if q.Get(k) != v {
			t.Errorf("the browser was sent with %s=%q, not %q", k, q.Get(k), v)
		}
	}
	if got := w.form("/token").Get("resource"); got != w.r.Address() {
		t.Errorf("the token was asked for the resource %q", got)
	}
	// It is still there after a restart of the program.
	again := w.session()
	if got := w.token(again); got != token {
		t.Errorf("after a restart the token is another")
	}
	if i := again.Info(); !i.SignedIn || i.Account != "ada@example.com" {
		t.Errorf("after a restart: %+v", i)
	}
}

// TestTokensStayWithTheirServer: the entry of the server gets another address.
func TestTokensStayWithTheirServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedIn()
	w.target.Server = strings.Replace(w.target.Server, "/mcp", "/other", 1)
	if token := w.token(w.session()); token != "" {
		t.Error("the token would be sent to another address")
	}
	w.target.Server = w.r.Address()
	w.target.Auth.ClientID = "somebody else"
	if token := w.token(w.session()); token != "" {
		t.Error("another client uses the token")
	}
}

// TestRegistration holds the order of the specification.
func TestRegistration(t *testing.T) {
	t.Parallel()
	t.Run("registers itself", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s, _ := w.signedIn()
		var ask map[string]any
		if err := json.Unmarshal(w.a.Asked("/register")[0].Body, &ask); err != nil {
			t.Fatal(err)
		}
		if ask["application_type"] != "native" || ask["token_endpoint_auth_method"] != "none" {
			t.Errorf("it registered as %v", ask)
		}
		// The registration serves again, with its port.
		if err := s.SignOut(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if err := w.signIn(s); err != nil {
			t.Fatal(err)
		}
		if n := len(w.a.Asked("/register")); n != 1 {
			t.Errorf("it registered %d times", n)
		}
	})
	t.Run("gets a secret", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{"basic", "post"} {
			w := newWorld(t)
			w.a.Meta(map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_" + method}})
			w.signedIn()
			q := w.a.Asked("/token")[0]
			if (q.Basic != "") != (method == "basic") || (q.Form.Get("client_secret") != "") != (method == "post") {
				t.Errorf("%s: the secret went %q and %v", method, q.Basic, q.Form)
			}
		}
	})
	t.Run("document", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.target.Document = "https://drawbridge.example/client.json"
		w.signedIn()
		if len(w.a.Asked("/register")) != 1 {
			t.Error("the document was shown to a server that does not read any")
		}
		w = newWorld(t)
		w.target.Document = "https://drawbridge.example/client.json"
		w.a.Meta(map[string]any{"client_id_metadata_document_supported": true})
		w.signedIn()
		if got := w.form("/authorize").Get("client_id"); got != w.target.Document || len(w.a.Asked("/register")) != 0 {
			t.Errorf("it called itself %q", got)
		}
	})
	t.Run("with a secret as the server names first", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			supported []string
			method    string
			inForm    bool
		}{
			{[]string{"client_secret_post", "client_secret_basic"}, "client_secret_post", true},
			{[]string{"client_secret_basic", "client_secret_post"}, "client_secret_basic", false},
			{[]string{"private_key_jwt", "client_secret_post"}, "client_secret_post", true},
		} {
			w := newWorld(t)
			w.a.Meta(map[string]any{"token_endpoint_auth_methods_supported": c.supported})
			w.signedIn()
			if asked := w.a.Asked("/register"); len(asked) != 1 || !strings.Contains(string(asked[0].Body), c.method) {
				t.Errorf("%v: it registered with %v", c.supported, asked)
			}
			// Its name is in the form either way: some servers look nowhere else.
			form := w.form("/token")
			if form.Get("client_id") == "" || form.Has("client_secret") != c.inForm {
				t.Errorf("%v: the form has %v", c.supported, form)
			}
		}
	})
	t.Run("registered by hand", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.a.Client("by hand", "its/secret:&")
		w.target.Document = "https://drawbridge.example/client.json"
		w.a.Meta(map[string]any{"client_id_metadata_document_supported": true})
		w.target.Auth.ClientID, w.target.Auth.Secret = "by hand", store.RefTo("x")
		w.target.Secret = func(context.Context) (store.Secret, error) { return store.NewSecret("its/secret:&"), nil }
		s, token := w.signedIn()
		if got := w.form("/authorize").Get("client_id"); got != "by hand" {
			t.Errorf("it called itself %q", got)
		}
		w.a.Revoke(false)
		if fresh, err := s.Refused(testContext(t), token, Challenge{Bearer: true}); err != nil || fresh == token {
			t.Errorf("renew with the secret: %v", err)
		}
		if strings.Contains(w.vault.text(), "its/secret") {
			t.Error("the client's secret is kept twice")
		}
		// Its secret is for the authorization server that got it first.
		other := oauthtest.NewAuthority(t)
		other.Client("by hand", "its/secret:&")
		w.target.Auth.Origins = append(w.target.Auth.Origins, other.URL)
		w.r.Meta(map[string]any{"authorization_servers": []string{other.URL}})
		err := w.signIn(w.session())
		if !errors.Is(err, ErrRefused) || len(other.Asked("/token")) != 0 || len(other.Asked("/authorize")) != 0 {
			t.Errorf("the secret went to another authorization server: %v", err)
		}
	})
	t.Run("no way", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.a.Meta(map[string]any{"registration_endpoint": nil})
		if err := w.signIn(w.session()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "client id") {
			t.Errorf("%v", err)
		}
	})
}

// TestTyped: what the person typed replaces what the server says, and PKCE and
// the resource are sent all the same.
func TestTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Client("typed", "")
	w.a.Meta(map[string]any{"issuer": "https://somebody.example", "code_challenge_methods_supported": []string{"plain"}})
	w.target.Auth = store.Auth{Kind: store.AuthOAuth, ClientID: "typed", AuthorizationURL: w.a.URL + "/authorize?audience=x", TokenURL: w.a.URL + "/token", Scopes: []string{"a", "b"}}
	_, token := w.signedIn()
	w.holds(token)
	q := w.form("/authorize")
	if q.Get("scope") != "a b" || q.Get("audience") != "x" || q.Get("code_challenge") == "" || q.Get("resource") != w.r.Address() {
		t.Errorf("the browser was sent with %v", q)
	}
	for _, p := range w.r.Paths() {
		if strings.Contains(p, "well-known") {
			t.Errorf("%s was asked for", p)
		}
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	t.Run("before it expires", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var mu sync.Mutex
		now := time.Now()
		w.o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		s, token := w.signedIn()
		mu.Lock()
		now = now.Add(time.Hour - 2*time.Minute)
		mu.Unlock()
		if w.token(s) != token {
			t.Error("it was renewed two minutes before")
		}
		mu.Lock()
		now = now.Add(90 * time.Second)
		mu.Unlock()
		fresh := w.token(s)
		if fresh == token {
			t.Fatal("it was not renewed half a minute before")
		}
		w.holds(fresh)
		for _, q := range w.a.Asked("/token")[1:] {
			if q.Form.Get("resource") != w.r.Address() {
				t.Errorf("it was renewed without the resource: %v", q.Form)
			}
		}
		// The token for renewal was changed; the new one is what a restart uses.
		mu.Lock()
		now = now.Add(2 * time.Hour)
		mu.Unlock()
		again := w.session()
		if got := w.token(again); got == fresh || got == "" {
			t.Error("after a restart it was not renewed")
		}
	})
	t.Run("once for many", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s, token := w.signedIn()
		w.a.Revoke(false)
		var wg sync.WaitGroup
		got := make([]string, 50)
		for i := range got {
			wg.Go(func() {
				fresh, err := s.Refused(testContext(t), token, Challenge{Bearer: true})
				if err != nil {
					t.Error(err)
				}
				got[i] = fresh
			})
		}
		wg.Wait()
		if n := len(w.a.Asked("/token")); n != 2 {
			t.Errorf("the token endpoint was asked %d times", n)
		}
		for _, fresh := range got {
			if fresh != got[0] || fresh == token {
				t.Fatal("they differ")
			}
		}
		w.holds(got[0])
	})
	t.Run("a caller that leaves loses nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var spawned atomic.Int32
		w.o.Spawn = func(f func()) bool { spawned.Add(1); go f(); return true }
		s, token := w.signedIn()
		w.a.Revoke(false)
		asked, goOn := make(chan struct{}), make(chan struct{})
		w.a.Before(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				close(asked)
				<-goOn
			}
			return false
		})
		ctx, leave := context.WithCancel(testContext(t))
		go func() { <-asked; leave() }()
		if _, err := s.Refused(ctx, token, Challenge{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		for range 10 { // they find that one is at work already
			if _, err := s.Refused(ctx, token, Challenge{}); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		}
		if n := spawned.Load(); n != 1 {
			t.Errorf("%d renewals were begun", n)
		}
		close(goOn)
		fresh, err := s.Refused(testContext(t), token, Challenge{})
		if err != nil {
			t.Fatal(err)
		}
		w.holds(fresh)
	})
	t.Run("ended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s, token := w.signedIn()
		w.a.Revoke(true)
		if _, err := s.Refused(testContext(t), token, Challenge{}); !errors.Is(err, ErrNeeded) {
			t.Errorf("%v", err)
		}
		if i := s.Info(); i.SignedIn || !i.Needed || i.Error == "" {
			t.Errorf("%+v", i)
		}
		if got := w.token(s); got != "" {
			t.Error("a token that was ended is sent")
		}
		if strings.Contains(w.vault.text(), token) {
			t.Error("a token that was ended is kept")
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s, token := w.signedIn()
		w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			http.Error(rw, "later", http.StatusServiceUnavailable)
			return true
		})
		if _, err := s.Refused(testContext(t), token, Challenge{}); err == nil || errors.Is(err, ErrNeeded) {
			t.Errorf("%v", err)
		}
		w.a.Before(nil)
		w.a.Revoke(false)
		if fresh, err := s.Refused(testContext(t), token, Challenge{}); err != nil || fresh == token {
			t.Errorf("after the outage: %v", err)
		}
	})
	t.Run("a server that refuses everything", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s, token := w.signedIn()
		fresh, err := s.Refused(testContext(t), token, Challenge{})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := s.Refused(testContext(t), fresh, Challenge{}); !errors.Is(err, ErrNeeded) {
				t.Fatalf("%v", err)
			}
		}
		if n := len(w.a.Asked("/token")); n != 2 {
			t.Errorf("the token endpoint was asked %d times", n)
		}
	})
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, token := w.signedIn()
	more := Challenge{Bearer: true, Error: "insufficient_scope", Scopes: []string{"mcp:read", "mcp:write"}}
	if _, err := s.Insufficient(testContext(t), token, more); !errors.Is(err, ErrNeeded) || !strings.Contains(err.Error(), "mcp:write") {
		t.Errorf("%v", err)
	}
	if i := s.Info(); !i.Needed || !slices.Equal(i.Missing, []string{"mcp:write"}) || !i.SignedIn {
		t.Errorf("%+v", i)
	}
	if n := len(w.opened()); n != 1 {
		t.Errorf("the browser was opened %d times, though nobody chose to sign in", n)
	}
	if err := w.signIn(s); err != nil {
		t.Fatal(err)
	}
	if got := w.a.Asked("/authorize")[1].Form.Get("scope"); got != "mcp:read mcp:write" {
		t.Errorf("asked for %q", got)
	}
	if i := s.Info(); i.Needed || len(i.Missing) > 0 || !slices.Equal(i.Scopes, []string{"mcp:read", "mcp:write"}) {
		t.Errorf("%+v", i)
	}
	// What was granted is not asked for again.
	if _, err := s.Insufficient(testContext(t), token, more); !errors.Is(err, store.ErrDenied) {
		t.Errorf("%v", err)
	}
	var many []string
	for i := range 500 {
		many = append(many, "scope"+strings.Repeat("x", i%100)+string(rune('a'+i%26)))
	}
	s.Insufficient(testContext(t), token, Challenge{Error: "insufficient_scope", Scopes: scopes(many)})
	if err := w.signIn(s); err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(w.a.Asked("/authorize")[2].Form.Get("scope"))); n > scopesMax {
		t.Errorf("%d scopes were asked for", n)
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"basic", "post"} {
		w := newWorld(t)
		w.a.Client("robot", "robot secret")
		w.a.Meta(map[string]any{"code_challenge_methods_supported": nil, "authorization_endpoint": nil})
		w.target.Auth = store.Auth{Kind: store.AuthClient, ClientID: "robot", Secret: store.RefTo("x"), TokenAuth: method, Origins: []string{w.a.URL}}
		w.target.Secret = func(context.Context) (store.Secret, error) { return store.NewSecret("robot secret"), nil }
		s := w.session()
		c, err := w.probe(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Refused(testContext(t), "", c)
		if err != nil {
			t.Fatal(err)
		}
		w.holds(token)
		q := w.a.Asked("/token")[0]
		if (q.Basic != "") != (method == "basic") || q.Form.Get("resource") != w.r.Address() || q.Form.Get("grant_type") != "client_credentials" {
			t.Errorf("%+v", q)
		}
		// More rights are asked for without a person, a few times.
		var last error
		for i := range 10 {
			token, last = s.Insufficient(testContext(t), s.present(), Challenge{Error: "insufficient_scope", Scopes: []string{"more" + string(rune('a'+i))}})
		}
		if n := len(w.a.Asked("/token")); n != 1+stepsMax || !errors.Is(last, ErrNeeded) {
			t.Errorf("it asked %d times for a token: %v", n, last)
		}
		if got := w.a.Asked("/token")[stepsMax].Form.Get("scope"); got != "mcp:read morea moreb morec" {
			t.Errorf("the rights asked for at last: %q", got)
		}
		if len(w.opened()) > 0 {
			t.Error("the browser was opened")
		}
		_ = token
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, token := w.signedIn()
	if err := s.SignOut(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if access, refresh := w.a.Live(); access+refresh != 0 {
		t.Errorf("%d and %d tokens still hold", access, refresh)
	}
	if w.status(token) != http.StatusUnauthorized || w.token(s) != "" {
		t.Error("still signed in")
	}
	if text := w.vault.text(); !strings.Contains(text, "client-") || strings.Contains(text, token) {
		t.Errorf("kept: %s", text)
	}
	if err := s.Forget(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if text := w.vault.text(); text != "" {
		t.Errorf("kept: %s", text)
	}

	// It is forgotten here even if it cannot be revoked.
	s, token = w.signedIn()
	w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/revoke" {
			http.Error(rw, "no", 500)
			return true
		}
		return false
	})
	if err := s.SignOut(testContext(t)); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("%v", err)
	}
	if w.token(s) != "" || strings.Contains(w.vault.text(), token) {
		t.Error("still signed in")
	}
}

func TestKeychain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.vault.err = store.ErrNoKeychain
	s, token := w.signedIn()
	w.holds(token)
	if i := s.Info(); !strings.Contains(i.Note, "this run only") {
		t.Errorf("%+v", i)
	}
	w = newWorld(t)
	w.vault.err = store.ErrLocked
	if _, err := w.session().Token(testContext(t)); !errors.Is(err, store.ErrLocked) {
		t.Errorf("%v", err)
	}
	w.vault.err, w.vault.value = nil, `{"server":7}`
	if token, err := w.session().Token(testContext(t)); err != nil || token != "" {
		t.Errorf("%q %v", token, err)
	}
}

func TestCancelAndLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	idle := func(context.Context, string) error { return nil }
	ctx, cancel := context.WithCancel(testContext(t))
	s := w.session()
	changed := make(chan struct{}, 100)
	s.o.Changed = func() { changed <- struct{}{} }
	done := make(chan error, 1)
	go func() { done <- s.SignIn(ctx, w.probe, idle) }()
	for !s.Info().Waiting {
		<-changed
	}
	if err := s.SignIn(testContext(t), w.probe, idle); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second at once: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if i := s.Info(); i.Waiting || i.Error != "" {
		t.Errorf("%+v", i)
	}
	w.o.SignInLimit = 200 * time.Millisecond
	s = w.session()
	if err := s.SignIn(testContext(t), w.probe, idle); !errors.Is(err, ErrDeclined) {
		t.Errorf("%v", err)
	}
	if i := s.Info(); !strings.Contains(i.Error, "in time") {
		t.Errorf("%+v", i)
	}
	if err := s.SignIn(testContext(t), w.probe, func(context.Context, string) error { return errors.New("no browser here") }); err == nil || !strings.Contains(err.Error(), "no browser here") {
		t.Errorf("%v", err)
	}
}
