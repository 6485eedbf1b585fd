package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/modelapi"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/provider"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// asked is what answers other apps that ask models: the bridge as modelapi sees
// it. Its turns run in the loop of the chat, on a history in memory; nothing of
// them is among the person's conversations.
type asked struct {
	b       *Bridge
	handler http.Handler
	loop    *chat.Loop
	runs    *askedRuns

	mu     sync.Mutex // protects listed
	listed map[string]listedModels
}

// listedModels are the models that a provider said it has.
type listedModels struct {
	at  time.Time
	ids []string
}

// How long what a provider lists counts, and how long it may take.
const (
	listedFor    = 5 * time.Minute
	listedWithin = 5 * time.Second
)

func newAsked(b *Bridge) *asked {
	a := &asked{b: b, runs: &askedRuns{b: b, runs: map[string]*askedRun{}}, listed: map[string]listedModels{}}
	a.handler = modelapi.New(modelapi.Options{Engine: a, Logger: b.o.Logger, Now: b.o.Now, SealingKey: b.sealingKey})
	a.loop = chat.New(chat.Options{
		History: a.runs, Tools: a.runs, Logger: b.o.Logger, Now: b.o.Now,
		StepLimit: b.o.Settings.Settings().StepLimit, Limits: b.Limits, Count: b.counter.Count,
		SearchShare: func() float64 { return b.o.Settings.Settings().SearchShare },
	})
	return a
}

// Caller implements modelapi.Engine.
func (a *asked) Caller(ctx context.Context) (store.Caller, bool) { return gateway.CallerFrom(ctx) }

// SameKey implements modelapi.Engine.
func (a *asked) SameKey(ctx context.Context, c store.Caller, key store.Secret) bool {
	other, err := a.b.Authenticate(ctx, key)
	return err == nil && other.Key == c.Key
}

// MayAsk implements modelapi.Engine.
func (a *asked) MayAsk(ctx context.Context, c store.Caller) error { return a.b.policy.MayAsk(ctx, c) }

// allows reports whether a key may ask a model. An empty model is any of the
// entry.
func allows(c store.Caller, ref store.ModelRef) bool {
	m := c.Models
	if m == nil || m.Providers != nil && !slices.Contains(m.Providers, ref.Provider) {
		return false
	}
	return m.Models == nil || ref.Model == "" || slices.Contains(m.Models, ref.Model) || slices.Contains(m.Models, ref.Provider+"/"+ref.Model)
}

// configured returns the models that an entry names itself.
func configured(cfg store.ProviderConfig) []string {
	ids := slices.Sorted(maps.Keys(cfg.Models))
	if cfg.Model != "" && !slices.Contains(ids, cfg.Model) {
		ids = append(ids, cfg.Model)
	}
	return ids
}

