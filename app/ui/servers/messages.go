package servers

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// messageView shows the messages of JSON-RPC to and from a server.
type messageView struct {
	box    *fyne.Container
	record *fyne.Container
	on     *form.Switch
	list   *form.List
	code   *form.Code
	empty  *form.Note
	filter func() string
	picked func() // after another one was chosen

	all   []mcphost.Message
	rows  []mcphost.Message // those that pass the filter
	which time.Time         // when the chosen one was; zero for none
}

var recordWords = say.T("Switch on “Record messages” to see what goes to the server and comes from it. They are kept in memory alone, without secrets.")

func newMessageView(record func(on bool), picked func()) *messageView {
	m := &messageView{picked: picked, filter: func() string { return "" }}
	var title = say.T("Record messages")
	m.on = form.NewSwitch(title, record)
	m.record = container.NewHBox(container.NewCenter(form.MutedWord(title)), container.NewCenter(m.on))
	m.code = form.NewCode(nil, 200)
	m.empty = form.Muted(recordWords)
	m.list = form.NewList(say.T("Messages"), func() int { return len(m.rows) },
		func() fyne.CanvasObject { return form.MutedLine("", fyne.TextStyle{Monospace: true}) },
		func(i widget.ListItemID, o fyne.CanvasObject) {
			if n, ok := o.(*form.Note); ok && i < len(m.rows) {
				n.SetText(form.Visible(messageLine(m.rows[i]), false))
			}
		})
	m.list.OnSelected = func(i widget.ListItemID) {
		m.which = m.rows[i].At
		m.code.SetLines(form.Lines(pretty(json.RawMessage(m.rows[i].Text))))
		m.picked()
	}
	split := container.NewHSplit(m.list, form.Pad(form.Gap/2, 0, m.code))
	split.Offset = 0.4
	m.box = container.NewBorder(m.empty, nil, nil, nil, split)
	return m
}

// messageLine says what a message is, in one line.
func messageLine(m mcphost.Message) string {
	arrow := "←"
	if m.Sent {
		arrow = "→"
	}
	var w struct {
		ID     json.RawMessage
		Method string
		Params struct{ Name, URI string }
		Error  *struct{ Message string }
	}
	what := "…" // too long to be looked into
	if json.Unmarshal([]byte(m.Text), &w) == nil {
		switch {
		case w.Method != "":
			what = strings.TrimSpace(w.Method + " " + nameOf(w.Params.Name, w.Params.URI))
		case w.Error != nil:
			what = say.F("error: %s", w.Error.Message)
		default:
			what = say.T("result")
		}
		if len(w.ID) > 0 && string(w.ID) != "null" {
			what = "#" + string(w.ID) + " " + what
		}
	}
	return fmt.Sprintf("%s %s %s · %s", m.At.Local().Format("15:04:05.000"), arrow, what, parts.Size(m.Size))
}

// set takes what was recorded.
func (m *messageView) set(list []mcphost.Message, on bool) {
	m.on.Set(on)
	m.all = list
	m.show()
}

func (m *messageView) show() {
	find := strings.ToLower(m.filter())
	m.rows = m.rows[:0:0]
	still := false
	for _, one := range m.all {
		if strings.Contains(strings.ToLower(one.Text), find) {
			m.rows = append(m.rows, one)
			still = still || one.At.Equal(m.which)
		}
	}
	if !still && !m.which.IsZero() {
		m.which = time.Time{}
		m.list.UnselectAll()
		m.code.SetLines(nil)
		m.picked()
	}
	words := ""
	switch {
	case len(m.all) > 0:
	case m.on.Checked:
		words = say.T("Recording. Nothing has gone to the server or come from it since.")
	default:
		words = recordWords
	}
	if m.empty.Text != words || m.empty.Visible() != (words != "") {
		m.empty.SetText(words)
		visible(m.empty, words != "")
		m.box.Refresh() // what was below it takes its room
	}
	m.list.Refresh()
	if m.which.IsZero() && len(m.rows) > 0 { // nobody reads one
		m.list.ScrollToBottom()
	}
}

// chosen returns the message that is.
func (m *messageView) chosen() (mcphost.Message, bool) {
	for _, one := range m.rows {
		if !m.which.IsZero() && one.At.Equal(m.which) {
			return one, true
		}
	}
	return mcphost.Message{}, false
}
