package mcphost

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// pemFile writes a block into a file of its own.
func pemFile(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), strings.ToLower(strings.ReplaceAll(kind, " ", "-"))+".pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// clientCertificate makes a certificate that signs itself, and its key.
func clientCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pemFile(t, "CERTIFICATE", der), pemFile(t, "EC PRIVATE KEY", keyDER)
}

func serveTLS(t *testing.T, auth tls.ClientAuthType) (address, ca string) {
	t.Helper()
	s := httptest.NewUnstartedServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return obedient() }, nil))
	s.Config.ErrorLog = log.New(nothing{}, "", 0)
	s.TLS = &tls.Config{ClientAuth: auth}
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL, pemFile(t, "CERTIFICATE", s.Certificate().Raw)
}

type nothing struct{}

func (nothing) Write(b []byte) (int, error) { return len(b), nil }

func TestOwnCertificates(t *testing.T) {
	t.Parallel()
	address, ca := serveTLS(t, tls.NoClientCert)
	strict, strictCA := serveTLS(t, tls.RequireAnyClientCert)
	cert, key := clientCertificate(t)
	_, other := clientCertificate(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		address string
		net     store.NetConfig
		says    string // empty: it is ready
	}{
		"trusted":           {address, store.NetConfig{CAFile: ca}, ""},
		"not trusted":       {address, store.NetConfig{CAFile: cert}, "signed by nobody"},
		"no such file":      {address, store.NetConfig{CAFile: "/nowhere/ca.pem"}, "/nowhere/ca.pem"},
		"no certificate":    {address, store.NetConfig{CAFile: empty}, "no certificate in PEM form"},
		"client":            {strict, store.NetConfig{CAFile: strictCA, CertFile: cert, KeyFile: key}, ""},
		"no client":         {strict, store.NetConfig{CAFile: strictCA}, "certificate required"},
		"another's key":     {strict, store.NetConfig{CAFile: strictCA, CertFile: cert, KeyFile: other}, "no certificate with its key"},
		"certificate alone": {strict, store.NetConfig{CertFile: cert}, "needs its key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, func(o *Options) { o.BackoffMin, o.BackoffMax = time.Hour, time.Hour })
			config := overHTTP(c.address)
			config.Net = c.net
			s := started(t, m, config)
			if c.says == "" && s.State != Ready || c.says != "" && (s.State != Failed || !strings.Contains(s.Error, c.says)) {
				t.Errorf("%s: %s", s.State, s.Error)
			}
			if c.says == "" {
				mustCall(t, m, "h", "echo", `{"text":"x"}`)
			}
		})
	}
}

func TestOwnProxy(t *testing.T) {
	t.Parallel()
	inner := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return obedient() }, &mcp.StreamableHTTPOptions{DisableLocalhostProtection: true})
	var through atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "mcp.invalid" || r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		through.Add(1)
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})
	withPassword := strings.Replace(proxy.URL, "http://", "http://me:pa55word@", 1)
	m := newManager(t, func(o *Options) { o.Secrets = keychain{"server/h/net/proxy": withPassword} })
	c := overHTTP("http://mcp.invalid/mcp")
	c.Net.Proxy = "${secret:server/h/net/proxy}"
	ready(t, m, c)
	mustCall(t, m, "h", "echo", `{"text":"x"}`)
	if through.Load() < 2 {
		t.Errorf("%d requests went through the proxy", through.Load())
	}
	// A proxy that is everybody's is left out where a server has none.
	s := serve(t, nil)
	before := through.Load()
	u, err := url.Parse(withPassword)
	if err != nil {
		t.Fatal(err)
	}
	direct := newManager(t, func(o *Options) { o.HTTP = &http.Transport{Proxy: http.ProxyURL(u)} })
	c = overHTTP(s.URL)
	c.Net.Proxy = store.ProxyNone
	ready(t, direct, c)
	if through.Load() != before {
		t.Error("the proxy was used")
	}
}

