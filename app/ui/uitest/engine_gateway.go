package uitest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/store"
)

// WatchGateway yields Door, once.
func (e *Engine) WatchGateway(context.Context) iter.Seq2[bridge.GatewayView, error] {
	return func(yield func(bridge.GatewayView, error) bool) {
		e.mu.Lock()
		v := e.Door
		e.mu.Unlock()
		yield(v, nil)
	}
}

// SetGateway keeps the settings, and opens Door where they say so.
func (e *Engine) SetGateway(_ context.Context, s store.GatewaySettings) (bridge.GatewayState, error) {
	err := e.did("gateway on=%t port=%d network=%q cert=%q names=%v header=%q bare=%t", s.Enabled, s.Port, s.OpenToNetwork, s.CertFile, s.Hosts, s.CredentialHeader, s.BareNames)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Door.Settings, e.Door.Address, e.Door.Problem = s, "", ""
	if s.Enabled {
		if err != nil {
			e.Door.Problem = err.Error()
		} else {
			e.Door.Address = fmt.Sprintf("http://127.0.0.1:%d/mcp", max(s.Port, 4001))
		}
	}
	return e.Door.GatewayState, err
}

// AddKey adds to Door.
func (e *Engine) AddKey(_ context.Context, name, team string, l store.Limits) (store.Key, store.Secret, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return store.Key{}, store.Secret{}, err
	}
	if err := e.did("add key %s team=%s %s", name, team, raw); err != nil {
		return store.Key{}, store.Secret{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := store.Key{ID: "id-" + name, Name: name, Team: team, Limits: l, CreatedAt: time.Now()}
	e.Door.Keys = append(e.Door.Keys, k)
	return k, store.NewSecret("drawbridge-value-of-" + name), nil
}

// RevokeKey notes the call.
func (e *Engine) RevokeKey(_ context.Context, id string) error { return e.did("revoke %s", id) }

// RestoreKey notes the call.
func (e *Engine) RestoreKey(_ context.Context, id string) error { return e.did("restore %s", id) }

// SetTeam notes the call.
func (e *Engine) SetTeam(_ context.Context, t store.Team) (store.Team, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return t, err
	}
	return t, e.did("team %s", raw)
}

// RemoveTeam notes the call.
func (e *Engine) RemoveTeam(_ context.Context, id string) error { return e.did("remove team %s", id) }

// SetOrganisation notes the call.
func (e *Engine) SetOrganisation(_ context.Context, o store.Organisation) (store.Organisation, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return o, err
	}
	return o, e.did("organisation %s", raw)
}

// RemoveOrganisation notes the call.
func (e *Engine) RemoveOrganisation(_ context.Context, id string) error {
	return e.did("remove organisation %s", id)
}

// ConnectApp makes a key and the snippet.
func (e *Engine) ConnectApp(ctx context.Context, c bridge.Connecting) (bridge.Connected, error) {
	name := c.Name
	if name == "" {
		name = string(c.App)
	}
	k, value, err := e.AddKey(ctx, name, c.Team, c.Limits)
	if err != nil {
		return bridge.Connected{}, err
	}
	out := bridge.Connected{Key: k, Value: value, Address: "http://127.0.0.1:4001/mcp"}
	out.Snippet, err = gateway.NewSnippet(c.App, gateway.Link{Address: out.Address, Key: value, Program: c.Program, Arguments: []string{"serve", "--stdio", "--key", name}})
	return out, err
}

// TestConnected returns Trial.
func (e *Engine) TestConnected(_ context.Context, c bridge.Connected, _ []string) (gateway.Trial, error) {
	return e.Trial, e.did("test %s", c.Key.Name)
}

// Audit returns those of Records that a query chooses.
func (e *Engine) Audit(_ context.Context, q store.AuditQuery) ([]store.AuditRecord, error) {
	if err := e.did("audit %q client=%s server=%s tool=%s decision=%s failed=%t before=%d", q.Text, q.Client, q.Server, q.Tool, q.Decision, q.Failed, q.Before); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []store.AuditRecord
	for _, r := range e.Records {
		is := func(want, have string) bool { return want == "" || want == have }
		text := strings.ToLower(r.Tool + r.Reason + r.Error + string(r.ArgumentShape))
		if is(q.Client, r.Client) && is(q.Key, r.Key) && is(q.Server, r.Server) && is(q.Tool, r.Tool) && is(q.Decision, r.Decision) && is(string(q.Kind), string(r.Kind)) &&
			strings.Contains(text, strings.ToLower(q.Text)) && (q.Before == 0 || r.ID < q.Before) && !r.At.Before(q.Since) && (!q.Failed || r.Error != "") {
			out = append(out, r)
		}
	}
	if limit := max(q.Limit, 1); len(out) > limit {
		out = out[:limit]
	}
	return out, nil
}

// KeyNames returns those of Door.
func (e *Engine) KeyNames(context.Context) (map[string]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[string]string{}
	for _, k := range e.Door.Keys {
		out[k.ID] = k.Name
	}
	return out, nil
}

// WatchAudit yields once.
func (e *Engine) WatchAudit(context.Context) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) { yield(struct{}{}) }
}

// ExportAudit writes what Audit returns.
func (e *Engine) ExportAudit(ctx context.Context, w io.Writer, q store.AuditQuery) error {
	q.Limit = 1000
	list, err := e.Audit(ctx, q)
	for _, r := range list {
		if err := json.NewEncoder(w).Encode(r); err != nil {
			return err
		}
	}
	return err
}

// WatchBridge yields Up, once.
func (e *Engine) WatchBridge(context.Context) iter.Seq[bool] {
	return func(yield func(bool) bool) {
		e.mu.Lock()
		up := e.Up
		e.mu.Unlock()
		yield(up)
	}
}

// Raise raises it.
func (e *Engine) Raise(_ context.Context, by string) error {
	err := e.did("raise by %s", by)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Up = true
	return err
}

// Lower lowers it.
func (e *Engine) Lower(_ context.Context, by string) error {
	err := e.did("lower by %s", by)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Up = err != nil
	return err
}

// Running says that two calls run.
func (e *Engine) Running() int { return 2 }

// SetRules keeps them in Ruled.
func (e *Engine) SetRules(_ context.Context, id string, rules store.Rules) error {
	if err := e.did("rules of %s", id); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Ruled == nil {
		e.Ruled = map[string]store.Rules{}
	}
	e.Ruled[id] = rules
	return nil
}
