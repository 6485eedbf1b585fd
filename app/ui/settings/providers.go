package settings

import (
	"context"
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// providers is the list of the services that models come from.
type providers struct {
	Box     *fyne.Container
	o       Options
	list    *fyne.Container
	found   *fyne.Container
	rows    map[string]*providerRow
	keys    map[string]bool // entries whose key is stored
	changed func()          // the keychain may have changed
	local   []store.ProviderConfig
	looking context.CancelFunc
}

func newProviders(o Options, changed func()) *providers {
	p := &providers{o: o, list: form.Column(), found: form.Column(), rows: map[string]*providerRow{}, changed: changed}
	add := form.NewAction("Add provider", widget.HighImportance, func() { p.edit(store.ProviderConfig{}, true) })
	add.SetIcon(theme.ContentAddIcon())
	p.found.Hide()
	p.Box = section("Models", "Where answers come from. The tools run on this computer whichever you choose.",
		form.Groups(p.list, p.found, container.NewHBox(add)))
	return p
}

// load shows the entries, and learns which have a key.
func (p *providers) load() {
	p.show()
	var refs []store.SecretRef
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		refs, err = p.o.Engine.Secrets(ctx)
		return err
	}, func(err error) {
		if err != nil {
			return // the section about secrets says what is wrong
		}
		p.keys = map[string]bool{}
		for _, ref := range refs {
			if id, ok := ref.ProviderID(); ok && ref == store.ProviderSecret(id, "key") {
				p.keys[id] = true
			}
		}
		p.show()
	})
}

func (p *providers) show() {
	all := p.o.Engine.Providers()
	first := p.o.Engine.DefaultModel()
	p.list.RemoveAll()
	rows := map[string]*providerRow{}
	for i, cfg := range all {
		row := p.rows[cfg.ID]
		if row == nil {
			row = newProviderRow(p, cfg)
		}
		rows[cfg.ID] = row
		row.set(cfg, first)
		if i > 0 {
			p.list.Add(widget.NewSeparator())
		}
		p.list.Add(row.Box)
	}
	for id, row := range p.rows {
		if rows[id] == nil {
			row.stop()
		}
	}
	p.rows = rows
	p.list.Refresh()
}

// detect looks for model servers on this computer and offers them.
func (p *providers) detect() {
	if p.looking != nil {
		p.looking()
	}
	var found []store.ProviderConfig
	p.looking = p.o.Runner.Run(func(ctx context.Context) error {
		found = p.o.Engine.DetectLocal(ctx)
		return ctx.Err()
	}, func(err error) {
		if err == nil {
			p.local = found
			p.offer()
		}
	})
}

func (p *providers) offer() {
	p.found.RemoveAll()
	have := p.o.Engine.Providers()
	for _, cfg := range p.local {
		if slices.ContainsFunc(have, func(o store.ProviderConfig) bool { return o.ID == cfg.ID || o.BaseURL == cfg.BaseURL }) {
			continue
		}
		use := form.NewAction("Use", widget.HighImportance, func() { p.keep(cfg) })
		use.Name = "Use " + cfg.Title()
		p.found.Add(form.NewToned(line(form.Label(cfg.Title()+" runs on this computer, at "+cfg.BaseURL+"."), use), theme.ColorNamePrimary))
	}
	if len(p.found.Objects) == 0 {
		p.found.Hide()
	} else {
		p.found.Show()
	}
	p.Box.Refresh()
}

// keep adds what was found.
func (p *providers) keep(cfg store.ProviderConfig) {
	p.o.Runner.Run(func(ctx context.Context) error {
		return p.o.Engine.SetProvider(ctx, cfg, nil)
	}, func(err error) {
		p.show()
		p.offer()
		if row := p.rows[cfg.ID]; row != nil && err == nil {
			row.check()
		} else if err != nil {
			p.found.Add(form.Failure(form.Sentence(err)))
			p.found.Show()
		}
	})
}

func (p *providers) stop() {
	if p.looking != nil {
		p.looking()
	}
	for _, row := range p.rows {
		row.stop()
	}
}

// providerRow is one entry: what it is, its model, and what can be done.
type providerRow struct {
	Box    *fyne.Container
	p      *providers
	cfg    store.ProviderConfig
	name   *widget.Label
	what   *form.Note
	mark   *widget.Label
	models *widget.Select
	said   *form.Note
	fail   *widget.Label
	busy   *form.Busy
	use    *form.Action
	cancel context.CancelFunc
	filled bool
}

