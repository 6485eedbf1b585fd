package servers

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// checking is the sheet of the doctor: what the server needs, and a test step
// by step.
type checking struct {
	page     *Page
	view     bridge.ServerView
	sheet    *form.Sheet
	busy     *form.Busy
	programs *fyne.Container
	steps    *fyne.Container
	test     *form.Action
}

// check opens the doctor's sheet of a server and looks at its programs. The
// test runs when the person asks for it.
func (p *Page) check(v bridge.ServerView) {
	c := &checking{page: p, view: v, busy: form.NewBusy(), programs: form.Column(), steps: form.Column()}
	c.sheet = form.NewSheet(p.o.Window, say.F("Check %s", form.Visible(v.Server.Name, false)), nil)
	c.sheet.SetSize(720, 560)
	c.test = form.NewAction(say.T("Test it"), widget.HighImportance, c.run)
	box := form.Groups()
	if v.Server.Transport == store.TransportStdio {
		box.Add(form.Column(form.Caption(say.T("What it needs")), c.programs))
	}
	box.Add(form.Column(form.Caption(say.T("Test")), form.Muted(say.T("Starts it apart from the one that may be running, lists its tools and stops it again.")), c.steps))
	c.sheet.SetContent(say.F("Check %s", form.Visible(v.Server.Name, false)), box)
	close := form.Button(say.T("Close"), c.sheet.Close)
	c.sheet.SetButtons(c.busy.Box, close, c.test)
	c.sheet.SetFocus(c.test)
	c.sheet.Show()
	if v.State == mcphost.Held {
		c.test.Disable()
		c.steps.Add(form.Label(say.T("Look at its command and approve it first.")))
	}
	c.look()
}

// look fills the list of programs.
func (c *checking) look() {
	if c.view.Server.Transport != store.TransportStdio {
		return
	}
	c.programs.Add(form.Muted(say.T("Looking…")))
	var list []setup.Check
	c.page.o.Runner.Run(func(ctx context.Context) (err error) {
		list, err = c.page.o.Engine.CheckServer(ctx, c.view.Server.ID)
		return err
	}, func(err error) {
		c.programs.RemoveAll()
		if err != nil {
			c.programs.Add(form.Failure(form.Sentence(err)))
		}
		for _, k := range list {
			c.programs.Add(c.program(k))
		}
		form.Relayout(c.programs)
	})
}

func (c *checking) program(k setup.Check) fyne.CanvasObject {
	name := form.Visible(k.Program, false)
	if k.Version != "" {
		name += " " + form.Visible(k.Version, false)
	}
	tone := theme.ColorNameSuccess
	if !k.OK() {
		tone = theme.ColorNameError
	}
	box := form.Column(marked(tone, form.Bold(name)))
	if k.Path != "" {
		box.Add(form.MutedLine(form.Visible(k.Path, false), fyne.TextStyle{Monospace: true}))
	}
	if k.Words != "" {
		box.Add(form.Label(form.Visible(k.Words, true)))
	}
	if k.Install != "" {
		copy := form.Button(say.T("Copy"), func() {
			if c.page.o.Clipboard != nil {
				c.page.o.Clipboard.SetContent(k.Install)
			}
		})
		copy.Name = say.F("Copy the command that installs %s", form.Visible(k.Program, false))
		box.Add(form.Muted(say.T("Type this into a terminal to install it:")))
		box.Add(container.NewBorder(nil, nil, nil, container.NewCenter(copy), form.Exact(k.Install)))
	}
	return form.NewCard(box)
}

// marked puts a dot of a colour in front.
func marked(tone fyne.ThemeColorName, o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, nil, container.NewCenter(form.Sized(20, 20, form.NewDot(tone))), nil, o)
}

// stepWords name the steps of a test.
var stepWords = map[string]string{
	"resolve": say.T("The program"), "start": say.T("Starting"), "connect": say.T("The address"), "initialize": say.T("The protocol"), "list": say.T("The tools"),
}

// run tests the server and shows each step as it comes.
func (c *checking) run() {
	c.test.Disable()
	c.steps.RemoveAll()
	form.Relayout(c.steps)
	var last mcphost.Status
	c.page.o.Runner.RunBusy(c.busy, say.T("Testing…"), func(ctx context.Context) (err error) {
		last, err = c.page.o.Engine.DiagnoseServer(ctx, c.view.Server.ID, func(s mcphost.Step) {
			c.page.o.Runner.Do(func() { c.step(s) })
		})
		return err
	}, func(err error) {
		c.test.Enable()
		if err != nil {
			c.steps.Add(form.Failure(form.Sentence(err)))
		}
		if lines := tail(last.Log, 12); lines != "" {
			c.steps.Add(form.Caption(say.T("Its log")))
			c.steps.Add(form.Exact(lines))
		}
		form.Relayout(c.steps)
	})
}

func (c *checking) step(s mcphost.Step) {
	tone := theme.ColorNameSuccess
	if !s.OK {
		tone = theme.ColorNameError
	}
	c.steps.Add(form.Column(marked(tone, form.Bold(stepWords[s.Name])), form.Label(sentence(s.Words))))
	form.Relayout(c.steps)
}
