package mcphost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/oauth"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// SignIn says how the sign-in at a server stands, for a person to read.
type SignIn struct {
	SignedIn bool
	Waiting  bool // for the answer of the person's browser
	Needed   bool // the server wants a person to sign in
	// ByProgram says that the program signs in itself; nobody is asked.
	ByProgram bool
	Issuer    string    // the authorization server; empty if it is not known
	Account   string    // who signed in, if the authorization server said
	Expires   time.Time // of the present token; zero if nobody said
	Renews    bool      // by itself
	Scopes    []string
	Missing   []string // what the server wants beyond Scopes
	Error     string   // a sentence; why the last sign-in or renewal failed
	Note      string   // a sentence; it worked, but …
	// Private is an origin on this computer or in a private network that the
	// server sent the last sign-in to, and that the person has not granted.
	Private string
}

// account is the sign-in at one server, as long as neither its address nor how
// one signs in changes. A nil account stands for a server without any.
type account struct {
	session *oauth.Session
	address string // of the server
	lazy    bool   // what is kept is looked up only once the server asks
	program bool
	known   atomic.Pointer[tools.Redactor] // the tokens

	mu      sync.Mutex // protects what follows
	learned []string
	cancel  context.CancelCauseFunc // of the sign-in that runs
	stopped bool
}

// learnedMax is how many secrets of a sign-in are remembered for redaction.
const learnedMax = 64

// newAccount returns the account of a configuration, or nil where there is no
// sign-in to be had.
func (m *Manager) newAccount(c store.ServerConfig) *account {
	if !c.Transport.OverHTTP() || c.Auth.Static() {
		return nil
	}
	for name := range c.Headers {
		if strings.EqualFold(name, "Authorization") {
			return nil
		}
	}
	a := &account{address: c.URL, lazy: c.Auth.Kind == store.AuthNone, program: c.Auth.Kind == store.AuthClient}
	o := oauth.Options{
		HTTP: m.o.HTTP, Logger: m.o.Logger, SignInLimit: m.o.SignInLimit, UserAgent: "drawbridge/" + m.o.Version,
		Changed: m.signInChanged, Learned: a.learn, Redact: func(s string) string { return a.secrets().Text(s) }, Spawn: m.background,
	}
	if m.o.SignIns != nil {
		o.Vault = vault{m.o.SignIns, store.SignInSecret(c.ID)}
	}
	if c.Net != (store.NetConfig{}) {
		o.Transport = func(ctx context.Context) (*http.Transport, error) { return m.ownTransport(ctx, c, a.learn) }
	}
	t := oauth.Target{Server: c.URL, Auth: c.Auth, Document: m.o.ClientDocument}
	if refs := c.Auth.Secret.Refs(); len(refs) == 1 && refs[0].MayUse(c.ID) {
		t.Secret = func(ctx context.Context) (store.Secret, error) {
			s, err := m.o.Secrets.Get(ctx, refs[0])
			if err != nil {
				return s, fmt.Errorf("the client's secret cannot be read: %w", err)
			}
			return s, nil
		}
	}
	a.session = oauth.New(o, t)
	return a
}

// vault is where one server's sign-in is kept.
type vault struct {
	all SignIns
	ref store.SecretRef
}

func (v vault) Get(ctx context.Context) (store.Secret, error) { return v.all.Get(ctx, v.ref) }
func (v vault) Set(ctx context.Context, s store.Secret) error { return v.all.Set(ctx, v.ref, s) }
func (v vault) Remove(ctx context.Context) error              { return v.all.Remove(ctx, v.ref) }

// signInChanged shows what changed of a sign-in.
func (m *Manager) signInChanged() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.publish()
	}
}

// background runs a function that Close waits for, or reports false after it.
func (m *Manager) background(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.lives.Go(f)
	return true
}

// accountFor returns the account for a configuration whose address is that, once
// the person's environment is put in: the account of the server of its id, if
// that is configured alike.
func (m *Manager) accountFor(c store.ServerConfig, address string) *account {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.servers[c.ID]
	same := ok && s.status.Server.RunHash() == c.RunHash()
	if same && (s.account == nil || s.account.address == address) {
		return s.account
	}
	c.URL = address
	a := m.newAccount(c)
	if same {
		s.account.stop()
		s.account = a
	}
	return a
}

// view is what a person is shown; nil where there is no sign-in.
func (a *account) view() *SignIn {
	if a == nil {
		return nil
	}
	i := a.session.Info()
	return &SignIn{
		SignedIn: i.SignedIn, Waiting: i.Waiting, Needed: i.Needed && !a.program, ByProgram: a.program,
		Issuer: i.Issuer, Account: visible(i.Account), Expires: i.Expires, Renews: i.Renews, Scopes: i.Scopes, Missing: i.Missing,
		Error: a.secrets().Text(visible(i.Error)), Note: a.secrets().Text(visible(i.Note)), Private: i.Private,
	}
}

// learn has a secret replaced wherever it could be shown.
func (a *account) learn(secret string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.learned, secret) {
		return
	}
	a.learned = append(a.learned, secret)
	if n := len(a.learned); n > learnedMax {
		a.learned = slices.Delete(a.learned, 0, n-learnedMax)
	}
	a.known.Store(tools.NewRedactor(redactFrom, a.learned...))
}

func (a *account) secrets() *tools.Redactor { return a.known.Load() }

