//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// signInServer is an MCP server that is its own authorization server.
type signInServer struct {
	*httptest.Server
	mu     sync.Mutex // protects what follows
	codes  map[string]string
	tokens map[string]bool
	minted []string // every secret that it made
}

func newSignInServer(t *testing.T) *signInServer {
	t.Helper()
	s := &signInServer{codes: map[string]string{}, tokens: map[string]bool{}}
	server := mcp.NewServer(&mcp.Implementation{Name: "signed", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "who"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "you"}}}, nil, nil
	})
	inner := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, inner) }))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *signInServer) mint(what string) string {
	v := what + "-canary-" + rand.Text()
	s.minted = append(s.minted, v)
	return v
}

func (s *signInServer) serve(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/oauth-protected-resource/mcp":
		answer(map[string]any{"resource": s.URL + "/mcp", "authorization_servers": []string{s.URL}})
	case "/.well-known/oauth-authorization-server":
		answer(map[string]any{"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
			"registration_endpoint": s.URL + "/register", "revocation_endpoint": s.URL + "/revoke", "code_challenge_methods_supported": []string{"S256"}})
	case "/register":
		w.WriteHeader(http.StatusCreated)
		answer(map[string]any{"client_id": "drawbridge-1"})
	case "/authorize":
		code := s.mint("code")
		s.codes[code] = r.URL.Query().Get("code_challenge")
		http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {r.URL.Query().Get("state")}}.Encode(), http.StatusFound)
	case "/token":
		if err := r.ParseForm(); err != nil {
			http.Error(w, "bad", 400)
			return
		}
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if s.codes[r.PostForm.Get("code")] != base64.RawURLEncoding.EncodeToString(sum[:]) || r.PostForm.Get("resource") != s.URL+"/mcp" {
			w.WriteHeader(400)
			answer(map[string]any{"error": "invalid_grant"})
			return
		}
		token := s.mint("access")
		s.tokens[token] = true
		answer(map[string]any{"access_token": token, "refresh_token": s.mint("refresh"), "token_type": "Bearer", "expires_in": 3600})
	case "/revoke":
		_ = r.ParseForm()
		delete(s.tokens, r.PostForm.Get("token"))
	default:
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !s.tokens[token] {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		s.mu.Unlock()
		inner.ServeHTTP(w, r)
		s.mu.Lock()
	}
}

// TestLogin signs in and out as a person does at a terminal, with a browser that
// is a stand-in. The tokens are in the keychain, and nowhere else.
func TestLogin(t *testing.T) {
	p := newPlace(t)
	p.withKeychain()
	s := newSignInServer(t)
	var said strings.Builder
	p.heard = func(_, stdout, stderr string) { said.WriteString(stdout + stderr) }

	bin, seen := filepath.Join(p.root, "bin"), filepath.Join(p.root, "opened")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ $# -eq 1 ] || exit 1\nprintf '%s' \"$1\" > " + seen + ".part\nmv " + seen + ".part " + seen + "\n"
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "PATH="+bin+":"+os.Getenv("PATH"), "DISPLAY=:77")

	p.must("", "servers", "add", "work", s.URL+"/mcp")
	p.refused("", []string{"work", "401"}, "servers", "test", "work")
	browsed := make(chan error, 1)
	go func() {
		for until := time.Now().Add(commandLimit); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			b, err := os.ReadFile(seen)
			if err != nil {
				continue
			}
			resp, err := http.Get(string(b))
			if err == nil {
				page, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if !strings.Contains(string(page), "Drawbridge has the answer") {
					err = fmt.Errorf("the browser shows %q", page)
				}
			}
			browsed <- err
			return
		}
		browsed <- fmt.Errorf("no browser was opened")
	}()
	if out := p.must("", "servers", "login", "work"); !strings.Contains(out, "signed in to work") {
		t.Errorf("it says %q", out)
	}
	if err := <-browsed; err != nil {
		t.Error(err)
	}
	// A later command, in a process of its own, is signed in.
	if out := p.must("", "servers", "test", "work"); !strings.Contains(out, "work is ready: 1 tools") {
		t.Errorf("it says %q", out)
	}
	if out := p.must("", "servers", "list", "--json"); !strings.Contains(out, "work") {
		t.Errorf("it says %q", out)
	}
	p.must("", "servers", "logout", "work", "--forget")
	s.mu.Lock()
	if len(s.tokens) != 0 {
		t.Error("the token holds still")
	}
	minted := append([]string(nil), s.minted...)
	s.mu.Unlock()
	p.refused("", []string{"work", "401"}, "servers", "test", "work")

	if len(minted) != 3 {
		t.Fatalf("%d secrets were made", len(minted))
	}
	check := func(where string, data string) {
		for _, m := range minted {
			if strings.Contains(data, m) || strings.Contains(data, base64.StdEncoding.EncodeToString([]byte(m))) {
				t.Errorf("%.16s… is in %s", m, where)
			}
		}
	}
	check("what was printed", said.String())
	files := 0
	err := filepath.WalkDir(p.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		check(path, string(b))
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d files: %v", files, err)
	}
	if b, err := os.ReadFile(seen); err != nil {
		t.Error(err)
	} else {
		check("the opener's argument", string(b))
	}
}

// TestAddWithSignIn: what one signs in with is asked for, and kept as a
// reference.
func TestAddWithSignIn(t *testing.T) {
	p := newPlace(t)
	p.withKeychain()
	p.must("t0ken-value-1\n", "servers", "add", "a", "--bearer", "http://127.0.0.1:1/mcp")
	p.must("k3y-value-2\n", "servers", "add", "b", "--api-key-header", "X-Api-Key", "http://127.0.0.1:1/mcp")
	p.must("pa55-value-3\n", "servers", "add", "c", "--basic-user", "ada", "http://127.0.0.1:1/mcp")
	p.must("cl1ent-value-4\n", "servers", "add", "d", "--client-credentials", "--oauth-client-id", "robot", "--oauth-scope", "x", "http://127.0.0.1:1/mcp")
	p.must("", "servers", "add", "e", "--oauth-client-id", "desk", "--authorization-url", "https://login.example.com/a", "--token-url", "https://login.example.com/t", "--oauth-scope", "x", "--oauth-scope", "y", "https://mcp.example.com/mcp")
	b, err := os.ReadFile(filepath.Join(p.home, "mcp.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type": "bearer"`, `"header": "X-Api-Key"`, `"user": "ada"`, `"client_id": "robot"`, `"token_url": "https://login.example.com/t"`, `${secret:server/d/auth/secret}`} {
		if !strings.Contains(string(b), want) && !strings.Contains(strings.ReplaceAll(string(b), " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("mcp.json lacks %s:\n%s", want, b)
		}
	}
	for _, secret := range []string{"t0ken-value-1", "k3y-value-2", "pa55-value-3", "cl1ent-value-4"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s is in mcp.json", secret)
		}
	}
	for _, args := range [][]string{
		{"servers", "add", "x", "--bearer", "--basic-user", "ada", "http://127.0.0.1:1/mcp"},
		{"servers", "add", "x", "--client-credentials", "http://127.0.0.1:1/mcp"},
		{"servers", "add", "x", "--bearer", "--", "npx"},
	} {
		if e := p.run("v\n", args...); e.code != exitUsage {
			t.Errorf("%v", e)
		}
	}
	p.refused("", []string{"login.example.com", "https"}, "servers", "add", "x", "--oauth-client-id", "desk", "--authorization-url", "http://login.example.com/a", "--token-url", "https://login.example.com/t", "https://mcp.example.com/mcp")
	p.refused("", []string{"no sign-in"}, "servers", "login", "a")
}
