package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

const (
	renewLimit    = 30 * time.Second // for renewing tokens, all in all
	stepsMax      = 3                // times in stepsWithin that a program asks for more rights
	stepsWithin   = 5 * time.Minute
	tryAgainAfter = 30 * time.Second // a renewal that failed for want of a network
)

// Session is the sign-in at one server. Its methods may be called from any
// goroutine.
type Session struct {
	o      Options
	target Target
	reach  *reach

	// turn holds a token while a sign-in, a sign-out or a renewal runs, so that
	// one does not undo what another keeps.
	turn chan struct{}

	mu      sync.Mutex // protects what follows
	loaded  bool
	kept    record
	grant   *grant // of kept.Current; nil when nobody is signed in
	flight  *flight
	waiting bool // a person's answer is awaited
	needed  bool // a person has to sign in
	missing []string
	asked   *Challenge // the last
	failure string     // a sentence
	note    string     // a sentence: it worked, but …
	private string     // an origin that the person may grant
	// rejected is a token that was renewed at once and refused all the same.
	rejected string
	retry    time.Time // a failed renewal is not tried again before
	steps    []time.Time
}

// flight is a renewal that runs.
type flight struct {
	done chan struct{}
	err  error
}

// Info is what a person is shown of a sign-in.
type Info struct {
	SignedIn bool
	Waiting  bool // for the person's answer in the browser
	Needed   bool // the server wants a person to sign in
	Issuer   string
	Account  string // who, if the authorization server said
	Expires  time.Time
	Renews   bool // by itself
	Scopes   []string
	Missing  []string // what the server asks for beyond that
	Error    string
	Note     string
	// Private is a private origin that the server wanted the sign-in to go to.
	Private string
}

