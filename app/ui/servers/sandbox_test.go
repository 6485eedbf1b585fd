package servers

import (
	"reflect"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestTheBadgeSaysWhatHolds(t *testing.T) {
	e := uitest.NewEngine()
	p, w := open(t, e, theme.Dark)
	v := uitest.Stdio("files", mcphost.Ready, "npx")
	p.SetServers([]bridge.ServerView{v})
	uitest.ShowsNot(t, w, "sandbox", "What holds")

	v.Server.Sandbox = &store.Sandbox{}
	p.SetServers([]bridge.ServerView{v})
	uitest.Shows(t, w, "To run in a sandbox.")
	uitest.ShowsNot(t, w, "In a sandbox (", "What holds\n")

	v.Sandbox = &mcphost.SandboxState{Method: "Landlock", Holds: []string{"Network: it makes no connection."}, Gaps: []string{"It sees which files exist."}, Missing: "Bubblewrap is not installed."}
	p.SetServers([]bridge.ServerView{v})
	uitest.Shows(t, w, "In a sandbox (Landlock), without the network.")
	uitest.Tap(t, w, "What holds files")
	uitest.Shows(t, w, "The sandbox of files", "Network: it makes no connection.", "What does not", "It sees which files exist.", "Bubblewrap is not installed.")
	uitest.Tap(t, w, "Close")

	v.Server.Sandbox = &store.Sandbox{Network: true}
	p.SetServers([]bridge.ServerView{v})
	uitest.Shows(t, w, "In a sandbox (Landlock), with the network.")

	v.State, v.Sandbox = mcphost.Failed, &mcphost.SandboxState{Missing: "Bubblewrap is not installed."}
	p.SetServers([]bridge.ServerView{v})
	uitest.Shows(t, w, "No sandbox on this system: it was not started.")
	v.State, v.Server.Sandbox = mcphost.Ready, &store.Sandbox{Optional: true}
	p.SetServers([]bridge.ServerView{v})
	uitest.Shows(t, w, "No sandbox on this system: it runs without one.")
	uitest.ShowsNot(t, w, "In a sandbox")
}

func TestTheReviewShowsTheSandbox(t *testing.T) {
	e := uitest.NewEngine()
	v := uitest.Stdio("files", mcphost.Held, "npx")
	v.Server.Sandbox = &store.Sandbox{Read: []string{"/srv/a"}, Write: []string{"~/b\u200b"}, Optional: true}
	e.Views = append(e.Views, v)
	_, w := open(t, e, theme.Light)
	uitest.Tap(t, w, "Review files")
	uitest.Shows(t, w, "reads: /srv/a", "reads and writes: ~/b‹U+200B›", "It makes no connection.", "it starts without one")
}

func TestTheSandboxOfTheForm(t *testing.T) {
	w := uitest.Window(t, theme.Light, size)
	s := newSandboxSection(w)
	w.SetContent(s.object())
	d := setup.Draft{Config: store.ServerConfig{Transport: store.TransportStdio, Sandbox: &store.Sandbox{}}}
	if !s.read(&d) || d.Config.Sandbox != nil {
		t.Errorf("off: %+v", d.Config.Sandbox)
	}
	uitest.ShowsNot(t, w, sandboxNetwork)
	s.on.Tapped(nil)
	if !s.read(&d) || !reflect.DeepEqual(d.Config.Sandbox, &store.Sandbox{Network: true}) {
		t.Errorf("switched on: %+v", d.Config.Sandbox)
	}
	uitest.Shows(t, w, sandboxNetwork)
	s.reads.SetText("docs")
	if s.read(&d) || s.reads.Error() == "" {
		t.Error("a path that is not full was taken")
	}
	s.reads.SetText("/docs\n ~/more \n")
	s.network.Tapped(nil)
	if !s.read(&d) || !reflect.DeepEqual(d.Config.Sandbox, &store.Sandbox{Read: []string{"/docs", "~/more"}}) {
		t.Errorf("%+v", d.Config.Sandbox)
	}
	// An empty sandbox is one.
	if !s.fill(store.ServerConfig{Sandbox: &store.Sandbox{}}, "") || !s.read(&d) || !reflect.DeepEqual(d.Config.Sandbox, &store.Sandbox{}) {
		t.Errorf("%+v", d.Config.Sandbox)
	}
}
