//go:build linux && e2e

package servers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// python is a program of the virtual environment, such as python or uvx.
func python(t testing.TB, program string) string {
	t.Helper()
	path := filepath.Join(fixtures(t), ".venv", "bin", program)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v (make servers installs it)", err)
	}
	return path
}

// Servers by uvx, which makes an environment for each from the packages that
// are kept, and asks no registry.
func TestUVX(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body><article><h1>Bridges</h1><p>A page about a drawbridge.</p></article></body></html>")
	}))
	t.Cleanup(page.Close)
	dir := t.TempDir()
	for _, arguments := range [][]string{{"init", "-q"}, {"config", "user.name", "Ada"}, {"config", "user.email", "ada@example.com"}, {"commit", "-q", "--allow-empty", "-m", "lay the first stone"}} {
		cmd := exec.CommandContext(t.Context(), "git", arguments...)
		cmd.Dir = dir
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", arguments, err, said)
		}
	}
	for _, server := range []struct {
		name      string
		args      []string
		tools     int
		tool      string
		arguments map[string]any
		words     []string
	}{
		{"mcp-server-time", nil, 2, "get_current_time", map[string]any{"timezone": "America/Lima"}, []string{"America/Lima", "-05:00"}},
		{"mcp-server-git", []string{"--repository", dir}, 12, "git_log", map[string]any{"repo_path": dir}, []string{"lay the first stone"}},
		{"mcp-server-fetch", []string{"--allow-private-ips"}, 1, "fetch", map[string]any{"url": page.URL + "/bridges"}, []string{"A page about a drawbridge."}},
	} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, filepath.Dir(python(t, "uvx")))
			view := p.add(store.ServerConfig{
				Name: server.name, Transport: store.TransportStdio, Command: "uvx",
				Args: append([]string{"--no-index", "--find-links", filepath.Join(fixtures(t), ".venv", "wheels"), server.name}, server.args...),
				Env: map[string]store.Value{
					"UV_OFFLINE": "1", "UV_NO_CONFIG": "1",
					"UV_PYTHON": store.Value(python(t, "python")), "UV_PYTHON_DOWNLOADS": "never",
				},
			}, nil)
			checkListed(t, view, server.tools)
			if n := len(p.running()); n < 2 {
				t.Errorf("uvx and its server are %d processes", n)
			}
			result, _ := p.call(view.Server.ID, server.tool, server.arguments)
			checkSaid(t, server.tool, result, false, server.words...)
			t.Logf("%s %s was ready after %v", view.PeerName, view.PeerVersion, view.Took)
		})
	}
}

// checkFast holds what a FastMCP server offers, and the calls of its tools,
// against what fastmcp_server.py has. client is who calls it.
func checkFast(t *testing.T, p *place, id, client string) {
	t.Helper()
	view := p.settled(id)
	checkListed(t, view, 4)
	result, _ := p.call(id, "add", map[string]any{"a": 2, "b": 40})
	checkSaid(t, "add", result, false, "42")
	result, _ = p.call(id, "divide", map[string]any{"a": 1, "b": 0})
	checkSaid(t, "divide by nothing", result, true, "division by zero")
	result, _ = p.call(id, "count", map[string]any{"to": 3})
	checkSaid(t, "count", result, false, "counted to 3")
	result, _ = p.call(id, "whoami", map[string]any{})
	checkSaid(t, "whoami", result, false, client)
	parts, err := p.bridge.ReadResource(t.Context(), id, "note://lima")
	if err != nil || !strings.Contains(fmt.Sprintf("%s", parts), "a note about lima") {
		t.Errorf("the note is %v, %v", parts, err)
	}
	messages, err := p.bridge.GetPrompt(t.Context(), id, "review", map[string]string{"text": "a poem"})
	if err != nil || !strings.Contains(fmt.Sprint(messages), "Review this: a poem") {
		t.Errorf("the prompt is %v, %v", messages, err)
	}
}

func TestFastMCPOverStdio(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	view := p.add(store.ServerConfig{
		Name: "fast", Transport: store.TransportStdio, Command: python(t, "python"),
		Args: []string{filepath.Join(fixtures(t), "fastmcp_server.py"), "stdio"},
	}, nil)
	checkFast(t, p, view.Server.ID, "nobody")
}

