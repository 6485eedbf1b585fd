//go:build linux && e2e

package standin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
)

// A Request is one request as it arrived, byte for byte in its body.
type Request struct {
	Method string
	Path   string // with the query
	Header http.Header
	Body   []byte
}

// A Proxy passes requests on to one server, keeps them, and passes the answers
// back as they come. Its methods may be called from any goroutine.
type Proxy struct {
	server *httptest.Server

	mu       sync.Mutex
	requests []Request
	arrived  chan struct{} // closed and renewed at each request
}

// NewProxy listens on a free port of the loopback interface in front of the
// server at the URL. Close ends it.
func NewProxy(target string) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &Proxy{arrived: make(chan struct{})}
	forward := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1, // each chunk of a stream at once
	}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.keep(Request{Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body})
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	return p, nil
}

func (p *Proxy) keep(r Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r)
	close(p.arrived)
	p.arrived = make(chan struct{})
}

// URL is where the proxy listens, without a path.
func (p *Proxy) URL() string { return p.server.URL }

// Close ends the connections and the proxy.
func (p *Proxy) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// Requests are those that arrived until now, in that order.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Wait returns the request with the index among those that wanted accepts,
// counted from 0, and waits for it until the context ends. A nil wanted accepts
// each.
func (p *Proxy) Wait(ctx context.Context, index int, wanted func(Request) bool) (Request, error) {
	for {
		p.mu.Lock()
		requests, arrived := slices.Clone(p.requests), p.arrived
		p.mu.Unlock()
		n := 0
		for _, r := range requests {
			if wanted != nil && !wanted(r) {
				continue
			}
			if n == index {
				return r, nil
			}
			n++
		}
		select {
		case <-ctx.Done():
			return Request{}, fmt.Errorf("waiting for request %d to the model, after %d: %w", index, n, context.Cause(ctx))
		case <-arrived:
		}
	}
}
