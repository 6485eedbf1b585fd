package servers

import (
	"reflect"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

func never(string) bool { return false }

// everything is a server at an address with each setting other than usual.
func everything() store.ServerConfig {
	return store.ServerConfig{
		ID: "web", Name: "web", Transport: store.TransportSSE, URL: "https://mcp.example.com/sse",
		Headers:  map[string]store.Value{"X-Team": "blue"},
		OnDemand: true, IdleMinutes: 3, Serial: true, Roots: []string{"/home/you/a", "/home/you/b"}, Disabled: true,
		Net: store.NetConfig{CAFile: "/etc/ca.pem", CertFile: "/home/you/c.pem", KeyFile: "/home/you/k.pem", Proxy: store.RefTo("server/web/net/proxy")},
		Auth: store.Auth{
			Kind: store.AuthOAuth, Secret: store.RefTo("server/web/auth/secret"), ClientID: "me", Scopes: []string{"read", "write"},
			AuthorizationURL: "https://login.example.com/a", TokenURL: "https://login.example.com/t", TokenAuth: store.TokenAuthPost,
			Port: 4711, Origins: []string{"https://login.corp"},
		},
	}
}

func TestTheFormLosesNothing(t *testing.T) {
	program := everything()
	program.Transport, program.URL, program.Headers, program.Auth = store.TransportStdio, "", nil, store.Auth{}
	program.Command, program.Args, program.Dir = "npx", []string{"-y", "  odd ", ""}, "/srv"
	program.Env = map[string]store.Value{"A": "b"}
	program.Net.CertFile, program.Net.KeyFile = "", ""
	program.Sandbox = &store.Sandbox{Network: true, Read: []string{"/a b", "~/c"}, Write: []string{"/d"}, Optional: true}
	closed := program.Clone()
	closed.Sandbox = &store.Sandbox{}
	plain := store.ServerConfig{ID: "p", Name: "p", Transport: store.TransportHTTP, URL: "https://example.com/mcp"}
	w := uitest.Window(t, theme.Light, size)
	for _, c := range []store.ServerConfig{everything(), program, closed, plain} {
		e := newEditor(w, c.Transport, never)
		e.fill(setup.Draft{Config: c.Clone()}, "kept")
		d, ok := e.draft()
		if !ok || !reflect.DeepEqual(d.Config, c) {
			t.Errorf("%t: the form makes\n%+v\nof\n%+v", ok, d.Config, c)
		}
		if len(d.Secrets) > 0 {
			t.Errorf("secrets came from nowhere: %d", len(d.Secrets))
		}
	}
}

// TestSecretsOfADraftStay has values that are in no keychain yet.
func TestSecretsOfADraftStay(t *testing.T) {
	w := uitest.Window(t, theme.Light, size)
	c := everything()
	d := setup.Draft{Config: c, Secrets: map[store.SecretRef]store.Secret{}}
	for _, ref := range c.Refs() {
		d.Secrets[ref] = store.NewSecret("value of " + string(ref))
	}
	e := newEditor(w, c.Transport, never)
	e.fill(d, "kept as it was found; type to replace")
	got, ok := e.draft()
	if !ok || !reflect.DeepEqual(got.Secrets, d.Secrets) {
		t.Errorf("%t: %d secrets of %d", ok, len(got.Secrets), len(d.Secrets))
	}
}

func TestEachWayToSignIn(t *testing.T) {
	w := uitest.Window(t, theme.Light, size)
	secret := store.ServerSecret("web", "auth", "secret")
	for _, tt := range []struct {
		name string
		fill func(*authSection)
		want store.Auth
		typed,
		fails string
	}{
		{"bearer", func(s *authSection) { s.way.SetSelectedIndex(1); s.token.SetText("t0k") }, store.Auth{Kind: store.AuthBearer, Secret: store.RefTo(secret)}, "t0k", ""},
		{"no token", func(s *authSection) { s.way.SetSelectedIndex(1) }, store.Auth{}, "", "Type the token."},
		{"key", func(s *authSection) {
			s.way.SetSelectedIndex(2)
			s.header.SetText("X-API-Key")
			s.key.SetText("k")
		}, store.Auth{Kind: store.AuthHeader, Header: "X-API-Key", Secret: store.RefTo(secret)}, "k", ""},
		{"basic", func(s *authSection) { s.way.SetSelectedIndex(3); s.user.SetText("me"); s.password.SetText("p") },
			store.Auth{Kind: store.AuthBasic, User: "me", Secret: store.RefTo(secret)}, "p", ""},
		{"colon", func(s *authSection) { s.way.SetSelectedIndex(3); s.user.SetText("m:e"); s.password.SetText("p") }, store.Auth{}, "", "with a colon"},
		{"browser", func(s *authSection) { s.way.SetSelectedIndex(4) }, store.Auth{Kind: store.AuthOAuth}, "", ""},
		{"half an address", func(s *authSection) {
			s.way.SetSelectedIndex(4)
			s.clientID.SetText("c")
			s.authorization.SetText("https://login.example.com/a")
		}, store.Auth{}, "", "goes together with a token URL"},
		{"unsafe", func(s *authSection) {
			s.way.SetSelectedIndex(5)
			s.clientID.SetText("c")
			s.secret.SetText("s")
			s.tokenURL.SetText("http://login.example.com/t")
		}, store.Auth{}, "", "Use an https address"},
		{"program", func(s *authSection) {
			s.way.SetSelectedIndex(5)
			s.clientID.SetText("c")
			s.secret.SetText("s")
			s.scopes.SetText("a, b")
			s.tokenURL.SetText("https://login.example.com/t")
		}, store.Auth{Kind: store.AuthClient, ClientID: "c", Secret: store.RefTo(secret), Scopes: []string{"a", "b"}, TokenURL: "https://login.example.com/t"}, "s", ""},
	} {
		e := newEditor(w, store.TransportHTTP, never)
		e.name.SetText("web")
		e.address.SetText("https://mcp.example.com/mcp")
		sheet := form.NewSheet(w, "x", e.Box)
		sheet.Show()
		s := e.sections[0].(*authSection)
		tt.fill(s)
		d, ok := e.draft()
		if tt.fails != "" {
			if ok {
				t.Errorf("%s: nothing is wrong", tt.name)
			}
			uitest.Shows(t, w, tt.fails)
			sheet.Close()
			continue
		}
		if !ok || !reflect.DeepEqual(d.Config.Auth, tt.want) {
			t.Errorf("%s: %t %+v, want %+v\n%s", tt.name, ok, d.Config.Auth, tt.want, uitest.Texts(w))
		}
		if got := d.Secrets[secret].Reveal(); got != tt.typed {
			t.Errorf("%s: the secret is %q", tt.name, got)
		}
		sheet.Close()
	}
}

func TestMoreOfAServer(t *testing.T) {
	e := uitest.NewEngine()
	v := uitest.Stdio("git", mcphost.Ready, "uvx", "mcp-server-git")
	e.Views = append(e.Views, v)
	_, w := open(t, e, theme.Light)
	uitest.Tap(t, w, "Edit git")
	uitest.ShowsNot(t, w, "One call at a time")
	uitest.Tap(t, w, "More")
	uitest.Fill(t, w, "Folders it may know of", "work\n")
	uitest.Fill(t, w, "Certificates of your network (CA file)", "ca.pem")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "work is no full path", "This is no full path. Type the whole path of the file")
	uitest.Fill(t, w, "Folders it may know of", "/home/you/work\n\n/home/you/notes")
	uitest.Fill(t, w, "Certificates of your network (CA file)", "/etc/ca.pem")
	uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == "Proxy" }).SetSelected(proxyThis)
	uitest.Fill(t, w, "Address of the proxy", "proxy:3128")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "no address of a proxy")
	uitest.Fill(t, w, "Address of the proxy", "http://me:canary@proxy:3128")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Review what will run", "/home/you/work", "trusts also: /etc/ca.pem", "proxy: ‹secret›")
	uitest.ShowsNot(t, w, "canary")
	uitest.Tap(t, w, "Save and start")
	did(t, e, `update git: git uvx ["mcp-server-git"] env=map[] secrets=1 approve=true`)
}

func TestOnDemandAsksForMinutes(t *testing.T) {
	w := uitest.Window(t, theme.Light, size)
	e := newEditor(w, store.TransportStdio, never)
	e.command.SetText("npx")
	e.name.SetText("n")
	run := e.sections[0].(*more).all[0].(*runSection)
	run.onDemand.Tapped(nil)
	run.minutes.SetText("soon")
	if _, ok := e.draft(); ok || run.minutes.Error() == "" || !e.sections[0].(*more).fold.Box.Objects[1].Visible() {
		t.Error("minutes that are no number are taken")
	}
	run.minutes.SetText("7")
	d, ok := e.draft()
	if !ok || !d.Config.OnDemand || d.Config.IdleMinutes != 7 {
		t.Errorf("%t %+v", ok, d.Config)
	}
}
