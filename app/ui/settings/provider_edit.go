package settings

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// The size of the forms.
const (
	editorWidth  float32 = 800
	editorHeight float32 = 720
)

// providerEditor is the form of an entry: what every service needs, then what
// this one needs, then what few people need.
type providerEditor struct {
	p       *providers
	service bridge.Service
	cfg     store.ProviderConfig // as it was
	isNew   bool
	title   string
	sheet   *form.Sheet
	busy    *form.Busy
	save    *form.Action
	cancel  context.CancelFunc
	fields  *fyne.Container

	name    *form.Field
	id      *form.Field
	autoID  string // made from the name; while the field holds it, it follows
	kind    *form.Select
	address *form.Field
	key     *secretField
	noKey   *form.Switch
	portkey *portkeyPart // nil for other services
	model   *form.Field
	headers *form.Pairs
	more    *morePart
	wrong   bool // something was wrong when the form was read last
	left    bool // the person went back to the list of services
}

// edit opens the form of an entry that is there.
func (p *providers) edit(cfg store.ProviderConfig) {
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(editorWidth, editorHeight)
	p.openEditor(sheet, serviceOf(cfg), cfg, false)
	sheet.Show()
}

// editID opens the form of the entry with that id, if it is there still.
func (p *providers) editID(id string) {
	for _, cfg := range p.o.Engine.Providers() {
		if cfg.ID == id {
			p.edit(cfg)
			return
		}
	}
}

// openEditor fills a sheet with the form of a service.
func (p *providers) openEditor(sheet *form.Sheet, service bridge.Service, cfg store.ProviderConfig, isNew bool) {
	e := &providerEditor{p: p, service: service, cfg: cfg, isNew: isNew, sheet: sheet, busy: form.NewBusy()}
	e.title = say.F("Edit %s", form.Visible(cfg.Title(), false))
	if isNew {
		e.title = say.F("Add %s", serviceName(service))
		if service.ID == "" {
			e.title = say.T("Add a compatible service")
		}
	}
	e.save = form.NewAction(say.T("Save"), widget.HighImportance, e.keep)
	e.build()
	e.fill()
	e.show()
	sheet.OnClose(func() {
		if e.cancel != nil {
			e.cancel()
		}
	})
	sheet.SetFocus(e.first())
}

// build makes the fields.
func (e *providerEditor) build() {
	e.name = form.NewField(say.T("Name"), say.T("Work"), "")
	e.id = form.NewField(say.T("Id"), "work", say.T("For the command line; it stays as it is."))
	clear := e.name.Entry.OnChanged
	e.name.Entry.OnChanged = func(text string) { clear(text); e.follow(text) }
	e.kind = form.NewSelect(say.T("Format"), e.formatTitles(), func(string) { e.adapt() })
	words, example := say.T("Base URL"), e.service.BaseURL
	switch e.service.ID {
	case servicePortkey:
		words = say.T("Gateway URL")
	case serviceLiteLLM:
		words = say.T("Proxy URL")
	}
	e.address = form.NewField(words, example, say.T("With the version, as the service writes it."))
	keyName, keyHelp := say.T("API key"), say.T("It goes to the keychain and is never shown again.")
	if e.service.ID == servicePortkey {
		keyName, keyHelp = say.T("Portkey API key"), say.T("The key of Portkey itself.")+" "+keyHelp
	}
	e.key = newSecretField(keyName, "", keyHelp)
	e.noKey = form.NewSwitch(say.T("It wants no key"), func(bool) { e.keyWords() })
	typed := e.key.Entry.OnChanged
	e.key.Entry.OnChanged = func(text string) {
		typed(text)
		if text != "" && e.noKey.Checked {
			e.noKey.Set(false)
			e.keyWords()
		}
	}
	e.model = form.NewField(say.T("Model"), "", say.T("For new chats with it; leave it empty to choose from its list."))
	choose := form.Button(say.T("Choose…"), func() { e.p.pickModel(e.cfg, e.model.Text(), e.model.SetText) })
	choose.Name = say.T("Choose the model")
	beside := besideEntry(choose)
	show(beside, !e.isNew) // what is not kept yet cannot be asked
	e.headers = form.NewPairs(say.T("Headers"), say.T("Sent with every request; most services need none. A value marked secret goes to the keychain."), say.T("Add header"), setup.LikelySecret)
	e.more = newMorePart(e)

	e.fields = form.Groups()
	if e.service.Note != "" {
		e.fields.Add(form.NewToned(form.Label(e.service.Note), theme.ColorNamePrimary))
	}
	e.fields.Add(form.Grid(2, e.name.Box, e.id.Box))
	switch {
	case gateway(e.service.ID):
		e.fields.Add(form.Labelled(say.T("Format"), e.kind, say.T("What the models behind it are asked in. Anthropic Messages keeps what is particular to Claude.")))
	case e.service.ID == "":
		e.fields.Add(form.Labelled(say.T("Format"), e.kind, ""))
	default:
		e.more.add(form.Labelled(say.T("Format"), e.kind, say.F("%s is set up for the one that it speaks best.", e.service.Name)))
	}
	keyBox := form.Column(e.key.Box)
	if link := keyLink(e.service, e.sheet.Fail); link != nil && (e.isNew || !e.p.refs[store.ProviderSecret(e.cfg.ID, "key")]) {
		keyBox.Add(container.NewHBox(link))
	}
	wantsNone := form.SwitchRow(e.noKey, say.T("It wants no key"), "")
	if e.service.NoKey || e.service.Fill || gateway(e.service.ID) {
		keyBox.Add(wantsNone)
	} else {
		e.more.add(wantsNone)
	}
	e.fields.Add(e.address.Box)
	e.fields.Add(keyBox)
	if e.service.ID == servicePortkey {
		e.portkey = newPortkeyPart(e)
		e.fields.Add(e.portkey.Box)
	}
	e.fields.Add(container.NewBorder(nil, nil, nil, beside, e.model.Box))
	e.fields.Add(e.headers.Box)
	e.more.finish()
	e.fields.Add(e.more.fold.Box)
}

