package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// reach makes the requests of a sign-in. Addresses that a server named may not
// lead into a private network: neither by how they are written, nor by what
// their name leads to at the moment of connecting, nor by a redirect. The
// origins that are granted may.
type reach struct {
	client *http.Client
	proxy  func(*http.Request) (*url.URL, error)
	// transport gives what client is made of anew; nil keeps it as it is.
	transport func(context.Context) (*http.Transport, error)
	resolver  *net.Resolver
	granted   map[string]bool // origins
	dials     map[string]bool // host:port of those
	limit     time.Duration
	agent     string
}

// redirectsMax is how often the metadata of one origin may redirect within it.
const redirectsMax = 3

func newReach(o Options, origins []string) *reach {
	r := &reach{resolver: o.Resolver, granted: map[string]bool{}, dials: map[string]bool{}, limit: o.RequestLimit, agent: o.UserAgent, transport: o.Transport}
	for _, s := range origins {
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			origin := originOf(u)
			r.granted[origin] = true
			r.dials[origin[strings.Index(origin, "//")+2:]] = true
		}
	}
	t := o.HTTP
	if t == nil {
		t = http.DefaultTransport.(*http.Transport)
	}
	r.proxy, r.client = t.Proxy, r.over(t.Clone())
	return r
}

// over returns a client over a transport, which it changes: it dials as reach
// does, and follows few redirects.
func (r *reach) over(t *http.Transport) *http.Client {
	t.DialContext, t.DialTLSContext = r.dial, nil
	t.DisableKeepAlives = true // each connection is looked at, and few are needed
	t.ResponseHeaderTimeout = r.limit
	return &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if originOf(req.URL) != originOf(via[0].URL) || len(via) > redirectsMax || req.Method != http.MethodGet || via[0].Method != http.MethodGet {
			return refuse("%s redirects to %s, which is not followed", show(via[0].URL.Host, 100), show(req.URL.Host, 100))
		}
		return nil
	}}
}

// clientFor returns what asks for an address, and the proxy that it uses.
func (r *reach) clientFor(ctx context.Context, u *url.URL) (*http.Client, func(*http.Request) (*url.URL, error), error) {
	if r.transport == nil {
		return r.client, r.proxy, nil
	}
	given, err := r.transport(ctx)
	if err != nil {
		return nil, nil, err
	}
	t := given.Clone()
	if t.TLSClientConfig != nil && !r.granted[originOf(u)] {
		t.TLSClientConfig.Certificates, t.TLSClientConfig.GetClientCertificate = nil, nil
	}
	return r.over(t), t.Proxy, nil
}

// dial connects, and refuses a private address unless it is granted, or is the
// proxy that the person set. Control sees the very address that is connected to,
// after the name was looked up.
func (r *reach) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: r.limit, Resolver: r.resolver}
	viaProxy, _ := ctx.Value(proxyKey{}).(string)
	if !r.dials[strings.ToLower(address)] && (viaProxy == "" || !strings.EqualFold(viaProxy, address)) {
		d.Control = public
	}
	return d.DialContext(ctx, network, address)
}

type proxyKey struct{}

// errPrivate is what connecting to a private address ends with.
var errPrivate = errors.New("the address is private")

func public(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !store.PublicAddr(at.Addr()) {
		return errPrivate
	}
	return nil
}

// permits says whether an address may be gone to as it is written.
func (r *reach) permits(u *url.URL) error {
	if r.granted[originOf(u)] {
		return nil
	}
	if !store.PublicHost(u.Hostname()) {
		return &PrivateError{Origin: shownOrigin(u)}
	}
	return nil
}

// shownOrigin is the origin as a person would type it.
func shownOrigin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// browsable says whether a person's browser may be sent there. What the name
// leads to is asked once; a name that cannot be looked up here may still be one
// that a proxy knows.
func (r *reach) browsable(ctx context.Context, u *url.URL) error {
	if err := r.permits(u); err != nil || r.granted[originOf(u)] {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	resolver := r.resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if !store.PublicAddr(a) {
			return &PrivateError{Origin: shownOrigin(u)}
		}
	}
	return nil
}

// answer is what came back: the status, and the body where it is JSON.
type answer struct {
	status int
	json   bool
	body   []byte
}

func (r *reach) do(ctx context.Context, req *http.Request) (answer, error) {
	if err := r.permits(req.URL); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	client, proxy, err := r.clientFor(ctx, req.URL)
	if err != nil {
		return answer{}, err
	}
	if proxy != nil {
		if p, err := proxy(req); err == nil && p != nil {
			at := strings.TrimPrefix(originOf(p), strings.ToLower(p.Scheme)+"://")
			if strings.HasSuffix(at, ":") { // of a scheme whose port is not known here
				at += "1080"
			}
			ctx = context.WithValue(ctx, proxyKey{}, at)
		}
	}
	req = req.WithContext(ctx)
	req.Header.Set("User-Agent", r.agent)
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, r.explain(req.URL, err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	a.json = kind == "application/json" || strings.HasSuffix(kind, "+json")
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, metadataMax+1)); err != nil {
		return answer{}, r.explain(req.URL, err)
	}
	if len(a.body) > metadataMax {
		return answer{}, refuse("%s answers with more than %d bytes", show(req.URL.Host, 100), metadataMax)
	}
	return a, nil
}

// explain phrases why a request has no answer. The address itself, which may
// hold more than a host, is left out.
func (r *reach) explain(u *url.URL, err error) error {
	host := show(u.Host, 100)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate):
		return &PrivateError{Origin: shownOrigin(u)}
	case errors.Is(err, ErrRefused), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &dns):
		return fmt.Errorf("the name %s was not found on the network: %w", host, errUnreachable)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer in time: %w", host, errUnreachable)
	}
	return fmt.Errorf("%s cannot be reached: %w: %s", host, errUnreachable, show(err.Error(), 200))
}

// errUnreachable says that a try later may do better.
var errUnreachable = errors.New("try again later")

// get fetches a document.
func (r *reach) get(ctx context.Context, address string) (answer, error) {
	u, err := safe(address)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	return r.do(ctx, req)
}

// postForm sends a form; basic is a value for the header Authorization, or empty.
func (r *reach) postForm(ctx context.Context, address string, form url.Values, basic string) (answer, error) {
	return r.post(ctx, address, "application/x-www-form-urlencoded", []byte(form.Encode()), basic)
}

func (r *reach) postJSON(ctx context.Context, address string, v any) (answer, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{}, err
	}
	return r.post(ctx, address, "application/json", body, "")
}

func (r *reach) post(ctx context.Context, address, kind string, body []byte, authorization string) (answer, error) {
	u, err := safe(address)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return r.do(ctx, req)
}
