package servers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// secretMark stands for a value that is never shown.
var secretMark = "‹" + say.T("secret") + "›"

// commandView shows everything that a person approves, whole: nothing is cut,
// and what could not be seen is written out.
func commandView(c store.ServerConfig) fyne.CanvasObject {
	box := form.Column()
	part := func(caption string, o fyne.CanvasObject) { box.Add(form.Column(form.Caption(caption), o)) }
	if c.Transport.OverHTTP() {
		part(say.T("Address"), form.NewCard(form.Exact(form.Spaced(c.URL))))
		part(headline(say.T("Headers"), len(c.Headers)), valuesView(c.Headers, ": "))
		if !c.Auth.Zero() {
			part(say.T("Sign-in"), signInView(c.Auth))
		}
		part(say.T("Who connects"), modeView(c))
		restView(c, part)
		return box
	}
	if c.Transport == store.TransportOpenAPI {
		part(say.T("Base URL"), form.NewCard(form.Exact(form.Spaced(c.URL))))
		part(say.T("Document"), form.NewCard(form.Column(form.Exact(form.Spaced(c.OpenAPI.Document)), form.Exact("SHA-256 "+c.OpenAPI.Digest))))
		part(headline(say.T("Headers"), len(c.Headers)), valuesView(c.Headers, ": "))
		part(say.T("Authentication"), authView(c.OpenAPI.Auth))
		part(say.T("Operations"), choiceView(c.OpenAPI))
		return box
	}
	part(say.T("Command"), form.NewCard(form.Exact(form.Spaced(c.Command))))
	args := form.Column()
	for i, a := range c.Args {
		number := form.MutedWord(fmt.Sprintf("%d", i+1))
		text := form.Spaced(a)
		if a == "" {
			text = "‹" + say.T("empty") + "›"
		}
		args.Add(container.NewBorder(nil, nil, container.NewVBox(number), nil, form.Exact(text)))
	}
	if len(c.Args) == 0 {
		args.Add(form.Muted(say.T("None.")))
	}
	part(headline(say.T("Arguments"), len(c.Args)), form.NewCard(args))
	part(headline(say.T("Environment"), len(c.Env)), valuesView(c.Env, "="))
	folder := form.Exact(form.Spaced(c.Dir))
	if c.Dir == "" {
		folder = form.Muted(say.T("Your home folder."))
	}
	part(say.T("Folder"), form.NewCard(folder))
	restView(c, part)
	return box
}

// restView shows what few servers have, where this one has it.
func restView(c store.ServerConfig, part func(string, fyne.CanvasObject)) {
	if len(c.Roots) > 0 {
		box := form.Column()
		for _, dir := range c.Roots {
			box.Add(form.Exact(form.Spaced(dir)))
		}
		part(say.T("Folders it is told of, if it asks"), form.NewCard(box))
	}
	if c.Sandbox != nil {
		part(say.T("Sandbox"), sandboxView(c.Sandbox))
	}
	if n := c.Net; n != (store.NetConfig{}) {
		part(say.T("Connections"), form.NewCard(namedView([][2]string{
			{say.T("trusts also"), n.CAFile}, {say.T("client certificate"), n.CertFile}, {say.T("key"), n.KeyFile}, {say.T("proxy"), shownValue(n.Proxy)},
		})))
	}
}

// namedView shows the values that there are, each behind its name.
func namedView(values [][2]string) *fyne.Container {
	box := form.Column()
	for _, v := range values {
		if v[1] != "" {
			box.Add(form.Exact(v[0] + ": " + form.Spaced(v[1])))
		}
	}
	return box
}

// signInView shows how one signs in at a server.
func signInView(a store.Auth) fyne.CanvasObject {
	kind := string(a.Kind)
	for _, w := range authWays() {
		if w.kind == a.Kind {
			kind = w.title
		}
	}
	port := ""
	if a.Port > 0 {
		port = strconv.Itoa(a.Port)
	}
	return form.NewCard(namedView([][2]string{
		{say.T("kind"), kind}, {say.T("header"), a.Header}, {say.T("user"), a.User}, {say.T("client id"), a.ClientID}, {say.T("secret"), shownValue(a.Secret)},
		{say.T("scopes"), strings.Join(a.Scopes, " ")}, {say.T("authorization URL"), a.AuthorizationURL}, {say.T("token URL"), a.TokenURL},
		{say.T("the secret is sent"), a.TokenAuth}, {say.T("port"), port}, {say.T("private places it may send the sign-in to"), strings.Join(a.Origins, " ")},
	}))
}

