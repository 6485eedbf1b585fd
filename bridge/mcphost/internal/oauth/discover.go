package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// place is where one signs in for a server, and what for.
type place struct {
	authority authority
	// issuer names the authorization server among those that are kept.
	issuer   string
	resource string // for the parameter resource (RFC 8707)
	scopes   []string
}

// find finds out where to sign in: as the person typed it, or by the metadata of
// the server and of its authorization server.
func (s *Session) find(ctx context.Context, c Challenge) (place, error) {
	server, err := safe(s.target.Server)
	if err != nil {
		return place{}, refuse("a sign-in at %s would send its tokens unprotected; use an https address", show(store.ShowAddress(s.target.Server), 200))
	}
	p := place{resource: canonical(server)}
	if s.target.Auth.TokenURL != "" {
		a := authority{Authorize: s.target.Auth.AuthorizationURL, Token: s.target.Auth.TokenURL, typed: true}
		p.authority, p.issuer, p.scopes = a, "typed "+a.Token, c.Scopes
		return s.want(p)
	}
	r, found, err := s.askResource(ctx, c, server)
	if err != nil {
		return p, err
	}
	if !found {
		// The version 2025-03-26 has the server's origin answer for itself.
		p.authority, err = s.askOrigin(ctx, server)
		p.scopes = c.Scopes
	} else {
		p.resource, p.scopes = r.ID, c.Scopes
		if len(p.scopes) == 0 {
			p.scopes = r.Scopes
		}
		p.authority, found, err = s.askAuthority(ctx, r.Servers[0])
		if err == nil && !found {
			err = refuse("%s does not say how one signs in there", show(r.Servers[0], 200))
		}
	}
	if err != nil {
		return p, err
	}
	p.issuer = p.authority.Issuer
	return s.want(p)
}

// want refuses a place that leads into a private network, before anybody is
// asked anything, and completes the scopes: those typed replace those found, and where the
// authorization server knows offline_access it is asked for, so that tokens can
// be renewed.
func (s *Session) want(p place) (place, error) {
	for _, address := range []string{p.authority.Authorize, p.authority.Token, p.authority.Register, p.authority.Revoke} {
		if address == "" {
			continue
		}
		u, err := safe(address)
		if err == nil {
			err = s.reach.permits(u)
		}
		if err != nil {
			return p, err
		}
	}
	if len(s.target.Auth.Scopes) > 0 {
		p.scopes = s.target.Auth.Scopes
	}
	if s.person() {
		for _, known := range p.authority.Scopes {
			if known == "offline_access" {
				p.scopes = append(p.scopes[:len(p.scopes):len(p.scopes)], known)
			}
		}
	}
	p.scopes = scopes(p.scopes)
	return p, nil
}

func (s *Session) person() bool { return s.target.Auth.Kind != store.AuthClient }

// canonical is the server's address as a resource ("Canonical Server URI" of the
// specification).
func canonical(u *url.URL) string {
	c := *u
	c.Scheme, c.Host = strings.ToLower(c.Scheme), strings.ToLower(c.Host)
	if c.Path == "/" {
		c.Path = ""
	}
	return c.String()
}

// askResource looks for the metadata of the resource where the challenge said,
// else below the server's path, else at its origin (RFC 9728, section 3.1).
func (s *Session) askResource(ctx context.Context, c Challenge, server *url.URL) (resource, bool, error) {
	var at []string
	if c.Metadata != "" {
		at = append(at, c.Metadata)
	}
	const known = "/.well-known/oauth-protected-resource"
	below := url.URL{Scheme: server.Scheme, Host: server.Host, Path: known + strings.TrimSuffix(server.Path, "/"), RawQuery: server.RawQuery}
	at = append(at, below.String())
	if below.Path != known || below.RawQuery != "" {
		at = append(at, (&url.URL{Scheme: server.Scheme, Host: server.Host, Path: known}).String())
	}
	for _, address := range at {
		data, ok, err := s.document(ctx, address)
		if err != nil {
			return resource{}, false, err
		}
		if ok {
			r, err := readResource(data, server)
			return r, err == nil, err
		}
	}
	return resource{}, false, nil
}

// askAuthority asks an issuer for its metadata (RFC 8414, section 3.1, and OpenID
// Connect Discovery 1.0, section 4).
func (s *Session) askAuthority(ctx context.Context, issuer string) (authority, bool, error) {
	u, err := safe(issuer)
	if err != nil || u.RawQuery != "" {
		return authority{}, false, refuse("the server sends you to %s to sign in, and that address cannot be used; only https is, or http on this computer", show(issuer, 200))
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	base := u.Scheme + "://" + u.Host
	at := []string{base + "/.well-known/oauth-authorization-server" + path, base + "/.well-known/openid-configuration" + path}
	if path != "" {
		at = append(at, base+path+"/.well-known/openid-configuration")
	}
	for _, address := range at {
		data, ok, err := s.document(ctx, address)
		if err != nil {
			return authority{}, false, err
		}
		if ok {
			a, err := readAuthority(data, issuer, s.person())
			return a, err == nil, err
		}
	}
	return authority{}, false, nil
}

// askOrigin is for servers of the version 2025-03-26, which know no metadata of
// resources: their origin is the authorization server, with metadata or with
// the endpoints that the version names.
func (s *Session) askOrigin(ctx context.Context, server *url.URL) (authority, error) {
	origin := strings.ToLower(server.Scheme + "://" + server.Host)
	a, found, err := s.askAuthority(ctx, origin)
	if err != nil || found {
		return a, err
	}
	return authority{
		Issuer: origin, Authorize: origin + "/authorize", Token: origin + "/token", Register: origin + "/register",
		withoutMeta: true,
	}, nil
}

// document fetches metadata. It reports false where there is none: the answer
// is 4xx, or no JSON, as of a site that shows a page for everything.
func (s *Session) document(ctx context.Context, address string) ([]byte, bool, error) {
	a, err := s.reach.get(ctx, address)
	switch {
	case err != nil:
		var private *PrivateError
		if errors.As(err, &private) || errors.Is(err, ErrRefused) {
			return nil, false, err
		}
		return nil, false, fmt.Errorf("find out where to sign in: %w", err)
	case a.status >= 500:
		return nil, false, fmt.Errorf("find out where to sign in: %s failed (%d); %w", hostOf(address), a.status, errUnreachable)
	}
	return a.body, a.status == 200 && a.json, nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the server"
	}
	return show(u.Host, 100)
}
