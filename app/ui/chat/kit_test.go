package chat

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// noon is when the tests take place.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)

// turn is what a turn of a test does. say yields an event and keeps in the
// history what the real loop would keep; it reports whether to go on.
type turn func(ctx context.Context, say func(chat.Event) bool, by chat.Approver) error

// engine is the engine of these tests: conversations in memory, and turns that
// follow a script.
type engine struct {
	*uitest.Engine

	mu    sync.Mutex // protects what follows
	conv  []store.Conversation
	said  map[string][]store.Message
	turns []turn      // the next turns
	sent  []string    // texts of the turns so far
	parts store.Parts // of the last turn that had attachments
	fail  error       // of the next reading call
	// refused is why the next turn does not begin.
	refused error
	stuck   error  // of every deletion
	picture []byte // in the clipboard
	unsent  map[string]string
	// unsentFiles are the attachments of messages that were not sent.
	unsentFiles map[string][]store.Attached
	newest      int // what Search says of how much it compared
	tick        time.Time
	kin         map[string]map[string][]string // by conversation: what Siblings returns
	gone        map[string][]store.Message     // by a message's id: the chain that SwitchBranch shows
	use         chat.ContextUse
	offer       chat.ToolOffer
	asked       []string // what was asked for besides, in words
	// titled makes WatchTitles yield; waits is told while it waits.
	titled chan struct{}
	waits  func(n int)
}

func newEngine(turns ...turn) *engine {
	return &engine{Engine: uitest.NewEngine(), said: map[string][]store.Message{}, turns: turns, tick: noon,
		kin: map[string]map[string][]string{}, gone: map[string][]store.Message{}, titled: make(chan struct{}), unsent: map[string]string{}, unsentFiles: map[string][]store.Attached{}}
}

func (e *engine) failure() error {
	err := e.fail
	e.fail = nil
	return err
}

func (e *engine) NewConversation(context.Context) (store.Conversation, error) {
	model := e.DefaultModel()
	e.mu.Lock()
	defer e.mu.Unlock()
	c := store.Conversation{ID: store.NewID(), Model: model, CreatedAt: e.tick, UpdatedAt: e.tick}
	e.conv = append(e.conv, c)
	return c, e.failure()
}

func (e *engine) Conversations(context.Context) ([]store.Conversation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := slices.Clone(e.conv)
	slices.SortStableFunc(out, func(a, b store.Conversation) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	return out, e.failure()
}

func (e *engine) Conversation(_ context.Context, id string) (store.Conversation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.conv {
		if c.ID == id {
			return c, e.failure()
		}
	}
	return store.Conversation{}, store.ErrNotFound
}

func (e *engine) LastMessages(_ context.Context, id string, most int) ([]store.Message, int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	from := max(len(e.said[id])-most, 0)
	return slices.Clone(e.said[id][from:]), from, e.failure()
}

func (e *engine) EarlierMessages(_ context.Context, id, message string, most, _ int) ([]store.Message, int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	to := slices.IndexFunc(e.said[id], func(m store.Message) bool { return m.ID == message })
	from := 0
	if most > 0 {
		from = max(to-most, 0)
	}
	return slices.Clone(e.said[id][from:to]), from, e.failure()
}

func (e *engine) change(id string, f func(*store.Conversation)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.conv {
		if e.conv[i].ID == id {
			f(&e.conv[i])
			return e.failure()
		}
	}
	return store.ErrNotFound
}

func (e *engine) RenameConversation(_ context.Context, id, title string) error {
	return e.change(id, func(c *store.Conversation) { c.Title = title })
}

func (e *engine) DeleteConversation(_ context.Context, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stuck != nil {
		return e.stuck
	}
	e.conv = slices.DeleteFunc(e.conv, func(c store.Conversation) bool { return c.ID == id })
	return e.failure()
}

// kept returns the titles of the conversations that are in the history.
func (e *engine) kept() (out []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.conv {
		out = append(out, c.Title)
	}
	return out
}

func (e *engine) SetUnsent(_ context.Context, id, text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unsent[id] = text
	return nil
}

func (e *engine) Unsent(context.Context) (map[string]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.unsent), nil
}

