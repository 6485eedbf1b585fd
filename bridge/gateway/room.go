package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// room is what the sessions of one key in one namespace share: they see the
// same, so they hear of the same changes. Nobody else is ever in it.
type room struct {
	g      *Gateway
	key    roomKey
	names  []string // of the namespace; nil for all
	server *mcp.Server
	life   context.Context // ends with the room
	end    context.CancelFunc

	mu      sync.Mutex // protects what follows
	caller  store.Caller
	visits  int       // requests under way
	used    time.Time // when the last one ended
	view    *view     // nil until somebody asks, and after a change
	shown   prints    // of what the sessions were told of last
	watched map[string]*watched
	headed  map[string]string // schemas by the names of tools whose headers are checked
}

type roomKey struct{ caller, names string }

const (
	roomsMax  = 4096
	roomIdle  = 10 * time.Minute
	tickEvery = 5 * time.Second // keys are looked at anew, and views
	settle    = 50 * time.Millisecond
)

// enter returns the caller's room in a namespace. leave must be called.
func (g *Gateway) enter(c store.Caller, names []string) (*room, error) {
	key := roomKey{caller: c.Key, names: "*"}
	if names != nil {
		key.names = strings.Join(names, ",")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.life.Err() != nil {
		return nil, errors.New("the gateway is closing")
	}
	r := g.rooms[key]
	if r == nil {
		if len(g.rooms) >= roomsMax {
			return nil, fmt.Errorf("there are %d namespaces in use, which is the most", roomsMax)
		}
		r = g.newRoom(key, names)
		g.rooms[key] = r
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caller = c
	r.visits++
	return r, nil
}

func (r *room) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visits--
	r.used = r.g.o.Now()
}

func (g *Gateway) newRoom(key roomKey, names []string) *room {
	r := &room{g: g, key: key, names: names, watched: map[string]*watched{}}
	r.life, r.end = context.WithCancel(g.life)
	r.server = mcp.NewServer(
		&mcp.Implementation{Name: "drawbridge", Title: "Drawbridge", Version: g.o.Version},
		&mcp.ServerOptions{
			Capabilities: &mcp.ServerCapabilities{
				Tools:       &mcp.ToolCapabilities{ListChanged: true},
				Prompts:     &mcp.PromptCapabilities{ListChanged: true},
				Resources:   &mcp.ResourceCapabilities{ListChanged: true, Subscribe: true},
				Completions: &mcp.CompletionCapabilities{},
				//lint:ignore SA1019 deprecated, and what clients have until something takes its place
				Logging: &mcp.LoggingCapabilities{},
			},
			SubscribeHandler:   r.subscribe,
			UnsubscribeHandler: r.unsubscribe,
		})
	r.server.AddReceivingMiddleware(r.receive)
	return r
}

// close ends the room with its sessions and requests.
func (r *room) close() {
	r.end()
	g := r.g
	g.mu.Lock()
	if g.rooms[r.key] == r {
		delete(g.rooms, r.key)
	}
	g.mu.Unlock()
	for s := range r.server.Sessions() {
		s.Close()
	}
}

// follow brings the rooms up to date when something changed, and looks at the
// keys of those that are in use every few seconds, so that one that was revoked
// ends its streams as well.
func (g *Gateway) follow() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	pause := time.NewTimer(0)
	<-pause.C
	for {
		changed := g.o.Runner.Changed()
		select {
		case <-g.life.Done():
			return
		case <-tick.C:
			g.expire()
		case <-changed:
			pause.Reset(settle) // changes come in swarms
			select {
			case <-pause.C:
			case <-g.life.Done():
				return
			}
		}
		for _, r := range g.all() {
			r.refresh()
		}
	}
}

func (g *Gateway) all() []*room {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*room, 0, len(g.rooms))
	for _, r := range g.rooms {
		out = append(out, r)
	}
	return out
}

// expire closes rooms whose key holds no more, and those that nobody uses.
func (g *Gateway) expire() {
	for _, r := range g.all() {
		r.mu.Lock()
		caller, idle := r.caller, r.visits == 0 && g.o.Now().Sub(r.used) > roomIdle
		r.mu.Unlock()
		sessions := 0
		for range r.server.Sessions() {
			sessions++
		}
		ctx, cancel := context.WithTimeout(g.life, tickEvery)
		again, err := g.o.Keys.Again(ctx, caller)
		cancel()
		switch {
		case errors.Is(err, store.ErrDenied):
			g.o.Logger.Info("the sessions of a key that holds no more were ended", "key", caller.KeyName)
			r.close()
		case err == nil:
			r.mu.Lock()
			again.Session = caller.Session
			r.caller = again
			r.mu.Unlock()
		}
		if idle && sessions == 0 {
			g.forget(r)
		}
	}
}

// forget closes a room, unless somebody came in meanwhile.
func (g *Gateway) forget(r *room) {
	g.mu.Lock()
	r.mu.Lock()
	gone := r.visits == 0
	if gone {
		delete(g.rooms, r.key)
	}
	r.mu.Unlock()
	g.mu.Unlock()
	if gone {
		r.close()
	}
}

// prints tell one state of what a room shows from another.
type prints struct {
	known       bool
	tools, rest [sha256.Size]byte
}

// refresh drops what the room knows, and tells its sessions of what is
// different now.
func (r *room) refresh() {
	r.mu.Lock()
	r.view = nil
	caller, before := r.caller, r.shown
	r.mu.Unlock()
	if !before.known {
		return // nobody has seen anything yet
	}
	ctx, cancel := context.WithTimeout(r.life, 10*time.Second)
	defer cancel()
	v, err := r.look(ctx, caller)
	if err != nil {
		if r.life.Err() == nil {
			r.g.o.Logger.Warn("what changed could not be looked up for the clients of the gateway", "error", err)
		}
		return
	}
	now := v.prints()
	r.mu.Lock()
	r.shown = now
	r.mu.Unlock()
	if now.tools != before.tools {
		r.toolsChanged()
	}
	if now.rest != before.rest {
		r.offersChanged()
	}
}

// The SDK sends list_changed when something is added to its server, which here
// is asked for nothing: what is listed comes from receive. So a thing of no
// meaning is added to have it said.
const beacon = "drawbridge"

func (r *room) toolsChanged() {
	r.server.AddTool(&mcp.Tool{Name: beacon, InputSchema: map[string]any{"type": "object"}}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, mcp.ResourceNotFoundError(beacon)
	})
}

func (r *room) offersChanged() {
	r.server.AddPrompt(&mcp.Prompt{Name: beacon}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return nil, mcp.ResourceNotFoundError(beacon)
	})
	r.server.AddResource(&mcp.Resource{Name: beacon, URI: "drawbridge:changed"}, func(_ context.Context, q *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return nil, mcp.ResourceNotFoundError(q.Params.URI)
	})
}

// look returns what the caller sees now. It is kept until something changes.
func (r *room) look(ctx context.Context, c store.Caller) (*view, error) {
	r.mu.Lock()
	v := r.view
	r.mu.Unlock()
	if v != nil {
		return v, nil
	}
	v, err := r.newView(ctx, c)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view = v
	if !r.shown.known {
		r.shown = v.prints()
	}
	return v, nil
}
