// Package oauth signs in to MCP servers: it finds out where ("Authorization" of
// the MCP specification, 2026-07-28, and the older eras), registers the program,
// has a person's browser ask them, takes the answer, keeps and renews the tokens,
// and signs out.
//
// It trusts nobody. What a server says of where to sign in is checked before
// anything is sent there: it must be https, must name itself as it was asked for,
// must do PKCE with S256, and must not lead into a private network. Tokens are
// bound to the server's address and kept by issuer. No error and no log has a
// secret in it.
//
//	s := oauth.New(oauth.Options{…}, oauth.Target{Server: "https://example.com/mcp"})
//	err := s.SignIn(ctx, challenge, open) // a person's browser
//	token, err := s.Token(ctx)            // renewed before it expires
//	err = s.SignOut(ctx)
package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/drawbridge-app/drawbridge/store"
)

// Target is the server and how a person configured the sign-in at it.
type Target struct {
	// Server is the address of the MCP server. Tokens go to its origin alone.
	Server string
	// Auth is what is configured. With store.AuthClient nobody is asked.
	Auth store.Auth
	// Secret is the value of Auth.Secret, read when it is needed; nil without.
	Secret func(context.Context) (store.Secret, error)
	// Document is the address of the program's client id metadata document;
	// empty where none is published.
	Document string
}

// Vault keeps the sign-in. Its errors wrap those of package store.
type Vault interface {
	Get(ctx context.Context) (store.Secret, error)
	Set(ctx context.Context, value store.Secret) error
	Remove(ctx context.Context) error
}

// Options is what a Session is made of. All but Vault, HTTP and Changed may be
// left out.
type Options struct {
	Vault Vault
	// HTTP gives the roots, the client certificate and the proxy; how it dials
	// is not taken over.
	HTTP *http.Transport
	// Transport gives that anew for each request, where the server has roots, a
	// client certificate or a proxy of its own; nil means HTTP. The certificate
	// is shown only to places that the person named.
	Transport func(context.Context) (*http.Transport, error)
	// Changed is called, without locks, whenever Info has changed.
	Changed func()
	// Learned is called with each secret as soon as it is known, so that nobody
	// shows it.
	Learned func(secret string)
	// Redact takes out of a text what Learned was called with, for the log.
	Redact func(string) string
	// Spawn runs a function in a goroutine that outlives the caller, or reports
	// false when the program is closing; nil means go.
	Spawn    func(func()) bool
	Resolver *net.Resolver // nil means the system's
	Logger   *slog.Logger  // nil discards
	Now      func() time.Time
	// SignInLimit is how long a person has; 5 min.
	SignInLimit time.Duration
	// RequestLimit is for one request to an authorization server; 15 s.
	RequestLimit time.Duration
	// UserAgent is told to authorization servers.
	UserAgent string
}

func (o Options) withDefaults() Options {
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Learned == nil {
		o.Learned = func(string) {}
	}
	if o.Redact == nil {
		o.Redact = func(s string) string { return s }
	}
	if o.Spawn == nil {
		o.Spawn = func(f func()) bool { go f(); return true }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SignInLimit <= 0 {
		o.SignInLimit = 5 * time.Minute
	}
	if o.RequestLimit <= 0 {
		o.RequestLimit = 15 * time.Second
	}
	if o.UserAgent == "" {
		o.UserAgent = "drawbridge"
	}
	return o
}

// Errors of a sign-in. They are wrapped in sentences.
var (
	// ErrNeeded says that a person has to sign in.
	ErrNeeded = errors.New("sign in first")
	// ErrRefused says that what a server told cannot be trusted, or is missing.
	ErrRefused = errors.New("the sign-in was refused")
	// ErrDeclined says that the person, or the authorization server, said no.
	ErrDeclined = errors.New("the sign-in was declined")
)

// PrivateError says that the server sends the sign-in to a private place that
// the person has not granted.
type PrivateError struct{ Origin string }

func (e *PrivateError) Error() string {
	return fmt.Sprintf("the server sends you to %s to sign in, which is on this computer or in a private network; permit that address for it only if you know it", e.Origin)
}
func (e *PrivateError) Unwrap() error { return ErrRefused }

func refuse(format string, a ...any) error {
	return fmt.Errorf("%s (%w)", fmt.Sprintf(format, a...), ErrRefused)
}

// originOf returns scheme, host and port ("origin" of RFC 6454).
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strings.ToLower(u.Scheme) + "://" + host + ":" + port
}

// show makes what a server wrote fit for a sentence: short, on one line, and
// without characters that are not seen.
func show(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= most {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(' ')
		case unicode.IsPrint(r) && !unicode.Is(unicode.Mn, r):
			b.WriteRune(r)
		default:
			b.WriteRune('�')
		}
	}
	return b.String()
}
