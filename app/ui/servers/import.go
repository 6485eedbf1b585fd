package servers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
)

// Picker is a list of servers that could be taken over, each with a box to
// check, and with what differs from those that are here. It keeps nothing.
type Picker struct {
	groups  []*pickGroup
	changed func() // after a box was turned
	edit    func(*pickItem)
}

type pickGroup struct {
	title, path string
	items       []*pickItem
	problems    []string
}

type pickItem struct {
	entry  setup.Compared
	picked bool
}

// NewPicker makes a list of what was found. What is new and without warnings is
// checked at first. changed is called when a box was turned; it may be nil.
func NewPicker(found []bridge.Import, changed func()) *Picker {
	p := &Picker{changed: changed}
	if p.changed == nil {
		p.changed = func() {}
	}
	for _, i := range found {
		g := &pickGroup{title: i.App, path: i.Path, problems: i.Problems}
		for _, e := range i.Entries {
			g.items = append(g.items, &pickItem{entry: e, picked: e.State == setup.New && len(e.Draft.Warnings) == 0})
		}
		p.groups = append(p.groups, g)
	}
	return p
}

// Picked returns what is checked.
func (p *Picker) Picked() []setup.Compared {
	var out []setup.Compared
	for _, g := range p.groups {
		for _, i := range g.items {
			if i.picked {
				out = append(out, i.entry)
			}
		}
	}
	return out
}

// Len returns how many servers are in the list.
func (p *Picker) Len() int {
	n := 0
	for _, g := range p.groups {
		n += len(g.items)
	}
	return n
}

// Objects draws the list.
func (p *Picker) Objects() []fyne.CanvasObject {
	var out []fyne.CanvasObject
	for _, g := range p.groups {
		if g.title != "" {
			head := form.Bold(g.title)
			head.SizeName = theme.SizeNameSubHeadingText
			out = append(out, container.NewBorder(nil, nil, head, nil, form.MutedLine(form.Visible(g.path, false), fyne.TextStyle{})))
		}
		for _, i := range g.items {
			out = append(out, p.card(i))
		}
		for _, s := range g.problems {
			out = append(out, form.NewToned(form.Label(form.Sentence(errors.New(s))), theme.ColorNameError))
		}
	}
	return out
}

// stateWords say how a server stands to those that are here.
func stateWords(e setup.Compared) string {
	switch e.State {
	case setup.Same:
		return say.T("here already")
	case setup.Differs:
		return say.F("differs from %s here", form.Visible(e.Server.Name, false))
	}
	return say.T("new")
}

func (p *Picker) card(i *pickItem) fyne.CanvasObject {
	d := i.entry.Draft
	name := form.Visible(d.Config.Name, false)
	check := form.NewCheck(name, nil)
	check.SetChecked(i.picked)
	check.OnChanged = func(on bool) {
		i.picked = on
		p.changed()
	}
	end := form.Wrap(form.MutedWord(stateWords(i.entry)))
	switch {
	case i.entry.State == setup.Same:
		check.Disable()
	case p.edit != nil && i.entry.State == setup.New && len(d.Fields) == 0 && d.Bundle == nil:
		b := form.Button(say.T("Edit"), func() { p.edit(i) })
		b.Name = say.F("Edit %s", name)
		end.Add(b)
	}
	box := form.Column(form.Beside(check, end, 0), form.MutedLine(brief(d.Shown()), fyne.TextStyle{Monospace: true}))
	if len(i.entry.Changes) > 0 {
		box.Add(form.Muted(say.T("Checked, it replaces the server that is here:")))
		box.Add(form.NewCode(changeLines(i.entry.Changes), min(float32(len(i.entry.Changes))*60, 180)))
	}
	for _, s := range d.Warnings {
		box.Add(form.NewToned(form.Label(form.Visible(s, true)), theme.ColorNameWarning))
	}
	for _, f := range d.Fields {
		box.Add(form.Muted(say.F("It asks for: %s.", form.Visible(f.Title, false))))
	}
	for _, n := range d.Notes {
		box.Add(form.Muted(form.Visible(n, true)))
	}
	return form.NewCard(box)
}

// changeLines shows what is here above what would take its place.
func changeLines(list []setup.Change) []form.Line {
	var out []form.Line
	for _, c := range list {
		out = append(out, form.Line{Text: c.What, Tone: theme.ColorNamePrimary})
		if c.Here != "" {
			out = append(out, form.Line{Text: "− " + form.Spaced(c.Here), Tone: theme.ColorNameError})
		}
		if c.There != "" {
			out = append(out, form.Line{Text: "+ " + form.Spaced(c.There), Tone: theme.ColorNameSuccess})
		}
	}
	return out
}

