package bridge

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchWork follows work that begins, goes on beside other work and ends.
func TestWatchWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bridge{work: newWork()}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var seen []bool
		over := make(chan struct{})
		go func() {
			defer close(over)
			for is := range b.WatchWork(ctx) {
				seen = append(seen, is)
			}
		}()
		settle := func() { synctest.Wait(); time.Sleep(2 * workPause); synctest.Wait() }
		settle()
		one := b.work.begin()
		two := b.work.begin()
		settle()
		one()
		settle()
		two()
		settle()
		// What is over before anybody looked is not told.
		b.work.begin()()
		settle()
		cancel()
		<-over
		if want := []bool{false, true, false}; !slices.Equal(seen, want) {
			t.Errorf("it told %v, not %v", seen, want)
		}
	})
}
