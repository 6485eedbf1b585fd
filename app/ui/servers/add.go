package servers

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// adding is the sheet that adds servers: first how (a command, a URL, a pasted
// text, other apps, a bundle), then the review of exactly what will run.
type adding struct {
	page  *Page
	sheet *form.Sheet
	busy  *form.Busy

	ways    []*form.Action
	bodies  []fyne.CanvasObject
	way     int
	command *editor
	address *editor
	paste   *form.Field
	apps    *fyne.Container
	bundle  *form.Field
	// document is the file or address of an OpenAPI document.
	document *form.Field
}

// The ways to add a server.
const (
	wayCommand = iota
	wayURL
	wayPaste
	wayApps
	wayBundle
	wayAPI
)

// The size of the sheet that has a form of a server.
const (
	editorWidth  = 720
	editorHeight = 660
)

// Add opens the sheet that adds servers.
func (p *Page) Add() { p.add() }

// add opens the sheet.
func (p *Page) add() { p.newAdding().start() }

func (p *Page) newAdding() *adding {
	a := &adding{page: p, busy: form.NewBusy()}
	taken := func(name string) bool { return p.taken(name, "") }
	a.command = newEditor(p.o.Window, store.TransportStdio, taken)
	a.address = newEditor(p.o.Window, store.TransportHTTP, taken)
	a.paste = form.NewFieldOf(form.NewLines(say.T("Text"), `{"mcpServers": {"files": {"command": "npx", "args": ["-y", "…"]}}}`, 12),
		say.T("The block from the server's README, another app's file (JSON, TOML or YAML), or an install link. Nothing of it runs before you have seen it."))
	a.paste.Entry.TextStyle.Monospace = true
	a.apps = form.Column(form.Label(say.T("Drawbridge looks where other apps keep their MCP servers: Claude, Cursor, VS Code, LM Studio, Windsurf, Gemini CLI, Zed, goose, Codex and Continue. Their files are only read.")))
	a.bundle = form.NewField(say.T("Bundle"), "/path/to/server.mcpb", say.T("An MCP bundle, .mcpb or .dxt. It can also be dropped on the window."))
	pick := form.Button(say.T("Choose…"), a.chooseBundle)
	pick.Name = say.T("Choose a bundle")
	a.document = form.NewField(say.T("OpenAPI document"), "https://api.example.com/openapi.json", say.T("A file or an address, JSON or YAML, of version 2.0, 3.0 or 3.1. Its operations become tools; you choose which."))
	file := form.Button(say.T("Choose…"), func() { choosePath(p.o.Window, setup.Field{Kind: setup.KindFile}, a.document) })
	file.Name = say.T("Choose an OpenAPI document")
	a.bodies = []fyne.CanvasObject{a.command.Box, a.address.Box, a.paste.Box, a.apps, beside(a.bundle.Box, pick), beside(a.document.Box, file)}
	for i, text := range []string{say.T("Command"), "URL", say.T("Paste"), say.T("Other apps"), say.T("Bundle"), "OpenAPI"} {
		a.ways = append(a.ways, form.NewAction(text, widget.MediumImportance, func() { a.choose(i) }))
		a.ways[i].Name = say.F("Add by %s", text)
	}
	a.sheet = form.NewSheet(p.o.Window, say.T("Add a server"), nil)
	a.sheet.SetSize(editorWidth, editorHeight)
	return a
}

// start shows the first step, with what was typed so far.
func (a *adding) start() {
	a.choose(a.way)
	a.sheet.Show()
	a.focus()
}

func (a *adding) choose(way int) {
	a.way = way
	for i, b := range a.ways {
		b.Importance = widget.MediumImportance
		if i == way {
			b.Importance = widget.HighImportance
		}
		b.Refresh()
	}
	tabs := form.Grid(len(a.ways))
	for _, b := range a.ways {
		tabs.Add(b)
	}
	a.sheet.SetContent(say.T("Add a server"), form.Groups(tabs, a.bodies[way]))
	next := form.NewAction(say.T("Continue"), widget.HighImportance, a.next)
	a.sheet.SetButtons(a.busy.Box, form.Button(say.T("Cancel"), a.sheet.Close), next)
	a.sheet.SetSubmit(next)
	if a.sheet.IsOpen() {
		a.focus()
	}
}

func (a *adding) focus() {
	if a.way == wayApps {
		a.sheet.SetFocus(a.ways[wayApps])
		return
	}
	a.sheet.SetFocus([]*form.Entry{a.command.name.Entry, a.address.name.Entry, a.paste.Entry, nil, a.bundle.Entry, a.document.Entry}[a.way])
}

