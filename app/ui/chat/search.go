package chat

import (
	"context"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// Searches finds what was said; see the methods of bridge.Bridge.
type Searches interface {
	Search(ctx context.Context, query string, limit int) (store.Found, error)
	PinConversation(ctx context.Context, id string, on bool) error
	ArchiveConversation(ctx context.Context, id string, on bool) error
}

// maxHits is how many messages a search shows.
const maxHits = 50

// searchFor has the sidebar show what was said with these words. A search that
// is under way for others ends.
func (p *Page) searchFor(query string) {
	if p.endSearch != nil {
		p.endSearch()
		p.endSearch = nil
	}
	if query == "" {
		return
	}
	var found store.Found
	p.endSearch = p.o.Runner.Run(func(ctx context.Context) (err error) {
		found, err = p.o.Engine.Search(ctx, query, maxHits)
		return err
	}, func(err error) {
		if p.sidebar.search.Text != query {
			return
		}
		if err != nil {
			p.fail.say(form.Sentence(err))
			return
		}
		p.sidebar.setFound(found)
	})
}

// sought is what a message was found by: its words are marked once it is in view.
type sought struct {
	message string
	query   string
	words   []string
}

// maxSought bounds how many words of a search are marked.
const maxSought = 12

// openHit shows a conversation at a message that was found, with the words marked.
// One that is on another branch brings that branch with it.
func (p *Page) openHit(h store.Hit, query string) {
	s := &sought{message: h.MessageID, query: query}
	for _, m := range h.Marks {
		if m[0] < 0 || m[1] > len(h.Passage) || m[0] >= m[1] {
			continue
		}
		word := strings.ToLower(h.Passage[m[0]:m[1]])
		if !slices.Contains(s.words, word) && len(s.words) < maxSought {
			s.words = append(s.words, word)
		}
	}
	p.openThen(h.ConversationID, func(t *thread) {
		if p.current != h.ConversationID {
			return
		}
		p.sought = s
		p.bringIn(t, h.MessageID)
	})
}

// bringIn shows a message of the thread, wherever it is.
func (p *Page) bringIn(t *thread, message string) {
	switch {
	case len(t.parts[message]) > 0 || t.missing > 0:
		t.hunt = true
		p.showMessage(message)
	case p.runs[p.current] == nil:
		p.switchTo(message)
	}
}

// scrollTo brings a message that is there to the top, and marks what it was found
// by.
func (p *Page) scrollTo(message string, parts []*entry) {
	p.view.script.ScrollTo(parts[0].id)
	if s := p.sought; s != nil && s.message == message && len(s.words) > 0 {
		p.sought = nil
		p.view.find.OpenAt(s.query, s.words)
	}
}

// pin keeps a conversation above the others, or no longer.
func (p *Page) pin(c store.Conversation, on bool) {
	p.amend(c.ID, func(c *store.Conversation) { c.Pinned = on })
	p.listConversations()
	p.work(func(ctx context.Context) error { return p.o.Engine.PinConversation(ctx, c.ID, on) }, p.reloadConversations)
}

// archive puts a conversation aside, which can be taken back for a while, or brings
// it back.
func (p *Page) archive(c store.Conversation, on bool) {
	set := func(on bool) {
		p.amend(c.ID, func(now *store.Conversation) { now.Archived, now.Pinned = on, c.Pinned && !on })
		p.listConversations()
	}
	set(on)
	p.work(func(ctx context.Context) error { return p.o.Engine.ArchiveConversation(ctx, c.ID, on) }, func() {
		p.reloadConversations()
		if !on {
			return
		}
		p.sidebar.undo.Wait = p.undoTime
		p.sidebar.undo.Offer(form.Undoable{
			Words: say.F("Archived “%s”", shortenRunes(titleOf(c), 60)), Change: true,
			Back: func(ctx context.Context) error {
				err := p.o.Engine.ArchiveConversation(ctx, c.ID, false)
				if err == nil && c.Pinned {
					err = p.o.Engine.PinConversation(ctx, c.ID, true)
				}
				return err
			},
			Done: func(back bool, err error) {
				p.sayFailure(err)
				if back {
					p.reloadConversations()
				}
			},
		})
	})
}

// rename gives a conversation a title.
func (p *Page) rename(c store.Conversation, title string) {
	p.amend(c.ID, func(c *store.Conversation) { c.Title = title })
	p.listConversations()
	p.work(func(ctx context.Context) error { return p.o.Engine.RenameConversation(ctx, c.ID, title) }, p.reloadConversations)
}

// listConversations shows those that were not deleted a moment ago.
func (p *Page) listConversations() {
	var all []store.Conversation
	for _, c := range p.conversations {
		if !p.hidden[c.ID] {
			all = append(all, c)
		}
	}
	p.sidebar.setConversations(all)
	p.refreshState()
}

// Listed returns how many conversations the page knows, and Found how many
// messages it shows for a search with these words; -1 while it has no answer.
func (p *Page) Listed() int { return len(p.sidebar.all) }

// Found is told of at Listed.
func (p *Page) Found(query string) int {
	if p.sidebar.answered != query || query == "" {
		return -1
	}
	return len(p.sidebar.found.Hits)
}
