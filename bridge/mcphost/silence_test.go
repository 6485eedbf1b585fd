package mcphost

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A call whose clock rings long after it should have got its time once more:
// this program was stopped, and could not have heard the server.
func TestIdleAfterThisProgramWasStopped(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		since  time.Duration // that the silence began
		spared bool
		ends   bool
	}{
		"in time":           {time.Hour, false, true},
		"after a stop":      {time.Hour + time.Minute, false, false},
		"after two of them": {time.Hour + time.Minute, true, true},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		c := &activeCall{cancel: cancel, idle: time.Hour, heard: time.Now().Add(-test.since), spared: test.spared, timer: time.NewTimer(time.Hour)}
		(&link{}).silent(c)
		if ended := errors.Is(context.Cause(ctx), errIdle); ended != test.ends {
			t.Errorf("%s: it ended: %t", name, ended)
		}
		if !test.ends && (!c.spared || time.Since(c.heard) > time.Minute || !c.timer.Stop()) {
			t.Errorf("%s: it does not wait again", name)
		}
		cancel(nil)
	}
}
