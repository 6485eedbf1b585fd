package offers

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// watching reads a resource again whenever its server says that it changed,
// while the person wants that.
type watching struct {
	sheet *sheet
	box   *fyne.Container
	on    *form.Switch
	item  *item
	uri   string
	end   context.CancelFunc // nil while nothing is watched
}

func newWatching(s *sheet) *watching {
	w := &watching{sheet: s}
	var title = say.T("Follow changes")
	w.on = form.NewSwitch(title, func(on bool) {
		if on {
			w.start()
		} else {
			w.stop()
			w.box.Show()
		}
	})
	w.box = container.NewHBox(container.NewCenter(form.MutedWord(title)), container.NewCenter(w.on))
	w.box.Hide()
	return w
}

// offer lets the person switch it on for what was read.
func (w *watching) offer(i *item, uri string) {
	if w.end != nil && w.uri == uri {
		return // it was read again
	}
	w.stop()
	if i.watch && uri != "" {
		w.item, w.uri = i, uri
		w.box.Show()
	}
}

func (w *watching) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.end = cancel
	s, i, uri := w.sheet, w.item, w.uri
	s.o.Runner.Go(func(life context.Context) {
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		err := s.o.Engine.WatchResource(ctx, i.id, uri, func() {
			s.o.Runner.Do(func() {
				if ctx.Err() == nil && s.at == i {
					s.read()
				}
			})
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			s.o.Runner.Do(func() {
				if ctx.Err() == nil && s.sheet.IsOpen() {
					w.stop()
					s.sheet.Fail(form.Sentence(err))
				}
			})
		}
	})
}

// stop ends it and hides the switch.
func (w *watching) stop() {
	if w.end != nil {
		w.end()
		w.end = nil
	}
	w.on.Set(false)
	w.box.Hide()
}
