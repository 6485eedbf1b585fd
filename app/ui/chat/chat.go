// Package chat is the page of the conversations: their list, the thread, and
// the composer with the model and the tools.
//
// It shows and asks; the turns themselves run in package bridge. A turn goes on
// while another conversation is shown, and while the window is hidden. What a
// turn brings is folded and shown at most once a frame. Apart from a goroutine
// for each turn, which ends with the window, everything here belongs to the
// goroutine of the window.
//
//	page := chat.New(chat.Options{Engine: bridge, Window: w, Runner: runner, …})
package chat

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the page needs of package bridge.
type Engine interface {
	NewConversation(ctx context.Context) (store.Conversation, error)
	Conversations(ctx context.Context) ([]store.Conversation, error)
	Conversation(ctx context.Context, id string) (store.Conversation, error)
	// LastMessages returns the end of a conversation, and how many more messages
	// there are; EarlierMessages returns what is before a message, at most that
	// many or all of it.
	LastMessages(ctx context.Context, id string, most int) (messages []store.Message, earlier int, err error)
	EarlierMessages(ctx context.Context, id, message string, most, known int) (messages []store.Message, earlier int, err error)
	RenameConversation(ctx context.Context, id, title string) error
	DeleteConversation(ctx context.Context, id string) error
	Searches
	Unsent
	UpdateSettings(change func(*store.Settings) error) error
	SetSwitches(ctx context.Context, id string, s store.Switches) error
	SetModel(ctx context.Context, id string, m store.ModelRef) error
	SetDefaultModel(m store.ModelRef) error
	DefaultModel() store.ModelRef
	Providers() []store.ProviderConfig
	Models(ctx context.Context, provider string) ([]model.Info, error)
	Tools(ctx context.Context) ([]bridge.ToolView, error)
	HandedOver(ctx context.Context, conv store.Conversation) ([]bridge.Handed, error)
	RunClientSide(ctx context.Context, server string) error
	Settings() store.Settings
	// WatchTitles yields when conversations got their titles from a model.
	WatchTitles(ctx context.Context) iter.Seq[struct{}]
	Turns
	Offers
	Branches
	Prompts
	Exports
	Counts
}

// Options is what a Page is made of. All but Waiting are required.
type Options struct {
	Engine Engine
	Window fyne.Window
	Runner form.Runner
	// Clipboard takes what is copied; OpenURL opens a page in the browser.
	Clipboard fyne.Clipboard
	// Picture reads the picture in the clipboard, on a goroutine of its own: a PNG,
	// or nothing; it may be nil.
	Picture                   func(context.Context) ([]byte, error)
	OpenURL                   func(*url.URL) error
	Now                       func() time.Time
	OpenServers, OpenSettings func()
	// OpenProvider shows the entry of a provider in the settings; nil leads to the
	// settings alone.
	OpenProvider func(id string)
	// Waiting says in a sentence that a conversation waits for the person, and
	// what brings it into view; the function that it returns says that it is over.
	// It may be nil.
	Waiting func(what string, lead func()) (over func())
	// Ready says that an answer is there, and what brings it into view. It may be
	// nil.
	Ready func(what string, lead func())
	// Files asks for files; nil asks in sheets of the window.
	Files form.Files
}

// threadWidth is how wide the composer is at the most, so that its text begins
// where that of the thread does.
const threadWidth float32 = 792

// Page is the page of the conversations.
type Page struct {
	o        Options
	object   *fyne.Container
	sidebar  *sidebar
	head     *head
	composer *composer
	view     *view
	fail     *notice
	takeBack *form.Undo  // of what was removed from what is being written
	tools    *toolsSheet // while it is open

	conversations []store.Conversation
	// current is the conversation that is shown; empty for a new one, which is
	// made when its first message is sent. Then draft says what it begins with.
	current string
	draft   store.Conversation
	threads map[string]*thread // of the one that is shown and those that run
	runs    map[string]*run
	drafts  map[string]string // what was typed and not sent, by conversation
	// attached goes with the next message, by conversation.
	attached    map[string][]*attachment
	editing     editing
	unsent      *keeper[string]
	unsentFiles *keeper[[]*attachment]
	withFiles   map[string]bool // conversations of which attachments may be kept
	unsentRead  bool
	values      map[string][]string // that arguments of presets had, by name, the last first
	recalled    recall
	sent        []string           // since the window opened, for a new conversation
	hidden      map[string]bool    // conversations that were deleted, and are in the history still
	failed      map[string]bool    // those whose last turn failed out of view
	sought      *sought            // what is to be marked once it is in view; nil for nothing
	undoTime    time.Duration      // how long a deletion can be taken back
	endSearch   context.CancelFunc // of what is looked for; nil for nothing
	views       []bridge.ServerView
	shown       bool // the page is in view
	watched     bool // somebody waits for titles

	counting  bool // a countdown will go on in a moment
	measuring once
	offering  once
	offer     chat.ToolOffer // what the tools of the conversation in view come to
	offerErr  error
}

