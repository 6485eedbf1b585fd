package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/servers"
	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// welcomeEngine is what the first start needs of package bridge.
type welcomeEngine interface {
	keychain.Engine
	Imports(ctx context.Context, apps ...string) []bridge.Import
	ImportServers(ctx context.Context, chosen []setup.Compared, approve bool) ([]store.ServerConfig, error)
	DetectLocal(ctx context.Context) []store.ProviderConfig
	SetProvider(ctx context.Context, p store.ProviderConfig, key *store.Secret) error
	ReadImport(text []byte, app string) (bridge.Import, error)
}

// welcome is what a new person sees: at most three steps, each of which can be
// skipped. It changes nothing that was not agreed to, and starts nothing.
type welcome struct {
	engine welcomeEngine
	runner form.Runner
	sheet  *form.Sheet
	busy   *form.Busy
	// done is called once when the welcome has ended, with what the person may
	// want to see next.
	done         func(next place)
	openSettings func()

	step   int
	local  []store.ProviderConfig
	using  map[string]bool
	list   *servers.Picker
	paste  *form.Field // nil before the step of the servers
	later  int         // servers that have to be looked at on the page of the servers
	looked bool        // the local models and the other apps' files were looked for
	held   int         // servers that were imported and wait for a review
}

// steps of the welcome.
const (
	stepWhat = iota
	stepModels
	stepServers
	stepEnd
)

// welcomePerson opens the welcome and looks, meanwhile, for what it can offer.
func (s *Shell) welcomePerson() {
	w := &welcome{engine: s.o.Engine, runner: s.runner(), busy: form.NewBusy(), using: map[string]bool{}}
	w.sheet = form.NewSheet(s.window, "", nil)
	w.sheet.SetSize(620, 520)
	w.openSettings = func() { s.open(placeSettings) }
	w.done = func(next place) {
		s.keep(func(x *store.WindowSettings) { x.Welcomed = true })
		s.open(next)
	}
	w.start()
}

func (w *welcome) start() {
	w.sheet.OnClose(func() {
		next := placeChat
		if w.held > 0 {
			next = placeServers
		}
		w.done(next)
	})
	w.show()
	w.sheet.Show()
	w.runner.Run(w.look, func(error) {
		w.looked = true
		if w.sheet.IsOpen() && w.step != stepWhat {
			w.show()
		}
	})
}

// look finds local models and the servers of other apps.
func (w *welcome) look(ctx context.Context) error {
	local := w.engine.DetectLocal(ctx)
	found := w.engine.Imports(ctx)
	w.runner.Do(func() {
		w.local = local
		w.offer(found)
		for _, p := range local {
			w.using[p.ID] = true
		}
	})
	return nil
}

// offer takes what can be imported here: servers that are new and ask for
// nothing. The others are left to the page of the servers.
func (w *welcome) offer(found []bridge.Import) {
	w.later = 0
	for i, f := range found {
		found[i].Problems = nil
		found[i].Entries = nil
		for _, e := range f.Entries {
			switch {
			case e.State == setup.New && len(e.Draft.Fields) == 0:
				found[i].Entries = append(found[i].Entries, e)
			case e.State != setup.Same:
				w.later++
			}
		}
		w.later += len(f.Problems)
	}
	found = slices.DeleteFunc(found, func(f bridge.Import) bool { return len(f.Entries) == 0 })
	w.list = servers.NewPicker(found, func() { w.buttons() })
}

func (w *welcome) show() {
	var title string
	var content fyne.CanvasObject
	switch w.step {
	case stepWhat:
		title, content = say.T("Welcome to Drawbridge"), w.what()
	case stepModels:
		title, content = say.T("Where answers come from"), w.models()
	default:
		title, content = say.T("Your MCP servers"), w.servers()
	}
	w.sheet.SetContent(title, content)
	w.sheet.SetFocus(w.buttons())
}