// New returns a session. Nothing is read or sent before its first use.
func New(o Options, t Target) *Session {
	o = o.withDefaults()
	origins := append([]string{t.Server, t.Auth.AuthorizationURL, t.Auth.TokenURL}, t.Auth.Origins...)
	s := &Session{o: o, target: t, reach: newReach(o, origins), turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// Info returns how it stands.
func (s *Session) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := Info{Waiting: s.waiting, Needed: s.needed, Error: s.failure, Note: s.note, Private: s.private, Missing: slices.Clone(s.missing)}
	if g := s.grant; g != nil {
		i.SignedIn = true
		i.Account, i.Expires, i.Renews, i.Scopes = g.Account, g.Expires, g.Refresh != "" || !s.person(), slices.Clone(g.Scopes)
		i.Issuer = strings.TrimPrefix(s.kept.Current, "typed ")
	}
	return i
}

func (s *Session) set(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	s.o.Changed()
}

// take waits for its turn to change what is kept.
func (s *Session) take(ctx context.Context) (release func(), err error) {
	select {
	case <-s.turn:
		return func() { s.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Token returns the token to send, or "" where nobody is signed in. One that is
// about to expire is renewed first. The error wraps ErrNeeded when a person has
// to sign in, or is what the keychain said.
func (s *Session) Token(ctx context.Context) (string, error) {
	if err := s.load(ctx); err != nil {
		return "", err
	}
	s.mu.Lock()
	g, now := s.grant, s.o.Now()
	wait := now.Before(s.retry)
	s.mu.Unlock()
	switch {
	case g == nil:
		return "", nil
	case !g.due(now) || wait && !g.expired(now):
		return g.Access, nil
	case g.Refresh == "" && s.person():
		return g.Access, nil // the server decides whether it still holds
	}
	if err := s.renew(ctx, g.Access); err != nil {
		if !errors.Is(err, ErrNeeded) && !g.expired(s.o.Now()) {
			return g.Access, nil
		}
		return "", err
	}
	return s.present(), nil
}

// Loaded returns the token as Token does, if it is known without asking the
// keychain.
func (s *Session) Loaded(ctx context.Context) (string, error) {
	s.mu.Lock()
	loaded := s.loaded || s.o.Vault == nil
	s.mu.Unlock()
	if !loaded {
		return "", nil
	}
	return s.Token(ctx)
}

func (s *Session) present() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grant == nil {
		return ""
	}
	return s.grant.Access
}

// Refused says that the server refused a request with that token (empty if none
// was sent), and returns another to try once. The error wraps ErrNeeded when a
// person has to sign in first.
func (s *Session) Refused(ctx context.Context, token string, c Challenge) (string, error) {
	if err := s.load(ctx); err != nil {
		return "", err
	}
	s.mu.Lock()
	s.asked = &c
	g := s.grant
	again := token != "" && token == s.rejected
	s.mu.Unlock()
	switch {
	case g != nil && g.Access != token:
		return g.Access, nil // another request has renewed it, or it was not known before
	case again, s.person() && (g == nil || g.Refresh == ""):
		return "", s.need(nil)
	}
	if err := s.renew(ctx, token); err != nil {
		return "", err
	}
	fresh := s.present()
	if fresh == "" || fresh == token {
		return "", s.need(nil)
	}
	s.mu.Lock()
	s.rejected = fresh // until a request with it has worked
	s.mu.Unlock()
	return fresh, nil
}

// Accepted says that the server took the token.
func (s *Session) Accepted(token string) {
	s.mu.Lock()
	calm := s.rejected != token && !s.needed
	if s.rejected == token {
		s.rejected = ""
	}
	settled := s.needed && len(s.missing) == 0 && token != ""
	if settled {
		s.needed = false
	}
	s.mu.Unlock()
	if !calm && settled {
		s.o.Changed()
	}
}

// Insufficient says that the server wants more rights than the token has
// ("Step-Up Authorization Flow" of the specification). A program asks for them
// itself, a few times; a person has to sign in again, which the error, wrapping
// ErrNeeded, says.
func (s *Session) Insufficient(ctx context.Context, token string, c Challenge) (string, error) {
	s.mu.Lock()
	s.asked = &c
	var have []string
	if s.grant != nil {
		have = s.grant.Scopes
	}
	var missing []string
	for _, scope := range c.Scopes {
		if !slices.Contains(have, scope) {
			missing = append(missing, scope)
		}
	}
	now := s.o.Now()
	s.steps = slices.DeleteFunc(s.steps, func(t time.Time) bool { return now.Sub(t) > stepsWithin })
	may := !s.person() && len(missing) > 0 && len(s.steps) < stepsMax
	if may {
		s.steps = append(s.steps, now)
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		if s.person() && len(c.Scopes) == 0 {
			return "", s.need(c.Scopes)
		}
		return "", fmt.Errorf("the server refuses this although the sign-in has the rights that it names (%w)", store.ErrDenied)
	}
	if !may {
		return "", s.need(missing)
	}
	s.mu.Lock()
	s.missing = missing
	s.mu.Unlock()
	if err := s.renew(ctx, token); err != nil {
		return "", err
	}
	return s.present(), nil
}

// GaveUp says that the server refused the new token as well.
func (s *Session) GaveUp() error { return s.need(nil) }

// need notes that a person has to sign in.
func (s *Session) need(missing []string) error {
	s.set(func() { s.needed, s.missing = true, missing })
	if len(missing) > 0 {
		return fmt.Errorf("the server wants more rights than you have granted: %s (%w)", show(strings.Join(missing, " "), 300), ErrNeeded)
	}
	return ErrNeeded
}

// renew gets a new token in place of old. Of many callers at once one does it,
// in a goroutine of its own, so that no caller's end loses a token that the
// authorization server has changed already.
func (s *Session) renew(ctx context.Context, old string) error {
	s.mu.Lock()
	if s.grant != nil && s.grant.Access != old {
		s.mu.Unlock()
		return nil
	}
	f := s.flight
	first := f == nil
	if first {
		f = &flight{done: make(chan struct{})}
		s.flight = f
	}
	s.mu.Unlock()
	if first {
		end := func(err error) {
			s.mu.Lock()
			s.flight = nil
			s.mu.Unlock()
			f.err = err
			close(f.done)
			s.o.Changed()
		}
		run := func() {
			ctx, cancel := context.WithTimeout(context.Background(), renewLimit)
			defer cancel()
			end(s.renewNow(ctx, old))
		}
		if !s.o.Spawn(run) { // without mu, since others hold their locks when they ask for Info
			end(fmt.Errorf("the program is closing (%w)", store.ErrClosed))
		}
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Session) renewNow(ctx context.Context, old string) error {
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	s.mu.Lock()
	g, kept := s.grant, s.kept.clone()
	s.mu.Unlock()
	if g != nil && g.Access != old {
		return nil
	}
	if !s.person() {
		return s.asProgram(ctx)
	}
	if g == nil || g.Refresh == "" {
		return s.need(nil)
	}
	c := kept.Issuers[kept.Current].Client
	if s.target.Auth.ClientID != "" {
		c, err = s.configured(ctx, place{authority: authority{TokenAuth: kept.tokenAuth()}})
		if err != nil {
			return err
		}
	}
	fresh, err := s.ask(ctx, g.TokenURL, g.Resource, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}})
	var refused *tokenError
	switch {
	case errors.As(err, &refused) && refused.final():
		s.o.Logger.Info("a sign-in cannot be renewed", "server", store.ShowAddress(s.target.Server), "error", s.o.Redact(err.Error()))
		kept.drop()
		s.keep(ctx, kept)
		s.set(func() { s.failure = "Your sign-in has ended: " + Sentence(err) })
		return s.need(nil)
	case err != nil:
		s.mu.Lock()
		s.retry = s.o.Now().Add(tryAgainAfter)
		s.mu.Unlock()
		return fmt.Errorf("renew the sign-in: %w", err)
	}
	if fresh.Refresh == "" {
		fresh.Refresh = g.Refresh // it stays (RFC 6749, section 6)
	}
	if len(fresh.Scopes) == 0 {
		fresh.Scopes = g.Scopes
	}
	if fresh.Account == "" {
		fresh.Account = g.Account
	}
	fresh.Revoke = g.Revoke
	kept.put(kept.Current, kept.Issuers[kept.Current].Client, fresh)
	s.keep(ctx, kept)
	return nil
}

// SignIn has a person sign in with their browser, which open is to show an
// address. With store.AuthClient nobody is asked. It ends with the context, or
// after Options.SignInLimit. The error wraps ErrRefused or ErrDeclined, is a
// *PrivateError, or what ended the context.
func (s *Session) SignIn(ctx context.Context, probe func(context.Context) (Challenge, error), open func(ctx context.Context, address string) error) (err error) {
	if err := s.load(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.waiting {
		s.mu.Unlock()
		return fmt.Errorf("a sign-in is under way already (%w)", store.ErrExists)
	}
	s.waiting, s.failure, s.note, s.private = true, "", "", ""
	asked, missing := s.asked, s.missing
	s.mu.Unlock()
	s.o.Changed()
	defer func() {
		s.set(func() {
			s.waiting = false
			if err != nil && !errors.Is(err, context.Canceled) {
				s.failure = Sentence(err)
			}
			var private *PrivateError
			if errors.As(err, &private) {
				s.private = private.Origin
			}
		})
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, s.o.SignInLimit, errTooSlow)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil { // whatever was under way then
			err = context.Cause(ctx)
		}
	}()
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if !s.person() {
		return s.asProgram(ctx)
	}
	var c Challenge
	if asked != nil {
		c = *asked
	} else if s.target.Auth.TokenURL == "" {
		if c, err = probe(ctx); err != nil {
			return err
		}
	}
	p, err := s.find(ctx, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	kept := s.kept.clone()
	s.mu.Unlock()
	if err := s.bound(kept, p); err != nil {
		return err
	}
	old := kept.Issuers[p.issuer]
	if old.Grant != nil && len(missing) > 0 {
		p.scopes = scopes(slices.Concat(old.Grant.Scopes, p.scopes, missing))
	}
	g, client, err := s.byBrowser(ctx, p, old.Client, open)
	if err != nil {
		return err
	}
	if len(g.Scopes) == 0 {
		g.Scopes = p.scopes // granted as asked for (RFC 6749, section 5.1)
	}
	g.Revoke = p.authority.Revoke
	if s.target.Auth.ClientID != "" {
		client.Secret = "" // it has a place of its own
	}
	kept.TokenAuth = p.authority.TokenAuth
	kept.put(p.issuer, client, g)
	s.keep(ctx, kept)
	s.set(func() { s.needed, s.missing, s.asked, s.rejected = false, nil, nil, "" })
	return nil
}

// errTooSlow is the cause with which a sign-in ends that nobody finished.
var errTooSlow = fmt.Errorf("nobody finished the sign-in in time; begin it again (%w)", ErrDeclined)

// asProgram gets a token without a person (RFC 6749, section 4.4). The caller
// has the turn.
func (s *Session) asProgram(ctx context.Context) error {
	s.mu.Lock()
	asked, missing, kept := s.asked, s.missing, s.kept.clone()
	s.mu.Unlock()
	var c Challenge
	if asked != nil {
		c = *asked
	}
	p, err := s.find(ctx, c)
	if err != nil {
		return err
	}
	if err := s.bound(kept, p); err != nil {
		return err
	}
	if old := kept.Issuers[p.issuer].Grant; old != nil {
		p.scopes = scopes(slices.Concat(old.Scopes, p.scopes, missing))
	}
	client, err := s.configured(ctx, p)
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(p.scopes) > 0 {
		form.Set("scope", strings.Join(p.scopes, " "))
	}
	g, err := s.ask(ctx, p.authority.Token, p.resource, client, form)
	if err != nil {
		return fmt.Errorf("sign in as a program: %w", err)
	}
	if len(g.Scopes) == 0 {
		g.Scopes = p.scopes
	}
	g.Revoke, client.Secret = p.authority.Revoke, ""
	kept.TokenAuth = p.authority.TokenAuth
	kept.put(p.issuer, client, g)
	s.keep(ctx, kept)
	s.set(func() { s.needed, s.missing, s.failure = false, nil, "" })
	return nil
}

// bound refuses to show a secret that a person typed to another authorization
// server than the one that got it first.
func (s *Session) bound(kept record, p place) error {
	if s.target.Auth.ClientID == "" || s.target.Auth.Secret == "" || kept.Bound == "" || kept.Bound == p.issuer {
		return nil
	}
	return refuse("the server now sends you to %s, and its client's secret was for %s. If that is right, forget the sign-in and begin anew", show(p.issuer, 200), show(kept.Bound, 200))
}

// SignOut revokes the tokens where that is offered (RFC 7009), and forgets
// them. What the program is registered as stays. The error says what could not
// be revoked; they are forgotten all the same.
func (s *Session) SignOut(ctx context.Context) error { return s.leave(ctx, false) }

// Forget signs out and forgets the registration too.
func (s *Session) Forget(ctx context.Context) error { return s.leave(ctx, true) }

func (s *Session) leave(ctx context.Context, all bool) error {
	if err := s.load(ctx); err != nil && !all {
		return err
	}
	release, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	s.mu.Lock()
	g, kept := s.grant, s.kept.clone()
	s.mu.Unlock()
	if g != nil && g.Revoke != "" {
		err = s.revoke(ctx, g, kept)
	}
	kept.drop()
	if all {
		kept = record{}
	}
	if keepErr := s.keep(ctx, kept); keepErr != nil {
		err = errors.Join(err, keepErr)
	}
	s.set(func() { s.missing, s.failure, s.note, s.rejected, s.needed = nil, "", "", "", s.person() })
	return err
}

// revoke has the authorization server end the tokens, the one for renewal first
// (RFC 7009, section 2.1).
func (s *Session) revoke(ctx context.Context, g *grant, kept record) error {
	c := kept.Issuers[kept.Current].Client
	if s.target.Auth.ClientID != "" {
		var err error
		if c, err = s.configured(ctx, place{authority: authority{TokenAuth: kept.tokenAuth()}}); err != nil {
			return err
		}
	}
	for _, t := range []struct{ kind, token string }{{"refresh_token", g.Refresh}, {"access_token", g.Access}} {
		if t.token == "" {
			continue
		}
		form := url.Values{"token": {t.token}, "token_type_hint": {t.kind}}
		authorization := c.identify(form)
		a, err := s.reach.postForm(ctx, g.Revoke, form, authorization)
		if err != nil {
			return fmt.Errorf("you are signed out here, but the token could not be revoked: %w", err)
		}
		if a.status != 200 && errorCode(a) != ", unsupported_token_type" {
			return fmt.Errorf("you are signed out here, but %s did not revoke the token (%d%s)", hostOf(g.Revoke), a.status, errorCode(a))
		}
	}
	return nil
}

// Plain is an error's text without the sentinel at its end, which says the same.
func Plain(err error) string {
	text := err.Error()
	for _, sentinel := range []error{ErrRefused, ErrDeclined, ErrNeeded, store.ErrDenied} {
		text = strings.TrimSuffix(text, " ("+sentinel.Error()+")")
	}
	return text
}

// Sentence is an error as a person reads it.
func Sentence(err error) string {
	text := Plain(err)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// Passing reports whether an error may pass by itself: nothing was refused, and
// something could not be reached.
func Passing(err error) bool { return errors.Is(err, errUnreachable) }
