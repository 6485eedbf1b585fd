package offers

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // the kinds of icons
	_ "image/png"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// item is something that a server has beside tools.
type item struct {
	id     string // of the server
	server string // what people call it; empty where all are of one
	title  string
	name   string // what the server calls a prompt or a template
	about  string // the server's words on it
	prompt bool
	icon   image.Image // nil without one
	takes  []mcphost.PromptArgument
	// complete says what a value of an argument is completed by; nil where the
	// server proposes nothing.
	complete func(argument string, others map[string]string) mcphost.Completing
	watch    bool // the server tells of changes
	read     func(ctx context.Context, values map[string]string) (answer, error)
}

// answer is what a server gave for an item.
type answer struct {
	parts    store.Parts
	uri      string // of a resource; empty for a prompt
	messages []mcphost.PromptMessage
}

// text is what can be copied of it.
func (a answer) text() string {
	var b strings.Builder
	for _, p := range a.parts {
		switch p := p.(type) {
		case store.Text:
			b.WriteString(p.Text + "\n")
		case store.File:
			b.Write(p.Data)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// offered lists what the servers have. An error of one does not hide the others'.
func (s *sheet) offered(ctx context.Context) ([]*item, error) {
	var out []*item
	var failed error
	for _, v := range s.o.Servers {
		if v.State != mcphost.Ready {
			continue
		}
		list, err := s.of(ctx, v)
		out = append(out, list...)
		if err != nil && failed == nil {
			failed = err
		}
	}
	return out, failed
}

func (s *sheet) of(ctx context.Context, v bridge.ServerView) (out []*item, err error) {
	if v.Offers.Resources && s.o.Kind != Prompts {
		all, err := s.o.Engine.Resources(ctx, v.Server.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range all.Resources {
			out = append(out, s.resource(v, r))
		}
		for _, t := range all.Templates {
			out = append(out, s.template(v, t))
		}
	}
	if v.Offers.Prompts && s.o.Kind != Resources {
		list, err := s.o.Engine.Prompts(ctx, v.Server.ID)
		if err != nil {
			return out, err
		}
		for _, p := range list {
			out = append(out, s.prompt(v, p))
		}
	}
	return out, nil
}

func (s *sheet) newItem(v bridge.ServerView, icon *mcphost.Icon, about string, titles ...string) *item {
	i := &item{id: v.Server.ID, about: strings.TrimSpace(about)}
	if len(s.o.Servers) > 1 {
		i.server = v.Server.Name
	}
	for _, t := range titles {
		if i.title == "" {
			i.title = t
		}
	}
	if icon != nil {
		if img, _, err := image.Decode(bytes.NewReader(icon.Data)); err == nil {
			i.icon = img
		}
	}
	return i
}

func (s *sheet) resource(v bridge.ServerView, r mcphost.Resource) *item {
	about := r.URI
	if r.MIMEType != "" {
		about += " · " + r.MIMEType
	}
	if r.Size >= 0 {
		about += " · " + parts.Size(int(min(r.Size, 1<<40)))
	}
	i := s.newItem(v, r.Icon, about+"\n"+r.Description, r.Title, r.Name, r.URI)
	i.watch = v.Offers.Subscribe
	i.read = func(ctx context.Context, _ map[string]string) (answer, error) {
		got, err := s.o.Engine.ReadResource(ctx, i.id, r.URI)
		return answer{parts: got, uri: r.URI}, err
	}
	return i
}

func (s *sheet) template(v bridge.ServerView, t mcphost.Template) *item {
	i := s.newItem(v, t.Icon, t.URITemplate+"\n"+t.Description, t.Title, t.Name, t.URITemplate)
	i.name = t.URITemplate
	i.watch = v.Offers.Subscribe
	for _, name := range t.Variables() {
		i.takes = append(i.takes, mcphost.PromptArgument{Name: name})
	}
	if v.Offers.Completions {
		i.complete = func(argument string, others map[string]string) mcphost.Completing {
			return mcphost.Completing{Template: t.URITemplate, Argument: argument, Others: others}
		}
	}
	i.read = func(ctx context.Context, values map[string]string) (answer, error) {
		uri, err := t.Expand(values)
		if err != nil {
			return answer{}, err
		}
		got, err := s.o.Engine.ReadResource(ctx, i.id, uri)
		return answer{parts: got, uri: uri}, err
	}
	return i
}

func (s *sheet) prompt(v bridge.ServerView, p mcphost.Prompt) *item {
	i := s.newItem(v, p.Icon, p.Description, p.Title, p.Name)
	i.prompt, i.takes, i.name = true, p.Arguments, p.Name
	if v.Offers.Completions {
		i.complete = func(argument string, others map[string]string) mcphost.Completing {
			return mcphost.Completing{Prompt: p.Name, Argument: argument, Others: others}
		}
	}
	i.read = func(ctx context.Context, values map[string]string) (answer, error) {
		messages, err := s.o.Engine.GetPrompt(ctx, i.id, p.Name, values)
		a := answer{messages: messages}
		for _, m := range messages {
			if len(messages) > 1 {
				a.parts = append(a.parts, store.Text{Text: roleWords(m.Role)})
			}
			a.parts = append(a.parts, m.Parts...)
		}
		return a, err
	}
	return i
}

func roleWords(r store.Role) string {
	if r == store.RoleAssistant {
		return say.T("The assistant:")
	}
	return say.T("You:")
}

// newRow makes a row of the list: an icon, the title, and the server below it.
func newRow() fyne.CanvasObject {
	icon := canvas.NewImageFromResource(theme.Icon(theme.IconDocument))
	icon.FillMode = canvas.ImageFillContain
	title := form.NewWords("")
	title.Truncation = fyne.TextTruncateEllipsis
	note := form.MutedWord("")
	note.SetSize(fynetheme.SizeNameCaptionText)
	return container.NewBorder(nil, nil, form.Pad(4, 0, container.NewCenter(form.Sized(18, 18, icon))), container.NewCenter(note), title)
}

func fillRow(r *fyne.Container, i *item) {
	var walk func(o fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *fyne.Container:
			for _, child := range o.Objects {
				walk(child)
			}
		case *canvas.Image:
			o.Image, o.Resource = i.icon, nil
			if i.icon == nil {
				name := theme.IconDocument
				if i.prompt {
					name = theme.IconChat
				}
				o.Resource = theme.Icon(name)
			}
			o.Refresh()
		case *form.Words:
			title := form.Visible(i.title, false)
			if i.prompt {
				title = say.F("Prompt: %s", title)
			}
			o.SetText(title)
		case *form.Note:
			words := form.Visible(i.server, false)
			if r := []rune(words); len(r) > 24 {
				words = fmt.Sprintf("%s…", string(r[:23]))
			}
			o.SetText(words)
		}
	}
	walk(r)
	r.Refresh() // the server's name has its room now
}
