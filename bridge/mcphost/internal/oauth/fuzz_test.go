package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// FuzzMetadata: whatever a server says, what is taken over keeps the rules.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://a.example","authorization_endpoint":"https://a.example/x","token_endpoint":"https://a.example/t","code_challenge_methods_supported":["S256"]}`))
	f.Add([]byte(`{"resource":"https://mcp.example/mcp","authorization_servers":["https://a.example"],"scopes_supported":["a","b\"","",null]}`))
	f.Add([]byte(`{"Issuer":"https://a.example","ISSUER":1,"issuer":["https://a.example"]}`))
	f.Add([]byte(`{"issuer":"https://a.example/","authorization_endpoint":"javascript:alert(1)","token_endpoint":"https://$(x)"}`))
	f.Add([]byte("\xff\x00[[[[{"))
	server := &url.URL{Scheme: "https", Host: "mcp.example", Path: "/mcp"}
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := readResource(data, server); err == nil {
			u, err := url.Parse(r.ID)
			if err != nil || originOf(u) != originOf(server) || len(r.Servers) == 0 || len(r.Scopes) > scopesMax {
				t.Errorf("taken over: %+v", r)
			}
		}
		for _, person := range []bool{true, false} {
			a, err := readAuthority(data, "https://a.example", person)
			if err != nil {
				if len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\x00\x1b\n\u202e") {
					t.Errorf("the error is %q", err)
				}
				continue
			}
			if strings.TrimSuffix(a.Issuer, "/") != "https://a.example" || a.Token == "" || person && (a.Authorize == "" || !slices.Contains(a.Challenges, "S256")) {
				t.Errorf("taken over: %+v", a)
			}
			for _, s := range []string{a.Authorize, a.Token, a.Register, a.Revoke} {
				if u, err := url.Parse(s); s != "" && (err != nil || !store.SafeAddress(u)) {
					t.Errorf("taken over: %q", s)
				} else if i := strings.IndexAny(plainAddress(u), "$`;'\"<>|!*{}^() \\\n\t\x00"); s != "" && i >= 0 {
					t.Errorf("%q would be opened as %q", s, plainAddress(u))
				}
			}
		}
	})
}

// FuzzChallenge: a header of any kind is read without harm.
func FuzzChallenge(f *testing.F) {
	for _, s := range []string{
		`Bearer resource_metadata="https://a.example/x", scope="a b", error="insufficient_scope"`, `Negotiate YWJj==, Basic realm="a, b", bearer scope=a`,
		`Bearer`, `Bearer realm="x\"y", scope="`, `,,, = "x" Bearer a=b=c`, "DPoP alg=\"x\", Bearer scope=\"\xff\x00\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := ReadChallenge(http.Header{"Www-Authenticate": {s}})
		if !c.Bearer && (c.Metadata != "" || len(c.Scopes) > 0 || c.Error != "") {
			t.Errorf("%q of another scheme: %+v", s, c)
		}
		for _, scope := range c.Scopes {
			if !store.ValidScope(scope) {
				t.Errorf("%q is no scope", scope)
			}
		}
		if len(c.Scopes) > scopesMax {
			t.Errorf("%d scopes", len(c.Scopes))
		}
	})
}

func TestReadChallenge(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Challenge{
		`Bearer`: {Bearer: true},
		`bearer resource_metadata="https://a/x", scope="a b a", error="invalid_token"`: {Bearer: true, Metadata: "https://a/x", Scopes: []string{"a", "b"}, Error: "invalid_token"},
		`Negotiate YWJj==, Basic realm="a, Bearer scope=evil", Bearer scope=c`:         {Bearer: true, Scopes: []string{"c"}},
		`Bearer realm="x\"y", error = "insufficient_scope" , Basic scope="no"`:         {Bearer: true, Error: "insufficient_scope"},
		`Bearer scope="a", Bearer scope="b"`:                                           {Bearer: true, Scopes: []string{"a"}},
		`Bearer scope="never ends`:                                                     {Bearer: true},
		`Basic realm="x"`:                                                              {},
		``:                                                                             {},
	} {
		got := ReadChallenge(http.Header{"Www-Authenticate": {in}})
		if got.Bearer != want.Bearer || got.Metadata != want.Metadata || got.Error != want.Error || !slices.Equal(got.Scopes, want.Scopes) {
			t.Errorf("%s: %+v", in, got)
		}
	}
}