// next goes on to the review, unless something has to be mended first.
func (a *adding) next() {
	switch a.way {
	case wayCommand, wayURL:
		e := a.command
		if a.way == wayURL {
			e = a.address
		}
		if d, ok := e.draft(); ok {
			a.page.confirm(a.sheet, a.busy, []setup.Compared{{Draft: d, State: setup.New}}, func() { a.choose(a.way) })
			return
		}
		a.sheet.Fail("")
	case wayPaste:
		a.read([]byte(a.paste.Text()))
	case wayApps:
		a.lookInApps()
	case wayBundle:
		a.openBundle()
	case wayAPI:
		a.readDocument()
	}
}

// read has the engine read what was pasted.
func (a *adding) read(text []byte) {
	var found bridge.Import
	a.page.o.Runner.RunBusy(a.busy, say.T("Reading…"), func(context.Context) (err error) {
		found, err = a.page.o.Engine.ReadImport(text, "")
		return err
	}, func(err error) {
		if err != nil {
			a.paste.SetError(form.Sentence(err))
			return
		}
		a.page.choose(a.sheet, a.busy, NewPicker([]bridge.Import{found}, nil), func() { a.choose(a.way) })
	})
}

// lookInApps has the engine read what other apps have.
func (a *adding) lookInApps() {
	var found []bridge.Import
	a.page.o.Runner.RunBusy(a.busy, say.T("Looking…"), func(ctx context.Context) error {
		found = a.page.o.Engine.Imports(ctx)
		return nil
	}, func(error) {
		if len(found) == 0 {
			a.sheet.Fail(say.T("No servers of other apps were found on this computer. If you know the file, drop it on the window or paste its text."))
			return
		}
		a.page.choose(a.sheet, a.busy, NewPicker(found, nil), func() { a.choose(a.way) })
	})
}

// chooseBundle picks the file of a bundle.
func (a *adding) chooseBundle() {
	d := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			return
		}
		a.bundle.SetText(r.URI().Path())
		if err := r.Close(); err != nil {
			a.bundle.SetError(form.Sentence(err))
		}
	}, a.page.o.Window)
	d.SetFilter(storage.NewExtensionFileFilter([]string{".mcpb", ".dxt"}))
	d.Show()
}

// openBundle has the engine look at a bundle.
func (a *adding) openBundle() {
	path := strings.TrimSpace(a.bundle.Text())
	if path == "" {
		a.bundle.SetError(say.T("Type the path of the bundle, or choose it."))
		return
	}
	var d setup.Draft
	a.page.o.Runner.RunBusy(a.busy, say.T("Opening…"), func(ctx context.Context) (err error) {
		d, err = a.page.o.Engine.OpenBundle(ctx, path)
		return err
	}, func(err error) {
		if err != nil {
			a.bundle.SetError(form.Sentence(err))
			return
		}
		a.page.ask(a.sheet, a.busy, []setup.Compared{{Draft: d, State: setup.New}}, func() { a.choose(a.way) })
	})
}

// mend opens a draft in the form.
func (p *Page) mend(sheet *form.Sheet, d setup.Draft, keep func(setup.Draft), back func()) {
	e := newEditor(p.o.Window, d.Config.Transport, func(name string) bool { return p.taken(name, "") })
	e.fill(d, say.T("kept as it was found; type to replace"))
	sheet.SetContent(say.F("Edit %s", form.Visible(d.Config.Name, false)), e.Box)
	done := form.NewAction(say.T("Done"), widget.HighImportance, func() {
		if changed, ok := e.draft(); ok {
			keep(changed)
			back()
		}
	})
	sheet.SetButtons(form.Button(say.T("Back"), back), done)
	sheet.SetFocus(e.name.Entry)
}

