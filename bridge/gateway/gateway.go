// Package gateway is the local endpoint for other apps: one MCP server in front
// of all of a person's servers, over Streamable HTTP and stdio, in both eras of
// the protocol.
//
// It runs nothing and decides nothing. What a caller may see and what becomes of
// a call is its Runner's business, who a caller is its Keys'; both are asked
// anew for each request. Host, Origin, key and namespace are checked before a
// byte of a request's body is read.
//
//	g := gateway.New(gateway.Options{Runner: bridge, Keys: keys})
//	defer g.Close()
//	listener, err := gateway.Listen(ctx, "127.0.0.1", 0)
//	err = g.Serve(ctx, listener, nil)
//
// A namespace is part of the address, as LiteLLM has it: /mcp has every server
// that the key may see, /mcp/github,files and /github,files/mcp have two, and a
// group of servers stands for its members. The header x-mcp-servers does the
// same.
package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options is what a Gateway is made of. Runner and Keys are required.
type Options struct {
	Runner Runner
	Keys   Keys
	// Hosts are names and addresses, without a port, that a request may name as
	// its host beside those of this computer.
	Hosts []string
	// OnClients is called when an app came or went. It must not wait and not call
	// back; nil is fine.
	OnClients func()
	// CredentialHeader is what clients call the header with their credential for
	// all servers; empty means x-mcp-auth.
	CredentialHeader string
	// BareNames has a namespace of one server list the names of its tools and
	// prompts without the prefix. They can be called by either name anyway.
	BareNames bool
	// Models answers what is asked below /v1/ once host, origin and key are
	// checked; CallerFrom has the caller, and Forward what goes on to servers. Nil means that there is no such thing.
	Models http.Handler
	// Version of the program.
	Version string
	Logger  *slog.Logger // nil discards
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Gateway is the endpoint. Its methods may be called from any goroutine.
type Gateway struct {
	o Options
	// stateless serves 2026-07-28, stateful what came before.
	stateless, stateful http.Handler
	pending             pending
	polls               polls
	info                json.RawMessage // what it calls itself

	life context.Context // ends with Close
	end  context.CancelFunc
	busy sync.WaitGroup

	mu      sync.Mutex // protects what follows
	rooms   map[roomKey]*room
	clients map[*mcp.ServerSession]*Client
	recent  []*Client // of the newer era, which has no sessions
}

// bodyMax bounds a request's body, in bytes.
const bodyMax = 16 << 20

// sessionIdle is how long a session lasts that sends nothing.
const sessionIdle = 12 * time.Hour

// New returns a gateway that serves nothing yet. Close ends it.
func New(o Options) *Gateway {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnClients == nil {
		o.OnClients = func() {}
	}
	if o.CredentialHeader == "" {
		o.CredentialHeader = "x-mcp-auth"
	}
	if o.Version == "" {
		o.Version = "unknown"
	}
	life, end := context.WithCancel(context.Background())
	g := &Gateway{o: o, info: infoOf(o.Version), life: life, end: end, rooms: map[roomKey]*room{}, clients: map[*mcp.ServerSession]*Client{}}
	server := func(r *http.Request) *mcp.Server {
		if v := visitOf(auth.TokenInfoFromContext(r.Context())); v != nil {
			return v.room.server
		}
		return nil
	}
	// The person's key is long gone from the request; what the SDK sees as its
	// bearer token is the visit, to which it binds the session.
	bind := auth.RequireBearerToken(verifyVisit, &auth.RequireBearerTokenOptions{AllowMissingExpiration: true})
	g.stateless = bind(mcp.NewStreamableHTTPHandler(server, &mcp.StreamableHTTPOptions{
		Stateless: true, PropagateRequestCancellation: true, MaxRequestBodyBytes: bodyMax, DisableLocalhostProtection: true,
	}))
	g.stateful = bind(mcp.NewStreamableHTTPHandler(server, &mcp.StreamableHTTPOptions{
		SessionTimeout: sessionIdle, MaxRequestBodyBytes: bodyMax, DisableLocalhostProtection: true,
	}))
	g.busy.Go(g.follow)
	return g
}

// Close ends every session and stream.
func (g *Gateway) Close() {
	g.end()
	g.mu.Lock()
	rooms := make([]*room, 0, len(g.rooms))
	for _, r := range g.rooms {
		rooms = append(rooms, r)
	}
	g.mu.Unlock()
	for _, r := range rooms {
		r.close()
	}
	g.busy.Wait()
}
