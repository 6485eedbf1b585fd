package servers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// adding is the sheet that adds servers: first how (a command, a URL, pasted
// JSON), then the review of exactly what will run.
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
}

// The ways to add a server.
const (
	wayCommand = iota
	wayURL
	wayPaste
)

// add opens the sheet.
func (p *Page) add() { p.newAdding().start() }

func (p *Page) newAdding() *adding {
	a := &adding{page: p, busy: form.NewBusy()}
	taken := func(name string) bool { return p.taken(name, "") }
	a.command = newEditor(store.TransportStdio, taken)
	a.address = newEditor(store.TransportHTTP, taken)
	a.paste = form.NewFieldOf(form.NewLines("JSON", `{"mcpServers": {"files": {"command": "npx", "args": ["-y", "…"]}}}`, 12),
		"The block from the server's README, or another app's file. Nothing of it runs before you have seen it.")
	a.paste.Entry.TextStyle.Monospace = true
	a.bodies = []fyne.CanvasObject{a.command.Box, a.address.Box, a.paste.Box}
	for i, text := range []string{"Command", "URL", "Paste JSON"} {
		a.ways = append(a.ways, form.NewAction(text, widget.MediumImportance, func() { a.choose(i) }))
		a.ways[i].Name = "Add by " + text
	}
	a.sheet = form.NewSheet(p.o.Window, "Add a server", nil)
	a.sheet.SetSize(720, 660)
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
	tabs := container.NewGridWithColumns(len(a.ways), a.ways[0], a.ways[1], a.ways[2])
	a.sheet.SetContent("Add a server", form.Groups(tabs, a.bodies[way]))
	a.sheet.SetButtons(a.busy.Box, form.Button("Cancel", a.sheet.Close),
		form.NewAction("Continue", widget.HighImportance, a.next))
	if a.sheet.IsOpen() {
		a.focus()
	}
}

func (a *adding) focus() {
	a.sheet.SetFocus([]*form.Entry{a.command.name.Entry, a.address.name.Entry, a.paste.Entry}[a.way])
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
			a.page.confirm(a.sheet, a.busy, []setup.Draft{d}, func() { a.choose(a.way) })
			return
		}
		a.sheet.Fail("")
	case wayPaste:
		a.parse()
	}
}

// parse has the engine read what was pasted.
func (a *adding) parse() {
	var drafts []setup.Draft
	var problems []string
	text := []byte(a.paste.Text())
	a.page.o.Runner.RunBusy(a.busy, "Reading…", func(context.Context) (err error) {
		drafts, problems, err = a.page.o.Engine.Drafts(text)
		return err
	}, func(err error) {
		if err != nil {
			a.paste.SetError(form.Sentence(err))
			return
		}
		a.page.choose(a.sheet, a.busy, drafts, problems, func() { a.choose(a.way) })
	})
}

// found opens a sheet with the servers of another app.
func (p *Page) found(title string, drafts []setup.Draft, problems []string) {
	sheet := form.NewSheet(p.o.Window, title, nil)
	sheet.SetSize(720, 660)
	sheet.Show()
	p.choose(sheet, form.NewBusy(), drafts, problems, nil)
}

// choose lets the person pick among drafts. back may be nil.
func (p *Page) choose(sheet *form.Sheet, busy *form.Busy, drafts []setup.Draft, problems []string, back func()) {
	drafts = slices.Clone(drafts)
	picked := make([]bool, len(drafts))
	for i := range picked {
		picked[i] = true
	}
	p.pick(sheet, busy, drafts, picked, problems, back)
}

// pick shows the drafts with those checked that are picked; both change in
// place.
func (p *Page) pick(sheet *form.Sheet, busy *form.Busy, drafts []setup.Draft, picked []bool, problems []string, back func()) {
	again := func() { p.pick(sheet, busy, drafts, picked, problems, back) }
	box := form.Column()
	var next *form.Action
	count := func() {
		n := 0
		for _, on := range picked {
			if on {
				n++
			}
		}
		enable(next, n > 0)
	}
	next = form.NewAction("Continue", widget.HighImportance, func() {
		var chosen []setup.Draft
		for i, on := range picked {
			if on {
				chosen = append(chosen, drafts[i])
			}
		}
		p.confirm(sheet, busy, chosen, again)
	})
	for i := range drafts {
		box.Add(p.draftCard(drafts[i], &picked[i], count, func() {
			p.mend(sheet, drafts[i], func(d setup.Draft) { drafts[i] = d }, again)
		}))
	}
	for _, s := range problems {
		box.Add(form.NewToned(form.Label(form.Sentence(errors.New(s))), theme.ColorNameError))
	}
	if len(drafts) == 0 {
		box.Add(form.Label("None of the servers in this text can be used here."))
	}
	count()
	sheet.SetContent(fmt.Sprintf("Found %s", plural(len(drafts))), box)
	leave := form.Button("Cancel", sheet.Close)
	if back != nil {
		leave = form.Button("Back", back)
	}
	sheet.SetButtons(busy.Box, leave, next)
	sheet.SetFocus(next)
}