// confirm is the last step: everything that will run, in full.
func (p *Page) confirm(sheet *form.Sheet, busy *form.Busy, chosen []setup.Compared, back func()) {
	box := form.Groups(form.Label(riskOf(chosen)))
	for _, e := range chosen {
		d := e.Draft
		if len(chosen) > 1 {
			name := form.Bold(form.Visible(d.Config.Name, false))
			name.SizeName = "subHeadingText"
			box.Add(name)
		}
		if e.State == setup.Differs {
			box.Add(form.NewToned(form.Label(say.F("It takes the place of %s, which is here.", form.Visible(e.Server.Name, false))), theme.ColorNameWarning))
		}
		for _, o := range notesView(d) {
			box.Add(o)
		}
		box.Add(commandView(d.Config))
	}
	words := say.T("Add and start")
	title := say.T("Review what will run")
	if len(chosen) > 1 {
		words = say.N(len(chosen), "Add %d and start", "Add %d and start", len(chosen))
	}
	cancel := form.Button(say.T("Cancel"), sheet.Close)
	var yes *form.Action
	var submit, show func()
	submit = func() {
		yes.Disable()
		sheet.Fail("")
		p.o.Runner.RunBusy(busy, say.T("Adding…"), func(ctx context.Context) error {
			if len(chosen) == 1 && chosen[0].State == setup.New {
				_, err := p.o.Engine.AddServer(ctx, chosen[0].Draft, true)
				return err
			}
			_, err := p.o.Engine.ImportServers(ctx, chosen, true)
			return err
		}, func(err error) {
			if err != nil {
				yes.Enable()
				if keychain.Missing(err) {
					keychain.Ask(sheet, p.o.Engine, p.o.Runner, show, func() { show(); submit() })
					return
				}
				sheet.SetFocus(cancel)
				said := form.Sentence(err)
				if len(chosen) > 1 {
					said += " " + say.T("None of them was added.")
				}
				sheet.Fail(said)
				return
			}
			sheet.Close()
		})
	}
	yes = form.NewAction(words, widget.HighImportance, submit)
	show = func() {
		sheet.SetContent(title, box)
		sheet.SetButtons(busy.Box, form.Button(say.T("Back"), back), cancel, yes)
		sheet.SetFocus(cancel)
	}
	show()
}

func riskOf(chosen []setup.Compared) string {
	if len(chosen) == 1 {
		return risk(chosen[0].Draft.Config)
	}
	return say.T("Drawbridge will run these programs on your computer, with your rights, and connect to these addresses, each time the servers start. Approve only what you know.")
}

// edit opens a server in the form.
func (p *Page) edit(v bridge.ServerView) {
	id := v.Server.ID
	if v.Server.Transport == store.TransportOpenAPI {
		p.editAPI(v)
		return
	}
	e := newEditor(p.o.Window, v.Server.Transport, func(name string) bool { return p.taken(name, id) })
	e.fill(setup.Draft{Config: v.Server.Clone()}, keptInKeychain)
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(editorWidth, editorHeight)
	busy := form.NewBusy()
	var write func()
	write = func() {
		sheet.SetContent(say.F("Edit %s", form.Visible(v.Server.Name, false)), e.Box)
		sheet.SetButtons(busy.Box, form.Button(say.T("Cancel"), sheet.Close), form.NewAction(say.T("Save"), widget.HighImportance, func() {
			d, ok := e.draft()
			if !ok {
				return
			}
			if d.Config.RunHash() == v.Server.RunHash() { // rules stay as they are
				p.save(sheet, busy, id, d, false, write)
				return
			}
			p.confirmChange(sheet, busy, id, d, write)
		}))
	}
	write()
	sheet.SetFocus(e.name.Entry)
	sheet.Show()
}

// confirmChange shows the changed command in full before it is kept.
func (p *Page) confirmChange(sheet *form.Sheet, busy *form.Busy, id string, d setup.Draft, back func()) {
	again := func() { p.confirmChange(sheet, busy, id, d, back) }
	box := form.Groups(form.Label(risk(d.Config)))
	for _, o := range notesView(d) {
		box.Add(o)
	}
	box.Add(commandView(d.Config))
	sheet.SetContent(say.T("Review what will run"), box)
	cancel := form.Button(say.T("Cancel"), sheet.Close)
	sheet.SetButtons(busy.Box, form.Button(say.T("Back"), back), cancel,
		form.NewAction(say.T("Save and start"), widget.HighImportance, func() { p.save(sheet, busy, id, d, true, again) }))
	sheet.SetFocus(cancel)
}

// save keeps a changed server; back shows again what was shown before.
func (p *Page) save(sheet *form.Sheet, busy *form.Busy, id string, d setup.Draft, approve bool, back func()) {
	sheet.Fail("")
	p.o.Runner.RunBusy(busy, say.T("Saving…"), func(ctx context.Context) error {
		return p.o.Engine.UpdateServer(ctx, id, d, approve)
	}, func(err error) {
		switch {
		case keychain.Missing(err):
			keychain.Ask(sheet, p.o.Engine, p.o.Runner, back, func() {
				back()
				p.save(sheet, busy, id, d, approve, back)
			})
		case err != nil:
			sheet.Fail(form.Sentence(err))
		default:
			sheet.Close()
		}
	})
}
