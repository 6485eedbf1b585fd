package gateway

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	apps "github.com/drawbridge-app/drawbridge/bridge/gateway"
)

// connecting is the sheet that makes a key for an app, with what goes into the
// app's configuration.
type connecting struct {
	page   *Page
	sheet  *form.Sheet
	app    apps.App
	choice []*form.Action
	name   *form.Field
	team   *form.Select
	limits *limitsForm
	create *form.Action
	busy   *form.Busy
	cancel context.CancelFunc
}

// connect opens the sheet.
func (p *Page) connect() {
	c := &connecting{page: p, busy: form.NewBusy(), cancel: func() {}}
	c.name = form.NewField(say.T("Name of the key"), "", say.T("What it is called here, in questions and in the audit."))
	grid := container.NewGridWrap(fyne.NewSize(140, 38))
	for _, a := range apps.Apps() {
		b := form.Button(a.Title(), func() { c.choose(a) })
		c.choice = append(c.choice, b)
		grid.Add(b)
	}
	c.limits = newLimitsForm(p, true)
	inside := form.Groups()
	if c.team = p.teamChoice(); c.team != nil {
		inside.Add(form.Labelled(say.T("Team"), c.team, say.T("What bounds the team bounds the key, too.")))
	}
	inside.Add(c.limits.box)
	c.create = form.NewAction(say.T("Make the key"), widget.HighImportance, c.make)
	c.sheet = form.NewSheet(p.o.Window, say.T("Connect an app"), form.Groups(
		form.Column(form.Caption(say.T("App")), grid),
		c.name.Box,
		form.NewFold(say.T("What it may do (all servers, unless you say less)"), inside).Box))
	c.sheet.SetSize(680, 600)
	c.sheet.SetButtons(c.busy.Box, form.NewAction(say.T("Cancel"), widget.MediumImportance, c.sheet.Close), c.create)
	c.sheet.OnClose(func() { c.cancel() })
	c.choose(apps.Apps()[0])
	c.sheet.SetFocus(c.choice[0])
	c.sheet.Show()
}

func (c *connecting) choose(app apps.App) {
	c.app = app
	for i, a := range apps.Apps() {
		c.choice[i].Importance = widget.MediumImportance
		if a == app {
			c.choice[i].Importance = widget.HighImportance
		}
		c.choice[i].Refresh()
	}
	c.name.Entry.SetPlaceHolder(string(app))
}

// make makes the key, and has the gateway run.
func (c *connecting) make() {
	l, ok := c.limits.read()
	if !ok {
		c.sheet.Fail(say.T("Something in what it may do is not right; it says there what."))
		return
	}
	c.sheet.Fail("")
	c.create.Disable()
	var made bridge.Connected
	ask := bridge.Connecting{App: c.app, Name: strings.TrimSpace(c.name.Text()), Team: chosenTeam(c.team), Limits: l, Program: c.page.o.Program}
	// Once asked for, the key is made, whether the sheet is still there or not;
	// so it is not given up half-way.
	c.busy.Start(say.T("Making the key…"), nil)
	c.page.o.Runner.Run(func(ctx context.Context) (err error) {
		made, err = c.page.o.Engine.ConnectApp(ctx, ask)
		return err
	}, func(err error) {
		c.busy.Stop()
		c.create.Enable()
		if err != nil {
			c.sheet.Fail(form.Sentence(err))
			return
		}
		if !c.sheet.IsOpen() {
			c.sheet.Show() // a key that nobody sees would be lost
		}
		c.show(made)
	})
}

// show shows what goes into the app's configuration.
func (c *connecting) show(made bridge.Connected) {
	text := strings.TrimRight(made.Snippet.Text.Reveal(), "\n")
	secret := say.F("The key “%s” is in it, and is shown this once. Revoke it on this page when the app is not to be let in any more.", form.Visible(made.Key.Name, false))
	if made.Snippet.App.Pipes() {
		secret = say.F("%s starts Drawbridge by itself and gets what the key “%s” may; the key is not written into its file.", made.Snippet.App.Title(), form.Visible(made.Key.Name, false))
	}
	result := form.Label(say.T("Not tested yet."))
	busy := form.NewBusy()
	test := form.Button(say.T("Test"), nil)
	test.OnTapped = func() {
		test.Disable()
		result.Hide()
		var trial apps.Trial
		c.cancel = c.page.o.Runner.RunBusy(busy, say.T("Connecting as the app would…"), func(ctx context.Context) (err error) {
			trial, err = c.page.o.Engine.TestConnected(ctx, made, nil)
			return err
		}, func(err error) {
			test.Enable()
			words, tone := trialWords(trial, err)
			result.Importance = tone
			result.SetText(words)
			result.Show()
			form.Relayout(result)
		})
	}
	c.sheet.SetContent(say.F("Connect %s", made.Snippet.App.Title()), form.Groups(
		form.Label(made.Snippet.Where),
		parts.Text(text),
		form.Muted(secret),
		container.NewBorder(nil, nil, container.NewCenter(test), nil, container.NewStack(result, busy.Box))))
	copies := form.NewAction(say.T("Copy"), widget.HighImportance, nil)
	copies.Name = say.T("Copy the snippet")
	copies.OnTapped = func() {
		c.page.o.Clipboard.SetContent(text)
		copies.SetText(say.T("Copied"))
	}
	c.sheet.SetButtons(form.NewAction(say.T("Done"), widget.MediumImportance, c.sheet.Close), copies)
	c.sheet.SetFocus(copies)
	form.Relayout(result)
}

// trialWords says how a test went.
func trialWords(t apps.Trial, err error) (string, widget.Importance) {
	switch {
	case err != nil:
		return say.F("The test failed. %s", form.Sentence(err)), widget.DangerImportance
	case t.Tools == 0:
		return say.T("It connects, but sees no tool. Look whether a server runs, and whether the key's limits leave it one."), widget.WarningImportance
	}
	return say.N(t.Tools, "It works: the app connects and sees %d tool, in %d ms.", "It works: the app connects and sees %d tools, in %d ms.", t.Tools, max(1, t.Took.Milliseconds())), widget.SuccessImportance
}
