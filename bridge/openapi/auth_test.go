package openapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

const canary = "canary-0123 /+é456789"

var pets = spec(`{"/pets":{
	"get":{"operationId":"list","parameters":[{"name":"q","in":"query","schema":{}},{"name":"key","in":"query","schema":{}},{"name":"X-Key","in":"header","schema":{}},{"name":"sid","in":"cookie","schema":{}}]},
	"post":{"operationId":"make","requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}}}}`)

// vault resolves one reference, and counts how often it was asked.
type vault struct {
	value string
	asked atomic.Int32
}

func (v *vault) resolve(_ context.Context, value store.Value) (store.Secret, error) {
	return value.Expand(func(ref store.SecretRef) (store.Secret, error) {
		v.asked.Add(1)
		if ref != "server/pets/auth/value" {
			return store.Secret{}, store.ErrNotFound
		}
		return store.NewSecret(v.value), nil
	})
}

// TestAuthTypes holds each kind against what arrives. The API repeats what it got;
// no result may show the secret.
func TestAuthTypes(t *testing.T) {
	t.Parallel()
	ref := store.RefTo("server/pets/auth/value")
	plain := strings.ReplaceAll(strings.ReplaceAll(canary, " ", ""), "é", "e") // for a cookie and headers
	for _, c := range []struct {
		name  string
		auth  store.APIAuth
		value string
		check func(r recorded) bool
	}{
		{"none", store.APIAuth{}, "", func(r recorded) bool { return r.header.Get("Authorization") == "" && r.uri == "/pets?q=a" }},
		{"api_key in the header", store.APIAuth{Kind: store.APIAuthKey, Name: "X-Key", Value: ref}, canary,
			func(r recorded) bool { return r.header.Get("X-Key") == canary }},
		{"api_key in the query", store.APIAuth{Kind: store.APIAuthKey, In: "query", Name: "key", Value: ref}, canary,
			func(r recorded) bool { return r.uri == "/pets?q=a&key=canary-0123%20%2F%2B%C3%A9456789" }},
		{"api_key in a cookie", store.APIAuth{Kind: store.APIAuthKey, In: "cookie", Name: "sid", Value: ref}, plain,
			func(r recorded) bool { return r.header.Get("Cookie") == "sid="+plain }},
		{"bearer_token", store.APIAuth{Kind: store.APIAuthBearer, Value: ref}, canary,
			func(r recorded) bool { return r.header.Get("Authorization") == "Bearer "+canary }},
		{"basic", store.APIAuth{Kind: store.APIAuthBasic, User: "anna", Value: ref}, canary,
			func(r recorded) bool {
				return r.header.Get("Authorization") == "Basic "+base64.StdEncoding.EncodeToString([]byte("anna:"+canary))
			}},
		{"authorization", store.APIAuth{Kind: store.APIAuthHeader, Value: "Token ${secret:server/pets/auth/value}"}, canary,
			func(r recorded) bool { return r.header.Get("Authorization") == "Token "+canary }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t)
			r.answer = func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				fmt.Fprint(w, req.RequestURI, " ", req.Header)
			}
			v := &vault{value: c.value}
			session := connect(t, Options{Document: pets, BaseURL: r.URL, Auth: c.auth, Resolve: v.resolve})
			for range 2 {
				result := call(t, session, "list", `{"q":"a"}`)
				if result.IsError || !c.check(r.last(t)) {
					t.Errorf("%s %v: %s", r.last(t).uri, r.last(t).header, said(result))
				}
				for _, form := range []string{c.value, escape(c.value), base64.StdEncoding.EncodeToString([]byte("anna:" + c.value))} {
					if c.value != "" && strings.Contains(said(result), form) {
						t.Errorf("the result shows %s", form)
					}
				}
			}
			if c.value == "" {
				return
			}
			if v.asked.Load() != 2 {
				t.Errorf("the keychain was asked %d times for two requests", v.asked.Load())
			}
			// A new value counts at once, and one with a line break goes nowhere.
			v.value = "another"
			if result := call(t, session, "list", `{}`); result.IsError || strings.Contains(fmt.Sprint(r.last(t)), c.value) {
				t.Errorf("the old value is still sent: %s", said(result))
			}
			before := len(r.requests())
			v.value = "canary\r\nX-Evil: 1"
			if result := call(t, session, "list", `{}`); !result.IsError || strings.Contains(said(result), "canary") || len(r.requests()) != before {
				t.Errorf("a value with a line break: %s", said(result))
			}
			// The model cannot give what the settings give.
			if c.auth.Kind == store.APIAuthKey {
				v.value = c.value
				if result := call(t, session, "list", fmt.Sprintf(`{%q:"mine"}`, c.auth.Name)); !result.IsError {
					t.Error("a call replaced the key")
				}
			}
			r.Close()
			if result := call(t, session, "list", `{}`); !result.IsError || strings.Contains(said(result), "canary") {
				t.Errorf("without an answer: %s", said(result))
			}
		})
	}
}

