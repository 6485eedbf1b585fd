// Package palette is the sheet in which everything can be found by typing a few
// letters of it, and the list of the shortcuts.
//
// It knows nothing of what the commands do. Everything here belongs to the
// goroutine of the window.
//
//	palette.Show(w, commands, nil)
package palette

import (
	"cmp"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/pick"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// Command is something that can be found and done.
type Command struct {
	Title string
	// Note says more, and is searched, too; Words are searched and not shown.
	Note, Words string
	Group       string
	Icon        theme.IconName
	Key         keys.ID // its shortcut is shown; empty for none
	// Seldom leaves it out until something is typed.
	Seldom bool
	Do     func()
}

// Palette is the sheet while it is open.
type Palette struct {
	sheet    *form.Sheet
	field    *pick.Entry
	list     *pick.List
	commands []Command
}

// maxShown bounds how many commands are listed.
const maxShown = 60

// Options is what a sheet of commands is made of.
type Options struct {
	Title, Placeholder string
	Commands           []Command
	// Text says that what is typed belongs to a text that is being written: a space
	// at its beginning closes the sheet.
	Text bool
	// Closed is called when the sheet was closed without a command, with what was
	// typed; it may be nil.
	Closed func(typed string)
}

// Show opens the palette. closed is called when it was closed without a command,
// and may be nil. It returns nil where something else lies on top.
func Show(w fyne.Window, commands []Command, closed func()) *Palette {
	return Open(w, Options{
		Title: say.T("What do you want to do?"), Placeholder: say.T("Conversations, commands, models, servers …"), Commands: commands,
		Closed: func(string) {
			if closed != nil {
				closed()
			}
		},
	})
}

// Open opens a sheet of commands. It returns nil where something else lies on
// top.
func Open(w fyne.Window, o Options) *Palette {
	if w.Canvas().Overlays().Top() != nil {
		return nil
	}
	p := &Palette{commands: o.Commands, list: pick.NewList(false)}
	p.field = pick.NewEntry(say.T("Find a command"), o.Placeholder, p.list)
	p.field.OnChanged = func(text string) {
		if o.Text && strings.HasPrefix(text, " ") {
			p.sheet.Close()
			return
		}
		p.fill()
	}
	content := container.NewBorder(form.Pad(0, 4, p.field), nil, nil, nil, p.list)
	p.sheet = form.NewSheet(w, o.Title, nil)
	p.sheet.SetFill(o.Title, content)
	p.sheet.SetSize(620, 560)
	p.sheet.SetButtons(form.Button(say.T("Close"), p.sheet.Close))
	p.list.OnEscape = p.sheet.Close
	p.sheet.OnClose(func() {
		if o.Closed != nil {
			o.Closed(p.field.Text)
		}
	})
	p.sheet.SetFocus(p.field)
	p.fill()
	p.sheet.Show()
	return p
}

// IsOpen reports whether the palette is on the screen.
func (p *Palette) IsOpen() bool { return p.sheet.IsOpen() }

// Add lists more commands.
func (p *Palette) Add(commands ...Command) {
	if p.IsOpen() && len(commands) > 0 {
		p.commands = append(p.commands, commands...)
		at := p.list.Cursor()
		p.fill()
		if strings.TrimSpace(p.field.Text) == "" && at > 0 {
			p.list.Step(at - p.list.Cursor())
		}
	}
}

// ranked is a command that matches.
type ranked struct {
	c     Command
	score int
	marks [][2]int
}

// fill lists what matches the field: by group while nothing is typed, the best
// first afterwards.
func (p *Palette) fill() {
	query := strings.TrimSpace(p.field.Text)
	var found []ranked
	for _, c := range p.commands {
		if query == "" {
			if !c.Seldom {
				found = append(found, ranked{c: c})
			}
			continue
		}
		r := ranked{c: c}
		ok := false
		if r.score, r.marks, ok = pick.Fuzzy(query, c.Title); !ok {
			if r.score, _, ok = pick.Fuzzy(query, c.Title+" "+c.Note+" "+c.Words+" "+c.Group); !ok {
				continue
			}
			r.score /= 2 // it is not what the name says
		}
		found = append(found, r)
	}
	if query != "" {
		slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	}
	var items []pick.Item
	group := ""
	for _, r := range found[:min(len(found), maxShown)] {
		if query == "" && r.c.Group != group {
			group = r.c.Group
			items = append(items, pick.Item{Title: group, Heading: true})
		}
		trail := ""
		if r.c.Key != "" {
			trail = keys.Label(r.c.Key)
		} else if query != "" {
			trail = r.c.Group
		}
		items = append(items, pick.Item{Title: r.c.Title, Note: r.c.Note, Marks: r.marks, Icon: r.c.Icon, Trail: trail, Pick: func() {
			p.sheet.OnClose(nil)
			p.sheet.Close()
			r.c.Do()
		}})
	}
	if len(items) == 0 {
		items = []pick.Item{{Title: say.T("Nothing matches."), Heading: true}}
	}
	p.list.Set(items)
}

// ShowShortcuts opens the list of all shortcuts. exchanged tells whether Enter
// begins a new line and Shift+Enter sends; exchange changes that. closed may be
// nil.
func ShowShortcuts(w fyne.Window, exchanged bool, exchange func(bool), closed func()) {
	if w.Canvas().Overlays().Top() != nil {
		return
	}
	list := pick.NewList(false)
	field := pick.NewEntry(say.T("Search shortcuts"), say.T("Search"), list)
	swap := form.NewSwitch(say.T("Enter begins a new line, Shift+Enter sends"), nil)
	fill := func() {
		query := strings.ToLower(strings.TrimSpace(field.Text))
		var items []pick.Item
		group := ""
		for _, k := range keys.All() {
			label := k.Label()
			if swap.Checked { // the same two keys, the other way round
				switch label {
				case say.T("Enter"):
					if k.Group == say.T("Writing") {
						label = say.T("Shift+Enter")
					}
				case say.T("Shift+Enter"):
					label = say.T("Enter")
				}
			}
			if query != "" && !strings.Contains(strings.ToLower(k.Title+" "+label+" "+k.Group), query) {
				continue
			}
			if k.Group != group {
				group = k.Group
				items = append(items, pick.Item{Title: group, Heading: true})
			}
			if n := len(items); k.Again && n > 0 && items[n-1].Title == k.Title {
				items[n-1].Trail += ", " + label
				continue
			}
			items = append(items, pick.Item{Title: k.Title, Trail: label})
		}
		if len(items) == 0 {
			items = []pick.Item{{Title: say.T("No shortcut matches."), Heading: true}}
		}
		list.Set(items)
	}
	swap.Set(exchanged)
	swap.OnChanged = func(on bool) {
		exchange(on)
		fill()
	}
	field.OnChanged = func(string) { fill() }
	fill()
	sheet := form.NewSheet(w, say.T("Shortcuts"), nil)
	turn := container.NewBorder(nil, nil, nil, container.NewCenter(swap), form.NewWords(swap.Name))
	sheet.SetFill(say.T("Shortcuts"), container.NewBorder(form.Pad(0, 4, field), turn, nil, nil, list))
	sheet.SetSize(620, 640)
	sheet.SetButtons(form.Button(say.T("Close"), sheet.Close))
	list.OnEscape = sheet.Close
	sheet.OnClose(closed)
	sheet.SetFocus(field)
	sheet.Show()
}
