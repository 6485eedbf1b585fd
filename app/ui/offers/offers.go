// Package offers is the sheet with what servers have beside tools: resources
// that can be read, and prompts that can be filled in.
//
// All of it is the servers' words. Nothing is read before a person chose it, and
// none of it goes to a model unless they attach it to a message, or take it into
// one.
//
//	offers.Show(offers.Options{Engine: engine, Window: w, Runner: runner, Servers: views, Attach: attach})
package offers

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the sheet needs of package bridge.
type Engine interface {
	Resources(ctx context.Context, server string) (mcphost.Contents, error)
	ReadResource(ctx context.Context, server, uri string) (store.Parts, error)
	WatchResource(ctx context.Context, server, uri string, changed func()) error
	Prompts(ctx context.Context, server string) ([]mcphost.Prompt, error)
	GetPrompt(ctx context.Context, server, name string, arguments map[string]string) ([]mcphost.PromptMessage, error)
	Complete(ctx context.Context, server string, c mcphost.Completing, typed string) ([]string, error)
}

// Kind says what is listed.
type Kind int

// The kinds.
const (
	All Kind = iota
	Resources
	Prompts
)

// Options is what a sheet is made of. Engine, Window and Runner are required.
type Options struct {
	Engine    Engine
	Window    fyne.Window
	Runner    form.Runner
	Clipboard fyne.Clipboard
	// Title of the sheet.
	Title string
	// Servers are those whose offers are listed, as far as they have any now.
	Servers []bridge.ServerView
	Kind    Kind
	// Attach takes a resource that the person wants with their message; nil
	// leaves that out. title is what they read in the list.
	Attach func(server, uri, title string)
	// Insert takes a prompt that was filled in; nil leaves that out.
	Insert func(messages []mcphost.PromptMessage)
	// Server and Name choose the prompt or the template of that name at once; empty
	// for none.
	Server, Name string
	// OnClose is called when the sheet was closed in any way; it may be nil.
	OnClose func()
}

// Any reports whether there is something of the kind to be listed now.
func Any(servers []bridge.ServerView, kind Kind) bool {
	for _, v := range servers {
		if v.State == mcphost.Ready && (v.Offers.Resources && kind != Prompts || v.Offers.Prompts && kind != Resources) {
			return true
		}
	}
	return false
}

// sheet is one that is open.
type sheet struct {
	o      Options
	sheet  *form.Sheet
	busy   *form.Busy
	filter *form.Entry
	list   *form.List
	above  *fyne.Container
	view   *parts.View
	use    *form.Action // attaches or inserts
	copied *form.Action
	watch  *watching

	all, shown []*item
	at         *item
	values     func() (map[string]string, bool) // of the fields above; false if one is missing
	text       string                           // of what was read
	uri        string                           // of what was read; empty for a prompt
	messages   []mcphost.PromptMessage
}

// Show opens the sheet.
func Show(o Options) {
	s := &sheet{o: o, busy: form.NewBusy(), above: form.Column()}
	s.filter = form.NewEntry(say.T("Filter"), say.T("Filter"))
	s.filter.OnChanged = func(string) { s.narrow() }
	s.list = form.NewList(say.T("Resources and prompts"), func() int { return len(s.shown) }, newRow,
		func(i widget.ListItemID, o fyne.CanvasObject) {
			if r, ok := o.(*fyne.Container); ok && i < len(s.shown) {
				fillRow(r, s.shown[i])
			}
		})
	s.list.OnSelected = func(i widget.ListItemID) { s.choose(s.shown[i]) }
	s.view = parts.New(o.Window, say.T("Choose something on the left. Nothing is read before."))
	s.watch = newWatching(s)
	left := container.NewBorder(s.filter, nil, nil, nil, s.list)
	right := form.Above(form.Column(s.above, s.busy.Box), s.view.Box, 72)
	split := container.NewHSplit(left, form.Pad(form.Gap, 0, right))
	split.SetOffset(0.36)
	s.sheet = form.NewSheet(o.Window, "", nil)
	s.sheet.SetSize(1020, 680)
	s.sheet.SetFill(o.Title, split)
	s.copied = form.Button(say.T("Copy"), func() { o.Clipboard.SetContent(s.text) })
	s.copied.Disable()
	s.use = form.NewAction(say.T("Attach to message"), widget.HighImportance, s.apply)
	s.use.Hide()
	s.sheet.SetButtons(s.watch.box, s.copied, form.Button(say.T("Close"), s.sheet.Close), s.use)
	s.sheet.OnClose(func() {
		s.watch.stop()
		if o.OnClose != nil {
			o.OnClose()
		}
	})
	s.sheet.SetFocus(s.filter)
	s.sheet.Show()
	s.load()
}

