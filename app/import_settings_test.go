package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestImportProviders takes everything from one home to another: the providers come
// with what is no secret, reach no key that is kept there, and wait for their own.
func TestImportProviders(t *testing.T) {
	t.Parallel()
	from := openBridgeAside(t)
	ctx := t.Context()
	key := store.NewSecret("sk-canary-of-the-provider")
	work := store.ProviderConfig{
		ID: "work", Name: "Work", Kind: store.ProviderChat, BaseURL: "https://api.example.com/v1", Model: "big",
		Headers:  map[string]store.Value{"X-Team": "red", "Authorization": store.RefTo(store.ProviderSecret("work", "header/Authorization"))},
		Fallback: store.ModelRef{Provider: "local", Model: "small"}, Models: map[string]store.ModelLimits{"big": {Context: 1000}},
	}
	local := store.ProviderConfig{ID: "local", Kind: store.ProviderChat, BaseURL: "http://127.0.0.1:1/v1", NoKey: true}
	if err := from.SetSecret(ctx, store.ProviderSecret("work", "header/Authorization"), store.NewSecret("Bearer canary-of-a-header")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []store.ProviderConfig{local, work} {
		if err := from.SetProvider(ctx, p, &key); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := from.ExportAll(ctx, &out, nil); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || strings.Contains(string(text), "canary") {
			t.Errorf("%s has a secret (%v)", f.Name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "all.zip")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}

	to := openBridgeAside(t)
	// A key that was left behind by another entry of that name.
	old := store.ProviderSecret("work", "key")
	if err := to.SetSecret(ctx, old, store.NewSecret("sk-of-somebody-else")); err != nil {
		t.Fatal(err)
	}
	got, err := to.ImportFile(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Providers) != 2 || !strings.Contains(strings.Join(got.Notes, "\n"), "the header Authorization") {
		t.Errorf("imported %+v, %q", got.Providers, got.Notes)
	}
	p, err := to.Provider("work-2")
	if err != nil || p.Name != "Work" || p.BaseURL != work.BaseURL || p.Model != "big" || p.Headers["X-Team"] != "red" || len(p.Headers) != 1 ||
		p.Fallback != work.Fallback || p.Models["big"].Context != 1000 {
		t.Errorf("there is %+v (%v)", p, err)
	}
	if p, err := to.Provider("local"); err != nil || !p.NoKey {
		t.Errorf("there is %+v (%v)", p, err)
	}
	if _, err := to.Provider("work"); err == nil {
		t.Error("an entry took the key of its namesake")
	}
	refs, err := to.Secrets(ctx)
	if err != nil || !slices.Equal(refs, []store.SecretRef{old}) {
		t.Errorf("secrets %v (%v)", refs, err)
	}
	// Once more, nothing is added.
	if got, err := to.ImportFile(ctx, path); err != nil || len(got.Providers) != 0 {
		t.Errorf("%+v (%v)", got, err)
	}
	hostile := `{"providers":[7,{"id":"../x","type":"chat","base_url":"https://x"},{"id":"a","type":"chat","base_url":"https://a.example/v1","headers":{"X-Key":"${env:HOME}","Y":"${secret:provider/work/key}"},"portkey":{"virtual_key":"${secret:work}"}},{"id":"rehearsal","type":"rehearsal"}]}`
	var evil bytes.Buffer
	w := zip.NewWriter(&evil)
	f, err := w.Create("settings.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, hostile); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, evil.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var hostileGot bridge.Imported
	if hostileGot, err = to.ImportFile(ctx, path); err != nil || len(hostileGot.Providers) != 1 {
		t.Fatalf("%+v (%v)", hostileGot, err)
	}
	if p, err := to.Provider("a"); err != nil || len(p.Headers) != 0 || p.Portkey.VirtualKey != "" {
		t.Errorf("%+v (%v)", p, err)
	}
}
