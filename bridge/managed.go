package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Managed says whether providers connect to a server themselves.
//
// Drawbridge stays connected to such a server, too: that is how its definitions
// are pinned and shown, and what runs it for a provider that cannot connect. A
// conversation may use servers of both kinds in one request.
type Managed struct {
	// Can says that a provider could reach the server. Why says in a sentence
	// why it cannot; empty if it can.
	Can bool
	Why string
	// On says that the person wants it, and it can.
	On bool
	// Hold says why no provider gets the server until a person has looked; nil
	// if nothing is wrong. Until then its tools are not offered where a provider
	// would connect to it.
	Hold *policy.ManagedHold
}

// ManagedOf says of a configuration whether providers can connect to that server
// themselves, and would. It reads and asks nothing; Hold is left out.
func ManagedOf(c store.ServerConfig) Managed {
	why := onlyHere(c)
	return Managed{Can: why == "", Why: why, On: c.Managed && why == ""}
}

// managed says it with what is held.
func (c *catalogue) managed(ctx context.Context, cfg store.ServerConfig) Managed {
	m := ManagedOf(cfg)
	if !m.On {
		return m
	}
	hold, err := c.policy.ManagedHeld(ctx, cfg.ID)
	if err != nil {
		hold = &policy.ManagedHold{Reason: "It could not be read whether this server may be handed to a provider. Try again later."}
	}
	m.Hold = hold
	return m
}

// division is what a provider gets of one server in one conversation.
type division struct {
	view   ServerView
	hold   *policy.ManagedHold // then nothing is handed or kept
	handed []model.ManagedTool
	kept   []tools.Tool
}

// divide says what a provider with these features gets of the servers that it
// is to connect to. The tools of servers that are not divided are in others.
func (g guard) divide(ctx context.Context, conv store.Conversation, f model.Features, offered []tools.Tool) (list []division, others []tools.Tool, err error) {
	at := map[string]int{}
	if f.Managed {
		for _, v := range g.b.catalogue.servers() {
			if v.State != mcphost.Ready || !ManagedOf(v.Server).On {
				continue
			}
			hold, err := g.b.policy.ManagedHeld(ctx, v.Server.ID)
			if err != nil {
				return nil, nil, err
			}
			at[v.Server.ID] = len(list)
			list = append(list, division{view: v, hold: hold})
		}
	}
	if len(list) == 0 {
		return nil, offered, nil
	}
	theirs := make([][]tools.Tool, len(list))
	for _, t := range offered {
		if i, ok := at[t.Server]; ok {
			theirs[i] = append(theirs[i], t)
		} else {
			others = append(others, t)
		}
	}
	var beside []string // whose content could come in the same answer
	for i := range list {
		if list[i].hold == nil && len(theirs[i]) > 0 {
			beside = append(beside, list[i].view.Server.ID)
		}
	}
	for i := range list {
		if list[i].hold == nil {
			list[i].handed, list[i].kept = g.b.policy.HandOver(ctx, conv, theirs[i], f.ManagedAsks, beside...)
		}
	}
	return list, others, nil
}

// HandOver implements chat.Managed.
func (g guard) HandOver(ctx context.Context, conv store.Conversation, f model.Features, offered []tools.Tool) ([]model.ManagedServer, []tools.Tool, error) {
	list, rest, err := g.divide(ctx, conv, f, offered)
	if err != nil {
		return nil, nil, err
	}
	var out []model.ManagedServer
	for _, d := range list {
		rest = append(rest[:len(rest):len(rest)], d.kept...)
		if len(d.handed) == 0 {
			continue
		}
		c := d.view.Server
		// Its headers leave this computer, so what was approved is read once more.
		err := g.b.policy.MayStart(ctx, c)
		var headers map[string]store.Secret
		if err == nil {
			headers, err = g.b.headers(ctx, c)
		}
		if err != nil {
			return nil, nil, &model.Error{
				Kind: model.ErrorManaged, Server: c.ID, Err: err,
				Message: fmt.Sprintf("The server %s could not be handed to the provider: %v.", c.Name, err),
			}
		}
		out = append(out, model.ManagedServer{Server: c.ID, Label: label(c.ID), URL: c.URL, Headers: headers, Tools: d.handed})
	}
	return out, rest, nil
}

