package chat

import (
	"context"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// toolsSheet is where a person chooses the tools of a conversation.
type toolsSheet struct {
	p       *Page
	sheet   *form.Sheet
	search  *form.Entry
	list    *fyne.Container
	count   *form.Note
	views   []bridge.ServerView
	refused map[tools.Ref]bool // "never", whatever is switched
	open    map[string]bool    // servers whose tools are shown
}

// chooseTools opens the sheet.
func (p *Page) chooseTools() {
	t := &toolsSheet{p: p, list: container.NewVBox(), count: form.MutedWord(""), views: p.views, refused: map[tools.Ref]bool{}, open: map[string]bool{}}
	t.search = form.NewEntry("Search tools", "Search tools")
	t.search.OnChanged = func(string) { t.fill() }
	head := container.NewBorder(nil, nil, nil, form.Row(
		form.Quiet("All", nil, func() { t.all(true) }),
		form.Quiet("None", nil, func() { t.all(false) })), t.count)
	content := container.NewBorder(container.NewVBox(t.search, head), nil, nil, nil,
		container.NewVScroll(container.New(layout.NewCustomPaddedLayout(4, 8, 0, 12), t.list)))
	t.sheet = form.NewSheet(p.o.Window, "Tools in this conversation", content)
	t.sheet.SetFill("Tools in this conversation", content)
	t.sheet.SetSize(620, 640)
	t.sheet.SetButtons(form.NewAction("Done", widget.HighImportance, t.sheet.Close))
	t.sheet.OnClose(func() { p.tools = nil; p.focusInput() })
	t.sheet.SetFocus(t.search)
	if len(t.views) <= 3 {
		for _, v := range t.views {
			t.open[v.Server.ID] = true
		}
	}
	p.tools = t
	t.fill()
	t.sheet.Show()
	t.loadAnswers()
}

// loadAnswers finds the tools that the person refused for good.
func (t *toolsSheet) loadAnswers() {
	var views []bridge.ToolView
	t.p.o.Runner.Run(func(ctx context.Context) (err error) {
		views, err = t.p.o.Engine.Tools(ctx)
		return err
	}, func(err error) {
		if !t.sheet.IsOpen() {
			return
		}
		if err != nil {
			t.sheet.Fail(form.Sentence(err))
			return
		}
		for _, v := range views {
			if v.Standing == tools.AnswerNever {
				t.refused[v.Ref] = true
			}
		}
		if len(t.refused) > 0 {
			t.fill()
		}
	})
}

// setServers shows what changed while the sheet is open.
func (t *toolsSheet) setServers(views []bridge.ServerView) {
	t.views = views
	t.fill()
}

func (t *toolsSheet) all(on bool) {
	s := store.Switches{Off: !on}
	t.p.setSwitches(s)
	t.fill()
}

func (t *toolsSheet) fill() {
	switches := t.p.switches()
	query := strings.ToLower(strings.TrimSpace(t.search.Text))
	var rows []fyne.CanvasObject
	for _, v := range t.views {
		if v.Server.Disabled {
			continue
		}
		matching := matchTools(v, query)
		if query != "" && len(matching) == 0 {
			continue
		}
		rows = append(rows, t.serverRow(v, switches, query != ""))
		if query != "" || t.open[v.Server.ID] {
			for _, tool := range matching {
				rows = append(rows, t.toolRow(v, tool, switches))
			}
			for _, h := range v.Held {
				if h.Name != "" && query == "" {
					rows = append(rows, t.heldRow(h.Name))
				}
			}
		}
	}
	if len(rows) == 0 {
		text := "No server is running. Add one on the Servers page."
		if query != "" {
			text = "No tool matches."
		}
		rows = append(rows, form.Muted(text))
	}
	t.list.Objects = rows
	t.list.Refresh()
	on, all := countTools(t.views, switches)
	t.count.SetText(fmt.Sprintf("%d of %d tools are offered to the model", on, all))
}

func matchTools(v bridge.ServerView, query string) []tools.Tool {
	if query == "" {
		return v.Passed
	}
	var out []tools.Tool
	for _, t := range v.Passed {
		if strings.Contains(strings.ToLower(v.Server.Name+" "+t.Tool+" "+t.Title+" "+t.Description), query) {
			out = append(out, t)
		}
	}
	return out
}

// countTools counts the tools that are on, and all there are.
func countTools(views []bridge.ServerView, s store.Switches) (on, all int) {
	for _, v := range views {
		for _, t := range v.Passed {
			all++
			if s.On(t.Server, t.Tool) {
				on++
			}
		}
	}
	return on, all
}

func (t *toolsSheet) serverRow(v bridge.ServerView, s store.Switches, searching bool) fyne.CanvasObject {
	id := v.Server.ID
	name := form.Bold(form.Visible(v.Server.Name, false))
	name.Truncation = fyne.TextTruncateEllipsis
	icon := theme.IconChevronRight
	label := "Show the tools of " + v.Server.Name
	if t.open[id] || searching {
		icon, label = theme.IconChevronDown, "Hide the tools of "+v.Server.Name
	}
	fold := theme.NewSmallIconButton(label, theme.Icon(icon), func() { t.open[id] = !t.open[id]; t.fill() })
	on := 0
	for _, tool := range v.Passed {
		if s.On(id, tool.Tool) {
			on++
		}
	}
	state := form.MutedWord(fmt.Sprintf("%d of %d", on, len(v.Passed)))
	if v.State != mcphost.Ready {
		state.SetText(string(v.State))
	}
	sw := form.NewSwitch("Use "+v.Server.Name, func(on bool) {
		t.p.setSwitches(t.p.switches().SetServer(id, on))
		t.fill()
	})
	sw.Set(s.ServerOn(id))
	return container.NewBorder(nil, nil, fold, form.Row(state, sw), name)
}

func (t *toolsSheet) toolRow(v bridge.ServerView, tool tools.Tool, s store.Switches) fyne.CanvasObject {
	name := widget.NewLabel(form.Visible(tool.Tool, false))
	name.Truncation = fyne.TextTruncateEllipsis
	text := tool.Description
	if text == "" {
		text = tool.Title
	}
	if t.refused[tool.Ref] {
		text = "Never allowed; change that in the settings."
	}
	about := form.MutedLine(firstLine(text), fyne.TextStyle{})
	sw := form.NewSwitch("Use "+v.Server.Name+" "+tool.Tool, func(on bool) {
		t.p.setSwitches(t.p.switches().SetTool(tool.Server, tool.Tool, on))
		t.fill()
	})
	sw.Set(s.On(tool.Server, tool.Tool))
	if !s.ServerOn(tool.Server) || t.refused[tool.Ref] {
		sw.Disable()
	}
	rows := container.New(layout.NewCustomPaddedVBoxLayout(-12), name, about)
	return container.New(layout.NewCustomPaddedLayout(0, 0, 24, 0), container.NewBorder(nil, nil, nil, sw, rows))
}

func (t *toolsSheet) heldRow(name string) fyne.CanvasObject {
	label := widget.NewLabel(form.Visible(name, false))
	label.Truncation = fyne.TextTruncateEllipsis
	review := form.Quiet("Changed: review", theme.Icon(theme.IconHeld), func() { t.sheet.Close(); t.p.o.OpenServers() })
	return container.New(layout.NewCustomPaddedLayout(0, 0, 24, 0), container.NewBorder(nil, nil, nil, review, label))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200]) + "…"
	}
	return form.Visible(line, false)
}
