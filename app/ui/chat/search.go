package chat

import (
	"context"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
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

// openAt shows a conversation at a message. One that is on another branch brings
// that branch with it.
func (p *Page) openAt(conversation, message string) {
	p.openThen(conversation, func(t *thread) {
		if p.current != conversation {
			return
		}
		switch {
		case len(t.parts[message]) > 0 || t.missing > 0:
			t.hunt = true
			p.showMessage(message)
		case p.runs[conversation] == nil:
			p.switchTo(message)
		}
	})
}

// pin keeps a conversation above the others, or no longer.
func (p *Page) pin(c store.Conversation, on bool) {
	p.amend(c.ID, func(c *store.Conversation) { c.Pinned = on })
	p.listConversations()
	p.work(func(ctx context.Context) error { return p.o.Engine.PinConversation(ctx, c.ID, on) }, p.reloadConversations)
}

// archive puts a conversation aside, or brings it back.
func (p *Page) archive(c store.Conversation, on bool) {
	p.amend(c.ID, func(c *store.Conversation) { c.Archived, c.Pinned = on, c.Pinned && !on })
	p.listConversations()
	p.work(func(ctx context.Context) error { return p.o.Engine.ArchiveConversation(ctx, c.ID, on) }, p.reloadConversations)
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
