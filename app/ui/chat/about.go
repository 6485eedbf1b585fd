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
	undo     *form.Undo
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
	a.undo = form.NewUndo(p.o.Runner)
	a.undo.Wait = p.undoTime
	a.system.OnChanged = func(string) { a.update() }
	a.name.OnChanged = func(string) { a.update() }
	rows := []fyne.CanvasObject{
		container.NewBorder(nil, nil, nil, a.presets, form.Caption(say.T("System prompt"))),
		a.system,
		form.Muted(say.T("The model reads it before everything else, from the next message on.")),
		form.Beside(a.name, form.Wrap(a.keep, a.remove), 220),
		a.undo.Box,
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
	a.sheet.OnClose(func() {
		a.undo.HandTo(p.takeBack)
		p.focusInput()
	})
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
	_, was := a.preset(p.Name)
	a.run(func(context.Context) error { return a.p.o.Engine.SetPreset(p) }, func() {
		if was.Name != "" && was != p {
			a.offer(form.Undoable{Words: say.F("Replaced the preset “%s”", form.Visible(p.Name, false)), Change: true}, func(all []store.PromptPreset, at int) []store.PromptPreset {
				if at < 0 {
					return append(all, was)
				}
				all[at] = was
				return all
			}, p.Name)
		}
	})
}

func (a *aboutSheet) removePreset() {
	at, was := a.preset(strings.TrimSpace(a.name.Text))
	if at < 0 {
		return
	}
	a.run(func(context.Context) error { return a.p.o.Engine.RemovePreset(was.Name) }, func() {
		a.offer(form.Undoable{Words: say.F("Removed the preset “%s”", form.Visible(was.Name, false))}, func(all []store.PromptPreset, now int) []store.PromptPreset {
			if now >= 0 {
				return all // one of that name was kept since
			}
			return slices.Insert(all, min(at, len(all)), was)
		}, was.Name)
	})
}

// preset returns the preset of that name, and where it stands; -1 for none.
func (a *aboutSheet) preset(name string) (int, store.PromptPreset) {
	all := a.p.o.Engine.Presets()
	i := slices.IndexFunc(all, func(p store.PromptPreset) bool { return p.Name == name })
	if i < 0 {
		return i, store.PromptPreset{}
	}
	return i, all[i]
}

// offer offers to take back what was done with a preset; back is told where the
// one of that name stands then, -1 for nowhere.
func (a *aboutSheet) offer(o form.Undoable, back func(all []store.PromptPreset, at int) []store.PromptPreset, name string) {
	o.Back = func(context.Context) error {
		return a.p.o.Engine.UpdateSettings(func(s *store.Settings) error {
			all := slices.Clone(s.Presets)
			s.Presets = back(all, slices.IndexFunc(all, func(p store.PromptPreset) bool { return p.Name == name }))
			return nil
		})
	}
	o.Done = func(_ bool, err error) {
		switch {
		case a.sheet.IsOpen():
			a.sheet.Fail(form.Sentence(err))
			a.update()
		case err != nil:
			a.p.sayFailure(err)
		}
	}
	a.undo.Offer(o)
	a.undo.Focus()
}

// run does something elsewhere and says in the sheet what went wrong. done is
// called where nothing did, and the sheet is open still.
func (a *aboutSheet) run(what func(context.Context) error, done func()) {
	a.p.o.Runner.Run(what, func(err error) {
		if a.sheet.IsOpen() {
			a.sheet.Fail(form.Sentence(err))
			a.update()
			if err == nil {
				done()
			}
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
