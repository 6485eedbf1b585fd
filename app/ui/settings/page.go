// Package settings is the page of everything that is chosen once: the models'
// providers and their keys, where secrets live, the folders of the workbench,
// standing answers about tools, and the appearance.
//
// It keeps nothing itself: the engine does. A key goes from its field to the
// engine and is never shown again. Everything here belongs to the goroutine of
// the window; what takes time runs through a form.Runner.
//
//	page := settings.New(settings.Options{Engine: engine, Window: w, Runner: runner})
package settings

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keychain"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the page needs of package bridge.
type Engine interface {
	keychain.Engine
	Settings() store.Settings
	UpdateSettings(change func(*store.Settings) error) error
	Problems() []string

	Providers() []store.ProviderConfig
	SetProvider(ctx context.Context, p store.ProviderConfig, key *store.Secret) error
	TakeProvider(ctx context.Context, id string) (bridge.Removal, error)
	RememberProvider(ctx context.Context, id string) (back func(ctx context.Context) error, err error)
	Models(ctx context.Context, providerID string) ([]model.Info, error)
	DetectLocal(ctx context.Context) []store.ProviderConfig
	Limits(ref store.ModelRef) store.ModelLimits
	DefaultModel() store.ModelRef
	SetDefaultModel(m store.ModelRef) error

	Secrets(ctx context.Context) ([]store.SecretRef, error)
	SetSecret(ctx context.Context, ref store.SecretRef, value store.Secret) error

	StandingAnswers(ctx context.Context) ([]store.ToolAnswer, error)
	SetStandingAnswer(ctx context.Context, ref tools.Ref, answer tools.Answer) error
	SetRules(ctx context.Context, id string, rules store.Rules) error
	storageEngine
}

// Autostart switches the start at login.
type Autostart interface {
	On() (bool, error)
	Set(on bool) error
}

// Options is what a Page is made of. OnTheme, Shortcuts, Files and Autostart may
// be nil.
type Options struct {
	Engine  Engine
	Window  fyne.Window
	Runner  form.Runner
	Version string
	Home    string
	// OnTheme is called after another appearance was kept.
	OnTheme func()
	// Shortcuts shows the list of shortcuts.
	Shortcuts func()
	Clipboard fyne.Clipboard
	// Files asks for files; nil asks in sheets of the window.
	Files     form.Files
	Autostart Autostart

	// imported shows providers that came by an import, and giveKey opens the form
	// of one: what the parts of the page have of each other.
	imported func()
	giveKey  func(id string)
	// undo takes back what was removed on the page last.
	undo *form.Undo
}

// Page is the page of the settings.
type Page struct {
	o         Options
	scroll    *container.Scroll
	object    fyne.CanvasObject
	problems  *fyne.Container
	providers *providers
	secrets   *keychain.Panel
	folders   *folders
	answers   *answers
	look      *look
	start     *start
	storage   *storage
}

const pageWidth = 820

// New makes the page. It asks the engine nothing that takes time before it is
// shown.
func New(o Options) *Page {
	if o.Files == nil {
		o.Files = form.Dialogs{Window: o.Window}
	}
	p := &Page{problems: form.Column()}
	o.imported = func() { p.providers.load() }
	o.giveKey = func(id string) { p.providers.editID(id) }
	o.undo = form.NewUndo(o.Runner)
	p.o = o
	p.providers = newProviders(o, func() { p.secrets.Load() })
	p.secrets = keychain.NewPanel(o.Engine, o.Runner, func() { p.providers.load() })
	p.folders = newFolders(o)
	p.answers = newAnswers(o)
	p.look = newLook(o)
	p.start = newStart(o)
	p.storage = newStorage(o)
	p.problems.Hide()
	p.scroll, _ = form.Page(pageWidth,
		form.Heading(say.T("Settings"), ""),
		p.problems,
		p.providers.Box,
		section(say.T("Keys and tokens"), "", p.secrets.Box),
		p.folders.Box,
		p.answers.Box,
		p.look.Box,
		p.start.Box,
		p.storage.Box,
		about(o))
	p.object = o.undo.Under(p.scroll)
	return p
}

// section is a titled group of the page.
func section(title, help string, content fyne.CanvasObject) *fyne.Container {
	head := form.Bold(title)
	head.SizeName = theme.SizeNameSubHeadingText
	box := form.Column(head)
	if help != "" {
		box.Add(form.Muted(help))
	}
	box.Add(form.NewCard(content))
	return box
}

// SetServers tells how the servers are, whose rules say which calls run unasked.
func (p *Page) SetServers(views []bridge.ServerView) { p.answers.setServers(views) }

// Object is what is shown.
func (p *Page) Object() fyne.CanvasObject { return p.object }

// Shown reads everything anew.
func (p *Page) Shown() {
	p.showProblems()
	p.providers.load()
	p.providers.detect()
	p.secrets.Load()
	p.folders.load()
	p.answers.load()
	p.look.load()
	p.start.load()
	p.storage.load()
}

// EditProvider opens the form of an entry; one that is gone leaves the page as it
// is.
func (p *Page) EditProvider(id string) {
	for _, cfg := range p.o.Engine.Providers() {
		if cfg.ID == id && p.o.Window.Canvas().Overlays().Top() == nil {
			p.providers.edit(cfg)
		}
	}
}

// Hidden stops what still runs for the page.
func (p *Page) Hidden() { p.providers.stop() }

// showProblems shows what was wrong with the files.
func (p *Page) showProblems() {
	p.problems.RemoveAll()
	for _, s := range p.o.Engine.Problems() {
		p.problems.Add(form.NewToned(form.Label(form.Visible(s, true)), theme.ColorNameWarning))
	}
	if len(p.problems.Objects) == 0 {
		p.problems.Hide()
	} else {
		p.problems.Show()
	}
}

// line is a row of a list: words at the left, actions at the right.
func line(left fyne.CanvasObject, actions ...fyne.CanvasObject) fyne.CanvasObject {
	return form.Beside(left, form.Wrap(actions...), 160)
}

// caption is a small explanation in one line.
func caption(text string) *form.Note { return form.MutedLine(text, fyne.TextStyle{}) }