func (e *engine) SetUnsentFiles(_ context.Context, id string, files []store.Attached) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(files) == 0 {
		delete(e.unsentFiles, id)
		return nil
	}
	e.unsentFiles[id] = files
	return nil
}

func (e *engine) UnsentFiles(context.Context) (map[string][]store.Attached, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.unsentFiles), nil
}

func (e *engine) PinConversation(_ context.Context, id string, on bool) error {
	return e.change(id, func(c *store.Conversation) { c.Pinned = on })
}

func (e *engine) ArchiveConversation(_ context.Context, id string, on bool) error {
	return e.change(id, func(c *store.Conversation) { c.Archived = on })
}

// Search finds a text in what was said, in the last conversation first.
func (e *engine) Search(ctx context.Context, query string, limit int) (store.Found, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, "search "+query)
	found := store.Found{Newest: e.newest}
	for _, c := range slices.Backward(e.conv) {
		for _, m := range e.said[c.ID] {
			if i := strings.Index(m.Text(), query); i >= 0 && len(found.Hits) < limit {
				found.Hits = append(found.Hits, store.Hit{ConversationID: c.ID, MessageID: m.ID, Passage: m.Text(), Marks: [][2]int{{i, i + len(query)}}})
			}
		}
	}
	return found, e.failure()
}

func (e *engine) SetSwitches(_ context.Context, id string, s store.Switches) error {
	return e.change(id, func(c *store.Conversation) { c.Switches = s })
}

func (e *engine) SetModel(_ context.Context, id string, m store.ModelRef) error {
	return e.change(id, func(c *store.Conversation) { c.Model = m })
}

func (e *engine) Tools(context.Context) ([]bridge.ToolView, error) {
	var out []bridge.ToolView
	for _, v := range e.Views {
		for _, t := range v.Passed {
			view := bridge.ToolView{Tool: t}
			for _, a := range e.Given {
				if a.Server == t.Server && a.Tool == t.Tool {
					view.Standing = tools.Answer(a.Answer)
				}
			}
			out = append(out, view)
		}
	}
	return out, nil
}

func (e *engine) ask(format string, a ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, fmt.Sprintf(format, a...))
}

func (e *engine) did() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.asked, "; ")
}

// WatchTitles yields at each titled. While it waits nothing of the page works.
func (e *engine) WatchTitles(ctx context.Context) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		for {
			e.waits(-1)
			select {
			case <-e.titled:
				e.waits(1)
			case <-ctx.Done():
				e.waits(1)
				return
			}
			if !yield(struct{}{}) {
				return
			}
		}
	}
}

// Edit and Regenerate leave out the message and what followed it, and go on as
// Send does.
func (e *engine) Edit(ctx context.Context, id, message, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	e.ask("edit %s: %s", message, text)
	return e.turnFrom(ctx, id, message, text, by)
}

func (e *engine) Regenerate(ctx context.Context, id, message string, by chat.Approver) iter.Seq2[chat.Event, error] {
	e.ask("regenerate %s", message)
	return e.turnFrom(ctx, id, message, "", by)
}

func (e *engine) turnFrom(ctx context.Context, id, message, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		e.mu.Lock()
		before := e.said[id]
		i := slices.IndexFunc(before, func(m store.Message) bool { return m.ID == message })
		if i >= 0 && e.refused == nil {
			e.said[id] = slices.Clone(before[:i])
		}
		e.mu.Unlock()
		e.Send(ctx, id, text, by)(yield)
		e.mu.Lock()
		defer e.mu.Unlock()
		if now := e.said[id]; i >= 0 && len(now) > i {
			kin := []string{message, now[i].ID}
			e.kin[id] = map[string][]string{now[i].ID: kin}
			e.gone[message] = before
			e.gone[now[i].ID] = slices.Clone(now)
		}
	}
}

