package settings

import (
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// providerRow is one entry: what it is, its model, and what can be done.
type providerRow struct {
	Box    *fyne.Container
	p      *providers
	cfg    store.ProviderConfig
	name   *form.Words
	what   *form.Note
	costs  *form.Note
	mark   *form.Words
	model  *form.Action
	said   *form.Note
	fail   *form.Words
	busy   *form.Busy
	use    *form.Action
	quiet  []*form.Action // with their names after the entry's
	cancel context.CancelFunc
}

// modelLetters is how much of a model's name a row shows.
const modelLetters = 34

func newProviderRow(p *providers, cfg store.ProviderConfig) *providerRow {
	r := &providerRow{p: p, name: form.Bold(""), what: caption(""), costs: form.Muted(""), mark: form.NewWords(""), said: form.Muted(""), fail: form.Failure(""), busy: form.NewBusy()}
	r.name.Truncation = fyne.TextTruncateEllipsis
	r.mark.Importance = widget.SuccessImportance
	r.said.Hide()
	r.model = form.Button("", r.pick)
	r.model.SetIcon(theme.MenuDropDownIcon())
	r.model.IconPlacement = widget.ButtonIconTrailingText
	r.use = form.Button(say.T("Use for new chats"), func() {
		ref := store.ModelRef{Provider: r.cfg.ID, Model: r.cfg.Model}
		r.run(say.T("Saving…"), func(context.Context) error { return p.o.Engine.SetDefaultModel(ref) }, func() { p.show() })
	})
	r.quiet = []*form.Action{
		form.Quiet(say.T("Check"), theme.ViewRefreshIcon(), r.check),
		form.Quiet(say.T("Edit"), theme.DocumentCreateIcon(), func() { p.edit(r.cfg) }),
		form.Quiet(say.T("Remove"), theme.DeleteIcon(), r.remove),
	}
	actions := form.Wrap(r.model, r.use, layout.NewSpacer())
	for _, a := range r.quiet {
		actions.Add(a)
	}
	words := []fyne.CanvasObject{container.NewBorder(nil, nil, nil, r.mark, r.name), r.what, r.costs}
	if cfg.Kind == store.ProviderRehearsal {
		r.what.Truncation, r.what.Wrapping = fyne.TextTruncateOff, fyne.TextWrapWord
		actions.Objects = []fyne.CanvasObject{r.use}
		words = words[:2]
	}
	r.Box = form.Column(
		container.New(layout.NewCustomPaddedVBoxLayout(-4), words...),
		r.said, r.fail, r.busy.Box, actions)
	return r
}

// set shows the entry.
func (r *providerRow) set(cfg store.ProviderConfig, first store.ModelRef) {
	r.cfg = cfg
	title := form.Visible(cfg.Title(), false)
	r.name.SetText(title)
	for _, a := range r.quiet {
		a.Name = a.Text + " " + title
	}
	r.use.Name = say.F("Use %s for new chats", title)
	r.what.SetText(r.words())
	r.model.Name = say.F("Model of %s", title)
	words := say.T("Choose a model")
	if cfg.Model != "" {
		words = form.Visible(cut(cfg.Model, modelLetters), false)
	}
	r.model.SetText(words)
	costs := limitWords(r.p.o.Engine.Limits(store.ModelRef{Provider: cfg.ID, Model: cfg.Model}))
	r.costs.SetText(costs)
	show(r.costs, costs != "" && cfg.Model != "")
	if first.Provider == cfg.ID {
		r.mark.SetText(say.T("for new chats"))
		r.use.Hide()
	} else {
		r.mark.SetText("")
		r.use.Show()
	}
	enable(r.use, cfg.Model != "")
}

func (r *providerRow) words() string {
	if r.cfg.Kind == store.ProviderRehearsal {
		return say.T("No AI and no network: it calls the tool that you name. For trying things out.")
	}
	words := formatTitle(r.cfg.Kind) + " · " + form.Visible(r.cfg.BaseURL, false)
	if gateway(r.cfg.Preset) {
		words = serviceOf(r.cfg).Name + ", " + words
	}
	words += r.key()
	if id := r.cfg.Fallback.Provider; id != "" {
		title := id
		for _, o := range r.p.o.Engine.Providers() {
			if o.ID == id {
				title = o.Title()
			}
		}
		words += " · " + say.F("falls back to %s", form.Visible(cut(title, 30), false))
	}
	return words
}

// key says whether the key is stored, where one is wanted.
func (r *providerRow) key() string {
	switch {
	case r.cfg.NoKey || r.p.refs == nil:
		return ""
	case r.p.refs[store.ProviderSecret(r.cfg.ID, "key")]:
		return " · " + say.T("key stored")
	}
	for _, ref := range secretsOf(store.ProviderConfig{Headers: r.cfg.Headers}) {
		if r.p.refs[ref] && r.cfg.Portkey == nil {
			return " · " + say.T("secret header stored")
		}
	}
	return " · " + say.T("no key stored")
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
		form.Relayout(r.Box)
	})
	form.Relayout(r.Box)
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
	n := 0
	r.run(say.T("Asking for the models…"), func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
		defer cancel()
		infos, err := r.p.o.Engine.Models(ctx, r.cfg.ID)
		n = len(infos)
		return err
	}, func() {
		r.said.SetText(offersWords(n))
		r.said.Show()
		r.set(r.cfg, r.p.o.Engine.DefaultModel())
	})
}

// pick lets the person choose the model.
func (r *providerRow) pick() {
	r.stop()
	r.p.pickModel(r.cfg, r.cfg.Model, r.choose)
}

// choose keeps another model.
func (r *providerRow) choose(id string) {
	if id == "" || id == r.cfg.Model {
		return
	}
	// The entry as it is now: it may have been changed while the list was open.
	all := r.p.o.Engine.Providers()
	i := slices.IndexFunc(all, func(o store.ProviderConfig) bool { return o.ID == r.cfg.ID })
	if i < 0 {
		r.p.show()
		return
	}
	cfg := all[i]
	cfg.Model = id
	isFirst := r.p.o.Engine.DefaultModel().Provider == cfg.ID
	r.run(say.T("Saving…"), func(ctx context.Context) error {
		if err := r.p.o.Engine.SetProvider(ctx, cfg, nil); err != nil {
			return err
		}
		if isFirst {
			return r.p.o.Engine.SetDefaultModel(store.ModelRef{Provider: cfg.ID, Model: id})
		}
		return nil
	}, r.p.show)
}

// remove takes the entry away, which can be taken back for a while.
func (r *providerRow) remove() {
	title, p := form.Visible(r.cfg.Title(), false), r.p
	var taken bridge.Removal
	r.run(say.T("Removing…"), func(ctx context.Context) (err error) {
		taken, err = p.o.Engine.TakeProvider(ctx, r.cfg.ID)
		return err
	}, func() {
		p.show()
		p.offer()
		p.o.undo.Offer(form.Undoable{
			Words: say.F("Removed %s, with its keys", cut(title, 40)), Back: taken.Back, End: taken.Finish,
			Done: func(_ bool, err error) {
				p.load()
				p.offer()
				p.changed()
				p.fail(err)
			},
		})
		p.o.undo.Focus()
	})
}

func enable(a *form.Action, on bool) {
	if on {
		a.Enable()
	} else {
		a.Disable()
	}
}