// New makes the page. Nothing is read before Shown.
func New(o Options) *Page {
	if o.Files == nil {
		o.Files = form.Dialogs{Window: o.Window}
	}
	p := &Page{o: o, threads: map[string]*thread{}, runs: map[string]*run{}, drafts: map[string]string{}, attached: map[string][]*attachment{}, hidden: map[string]bool{}, failed: map[string]bool{}, undoTime: form.UndoTime, values: map[string][]string{}}
	p.withFiles = map[string]bool{}
	p.unsent = newKeeper(o.Engine.SetUnsent, func(a, b string) bool { return a == b }, o.Runner, p.sayFailure)
	p.unsentFiles = newKeeper(keepFiles(o.Engine), slices.Equal[[]*attachment], o.Runner, p.sayFailure)
	p.sidebar = newSidebar(o.Now, o.Runner, sidebarActions{
		newChat: p.NewChat, open: func(c store.Conversation) { p.open(c.ID) }, openHit: p.openHit,
		rename: p.rename, delete: p.delete, pin: p.pin, archive: p.archive, export: p.export,
		search: p.searchFor, leave: p.focusInput,
	})
	p.head = newHead(p.openAbout)
	p.composer = newComposer(composerActions{
		send: p.send, stop: p.stop, leave: p.leaveEdit, models: p.pickModel, tools: p.chooseTools,
		attach: p.openAttach, detach: p.detach, typed: p.typed, changed: p.changed, pasted: p.pasted, recall: p.recallMessage,
		breaks: func() bool { return o.Engine.Settings().Window.EnterBreaks },
	})
	p.view = newView(p)
	p.fail = newNotice()
	p.takeBack = form.NewUndo(o.Runner)
	p.takeBack.Centre(threadWidth)
	foot := container.New(layout.NewCustomPaddedLayout(0, 14, 16, 16), container.NewVBox(p.fail.box, p.takeBack.Box, p.composer.box))
	// Tab goes through them in this order, and Shift+Tab from the composer to a
	// question in the thread.
	thread := container.New(layout.NewBorderLayout(p.head.box, foot, nil, nil), p.head.box, p.view.object, foot)
	p.object = container.New(layout.NewBorderLayout(nil, nil, p.sidebar.box, nil), p.sidebar.box, thread)
	p.reset()
	return p
}

// Object is what is shown.
func (p *Page) Object() fyne.CanvasObject { return p.object }

// Shown is called when the page comes into view.
func (p *Page) Shown() {
	p.shown = true
	// What is typed while nothing has the focus is meant for the composer.
	p.o.Window.Canvas().SetOnTypedRune(func(r rune) {
		p.focusInput()
		p.composer.input.TypedRune(r)
	})
	p.o.Window.Canvas().AddShortcut(keys.Of(keys.Find), func(fyne.Shortcut) {
		if p.o.Window.Canvas().Overlays().Top() == nil {
			p.Find()
		}
	})
	p.view.script.Wake()
	p.showChanges()
	p.refreshState()
	p.reloadConversations()
	p.measure()
	p.measureTools()
	p.watchTitles()
	p.loadUnsent()
	p.focusInput()
}

// watchTitles has the list show the titles that are made, as long as the window
// lives.
func (p *Page) watchTitles() {
	if p.watched {
		return
	}
	p.watched = true
	p.o.Runner.Go(func(ctx context.Context) {
		for range p.o.Engine.WatchTitles(ctx) {
			p.o.Runner.Do(p.reloadConversations)
		}
	})
}

// Hidden is called when the page goes out of view. Turns go on, and nothing
// moves.
func (p *Page) Hidden() {
	p.shown = false
	c := p.o.Window.Canvas()
	c.RemoveShortcut(keys.Of(keys.Find))
	c.SetOnTypedRune(nil)
	if c.Focused() == fyne.Focusable(p.composer.input) {
		c.Unfocus() // the cursor blinks, and with it the whole window is painted
	}
	p.view.script.Rest()
}

// SetServers tells how the servers are.
func (p *Page) SetServers(views []bridge.ServerView) {
	p.views = views
	if p.tools != nil {
		p.tools.setServers(views)
	}
	p.refreshState()
	p.measureTools()
}

// NewChat begins a conversation. It is kept when its first message is sent.
func (p *Page) NewChat() {
	p.keepDraft()
	p.reset()
	p.composer.input.SetText(p.drafts[""])
	p.showAttached()
	p.refreshState()
	p.focusInput()
}

// reset shows an empty conversation.
func (p *Page) reset() {
	p.leave()
	p.current = ""
	p.draft = store.Conversation{Model: p.o.Engine.DefaultModel(), Switches: p.o.Engine.Settings().Switches.Clone()}
	p.sidebar.setCurrent("")
	p.fail.say("")
	p.view.show(newThread(nil))
	p.measure()
	p.measureTools()
}

// leave forgets the thread that was shown, unless it runs or tells of a
// failure.
func (p *Page) leave() {
	if p.current != "" && p.runs[p.current] == nil {
		delete(p.threads, p.current)
	}
}

func (p *Page) keepDraft() {
	p.leaveEdit()
	p.drafts[p.current] = p.composer.input.Text
	if p.recalled.at > 0 {
		p.drafts[p.current] = p.recalled.typed // what was only looked up is no draft
	}
	p.recalled = recall{}
}

// Open shows a conversation; one that is gone shows as an empty one that says
// so.
func (p *Page) Open(id string) { p.open(id) }

// open shows a conversation.
func (p *Page) open(id string) { p.openThen(id, nil) }

// openThen shows a conversation; then gets its thread when it is read, and may be
// nil.
func (p *Page) openThen(id string, then func(*thread)) {
	if id == p.current {
		if t := p.threads[id]; then != nil && t != nil {
			then(t)
		}
		p.focusInput()
		return
	}
	delete(p.failed, id)
	p.keepDraft()
	p.leave()
	p.current = id
	p.sidebar.setCurrent(id)
	p.composer.input.SetText(p.drafts[id])
	p.showAttached()
	p.fail.say("")
	p.refreshState()
	p.head.setUse("")
	if t := p.threads[id]; t != nil {
		p.view.show(t)
		p.measure()
		if then != nil {
			then(t)
		}
	} else {
		p.view.show(newThread(nil))
		p.load(id, then)
	}
	p.measureTools()
	p.focusInput()
}

// work runs something elsewhere and says what went wrong.
func (p *Page) work(what func(context.Context) error, done func()) {
	p.o.Runner.Run(what, func(err error) {
		if err != nil {
			p.sayFailure(err)
			return
		}
		if done != nil {
			done()
		}
	})
}

// send sends what was typed. The first message makes the conversation.
func (p *Page) send() {
	text := strings.TrimSpace(p.composer.input.Text)
	if !p.composer.something() || p.runs[p.current] != nil {
		return
	}
	p.fail.say("")
	if p.current != "" && p.threads[p.current] == nil {
		return // it is still being read
	}
	p.takeBack.Finish()
	files, ok := p.takeAttached()
	if !ok {
		return
	}
	if text != "" {
		p.sent = append(p.sent, text)
	}
	if p.current != "" {
		q := request{text: text, edit: p.editing.message, attached: files}
		p.endEdit()
		if q.edit == "" {
			p.composer.input.SetText("")
			delete(p.drafts, p.current)
		}
		p.start(p.current, q)
		return
	}
	draft := p.draft
	p.composer.input.SetText("")
	var made store.Conversation
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		made, err = p.o.Engine.NewConversation(ctx)
		if err != nil {
			return err
		}
		if made.Model != draft.Model {
			if err := p.o.Engine.SetModel(ctx, made.ID, draft.Model); err != nil {
				return err
			}
		}
		if draft.System != "" {
			if err := p.o.Engine.SetSystem(ctx, made.ID, draft.System); err != nil {
				return err
			}
		}
		if len(draft.Metadata) > 0 {
			if err := p.o.Engine.SetMetadata(ctx, made.ID, draft.Metadata); err != nil {
				return err
			}
		}
		return p.o.Engine.SetSwitches(ctx, made.ID, draft.Switches)
	}, func(err error) {
		if err != nil {
			p.sayFailure(err)
			if p.composer.input.Text == "" {
				p.composer.input.SetText(text)
			}
			p.attached[""] = append(files, p.attached[""]...)
			p.showAttached()
			return
		}
		made.Model, made.Switches, made.System, made.Metadata = draft.Model, draft.Switches, draft.System, draft.Metadata
		p.conversations = append([]store.Conversation{made}, p.conversations...)
		p.threads[made.ID] = newThread(nil)
		delete(p.drafts, "")
		if p.current == "" {
			p.current = made.ID
			p.sidebar.setCurrent(made.ID)
			p.view.show(p.threads[made.ID])
		}
		p.start(made.ID, request{text: text, attached: files})
	})
}

// conversation returns what is shown, the draft of a new one included.
func (p *Page) conversation() store.Conversation {
	for _, c := range p.conversations {
		if c.ID == p.current {
			return c
		}
	}
	return p.draft
}

func (p *Page) model() store.ModelRef    { return p.conversation().Model }
func (p *Page) switches() store.Switches { return p.conversation().Switches }

// change changes the conversation that is shown, here at once and in the
// engine a moment later.
func (p *Page) change(f func(*store.Conversation), keep func(ctx context.Context, id string) error) {
	if p.current == "" {
		f(&p.draft)
	} else {
		id := p.current
		p.amend(id, f)
		p.work(func(ctx context.Context) error { return keep(ctx, id) }, p.measure)
	}
	p.refreshState()
	p.measureTools()
}

// amend changes what is known here of a conversation.
func (p *Page) amend(id string, f func(*store.Conversation)) {
	for i := range p.conversations {
		if p.conversations[i].ID == id {
			f(&p.conversations[i])
		}
	}
}

// provider returns the entry that answers in the conversation that is shown.
func (p *Page) provider() (store.ProviderConfig, bool) {
	ref := p.model()
	for _, c := range p.o.Engine.Providers() {
		if c.ID == ref.Provider {
			return c, true
		}
	}
	return store.ProviderConfig{}, false
}

func (p *Page) setModel(m store.ModelRef) {
	fresh := p.current == ""
	p.change(func(c *store.Conversation) { c.Model = m },
		func(ctx context.Context, id string) error { return p.o.Engine.SetModel(ctx, id, m) })
	if fresh {
		p.work(func(context.Context) error { return p.o.Engine.SetDefaultModel(m) }, nil)
	}
}

func (p *Page) setSwitches(s store.Switches) {
	p.change(func(c *store.Conversation) { c.Switches = s },
		func(ctx context.Context, id string) error { return p.o.Engine.SetSwitches(ctx, id, s) })
}

// refreshState shows what depends on the conversation and on what runs.
func (p *Page) refreshState() {
	p.composer.setRunning(p.runs[p.current] != nil)
	p.composer.setAsking(p.stateOf(p.current) == stateAsking)
	p.sayTools()
	p.head.setTitle(shortenRunes(titleOf(p.conversation()), 80))
	p.view.script.RefreshFeet()
	for _, c := range p.conversations {
		p.sidebar.setState(c.ID, p.stateOf(c.ID))
	}
	p.view.setEmpty()
}

// sayTools shows the model, and how many tools it is offered and what they take of
// each request, counted for that model.
func (p *Page) sayTools() {
	on, all := countTools(p.views, p.switches(), p.missing())
	text := say.N(all, "%d of %d tool", "%d of %d tools", on, all)
	switch {
	case p.offer.Fault != "":
		text = say.N(all, "%d of %d tool, too many", "%d of %d tools, too many", on, all)
	case p.offer.Search:
		text = say.N(all, "%d of %d tool, by search, %s tokens", "%d of %d tools, by search, %s tokens", on, all, tokenText(int64(p.offer.Sent)))
	case p.offerErr == nil && p.offer.Count > 0 && on > 0:
		sum := 0
		for _, n := range p.offer.Tokens {
			sum += n
		}
		text = say.N(all, "%d of %d tool, %s tokens", "%d of %d tools, %s tokens", on, all, tokenText(int64(sum)))
	}
	p.composer.say(p.modelTitle(), text)
}

func (p *Page) stateOf(id string) runState {
	r := p.runs[id]
	switch {
	case r == nil && p.failed[id]:
		return stateFailed
	case r == nil:
		return stateIdle
	case r.waiting():
		return stateAsking
	}
	return stateRunning
}

func (p *Page) modelTitle() string {
	c, ok := p.provider()
	switch {
	case !ok:
		return say.T("Choose a model")
	case c.Kind == store.ProviderRehearsal:
		return c.Title()
	}
	return form.Visible(shortenRunes(c.Title()+" › "+p.model().Model, 60), false)
}

func shortenRunes(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

// reloadConversations reads the list anew.
func (p *Page) reloadConversations() {
	var all []store.Conversation
	p.work(func(ctx context.Context) (err error) {
		all, err = p.o.Engine.Conversations(ctx)
		return err
	}, func() {
		p.conversations = all
		p.listConversations()
	})
}

// focusInput has keys go to the composer, once the page is on the canvas.
func (p *Page) focusInput() {
	p.o.Runner.Do(func() {
		c := p.o.Window.Canvas()
		if p.shown && c.Overlays().Top() == nil {
			c.Focus(p.composer.input)
		}
	})
}

// showChanges brings the view up to date with the thread, while it is in view.
func (p *Page) showChanges() {
	if !p.shown {
		return
	}
	if t := p.threads[p.current]; t != nil {
		p.view.update(t)
	}
	p.view.setEmpty()
}
