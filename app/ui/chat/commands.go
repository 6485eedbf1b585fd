package chat

import (
	"context"
	"slices"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/palette"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// Run does what a shortcut is for, and reports whether it is one of the page.
func (p *Page) Run(id keys.ID) bool {
	c := p.o.Window.Canvas()
	switch id {
	case keys.NewChat:
		p.NewChat()
	case keys.Search:
		p.showSidebar(true)
		c.Focus(p.sidebar.search)
	case keys.Find:
		p.Find()
	case keys.List:
		p.showSidebar(true)
		p.sidebar.search.SetText("")
		c.Focus(p.sidebar.list)
	case keys.Sidebar:
		p.showSidebar(!p.sidebar.box.Visible())
	case keys.Model:
		p.pickModel()
	case keys.Tools:
		p.chooseTools()
	case keys.Attach:
		p.openAttach()
	case keys.About:
		p.openAbout()
	default:
		return false
	}
	return true
}

// showSidebar shows or hides the list of conversations.
func (p *Page) showSidebar(on bool) {
	if on == p.sidebar.box.Visible() {
		return
	}
	if on {
		p.sidebar.box.Show()
	} else {
		p.sidebar.box.Hide()
		p.focusInput()
	}
	p.object.Refresh()
}

// often is how many conversations the palette lists before anything is typed.
const often = 6

// Commands are those of the page for the palette: its conversations, what can be
// done, and the models, which add gets as they are known.
func (p *Page) Commands(add func(...palette.Command)) []palette.Command {
	var list []palette.Command
	for i, c := range p.sidebar.all {
		note := dayOf(c.UpdatedAt, p.o.Now())
		if c.Archived {
			note += ", " + say.T("archived")
		}
		list = append(list, palette.Command{
			Group: say.T("Conversations"), Title: titleOf(c), Note: note, Icon: theme.IconChat, Seldom: i >= often || c.Archived,
			Do: func() { p.open(c.ID) },
		})
	}
	for _, of := range []struct {
		id    keys.ID
		icon  theme.IconName
		words string
	}{
		{keys.NewChat, theme.IconNewChat, say.T("conversation begin")},
		{keys.Search, theme.IconSearch, say.T("history old")},
		{keys.Find, theme.IconSearch, ""},
		{keys.Model, theme.IconThinking, say.T("switch provider")},
		{keys.Tools, theme.IconTools, say.T("toggle switch")},
		{keys.Attach, theme.IconFile, say.T("resource prompt upload image")},
		{keys.About, theme.IconDocument, say.T("preset instructions metadata")},
		{keys.Sidebar, theme.IconSidebar, ""},
		{keys.List, theme.IconSidebar, ""},
	} {
		list = append(list, palette.Command{Group: say.T("Commands"), Title: keys.Title(of.id), Icon: of.icon, Key: of.id, Words: of.words, Do: func() { p.Run(of.id) }})
	}
	if c := p.conversation(); c.ID != "" {
		pin, archive := say.T("Pin this conversation"), say.T("Archive this conversation")
		if c.Pinned {
			pin = say.T("Unpin this conversation")
		}
		if c.Archived {
			archive = say.T("Bring this conversation back from the archive")
		}
		for _, of := range []struct {
			title string
			icon  theme.IconName
			do    func()
		}{
			{say.T("Rename this conversation"), theme.IconEdit, func() { p.showSidebar(true); p.sidebar.beginRename(c) }},
			{pin, theme.IconPin, func() { p.pin(c, !c.Pinned) }},
			{archive, theme.IconArchive, func() { p.archive(c, !c.Archived) }},
			{say.T("Export this conversation as Markdown"), theme.IconDocument, func() { p.export(c, bridge.ExportMarkdown) }},
			{say.T("Export this conversation as JSON"), theme.IconDocument, func() { p.export(c, bridge.ExportJSON) }},
			{say.T("Delete this conversation"), theme.IconDelete, func() { p.showSidebar(true); p.delete(c) }},
		} {
			list = append(list, palette.Command{Group: say.T("Commands"), Title: of.title, Icon: of.icon, Seldom: true, Do: of.do})
		}
	}
	p.modelCommands(add)
	return list
}

// modelCommands adds a command for each model, the favourites first.
func (p *Page) modelCommands(add func(...palette.Command)) {
	command := func(c store.ProviderConfig, name string, seldom bool) palette.Command {
		ref := store.ModelRef{Provider: c.ID, Model: name}
		title := name
		if c.Kind == store.ProviderRehearsal {
			title = c.Title()
		}
		return palette.Command{
			Group: say.T("Models"), Title: say.F("Use %s", form.Visible(title, false)), Note: form.Visible(c.Title(), false), Words: say.T("switch model"),
			Icon: theme.IconThinking, Seldom: seldom, Do: func() { p.setModel(ref); p.focusInput() },
		}
	}
	favourites := p.o.Engine.Settings().Favourites
	for _, c := range p.o.Engine.Providers() {
		var known []string
		for _, f := range favourites {
			if f.Provider == c.ID {
				known = append(known, f.Model)
				add(command(c, f.Model, false))
			}
		}
		var models []model.Info
		p.o.Runner.Run(func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
			defer cancel()
			models, err = p.o.Engine.Models(ctx, c.ID)
			return err
		}, func(err error) {
			if err != nil {
				return // the sheet of the models says what is wrong
			}
			var list []palette.Command
			for _, m := range models {
				if !slices.Contains(known, m.ID) {
					list = append(list, command(c, m.ID, true))
				}
			}
			add(list...)
		})
	}
}
