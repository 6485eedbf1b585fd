//go:build !nowindow

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	askui "github.com/drawbridge-app/drawbridge/app/ui/ask"
	"github.com/drawbridge-app/drawbridge/app/ui/audit"
	"github.com/drawbridge-app/drawbridge/app/ui/form"
	gatewayui "github.com/drawbridge-app/drawbridge/app/ui/gateway"
	"github.com/drawbridge-app/drawbridge/app/ui/servers"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestTheGatewayInTheWindow connects an app by clicks, and has a real client use
// what it was given: the pages, the card that asks, the audit and the rules show
// and decide what the engine does.
func TestTheGatewayInTheWindow(t *testing.T) {
	b := openBridge(t)
	g := &gated{Bridge: b, t: t}
	if err := b.SetServerEnabled(t.Context(), bridge.Workbench, false); err != nil {
		t.Fatal(err)
	}
	up := newUpstream(t)
	g.add("web", up.url, func(c *store.ServerConfig) { c.Rules.Approvals = store.Approvals{} })
	w := uitest.Window(t, theme.Light, fyne.NewSize(1028, 900))
	pump := uitest.NewPump(t)
	clipboard := fyne.CurrentApp().Clipboard()
	shows := func(texts ...string) {
		t.Helper()
		pump.Until(w, "the words "+strings.Join(texts, ", "), func() bool {
			all := uitest.Texts(w)
			for _, s := range texts {
				if !strings.Contains(all, s) {
					return false
				}
			}
			return true
		})
	}

	// Switched on by a click; then another app is connected.
	page := gatewayui.New(gatewayui.Options{Engine: b, Window: w, Clipboard: clipboard, Runner: pump.Runner(), Now: time.Now, Program: "/usr/bin/drawbridge"})
	page.SetServers(b.Servers())
	w.SetContent(page.Object())
	page.Shown()
	shows("Off", "No key yet")
	test.Tap(uitest.Find(t, w, func(s *form.Switch) bool { return s.Name == "Gateway" }))
	shows("On", "http://127.0.0.1:", "It keeps port")
	if s := b.Settings().Gateway; !s.Enabled || s.Port == 0 {
		t.Errorf("the settings are %+v", s)
	}
	uitest.Tap(t, w, "Connect an app")
	uitest.Tap(t, w, "Make the key")
	shows("Not tested yet.")
	uitest.Tap(t, w, "Test")
	shows("It works: the app connects and sees 2 tools")
	uitest.Tap(t, w, "Copy the snippet")
	var snippet struct {
		MCPServers map[string]struct {
			URL     string
			Headers map[string]string
		}
	}
	if err := json.Unmarshal([]byte(clipboard.Content()), &snippet); err != nil {
		t.Fatalf("the snippet is no JSON: %v: %s", err, clipboard.Content())
	}
	uitest.Tap(t, w, "Done")
	shows("cursor")

	// The app calls; a card and a notification name its key.
	told := ""
	b.ApproveGatewayWith(askui.New(askui.Options{Window: w, Do: pump.Do, Waiting: func(what string) func() {
		told = what
		return func() { told = "" }
	}}))
	link := snippet.MCPServers["drawbridge"]
	g.address = link.URL
	s, err := g.dial("/mcp", withHeaders(link.Headers))
	if err != nil {
		t.Fatal(err)
	}
	shows("On · ", "tester 1", "Key cursor")
	type answer struct {
		text   string
		status any
		edited any
	}
	call := func(id string) <-chan answer {
		done := make(chan answer, 1)
		go func() {
			r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "web__read", Arguments: map[string]any{"call": id}})
			if err != nil {
				done <- answer{err.Error(), "no answer", nil}
				return
			}
			text := ""
			for _, c := range r.Content {
				if c, ok := c.(*mcp.TextContent); ok {
					text += c.Text + "\n"
				}
			}
			done <- answer{text, r.Meta["status"], r.Meta["drawbridge/editedArguments"]}
		}()
		return done
	}
	ended := func(c <-chan answer) (got answer) {
		t.Helper()
		over := false
		pump.Until(w, "the answer of the gateway", func() bool {
			select {
			case got = <-c:
				over = true
			default:
			}
			return over
		})
		return got
	}
	// The person changes the arguments, is told what is wrong with them, and the app
	// learns with which the call ran.
	field := func() *form.Arguments {
		t.Helper()
		return uitest.Find(t, w, func(*form.Arguments) bool { return true })
	}
	calling := call("as the app wants")
	shows("An app asks for permission", "as the app wants")
	uitest.Tap(t, w, "Edit arguments")
	field().SetText(`{"call":7}`)
	uitest.Tap(t, w, "Allow once")
	pump.Until(w, "why they will not do", func() bool { return !uitest.Button(t, w, "Allow once").Disabled() })
	if up.headers("as the app wants") != nil || !strings.Contains(uitest.Texts(w), "An app asks for permission") {
		t.Error("it ran with arguments that will not do")
	}
	uitest.Tap(t, w, "Discard my changes")
	uitest.Tap(t, w, "Back to my changes")
	if f := field(); f.Text != `{"call":7}` {
		t.Errorf("the changes that were discarded are %q", f.Text)
	}
	field().SetText(`{"call":"as the person wants"}`)
	uitest.Tap(t, w, "Allow once")
	got := ended(calling)
	if got.status != nil || !strings.HasPrefix(got.text, "The person changed the arguments") || !strings.Contains(got.text, "as the person wants") || fmt.Sprint(got.edited) != "map[call:as the person wants]" {
		t.Errorf("of changed arguments the app gets %+v", got)
	}
	if up.headers("as the app wants") != nil || up.headers("as the person wants") == nil {
		t.Error("the server got the arguments of the app")
	}
	for _, c := range []struct {
		id, click string
		status    any
	}{{"once", "Allow once", nil}, {"denied", "Deny", 403.0}, {"always", "Always allow read", nil}} {
		calling := call(c.id)
		shows("An app asks for permission", "The app with the key “cursor” wants to call “read” of the server “web”.", c.id)
		if !strings.Contains(told, "“cursor”") || !strings.Contains(told, "web__read") {
			t.Errorf("the notification says %q", told)
		}
		uitest.Tap(t, w, c.click)
		if got := ended(calling); got.status != c.status || c.status == nil && !strings.Contains(got.text, c.id) {
			t.Errorf("after %q the app gets %+v", c.click, got)
		}
		if told != "" {
			t.Errorf("the notification stays: %q", told)
		}
		if reached := up.headers(c.id) != nil; reached != (c.status == nil) {
			t.Errorf("after %q the call reached the server: %t", c.click, reached)
		}
	}
	// Nobody is asked any more.
	if got := ended(call("unasked")); got.status != nil {
		t.Errorf("what is always allowed: %+v", got)
	}
	page.Hidden()

	// All of it is in the audit, which follows.
	log := audit.New(audit.Options{Engine: b, Window: w, Clipboard: clipboard, Runner: pump.Runner(), Now: time.Now, Home: t.TempDir()})
	log.SetServers(b.Servers())
	w.SetContent(log.Object())
	log.Shown()
	shows("web · read", "App “cursor” · ran", "App “cursor” · refused", "App “cursor” · allowed once", "App “cursor” · always allowed", `The key "cursor" was made.`)
	uitest.Fill(t, w, "Search the audit", "nothing of the kind")
	shows("No record fits")
	uitest.Tap(t, w, "Clear filters")
	shows("web · read")

	// A rule that is set by clicks holds for the next call, and the page shows it.
	rules := servers.New(servers.Options{Engine: b, Window: w, Clipboard: clipboard, Runner: pump.Runner()})
	rules.SetServers(b.Servers())
	w.SetContent(rules.Object())
	uitest.Tap(t, w, "Rules web")
	shows("Rules of web")
	uitest.Tap(t, w, "Each tool")
	uitest.Find(t, w, func(s *form.Select) bool { return s.Name == "Which tools" }).SetSelected("All but those that are ticked")
	test.Tap(uitest.Find(t, w, func(c *form.Check) bool { return c.Name == "read" }))
	uitest.Tap(t, w, "Save")
	pump.Until(w, "the end of the sheet", func() bool { return !strings.Contains(uitest.Texts(w), "Rules of web") })
	if got := ended(call("ruled out")); got.status != 403.0 || up.headers("ruled out") != nil {
		t.Errorf("what the rules forbid: %+v", got)
	}
	w.SetContent(log.Object())
	shows("refused")
	log.Hidden()
}
