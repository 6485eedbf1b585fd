// Package oauthtest is an authorization server and a protected MCP server for
// tests, on loopback addresses. Both keep the rules strictly, count what they are
// asked, and can be told to break a rule in any way: to lie, to redirect, to be
// slow, to flood.
//
//	a := oauthtest.NewAuthority(t)
//	r := oauthtest.NewResource(t, a, mcpHandler)
//	… r.Address() …
package oauthtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Asked is a request that the authorization server got.
type Asked struct {
	Path  string
	Form  url.Values // of the query, or of the form
	Basic string     // user:password of the header Authorization
	Body  []byte
}

// Authority is an authorization server.
type Authority struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex // protects what follows
	asked   []Asked
	codes   map[string]code
	tokens  map[string]Token // access tokens that hold
	refresh map[string]Token
	clients map[string]string // secrets by id; "" for public ones
	meta    map[string]any    // replaces entries of the metadata; nil removes one
	before  func(http.ResponseWriter, *http.Request) bool
	life    time.Duration
	answer  func(url.Values) // changes the answer to the browser
	grants  func(asked []string) []string
	account string
}

type code struct {
	client, redirect, challenge, resource, scope string
}

// Token is what an access token stands for.
type Token struct {
	Client, Resource string
	Scopes           []string
}

// NewAuthority starts an authorization server that ends with the test.
func NewAuthority(t testing.TB) *Authority {
	a := &Authority{t: t, codes: map[string]code{}, tokens: map[string]Token{}, refresh: map[string]Token{}, clients: map[string]string{}, meta: map[string]any{}, life: time.Hour}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(func() { a.CloseClientConnections(); a.Close() })
	return a
}

// Meta replaces entries of the metadata; a nil value removes one.
func (a *Authority) Meta(change map[string]any) { a.with(func() { maps.Copy(a.meta, change) }) }

// Before interferes with requests; true means that it has answered.
func (a *Authority) Before(f func(http.ResponseWriter, *http.Request) bool) {
	a.with(func() { a.before = f })
}

// Answer changes what the browser is sent back with.
func (a *Authority) Answer(f func(url.Values)) { a.with(func() { a.answer = f }) }

// Grants says which scopes are granted of those asked for.
func (a *Authority) Grants(f func([]string) []string) { a.with(func() { a.grants = f }) }

// Life is how long access tokens say that they hold; 0 says nothing.
func (a *Authority) Life(d time.Duration) { a.with(func() { a.life = d }) }

// Account has ID tokens name somebody.
func (a *Authority) Account(email string) { a.with(func() { a.account = email }) }

// Client registers a client by hand; an empty secret makes it a public one.
func (a *Authority) Client(id, secret string) { a.with(func() { a.clients[id] = secret }) }

// Revoke ends all access tokens; with all, those for renewal too.
func (a *Authority) Revoke(all bool) {
	a.with(func() {
		clear(a.tokens)
		if all {
			clear(a.refresh)
		}
	})
}

// Holds returns what an access token stands for.
func (a *Authority) Holds(token string) (Token, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.tokens[token]
	return t, ok
}

// Live returns how many access tokens and tokens for renewal hold.
func (a *Authority) Live() (access, refresh int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.tokens), len(a.refresh)
}

// Secrets returns every token that holds now.
func (a *Authority) Secrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append(slices.Collect(maps.Keys(a.tokens)), slices.Collect(maps.Keys(a.refresh))...)
}

// Asked returns the requests for a path.
func (a *Authority) Asked(path string) []Asked {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.asked), func(q Asked) bool { return q.Path != path })
}

func (a *Authority) with(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *Authority) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		form, _ = url.ParseQuery(string(body))
	}
	q := Asked{Path: r.URL.Path, Form: form, Body: body}
	if user, password, ok := r.BasicAuth(); ok {
		q.Basic = user + ":" + password
	}
	a.mu.Lock()
	a.asked = append(a.asked, q)
	before := a.before
	a.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Path, "/.well-known/oauth-authorization-server"):
		a.metadata(w)
	case r.URL.Path == "/authorize":
		a.authorize(w, r, form)
	case r.URL.Path == "/token":
		a.token(w, form, q.Basic)
	case r.URL.Path == "/register":
		a.register(w, body)
	case r.URL.Path == "/revoke":
		delete(a.tokens, form.Get("token"))
		delete(a.refresh, form.Get("token"))
	default:
		http.NotFound(w, r)
	}
}

