package store

import (
	"errors"
	"net/url"
	"testing"
)

func TestAuthValidate(t *testing.T) {
	t.Parallel()
	ref := RefTo(ServerSecret("s", "auth", "secret"))
	base := ServerConfig{ID: "s", Name: "s", Transport: TransportHTTP, URL: "https://mcp.example.com/mcp"}
	for name, a := range map[string]Auth{
		"nothing": {}, "bearer": {Kind: AuthBearer, Secret: ref}, "key": {Kind: AuthHeader, Header: "X-Key", Secret: ref}, "basic": {Kind: AuthBasic, User: "ada", Secret: ref},
		"oauth": {Kind: AuthOAuth}, "client": {Kind: AuthOAuth, ClientID: "c", Secret: ref, TokenAuth: "post", Scopes: []string{"a", "https://x/y"}},
		"typed":   {Kind: AuthOAuth, ClientID: "c", AuthorizationURL: "https://l.example.com/a?x=1", TokenURL: "http://127.0.0.1:9/t"},
		"program": {Kind: AuthClient, ClientID: "c", Secret: ref, TokenURL: "https://l.example.com/t"},
		"origins": {Origins: []string{"https://login.corp:8443", "http://localhost:9000/"}},
	} {
		c := base
		c.Auth = a
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]Auth{
		"unknown": {Kind: "magic"}, "no token": {Kind: AuthBearer}, "plain token": {Kind: AuthBearer, Secret: "t0ken"}, "half a token": {Kind: AuthBearer, Secret: "x" + ref},
		"another's": {Kind: AuthBearer, Secret: RefTo(ServerSecret("other", "auth", "secret"))}, "a provider's": {Kind: AuthBearer, Secret: RefTo(ProviderSecret("openai", "key"))},
		"no header": {Kind: AuthHeader, Secret: ref}, "bad header": {Kind: AuthHeader, Header: "X: y", Secret: ref}, "colon": {Kind: AuthBasic, User: "a:b", Secret: ref},
		"line break": {Kind: AuthBasic, User: "a\nb", Secret: ref}, "no client": {Kind: AuthClient, Secret: ref}, "no secret": {Kind: AuthClient, ClientID: "c"},
		"half typed": {Kind: AuthOAuth, ClientID: "c", TokenURL: "https://l.example.com/t"}, "typed without client": {Kind: AuthOAuth, AuthorizationURL: "https://l.example.com/a", TokenURL: "https://l.example.com/t"},
		"http":         {Kind: AuthOAuth, ClientID: "c", AuthorizationURL: "http://l.example.com/a", TokenURL: "https://l.example.com/t"},
		"script":       {Kind: AuthOAuth, ClientID: "c", AuthorizationURL: "javascript:alert(1)", TokenURL: "https://l.example.com/t"},
		"user in it":   {Kind: AuthOAuth, ClientID: "c", AuthorizationURL: "https://me:pw@l.example.com/a", TokenURL: "https://l.example.com/t"},
		"scope":        {Kind: AuthOAuth, Scopes: []string{"a b"}},
		"token auth":   {Kind: AuthOAuth, TokenAuth: "jwt"},
		"port":         {Kind: AuthOAuth, Port: 70000},
		"origin":       {Origins: []string{"https://login.corp/path"}},
		"plain origin": {Origins: []string{"http://login.corp"}},
	} {
		c := base
		c.Auth = a
		if err := c.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := base
	c.Auth, c.Headers = Auth{Kind: AuthBearer, Secret: ref}, map[string]Value{"authorization": "x"}
	if c.Validate() == nil {
		t.Error("two values for one header")
	}
	c = ServerConfig{ID: "s", Name: "s", Transport: TransportStdio, Command: "x", Auth: Auth{Kind: AuthOAuth}}
	if c.Validate() == nil {
		t.Error("a program is signed in to")
	}
}

// TestAuthIsApproved: who changes how one signs in changes what was approved;
// without, older approvals hold.
func TestAuthIsApproved(t *testing.T) {
	t.Parallel()
	c := ServerConfig{ID: "s", Name: "s", Transport: TransportHTTP, URL: "https://mcp.example.com/mcp"}
	seen := map[string]string{}
	for name, a := range map[string]Auth{
		"nothing": {}, "kind": {Kind: AuthOAuth}, "secret": {Secret: "x"}, "header": {Header: "x"}, "user": {User: "x"}, "client": {ClientID: "x"}, "url": {AuthorizationURL: "x"},
		"token": {TokenURL: "x"}, "scopes": {Scopes: []string{"x"}}, "auth": {TokenAuth: "x"}, "port": {Port: 1}, "origins": {Origins: []string{"x"}},
	} {
		c.Auth = a
		if was, ok := seen[c.Hash()]; ok {
			t.Errorf("%s and %s are the same", name, was)
		}
		seen[c.Hash()] = name
		if a.Zero() != (name == "nothing") {
			t.Errorf("%s: Zero is %t", name, a.Zero())
		}
	}
	c.Auth = Auth{}
	if got := c.Hash(); got != "dbd48899470e948fa539e3913a967240299ff40fe5a62d89f0984b66878ca7b5" {
		t.Errorf("the hash of a server without is %s now: older approvals are lost", got)
	}
	if id, ok := SignInSecret("a/b").ServerID(); !ok || id != "a/b" {
		t.Errorf("%q", id)
	}
}

func TestSafeAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"https://a.example/x?y=z": true, "http://localhost:1/": true, "http://127.0.0.1/": true, "http://[::1]:8/": true, "https://10.0.0.1/": true,
		"http://a.example/": false, "http://10.0.0.1/": false, "https://a.example/#f": false, "https://u@a.example/": false, "https://a$b.example/": false, "https://a.example:/": false,
		"file:///x": false, "javascript:x": false, "https:a.example": false, "http://localhost.evil.example/": false, "http://127.0.0.1.evil.example/": false, "": false,
	} {
		u, err := url.Parse(in)
		if got := err == nil && SafeAddress(u); got != want {
			t.Errorf("%q: %t", in, got)
		}
	}
}
