package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// A server of an OpenAPI document keeps its secret in the keychain and its
// document in the home, is approved as a whole, and asks the API alone.
func TestAPIServer(t *testing.T) {
	b := openBridge(t)
	const secret = "canary-key-0123456789"
	var version atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/doc.json" {
			if r.Header.Get("Authorization") != "" {
				t.Error("the document was asked for with a credential")
			}
			fmt.Fprintf(w, `{"openapi":"3.1.0","info":{"title":"v%d"},"paths":{"/who":{"get":{"operationId":"who"}},"/gone":{"delete":{"operationId":"gone"}}}}`, version.Load())
			return
		}
		fmt.Fprintf(w, `{"auth":%q}`, r.Header.Get("Authorization"))
	}))
	t.Cleanup(api.Close)

	read := func() *bridge.API {
		a, err := b.ReadAPI(t.Context(), api.URL+"/doc.json", "")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	d, names, err := read().Draft(t.Context(), store.ServerConfig{Name: "api", URL: api.URL, OpenAPI: &store.OpenAPI{
		Methods: []string{"GET"}, Auth: store.APIAuth{Kind: store.APIAuthBearer, Value: secret},
	}})
	if err != nil || strings.Join(names, " ") != "who" {
		t.Fatal(names, err)
	}
	// A server of another name takes its secret along.
	if other := d.For("other", "other"); other.Config.OpenAPI.Auth.Value != store.RefTo("server/other/auth/value") || len(other.Secrets) != 1 ||
		d.Config.OpenAPI.Auth.Value != store.RefTo("server/api/auth/value") {
		t.Errorf("renamed: %+v", other.Config.OpenAPI)
	}
	c, err := b.AddServer(t.Context(), d, false)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := b.KeptAPI(t.Context(), c.ID); err != nil || kept.Title != "v0" || len(kept.Operations) != 2 || kept.Source != api.URL+"/doc.json" {
		t.Errorf("what was kept: %+v %v", kept, err)
	}
	if _, err := b.KeptAPI(t.Context(), bridge.Workbench); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the workbench has a document: %v", err)
	}
	v := settle(t, b, c.ID)
	if v.State != mcphost.Held {
		t.Fatalf("before it is approved: %s %s", v.State, v.Error)
	}
	if err := b.ApproveServer(t.Context(), c.ID, v.Hash); err != nil {
		t.Fatal(err)
	}
	if v = settle(t, b, c.ID); v.State != mcphost.Ready || passedNames(v) != "who" || v.PID != 0 {
		t.Fatalf("%s %q %s", v.State, passedNames(v), v.Error)
	}
	call := func() tools.Result {
		return b.CallTool(t.Context(), tools.Invocation{Client: tools.ClientCommand, Ref: tools.Ref{Server: c.ID, Tool: "who"}, Arguments: []byte("{}")}, nil, nil)
	}
	if r := call(); r.IsError || strings.Contains(r.Content.Text(), secret) || !strings.Contains(r.Content.Text(), "Bearer ‹secret›") {
		t.Errorf("%s", r.Content.Text())
	}
	if err := b.SetSecret(t.Context(), "server/api/auth/value", store.NewSecret("renewed-9876543210")); err != nil {
		t.Fatal(err)
	}
	if r := call(); r.IsError || strings.Contains(r.Content.Text(), "renewed") || !strings.Contains(r.Content.Text(), "‹secret›") {
		t.Errorf("with a renewed token: %s", r.Content.Text())
	}
	err = filepath.WalkDir(b.Home(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), secret) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	// The document's address says something else now: nothing changes by itself,
	// and what it says now is another approval.
	version.Store(1)
	if err := b.RestartServer(c.ID); err != nil {
		t.Fatal(err)
	}
	if v = settle(t, b, c.ID); v.State != mcphost.Ready {
		t.Errorf("after the document changed elsewhere: %s %s", v.State, v.Error)
	}
	changed, _, err := read().Draft(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if changed.Config.Hash() == c.Hash() {
		t.Error("another document has the same approval")
	}
	if err := b.UpdateServer(t.Context(), c.ID, changed, false); err != nil {
		t.Fatal(err)
	}
	if v = settle(t, b, c.ID); v.State != mcphost.Held {
		t.Errorf("with another document: %s", v.State)
	}
	if err := b.RemoveServer(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(b.Home(), "openapi")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
