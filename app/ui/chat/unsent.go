package chat

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/store"
)

// Unsent keeps what was typed and not sent; see the methods of bridge.Bridge.
type Unsent interface {
	SetUnsent(ctx context.Context, conversation, text string) error
	Unsent(ctx context.Context) (map[string]string, error)
	SetUnsentFiles(ctx context.Context, conversation string, files []store.Attached) error
	UnsentFiles(ctx context.Context) (map[string][]store.Attached, error)
}

// unsentPause is how long what is typed may be lost with the program.
const unsentPause = time.Second

// keeper writes down what is typed, at most once in a while, and once more when
// the window ends.
type keeper[T any] struct {
	write  func(ctx context.Context, conversation string, what T) error
	same   func(a, b T) bool
	runner form.Runner
	failed func(error) // on the goroutine of the window
	pause  time.Duration

	mu      sync.Mutex   // protects what follows
	kept    map[string]T // as it is written down
	waiting map[string]T // what is to be
	running bool
}

func newKeeper[T any](write func(context.Context, string, T) error, same func(a, b T) bool, r form.Runner, failed func(error)) *keeper[T] {
	return &keeper[T]{write: write, same: same, runner: r, failed: failed, pause: unsentPause, kept: map[string]T{}, waiting: map[string]T{}}
}

// note takes what stands in the composer of a conversation now.
func (k *keeper[T]) note(conversation string, text T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, waits := k.waiting[conversation]; !waits && k.same(k.kept[conversation], text) {
		return
	}
	k.waiting[conversation] = text
	if k.running {
		return
	}
	k.running = true
	k.runner.Go(func(life context.Context) {
		late := time.NewTimer(k.pause)
		defer late.Stop()
		for {
			select {
			case <-late.C:
			case <-life.Done():
			}
			list := k.take()
			if list == nil {
				return
			}
			var failed error
			for id, text := range list {
				failed = errors.Join(failed, k.write(context.WithoutCancel(life), id, text))
			}
			if failed != nil {
				k.runner.Do(func() { k.failed(failed) })
			}
			late.Reset(k.pause)
		}
	})
}

// take returns what is to be written; nil ends the writing.
func (k *keeper[T]) take() map[string]T {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) == 0 {
		k.running = false
		return nil
	}
	list := k.waiting
	k.waiting = map[string]T{}
	for id, text := range list {
		k.kept[id] = text
	}
	return list
}

// had takes what was kept when the program began.
func (k *keeper[T]) had(all map[string]T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, text := range all {
		k.kept[id] = text
	}
}

// loadUnsent reads what was typed when the program last ran.
func (p *Page) loadUnsent() {
	if p.unsentRead {
		return
	}
	p.unsentRead = true
	var all map[string]string
	var files map[string][]store.Attached
	p.work(func(ctx context.Context) (err error) {
		if all, err = p.o.Engine.Unsent(ctx); err != nil {
			return err
		}
		files, err = p.o.Engine.UnsentFiles(ctx)
		return err
	}, func() {
		p.hadFiles(files)
		p.unsent.had(all)
		for id, text := range all {
			if _, typed := p.drafts[id]; !typed {
				p.drafts[id] = text
			}
		}
		if p.composer.input.Text == "" && p.editing.message == "" && p.drafts[p.current] != "" {
			p.composer.input.SetText(p.drafts[p.current])
			p.composer.input.toEnd()
		}
	})
}

// changed takes what stands in the composer now.
func (p *Page) changed(text string) {
	if p.editing.message != "" {
		return // it is no draft
	}
	if typed := p.recalled.left(text); strings.TrimSpace(typed) != "" {
		p.offerDraft(typed)
	}
	if p.recalled.at > 0 {
		text = p.recalled.typed // what is only looked up is no draft
	}
	p.unsent.note(p.current, text)
}

// hadFiles takes what was attached when the program last ran.
func (p *Page) hadFiles(all map[string][]store.Attached) {
	kept := make(map[string][]*attachment, len(all))
	for id, files := range all {
		for _, f := range files[:min(len(files), maxFiles)] {
			kept[id] = append(kept[id], &attachment{title: f.Title, parts: f.Parts})
		}
		if len(p.attached[id]) == 0 {
			p.attached[id] = slices.Clone(kept[id])
		}
		p.withFiles[id] = true
	}
	p.unsentFiles.had(kept)
	p.showAttached()
}

// noteAttached has everything that is attached now be kept.
func (p *Page) noteAttached() {
	for id := range p.attached {
		p.withFiles[id] = true
	}
	for id := range p.withFiles {
		list := slices.Clone(p.attached[id])
		list = slices.DeleteFunc(list, func(a *attachment) bool { return a.reading })
		p.unsentFiles.note(id, list)
		if len(list) == 0 {
			delete(p.withFiles, id)
		}
	}
}

// keepFiles writes attachments down.
func keepFiles(e Unsent) func(context.Context, string, []*attachment) error {
	return func(ctx context.Context, conversation string, list []*attachment) error {
		files := make([]store.Attached, len(list))
		for i, a := range list {
			files[i] = store.Attached{Title: a.title, Parts: a.parts}
		}
		return e.SetUnsentFiles(ctx, conversation, files)
	}
}
