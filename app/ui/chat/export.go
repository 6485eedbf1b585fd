package chat

import (
	"context"
	"io"
	"strings"
	"unicode"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// Exports writes conversations to files; see the methods of bridge.Bridge.
type Exports interface {
	ExportConversation(ctx context.Context, id string, f bridge.ExportFormat, w io.Writer) error
}

// export asks for a place and writes a conversation there.
func (p *Page) export(c store.Conversation, f bridge.ExportFormat) {
	ending := ".md"
	if f == bridge.ExportJSON {
		ending = ".json"
	}
	p.fail.say("")
	p.o.Files.Save(fileName(c.Title)+ending, func(path string, err error) {
		if path == "" {
			p.fail.say(form.Sentence(err))
			return
		}
		p.o.Runner.Run(func(ctx context.Context) error {
			return form.WriteFile(path, func(w io.Writer) error { return p.o.Engine.ExportConversation(ctx, c.ID, f, w) })
		}, func(err error) { p.fail.say(form.Sentence(err)) })
	})
}

// fileName makes of a title, which may hold anything, the name of a file that
// every system takes.
func fileName(title string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return ' '
	}, title)
	name = strings.Join(strings.Fields(name), " ")
	if r := []rune(name); len(r) > 60 {
		name = strings.TrimSpace(string(r[:60]))
	}
	if name == "" {
		return "conversation"
	}
	return name
}

// saveFile asks for a place and writes there what a tool returned.
func (p *Page) saveFile(name string, data []byte) {
	p.fail.say("")
	p.o.Files.Save(name, func(path string, err error) {
		if path == "" {
			p.fail.say(form.Sentence(err))
			return
		}
		p.o.Runner.Run(func(context.Context) error {
			return form.WriteFile(path, func(w io.Writer) error {
				_, err := w.Write(data)
				return err
			})
		}, func(err error) { p.fail.say(form.Sentence(err)) })
	})
}
