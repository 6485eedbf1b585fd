//go:build linux && e2e

package desk

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is how often a condition is looked at that nothing announces.
const pollEvery = 20 * time.Millisecond

// Until waits until a condition holds, looking every 20 ms, for at most the
// limit. The condition returns what it lacks, and nil when it holds; the last
// such error is in the one that Until returns.
func Until(ctx context.Context, limit time.Duration, what string, holds func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last error
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		if deadline, _ := ctx.Deadline(); last == nil || time.Until(deadline) > pollEvery {
			last = err // what it lacked, rather than that there was no time to look
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (%w)", what, last, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
