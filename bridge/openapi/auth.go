package openapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// credentials are what one request shows the API, and what must not be seen
// afterwards.
type credentials struct {
	header    http.Header
	query     string
	cookie    string
	token     string // of a sign-in by client credentials
	renewable bool   // the token was kept from before
	secrets   []string
}

// hidden stands where a secret was.
const hidden = "‹secret›"

// hide replaces every secret in a text, also as it is written in an address or
// in JSON.
func (c *credentials) hide(s string) string {
	if c == nil {
		return s
	}
	for _, secret := range c.secrets {
		for _, form := range []string{secret, escape(secret), url.QueryEscape(secret), strings.Trim(string(compact(secret)), `"`)} {
			if len(form) >= 4 {
				s = strings.ReplaceAll(s, form, hidden)
			}
		}
	}
	return s
}

func (c *credentials) hideBytes(b []byte) []byte {
	if c == nil || len(c.secrets) == 0 {
		return b
	}
	return []byte(c.hide(string(b)))
}

// authorization resolves what goes with a request. It returns credentials with
// an error too, to hide what was resolved by then.
func (s *Server) authorization(ctx context.Context) (*credentials, error) {
	c := &credentials{header: http.Header{}}
	for name, value := range s.o.Headers {
		v, err := s.o.Resolve(ctx, value)
		if err != nil {
			return c, fmt.Errorf("the header %s cannot be sent: %w", name, err)
		}
		if value.Secret() {
			c.secrets = append(c.secrets, v.Reveal())
		}
		if !validName(name) || !validValue(v.Reveal()) {
			return c, fmt.Errorf("the header %s has a value that cannot be sent; type it again", name)
		}
		if slices.Contains(notFromSettings, strings.ToLower(name)) {
			continue
		}
		c.header.Set(name, v.Reveal())
	}
	return c, s.auth.add(ctx, c)
}

// notFromSettings are headers that HTTP itself needs.
var notFromSettings = []string{"host", "content-length", "transfer-encoding", "connection", "content-type"}

// authorizer adds the authentication of a server's settings. Any goroutine may
// use it.
type authorizer struct {
	auth    store.APIAuth
	resolve Resolve
	now     func() time.Time
	client  *http.Client

	mu      sync.Mutex // protects what follows, and lets one request at a time fetch a token
	token   string
	expires time.Time // zero: until it is refused
}

func (z *authorizer) add(ctx context.Context, c *credentials) error {
	if z.auth.IsZero() {
		return nil
	}
	secret, err := z.resolve(ctx, z.auth.Value)
	if err != nil {
		return fmt.Errorf("the authentication of the API cannot be read: %w", err)
	}
	value := secret.Reveal()
	c.secrets = append(c.secrets, value)
	if value == "" || !validValue(value) {
		return fmt.Errorf("the value for the authentication of the API is empty or has a line break; type it again")
	}
	switch z.auth.Kind {
	case store.APIAuthKey:
		switch z.auth.In {
		case "query":
			c.query = escape(z.auth.Name) + "=" + escape(value)
		case "cookie":
			if strings.ContainsAny(value, `;, "\`) {
				value = escape(value)
			}
			c.cookie = z.auth.Name + "=" + value
		default:
			c.header.Set(z.auth.Name, value)
		}
	case store.APIAuthBearer:
		c.header.Set("Authorization", "Bearer "+value)
	case store.APIAuthBasic:
		pair := base64.StdEncoding.EncodeToString([]byte(z.auth.User + ":" + value))
		c.secrets = append(c.secrets, pair)
		c.header.Set("Authorization", "Basic "+pair)
	case store.APIAuthHeader:
		c.header.Set("Authorization", value)
	case store.APIAuthClient:
		return z.signIn(ctx, c, value)
	}
	return nil
}

// margin is how long before its end a token is not used any more.
const margin = 30 * time.Second

// signIn adds the token that the client's secret gives (RFC 6749, section 4.4),
// the kept one as long as it holds.
func (z *authorizer) signIn(ctx context.Context, c *credentials, secret string) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	kept := z.token != "" && (z.expires.IsZero() || z.now().Before(z.expires.Add(-margin)))
	if !kept {
		token, life, err := z.fetch(ctx, secret)
		if err != nil {
			return err
		}
		z.token, z.expires = token, time.Time{}
		if life > 0 {
			z.expires = z.now().Add(life)
		}
	}
	c.token, c.renewable = z.token, kept
	c.secrets = append(c.secrets, z.token)
	c.header.Set("Authorization", "Bearer "+z.token)
	return nil
}

// forget drops a token that the API refused.
func (z *authorizer) forget(token string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.token == token {
		z.token = ""
	}
}

// fetch asks for a token: with the client's secret in the header, and if that is
// refused, in the body (RFC 6749, section 2.3.1).
func (z *authorizer) fetch(ctx context.Context, secret string) (token string, life time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, inBody := range []bool{false, true} {
		var status int
		token, life, status, err = z.ask(ctx, secret, inBody)
		if err == nil || status != http.StatusUnauthorized && status != http.StatusBadRequest {
			return token, life, err
		}
	}
	return "", 0, err
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,60}$`)

func (z *authorizer) ask(ctx context.Context, secret string, inBody bool) (token string, life time.Duration, status int, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(z.auth.Scopes) > 0 {
		form.Set("scope", strings.Join(z.auth.Scopes, " "))
	}
	if inBody {
		form.Set("client_id", z.auth.User)
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, z.auth.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, 0, fmt.Errorf("the address for tokens cannot be used")
	}
	host := req.URL.Host
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if !inBody {
		req.SetBasicAuth(url.QueryEscape(z.auth.User), url.QueryEscape(secret))
	}
	resp, err := z.client.Do(req)
	if err != nil {
		return "", 0, 0, fmt.Errorf("no token could be had, since %s could not be reached", host)
	}
	defer resp.Body.Close()
	var m struct {
		Token   string      `json:"access_token"`
		Type    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"`
		Error   string      `json:"error"`
	}
	broken := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&m)
	if resp.StatusCode != http.StatusOK {
		why := ""
		if broken == nil && errorCode.MatchString(m.Error) {
			why = " (" + m.Error + ")"
		}
		return "", 0, resp.StatusCode, fmt.Errorf("%s gave no token: HTTP %d%s; check the client's id, its secret and the scopes", host, resp.StatusCode, why)
	}
	if broken != nil || m.Token == "" || !validValue(m.Token) || m.Type != "" && !strings.EqualFold(m.Type, "bearer") {
		return "", 0, resp.StatusCode, fmt.Errorf("%s answered with something that is no bearer token", host)
	}
	if seconds, err := m.Expires.Int64(); err == nil && seconds > 0 {
		life = time.Duration(min(seconds, 1e6)) * time.Second
	}
	return m.Token, life, resp.StatusCode, nil
}