// buttons says what the step does with what is checked, and returns the button
// that does it. What the sheet shows stays where it is.
func (w *welcome) buttons() *form.Action {
	words := say.T("Next")
	switch {
	case w.step == stepModels && w.anyUsed():
		words = say.T("Use and go on")
	case w.step == stepServers && w.anyTaken():
		words = say.T("Import")
	case w.step == stepServers:
		words = say.T("Done")
	}
	next := form.NewAction(words, widget.HighImportance, w.next)
	w.sheet.SetButtons(form.MutedWord(say.F("%d of %d", w.step+1, stepEnd)), w.busy.Box, form.NewAction(say.T("Skip"), widget.LowImportance, w.sheet.Close), next)
	return next
}

// next does what the step offers, then goes on.
func (w *welcome) next() {
	var work func(context.Context) error
	switch {
	case w.step == stepModels && w.anyUsed():
		work = w.useLocal
	case w.step == stepServers && w.anyTaken():
		work = w.importServers(w.pasted())
	default:
		w.advance()
		return
	}
	w.runner.RunBusy(w.busy, say.T("Saving…"), work, func(err error) {
		if keychain.Missing(err) {
			keychain.Ask(w.sheet, w.engine, w.runner, w.show, func() { w.show(); w.next() })
			return
		}
		if err != nil {
			w.show()
			w.sheet.Fail(form.Sentence(err))
			return
		}
		w.advance()
	})
}

func (w *welcome) advance() {
	w.step++
	if w.step == stepEnd {
		w.sheet.Close()
		return
	}
	w.show()
}

// what says in three sentences what the program is.
func (w *welcome) what() fyne.CanvasObject {
	point := func(icon fyne.Resource, title, text string) fyne.CanvasObject {
		mark := container.NewVBox(form.Sized(28, 34, widget.NewIcon(theme.NewPrimaryThemedResource(icon))))
		return container.NewBorder(nil, nil, mark, nil, container.New(layout.NewCustomPaddedVBoxLayout(-8), form.Bold(title), form.Muted(text)))
	}
	return form.Groups(
		form.Label(say.T("Chat with a model that can use the tools on this computer, while nothing of it is opened to the outside.")),
		point(uitheme.Icon(uitheme.IconServer), say.T("Your servers run here"), say.T("Drawbridge starts the MCP servers that you add, and runs each tool call itself.")),
		point(theme.VisibilityIcon(), say.T("You see and decide"), say.T("The exact command before it first runs, each tool before it is first called, and which tools a conversation may use.")),
		point(uitheme.Icon(uitheme.IconChat), say.T("It works at once"), say.T("A rehearsal model and a small workbench of tools are built in. No key, account or network is needed to try it.")))
}

func (w *welcome) models() fyne.CanvasObject {
	box := form.Groups(form.Label(say.T("The rehearsal model is ready. It is no AI: it calls the tool that you name, so that you can try everything.")))
	switch {
	case !w.looked:
		box.Add(form.Muted(say.T("Looking for model servers on this computer…")))
	case len(w.local) == 0:
		box.Add(form.Muted(say.T("No model server was found on this computer (Ollama, LM Studio, llama.cpp).")))
	default:
		box.Add(form.Bold(say.T("Found on this computer")))
		for _, p := range w.local {
			check := form.NewCheck(say.F("%s at %s", p.Title(), p.BaseURL), nil)
			check.SetChecked(w.using[p.ID])
			check.OnChanged = func(on bool) { w.using[p.ID] = on; w.buttons() }
			box.Add(form.NewCard(check))
		}
	}
	box.Add(form.Label(say.T("OpenAI, Anthropic, Gemini and other services are added in the settings, with a key.")))
	box.Add(container.NewHBox(form.Button(say.T("Open the settings"), func() {
		w.sheet.Close()
		w.openSettings()
	})))
	return box
}

