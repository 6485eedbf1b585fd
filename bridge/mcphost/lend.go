package mcphost

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// A request of another program may carry credentials of its own for a server
// over HTTP. It gets a connection of its own, too: sessions of the protocol keep
// what they were opened with, so credentials must never meet another's session.
const (
	lentMax  = 64              // such connections to one server
	lentIdle = 5 * time.Minute // after which one that nobody uses is closed
)

// lending keeps the connections that were made with a program's credentials.
type lending struct {
	mu     sync.Mutex // protects what follows
	lent   map[lentKey]*lentLink
	closed bool
}

// lentKey says whose connection it is: one scope, one server, one set of
// headers, one configuration.
type lentKey struct {
	server string
	sum    [sha256.Size]byte
}

// lentLink is one such connection. The mutex of lending protects users and used.
type lentLink struct {
	ready chan struct{} // closed when link or err is there
	link  *link
	err   error
	users int
	used  time.Time
	timer *time.Timer
	end   context.CancelFunc // of making it
}

// lends reports whether the requests of x get a connection of their own: those
// with headers, and those of a program that lets servers use its model, which a
// server of the older era is told of when the connection is made.
func lends(x *tools.Exchange, s *serverView) bool {
	if x == nil || !s.status.Server.Transport.OverHTTP() {
		return false
	}
	return len(x.Headers) > 0 || x.Samples && s.link != nil && s.link.session.InitializeResult().ProtocolVersion <= olderEra
}

func lentKeyOf(c store.ServerConfig, x *tools.Exchange) lentKey {
	h := sha256.New()
	add := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	add(x.Scope)
	add(c.Hash())
	add(fmt.Sprint(x.Samples))
	for _, name := range slices.Sorted(maps.Keys(x.Headers)) {
		add(http.CanonicalHeaderKey(name))
		add(x.Headers[name])
	}
	k := lentKey{server: c.ID}
	h.Sum(k.sum[:0])
	return k
}

// linkFor returns the connection that a request goes over. back gives it back
// and must be called.
func (m *Manager) linkFor(ctx context.Context, id string) (k *link, back func(), err error) {
	v, _ := m.now()
	s, ok := v.servers[id]
	x := tools.ExchangeFrom(ctx)
	if !ok || !lends(x, &s) {
		k, err = m.live(ctx, id)
		return k, func() {}, err
	}
	switch s.status.State {
	case Disabled, Held, Stopped:
		k, err = m.live(ctx, id) // which says why it does not run
		return k, func() {}, err
	}
	return m.lend(ctx, s.status.Server.Clone(), x)
}

// lend returns the connection of these credentials, made at the first request
// that has them.
func (m *Manager) lend(ctx context.Context, c store.ServerConfig, x *tools.Exchange) (*link, func(), error) {
	key, l := lentKeyOf(c, x), &m.lending
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, nil, fmt.Errorf("the servers are shut down (%w)", store.ErrClosed)
	}
	one := l.lent[key]
	if one != nil && one.over() {
		l.drop(key, one)
		one = nil
	}
	if one == nil {
		if !l.room(c.ID) {
			l.mu.Unlock()
			return nil, nil, fmt.Errorf("the server %q has %d connections with credentials of other programs under way, which is the most; try again later", c.Name, lentMax)
		}
		making, end := context.WithTimeoutCause(m.life, m.o.StartTimeout, errNoAnswer)
		one = &lentLink{ready: make(chan struct{}), end: end}
		if l.lent == nil {
			l.lent = map[lentKey]*lentLink{}
		}
		l.lent[key] = one
		headers, samples := maps.Clone(x.Headers), x.Samples
		m.lives.Go(func() { m.fillLent(making, one, c, headers, samples) })
	}
	one.users++
	if one.timer != nil {
		one.timer.Stop()
	}
	l.mu.Unlock()

	back := sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		one.users--
		one.used = time.Now()
		if one.users > 0 {
			return
		}
		if one.timer == nil {
			one.timer = time.AfterFunc(lentIdle, func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				if one.users == 0 {
					l.drop(key, one)
				}
			})
			return
		}
		one.timer.Reset(lentIdle)
	})
	select {
	case <-one.ready:
	case <-ctx.Done():
		back()
		return nil, nil, fmt.Errorf("the server %q was still being reached: %w", c.Name, context.Cause(ctx))
	}
	if one.err != nil {
		back()
		return nil, nil, one.err
	}
	return one.link, back, nil
}

