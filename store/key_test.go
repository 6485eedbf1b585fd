package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestKeyValue(t *testing.T) {
	t.Parallel()
	a, b := store.NewKeyValue(), store.NewKeyValue()
	hash, ok := store.HashKey(a)
	again, _ := store.HashKey(store.NewSecret(a.Reveal()))
	other, _ := store.HashKey(b)
	if !ok || hash != again || hash == other || len(a.Reveal()) < 60 {
		t.Errorf("keys are not told apart: %d bytes", len(a.Reveal()))
	}
	if s := fmt.Sprintf("%v %s %+v %q", a, a, a, a); strings.Contains(s, a.Reveal()) {
		t.Error("a key prints itself")
	}
	for _, bad := range []string{"", "sk-123", "drawbridge", strings.ToUpper(a.Reveal()), " " + a.Reveal(), "drawbridge-" + strings.Repeat("x", 300)} {
		if _, ok := store.HashKey(store.NewSecret(bad)); ok {
			t.Errorf("%.30q is taken for a key", bad)
		}
	}
}

// FuzzKey reads what clients show as keys, and limits from a database.
func FuzzKey(f *testing.F) {
	f.Add("drawbridge-abc", []byte(`{"servers":["a"],"groups":null,"tools":["a__*"],"calls_per_day":3,"models":{"providers":[]}}`), "a", "b")
	f.Add("Bearer x", []byte(`{"servers":[],"expires":"2026-01-02T03:04:05Z"}`), "", "*")
	f.Fuzz(func(t *testing.T, presented string, limits []byte, server, tool string) {
		if _, ok := store.HashKey(store.NewSecret(presented)); ok && (len(presented) > 256 || !strings.HasPrefix(presented, "drawbridge-")) {
			t.Fatalf("%q is taken for a key", presented)
		}
		var l store.Limits
		if json.Unmarshal(limits, &l) != nil || l.Validate() != nil {
			return
		}
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var again store.Limits
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		config := store.ServerConfig{ID: server, Name: server, Rules: store.Rules{Groups: []string{"g"}}}
		for _, team := range []*store.Team{nil, {ID: "t", Limits: store.Limits{Servers: []string{}}}} {
			c := store.NewCaller(store.Key{ID: "k", Limits: l}, team, nil)
			kept := store.NewCaller(store.Key{ID: "k", Limits: again}, team, nil)
			if c.MaySee(config) != kept.MaySee(config) || c.MayCall(config, tool) != kept.MayCall(config, tool) {
				t.Fatalf("%s means another thing once it was kept", limits)
			}
			if c.MayCall(config, tool) && !c.MaySee(config) {
				t.Fatal("what it may not see it may call")
			}
			if team != nil && c.MaySee(config) {
				t.Fatal("a team that may see nothing does not bound its keys")
			}
		}
	})
}
