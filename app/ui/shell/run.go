package shell

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// Run shows the window and returns when the person has quit, or the context has
// ended. It must be called on the main goroutine, once. When it returns,
// nothing of the window runs any more, and the caller may close the engine.
func (s *Shell) Run(ctx context.Context) error {
	forget := func() bool { return false }
	defer func() { forget() }()
	s.app.Lifecycle().SetOnStarted(func() {
		s.started()
		forget = context.AfterFunc(ctx, s.Quit) // Fyne cannot be told to quit before it runs
	})
	if s.o.InTray {
		s.hidden = true // until it is known that there is no tray
	} else {
		s.window.Show()
	}
	s.app.Run()
	s.cancel()
	s.running.Wait()
	return s.remember()
}

// endWithoutQueue keeps Fyne from hanging when it quits. It puts what is to be done
// at the end into the queue of the window while it closes that queue, and waits
// until it was done; what comes in between is lost, and the wait has no end. All
// that is done so is to save the preferences at once, which are saved a moment
// after each change anyway.
func endWithoutQueue(a fyne.App) {
	if l, ok := a.Lifecycle().(interface{ SetOnStoppedHookExecuted(func()) }); ok {
		l.SetOnStoppedHookExecuted(nil)
	}
}

// started runs after the first frame; all that reads or asks begins here.
func (s *Shell) started() {
	if s.o.InTray {
		s.running.Go(s.showWithoutTray)
	} else {
		s.wake()
	}
	s.running.Go(func() { s.tray.run(s.ctx) })
	s.running.Go(s.followWork)
	s.running.Go(s.followTitles)
	s.running.Go(s.followGateway)
	s.running.Go(func() { s.readLogin(s.ctx) })
	s.running.Go(s.pump)
	s.running.Go(s.raise.follow)
	s.running.Go(func() { s.notes.run(s.ctx) })
	if s.o.DumpSocket != "" {
		s.running.Go(func() {
			if err := serveDump(s.ctx, s.o.DumpSocket, s.do, s.app.Driver().AllWindows, s.o.Logger); err != nil {
				s.o.Logger.Error("the window cannot be described", "error", err)
			}
		})
	}
	if !s.o.Engine.Settings().Window.Welcomed {
		s.welcomePerson()
	}
}

// showWithoutTray shows a window that began hidden where no tray is there to
// open it from.
func (s *Shell) showWithoutTray() {
	wait := time.NewTimer(trayArrives)
	defer wait.Stop()
	select {
	case <-s.ctx.Done():
		return
	case <-s.tray.looked:
	}
	for !s.tray.available() {
		// At login the panel may come later than we do.
		select {
		case <-s.ctx.Done():
			return
		case <-wait.C:
			s.do(s.show)
			return
		case <-time.After(trayArrives / 20):
		}
	}
	s.do(func() {
		if s.hidden {
			s.doze.start()
		}
	})
}

// trayArrives is how long a program that was started at login waits for a tray.
const trayArrives = 10 * time.Second

// pump brings the state of the servers to the tray and the page in view. It
// hands over one state at a time; those that come meanwhile are folded into
// the next.
func (s *Shell) pump() {
	for views := range s.o.Engine.WatchServers(s.ctx) {
		done := make(chan struct{})
		s.do(func() {
			defer close(done)
			s.setServers(views)
		})
		select {
		case <-done:
		case <-s.ctx.Done():
			return
		}
	}
}

// Offer brings the window to the front and shows the review of a file or a link
// with servers in it. Nothing of it is kept or run before the person agreed. Any
// goroutine may call it.
func (s *Shell) Offer(what string) {
	s.do(func() {
		s.show()
		s.offer(what)
	})
}

// offer shows the review, unless something else is being asked.
func (s *Shell) offer(what string) {
	if s.window.Canvas().Overlays().Top() != nil {
		return
	}
	s.open(placeServers)
	if p, ok := s.places[placeServers].page.(interface{ Open(what string) }); ok {
		p.Open(what)
	}
}

