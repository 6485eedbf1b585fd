package db

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestKeysAreKept(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err, kind error) {
		t.Helper()
		if !errors.Is(err, kind) {
			t.Errorf("%v, want %v", err, kind)
		}
	}
	hash := func(s string) (h [32]byte) { copy(h[:], s); return h }
	limits := store.Limits{
		Servers: []string{"a"}, Groups: []string{}, CallsPerDay: 7, Expires: time.Unix(1_900_000_000, 0).UTC(),
		Models: &store.ModelAccess{Providers: []string{"p"}, TokensPerDay: 5},
	}
	ok(d.SetOrganisation(ctx, store.Organisation{ID: "o", Name: "acme", Limits: limits}))
	ok(d.SetTeam(ctx, store.Team{ID: "t", Name: "web", Organisation: "o"}))
	refused(d.SetTeam(ctx, store.Team{ID: "t2", Name: "web"}), store.ErrExists)
	refused(d.SetTeam(ctx, store.Team{ID: "t3", Name: "x", Organisation: "none"}), store.ErrNotFound)
	key := store.Key{ID: "k", Name: "cursor", Team: "t", Limits: limits, CreatedAt: time.Unix(1_800_000_000, 0)}
	ok(d.AddKey(ctx, key, hash("one")))
	refused(d.AddKey(ctx, store.Key{ID: "k2", Name: "cursor"}, hash("two")), store.ErrExists)
	refused(d.AddKey(ctx, store.Key{ID: "k3", Name: "x", Team: "none"}, hash("three")), store.ErrNotFound)
	refused(d.AddKey(ctx, store.Key{ID: "k4", Name: "x", Limits: store.Limits{CallsPerDay: -1}}, hash("four")), store.ErrInvalid)
	if err := d.AddKey(ctx, store.Key{ID: "k5", Name: "y"}, hash("one")); err == nil {
		t.Error("two keys of one value")
	}
	refused(d.RemoveTeam(ctx, "t"), store.ErrInvalid)
	refused(d.RemoveOrganisation(ctx, "o"), store.ErrInvalid)

	list, err := d.Keys(ctx)
	ok(err)
	if len(list) != 1 || list[0].Hash != hash("one") || list[0].Key.CreatedAt != key.CreatedAt {
		t.Fatalf("kept %+v", list)
	}
	list[0].CreatedAt = key.CreatedAt
	if a, b := mustJSON(t, list[0].Key), mustJSON(t, key); a != b {
		t.Errorf("kept %s, want %s", a, b)
	}
	if list[0].Limits.Groups == nil || list[0].Limits.Tools != nil {
		t.Error("an empty list and none are the same once they are kept")
	}
	ok(d.KeysUsed(ctx, map[string]time.Time{"k": time.Unix(1_800_000_100, 0), "gone": time.Unix(1, 0)}))
	ok(d.KeysUsed(ctx, map[string]time.Time{"k": time.Unix(1_800_000_050, 0)}))
	ok(d.RevokeKey(ctx, "k"))
	refused(d.RevokeKey(ctx, "none"), store.ErrNotFound)
	list, err = d.Keys(ctx)
	ok(err)
	if !list[0].UsedAt.Equal(time.Unix(1_800_000_100, 0)) || list[0].RevokedAt.IsZero() {
		t.Errorf("kept %+v", list[0])
	}
	revoked := list[0].RevokedAt
	ok(d.RevokeKey(ctx, "k"))
	list, err = d.Keys(ctx)
	ok(err)
	if !list[0].RevokedAt.Equal(revoked) {
		t.Error("revoked a second time")
	}
	// The name is free again, the team empty.
	ok(d.AddKey(ctx, store.Key{ID: "k6", Name: "cursor", CreatedAt: time.Unix(1_900_000_000, 0)}, hash("six")))
	ok(d.RemoveTeam(ctx, "t"))
	ok(d.RemoveOrganisation(ctx, "o"))

	// What cannot be read allows nothing.
	if _, err := d.write.ExecContext(ctx, "UPDATE keys SET limits = '{' WHERE id = 'k6'"); err != nil {
		t.Fatal(err)
	}
	list, err = d.Keys(ctx)
	ok(err)
	c := store.NewCaller(list[len(list)-1].Key, nil, nil)
	if c.MaySee(store.ServerConfig{ID: "a", Name: "a"}) || len(list) != 2 {
		t.Errorf("a damaged key allows something: %+v", list)
	}
}

func TestBridgeAndFlowsAreKept(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	ctx := t.Context()
	for i, want := range []bool{false, true, true, false} {
		if i > 0 {
			if err := d.SetRaised(ctx, want, "test"); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := d.Raised(ctx); got != want || err != nil {
			t.Errorf("raised %t (%v), want %t", got, err, want)
		}
	}
	for _, f := range [][3]string{{"a", "x", "src"}, {"a", "y", "src"}, {"b", "x", "src"}, {"a", "x", "src"}, {"c", "z", "a"}} {
		if err := d.AllowFlow(ctx, "conv", store.Flow{Server: f[0], Tool: f[1], Source: f[2]}); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range [][4]string{{"", "a", "x", "always"}, {"conv", "a", "x", "conversation"}, {"", "a", "y", "never"}, {"", "b", "x", "always"}} {
		if err := d.SetToolAnswer(ctx, a[0], a[1], a[2], a[3]); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.VoidToolAnswers(ctx, "a", []string{"x", "y"}); err != nil {
		t.Fatal(err)
	}
	flows, err := d.Flows(ctx, "conv")
	if err != nil || fmt.Sprint(flows) != "[{b x src} {c z a}]" {
		t.Errorf("left %v (%v)", flows, err)
	}
	answers, err := d.ToolAnswers(ctx)
	if err != nil || fmt.Sprint(answers) != "[{a y never} {b x always}]" {
		t.Errorf("left %v (%v)", answers, err)
	}
	if here, err := d.ToolAnswer(ctx, "conv", "a", "x"); here != "" || err != nil {
		t.Errorf("left %q (%v)", here, err)
	}
	if err := d.ForgetServer(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if flows, err := d.Flows(ctx, "conv"); err != nil || len(flows) != 1 {
		t.Errorf("left %v (%v)", flows, err)
	}
}
