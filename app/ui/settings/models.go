package settings

import (
	"context"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// modelsTimeout bounds how long a provider may take to list its models.
const modelsTimeout = 30 * time.Second

// modelSheet shows what a provider offers, with what the models take and cost,
// and lets a person choose one.
type modelSheet struct {
	p      *providers
	cfg    store.ProviderConfig
	now    string
	chosen func(string)
	sheet  *form.Sheet
	search *form.Entry
	typed  *form.Action
	busy   *form.Busy
	said   *form.Note
	fail   *form.Words
	help   *fyne.Container // what can be done about a failure
	empty  *form.Note
	head   *fyne.Container
	list   *modelList
	all    []model.Info
	shown  []model.Info
	cancel context.CancelFunc
}

// pickModel asks the provider for its models and calls chosen with the name of
// the one that a person chose.
func (p *providers) pickModel(cfg store.ProviderConfig, now string, chosen func(string)) *modelSheet {
	m := &modelSheet{p: p, cfg: cfg, now: now, chosen: chosen, busy: form.NewBusy(), said: form.Muted(""), fail: form.Failure(""), empty: form.Muted("")}
	m.search = form.NewEntry(say.T("Search models"), say.T("Search, or type the name of a model"))
	m.search.OnChanged = func(string) { m.fill() }
	m.search.OnSubmitted = func(string) { m.submit() }
	m.typed = form.Quiet("", theme.ContentAddIcon(), func() { m.choose(strings.TrimSpace(m.search.Text)) })
	m.typed.Alignment = widget.ButtonAlignLeading
	m.help = container.NewHBox(form.Button(say.T("Try again"), m.load))
	if cfg.Kind != store.ProviderRehearsal {
		edit := form.Button(say.T("Edit the provider"), func() {
			m.sheet.Close()
			p.edit(cfg)
		})
		if p.o.Window.Canvas().Overlays().Top() == nil { // not above its form
			m.help.Add(edit)
		}
	}
	m.list = newModelList(m)
	m.head = container.New(modelColumns{}, form.MutedLine(say.T("Model"), fyne.TextStyle{}),
		form.MutedLine(tokensTitle, fyne.TextStyle{}), form.MutedLine(priceTitle, fyne.TextStyle{}))
	top := container.NewVBox(form.Sized(0, 2, layout.NewSpacer()), m.search, m.busy.Box, m.said, m.fail, m.help, m.typed, m.empty, m.head)
	m.sheet = form.NewSheet(p.o.Window, "", nil)
	m.sheet.SetFill(say.F("Models of %s", form.Visible(cfg.Title(), false)), container.NewBorder(top, nil, nil, nil, m.list))
	m.sheet.SetSize(680, 620)
	m.sheet.SetButtons(form.Button(say.T("Close"), m.sheet.Close))
	m.sheet.OnClose(m.stop)
	m.sheet.SetFocus(m.search)
	m.sheet.Show()
	m.load()
	return m
}

func (m *modelSheet) stop() {
	if m.cancel != nil {
		m.cancel()
		m.cancel = nil
	}
	m.busy.Stop()
}

// load asks the provider, elsewhere.
func (m *modelSheet) load() {
	m.stop()
	form.SetFailure(m.fail, "")
	m.help.Hide()
	m.said.Hide()
	m.all = nil
	var infos []model.Info
	m.cancel = m.p.o.Runner.RunBusy(m.busy, say.T("Asking for the models…"), func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
		defer cancel()
		infos, err = m.p.o.Engine.Models(ctx, m.cfg.ID)
		return err
	}, func(err error) {
		if !m.sheet.IsOpen() {
			return
		}
		if err != nil {
			form.SetFailure(m.fail, form.Sentence(err))
			m.help.Show()
		} else {
			m.all = slices.Clone(infos)
			slices.SortFunc(m.all, func(a, b model.Info) int { return strings.Compare(a.ID, b.ID) })
			m.said.SetText(offersWords(len(infos)))
			m.said.Show()
		}
		m.fill()
	})
	m.fill()
}

// offersWords says how many models there are.
func offersWords(n int) string {
	switch n {
	case 0:
		return say.T("It answers and offers no models.")
	case 1:
		return say.T("It answers and offers one model.")
	}
	return say.N(n, "It answers and offers %d model.", "It answers and offers %d models.", n)
}

