package chat

import (
	"context"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/offers"
	"github.com/drawbridge-app/drawbridge/app/ui/palette"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// propose shows what a sign stands for: prompts and presets, resources and files,
// or tools. sign is what stands at the end of the composer for it, which goes when
// something is chosen; empty where none does.
func (p *Page) propose(kind rune, sign string) {
	o := palette.Options{Text: sign != "", Closed: func(typed string) {
		if sign != "" && typed != "" { // it was no name, but a text
			p.composer.input.SetText(p.composer.input.Text + typed)
			p.composer.input.toEnd()
		}
		p.focusInput()
	}}
	var sheet *palette.Palette
	add := func(more ...palette.Command) {
		if sheet != nil {
			sheet.Add(more...)
		}
	}
	var later func()
	switch kind {
	case '/':
		o.Title, o.Placeholder = say.T("Prompts and presets"), say.T("Search prompts and presets")
		o.Commands = p.presetCommands(sign)
		later = func() { p.promptCommands(add) }
	case '@':
		o.Title, o.Placeholder = say.T("Attach to the message"), say.T("Search resources and files")
		o.Commands = []palette.Command{
			{Group: say.T("Files"), Title: say.T("A file …"), Note: say.T("A picture or a text; it can be dropped on the window, too"), Icon: theme.IconFile, Do: func() { p.withoutSign(sign); p.chooseFile() }},
			{Group: say.T("Prompts"), Title: say.T("Prompts and presets …"), Icon: theme.IconChat, Do: func() { p.withoutSign(sign); p.propose('/', "") }},
		}
		later = func() { p.resourceCommands(sign, add) }
	case '#':
		o.Title, o.Placeholder = say.T("Tools of this conversation"), say.T("Search tools")
		o.Commands = p.toolCommands(sign)
	}
	if sheet = palette.Open(p.o.Window, o); sheet != nil && later != nil {
		later()
	}
}

// presetCommands are the presets, and what makes and changes them.
func (p *Page) presetCommands(sign string) (list []palette.Command) {
	all := p.o.Engine.Settings().Messages
	for _, m := range all {
		list = append(list, palette.Command{Group: say.T("Presets"), Title: form.Visible(m.Name, false), Note: firstLine(m.Text), Icon: theme.IconDocument,
			Do: func() { p.withoutSign(sign); p.usePreset(m) }})
	}
	list = append(list, palette.Command{Group: say.T("Presets"), Title: say.T("New preset …"), Note: say.T("A message with a name, to write it again"), Icon: theme.IconAdd,
		Do: func() { p.withoutSign(sign); p.editPreset(store.MessagePreset{}) }})
	for _, m := range all {
		list = append(list, palette.Command{Group: say.T("Presets"), Title: say.F("Change the preset %s …", form.Visible(m.Name, false)), Words: say.T("edit remove delete"), Icon: theme.IconEdit, Seldom: true,
			Do: func() { p.withoutSign(sign); p.editPreset(m) }})
	}
	return list
}

// askServers asks each server that has something, and adds what it has.
func (p *Page) askServers(has func(mcphost.Offers) bool, ask func(context.Context, bridge.ServerView) ([]palette.Command, error), add func(...palette.Command)) {
	for _, v := range p.views {
		if v.State != mcphost.Ready || !has(v.Offers) {
			continue
		}
		var list []palette.Command
		p.o.Runner.Run(func(ctx context.Context) (err error) {
			list, err = ask(ctx, v)
			return err
		}, func(err error) {
			if err != nil {
				list = []palette.Command{{Group: form.Visible(v.Server.Name, false), Title: say.F("%s does not answer", v.Server.Name), Note: form.Sentence(err), Icon: theme.IconWarning, Do: func() { p.o.OpenServers() }}}
			}
			add(list...)
		})
	}
}

func (p *Page) promptCommands(add func(...palette.Command)) {
	p.askServers(func(o mcphost.Offers) bool { return o.Prompts }, func(ctx context.Context, v bridge.ServerView) (list []palette.Command, err error) {
		all, err := p.o.Engine.Prompts(ctx, v.Server.ID)
		for _, prompt := range all {
			list = append(list, palette.Command{
				Group: say.F("Prompts of %s", form.Visible(v.Server.Name, false)), Title: form.Visible(firstOf(prompt.Title, prompt.Name), false), Note: firstLine(prompt.Description),
				Icon: theme.IconChat, Do: func() { p.openOffers(offers.Prompts, v.Server.ID, prompt.Name) },
			})
		}
		return list, err
	}, add)
}

func (p *Page) resourceCommands(sign string, add func(...palette.Command)) {
	p.askServers(func(o mcphost.Offers) bool { return o.Resources }, func(ctx context.Context, v bridge.ServerView) (list []palette.Command, err error) {
		all, err := p.o.Engine.Resources(ctx, v.Server.ID)
		group := say.F("Resources of %s", form.Visible(v.Server.Name, false))
		for _, r := range all.Resources {
			title := firstOf(r.Title, r.Name, r.URI)
			list = append(list, palette.Command{Group: group, Title: form.Visible(title, false), Note: form.Visible(r.URI, false), Icon: theme.IconDocument,
				Do: func() { p.withoutSign(sign); p.attach(v.Server.ID, r.URI, title); p.focusInput() }})
		}
		for _, t := range all.Templates {
			list = append(list, palette.Command{Group: group, Title: form.Visible(firstOf(t.Title, t.Name, t.URITemplate), false) + " …", Note: form.Visible(t.URITemplate, false), Icon: theme.IconDocument,
				Do: func() { p.openOffers(offers.Resources, v.Server.ID, t.URITemplate) }})
		}
		return list, err
	}, add)
}

// anyTool reports whether there is a tool to be named.
func (p *Page) anyTool() bool {
	for _, v := range p.views {
		if len(v.Passed) > 0 {
			return true
		}
	}
	return false
}

// toolCommands are the tools that the servers have. One that is chosen is
// switched on, and named in the message.
func (p *Page) toolCommands(sign string) (list []palette.Command) {
	s := p.switches()
	for _, v := range p.views {
		for _, t := range v.Passed {
			note := firstLine(t.Description)
			if !s.On(t.Server, t.Tool) {
				note = say.T("Off in this conversation; it is switched on.") + " " + note
			}
			list = append(list, palette.Command{Group: form.Visible(v.Server.Name, false), Title: form.Visible(t.Tool, false), Note: note, Words: t.Title, Icon: theme.IconTools,
				Do: func() { p.withoutSign(sign); p.nameTool(v.Server.Name, t.Ref) }})
		}
	}
	return list
}

func (p *Page) nameTool(server string, t tools.Ref) {
	if s := p.switches(); !s.On(t.Server, t.Tool) {
		p.setSwitches(s.SetServer(t.Server, true).SetTool(t.Server, t.Tool, true))
	}
	p.composer.input.SetText(p.composer.input.Text + server + "__" + t.Tool + " ")
	p.composer.input.toEnd()
	p.focusInput()
}
