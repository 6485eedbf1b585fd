package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"

	"github.com/drawbridge-app/drawbridge/store"
)

// The headers that a key may come in. The first that is there counts.
var keyHeaders = []string{"X-Drawbridge-Key", "X-Litellm-Api-Key", "Authorization"}

// namespaceHeader names the servers and groups of a request.
const namespaceHeader = "X-Mcp-Servers"

// visit is one request of a caller in its room.
type visit struct {
	caller  store.Caller
	room    *room
	headers map[string]map[string]string // to pass on, by the id of the server
	scope   string
	polled  *polled // the response of this very request; nil where its client cannot come back
}

// ServeHTTP answers one request: 403 for a host, an origin or a namespace that
// may not be, 401 for no key or a wrong one, 404 for an address that is none of
// ours. None of this reads the body.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if why := g.stranger(r); why != "" {
		g.turnAway(w, r, http.StatusForbidden, why)
		return
	}
	key, in, err := presentedKey(r.Header)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Drawbridge"`)
		g.turnAway(w, r, http.StatusUnauthorized, err.Error())
		return
	}
	caller, err := g.o.Keys.Authenticate(r.Context(), key)
	switch {
	case errors.Is(err, store.ErrDenied):
		w.Header().Set("WWW-Authenticate", `Bearer realm="Drawbridge", error="invalid_token"`)
		g.turnAway(w, r, http.StatusUnauthorized, "This key is not known here, was revoked or has expired. Make one with drawbridge keys add, or in the window.")
		return
	case err != nil:
		g.o.Logger.Error("a key could not be looked up", "error", err)
		g.turnAway(w, r, http.StatusServiceUnavailable, "The key could not be looked up; the log of Drawbridge says why.")
		return
	}
	if g.forModels(r) {
		r = r.WithContext(context.WithValue(r.Context(), modelsKey{}, &modelsVisit{g, caller}))
		r.Header = withoutKeys(r.Header)
		g.o.Models.ServeHTTP(w, r)
		return
	}
	names, ok := namespaceOf(r.URL)
	if !ok {
		g.turnAway(w, r, http.StatusNotFound, "There is nothing at this address; use /mcp, or /mcp/ and the names of servers or groups.")
		return
	}
	if names == nil {
		names = splitNames(r.Header.Values(namespaceHeader))
	}
	servers := g.o.Runner.Servers(caller)
	within, ok := narrow(servers, names)
	if !ok {
		say := g.o.Runner.Astray(r.Context(), caller, names)
		if say == "" {
			say = "This key may not see one of the servers or groups of this address, or it does not exist."
		}
		g.turnAway(w, r, http.StatusForbidden, say)
		return
	}
	room, err := g.enter(caller, names)
	if err != nil {
		g.turnAway(w, r, http.StatusServiceUnavailable, err.Error())
		return
	}
	defer room.leave()
	v := &visit{caller: caller, room: room, scope: caller.Key, headers: g.credentials(r.Header, in, within)}
	modern := r.Header.Get("Mcp-Protocol-Version") >= newEra
	v.caller.Session = caller.Key
	if id := r.Header.Get("Mcp-Session-Id"); id != "" && !modern {
		v.caller.Session += "/" + id // which the session's owner alone gets past with
	}
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	r.Header = withoutKeys(r.Header)
	r.Header.Set("Authorization", "Bearer visit")
	if modern {
		g.stateless.ServeHTTP(w, r)
		return
	}
	session := r.Header.Get("Mcp-Session-Id")
	switch {
	case r.Method == http.MethodGet && g.come(w, r, v, session):
	case r.Method == http.MethodPost && session != "" && r.Header.Get("Mcp-Protocol-Version") >= polledSince && slices.ContainsFunc(within, pauses):
		g.servePolled(w, r, v, session)
	default:
		g.stateful.ServeHTTP(w, r)
	}
}

// newEra is the first version of the protocol without sessions.
const newEra = "2026-07-28"

// turnAway answers a request that goes no further, as the protocol's errors are
// written where there is a body.
func (g *Gateway) turnAway(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	g.o.Logger.Info("a request to the gateway was turned away", "status", status, "why", sentence, "from", r.RemoteAddr)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close") // the body is not read
	}
	w.WriteHeader(status)
	text, err := json.Marshal(sentence)
	if err != nil {
		return
	}
	if g.forModels(r) {
		fmt.Fprint(w, modelsError(status, text))
		return
	}
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":%s}}`, -32000-(status-400), text)
}

// stranger says why a request may not be answered at all: a page in a browser
// may have made it, under a name that leads here (DNS rebinding), or from
// another site.
func (g *Gateway) stranger(r *http.Request) string {
	if !g.ours(r.Host) {
		return "The Host of this request is not an address of this gateway."
	}
	if len(r.Header.Values("Origin")) > 1 {
		return "This request has more than one Origin."
	}
	if origin := r.Header.Get("Origin"); origin != "" || len(r.Header.Values("Origin")) > 0 {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || !strings.EqualFold(u.Host, r.Host) {
			return "Web pages of other origins may not use this gateway."
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return "Web pages of other sites may not use this gateway."
	}
	return ""
}

// ours reports whether a host, with or without a port, is this computer by its
// loopback names, or one of the configured names.
func (g *Gateway) ours(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	} else if port == "" {
		return false
	}
	switch strings.ToLower(name) {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return name != "" && slices.ContainsFunc(g.o.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// presentedKey finds the key and says which header it came in.
func presentedKey(h http.Header) (key store.Secret, in string, err error) {
	for _, name := range keyHeaders {
		values := h.Values(name)
		if len(values) == 0 {
			continue
		}
		if len(values) > 1 {
			return key, "", fmt.Errorf("the header %s is there %d times; send one", name, len(values))
		}
		value := strings.TrimSpace(values[0])
		scheme, rest, has := strings.Cut(value, " ")
		if has && strings.EqualFold(scheme, "Bearer") {
			value = strings.TrimSpace(rest)
		} else if name == "Authorization" {
			return key, "", errors.New("the header Authorization should be Bearer and the key")
		}
		if value == "" || strings.ContainsAny(value, " \t") {
			return key, "", fmt.Errorf("the header %s has no key", name)
		}
		return store.NewSecret(value), name, nil
	}
	return key, "", errors.New("a key is needed: Authorization: Bearer and the key, or x-drawbridge-key. Make one with drawbridge keys add, or in the window")
}

// withoutKeys returns the headers without anything that could be a key.
func withoutKeys(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range keyHeaders {
		h.Del(name)
	}
	return h
}

type visitKey struct{}

// verifyVisit hands the visit on to the SDK, which binds the session to its
// UserID: another key, or the same in another namespace, cannot use it.
func verifyVisit(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return nil, auth.ErrInvalidToken
	}
	return &auth.TokenInfo{UserID: v.room.key.caller + "\x00" + v.room.key.names, Extra: map[string]any{"visit": v}}, nil
}

func visitOf(t *auth.TokenInfo) *visit {
	if t == nil {
		return nil
	}
	v, _ := t.Extra["visit"].(*visit)
	return v
}
