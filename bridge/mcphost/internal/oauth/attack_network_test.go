package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// watch notes what a session connects to.
func watch(s *Session) func() []string {
	var mu sync.Mutex
	var list []string
	t := s.reach.client.Transport.(*http.Transport)
	inner := t.DialContext
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := inner(ctx, network, address)
		if err == nil {
			mu.Lock()
			list = append(list, conn.RemoteAddr().String())
			mu.Unlock()
		}
		return conn, err
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), list...)
	}
}

// TestAddressIsPlain: what a server may put into the path and the query reaches
// the opener without any character that a shell knows.
func TestAddressIsPlain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.a.Meta(map[string]any{"authorization_endpoint": w.a.URL + "/authorize/$(calc)/`id`/;x/'q'/\"d\"/<r>/|p/&c/!h/*g/{b}/^k?x=$(calc)&y=`id`&state=fixed&redirect_uri=https://evil.example/&code_challenge_method=plain"})
	var got string
	err := w.session().SignIn(testContext(t), w.probe, func(_ context.Context, address string) error {
		got = address
		return errors.New("enough")
	})
	if err == nil || got == "" {
		t.Fatalf("%v", err)
	}
	if i := strings.IndexAny(got, "$`;'\"<>|!*{}^() \\\n"); i >= 0 {
		t.Errorf("%q is in %s", got[i], got)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if len(q["state"]) != 1 || q.Get("state") == "fixed" || len(q["redirect_uri"]) != 1 || strings.Contains(q.Get("redirect_uri"), "evil") || q.Get("code_challenge_method") != "S256" {
		t.Errorf("the server chose %v", q)
	}
}

// TestNameLeadsInside: a public name whose address is private connects to nothing
// and opens nothing.
func TestNameLeadsInside(t *testing.T) {
	t.Parallel()
	secret := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("something inside was asked")
	}))
	t.Cleanup(secret.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(secret.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for name, addr := range map[string]string{"loopback": "127.0.0.1", "private": "10.1.2.3", "metadata": "169.254.169.254"} {
		for _, place := range []string{"authorization_endpoint", "server", "metadata"} {
			w := newWorld(t)
			w.o.Resolver = resolver(t, addr)
			bad := "https://login.attacker-site.com:" + port
			c := Challenge{Bearer: true}
			switch place {
			case "authorization_endpoint":
				w.a.Meta(map[string]any{place: bad + "/authorize"})
			case "server":
				w.r.Meta(map[string]any{"authorization_servers": []string{bad}})
			default:
				c.Metadata = bad + "/x"
			}
			s := w.session()
			err := s.SignIn(testContext(t), func(context.Context) (Challenge, error) { return c, nil }, func(context.Context, string) error { return errors.New("opened") })
			var private *PrivateError
			if !errors.As(err, &private) {
				t.Errorf("%s, %s: %v", name, place, err)
			}
		}
	}
}

// resolver is one to which every name leads to that address.
func resolver(t *testing.T, addr string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// TestRedirects: metadata, tokens and registrations are not followed elsewhere,
// and nothing that is posted is posted again.
func TestRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("a redirect was followed")
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/register", "/token"} {
			w := newWorld(t)
			w.target.Auth.Origins = append(w.target.Auth.Origins, elsewhere.URL)
			w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != path {
					return false
				}
				http.Redirect(rw, r, elsewhere.URL+"/x", status)
				return true
			})
			if err := w.signIn(w.session()); err == nil || w.vault.text() != "" {
				t.Errorf("%d at %s: %v", status, path, err)
			}
		}
	}
	// The token stays within its origin, too: a post is not repeated there.
	w := newWorld(t)
	w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" && r.URL.RawQuery == "" {
			http.Redirect(rw, r, "/token?again=1", http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	if err := w.signIn(w.session()); err == nil || len(w.a.Asked("/token")) != 1 {
		t.Errorf("%v", err)
	}
}

// TestHugeAndSlow: no answer takes more memory or time than it may.
func TestHugeAndSlow(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"huge": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			chunk := bytes.Repeat([]byte(" "), 64<<10)
			for range 10_000 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a byte at a time": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-tick.C:
				case <-r.Context().Done():
					return
				}
			}
		},
		"deep": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"issuer":`+strings.Repeat("[", 100_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.o.RequestLimit = 300 * time.Millisecond
			w.a.Before(func(rw http.ResponseWriter, r *http.Request) bool { answer(rw, r); return true })
			began := time.Now()
			err := w.signIn(w.session())
			if err == nil || name == "huge" && !strings.Contains(err.Error(), "more than") {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			w.untouchedNoToken()
		})
	}
}

func (w *world) untouchedNoToken() {
	w.t.Helper()
	if len(w.opened()) > 0 || w.vault.text() != "" {
		w.t.Error("something was opened or kept")
	}
}

// TestProxy: a proxy may be private, since the person set it; what a server names
// may not be, also where the proxy could reach it.
func TestProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var through atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		through.Add(1)
		out := r.Clone(r.Context())
		out.RequestURI = ""
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			rw.Header()[k] = v
		}
		rw.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(rw, resp.Body)
	}))
	t.Cleanup(proxy.Close)
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.o.HTTP = &http.Transport{Proxy: http.ProxyURL(at)}
	_, token := w.signedIn()
	w.holds(token)
	if through.Load() < 4 {
		t.Errorf("only %d requests went through the proxy", through.Load())
	}
	for _, bad := range []string{proxy.URL, "https://10.0.0.1", "https://localhost"} {
		w.r.Meta(map[string]any{"authorization_servers": []string{bad}})
		n := through.Load()
		var private *PrivateError
		if err := w.signIn(w.session()); !errors.As(err, &private) || through.Load() > n+1 {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