func (e *engine) Siblings(_ context.Context, id string) (map[string][]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kin[id], e.failure()
}

func (e *engine) SwitchBranch(_ context.Context, id, message string) (string, error) {
	e.ask("switch to %s", message)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, kin := range e.kin[id] {
		if slices.Contains(kin, message) {
			e.kin[id] = map[string][]string{message: kin}
		}
	}
	e.said[id] = e.gone[message]
	return message, e.failure()
}

func (e *engine) Fork(_ context.Context, id, message string) (store.Conversation, error) {
	e.ask("fork at %s", message)
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.said[id], func(m store.Message) bool { return m.ID == message })
	c := store.Conversation{ID: store.NewID(), Title: "A fork", CreatedAt: e.tick, UpdatedAt: e.tick}
	e.conv = append(e.conv, c)
	e.said[c.ID] = slices.Clone(e.said[id][:i+1])
	return c, e.failure()
}

func (e *engine) SetSystem(_ context.Context, id, system string) error {
	return e.change(id, func(c *store.Conversation) { c.System = system })
}

func (e *engine) SetMetadata(_ context.Context, id string, metadata map[string]string) error {
	return e.change(id, func(c *store.Conversation) { c.Metadata = metadata })
}

func (e *engine) Presets() []store.PromptPreset { return e.Settings().Presets }

func (e *engine) SetPreset(p store.PromptPreset) error {
	return e.UpdateSettings(func(s *store.Settings) error { s.Presets = append(s.Presets, p); return nil })
}

func (e *engine) RemovePreset(name string) error {
	return e.UpdateSettings(func(s *store.Settings) error {
		s.Presets = slices.DeleteFunc(s.Presets, func(p store.PromptPreset) bool { return p.Name == name })
		return nil
	})
}

func (e *engine) Usage(context.Context, string) (chat.ContextUse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.use, nil
}

func (e *engine) Limits(store.ModelRef) store.ModelLimits {
	return store.ModelLimits{Context: 200_000, Input: 2, Output: 10}
}

func (e *engine) ToolOffer(context.Context, store.Conversation) (chat.ToolOffer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.offer, nil
}

// Send follows the next script. The message of the person comes first, as in
// the real loop.
func (e *engine) SendParts(ctx context.Context, id string, parts store.Parts, by chat.Approver) iter.Seq2[chat.Event, error] {
	e.mu.Lock()
	e.parts = parts
	e.mu.Unlock()
	return e.run(ctx, id, parts, by)
}

func (e *engine) Attach(_ context.Context, server, uri string) (store.Parts, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, "attach "+uri+" of "+server)
	if err := e.failure(); err != nil {
		return nil, err
	}
	return store.Parts{store.File{URI: uri, Name: "notes.txt", MIMEType: "text/plain", Data: []byte("buy bread")}}, nil
}

func (e *engine) Send(ctx context.Context, id, text string, by chat.Approver) iter.Seq2[chat.Event, error] {
	if text == "" {
		return e.run(ctx, id, nil, by)
	}
	return e.run(ctx, id, store.Parts{store.Text{Text: text}}, by)
}

func (e *engine) run(ctx context.Context, id string, parts store.Parts, by chat.Approver) iter.Seq2[chat.Event, error] {
	text := parts.Text()
	return func(yield func(chat.Event, error) bool) {
		e.mu.Lock()
		if refused := e.refused; refused != nil {
			e.refused = nil
			e.mu.Unlock()
			yield(nil, refused)
			return
		}
		e.sent = append(e.sent, text)
		var script turn
		if len(e.turns) > 0 {
			script, e.turns = e.turns[0], e.turns[1:]
		}
		e.tick = e.tick.Add(time.Minute)
		now := e.tick
		e.mu.Unlock()
		gone := false
		say := func(ev chat.Event) bool {
			e.keep(id, ev)
			if !gone && !yield(ev, nil) {
				gone = true
			}
			return !gone
		}
		if err := e.change(id, func(c *store.Conversation) {
			c.UpdatedAt = now
			if c.Title == "" {
				c.Title = strings.ReplaceAll(text, "\n", " ")
			}
		}); err != nil {
			yield(nil, err)
			return
		}
		if len(parts) > 0 {
			say(chat.Appended{Message: store.Message{ID: store.NewID(), ConversationID: id, Role: store.RoleUser, Status: store.StatusComplete, Parts: parts}})
		}
		if script == nil {
			script = answer("An answer.")
		}
		if err := script(ctx, say, by); err != nil && !gone {
			yield(nil, err)
		}
	}
}