// formatTitles are the formats that the service may speak.
func (e *providerEditor) formatTitles() []string {
	var out []string
	for _, f := range formats() {
		if f.kind != store.ProviderGemini || !gateway(e.service.ID) || e.cfg.Kind == f.kind {
			out = append(out, f.title)
		}
	}
	return out
}

// show puts the form into the sheet.
func (e *providerEditor) show() {
	e.sheet.SetContent(e.title, e.fields)
	buttons := []fyne.CanvasObject{e.busy.Box}
	if e.isNew {
		buttons = append(buttons, form.Button(say.T("Back"), func() {
			e.left = true
			if e.cancel != nil {
				e.cancel()
			}
			e.p.chooseService(e.sheet)
		}))
	}
	e.sheet.SetButtons(append(buttons, form.Button(say.T("Cancel"), e.sheet.Close), e.save)...)
	e.sheet.SetSubmit(e.save)
}

// first is the field that a person fills first.
func (e *providerEditor) first() *form.Entry {
	switch {
	case e.name.Text() == "":
		return e.name.Entry
	case e.isNew && e.service.Fill:
		return e.address.Entry
	case e.noKey.Checked:
		return e.model.Entry
	}
	return e.key.Entry
}

// fill shows the entry.
func (e *providerEditor) fill() {
	cfg := e.cfg
	name := cfg.Name
	if name == "" {
		name = cfg.ID
	}
	e.autoID = cfg.ID
	e.id.SetText(cfg.ID)
	e.name.SetText(name)
	e.id.SetText(cfg.ID)
	if !e.isNew {
		e.id.Entry.Disable()
	}
	e.address.SetText(cfg.BaseURL)
	e.noKey.Set(cfg.NoKey)
	e.key.set(e.p.refs[store.ProviderSecret(cfg.ID, "key")])
	e.keyWords()
	e.model.SetText(cfg.Model)
	var pairs []form.Pair
	for _, name := range slices.Sorted(maps.Keys(cfg.Headers)) {
		switch v := cfg.Headers[name]; {
		case e.portkey != nil && isUpstream(name, v):
		case v.Secret():
			pairs = append(pairs, form.Pair{Name: name, Secret: true, Kept: true})
		default:
			pairs = append(pairs, form.Pair{Name: name, Value: string(v)})
		}
	}
	e.headers.Set(pairs)
	if e.portkey != nil {
		e.portkey.fill(cfg)
	}
	e.more.fill(cfg)
	e.kind.SetSelected(formatTitle(cfg.Kind))
}

// follow makes the id of a new entry from its name, until a person types one.
func (e *providerEditor) follow(name string) {
	if !e.isNew || e.id.Text() != e.autoID {
		return
	}
	e.autoID = e.p.freeID(name)
	e.id.SetText(e.autoID)
}

// keyWords says in the field of the key whether one is wanted.
func (e *providerEditor) keyWords() {
	e.key.empty = say.T("paste it here")
	if e.noKey.Checked {
		e.key.empty = say.T("none needed")
	}
	e.key.mark(e.key.kept, e.key.gone)
}

// adapt shows what the format has, and hides what it has not.
func (e *providerEditor) adapt() { e.more.adapt(formatKind(e.kind.Selected)) }

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// idOf makes the short name of an entry from what a person calls it.
func idOf(name string) string {
	id := strings.Trim(notInID.ReplaceAllString(strings.ToLower(name), "-"), "-")
	return strings.TrimRight(id[:min(len(id), 40)], "-")
}

// keep keeps the entry and its secrets, then asks the provider for its models.
func (e *providerEditor) keep() {
	plan, ok := e.read()
	if !ok {
		return
	}
	e.sheet.Fail("")
	e.save.Disable()
	var back func(context.Context) error
	e.cancel = e.p.o.Runner.RunBusy(e.busy, say.T("Saving…"), func(ctx context.Context) (err error) {
		if !e.isNew {
			if back, err = e.p.o.Engine.RememberProvider(ctx, e.cfg.ID); err != nil {
				return err
			}
		}
		return plan.carryOut(ctx, e.p.o.Engine)
	}, func(err error) {
		e.save.Enable()
		if err != nil {
			e.failed(err)
			return
		}
		e.key.SetText("")
		e.sheet.Close()
		e.p.saved(plan.cfg)
		if back != nil && plan.secrets() {
			e.p.offerBack(plan.cfg, back)
		}
	})
}

// offerBack offers to have an entry be as it was: a key that was replaced or
// forgotten cannot be typed again by heart.
func (p *providers) offerBack(cfg store.ProviderConfig, back func(context.Context) error) {
	p.o.undo.Offer(form.Undoable{
		Words: say.F("Changed %s and its keys", form.Visible(cut(cfg.Title(), 40), false)), Change: true, Back: back,
		Done: func(_ bool, err error) {
			p.load()
			p.changed()
			p.fail(err)
		},
	})
}

// failed says why it was not kept. Where there is no place for the key, it lets
// the person choose one.
func (e *providerEditor) failed(err error) {
	if e.left || !e.sheet.IsOpen() {
		return
	}
	if keychain.Missing(err) {
		keychain.Ask(e.sheet, e.p.o.Engine, e.p.o.Runner, e.show, func() {
			e.show()
			e.keep()
		})
		return
	}
	e.sheet.Fail(form.Sentence(err))
}
