package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/drawbridge-app/drawbridge/store"
)

// record is what the keychain holds of one server's sign-in, by issuer.
type record struct {
	// Server is the address that the tokens are for. Those of another are not
	// used: the entry was given another address.
	Server string `json:"server"`
	// Current is the issuer of the tokens that are in use.
	Current string          `json:"current,omitempty"`
	Issuers map[string]with `json:"issuers,omitempty"`
	// Bound is the issuer that got the secret which a person typed.
	Bound string `json:"bound,omitempty"`
	// TokenAuth is how the current issuer wants secrets.
	TokenAuth []string `json:"token_auth,omitempty"`
}

// with is what there is with one issuer.
type with struct {
	Client client `json:"client,omitzero"`
	Grant  *grant `json:"grant,omitempty"`
}

// issuersMax is how many issuers of one server are kept; a server that names
// ever new ones fills nothing.
const issuersMax = 4

func (r record) clone() record {
	r.Issuers = maps.Clone(r.Issuers)
	return r
}

func (r record) tokenAuth() []string { return r.TokenAuth }

// put keeps a sign-in and makes it the current one. Tokens of another issuer are
// dropped; a server has one account.
func (r *record) put(issuer string, c client, g grant) {
	r.drop()
	for known := range r.Issuers {
		if len(r.Issuers) >= issuersMax && known != issuer {
			delete(r.Issuers, known)
		}
	}
	if r.Issuers == nil {
		r.Issuers = map[string]with{}
	}
	r.Issuers[issuer] = with{Client: c, Grant: &g}
	r.Current = issuer
	if r.Bound == "" {
		r.Bound = issuer
	}
}

// drop forgets tokens; registrations stay.
func (r *record) drop() {
	for issuer, w := range r.Issuers {
		w.Grant = nil
		r.Issuers[issuer] = w
	}
	r.Current = ""
}

// load reads the keychain, once.
func (s *Session) load(ctx context.Context) error {
	s.mu.Lock()
	loaded := s.loaded
	s.mu.Unlock()
	if loaded || s.o.Vault == nil {
		return nil
	}
	var r record
	value, err := s.o.Vault.Get(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrNoKeychain):
	case err != nil:
		return fmt.Errorf("the sign-in cannot be read: %w", err)
	case json.Unmarshal([]byte(value.Reveal()), &r) != nil:
		s.o.Logger.Warn("a kept sign-in cannot be read; sign in again", "server", store.ShowAddress(s.target.Server))
		r = record{}
	}
	s.mu.Lock()
	if s.loaded {
		s.mu.Unlock()
		return nil
	}
	s.loaded = true
	if r.Server == s.target.Server {
		s.adopt(r)
	}
	s.mu.Unlock()
	s.o.Changed()
	return nil
}

// adopt makes a record the present one, as far as it fits what is configured.
// The caller holds mu.
func (s *Session) adopt(r record) {
	s.kept, s.grant = r, nil
	w := r.Issuers[r.Current]
	if w.Client.Secret != "" {
		s.o.Learned(w.Client.Secret)
	}
	g := w.Grant
	a := s.target.Auth
	switch {
	case g == nil, a.ClientID != "" && a.ClientID != g.Client, a.TokenURL != "" && a.TokenURL != g.TokenURL,
		!plain(g.Access, tokenMax), g.Refresh != "" && !plain(g.Refresh, tokenMax):
		return
	}
	s.o.Learned(g.Access)
	if g.Refresh != "" {
		s.o.Learned(g.Refresh)
	}
	s.grant = g
}

// keep makes the record the present one and writes it to the keychain. Where
// that fails it holds for this run, and Info says so.
func (s *Session) keep(ctx context.Context, r record) error {
	r.Server = s.target.Server
	s.mu.Lock()
	s.adopt(r)
	s.note = ""
	s.mu.Unlock()
	if s.o.Vault == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	var err error
	if len(r.Issuers) == 0 {
		if err = s.o.Vault.Remove(ctx); errors.Is(err, store.ErrNotFound) {
			err = nil
		}
	} else {
		var b []byte
		if b, err = json.Marshal(r); err == nil {
			err = s.o.Vault.Set(ctx, store.NewSecret(string(b)))
		}
	}
	if err != nil {
		s.o.Logger.Warn("a sign-in is kept for this run only", "server", store.ShowAddress(s.target.Server), "error", s.o.Redact(err.Error()))
		s.mu.Lock()
		s.note = "It holds for this run only, because it could not be kept: " + err.Error() + "."
		s.mu.Unlock()
		return fmt.Errorf("keep the sign-in: %w", err)
	}
	return nil
}
