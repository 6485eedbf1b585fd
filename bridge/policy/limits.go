package policy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// counters count the calls that limits are about: of a server, a key, a team, an
// organisation. The calls of the present day are kept in the ledger by
// KeepCounts, so that they outlast the program.
type counters struct {
	ledger Ledger
	now    func() time.Time

	load sync.Mutex // serialises reading a day from the ledger

	mu    sync.Mutex // protects what follows
	day   string     // of the counts; "" before the first
	date  [3]int     // the same
	calls map[string]*counted
	dirty map[string]int64 // by counter: calls that the ledger does not have yet
}

// counted is what one counter has counted. recent is a ring of the times of the
// last calls, as long as the limit of a minute.
type counted struct {
	today  int64
	recent []time.Time
	next   int
}

// maxCounters bounds the counters; beyond it those that count no day's calls
// begin anew.
const maxCounters = 1 << 14

func newCounters(l Ledger, now func() time.Time) *counters {
	return &counters{ledger: l, now: now, calls: map[string]*counted{}, dirty: map[string]int64{}}
}

// limit is one counter with its limits.
type limit struct {
	kind, id    string // whose counter it is: of a server, key, team or organisation
	minute, day int
}

// counter is its name in the ledger.
func (l limit) counter() string { return l.kind + ":" + l.id }

// whose is for people.
func (l limit) whose() string {
	if l.kind == "server" {
		return fmt.Sprintf("the server %q", l.id)
	}
	return "its " + l.kind
}

// limitsOf returns the limits that hold for an invocation.
func limitsOf(r *ruled, c *store.Caller) []limit {
	var out []limit
	if r.limited() {
		out = append(out, limit{"server", r.cfg.ID, r.cfg.Rules.CallsPerMinute, r.cfg.Rules.CallsPerDay})
	}
	if c != nil {
		for i := range c.Bounds {
			b := &c.Bounds[i]
			if b.Limits.CallsPerMinute > 0 || b.Limits.CallsPerDay > 0 {
				out = append(out, limit{b.Kind, b.ID, b.Limits.CallsPerMinute, b.Limits.CallsPerDay})
			}
		}
	}
	return out
}

// errLimit is the kind of a refusal for a limit.
var errLimit = fmt.Errorf("%w: %w", store.ErrDenied, store.ErrLimit)

const dayLayout = "2006-01-02"

// take reports, in a verdict, which limit is used up; else it counts one call on
// all of them if count is true.
func (c *counters) take(ctx context.Context, ref tools.Ref, limits []limit, count bool) (tools.Verdict, bool) {
	if len(limits) == 0 {
		return tools.Verdict{}, true
	}
	now := c.now()
	if err := c.today(ctx, now); err != nil {
		return unread(ref, err), false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range limits {
		n := c.calls[l.counter()]
		if n == nil {
			continue
		}
		if l.day > 0 && n.today >= int64(l.day) {
			return deny(errLimit, "The tool %s was not run: the %d calls a day of %s are used up. The next day begins at midnight.", ref, l.day, l.whose()), false
		}
		if first, full := n.oldest(l.minute); full && now.Sub(first) < time.Minute {
			wait := (time.Minute - now.Sub(first)).Round(time.Second)
			return deny(errLimit, "The tool %s was not run: the %d calls a minute of %s are used up. Try again in %d seconds.", ref, l.minute, l.whose(), max(1, int(wait/time.Second))), false
		}
	}
	if !count {
		return tools.Verdict{}, true
	}
	if len(c.calls) >= maxCounters {
		for k, n := range c.calls {
			if n.today == 0 {
				delete(c.calls, k)
			}
		}
	}
	for _, l := range limits {
		n := c.calls[l.counter()]
		if n == nil {
			n = &counted{}
			c.calls[l.counter()] = n
		}
		if l.minute > 0 {
			n.add(l.minute, now)
		}
		if l.day > 0 {
			n.today++
			c.dirty[l.counter()]++
		}
	}
	return tools.Verdict{}, true
}

// oldest returns the time of the call that limit calls ago was made; false if
// there were not as many.
func (n *counted) oldest(limit int) (time.Time, bool) {
	if limit <= 0 || len(n.recent) == 0 {
		return time.Time{}, false
	}
	if len(n.recent) != limit {
		n.resize(limit)
	}
	at := n.recent[n.next]
	return at, !at.IsZero()
}

func (n *counted) add(limit int, now time.Time) {
	if len(n.recent) != limit {
		n.resize(limit)
	}
	n.recent[n.next] = now
	n.next = (n.next + 1) % len(n.recent)
}

// resize keeps the newest calls when a limit changes.
func (n *counted) resize(limit int) {
	fresh := make([]time.Time, limit)
	at := n.next
	for range min(limit, len(n.recent)) {
		at = (at - 1 + len(n.recent)) % len(n.recent)
		limit--
		fresh[limit] = n.recent[at]
	}
	n.recent, n.next = fresh, 0
}

// today has the counts be those of a day.
func (c *counters) today(ctx context.Context, now time.Time) error {
	y, m, d := now.Date()
	date := [3]int{y, int(m), d}
	c.mu.Lock()
	same := c.date == date
	c.mu.Unlock()
	if same {
		return nil
	}
	day := now.Format(dayLayout)
	c.load.Lock()
	defer c.load.Unlock()
	c.mu.Lock()
	same = c.day == day
	c.mu.Unlock()
	if same {
		return nil
	}
	if err := c.keep(ctx); err != nil {
		return err
	}
	known, err := c.ledger.Usage(ctx, day)
	if err != nil {
		return fmt.Errorf("the calls of this day could not be read: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.calls {
		n.today = 0
	}
	for counter, count := range known {
		if c.calls[counter] == nil {
			c.calls[counter] = &counted{}
		}
		c.calls[counter].today = count
	}
	c.day, c.date = day, date
	return nil
}

// keep writes what the ledger does not have yet.
func (c *counters) keep(ctx context.Context) error {
	c.mu.Lock()
	day, dirty := c.day, c.dirty
	if len(dirty) == 0 {
		c.mu.Unlock()
		return nil
	}
	c.dirty = map[string]int64{}
	c.mu.Unlock()
	err := c.ledger.AddUsage(ctx, day, dirty)
	if err != nil {
		c.mu.Lock()
		for k, n := range dirty {
			c.dirty[k] += n
		}
		c.mu.Unlock()
		return fmt.Errorf("the calls of this day could not be kept: %w", err)
	}
	return nil
}

// KeepCounts writes how many calls were made today to the ledger, as far as a
// limit of a day counts them. Call it every second or so and at the end.
func (e *Engine) KeepCounts(ctx context.Context) error {
	e.counters.load.Lock()
	defer e.counters.load.Unlock()
	return e.counters.keep(ctx)
}
