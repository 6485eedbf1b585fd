package shell

import (
	"context"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/palette"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// Commander is a page that has commands of its own. Its methods are called on the
// goroutine of the window.
type Commander interface {
	// Run does what a shortcut is for, and reports whether it is the page's.
	Run(id keys.ID) bool
	// Commands are those for the palette. What is found only later is added.
	Commands(add func(...palette.Command)) []palette.Command
}

// shortcuts binds the keys that work on every page.
func (s *Shell) shortcuts() {
	for _, k := range keys.Bound() {
		if k.ID == keys.Find {
			continue // it belongs to the page of the conversations, which binds it
		}
		s.window.Canvas().AddShortcut(k.Shortcut(), func(fyne.Shortcut) { s.press(k) })
	}
}

// press does what a shortcut is for, unless something lies on top.
func (s *Shell) press(k keys.Key) {
	if k.Always || s.window.Canvas().Overlays().Top() == nil {
		s.run(k.ID)
	}
}

// run does what a shortcut is for.
func (s *Shell) run(id keys.ID) {
	switch id {
	case keys.NewChat:
		s.newChat()
	case keys.Chat:
		s.open(placeChat)
	case keys.Servers:
		s.open(placeServers)
	case keys.Gateway:
		s.open(placeGateway)
	case keys.Audit:
		s.open(placeAudit)
	case keys.Settings:
		s.open(placeSettings)
	case keys.Palette:
		s.showPalette()
	case keys.Shortcuts:
		palette.ShowShortcuts(s.window, s.o.Engine.Settings().Window.EnterBreaks, s.setEnterBreaks, nil)
	case keys.Raise:
		s.raise.up() // whatever else is asked at the time
	case keys.Quit:
		s.app.Quit()
	default:
		s.open(placeChat)
		if p, ok := s.places[placeChat].page.(Commander); ok {
			p.Run(id)
		}
	}
}

// setEnterBreaks exchanges Enter and Shift+Enter.
func (s *Shell) setEnterBreaks(on bool) {
	s.keep(func(w *store.WindowSettings) { w.EnterBreaks = on })
}

// showPalette opens the command palette.
func (s *Shell) showPalette() {
	var p *palette.Palette
	var early []palette.Command
	add := func(more ...palette.Command) {
		if p == nil {
			early = append(early, more...)
			return
		}
		p.Add(more...)
	}
	var list []palette.Command
	if c, ok := s.places[placeChat].page.(Commander); ok {
		for _, command := range c.Commands(add) {
			do := command.Do
			command.Do = func() { s.open(placeChat); do() }
			list = append(list, command)
		}
	}
	list = append(list, s.commands()...)
	p = palette.Show(s.window, append(list, early...), nil)
}

// commands are those of the window itself.
func (s *Shell) commands() []palette.Command {
	var group, appearance = say.T("Commands"), say.T("Appearance")
	of := func(id keys.ID, icon theme.IconName, words string) palette.Command {
		return palette.Command{Group: group, Title: keys.Title(id), Icon: icon, Key: id, Words: words, Do: func() { s.run(id) }}
	}
	raise := of(keys.Raise, theme.IconBridge, say.T("emergency panic stop all"))
	if s.raise.is {
		raise = palette.Command{Group: group, Title: say.T("Lower the bridge"), Icon: theme.IconBridge, Words: say.T("raise"), Do: s.raise.down}
	}
	list := []palette.Command{
		raise,
		of(keys.Chat, theme.IconChat, say.T("chat page")),
		of(keys.Servers, theme.IconServer, say.T("add a server mcp page")),
		{Group: group, Title: say.T("Add a server"), Icon: theme.IconAdd, Do: s.addServer},
		of(keys.Gateway, theme.IconLink, say.T("keys other apps page")),
		of(keys.Audit, theme.IconHistory, say.T("log page")),
		of(keys.Settings, theme.IconSettings, say.T("preferences providers keys folders approvals page")),
		of(keys.Shortcuts, theme.IconInfo, say.T("keyboard help")),
		of(keys.Quit, theme.IconClose, say.T("exit")),
	}
	for _, v := range s.views {
		id, name := v.Server.ID, form.Visible(v.Server.Name, false)
		about := func(title string, icon theme.IconName, do func(string) error) {
			list = append(list, palette.Command{Group: say.T("Servers"), Title: title, Note: parts.State(v.State), Icon: icon, Seldom: true, Do: func() { s.serverCommand(id, do) }})
		}
		switch v.State {
		case mcphost.Stopped, mcphost.Failed, mcphost.Asleep:
			if !v.Server.Disabled {
				about(say.F("Start %s", name), theme.IconStart, s.o.Engine.StartServer)
			}
		default:
			about(say.F("Stop %s", name), theme.IconStop, s.o.Engine.StopServer)
			about(say.F("Restart %s", name), theme.IconRestart, s.o.Engine.RestartServer)
		}
	}
	for _, t := range []struct {
		title  string
		choice theme.Choice
	}{{say.T("Theme: as the system"), theme.System}, {say.T("Theme: light"), theme.Light}, {say.T("Theme: dark"), theme.Dark}} {
		list = append(list, palette.Command{Group: appearance, Title: t.title, Icon: theme.IconSettings, Words: say.T("appearance colour mode"), Seldom: true, Do: func() { s.chooseTheme(t.choice) }})
	}
	swap := palette.Command{Group: appearance, Title: say.T("Enter begins a new line, Shift+Enter sends"), Icon: theme.IconEdit, Seldom: true, Do: func() { s.setEnterBreaks(true) }}
	if s.o.Engine.Settings().Window.EnterBreaks {
		swap.Title, swap.Do = say.T("Enter sends, Shift+Enter begins a new line"), func() { s.setEnterBreaks(false) }
	}
	return append(list, swap)
}

// addServer opens the sheet that adds servers.
func (s *Shell) addServer() {
	s.open(placeServers)
	if p, ok := s.places[placeServers].page.(interface{ Add() }); ok {
		p.Add()
	}
}

// serverCommand does something with a server and, where that fails, leads to the
// page that says more.
func (s *Shell) serverCommand(id string, do func(string) error) {
	s.runner().Run(func(context.Context) error { return do(id) }, func(err error) {
		if err != nil {
			s.open(placeServers)
			s.warn(say.T("The server did not do that"), form.Sentence(err))
		}
	})
}

// warn says what went wrong with something that no page shows.
func (s *Shell) warn(title, sentence string) {
	sheet := form.NewSheet(s.window, title, form.Label(sentence))
	sheet.SetSize(480, 230)
	ok := form.Button(say.T("Close"), sheet.Close)
	sheet.SetButtons(ok)
	sheet.SetFocus(ok)
	sheet.Show()
}

// chooseTheme keeps an appearance and shows it.
func (s *Shell) chooseTheme(c theme.Choice) {
	s.runner().Run(func(context.Context) error {
		return s.o.Engine.UpdateSettings(func(x *store.Settings) error { x.Window.Theme = string(c); return nil })
	}, func(err error) {
		if err != nil {
			s.warn(say.T("The appearance could not be kept"), form.Sentence(err))
			return
		}
		s.applyTheme()
	})
}
