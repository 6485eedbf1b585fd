package settings

import (
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// providers is the list of the services that models come from.
type providers struct {
	Box     *fyne.Container
	o       Options
	list    *fyne.Container
	found   *fyne.Container
	rows    map[string]*providerRow
	refs    map[store.SecretRef]bool // the secrets that are stored; nil until that is known
	changed func()                   // the keychain may have changed
	local   []store.ProviderConfig
	looking context.CancelFunc
	failed  *form.Words // of what has no row
}

func newProviders(o Options, changed func()) *providers {
	p := &providers{o: o, list: form.Column(), found: form.Column(), rows: map[string]*providerRow{}, changed: changed}
	add := form.NewAction(say.T("Add provider"), widget.HighImportance, p.add)
	add.SetIcon(theme.ContentAddIcon())
	p.found.Hide()
	p.failed = form.Failure("")
	p.Box = section(say.T("Models"), say.T("Where answers come from. The tools run on this computer whichever you choose."),
		form.Groups(p.failed, p.list, p.found, container.NewHBox(add)))
	return p
}

// fail says what went wrong with an entry that is not there.
func (p *providers) fail(err error) {
	form.SetFailure(p.failed, form.Sentence(err))
	p.Box.Refresh()
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
		p.refs = map[store.SecretRef]bool{}
		for _, ref := range refs {
			p.refs[ref] = true
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

// offered are the servers found that are no entries yet.
func (p *providers) offered() []store.ProviderConfig {
	have := p.o.Engine.Providers()
	return slices.DeleteFunc(slices.Clone(p.local), func(cfg store.ProviderConfig) bool {
		return slices.ContainsFunc(have, func(o store.ProviderConfig) bool { return o.ID == cfg.ID || o.BaseURL == cfg.BaseURL })
	})
}

func (p *providers) offer() {
	p.found.RemoveAll()
	for _, cfg := range p.offered() {
		use := form.NewAction(say.T("Use"), widget.HighImportance, func() { p.keep(cfg) })
		use.Name = say.F("Use %s", cfg.Title())
		p.found.Add(form.NewToned(line(form.Label(say.F("%s runs on this computer, at %s.", cfg.Title(), cfg.BaseURL)), use), theme.ColorNamePrimary))
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

// saved shows an entry that was kept. Its models are asked for, which shows
// whether address and key are right; where none is chosen, a person chooses.
func (p *providers) saved(cfg store.ProviderConfig) {
	p.load()
	p.offer()
	p.changed()
	row := p.rows[cfg.ID]
	switch {
	case row == nil:
	case cfg.Model == "":
		row.pick()
	default:
		row.check()
	}
}

func (p *providers) stop() {
	if p.looking != nil {
		p.looking()
	}
	for _, row := range p.rows {
		row.stop()
	}
}