// headers reads the values of a server's headers, for the one request that
// carries them.
func (b *Bridge) headers(ctx context.Context, c store.ServerConfig) (map[string]store.Secret, error) {
	var out map[string]store.Secret
	lookup := func(ref store.SecretRef) (store.Secret, error) {
		if !ref.MayUse(c.ID) {
			return store.Secret{}, fmt.Errorf("it refers to the secret %q, which belongs to something else (%w)", ref, store.ErrInvalid)
		}
		s, err := b.o.Secrets.Get(ctx, ref)
		if err != nil {
			return s, fmt.Errorf("the secret %q, which it needs, cannot be read: %w", ref, err)
		}
		return s, nil
	}
	if c.Auth.Static() {
		name, value, err := c.Auth.StaticHeader(lookup)
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(value.Reveal(), "\r\n\x00") {
			return nil, fmt.Errorf("what it is signed in to with contains a line break; type it again (%w)", store.ErrInvalid)
		}
		out = map[string]store.Secret{name: value}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		value, err := c.Headers[name].Expand(lookup)
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(value.Reveal(), "\r\n\x00") {
			return nil, fmt.Errorf("the value of the header %s contains a line break; type it again (%w)", name, store.ErrInvalid)
		}
		if out == nil {
			out = map[string]store.Secret{}
		}
		out[name] = value
	}
	return out, nil
}

// label makes a server's name in a request of its id, which stays the same when
// the server is renamed: a letter, then letters, digits, _ and -, at most 48.
// Where that changes the id, a hash of it keeps two servers apart.
func label(id string) string {
	const limit = 48
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			return c
		}
		return '_'
	}, id)
	if name == "" || !(name[0] >= 'a' && name[0] <= 'z' || name[0] >= 'A' && name[0] <= 'Z') {
		name = "s" + name
	}
	if name == id && len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(id))
	return name[:min(len(name), limit-9)] + "_" + hex.EncodeToString(sum[:4])
}

// Listed implements chat.Managed.
func (g guard) Listed(ctx context.Context, server model.ManagedServer, listed []model.ListedTool) error {
	hold := policy.CompareManaged(server.Tools, listed)
	if hold == nil {
		return nil
	}
	err := g.b.policy.HoldManaged(context.WithoutCancel(ctx), server.Server, *hold)
	g.b.catalogue.again()
	if err != nil {
		g.b.o.Logger.Error("it could not be kept that a server is not to be handed over", "server", server.Server, "error", err)
	}
	return errors.New(hold.Reason)
}

// Distrust implements chat.Managed.
func (g guard) Distrust(ctx context.Context, server, tool, reason string) error {
	err := g.b.policy.HoldManaged(ctx, server, policy.ManagedHold{Reason: reason, Tool: tool})
	g.b.catalogue.again()
	return err
}

// Allow implements chat.Managed: the same questions, answers and refusals as
// for a call that runs here.
func (g guard) Allow(ctx context.Context, inv tools.Invocation, ask chat.Ask) tools.Verdict {
	v := g.allow(ctx, inv, ask)
	if v.Decision != tools.Allow {
		g.b.denied(ctx, inv, v.Reason)
	}
	return v
}

func (g guard) allow(ctx context.Context, inv tools.Invocation, ask chat.Ask) tools.Verdict {
	refused := func(kind error, reason string) tools.Verdict {
		return tools.Verdict{Decision: tools.Deny, Reason: reason, Err: kind}
	}
	switch hold, err := g.b.policy.ManagedHeld(ctx, inv.Ref.Server); {
	case err != nil:
		return refused(fmt.Errorf("%w: %w", store.ErrDenied, err), "It could not be read whether this server may be used by a provider, so the call was not allowed. Try again later.")
	case hold != nil:
		return refused(store.ErrHeld, "This server is held until the person has looked at what the provider told of it.")
	}
	if why := g.b.policy.OnlyHere(inv.Ref); why != "" {
		return refused(store.ErrDenied, "A provider may not run this tool itself. "+why)
	}
	return g.b.policy.Permit(ctx, inv, g.look(inv), g.asked(inv, ask, nil))
}

