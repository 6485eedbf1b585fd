package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/oauthtest"
	"github.com/drawbridge-app/drawbridge/store"
)

// vaultOf is a keychain that can be written.
type vaultOf struct {
	mu   sync.Mutex
	keys map[store.SecretRef]string
	gets int
}

func (v *vaultOf) Get(_ context.Context, ref store.SecretRef) (store.Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gets++
	if s, ok := v.keys[ref]; ok {
		return store.NewSecret(s), nil
	}
	return store.Secret{}, fmt.Errorf("no such item (%w)", store.ErrNotFound)
}

func (v *vaultOf) Set(_ context.Context, ref store.SecretRef, s store.Secret) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil {
		v.keys = map[store.SecretRef]string{}
	}
	v.keys[ref] = s.Reveal()
	return nil
}

func (v *vaultOf) Remove(_ context.Context, ref store.SecretRef) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.keys, ref)
	return nil
}

// guarded is an MCP server that wants a sign-in, and a manager that knows it.
type guarded struct {
	t      *testing.T
	a      *oauthtest.Authority
	r      *oauthtest.Resource
	m      *Manager
	vault  *vaultOf
	open   func(context.Context, string) error
	opened func() []string
	config store.ServerConfig
	logs   string
	log    *bytes.Buffer
}

func guard(t *testing.T, o *mcp.StreamableHTTPOptions, change func(*Options)) *guarded {
	t.Helper()
	server := obedient()
	inner := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, o)
	g := &guarded{t: t, a: oauthtest.NewAuthority(t), vault: &vaultOf{}, log: &bytes.Buffer{}}
	g.r = oauthtest.NewResource(t, g.a, inner)
	g.open, g.opened = oauthtest.Browser(t)
	g.m = newManager(t, func(o *Options) {
		o.SignIns, o.Secrets = g.vault, g.vault
		g.logs = o.LogDir
		o.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: g.log}, nil))
		if change != nil {
			change(o)
		}
	})
	g.config = overHTTP(g.r.Address())
	g.config.Auth.Origins = []string{g.a.URL}
	return g
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

func (g *guarded) signIn() {
	g.t.Helper()
	if err := g.m.SignIn(testContext(g.t), "h", g.open); err != nil {
		g.t.Fatalf("SignIn: %v", err)
	}
}

// signedIn starts the server, signs in, and waits until it is ready.
func (g *guarded) signedIn() {
	g.t.Helper()
	if s := started(g.t, g.m, g.config); s.State != Failed || s.SignIn == nil || !s.SignIn.Needed {
		g.t.Fatalf("before the sign-in: %s, %q, %+v", s.State, s.Error, s.SignIn)
	}
	g.signIn()
	await(g.t, g.m, "h", "the server to be ready", func(s Status) bool { return s.State == Ready })
}

// refused calls a tool and returns why that did not work.
func (g *guarded) refused() string {
	g.t.Helper()
	r, err := call(g.t, g.m, "h", "echo", `{"text":"refused"}`)
	switch {
	case err != nil:
		return err.Error()
	case r.IsError:
		return r.Content.Text()
	}
	g.t.Error("the call worked")
	return ""
}

