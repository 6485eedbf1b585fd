package mcphost

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// trust are the variables that say which certificates a program trusts. A server
// inherits them, so that it trusts what this program does.
var trust = []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"}

// systemRoots are where systems keep their certificates in one file.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}

// certificatesMax bounds a file with certificates, in bytes.
const certificatesMax = 4 << 20

// readPEM reads a file with certificates or a key. The error is the end of a
// sentence.
func readPEM(what, path, home string) ([]byte, error) {
	path = expandHome(path, home)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("the file %s with %s does not exist; choose another (%w)", path, what, store.ErrNotFound)
	case err == nil && (!info.Mode().IsRegular() || info.Size() > certificatesMax):
		return nil, fmt.Errorf("%s is no file with %s (%w)", path, what, store.ErrInvalid)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the file %s with %s cannot be read: %s", path, what, reason(err))
	}
	return b, nil
}

// roots reads the certificates that are trusted beside the system's.
func roots(n store.NetConfig, home string) ([]byte, error) {
	b, err := readPEM("certificates", n.CAFile, home)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(b) {
		err = fmt.Errorf("the file %s has no certificate in PEM form; it should begin with -----BEGIN CERTIFICATE----- (%w)", n.CAFile, store.ErrInvalid)
	}
	return b, err
}

// transport returns what reaches a server over HTTP: the common one, or one of
// its own where its certificates or its proxy are not the common ones. proxy is
// the resolved value. Errors are sentences without a full stop.
func (m *Manager) transport(n store.NetConfig, proxy, home string) (*http.Transport, error) {
	if n == (store.NetConfig{}) {
		return m.o.HTTP, nil
	}
	t := m.o.HTTP.Clone()
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{}
	}
	if n.CAFile != "" {
		own, err := roots(n, home)
		if err != nil {
			return nil, err
		}
		pool := t.TLSClientConfig.RootCAs
		if pool != nil {
			pool = pool.Clone()
		} else if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("the system's certificates cannot be read: %w", err)
		}
		pool.AppendCertsFromPEM(own)
		t.TLSClientConfig.RootCAs = pool
	}
	if n.CertFile != "" {
		cert, err := readPEM("the client's certificate", n.CertFile, home)
		if err != nil {
			return nil, err
		}
		key, err := readPEM("the client's key", n.KeyFile, home)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil { // its text has no part of the key
			return nil, fmt.Errorf("%s and %s are no certificate with its key: %w", n.CertFile, n.KeyFile, err)
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	switch proxy {
	case "":
	case store.ProxyNone:
		t.Proxy = nil
	default:
		u, err := proxyURL(proxy)
		if err != nil {
			return nil, err
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

// ownTransport is transport for a configuration as it is now; what is secret of
// it is told to learn. Errors are sentences without a full stop.
func (m *Manager) ownTransport(ctx context.Context, c store.ServerConfig, learn func(string)) (*http.Transport, error) {
	proxy, err := m.value(ctx, c.ID, c.Net.Proxy)
	if err != nil {
		return nil, err
	}
	if c.Net.Proxy.Secret() {
		learn(proxy.Reveal())
	}
	return m.transport(c.Net, proxy.Reveal(), homeOf(m.o.Environ()))
}

// proxyURL reads a proxy's address, which may contain a password: no error
// repeats it.
func proxyURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" && u.Scheme != "socks5h" {
		return nil, fmt.Errorf("the address of the proxy cannot be used; it should look like http://proxy.example:3128 (%w)", store.ErrInvalid)
	}
	return u, nil
}

// networkEnviron returns the variables from which a program learns whom to trust
// and which proxy to use. SSL_CERT_FILE replaces the system's certificates, so
// it gets them together with the server's own in a file of ours.
func (m *Manager) networkEnviron(c store.ServerConfig, proxy, home string) (map[string]string, error) {
	env := map[string]string{}
	own := m.o.Environ()
	for _, name := range trust {
		if v := environ(own, name); v != "" {
			env[name] = v
		}
	}
	switch proxy {
	case "":
	case store.ProxyNone:
		env["NO_PROXY"], env["no_proxy"] = "*", "*"
	default:
		if _, err := proxyURL(proxy); err != nil {
			return nil, err
		}
		for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
			env[name] = proxy
		}
	}
	if c.Net.CAFile == "" {
		return env, nil
	}
	extra, err := roots(c.Net, home)
	if err != nil {
		return nil, err
	}
	env["NODE_EXTRA_CA_CERTS"] = expandHome(c.Net.CAFile, home)
	files := systemRoots
	if v := env["SSL_CERT_FILE"]; v != "" {
		files = []string{v}
	}
	for _, name := range files {
		system, err := os.ReadFile(name)
		if err != nil || len(system) == 0 || m.o.LogDir == "" {
			continue
		}
		path := strings.TrimSuffix(newServerLog(m.o.LogDir, c.ID).path, ".log") + ".ca.pem"
		if err := writeBundle(path, append(append(system, '\n'), extra...)); err != nil {
			return nil, fmt.Errorf("its certificates cannot be written to %s: %s", path, reason(err))
		}
		env["SSL_CERT_FILE"], env["REQUESTS_CA_BUNDLE"] = path, path
		break
	}
	return env, nil
}

// writeBundle writes a file as a whole, for this person alone.
func writeBundle(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
