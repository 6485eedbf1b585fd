package shell

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/assets"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// fakeLogin stands for the desktop's start at login.
type fakeLogin struct {
	is  bool
	err error
}

func (l *fakeLogin) On() (bool, error) { return l.is, nil }
func (l *fakeLogin) Set(on bool) error {
	if l.err != nil {
		return l.err
	}
	l.is = on
	return nil
}

func TestServerEntries(t *testing.T) {
	off := uitest.Stdio("old", mcphost.Disabled, "uvx")
	views := []bridge.ServerView{uitest.Workbench(), uitest.Stdio("git", mcphost.Held, "uvx"), off}
	want := []trayEntry{
		{"workbench", "workbench · ready, 4 tools, 3 ms", true}, {views[1].Server.ID, "git · waits for your review", false}, {off.Server.ID, "old · off", false},
	}
	if got := serverEntries(views); !slices.Equal(got, want) {
		t.Errorf("entries %+v", got)
	}
	if got := serverEntries(make([]bridge.ServerView, 30)); len(got) != trayMax+1 || got[trayMax].label != "6 more…" || got[trayMax].id != "" {
		t.Errorf("30 servers give %d entries, the last %+v", len(got), got[len(got)-1])
	}
	l := make(latest[int], 1)
	l.put(1)
	l.put(2)
	if got := <-l; got != 2 {
		t.Errorf("the oldest state wins: %d", got)
	}
}

func TestChatEntries(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var list []store.Conversation
	for i := range 9 {
		list = append(list, store.Conversation{ID: string(rune('a' + i)), Title: "Chat", Head: "m", UpdatedAt: at.Add(time.Duration(i) * time.Hour)})
	}
	list[8].Archived = true
	list[7].Title = "\u202eevil\n" + string(make([]rune, 100))
	list[6].Title = ""
	list[5].Head = "" // nothing was said
	got := chatEntries(list)
	if len(got) != trayMaxChats || got[0].id != "h" || got[1] != (trayEntry{id: "g", label: "(no title)"}) || got[2].id != "e" {
		t.Errorf("entries %+v", got)
	}
	for _, r := range got[0].label {
		if r == '\u202e' || r == '\n' || r == 0 {
			t.Errorf("the menu shows %q", got[0].label)
		}
	}
	if n := len([]rune(got[0].label)); n > trayLetters {
		t.Errorf("a title of %d letters", n)
	}
}

// TestTrayShowsWhatGoesOn follows the icon: what the person has to know first
// wins.
func TestTrayShowsWhatGoesOn(t *testing.T) {
	e := uitest.NewEngine()
	e.Works = true
	e.Chats = []store.Conversation{{ID: "c", Title: "Old talk", Head: "m"}}
	e.Door.Address = "http://127.0.0.1:1/mcp"
	s, chat := start(t, e)
	is := func(want assets.TrayState, tip string) trayState {
		t.Helper()
		got := <-s.tray.states
		if got.icon != want || got.tip() != tip {
			t.Errorf("the tray shows %q (%s), not %q", got.icon, got.tip(), want)
		}
		return got
	}
	s.followWork()
	if got := is(assets.TrayWorking, "Drawbridge · working"); len(got.chats) != 1 || got.chats[0].label != "Old talk" {
		t.Errorf("the menu has %+v", got.chats)
	}
	over := s.wait("asks", nil)
	is(assets.TrayWaiting, "Drawbridge · waits for you")
	s.raise.turn()
	is(assets.TrayRaised, "Drawbridge · the bridge is raised")
	s.raise.turn()
	is(assets.TrayWaiting, "Drawbridge · waits for you")
	over()
	is(assets.TrayWorking, "Drawbridge · working")
	e.Works = false
	s.followWork()
	is(assets.TrayIdle, "Drawbridge")
	s.setServers(e.Views)
	if got := is(assets.TrayIdle, "Drawbridge"); len(got.servers) != 1 {
		t.Errorf("the menu has %+v", got.servers)
	}
	s.cancel() // it looks once
	s.hide()
	a := s.trayActions()
	if a.login != nil {
		t.Error("the start at login is offered where it cannot be switched")
	}
	_ = chat
}

func TestTrayMenuActs(t *testing.T) {
	e := uitest.NewEngine()
	off, held := uitest.Stdio("off", mcphost.Disabled, "uvx"), uitest.Stdio("held", mcphost.Held, "uvx")
	e.Views = append(e.Views, off, held)
	s, chat := start(t, e)
	s.o.Autostart = &fakeLogin{}
	s.setServers(e.Views)
	a := s.trayActions()
	a.server("workbench")
	a.server(off.Server.ID)
	if got := e.Did(); !slices.Contains(got, "enable workbench false") || !slices.Contains(got, "enable "+off.Server.ID+" true") {
		t.Errorf("the engine did %q", got)
	}
	if s.current != placeChat {
		t.Error("a switch opens a page")
	}
	n := len(e.Did())
	a.server(held.Server.ID) // nothing starts that nobody has reviewed
	if s.current != placeServers || slices.ContainsFunc(e.Did()[n:], func(did string) bool { return strings.HasPrefix(did, "enable") }) {
		t.Errorf("a server that waits for its review: page %d, the engine did %q", s.current, e.Did()[n:])
	}
	a.chat("c7")
	if s.current != placeChat || !slices.Equal(chat.opened, []string{"c7"}) {
		t.Errorf("page %d, opened %q", s.current, chat.opened)
	}
	a.gateway()
	if s.current != placeGateway {
		t.Error("the gateway does not open its page")
	}
	e.Err = errors.New("the disk is full")
	a.server("workbench")
	uitest.Shows(t, s.window, "The server could not be switched", "The disk is full.")
	uitest.Tap(t, s.window, "Close")
}

func TestStartAtLogin(t *testing.T) {
	s, _ := start(t, uitest.NewEngine())
	login := &fakeLogin{}
	s.o.Autostart = login
	a := s.trayActions()
	s.readLogin(context.Background())
	for _, want := range []bool{true, false} {
		a.login()
		if got := <-s.tray.states; login.is != want || got.login != want {
			t.Errorf("it is %v, and the menu says %v", login.is, got.login)
		}
	}
	login.err = errors.New("the folder cannot be written")
	a.login()
	uitest.Shows(t, s.window, "Start at login could not be switched", "The folder cannot be written.")
	if got := <-s.tray.states; got.login {
		t.Error("the menu says that it starts")
	}
}

func TestAnAnswerIsToldOfWhileTheWindowIsHidden(t *testing.T) {
	s, _ := start(t, uitest.NewEngine())
	n := &told{}
	s.notifier = n
	led := 0
	s.tellReady("seen", func() { led++ })
	if len(n.list) > 0 {
		t.Errorf("who sees the window is told %q", n.list)
	}
	s.hide()
	s.tellReady("first", func() { led += 10 })
	s.tellReady("second", func() { led += 100 })
	s.show()
	if want := []string{"first", "second", "clear"}; !slices.Equal(n.list, want) || led != 100 {
		t.Errorf("told %q, led %d", n.list, led)
	}
	s.hide()
	s.show()
	if led != 100 {
		t.Errorf("led to what was read: %d", led)
	}
}
