package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
)

// Unsent keeps what was typed and not sent; see the methods of bridge.Bridge.
type Unsent interface {
	SetUnsent(ctx context.Context, conversation, text string) error
	Unsent(ctx context.Context) (map[string]string, error)
}

// unsentPause is how long what is typed may be lost with the program.
const unsentPause = time.Second

// keeper writes down what is typed, at most once in a while, and once more when
// the window ends.
type keeper struct {
	engine Unsent
	runner form.Runner
	failed func(error) // on the goroutine of the window
	pause  time.Duration

	mu      sync.Mutex        // protects what follows
	kept    map[string]string // as it is written down
	waiting map[string]string // what is to be
	running bool
}

func newKeeper(e Unsent, r form.Runner, failed func(error)) *keeper {
	return &keeper{engine: e, runner: r, failed: failed, pause: unsentPause, kept: map[string]string{}, waiting: map[string]string{}}
}

// note takes what stands in the composer of a conversation now.
func (k *keeper) note(conversation, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, waits := k.waiting[conversation]; !waits && k.kept[conversation] == text {
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
				failed = errors.Join(failed, k.engine.SetUnsent(context.WithoutCancel(life), id, text))
			}
			if failed != nil {
				k.runner.Do(func() { k.failed(failed) })
			}
			late.Reset(k.pause)
		}
	})
}

// take returns what is to be written; nil ends the writing.
func (k *keeper) take() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) == 0 {
		k.running = false
		return nil
	}
	list := k.waiting
	k.waiting = map[string]string{}
	for id, text := range list {
		k.kept[id] = text
	}
	return list
}

// had takes what was kept when the program began.
func (k *keeper) had(all map[string]string) {
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
	p.work(func(ctx context.Context) (err error) {
		all, err = p.o.Engine.Unsent(ctx)
		return err
	}, func() {
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
	p.unsent.note(p.current, text)
	p.recalled.left(text)
}
