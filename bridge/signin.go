package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// errNoBrowser says that nobody can be shown where to sign in.
var errNoBrowser = errors.New("there is no browser here to sign in with")

// SignIn has the person sign in at a server and returns when that is done. open
// shows the address in their browser; nil means Options.OpenBrowser. It ends
// early with the context, by CancelSignIn, and after five minutes. Where the
// server sends the sign-in into a private network, PrivateOrigin says which place
// has to be permitted first.
func (b *Bridge) SignIn(ctx context.Context, id string, open func(ctx context.Context, address string) error) error {
	if open == nil {
		open = b.o.OpenBrowser
	}
	if open == nil {
		open = func(context.Context, string) error { return errNoBrowser }
	}
	return b.host.SignIn(ctx, id, open)
}

// PrivateOrigin returns the place that PermitOrigin would have to permit, if that
// is what the error of SignIn is about.
func PrivateOrigin(err error) (origin string, ok bool) { return mcphost.PrivateOrigin(err) }

// CancelSignIn ends a sign-in that waits for the person, if one does.
func (b *Bridge) CancelSignIn(id string) { b.host.CancelSignIn(id) }

// SignOut ends the sign-in at a server and revokes its tokens where that is
// offered. With forget, what the program is registered as there goes, too. The
// error says what could not be revoked; the tokens are gone all the same.
func (b *Bridge) SignOut(ctx context.Context, id string, forget bool) error {
	return b.host.SignOut(ctx, id, forget)
}

// PermitOrigin lets a server send its sign-in to that place in a private network.
// The person has seen it; a server that was approved stays so.
func (b *Bridge) PermitOrigin(ctx context.Context, id, origin string) error {
	var c store.ServerConfig
	for _, known := range b.o.Settings.Servers() {
		if known.ID == id {
			c = known.Clone()
		}
	}
	if c.ID == "" {
		return fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
	}
	if slices.Contains(c.Auth.Origins, origin) {
		return nil
	}
	approved := b.policy.MayStart(ctx, c) == nil
	c.Auth.Origins = append(c.Auth.Origins, origin)
	return b.UpdateServer(ctx, id, setup.Draft{Config: c}, approved)
}