// fillLent makes the connection and lists the tools over it.
func (m *Manager) fillLent(ctx context.Context, one *lentLink, c store.ServerConfig, headers map[string]string, samples bool) {
	defer close(one.ready)
	defer one.end()
	one.link, one.err = m.connectLent(ctx, c, headers, samples)
}

func (m *Manager) connectLent(ctx context.Context, c store.ServerConfig, headers map[string]string, samples bool) (*link, error) {
	if err := m.o.Gate.MayStart(ctx, c.Clone()); err != nil {
		return nil, err
	}
	p, err := m.plan(ctx, c)
	if err != nil {
		return nil, err
	}
	merged := make(map[string]string, len(p.given.headers)+len(headers))
	for name, value := range p.given.headers {
		merged[http.CanonicalHeaderKey(name)] = value
	}
	values := make([]string, 0, len(headers))
	for name, value := range headers {
		if !isToken(name) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, sentence(fmt.Sprintf("The header %q cannot be passed on to %q.", cut(visible(name), 100), c.Name), store.ErrInvalid)
		}
		name = http.CanonicalHeaderKey(name)
		merged[name] = value
		values = append(values, value)
		if name == "Authorization" {
			p.account = nil // the program's own sign-in, not the person's
		}
	}
	was := p.given.redactor
	p.given.headers, p.samples = merged, samples
	p.given.redactor = tools.NewRedactor(redactFrom, values...).And(func() *tools.Redactor { return was })
	// Its log stays in memory and goes nowhere: it is about another program.
	k, err := m.connectHTTP(ctx, p, newServerLog("", c.ID), &era{})
	if err != nil {
		return nil, fmt.Errorf("the server %q cannot be reached with the credentials of this program: %w", c.Name, err)
	}
	list, err := k.list(ctx)
	if err != nil {
		k.close()
		return nil, fmt.Errorf("the tools of %q cannot be listed with the credentials of this program: %s", c.Name, k.redactor.Text(visible(cut(err.Error(), 500))))
	}
	k.catalogue.Store(list)
	return k, nil
}

// over reports whether the connection was made and cannot be used any more.
func (o *lentLink) over() bool {
	select {
	case <-o.ready:
		return o.err != nil || o.link.isDead()
	default:
		return false
	}
}

// room makes room for one more connection to a server, if need be by closing
// the one that was not used for longest. The caller holds mu.
func (l *lending) room(server string) bool {
	n := 0
	var oldest *lentLink
	var which lentKey
	for key, one := range l.lent {
		if key.server != server {
			continue
		}
		n++
		if one.users == 0 && (oldest == nil || one.used.Before(oldest.used)) {
			oldest, which = one, key
		}
	}
	if n < lentMax {
		return true
	}
	if oldest == nil {
		return false
	}
	l.drop(which, oldest)
	return true
}

// drop forgets a connection and closes it. The caller holds mu.
func (l *lending) drop(key lentKey, one *lentLink) {
	if l.lent[key] == one {
		delete(l.lent, key)
	}
	if one.timer != nil {
		one.timer.Stop()
	}
	one.end()
	go func() {
		<-one.ready
		if one.link != nil {
			one.link.close()
		}
	}()
}

// recall closes the connections to a server, or to all with an empty id, and
// with them the requests under way.
func (l *lending) recall(server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.closed || server == ""
	for key, one := range l.lent {
		if server == "" || key.server == server {
			l.drop(key, one)
		}
	}
}
