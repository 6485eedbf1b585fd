package bridge

import (
	"context"
	"iter"
	"sync/atomic"
	"time"
)

// workPause lies between two states that WatchWork yields.
const workPause = 250 * time.Millisecond

// work counts what is under way: turns, and calls of tools, whoever makes them.
type work struct {
	n       atomic.Int64
	changed *signal // fires when it begins with the first and ends with the last
}

func newWork() *work { return &work{changed: newSignal()} }

// begin counts one more until the function that it returns is called, once.
func (w *work) begin() (end func()) {
	if w.n.Add(1) == 1 {
		w.changed.fire()
	}
	return func() {
		if w.n.Add(-1) == 0 {
			w.changed.fire()
		}
	}
}

// WatchWork yields whether turns or calls of tools are under way: at once, and
// when that has changed, at most four times a second, until the context ends.
func (b *Bridge) WatchWork(ctx context.Context) iter.Seq[bool] {
	return func(yield func(bool) bool) {
		var told, is bool
		for first := true; ctx.Err() == nil; first = false {
			changed := b.work.changed.wait()
			if is = b.work.n.Load() > 0; is != told || first {
				if told = is; !yield(is) {
					return
				}
				select {
				case <-time.After(workPause):
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}
