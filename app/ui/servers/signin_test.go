package servers

import (
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestSignInRow(t *testing.T) {
	e := uitest.NewEngine()
	p, w := open(t, e, theme.Dark)
	v := bridge.ServerView{Status: mcphost.Status{
		Server: store.ServerConfig{ID: "work", Name: "work", Transport: store.TransportHTTP, URL: "https://mcp.example.com/mcp"},
		State:  mcphost.Failed, Error: "mcp.example.com asks who you are (401).",
		SignIn: &mcphost.SignIn{Needed: true},
	}}
	show := func(change func(*mcphost.Status)) {
		s := *v.SignIn
		v.SignIn = &s
		change(&v.Status)
		p.SetServers([]bridge.ServerView{uitest.Workbench(), v})
	}
	show(func(*mcphost.Status) {})
	uitest.Shows(t, w, "asks you to sign in", "The server asks who you are.")
	uitest.ShowsNot(t, w, "(401)")
	uitest.Tap(t, w, "Sign in to work")
	did(t, e, "sign in to work")
	if !Attention(v) {
		t.Error("nobody's attention is called")
	}

	show(func(s *mcphost.Status) { s.SignIn.Waiting = true })
	uitest.Shows(t, w, "Finish signing in in your browser.", "waits for your browser")
	uitest.Tap(t, w, "Cancel the sign-in to work")
	did(t, e, "sign in to work", "cancel the sign-in to work")

	show(func(s *mcphost.Status) {
		s.SignIn.Waiting, s.SignIn.Private, s.SignIn.Error = false, "http://127.0.0.1:9000", "The server sends you to http://127.0.0.1:9000."
	})
	uitest.Shows(t, w, "http://127.0.0.1:9000", "permit it only if you know it")
	uitest.Tap(t, w, "Permit it and sign in work")
	did(t, e, "sign in to work", "cancel the sign-in to work", "permit http://127.0.0.1:9000 to work", "sign in to work")

	show(func(s *mcphost.Status) {
		s.State, s.Error = mcphost.Ready, ""
		*s.SignIn = mcphost.SignIn{SignedIn: true, Account: "ada@example.com\u202e", Issuer: "https://login.example.com", Renews: true}
	})
	uitest.Shows(t, w, "Signed in as ada@example.com‹U+202E› at https://login.example.com · renews itself")
	uitest.ShowsNot(t, w, "asks who you are")
	before := len(e.Did())
	uitest.Tap(t, w, "Sign out of work")
	uitest.Shows(t, w, "Sign out of work?", "This cannot be undone")
	uitest.Tap(t, w, "Cancel")
	if got := e.Did()[before:]; len(got) != 0 {
		t.Errorf("before the person agreed: %q", got)
	}
	uitest.Tap(t, w, "Sign out of work")
	uitest.Tap(t, w, "Sign out")
	uitest.Tap(t, w, "Forget the sign-in to work")
	uitest.Shows(t, w, "Forget the sign-in to work?", "This cannot be undone")
	uitest.Tap(t, w, "Forget")
	if got := e.Did(); got[len(got)-2] != "sign out of work forget=false" || got[len(got)-1] != "sign out of work forget=true" {
		t.Errorf("%q", got)
	}

	show(func(s *mcphost.Status) { s.SignIn.Needed, s.SignIn.Missing = true, []string{"files:write"} })
	uitest.Shows(t, w, "more rights than you have granted: files:write")

	show(func(s *mcphost.Status) {
		*s.SignIn = mcphost.SignIn{Error: "login.example.com says that the sign-in was declined."}
	})
	uitest.Shows(t, w, "the sign-in was declined")

	v.SignIn = nil
	p.SetServers([]bridge.ServerView{uitest.Workbench(), v})
	uitest.ShowsNot(t, w, "declined")
}

func TestSignedInWords(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	for want, s := range map[string]mcphost.SignIn{
		"Signed in":                                     {},
		"Signed in · until 1 May 13:00":                 {Expires: now.Add(time.Hour)},
		"Signed in · expired":                           {Expires: now.Add(-time.Hour)},
		"Signed in as a at b · renews itself":           {Account: "a", Issuer: "b", Renews: true, Expires: now},
		"Drawbridge signs in by itself · renews itself": {ByProgram: true, Renews: true},
	} {
		if got := signedInWords(&s, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
