package gateway

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	apps "github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

var (
	size = fyne.NewSize(1028, 900)
	noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
)

// put shows the page of the engine.
func put(e *uitest.Engine, w fyne.Window) *Page {
	p := New(Options{
		Engine: e, Window: w, Clipboard: fyne.CurrentApp().Clipboard(), Runner: uitest.Inline(),
		Now: func() time.Time { return noon }, Program: "/usr/bin/drawbridge",
	})
	files, git := uitest.Stdio("files", mcphost.Ready, "npx"), uitest.Stdio("git", mcphost.Ready, "uvx")
	files.Server.Rules.Groups = []string{"work"}
	p.SetServers([]bridge.ServerView{files, git})
	w.SetContent(p.Object())
	p.Shown()
	return p
}

func open(t *testing.T, e *uitest.Engine) (*Page, fyne.Window) {
	t.Helper()
	w := uitest.Window(t, theme.Light, size)
	return put(e, w), w
}

// again shows what the engine has now.
func again(p *Page) { p.Hidden(); p.Shown() }

// turn turns the switch of that name.
func turn(t *testing.T, w fyne.Window, name string) {
	t.Helper()
	test.Tap(uitest.Find(t, w, func(s *form.Switch) bool { return uitest.English(s.Name) == name }))
}

// tick ticks the box of that text.
func tick(t *testing.T, w fyne.Window, text string) {
	t.Helper()
	test.Tap(uitest.Find(t, w, func(c *form.Check) bool { return c.Text == text }))
}

func did(t *testing.T, e *uitest.Engine, want string) {
	t.Helper()
	if got := strings.Join(e.Did(), "\n"); !strings.Contains(got, want) {
		t.Errorf("%q is not among what was done:\n%s", want, got)
	}
}

func TestTheGatewayIsSwitchedOnAndOff(t *testing.T) {
	e := uitest.NewEngine()
	p, w := open(t, e)
	uitest.Shows(t, w, "Off", "no other app can use your servers", "No key yet", "No app is connected", "No team", "No organisation")
	turn(t, w, "Gateway")
	did(t, e, "gateway on=true port=0")
	uitest.Shows(t, w, "http://127.0.0.1:4001/mcp", "http://127.0.0.1:4001/v1", "Programs of this computer alone")
	uitest.Tap(t, w, "Copy the address")
	if got := fyne.CurrentApp().Clipboard().Content(); got != "http://127.0.0.1:4001/mcp" {
		t.Errorf("the clipboard has %q", got)
	}
	turn(t, w, "Gateway")
	uitest.ShowsNot(t, w, "http://127.0.0.1:4001/mcp")

	e.Err = errors.New("port 4001 is taken by another program; choose another")
	turn(t, w, "Gateway")
	uitest.Shows(t, w, "It does not listen", "Port 4001 is taken by another program")
	p.Hidden()
}

func TestPortAndNetwork(t *testing.T) {
	e := uitest.NewEngine()
	e.Door.Settings = store.GatewaySettings{Enabled: true, Port: 4001}
	_, w := open(t, e)
	uitest.Tap(t, w, "Port and network…")
	uitest.Fill(t, w, "Port", "many")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "A port is a number from 1024 to 65535.")
	uitest.Fill(t, w, "Port", "4100")
	turn(t, w, "Let other computers reach it")
	uitest.Shows(t, w, "Whoever is in that network can try keys")
	uitest.Fill(t, w, "Address of this computer in the network", "192.168.1.5")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "over TLS alone")
	uitest.Fill(t, w, "Certificate", "/c.pem")
	uitest.Fill(t, w, "Key of the certificate", "/k.pem")
	uitest.Fill(t, w, "Names by which other computers call it", "desk.lan nas")
	uitest.Tap(t, w, "Save")
	did(t, e, `gateway on=true port=4100 network="192.168.1.5" cert="/c.pem" names=[desk.lan nas]`)
	uitest.Shows(t, w, "Other computers in the network reach it")

	// What cannot listen is said in the sheet, which stays.
	uitest.Tap(t, w, "Port and network…")
	e.Err = errors.New("that address is not one of this computer")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "That address is not one of this computer.", "Port and network")
}

