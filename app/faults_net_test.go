//go:build linux

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestFaultProviders lets a provider fail in every way, until it is given up;
// the turn that is tried again then works, in the same conversation. What may
// help is repeated before that, as often as it may.
func TestFaultProviders(t *testing.T) {
	t.Parallel()
	status := func(code int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	reset := func(after string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			if after != "" {
				fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", after)
				w.(http.Flusher).Flush()
			}
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}
	for name, c := range map[string]struct {
		fails http.HandlerFunc
		words []string
		keeps string // of the answer
		tries int
	}{
		"429":              {status(429, "application/json", `{"error":{"message":"Slow down"}}`), []string{"wants fewer requests (429): Slow down", "try again"}, "", 4},
		"500":              {status(500, "application/json", `{"error":{"message":"Oops"}}`), []string{"failed (500): Oops", "ry again"}, "", 4},
		"503":              {status(503, "text/html", "<html><h1>503</h1></html>"), []string{"failed (503)", "ry again"}, "", 4},
		"401":              {status(401, "application/json", `{"error":{"message":"Who?"}}`), []string{"refused the key", "(401): Who?", "Check the key"}, "", 1},
		"web page":         {status(200, "text/html", "<html><body>Welcome</body></html>"), []string{"web page", "/v1"}, "", 1},
		"nothing":          {status(200, "text/event-stream", ""), []string{"broke off", "ry again"}, "", 4},
		"reset":            {reset(""), []string{"The connection to", "ry again"}, "", 4},
		"reset mid-stream": {reset("The first half"), []string{"broke off", "ry again"}, "The first half", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			var failed atomic.Int32
			model := newService(t, func(w http.ResponseWriter, r *http.Request) {
				if failed.Add(1) <= int32(c.tries) {
					c.fails(w, r)
					return
				}
				var h chatRequest
				if err := h.read(r); err != nil {
					t.Errorf("a provider would refuse this history: %v", err)
				}
				reply{deltas: []string{"At last."}}.send(w, r)
			})
			p.provide("afar", model.URL+"/v1")
			e := p.run("", "ask", "--provider", "afar", "hello")
			p.checkRefused(e, c.words)
			if n := failed.Load(); n != int32(c.tries) {
				t.Errorf("it was tried %d times, want %d", n, c.tries)
			}
			if !strings.Contains(e.stdout, c.keeps) {
				t.Errorf("the answer until then is not shown: %v", e)
			}
			conv := strings.TrimSpace(p.query("SELECT id FROM conversations"))
			if out := p.must("", "ask", "--conversation", conv, "again"); out != "At last.\n" {
				t.Errorf("the second try: %q", out)
			}
			if n := p.messages(); n < 3 || n > 4 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestFaultThatPasses has a provider fail once: the call is repeated, and the
// history holds the answer once.
func TestFaultThatPasses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var asked atomic.Int32
	model := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"At la\"}}]}\n\n")
			return
		}
		reply{deltas: []string{"At last."}}.send(w, r)
	})
	p.provide("afar", model.URL+"/v1")
	e := p.run("", "ask", "--provider", "afar", "hello")
	if e.code != exitOK || !strings.Contains(e.stderr, "Trying again in") || !strings.Contains(e.stderr, "(2 of 4)") {
		t.Errorf("%v", e)
	}
	if n := p.messages(); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	if got := strings.TrimSpace(p.query("SELECT parts FROM messages WHERE role = 'assistant'")); got != `[{"type":"text","text":"At last."}]` {
		t.Errorf("kept is %s", got)
	}
	if got := strings.TrimSpace(p.query("SELECT title FROM conversations")); got != "At last" || asked.Load() != 3 {
		t.Errorf("the title is %q after %d calls", got, asked.Load())
	}
}

func TestFaultNetwork(t *testing.T) {
	t.Parallel()
	quiet := func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		s.StartTLS()
		return s
	}
	unreached := func(_ http.ResponseWriter, r *http.Request) { t.Errorf("a request came through: %s", r.URL) }
	untrusted := serveOn(t, quiet, unreached)
	plain := newService(t, unreached)
	for name, c := range map[string]struct {
		address string
		words   []string
	}{
		// A label that is empty: the resolver answers without asking anybody.
		"dns":         {"http://no..where/v1", []string{"cannot be found", "Check the address"}},
		"refused":     {"http://127.0.0.1:1/v1", []string{"Nothing answers at 127.0.0.1:1", "Check that"}},
		"certificate": {untrusted.URL + "/v1", []string{"certificate", "not trusted", "Nothing was sent"}},
		"no tls":      {strings.Replace(plain.URL, "http:", "https:", 1) + "/v1", []string{"does not speak https", "http://"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.provide("afar", c.address)
			p.refused("", c.words, "ask", "--provider", "afar", "hello")
			p.must("", ask...)
		})
	}
}

func TestFaultKeychain(t *testing.T) {
	t.Parallel()
	// A bus that takes every connection and never answers.
	hanging := func(p *place) string {
		path := filepath.Join(p.root, "bus")
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				t.Cleanup(func() { _ = conn.Close() })
			}
		}()
		return "unix:path=" + path
	}
	for name, c := range map[string]struct {
		bus   func(p *place) string
		words []string
	}{
		"absent":  {func(*place) string { return "" }, []string{"no session bus"}},
		"gone":    {func(p *place) string { return "unix:path=" + filepath.Join(p.root, "nobus") }, []string{"bus cannot be reached"}},
		"hanging": {hanging, []string{"did not answer within 3s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			if bus := c.bus(p); bus != "" {
				p.env = append(p.env, "DBUS_SESSION_BUS_ADDRESS="+bus)
			}
			p.must("", "providers", "set", "afar", "--type", "chat", "--model", "m", "--base-url", "http://127.0.0.1:1/v1")
			advice := append([]string{"passphrase", "this run only"}, c.words...)
			p.refused("a-key-of-mine\n", advice, "secret", "set", "provider/afar/key")
			p.must("", ask...)     // what needs no key goes on
			if name != "hanging" { // where each look takes its 3 s
				p.refused("", []string{"key"}, "ask", "--provider", "afar", "hello")
				p.must("a passphrase\n", "secret", "passphrase")
			}
		})
	}
}
