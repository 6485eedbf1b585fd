package settings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// savePlan is what keeping an entry means.
type savePlan struct {
	cfg  store.ProviderConfig
	key  *store.Secret // nil leaves it as it is
	set  map[store.SecretRef]store.Secret
	drop []store.SecretRef // those that nothing refers to any more
}

// secrets reports whether a secret is replaced or forgotten.
func (s savePlan) secrets() bool { return s.key != nil || len(s.set)+len(s.drop) > 0 }

// carryOut keeps the secrets, then the entry that refers to them, and then
// forgets the secrets that it referred to before.
func (s savePlan) carryOut(ctx context.Context, engine Engine) error {
	for _, ref := range slices.Sorted(maps.Keys(s.set)) {
		if err := engine.SetSecret(ctx, ref, s.set[ref]); err != nil {
			return err
		}
	}
	if err := engine.SetProvider(ctx, s.cfg, s.key); err != nil {
		return err
	}
	var errs []error
	for _, ref := range s.drop {
		if err := engine.SetSecret(ctx, ref, store.Secret{}); err != nil {
			errs = append(errs, fmt.Errorf(say.T("the provider is saved, but a secret that it no longer uses stayed in the keychain: %w"), err))
		}
	}
	return errors.Join(errs...)
}

const maxName = 80 // letters of a name for people

// read takes the form; where something is wrong it says so beside the field.
func (e *providerEditor) read() (savePlan, bool) {
	for _, f := range []*form.Field{e.name, e.id, e.address} {
		f.SetError("")
	}
	e.wrong = false
	wrong := func(f *form.Field, sentence string) {
		f.SetError(sentence)
		e.blame(f.Box)
	}
	plan := savePlan{cfg: e.cfg, set: map[store.SecretRef]store.Secret{}}
	cfg := &plan.cfg
	if e.isNew {
		cfg.Preset = e.service.ID
	}
	cfg.Kind = formatKind(e.kind.Selected)
	cfg.Name = strings.TrimSpace(e.name.Text())
	cfg.Model = strings.TrimSpace(e.model.Text())
	switch {
	case cfg.Name == "":
		wrong(e.name, say.T("Give it a name, for example Work."))
	case len([]rune(cfg.Name)) > maxName:
		wrong(e.name, say.N(maxName, "The name is long. Use at most %d letter.", "The name is long. Use at most %d letters.", maxName))
	case e.cfg.Name == "" && cfg.Name == e.cfg.ID: // it has none, and shows its id
		cfg.Name = ""
	}
	if e.isNew {
		cfg.ID = strings.TrimSpace(e.id.Text())
		probe := store.ProviderConfig{ID: cfg.ID, Kind: store.ProviderRehearsal}
		switch {
		case cfg.ID == "" && cfg.Name == "": // said beside the name
		case probe.Validate() != nil:
			wrong(e.id, say.T("Use lower-case letters, digits, dots and dashes, at most 64; for example work."))
		case e.p.taken(cfg.ID):
			wrong(e.id, say.T("There is a provider of this id already. Choose another."))
		}
	}
	if sentence := e.readAddress(cfg); sentence != "" {
		wrong(e.address, sentence)
	}
	key := strings.TrimSpace(e.key.Text())
	cfg.NoKey = e.noKey.Checked && key == ""
	switch {
	case key != "":
		s := store.NewSecret(key)
		plan.key = &s
	case e.key.removed():
		plan.key = &store.Secret{}
	}
	if e.readHeaders(&plan); e.portkey != nil {
		e.portkey.read(&plan, e.cfg)
	}
	e.more.read(cfg)
	if e.wrong {
		return plan, false
	}
	if err := cfg.Validate(); err != nil {
		e.sheet.Fail(faultWords(*cfg, err))
		return plan, false
	}
	left := secretsOf(*cfg)
	for _, ref := range secretsOf(e.cfg) {
		if owner, _ := ref.ProviderID(); !e.isNew && owner == cfg.ID && !slices.Contains(left, ref) {
			plan.drop = append(plan.drop, ref)
		}
	}
	return plan, true
}