func TestAKeyIsMadeWithItsLimits(t *testing.T) {
	e := uitest.NewEngine()
	p, w := open(t, e)
	uitest.Tap(t, w, "Add key")
	uitest.Tap(t, w, "Make key")
	uitest.Shows(t, w, "Give it a name")
	uitest.Fill(t, w, "Name", "my editor")
	turn(t, w, allServers)
	uitest.Tap(t, w, "Make key")
	uitest.Shows(t, w, "Choose a server or a group")
	tick(t, w, "git")
	tick(t, w, "work")
	uitest.Fill(t, w, "Tools", "files__read\n git__* ")
	uitest.Fill(t, w, "Calls a minute", "sixty")
	uitest.Tap(t, w, "Make key")
	uitest.Shows(t, w, "Type a whole number")
	uitest.Fill(t, w, "Calls a minute", "60")
	uitest.Fill(t, w, "Calls a day", "1,000")
	expires := uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == "Expires" })
	expires.SetSelected("On a date")
	uitest.Fill(t, w, "Date", "2026-04-30")
	uitest.Tap(t, w, "Make key")
	uitest.Shows(t, w, "is over already")
	uitest.Fill(t, w, "Date", "2026-06-01")
	turn(t, w, mayModels)
	uitest.Fill(t, w, "Models", "gpt-5")
	uitest.Fill(t, w, "Tokens a day", "100000")
	uitest.Fill(t, w, "US dollars a day", "$2.50")
	turn(t, w, mayApprove)
	uitest.Tap(t, w, "Make key")
	did(t, e, `add key my editor team= {"servers":["git"],"groups":["work"],"tools":["files__read","git__*"],"calls_per_minute":60,"calls_per_day":1000,"expires":"2026-06-01T00:00:00`)
	did(t, e, `"models":{"providers":null,"models":["gpt-5"],"tokens_per_day":100000,"cost_per_day":2.5},"may_approve":true}`)

	uitest.Shows(t, w, "drawbridge-value-of-my editor", "shown this once")
	uitest.Tap(t, w, "Copy key")
	if got := fyne.CurrentApp().Clipboard().Content(); got != "drawbridge-value-of-my editor" {
		t.Errorf("the clipboard has %q", got)
	}
	uitest.Tap(t, w, "Done")
	again(p)
	uitest.ShowsNot(t, w, "drawbridge-value")
	uitest.Shows(t, w, "my editor", "never used · expires on 1 Jun 2026",
		"Servers git and groups work · tools files__read, git__* · 60 calls a minute · 1,000 calls a day · models gpt-5, 100,000 tokens a day, $2.5 a day · may approve")

	uitest.Tap(t, w, "Revoke my editor")
	uitest.Shows(t, w, "the app that shows this key is refused from now on")
	uitest.Tap(t, w, "Undo the deletion")
	did(t, e, "restore id-my editor")
	uitest.Tap(t, w, "Revoke my editor")
	did(t, e, "revoke id-my editor")
	uitest.Tap(t, w, "Delete it now")
	e.Door.Keys[0].RevokedAt = noon.Add(-time.Hour)
	again(p)
	uitest.ShowsNot(t, w, "my editor")
	uitest.Tap(t, w, "Revoked")
	uitest.Shows(t, w, "my editor", "revoked 1 h ago")
}

func TestTeamsAndOrganisations(t *testing.T) {
	e := uitest.NewEngine()
	e.Door.Organisations = []store.Organisation{{ID: "o", Name: "Acme"}}
	e.Door.Teams = []store.Team{{ID: "t", Name: "Editors", Organisation: "o", Limits: store.Limits{Servers: []string{"git"}, CallsPerDay: 5}}}
	e.Door.Keys = []store.Key{{ID: "k", Name: "zed", Team: "t", UsedAt: noon.Add(-3 * time.Minute)}}
	_, w := open(t, e)
	uitest.Shows(t, w, "Editors", "1 key", "Of Acme · servers git · 5 calls a day", "organisation · 1 team", "Team Editors · all servers · no models", "used 3 min ago")
	uitest.Tap(t, w, "Edit Editors")
	if got := uitest.Entry(t, w, "Calls a day", 0).Text; got != "5" {
		t.Errorf("the form has %q", got)
	}
	uitest.Fill(t, w, "Calls a day", "7")
	turn(t, w, "Its apps may never approve calls")
	uitest.Tap(t, w, "Save")
	did(t, e, `team {"id":"t","name":"Editors","organisation":"Acme","limits":{"servers":["git"],"groups":[],"tools":null,"calls_per_day":7,"no_approve":true}}`)
	uitest.Tap(t, w, "Add organisation")
	uitest.Tap(t, w, "Add")
	uitest.Shows(t, w, "Give the organisation a name.")
	uitest.Fill(t, w, "Name", "Other")
	uitest.Tap(t, w, "Add")
	did(t, e, `organisation {"id":"","name":"Other"`)
	e.Err = errors.New(`keys are in the team "Editors"; revoke them first`)
	uitest.Tap(t, w, "Remove Editors")
	did(t, e, "remove team t")
	uitest.Shows(t, w, "revoke them first")
	uitest.ShowsNot(t, w, "Removed “Editors”")
	uitest.Tap(t, w, "Remove Editors")
	uitest.Tap(t, w, "Undo the deletion")
	did(t, e, `team {"id":"t","name":"Editors","organisation":"o"`)

	// A key can be put into a team.
	uitest.Tap(t, w, "Add key")
	uitest.Fill(t, w, "Name", "new")
	uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == "Team" }).SetSelected("Editors")
	uitest.Tap(t, w, "Make key")
	did(t, e, "add key new team=Editors")
}

