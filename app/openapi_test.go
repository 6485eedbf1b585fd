package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// TestAPIOverItsNetwork: an API is reached with the roots, the client
// certificate and the proxy that are configured for it.
func TestAPIOverItsNetwork(t *testing.T) {
	b := openBridge(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"certificates":%d}`, len(r.TLS.PeerCertificates))
	}))
	api.Config.ErrorLog = log.New(io.Discard, "", 0)
	api.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	api.StartTLS()
	t.Cleanup(api.Close)
	document := filepath.Join(dir, "doc.json")
	if err := os.WriteFile(document, []byte(`{"openapi":"3.1.0","info":{"title":"t"},"paths":{"/who":{"get":{"operationId":"who"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := b.ReadAPI(t.Context(), document, "")
	if err != nil {
		t.Fatal(err)
	}
	net := store.NetConfig{
		CAFile:   file("ca.pem", "CERTIFICATE", api.Certificate().Raw),
		CertFile: file("cert.pem", "CERTIFICATE", der), KeyFile: file("key.pem", "EC PRIVATE KEY", keyDER), Proxy: store.ProxyNone,
	}
	for name, c := range map[string]struct {
		net  store.NetConfig
		want string
	}{
		"all":            {net, `{"certificates":1}`},
		"no roots":       {store.NetConfig{CertFile: net.CertFile, KeyFile: net.KeyFile}, "certificate"},
		"no certificate": {store.NetConfig{CAFile: net.CAFile}, "certificate required"},
	} {
		d, _, err := a.Draft(t.Context(), store.ServerConfig{Name: name, URL: api.URL, Net: c.net, OpenAPI: &store.OpenAPI{Methods: []string{"GET"}}})
		if err != nil {
			t.Fatal(err)
		}
		added, err := b.AddServer(t.Context(), d, true)
		if err != nil {
			t.Fatal(err)
		}
		if v := settle(t, b, added.ID); v.State != mcphost.Ready {
			t.Fatalf("%s: %s %s", name, v.State, v.Error)
		}
		r := b.CallTool(t.Context(), tools.Invocation{Client: tools.ClientCommand, Ref: tools.Ref{Server: added.ID, Tool: "who"}, Arguments: []byte("{}")}, nil, nil)
		if text := r.Content.Text(); !strings.Contains(text, c.want) || r.IsError == (name == "all") {
			t.Errorf("%s: %v %s", name, r.IsError, text)
		}
	}
}

// A server of an OpenAPI document comes from LiteLLM's file as it is there: its
// token from the environment, its tools by the proxy's names, and what is
// forbidden stays forbidden, however it is spelled.
func TestAPIFromLiteLLM(t *testing.T) {
	var mu sync.Mutex // protects seen
	var seen []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi.json" {
			fmt.Fprint(w, `{"openapi":"3.0.3","info":{"title":"Pets","version":"1"},"paths":{"/pets":{
				"get":{"operationId":"listPets","parameters":[{"name":"limit","in":"query","schema":{"type":"integer"}},{"name":"all","in":"query","schema":{"type":"boolean"}}]},
				"post":{"operationId":"addPet"},"delete":{"operationId":"dropPets"}}}}`)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
	}))
	defer api.Close()
	t.Setenv("PETS_TOKEN_OF_A_TEST", "token-of-the-environment")
	b := openBridge(t)
	text := fmt.Sprintf(`mcp_servers:
  pets:
    url: %[1]s
    spec_path: %[1]s/openapi.json
    auth_type: bearer_token
    auth_value: os.environ/PETS_TOKEN_OF_A_TEST
    disallowed_tools: [dropPETS, pets-addpet]
    allowed_params: {listpets: [limit]}
`, api.URL)
	found, err := b.ReadImport([]byte(text), "litellm")
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	added, err := b.ImportServers(t.Context(), found.Entries, true)
	if err != nil || len(added) != 1 {
		t.Fatal(added, err)
	}
	if v := added[0].OpenAPI.Auth.Value; v != "${env:PETS_TOKEN_OF_A_TEST}" {
		t.Errorf("the token is %q", v)
	}
	settle(t, b, "pets")
	views, err := b.Tools(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	free := map[string]bool{}
	for _, v := range views {
		if v.Server == "pets" {
			free[v.Tool.Tool] = v.Ruled == ""
		}
	}
	if !maps.Equal(free, map[string]bool{"listPets": true, "addPet": false, "dropPets": false}) {
		t.Errorf("the tools that rules leave are %v", free)
	}
	call := func(tool, args string) string {
		r := b.CallTool(t.Context(), tools.Invocation{Client: tools.ClientCommand, Ref: tools.Ref{Server: "pets", Tool: tool}, Arguments: json.RawMessage(args)}, nil, nil)
		return fmt.Sprint(r.IsError, r.Content)
	}
	if got := call("listPets", `{"limit": 3}`); strings.HasPrefix(got, "true") {
		t.Error(got)
	}
	for tool, args := range map[string]string{"dropPets": `{}`, "addPet": `{}`, "listPets": `{"all": true}`} {
		if got := call(tool, args); !strings.HasPrefix(got, "true") {
			t.Errorf("%s ran: %s", tool, got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(seen, []string{"GET /pets?limit=3 Bearer token-of-the-environment"}) {
		t.Errorf("the API was asked %q", seen)
	}
}