// keep puts into the history what an event says is there.
func (e *engine) keep(id string, ev chat.Event) {
	var m store.Message
	switch ev := ev.(type) {
	case chat.Appended:
		m = ev.Message
	case chat.Finished:
		m = ev.Message
	default:
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said[id] = append(e.said[id], m)
}

func (e *engine) texts() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.sent)
}

// bench is a page in a window, and the queue of its goroutine.
type bench struct {
	t      *testing.T
	e      *engine
	w      fyne.Window
	p      *Page
	opened []string
	end    func() // ends the window

	mu      sync.Mutex // protects now, queue, active and most
	now     time.Time
	queue   []func()
	ready   chan struct{}
	running sync.WaitGroup
	active  int // goroutines that run
	most    int // functions that were in the queue at once
}

func newBench(t *testing.T, e *engine) *bench {
	t.Helper()
	return benchIn(t, e, uitest.Window(t, theme.Light, size))
}

// benchIn puts the page into a window.
func benchIn(t *testing.T, e *engine, w fyne.Window) *bench {
	t.Helper()
	b := &bench{t: t, e: e, w: w, now: noon, ready: make(chan struct{}, 1)}
	e.waits = b.work
	ctx, cancel := context.WithCancel(context.Background())
	b.p = New(Options{
		Engine: e, Window: b.w,
		Runner: form.Runner{
			Do: b.do,
			Go: func(f func(context.Context)) {
				b.work(1)
				b.running.Go(func() {
					defer b.work(-1)
					f(ctx)
				})
			},
		},
		Clipboard: test.NewClipboard(),
		Picture: func(context.Context) ([]byte, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.picture, e.failure()
		},
		OpenURL: func(u *url.URL) error { b.opened = append(b.opened, u.String()); return nil },
		Now: func() time.Time {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.now
		},
		OpenProvider: func(id string) { b.opened = append(b.opened, "provider "+id) },
		OpenServers:  func() { b.opened = append(b.opened, "servers") }, OpenSettings: func() { b.opened = append(b.opened, "settings") },
	})
	b.p.unsent.pause, b.p.unsentFiles.pause = 0, 0
	b.end = func() {
		cancel()
		b.running.Wait()
	}
	t.Cleanup(b.end)
	size := w.Canvas().Size()
	b.w.SetContent(b.p.Object())
	b.w.Resize(size)
	b.p.SetServers(e.Views)
	b.p.Shown()
	b.settle()
	return b
}

// pass lets time go by.
func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// lay places everything again, as a running window does in each frame.
func (b *bench) lay() {
	size := b.w.Canvas().Size()
	b.w.Resize(size.AddWidthHeight(2, 2))
	b.w.Resize(size)
}

