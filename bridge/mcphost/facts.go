package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Cache keeps between runs of the program what servers were found to be, so
// that the tools of one that starts on demand are known before it runs. Nothing
// in it is a secret, and nothing in it is trusted: a call checks that the server
// still defines the tool as it was offered.
type Cache interface {
	// ServerFacts returns what was kept for a server; nil if nothing was.
	ServerFacts(ctx context.Context, serverID string) (json.RawMessage, error)
	// SetServerFacts replaces it.
	SetServerFacts(ctx context.Context, serverID string, facts json.RawMessage) error
}

const (
	factsMax   = 16 << 20           // bytes that are kept of one server
	factsLimit = 5 * time.Second    // for reading or writing them
	eraCounts  = 7 * 24 * time.Hour // then a server is asked anew which era it speaks
)

// facts is what is kept of a server.
type facts struct {
	Config       string            `json:"config"` // hash of its configuration
	Older        bool              `json:"older,omitempty"`
	Newer        bool              `json:"newer,omitempty"`
	SSE          bool              `json:"sse,omitempty"`
	Asked        time.Time         `json:"asked"` // when its era was found
	Name         string            `json:"name,omitempty"`
	Version      string            `json:"version,omitempty"`
	Icon         *Icon             `json:"icon,omitempty"`
	Instructions string            `json:"instructions,omitempty"`
	Tools        []json.RawMessage `json:"tools"` // their definitions
}

// recall reads what is known of the server, from an earlier life or an earlier
// run. It returns nil if nothing is, or if it was another configuration's.
func (l *life) recall() *facts {
	l.m.mu.Lock()
	known, cache := l.s.facts, l.m.o.Cache
	l.m.mu.Unlock()
	if known == nil && cache != nil {
		ctx, cancel := context.WithTimeout(l.ctx, factsLimit)
		defer cancel()
		raw, err := cache.ServerFacts(ctx, l.config.ID)
		if err != nil {
			if l.ctx.Err() == nil {
				l.m.o.Logger.Warn("what was known of a server cannot be read", "server", l.config.ID, "error", err)
			}
			return nil
		}
		known = &facts{}
		if raw == nil || json.Unmarshal(raw, known) != nil {
			return nil
		}
	}
	if known == nil || known.Config != l.config.RunHash() {
		return nil
	}
	if *l.era == (era{}) && time.Since(known.Asked) < eraCounts {
		l.era.older, l.era.newer, l.era.sse = known.Older, known.Newer, known.SSE
	}
	return known
}

// remember keeps what was found of the server.
func (l *life) remember(k *link) {
	hello := k.session.InitializeResult()
	now := &facts{
		Config: l.config.RunHash(), Older: l.era.older, Newer: l.era.newer, SSE: l.era.sse,
		Instructions: k.redactor.Text(hello.Instructions), Asked: time.Now().UTC(),
	}
	now.Icon = iconOf(hello.ServerInfo)
	if hello.ServerInfo != nil {
		now.Name, now.Version = k.redactor.Text(hello.ServerInfo.Name), k.redactor.Text(hello.ServerInfo.Version)
	}
	size := 0
	for _, t := range k.catalogue.Load().tools {
		if size += len(t.Definition); size > factsMax {
			l.log.add("the definitions of its tools are too long to be kept until the next start")
			now.Tools = nil
			break
		}
		now.Tools = append(now.Tools, t.Definition)
	}
	l.m.mu.Lock()
	was, cache := l.s.facts, l.m.o.Cache
	if was != nil && was.Version == now.Version && time.Since(was.Asked) < eraCounts {
		now.Asked = was.Asked // another version of it may speak another era
	}
	l.s.facts = now
	l.m.mu.Unlock()
	raw, err := json.Marshal(now)
	if err != nil || cache == nil {
		return
	}
	if was != nil {
		if old, err := json.Marshal(was); err == nil && bytes.Equal(old, raw) {
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), factsLimit)
	defer cancel()
	if err := cache.SetServerFacts(ctx, l.config.ID, raw); err != nil {
		l.m.o.Logger.Warn("what is known of a server cannot be kept", "server", l.config.ID, "error", err)
	}
}

// fill completes the status of a server that sleeps.
func (f *facts) fill(config store.ServerConfig, log *serverLog) func(*Status) {
	var list []tools.Tool
	seen := map[string]bool{}
	for _, raw := range f.Tools {
		t, _, err := newTool(config.ID, raw)
		if err != nil {
			log.add(fmt.Sprintf("a tool that was kept cannot be used: %v", err))
			continue
		}
		if seen[t.Tool] {
			continue
		}
		seen[t.Tool] = true
		list = append(list, t)
	}
	var instructions *tools.Instructions
	if f.Instructions != "" {
		instructions = &tools.Instructions{Server: config.ID, Text: visible(f.Instructions), Hash: hashOf([]byte(f.Instructions))}
	}
	return func(s *Status) {
		s.Tools = renamed(list, s.Server.Name)
		s.Instructions = instructions
		s.PeerName, s.PeerVersion, s.Icon = visible(cut(f.Name, 200)), visible(cut(f.Version, 200)), f.Icon
	}
}

// sleep has the server wait, with its tools known, until somebody calls one. It
// reports false if the life is over.
func (l *life) sleep(f *facts) bool {
	select { // what was asked for before
	case <-l.hurry:
	default:
	}
	if !l.m.retrying(l, Asleep, f.fill(l.config, l.log)) {
		return false
	}
	select {
	case <-l.hurry:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// idleAfter is how long the server runs without a call; 0 for ever.
func (l *life) idleAfter() time.Duration {
	switch {
	case !l.config.OnDemand:
		return 0
	case l.config.IdleMinutes > 0:
		return time.Duration(l.config.IdleMinutes) * time.Minute
	}
	return store.IdleMinutesDefault * time.Minute
}

// retire ends the link if no request runs and none did for a time. A request
// that comes at the same moment is not sent, and waits for the next link.
func (k *link) retire(after time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.calls) > 0 || time.Since(k.used) < after {
		return false
	}
	k.die(errAsleep)
	return true
}

// enter notes a request that begins, and reports false if the link has ended.
func (k *link) enter(token int64, c *activeCall) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isDead() {
		return false
	}
	k.calls[token], k.used = c, time.Now()
	return true
}