// found opens a sheet with the servers of other apps.
func (p *Page) found(found []bridge.Import) {
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(editorWidth, editorHeight)
	p.choose(sheet, form.NewBusy(), NewPicker(found, nil), nil)
	sheet.Show()
}

// choose lets the person pick among what was found. back may be nil.
func (p *Page) choose(sheet *form.Sheet, busy *form.Busy, list *Picker, back func()) {
	again := func() { p.choose(sheet, busy, list, back) }
	next := form.NewAction(say.T("Continue"), widget.HighImportance, func() { p.ask(sheet, busy, list.Picked(), again) })
	list.changed = func() { enable(next, len(list.Picked()) > 0) }
	list.edit = func(i *pickItem) {
		p.mend(sheet, i.entry.Draft, func(d setup.Draft) { i.entry.Draft = d }, again)
	}
	box := form.Column(list.Objects()...)
	if list.Len() == 0 {
		box.Add(form.Label(say.T("None of the servers in this text can be used here.")))
	}
	list.changed()
	sheet.SetContent(say.N(list.Len(), "Found %d server", "Found %d servers", list.Len()), box)
	leave := form.Button(say.T("Cancel"), sheet.Close)
	if back != nil {
		leave = form.Button(say.T("Back"), back)
	}
	sheet.SetButtons(busy.Box, leave, next)
	sheet.SetFocus(next)
}

// ask has the person fill in what the servers ask for, if they do, and goes on
// to the review.
func (p *Page) ask(sheet *form.Sheet, busy *form.Busy, chosen []setup.Compared, back func()) {
	forms := make([]*asking, len(chosen))
	box := form.Groups()
	var first fyne.Focusable
	for i, e := range chosen {
		if len(e.Draft.Fields) == 0 {
			continue
		}
		forms[i] = newAsking(p.o.Window, e.Draft)
		name := form.Bold(form.Visible(e.Draft.Config.Name, false))
		name.SizeName = theme.SizeNameSubHeadingText
		box.Add(name)
		for _, s := range e.Draft.Notes {
			if e.Draft.Bundle != nil {
				box.Add(form.Muted(form.Visible(s, true)))
			}
		}
		box.Add(forms[i].Box)
		if first == nil {
			first = forms[i].first
		}
	}
	if len(box.Objects) == 0 {
		p.confirm(sheet, busy, chosen, back)
		return
	}
	again := func() { p.show(sheet, busy, say.T("What it asks for"), box, forms, chosen, back) }
	again()
	if first != nil {
		sheet.SetFocus(first)
	}
}

// show shows the forms, also when the person comes back to them.
func (p *Page) show(sheet *form.Sheet, busy *form.Busy, title string, box fyne.CanvasObject, forms []*asking, chosen []setup.Compared, back func()) {
	sheet.SetContent(title, box)
	sheet.SetButtons(busy.Box, form.Button(say.T("Back"), back), form.Button(say.T("Cancel"), sheet.Close), form.NewAction(say.T("Continue"), widget.HighImportance, func() {
		filled := slices.Clone(chosen)
		for i, f := range forms {
			if f == nil {
				continue
			}
			d, err := f.draft()
			if err != nil {
				sheet.Fail(form.Sentence(err))
				return
			}
			filled[i].Draft = d
		}
		p.confirm(sheet, busy, filled, func() { p.show(sheet, busy, title, box, forms, chosen, back) })
	}))
}

// Open shows the review of a file or link: a bundle, another app's file, or a
// link that would install a server. Nothing of it is kept or run before the
// person has agreed.
func (p *Page) Open(what string) {
	a := p.newAdding()
	ext := strings.ToLower(filepath.Ext(what))
	switch {
	case setup.IsLink(what):
		a.way = wayPaste
		a.paste.SetText(what)
	case ext == ".mcpb" || ext == ".dxt":
		a.way = wayBundle
		a.bundle.SetText(what)
	default:
		a.way = wayPaste
		a.start()
		var text []byte
		p.o.Runner.RunBusy(a.busy, say.T("Reading…"), func(context.Context) (err error) {
			text, err = setup.ReadFile(what)
			return err
		}, func(err error) {
			if err != nil {
				a.paste.SetError(form.Sentence(fmt.Errorf(say.T("the file cannot be read: %w"), err)))
				return
			}
			a.read(text)
		})
		return
	}
	a.start()
	a.next()
}
