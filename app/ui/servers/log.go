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
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// logSheet shows the log of a server as it grows, and the messages to and from
// it, where the person has them recorded.
type logSheet struct {
	page  *Page
	id    string
	sheet *form.Sheet
	tabs  *form.Tabs

	lines  []mcphost.LogLine
	level  *form.Select
	framed fyne.CanvasObject // level
	filter *form.Entry
	follow *form.Check
	code   *form.Code
	empty  *form.Note
	log    fyne.CanvasObject

	messages *messageView
	copied   *form.Action
	clear    *form.Action
	undo     *form.Undo
}

// The choices of what is shown, by the least level.
func logLevels() []struct{ title, least string } {
	return []struct{ title, least string }{
		{say.T("All levels"), "debug"}, {say.T("Info and above"), "info"}, {say.T("Warnings and errors"), "warning"}, {say.T("Errors"), "error"},
	}
}

// showLog opens the sheet.
func (p *Page) showLog(v bridge.ServerView) {
	l := &logSheet{page: p, id: v.Server.ID}
	var titles []string
	for _, o := range logLevels() {
		titles = append(titles, o.title)
	}
	l.code = form.NewCode(nil, 200)
	l.level = form.NewSelect(say.T("Levels"), titles, nil)
	l.level.SetSelectedIndex(0)
	l.framed = form.Sized(200, 0, form.Framed(l.level))
	l.filter = form.NewEntry(say.T("Filter"), say.T("Filter"))
	l.follow = form.NewCheck(say.T("Follow"), func(on bool) {
		if on {
			l.code.ScrollToEnd()
		}
	})
	l.follow.SetChecked(true)
	l.code.OnScrolled = func() { l.follow.SetChecked(l.code.AtEnd()) }
	l.level.OnChanged = func(string) { l.show() }
	l.filter.OnChanged = func(string) { l.show(); l.messages.show() }
	l.empty = form.Muted("")
	l.log = container.NewBorder(l.empty, nil, nil, nil, l.code)

	l.copied = form.Button(say.T("Copy"), l.copy)
	l.messages = newMessageView(func(on bool) { p.o.Engine.RecordServerMessages(l.id, on) }, l.enable)
	l.messages.filter = func() string { return l.filter.Text }
	l.clear = form.Button(say.T("Clear"), l.empties)
	l.undo = form.NewUndo(p.o.Runner)
	body := container.NewStack(l.log, l.messages.box)
	l.tabs = form.NewTabs(l.choose, say.T("Log"), say.T("Messages"))
	end := form.Wrap(l.follow, l.framed, form.Sized(200, 0, l.filter), l.messages.record)
	head := form.Beside(l.tabs.Box, end, 0)
	l.sheet = form.NewSheet(p.o.Window, "", nil)
	l.sheet.SetSize(1040, 700)
	l.sheet.SetFill(say.F("%s: log", form.Visible(v.Server.Name, false)), container.NewBorder(form.Pad(0, form.Gap/2, head), l.undo.Box, nil, nil, body))
	done := form.NewAction(say.T("Close"), widget.HighImportance, l.sheet.Close)
	l.sheet.SetButtons(l.clear, l.copied, done)
	l.sheet.SetFocus(done)
	l.choose(0)
	l.sheet.Show()
	l.watch()
}

// empties forgets what was written, which can be taken back for a while.
func (l *logSheet) empties() {
	back := l.page.o.Engine.ClearServerLog(l.id)
	l.lines, l.messages.all = nil, nil
	l.show()
	l.messages.show()
	l.enable()
	l.undo.Offer(form.Undoable{
		Words: say.T("The log and the messages are cleared; the log's file stays"),
		Back:  func(context.Context) error { back(); return nil },
		Done: func(back bool, _ error) {
			if back && l.sheet.IsOpen() {
				l.read()
			}
		},
	})
	l.undo.Focus()
}

// read shows what there is now.
func (l *logSheet) read() {
	e := l.page.o.Engine
	l.lines = e.ServerLogLines(l.id)
	l.show()
	l.messages.set(e.ServerMessages(l.id))
	l.enable()
}

// choose shows the log or the messages.
func (l *logSheet) choose(tab int) {
	for _, o := range []fyne.CanvasObject{l.log, l.follow, l.framed} {
		visible(o, tab == 0)
	}
	for _, o := range []fyne.CanvasObject{l.messages.box, l.messages.record} {
		visible(o, tab == 1)
	}
	l.copied.SetText([]string{say.T("Copy"), say.T("Copy message")}[tab])
	l.enable()
	form.Relayout(l.tabs.Box)
}

func visible(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}

// enable lets the buttons be pressed that would do something.
func (l *logSheet) enable() {
	if l.tabs == nil || l.tabs.Chosen() == 0 {
		enable(l.copied, len(l.lines) > 0)
	} else {
		_, ok := l.messages.chosen()
		enable(l.copied, ok)
	}
	enable(l.clear, len(l.lines)+len(l.messages.all) > 0)
}

// watch shows what comes, until the sheet is closed.
func (l *logSheet) watch() {
	e := l.page.o.Engine
	end := l.page.o.Runner.Follow(func(ctx context.Context, show func(func()) bool) {
		for range e.WatchServerLog(ctx, l.id) {
			lines := e.ServerLogLines(l.id)
			messages, on := e.ServerMessages(l.id)
			if !show(func() {
				l.lines = lines
				l.show()
				l.messages.set(messages, on)
				l.enable()
			}) {
				return
			}
		}
	})
	l.sheet.OnClose(func() {
		end()
		l.undo.HandTo(l.page.undo)
	})
}

// shown returns the lines that pass the filters.
func (l *logSheet) shown() []form.Line {
	least := mcphost.LevelRank(logLevels()[max(l.level.SelectedIndex(), 0)].least)
	find := strings.ToLower(l.filter.Text)
	var out []form.Line
	for _, line := range l.lines {
		if mcphost.LevelRank(line.Level) < least || !strings.Contains(strings.ToLower(line.Text), find) {
			continue
		}
		text := line.Text
		if line.From == mcphost.LogHost {
			text = say.F("Drawbridge: %s", text)
		}
		shown := form.Line{Text: line.At.Local().Format("15:04:05.000") + "  " + text}
		switch rank := mcphost.LevelRank(line.Level); {
		case rank >= mcphost.LevelRank("error"):
			shown.Tone = theme.ColorNameError
		case rank >= mcphost.LevelRank("warning"):
			shown.Tone = theme.ColorNameWarning
		}
		out = append(out, shown)
	}
	return out
}

func (l *logSheet) show() {
	lines := l.shown()
	l.code.SetLines(lines)
	if l.follow.Checked {
		l.code.ScrollToEnd()
	}
	words := ""
	switch {
	case len(l.lines) == 0:
		words = say.T("Nothing has been written yet. What comes appears here.")
	case len(lines) == 0:
		words = say.N(len(l.lines), "The %d line does not pass the filter.", "None of the %d lines passes the filter.", len(l.lines))
	}
	if l.empty.Text != words || words == "" {
		l.empty.SetText(words)
		visible(l.empty, words != "")
		l.log.Refresh() // what was below it takes its room
	}
}

func (l *logSheet) copy() {
	if l.tabs.Chosen() == 1 {
		if m, ok := l.messages.chosen(); ok {
			l.page.o.Clipboard.SetContent(m.Text)
		}
		return
	}
	var b strings.Builder
	for _, line := range l.shown() {
		b.WriteString(line.Text + "\n")
	}
	l.page.o.Clipboard.SetContent(b.String())
}
