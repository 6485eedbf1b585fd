package mcphost

import (
	"context"
	"slices"
	"time"
)

// expire notes for how long a page counts; negative says nothing.
func (c *catalogue) expire(ttl time.Duration) {
	if ttl < 0 {
		return
	}
	if at := time.Now().Add(max(ttl, ttlMin)); c.stale.IsZero() || at.Before(c.stale) {
		c.stale = at
	}
}

// postponed returns a copy that counts a little longer, since it could not be
// replaced.
func (c *catalogue) postponed() *catalogue {
	next := *c
	if !next.stale.IsZero() {
		next.stale = time.Now().Add(ttlRetry)
	}
	return &next
}

// ttlRetry is when a listing that could not be made is tried again.
const ttlRetry = time.Minute

// Freshen has those servers list their tools again whose listing does not count
// any more ("Caching" of the specification), and waits until they have, or have
// failed to, or the context ends. Nothing is listed again between times: call it
// before the tools are used. A server that announces changes and says 0 is not
// asked each time. It reports whether any was asked.
func (m *Manager) Freshen(ctx context.Context) bool {
	v, _ := m.now()
	var waiting []*link
	for _, s := range v.servers {
		if s.status.State != Ready || s.link == nil || s.link.isDead() {
			continue
		}
		c := s.link.catalogue.Load()
		if c != nil && !c.stale.IsZero() && time.Now().After(c.stale) {
			waiting = append(waiting, s.link)
			select {
			case s.link.hasten <- struct{}{}:
			default:
			}
		}
	}
	asked := len(waiting) > 0
	for len(waiting) > 0 {
		_, next := m.now()
		waiting = slices.DeleteFunc(waiting, func(k *link) bool {
			c := k.catalogue.Load()
			return k.isDead() || time.Now().Before(c.stale) || c.stale.IsZero()
		})
		if len(waiting) == 0 {
			break
		}
		select {
		case <-next:
		case <-ctx.Done():
			return asked
		}
	}
	return asked
}
