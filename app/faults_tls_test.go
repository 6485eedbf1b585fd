//go:build linux

package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestFaultTLS has services that cannot prove who they are: each is asked once
// and not again, and the sentence says what is wrong.
func TestFaultTLS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config *tls.Config
		words  []string
	}{
		"certificate": {&tls.Config{MinVersion: tls.VersionTLS12}, []string{"certificate", "not trusted", "Nothing was sent"}},
		"old TLS":     {&tls.Config{MaxVersion: tls.VersionTLS11}, []string{"No secure connection", "Nothing was sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int32
			s := serveOn(t, func(h http.Handler) *httptest.Server {
				s := httptest.NewUnstartedServer(h)
				s.Config.ErrorLog = log.New(io.Discard, "", 0)
				s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateNew {
						connections.Add(1)
					}
				}
				s.TLS = c.config
				s.StartTLS()
				return s
			}, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("a request came through: %s", r.URL) })
			next := newService(t, reply{deltas: []string{"I can."}}.send)
			p := newPlace(t)
			p.provide("afar", s.URL+"/v1")
			e := p.run("", "ask", "--provider", "afar", "hello")
			p.checkRefused(e, c.words)
			if n := connections.Load(); n != 1 || strings.Contains(e.stderr, "Trying again") {
				t.Errorf("it was asked %d times: %v", n, e)
			}
			// The conversation is whole, and goes on elsewhere.
			p.provide("near", next.URL+"/v1")
			conv := strings.TrimSpace(p.query("SELECT id FROM conversations"))
			if out := p.must("", "ask", "--provider", "near", "--conversation", conv, "you, then"); out != "I can.\n" {
				t.Errorf("the next turn: %q", out)
			}
		})
	}
}
