package servers

import (
	"net/url"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// authWay is one of the ways to sign in at a server.
type authWay struct {
	kind  store.AuthKind
	title string
	help  string
}

// authWays lists them, the usual one first.
func authWays() []authWay {
	return []authWay{
		{store.AuthNone, say.T("None, or when the server asks"), say.T("Where the server asks for a sign-in, its card offers one with your browser.")},
		{store.AuthBearer, say.T("Token"), say.T("Sent as Authorization: Bearer with every request.")},
		{store.AuthHeader, say.T("API key in a header"), ""},
		{store.AuthBasic, say.T("User name and password"), ""},
		{store.AuthOAuth, say.T("With the browser (OAuth)"), say.T("You sign in once on the server's card. Everything below may stay empty where the server says it itself.")},
		{store.AuthClient, say.T("As a program (OAuth client credentials)"), say.T("No person signs in; Drawbridge does, with a client that you registered.")},
	}
}

// How a client's secret is sent, in words.
var (
	tokenAuthAny   = say.T("As the server prefers")
	tokenAuthBasic = say.T("In a header (basic)")
	tokenAuthPost  = say.T("In the body (post)")
)

// authSection says how a server is shown who asks.
type authSection struct {
	box  *fyne.Container
	way  *form.Select
	help *form.Note

	header, user                 *form.Field
	token, key, password, secret *secretText
	clientID, scopes             *form.Field
	authorization, tokenURL      *form.Field
	port                         *form.Field
	tokenAuth                    *form.Select
	tokenAuthBox                 fyne.CanvasObject
	fields                       map[store.AuthKind][]fyne.CanvasObject
	before                       store.AuthKind
}

func newAuthSection() *authSection {
	s := &authSection{help: form.Muted("")}
	s.token = newSecretText(say.T("Token"), "")
	s.header = form.NewField(say.T("Header of the API key"), "X-API-Key", "")
	s.key = newSecretText(say.T("API key"), "")
	s.user = form.NewField(say.T("User name"), "", "")
	s.password = newSecretText(say.T("Password"), "")
	s.clientID = form.NewField(say.T("Client id"), "", say.T("What the authorization server knows Drawbridge by, where you registered it there."))
	s.secret = newSecretText(say.T("Client secret"), say.T("If there is one."))
	s.scopes = form.NewField(say.T("Scopes"), "", say.T("Rights to ask for, with blanks between; in place of those that the server names."))
	s.authorization = form.NewField(say.T("Authorization URL"), "https://login.example.com/authorize", say.T("In place of what the server says. It goes together with the token URL, and needs a client id."))
	s.tokenURL = form.NewField(say.T("Token URL"), "https://login.example.com/token", "")
	s.port = form.NewField(say.T("Port for the answer"), say.T("any"), say.T("Of this computer, for clients that are registered with one."))
	s.tokenAuth = form.NewSelect(say.T("How the client secret is sent"), []string{tokenAuthAny, tokenAuthBasic, tokenAuthPost}, nil)
	s.tokenAuthBox = form.Labelled(say.T("How the client secret is sent"), s.tokenAuth, "")
	s.tokenAuth.SetSelected(tokenAuthAny)
	s.fields = map[store.AuthKind][]fyne.CanvasObject{
		store.AuthBearer: {s.token.Box},
		store.AuthHeader: {s.header.Box, s.key.Box},
		store.AuthBasic:  {s.user.Box, s.password.Box},
		store.AuthOAuth:  {s.clientID.Box, s.secret.Box, s.scopes.Box, s.authorization.Box, s.tokenURL.Box, s.tokenAuthBox, s.port.Box},
		store.AuthClient: {s.clientID.Box, s.secret.Box, s.scopes.Box, s.tokenURL.Box, s.tokenAuthBox},
	}
	var titles []string
	for _, w := range authWays() {
		titles = append(titles, w.title)
	}
	s.way = form.NewSelect(say.T("Sign-in"), titles, func(string) { s.follow(); form.Relayout(s.box) })
	s.box = form.Column(form.Labelled(say.T("Sign-in"), s.way, ""), s.help)
	for _, o := range []fyne.CanvasObject{
		s.token.Box, s.header.Box, s.key.Box, s.user.Box, s.password.Box, s.clientID.Box, s.secret.Box, s.scopes.Box,
		s.authorization.Box, s.tokenURL.Box, s.tokenAuthBox, s.port.Box,
	} {
		s.box.Add(o)
	}
	s.way.SetSelectedIndex(0)
	return s
}

// chosen is the way that is selected.
func (s *authSection) chosen() authWay { return authWays()[max(s.way.SelectedIndex(), 0)] }

// follow shows the fields of the way that is chosen.
func (s *authSection) follow() {
	if s.box == nil {
		return
	}
	w := s.chosen()
	s.help.SetText(w.help)
	for i, o := range s.box.Objects {
		if i > 1 {
			o.Hide()
		}
	}
	for _, o := range s.fields[w.kind] {
		o.Show()
	}
	if w.help == "" {
		s.help.Hide()
	} else {
		s.help.Show()
	}
}

func (s *authSection) object() fyne.CanvasObject { return s.box }

func (s *authSection) fill(c store.ServerConfig, kept string) bool {
	a := c.Auth
	s.before = a.Kind
	for i, w := range authWays() {
		if w.kind == a.Kind {
			s.way.SetSelectedIndex(i)
		}
	}
	for kind, t := range map[store.AuthKind]*secretText{store.AuthBearer: s.token, store.AuthHeader: s.key, store.AuthBasic: s.password} {
		t.keep("", "")
		if kind == a.Kind {
			t.keep(a.Secret, kept)
		}
	}
	s.secret.keep("", "")
	if a.Kind == store.AuthOAuth || a.Kind == store.AuthClient {
		s.secret.keep(a.Secret, kept)
	}
	s.header.SetText(a.Header)
	s.user.SetText(a.User)
	s.clientID.SetText(a.ClientID)
	s.scopes.SetText(strings.Join(a.Scopes, " "))
	s.authorization.SetText(a.AuthorizationURL)
	s.tokenURL.SetText(a.TokenURL)
	s.port.SetText("")
	if a.Port > 0 {
		s.port.SetText(strconv.Itoa(a.Port))
	}
	s.tokenAuth.SetSelected(tokenAuthAny)
	switch a.TokenAuth {
	case store.TokenAuthBasic:
		s.tokenAuth.SetSelected(tokenAuthBasic)
	case store.TokenAuthPost:
		s.tokenAuth.SetSelected(tokenAuthPost)
	}
	s.follow()
	return !a.Zero()
}

func (s *authSection) read(d *setup.Draft) bool {
	for _, f := range []*form.Field{
		s.token.Field, s.header, s.key.Field, s.user, s.password.Field, s.clientID, s.secret.Field, s.scopes, s.authorization, s.tokenURL, s.port,
	} {
		f.SetError("")
	}
	ok := true
	wrong := func(f *form.Field, sentence string) { f.SetError(sentence); ok = false }
	kind := s.chosen().kind
	a := store.Auth{Kind: kind, Origins: d.Config.Auth.Origins}
	// secret takes what was typed, or what is kept.
	secret := func(t *secretText, missing string) {
		v, typed := t.typed()
		switch {
		case typed:
			ref := store.ServerSecret(d.Config.ID, "auth", "secret")
			d.Secrets[ref], a.Secret = v, store.RefTo(ref)
		case t.value != "":
			a.Secret = t.value
		case missing != "":
			wrong(t.Field, missing)
		}
	}
	switch kind {
	case store.AuthBearer:
		secret(s.token, say.T("Type the token."))
	case store.AuthHeader:
		if a.Header = strings.TrimSpace(s.header.Text()); a.Header == "" {
			wrong(s.header, say.T("Type the name of the header, for example X-API-Key."))
		}
		secret(s.key, say.T("Type the API key."))
	case store.AuthBasic:
		if a.User = strings.TrimSpace(s.user.Text()); strings.Contains(a.User, ":") {
			wrong(s.user, say.T("A user name with a colon cannot be sent."))
		}
		secret(s.password, say.T("Type the password."))
	case store.AuthOAuth, store.AuthClient:
		missing := ""
		if kind == store.AuthClient {
			missing = say.T("Type the client's secret.")
		}
		secret(s.secret, missing)
		s.readClient(&a, wrong)
	}
	d.Config.Auth = a
	return ok
}

// readClient reads what is known of a registered client and of where to sign in.
func (s *authSection) readClient(a *store.Auth, wrong func(*form.Field, string)) {
	a.ClientID = strings.TrimSpace(s.clientID.Text())
	a.Scopes = words(s.scopes.Text())
	for _, scope := range a.Scopes {
		if !store.ValidScope(scope) {
			wrong(s.scopes, say.F("%s is no scope. Scopes are words, with blanks between.", form.Visible(scope, false)))
			break
		}
	}
	address := func(f *form.Field) string {
		text := strings.TrimSpace(f.Text())
		if text == "" {
			return ""
		}
		if u, err := url.Parse(text); err != nil || !store.SafeAddress(u) {
			wrong(f, say.T("Use an https address; http is possible on this computer alone."))
		}
		return text
	}
	a.TokenURL = address(s.tokenURL)
	switch s.tokenAuth.Selected {
	case tokenAuthBasic:
		a.TokenAuth = store.TokenAuthBasic
	case tokenAuthPost:
		a.TokenAuth = store.TokenAuthPost
	}
	if a.Kind == store.AuthClient {
		if a.ClientID == "" {
			wrong(s.clientID, say.T("Type the client's id; it comes with the client's secret."))
		}
		return
	}
	a.AuthorizationURL = address(s.authorization)
	switch {
	case a.AuthorizationURL != "" && a.TokenURL == "":
		wrong(s.tokenURL, say.T("An authorization URL goes together with a token URL. Type it too."))
	case a.AuthorizationURL == "" && a.TokenURL != "":
		wrong(s.authorization, say.T("A token URL goes together with an authorization URL. Type it too."))
	}
	if a.ClientID == "" && (a.AuthorizationURL != "" || a.Secret != "") {
		wrong(s.clientID, say.T("Type the client's id: nothing says where Drawbridge could register."))
	}
	if text := strings.TrimSpace(s.port.Text()); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 65535 {
			wrong(s.port, say.T("Type a port from 1 to 65535, or leave it empty."))
		}
		a.Port = n
	}
}
