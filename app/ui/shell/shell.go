// Package shell is the window around the pages: the rail that switches between
// them, the tray, the first start, and the event pump that brings the engine's
// news to the goroutine of the window.
//
// It is the only place that binds fyne.Do; every page gets a do func(func()).
// It decides nothing about servers, models or conversations: the pages ask the
// engine.
//
//	s := shell.New(shell.Options{Engine: engine, Chat: newChatPage, …})
//	owner.OnSecondStart(s.Show)
//	err := s.Run(ctx) // returns when the person quits
package shell

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"os"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/audit"
	"github.com/drawbridge-app/drawbridge/app/ui/damage"
	"github.com/drawbridge-app/drawbridge/app/ui/fonts"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/gateway"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/servers"
	"github.com/drawbridge-app/drawbridge/app/ui/settings"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/assets"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// AppID identifies the program to the desktop.
const AppID = "app.drawbridge.Drawbridge"

// title of the main window.
const title = "Drawbridge"

// Engine is what the window and the pages made here need of package bridge.
type Engine interface {
	servers.Engine
	gateway.Engine
	audit.Engine
	settings.Engine
	welcomeEngine
	raiseEngine
	trayEngine
	WatchServers(ctx context.Context) iter.Seq[[]bridge.ServerView]
	Settings() store.Settings
	UpdateSettings(change func(*store.Settings) error) error
}

// Page is one of the places that the rail switches between. Its methods are
// called on the goroutine of the window.
type Page interface {
	// Object is what is shown.
	Object() fyne.CanvasObject
	// Shown is called each time the page comes into view, Hidden when it goes.
	// Between Hidden and Shown a page does nothing by itself.
	Shown()
	Hidden()
}

// ChatPage is the page of the conversations.
type ChatPage interface {
	Page
	// NewChat begins a conversation, Open shows one.
	NewChat()
	Open(id string)
	// SetServers tells how the servers are, at each change while the page is in
	// view and when it comes into view.
	SetServers(views []bridge.ServerView)
}

// Host is what a page gets from the window.
type Host struct {
	Window fyne.Window
	// Runner.Do runs a function on the goroutine of the window, later, and
	// drops it when the window is gone. Runner.Go runs one elsewhere, with a
	// context that ends with the window; Run waits for it.
	Runner form.Runner
	Logger *slog.Logger
	// OpenServers and OpenSettings switch to those pages.
	OpenServers, OpenSettings func()
	// OpenProvider shows the entry of a provider in the settings.
	OpenProvider func(id string)
	// OpenChat switches to the page of the conversations.
	OpenChat func()
	// Waiting says that something waits for the person, in a sentence, and what
	// brings it into view, which may be nil. Where the window is hidden, the
	// desktop tells them. The function that it returns says that it is over. Both
	// belong to the goroutine of the window.
	Waiting func(what string, lead func()) (over func())
	// Ready says that something is there to be read, such as an answer, and what
	// brings it into view. Where the window is hidden, the desktop tells the
	// person; where they see it, nothing happens. It belongs to the goroutine of
	// the window.
	Ready func(what string, lead func())
}

// Options is what a Shell is made of. Chat, and Engine or Open, are required.
type Options struct {
	Engine Engine
	// Open makes the engine, on a goroutine of its own, while New starts the
	// window system: both wait for something else most of the time. It is used
	// where Engine is nil, and has returned before Chat is called. Its error is
	// New's.
	Open func() (Engine, error)
	// Chat makes the page of the conversations. Of what it does there, nothing
	// may wait.
	Chat func(Host) ChatPage
	// App is the running Fyne app; nil makes one.
	App fyne.App
	// Version and Home are shown to the person.
	Version string
	Home    string
	// Program is the full path of the program, for apps that start it; empty where
	// it is not known.
	Program string
	// Autostart switches the start at login; nil where that cannot be done.
	Autostart Autostart
	// InTray begins with the window hidden in the tray; where there is none, it
	// is shown all the same.
	InTray bool
	// Logger takes what no person waits for; nil discards it.
	Logger *slog.Logger
	// DumpSocket is the path of a Unix socket on which each connection gets one
	// JSON document that says what is on the screen; empty for none.
	DumpSocket string
}

// Shell is the window and what belongs to it.
type Shell struct {
	o       Options
	app     fyne.App
	window  fyne.Window
	tray    *tray
	post    func(func())
	spawn   func(func(context.Context))
	doze    *doze
	content *damage.Content

	ctx     context.Context // ends when the window does
	cancel  context.CancelFunc
	running sync.WaitGroup

	// The rest belongs to the goroutine of the window.
	rail    *rail
	raise   *raise
	body    *fyne.Container
	places  map[place]*spot
	current place
	views   []bridge.ServerView
	known   bool // views hold what the engine said
	size    fyne.Size
	hidden  bool
	awake   bool        // the first frame was painted
	saying  *form.Sheet // that closing hides
	waits   []*waiting  // what waits for the person, the oldest first
	ready   []*waiting  // what came while the window was hidden
	news    trayNews
	// notifier tells of it while the window is hidden.
	notifier notifier
	notes    *desktopNotes
}

// place names a page.
type place int

const (
	placeChat place = iota
	placeServers
	placeGateway
	placeAudit
	placeSettings
)

// spot is a page and its entry in the rail. The page is made when it is shown
// first.
type spot struct {
	item *railItem
	make func() Page
	page Page
}

// New prepares the window. It must be called on the main goroutine.
func New(o Options) (*Shell, error) { return newShell(o, fyne.Do, nil) }

