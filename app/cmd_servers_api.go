package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// apiFlags are the flags of servers add that make a server of an OpenAPI
// document.
type apiFlags struct {
	document, baseURL            string
	auth, authName, authIn, user string
	tokenURL                     string
	scopes, tags, methods, paths []string
}

// apiOnly are the flags that mean nothing without --openapi.
var apiOnly = []string{"base-url", "auth", "auth-name", "auth-in", "auth-user", "auth-token-url", "auth-scopes", "tags", "methods", "paths"}

func (a *apiFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.document, "openapi", "", "make a server of this OpenAPI document, a file or a URL")
	f.StringVar(&a.baseURL, "base-url", "", "address of the API, which the paths of the document follow")
	f.StringVar(&a.auth, "auth", "none", "none, api_key, bearer_token, basic, authorization or oauth_client_credentials; the value is asked for")
	f.StringVar(&a.authName, "auth-name", "", "name of the header, query parameter or cookie of an API key")
	f.StringVar(&a.authIn, "auth-in", "header", "where an API key goes: header, query or cookie")
	f.StringVar(&a.user, "auth-user", "", "user name (basic) or client id (oauth_client_credentials)")
	f.StringVar(&a.tokenURL, "auth-token-url", "", "where tokens are had (oauth_client_credentials)")
	f.StringSliceVar(&a.scopes, "auth-scopes", nil, "scopes to ask for (oauth_client_credentials)")
	f.StringSliceVar(&a.tags, "tags", nil, "take operations with one of these tags")
	f.StringSliceVar(&a.methods, "methods", nil, "take operations with these methods (all; GET alone where there are more than 40 operations)")
	f.StringSliceVar(&a.paths, "paths", nil, "take operations whose path fits: * stands for any part, ** for any parts")
}

// check says which flag is in the wrong company.
func (a *apiFlags) check(cmd *cobra.Command, args []string) error {
	if a.document == "" {
		for _, name := range apiOnly {
			if cmd.Flags().Changed(name) {
				return usagef("--%s is for a server of an OpenAPI document; give that with --openapi", name)
			}
		}
		return nil
	}
	for _, name := range []string{"env", "secret-env", "dir", "managed"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is not for a server of an OpenAPI document", name)
		}
	}
	for _, name := range authNames {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is not for a server of an OpenAPI document; use --auth", name)
		}
	}
	if len(args) != 1 {
		return usagef("a server of an OpenAPI document has a name and no command or URL; the address of the API goes into --base-url")
	}
	return nil
}

// draftAPI makes the draft of a server of an OpenAPI document, and returns the names
// of its tools.
func (c *cli) draftAPI(ctx context.Context, b *bridge.Bridge, a apiFlags, cfg store.ServerConfig) (setup.Draft, []string, error) {
	api, err := b.ReadAPI(ctx, a.document, c.session.Dir)
	if err != nil {
		return setup.Draft{}, nil, err
	}
	if a.baseURL == "" {
		if len(api.BaseURLs) == 0 {
			return setup.Draft{}, nil, usagef("give the address of the API with --base-url; the document names none that could be proposed")
		}
		return setup.Draft{}, nil, usagef("give the address of the API with --base-url; the document names %s", strings.Join(api.BaseURLs, ", "))
	}
	cfg.URL = a.baseURL
	cfg.OpenAPI = &store.OpenAPI{Tags: a.tags, Methods: a.methods, Paths: a.paths}
	if kind := store.APIAuthKind(a.auth); kind != "" && kind != store.APIAuthNone {
		cfg.OpenAPI.Auth = store.APIAuth{Kind: kind, Name: a.authName, User: a.user, TokenURL: a.tokenURL, Scopes: a.scopes}
		if kind == store.APIAuthKey {
			cfg.OpenAPI.Auth.In = a.authIn
		}
		known := cfg.OpenAPI.Auth
		known.Value = "asked for next"
		if err := known.Validate(); err != nil {
			return setup.Draft{}, nil, err
		}
		value, err := c.session.ReadSecret(ctx, fmt.Sprintf("Value of the authentication (%s): ", kind))
		if err != nil {
			return setup.Draft{}, nil, fmt.Errorf("read the value of the authentication: %w", err)
		}
		cfg.OpenAPI.Auth.Value = store.Value(value.Reveal())
	}
	return api.Draft(ctx, cfg)
}
