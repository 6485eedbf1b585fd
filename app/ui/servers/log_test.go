package servers

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

func TestLog(t *testing.T) {
	e := uitest.NewEngine()
	e.Views = append(e.Views, uitest.Stdio("files", mcphost.Ready, "npx"))
	e.Logs["files"] = []mcphost.LogLine{
		{From: mcphost.LogHost, Level: "info", Text: "ready with 3 tools"},
		{From: mcphost.LogServer, Level: "info", Text: "second \x1b[0m"},
		{From: mcphost.LogMessage, Level: "warning", Text: "[warning] slow disk"},
		{From: mcphost.LogServer, Level: "error", Text: "Error: no such file"},
	}
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Show log files")
	uitest.Shows(t, w, "Drawbridge: ready with 3 tools", "second ‹U+001B›[0m", "slow disk")
	level := uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == "Levels" })
	level.SetSelected("Warnings and errors")
	uitest.Shows(t, w, "slow disk", "no such file")
	uitest.ShowsNot(t, w, "ready with", "second")
	uitest.Fill(t, w, "Filter", "SLOW")
	uitest.ShowsNot(t, w, "no such file")
	uitest.Tap(t, w, "Copy")
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.HasSuffix(got, "  [warning] slow disk\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q was copied", got)
	}
	uitest.Fill(t, w, "Filter", "nowhere")
	uitest.Shows(t, w, "None of the 4 lines passes the filter.")
	uitest.Tap(t, w, "Clear")
	uitest.Shows(t, w, "Nothing has been written yet.")
	did(t, e, "clear the log of files")
	uitest.Fill(t, w, "Filter", "")
	uitest.Tap(t, w, "Undo the deletion")
	uitest.Shows(t, w, "slow disk", "no such file")
	did(t, e, "clear the log of files", "bring the log of files back")
	if uitest.Button(t, w, "Clear").Disabled() {
		t.Error("what is back cannot be cleared")
	}
	// It can be taken back also when the sheet is closed.
	uitest.Tap(t, w, "Clear")
	uitest.Tap(t, w, "Close")
	uitest.Shows(t, w, "The log and the messages are cleared")
	uitest.Tap(t, w, "Undo the deletion")
	did(t, e, "clear the log of files", "bring the log of files back", "clear the log of files", "bring the log of files back")
}

func TestMessages(t *testing.T) {
	e := uitest.NewEngine()
	e.Views = append(e.Views, uitest.Stdio("files", mcphost.Ready, "npx"))
	_, w := open(t, e, theme.Dark)
	uitest.Tap(t, w, "Show log files")
	uitest.Tap(t, w, "Messages")
	uitest.Shows(t, w, "Switch on “Record messages”")
	uitest.Find(t, w, func(s *form.Switch) bool { return uitest.English(s.Name) == "Record messages" }).Tapped(nil)
	did(t, e, "record files true")
	uitest.Tap(t, w, "Close")

	now := time.Now()
	e.Sent = []mcphost.Message{
		{At: now, Sent: true, Text: `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"read"}}`, Size: 70},
		{At: now.Add(1), Text: `{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"gone\u202e"}}`, Size: 1234},
		{At: now.Add(2), Text: `{"cut`, Size: 70_000_000},
	}
	uitest.Tap(t, w, "Show log files")
	uitest.Tap(t, w, "Messages")
	uitest.Shows(t, w, "→ #3 tools/call read · 70 B", "← #3 error: gone‹U+202E› · 1.2 kB", "← … · 70.0 MB")
	uitest.ShowsNot(t, w, "Switch on")
	list := uitest.Find(t, w, func(*form.List) bool { return true })
	if !uitest.Button(t, w, "Copy message").Disabled() {
		t.Error("nothing is chosen, and can be copied")
	}
	list.Select(0)
	uitest.Shows(t, w, `"method": "tools/call"`)
	uitest.Tap(t, w, "Copy message")
	if got := fyne.CurrentApp().Clipboard().Content(); got != e.Sent[0].Text {
		t.Errorf("%q was copied", got)
	}
	uitest.Fill(t, w, "Filter", "gone")
	uitest.ShowsNot(t, w, "tools/call")
}

// growing is an engine whose log grows while it is watched.
type growing struct {
	*uitest.Engine
	next chan mcphost.LogLine
	over chan struct{}
}

func (g *growing) WatchServerLog(ctx context.Context, id string) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		defer close(g.over)
		for {
			if !yield(struct{}{}) {
				return
			}
			select {
			case line := <-g.next:
				g.Logs[id] = append(g.ServerLogLines(id), line)
			case <-ctx.Done():
				return
			}
		}
	}
}

func TestTheLogGrowsWhileItIsShown(t *testing.T) {
	e := uitest.NewEngine()
	e.Views = append(e.Views, uitest.Stdio("files", mcphost.Ready, "npx"))
	for i := range 200 {
		e.Logs["files"] = append(e.Logs["files"], mcphost.LogLine{Level: "info", Text: fmt.Sprintf("line %d", i)})
	}
	g := &growing{e, make(chan mcphost.LogLine), make(chan struct{})}
	w := uitest.Window(t, theme.Light, size)
	queue := make(chan func(), 10) // stands for the goroutine of the window
	p := New(Options{Engine: g, Window: w, Clipboard: fyne.CurrentApp().Clipboard(), Runner: form.Runner{
		Do: func(f func()) { queue <- f },
		Go: func(f func(context.Context)) { go f(t.Context()) },
	}})
	w.SetContent(p.Object())
	w.Resize(size)
	p.SetServers(e.Views)
	uitest.Tap(t, w, "Show log files")
	code := uitest.Find(t, w, func(*form.Code) bool { return true })
	(<-queue)()
	if !code.AtEnd() {
		t.Error("it does not begin at the end")
	}
	g.next <- mcphost.LogLine{Level: "info", Text: "the newest"}
	(<-queue)()
	uitest.Shows(t, w, "the newest")
	if !code.AtEnd() {
		t.Error("it does not follow the end")
	}
	follow := uitest.Find(t, w, func(c *form.Check) bool { return c.Text == "Follow" })
	follow.SetChecked(false)
	code.ScrollToTop()
	g.next <- mcphost.LogLine{Level: "info", Text: "later still"}
	(<-queue)()
	if code.AtEnd() {
		t.Error("it takes a reader away from what they read")
	}
	uitest.Tap(t, w, "Close")
	<-g.over
}
