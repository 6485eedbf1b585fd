package servers

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// offered is something that a server has beside tools, to be looked at.
type offered struct {
	title string // what the list shows
	about string // the server's words on it
	takes []mcphost.PromptArgument
	// read asks the server for it, with a value for what it takes.
	read func(ctx context.Context, values map[string]string) (string, error)
}

// offersOf lists what a server has.
func (p *Page) offersOf(ctx context.Context, v bridge.ServerView) ([]offered, error) {
	id := v.Server.ID
	resource := func(ctx context.Context, uri string) (string, error) {
		parts, err := p.o.Engine.ReadResource(ctx, id, uri)
		return asText(parts), err
	}
	var out []offered
	if v.Offers.Resources {
		all, err := p.o.Engine.Resources(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, r := range all.Resources {
			out = append(out, offered{
				title: nameOf(r.Title, r.Name, r.URI), about: strings.TrimSpace(r.URI + "\n" + r.Description),
				read: func(ctx context.Context, _ map[string]string) (string, error) { return resource(ctx, r.URI) },
			})
		}
		for _, t := range all.Templates {
			o := offered{
				title: nameOf(t.Title, t.Name, t.URITemplate), about: strings.TrimSpace(t.URITemplate + "\n" + t.Description),
				read: func(ctx context.Context, values map[string]string) (string, error) {
					uri, err := t.Expand(values)
					if err != nil {
						return "", err
					}
					return resource(ctx, uri)
				},
			}
			for _, name := range t.Variables() {
				o.takes = append(o.takes, mcphost.PromptArgument{Name: name})
			}
			out = append(out, o)
		}
	}
	if v.Offers.Prompts {
		list, err := p.o.Engine.Prompts(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, one := range list {
			out = append(out, offered{
				title: "Prompt: " + nameOf(one.Title, one.Name), about: one.Description, takes: one.Arguments,
				read: func(ctx context.Context, values map[string]string) (string, error) {
					messages, err := p.o.Engine.GetPrompt(ctx, id, one.Name, values)
					var b strings.Builder
					for _, m := range messages {
						fmt.Fprintf(&b, "%s:\n%s\n", m.Role, asText(m.Parts))
					}
					return b.String(), err
				},
			})
		}
	}
	return out, nil
}

func nameOf(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

// asText shows parts as text; what is none is named.
func asText(parts store.Parts) string {
	var b strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case store.Text:
			b.WriteString(p.Text + "\n")
		case store.Image:
			fmt.Fprintf(&b, "[image %s, %d bytes]\n", p.MIMEType, len(p.Data))
		case store.File:
			if utf8.Valid(p.Data) && !strings.ContainsRune(string(p.Data), 0) {
				b.WriteString(string(p.Data) + "\n")
			} else {
				fmt.Fprintf(&b, "[%s %s, %d bytes]\n", p.URI, p.MIMEType, len(p.Data))
			}
		}
	}
	return b.String()
}

// browse shows the resources and prompts of a server. Nothing is read before it
// is chosen, and nothing of it goes to a model.
func (p *Page) browse(v bridge.ServerView) {
	sheet := form.NewSheet(p.o.Window, "", nil)
	sheet.SetSize(1000, 640)
	code := form.NewCode(nil, 200)
	above := form.Column()
	busy := form.NewBusy()
	var all []offered
	text := ""
	show := func(s string) {
		text = s
		code.SetLines(form.Lines(s))
	}
	read := func(o offered, values map[string]string) {
		sheet.Fail("")
		got := ""
		p.o.Runner.RunBusy(busy, "Asking the server…", func(ctx context.Context) (err error) {
			got, err = o.read(ctx, values)
			return err
		}, func(err error) {
			if err != nil {
				sheet.Fail(form.Sentence(err))
				return
			}
			show(got)
		})
	}
	list := widget.NewList(func() int { return len(all) },
		func() fyne.CanvasObject {
			l := widget.NewLabel("")
			l.Truncation = fyne.TextTruncateEllipsis
			return l
		},
		func(i widget.ListItemID, o fyne.CanvasObject) {
			o.(*widget.Label).SetText(form.Visible(all[i].title, false))
		})
	list.OnSelected = func(i widget.ListItemID) {
		o := all[i]
		show("")
		above.Objects = []fyne.CanvasObject{form.Muted(form.Visible(o.about, true))}
		if len(o.takes) == 0 {
			read(o, nil)
		} else {
			above.Objects = append(above.Objects, arguments(o, read)...)
		}
		form.Relayout(above)
	}
	split := container.NewHSplit(list, container.NewBorder(form.Column(above, busy.Box), nil, nil, nil, code))
	split.SetOffset(0.34)
	sheet.SetFill("What "+form.Visible(v.Server.Name, false)+" offers beside tools", split)
	done := form.NewAction("Close", widget.HighImportance, sheet.Close)
	sheet.SetButtons(form.Button("Copy", func() { p.o.Clipboard.SetContent(text) }), done)
	sheet.SetFocus(done)
	sheet.Show()
	p.o.Runner.RunBusy(busy, "Asking the server…", func(ctx context.Context) (err error) {
		all, err = p.offersOf(ctx, v)
		return err
	}, func(err error) {
		if err != nil {
			sheet.Fail(form.Sentence(err))
		}
		list.Refresh()
	})
}

// arguments are the fields for what a prompt or a template takes.
func arguments(o offered, read func(offered, map[string]string)) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	fields := map[string]*form.Field{}
	for _, a := range o.takes {
		f := form.NewField(form.Visible(nameOf(a.Title, a.Name), false), "", form.Visible(a.Description, false))
		fields[a.Name] = f
		out = append(out, f.Box)
	}
	return append(out, form.Row(form.NewAction("Read", widget.HighImportance, func() {
		values := map[string]string{}
		for _, a := range o.takes {
			f := fields[a.Name]
			f.SetError("")
			if s := f.Text(); s != "" {
				values[a.Name] = s
			} else if a.Required {
				f.SetError("This is required.")
				return
			}
		}
		read(o, values)
	})))
}
