package oauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// errIssuer says that the answer came from another authorization server than the
// one that was asked (RFC 9207).
var errIssuer = refuse("the answer did not come from the server that you were sent to; nothing of it was used")

// byBrowser has the person's browser ask the authorization server and returns
// the tokens (RFC 6749, section 4.1; RFC 7636; RFC 8707).
func (s *Session) byBrowser(ctx context.Context, p place, old client, open func(context.Context, string) error) (grant, client, error) {
	port, must := portOf(old.Redirect), false
	if s.target.Auth.Port != 0 {
		port, must = s.target.Auth.Port, true
	}
	l, err := listen(port, must)
	if err != nil {
		return grant{}, client{}, err
	}
	defer l.close()
	c, err := s.be(ctx, p, l.redirect, old)
	if err != nil {
		return grant{}, client{}, err
	}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	s.o.Learned(verifier)
	address, err := s.authorizationURL(ctx, p, c, l.redirect, state, oauth2.S256ChallengeFromVerifier(verifier))
	if err != nil {
		return grant{}, client{}, err
	}
	answers := l.serve(state, func(q url.Values) error { return p.judge(q) })
	if err := open(ctx, address); err != nil {
		return grant{}, client{}, fmt.Errorf("the browser could not be opened: %w", err)
	}
	var got outcome
	select {
	case got = <-answers:
	case <-ctx.Done():
		return grant{}, client{}, context.Cause(ctx)
	}
	if got.err != nil {
		return grant{}, client{}, got.err
	}
	s.o.Learned(got.code)
	g, err := s.ask(ctx, p.authority.Token, p.resource, c, url.Values{
		"grant_type": {"authorization_code"}, "code": {got.code}, "redirect_uri": {l.redirect}, "code_verifier": {verifier},
	})
	return g, c, err
}

// authorizationURL is where the browser goes (RFC 6749, section 4.1.1).
func (s *Session) authorizationURL(ctx context.Context, p place, c client, redirect, state, challenge string) (string, error) {
	u, err := safe(p.authority.Authorize)
	if err != nil {
		return "", err
	}
	if err := s.reach.browsable(ctx, u); err != nil {
		return "", err
	}
	q := u.Query()
	for k, v := range map[string]string{
		"response_type": "code", "client_id": c.ID, "redirect_uri": redirect, "state": state,
		"code_challenge": challenge, "code_challenge_method": "S256", "resource": p.resource, "scope": strings.Join(p.scopes, " "),
	} {
		if q.Set(k, v); v == "" {
			q.Del(k)
		}
	}
	if contains(p.scopes, "offline_access") {
		// OpenID Connect Core 1.0, section 11, has it ignored otherwise.
		q.Set("prompt", "consent")
	}
	u.RawQuery = q.Encode()
	return plainAddress(u), nil
}

// plainAddress writes an address with every character escaped that could mean
// something to anybody but a browser: no quote, blank, bracket, backslash,
// semicolon, dollar or backtick is left for a program that opens it.
func plainAddress(u *url.URL) string {
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~:/?#[]@%&=+", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// judge looks at the answer that has the right state. Who sent it is settled
// first (RFC 9207, section 2.4): of an answer from another issuer nothing is
// used, its error neither.
func (p place) judge(q url.Values) error {
	iss := q["iss"]
	if !p.authority.typed && !p.authority.withoutMeta {
		switch {
		case len(iss) == 0 && p.authority.Issues, len(iss) > 1, len(iss) == 1 && iss[0] != p.authority.Issuer:
			return errIssuer
		}
	}
	if code := q.Get("error"); code != "" {
		if code == "access_denied" {
			return fmt.Errorf("%s says that the sign-in was declined (%w)", p.name(), ErrDeclined)
		}
		words := ""
		if d := q.Get("error_description"); d != "" {
			words = ": " + show(d, 200)
		}
		return fmt.Errorf("%s declined the sign-in (%s)%s (%w)", p.name(), show(code, 60), words, ErrDeclined)
	}
	if len(q["code"]) != 1 || q.Get("code") == "" || len(q.Get("code")) > tokenMax {
		return fmt.Errorf("%s answered without a code (%w)", p.name(), ErrRefused)
	}
	return nil
}