func (a *Authority) metadata(w http.ResponseWriter) {
	m := map[string]any{
		"issuer": a.URL, "authorization_endpoint": a.URL + "/authorize", "token_endpoint": a.URL + "/token",
		"registration_endpoint": a.URL + "/register", "revocation_endpoint": a.URL + "/revoke",
		"code_challenge_methods_supported": []string{"plain", "S256"}, "authorization_response_iss_parameter_supported": true,
		"token_endpoint_auth_methods_supported": []string{"none", "client_secret_basic", "client_secret_post"},
	}
	for k, v := range a.meta {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	JSON(w, http.StatusOK, m)
}

// JSON writes an answer.
func JSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (a *Authority) authorize(w http.ResponseWriter, r *http.Request, q url.Values) {
	_, known := a.clients[q.Get("client_id")]
	if strings.HasPrefix(q.Get("client_id"), "https://") {
		known = true
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if !known || err != nil || redirect.Hostname() != "127.0.0.1" || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("resource") == "" || q.Get("state") == "" {
		http.Error(w, "bad authorization request", http.StatusBadRequest)
		return
	}
	c := "code-" + rand.Text()
	a.codes[c] = code{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("resource"), q.Get("scope")}
	back := url.Values{"code": {c}, "state": {q.Get("state")}, "iss": {a.URL}}
	if a.answer != nil {
		a.answer(back)
	}
	redirect.RawQuery = back.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

func (a *Authority) token(w http.ResponseWriter, f url.Values, basic string) {
	bad := func(code string) { JSON(w, http.StatusBadRequest, map[string]string{"error": code}) }
	id, secret, viaHeader := strings.Cut(basic, ":")
	if viaHeader {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = f.Get("client_id"), f.Get("client_secret")
	}
	if want, known := a.clients[id]; (!known || want != secret) && !strings.HasPrefix(id, "https://") {
		bad("invalid_client")
		return
	}
	var t Token
	switch f.Get("grant_type") {
	case "authorization_code":
		c, ok := a.codes[f.Get("code")]
		delete(a.codes, f.Get("code"))
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		if !ok || c.client != id || c.redirect != f.Get("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge {
			bad("invalid_grant")
			return
		}
		if c.resource != f.Get("resource") {
			bad("invalid_target")
			return
		}
		t = Token{id, c.resource, strings.Fields(c.scope)}
	case "refresh_token":
		var ok bool
		if t, ok = a.refresh[f.Get("refresh_token")]; !ok || t.Client != id {
			bad("invalid_grant")
			return
		}
		if f.Get("resource") != t.Resource {
			bad("invalid_target")
			return
		}
		delete(a.refresh, f.Get("refresh_token"))
	case "client_credentials":
		if secret == "" || f.Get("resource") == "" {
			bad("invalid_client")
			return
		}
		t = Token{id, f.Get("resource"), strings.Fields(f.Get("scope"))}
	default:
		bad("unsupported_grant_type")
		return
	}
	if a.grants != nil {
		t.Scopes = a.grants(t.Scopes)
	}
	access, refresh := "access-"+rand.Text(), "refresh-"+rand.Text()
	a.tokens[access] = t
	m := map[string]any{"access_token": access, "token_type": "bearer", "scope": strings.Join(t.Scopes, " ")}
	if a.life > 0 {
		m["expires_in"] = int(a.life.Seconds())
	}
	if f.Get("grant_type") != "client_credentials" {
		a.refresh[refresh] = t
		m["refresh_token"] = refresh
	}
	if a.account != "" {
		claims, _ := json.Marshal(map[string]string{"email": a.account, "sub": "1"})
		m["id_token"] = "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".sig"
	}
	JSON(w, http.StatusOK, m)
}

func (a *Authority) register(w http.ResponseWriter, body []byte) {
	var ask struct {
		Redirects []string `json:"redirect_uris"`
		Type      string   `json:"application_type"`
		Method    string   `json:"token_endpoint_auth_method"`
	}
	if json.Unmarshal(body, &ask) != nil || len(ask.Redirects) != 1 || ask.Type != "native" {
		JSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_client_metadata"})
		return
	}
	id, secret := "client-"+rand.Text(), ""
	m := map[string]any{"client_id": id, "redirect_uris": ask.Redirects, "token_endpoint_auth_method": ask.Method}
	if ask.Method != "none" {
		secret = "client-secret-" + rand.Text()
		m["client_secret"], m["client_secret_expires_at"] = secret, 0
	}
	a.clients[id] = secret
	JSON(w, http.StatusCreated, m)
}

// Resource is a protected MCP server. Its endpoint is /mcp.
type Resource struct {
	*httptest.Server
	authority *Authority

	mu     sync.Mutex // protects what follows
	before func(http.ResponseWriter, *http.Request) bool
	scopes func(*http.Request, []byte) []string // that a request needs
	meta   map[string]any
	seen   []string // tokens that came
	paths  []string
	hint   bool // the challenge names the metadata
}

// NewResource protects an MCP server by the tokens of an authorization server.
func NewResource(t testing.TB, a *Authority, inner http.Handler) *Resource {
	r := &Resource{authority: a, meta: map[string]any{}, hint: true}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.serve(w, q, inner) }))
	t.Cleanup(func() { r.CloseClientConnections(); r.Close() })
	return r
}