// dropped takes what was dropped on the window. On the page of the conversations
// files go with the next message; a bundle of a server, and what is dropped
// anywhere else, is offered for review.
func (s *Shell) dropped(_ fyne.Position, list []fyne.URI) {
	var paths []string
	for _, u := range list {
		if u.Scheme() == "file" {
			paths = append(paths, u.Path())
		}
	}
	if len(paths) == 0 {
		return
	}
	chat, ok := s.places[placeChat].page.(interface{ Attach(paths []string) })
	if !ok || s.current != placeChat || strings.EqualFold(filepath.Ext(paths[0]), ".mcpb") {
		s.offer(paths[0])
		return
	}
	if s.window.Canvas().Overlays().Top() == nil {
		chat.Attach(paths)
	}
}

// Show brings the window to the front. Any goroutine may call it.
func (s *Shell) Show() { s.do(s.show) }

// Quit ends Run. Any goroutine may call it.
func (s *Shell) Quit() {
	s.do(func() {
		s.doze.stop()
		s.app.Quit()
	})
}

func (s *Shell) show() {
	s.doze.stop()
	s.window.Show()
	s.window.RequestFocus()
	if s.hidden {
		s.hidden = false
		s.content.Anew() // a window that was away may have lost its picture
		if !s.awake {
			s.awake = true // it began in the tray
		}
		s.tellServers()
		s.places[s.current].page.Shown()
		s.leadToWaiting()
	}
}

func (s *Shell) hide() {
	if s.hidden {
		return
	}
	s.hidden = true
	s.places[s.current].page.Hidden()
	s.window.Hide()
	s.doze.start()
	s.spawn(s.readChats) // what was renamed or removed meanwhile
}

func (s *Shell) newChat() {
	s.show()
	s.open(placeChat)
	if p, ok := s.places[placeChat].page.(ChatPage); ok {
		p.NewChat()
	}
}

// closing decides what closing the window means: with a tray it hides, without
// one it quits.
func (s *Shell) closing() {
	if !s.tray.available() {
		s.app.Quit()
		return
	}
	if s.o.Engine.Settings().Window.SaidItHides {
		s.hide()
		return
	}
	if s.saying == nil || !s.saying.IsOpen() {
		s.sayItHides()
	}
}

// sayItHides tells once, before the window goes, where it goes to. A
// notification could be missed.
func (s *Shell) sayItHides() {
	sheet := form.NewSheet(s.window, say.T("Drawbridge stays in the tray"), form.Label(
		say.T("Your servers keep running while the window is closed. Open it again, or quit, from the Drawbridge icon in the tray.")))
	sheet.SetSize(480, 230)
	said := func(then func()) func() {
		return func() {
			sheet.Close()
			s.keep(func(w *store.WindowSettings) { w.SaidItHides = true })
			then()
		}
	}
	hide := form.NewAction(say.T("Close to tray"), widget.HighImportance, said(s.hide))
	sheet.SetButtons(form.NewAction(say.T("Quit"), widget.MediumImportance, said(s.app.Quit)), hide)
	sheet.SetFocus(hide)
	sheet.Show()
	s.saying = sheet
}

// keep changes what the window remembers of itself.
func (s *Shell) keep(change func(*store.WindowSettings)) {
	s.spawn(func(context.Context) {
		err := s.o.Engine.UpdateSettings(func(x *store.Settings) error { change(&x.Window); return nil })
		if err != nil {
			s.o.Logger.Error("what the window remembers could not be kept", "error", err)
		}
	})
}

// trayLost brings a hidden window back, since nothing else could any more.
func (s *Shell) trayLost() {
	if s.hidden {
		s.show()
	}
}

// remember keeps the size of the window.
func (s *Shell) remember() error {
	if s.size.Width < leastSize.Width || s.size.Height < leastSize.Height {
		return nil
	}
	was := s.o.Engine.Settings().Window
	if was.Width == s.size.Width && was.Height == s.size.Height {
		return nil
	}
	err := s.o.Engine.UpdateSettings(func(x *store.Settings) error {
		x.Window.Width, x.Window.Height = s.size.Width, s.size.Height
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember the size of the window: %w", err)
	}
	return nil
}