// load asks the servers what they have.
func (s *sheet) load() {
	var all []*item
	s.o.Runner.RunBusy(s.busy, say.T("Asking the servers…"), func(ctx context.Context) (err error) {
		all, err = s.offered(ctx)
		return err
	}, func(err error) {
		s.all = all
		if err != nil {
			s.sheet.Fail(form.Sentence(err))
		} else if len(all) == 0 {
			s.view.Say(say.T("There is nothing here now."))
		}
		s.narrow()
		for at, i := range s.shown {
			if s.o.Name != "" && i.id == s.o.Server && i.name == s.o.Name {
				s.list.Select(at)
				break
			}
		}
	})
}

// narrow lists what passes the filter.
func (s *sheet) narrow() {
	find := strings.ToLower(strings.TrimSpace(s.filter.Text))
	s.shown = s.shown[:0:0]
	at := -1
	for _, i := range s.all {
		if strings.Contains(strings.ToLower(i.title+"\n"+i.about+"\n"+i.server), find) {
			if i == s.at {
				at = len(s.shown)
			}
			s.shown = append(s.shown, i)
		}
	}
	s.list.UnselectAll()
	s.list.Refresh()
	if at >= 0 {
		chosen := s.list.OnSelected
		s.list.OnSelected = nil
		s.list.Select(at)
		s.list.OnSelected = chosen
	}
}

// choose shows what was chosen, and reads it unless it takes something.
func (s *sheet) choose(i *item) {
	s.at = i
	s.watch.stop()
	s.sheet.Fail("")
	s.forget("")
	s.above.RemoveAll()
	name := form.Bold(form.Visible(i.title, false))
	name.Truncation = fyne.TextTruncateEllipsis
	s.above.Add(name)
	if i.about != "" {
		s.above.Add(form.Muted(form.Visible(i.about, true)))
	}
	s.values = func() (map[string]string, bool) { return nil, true }
	if len(i.takes) == 0 {
		s.read()
	} else {
		a := newArguments(s, i)
		s.values = a.values
		for _, o := range a.objects {
			s.above.Add(o)
		}
		s.view.Say(say.T("Fill in what it takes, then read it."))
	}
	form.Relayout(s.above)
}

// forget drops what was read.
func (s *sheet) forget(words string) {
	s.text, s.uri, s.messages = "", "", nil
	s.view.Say(words)
	s.copied.Disable()
	s.use.Hide()
}

// read asks the server for what is chosen.
func (s *sheet) read() {
	values, ok := s.values()
	if !ok {
		return
	}
	i := s.at
	s.sheet.Fail("")
	var got answer
	var pictures []parts.Picture
	s.o.Runner.RunBusy(s.busy, say.T("Asking the server…"), func(ctx context.Context) (err error) {
		got, err = i.read(ctx, values)
		pictures = parts.Decode(got.parts)
		return err
	}, func(err error) {
		if s.at != i || !s.sheet.IsOpen() {
			return
		}
		if err != nil {
			s.forget("")
			s.sheet.Fail(form.Sentence(err))
			return
		}
		s.text, s.uri, s.messages = got.text(), got.uri, got.messages
		s.view.Show(got.parts, pictures, nil)
		s.copied.Enable()
		switch {
		case got.uri != "" && s.o.Attach != nil:
			s.use.SetText(say.T("Attach to message"))
			s.use.Show()
		case got.uri == "" && s.o.Insert != nil:
			s.use.SetText(say.T("Use in message"))
			s.use.Show()
		}
		s.watch.offer(i, got.uri)
	})
}

// apply hands on what was read.
func (s *sheet) apply() {
	i, uri, messages := s.at, s.uri, s.messages
	s.sheet.Close()
	if uri != "" {
		s.o.Attach(i.id, uri, i.title)
	} else {
		s.o.Insert(messages)
	}
}
