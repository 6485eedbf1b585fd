package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// conformance is what every place holds. make opens the secrets of a new home;
// again opens the same home as the next start does, or is nil for a place that
// forgets.
func conformance(t *testing.T, s *Store, again func(t *testing.T) *Store) {
	ctx := t.Context()
	long := strings.Repeat("long ", 8000)
	values := map[store.SecretRef]string{
		store.ProviderSecret("openai", "key"):                "sk-proj-" + strings.Repeat("x", 150),
		store.ServerSecret("git hub", "env", "GITHUB_TOKEN"): "ghp_ü\U0001F511 $HOME `id` \"quotes\" 'single' \\ %s",
		store.ServerSecret("a/b", "header", "Authorization"): "Bearer abc\n\ttwo lines\n",
		"plain-name":    " white space ",
		"just-fits":     strings.Repeat("f", maxItem),
		"too-long":      strings.Repeat("l", maxItem+1),
		"much-too-long": long,
		"looks-sealed":  sealedItem + "x:y",
		"bytes":         "\x01\x02\xff\xfe not text",
	}
	checkAll := func(t *testing.T, s *Store) {
		t.Helper()
		for ref, want := range values {
			got, err := s.Get(ctx, ref)
			if err != nil || got.Reveal() != want {
				t.Errorf("%s: %d bytes, error %v; want %d bytes", ref, len(got.Reveal()), err, len(want))
			}
		}
		var want []store.SecretRef
		for ref := range values {
			want = append(want, ref)
		}
		sortRefs(want)
		got, err := s.List(ctx)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("list: %q, error %v; want %q", got, err, want)
		}
	}
	if refs, err := s.List(ctx); err != nil || len(refs) != 0 {
		t.Fatalf("a new home lists %q, error %v", refs, err)
	}
	if _, err := s.Get(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of none: %v", err)
	}
	if err := s.Remove(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("remove of none: %v", err)
	}
	for ref, v := range values {
		if err := s.Set(ctx, ref, store.NewSecret("earlier "+long)); err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		if err := s.Set(ctx, ref, store.NewSecret(v)); err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
	}
	checkAll(t, s)
	if again != nil {
		checkAll(t, again(t))
	}
	for name, bad := range map[string]struct {
		ref   store.SecretRef
		value string
	}{
		"empty":      {"x", ""},
		"no name":    {"", "v"},
		"new line":   {"a\nb", "v"},
		"long name":  {store.SecretRef(strings.Repeat("n", maxName+1)), "v"},
		"huge value": {"x", strings.Repeat("v", maxValue+1)},
	} {
		if err := s.Set(ctx, bad.ref, store.NewSecret(bad.value)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ref := range []store.SecretRef{"plain-name", "much-too-long"} {
		if err := s.Remove(ctx, ref); err != nil {
			t.Errorf("remove %s: %v", ref, err)
		}
		if _, err := s.Get(ctx, ref); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get of the removed %s: %v", ref, err)
		}
		delete(values, ref)
	}
	checkAll(t, s)
	var wg sync.WaitGroup
	for i := range 8 {
		ref, v := store.SecretRef(fmt.Sprint("many-", i)), strings.Repeat("v", i*500+1)
		values[ref] = v
		wg.Go(func() {
			if err := s.Set(ctx, ref, store.NewSecret(v)); err != nil {
				t.Error(err)
			}
			if got, err := s.Get(ctx, ref); err != nil || got.Reveal() != v {
				t.Errorf("%s: error %v", ref, err)
			}
		})
	}
	wg.Wait()
	checkAll(t, s)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_ = s.Set(cancelled, "many-0", store.NewSecret(values["many-0"])) // it may fail, and must leave all sound
	if again != nil {
		checkAll(t, again(t))
	}
}

func sortRefs(refs []store.SecretRef) {
	for i := range refs {
		for j := i; j > 0 && refs[j] < refs[j-1]; j-- {
			refs[j], refs[j-1] = refs[j-1], refs[j]
		}
	}
}

