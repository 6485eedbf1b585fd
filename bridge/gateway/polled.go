package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A server may end the stream of a request before it has answered, and say when
// to come back for the rest ("Sending messages to the server" of 2025-11-25).
// Then the gateway does the same to the client whose request it is: it names the
// place, ends the stream, goes on with the request, and keeps what comes of it
// until the client comes back with a GET and Last-Event-ID. A client that is cut
// off on the way can come back to the same place again.

// polledSince is the first version of the protocol whose clients come back.
const polledSince = "2025-11-25"

// The bounds of requests whose clients were sent away.
const (
	pollsMax        = 256
	pollsPerSession = 16
	pollsBytes      = 64 << 20         // of all that is kept for them
	pollWithin      = 15 * time.Minute // longer than any call may take
	pollKept        = 5 * time.Minute  // after the request is over
	pollRetryMax    = time.Minute
)

// pauses reports whether a server may end a stream: those that are programs have
// none.
func pauses(s Server) bool { return s.Forwards }

// polls are the requests whose clients were sent away.
type polls struct {
	mu    sync.Mutex // protects what follows
	byID  map[string]*polled
	bytes int
}

// polled is the response to one request, to which the client may be told to come
// back. It is the http.ResponseWriter that the SDK writes to.
type polled struct {
	g      *Gateway
	owner  string // key, namespace and session
	cancel context.CancelFunc

	mu     sync.Mutex // protects what follows
	header http.Header
	wrote  bool // the header is out
	seat   *seat
	id     string // of the place that the client was told; empty until then
	rest   []byte // what came after it
	over   bool
	late   *time.Timer // forgets it
}

// seat is an HTTP request that the response goes to.
type seat struct {
	w    http.ResponseWriter
	left chan struct{} // closed when there is nothing more for it
}

func newSeat(w http.ResponseWriter) *seat { return &seat{w, make(chan struct{})} }

// pollOwner is whose response it is.
func pollOwner(v *visit, session string) string {
	return v.room.key.caller + "\x00" + v.room.key.names + "\x00" + session
}

// servePolled has the SDK answer a request in a session, and returns when that is
// done or the client was sent away.
func (g *Gateway) servePolled(w http.ResponseWriter, r *http.Request, v *visit, session string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	first := newSeat(w)
	p := &polled{g: g, owner: pollOwner(v, session), cancel: cancel, header: http.Header{}, seat: first}
	v.polled = p
	stop := context.AfterFunc(v.room.life, cancel)
	failed := make(chan any, 1)
	go func() {
		defer stop()
		defer cancel()
		defer func() {
			why := recover()
			if why != nil {
				g.o.Logger.Error("a request to the gateway panicked", "error", fmt.Sprint(why))
			}
			failed <- why
			p.end()
		}()
		g.stateful.ServeHTTP(p, r.WithContext(ctx))
	}()
	select {
	case <-first.left:
	case <-r.Context().Done():
		select {
		case <-first.left: // it was told to go
			return
		default:
		}
		cancel()
		<-first.left
	}
	select {
	case why := <-failed:
		if why != nil {
			panic(http.ErrAbortHandler)
		}
	default: // it goes on without the client
	}
}

// come brings a client back to the place that it names. It reports false if there
// is none for it.
func (g *Gateway) come(w http.ResponseWriter, r *http.Request, v *visit, session string) bool {
	id := r.Header.Get("Last-Event-Id")
	if id == "" || session == "" || !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return false
	}
	p := g.polls.find(id, pollOwner(v, session))
	if p == nil {
		return false
	}
	s := newSeat(w)
	if !p.sit(s, id) {
		return false
	}
	select {
	case <-s.left:
	case <-r.Context().Done():
	}
	p.stand(s)
	return true
}