func newProviderRow(p *providers, cfg store.ProviderConfig) *providerRow {
	r := &providerRow{p: p, name: form.Bold(""), what: caption(""), mark: widget.NewLabel(""), said: form.Muted(""), fail: form.Failure(""), busy: form.NewBusy()}
	r.mark.Importance = widget.SuccessImportance
	r.said.Hide()
	r.models = widget.NewSelect(nil, nil)
	r.models.PlaceHolder = "Choose a model"
	r.models.OnChanged = r.choose
	r.use = form.Button("Use for new chats", func() {
		ref := store.ModelRef{Provider: r.cfg.ID, Model: r.cfg.Model}
		r.run("Saving…", func(context.Context) error { return p.o.Engine.SetDefaultModel(ref) }, func() { p.show() })
	})
	check := form.Quiet("List models", theme.ListIcon(), r.check)
	edit := form.Quiet("Edit", theme.DocumentCreateIcon(), func() { p.edit(r.cfg, false) })
	remove := form.Quiet("Remove", theme.DeleteIcon(), r.remove)
	title := cfg.Title()
	check.Name, edit.Name, remove.Name, r.use.Name = "List models of "+title, "Edit "+title, "Remove "+title, "Use "+title+" for new chats"
	actions := container.NewHBox(r.models, r.use, layout.NewSpacer(), check, edit, remove)
	if cfg.Kind == store.ProviderRehearsal {
		actions.Objects = []fyne.CanvasObject{r.use}
	}
	r.Box = form.Column(
		container.New(layout.NewCustomPaddedVBoxLayout(-4), container.NewHBox(r.name, r.mark), r.what),
		r.said, r.fail, r.busy.Box, actions)
	return r
}

// set shows the entry.
func (r *providerRow) set(cfg store.ProviderConfig, first store.ModelRef) {
	r.cfg = cfg
	r.name.SetText(form.Visible(cfg.Title(), false))
	r.what.SetText(r.words())
	isFirst := first.Provider == cfg.ID
	if isFirst {
		r.mark.SetText("for new chats")
		r.use.Hide()
	} else {
		r.mark.SetText("")
		r.use.Show()
	}
	enable(r.use, cfg.Model != "")
	r.filled = true
	if cfg.Model != "" && !slices.Contains(r.models.Options, cfg.Model) {
		r.models.Options = append([]string{cfg.Model}, r.models.Options...)
	}
	if r.models.Selected != cfg.Model && cfg.Model != "" {
		r.models.SetSelected(cfg.Model)
	}
	r.filled = false
}

func (r *providerRow) words() string {
	switch r.cfg.Kind {
	case store.ProviderRehearsal:
		return "No AI and no network: it calls the tool that you name. For trying things out."
	case store.ProviderResponses:
		return "OpenAI Responses · " + form.Visible(r.cfg.BaseURL, false) + r.key()
	}
	return "Chat Completions · " + form.Visible(r.cfg.BaseURL, false) + r.key()
}

func (r *providerRow) key() string {
	switch {
	case r.cfg.NoKey || r.p.keys == nil:
		return ""
	case r.p.keys[r.cfg.ID]:
		return " · key stored"
	}
	return " · no key stored"
}

// run does something with the entry, shows that it runs, and what went wrong.
func (r *providerRow) run(words string, work func(context.Context) error, done func()) {
	r.stop()
	form.SetFailure(r.fail, "")
	r.said.Hide()
	r.cancel = r.p.o.Runner.RunBusy(r.busy, words, work, func(err error) {
		if err != nil {
			form.SetFailure(r.fail, form.Sentence(err))
		} else {
			done()
		}
		r.Box.Refresh()
	})
	r.Box.Refresh()
}

func (r *providerRow) stop() {
	if r.cancel != nil {
		r.cancel()
		r.cancel = nil
	}
	r.busy.Stop()
}

// check asks the provider for its models: that shows whether address and key
// are right.
func (r *providerRow) check() {
	var infos []model.Info
	r.run("Asking for the models…", func(ctx context.Context) (err error) {
		infos, err = r.p.o.Engine.Models(ctx, r.cfg.ID)
		return err
	}, func() {
		options := make([]string, 0, len(infos))
		for _, m := range infos {
			options = append(options, m.ID)
		}
		slices.Sort(options)
		r.models.Options = options
		r.models.Refresh()
		r.said.SetText(fmt.Sprintf("It answers and offers %d models.", len(infos)))
		if len(infos) == 1 {
			r.said.SetText("It answers and offers one model.")
		}
		r.said.Show()
		r.set(r.cfg, r.p.o.Engine.DefaultModel())
	})
}

// choose keeps another model.
func (r *providerRow) choose(id string) {
	if r.filled || id == "" || id == r.cfg.Model {
		return
	}
	cfg := r.cfg
	cfg.Model = id
	isFirst := r.p.o.Engine.DefaultModel().Provider == cfg.ID
	r.run("Saving…", func(ctx context.Context) error {
		if err := r.p.o.Engine.SetProvider(ctx, cfg, nil); err != nil {
			return err
		}
		if isFirst {
			return r.p.o.Engine.SetDefaultModel(store.ModelRef{Provider: cfg.ID, Model: id})
		}
		return nil
	}, r.p.show)
}

func (r *providerRow) remove() {
	title := form.Visible(r.cfg.Title(), false)
	form.Confirm(r.p.o.Window, "Remove "+title+"?",
		"Its key is removed from the keychain. Conversations that used it stay, and ask for another model.", "Remove", func() {
			r.run("Removing…", func(ctx context.Context) error {
				return r.p.o.Engine.RemoveProvider(ctx, r.cfg.ID)
			}, func() {
				r.p.show()
				r.p.offer()
				r.p.changed()
			})
		})
}

func enable(a *form.Action, on bool) {
	if on {
		a.Enable()
	} else {
		a.Disable()
	}
}