// stop ends a sign-in that runs, for good: the server is gone, or another now.
func (a *account) stop() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	if a.cancel != nil {
		a.cancel(errCancelled)
	}
}

var errCancelled = fmt.Errorf("the sign-in was cancelled (%w)", context.Canceled)

// account returns the sign-in of a server. The error wraps store.ErrNotFound or
// store.ErrInvalid.
func (m *Manager) account(id string) (*account, store.ServerConfig, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.servers[id]
	switch {
	case m.closed:
		return nil, store.ServerConfig{}, fmt.Errorf("the servers are shut down (%w)", store.ErrClosed)
	case !ok:
		return nil, store.ServerConfig{}, fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
	case s.account == nil:
		return nil, store.ServerConfig{}, fmt.Errorf("the server %q has no sign-in: it is a program, or gets a token that does not change (%w)", s.status.Server.Name, store.ErrInvalid)
	}
	return s.account, s.status.Server.Clone(), nil
}

// SignIn has a person sign in at a server with their browser: open is given the
// address to show there, and SignIn returns when the answer has come and the
// tokens are kept. It ends early with the context, by CancelSignIn, and after
// Options.SignInLimit. A server that signs in as a program does so, and nothing
// is opened. A server that failed is started again afterwards.
//
// Only one that a person has approved is asked anything; the error then wraps
// store.ErrHeld. PrivateOrigin explains another.
func (m *Manager) SignIn(ctx context.Context, id string, open func(ctx context.Context, address string) error) error {
	_, c, err := m.account(id)
	if err != nil {
		return err
	}
	if err := m.o.Gate.MayStart(ctx, c.Clone()); err != nil {
		return err
	}
	given, err := m.resolve(ctx, c, "")
	if err != nil {
		return err
	}
	a := m.accountFor(c, given.config.URL)
	if a == nil {
		return errCancelled // it was changed just now
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.life, func() { cancel(errStopped) })()
	a.mu.Lock()
	if a.stopped {
		a.mu.Unlock()
		return errCancelled
	}
	if a.cancel != nil {
		a.mu.Unlock()
		return fmt.Errorf("a sign-in at %q is under way; finish it in the browser, or cancel it (%w)", c.Name, store.ErrExists)
	}
	a.cancel = cancel
	a.mu.Unlock()
	err = a.session.SignIn(ctx, func(ctx context.Context) (oauth.Challenge, error) { return m.probe(ctx, given) }, open)
	a.mu.Lock()
	a.cancel = nil
	a.mu.Unlock()
	if err != nil {
		return &redactedError{a.secrets().Text(oauth.Plain(err)), err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.servers[id]; !m.closed && s != nil && s.account == a && s.status.State == Failed {
		m.launch(s, Starting)
		m.publish()
	}
	return nil
}

// redactedError shows an error's text without secrets.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

// SignInSaid reports whether Status.SignIn says what the error of SignIn does.
func SignInSaid(err error) bool {
	var e *redactedError
	return errors.As(err, &e) && !errors.Is(err, context.Canceled)
}

// PrivateOrigin returns the private place that the sign-in was sent to, if the
// error of SignIn is that the person has not granted it (store.Auth.Origins).
func PrivateOrigin(err error) (origin string, ok bool) {
	var private *oauth.PrivateError
	if !errors.As(err, &private) {
		return "", false
	}
	return private.Origin, true
}

// CancelSignIn ends a sign-in that runs, if one does.
func (m *Manager) CancelSignIn(id string) {
	a, _, err := m.account(id)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		a.cancel(errCancelled)
	}
}

// SignOut ends the sign-in at a server: tokens are revoked where that is
// offered, and forgotten. With forget, so is what the program is registered as
// there. The tokens are gone even if an error says what could not be revoked. A
// server that is ready is started again, without them.
func (m *Manager) SignOut(ctx context.Context, id string, forget bool) error {
	a, _, err := m.account(id)
	if err != nil {
		return err
	}
	if forget {
		err = a.session.Forget(ctx)
	} else {
		err = a.session.SignOut(ctx)
	}
	m.mu.Lock()
	if s := m.servers[id]; !m.closed && s != nil && s.account == a && s.status.State == Ready {
		m.launch(s, Starting)
		m.publish()
	}
	m.mu.Unlock()
	if err != nil {
		return &redactedError{a.secrets().Text(oauth.Plain(err)), err}
	}
	return nil
}

// probeLimit is for the answer to the question how one signs in.
const probeLimit = 15 * time.Second

// probe asks a server something without saying who asks, to learn from its
// refusal where to sign in. What has no refusal leaves that to its metadata.
func (m *Manager) probe(ctx context.Context, given received) (oauth.Challenge, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	c := given.config
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	if err != nil {
		return oauth.Challenge{}, fmt.Errorf("the address %q cannot be read (%w)", store.ShowAddress(c.URL), store.ErrInvalid)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Mcp-Protocol-Version", olderEra)
	h := &httpLink{base: given.http, origin: originOf(req.URL), address: c.URL, headers: given.headers, life: m.life, secrets: given.redactor}
	resp, err := h.client().Do(req)
	if err != nil {
		return oauth.Challenge{}, h.explain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return oauth.Challenge{}, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, errorBodyMax))
	return oauth.ReadChallenge(resp.Header), nil
}
