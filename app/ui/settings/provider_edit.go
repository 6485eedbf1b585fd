package settings

import (
	"context"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/store"
)

// preset fills the form for a kind of service.
type preset struct {
	title string
	help  string
	cfg   store.ProviderConfig
}

func presets() []preset {
	return []preset{
		{"OpenAI", "OpenAI's own service, over its Responses API.",
			store.ProviderConfig{Name: "OpenAI", Kind: store.ProviderResponses, BaseURL: "https://api.openai.com/v1"}},
		{"Compatible URL", "Anything that speaks Chat Completions: OpenRouter, vLLM, LiteLLM, a gateway at work.",
			store.ProviderConfig{Kind: store.ProviderChat}},
		{"Ollama", "Models that Ollama runs on this computer.",
			store.ProviderConfig{Name: "Ollama", Kind: store.ProviderChat, BaseURL: "http://localhost:11434/v1", NoKey: true}},
		{"LM Studio", "Models that LM Studio runs on this computer.",
			store.ProviderConfig{Name: "LM Studio", Kind: store.ProviderChat, BaseURL: "http://localhost:1234/v1", NoKey: true}},
		{"llama.cpp", "Models that llama-server runs on this computer.",
			store.ProviderConfig{Name: "llama.cpp", Kind: store.ProviderChat, BaseURL: "http://localhost:8080/v1", NoKey: true}},
	}
}

// The two formats, in words.
const (
	kindResponses = "OpenAI Responses"
	kindChat      = "Chat Completions"
)

// providerEditor is the form of an entry.
type providerEditor struct {
	p      *providers
	cfg    store.ProviderConfig
	isNew  bool
	sheet  *form.Sheet
	busy   *form.Busy
	title  string
	fields *fyne.Container

	name    *form.Field
	kind    *widget.Select
	address *form.Field
	key     *form.Field
	model   *form.Field
	headers *form.Pairs
}

// edit opens the form; a new entry begins with the presets.
func (p *providers) edit(cfg store.ProviderConfig, isNew bool) {
	e := &providerEditor{p: p, cfg: cfg, isNew: isNew, busy: form.NewBusy()}
	e.name = form.NewField("Name", "OpenAI", "")
	e.kind = widget.NewSelect([]string{kindResponses, kindChat}, nil)
	e.address = form.NewField("Base URL", "https://api.openai.com/v1", "With the version, as the service writes it.")
	e.key = form.NewFieldOf(form.NewSecretEntry("API key", ""), "It goes to the keychain and is never shown again.")
	e.model = form.NewField("Model", "", "Leave it empty to choose from the provider's list afterwards.")
	e.headers = form.NewPairs("Headers", "Sent with every request; most services need none.", "Add header", nil)
	e.sheet = form.NewSheet(p.o.Window, "", nil)
	e.sheet.SetSize(720, 660)

	e.fields = form.Groups(
		container.NewGridWithColumns(2, e.name.Box, container.New(layout.NewCustomPaddedVBoxLayout(0), form.Caption("Format"), e.kind)),
		e.address.Box, e.key.Box, e.model.Box, e.headers.Box)
	e.title = "Edit " + form.Visible(cfg.Title(), false)
	if isNew {
		e.title = "Add a provider"
		buttons := container.NewGridWithColumns(5)
		help := form.Muted("")
		all := presets()
		actions := make([]*form.Action, len(all))
		choose := func(i int) {
			for j, a := range actions {
				a.Importance = widget.MediumImportance
				if j == i {
					a.Importance = widget.HighImportance
				}
				a.Refresh()
			}
			help.SetText(all[i].help)
			e.fill(all[i].cfg)
		}
		for i, preset := range all {
			actions[i] = form.Button(preset.title, func() { choose(i); e.sheet.SetFocus(e.first()) })
			actions[i].Name = "Preset " + preset.title
			buttons.Add(actions[i])
		}
		choose(0)
		e.fields.Objects = append([]fyne.CanvasObject{buttons, help}, e.fields.Objects...)
	} else {
		e.fill(cfg)
	}
	e.show()
	e.sheet.Show()
	e.sheet.SetFocus(e.first())
}

// show puts the form into the sheet.
func (e *providerEditor) show() {
	e.sheet.SetContent(e.title, e.fields)
	e.sheet.SetButtons(e.busy.Box, form.Button("Cancel", e.sheet.Close), form.NewAction("Save", widget.HighImportance, e.save))
}

// first is the field that a person fills first.
func (e *providerEditor) first() *form.Entry {
	if e.name.Text() == "" {
		return e.name.Entry
	}
	if e.cfg.NoKey {
		return e.model.Entry
	}
	return e.key.Entry
}

