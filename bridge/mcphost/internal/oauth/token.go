package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

const tokenMax = 16 << 10 // bytes of one token

// grant is a sign-in at one authorization server: the tokens, and all that
// renewing and revoking them needs. It is what the keychain holds.
type grant struct {
	Access   string    `json:"access"`
	Refresh  string    `json:"refresh,omitempty"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires,omitzero"` // zero: nobody said
	Scopes   []string  `json:"scopes,omitempty"`
	Resource string    `json:"resource,omitempty"`
	TokenURL string    `json:"token_url"`
	Revoke   string    `json:"revoke_url,omitempty"`
	Client   string    `json:"client_id"`
	Account  string    `json:"account,omitempty"` // who signed in, if anybody said
}

// tokenError is the refusal of a token endpoint (RFC 6749, section 5.2).
type tokenError struct {
	host   string
	status int
	code   string
	words  string // its description, without what was sent
}

func (e *tokenError) Error() string {
	s := fmt.Sprintf("%s gave no token (%d", e.host, e.status)
	if e.code != "" {
		s += ", " + e.code
	}
	s += ")"
	if e.words != "" {
		s += ": " + e.words
	}
	return s
}

// final reports whether asking again cannot help.
func (e *tokenError) final() bool {
	switch e.code {
	case "invalid_grant", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target":
		return true
	}
	return false
}

// ask sends a token request (RFC 6749, sections 4.1.3, 4.4.2 and 6) with the
// parameter resource (RFC 8707, section 2.2).
func (s *Session) ask(ctx context.Context, tokenURL, resource string, c client, form url.Values) (grant, error) {
	if resource != "" {
		form.Set("resource", resource)
	}
	authorization := c.identify(form)
	a, err := s.reach.postForm(ctx, tokenURL, form, authorization)
	if err != nil {
		return grant{}, err
	}
	if a.status != 200 {
		return grant{}, refusal(tokenURL, a, form, c)
	}
	g, err := s.readGrant(a, tokenURL)
	if err != nil {
		return g, err
	}
	g.Resource, g.TokenURL, g.Client = resource, tokenURL, c.ID
	return g, nil
}

// identify puts the client's name into the form, and its secret where it is to
// be: in the form, or into the header that is returned (RFC 6749, section 2.3.1).
// The name is in the form beside a header, too: some authorization servers look
// for it nowhere else, among them those made with the SDK for Python.
func (c client) identify(form url.Values) (authorization string) {
	form.Set("client_id", c.ID)
	if c.Secret != "" && c.Auth != store.TokenAuthPost {
		pair := url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	}
	if c.Secret != "" {
		form.Set("client_secret", c.Secret)
	}
	return ""
}

// refusal reads an error without repeating anything that was sent in secret.
func refusal(tokenURL string, a answer, form url.Values, c client) error {
	e := &tokenError{host: hostOf(tokenURL), status: a.status}
	var body struct {
		Code  string `json:"error"`
		Words string `json:"error_description"`
	}
	if json.Unmarshal(a.body, &body) != nil {
		return e
	}
	hide := []string{c.Secret}
	for _, k := range []string{"code", "code_verifier", "refresh_token", "client_secret", "token"} {
		hide = append(hide, form.Get(k))
	}
	words := body.Words
	for _, h := range hide {
		if h != "" {
			words = strings.ReplaceAll(words, h, "…")
			body.Code = strings.ReplaceAll(body.Code, h, "…")
		}
	}
	e.code, e.words = show(body.Code, 60), show(words, 200)
	return e
}

// readGrant reads a token response (RFC 6749, section 5.1).
func (s *Session) readGrant(a answer, tokenURL string) (grant, error) {
	var got struct {
		Access  string          `json:"access_token"`
		Type    string          `json:"token_type"`
		Expires json.RawMessage `json:"expires_in"`
		Refresh string          `json:"refresh_token"`
		Scope   string          `json:"scope"`
		ID      string          `json:"id_token"`
	}
	host := hostOf(tokenURL)
	if err := json.Unmarshal(a.body, &got); err != nil {
		return grant{}, refuse("the answer of %s cannot be read", host)
	}
	for _, secret := range []string{got.Access, got.Refresh, got.ID} {
		if secret != "" {
			s.o.Learned(secret)
		}
	}
	switch {
	case !plain(got.Access, tokenMax) || strings.ContainsRune(got.Access, ' '):
		return grant{}, refuse("%s answered without a token that can be used", host)
	case !strings.EqualFold(got.Type, "Bearer"):
		return grant{}, refuse("%s gave a token of the kind %q, which is not known here", host, show(got.Type, 40))
	case got.Refresh != "" && !plain(got.Refresh, tokenMax):
		return grant{}, refuse("%s gave a token for renewal that cannot be used", host)
	}
	now := s.o.Now()
	g := grant{Access: got.Access, Refresh: got.Refresh, Issued: now, Scopes: scopes(strings.Fields(got.Scope)), Account: account(got.ID)}
	if n, err := strconv.ParseFloat(strings.Trim(string(got.Expires), `"`), 64); err == nil && n > 0 && n < 1e9 {
		g.Expires = now.Add(time.Duration(n) * time.Second)
	}
	return g, nil
}

// account reads who signed in from an ID token. It came from the token endpoint
// itself over TLS, so its signature need not be checked (OpenID Connect Core
// 1.0, section 3.1.3.7); it is shown, and nothing is decided by it.
func account(idToken string) string {
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 || len(idToken) > tokenMax {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var c struct {
		Email string `json:"email"`
		User  string `json:"preferred_username"`
		Name  string `json:"name"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return ""
	}
	for _, s := range []string{c.Email, c.User, c.Name} {
		if s != "" {
			return show(s, 100)
		}
	}
	return ""
}

// due reports whether the token should be renewed before it is used: it ends
// within a minute, or within a fifth of its life if that is less.
func (g *grant) due(now time.Time) bool {
	if g.Expires.IsZero() {
		return false
	}
	margin := min(time.Minute, g.Expires.Sub(g.Issued)/5)
	return now.Add(margin).After(g.Expires)
}

func (g *grant) expired(now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }
