// Package gateway is the page of the endpoint for other apps: whether it is open
// and where, the keys that let apps in with their limits, the teams and
// organisations that bound them, who is connected, and what an app needs to be
// connected.
//
// It keeps nothing and decides nothing; the engine does. A key's value is on the
// screen once, when it was made, and is dropped with the sheet that shows it.
// Everything here belongs to the goroutine of the window; what takes time runs
// through a form.Runner.
//
//	page := gateway.New(gateway.Options{Engine: engine, Window: w, Runner: runner, …})
//	page.SetServers(views) // at each change
package gateway

import (
	"context"
	"iter"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	apps "github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the page needs of package bridge.
type Engine interface {
	WatchGateway(ctx context.Context) iter.Seq2[bridge.GatewayView, error]
	SetGateway(ctx context.Context, s store.GatewaySettings) (bridge.GatewayState, error)
	AddKey(ctx context.Context, name, team string, limits store.Limits) (store.Key, store.Secret, error)
	RevokeKey(ctx context.Context, idOrName string) error
	RestoreKey(ctx context.Context, id string) error
	SetTeam(ctx context.Context, t store.Team) (store.Team, error)
	RemoveTeam(ctx context.Context, idOrName string) error
	SetOrganisation(ctx context.Context, o store.Organisation) (store.Organisation, error)
	RemoveOrganisation(ctx context.Context, idOrName string) error
	ConnectApp(ctx context.Context, c bridge.Connecting) (bridge.Connected, error)
	TestConnected(ctx context.Context, c bridge.Connected, namespace []string) (apps.Trial, error)
	Providers() []store.ProviderConfig
}

// Options is what a Page is made of.
type Options struct {
	Engine    Engine
	Window    fyne.Window
	Clipboard fyne.Clipboard
	Runner    form.Runner
	Now       func() time.Time
	// Program is the full path of drawbridge, for apps that start programs; empty
	// where it is not known.
	Program string
}

// Page is the page of the gateway.
type Page struct {
	o       Options
	scroll  *container.Scroll
	object  fyne.CanvasObject
	undo    *form.Undo
	fail    *form.Words
	door    *door
	keys    *keys
	clients *clients
	teams   *teams
	view    bridge.GatewayView
	servers []bridge.ServerView
	stop    context.CancelFunc
}

const pageWidth = 900

// New makes the page. It asks the engine nothing before it is shown.
func New(o Options) *Page {
	p := &Page{o: o, fail: form.Failure("")}
	p.door, p.keys, p.clients, p.teams = newDoor(p), newKeys(p), newClients(p), newTeams(p)
	connect := form.NewAction(say.T("Connect an app"), widget.HighImportance, p.connect)
	connect.SetIcon(uitheme.Icon(uitheme.IconLink))
	p.scroll, _ = form.Page(pageWidth,
		form.Heading(say.T("Gateway"), say.T("One address at which other apps use your servers, under the same rules as your conversations."), connect),
		p.fail, p.door.frame, p.keys.box, p.clients.box, p.teams.box)
	p.undo = form.NewUndo(o.Runner)
	p.object = p.undo.Under(p.scroll)
	return p
}

// Object is what is shown.
func (p *Page) Object() fyne.CanvasObject { return p.object }

// Shown follows the gateway until Hidden.
func (p *Page) Shown() {
	p.stop = p.o.Runner.Follow(func(ctx context.Context, show func(func()) bool) {
		for v, err := range p.o.Engine.WatchGateway(ctx) {
			if !show(func() { p.set(v, err) }) {
				return
			}
		}
	})
}

// Hidden ends what Shown began.
func (p *Page) Hidden() {
	if p.stop != nil {
		p.stop()
	}
}

// SetServers tells which servers there are to choose from.
func (p *Page) SetServers(views []bridge.ServerView) { p.servers = views }

func (p *Page) set(v bridge.GatewayView, err error) {
	p.view = v
	form.SetFailure(p.fail, form.Sentence(err))
	p.door.show()
	p.keys.show()
	p.clients.show()
	p.teams.show()
	p.scroll.Refresh()
}

// serverNames returns the names of the servers, and groups the groups that they
// belong to, in order.
func (p *Page) serverNames() (names, groups []string) {
	for _, v := range p.servers {
		names = append(names, v.Server.Name)
		groups = append(groups, v.Server.Rules.Groups...)
	}
	slices.Sort(groups)
	return names, slices.Compact(groups)
}

// section is a titled group of the page, with what can be done there at its end.
func section(title, help string, content fyne.CanvasObject, actions ...fyne.CanvasObject) *fyne.Container {
	head := form.Bold(title)
	head.SizeName = theme.SizeNameSubHeadingText
	top := container.New(tight(), form.Beside(head, form.Row(actions...), 0))
	if help != "" {
		top.Add(form.Muted(help))
	}
	return form.Column(top, form.NewCard(content))
}

// row is a thing of a list: its name, how it is, a line about it, and what can be
// done with it.
type row struct {
	box   *fyne.Container
	title *form.Words
	state *form.Note
	words *form.Note
}

func newRow(actions ...fyne.CanvasObject) *row {
	r := &row{title: form.Bold(""), state: form.MutedWord(""), words: form.Muted("")}
	r.title.Truncation = fyne.TextTruncateEllipsis
	head := form.Beside(r.title, form.Wrap(append([]fyne.CanvasObject{r.state}, actions...)...), 120)
	r.box = container.New(tight(), head, r.words)
	return r
}

func (r *row) set(title, state, words string) {
	if r.title.Text != title {
		r.title.SetText(title)
	}
	r.state.SetText(state)
	r.words.SetText(words)
}

// rows is a list of them that keeps each one, and with it the focus, while the
// others change.
type rows struct {
	box   *fyne.Container
	empty *form.Note
	byID  map[string]*row
	order []string
}

func newRows(empty string) *rows {
	r := &rows{box: form.Column(), empty: form.Muted(empty), byID: map[string]*row{}}
	r.box.Add(r.empty)
	return r
}

// set shows those with these ids; add makes the row of a new one, and fill says
// what is in it now.
func (r *rows) set(ids []string, add func(id string) *row, fill func(i int, r *row)) {
	for i, id := range ids {
		if r.byID[id] == nil {
			r.byID[id] = add(id)
		}
		fill(i, r.byID[id])
	}
	if slices.Equal(ids, r.order) {
		return
	}
	r.order = slices.Clone(ids)
	for id := range r.byID {
		if !slices.Contains(ids, id) {
			delete(r.byID, id)
		}
	}
	r.box.RemoveAll()
	for i, id := range ids {
		if i > 0 {
			r.box.Add(widget.NewSeparator())
		}
		r.box.Add(r.byID[id].box)
	}
	if len(ids) == 0 {
		r.box.Add(r.empty)
	}
}
