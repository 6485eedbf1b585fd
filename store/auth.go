package store

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// AuthKind says how this program shows a server over HTTP who it is.
type AuthKind string

// The kinds.
const (
	// AuthNone sends nothing. A server that asks for a sign-in gets one once a
	// person has signed in.
	AuthNone   AuthKind = ""
	AuthBearer AuthKind = "bearer" // a token that does not change
	AuthHeader AuthKind = "header" // an API key in a header of its own
	AuthBasic  AuthKind = "basic"  // user name and password
	// AuthOAuth has a person sign in with a browser (OAuth 2.1, code and PKCE).
	AuthOAuth AuthKind = "oauth"
	// AuthClient signs in as a program, without a person (RFC 6749, section 4.4).
	AuthClient AuthKind = "client_credentials"
)

// Auth says how a server over HTTP is shown who asks. The tokens of a sign-in
// are no part of it; they live in the keychain (SignInSecret). An entry has one
// account: whoever wants two of the same server adds it twice.
type Auth struct {
	Kind AuthKind
	// Secret is the token, the API key, the password, or the client's secret;
	// always a reference.
	Secret Value
	Header string // the name of the header, for AuthHeader
	User   string // for AuthBasic

	// The rest is for AuthOAuth and AuthClient.

	// ClientID is what the authorization server knows this program by, where a
	// person registered it there; empty otherwise.
	ClientID string
	// AuthorizationURL and TokenURL replace what the server says of where to
	// sign in; AuthClient needs the second alone.
	AuthorizationURL, TokenURL string
	// Scopes replace what the server asks for at first.
	Scopes []string
	// TokenAuth says how the client's secret is sent: "basic", "post", or empty
	// for what the authorization server prefers.
	TokenAuth string
	// Port is where the answer of the browser is awaited, for clients that are
	// registered with it; 0 takes any that is free.
	Port int
	// Origins are private places that the server may send a sign-in to, such as
	// "https://login.corp:8443".
	Origins []string
}

// How a client's secret is sent.
const (
	TokenAuthBasic = "basic"
	TokenAuthPost  = "post"
)

// SignInSecret names what is kept of the sign-in at a server: its tokens and
// what it is registered as, by issuer.
func SignInSecret(id string) SecretRef { return ServerSecret(id, "auth", "session") }

// StaticHeader returns the header that a Static way to sign in sends. An error
// of lookup is returned as it is.
func (a Auth) StaticHeader(lookup func(SecretRef) (Secret, error)) (name string, value Secret, err error) {
	s, err := a.Secret.Expand(lookup)
	if err != nil {
		return "", Secret{}, err
	}
	switch a.Kind {
	case AuthHeader:
		return a.Header, s, nil
	case AuthBasic: // RFC 7617
		pair := base64.StdEncoding.EncodeToString([]byte(a.User + ":" + s.Reveal()))
		return "Authorization", NewSecret("Basic " + pair), nil
	case AuthBearer:
		return "Authorization", NewSecret("Bearer " + s.Reveal()), nil
	}
	return "", Secret{}, fmt.Errorf("the way to sign in %q has no header that is known beforehand (%w)", a.Kind, ErrInvalid)
}

// Zero reports whether nothing is configured.
func (a Auth) Zero() bool {
	return a.Kind == "" && a.Secret == "" && a.Header == "" && a.User == "" && a.ClientID == "" && a.AuthorizationURL == "" &&
		a.TokenURL == "" && len(a.Scopes) == 0 && a.TokenAuth == "" && a.Port == 0 && len(a.Origins) == 0
}

// Static reports whether what is sent is known beforehand, so that nobody signs
// in.
func (a Auth) Static() bool {
	return a.Kind == AuthBearer || a.Kind == AuthHeader || a.Kind == AuthBasic
}

func (a Auth) clone() Auth {
	a.Scopes, a.Origins = slices.Clone(a.Scopes), slices.Clone(a.Origins)
	return a
}

// validate says in a sentence what cannot work; empty if nothing is wrong.
func (a Auth) validate() string {
	switch a.Kind {
	case AuthNone, AuthOAuth:
	case AuthBearer, AuthBasic:
	case AuthHeader:
		if !headerName.MatchString(a.Header) {
			return fmt.Sprintf("%q is no name for the header of an API key", a.Header)
		}
	case AuthClient:
		if a.ClientID == "" {
			return "signing in as a program needs a client id; it comes with the client's secret"
		}
	default:
		return fmt.Sprintf("the way to sign in %q is not known; use bearer, header, basic, oauth or client_credentials", a.Kind)
	}
	if (a.Static() || a.Kind == AuthClient) && a.Secret == "" {
		return "the secret to sign in with is missing; type it"
	}
	if a.Secret != "" && (len(a.Secret.Refs()) != 1 || a.Secret != RefTo(a.Secret.Refs()[0])) {
		return "the secret to sign in with stands there as it is; it belongs into the keychain, so type it with drawbridge servers add or in the window"
	}
	for _, s := range []string{a.User, a.ClientID, a.Header} {
		if len(s) > 2000 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "a name to sign in with is too long or contains a control character"
		}
	}
	if a.Kind == AuthBasic && strings.ContainsRune(a.User, ':') {
		return "a user name with a colon cannot be sent (RFC 7617)"
	}
	if a.Kind == AuthOAuth && (a.AuthorizationURL == "") != (a.TokenURL == "") {
		return "authorization_url and token_url go together; give both, or neither"
	}
	if a.AuthorizationURL != "" && a.ClientID == "" {
		return "a typed authorization_url needs a client id too, since nothing says where to register"
	}
	for _, s := range []string{a.AuthorizationURL, a.TokenURL} {
		if s == "" {
			continue
		}
		if u, err := url.Parse(s); err != nil || !SafeAddress(u) {
			return fmt.Sprintf("%q cannot be used to sign in; it should be an https address (http on this computer alone)", ShowAddress(s))
		}
	}
	for _, s := range a.Origins {
		if u, err := url.Parse(s); err != nil || !SafeAddress(u) || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return fmt.Sprintf("%q is no origin; it should look like https://login.corp:8443", ShowAddress(s))
		}
	}
	for _, s := range a.Scopes {
		if !ValidScope(s) {
			return fmt.Sprintf("%q is no scope; scopes are words without blanks, quotes and backslashes", s)
		}
	}
	if a.TokenAuth != "" && a.TokenAuth != TokenAuthBasic && a.TokenAuth != TokenAuthPost {
		return fmt.Sprintf("token_auth is basic or post, not %q", a.TokenAuth)
	}
	if a.Port < 0 || a.Port > 65535 {
		return fmt.Sprintf("%d is no port", a.Port)
	}
	return ""
}

// ValidScope reports whether s is one scope (RFC 6749, section 3.3), of at most
// 256 bytes.
func ValidScope(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// SafeAddress reports whether tokens, codes and a person's browser may be sent
// there, as far as the address tells: it is https, or http on this very
// computer, has a host of plain characters, and neither a user nor a fragment.
func SafeAddress(u *url.URL) bool {
	if u.Opaque != "" || u.User != nil || u.Fragment != "" || u.Host == "" || strings.HasSuffix(u.Host, ":") {
		return false
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	if err != nil {
		for _, c := range host {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
				return false
			}
		}
	}
	switch u.Scheme {
	case "https":
		return host != "" && addr.Zone() == ""
	case "http":
		return strings.EqualFold(host, "localhost") || err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
	}
	return false
}
