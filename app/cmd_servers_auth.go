package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// authFlags are the flags of servers add that say how one signs in.
type authFlags struct {
	bearer, program, clientSecret    bool
	keyHeader, basicUser             string
	clientID, authorizeURL, tokenURL string
	tokenAuth                        string
	scopes, origins                  []string
	port                             int
}

// authNames are their names.
var authNames = []string{
	"bearer", "api-key-header", "basic-user", "oauth-client-id", "oauth-client-secret", "client-credentials",
	"oauth-scope", "authorization-url", "token-url", "oauth-token-auth", "oauth-port", "allow-origin",
}

func (a *authFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&a.bearer, "bearer", false, "send a token that is asked for")
	f.StringVar(&a.keyHeader, "api-key-header", "", "send an API key, which is asked for, in this header")
	f.StringVar(&a.basicUser, "basic-user", "", "send this user name and a password, which is asked for")
	f.StringVar(&a.clientID, "oauth-client-id", "", "what the authorization server knows you by, where you registered a client")
	f.BoolVar(&a.clientSecret, "oauth-client-secret", false, "ask for that client's secret")
	f.BoolVar(&a.program, "client-credentials", false, "sign in as that client, without a person")
	f.StringArrayVar(&a.scopes, "oauth-scope", nil, "right to ask for, in place of those the server names (repeatable)")
	f.StringVar(&a.authorizeURL, "authorization-url", "", "where the browser signs in, in place of what the server says")
	f.StringVar(&a.tokenURL, "token-url", "", "where tokens come from, in place of what the server says")
	f.StringVar(&a.tokenAuth, "oauth-token-auth", "", "how the client's secret is sent: basic or post")
	f.IntVar(&a.port, "oauth-port", 0, "port of this computer where the browser's answer is awaited")
	f.StringArrayVar(&a.origins, "allow-origin", nil, "private place that the server may send the sign-in to, as https://login.corp (repeatable)")
}

// given reports whether any of them was.
func (a *authFlags) given(f *pflag.FlagSet) bool {
	return slices.ContainsFunc(authNames, f.Changed)
}

// apply puts them into the draft, and asks for the secret that goes with them.
func (a *authFlags) apply(ctx context.Context, c *cli, d *setup.Draft) error {
	kinds := 0
	auth := store.Auth{
		Header: a.keyHeader, User: a.basicUser, ClientID: a.clientID, AuthorizationURL: a.authorizeURL, TokenURL: a.tokenURL,
		Scopes: a.scopes, TokenAuth: a.tokenAuth, Port: a.port, Origins: a.origins,
	}
	ask := ""
	choose := func(on bool, kind store.AuthKind, prompt string) {
		if on {
			kinds++
			auth.Kind, ask = kind, prompt
		}
	}
	choose(a.bearer, store.AuthBearer, "Token: ")
	choose(a.keyHeader != "", store.AuthHeader, fmt.Sprintf("Value of %s: ", a.keyHeader))
	choose(a.basicUser != "", store.AuthBasic, fmt.Sprintf("Password of %s: ", a.basicUser))
	oauth := a.clientID != "" || a.authorizeURL != "" || a.tokenURL != "" || len(a.scopes) > 0 || a.clientSecret || a.tokenAuth != "" || a.port != 0
	secret := "The client's secret: "
	switch {
	case a.program:
		choose(true, store.AuthClient, secret)
	case oauth && a.clientSecret:
		choose(true, store.AuthOAuth, secret)
	case oauth:
		choose(true, store.AuthOAuth, "")
	}
	if kinds > 1 {
		return usagef("these flags say in more than one way how to sign in; choose one")
	}
	if (a.clientSecret || a.program) && a.clientID == "" {
		return usagef("a client's secret needs --oauth-client-id")
	}
	d.Config.Auth = auth
	if ask == "" {
		return nil
	}
	value, err := c.session.ReadSecret(ctx, ask)
	if err != nil {
		return fmt.Errorf("read the secret to sign in with: %w", err)
	}
	if value.Empty() {
		return usagef("the secret to sign in with is empty")
	}
	d.SetAuthSecret(value)
	return nil
}
