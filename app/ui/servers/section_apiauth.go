package servers

import (
	"net/url"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// apiAuthWays lists how requests to an API can be authenticated.
func apiAuthWays() []struct {
	kind  store.APIAuthKind
	title string
} {
	return []struct {
		kind  store.APIAuthKind
		title string
	}{
		{store.APIAuthNone, say.T("None")},
		{store.APIAuthBearer, say.T("Token (Authorization: Bearer)")},
		{store.APIAuthKey, say.T("API key")},
		{store.APIAuthBasic, say.T("User name and password")},
		{store.APIAuthHeader, say.T("The whole Authorization header")},
		{store.APIAuthClient, say.T("OAuth client credentials")},
	}
}

// apiAuthSection says how requests to an API are authenticated.
type apiAuthSection struct {
	box                     *fyne.Container
	way                     *form.Select
	in                      *form.Select
	name, user, url, scopes *form.Field
	client                  *form.Field
	value                   *secretText
	inBox                   fyne.CanvasObject
	fields                  map[store.APIAuthKind][]fyne.CanvasObject
	keptFor                 store.APIAuthKind
	keptValue               store.Value
	keptWords               string
}

func newAPIAuthSection() *apiAuthSection {
	s := &apiAuthSection{}
	s.in = form.NewSelect(say.T("Where the API key goes"), []string{"header", "query", "cookie"}, nil)
	s.in.SetSelected("header")
	s.inBox = form.Labelled(say.T("Where the API key goes"), s.in, "")
	s.name = form.NewField(say.T("Its name"), "X-API-Key", say.T("Of the header, query parameter or cookie."))
	s.user = form.NewField(say.T("User name"), "", "")
	s.client = form.NewField(say.T("Client id"), "", "")
	s.url = form.NewField(say.T("Token URL"), "https://login.example.com/oauth/token", "")
	s.scopes = form.NewField(say.T("Scopes"), "", say.T("With blanks between; may stay empty."))
	s.value = newSecretText(say.T("Value"), say.T("The key, token, password, header or client secret. It is sent to the base URL's origin and nowhere else."))
	s.fields = map[store.APIAuthKind][]fyne.CanvasObject{
		store.APIAuthBearer: {s.value.Box},
		store.APIAuthKey:    {s.inBox, s.name.Box, s.value.Box},
		store.APIAuthBasic:  {s.user.Box, s.value.Box},
		store.APIAuthHeader: {s.value.Box},
		store.APIAuthClient: {s.client.Box, s.url.Box, s.scopes.Box, s.value.Box},
	}
	var titles []string
	for _, w := range apiAuthWays() {
		titles = append(titles, w.title)
	}
	s.way = form.NewSelect(say.T("Authentication"), titles, func(string) { s.follow(); form.Relayout(s.box) })
	s.box = form.Column(form.Labelled(say.T("Authentication"), s.way, ""),
		s.inBox, s.name.Box, s.user.Box, s.client.Box, s.url.Box, s.scopes.Box, s.value.Box)
	s.way.SetSelectedIndex(0)
	return s
}

func (s *apiAuthSection) chosen() store.APIAuthKind {
	return apiAuthWays()[max(s.way.SelectedIndex(), 0)].kind
}

func (s *apiAuthSection) follow() {
	if s.box == nil {
		return
	}
	for _, o := range s.box.Objects[1:] {
		o.Hide()
	}
	kind := s.chosen()
	for _, o := range s.fields[kind] {
		o.Show()
	}
	if kind == s.keptFor {
		s.value.keep(s.keptValue, s.keptWords)
	} else {
		s.value.keep("", "")
	}
}

func (s *apiAuthSection) object() fyne.CanvasObject { return s.box }

func (s *apiAuthSection) fill(c store.ServerConfig, kept string) bool {
	if c.OpenAPI == nil {
		return false
	}
	a := c.OpenAPI.Auth
	s.keptFor, s.keptValue, s.keptWords = a.Kind, a.Value, kept
	for i, w := range apiAuthWays() {
		if w.kind == a.Kind {
			s.way.SetSelectedIndex(i)
		}
	}
	if a.In != "" {
		s.in.SetSelected(a.In)
	}
	s.name.SetText(a.Name)
	s.user.SetText(a.User)
	s.client.SetText(a.User)
	s.url.SetText(a.TokenURL)
	s.scopes.SetText(strings.Join(a.Scopes, " "))
	s.follow()
	return !a.IsZero()
}

// read puts a value that was typed into the configuration as it is: API.Draft
// makes a secret of it.
func (s *apiAuthSection) read(d *setup.Draft) bool {
	for _, f := range []*form.Field{s.name, s.user, s.client, s.url, s.scopes, s.value.Field} {
		f.SetError("")
	}
	ok := true
	wrong := func(f *form.Field, sentence string) { f.SetError(sentence); ok = false }
	a := store.APIAuth{Kind: s.chosen()}
	switch a.Kind {
	case store.APIAuthNone:
		d.Config.OpenAPI.Auth = store.APIAuth{}
		return true
	case store.APIAuthKey:
		a.In, a.Name = s.in.Selected, strings.TrimSpace(s.name.Text())
		if a.Name == "" {
			wrong(s.name, say.T("Type the name of the header, query parameter or cookie."))
		}
	case store.APIAuthBasic:
		if a.User = strings.TrimSpace(s.user.Text()); strings.Contains(a.User, ":") {
			wrong(s.user, say.T("A user name with a colon cannot be sent."))
		}
	case store.APIAuthClient:
		a.User, a.TokenURL, a.Scopes = strings.TrimSpace(s.client.Text()), strings.TrimSpace(s.url.Text()), words(s.scopes.Text())
		if a.User == "" {
			wrong(s.client, say.T("Type the client's id; it comes with the client's secret."))
		}
		if u, err := url.Parse(a.TokenURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			wrong(s.url, say.T("Type the address where tokens are had. It looks like https://login.example.com/oauth/token."))
		}
	}
	switch v, typed := s.value.typed(); {
	case typed:
		a.Value = store.Value(v.Reveal())
		if a.Value.Secret() {
			wrong(s.value.Field, say.T("This refers to a secret by name. Type the value itself."))
		}
	case s.value.value != "":
		a.Value = s.value.value
	default:
		wrong(s.value.Field, say.T("Type the key, token, password or secret."))
	}
	d.Config.OpenAPI.Auth = a
	return ok
}
