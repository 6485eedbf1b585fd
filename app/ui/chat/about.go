package chat

import (
	"context"
	"maps"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// Prompts keeps what is told with a conversation; see the methods of
// bridge.Bridge.
type Prompts interface {
	SetSystem(ctx context.Context, conversation, system string) error
	SetMetadata(ctx context.Context, conversation string, metadata map[string]string) error
	Presets() []store.PromptPreset
	SetPreset(p store.PromptPreset) error
	RemovePreset(name string) error
}

// aboutSheet shows and changes what is set for a conversation: its system
// prompt, and what a gateway is told of it.
type aboutSheet struct {
	p        *Page
	conv     store.Conversation
	sheet    *form.Sheet
	system   *form.Entry
	presets  *chip
	name     *form.Entry
	keep     *form.Action
	remove   *form.Action
	metadata *form.Pairs // nil where the provider is no gateway
}

// openAbout opens the sheet.
func (p *Page) openAbout() {
	a := &aboutSheet{p: p, conv: p.conversation()}
	a.system = form.NewLines(say.T("System prompt"), say.T("Nothing is said. Write here what the model should always know or do."), 8)
	a.system.Wrapping = fyne.TextWrapWord
	a.system.SetText(a.conv.System)
	a.presets = newChip(say.T("Choose a preset"), say.T("Presets"), "", theme.IconChevronDown, a.choose)
	a.name = form.NewEntry(say.T("Name of the preset"), say.T("Name to keep it by"))
	a.keep = form.Quiet(say.T("Keep as preset"), nil, a.keepPreset)
	a.remove = form.Quiet(say.T("Remove preset"), nil, a.removePreset)
	a.system.OnChanged = func(string) { a.update() }
	a.name.OnChanged = func(string) { a.update() }
	rows := []fyne.CanvasObject{
		container.NewBorder(nil, nil, nil, a.presets, form.Caption(say.T("System prompt"))),
		a.system,
		form.Muted(say.T("The model reads it before everything else, from the next message on.")),
		container.NewBorder(nil, nil, nil, container.NewHBox(a.keep, a.remove), a.name),
	}
	if entry, ok := p.provider(); ok && entry.Portkey != nil {
		rows = append(rows, a.gateway(entry)...)
	}
	a.sheet = form.NewSheet(p.o.Window, say.T("This conversation"), form.Column(rows...))
	a.sheet.SetSize(600, 500)
	if a.metadata != nil {
		a.sheet.SetSize(600, 660)
	}
	a.sheet.SetButtons(
		form.NewAction(say.T("Cancel"), widget.MediumImportance, a.sheet.Close),
		form.NewAction(say.T("Save"), widget.HighImportance, a.save))
	a.sheet.OnClose(p.focusInput)
	a.sheet.SetFocus(a.system)
	a.update()
	a.sheet.Show()
}

// gateway is what is told to a gateway that keeps a log, and how the
// conversation is found there.
func (a *aboutSheet) gateway(entry store.ProviderConfig) []fyne.CanvasObject {
	help := say.F("%s is told this with each request, beside what its entry in the settings says. Where both have a name, this one counts.", entry.Title())
	a.metadata = form.NewPairs(say.T("Metadata"), form.Visible(help, false), say.T("Add entry"), nil)
	a.metadata.SetPlain()
	var pairs []form.Pair
	for _, name := range slices.Sorted(maps.Keys(a.conv.Metadata)) {
		pairs = append(pairs, form.Pair{Name: name, Value: a.conv.Metadata[name]})
	}
	a.metadata.Set(pairs)
	rows := []fyne.CanvasObject{a.metadata.Box}
	if id := bridge.TraceID(a.conv.ID); id != "" {
		copyID := form.Quiet(say.T("Copy"), theme.Icon(theme.IconCopy), func() { a.p.o.Clipboard.SetContent(id) })
		copyID.Name = say.T("Copy the trace id")
		rows = append(rows, form.Caption(say.T("Trace id")),
			container.NewBorder(nil, nil, nil, copyID, form.Exact(id)),
			form.Muted(say.T("Portkey's log keeps the requests of this conversation under it.")))
	}
	return rows
}

// update says which buttons can be pressed.
func (a *aboutSheet) update() {
	name := strings.TrimSpace(a.name.Text)
	able(a.keep, name != "" && strings.TrimSpace(a.system.Text) != "")
	able(a.remove, slices.ContainsFunc(a.p.o.Engine.Presets(), func(p store.PromptPreset) bool { return p.Name == name }))
}

func able(b *form.Action, on bool) {
	if on == b.Disabled() {
		if on {
			b.Enable()
		} else {
			b.Disable()
		}
	}
}

// choose shows the presets.
func (a *aboutSheet) choose() {
	var items []*fyne.MenuItem
	for _, p := range a.p.o.Engine.Presets() {
		items = append(items, fyne.NewMenuItem(form.Visible(shortenRunes(p.Name, 60), false), func() {
			a.name.SetText(p.Name)
			a.system.SetText(p.System)
		}))
	}
	if len(items) == 0 {
		none := fyne.NewMenuItem(say.T("No preset is kept yet"), nil)
		none.Disabled = true
		items = append(items, none)
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(a.presets)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), a.p.o.Window.Canvas(), at.AddXY(0, a.presets.Size().Height))
}

func (a *aboutSheet) keepPreset() {
	p := store.PromptPreset{Name: strings.TrimSpace(a.name.Text), System: a.system.Text}
	a.run(func(context.Context) error { return a.p.o.Engine.SetPreset(p) })
}

func (a *aboutSheet) removePreset() {
	name := strings.TrimSpace(a.name.Text)
	a.run(func(context.Context) error { return a.p.o.Engine.RemovePreset(name) })
}

// run does something elsewhere and says in the sheet what went wrong.
func (a *aboutSheet) run(what func(context.Context) error) {
	a.p.o.Runner.Run(what, func(err error) {
		if a.sheet.IsOpen() {
			a.sheet.Fail(form.Sentence(err))
			a.update()
		}
	})
}

// save keeps what is set, and closes the sheet when that is done.
func (a *aboutSheet) save() {
	system := a.system.Text
	if strings.TrimSpace(system) == "" {
		system = ""
	}
	metadata := a.conv.Metadata
	if a.metadata != nil {
		metadata = map[string]string{}
		for _, pair := range a.metadata.Pairs() {
			name := strings.TrimSpace(pair.Name)
			if _, twice := metadata[name]; twice {
				a.metadata.SetError(say.F("The name “%s” is there twice.", form.Visible(name, false)))
				return
			}
			metadata[name] = pair.Value
		}
		if err := store.ValidateMetadata(metadata); err != nil {
			a.metadata.SetError(form.Sentence(err))
			return
		}
	}
	id := a.conv.ID
	told := !maps.Equal(metadata, a.conv.Metadata)
	set := func(c *store.Conversation) { c.System, c.Metadata = system, metadata }
	if id == "" {
		if a.p.current == "" {
			set(&a.p.draft)
		}
		a.sheet.Close()
		return
	}
	a.p.o.Runner.Run(func(ctx context.Context) error {
		if system != a.conv.System {
			if err := a.p.o.Engine.SetSystem(ctx, id, system); err != nil {
				return err
			}
		}
		if !told {
			return nil
		}
		return a.p.o.Engine.SetMetadata(ctx, id, metadata)
	}, func(err error) {
		if err == nil {
			a.p.amend(id, set)
			a.sheet.Close()
			a.p.measure()
		} else if a.sheet.IsOpen() {
			a.sheet.Fail(form.Sentence(err))
		}
	})
}