func (w *welcome) servers() fyne.CanvasObject {
	box := form.Groups(form.Label(say.T("The workbench is ready: the time anywhere, and files in the folders that you grant. More servers are added on the Servers page.")))
	switch {
	case !w.looked:
		box.Add(form.Muted(say.T("Looking for servers of other apps…")))
	case w.list != nil && w.list.Len() > 0:
		box.Add(form.Caption(say.T("Other apps on this computer have servers that you can use here")))
		box.Add(form.Muted(say.T("Their files are only read. Nothing starts before you have reviewed it.")))
		for _, o := range w.list.Objects() {
			box.Add(o)
		}
	}
	if w.paste == nil {
		w.paste = form.NewFieldOf(form.NewLines(say.T("Or paste one"), `{"mcpServers": {"files": {"command": "npx", "args": ["-y", "…"]}}}`, 3),
			say.T("The block from a server's README, its command, or its address. You see it before anything of it runs."))
		clear := w.paste.Entry.OnChanged
		w.paste.Entry.OnChanged = func(text string) { clear(text); w.buttons() }
	}
	box.Add(w.paste.Box)
	if w.later > 0 {
		box.Add(form.Muted(say.N(w.later, "%d more can be looked at on the Servers page.", "%d more can be looked at on the Servers page.", w.later)))
	}
	return box
}

func (w *welcome) anyUsed() bool {
	for _, p := range w.local {
		if w.using[p.ID] {
			return true
		}
	}
	return false
}

func (w *welcome) anyTaken() bool {
	return w.list != nil && len(w.list.Picked()) > 0 || w.pasted() != ""
}

// pasted is the text of servers that was typed or pasted.
func (w *welcome) pasted() string {
	if w.paste == nil {
		return ""
	}
	return strings.TrimSpace(w.paste.Text())
}

// readPasted returns the servers of a text, all of which can be kept as they are.
func (w *welcome) readPasted(text string) ([]setup.Compared, error) {
	found, err := w.engine.ReadImport(asBlock(text), "")
	if err != nil {
		return nil, err
	}
	if len(found.Problems) > 0 {
		return nil, errors.New(found.Problems[0])
	}
	for _, e := range found.Entries {
		switch {
		case e.State != setup.New:
			return nil, fmt.Errorf(say.T("there is a server %q already; leave it out (%w)"), e.Draft.Config.Name, store.ErrExists)
		case len(e.Draft.Fields) > 0:
			return nil, fmt.Errorf(say.T("the server %q asks for %s; skip this, and add it on the page of the servers (%w)"), e.Draft.Config.Name, e.Draft.Fields[0].Title, store.ErrInvalid)
		}
	}
	return found.Entries, nil
}

// useLocal keeps the local models that are checked.
func (w *welcome) useLocal(ctx context.Context) error {
	var errs []error
	for _, p := range w.local {
		if w.using[p.ID] {
			errs = append(errs, w.engine.SetProvider(ctx, p, nil))
		}
	}
	return errors.Join(errs...)
}

// importServers keeps the servers that are checked, all or none; each waits for
// its review.
func (w *welcome) importServers(text string) func(context.Context) error {
	var picked []setup.Compared
	if w.list != nil {
		picked = w.list.Picked()
	}
	return func(ctx context.Context) error {
		list := picked
		if text != "" {
			pasted, err := w.readPasted(text)
			if err != nil {
				return err
			}
			list = append(slices.Clone(picked), pasted...)
		}
		added, err := w.engine.ImportServers(ctx, list, false)
		if err != nil {
			return err
		}
		w.runner.Do(func() { w.held += len(added) })
		return nil
	}
}

// asBlock writes a command or an address, on a line of its own, as the block that a
// README would have; any other text stays as it is.
func asBlock(text string) []byte {
	words, err := setup.Split(text)
	if err != nil || len(words) == 0 || strings.ContainsAny(text, "\n{}") || setup.IsLink(text) {
		return []byte(text)
	}
	server, name := map[string]any{"command": words[0], "args": words[1:]}, words[0]
	if u, err := url.Parse(text); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		server, name = map[string]any{"url": text}, u.Hostname()
	} else {
		for _, word := range words[1:] {
			if !strings.HasPrefix(word, "-") {
				name = word
				break
			}
		}
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, path.Base(name))
	block, err := json.Marshal(map[string]any{"mcpServers": map[string]any{strings.Trim(name, "-"): server}})
	if err != nil {
		return []byte(text)
	}
	return block
}
