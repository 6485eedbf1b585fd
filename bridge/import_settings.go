package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxImportedProviders bounds how many providers are taken from one file.
const maxImportedProviders = 200

// importSettings keeps the providers and the system prompts of the settings whose
// names are free. The rest belongs to the machine that it was exported on.
func (b *Bridge) importSettings(ctx context.Context, data []byte, out *Imported) error {
	plain, err := hujson.Standardize(data)
	if err != nil {
		return fmt.Errorf("it cannot be read: %w (%w)", err, store.ErrInvalid)
	}
	var s struct {
		Presets   []store.PromptPreset `json:"presets"`
		Providers []json.RawMessage    `json:"providers"`
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return fmt.Errorf("it cannot be read: %w (%w)", err, store.ErrInvalid)
	}
	for _, p := range s.Presets {
		if _, err := b.Preset(p.Name); err == nil {
			continue
		}
		if err := b.SetPreset(p); err != nil {
			return err
		}
		out.Presets++
	}
	return b.importProviders(ctx, s.Providers, out)
}

// importProviders keeps the entries that are new. What was secret of them is not
// in the file, and nothing in it reaches a secret or a variable that is here.
func (b *Bridge) importProviders(ctx context.Context, list []json.RawMessage, out *Imported) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) > maxImportedProviders {
		out.Notes = append(out.Notes, fmt.Sprintf("Of %d providers the first %d are looked at.", len(list), maxImportedProviders))
		list = list[:maxImportedProviders]
	}
	refs, err := b.o.Secrets.List(ctx)
	if err != nil && !errors.Is(err, store.ErrNoKeychain) { // without one, there is no key
		out.Notes = append(out.Notes, fmt.Sprintf("The providers were not imported, since it could not be looked up whose keys are kept here: %v. Import again when that works.", err))
		return nil
	}
	keyed := map[string]bool{} // ids under which secrets are kept
	for _, ref := range refs {
		if id, ok := ref.ProviderID(); ok {
			keyed[id] = true
		}
	}
	taken := map[string]bool{}
	for _, p := range b.Providers() {
		taken[p.ID] = true
	}
	renamed := map[string]string{}
	var fresh []store.ProviderConfig
	for i, raw := range list {
		var p store.ProviderConfig
		if err := json.Unmarshal(raw, &p); err != nil {
			out.Notes = append(out.Notes, fmt.Sprintf("Provider %d of the list cannot be read, so it was not imported.", i+1))
			continue
		}
		if p.Kind == store.ProviderRehearsal {
			continue // it is built in
		}
		same := func(o store.ProviderConfig) bool {
			return o.Title() == p.Title() && o.Kind == p.Kind && o.BaseURL == p.BaseURL
		}
		if taken[p.ID] || slices.ContainsFunc(b.Providers(), same) {
			out.Notes = append(out.Notes, fmt.Sprintf("The provider %q is here already.", p.ID))
			continue
		}
		// A key that is still kept under this id was given for another address.
		id := p.ID
		for n := 2; keyed[p.ID] || taken[p.ID]; n++ {
			p.ID = fmt.Sprintf("%.58s-%d", id, n)
		}
		missing := withoutProviderSecrets(&p)
		fallback := p.Fallback
		p.Fallback = store.ModelRef{} // what it names may come later
		if err := p.Validate(); err != nil {
			out.Notes = append(out.Notes, fmt.Sprintf("The provider %q was not imported: %v.", id, err))
			continue
		}
		p.Fallback = fallback
		if len(missing) > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("The provider %q came without what was secret of it: %s. Give that again.", p.ID, strings.Join(missing, ", ")))
		}
		taken[p.ID], renamed[id] = true, p.ID
		fresh = append(fresh, p)
	}
	for _, p := range fresh {
		if to, ok := renamed[p.Fallback.Provider]; ok {
			p.Fallback.Provider = to
		}
		if !taken[p.Fallback.Provider] || p.Validate() != nil {
			p.Fallback = store.ModelRef{}
		}
		if err := b.SetProvider(ctx, p, nil); err != nil {
			out.Notes = append(out.Notes, fmt.Sprintf("The provider %q was not imported: %v.", p.ID, err))
			continue
		}
		out.Providers = append(out.Providers, p)
	}
	return nil
}

// withoutProviderSecrets takes what was left out of the export, and whatever
// refers to a secret or a variable, out of an entry, and names it.
func withoutProviderSecrets(p *store.ProviderConfig) (missing []string) {
	foreign := func(s string) bool { return strings.Contains(s, leftOut) || strings.Contains(s, "${") }
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		if foreign(string(p.Headers[name])) {
			missing = append(missing, "the header "+name)
			delete(p.Headers, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Metadata)) {
		if foreign(p.Metadata[name]) {
			missing = append(missing, "the metadata "+name)
			delete(p.Metadata, name)
		}
	}
	if k := p.Portkey; k != nil {
		if foreign(string(k.VirtualKey)) {
			missing = append(missing, "the virtual key")
			k.VirtualKey = ""
		}
		if foreign(k.Config) {
			missing = append(missing, "the config of Portkey")
			k.Config = ""
		}
	}
	return missing
}
