package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// callbackPath is where the browser brings the answer.
const callbackPath = "/callback"

// listener awaits the answer of the authorization server on the loopback
// interface (RFC 8252, section 7.3). It takes one answer: the first that has the
// state which this sign-in began with; all else is turned away and changes
// nothing.
type listener struct {
	inner    net.Listener
	host     string
	redirect string
	server   *http.Server
}

// listen opens the listener on that port, or on any that is free: for 0, and
// when another program has a port that is only preferred.
func listen(port int, must bool) (*listener, error) {
	in, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil && port != 0 && !must {
		in, err = net.Listen("tcp4", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the browser's answer on this computer: %w", err)
	}
	host := in.Addr().String()
	return &listener{inner: in, host: host, redirect: "http://" + host + callbackPath}, nil
}

// portOf is the port of a redirect address, or 0.
func portOf(redirect string) int {
	u, err := url.Parse(redirect)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		return 0
	}
	return n
}

// serve answers browsers until the listener is closed. Whatever carries the
// state first is handed to got, once, with what good says of it.
func (l *listener) serve(state string, good func(url.Values) error) <-chan outcome {
	got := make(chan outcome, 1)
	taken := make(chan struct{}, 1)
	taken <- struct{}{}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		header.Set("Connection", "close")
		q := r.URL.Query()
		switch {
		case r.Host != l.host, r.URL.Path != callbackPath:
			http.Error(w, "There is nothing here.", http.StatusNotFound)
			return
		case r.Method != http.MethodGet:
			http.Error(w, "Only GET is answered here.", http.StatusMethodNotAllowed)
			return
		case len(q["state"]) != 1 || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1:
			http.Error(w, "This is not the answer that is awaited here.", http.StatusBadRequest)
			return
		}
		select {
		case <-taken:
		default:
			http.Error(w, "The answer was received already.", http.StatusGone)
			return
		}
		err := good(q)
		page := pageDone
		if err != nil {
			page = pageFailed
		}
		_, _ = w.Write([]byte(page))
		got <- outcome{code: q.Get("code"), err: err}
	})
	l.server = &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		IdleTimeout: time.Second, MaxHeaderBytes: 64 << 10,
	}
	go func() { _ = l.server.Serve(l.inner) }()
	return got
}

// outcome is the answer: a code, or why there is none.
type outcome struct {
	code string
	err  error
}

// close lets the page that is being written go out, and closes.
func (l *listener) close() {
	if l.server == nil {
		_ = l.inner.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := l.server.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		_ = l.server.Close()
	}
}

// The pages have no part of the answer in them.
const (
	pageDone   = `<!doctype html><title>Drawbridge</title><p>Drawbridge has the answer. You can close this page.</p>`
	pageFailed = `<!doctype html><title>Drawbridge</title><p>You are not signed in. Drawbridge says why. You can close this page.</p>`
)
