package chat

import (
	"context"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// delete takes a conversation out of sight and stops what runs in it. It goes
// from the history when it can be taken back no longer: after a while, when the
// next one is deleted, or when the window ends.
func (p *Page) delete(c store.Conversation) {
	p.sidebar.undo.Finish()
	r := p.runs[c.ID]
	if r != nil {
		r.cancel()
	}
	was := p.current == c.ID
	p.hidden[c.ID] = true
	if was {
		p.NewChat()
	}
	p.listConversations()
	p.sidebar.undo.Wait = p.undoTime
	p.sidebar.undo.Offer(form.Undoable{
		Words: say.F("Deleted “%s”", shortenRunes(titleOf(c), 60)),
		End:   func(ctx context.Context) error { return p.remove(ctx, c.ID, r) },
		AtEnd: true,
		Done: func(back bool, err error) {
			switch {
			case back:
				delete(p.hidden, c.ID)
				p.listConversations()
				if was {
					p.open(c.ID)
				}
				return
			case err != nil:
				delete(p.hidden, c.ID)
				p.fail.say(form.Sentence(err))
			default:
				delete(p.drafts, c.ID)
				delete(p.attached, c.ID)
				delete(p.failed, c.ID)
			}
			p.reloadConversations()
		},
	})
}

// removeTime bounds how long a deletion waits for a turn to end.
const removeTime = time.Minute

// remove deletes a conversation from the history, once nothing writes there any
// more.
func (p *Page) remove(ctx context.Context, id string, r *run) error {
	ctx, cancel := context.WithTimeout(ctx, removeTime)
	defer cancel()
	if r != nil {
		select {
		case <-r.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p.o.Engine.DeleteConversation(ctx, id)
}

// offerUndo offers above the composer to take something back.
func (p *Page) offerUndo(o form.Undoable) {
	p.takeBack.Wait = p.undoTime
	p.takeBack.Offer(o)
}

// offerDraft offers what was typed in the conversation in view and gave way to
// something else. Taken back, it stands below what stands in the composer then.
func (p *Page) offerDraft(typed string) {
	id := p.current
	p.offerUndo(form.Undoable{Words: say.F("“%s” gave way to another text", form.Visible(shortenRunes(strings.Join(strings.Fields(typed), " "), 60), false)), Change: true, Done: func(back bool, _ error) {
		switch {
		case !back:
		case id == p.current && p.editing.message == "":
			p.write(typed)
		default:
			p.drafts[id] = strings.TrimSpace(p.drafts[id] + "\n\n" + typed)
			p.unsent.note(id, p.drafts[id])
		}
	}})
}
