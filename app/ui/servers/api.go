package servers

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/openapi"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// tagsMax is how many tags have a box to check each; more are typed.
const tagsMax = 40

// apiEditor is the form of a server that is made of an OpenAPI document: where
// the API is, how requests are authenticated, and which of its operations become
// tools, counted at each change.
type apiEditor struct {
	Box   *fyne.Container
	api   *bridge.API
	base  store.ServerConfig
	taken func(string) bool

	name    *form.Field
	address *form.Field
	auth    *apiAuthSection
	headers *form.Pairs
	more    *more
	methods []*form.Check
	tags    []*form.Check
	typed   *form.Field // the tags, where there are too many for boxes
	paths   *form.Field
	count   *form.Words
	list    *form.Code
}

// newAPIEditor returns the form for a document. base is what is configured
// already, or empty.
func newAPIEditor(api *bridge.API, base store.ServerConfig, taken func(string) bool) *apiEditor {
	e := &apiEditor{api: api, base: base.Clone(), taken: taken}
	if e.base.OpenAPI == nil {
		e.base.OpenAPI = &store.OpenAPI{}
	}
	e.name = form.NewField(say.T("Name"), "shop", say.T("How it is called here and in the names of its tools."))
	e.name.SetText(base.Name)
	e.address = form.NewField(say.T("Base URL"), "https://api.example.com/v1", say.T("Requests go to this address and to no other; the paths of the document follow it."))
	e.address.SetText(base.URL)
	where := form.Column(e.address.Box)
	if len(api.BaseURLs) > 0 && base.URL == "" {
		box := container.New(layout.NewRowWrapLayout())
		for _, u := range api.BaseURLs[:min(len(api.BaseURLs), 4)] {
			b := form.Button(form.Visible(u, false), func() { e.address.SetText(u) })
			b.Name = say.F("Use %s", form.Visible(u, false))
			box.Add(b)
		}
		where.Add(form.Muted(say.T("The document names:")))
		where.Add(box)
	}
	e.auth = newAPIAuthSection()
	e.auth.fill(e.base, keptInKeychain)
	e.headers = form.NewPairs(say.T("Headers"), say.T("Sent with every request. A value marked secret goes to the keychain."), say.T("Add header"), setup.LikelySecret)
	e.headers.Set(pairsOf(base.Headers))
	e.more = newMore([]section{newRunSection(store.TransportOpenAPI)})
	e.more.fill(e.base, keptInKeychain)
	e.Box = form.Groups(e.name.Box, where, e.auth.object(), e.operations(), e.headers.Box, e.more.object())
	e.recount()
	return e
}

// keptInKeychain stands in the empty field of a secret that is there already.
var keptInKeychain = say.T("stored in the keychain; type to replace")

// usualMethods are those that become tools where none is named.
func (e *apiEditor) usualMethods() []string {
	if ops, err := e.api.Choose(openapi.Choice{}); err == nil {
		return methodsOf(ops)
	}
	return methodsOf(e.api.Operations)
}

func methodsOf(list []openapi.Operation) []string {
	var out []string
	for _, m := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"} {
		if slices.ContainsFunc(list, func(o openapi.Operation) bool { return o.Method == m }) {
			out = append(out, m)
		}
	}
	return out
}

// operations is the part that chooses.
func (e *apiEditor) operations() fyne.CanvasObject {
	now := e.base.OpenAPI
	chosen := now.Methods
	if len(chosen) == 0 {
		chosen = e.usualMethods()
	}
	has := func(list []string, s string) bool {
		return slices.ContainsFunc(list, func(o string) bool { return strings.EqualFold(o, s) })
	}
	row := container.New(layout.NewRowWrapLayout())
	for _, m := range methodsOf(e.api.Operations) {
		c := form.NewCheck(m, nil)
		c.SetChecked(has(chosen, m))
		c.OnChanged = func(bool) { e.recount() }
		e.methods = append(e.methods, c)
		row.Add(c)
	}
	box := form.Column(form.Caption(say.T("Operations that become tools")), row)
	tags := tagsOf(e.api.Operations)
	switch {
	case len(tags) == 0:
	case len(tags) <= tagsMax:
		wrap := container.New(layout.NewRowWrapLayout())
		for _, t := range tags {
			c := form.NewCheck(form.Visible(t, false), nil)
			c.SetChecked(slices.Contains(now.Tags, t))
			c.OnChanged = func(bool) { e.recount() }
			e.tags = append(e.tags, c)
			wrap.Add(c)
		}
		box.Add(form.Muted(say.T("Only those with one of these tags (none: all):")))
		box.Add(wrap)
	default:
		e.typed = form.NewField(say.T("Tags"), "", say.T("One a line. Empty means all."))
		e.typed.Entry.MultiLine = true
		e.typed.SetText(strings.Join(now.Tags, "\n"))
		e.typed.Entry.OnChanged = func(string) { e.recount() }
		box.Add(e.typed.Box)
	}
	e.paths = form.NewFieldOf(form.NewLines(say.T("Paths"), "/pets/**", 2), say.T("Patterns, one a line: * stands for a part of a path, ** for any number of them. Empty means all."))
	e.paths.SetText(strings.Join(now.Paths, "\n"))
	e.paths.Entry.OnChanged = func(string) { e.recount() }
	box.Add(e.paths.Box)
	e.count = form.Bold("")
	e.list = form.NewCode(nil, 170)
	box.Add(e.count)
	box.Add(e.list)
	return box
}