// lists returns what an entry lists: what it names itself, and what its provider
// says, asked now and then.
func (a *asked) lists(ctx context.Context, cfg store.ProviderConfig) []string {
	now := a.b.o.Now()
	a.mu.Lock()
	known, ok := a.listed[cfg.ID]
	a.mu.Unlock()
	if !ok || now.Sub(known.at) > listedFor {
		ctx, cancel := context.WithTimeout(ctx, listedWithin)
		defer cancel()
		list, err := a.b.Models(ctx, cfg.ID)
		if err != nil {
			a.b.o.Logger.Info("the models of a provider could not be listed", "provider", cfg.ID, "error", err)
		}
		fresh := listedModels{at: now}
		for _, m := range list {
			fresh.ids = append(fresh.ids, m.ID)
		}
		if err == nil || ctx.Err() == nil {
			a.mu.Lock()
			a.listed[cfg.ID] = fresh
			a.mu.Unlock()
		}
		known = fresh
	}
	ids := configured(cfg)
	for _, id := range known.ids {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Models implements modelapi.Engine.
func (a *asked) Models(ctx context.Context, c store.Caller) []modelapi.Model {
	var entries []store.ProviderConfig
	for _, cfg := range a.b.Providers() {
		if allows(c, store.ModelRef{Provider: cfg.ID}) {
			entries = append(entries, cfg)
		}
	}
	lists := make([][]string, len(entries))
	var asking sync.WaitGroup
	for i, cfg := range entries {
		asking.Go(func() { lists[i] = a.lists(ctx, cfg) })
	}
	asking.Wait()
	var out []modelapi.Model
	for i, cfg := range entries {
		for _, id := range lists[i] {
			if allows(c, store.ModelRef{Provider: cfg.ID, Model: id}) {
				out = append(out, modelapi.Model{ID: cfg.ID + "/" + id, Owner: cfg.ID})
			}
		}
	}
	return out
}

// Find implements modelapi.Engine. What a key may not ask looks like what is not
// there.
func (a *asked) Find(ctx context.Context, c store.Caller, name string) (store.ModelRef, error) {
	missing := fmt.Errorf("there is no model %.100q that this key may use; /v1/models lists those there are (%w)", name, store.ErrNotFound)
	entry, rest, ok := strings.Cut(name, "/")
	if ref := (store.ModelRef{Provider: entry, Model: rest}); ok && rest != "" {
		if _, err := a.b.Provider(entry); err == nil {
			if !allows(c, ref) {
				return store.ModelRef{}, missing
			}
			return ref, a.affordable(c, ref)
		}
	}
	find := func(lists func(store.ProviderConfig) []string) (found []store.ModelRef) {
		for _, cfg := range a.b.Providers() {
			ref := store.ModelRef{Provider: cfg.ID, Model: name}
			if allows(c, ref) && slices.Contains(lists(cfg), name) {
				found = append(found, ref)
			}
		}
		return found
	}
	found := find(configured)
	if len(found) == 0 {
		found = find(func(cfg store.ProviderConfig) []string { return a.lists(ctx, cfg) })
	}
	switch len(found) {
	case 0:
		return store.ModelRef{}, missing
	case 1:
		return found[0], a.affordable(c, found[0])
	}
	return store.ModelRef{}, fmt.Errorf("the model %.100q is listed by %s and %s; write %s/%s (%w)", name, found[0].Provider, found[1].Provider, found[0].Provider, name, store.ErrInvalid)
}

// affordable returns an error if a limit of cost holds for the caller and nobody
// knows what the model costs, so that the limit could not be kept.
func (a *asked) affordable(c store.Caller, ref store.ModelRef) error {
	if !policy.CostLimited(c) {
		return nil
	}
	if _, known := a.cost(ref, store.Usage{Input: 1, Output: 1}); known {
		return nil
	}
	return fmt.Errorf("the key has a limit of cost, and the price of %s/%s is not known, so it cannot be asked; whoever made the key can set the price in the provider's entry (%w)", ref.Provider, ref.Model, store.ErrDenied)
}

// cost returns what tokens cost, and false if that is not known.
func (a *asked) cost(ref store.ModelRef, u store.Usage) (float64, bool) {
	usd, known := model.Cost(u, a.b.Limits(ref))
	if known {
		return usd, true
	}
	cfg, err := a.b.Provider(ref.Provider)
	return usd, err == nil && free(cfg)
}

// free reports whether an entry takes no money: the rehearsal, and model servers
// of this computer or network, unless they are gateways to others.
func free(cfg store.ProviderConfig) bool {
	if cfg.Kind == store.ProviderRehearsal {
		return true
	}
	u, err := url.Parse(cfg.BaseURL)
	return err == nil && !tableHolds(cfg) && privateHost(u.Hostname()) != "" && cfg.Preset != provider.PresetAzure
}

// Servers implements modelapi.Engine.
func (a *asked) Servers(c store.Caller) []modelapi.Server {
	var out []modelapi.Server
	for _, s := range (behind{a.b}).Servers(c) {
		out = append(out, modelapi.Server{ID: s.ID, Name: s.Name, Groups: s.Groups})
	}
	return out
}

// Tools implements modelapi.Engine.
func (a *asked) Tools(ctx context.Context, c store.Caller) ([]tools.Tool, error) {
	return behind{a.b}.Tools(ctx, c)
}

// Forward implements modelapi.Engine.
func (a *asked) Forward(ctx context.Context, h http.Header, servers []string) map[string]map[string]string {
	return gateway.Forward(ctx, h, servers)
}

// Decide implements modelapi.Engine.
func (a *asked) Decide(ctx context.Context, inv tools.Invocation) tools.Verdict {
	tool := a.b.catalogue.lookup(inv.Ref)
	if tool == nil {
		return tools.Verdict{Decision: tools.Deny, Reason: "There is no such tool any more.", Err: store.ErrNotFound}
	}
	arguments, verdict := a.b.policy.Arguments(inv.Ref, inv.Arguments)
	if verdict.Decision != tools.Allow {
		return verdict
	}
	inv.Arguments = arguments
	if err := a.b.validator.Check(*tool, inv.Arguments); err != nil {
		return tools.Verdict{Decision: tools.Deny, Reason: err.Error(), Err: store.ErrInvalid}
	}
	return a.b.policy.Decide(ctx, inv, nil, tool)
}

// Call implements modelapi.Engine.
func (a *asked) Call(ctx context.Context, inv tools.Invocation, agreed bool) tools.Result {
	var why string // the person was not asked, or did not answer in time
	result := guard{a.b}.Call(ctx, inv, func(ctx context.Context, v tools.Verdict) (tools.Answer, error) {
		if agreed && inv.Caller.MayApprove {
			return tools.AnswerOnce, nil
		}
		answer, sentence, err := a.b.askAbout(ctx, inv, v, nil)
		why = sentence
		return answer, err
	}, nil)
	if result.Denied != nil && why != "" {
		return tools.ErrorResult(why)
	}
	return result
}

// NoteContent implements modelapi.Engine.
func (a *asked) NoteContent(ctx context.Context, c store.Caller, server string) {
	a.b.policy.NoteContent(ctx, tools.Invocation{Client: tools.ClientModels, Caller: &c}, server)
}

// Note implements modelapi.Engine.
func (a *asked) Note(ctx context.Context, c store.Caller, name, decision, reason string) {
	r := store.AuditRecord{
		Kind: store.AuditCall, Client: string(tools.ClientModels), Key: c.Key, Session: c.Session,
		Tool: clipAudit(name, 200), Decision: decision, Reason: clipAudit(reason, 500),
	}
	if decision == "allow" {
		a.b.audit.later(r, nil)
		return
	}
	r.Kind = store.AuditDecision
	if err := a.b.audit.record(ctx, r, nil); err != nil {
		a.b.o.Logger.Error("a refusal is not in the audit yet", "key", c.KeyName, "error", err)
	}
}

// fallbacksFor returns the fallbacks of a model that the key may ask too.
func (a *asked) fallbacksFor(c store.Caller, ref store.ModelRef) []chat.Candidate {
	var out []chat.Candidate
	for _, f := range a.b.fallbacks(ref) {
		if allows(c, f.Ref) && a.affordable(c, f.Ref) == nil {
			out = append(out, chat.Candidate{Ref: f.Ref, Model: metered{f.Model, a, c}})
		}
	}
	return out
}

var errNoRun = fmt.Errorf("the run is over (%w)", store.ErrNotFound)

// sealingSecret names the key under which what other apps are given of models'
// thoughts is sealed.
const sealingSecret store.SecretRef = "gateway/sealing"

// sealingKey returns it, and makes it the first time.
func (b *Bridge) sealingKey(ctx context.Context) (store.Secret, error) {
	key, err := b.o.Secrets.Get(ctx, sealingSecret)
	if !errors.Is(err, store.ErrNotFound) {
		return key, err
	}
	key = store.NewSecret(rand.Text() + rand.Text())
	if err := b.o.Secrets.Set(ctx, sealingSecret, key); err != nil {
		return store.Secret{}, err
	}
	return key, nil
}