func TestNetworkOfPrograms(t *testing.T) {
	t.Parallel()
	ca, _ := clientCertificate(t)
	system := filepath.Join(t.TempDir(), "system.pem")
	if err := os.WriteFile(system, []byte("# the system's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := func(t *testing.T, net store.NetConfig, configured map[string]store.Value) map[string]string {
		m := newManager(t, func(o *Options) {
			inherit := o.Environ
			o.Environ = func() []string {
				return append(inherit(), "SSL_CERT_FILE="+system, "LD_PRELOAD=/x", "HTTPS_PROXY=http://everybodys:1")
			}
		})
		c := child(t, "s", "echo")
		c.Net = net
		for k, v := range configured {
			c.Env[k] = v
		}
		ready(t, m, c)
		out := map[string]string{}
		for _, kv := range strings.Split(mustCall(t, m, "s", "environment", `{}`).Content.Text(), "\n") {
			k, v, _ := strings.Cut(kv, "=")
			out[k] = v
		}
		if out["LD_PRELOAD"] != "" {
			t.Error("LD_PRELOAD was handed on")
		}
		return out
	}
	t.Run("as this program", func(t *testing.T) {
		t.Parallel()
		if env := environment(t, store.NetConfig{}, nil); env["SSL_CERT_FILE"] != system || env["HTTPS_PROXY"] != "" {
			t.Errorf("%v", env)
		}
	})
	t.Run("its own", func(t *testing.T) {
		t.Parallel()
		env := environment(t, store.NetConfig{CAFile: ca, Proxy: "http://127.0.0.1:9"}, map[string]store.Value{"REQUESTS_CA_BUNDLE": "/mine"})
		if env["NODE_EXTRA_CA_CERTS"] != ca || env["HTTPS_PROXY"] != "http://127.0.0.1:9" || env["http_proxy"] != "http://127.0.0.1:9" || env["REQUESTS_CA_BUNDLE"] != "/mine" {
			t.Errorf("%v", env)
		}
		bundle, err := os.ReadFile(env["SSL_CERT_FILE"])
		own, _ := os.ReadFile(ca)
		if err != nil || string(bundle) != "# the system's\n\n"+string(own) {
			t.Errorf("the bundle %s holds %q, %v", env["SSL_CERT_FILE"], bundle, err)
		}
		if info, err := os.Stat(env["SSL_CERT_FILE"]); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	})
	t.Run("no proxy", func(t *testing.T) {
		t.Parallel()
		if env := environment(t, store.NetConfig{Proxy: store.ProxyNone}, nil); env["NO_PROXY"] != "*" || env["HTTPS_PROXY"] != "" {
			t.Errorf("%v", env)
		}
	})
}

// TestSignInOverOwnProxy: all requests of a sign-in take the server's proxy, and
// so do those with the token.
func TestSignInOverOwnProxy(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	var mu sync.Mutex
	through := map[string]int{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		mu.Lock()
		through[r.URL.Host]++
		mu.Unlock()
		out := r.Clone(r.Context())
		out.RequestURI = ""
		out.Header.Del("Proxy-Authorization")
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		w.(http.Flusher).Flush()
		io.Copy(w, resp.Body)
	}))
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})
	if err := g.vault.Set(t.Context(), "server/h/net/proxy", store.NewSecret(strings.Replace(proxy.URL, "http://", "http://me:pa55word@", 1))); err != nil {
		t.Fatal(err)
	}
	g.config.Net.Proxy = "${secret:server/h/net/proxy}"
	g.signedIn()
	mustCall(t, g.m, "h", "echo", `{"text":"x"}`)
	mu.Lock()
	defer mu.Unlock()
	authority := strings.TrimPrefix(g.a.URL, "http://")
	// Metadata, registration and the token.
	if through[authority] < 3 || len(through) != 2 {
		t.Errorf("through the proxy went %v, and the authority is %s", through, authority)
	}
	// The browser has its own way there.
	if asked := len(g.a.Asked("/register")) + len(g.a.Asked("/token")); asked < 2 || asked > through[authority] {
		t.Errorf("the authority was asked %d times, and %d times through the proxy", asked, through[authority])
	}
}

// TestSignInWithoutProxySecret says what is missing.
func TestSignInWithoutProxySecret(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, nil)
	g.config.Net.Proxy = "${secret:server/h/net/proxy}"
	if s := started(t, g.m, g.config); s.State != Failed || !strings.Contains(s.Error, "server/h/net/proxy") {
		t.Errorf("%s: %s", s.State, s.Error)
	}
	if err := g.m.SignIn(testContext(t), "h", g.open); err == nil || !strings.Contains(err.Error(), "server/h/net/proxy") {
		t.Errorf("%v", err)
	}
}
