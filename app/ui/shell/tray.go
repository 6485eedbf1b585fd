package shell

import (
	"context"
	"iter"
	"reflect"
	"slices"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/servers"
	"github.com/drawbridge-app/drawbridge/assets"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// trayActions is what the tray's menu does. Each may be called from any
// goroutine.
type trayActions struct {
	open    func()
	newChat func()
	// chat opens a conversation.
	chat    func(id string)
	servers func()
	// server switches a server on or off, or leads to it where a person has to
	// look at it first.
	server  func(id string)
	gateway func()
	// raise raises the bridge, or lowers it where it is raised.
	raise func()
	// login switches the start at login on or off.
	login func()
	quit  func()
	// lost is called when the tray went away and does not come back, so that a
	// hidden window can be reached again.
	lost func()
}

// The menu's fixed entries.
var (
	trayOpen        = say.T("Open Drawbridge")
	trayNewChat     = say.T("New chat")
	trayChats       = say.T("Recent conversations")
	trayServers     = say.T("Servers")
	trayServersPage = say.T("Open the servers…")
	trayRaise       = say.T("Raise the bridge")
	trayLower       = say.T("Lower the bridge")
	trayLogin       = say.T("Start at login")
	trayQuit        = say.T("Quit")
)

// The menu lists so many servers and conversations; the window shows the rest.
const (
	trayMax      = 24
	trayMaxChats = 6
	trayLetters  = 48 // of a title
)

// trayEntry is an entry of the menu that comes and goes.
type trayEntry struct {
	id, label string
	on        bool
}

// trayState is all that the tray shows. It does not change once it was shown.
type trayState struct {
	icon    assets.TrayState
	chats   []trayEntry // the one used last first
	servers []trayEntry
	gateway string
	raised  bool
	login   bool
}

func (s trayState) equal(o trayState) bool { return reflect.DeepEqual(s, o) }

// tip says in a few words what the icon shows.
func (s trayState) tip() string {
	switch s.icon {
	case assets.TrayRaised:
		return title + " · " + say.T("the bridge is raised")
	case assets.TrayWaiting:
		return title + " · " + say.T("waits for you")
	case assets.TrayWorking:
		return title + " · " + say.T("working")
	}
	return title
}

// raiseLabel is the entry of the switch.
func (s trayState) raiseLabel() string {
	if s.raised {
		return trayLower
	}
	return trayRaise
}

// trayIcon chooses the picture. What the person has to know first wins.
func trayIcon(raised, waits, working bool) assets.TrayState {
	switch {
	case raised:
		return assets.TrayRaised
	case waits:
		return assets.TrayWaiting
	case working:
		return assets.TrayWorking
	}
	return assets.TrayIdle
}

// serverEntries says in a few words how each server is, and whether it is on.
func serverEntries(views []bridge.ServerView) []trayEntry {
	entries := make([]trayEntry, 0, min(len(views), trayMax+1))
	for i, v := range views {
		if i == trayMax {
			entries = append(entries, trayEntry{label: say.N(len(views)-trayMax, "%d more…", "%d more…", len(views)-trayMax)})
			break
		}
		entries = append(entries, trayEntry{
			id: v.Server.ID, label: form.Visible(v.Server.Name, false) + " · " + servers.Words(v),
			on: v.State != mcphost.Disabled && v.State != mcphost.Held,
		})
	}
	return entries
}

// chatEntries are the conversations used last. Those put away are left out.
func chatEntries(list []store.Conversation) []trayEntry {
	list = slices.DeleteFunc(slices.Clone(list), func(c store.Conversation) bool { return c.Archived || c.Head == "" })
	slices.SortStableFunc(list, func(a, b store.Conversation) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	entries := make([]trayEntry, 0, trayMaxChats)
	for _, c := range list[:min(len(list), trayMaxChats)] {
		label := form.Visible(c.Title, false)
		if r := []rune(label); len(r) > trayLetters {
			label = string(r[:trayLetters-1]) + "…"
		}
		if label == "" {
			label = say.T("(no title)")
		}
		entries = append(entries, trayEntry{id: c.ID, label: label})
	}
	return entries
}

// The entry of the gateway.
var (
	gatewayFailed = say.T("Gateway · did not open")
	gatewayOpen   = say.T("Gateway · open")
	gatewayClosed = say.T("Gateway · closed")
)

// gatewayLabel says whether other apps can reach the gateway.
func gatewayLabel(s bridge.GatewayState) string {
	switch {
	case s.Problem != "":
		return gatewayFailed
	case s.Address != "":
		return gatewayOpen
	}
	return gatewayClosed
}

// latest hands the newest value to one reader and forgets those before it.
type latest[T any] chan T

func (l latest[T]) put(v T) {
	for {
		select {
		case l <- v:
			return
		default:
		}
		select {
		case <-l:
		default:
		}
	}
}

// trayEngine is what the tray needs of package bridge.
type trayEngine interface {
	WatchWork(ctx context.Context) iter.Seq[bool]
	WatchTitles(ctx context.Context) iter.Seq[struct{}]
	Conversations(ctx context.Context) ([]store.Conversation, error)
	Gateway() bridge.GatewayState
	WhenGatewayChanges() <-chan struct{}
	SetServerEnabled(ctx context.Context, id string, on bool) error
}

// Autostart has the desktop start the program at login. Its methods read and
// write files.
type Autostart interface {
	On() (bool, error)
	Set(on bool) error
}

// trayNews is what the tray shows of what the rest of the window does not keep.
// It belongs to the goroutine of the window.
type trayNews struct {
	working bool
	chats   []trayEntry
	gateway string
	login   bool
}

// showTray brings the tray up to date.
func (s *Shell) showTray() {
	s.tray.put(trayState{
		icon:  trayIcon(s.raise.is, len(s.waits) > 0, s.news.working),
		chats: s.news.chats, servers: serverEntries(s.views), gateway: s.news.gateway,
		raised: s.raise.is, login: s.news.login,
	})
}

// followWork tells the tray of work that begins and ends, which is also when
// conversations change.
func (s *Shell) followWork() {
	for is := range s.o.Engine.WatchWork(s.ctx) {
		s.do(func() {
			s.news.working = is
			s.showTray()
		})
		s.readChats(s.ctx)
	}
}

func (s *Shell) followTitles() {
	for range s.o.Engine.WatchTitles(s.ctx) {
		s.readChats(s.ctx)
	}
}

// readChats looks which conversations were used last. It waits for the disk.
func (s *Shell) readChats(ctx context.Context) {
	list, err := s.o.Engine.Conversations(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.o.Logger.Error("the tray cannot list conversations", "error", err)
		}
		return
	}
	chats := chatEntries(list)
	s.do(func() {
		s.news.chats = chats
		s.showTray()
	})
}

// followGateway tells the tray whether the gateway is open.
func (s *Shell) followGateway() {
	for s.ctx.Err() == nil {
		changed := s.o.Engine.WhenGatewayChanges()
		label := gatewayLabel(s.o.Engine.Gateway())
		s.do(func() {
			s.news.gateway = label
			s.showTray()
		})
		select {
		case <-changed:
		case <-s.ctx.Done():
		}
	}
}

// readLogin looks whether the program starts at login.
func (s *Shell) readLogin(context.Context) {
	if s.o.Autostart == nil {
		return
	}
	on, err := s.o.Autostart.On()
	if err != nil {
		s.o.Logger.Error("it is not known whether Drawbridge starts at login", "error", err)
	}
	s.do(func() {
		s.news.login = on
		s.showTray()
	})
}

// turnLogin switches the start at login.
func (s *Shell) turnLogin() {
	on := !s.news.login
	s.runner().Run(func(context.Context) error { return s.o.Autostart.Set(on) }, func(err error) {
		if err != nil {
			s.o.Logger.Error("the start at login could not be switched", "error", err)
			s.show()
			s.warn(say.T("Start at login could not be switched"), form.Sentence(err))
		}
		s.spawn(s.readLogin)
	})
}

// turnServer switches a server as the tray's menu has it. One that waits for the
// person's review starts only after it.
func (s *Shell) turnServer(id string) {
	for _, v := range s.views {
		if v.Server.ID != id {
			continue
		}
		if v.State == mcphost.Held {
			break
		}
		on := v.State == mcphost.Disabled
		s.runner().Run(func(ctx context.Context) error { return s.o.Engine.SetServerEnabled(ctx, id, on) }, func(err error) {
			if err != nil {
				s.show()
				s.warn(say.T("The server could not be switched"), form.Sentence(err))
			}
		})
		return
	}
	s.show()
	s.open(placeServers)
}

// openChat shows a conversation.
func (s *Shell) openChat(id string) {
	s.show()
	s.open(placeChat)
	if p, ok := s.places[placeChat].page.(ChatPage); ok {
		p.Open(id)
	}
}