// Address is that of the MCP endpoint.
func (r *Resource) Address() string { return r.URL + "/mcp" }

// Meta replaces entries of the metadata; a nil value removes one.
func (r *Resource) Meta(change map[string]any) { r.with(func() { maps.Copy(r.meta, change) }) }

// Before interferes with requests; true means that it has answered.
func (r *Resource) Before(f func(http.ResponseWriter, *http.Request) bool) {
	r.with(func() { r.before = f })
}

// Hint says whether the challenge names the metadata.
func (r *Resource) Hint(on bool) { r.with(func() { r.hint = on }) }

// Need says which scopes a request needs, by its body.
func (r *Resource) Need(f func(*http.Request, []byte) []string) { r.with(func() { r.scopes = f }) }

// Tokens returns the tokens that came, in order.
func (r *Resource) Tokens() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// Paths returns the paths that were asked for.
func (r *Resource) Paths() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.paths)
}

func (r *Resource) with(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *Resource) serve(w http.ResponseWriter, q *http.Request, inner http.Handler) {
	body, _ := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	q.Body = io.NopCloser(strings.NewReader(string(body)))
	token, _ := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
	r.mu.Lock()
	before, need, hint := r.before, r.scopes, r.hint
	r.paths = append(r.paths, q.URL.Path)
	if token != "" {
		r.seen = append(r.seen, token)
	}
	meta := map[string]any{"resource": r.Address(), "authorization_servers": []string{r.authority.URL}, "scopes_supported": []string{"mcp:read"}}
	for k, v := range r.meta {
		if meta[k] = v; v == nil {
			delete(meta, k)
		}
	}
	r.mu.Unlock()
	if before != nil && before(w, q) {
		return
	}
	if strings.HasPrefix(q.URL.Path, "/.well-known/oauth-protected-resource") {
		JSON(w, http.StatusOK, meta)
		return
	}
	challenge := "Bearer"
	if hint {
		challenge += fmt.Sprintf(` resource_metadata="%s/.well-known/oauth-protected-resource/mcp"`, r.URL)
	}
	t, ok := r.authority.Holds(token)
	if !ok || t.Resource != fmt.Sprint(meta["resource"]) {
		w.Header().Set("WWW-Authenticate", challenge)
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	if need != nil {
		for _, s := range need(q, body) {
			if !slices.Contains(t.Scopes, s) {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q, resource_metadata="%s/.well-known/oauth-protected-resource/mcp"`, strings.Join(need(q, body), " "), r.URL))
				http.Error(w, "more", http.StatusForbidden)
				return
			}
		}
	}
	inner.ServeHTTP(w, q)
}

// Browser returns what opens an address: it follows redirects as a browser
// does, in the background, and notes where it was sent first.
func Browser(t testing.TB) (open func(ctx context.Context, address string) error, opened func() []string) {
	var mu sync.Mutex
	var list []string
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	open = func(_ context.Context, address string) error {
		mu.Lock()
		list = append(list, address)
		mu.Unlock()
		wg.Go(func() {
			if resp, err := c.Get(address); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
		return nil
	}
	return open, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}