func plural(n int) string { return count(n, "server") }

func (p *Page) draftCard(d setup.Draft, picked *bool, changed, edit func()) fyne.CanvasObject {
	name := form.Visible(d.Config.Name, false)
	check := widget.NewCheck(name, func(on bool) {
		*picked = on
		changed()
	})
	check.SetChecked(*picked)
	button := form.Button("Edit", edit)
	button.Name = "Edit " + name
	line := form.MutedLine(brief(d.Config), fyne.TextStyle{Monospace: true})
	box := form.Column(container.NewBorder(nil, nil, nil, button, check), line)
	for _, n := range d.Notes {
		box.Add(form.Muted(form.Visible(n, true)))
	}
	return form.NewCard(box)
}

// mend opens a draft in the form.
func (p *Page) mend(sheet *form.Sheet, d setup.Draft, keep func(setup.Draft), back func()) {
	e := newEditor(d.Config.Transport, func(name string) bool { return p.taken(name, "") })
	e.fill(d, "kept as it was found; type to replace")
	sheet.SetContent("Edit "+form.Visible(d.Config.Name, false), e.Box)
	done := form.NewAction("Done", widget.HighImportance, func() {
		if changed, ok := e.draft(); ok {
			keep(changed)
			back()
		}
	})
	sheet.SetButtons(form.Button("Back", back), done)
	sheet.SetFocus(e.name.Entry)
}

// confirm is the last step: everything that will run, in full.
func (p *Page) confirm(sheet *form.Sheet, busy *form.Busy, drafts []setup.Draft, back func()) {
	box := form.Groups(form.Label(riskOf(drafts)))
	for _, d := range drafts {
		if len(drafts) > 1 {
			name := form.Bold(form.Visible(d.Config.Name, false))
			name.SizeName = "subHeadingText"
			box.Add(name)
		}
		for _, n := range d.Notes {
			box.Add(form.Muted(form.Visible(n, true)))
		}
		box.Add(commandView(d.Config))
	}
	words := "Add and start"
	title := "Review what will run"
	if len(drafts) > 1 {
		words = fmt.Sprintf("Add %d and start", len(drafts))
	}
	cancel := form.Button("Cancel", sheet.Close)
	var yes *form.Action
	var submit, show func()
	submit = func() {
		yes.Disable()
		sheet.Fail("")
		added := 0
		p.o.Runner.RunBusy(busy, "Adding…", func(ctx context.Context) error {
			for _, d := range drafts {
				if _, err := p.o.Engine.AddServer(ctx, d, true); err != nil {
					return err
				}
				added++
			}
			return nil
		}, func(err error) {
			if err != nil {
				yes.Enable()
				drafts = drafts[added:]
				if keychain.Missing(err) {
					keychain.Ask(sheet, p.o.Engine, p.o.Runner, show, func() { show(); submit() })
					return
				}
				sheet.SetFocus(cancel)
				said := form.Sentence(err)
				if added > 0 {
					said += " " + plural(added) + " before it went well."
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
		sheet.SetButtons(busy.Box, form.Button("Back", back), cancel, yes)
		sheet.SetFocus(cancel)
	}
	show()
}

func riskOf(drafts []setup.Draft) string {
	if len(drafts) == 1 {
		return risk(drafts[0].Config)
	}
	return "Drawbridge will run these programs on your computer, with your rights, and connect to these addresses, each time the servers start. Approve only what you know."
}

// edit opens a server in the form.
func (p *Page) edit(v bridge.ServerView) {
	id := v.Server.ID
	e := newEditor(v.Server.Transport, func(name string) bool { return p.taken(name, id) })
	e.fill(setup.Draft{Config: v.Server.Clone()}, "stored in the keychain; type to replace")
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(720, 660)
	busy := form.NewBusy()
	var write func()
	write = func() {
		sheet.SetContent("Edit "+form.Visible(v.Server.Name, false), e.Box)
		sheet.SetButtons(busy.Box, form.Button("Cancel", sheet.Close), form.NewAction("Save", widget.HighImportance, func() {
			d, ok := e.draft()
			if !ok {
				return
			}
			if d.Config.Disabled = v.Server.Disabled; d.Config.Hash() == v.Server.Hash() {
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
	sheet.SetContent("Review what will run", form.Groups(form.Label(risk(d.Config)), commandView(d.Config)))
	cancel := form.Button("Cancel", sheet.Close)
	sheet.SetButtons(busy.Box, form.Button("Back", back), cancel,
		form.NewAction("Save and start", widget.HighImportance, func() { p.save(sheet, busy, id, d, true, again) }))
	sheet.SetFocus(cancel)
}

// save keeps a changed server; back shows again what was shown before.
func (p *Page) save(sheet *form.Sheet, busy *form.Busy, id string, d setup.Draft, approve bool, back func()) {
	sheet.Fail("")
	p.o.Runner.RunBusy(busy, "Saving…", func(ctx context.Context) error {
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
