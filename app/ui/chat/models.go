package chat

import (
	"context"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/pick"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// modelsTimeout bounds how long a provider may take to list its models.
const modelsTimeout = 20 * time.Second

// maxModels bounds how many models of a provider are shown at once; the search
// finds the others.
const maxModels = 60

// picker is the sheet in which a person chooses a model.
type picker struct {
	p          *Page
	sheet      *form.Sheet
	search     *pick.Entry
	list       *pick.List
	now        store.ModelRef
	favourites []store.ModelRef
	groups     []*modelGroup
	cancel     []context.CancelFunc
}

// modelGroup is a provider with its models, as far as they are known.
type modelGroup struct {
	provider store.ProviderConfig
	models   []model.Info
	loading  bool
	failure  string
}

// pickModel opens the sheet.
func (p *Page) pickModel() {
	if p.o.Window.Canvas().Overlays().Top() != nil {
		return
	}
	k := &picker{p: p, list: pick.NewList(false), now: p.model(), favourites: slices.Clone(p.o.Engine.Settings().Favourites)}
	k.search = pick.NewEntry(say.T("Search models"), say.T("Search models"), k.list)
	k.search.OnChanged = func(string) { k.fill(true) }
	star := form.Muted(say.T("The star, or Ctrl+D, keeps a model at the top."))
	content := container.NewBorder(form.Pad(0, 4, k.search), star, nil, nil, k.list)
	k.sheet = form.NewSheet(p.o.Window, say.T("Model"), content)
	k.sheet.SetFill(say.T("Model"), content)
	k.sheet.SetSize(520, 560)
	k.sheet.SetButtons(
		form.NewAction(say.T("Set up a provider…"), widget.MediumImportance, func() { k.sheet.Close(); p.o.OpenSettings() }),
		form.NewAction(say.T("Close"), widget.MediumImportance, k.sheet.Close))
	k.list.OnEscape = k.sheet.Close
	k.search.OnStar = k.list.TurnStar
	k.sheet.OnClose(func() {
		for _, cancel := range k.cancel {
			cancel()
		}
		p.focusInput()
	})
	k.sheet.SetFocus(k.search)
	for _, provider := range p.o.Engine.Providers() {
		k.load(provider)
	}
	k.fill(true)
	k.sheet.Show()
}

// load asks the provider for its models, elsewhere.
func (k *picker) load(provider store.ProviderConfig) {
	g := &modelGroup{provider: provider, loading: true}
	k.groups = append(k.groups, g)
	var models []model.Info
	k.cancel = append(k.cancel, k.p.o.Runner.Run(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
		defer cancel()
		var err error
		models, err = k.p.o.Engine.Models(ctx, provider.ID)
		return err
	}, func(err error) {
		g.loading, g.models = false, models
		if err != nil {
			g.failure = form.Sentence(err)
		}
		if k.sheet.IsOpen() {
			k.fill(false)
		}
	}))
}

// fill shows what matches the search, the favourites first. A model that the
// provider does not list can be typed in full. fresh puts the cursor at the first.
func (k *picker) fill(fresh bool) {
	query := strings.ToLower(strings.TrimSpace(k.search.Text))
	typed := strings.TrimSpace(k.search.Text)
	var items []pick.Item
	heading := func(text string) { items = append(items, pick.Item{Title: text, Heading: true}) }
	for _, g := range k.groups {
		for _, f := range k.favourites {
			if f.Provider != g.provider.ID || query != "" && !strings.Contains(strings.ToLower(g.provider.Title()+" "+f.Model), query) {
				continue
			}
			if len(items) == 0 {
				heading(say.T("Favourites"))
			}
			i := k.choice(f, query)
			i.Note = g.provider.Title()
			items = append(items, i)
		}
	}
	for _, g := range k.groups {
		heading(g.provider.Title())
		found := 0
		for _, name := range k.names(g) {
			if query != "" && !strings.Contains(strings.ToLower(g.provider.Title()+" "+name), query) {
				continue
			}
			if found++; found <= maxModels {
				items = append(items, k.choice(store.ModelRef{Provider: g.provider.ID, Model: name}, query))
			}
		}
		switch {
		case g.loading:
			heading(say.T("Asking for its models …"))
		case g.failure != "":
			items = append(items, pick.Item{Title: g.failure, Heading: true, Icon: theme.IconWarning, Tint: fynetheme.ColorNameError})
		case found > maxModels:
			heading(say.N(found-maxModels, "%d more; search to find it.", "%d more; search to find them.", found-maxModels))
		}
		if typed != "" && found == 0 && !g.loading && g.provider.Kind != store.ProviderRehearsal {
			use := store.ModelRef{Provider: g.provider.ID, Model: typed}
			items = append(items, pick.Item{Title: say.F("Use “%s”", typed), Icon: theme.IconAdd, Pick: func() { k.choose(use) }})
		}
	}
	if fresh {
		k.list.Set(items)
	} else {
		k.list.Update(items)
	}
}

// names lists the models of a group, the entry's own first.
func (k *picker) names(g *modelGroup) []string {
	var names []string
	if g.provider.Model != "" {
		names = append(names, g.provider.Model)
	}
	if k.now.Provider == g.provider.ID && k.now.Model != "" && !slices.Contains(names, k.now.Model) {
		names = append(names, k.now.Model)
	}
	for _, m := range g.models {
		if !slices.Contains(names, m.ID) {
			names = append(names, m.ID)
		}
	}
	return names
}

func (k *picker) choice(ref store.ModelRef, query string) pick.Item {
	i := pick.Item{Title: ref.Model, Checked: ref == k.now, Star: pick.StarOff, Pick: func() { k.choose(ref) }, Turn: func() { k.star(ref) }}
	if slices.Contains(k.favourites, ref) {
		i.Star = pick.StarOn
	}
	i.Marks, _ = contains(i.Title, query)
	return i
}

// star makes a model a favourite, or no longer.
func (k *picker) star(ref store.ModelRef) {
	if i := slices.Index(k.favourites, ref); i >= 0 {
		k.favourites = slices.Delete(k.favourites, i, i+1)
	} else {
		k.favourites = append(k.favourites, ref)
	}
	k.fill(false)
	list := slices.Clone(k.favourites)
	k.p.o.Runner.Run(func(context.Context) error {
		return k.p.o.Engine.UpdateSettings(func(s *store.Settings) error { s.Favourites = list; return nil })
	}, func(err error) {
		if err != nil && k.sheet.IsOpen() {
			k.sheet.Fail(form.Sentence(err))
		}
	})
}

func (k *picker) choose(ref store.ModelRef) {
	k.sheet.Close()
	k.p.setModel(ref)
}
