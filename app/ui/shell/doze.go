package shell

import (
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
)

// napLength is how long the goroutine of a hidden window sleeps at most. It is
// what a program waits that pastes what was copied here, and Fyne's own work.
const napLength = 100 * time.Millisecond

// doze makes a hidden window cheap. Fyne looks for events and for something to
// draw sixty times a second, also where nothing can be seen, which is all that a
// hidden window uses of the processor. Its animations run on that same loop, so
// one that sleeps in each frame slows the loop down to ten times a second. What
// the program itself wants of the window's goroutine ends the sleep at once.
//
// It is no more than a brake: where animations do not run, the loop just keeps
// its pace.
type doze struct {
	animation *fyne.Animation
	length    time.Duration
	dozing    bool          // of the goroutine of the window alone
	waiting   atomic.Int64  // functions that were handed over and have not begun
	roused    chan struct{} // holds something when the sleep must end
}

func newDoze(length time.Duration) *doze {
	d := &doze{length: length, roused: make(chan struct{}, 1)}
	d.animation = &fyne.Animation{
		Duration:    time.Hour,
		RepeatCount: fyne.AnimationRepeatForever,
		Curve:       fyne.AnimationLinear,
		Tick:        func(float32) { d.nap() },
	}
	return d
}

// start and stop are called on the goroutine of the window.
func (d *doze) start() {
	if !d.dozing {
		d.dozing = true
		d.animation.Start()
	}
}

func (d *doze) stop() {
	if d.dozing {
		d.dozing = false
		d.animation.Stop()
	}
}

// rouse ends the sleep, and there is none before the function that it returns
// was called. It is called before something is handed to the goroutine of the
// window, by any goroutine.
func (d *doze) rouse() (handled func()) {
	d.waiting.Add(1)
	select {
	case d.roused <- struct{}{}:
	default:
	}
	return func() { d.waiting.Add(-1) }
}

// nap sleeps, unless something waits.
func (d *doze) nap() {
	if !d.dozing || d.waiting.Load() > 0 {
		return
	}
	timer := time.NewTimer(d.length)
	defer timer.Stop()
	select {
	case <-d.roused:
	case <-timer.C:
	}
}