// TestAuthMissing sends nothing when the keychain does not give the value.
func TestAuthMissing(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	session := connect(t, Options{Document: pets, BaseURL: r.URL, Auth: store.APIAuth{Kind: store.APIAuthBearer, Value: store.RefTo("server/pets/auth/value")},
		Resolve: func(context.Context, store.Value) (store.Secret, error) { return store.Secret{}, store.ErrLocked }})
	if result := call(t, session, "list", `{}`); !result.IsError || !strings.Contains(said(result), "locked") || len(r.requests()) > 0 {
		t.Errorf("%s, %d requests", said(result), len(r.requests()))
	}
	for _, bad := range []store.APIAuth{
		{Kind: "telepathy", Value: "x"}, {Kind: store.APIAuthKey, Value: "x"}, {Kind: store.APIAuthKey, Name: "a b", Value: "x"},
		{Kind: store.APIAuthKey, Name: "k", In: "body", Value: "x"}, {Kind: store.APIAuthBearer}, {Kind: store.APIAuthBasic, User: "a:b", Value: "x"},
		{Kind: store.APIAuthClient, User: "id", Value: "x", TokenURL: "file:///etc/passwd"}, {Kind: store.APIAuthClient, Value: "x", TokenURL: "https://a.example/t"},
		{Kind: store.APIAuthHeader, Value: "a\nb"},
	} {
		if _, err := New(context.Background(), Options{Document: pets, BaseURL: r.URL, Auth: bad}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// tokens is an authorization server for client credentials.
type tokens struct {
	*httptest.Server
	mu     sync.Mutex
	given  int
	life   int
	inBody bool // takes the secret in the body alone
	refuse string
	scopes string
}

func newTokens(t *testing.T) *tokens {
	z := &tokens{life: 3600}
	z.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z.mu.Lock()
		defer z.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		user, secret, ok := r.BasicAuth()
		if z.inBody {
			user, secret, ok = r.FormValue("client_id"), r.FormValue("client_secret"), true
		} else {
			secret = strings.NewReplacer("+", " ", "%2F", "/", "%2B", "+", "%C3%A9", "é").Replace(secret)
		}
		if z.refuse != "" || !ok || user != "client" || secret != canary || r.FormValue("grant_type") != "client_credentials" || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":%q,"error_description":"you said %s"}`, z.refuse, canary)
			return
		}
		z.scopes = r.FormValue("scope")
		z.given++
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, z.given, z.life)
	}))
	t.Cleanup(z.Close)
	return z
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	z, r := newTokens(t), newRecorder(t)
	var now atomic.Int64
	refused := ""
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") == refused {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "you are ", req.Header.Get("Authorization"))
	}
	v := &vault{value: canary}
	session := connect(t, Options{Document: pets, BaseURL: r.URL, Resolve: v.resolve,
		Now:  func() time.Time { return time.Unix(now.Load(), 0) },
		Auth: store.APIAuth{Kind: store.APIAuthClient, User: "client", Value: store.RefTo("server/pets/auth/value"), TokenURL: z.URL + "/token", Scopes: []string{"a", "b"}}})
	expect := func(what, token string) {
		t.Helper()
		result := call(t, session, "make", `{"body":{"a":1}}`)
		got := r.last(t)
		if result.IsError || got.header.Get("Authorization") != "Bearer "+token || got.body != `{"a":1}` {
			t.Errorf("%s: %v %q: %s", what, got.header, got.body, said(result))
		}
		if strings.Contains(said(result), token) || strings.Contains(said(result), "canary") {
			t.Errorf("%s: the result shows the token: %s", what, said(result))
		}
	}
	expect("the first", "token-1")
	expect("the kept one", "token-1")
	now.Add(3600 - 31)
	expect("just before its end", "token-1")
	now.Add(2)
	expect("at its end", "token-2")
	refused = "Bearer token-2"
	expect("refused before its time", "token-3")
	refused = "Bearer token-3"
	z.mu.Lock()
	z.refuse = "invalid_client"
	z.mu.Unlock()
	result := call(t, session, "list", `{}`)
	if !result.IsError || !strings.Contains(said(result), "(invalid_client)") || strings.Contains(said(result), "canary") {
		t.Errorf("a refused client: %s", said(result))
	}
	if z.scopes != "a b" {
		t.Errorf("scopes: %q", z.scopes)
	}
	z.mu.Lock()
	z.refuse, z.inBody = "", true
	z.mu.Unlock()
	expect("a secret in the body", "token-4")
	z.Close()
	now.Add(7200)
	if result := call(t, session, "list", `{}`); !result.IsError || !strings.Contains(said(result), "could not be reached") {
		t.Errorf("no token: %s", said(result))
	}
}

