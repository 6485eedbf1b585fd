package provider

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"
)

func debugTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// oldTLS is what no client takes any more.
func oldTLS() *tls.Config { return &tls.Config{MaxVersion: tls.VersionTLS11} }

// trusting is a transport that knows the server's certificate, and expects that
// name of it unless it is empty.
func trusting(s *httptest.Server, name string) *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12}}
}

// afterItsTime is one whose clock stands after the certificate has run out.
func afterItsTime(s *httptest.Server) *http.Transport {
	t := trusting(s, "")
	t.TLSClientConfig.Time = func() time.Time { return s.Certificate().NotAfter.Add(time.Hour) }
	return t
}