// noValues fails if any file of the home holds one of the values, or may be
// read by others.
func noValues(t *testing.T, home string, values ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, v := range values {
			if bytes.Contains(b, []byte(v)) {
				t.Errorf("%s holds a value", path)
			}
		}
		info, err := d.Info()
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the rights %v", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, error %v", files, err)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	f := newFake()
	f.notReady = missing("of the test")
	s := withSystem(home, f)
	s.UseMemory()
	conformance(t, s, nil)
	state(t, s, store.SecretState{Place: store.SecretsMemory})
	if err := s.Unlock(t.Context()); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 0 {
		t.Errorf("the memory wrote %v, error %v", entries, err)
	}
	if _, err := withSystem(home, f).Get(t.Context(), "plain-name"); !errors.Is(err, store.ErrNoKeychain) {
		t.Errorf("after this run: %v", err)
	}
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	f := newFake()
	f.notReady = missing("of the test")
	s := withSystem(home, f)
	pass := store.NewSecret("correct horse battery staple")
	if err := s.UsePassphrase(t.Context(), pass); err != nil {
		t.Fatal(err)
	}
	state(t, withSystem(home, f), store.SecretState{Place: store.SecretsPassphrase, Locked: true}) // chosen for good
	conformance(t, s, func(t *testing.T) *Store {
		s := withSystem(home, f)
		if err := s.UsePassphrase(t.Context(), pass); err != nil {
			t.Fatal(err)
		}
		return s
	})
	state(t, s, store.SecretState{Place: store.SecretsPassphrase})
	noValues(t, home, "ghp_", "sk-proj", "correct horse", "GITHUB_TOKEN")

	locked := withSystem(home, f)
	state(t, locked, store.SecretState{Place: store.SecretsPassphrase, Locked: true})
	for name, err := range map[string]error{
		"get":    second(locked.Get(t.Context(), "bytes")),
		"set":    locked.Set(t.Context(), "x", pass),
		"remove": locked.Remove(t.Context(), "x"),
		"list":   second(locked.List(t.Context())),
		"unlock": locked.Unlock(t.Context()),
	} {
		if !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s of a locked file: %v", name, err)
		}
	}
	if err := locked.UsePassphrase(t.Context(), store.NewSecret("wrong")); !errors.Is(err, store.ErrDenied) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if err := locked.UsePassphrase(t.Context(), store.Secret{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an empty passphrase: %v", err)
	}
	state(t, locked, store.SecretState{Place: store.SecretsPassphrase, Locked: true})
	if err := locked.UsePassphrase(t.Context(), pass); err != nil {
		t.Error(err)
	}
	if _, err := locked.Get(t.Context(), "bytes"); err != nil {
		t.Errorf("once unlocked: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPassphraseCarriesMemoryOver(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	pass := store.NewSecret("p")
	s := withSystem(home, newFake())
	if err := s.UsePassphrase(t.Context(), pass); err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), "both", store.NewSecret("of the file")); err != nil {
		t.Fatal(err)
	}
	s = withSystem(home, newFake())
	s.UseMemory()
	for _, ref := range []store.SecretRef{"both", "typed"} {
		if err := s.Set(t.Context(), ref, store.NewSecret("of the memory")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.UsePassphrase(t.Context(), pass); err != nil {
		t.Fatal(err)
	}
	again := withSystem(home, newFake())
	if err := again.UsePassphrase(t.Context(), pass); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[store.SecretRef]string{"both": "of the file", "typed": "of the memory"} {
		if v, err := again.Get(t.Context(), ref); err != nil || v.Reveal() != want {
			t.Errorf("%s is %q, error %v", ref, v.Reveal(), err)
		}
	}
}

func TestDamagedPassphraseFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	pass := store.NewSecret("p")
	s := withSystem(home, newFake())
	if err := errors.Join(s.UsePassphrase(t.Context(), pass), s.Set(t.Context(), "x", store.NewSecret("v"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "secrets.age")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for name, b := range map[string][]byte{"empty": {}, "header": whole[:20], "cut": whole[:len(whole)-3], "flipped": flipped, "garbage": []byte("garbage")} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := withSystem(home, newFake())
		if err := s.UsePassphrase(t.Context(), pass); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Set(t.Context(), "y", store.NewSecret("v")); !errors.Is(err, store.ErrLocked) {
			t.Errorf("%s: set: %v", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
			t.Errorf("%s: the damaged file was touched; error %v", name, err)
		}
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	s := withSystem(t.TempDir(), newFake())
	if err := s.UsePassphrase(t.Context(), store.NewSecret("the-passphrase")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Set(t.Context(), "x", store.NewSecret("the-value")); err != nil {
			t.Fatal(err)
		}
		s.UseMemory()
	}
	if shown := fmt.Sprintf("%v %+v %#v", s.memory, s.file.values, s.file.passphrase); strings.Contains(shown, "the-") {
		t.Errorf("shown as %s", shown)
	}
}
