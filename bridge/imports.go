package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/openapi"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// Import is what was found in one place: another app's file, or a text.
type Import struct {
	// ID and App name the app, to a program and to a person; empty for a text
	// that is nobody's.
	ID, App string
	// Path of the file; empty for a text.
	Path string
	// Entries are its servers beside those that are here.
	Entries []setup.Compared
	// Problems are sentences about what cannot be used.
	Problems []string
}

// Count returns how many of its servers are in that state.
func (i Import) Count(s setup.State) int {
	n := 0
	for _, e := range i.Entries {
		if e.State == s {
			n++
		}
	}
	return n
}

// Imports reads the servers of the other apps on this machine, or of those with
// these ids (setup.Apps). Nothing is kept, nothing starts, and no file is
// changed. A server that several apps have alike is named with the first.
func (b *Bridge) Imports(_ context.Context, apps ...string) []Import {
	here := b.configs()
	var out []Import
	var before []store.ServerConfig // found already
	for _, f := range setup.Find(b.o.Places, apps...) {
		i := Import{ID: f.ID, App: f.App, Path: f.Path, Problems: f.Problems}
		for _, d := range f.Drafts {
			c := setup.Compare(d, here)
			if c.State == setup.New {
				if setup.Compare(d, before).State == setup.Same {
					continue
				}
				c.Draft = freeName(c.Draft, append(slices.Clone(here), before...))
				before = append(before, c.Draft.Config)
			}
			i.Entries = append(i.Entries, c)
		}
		if len(i.Entries)+len(i.Problems) > 0 {
			out = append(out, i)
		}
	}
	return out
}

// ReadImport reads servers from a text, a file's content or a link; app is the
// id of the app whose it is, or empty to find out. Nothing is kept. The error
// wraps store.ErrInvalid.
func (b *Bridge) ReadImport(text []byte, app string) (Import, error) {
	drafts, problems, err := setup.Reader{App: app, Places: b.o.Places}.Parse(text)
	if err != nil {
		return Import{}, err
	}
	out := Import{ID: app, Problems: problems}
	here := b.configs()
	for _, d := range drafts {
		out.Entries = append(out.Entries, setup.Compare(d, here))
	}
	return out, nil
}