func (b *bench) do(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, f)
	b.most = max(b.most, len(b.queue))
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// work counts the goroutines that run.
func (b *bench) work(n int) {
	b.mu.Lock()
	b.active += n
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// drain runs what is queued.
func (b *bench) drain() {
	for {
		b.mu.Lock()
		queue := b.queue
		b.queue = nil
		b.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, f := range queue {
			f()
		}
	}
}

// until runs the page until the condition holds.
func (b *bench) until(what string, holds func() bool) {
	b.t.Helper()
	late := time.After(time.Minute)
	for {
		b.drain()
		if holds() {
			return
		}
		select {
		case <-b.ready:
		case <-late:
			b.t.Fatalf("%s did not happen. The thread:\n%s\nThe page:\n%s", what, b.p.view.script.DumpText(), uitest.Texts(b.w))
		}
	}
}

// settle runs the page until nothing runs and all has been shown.
func (b *bench) settle() {
	b.t.Helper()
	b.until("the end of all work", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.active == 0 && len(b.queue) == 0
	})
}

// sees waits until the thread shows the texts.
func (b *bench) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until("showing "+text, func() bool { return strings.Contains(uitest.English(b.p.view.script.DumpText()), text) })
	}
}

func (b *bench) type_(text string) {
	for _, r := range text {
		b.p.composer.input.TypedRune(r)
	}
}

func (b *bench) press(key fyne.KeyName) { b.p.composer.input.TypedKey(&fyne.KeyEvent{Name: key}) }

func (b *bench) shift(down bool) {
	k := &fyne.KeyEvent{Name: desktop.KeyShiftLeft}
	if down {
		b.p.composer.input.KeyDown(k)
	} else {
		b.p.composer.input.KeyUp(k)
	}
}

// say types a message and sends it.
func (b *bench) say(text string) {
	b.type_(text)
	b.press(fyne.KeyReturn)
}

// row returns the row of the sidebar with that title.
func (b *bench) row(title string) *row {
	b.t.Helper()
	return uitest.Find(b.t, b.w, func(r *row) bool { return r.line.day == "" && titleOf(r.line.conv) == title })
}

// pickRow is a row of a pick.List.
type pickRow interface {
	fyne.Tappable
	fyne.CanvasObject
	MouseIn(*desktop.MouseEvent)
	DumpText() string
}

// listed reports whether the sidebar lists a conversation of that title.
func (b *bench) listed(title string) bool {
	for _, l := range b.p.sidebar.lines {
		if l.day == "" && titleOf(l.conv) == title {
			return true
		}
	}
	return false
}

// menu chooses an entry of the menu that is open.
func (b *bench) menu(label string) {
	b.t.Helper()
	m := uitest.Find(b.t, b.w, func(*widget.PopUpMenu) bool { return true })
	for _, i := range m.Items {
		if o, ok := i.(interface {
			fyne.CanvasObject
			fyne.Tappable
		}); ok {
			for _, c := range test.WidgetRenderer(o.(fyne.Widget)).Objects() {
				if text, ok := c.(*canvas.Text); ok && text.Text == label {
					test.Tap(o)
					return
				}
			}
		}
	}
	b.t.Fatalf("there is no entry %q in the menu", label)
}

// fill types into what has the focus in place of what is there, and then keys.
func (b *bench) fill(text string, keys ...fyne.KeyName) {
	b.t.Helper()
	f := b.w.Canvas().Focused()
	if s, ok := f.(fyne.Shortcutable); ok {
		s.TypedShortcut(&fyne.ShortcutSelectAll{})
	}
	for _, r := range text {
		f.TypedRune(r)
	}
	b.keys(keys...)
}

// keys presses keys where the focus is.
func (b *bench) keys(keys ...fyne.KeyName) {
	b.t.Helper()
	for _, k := range keys {
		f := b.w.Canvas().Focused()
		if f == nil {
			b.t.Fatalf("nothing has the focus for %s", k)
		}
		f.TypedKey(&fyne.KeyEvent{Name: k})
	}
}

// tapText taps the button in the thread or on top with that text.
func (b *bench) tapText(text string) {
	b.t.Helper()
	test.Tap(uitest.Find(b.t, b.w, func(o interface {
		fyne.CanvasObject
		fyne.Tappable
		AccessibilityLabel() string
	}) bool {
		return uitest.English(o.AccessibilityLabel()) == text
	}))
}

var size = fyne.NewSize(1020, 720)
