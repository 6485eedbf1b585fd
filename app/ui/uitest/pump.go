package uitest

import (
	"context"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
)

// Pump makes the goroutine of a test the goroutine of the window, for pages in
// front of an engine that takes its time: what comes back from elsewhere waits
// until the test runs it.
type Pump struct {
	t      testing.TB
	queue  chan func()
	life   context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// pumpPatience bounds how long something is waited for.
const pumpPatience = time.Minute

// NewPump returns one that ends, with all that it started, when the test does.
func NewPump(t testing.TB) *Pump {
	life, cancel := context.WithCancel(context.Background())
	p := &Pump{t: t, queue: make(chan func(), 256), life: life, cancel: cancel}
	t.Cleanup(p.stop)
	return p
}

// stop ends the work, and runs nothing of what is left.
func (p *Pump) stop() {
	p.cancel()
	done := make(chan struct{})
	go func() {
		p.work.Wait()
		close(done)
	}()
	for {
		select {
		case <-p.queue:
		case <-done:
			return
		case <-time.After(pumpPatience):
			p.t.Error("what the page started does not end")
			return
		}
	}
}

// Do runs a function on the goroutine of the test, later.
func (p *Pump) Do(f func()) {
	select {
	case p.queue <- f:
	case <-p.life.Done():
	}
}

// Runner is how a page does what takes time.
func (p *Pump) Runner() form.Runner {
	return form.Runner{Do: p.Do, Go: func(f func(context.Context)) {
		p.work.Go(func() { f(p.life) })
	}}
}

// Until runs what waits for the goroutine of the window until something holds.
func (p *Pump) Until(w fyne.Window, what string, holds func() bool) {
	p.t.Helper()
	deadline := time.After(pumpPatience)
	for !holds() {
		select {
		case f := <-p.queue:
			f()
		case <-time.After(20 * time.Millisecond): // it may hold for another reason
		case <-deadline:
			p.t.Fatalf("%s: not within %v. On the screen:\n%s", what, pumpPatience, Texts(w))
		}
	}
}
