package shell

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// slept is how long one frame sleeps.
func slept(d *doze) time.Duration {
	began := time.Now()
	d.nap()
	return time.Since(began)
}

func TestDoze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoze(napLength)
		if got := slept(d); got != 0 {
			t.Errorf("a window that is shown sleeps for %v", got)
		}
		d.dozing = true
		if got := slept(d); got != napLength {
			t.Errorf("a hidden one sleeps for %v", got)
		}

		// What is handed over in the middle of a sleep ends it, and there is
		// none until it has begun.
		handled := make(chan func())
		go func() {
			time.Sleep(napLength / 4)
			handled <- d.rouse()
		}()
		if got := slept(d); got != napLength/4 {
			t.Errorf("a sleep that was ended took %v", got)
		}
		done := <-handled
		for range 3 {
			if got := slept(d); got != 0 {
				t.Errorf("with something waiting, it sleeps for %v", got)
			}
		}
		done()
		if got := slept(d); got != napLength {
			t.Errorf("with nothing waiting any more, it sleeps for %v", got)
		}

		// What was handed over before may cut one sleep short, not more.
		d.rouse()()
		slept(d)
		if got := slept(d); got != napLength {
			t.Errorf("it does not come to rest: %v", got)
		}
	})
}

func TestOnlyAHiddenWindowDozes(t *testing.T) {
	s, _ := start(t, uitest.NewEngine())
	s.hide()
	if !s.doze.dozing {
		t.Error("a hidden window does not doze")
	}
	s.Show()
	if s.doze.dozing || s.doze.waiting.Load() != 0 {
		t.Errorf("shown again: dozing %t, %d functions wait", s.doze.dozing, s.doze.waiting.Load())
	}
	s.hide()
	s.Quit()
	if s.doze.dozing {
		t.Error("it dozes while it quits")
	}
}