// startFast starts a FastMCP server over HTTP, and returns its address.
func startFast(t *testing.T, how string, env ...string) string {
	t.Helper()
	cmd := exec.Command(python(t, "python"), filepath.Join(fixtures(t), "fastmcp_server.py"), how)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log lockedText
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(settleLimit, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end the server: %v", err)
		}
		force := time.AfterFunc(goneLimit, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // how it ends is not our matter
		force.Stop()
		limit.Stop()
		if t.Failed() {
			t.Logf("the log of the server:\n%s", tail(log.String(), 4000))
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server gave no address: %v\n%s", err, log.String())
	}
	limit.Stop()
	return strings.TrimSpace(address)
}

// lockedText is a text that one goroutine writes and another reads.
type lockedText struct {
	mu   sync.Mutex // protects text
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestFastMCPWithToken(t *testing.T) {
	t.Parallel()
	address := startFast(t, "token", "EXPECTED_TOKEN=a-token-of-the-test")
	p := newPlace(t)
	config := func(name string) (store.ServerConfig, store.SecretRef) {
		ref := store.ServerSecret(name, "auth", "secret")
		return store.ServerConfig{
			Name: name, Transport: store.TransportHTTP, URL: address,
			Auth: store.Auth{Kind: store.AuthBearer, Secret: store.RefTo(ref)},
		}, ref
	}
	right, ref := config("right")
	view := p.add(right, map[store.SecretRef]store.Secret{ref: store.NewSecret("a-token-of-the-test")})
	checkFast(t, p, view.Server.ID, "client bearer with use")

	wrong, ref := config("wrong")
	view = p.begin(wrong, map[store.SecretRef]store.Secret{ref: store.NewSecret("another-token")})
	if view.State != mcphost.Failed || !strings.Contains(view.Error, "401") || strings.Contains(view.Error, "another-token") {
		t.Errorf("with a wrong token it is %s: %s", view.State, view.Error)
	}
}

// A sign-in from end to end: the server's own provider registers us, a browser
// agrees, the token is renewed when it has run out, and is gone after signing
// out.
func TestFastMCPWithSignIn(t *testing.T) {
	t.Parallel()
	address := startFast(t, "oauth")
	p := newPlace(t)
	view := p.begin(store.ServerConfig{Name: "fast", Transport: store.TransportHTTP, URL: address}, nil)
	id := view.Server.ID
	if view.State == mcphost.Ready || view.SignIn == nil || !view.SignIn.Needed {
		t.Fatalf("before the sign-in it is %s: %s; %+v", view.State, view.Error, view.SignIn)
	}
	pages := 0
	browser := func(ctx context.Context, address string) error {
		pages++
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			if err != nil {
				return
			}
			// The redirect to our own listener is followed as a browser does.
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}()
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), settleLimit)
	defer cancel()
	if err := p.bridge.SignIn(ctx, id, browser); err != nil {
		t.Fatalf("sign in: %v", err)
	}
	view = p.settled(id)
	if view.State != mcphost.Ready || view.SignIn == nil || !view.SignIn.SignedIn || !view.SignIn.Renews {
		t.Fatalf("after the sign-in it is %s: %s; %+v", view.State, view.Error, view.SignIn)
	}
	checkFast(t, p, id, "with use")

	// The tokens of this server last for five seconds.
	first := view.SignIn.Expires
	select {
	case <-time.After(time.Until(first) + time.Second):
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	result, _ := p.call(id, "whoami", map[string]any{})
	checkSaid(t, "whoami with a token that was renewed", result, false, "with use")
	view = p.settled(id)
	if !view.SignIn.Expires.After(first) || pages != 1 {
		t.Errorf("the token lasted until %v, and now until %v; %d pages were opened", first, view.SignIn.Expires, pages)
	}

	if err := p.bridge.SignOut(ctx, id, true); err != nil {
		t.Fatalf("sign out: %v", err)
	}
	view = p.settled(id)
	if view.State == mcphost.Ready || view.SignIn == nil || view.SignIn.SignedIn {
		t.Errorf("after signing out it is %s: %+v", view.State, view.SignIn)
	}
	if result, _ := p.call(id, "whoami", map[string]any{}); !result.IsError {
		t.Errorf("after signing out a call says %s", result.Content.Text())
	}
}