// authView shows how an API is shown who asks.
func authView(a store.APIAuth) fyne.CanvasObject {
	if a.IsZero() {
		return form.NewCard(form.Muted(say.T("None.")))
	}
	return form.NewCard(namedView([][2]string{
		{say.T("kind"), string(a.Kind)}, {say.T("in"), a.In}, {say.T("name"), a.Name}, {say.T("user"), a.User}, {say.T("value"), shownValue(a.Value)},
		{say.T("token URL"), a.TokenURL}, {say.T("scopes"), strings.Join(a.Scopes, " ")},
	}))
}

// choiceView shows which operations of a document are tools.
func choiceView(o *store.OpenAPI) fyne.CanvasObject {
	box := form.Column()
	for _, v := range []struct {
		what string
		list []string
	}{{say.T("tags"), o.Tags}, {say.T("methods"), o.Methods}, {say.T("paths"), o.Paths}} {
		if len(v.list) > 0 {
			box.Add(form.Exact(v.what + ": " + form.Spaced(strings.Join(v.list, ", "))))
		}
	}
	if len(o.Methods) == 0 {
		box.Add(form.Muted(say.T("All methods, or GET alone if the document has more than 40 operations.")))
	}
	return form.NewCard(box)
}

func headline(what string, n int) string {
	if n == 0 {
		return what
	}
	return fmt.Sprintf("%s (%d)", what, n)
}

func valuesView(values map[string]store.Value, between string) fyne.CanvasObject {
	if len(values) == 0 {
		return form.NewCard(form.Muted(say.T("None.")))
	}
	box := form.Column()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		box.Add(form.Exact(name + between + form.Spaced(shownValue(values[name]))))
	}
	return form.NewCard(box)
}

// shownValue is the value with a mark in the place of each secret.
func shownValue(v store.Value) string {
	s := string(v)
	for _, ref := range v.Refs() {
		s = strings.ReplaceAll(s, string(store.RefTo(ref)), secretMark)
	}
	return s
}

// risk says in two sentences what approving means.
func risk(c store.ServerConfig) string {
	if c.Transport == store.TransportOpenAPI {
		return say.T("Drawbridge will send requests to this address, with these headers and this authentication, when a model calls one of the operations. Approve it only if you trust the address with what a model passes to it.")
	}
	if c.Transport.OverHTTP() {
		return say.T("Drawbridge will connect to this address and send these headers each time the server starts. Its tools get what a model passes to them.")
	}
	return say.T("Drawbridge will run this program on your computer, with your rights, each time the server starts. Approve it only if you know where it comes from.")
}

// review shows a held server's command and lets the person approve it.
func (p *Page) review(v bridge.ServerView) {
	sheet := form.NewSheet(p.o.Window, say.F("Review %s", form.Visible(v.Server.Name, false)),
		form.Groups(form.Label(risk(v.Server)), commandView(v.Server)))
	sheet.SetSize(720, 640)
	p.approving(sheet, say.T("Approve and start"), func(ctx context.Context) error { return p.o.Engine.ApproveServer(ctx, v.Server.ID, v.Hash) })
}

// approving opens a sheet with a button that approves what it shows. Cancel has
// the focus. The sheet stays when approving fails, and says why.
func (p *Page) approving(sheet *form.Sheet, words string, work func(context.Context) error) {
	busy := form.NewBusy()
	cancel := form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close)
	var approve *form.Action
	approve = form.NewAction(words, widget.HighImportance, func() {
		approve.Disable()
		p.o.Runner.RunBusy(busy, say.T("Approving…"), work, func(err error) {
			if err != nil {
				approve.Enable()
				sheet.SetFocus(cancel)
				sheet.Fail(form.Sentence(err))
				return
			}
			sheet.Close()
		})
	})
	sheet.SetButtons(busy.Box, cancel, approve)
	sheet.SetFocus(cancel)
	sheet.Show()
}

// remove takes a server away, which can be taken back for a while.
func (p *Page) remove(v bridge.ServerView) {
	name := form.Visible(v.Server.Name, false)
	var taken bridge.Removal
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		taken, err = p.o.Engine.TakeServer(ctx, v.Server.ID)
		return err
	}, func(err error) {
		if err != nil {
			if c := p.cards[v.Server.ID]; c != nil {
				c.setFailure(form.Sentence(err))
			}
			return
		}
		p.undo.Offer(form.Undoable{
			Words: say.F("Removed %s, with its settings, approvals and secrets", name), Back: taken.Back, End: taken.Finish,
			Done: func(_ bool, err error) { form.SetFailure(p.fail, form.Sentence(err)) },
		})
		p.undo.Focus()
	})
}
