package chat

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/store"
)

// undoTime is how long something that was deleted can be taken back.
const undoTime = 10 * time.Second

// undoBar says what was deleted, and takes it back.
type undoBar struct {
	box  *fyne.Container
	text *form.Note
	// back and close are what the buttons do.
	back, close func()
}

func newUndoBar() *undoBar {
	b := &undoBar{text: form.MutedLine("", fyne.TextStyle{})}
	b.text.SetSize(fynetheme.SizeNameCaptionText)
	undo := form.Quiet(say.T("Undo"), theme.Icon(theme.IconUndo), func() { b.back() })
	undo.Name = say.T("Undo the deletion")
	dismiss := theme.NewSmallIconButton(say.T("Delete it now"), theme.Icon(theme.IconClose), func() { b.close() })
	b.box = container.NewBorder(nil, nil, nil, container.New(layout.NewCustomPaddedHBoxLayout(0), undo, container.NewCenter(dismiss)), b.text)
	b.box.Hide()
	return b
}

func (b *undoBar) show(words string, back, closing func()) {
	b.text.SetText(words)
	b.back, b.close = back, closing
	b.box.Show()
	form.Relayout(b.box)
}

func (b *undoBar) hide() {
	b.box.Hide()
	form.Relayout(b.box)
}

// removal is a conversation that was deleted and can be taken back. It is in the
// history until then.
type removal struct {
	conv store.Conversation
	was  bool          // it was the one in view
	end  chan struct{} // closed when it is to be deleted at once
	back chan struct{} // closed when it is not to be
}

// delete takes a conversation out of sight and stops what runs in it. It goes
// from the history when it can be taken back no longer: after a while, when the
// next one is deleted, or when the window ends.
func (p *Page) delete(c store.Conversation) {
	if p.removed != nil {
		close(p.removed.end)
	}
	r := p.runs[c.ID]
	if r != nil {
		r.cancel()
	}
	m := &removal{conv: c, was: p.current == c.ID, end: make(chan struct{}), back: make(chan struct{})}
	p.removed = m
	p.hidden[c.ID] = true
	if m.was {
		p.NewChat()
	}
	p.listConversations()
	p.sidebar.undo.show(say.F("Deleted “%s”", shortenRunes(titleOf(c), 60)), func() { p.restore(m) }, func() { close(m.end); p.forgetRemoval(m) })
	wait := p.undoTime
	kept := false
	p.o.Runner.Go(func(life context.Context) {
		late := time.NewTimer(wait)
		defer late.Stop()
		select {
		case <-late.C:
		case <-m.end:
		case <-life.Done():
		case <-m.back:
			kept = true
		}
		var err error
		if !kept {
			// It was asked for, also where the window has ended since.
			err = p.remove(context.WithoutCancel(life), c.ID, r)
		}
		p.o.Runner.Do(func() {
			if kept {
				return
			}
			p.forgetRemoval(m)
			if err != nil {
				delete(p.hidden, c.ID)
				p.fail.say(form.Sentence(err))
			} else {
				delete(p.drafts, c.ID)
				delete(p.attached, c.ID)
				delete(p.failed, c.ID)
			}
			p.reloadConversations()
		})
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

// restore takes a deletion back.
func (p *Page) restore(m *removal) {
	if p.removed != m {
		return
	}
	close(m.back)
	p.forgetRemoval(m)
	delete(p.hidden, m.conv.ID)
	p.listConversations()
	if m.was {
		p.open(m.conv.ID)
	}
}

// forgetRemoval hides the bar of a deletion, if it is its.
func (p *Page) forgetRemoval(m *removal) {
	if p.removed == m {
		p.removed = nil
		p.sidebar.undo.hide()
	}
}
