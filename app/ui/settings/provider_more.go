package settings

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// morePart is what few people need, folded away: a fallback, how the format is
// used, and what models take and cost.
type morePart struct {
	fold   *form.Fold
	box    *fyne.Container
	editor *providerEditor

	provider  *form.Select
	model     *form.Field
	others    []store.ProviderConfig // in the order of the choice, after none
	filled    string                 // the model that a choice of provider filled in
	keep      *form.Switch
	keepRow   fyne.CanvasObject
	connector *form.Select
	connRow   fyne.CanvasObject
	limits    *limitRows
}

// The choices that are no name.
var (
	fallbackNone    = say.T("None")
	fallbackItself  = say.T("This one, with another model")
	connectorNewest = say.T("The newest that works")
)

func connectors() []string {
	return []string{connectorNewest, "2026-09-15", "2025-11-20", "2025-04-04"}
}

func newMorePart(e *providerEditor) *morePart {
	m := &morePart{box: form.Groups(), editor: e, limits: newLimitRows()}
	titles := []string{fallbackNone}
	for _, o := range e.p.o.Engine.Providers() {
		switch {
		case o.Kind == store.ProviderRehearsal:
			continue
		case o.ID == e.cfg.ID && !e.isNew:
			titles = append(titles, fallbackItself)
		default:
			title := form.Visible(cut(o.Title(), 48), false)
			if slices.Contains(titles, title) {
				title += " (" + o.ID + ")"
			}
			titles = append(titles, title)
		}
		m.others = append(m.others, o)
	}
	m.model = form.NewField(say.T("Fallback model"), "", "")
	choose := form.Button(say.T("Choose…"), func() {
		if o, ok := m.chosen(); ok {
			e.p.pickModel(o, m.model.Text(), m.model.SetText)
		}
	})
	choose.Name = say.T("Choose the fallback model")
	pick := container.NewBorder(nil, nil, nil, besideEntry(choose), m.model.Box)
	m.provider = form.NewSelect(say.T("Fallback"), titles, func(string) {
		m.model.SetError("")
		o, ok := m.chosen()
		if ok {
			pick.Show()
		} else {
			pick.Hide()
		}
		if m.model.Text() == "" || m.model.Text() == m.filled {
			m.filled = ""
			if o.ID != e.cfg.ID {
				m.filled = o.Model
			}
			m.model.SetText(m.filled)
		}
		form.Relayout(m.box)
	})
	m.keep = form.NewSwitch(say.T("The service keeps the answers"), nil)
	m.keepRow = form.SwitchRow(m.keep, say.T("The service keeps the answers"),
		say.T("Then only what is new is sent (previous_response_id). Otherwise nothing is kept there, and each request carries the conversation."))
	m.connector = form.NewSelect(say.T("MCP connector"), connectors(), nil)
	m.connRow = form.Labelled(say.T("MCP connector"), m.connector, say.T("The version with which Anthropic itself connects to servers that you hand over."))
	m.box.Add(form.Grid(2,
		form.Labelled(say.T("Fallback"), m.provider, say.T("What answers when this one cannot.")), pick))
	m.box.Add(m.keepRow)
	m.box.Add(m.connRow)
	return m
}

// add puts a part of the editor's own here.
func (m *morePart) add(o fyne.CanvasObject) { m.box.Add(o) }

// finish folds the part, after all was added.
func (m *morePart) finish() {
	m.box.Add(m.limits.Box)
	m.fold = form.NewFold(say.T("More"), form.NewCard(m.box))
}

// chosen is the provider of the fallback.
func (m *morePart) chosen() (store.ProviderConfig, bool) {
	i := m.provider.SelectedIndex() - 1
	if i < 0 || i >= len(m.others) {
		return store.ProviderConfig{}, false
	}
	return m.others[i], true
}

// fill shows an entry, unfolded where it holds any of this.
func (m *morePart) fill(cfg store.ProviderConfig) {
	i := slices.IndexFunc(m.others, func(o store.ProviderConfig) bool { return o.ID == cfg.Fallback.Provider })
	if i < 0 && cfg.Fallback.Provider != "" { // it is gone
		m.others = append(m.others, store.ProviderConfig{ID: cfg.Fallback.Provider})
		m.provider.Options = append(m.provider.Options, say.F("%s (removed)", cfg.Fallback.Provider))
		i = len(m.others) - 1
	}
	m.model.SetText(cfg.Fallback.Model)
	m.provider.SetSelectedIndex(i + 1)
	m.keep.Set(cfg.KeepResponses)
	m.connector.SetSelected(connectorNewest)
	if cfg.Connector != "" {
		m.connector.SetSelected(cfg.Connector)
	}
	m.limits.set(cfg.Models)
	if !cfg.Fallback.Zero() || cfg.KeepResponses || cfg.Connector != "" || len(cfg.Models) > 0 {
		m.fold.SetOpen(true)
	}
}

// adapt shows what the format has.
func (m *morePart) adapt(kind store.ProviderKind) {
	show(m.keepRow, kind == store.ProviderResponses)
	show(m.connRow, kind == store.ProviderAnthropic)
	form.Relayout(m.box)
}

// read takes the part into the entry; where something is wrong it unfolds and
// says so.
func (m *morePart) read(cfg *store.ProviderConfig) {
	m.model.SetError("")
	cfg.Fallback = store.ModelRef{}
	if o, chosen := m.chosen(); chosen {
		cfg.Fallback = store.ModelRef{Provider: o.ID, Model: strings.TrimSpace(m.model.Text())}
		fault := faultOf(*cfg, func(c *store.ProviderConfig) { c.Fallback = cfg.Fallback })
		if cfg.Fallback.Model == "" {
			fault = say.T("Choose the model that answers then.")
		}
		if fault != "" {
			m.fold.SetOpen(true)
			m.model.SetError(fault)
			m.editor.blame(m.model.Box)
		}
	}
	cfg.KeepResponses = cfg.Kind == store.ProviderResponses && m.keep.Checked
	cfg.Connector = ""
	if cfg.Kind == store.ProviderAnthropic && m.connector.Selected != connectorNewest {
		cfg.Connector = m.connector.Selected
	}
	models, right := m.limits.read()
	cfg.Models = models
	if !right {
		m.fold.SetOpen(true)
		m.editor.blame(m.limits.fail)
	}
}

func show(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}