// newShell makes a shell that reaches the goroutine of the window through post
// and runs work elsewhere through spawn; nil gives each work a goroutine.
func newShell(o Options, post func(func()), spawn func(func(context.Context))) (*Shell, error) {
	if o.Engine == nil && o.Open == nil || o.Chat == nil {
		return nil, errors.New("shell: Chat, and Engine or Open, are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	opening := make(chan opened, 1)
	if o.Engine == nil {
		go func() {
			e, err := o.Open()
			opening <- opened{e, err}
		}()
	} else {
		opening <- opened{o.Engine, nil}
	}
	s := &Shell{app: o.App, post: post, spawn: spawn, doze: newDoze(napLength)}
	if s.spawn == nil {
		s.spawn = func(f func(context.Context)) { s.running.Go(func() { f(s.ctx) }) }
	}
	if s.app == nil {
		s.app = app.NewWithID(AppID)
	}
	endWithoutQueue(s.app)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.app.SetIcon(fyne.NewStaticResource("drawbridge.png", assets.AppPNG()))
	s.app.Settings().SetTheme(theme.New(theme.System))
	loaded := loadFonts()
	s.window = s.app.NewWindow(title)
	<-loaded
	got := <-opening
	if got.err != nil {
		s.cancel()
		return nil, got.err
	}
	o.Engine = got.engine
	s.o = o
	s.notes = newNotifier(s.app, s.Show, o.Logger)
	s.notifier = s.notes
	now := o.Engine.Settings()
	if th := theme.Of(now.Window); th != theme.Of(store.WindowSettings{}) {
		s.app.Settings().SetTheme(th)
	}
	// Fyne forgets its fonts with each change.
	s.app.Settings().AddListener(func(fyne.Settings) { s.do(useFonts) })
	s.build(now.Window)
	s.tray = newTray(s.app, s.trayActions(), o.Logger)
	return s, nil
}

// trayActions is what the tray's menu does here.
func (s *Shell) trayActions() trayActions {
	a := trayActions{
		open:    s.Show,
		newChat: func() { s.do(s.newChat) },
		chat:    func(id string) { s.do(func() { s.openChat(id) }) },
		servers: func() { s.do(func() { s.show(); s.open(placeServers) }) },
		server:  func(id string) { s.do(func() { s.turnServer(id) }) },
		gateway: func() { s.do(func() { s.show(); s.open(placeGateway) }) },
		raise:   func() { s.do(s.raise.turn) },
		quit:    s.Quit,
		lost:    func() { s.do(s.trayLost) },
	}
	if s.o.Autostart != nil {
		a.login = func() { s.do(s.turnLogin) }
	}
	return a
}

// userHome is the person's own folder; empty where it is not known.
func userHome() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}

// opened is what Options.Open returned.
type opened struct {
	engine Engine
	err    error
}

// loadFonts reads the letters that the first frame needs, which takes longer than
// anything else of ours before it, and closes what it returns when it is done.
// Until then nothing else may ask for text: Fyne keeps what it measures in maps
// that it does not guard. Making the window connects to the display and asks for
// none, so the two go on side by side.
func loadFonts() <-chan struct{} {
	fynetheme.DefaultTheme() // it is made at its first use, which must not be two
	done := make(chan struct{})
	go func() {
		defer close(done)
		useFonts()
	}()
	return done
}

// useFonts has the widgets of Fyne show the scripts of the world.
func useFonts() {
	for _, style := range []fyne.TextStyle{{}, {Bold: true}} {
		fonts.Use(style)
		fyne.MeasureText("Drawbridge", 14, style)
	}
}

// do runs f on the goroutine of the window, or not at all once the window is
// gone.
func (s *Shell) do(f func()) {
	handled := s.doze.rouse()
	s.post(func() {
		handled()
		if s.ctx.Err() == nil {
			f()
		}
	})
}

// runner is how pages do what takes time.
func (s *Shell) runner() form.Runner {
	return form.Runner{Do: s.do, Go: s.spawn}
}

func (s *Shell) build(remembered store.WindowSettings) {
	s.window.SetPadded(false)
	s.window.SetMaster()
	host := Host{
		Window: s.window, Runner: s.runner(), Logger: s.o.Logger,
		OpenServers:  func() { s.open(placeServers) },
		OpenSettings: func() { s.open(placeSettings) },
		OpenProvider: s.openProvider,
		OpenChat:     func() { s.open(placeChat) },
		Waiting:      s.wait,
		Ready:        s.tellReady,
	}
	s.places = map[place]*spot{
		placeChat: {make: func() Page { return s.o.Chat(host) }},
		placeServers: {make: func() Page {
			return servers.New(servers.Options{
				Engine: s.o.Engine, Window: s.window, Runner: s.runner(), Clipboard: s.app.Clipboard(),
				OpenSettings: host.OpenSettings,
			})
		}},
		placeGateway: {make: func() Page {
			return gateway.New(gateway.Options{
				Engine: s.o.Engine, Window: s.window, Runner: s.runner(), Clipboard: s.app.Clipboard(),
				Now: time.Now, Program: s.o.Program,
			})
		}},
		placeAudit: {make: func() Page {
			return audit.New(audit.Options{
				Engine: s.o.Engine, Window: s.window, Runner: s.runner(), Clipboard: s.app.Clipboard(),
				Now: time.Now, Home: userHome(),
			})
		}},
		placeSettings: {make: func() Page {
			return settings.New(settings.Options{
				Engine: s.o.Engine, Window: s.window, Runner: s.runner(),
				Version: s.o.Version, Home: s.o.Home, OnTheme: s.applyTheme, Clipboard: s.app.Clipboard(),
				Shortcuts: func() { s.run(keys.Shortcuts) }, Autostart: s.o.Autostart,
			})
		}},
	}
	s.places[placeChat].item = newRailItem(say.T("Chat"), theme.Icon(theme.IconChat), func() { s.open(placeChat) })
	s.places[placeServers].item = newRailItem(say.T("Servers"), theme.Icon(theme.IconServer), func() { s.open(placeServers) })
	s.places[placeGateway].item = newRailItem(say.T("Gateway"), theme.Icon(theme.IconLink), func() { s.open(placeGateway) })
	s.places[placeAudit].item = newRailItem(say.T("Audit"), theme.Icon(theme.IconHistory), func() { s.open(placeAudit) })
	s.places[placeSettings].item = newRailItem(say.T("Settings"), theme.Icon(theme.IconSettings), func() { s.open(placeSettings) })
	s.raise = newRaise(s)
	s.rail = newRail(
		[]*railItem{s.places[placeChat].item, s.places[placeServers].item, s.places[placeGateway].item, s.places[placeAudit].item},
		[]*railItem{s.raise.item, s.places[placeSettings].item})
	s.body = container.NewStack()
	s.current = -1
	s.content = damage.New(s.window, container.New(&frame{func(size fyne.Size) { s.size = size }}, s.rail, s.raise.bar, s.body))
	s.window.SetContent(s.content)
	s.window.Resize(startSize(remembered))
	s.open(placeChat)
	s.window.SetCloseIntercept(s.closing)
	s.window.SetOnDropped(s.dropped)
	// While nothing has the focus, the keys are the page's.
	s.window.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) {
		if s.window.Canvas().Overlays().Top() == nil {
			form.ScrollPage(s.body, e.Name)
		}
	})
	s.shortcuts()
}

