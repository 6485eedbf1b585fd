package chat

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

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
	return e.change(id, func(c *store.Conversation) { c.Archived = on; c.Pinned = c.Pinned && !on })
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

func (e *engine) SetSystem(_ context.Context, id, system string) error {
	return e.change(id, func(c *store.Conversation) { c.System = system })
}

func (e *engine) SetMetadata(_ context.Context, id string, metadata map[string]string) error {
	return e.change(id, func(c *store.Conversation) { c.Metadata = metadata })
}

func (e *engine) Presets() []store.PromptPreset { return e.Settings().Presets }

func (e *engine) SetPreset(p store.PromptPreset) error {
	return e.UpdateSettings(func(s *store.Settings) error {
		if i := slices.IndexFunc(s.Presets, func(o store.PromptPreset) bool { return o.Name == p.Name }); i >= 0 {
			s.Presets[i] = p
		} else {
			s.Presets = append(s.Presets, p)
		}
		return nil
	})
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