// Handed is a server that the provider of a conversation connects to itself.
type Handed struct {
	Server string // its id
	// Provider is what a person calls the entry. Asks says that it asks before
	// calls that are not allowed yet; else it can only be given what is allowed.
	Provider string
	Asks     bool
	// Tools go to the provider, those it must ask about among them. Here are
	// those that run here nevertheless, since the provider cannot ask.
	Tools, Here []string
	// Ruled are those of Here that stay although the provider asks, since rules
	// about their parameters hold, which no provider could be made to keep.
	Ruled []string
	// Held says that neither is offered until a person has looked.
	Held bool
}

// HandedOver returns the servers that the provider of the conversation's model
// connects to itself, as the next request would be.
func (b *Bridge) HandedOver(ctx context.Context, conv store.Conversation) ([]Handed, error) {
	client, err := b.client(conv.Model)
	if err != nil {
		return nil, err
	}
	f := client.Features()
	if !f.Managed {
		return nil, nil
	}
	entry, err := b.Provider(conv.Model.Provider)
	if err != nil {
		return nil, err
	}
	offered, _, err := guard{b}.Offered(ctx, conv)
	if err != nil {
		return nil, err
	}
	list, _, err := guard{b}.divide(ctx, conv, f, offered)
	if err != nil {
		return nil, err
	}
	var out []Handed
	for _, d := range list {
		if !conv.Switches.ServerOn(d.view.Server.ID) {
			continue
		}
		h := Handed{Server: d.view.Server.ID, Provider: entry.Title(), Asks: f.ManagedAsks, Held: d.hold != nil}
		for _, t := range d.handed {
			h.Tools = append(h.Tools, t.Tool.Tool)
		}
		for _, t := range d.kept {
			h.Here = append(h.Here, t.Tool)
			if b.policy.OnlyHere(t.Ref) != "" {
				h.Ruled = append(h.Ruled, t.Tool)
			}
		}
		if h.Held || len(h.Tools)+len(h.Here) > 0 {
			out = append(out, h)
		}
	}
	return out, nil
}

// SetServerManaged says whether providers connect to the server themselves. It
// is the person's own act, so a server whose present configuration was approved
// needs no second approval; one that waits for its approval still does. The
// error wraps store.ErrNotFound, or store.ErrInvalid with the reason why no
// provider could reach it.
func (b *Bridge) SetServerManaged(ctx context.Context, id string, on bool) error {
	i := slices.IndexFunc(b.o.Settings.Servers(), func(c store.ServerConfig) bool { return c.ID == id })
	if i < 0 {
		if id == Workbench {
			return fmt.Errorf("the workbench is part of the program and runs only here (%w)", store.ErrInvalid)
		}
		return fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
	}
	was := b.o.Settings.Servers()[i]
	if was.Managed == on {
		return nil
	}
	is := was.Clone()
	is.Managed = on
	if why := onlyHere(is); on && why != "" {
		return fmt.Errorf("no provider can connect to %q. %s (%w)", was.Name, why, store.ErrInvalid)
	}
	switch err := b.policy.MayStart(ctx, was); {
	case err == nil:
		if err := b.policy.ApproveServer(ctx, is); err != nil {
			return fmt.Errorf("keep your approval of server %q: %w", was.Name, err)
		}
	case !errors.Is(err, store.ErrHeld):
		return err
	}
	err := b.o.Settings.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		for i := range all {
			if all[i].ID == id && all[i].Hash() == was.Hash() {
				all[i].Managed = on
				return all, nil
			}
		}
		return nil, fmt.Errorf("the configuration of %q has changed in the meantime; look again (%w)", was.Name, store.ErrHeld)
	})
	if err != nil {
		return err
	}
	b.apply()
	return nil
}

// RunClientSide has the server's tools run here again, and waits until it is
// connected: what a person chooses when a provider cannot use it. The turn that
// failed can be tried again after it.
func (b *Bridge) RunClientSide(ctx context.Context, id string) error {
	if err := b.SetServerManaged(ctx, id, false); err != nil {
		return err
	}
	return b.SettleServers(ctx, id)
}

// ReleaseManaged lets providers connect to a server again that was held: the
// person saw why, by ManagedHold.Hash. If it is held for another reason by now,
// it stays so and the error wraps store.ErrHeld.
func (b *Bridge) ReleaseManaged(ctx context.Context, id, hash string) error {
	err := b.policy.ReleaseManaged(ctx, id, hash)
	b.catalogue.again()
	return err
}
