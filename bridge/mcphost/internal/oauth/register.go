package oauth

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// client is what this program is to one authorization server.
type client struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"`
	// Auth says how the secret is sent: "basic" or "post"; empty without one.
	Auth     string `json:"auth,omitempty"`
	Redirect string `json:"redirect,omitempty"` // that was registered; empty if any port will do
	Expires  int64  `json:"expires,omitempty"`  // of the secret, Unix seconds
}

// clientName is how the program calls itself where it registers.
const clientName = "Drawbridge"

// be says what the program is to the authorization server, in the order of the
// specification ("Client Registration"): as a person registered it, by its
// metadata document, or by registering now (RFC 7591). The old registration is
// used again while it fits.
func (s *Session) be(ctx context.Context, p place, redirect string, old client) (client, error) {
	switch {
	case s.target.Auth.ClientID != "":
		return s.configured(ctx, p)
	case s.target.Document != "" && p.authority.Document:
		return client{ID: s.target.Document}, nil
	case old.ID != "" && old.Redirect == redirect && (old.Expires == 0 || s.o.Now().Unix() < old.Expires):
		return old, nil
	case p.authority.Register == "":
		return client{}, refuse("%s lets no program register itself; register one there by hand and give its client id", p.name())
	}
	return s.register(ctx, p, redirect)
}

func (p place) name() string {
	if p.authority.Issuer != "" {
		return show(p.authority.Issuer, 200)
	}
	return hostOf(p.authority.Token)
}

// configured is the client that a person registered.
func (s *Session) configured(ctx context.Context, p place) (client, error) {
	c := client{ID: s.target.Auth.ClientID}
	if s.target.Auth.Secret == "" || s.target.Secret == nil {
		return c, nil
	}
	secret, err := s.target.Secret(ctx)
	if err != nil {
		return c, err
	}
	c.Secret = secret.Reveal()
	s.o.Learned(c.Secret)
	c.Auth = s.target.Auth.TokenAuth
	if c.Auth == "" {
		c.Auth = tokenAuth(p.authority.TokenAuth)
	}
	return c, nil
}

// tokenAuth chooses how a secret is sent: as the authorization server names
// first, since what comes later does not work everywhere at some of them. What
// it does not say is basic (RFC 8414, section 2).
func tokenAuth(supported []string) string {
	for _, m := range supported {
		switch m {
		case "client_secret_basic":
			return store.TokenAuthBasic
		case "client_secret_post":
			return store.TokenAuthPost
		}
	}
	return store.TokenAuthBasic
}

// register registers the program (RFC 7591, section 3) as a native one, as the
// specification demands since 2026-07-28.
func (s *Session) register(ctx context.Context, p place, redirect string) (client, error) {
	ask := map[string]any{
		"client_name": clientName, "redirect_uris": []string{redirect}, "application_type": "native",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "none",
	}
	supported := p.authority.TokenAuth
	if len(supported) > 0 && !contains(supported, "none") {
		ask["token_endpoint_auth_method"] = "client_secret_" + tokenAuth(supported)
	}
	if len(p.scopes) > 0 {
		ask["scope"] = strings.Join(p.scopes, " ")
	}
	a, err := s.reach.postJSON(ctx, p.authority.Register, ask)
	if err != nil {
		return client{}, err
	}
	if a.status != 200 && a.status != 201 {
		return client{}, refuse("%s did not register this program (%d%s); register one there by hand and give its client id", p.name(), a.status, errorCode(a))
	}
	var got struct {
		ID      string      `json:"client_id"`
		Secret  string      `json:"client_secret"`
		Method  string      `json:"token_endpoint_auth_method"`
		Expires json.Number `json:"client_secret_expires_at"`
	}
	if err := json.Unmarshal(a.body, &got); err != nil || !plain(got.ID, 2000) || got.Secret != "" && !plain(got.Secret, 4000) {
		return client{}, refuse("%s registered this program, but its answer cannot be read", p.name())
	}
	c := client{ID: got.ID, Secret: got.Secret, Redirect: redirect}
	if n, err := got.Expires.Int64(); err == nil && n > 0 {
		c.Expires = n
	}
	if c.Secret != "" {
		s.o.Learned(c.Secret)
		switch got.Method {
		case "none":
			c.Secret = ""
		case "client_secret_post":
			c.Auth = store.TokenAuthPost
		default:
			c.Auth = store.TokenAuthBasic
		}
	}
	return c, nil
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// plain reports whether s is visible ASCII of at most that length.
func plain(s string, most int) bool {
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// errorCode shows the code of an error that an authorization server gave.
func errorCode(a answer) string {
	var e struct {
		Code string `json:"error"`
	}
	if json.Unmarshal(a.body, &e) != nil || !plain(e.Code, 60) {
		return ""
	}
	return ", " + e.Code
}
