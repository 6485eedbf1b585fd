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
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the page needs of package bridge.
type Engine interface {
	keychain.Engine
	Drafts(text []byte) (drafts []setup.Draft, problems []string, err error)
	ImportOffer(ctx context.Context) (setup.Found, bool, error)
	AddServer(ctx context.Context, d setup.Draft, approve bool) (store.ServerConfig, error)
	UpdateServer(ctx context.Context, id string, d setup.Draft, approve bool) error
	RemoveServer(ctx context.Context, id string) error
	ApproveServer(ctx context.Context, id, hash string) error
	ApproveTools(ctx context.Context, id string, seen map[string]string) error
	SetServerEnabled(ctx context.Context, id string, on bool) error
	SetServerManaged(ctx context.Context, id string, on bool) error
	ReleaseManaged(ctx context.Context, id, hash string) error
	StartServer(id string) error
	StopServer(id string) error
	RestartServer(id string) error
	ServerLog(id string) []string
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
	list   *fyne.Container
	fail   *widget.Label
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
	add := form.NewAction("Add server", widget.HighImportance, p.add)
	add.SetIcon(theme.ContentAddIcon())
	p.scroll, _ = form.Page(pageWidth,
		form.Heading("Servers", "MCP servers whose tools a model may use. They run here; only what you allow leaves this computer.", add),
		p.fail, p.list, p.offer)
	p.offer.Hide()
	return p
}

// Object is what is shown.
func (p *Page) Object() fyne.CanvasObject { return p.scroll }

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
		form.Bold("Add your own server"),
		form.Muted("Type its command or address, or paste the JSON from its README. You see the exact command before anything runs."),
		container.NewHBox(form.Button("Add server", p.add))))
}

// lookForImports offers the servers of another app, where there are any.
func (p *Page) lookForImports() {
	var found setup.Found
	var ok bool
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		found, ok, err = p.o.Engine.ImportOffer(ctx)
		return err
	}, func(err error) {
		p.offer.RemoveAll()
		switch {
		case err != nil:
			p.offer.Add(form.Muted(form.Sentence(err)))
		case ok:
			p.offer.Add(form.NewCard(container.NewBorder(nil, nil, nil,
				container.NewCenter(form.Button("Import…", func() { p.found(found.App+"'s servers", found.Drafts, found.Problems) })),
				form.Column(form.Bold(found.App+" has "+count(len(found.Drafts), "server")+" that you can use here"),
					form.Muted(form.Visible(found.Path, false))))))
		default:
			p.offer.Hide()
			return
		}
		p.offer.Show()
		p.scroll.Refresh()
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
