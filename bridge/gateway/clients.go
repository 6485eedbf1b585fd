package gateway

import (
	"cmp"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// Client is an app that is connected, or made a request a short while ago.
type Client struct {
	// Name and Version are what it calls itself; it may call itself anything.
	Name, Version string
	Key, KeyName  string
	// Namespace are the servers and groups of its address; nil for all.
	Namespace []string
	Protocol  string // version
	Since     time.Time
	Used      time.Time // when its last request began
	// Session says that it holds a session; otherwise it sends each request by
	// itself.
	Session bool
	id      string
	level   string // from which it wants log messages
}

const (
	clientsMax    = 2000
	recentlyUsed  = 5 * time.Minute
	clientTextMax = 200
)

// met notes who asks. Requests of the newer era have a session of their own
// each, which end with them.
func (g *Gateway) met(s *mcp.ServerSession, c store.Caller, r *room) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	hello := s.InitializeParams()
	stateless := s.ID() == "" && hello != nil && hello.ProtocolVersion >= newEra
	if known := g.clients[s]; known != nil {
		known.Used = now
		return
	}
	one := &Client{Key: c.Key, KeyName: c.KeyName, Namespace: slices.Clone(r.names), Since: now, Used: now, Session: !stateless, id: s.ID()}
	if hello != nil {
		one.Protocol = clip(hello.ProtocolVersion)
		if hello.ClientInfo != nil {
			one.Name, one.Version = clip(hello.ClientInfo.Name), clip(hello.ClientInfo.Version)
		}
	}
	if stateless {
		for _, other := range g.recent {
			if other.Key == one.Key && other.Name == one.Name && other.Version == one.Version && slices.Equal(other.Namespace, one.Namespace) {
				other.Used = now
				return
			}
		}
		g.recent = slices.DeleteFunc(g.recent, func(o *Client) bool { return now.Sub(o.Used) > recentlyUsed })
		if len(g.recent) < clientsMax {
			g.recent = append(g.recent, one)
			g.o.OnClients()
		}
		return
	}
	if len(g.clients) >= clientsMax {
		g.retire()
	}
	g.clients[s] = one
	g.o.OnClients()
	g.busy.Go(func() {
		s.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.clients, s)
		g.o.OnClients()
	})
}

// retire ends the session that was not used for longest. The caller holds mu.
func (g *Gateway) retire() {
	var oldest *mcp.ServerSession
	for s, c := range g.clients {
		if oldest == nil || c.Used.Before(g.clients[oldest].Used) {
			oldest = s
		}
	}
	if oldest != nil {
		delete(g.clients, oldest)
		go oldest.Close()
	}
}

func clip(s string) string {
	if len(s) > clientTextMax {
		s = s[:clientTextMax]
	}
	return s
}

// Clients returns the apps that are connected, those that were used last first.
func (g *Gateway) Clients() []Client {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	var out []Client
	for _, c := range g.clients {
		out = append(out, *c)
	}
	for _, c := range g.recent {
		if now.Sub(c.Used) <= recentlyUsed {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b Client) int {
		return cmp.Or(b.Used.Compare(a.Used), cmp.Compare(a.Key, b.Key), cmp.Compare(a.id, b.id))
	})
	return out
}
