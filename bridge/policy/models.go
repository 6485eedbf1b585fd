package policy

import (
	"context"
	"fmt"
	"math"

	"github.com/drawbridge-app/drawbridge/store"
)

// What models cost is counted like calls, on counters of the key, its team and
// its organisation: tokens, and millionths of a US dollar.
func tokenCounter(b *store.Bound) string { return "tokens:" + b.Kind + ":" + b.ID }
func costCounter(b *store.Bound) string  { return "cost:" + b.Kind + ":" + b.ID }

// MayAsk returns nil if the caller may ask models now. Otherwise the error is a
// sentence and wraps store.ErrDenied, and store.ErrLimit too where what it may
// use in a day is used up.
func (e *Engine) MayAsk(ctx context.Context, c store.Caller) error {
	switch up, err := e.isRaised(ctx); {
	case err != nil:
		return fmt.Errorf("%w: %w", store.ErrDenied, err)
	case up:
		return fmt.Errorf("%s (%w, %w)", RaisedReason, store.ErrDenied, store.ErrRaised)
	}
	if c.Models == nil || e.expired(c) {
		return fmt.Errorf("this key has no access to models; whoever made it can give it some in Drawbridge (%w)", store.ErrDenied)
	}
	if err := e.counters.today(ctx, e.now()); err != nil {
		return fmt.Errorf("%w: %w", store.ErrDenied, err)
	}
	k := e.counters
	k.mu.Lock()
	defer k.mu.Unlock()
	used := func(counter string) int64 {
		if n := k.calls[counter]; n != nil {
			return n.today
		}
		return 0
	}
	for i := range c.Bounds {
		b := &c.Bounds[i]
		m := b.Limits.Models
		if m == nil {
			continue
		}
		if m.TokensPerDay > 0 && used(tokenCounter(b)) >= m.TokensPerDay {
			return fmt.Errorf("the %d tokens a day of the %s are used up; the next day begins at midnight (%w, %w)", m.TokensPerDay, b.Kind, store.ErrDenied, store.ErrLimit)
		}
		if m.CostPerDay > 0 && used(costCounter(b)) >= millionths(m.CostPerDay) {
			return fmt.Errorf("the %.2f US dollars a day of the %s are used up; the next day begins at midnight (%w, %w)", m.CostPerDay, b.Kind, store.ErrDenied, store.ErrLimit)
		}
	}
	return nil
}

// CostLimited reports whether a limit of cost holds for the caller, so that a
// model whose price nobody knows cannot be asked.
func CostLimited(c store.Caller) bool {
	for i := range c.Bounds {
		if m := c.Bounds[i].Limits.Models; m != nil && m.CostPerDay > 0 {
			return true
		}
	}
	return false
}

// Spend counts what a call of a model took.
func (e *Engine) Spend(ctx context.Context, c store.Caller, tokens int64, usd float64) error {
	if err := e.counters.today(ctx, e.now()); err != nil {
		return err
	}
	k := e.counters
	k.mu.Lock()
	defer k.mu.Unlock()
	add := func(counter string, amount int64) {
		if amount <= 0 {
			return
		}
		if k.calls[counter] == nil {
			k.calls[counter] = &counted{}
		}
		k.calls[counter].today += amount
		k.dirty[counter] += amount
	}
	for i := range c.Bounds {
		b := &c.Bounds[i]
		add(tokenCounter(b), tokens)
		add(costCounter(b), millionths(usd))
	}
	return nil
}

// millionths rounds up, so that small calls count too.
func millionths(usd float64) int64 {
	m := math.Ceil(usd * 1e6)
	switch {
	case !(m > 0):
		return 0
	case m > math.MaxInt64/2:
		return math.MaxInt64 / 2
	}
	return int64(m)
}
