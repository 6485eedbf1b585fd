package servers

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// sandboxRow is the badge of a card that says what holds a server.
type sandboxRow struct {
	box  *fyne.Container
	note *form.Note
	more *form.Action
	view bridge.ServerView
}

func newSandboxRow(p *Page) *sandboxRow {
	r := &sandboxRow{note: form.Muted("")}
	r.more = form.Quiet(say.T("What holds"), theme.InfoIcon(), func() { p.showSandbox(r.view) })
	r.box = container.NewStack()
	r.box.Hide()
	return r
}

func (r *sandboxRow) set(v bridge.ServerView) {
	r.view = v
	words, missing := sandboxBadge(v)
	r.box.RemoveAll()
	if words == "" {
		r.box.Hide()
		return
	}
	r.note.SetText(words)
	row := container.NewBorder(nil, nil, nil, nil, r.note)
	if v.Sandbox != nil {
		row = container.NewBorder(nil, nil, nil, container.NewCenter(r.more), r.note)
	}
	if missing {
		r.box.Add(form.NewToned(row, theme.ColorNameWarning))
	} else {
		r.box.Add(row)
	}
	r.box.Show()
}

// sandboxBadge says in a line what holds a server, empty where nothing was to;
// and whether there is no sandbox although there was to be one.
func sandboxBadge(v bridge.ServerView) (words string, missing bool) {
	asked, is := v.Server.Sandbox, v.Sandbox
	switch {
	case asked == nil:
		return "", false
	case is == nil:
		return say.T("To run in a sandbox. What holds is shown here once it was started."), false
	case is.Method == "" && asked.Optional:
		return say.T("No sandbox on this system: it runs without one."), true
	case is.Method == "":
		return say.T("No sandbox on this system: it was not started."), true
	}
	if asked.Network {
		return say.F("In a sandbox (%s), with the network.", is.Method), false
	}
	return say.F("In a sandbox (%s), without the network.", is.Method), false
}

// showSandbox shows what holds a server, and what does not.
func (p *Page) showSandbox(v bridge.ServerView) {
	if v.Sandbox == nil {
		return
	}
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(640, 420)
	box := form.Column()
	part := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		box.Add(form.Bold(title))
		for _, line := range lines {
			box.Add(form.Label(form.Visible(line, false)))
		}
	}
	part(say.T("What holds"), v.Sandbox.Holds)
	part(say.T("What does not"), v.Sandbox.Gaps)
	if v.Sandbox.Missing != "" {
		part(say.T("What is missing"), []string{v.Sandbox.Missing})
	}
	sheet.SetFill(say.F("The sandbox of %s", form.Visible(v.Server.Name, false)), container.NewVScroll(box))
	done := form.NewAction(say.T("Close"), widget.HighImportance, sheet.Close)
	sheet.SetButtons(done)
	sheet.SetFocus(done)
	sheet.Show()
}

// sandboxView shows in a review what a program may do in its sandbox.
func sandboxView(s *store.Sandbox) fyne.CanvasObject {
	box := form.Column()
	add := func(text string) { box.Add(form.Muted(text)) }
	add(say.T("It has a home of its own and sees the system's folders, its working folder and the folders that it is told of."))
	for _, p := range s.Read {
		box.Add(form.Exact(say.F("reads: %s", form.Spaced(p))))
	}
	for _, p := range s.Write {
		box.Add(form.Exact(say.F("reads and writes: %s", form.Spaced(p))))
	}
	if s.Network {
		add(say.T("It may use the network."))
	} else {
		add(say.T("It makes no connection."))
	}
	if s.Optional {
		box.Add(form.NewToned(form.Label(say.T("Where a system has no sandbox, it starts without one.")), theme.ColorNameWarning))
	}
	return form.NewCard(box)
}