// blame notes that something is wrong, and brings the first such place into
// view.
func (e *providerEditor) blame(o fyne.CanvasObject) {
	if !e.wrong {
		e.sheet.Reveal(o)
	}
	e.wrong = true
}

// readAddress takes the address, or says what is wrong with it.
func (e *providerEditor) readAddress(cfg *store.ProviderConfig) string {
	cfg.BaseURL = strings.TrimSpace(e.address.Text())
	if !strings.Contains(cfg.BaseURL, "?") {
		cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	}
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		example := e.service.BaseURL
		if e.service.ID == "" {
			example = "https://api.openai.com/v1"
		}
		return say.F("This is no address. It should look like %s.", example)
	case u.User != nil:
		return say.T("The address contains a user name or password. Put the key into its own field.")
	case strings.Contains(cfg.BaseURL, "RESOURCE") || strings.Contains(cfg.BaseURL, "DEPLOYMENT"):
		return say.T("Put the names of your own in place of what stands in capitals.")
	}
	return ""
}

// readHeaders takes the headers; where one is wrong it says so below them.
func (e *providerEditor) readHeaders(plan *savePlan) {
	e.headers.SetError("")
	out, seen := map[string]store.Value{}, map[string]bool{}
	for _, pair := range e.headers.Pairs() {
		name := strings.TrimSpace(pair.Name)
		canonical := http.CanonicalHeaderKey(name)
		before := e.cfg.Headers[name]
		fault := ""
		switch {
		case name == "":
			fault = say.T("A value has no name. Type its name, or remove the row.")
		case seen[canonical]:
			fault = say.F("The header %s is there twice. Remove one of the rows.", form.Visible(name, false))
		case pair.Kept && before.Secret():
			out[name] = before
		case pair.Secret && pair.Value == "":
			fault = say.F("Type the value of %s.", form.Visible(name, false))
		case pair.Secret:
			ref := store.ProviderSecret(plan.cfg.ID, "header/"+name)
			plan.set[ref] = store.NewSecret(pair.Value)
			out[name] = store.RefTo(ref)
		case store.Value(pair.Value).Secret():
			fault = say.F("%s refers to a secret by name. Type the value itself and mark it secret.", form.Visible(name, false))
		default:
			out[name] = store.Value(pair.Value)
		}
		if fault != "" {
			e.headers.SetError(fault)
			e.blame(e.headers.Box)
			return
		}
		seen[canonical] = true
	}
	plan.cfg.Headers = nil
	if len(out) > 0 {
		plan.cfg.Headers = out
	}
	if sentence := faultOf(plan.cfg, func(c *store.ProviderConfig) { c.Headers = out }); sentence != "" {
		e.headers.SetError(sentence)
		e.blame(e.headers.Box)
	}
}

// faultOf says what is wrong with a part of an entry alone. Where the id is
// wrong, which is said beside it, nothing else can be looked at.
func faultOf(cfg store.ProviderConfig, part func(*store.ProviderConfig)) string {
	probe := store.ProviderConfig{ID: cfg.ID, Kind: cfg.Kind, BaseURL: "https://example.com/v1", Model: cfg.Model}
	if probe.Validate() != nil {
		return ""
	}
	part(&probe)
	return faultWords(probe, probe.Validate())
}

// secretsOf lists the secrets that an entry refers to, its key apart.
func secretsOf(cfg store.ProviderConfig) []store.SecretRef {
	var out []store.SecretRef
	for _, name := range slices.Sorted(maps.Keys(cfg.Headers)) {
		out = append(out, cfg.Headers[name].Refs()...)
	}
	if cfg.Portkey != nil {
		out = append(out, cfg.Portkey.VirtualKey.Refs()...)
		out = append(out, store.Value(cfg.Portkey.Config).Refs()...)
	}
	return out
}