// fill shows what matches the search.
func (m *modelSheet) fill() {
	typed := strings.TrimSpace(m.search.Text)
	query := strings.ToLower(typed)
	m.shown = m.shown[:0]
	exact := false
	for _, info := range m.all {
		exact = exact || info.ID == typed
		if query == "" || strings.Contains(strings.ToLower(info.ID+" "+info.Name), query) {
			m.shown = append(m.shown, info)
		}
	}
	m.empty.Hide()
	switch {
	case len(m.shown) > 0 || m.busy.Box.Visible():
	case len(m.all) > 0:
		m.empty.SetText(say.T("None of them matches."))
		m.empty.Show()
	case typed == "":
		m.empty.SetText(say.T("If you know the name of a model, type it above."))
		m.empty.Show()
	}
	show(m.head, len(m.shown) > 0)
	show(m.typed, typed != "" && !exact && m.cfg.Kind != store.ProviderRehearsal)
	m.typed.SetText(say.F("Use “%s”", form.Visible(cut(typed, 56), false)))
	m.list.UnselectAll()
	m.list.Refresh()
	m.list.ScrollToTop()
	form.Relayout(m.list)
}

// submit takes the only model that matches, or what was typed.
func (m *modelSheet) submit() {
	switch {
	case len(m.shown) == 1:
		m.choose(m.shown[0].ID)
	case m.typed.Visible() && len(m.shown) == 0:
		m.choose(strings.TrimSpace(m.search.Text))
	case len(m.shown) > 0:
		m.sheet.SetFocus(m.list)
	}
}

func (m *modelSheet) choose(id string) {
	m.sheet.Close()
	m.chosen(id)
}

// modelList is the table. It holds objects for what can be seen alone; arrows
// move in it, Space and Return choose.
type modelList struct {
	form.List
	m *modelSheet
}

func newModelList(m *modelSheet) *modelList {
	l := &modelList{m: m}
	l.Name = say.T("Models")
	l.Length = func() int { return len(m.shown) }
	l.HideSeparators = true
	l.CreateItem = func() fyne.CanvasObject {
		name := form.NewWords("")
		name.Truncation = fyne.TextTruncateEllipsis
		return container.New(modelColumns{}, name, form.MutedLine("", fyne.TextStyle{}), form.MutedLine("", fyne.TextStyle{}))
	}
	l.UpdateItem = func(i widget.ListItemID, o fyne.CanvasObject) {
		row, ok := o.(*fyne.Container)
		if !ok || i >= len(m.shown) {
			return
		}
		info := m.shown[i]
		if name, ok := row.Objects[0].(*form.Words); ok {
			name.TextStyle.Bold = info.ID == m.now
			name.SetText(form.Visible(info.ID, false))
		}
		price := ""
		if info.Limits.Input > 0 || info.Limits.Output > 0 {
			price = orUnknown(dollars(info.Limits.Input)) + " / " + orUnknown(dollars(info.Limits.Output))
		}
		for j, text := range []string{tokens(info.Limits.Context), price} {
			if n, ok := row.Objects[j+1].(*form.Note); ok {
				n.SetText(text)
			}
		}
	}
	l.OnSelected = func(i widget.ListItemID) {
		if i < len(m.shown) {
			m.choose(m.shown[i].ID)
		}
	}
	l.ExtendBaseWidget(l)
	return l
}

func orUnknown(s string) string {
	if s == "" {
		return "?"
	}
	return s
}

// TypedKey moves, chooses, or closes the sheet.
func (l *modelList) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		l.List.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	case fyne.KeyEscape:
		l.m.sheet.Close()
	default:
		l.List.TypedKey(e)
	}
}

// modelColumns gives the numbers a fixed width, and the name the rest.
type modelColumns struct{}

// The headings of these columns.
var (
	tokensTitle = say.T("Tokens")
	priceTitle  = say.T("In / out, for 1M tokens")
)

// modelWidths are how wide the columns of tokens and of prices are: as their
// headings have it.
func modelWidths() (tokens, price float32) {
	wide := func(text string) float32 {
		return fyne.MeasureText(text, theme.TextSize(), fyne.TextStyle{}).Width + 2*theme.InnerPadding() + 2
	}
	return max(84, wide(tokensTitle)), max(176, wide(priceTitle))
}

func (modelColumns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	tokens, price := modelWidths()
	widths := []float32{size.Width - tokens - price, tokens, price}
	x := float32(0)
	for i, o := range objects {
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(widths[i], size.Height))
		x += widths[i]
	}
}

func (modelColumns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	tokens, price := modelWidths()
	height := float32(0)
	for _, o := range objects {
		height = max(height, o.MinSize().Height)
	}
	return fyne.NewSize(tokens+price+120, height)
}