// ImportServers keeps the servers that the person chose, all or none of them:
// those that are new are added, and one that differs replaces the server it was
// compared with. With approve, the person has seen each exact command, and they
// start; without, they wait for ApproveServer. What is here already in the same
// form is passed over. The error wraps store.ErrInvalid, store.ErrExists,
// store.ErrNotFound or what the keychain said; then nothing was kept.
func (b *Bridge) ImportServers(ctx context.Context, chosen []setup.Compared, approve bool) ([]store.ServerConfig, error) {
	var drafts []setup.Draft
	replaced := map[string]store.ServerConfig{}
	taken := map[string]bool{}
	for _, e := range chosen {
		if e.State == setup.Same {
			continue
		}
		d, err := b.withDocument(ctx, e.Draft)
		if err != nil {
			return nil, err
		}
		switch e.State {
		case setup.Differs:
			if e.Server.ID == Workbench {
				return nil, fmt.Errorf("%q is the name of what is built in; choose another name (%w)", d.Config.Name, store.ErrExists)
			}
			d = d.For(e.Server.ID, e.Server.Name)
			d.Config.Managed = e.Server.Managed && onlyHere(d.Config) == ""
			d.Config.Serial, d.Config.Disabled = e.Server.Serial, e.Server.Disabled
			d.Config.Rules = setup.MergeRules(e.Server.Rules, d.Config.Rules)
			replaced[d.Config.ID] = d.Config
		default:
			if d.Config.ID == "" {
				d.Config.ID = d.Config.Name
			}
			if err := b.free(d.Config, ""); err != nil {
				return nil, err
			}
		}
		if taken[d.Config.ID] || taken[d.Config.Name] {
			return nil, fmt.Errorf("two servers of the list are called %q; choose another name for one (%w)", d.Config.Name, store.ErrExists)
		}
		taken[d.Config.ID], taken[d.Config.Name] = true, true
		if err := b.acceptable(d.Config); err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	if len(drafts) == 0 {
		return nil, nil
	}
	err := b.keepAll(ctx, drafts, approve, func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		for id, c := range replaced {
			i := slices.IndexFunc(all, func(o store.ServerConfig) bool { return o.ID == id })
			if i < 0 {
				return nil, fmt.Errorf("there is no server %q any more (%w)", c.Name, store.ErrNotFound)
			}
			all[i] = c
		}
		for _, d := range drafts {
			if _, old := replaced[d.Config.ID]; !old {
				all = append(all, d.Config.Clone())
			}
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]store.ServerConfig, len(drafts))
	for i, d := range drafts {
		out[i] = d.Config
	}
	return out, nil
}

// ExportLiteLLM writes the servers of these ids or names (all, if none is named)
// as LiteLLM's proxy takes them. No secret is read. The error wraps
// store.ErrNotFound.
func (b *Bridge) ExportLiteLLM(names ...string) (setup.LiteLLM, error) {
	servers := b.o.Settings.Servers()
	for _, name := range names {
		if !slices.ContainsFunc(servers, func(c store.ServerConfig) bool { return c.ID == name || c.Name == name }) {
			return setup.LiteLLM{}, fmt.Errorf("there is no server %q to export (%w)", name, store.ErrNotFound)
		}
	}
	if len(names) > 0 {
		servers = slices.DeleteFunc(servers, func(c store.ServerConfig) bool {
			return !slices.Contains(names, c.ID) && !slices.Contains(names, c.Name)
		})
	}
	apis := map[string][]setup.Operation{}
	for _, c := range servers {
		if c.OpenAPI == nil || c.Disabled {
			continue
		}
		list, err := b.operationsOf(c)
		if err != nil {
			return setup.LiteLLM{}, fmt.Errorf("server %q: %w", c.Name, err)
		}
		apis[c.ID] = list
	}
	return setup.ExportLiteLLM(servers, b.o.Settings.Settings().Gateway.CredentialHeader, apis)
}

// operationsOf returns the operations of a server of an OpenAPI document, and
// which of them are its tools.
func (b *Bridge) operationsOf(c store.ServerConfig) ([]setup.Operation, error) {
	api, err := b.KeptAPI(b.life, c.ID)
	if err != nil {
		return nil, err
	}
	chosen, err := api.Choose(choiceOf(c.OpenAPI))
	if err != nil {
		return nil, err
	}
	return operationsIn(api, chosen), nil
}

func operationsIn(api *API, chosen []openapi.Operation) []setup.Operation {
	var out []setup.Operation
	for _, o := range api.Operations {
		out = append(out, setup.Operation{
			Tool: o.Name, ID: o.ID, Method: o.Method, Path: o.Path,
			Chosen: slices.ContainsFunc(chosen, func(w openapi.Operation) bool { return w.Name == o.Name }),
		})
	}
	return out
}

// withDocument reads the OpenAPI document of a draft that names one and has not
// read it yet.
func (b *Bridge) withDocument(ctx context.Context, d setup.Draft) (setup.Draft, error) {
	if d.Config.OpenAPI == nil || d.Config.OpenAPI.Digest != "" || len(d.Fields) > 0 {
		return d, nil
	}
	api, err := b.ReadAPI(ctx, d.Config.OpenAPI.Document, "")
	if err != nil {
		return setup.Draft{}, fmt.Errorf("server %q: %w", d.Config.Name, err)
	}
	out, _, err := api.Draft(ctx, d.Config)
	if err != nil {
		return setup.Draft{}, err
	}
	maps.Copy(out.Secrets, d.Secrets)
	out.Config.Rules = setup.RulesOfOperations(d.Config.Rules, d.Config.Name, operationsIn(api, nil))
	out.Notes, out.Warnings = append(slices.Clone(d.Notes), out.Notes...), d.Warnings
	return out, nil
}

// acceptable says why a configuration cannot be kept.
func (b *Bridge) acceptable(c store.ServerConfig) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Transport == store.TransportBuiltin {
		return fmt.Errorf("what is built in cannot be added (%w)", store.ErrInvalid)
	}
	if why := onlyHere(c); c.Managed && why != "" {
		return fmt.Errorf("no provider can connect to %q. %s (%w)", c.Name, why, store.ErrInvalid)
	}
	return nil
}

// freeName gives a draft a name that no server has, and says so.
func freeName(d setup.Draft, servers []store.ServerConfig) setup.Draft {
	taken := func(n string) bool {
		return slices.ContainsFunc(servers, func(c store.ServerConfig) bool { return c.Name == n || c.ID == n })
	}
	was := d.Config.Name
	if name := setup.UniqueName(was, taken); name != was {
		d = d.Rename(name)
		d.Notes = append(slices.Clone(d.Notes), fmt.Sprintf("The name %s is taken, so this one is called %s.", was, name))
	}
	return d
}