func TestOAuthEndToEnd(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*mcp.StreamableHTTPOptions{"older era": nil, "newer era": {Stateless: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, o, nil)
			g.signedIn()
			if r := mustCall(t, g.m, "h", "echo", `{"text":"hello"}`); r.Content.Text() != "hello" {
				t.Errorf("%+v", r)
			}
			s := status(t, g.m, "h")
			if !s.SignIn.SignedIn || s.SignIn.Needed || s.SignIn.Issuer != g.a.URL || !s.SignIn.Renews {
				t.Errorf("%+v", s.SignIn)
			}
			// Tokens that the server ends are renewed, and nobody notices.
			g.a.Revoke(false)
			if r := mustCall(t, g.m, "h", "echo", `{"text":"again"}`); r.Content.Text() != "again" {
				t.Errorf("%+v", r)
			}
			if n := len(g.opened()); n != 1 {
				t.Errorf("the browser was opened %d times", n)
			}
			// When they cannot be, the call says so, and the next one after a
			// sign-in works.
			g.a.Revoke(true)
			if why := g.refused(); !strings.Contains(why, "Sign in") {
				t.Error(why)
			}
			await(t, g.m, "h", "a sign-in to be asked for", func(s Status) bool { return s.SignIn.Needed })
			g.signIn()
			await(t, g.m, "h", "the server to be ready", func(s Status) bool { return s.State == Ready && !s.SignIn.Needed })
			if r := mustCall(t, g.m, "h", "echo", `{"text":"back"}`); r.Content.Text() != "back" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestOAuthNothingUnasked: before a person has approved the server nothing is
// sent, and without their click no browser opens.
func TestOAuthNothingUnasked(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, func(o *Options) {
		o.Gate = gate(func(store.ServerConfig) error { return store.ErrHeld })
	})
	started(t, g.m, g.config)
	if err := g.m.SignIn(testContext(t), "h", g.open); !errors.Is(err, store.ErrHeld) {
		t.Errorf("%v", err)
	}
	if n := len(g.r.Paths()); n > 0 || len(g.opened()) > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestOAuthAfterRestart: the next run of the program needs no sign-in, and reads
// the keychain only for servers that ask.
func TestOAuthAfterRestart(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.signedIn()
	second := newManager(t, func(o *Options) { o.SignIns, o.Secrets = g.vault, g.vault })
	ready(t, second, g.config)
	open := serve(t, nil)
	g.vault.mu.Lock()
	g.vault.gets = 0
	g.vault.mu.Unlock()
	third := newManager(t, func(o *Options) { o.SignIns, o.Secrets = g.vault, g.vault })
	ready(t, third, overHTTP(open.URL))
	if g.vault.mu.Lock(); g.vault.gets != 0 {
		t.Errorf("the keychain was read %d times for a server that asks for nothing", g.vault.gets)
	}
	g.vault.mu.Unlock()
}

func TestOAuthStepUp(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.r.Need(func(_ *http.Request, body []byte) []string {
		if bytes.Contains(body, []byte("tools/call")) {
			return []string{"mcp:read", "mcp:call"}
		}
		return nil
	})
	g.signedIn()
	if why := g.refused(); !strings.Contains(why, "mcp:call") || !strings.Contains(why, "Sign in") {
		t.Fatal(why)
	}
	s := await(t, g.m, "h", "the missing right", func(s Status) bool { return s.SignIn.Needed })
	if s.State != Ready || !slices.Equal(s.SignIn.Missing, []string{"mcp:call"}) {
		t.Errorf("%s %+v", s.State, s.SignIn)
	}
	generation := s.Generation
	g.signIn()
	if r := mustCall(t, g.m, "h", "echo", `{"text":"granted"}`); r.Content.Text() != "granted" {
		t.Errorf("%+v", r)
	}
	if s := status(t, g.m, "h"); s.Generation != generation {
		t.Error("the connection was made anew")
	}
}

// TestOAuthStepUpAfterRestart: the token that comes from the keychain at the first
// refusal has too few rights, and nothing is kept by a manager without a keychain.
func TestOAuthStepUpAfterRestart(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.signedIn()
	g.r.Need(func(*http.Request, []byte) []string { return []string{"mcp:read", "mcp:more"} })
	second := newManager(t, func(o *Options) { o.SignIns, o.Secrets = g.vault, g.vault })
	s := started(t, second, g.config)
	if s.State != Failed || !slices.Equal(s.SignIn.Missing, []string{"mcp:more"}) {
		t.Errorf("%s, %q, %+v", s.State, s.Error, s.SignIn)
	}

	memory := newManager(t, nil)
	started(t, memory, g.config)
	if err := memory.SignIn(testContext(t), "h", g.open); err != nil {
		t.Fatal(err)
	}
	await(t, memory, "h", "the missing right", func(s Status) bool { return s.State == Failed && len(s.SignIn.Missing) > 0 })
	if err := memory.SignIn(testContext(t), "h", g.open); err != nil {
		t.Fatal(err)
	}
	await(t, memory, "h", "the server to be ready", func(s Status) bool { return s.State == Ready })
	before := len(g.r.Tokens())
	paths := len(g.r.Paths())
	mustCall(t, memory, "h", "echo", `{"text":"x"}`)
	if sent, signed := len(g.r.Paths())-paths, len(g.r.Tokens())-before; sent != signed {
		t.Errorf("%d requests, of which %d with a token", sent, signed)
	}
}

func TestOAuthProgram(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.a.Client("robot", "robot-secret-value")
	ref := store.ServerSecret("h", "auth", "secret")
	if err := g.vault.Set(testContext(t), ref, store.NewSecret("robot-secret-value")); err != nil {
		t.Fatal(err)
	}
	g.config.Auth = store.Auth{Kind: store.AuthClient, ClientID: "robot", Secret: store.RefTo(ref), Origins: []string{g.a.URL}}
	s := ready(t, g.m, g.config)
	if !s.SignIn.ByProgram || s.SignIn.Needed || len(g.opened()) > 0 {
		t.Errorf("%+v", s.SignIn)
	}
	g.a.Revoke(false)
	mustCall(t, g.m, "h", "echo", `{"text":"still"}`)
}

func TestSignOutStopsUse(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.signedIn()
	if err := g.m.SignOut(testContext(t), "h", true); err != nil {
		t.Fatal(err)
	}
	await(t, g.m, "h", "the server to want a sign-in", func(s Status) bool { return s.State == Failed && s.SignIn.Needed && !s.SignIn.SignedIn })
	if len(g.vault.keys) != 0 {
		t.Errorf("kept: %v", g.vault.keys)
	}
	if access, refresh := g.a.Live(); access+refresh > 0 {
		t.Error("the tokens hold still")
	}
}

func TestCancelSignIn(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	started(t, g.m, g.config)
	for _, end := range []func(){
		func() { g.m.CancelSignIn("h") },
		func() { g.m.Apply(nil) },
	} {
		done := make(chan error, 1)
		go func() {
			done <- g.m.SignIn(testContext(t), "h", func(context.Context, string) error { return nil })
		}()
		await(t, g.m, "h", "the browser to be awaited", func(s Status) bool { return s.SignIn.Waiting })
		end()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

// TestStaticAuth: what does not change is sent as it is, and to the server alone.
func TestStaticAuth(t *testing.T) {
	t.Parallel()
	ref := store.ServerSecret("h", "auth", "secret")
	for _, c := range []struct {
		auth         store.Auth
		header, want string
	}{
		{store.Auth{Kind: store.AuthBearer}, "Authorization", "Bearer s3cret-value"},
		{store.Auth{Kind: store.AuthHeader, Header: "X-Api-Key"}, "X-Api-Key", "s3cret-value"},
		{store.Auth{Kind: store.AuthBasic, User: "ada"}, "Authorization", "Basic YWRhOnMzY3JldC12YWx1ZQ=="},
	} {
		s := serve(t, nil)
		var mu sync.Mutex
		wrong := 0
		s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.Header.Get(c.header) != c.want {
				wrong++
			}
			return false
		})
		m := newManager(t, func(o *Options) { o.Secrets = keychain{ref: "s3cret-value"} })
		config := overHTTP(s.URL)
		config.Auth = c.auth
		config.Auth.Secret = store.RefTo(ref)
		if st := ready(t, m, config); st.SignIn != nil {
			t.Errorf("%+v", st.SignIn)
		}
		r := mustCall(t, m, "h", "echo", fmt.Sprintf(`{"text":%q}`, c.want))
		if text := r.Content.Text(); strings.Contains(text, "s3cret") || strings.Contains(text, "YWRhOnMz") {
			t.Errorf("the secret comes back: %q", text)
		}
		mu.Lock()
		if wrong > 0 {
			t.Errorf("%s: %d requests came without it", c.auth.Kind, wrong)
		}
		mu.Unlock()
	}
}

// TestOAuthCanaries: after every flow no token is in a log, a status, an error or
// a file; and none reached another server.
func TestOAuthCanaries(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	var said []string
	note := func(v any) { said = append(said, fmt.Sprintf("%+v", v)) }
	echoing := func(w http.ResponseWriter, r *http.Request) bool { // a server that repeats its token
		if token := r.Header.Get("Authorization"); token != "" && r.Header.Get("X-Fail") == "" && strings.Contains(r.URL.RawQuery, "leak") {
			http.Error(w, token, http.StatusTeapot)
			return true
		}
		return false
	}
	g.r.Before(echoing)
	canaries := map[string]bool{}
	collect := func() {
		for _, s := range g.a.Secrets() {
			canaries[s] = true
		}
	}
	g.signedIn()
	collect()
	for token := range canaries {
		if r, err := call(t, g.m, "h", "echo", fmt.Sprintf(`{"text":"your token is %s"}`, token)); err == nil {
			note(r.Content.Text())
		}
	}
	g.a.Revoke(false)
	mustCall(t, g.m, "h", "echo", `{"text":"x"}`)
	collect()
	g.a.Before(func(w http.ResponseWriter, r *http.Request) bool { // repeats what it was sent
		if r.URL.Path != "/token" {
			return false
		}
		oauthtest.JSON(w, 400, map[string]string{"error": "invalid_grant", "error_description": fmt.Sprint(g.a.Asked("/token"))})
		return true
	})
	g.a.Revoke(false)
	note(g.refused())
	note(g.m.SignIn(testContext(t), "h", g.open))
	for _, q := range g.a.Asked("/token") {
		for _, k := range []string{"code", "code_verifier", "refresh_token"} {
			if v := q.Form.Get(k); v != "" {
				canaries[v] = true
			}
		}
	}
	for _, s := range g.m.Statuses() {
		note(s)
		note(*s.SignIn)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		note(string(b))
	}
	note(g.m.Log("h"))
	note(g.m.SignOut(testContext(t), "h", false))
	if err := g.m.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	note(g.log.String())
	files := 0
	err := filepath.WalkDir(g.logs, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		files++
		note(string(b))
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d log files: %v", files, err)
	}
	if len(canaries) < 6 {
		t.Fatalf("only %d canaries", len(canaries))
	}
	for canary := range canaries {
		for _, s := range said {
			if strings.Contains(s, canary) {
				t.Errorf("the secret %.12s… is in %.300q", canary, s)
			}
		}
	}
}

// TestOAuthPrivate: a server that sends the sign-in into the private network is
// refused, and the person is told what to grant.
func TestOAuthPrivate(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.config.Auth.Origins = nil
	started(t, g.m, g.config)
	err := g.m.SignIn(testContext(t), "h", g.open)
	if origin, ok := PrivateOrigin(err); !ok || origin != g.a.URL {
		t.Fatalf("%v", err)
	}
	if s := status(t, g.m, "h"); s.SignIn.Private != g.a.URL || s.SignIn.Error == "" {
		t.Errorf("%+v", s.SignIn)
	}
	if n := len(g.a.Asked("/.well-known/oauth-authorization-server")); n != 0 || len(g.opened()) > 0 {
		t.Errorf("it was asked %d times", n)
	}
}
