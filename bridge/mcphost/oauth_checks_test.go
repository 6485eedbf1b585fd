package mcphost

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// answering is a round tripper that answers with what it is told to, and counts.
type answering struct {
	answer func(n int, r *http.Request) *http.Response
	seen   []*http.Request
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.seen = append(a.seen, r)
	resp := a.answer(len(a.seen), r)
	resp.Request, resp.Body = r, io.NopCloser(strings.NewReader(""))
	return resp, nil
}

func refusal(status int, challenge string) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Www-Authenticate": {challenge}}}
}

// TestTokenStaysAtItsOrigin: the part that adds tokens adds none elsewhere, and
// asks for none there, whoever uses it.
func TestTokenStaysAtItsOrigin(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.signedIn()
	a, _, err := g.m.account("h")
	if err != nil {
		t.Fatal(err)
	}
	inner := &answering{answer: func(int, *http.Request) *http.Response { return refusal(http.StatusUnauthorized, "Bearer") }}
	for _, address := range []string{"https://elsewhere.example/mcp", strings.Replace(g.r.Address(), "127.0.0.1", "127.0.0.2", 1), strings.Replace(g.r.Address(), "http://", "https://", 1)} {
		r, err := http.NewRequestWithContext(testContext(t), http.MethodPost, address, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		origin, err := http.NewRequest(http.MethodGet, g.r.Address(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := a.over(inner, originOf(origin.URL)).RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v", address, err)
		}
	}
	if len(inner.seen) != 3 {
		t.Errorf("%d requests were sent", len(inner.seen))
	}
	for _, r := range inner.seen {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("a token was sent to %s", r.URL)
		}
	}
}

// TestRefusalsEnd: a server that refuses every token is asked a bounded number
// of times, with the whole request each time.
func TestRefusalsEnd(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(n int, r *http.Request) *http.Response{
		"401": func(int, *http.Request) *http.Response { return refusal(http.StatusUnauthorized, "Bearer") },
		"403 that names nothing": func(int, *http.Request) *http.Response {
			return refusal(http.StatusForbidden, `Bearer error="insufficient_scope"`)
		},
		"403 that names ever more": func(n int, _ *http.Request) *http.Response {
			return refusal(http.StatusForbidden, `Bearer error="insufficient_scope", scope="s`+strings.Repeat("x", n)+`"`)
		},
		"both in turn": func(n int, _ *http.Request) *http.Response {
			if n%2 == 0 {
				return refusal(http.StatusUnauthorized, "Bearer")
			}
			return refusal(http.StatusForbidden, `Bearer error="insufficient_scope", scope="s`+strings.Repeat("x", n)+`"`)
		},
	} {
		g := guard(t, nil, nil)
		g.a.Client("robot", "robot-secret-value")
		ref := store.ServerSecret("h", "auth", "secret")
		if err := g.vault.Set(testContext(t), ref, store.NewSecret("robot-secret-value")); err != nil {
			t.Fatal(err)
		}
		g.config.Auth = store.Auth{Kind: store.AuthClient, ClientID: "robot", Secret: store.RefTo(ref), Origins: []string{g.a.URL}}
		ready(t, g.m, g.config)
		a, _, err := g.m.account("h")
		if err != nil {
			t.Fatal(err)
		}
		var bodies []string
		inner := &answering{answer: func(n int, r *http.Request) *http.Response {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, string(b))
			if n > 50 {
				t.Fatal("it never ends")
			}
			return answer(n, r)
		}}
		r, err := http.NewRequestWithContext(testContext(t), http.MethodPost, g.r.Address(), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := a.over(inner, originOf(r.URL)).RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		if len(bodies) > triesMax+2 || slices.ContainsFunc(bodies, func(b string) bool { return b != bodies[0] || b == "" }) {
			t.Errorf("%s: sent %d times, %q", name, len(bodies), bodies)
		}
	}
}

// TestAccountsSideBySide: two entries with the same address have sign-ins of
// their own.
func TestAccountsSideBySide(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	work, home := g.config, g.config
	work.ID, work.Name, home.ID, home.Name = "work", "work", "home", "home"
	g.m.Apply([]store.ServerConfig{work, home})
	signIn := func(id, account string) {
		t.Helper()
		await(t, g.m, id, "the server to want a sign-in", func(s Status) bool { return s.SignIn != nil && s.SignIn.Needed })
		g.a.Account(account)
		if err := g.m.SignIn(testContext(t), id, g.open); err != nil {
			t.Fatal(err)
		}
		await(t, g.m, id, "the server to be ready", func(s Status) bool { return s.State == Ready && s.SignIn.Account == account })
	}
	signIn("work", "ada@work.example")
	if s := status(t, g.m, "home"); s.State == Ready || s.SignIn.SignedIn {
		t.Fatalf("the other one is signed in too: %+v", s.SignIn)
	}
	signIn("home", "ada@home.example")
	if s := status(t, g.m, "work"); s.SignIn.Account != "ada@work.example" {
		t.Errorf("the first one is %q now", s.SignIn.Account)
	}
	if len(g.vault.keys) != 2 {
		t.Errorf("%d sign-ins are kept", len(g.vault.keys))
	}
	before := len(g.r.Tokens())
	mustCall(t, g.m, "work", "echo", `{"text":"x"}`)
	one := g.r.Tokens()[len(g.r.Tokens())-1]
	mustCall(t, g.m, "home", "echo", `{"text":"x"}`)
	if two := g.r.Tokens()[len(g.r.Tokens())-1]; len(g.r.Tokens()) < before+2 || one == two {
		t.Error("both use one token")
	}
	if err := g.m.SignOut(testContext(t), "work", true); err != nil {
		t.Fatal(err)
	}
	await(t, g.m, "work", "the server to want a sign-in", func(s Status) bool { return s.SignIn.Needed && !s.SignIn.SignedIn })
	if r := mustCall(t, g.m, "home", "echo", `{"text":"still here"}`); r.Content.Text() != "still here" {
		t.Errorf("%+v", r)
	}
}

// TestSecretsOfOthers: an entry that names another's secret as its client's gets
// none of it.
func TestSecretsOfOthers(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.a.Client("robot", "robot-secret-value")
	ref := store.ServerSecret("another", "auth", "secret")
	if err := g.vault.Set(testContext(t), ref, store.NewSecret("robot-secret-value")); err != nil {
		t.Fatal(err)
	}
	g.config.Auth = store.Auth{Kind: store.AuthClient, ClientID: "robot", Secret: store.RefTo(ref), Origins: []string{g.a.URL}}
	if s := started(t, g.m, g.config); s.State != Failed {
		t.Errorf("%s", s.State)
	}
	for _, q := range g.a.Asked("/token") {
		if q.Basic != "" || q.Form.Has("client_secret") {
			t.Errorf("another's secret was sent: %+v", q)
		}
	}
	g.vault.mu.Lock()
	delete(g.vault.keys, ref)
	g.vault.mu.Unlock()
	if err := g.m.SignIn(testContext(t), "h", g.open); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("the secret was looked up: %v", err)
	}
}