func TestConnectedApps(t *testing.T) {
	e := uitest.NewEngine()
	e.Door.Address = "http://127.0.0.1:4001/mcp"
	e.Door.Clients = []apps.Client{
		{Name: "cursor\u202e", Version: "1.2", Key: "k", KeyName: "cursor", Namespace: []string{"files"}, Protocol: "2025-11-25", Since: noon.Add(-time.Hour), Used: noon.Add(-20 * time.Second), Session: true},
		{Key: "k", KeyName: "cursor", Used: noon},
	}
	_, w := open(t, e)
	uitest.Shows(t, w, "On · 2 apps connected", "cursor‹U+202E› 1.2", "used 20 s ago", "Key cursor · files alone · MCP 2025-11-25 · connected since 11:00", "does not name itself")
}

func TestAnAppIsConnected(t *testing.T) {
	e := uitest.NewEngine()
	e.Trial = apps.Trial{Protocol: "2025-11-25", Tools: 14, Took: 23 * time.Millisecond}
	_, w := open(t, e)
	uitest.Tap(t, w, "Connect an app")
	for _, a := range apps.Apps() {
		uitest.Button(t, w, a.Title())
	}
	uitest.Tap(t, w, "VS Code")
	uitest.Tap(t, w, "Make the key")
	did(t, e, "add key vscode team=")
	uitest.Shows(t, w, ".vscode/mcp.json", `"Authorization": "Bearer drawbridge-value-of-vscode"`, "shown this once", "Not tested yet.")
	uitest.Tap(t, w, "Test")
	uitest.Shows(t, w, "It works: the app connects and sees 14 tools, in 23 ms.")
	uitest.Tap(t, w, "Copy the snippet")
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.Contains(got, `"url": "http://127.0.0.1:4001/mcp"`) {
		t.Errorf("the clipboard has %q", got)
	}
	e.Err = errors.New("the gateway could not be reached as the app would: connection refused")
	uitest.Tap(t, w, "Test")
	uitest.Shows(t, w, "The test failed. The gateway could not be reached")
	e.Trial = apps.Trial{}
	uitest.Tap(t, w, "Test")
	uitest.Shows(t, w, "sees no tool")
	uitest.Tap(t, w, "Done")
	uitest.ShowsNot(t, w, "drawbridge-value")

	// An app that starts programs gets no key into its file, and limits hold.
	uitest.Tap(t, w, "Connect an app")
	uitest.Tap(t, w, "Claude Desktop")
	uitest.Fill(t, w, "Name of the key", "desktop")
	uitest.Tap(t, w, "What it may do (all servers, unless you say less)")
	uitest.Fill(t, w, "Calls a day", "x")
	uitest.Tap(t, w, "Make the key")
	uitest.Shows(t, w, "Something in what it may do is not right")
	uitest.Fill(t, w, "Calls a day", "9")
	e.Err = errors.New(`there is a key "desktop" already`)
	uitest.Tap(t, w, "Make the key")
	uitest.Shows(t, w, "There is a key \"desktop\" already.")
	uitest.Tap(t, w, "Make the key")
	did(t, e, `add key desktop team= {"servers":null,"groups":null,"tools":null,"calls_per_day":9}`)
	uitest.Shows(t, w, "/usr/bin/drawbridge", "starts Drawbridge by itself")
	uitest.ShowsNot(t, w, "drawbridge-value")
}

// TestTheSheetsByKeyboard: Return makes the key, Escape leaves.
func TestTheSheetsByKeyboard(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e)
	press := func(key fyne.KeyName) {
		t.Helper()
		f := w.Canvas().Focused()
		if f == nil {
			t.Fatal("nothing has the focus")
		}
		f.TypedKey(&fyne.KeyEvent{Name: key})
	}
	w.Canvas().Focus(uitest.Button(t, w, "Connect an app"))
	press(fyne.KeyReturn)
	uitest.Shows(t, w, "Name of the key")
	press(fyne.KeyEscape)
	uitest.ShowsNot(t, w, "Name of the key")
	uitest.Tap(t, w, "Add key")
	test.Type(w.Canvas().Focused(), "typed")
	press(fyne.KeyReturn)
	did(t, e, "add key typed")
	press(fyne.KeyReturn) // Copy key has the focus
	if got := fyne.CurrentApp().Clipboard().Content(); got != "drawbridge-value-of-typed" {
		t.Errorf("the clipboard has %q", got)
	}
	press(fyne.KeyEscape)
	uitest.ShowsNot(t, w, "drawbridge-value")
	uitest.Tap(t, w, "Add key")
	box := uitest.Find(t, w, func(s *form.Switch) bool { return s.Name == allServers })
	w.Canvas().Focus(box)
	press(fyne.KeySpace)
	w.Canvas().Focus(uitest.Find(t, w, func(c *form.Check) bool { return c.Text == "git" }))
	press(fyne.KeyReturn)
	if !uitest.Find(t, w, func(c *form.Check) bool { return c.Text == "git" }).Checked {
		t.Error("Return does not tick")
	}
	press(fyne.KeyEscape)
	uitest.ShowsNot(t, w, "Add a key")
}
