package db

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestServerFacts(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	want := func(server, facts string) {
		t.Helper()
		got, err := d.ServerFacts(t.Context(), server)
		if err != nil || string(got) != facts {
			t.Errorf("%s: got %q, %v, want %q", server, got, err, facts)
		}
	}
	set := func(server string, facts json.RawMessage) {
		t.Helper()
		if err := d.SetServerFacts(t.Context(), server, facts); err != nil {
			t.Fatal(err)
		}
	}
	want("a", "")
	set("a", json.RawMessage(`{"x": 1}`))
	set("b", json.RawMessage(`[]`))
	set("a", json.RawMessage(`{"x": 2}`))
	want("a", `{"x": 2}`)
	want("b", `[]`)
	set("b", nil)
	want("b", "")
	for _, bad := range []struct{ server, facts string }{{"", "{}"}, {"a", "{"}, {"a", ""}} {
		if err := d.SetServerFacts(t.Context(), bad.server, json.RawMessage(bad.facts)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	want("a", `{"x": 2}`)
	if err := d.ForgetServer(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	want("a", "")
}
