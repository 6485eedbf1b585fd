package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
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
	p      *Page
	sheet  *form.Sheet
	search *form.Entry
	list   *fyne.Container
	now    store.ModelRef
	groups []*modelGroup
	cancel []context.CancelFunc
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
	k := &picker{p: p, list: container.New(layout.NewCustomPaddedVBoxLayout(0)), now: p.model()}
	k.search = form.NewEntry("Search models", "Search models")
	k.search.OnChanged = func(string) { k.fill() }
	content := container.NewBorder(container.NewVBox(k.search), nil, nil, nil,
		container.NewVScroll(form.Pad(0, 8, k.list)))
	k.sheet = form.NewSheet(p.o.Window, "Model", content)
	k.sheet.SetFill("Model", content)
	k.sheet.SetSize(520, 560)
	k.sheet.SetButtons(
		form.NewAction("Set up a provider…", widget.MediumImportance, func() { k.sheet.Close(); p.o.OpenSettings() }),
		form.NewAction("Close", widget.MediumImportance, k.sheet.Close))
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
	k.fill()
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
			k.fill()
		}
	}))
}

// fill shows what matches the search. A model that the provider does not list
// can be typed in full.
func (k *picker) fill() {
	query := strings.ToLower(strings.TrimSpace(k.search.Text))
	var rows []fyne.CanvasObject
	for _, g := range k.groups {
		rows = append(rows, caption(form.Visible(g.provider.Title(), false)))
		names := k.names(g)
		found := 0
		for _, name := range names {
			if query != "" && !strings.Contains(strings.ToLower(g.provider.Title()+" "+name), query) {
				continue
			}
			if found++; found > maxModels {
				continue
			}
			rows = append(rows, k.choice(store.ModelRef{Provider: g.provider.ID, Model: name}))
		}
		switch {
		case g.loading:
			rows = append(rows, form.Muted("Asking for its models …"))
		case g.failure != "":
			rows = append(rows, form.Failure(g.failure))
		case found > maxModels:
			rows = append(rows, form.Muted(fmt.Sprintf("%d more; search to find them.", found-maxModels)))
		}
		typed := strings.TrimSpace(k.search.Text)
		if typed != "" && found == 0 && !g.loading && g.provider.Kind != store.ProviderRehearsal {
			use := store.ModelRef{Provider: g.provider.ID, Model: typed}
			c := newChip("", fmt.Sprintf("Use “%s”", form.Visible(typed, false)), theme.IconAdd, "", func() { k.choose(use) })
			c.wide = true
			rows = append(rows, c)
		}
	}
	k.list.Objects = rows
	k.list.Refresh()
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

func (k *picker) choice(ref store.ModelRef) fyne.CanvasObject {
	mark := theme.IconName("")
	if ref == k.now {
		mark = theme.IconCheck
	}
	c := newChip("", form.Visible(ref.Model, false), "", mark, func() { k.choose(ref) })
	c.wide = true
	return c
}

// caption is the heading of a group.
func caption(text string) fyne.CanvasObject {
	n := form.MutedWord(text)
	n.SetStyle(fyne.TextStyle{Bold: true})
	n.SetSize(fynetheme.SizeNameCaptionText)
	return n
}

func (k *picker) choose(ref store.ModelRef) {
	k.sheet.Close()
	k.p.setModel(ref)
}