// The size of a window that nobody has sized yet, and the least that is
// restored.
var (
	defaultSize = fyne.NewSize(1100, 720)
	leastSize   = fyne.NewSize(640, 480)
)

func startSize(w store.WindowSettings) fyne.Size {
	if w.Width <= 0 || w.Height <= 0 {
		return defaultSize
	}
	return fyne.NewSize(w.Width, w.Height).Max(leastSize)
}

// frame lays out the rail, the bar above the page and the page, and tells the size of the whole.
type frame struct {
	resized func(fyne.Size)
}

func (f *frame) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	f.resized(size)
	left := objects[0].MinSize().Width
	objects[0].Move(fyne.Position{})
	objects[0].Resize(fyne.NewSize(left, size.Height))
	top := float32(0)
	bar, page := objects[1], objects[2]
	if bar.Visible() {
		// What is wrapped is as high as its width has it.
		bar.Move(fyne.NewPos(left, 0))
		bar.Resize(fyne.NewSize(size.Width-left, bar.MinSize().Height))
		top = bar.MinSize().Height
		bar.Resize(fyne.NewSize(size.Width-left, top))
	}
	page.Move(fyne.NewPos(left, top))
	page.Resize(fyne.NewSize(size.Width-left, size.Height-top))
}

func (f *frame) MinSize(objects []fyne.CanvasObject) fyne.Size {
	rail, page := objects[0].MinSize(), objects[2].MinSize()
	if bar := objects[1]; bar.Visible() {
		page = fyne.NewSize(max(page.Width, bar.MinSize().Width), page.Height+bar.MinSize().Height)
	}
	return fyne.NewSize(rail.Width+page.Width, max(rail.Height, page.Height))
}

// open brings a page into view.
func (s *Shell) open(p place) {
	if s.current == p {
		return
	}
	if was := s.places[s.current]; was != nil && was.page != nil {
		was.page.Hidden()
	}
	s.current = p
	now := s.places[p]
	if now.page == nil {
		now.page = now.make()
	}
	s.rail.choose(now.item)
	s.body.Objects = []fyne.CanvasObject{now.page.Object()}
	s.body.Refresh()
	if s.awake {
		s.tellServers()
		now.page.Shown()
	}
}

// wake tells the page in view that it can be seen; before, nothing is read.
func (s *Shell) wake() {
	s.awake = true
	s.places[s.current].page.Shown()
}

// tellServers gives the page in view what is known of the servers.
func (s *Shell) tellServers() {
	if !s.known || s.hidden {
		return
	}
	if p, ok := s.places[s.current].page.(interface{ SetServers([]bridge.ServerView) }); ok {
		p.SetServers(s.views)
	}
}

// setServers takes the engine's news.
func (s *Shell) setServers(views []bridge.ServerView) {
	s.views, s.known = views, true
	alert := false
	for _, v := range views {
		alert = alert || servers.Attention(v)
	}
	item := s.places[placeServers].item
	item.set(item.chosen, alert)
	s.showTray()
	s.tellServers()
}

// openProvider shows an entry of the settings.
func (s *Shell) openProvider(id string) {
	s.open(placeSettings)
	if p, ok := s.places[placeSettings].page.(interface{ EditProvider(id string) }); ok {
		p.EditProvider(id)
	}
}

func (s *Shell) applyTheme() {
	s.app.Settings().SetTheme(theme.Of(s.o.Engine.Settings().Window))
}
