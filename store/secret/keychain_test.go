package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// fake is a keychain in memory, whose faults can be chosen.
type fake struct {
	mu       sync.Mutex
	items    map[string]string
	calls    int
	running  int
	most     int // calls at the same time
	notReady error
	dismiss  bool          // set returns nil and keeps nothing
	hang     chan struct{} // calls wait until it is closed, if not nil
	hangSoon chan struct{} // the same for ready
	unlocks  chan error    // what unlock gives
}

func newFake() *fake { return &fake{items: map[string]string{}} }

func (f *fake) enter() func() {
	f.mu.Lock()
	f.calls++
	f.running++
	f.most = max(f.most, f.running)
	hang := f.hang
	f.mu.Unlock()
	if hang != nil {
		<-hang
	}
	f.mu.Lock()
	return func() { f.running--; f.mu.Unlock() }
}

func (f *fake) ready(ctx context.Context) error {
	if f.hangSoon != nil {
		select {
		case <-f.hangSoon:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.notReady
}

func (f *fake) unlock(ctx context.Context) error {
	select {
	case err := <-f.unlocks:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fake) get(user string) (string, error) {
	defer f.enter()()
	v, ok := f.items[user]
	if !ok {
		return "", store.ErrNotFound
	}
	return v, nil
}

func (f *fake) set(user, value string) error {
	defer f.enter()()
	if len(value) > 2500 {
		return errors.New("too big for a keychain")
	}
	if !f.dismiss {
		f.items[user] = value
	}
	return nil
}

func (f *fake) remove(user string) error {
	defer f.enter()()
	if _, ok := f.items[user]; !ok {
		return store.ErrNotFound
	}
	delete(f.items, user)
	return nil
}

func withSystem(home string, sys system) *Store {
	return openWith(home, options{system: sys, limit: 3 * time.Second, work: 4, now: time.Now})
}

func state(t *testing.T, s *Store, want store.SecretState) {
	t.Helper()
	got := s.State(t.Context())
	if (got.Reason == "") != (want.Reason == "") || !strings.Contains(got.Reason, want.Reason) {
		t.Errorf("the reason is %q, want %q", got.Reason, want.Reason)
	}
	got.Reason, want.Reason = "", ""
	if got != want {
		t.Errorf("the state is %+v, want %+v", got, want)
	}
}

func TestKeychain(t *testing.T) {
	t.Parallel()
	f, home := newFake(), t.TempDir()
	s := withSystem(home, f)
	conformance(t, s, func(*testing.T) *Store { return withSystem(home, f) })
	state(t, s, store.SecretState{Place: store.SecretsKeychain})
	noValues(t, home, "ghp_", "sk-proj", strings.Repeat("l", 50), "long long")
	if f.most != 1 {
		t.Errorf("%d calls at the same time", f.most)
	}
	for _, v := range f.items {
		if len(v) > 2000 {
			t.Errorf("an item of %d bytes", len(v))
		}
	}
	// Each long value has one file, whatever it was before.
	files, err := os.ReadDir(filepath.Join(home, "sealed"))
	long := 0
	for _, v := range f.items {
		if strings.HasPrefix(v, sealedItem) {
			long++
		}
	}
	if err != nil || len(files) != long || long == 0 {
		t.Errorf("%d sealed files of %d long values, error %v", len(files), long, err)
	}
}

func TestReadOnce(t *testing.T) {
	t.Parallel()
	f, home := newFake(), t.TempDir()
	if err := withSystem(home, f).Set(t.Context(), "x", store.NewSecret("v")); err != nil {
		t.Fatal(err)
	}
	s := withSystem(home, f)
	f.calls = 0
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if v, err := s.Get(t.Context(), "x"); err != nil || v.Reveal() != "v" {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if f.calls != 1 {
		t.Errorf("the keychain was asked %d times", f.calls)
	}
}

func TestNothingIsChosenSilently(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	f := newFake()
	f.notReady = missing("it is a test")
	s := withSystem(home, f)
	for name, err := range map[string]error{
		"get":    second(s.Get(t.Context(), "x")),
		"set":    s.Set(t.Context(), "x", store.NewSecret("v")),
		"remove": s.Remove(t.Context(), "x"),
	} {
		if !errors.Is(err, store.ErrNoKeychain) || !strings.Contains(err.Error(), "it is a test") || !strings.Contains(err.Error(), "passphrase") {
			t.Errorf("%s: %v", name, err)
		}
	}
	state(t, s, store.SecretState{Reason: "it is a test"})
	if f.calls != 0 {
		t.Error("a keychain that is not ready was called")
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 0 {
		t.Errorf("something was written: %v, error %v", entries, err)
	}
	s.UseMemory()
	if err := s.Set(t.Context(), "x", store.NewSecret("v")); err != nil {
		t.Errorf("once memory was chosen: %v", err)
	}
}

func TestDismissedPrompt(t *testing.T) {
	t.Parallel()
	f, home := newFake(), t.TempDir()
	s := withSystem(home, f)
	f.dismiss = true
	for _, v := range []string{"v", strings.Repeat("v", 5000)} {
		if err := s.Set(t.Context(), "x", store.NewSecret(v)); err == nil || !strings.Contains(err.Error(), "did not keep") {
			t.Errorf("set: %v", err)
		}
		if refs, err := s.List(t.Context()); err != nil || len(refs) != 0 {
			t.Errorf("list: %q, %v", refs, err)
		}
		if files, _ := os.ReadDir(filepath.Join(home, "sealed")); len(files) != 0 {
			t.Errorf("sealed files are left: %v", files)
		}
	}
	// An earlier value stays where the new one was not kept.
	f.dismiss = false
	before := strings.Repeat("before", 1000)
	if err := s.Set(t.Context(), "x", store.NewSecret(before)); err != nil {
		t.Fatal(err)
	}
	f.dismiss = true
	if err := s.Set(t.Context(), "x", store.NewSecret(strings.Repeat("after", 1000))); err == nil {
		t.Error("no error")
	}
	for _, s := range []*Store{s, withSystem(home, f)} {
		if v, err := s.Get(t.Context(), "x"); err != nil || v.Reveal() != before {
			t.Errorf("the earlier value is %d bytes, error %v", len(v.Reveal()), err)
		}
	}
}

func TestSealedFilesAreChecked(t *testing.T) {
	t.Parallel()
	f, home := newFake(), t.TempDir()
	value := strings.Repeat("secret", 1000)
	set := func() string {
		t.Helper()
		if err := withSystem(home, f).Set(t.Context(), "x", store.NewSecret(value)); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(home, "sealed", "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%q, %v", files, err)
		}
		return files[0]
	}
	broken := func(what string) {
		t.Helper()
		_, err := withSystem(home, f).Get(t.Context(), "x")
		if !errors.Is(err, store.ErrDamaged) || strings.Contains(err.Error(), "secretsecret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	path := set()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string][]byte{"cut": b[:len(b)-1], "empty": {}, "flipped": append([]byte{b[0] ^ 1}, b[1:]...)} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		broken(what)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	broken("removed")
	path = set()
	item := f.items["x"]
	for what, bad := range map[string]string{
		"short key":  item[:len(item)-5],
		"no key":     strings.TrimSuffix(item, item[strings.LastIndex(item, ":"):]),
		"other file": strings.Replace(item, filepath.Base(path), "../../../etc/passwd", 1),
	} {
		f.items["x"] = bad
		broken(what)
	}
	// The file and key of one name do not serve another.
	f.items["y"] = item
	if _, err := withSystem(home, f).Get(t.Context(), "y"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("an item under another name: %v", err)
	}
}

func TestDamagedIndexIsKeptAside(t *testing.T) {
	t.Parallel()
	f, home := newFake(), t.TempDir()
	path := filepath.Join(home, "secrets.json")
	s := withSystem(home, f)
	for i, bad := range []string{"", "{", "[]", `{"version": 0}`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		ref := store.SecretRef(fmt.Sprint("s", i))
		if err := s.Set(t.Context(), ref, store.NewSecret("v")); err != nil {
			t.Errorf("%q: %v", bad, err)
		}
		if refs, err := s.List(t.Context()); err != nil || len(refs) != 1 || refs[0] != ref {
			t.Errorf("%q: %q, %v", bad, refs, err)
		}
		if aside, _ := filepath.Glob(path + ".damaged-*"); len(aside) != i+1 {
			t.Errorf("%q: kept aside: %q", bad, aside)
		}
	}
	newer := `{"version": 2}`
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), "new", store.NewSecret("v")); !errors.Is(err, store.ErrNewer) {
		t.Errorf("set with a newer list: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != newer {
		t.Errorf("the newer list is %s, %v", b, err)
	}
	if v, err := s.Get(t.Context(), "s0"); err != nil || v.Reveal() != "v" {
		t.Errorf("get with a newer list: %v", err)
	}
}

func TestHangingKeychain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.hang = make(chan struct{})
		s := withSystem(t.TempDir(), f)
		begin := time.Now()
		if err := s.Set(t.Context(), "x", store.NewSecret("v")); !errors.Is(err, store.ErrLocked) {
			t.Errorf("set: %v", err)
		}
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("it took %v", d)
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := s.Get(t.Context(), "x"); !errors.Is(err, store.ErrLocked) {
					t.Errorf("get: %v", err)
				}
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := s.Get(ctx, "x"); !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled get: %v", err)
			}
			if d := time.Since(begin); d != 3*time.Second {
				t.Errorf("a cancelled get took until %v", d)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if d := time.Since(begin); d != 6*time.Second {
			t.Errorf("it took %v", d)
		}
		if f.calls != 1 || f.running != 1 {
			t.Errorf("%d calls piled up, %d run", f.calls, f.running)
		}
		f.mu.Lock()
		close(f.hang)
		f.hang = nil
		f.mu.Unlock()
		synctest.Wait()
		if v, err := s.Get(t.Context(), "x"); err != nil || v.Reveal() != "v" { // the late call went through
			t.Errorf("after it answered: %v", err)
		}
	})
}

func TestKeychainThatNeverGetsReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.hangSoon = make(chan struct{})
		s := withSystem(t.TempDir(), f)
		begin := time.Now()
		if _, err := s.Get(t.Context(), "x"); !errors.Is(err, store.ErrNoKeychain) || !strings.Contains(err.Error(), "did not answer") {
			t.Errorf("get: %v", err)
		}
		state(t, s, store.SecretState{Reason: "did not answer"})
		if d := time.Since(begin); d != 6*time.Second {
			t.Errorf("it took %v", d)
		}
		if f.calls != 0 {
			t.Error("it was called all the same")
		}
	})
}

func TestUnlockWaitsForThePerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.notReady = fmt.Errorf("the keychain is locked (%w)", store.ErrLocked)
		f.unlocks = make(chan error)
		s := withSystem(t.TempDir(), f)
		state(t, s, store.SecretState{Place: store.SecretsKeychain, Locked: true})
		if err := s.Set(t.Context(), "x", store.NewSecret("v")); !errors.Is(err, store.ErrLocked) || f.calls != 0 {
			t.Errorf("set: %v, %d calls", err, f.calls)
		}
		done := make(chan error)
		go func() { done <- s.Unlock(t.Context()) }()
		time.Sleep(time.Hour) // of the bubble's clock
		if _, err := s.Get(t.Context(), "x"); !errors.Is(err, store.ErrLocked) {
			t.Errorf("get while the person thinks: %v", err)
		}
		f.mu.Lock()
		f.notReady = nil
		f.mu.Unlock()
		f.unlocks <- nil
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := s.Set(t.Context(), "x", store.NewSecret("v")); err != nil {
			t.Error(err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- s.Unlock(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled unlock: %v", err)
		}
	})
}

func TestTwoHomesShareNothing(t *testing.T) {
	t.Parallel()
	a, b := serviceName("/home/a"), serviceName("/home/b")
	if a == b || a != serviceName("/home/a") || !strings.HasPrefix(a, "drawbridge-") {
		t.Errorf("%s and %s", a, b)
	}
}