// TestTokenNotForwarded has the authorization server redirect: the secret does
// not follow.
func TestTokenNotForwarded(t *testing.T) {
	t.Parallel()
	r, thief := newRecorder(t), newRecorder(t)
	z := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	t.Cleanup(z.Close)
	session := connect(t, Options{Document: pets, BaseURL: r.URL,
		Auth: store.APIAuth{Kind: store.APIAuthClient, User: "client", Value: "canary", TokenURL: z.URL}})
	if result := call(t, session, "list", `{}`); !result.IsError || len(thief.requests())+len(r.requests()) > 0 {
		t.Errorf("%s; %d requests", said(result), len(thief.requests()))
	}
}

// TestRedirects: within the origin a reading request follows, elsewhere nothing
// does, and no credential leaves.
func TestRedirects(t *testing.T) {
	t.Parallel()
	r, thief := newRecorder(t), newRecorder(t)
	to := ""
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/pets") {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		fmt.Fprint(w, "arrived")
	}
	session := connect(t, Options{Document: pets, BaseURL: r.URL, Auth: store.APIAuth{Kind: store.APIAuthBearer, Value: "canary"}})
	to = thief.URL + "/steal?k=1"
	for _, tool := range []string{"list", "make"} {
		result := call(t, session, tool, `{}`)
		if !result.IsError || !strings.Contains(said(result), "307") || !strings.Contains(said(result), "not followed") {
			t.Errorf("%s: %s", tool, said(result))
		}
	}
	if len(thief.requests()) > 0 {
		t.Errorf("another origin was asked: %v", thief.requests())
	}
	to = "/elsewhere"
	if result := call(t, session, "list", `{}`); result.IsError || said(result) != "arrived\n" || r.last(t).header.Get("Authorization") != "Bearer canary" {
		t.Errorf("within the origin: %s", said(result))
	}
	if result := call(t, session, "make", `{}`); !result.IsError {
		t.Errorf("a writing request was sent again: %s", said(result))
	}
	to = "/pets"
	before := len(r.requests())
	if result := call(t, session, "list", `{}`); !result.IsError || len(r.requests())-before > redirectsMax+1 {
		t.Errorf("a circle: %s", said(result))
	}
}

// TestHeaders sends what the settings give, and HTTP's own headers stay.
func TestHeaders(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	session := connect(t, Options{Document: pets, BaseURL: r.URL, Headers: map[string]store.Value{"X-Key": "fixed", "Host": "evil.example", "Accept": "text/csv"}})
	if result := call(t, session, "list", `{}`); result.IsError {
		t.Fatal(said(result))
	}
	if got := r.last(t).header; got.Get("X-Key") != "fixed" || got.Get("Accept") != "text/csv" {
		t.Errorf("%v", got)
	}
	if result := call(t, session, "list", `{"X-Key":"mine"}`); !result.IsError {
		t.Error("a call replaced a header of the settings")
	}
}
