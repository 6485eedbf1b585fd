package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// tlsAuthority is a TLS server that says whether it was shown a certificate.
func tlsAuthority(t *testing.T, pool *x509.CertPool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if len(r.TLS.PeerCertificates) > 0 {
			w.Write([]byte(`"shown"`))
		} else {
			w.Write([]byte(`"none"`))
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	pool.AddCert(s.Certificate())
	return s
}

// TestTransportOfTheServer: the server's roots hold for each place of the
// sign-in, and its certificate is shown to those alone that the person named.
func TestTransportOfTheServer(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	named, other := tlsAuthority(t, pool), tlsAuthority(t, pool)
	var broken error
	asked := 0
	r := newReach(Options{Transport: func(context.Context) (*http.Transport, error) {
		asked++
		return &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: pool, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		}}, broken
	}}.withDefaults(), []string{named.URL})
	// The other is permitted too, and yet nobody named it.
	at := strings.TrimPrefix(other.URL, "https://")
	r.dials[at] = true
	for address, want := range map[string]string{named.URL: `"shown"`, other.URL: `"none"`} {
		client, _, err := r.clientFor(t.Context(), mustParse(t, address))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(b) != want {
			t.Errorf("%s: %s, not %s (%v)", address, b, want, err)
		}
	}
	if a, err := r.get(t.Context(), named.URL); err != nil || string(a.body) != `"shown"` {
		t.Errorf("%s, %v", a.body, err)
	}
	if asked != 3 {
		t.Errorf("it was asked %d times", asked)
	}
	broken = errors.New("the file is gone")
	if _, err := r.get(t.Context(), named.URL); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
