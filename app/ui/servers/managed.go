package servers

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/store"
)

// What handing a server over means, in the words of the window.
var (
	managedMeans = say.T("A provider that can do so (OpenAI's Responses API, Anthropic's connector) connects to this address itself and gets the headers, tokens included, with each request. " +
		"It gets only the tools that you permit. OpenAI asks before a call that you have not allowed; Anthropic cannot ask, so it gets only tools that you always allow, and the others run here.")
	managedName = say.T("Let the provider connect itself")
)

// modeField is the switch of the editor that hands a server over.
type modeField struct {
	box *fyne.Container
	on  *form.Switch
	why *form.Note
}

func newModeField() *modeField {
	m := &modeField{on: form.NewSwitch(managedName, nil), why: form.Muted(managedMeans)}
	m.box = form.Column(container.NewBorder(nil, nil, nil, container.NewCenter(m.on), form.Caption(managedName)), m.why)
	return m
}

// follow says whether the address could be handed over. A switch that is on
// stays so that it can be turned off.
func (m *modeField) follow(address string) {
	c := bridge.ManagedOf(store.ServerConfig{Transport: store.TransportHTTP, URL: strings.TrimSpace(address)})
	can, text := c.Can, managedMeans
	if !can && strings.TrimSpace(address) != "" {
		text = c.Why
	}
	if m.why.Text != text {
		m.why.SetText(text)
	}
	if can || m.on.Checked {
		m.on.Enable()
	} else {
		m.on.Disable()
	}
}

// modeView says in a review who connects to the address.
func modeView(c store.ServerConfig) fyne.CanvasObject {
	if bridge.ManagedOf(c).On {
		return form.NewToned(form.Label(managedMeans), theme.ColorNameWarning)
	}
	if c.Managed {
		return form.NewCard(form.Muted(say.T("Drawbridge, although providers were to.") + " " + bridge.ManagedOf(c).Why))
	}
	return form.NewCard(form.Muted(say.T("Drawbridge alone.")))
}

// modeWords says on the card who connects; empty where it is Drawbridge as
// usual.
func modeWords(v bridge.ServerView) string {
	switch {
	case v.Managed.On && v.Managed.Hold != nil:
		return say.T("held from providers")
	case v.Managed.On:
		return say.T("providers connect themselves")
	case v.Server.Managed:
		return say.T("runs only here")
	}
	return ""
}

// reviewManaged shows what a provider told of a server that does not fit, and
// lets the person say how it goes on.
func (p *Page) reviewManaged(v bridge.ServerView) {
	hold := v.Managed.Hold
	if hold == nil {
		return
	}
	name := form.Visible(v.Server.Name, false)
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(900, 620)
	lead := form.Label(say.F("%s Drawbridge sees the definitions that you approved, so the server may tell a provider something else than it tells you. Its tools can run here, where you see each call; or hand it over again, if you know what happened.", form.Visible(hold.Reason, true)))
	sheet.SetFill(say.F("What a provider found on %s", name), container.NewBorder(lead, nil, nil, nil, form.NewCode(managedDifference(hold), 200)))
	busy := form.NewBusy()
	cancel := form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close)
	var buttons []*form.Action
	act := func(text string, importance widget.Importance, work func(context.Context) error) *form.Action {
		a := form.NewAction(text, importance, func() {
			for _, b := range buttons {
				b.Disable()
			}
			p.o.Runner.RunBusy(busy, say.T("Saving…"), work, func(err error) {
				if err != nil {
					for _, b := range buttons {
						b.Enable()
					}
					sheet.SetFocus(cancel)
					sheet.Fail(form.Sentence(err))
					return
				}
				sheet.Close()
			})
		})
		buttons = append(buttons, a)
		return a
	}
	again := act(say.T("Hand it over again"), widget.MediumImportance, func(ctx context.Context) error {
		return p.o.Engine.ReleaseManaged(ctx, v.Server.ID, hold.Hash)
	})
	here := act(say.T("Run it here instead"), widget.HighImportance, func(ctx context.Context) error {
		return p.o.Engine.SetServerManaged(ctx, v.Server.ID, false)
	})
	sheet.SetButtons(busy.Box, cancel, again, here)
	sheet.SetFocus(cancel)
	sheet.Show()
}

// managedDifference shows what was seen beside what the provider says it got.
func managedDifference(h *policy.ManagedHold) []form.Line {
	switch {
	case h.Seen != nil && h.Told != nil:
		lines := []form.Line{{Text: say.F("What you have seen, and what the provider got: %s", h.Tool), Tone: theme.ColorNamePrimary}}
		return append(lines, form.Difference(h.Seen, h.Told)...)
	case h.Told != nil:
		lines := []form.Line{{Text: say.F("The provider found: %s", h.Tool), Tone: theme.ColorNamePrimary}}
		return append(lines, form.Lines(form.Definition(h.Told))...)
	case h.Tool != "":
		return []form.Line{{Text: say.F("Tool: %s", h.Tool)}}
	}
	return nil
}