// tagsOf lists the tags in the order of the document.
func tagsOf(list []openapi.Operation) []string {
	var out []string
	seen := map[string]bool{}
	for _, o := range list {
		for _, t := range o.Tags {
			if !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	return out
}

// choice reads which operations are chosen.
func (e *apiEditor) choice() openapi.Choice {
	var c openapi.Choice
	for _, m := range e.methods {
		if m.Checked {
			c.Methods = append(c.Methods, m.Text)
		}
	}
	if slices.Equal(c.Methods, e.usualMethods()) {
		c.Methods = nil
	}
	all := tagsOf(e.api.Operations)
	for i, t := range e.tags {
		if t.Checked {
			c.Tags = append(c.Tags, all[i])
		}
	}
	if e.typed != nil {
		c.Tags = linesOf(e.typed.Text())
	}
	c.Paths = linesOf(e.paths.Text())
	return c
}

// picks returns the operations that are chosen. The error is a sentence.
func (e *apiEditor) picks() ([]openapi.Operation, error) {
	if !slices.ContainsFunc(e.methods, func(c *form.Check) bool { return c.Checked }) {
		return nil, fmt.Errorf(say.T("choose at least one method (%w)"), store.ErrInvalid)
	}
	return e.api.Choose(e.choice())
}

// recount shows what is chosen.
func (e *apiEditor) recount() {
	e.paths.SetError("")
	ops, err := e.picks()
	if err != nil {
		e.paths.SetError(form.Sentence(err))
	}
	e.count.SetText(say.N(len(e.api.Operations), "%d of %d operation become tools", "%d of %d operations become tools", len(ops), len(e.api.Operations)))
	lines := make([]form.Line, len(ops))
	for i, o := range ops {
		lines[i].Text = fmt.Sprintf("%-7s %s", o.Method, o.Path)
		if o.Summary != "" {
			lines[i].Text += "  · " + o.Summary
		}
	}
	e.list.SetLines(lines)
}

// config reads the form. Where something is wrong it says so beside the field
// and returns false.
func (e *apiEditor) config() (store.ServerConfig, map[store.SecretRef]store.Secret, bool) {
	d := setup.Draft{Config: e.base.Clone(), Secrets: map[store.SecretRef]store.Secret{}}
	c := &d.Config
	c.Transport = store.TransportOpenAPI
	ok := true
	e.name.SetError("")
	e.address.SetError("")
	wrong := func(f *form.Field, sentence string) { f.SetError(sentence); ok = false }
	c.URL = strings.TrimSpace(e.address.Text())
	if u, err := url.Parse(c.URL); len(store.EnvRefs(c.URL)) == 0 && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		wrong(e.address, say.T("This is no address. It should look like https://api.example.com/v1."))
	}
	c.Name = strings.TrimSpace(e.name.Text())
	switch {
	case c.Name == "":
		wrong(e.name, say.T("Give it a name, for example shop."))
	case e.taken(c.Name):
		wrong(e.name, say.T("There is a server of this name already. Choose another."))
	}
	if c.ID == "" {
		c.ID = c.Name
	}
	if ops, err := e.picks(); err != nil || len(ops) == 0 {
		said := say.T("No operation fits. Choose more methods or tags, or other paths.")
		if err != nil {
			said = form.Sentence(err)
		}
		wrong(e.paths, said)
	}
	pick := e.choice()
	c.OpenAPI.Tags, c.OpenAPI.Methods, c.OpenAPI.Paths = pick.Tags, pick.Methods, pick.Paths
	ok = e.auth.read(&d) && ok
	c.Headers, ok = readPairs(&d, e.headers, "header", e.base.Headers, ok)
	ok = e.more.read(&d) && ok
	return *c, d.Secrets, ok
}

// suggestAPIName makes a name of the document's title.
func suggestAPIName(api *bridge.API) string {
	var b strings.Builder
	for _, r := range strings.ToLower(api.Title) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 32 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// readDocument has the engine read the document and goes on to the choice.
func (a *adding) readDocument() {
	source := strings.TrimSpace(a.document.Text())
	if source == "" {
		a.document.SetError(say.T("Type the file or the address of the document, or choose the file."))
		return
	}
	var api *bridge.API
	a.page.o.Runner.RunBusy(a.busy, say.T("Reading…"), func(ctx context.Context) (err error) {
		api, err = a.page.o.Engine.ReadAPI(ctx, source, "")
		return err
	}, func(err error) {
		if err != nil {
			a.document.SetError(form.Sentence(err))
			return
		}
		if len(api.Operations) == 0 {
			a.document.SetError(say.T("The document has no operations that could become tools."))
			return
		}
		base := store.ServerConfig{Name: setup.UniqueName(suggestAPIName(api), func(n string) bool { return a.page.taken(n, "") })}
		if suggestAPIName(api) == "" {
			base.Name = ""
		}
		e := newAPIEditor(api, base, func(name string) bool { return a.page.taken(name, "") })
		a.page.chooseOperations(a.sheet, a.busy, e, func() { a.choose(a.way) })
	})
}

// chooseOperations shows the form of a new server, then the review.
func (p *Page) chooseOperations(sheet *form.Sheet, busy *form.Busy, e *apiEditor, back func()) {
	again := func() { p.chooseOperations(sheet, busy, e, back) }
	sheet.SetContent(apiTitle(e.api), e.Box)
	sheet.SetButtons(busy.Box, form.Button(say.T("Back"), back), form.Button(say.T("Cancel"), sheet.Close),
		form.NewAction(say.T("Continue"), widget.HighImportance, func() {
			p.draftAPI(sheet, busy, e, func(d setup.Draft) {
				p.confirm(sheet, busy, []setup.Compared{{Draft: d, State: setup.New}}, again)
			})
		}))
	if e.address.Text() == "" {
		sheet.SetFocus(e.address.Entry)
	} else {
		sheet.SetFocus(e.name.Entry)
	}
}

func apiTitle(api *bridge.API) string {
	if api.Title == "" {
		return say.T("An OpenAPI document")
	}
	return form.Visible(api.Title, false)
}

// draftAPI makes a draft of what was chosen and hands it on.
func (p *Page) draftAPI(sheet *form.Sheet, busy *form.Busy, e *apiEditor, then func(setup.Draft)) {
	sheet.Fail("")
	c, secrets, ok := e.config()
	if !ok {
		return
	}
	var d setup.Draft
	var names []string
	p.o.Runner.RunBusy(busy, say.T("Looking through it…"), func(ctx context.Context) (err error) {
		d, names, err = e.api.Draft(ctx, c)
		return err
	}, func(err error) {
		if err != nil {
			sheet.Fail(form.Sentence(err))
			return
		}
		for ref, v := range secrets {
			d.Secrets[ref] = v
		}
		if len(names) > 0 {
			d.Notes = append([]string{say.N(len(names), "%d tool: %s.", "%d tools: %s.", len(names), strings.Join(names, ", "))}, d.Notes...)
		}
		then(d)
	})
}

// editAPI opens the form of a server of an OpenAPI document, with the document
// as it was kept.
func (p *Page) editAPI(v bridge.ServerView) {
	id := v.Server.ID
	var api *bridge.API
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		api, err = p.o.Engine.KeptAPI(ctx, id)
		return err
	}, func(err error) {
		if err != nil {
			if c := p.cards[id]; c != nil {
				c.setFailure(form.Sentence(err))
			}
			return
		}
		e := newAPIEditor(api, v.Server, func(name string) bool { return p.taken(name, id) })
		sheet := form.NewSheet(p.o.Window, "", nil)
		sheet.SetSize(editorWidth, editorHeight)
		busy := form.NewBusy()
		var write func()
		write = func() {
			sheet.SetContent(say.F("Edit %s", form.Visible(v.Server.Name, false)), e.Box)
			sheet.SetButtons(busy.Box, form.Button(say.T("Cancel"), sheet.Close), form.NewAction(say.T("Save"), widget.HighImportance, func() {
				p.draftAPI(sheet, busy, e, func(d setup.Draft) {
					if d.Config.Hash() == v.Server.Hash() {
						p.save(sheet, busy, id, d, false, write)
						return
					}
					p.confirmChange(sheet, busy, id, d, write)
				})
			}))
		}
		write()
		sheet.SetFocus(e.name.Entry)
		sheet.Show()
	})
}

// notesView shows what a draft says about itself.
func notesView(d setup.Draft) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	for _, s := range d.Warnings {
		out = append(out, form.NewToned(form.Label(form.Visible(s, true)), theme.ColorNameWarning))
	}
	for _, n := range d.Notes {
		out = append(out, form.Muted(form.Visible(n, true)))
	}
	return out
}
