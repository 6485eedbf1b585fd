package bridge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// Workbench is the id of the server that is built in.
const Workbench = "workbench"

// configs returns the servers that a person configured, and the built-in one.
func (b *Bridge) configs() []store.ServerConfig {
	settings := b.o.Settings.Settings()
	builtin := store.ServerConfig{
		ID: Workbench, Name: Workbench, Transport: store.TransportBuiltin, Command: Workbench,
		Disabled: settings.WorkbenchOff, Rules: settings.WorkbenchRules,
	}
	if err := builtin.Rules.Validate(); err != nil {
		b.o.Logger.Error("the rules of the workbench cannot be used, so it is off; mend workbench_rules in settings.json", "error", err)
		builtin.Disabled, builtin.Rules = true, store.Rules{}
	}
	return append([]store.ServerConfig{builtin}, b.o.Settings.Servers()...)
}

// Servers returns each server with its state, the built-in one first.
func (b *Bridge) Servers() []ServerView { return b.catalogue.servers() }

// WatchServers yields the servers whenever anything about them changed, the
// present state first, until the context ends. A slow reader skips states.
func (b *Bridge) WatchServers(ctx context.Context) iter.Seq[[]ServerView] {
	return func(yield func([]ServerView) bool) {
		for {
			next := b.catalogue.changed.wait()
			if !yield(b.catalogue.servers()) {
				return
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
		}
	}
}

// Server returns one server by id or name. The error wraps store.ErrNotFound.
func (b *Bridge) Server(idOrName string) (ServerView, error) {
	for _, by := range []func(store.ServerConfig) string{
		func(c store.ServerConfig) string { return c.ID },
		func(c store.ServerConfig) string { return c.Name },
	} {
		for _, v := range b.catalogue.servers() {
			if by(v.Server) == idOrName {
				return v, nil
			}
		}
	}
	return ServerView{}, fmt.Errorf("there is no server %q; drawbridge servers list shows those there are (%w)", idOrName, store.ErrNotFound)
}

// KnowServers waits until Servers shows what is configured now: a change
// reaches it a moment later.
func (b *Bridge) KnowServers(ctx context.Context) error {
	return b.await(ctx, func(mcphost.Status) bool { return true })
}

// StartServers starts the servers of these ids (all, if none is named) that
// are stopped or failed, and waits until none of them is starting any more. A
// server that cannot start is no error; its view tells.
func (b *Bridge) StartServers(ctx context.Context, ids ...string) error {
	if err := b.KnowServers(ctx); err != nil {
		return err
	}
	for _, v := range b.Servers() {
		if len(ids) > 0 && !slices.Contains(ids, v.Server.ID) {
			continue
		}
		if v.State == mcphost.Stopped || v.State == mcphost.Failed {
			if err := b.host.Start(v.Server.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
	}
	return b.SettleServers(ctx, ids...)
}

// SettleServers waits until none of the named servers (all, if none is named)
// is starting any more, and their tools are looked through.
func (b *Bridge) SettleServers(ctx context.Context, ids ...string) error {
	return b.await(ctx, func(s mcphost.Status) bool {
		return s.State != mcphost.Starting || len(ids) > 0 && !slices.Contains(ids, s.Server.ID)
	})
}

// await waits until each server is as wanted, and the catalogue shows it.
func (b *Bridge) await(ctx context.Context, wanted func(mcphost.Status) bool) error {
	for {
		next := b.catalogue.changed.wait()
		statuses := b.host.Statuses()
		waiting := slices.ContainsFunc(statuses, func(s mcphost.Status) bool { return !wanted(s) })
		if !waiting && b.catalogue.upToDate(statuses) {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("wait for the servers: %w", context.Cause(ctx))
		}
	}
}

// Drafts reads servers from a pasted text. Nothing is kept. The second value
// are sentences about entries that cannot work. A draft whose name is taken
// gets a free one, and a note.
func (b *Bridge) Drafts(text []byte) (drafts []setup.Draft, problems []string, err error) {
	drafts, problems, err = setup.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	return b.freeNames(drafts), problems, nil
}

func (b *Bridge) freeNames(drafts []setup.Draft) []setup.Draft {
	servers := b.configs()
	for i := range drafts {
		drafts[i] = freeName(drafts[i], servers)
		servers = append(servers, drafts[i].Config)
	}
	return drafts
}

// AddServer keeps a new server and its secrets. With approve, the person has
// seen the exact command, and the server starts at once; without, it waits for
// ApproveServer. An empty ID becomes the name. The error wraps
// store.ErrInvalid, store.ErrExists or what the keychain said; then nothing
// was kept.
func (b *Bridge) AddServer(ctx context.Context, d setup.Draft, approve bool) (store.ServerConfig, error) {
	if d.Config.ID == "" {
		d.Config.ID = d.Config.Name
	}
	d, err := b.withDocument(ctx, d)
	if err != nil {
		return store.ServerConfig{}, err
	}
	c := d.Config.Clone()
	if err := b.acceptable(c); err != nil {
		return store.ServerConfig{}, err
	}
	if err := b.free(c, ""); err != nil {
		return store.ServerConfig{}, err
	}
	err = b.keep(ctx, d, approve, func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		return append(all, c), nil
	})
	return c, err
}

// UpdateServer replaces the configuration of the server of that id, whose ID
// stays, and its rules too, unless the draft has some. A changed command is held
// again unless approve says that the person has seen it.
func (b *Bridge) UpdateServer(ctx context.Context, id string, d setup.Draft, approve bool) error {
	d.Config.ID = id
	if rules, err := b.Rules(id); err == nil && d.Config.Rules.Zero() {
		d.Config.Rules = rules.Clone()
	}
	c := d.Config.Clone()
	if err := b.acceptable(c); err != nil {
		return err
	}
	if err := b.free(c, id); err != nil {
		return err
	}
	return b.keep(ctx, d, approve, func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		i := slices.IndexFunc(all, func(o store.ServerConfig) bool { return o.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no server %q any more (%w)", id, store.ErrNotFound)
		}
		all[i] = c
		return all, nil
	})
}

// free reports an error if another server than except has the name or id.
func (b *Bridge) free(c store.ServerConfig, except string) error {
	for _, o := range b.configs() {
		if o.ID != except && (o.Name == c.Name || o.ID == c.ID || o.Name == c.ID || o.ID == c.Name) {
			return fmt.Errorf("there is a server %q already; choose another name (%w)", c.Name, store.ErrExists)
		}
	}
	return nil
}

// keep is keepAll for one draft.
func (b *Bridge) keep(ctx context.Context, d setup.Draft, approve bool, change func([]store.ServerConfig) ([]store.ServerConfig, error)) error {
	return b.keepAll(ctx, []setup.Draft{d}, approve, change)
}

// keepAll stores the files of bundles, the secrets, then the approvals, then the
// configuration, so that nothing refers to what is not there. It is all or
// nothing: what was stored is taken back when a later step fails.
func (b *Bridge) keepAll(ctx context.Context, drafts []setup.Draft, approve bool, change func([]store.ServerConfig) ([]store.ServerConfig, error)) (err error) {
	var undo []func(context.Context) error
	defer func() {
		if err != nil {
			for _, f := range slices.Backward(undo) {
				err = errors.Join(err, f(context.WithoutCancel(ctx)))
			}
		}
	}()
	var keys []string
	for _, d := range drafts {
		keys = append(keys, serverRemoval+d.Config.ID)
	}
	if err := b.finishRemovals(ctx, keys...); err != nil {
		return err
	}
	before := map[string]store.ServerConfig{}
	for _, c := range b.configs() {
		before[c.ID] = c.Clone()
	}
	for _, d := range drafts {
		if len(d.Fields) > 0 {
			return fmt.Errorf("server %q still asks for %q (%w)", d.Config.Name, d.Fields[0].Title, store.ErrInvalid)
		}
		if d.Bundle != nil {
			remove, err := d.Bundle.Install(ctx)
			if err != nil {
				return err
			}
			undo = append(undo, func(context.Context) error { return remove() })
		}
		if d.Document != nil {
			undo = append(undo, func(context.Context) error { return b.dropDocuments() })
			if err := b.keepDocument(d); err != nil {
				return err
			}
		}
		for ref, value := range d.Secrets {
			if !ref.MayUse(d.Config.ID) {
				return fmt.Errorf("the secret %q belongs to something else (%w)", ref, store.ErrInvalid)
			}
			was, getErr := b.o.Secrets.Get(ctx, ref)
			if err := b.o.Secrets.Set(ctx, ref, value); err != nil {
				return fmt.Errorf("keep the secret %s of server %q: %w", ref, d.Config.Name, err)
			}
			switch {
			case errors.Is(getErr, store.ErrNotFound):
				undo = append(undo, func(ctx context.Context) error { return b.o.Secrets.Remove(ctx, ref) })
			case getErr == nil:
				undo = append(undo, func(ctx context.Context) error { return b.o.Secrets.Set(ctx, ref, was) })
			}
		}
	}
	if approve {
		for _, d := range drafts {
			was, known := before[d.Config.ID]
			approved := known && b.policy.MayStart(ctx, was) == nil
			if err := b.approving(ctx, d.Config.ID, "", "allow", "The server's configuration was approved."); err != nil {
				return err
			}
			if err := b.policy.ApproveServer(ctx, d.Config); err != nil {
				return fmt.Errorf("keep your approval of server %q: %w", d.Config.Name, err)
			}
			switch {
			case approved:
				undo = append(undo, func(ctx context.Context) error { return b.policy.ApproveServer(ctx, was) })
			case !known:
				undo = append(undo, func(ctx context.Context) error { return b.policy.Forget(ctx, d.Config.ID) })
			}
		}
	}
	if err := b.o.Settings.UpdateServers(change); err != nil {
		return err
	}
	b.apply()
	return nil
}

// RemoveServer stops the server and forgets it: its configuration, approvals,
// pins, answers and secrets. A server of the same name that comes later begins
// from nothing.
func (b *Bridge) RemoveServer(ctx context.Context, id string) error {
	r, err := b.TakeServer(ctx, id)
	if err != nil {
		return err
	}
	return r.Finish(ctx)
}

func errWorkbench() error {
	return fmt.Errorf("the workbench is part of the program and cannot be removed; switch it off instead (%w)", store.ErrInvalid)
}

// forgetServer forgets what belonged to a server that is not configured any more.
// was is nil where only its id is known.
func (b *Bridge) forgetServer(ctx context.Context, id string, was *store.ServerConfig) error {
	errs := []error{b.policy.Forget(ctx, id), b.dropDocuments()}
	if was != nil {
		errs = append(errs, b.removeBundles(ctx, *was))
	}
	if was == nil || was.Sandbox != nil {
		errs = append(errs, b.host.ForgetSandbox(ctx, id))
	}
	refs, err := b.o.Secrets.List(ctx)
	errs = append(errs, err)
	for _, ref := range refs {
		if owner, ok := ref.ServerID(); ok && owner == id {
			errs = append(errs, b.o.Secrets.Remove(ctx, ref))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("server %q is removed, but something of it stayed: %w", id, err)
	}
	return nil
}

// ApproveServer lets the server run whose command has that hash: the one that
// the person saw (ServerView.Hash). If it is another by now, nothing is
// approved and the error wraps store.ErrHeld.
func (b *Bridge) ApproveServer(ctx context.Context, id, hash string) error {
	for _, c := range b.configs() {
		if c.ID != id {
			continue
		}
		if c.Hash() != hash {
			return fmt.Errorf("the configuration of %q has changed since you looked; look again (%w)", c.Name, store.ErrHeld)
		}
		if err := b.approving(ctx, id, "", "allow", "The server's configuration was approved."); err != nil {
			return err
		}
		if err := b.policy.ApproveServer(ctx, c); err != nil {
			return err
		}
		b.catalogue.again() // its rules may have waited
		return b.host.Start(id)
	}
	return fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
}

// ApproveTools accepts the held definitions of a server that the person has
// seen: by Held.Name, the Held.NewHash that was shown. One that is another by
// now stays held, and the error wraps store.ErrHeld.
func (b *Bridge) ApproveTools(ctx context.Context, id string, seen map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if err := b.approving(ctx, id, name, "allow", "A definition that is new or changed was looked at."); err != nil {
			return err
		}
	}
	err := b.policy.ApproveDefinitions(ctx, id, seen)
	b.catalogue.again()
	return err
}

// SetServerEnabled switches a server on or off; off, it is kept but not run.
func (b *Bridge) SetServerEnabled(_ context.Context, id string, on bool) error {
	if id == Workbench {
		return b.UpdateSettings(func(s *store.Settings) error { s.WorkbenchOff = !on; return nil })
	}
	err := b.o.Settings.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		for i := range all {
			if all[i].ID == id {
				all[i].Disabled = !on
				return all, nil
			}
		}
		return nil, fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
	})
	if err != nil {
		return err
	}
	b.apply()
	return nil
}

// StartServer starts a server that is stopped or failed. It does not wait.
func (b *Bridge) StartServer(id string) error { return b.host.Start(id) }

// StopServer stops a server until it is started again or the program is. It
// does not wait.
func (b *Bridge) StopServer(id string) error { return b.host.Stop(id) }

// RestartServer stops and starts a server. It does not wait.
func (b *Bridge) RestartServer(id string) error { return b.host.Restart(id) }

// ServerLog returns the last lines that the server wrote, oldest first.
func (b *Bridge) ServerLog(id string) []string { return b.host.Log(id) }

// TestServer starts a configured and approved server apart from the one that
// runs, lists its tools and stops it again.
func (b *Bridge) TestServer(ctx context.Context, id string) (mcphost.Status, error) {
	for _, c := range b.configs() {
		if c.ID == id {
			return b.host.Test(ctx, c), nil
		}
	}
	return mcphost.Status{}, fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
}

// ServerProcesses returns the ids of the processes that servers run in now.
func (b *Bridge) ServerProcesses() []int { return b.host.Processes() }
