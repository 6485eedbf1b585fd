// Command bare is what our host of servers is held against in the conformance
// suite of the Model Context Protocol: the SDK's client with the SDK's handlers
// of sign-in, and nothing around them. The suite starts it as it starts command
// conformance.
//
// The SDK's authors have a program for the suite of their own, which stands
// beside this one as sdk-client; it runs every scenario but those for which the
// SDK has a handler that their program leaves out. Those are here.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/auth/extauth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

// scenario is what the suite says in MCP_CONFORMANCE_CONTEXT.
type scenario struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	IdPClientID  string `json:"idp_client_id"`
	IdPIssuer    string `json:"idp_issuer"`
	IdPToken     string `json:"idp_id_token"`
}

func run(ctx context.Context) error {
	if len(os.Args) != 2 {
		return errors.New("the URL of the server is missing")
	}
	var handler func(context.Context, string, scenario) (auth.OAuthHandler, error)
	switch os.Getenv("MCP_CONFORMANCE_SCENARIO") {
	case "auth/client-credentials-basic", "auth/client-credentials-jwt":
		handler = clientCredentials
	case "auth/enterprise-managed-authorization":
		handler = enterprise
	default:
		return sdkClient(ctx)
	}
	var told scenario
	if err := json.Unmarshal([]byte(os.Getenv("MCP_CONFORMANCE_CONTEXT")), &told); err != nil {
		return fmt.Errorf("read the scenario's context: %w", err)
	}
	signIn, err := handler(ctx, os.Args[1], told)
	if err != nil {
		return err
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "bare", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: os.Args[1], OAuthHandler: signIn}, nil)
	if err != nil {
		return err
	}
	_, err = session.ListTools(ctx, nil)
	return errors.Join(err, session.Close())
}

// sdkClient has the program of the SDK's authors run the scenario.
func sdkClient(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "sdk-client"), os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// credentials are those of a client, which may have no secret.
func credentials(id, secret string) *oauthex.ClientCredentials {
	c := &oauthex.ClientCredentials{ClientID: id}
	if secret != "" {
		c.ClientSecretAuth = &oauthex.ClientSecretAuth{ClientSecret: secret}
	}
	return c
}

func clientCredentials(_ context.Context, _ string, told scenario) (auth.OAuthHandler, error) {
	return extauth.NewClientCredentialsHandler(&extauth.ClientCredentialsHandlerConfig{
		Credentials: credentials(told.ClientID, told.ClientSecret),
	})
}

// enterprise signs in through a company's identity provider. Its handler is to
// be told the server that gives tokens, so that is asked of the resource.
func enterprise(ctx context.Context, server string, told scenario) (auth.OAuthHandler, error) {
	resource, err := protectedResource(ctx, server)
	if err != nil {
		return nil, err
	}
	return extauth.NewEnterpriseHandler(&extauth.EnterpriseHandlerConfig{
		IdPIssuerURL:     told.IdPIssuer,
		IdPCredentials:   credentials(told.IdPClientID, ""),
		MCPAuthServerURL: resource.AuthorizationServers[0],
		MCPResourceURI:   resource.Resource,
		MCPCredentials:   credentials(told.ClientID, told.ClientSecret),
		IDTokenFetcher: func(context.Context) (*oauth2.Token, error) {
			return (&oauth2.Token{}).WithExtra(map[string]any{"id_token": told.IdPToken}), nil
		},
	})
}

// protectedResource asks a server who gives the tokens for it.
func protectedResource(ctx context.Context, server string) (*oauthex.ProtectedResourceMetadata, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	challenges, err := oauthex.ParseWWWAuthenticate(resp.Header.Values("WWW-Authenticate"))
	if err != nil {
		return nil, err
	}
	var found string
	for _, c := range challenges {
		found = cmp.Or(found, c.Params["resource_metadata"])
	}
	metadata, err := oauthex.GetProtectedResourceMetadata(ctx, found, server, http.DefaultClient)
	if err != nil {
		return nil, err
	}
	if len(metadata.AuthorizationServers) == 0 {
		return nil, errors.New("the server names nobody who gives tokens for it")
	}
	return metadata, nil
}