func (e *providerEditor) fill(cfg store.ProviderConfig) {
	cfg.ID = e.cfg.ID
	e.cfg = cfg
	e.name.SetText(cfg.Name)
	if cfg.Name == "" {
		e.name.SetText(cfg.ID)
	}
	e.kind.SetSelected(kindChat)
	if cfg.Kind == store.ProviderResponses {
		e.kind.SetSelected(kindResponses)
	}
	e.address.SetText(cfg.BaseURL)
	e.model.SetText(cfg.Model)
	switch {
	case e.p.keys[cfg.ID]:
		e.key.Entry.SetPlaceHolder("stored in the keychain; type to replace")
	case cfg.NoKey:
		e.key.Entry.SetPlaceHolder("none needed")
	default:
		e.key.Entry.SetPlaceHolder("sk-…")
	}
	var pairs []form.Pair
	for _, name := range slices.Sorted(maps.Keys(cfg.Headers)) {
		v := cfg.Headers[name]
		if v.Secret() {
			pairs = append(pairs, form.Pair{Name: name, Secret: true, Kept: true})
		} else {
			pairs = append(pairs, form.Pair{Name: name, Value: string(v)})
		}
	}
	e.headers.Set(pairs)
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// idOf makes the short name of an entry from what a person calls it.
func idOf(name string) string {
	id := strings.Trim(notInID.ReplaceAllString(strings.ToLower(name), "-"), "-")
	return id[:min(len(id), 40)]
}

// read takes the form; where something is wrong it says so beside the field.
func (e *providerEditor) read() (cfg store.ProviderConfig, secrets map[store.SecretRef]store.Secret, ok bool) {
	e.name.SetError("")
	e.address.SetError("")
	e.headers.SetError("")
	cfg = e.cfg
	cfg.Name = strings.TrimSpace(e.name.Text())
	cfg.BaseURL = strings.TrimRight(strings.TrimSpace(e.address.Text()), "/")
	cfg.Model = strings.TrimSpace(e.model.Text())
	cfg.Kind = store.ProviderChat
	if e.kind.Selected == kindResponses {
		cfg.Kind = store.ProviderResponses
	}
	ok = true
	if e.isNew {
		cfg.ID = idOf(cfg.Name)
		if cfg.ID == "" {
			e.name.SetError("Give it a name in letters or digits, for example Work.")
			ok = false
		} else if slices.ContainsFunc(e.p.o.Engine.Providers(), func(o store.ProviderConfig) bool { return o.ID == cfg.ID }) {
			e.name.SetError("There is a provider of this name already. Choose another.")
			ok = false
		}
	}
	if u, err := url.Parse(cfg.BaseURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		e.address.SetError("This is no address. It should look like https://api.openai.com/v1.")
		ok = false
	}
	if e.key.Text() != "" {
		cfg.NoKey = false
	}
	secrets = map[store.SecretRef]store.Secret{}
	headers := map[string]store.Value{}
	for _, pair := range e.headers.Pairs() {
		name := strings.TrimSpace(pair.Name)
		switch {
		case name == "":
			e.headers.SetError("A value has no name. Type its name, or remove the row.")
			ok = false
		case pair.Kept:
			headers[name] = e.cfg.Headers[name]
		case pair.Secret && pair.Value == "":
			e.headers.SetError("Type the value of " + name + ".")
			ok = false
		case pair.Secret:
			ref := store.ProviderSecret(cfg.ID, "header/"+name)
			secrets[ref] = store.NewSecret(pair.Value)
			headers[name] = store.RefTo(ref)
		default:
			headers[name] = store.Value(pair.Value)
		}
	}
	cfg.Headers = nil
	if len(headers) > 0 {
		cfg.Headers = headers
	}
	if ok {
		if err := cfg.Validate(); err != nil {
			e.name.SetError(form.Sentence(err))
			ok = false
		}
	}
	return cfg, secrets, ok
}

// save keeps the entry and its key, then asks the provider for its models.
func (e *providerEditor) save() {
	cfg, secrets, ok := e.read()
	if !ok {
		return
	}
	var key *store.Secret
	if typed := e.key.Text(); typed != "" {
		s := store.NewSecret(typed)
		key = &s
	}
	e.sheet.Fail("")
	e.p.o.Runner.RunBusy(e.busy, "Saving…", func(ctx context.Context) error {
		for ref, value := range secrets {
			if err := e.p.o.Engine.SetSecret(ctx, ref, value); err != nil {
				return err
			}
		}
		return e.p.o.Engine.SetProvider(ctx, cfg, key)
	}, func(err error) {
		if err != nil {
			e.failed(err)
			return
		}
		e.key.SetText("")
		e.sheet.Close()
		e.p.load()
		e.p.offer()
		e.p.changed()
		if row := e.p.rows[cfg.ID]; row != nil {
			row.check()
		}
	})
}

// failed says why it was not kept. Where there is no place for the key, it lets
// the person choose one.
func (e *providerEditor) failed(err error) {
	if keychain.Missing(err) {
		keychain.Ask(e.sheet, e.p.o.Engine, e.p.o.Runner, e.show, func() {
			e.show()
			e.save()
		})
		return
	}
	e.sheet.Fail(form.Sentence(err))
}
