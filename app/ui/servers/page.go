// Package servers is the page of the MCP servers: a card for each, adding,
// reviewing, editing and removing them, their definitions and their logs.
//
// It starts nothing by itself and keeps nothing: the engine does, after the
// person has seen the exact command. Everything here belongs to the goroutine
// of the window; what takes time runs through a form.Runner.
//
//	page := servers.New(servers.Options{Engine: engine, Window: w, Runner: runner})
//	page.SetServers(views) // at each change
package servers

import (
	"context"
	"iter"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/app/ui/offers"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the page needs of package bridge.
type Engine interface {
	keychain.Engine
	Imports(ctx context.Context, apps ...string) []bridge.Import
	ReadImport(text []byte, app string) (bridge.Import, error)
	ImportServers(ctx context.Context, chosen []setup.Compared, approve bool) ([]store.ServerConfig, error)
	OpenBundle(ctx context.Context, path string) (setup.Draft, error)
	ReadAPI(ctx context.Context, source, dir string) (*bridge.API, error)
	KeptAPI(ctx context.Context, id string) (*bridge.API, error)
	CheckServer(ctx context.Context, id string) ([]setup.Check, error)
	DiagnoseServer(ctx context.Context, id string, tell func(mcphost.Step)) (mcphost.Status, error)
	AddServer(ctx context.Context, d setup.Draft, approve bool) (store.ServerConfig, error)
	UpdateServer(ctx context.Context, id string, d setup.Draft, approve bool) error
	TakeServer(ctx context.Context, id string) (bridge.Removal, error)
	ApproveServer(ctx context.Context, id, hash string) error
	ApproveTools(ctx context.Context, id string, seen map[string]string) error
	SetServerEnabled(ctx context.Context, id string, on bool) error
	SetServerManaged(ctx context.Context, id string, on bool) error
	ReleaseManaged(ctx context.Context, id, hash string) error
	StartServer(id string) error
	StopServer(id string) error
	RestartServer(id string) error
	CallTool(ctx context.Context, inv tools.Invocation, ask chat.Ask, progress func(tools.Progress)) tools.Result
	ServerLogLines(id string) []mcphost.LogLine
	WatchServerLog(ctx context.Context, id string) iter.Seq[struct{}]
	ClearServerLog(id string) (back func())
	RecordServerMessages(id string, on bool)
	ServerMessages(id string) (list []mcphost.Message, recording bool)
	offers.Engine
	KnowServers(ctx context.Context) error
	SignIn(ctx context.Context, id string, open func(ctx context.Context, address string) error) error
	CancelSignIn(id string)
	SignOut(ctx context.Context, id string, forget bool) error
	PermitOrigin(ctx context.Context, id, origin string) error
	SetRules(ctx context.Context, id string, rules store.Rules) error
	StandingAnswers(ctx context.Context) ([]store.ToolAnswer, error)
	SetStandingAnswer(ctx context.Context, ref tools.Ref, answer tools.Answer) error
}

// Options is what a Page is made of. OpenSettings may be nil.
type Options struct {
	Engine    Engine
	Window    fyne.Window
	Clipboard fyne.Clipboard
	Runner    form.Runner
	// OpenSettings shows where folders are granted.
	OpenSettings func()
}

// Page is the page of the servers.
type Page struct {
	o      Options
	scroll *container.Scroll
	object fyne.CanvasObject
	undo   *form.Undo
	list   *fyne.Container
	fail   *form.Words
	offer  *fyne.Container
	cards  map[string]*card
	order  []string
	views  []bridge.ServerView
	shown  bool
	asked  bool // whether other apps' files were looked for
}

// pageWidth is the width of the column of cards.
const pageWidth = 900

// New makes the page.
func New(o Options) *Page {
	p := &Page{o: o, cards: map[string]*card{}, fail: form.Failure(""), list: form.Groups(), offer: form.Column()}
	add := form.NewAction(say.T("Add server"), widget.HighImportance, p.add)
	add.SetIcon(theme.ContentAddIcon())
	p.scroll, _ = form.Page(pageWidth,
		form.Heading(say.T("Servers"), say.T("MCP servers whose tools a model may use. They run here; only what you allow leaves this computer."), add),
		p.fail, p.list, p.offer)
	p.offer.Hide()
	p.undo = form.NewUndo(o.Runner)
	p.object = p.undo.Under(p.scroll)
	return p
}

// Object is what is shown.
func (p *Page) Object() fyne.CanvasObject { return p.object }

// Shown tells the page that it came into view.
func (p *Page) Shown() {
	p.shown = true
	for _, c := range p.cards {
		c.animate(true)
	}
	if !p.asked {
		p.asked = true
		p.lookForImports()
	}
}

// Hidden tells the page that it went out of view; nothing moves there now.
func (p *Page) Hidden() {
	p.shown = false
	for _, c := range p.cards {
		c.animate(false)
	}
}

// SetServers shows how the servers are.
func (p *Page) SetServers(views []bridge.ServerView) {
	p.views = views
	order := make([]string, len(views))
	for i, v := range views {
		order[i] = v.Server.ID
		c, ok := p.cards[v.Server.ID]
		if !ok {
			c = newCard(p)
			p.cards[v.Server.ID] = c
		}
		c.set(v)
		c.animate(p.shown)
	}
	if slices.Equal(order, p.order) {
		return
	}
	p.order = order
	for id := range p.cards {
		if !slices.Contains(order, id) {
			p.cards[id].animate(false)
			delete(p.cards, id)
		}
	}
	p.list.RemoveAll()
	for _, id := range order {
		p.list.Add(p.cards[id].frame)
	}
	if len(views) == 1 && views[0].Server.Transport == store.TransportBuiltin {
		p.list.Add(p.invitation())
	}
	p.scroll.Refresh()
}

// invitation stands where the person's own servers will be.
func (p *Page) invitation() fyne.CanvasObject {
	return form.NewCard(form.Column(
		form.Bold(say.T("Add your own server")),
		form.Muted(say.T("Type its command or address, paste the text from its README, take it over from another app, or open a bundle. You see the exact command before anything runs.")),
		container.NewHBox(form.Button(say.T("Add server"), p.add))))
}

// lookForImports offers the servers of other apps, where there are any that are
// not here.
func (p *Page) lookForImports() {
	var found []bridge.Import
	p.o.Runner.Run(func(ctx context.Context) error {
		found = p.o.Engine.Imports(ctx)
		return nil
	}, func(error) {
		p.offer.RemoveAll()
		n, apps := 0, []string{}
		for _, i := range found {
			if fresh := i.Count(setup.New); fresh > 0 {
				n += fresh
				if !slices.Contains(apps, i.App) {
					apps = append(apps, i.App)
				}
			}
		}
		if n == 0 {
			p.offer.Hide()
			return
		}
		has := say.N(n, "%s have %d server that you can use here", "%s have %d servers that you can use here", list(apps), n)
		if len(apps) == 1 {
			has = say.N(n, "%s has %d server that you can use here", "%s has %d servers that you can use here", list(apps), n)
		}
		p.offer.Add(form.NewCard(form.Beside(
			form.Column(form.Caption(has),
				form.Muted(say.T("Their files are only read, and nothing starts before you have seen the exact command."))),
			form.Button(say.T("Import…"), func() { p.found(found) }), 240)))
		p.offer.Show()
		p.scroll.Refresh()
	})
}

// list joins names as a sentence does.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return say.F("%s and %s", strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

// browse shows the resources and prompts of a server.
func (p *Page) browse(v bridge.ServerView) {
	offers.Show(offers.Options{
		Engine: p.o.Engine, Window: p.o.Window, Runner: p.o.Runner, Clipboard: p.o.Clipboard,
		Title: say.F("What %s offers beside tools", form.Visible(v.Server.Name, false)), Servers: []bridge.ServerView{v},
	})
}

// run does something with a server and shows on its card what went wrong.
func (p *Page) run(id string, work func(context.Context) error) {
	p.o.Runner.Run(work, func(err error) {
		if c := p.cards[id]; c != nil {
			c.setFailure(form.Sentence(err))
		}
	})
}

// taken reports whether another server has the name.
func (p *Page) taken(name, except string) bool {
	return slices.ContainsFunc(p.views, func(v bridge.ServerView) bool {
		return v.Server.ID != except && (v.Server.Name == name || v.Server.ID == name)
	})
}