// sit has the response go to another request, from the place on that it names.
func (p *polled) sit(s *seat, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id != id { // it was told another place meanwhile
		return false
	}
	if p.seat != nil {
		close(p.seat.left) // the client is here, and not there any more
	}
	h := s.w.Header()
	maps.Copy(h, p.header)
	s.w.WriteHeader(http.StatusOK)
	begin := p.rest
	if len(begin) == 0 {
		begin = []byte(": here\n\n") // so that the header goes out
	}
	p.seat = s
	if _, err := s.w.Write(begin); err != nil || p.over {
		p.seat = nil
		close(s.left)
	}
	flush(s.w)
	return true
}

// stand notes that a request has ended.
func (p *polled) stand(s *seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat == s {
		p.seat = nil
	}
}

// sendAway ends the client's stream, and has it come back after that time. It
// does nothing for a client that is away.
func (p *polled) sendAway(retry time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat == nil || p.over || !strings.HasPrefix(p.header.Get("Content-Type"), "text/event-stream") {
		return
	}
	id := rand.Text()
	if !p.g.polls.put(p, p.id, id) {
		return // it stays, as if nothing had been said
	}
	if p.late == nil {
		p.late = time.AfterFunc(pollWithin, p.forget)
	}
	p.g.polls.count(-len(p.rest))
	p.id, p.rest = id, nil
	p.writeHeader(http.StatusOK)
	retry = min(max(retry, time.Millisecond), pollRetryMax)
	// An event with an id and no data, which is no message.
	if _, err := fmt.Fprintf(p.seat.w, "id: %s\nretry: %d\ndata:\n\n", id, retry.Milliseconds()); err == nil {
		flush(p.seat.w)
	}
	close(p.seat.left)
	p.seat = nil
}

// end notes that the request is over.
func (p *polled) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.seat != nil {
		close(p.seat.left)
		p.seat = nil
	}
	if p.late != nil {
		p.late.Reset(pollKept)
	}
}

// forget ends the request, and drops what came of it.
func (p *polled) forget() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.g.polls.drop(p.id)
	p.g.polls.count(-len(p.rest))
	p.rest = nil
}

var (
	errAway     = errors.New("the client is gone")
	errPollFull = errors.New("too much is kept for clients that were told to come back")
)

// Header implements http.ResponseWriter. What is put there after the first Write
// is not seen.
func (p *polled) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *polled) WriteHeader(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeHeader(status)
}

func (p *polled) writeHeader(status int) {
	if p.wrote || p.seat == nil {
		return
	}
	p.wrote = true
	maps.Copy(p.seat.w.Header(), p.header)
	p.seat.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *polled) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeHeader(http.StatusOK)
	if p.id == "" {
		if p.seat == nil {
			return 0, errAway
		}
		return p.seat.w.Write(b)
	}
	if !p.g.polls.count(len(b)) {
		p.g.o.Logger.Warn("the answer to a request was dropped", "error", errPollFull)
		p.cancel()
		return 0, errPollFull
	}
	p.rest = append(p.rest, b...)
	if p.seat != nil {
		if _, err := p.seat.w.Write(b); err != nil { // it can come back for it
			close(p.seat.left)
			p.seat = nil
		}
	}
	return len(b), nil
}

// Flush implements http.Flusher.
func (p *polled) Flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat != nil {
		p.writeHeader(http.StatusOK)
		flush(p.seat.w)
	}
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// put keeps a response under a place, in the stead of the one before, if there is
// room for it.
func (l *polls) put(p *polled, before, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := 0
	for _, other := range l.byID {
		if other.owner == p.owner {
			mine++
		}
	}
	if before == "" && (len(l.byID) >= pollsMax || mine >= pollsPerSession) {
		return false
	}
	if l.byID == nil {
		l.byID = map[string]*polled{}
	}
	delete(l.byID, before)
	l.byID[id] = p
	return true
}

// find returns the response at a place to the one that it is of; nil for others.
func (l *polls) find(id, owner string) *polled {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.byID[id]; p != nil && p.owner == owner {
		return p
	}
	return nil
}

func (l *polls) drop(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

// count adds to what is kept, if there is room for it.
func (l *polls) count(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > 0 && l.bytes+n > pollsBytes {
		return false
	}
	l.bytes += n
	return true
}
