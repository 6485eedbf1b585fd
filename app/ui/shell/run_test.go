package shell

import (
	"context"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// startedApp is an app whose Run says that it has started, and goes on until the
// context of the program ends, which it does at once.
type startedApp struct {
	fyne.App
	started func()
	running bool
	queue   chan func()   // what is to be done on its goroutine
	quit    chan struct{} // closed when the app is told to quit
	end     func()        // ends the context
	early   bool          // the end was waited for before the app ran
}

func (a *startedApp) Lifecycle() fyne.Lifecycle { return startedLife{a.App.Lifecycle(), a} }

func (a *startedApp) Run() {
	a.running = true
	a.started()
	a.end()
	for {
		select {
		case f := <-a.queue:
			f()
		case <-a.quit:
			return
		}
	}
}

func (a *startedApp) Quit() { close(a.quit) }

type startedLife struct {
	fyne.Lifecycle
	app *startedApp
}

func (l startedLife) SetOnStarted(f func()) { l.app.started = f }

// endingContext is one that can end from the moment on in which somebody wants
// to hear of it.
type endingContext struct {
	context.Context
	app *startedApp
}

func (c endingContext) Err() error { return context.Canceled }

func (c endingContext) Done() <-chan struct{} { return make(chan struct{}) }

func (c endingContext) AfterFunc(f func()) (stop func() bool) {
	c.app.end = f
	c.app.early = !c.app.running
	return func() bool { return false }
}

// Fyne can panic when it is told to quit before it runs.
func TestTheEndIsHeardOnceTheWindowRuns(t *testing.T) {
	e := uitest.NewEngine()
	e.Keep.Window.Welcomed = true
	s, _ := start(t, e)
	a := &startedApp{App: s.app, queue: make(chan func(), 100), quit: make(chan struct{})}
	s.app = a
	s.post = func(f func()) { a.queue <- f }
	if err := s.Run(endingContext{context.Background(), a}); err != nil {
		t.Fatal(err)
	}
	if a.early {
		t.Error("the app could be told to quit before it ran")
	}
}

// Fyne waits for ever for what is left to its queue while it quits, so nothing is.
func TestNothingIsLeftToTheQueue(t *testing.T) {
	s, _ := start(t, uitest.NewEngine())
	life := s.app.Lifecycle().(interface {
		SetOnStoppedHookExecuted(func())
		OnStopped() func()
	})
	life.SetOnStoppedHookExecuted(func() {})
	if life.OnStopped() == nil {
		t.Fatal("Fyne has no such hook")
	}
	endWithoutQueue(s.app)
	if life.OnStopped() != nil {
		t.Error("there is something to be done at the end")
	}
}
