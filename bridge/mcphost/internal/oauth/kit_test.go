package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/oauthtest"
	"github.com/drawbridge-app/drawbridge/store"
)

// patience bounds every wait of these tests.
const patience = time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// memory is a vault.
type memory struct {
	mu    sync.Mutex
	value string
	err   error
	sets  int
}

func (v *memory) Get(context.Context) (store.Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		return store.Secret{}, v.err
	}
	if v.value == "" {
		return store.Secret{}, fmt.Errorf("empty (%w)", store.ErrNotFound)
	}
	return store.NewSecret(v.value), nil
}

func (v *memory) Set(_ context.Context, s store.Secret) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		return v.err
	}
	v.value, v.sets = s.Reveal(), v.sets+1
	return nil
}

func (v *memory) Remove(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.value = ""
	return v.err
}

func (v *memory) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.value
}

// world is a protected server, its authorization server, and a session there.
type world struct {
	t      *testing.T
	a      *oauthtest.Authority
	r      *oauthtest.Resource
	vault  *memory
	open   func(context.Context, string) error
	opened func() []string
	target Target
	o      Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a := oauthtest.NewAuthority(t)
	r := oauthtest.NewResource(t, a, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	w := &world{t: t, a: a, r: r, vault: &memory{}}
	w.open, w.opened = oauthtest.Browser(t)
	w.target = Target{Server: r.Address(), Auth: store.Auth{Origins: []string{a.URL}}}
	w.o = Options{Vault: w.vault, SignInLimit: patience, RequestLimit: 30 * time.Second}
	return w
}

func (w *world) session() *Session { return New(w.o, w.target) }

// probe is what the server says to somebody whom it does not know.
func (w *world) probe(ctx context.Context) (Challenge, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.r.Address(), strings.NewReader("{}"))
	if err != nil {
		return Challenge{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Challenge{}, err
	}
	defer resp.Body.Close()
	return ReadChallenge(resp.Header), nil
}

func (w *world) signIn(s *Session) error {
	w.t.Helper()
	return s.SignIn(testContext(w.t), w.probe, w.open)
}

// signedIn signs in and returns the session and its token.
func (w *world) signedIn() (*Session, string) {
	w.t.Helper()
	s := w.session()
	if err := w.signIn(s); err != nil {
		w.t.Fatalf("sign in: %v", err)
	}
	return s, w.token(s)
}

func (w *world) token(s *Session) string {
	w.t.Helper()
	token, err := s.Token(testContext(w.t))
	if err != nil {
		w.t.Fatalf("Token: %v", err)
	}
	return token
}

// holds fails unless the token is good at the server.
func (w *world) holds(token string) {
	w.t.Helper()
	if status := w.status(token); status != http.StatusOK {
		w.t.Errorf("the server answers %d", status)
	}
}

func (w *world) status(token string) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(testContext(w.t), http.MethodPost, w.r.Address(), strings.NewReader("{}"))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// form returns the only form that was sent to a path of the authorization server.
func (w *world) form(path string) url.Values {
	w.t.Helper()
	list := w.a.Asked(path)
	if len(list) != 1 {
		w.t.Fatalf("%s was asked %d times", path, len(list))
	}
	return list[0].Form
}
