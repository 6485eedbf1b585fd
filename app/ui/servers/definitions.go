package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// definition is what a model would get of a tool, or of the server itself.
type definition struct {
	name string
	icon image.Image // that the server gave it; nil for none
	head string      // a line or two about it
	tool *tools.Tool // nil for the instructions
	text string      // what a person reads first
	json string      // the whole, as the server sent it
}

// definitionsOf lists what a server says to models.
func definitionsOf(v bridge.ServerView) []definition {
	var out []definition
	if v.Instructions != nil {
		quoted, err := json.Marshal(v.Instructions.Text)
		if err != nil {
			panic("servers: a string always encodes: " + err.Error())
		}
		out = append(out, definition{
			name: say.T("Instructions"), head: say.T("What the server tells every model about itself."),
			text: v.Instructions.Text, json: string(quoted),
		})
	}
	table := tools.NewTable(v.Tools, tools.OpenAI)
	for _, t := range v.Tools {
		d := definition{name: t.Tool, text: t.Description, json: pretty(t.Definition), tool: &t}
		if icon := mcphost.IconOf(t.Definition); icon != nil {
			if img, _, err := image.Decode(bytes.NewReader(icon.Data)); err == nil {
				d.icon = img
			}
		}
		if name, ok := table.Name(t.Ref); ok {
			d.head = say.F("Offered to models as %s", name)
		}
		if t.Title != "" && t.Title != t.Tool {
			d.head = "“" + t.Title + "”. " + d.head
		}
		if words := claimWords(t.Claims); words != "" {
			d.head = strings.TrimSpace(d.head + ".\n" + words)
		}
		out = append(out, d)
	}
	return out
}

// pretty indents JSON and changes nothing else of it.
func pretty(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}

// definitionRow is the name of a definition, with the icon that the server gave it.
type definitionRow struct {
	widget.BaseWidget
	icon *canvas.Image
	name *form.Words
}

func newDefinitionRow() *definitionRow {
	r := &definitionRow{icon: canvas.NewImageFromImage(nil), name: form.NewWords("")}
	r.icon.FillMode = canvas.ImageFillContain
	r.icon.SetMinSize(fyne.NewSquareSize(theme.IconInlineSize()))
	r.icon.Hide()
	r.name.Truncation = fyne.TextTruncateEllipsis
	r.ExtendBaseWidget(r)
	return r
}

func (r *definitionRow) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewBorder(nil, nil, r.icon, nil, r.name))
}

func (r *definitionRow) set(d definition) {
	r.icon.Image = d.icon
	visible(r.icon, d.icon != nil)
	r.icon.Refresh()
	r.name.SetText(form.Visible(d.name, false))
	r.Refresh()
}

// definitions shows each definition of a server in full.
func (p *Page) definitions(v bridge.ServerView) {
	all := definitionsOf(v)
	code := form.NewCode(nil, 200)
	head := form.Muted("")
	text := form.NewCode(nil, 84)
	chosen := 0
	runs := func(t *tools.Tool) bool {
		return t != nil && slices.ContainsFunc(v.Passed, func(o tools.Tool) bool { return o.Ref == t.Ref && o.Hash == t.Hash })
	}
	var run *form.Action
	var right *fyne.Container
	choose := func(i int) {
		chosen = i
		enable(run, runs(all[i].tool))
		head.SetText(form.Visible(all[i].head, true))
		text.SetLines(form.Lines(all[i].text))
		code.SetLines(form.Lines(all[i].json))
		if visible(text, all[i].tool != nil); all[i].tool == nil { // they are all text
			code.SetLines(form.Lines(all[i].text))
		}
		right.Refresh()
	}
	list := form.NewList(say.T("Definitions"),
		func() int { return len(all) },
		func() fyne.CanvasObject {
			return newDefinitionRow()
		},
		func(i widget.ListItemID, o fyne.CanvasObject) {
			if r, ok := o.(*definitionRow); ok {
				r.set(all[i])
			}
		})
	list.OnSelected = choose
	right = container.NewBorder(container.NewVBox(head, text), nil, nil, nil, code)
	split := container.NewHSplit(list, form.Pad(form.Gap, 0, right))
	split.Offset = 0.28

	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(980, 680)
	sheet.SetFill(say.N(len(v.Tools), "%s: %d tool", "%s: %d tools", form.Visible(v.Server.Name, false), len(v.Tools)), split)
	done := form.NewAction(say.T("Close"), widget.HighImportance, sheet.Close)
	run = form.Button(say.T("Run it…"), func() {
		if t := all[chosen].tool; t != nil {
			p.runTool(*t)
		}
	})
	run.Disable()
	sheet.SetButtons(form.Button(say.T("Copy definition"), func() {
		if chosen < len(all) {
			p.o.Clipboard.SetContent(all[chosen].json)
		}
	}), run, done)
	sheet.SetFocus(done)
	sheet.Show()
	if len(all) > 0 {
		list.Select(0)
	}
}

// difference shows how held definitions differ from those that were seen.
func difference(held []policy.Held) []form.Line {
	var out []form.Line
	for i, h := range held {
		if i > 0 {
			out = append(out, form.Line{})
		}
		name := h.Name
		if name == "" {
			name = say.T("the server's instructions")
		}
		if h.Old == nil {
			out = append(out, form.Line{Text: say.F("New: %s", name), Tone: theme.ColorNamePrimary})
			for _, l := range form.Lines(form.Definition(h.New)) {
				out = append(out, form.Line{Text: "+ " + l.Text, Tone: theme.ColorNameSuccess})
			}
			continue
		}
		out = append(out, form.Line{Text: say.F("Changed: %s", name), Tone: theme.ColorNamePrimary})
		out = append(out, form.Difference(h.Old, h.New)...)
	}
	return out
}

// reviewDefinitions shows what changed and lets the person accept it.
func (p *Page) reviewDefinitions(v bridge.ServerView) {
	held := v.Held
	seen := make(map[string]string, len(held))
	for _, h := range held {
		seen[h.Name] = h.NewHash
	}
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(900, 660)
	lead := form.Label(say.T("A server can change what it tells a model about its tools. Read what is different: text that gives a model orders is a reason to refuse. Until you approve, the tools below are not offered and cannot be called."))
	sheet.SetFill(say.N(len(held), "Review %d definition of %s", "Review %d definitions of %s", len(held), form.Visible(v.Server.Name, false)),
		container.NewBorder(lead, nil, nil, nil, form.NewCode(difference(held), 240)))
	words := say.T("Approve")
	if len(held) > 1 {
		words = say.N(len(held), "Approve all %d", "Approve all %d", len(held))
	}
	p.approving(sheet, words, func(ctx context.Context) error { return p.o.Engine.ApproveTools(ctx, v.Server.ID, seen) })
}
