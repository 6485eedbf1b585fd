package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// clientDocument is where the suite says that the client's metadata document is.
const clientDocument = "https://conformance-test.local/client-metadata.json"

// signInsMax is how often one scenario is signed in to.
const signInsMax = 6

// person signs in as a person at the window would: when the server asks for it,
// and after permitting the place on this computer that it names.
type person struct {
	host   *mcphost.Manager
	config store.ServerConfig
	times  int
}

// authOf is how the scenario's client is registered, if it is.
func authOf(s scenario) store.Auth {
	switch {
	case s.ClientID == "":
		return store.Auth{}
	case s.ClientSecret == "":
		return store.Auth{Kind: store.AuthOAuth, ClientID: s.ClientID}
	}
	kind := store.AuthOAuth
	if s.Name == "auth/client-credentials-basic" {
		kind = store.AuthClient
	}
	return store.Auth{Kind: kind, ClientID: s.ClientID, Secret: store.RefTo(clientSecret)}
}

// clientSecret names the secret of the scenario's client.
const clientSecret = store.SecretRef("client")

// needed reports whether the server wants a sign-in.
func (p *person) needed() bool {
	for _, s := range p.host.Statuses() {
		if s.SignIn != nil && (s.SignIn.Needed || s.SignIn.ByProgram && s.State != mcphost.Ready) {
			return true
		}
	}
	return false
}

// signIn signs in, and waits until the server is ready or has failed.
func (p *person) signIn(ctx context.Context) error {
	for {
		if p.times++; p.times > signInsMax {
			return errors.New("the server wants to be signed in to again and again")
		}
		err := p.host.SignIn(ctx, p.config.ID, browse)
		if origin, private := mcphost.PrivateOrigin(err); private {
			p.config.Auth.Origins = append(p.config.Auth.Origins, origin)
			p.host.Apply([]store.ServerConfig{p.config})
			if err := p.host.Ready(ctx, p.config.ID); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		return p.host.Ready(ctx, p.config.ID)
	}
}

// browse is the browser of somebody who agrees to everything.
func browse(ctx context.Context, address string) error {
	go func() {
		c := http.Client{Timeout: time.Minute}
		resp, err := c.Get(address)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
	}()
	return nil
}
