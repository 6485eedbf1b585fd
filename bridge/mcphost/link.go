package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// link is a live connection to a server: one generation of it.
type link struct {
	id, name string // of the server
	log      *serverLog
	redactor *tools.Redactor
	session  *mcp.ClientSession
	process  *process  // nil without a child process
	lines    *lineConn // nil over HTTP
	http     *httpLink // nil otherwise
	program  string
	sandbox  *SandboxState         // of the process; nil where there was to be none
	address  string                // of the server; empty for a program of this computer
	roots    []string              // folders that the person granted to it
	samples  bool                  // it is told that it may ask for a model
	inside   atomic.Pointer[error] // why a server of this program ended

	// end stops the transport and returns when nothing of it is left.
	end func()
	// relist holds a token when the server says that its tools changed.
	relist chan struct{}
	// hasten holds a token when somebody waits for the tools to be listed again.
	hasten chan struct{}
	heard  <-chan struct{} // closed when its stream over HTTP is open; nil without one
	offers *offers         // what it has beside tools
	desk   *desk           // where its questions wait

	dead  chan struct{} // closed when the link cannot be used any more
	once  sync.Once
	cause error // why; set before dead is closed

	catalogue atomic.Pointer[catalogue]
	token     atomic.Int64 // last progress token
	direct    atomic.Int64 // number of requests that were not sent by the SDK
	standing  standing     // what goes into the metadata of every request
	heeds     atomic.Int32 // the level from which it was asked to log: one more than its place in levels; 0 for none
	mu        sync.Mutex   // protects what follows
	calls     map[int64]*activeCall
	used      time.Time                // when a request last began or ended
	visits    map[string]chan struct{} // of the ids of elicitations that are under way
}

func newLink(c store.ServerConfig, log *serverLog, r *tools.Redactor) *link {
	return &link{
		id: c.ID, name: c.Name, log: log, redactor: r, end: func() {},
		address: c.URL, roots: c.Roots, offers: newOffers(), desk: newDesk(),
		relist: make(chan struct{}, 1), hasten: make(chan struct{}, 1), dead: make(chan struct{}), used: time.Now(), calls: map[int64]*activeCall{},
	}
}

// die marks the link as unusable. The first cause counts.
func (k *link) die(cause error) {
	k.once.Do(func() {
		k.cause = cause
		close(k.dead)
	})
}

func (k *link) isDead() bool {
	select {
	case <-k.dead:
		return true
	default:
		return false
	}
}

// close ends the link with the calls that run, and returns when its process is
// gone.
func (k *link) close() {
	k.die(errStopped)
	k.mu.Lock()
	for _, c := range k.calls {
		c.cancel(&deadError{k.cause})
	}
	k.mu.Unlock()
	k.end()
	if k.session != nil {
		k.session.Close()
	}
}

// events are what the transport reports.
func (k *link) events() peerEvents {
	return peerEvents{
		progress: k.progress,
		notice:   k.notice,
		stray:    func(line []byte) { k.log.wrote(string(cutBytes(k.redactor.Bytes(line), logLineMax))) },
		note:     func(text string) { k.log.add(k.redactor.Text(text)) },
		tap:      k.tap(),
	}
}

func cutBytes(b []byte, limit int) []byte { return b[:min(len(b), limit)] }

func (k *link) changed() {
	select {
	case k.relist <- struct{}{}:
	default:
	}
}

// progress routes a progress notification to its call.
func (k *link) progress(params json.RawMessage) {
	var p struct {
		Token    json.Number `json:"progressToken"`
		Progress float64     `json:"progress"`
		Total    float64     `json:"total"`
		Message  string      `json:"message"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	token, err := p.Token.Int64()
	if err != nil {
		return
	}
	k.mu.Lock() // also while passing it on, so that no call ends in between
	defer k.mu.Unlock()
	if call := k.calls[token]; call != nil && call.paused == 0 {
		call.hears()
	}
	if call := k.calls[token]; call != nil {
		call.progress(tools.Progress{Done: p.Progress, Total: p.Total, Message: k.redactor.Text(visible(p.Message))})
	}
}

// open makes the session over a transport, in the era that the server speaks,
// and watches for its end.
func (k *link) open(ctx context.Context, t mcp.Transport, m *Manager, e *era, listen bool) error {
	o := &mcp.ClientOptions{
		Capabilities:   &mcp.ClientCapabilities{}, // no sampling
		MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true},
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
			if k.http != nil && k.http.progress != nil {
				return // it was heard in its stream
			}
			if raw, err := json.Marshal(r.Params); err == nil {
				k.progress(raw)
			}
		},
	}
	k.capable(o.Capabilities, m.o)
	if listen {
		o.ToolListChangedHandler = func(context.Context, *mcp.ToolListChangedRequest) {}
		o.PromptListChangedHandler = func(context.Context, *mcp.PromptListChangedRequest) {}
		o.ResourceListChangedHandler = func(context.Context, *mcp.ResourceListChangedRequest) {}
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "drawbridge", Title: "Drawbridge", Version: m.o.Version}, o)
	limit := m.o.DiscoverTimeout
	switch {
	case e.patient:
		limit = 0
	case e.newer: // it may take its time to start, but not all of it
		limit = m.o.StartTimeout / 2
	}
	asking := &probe{} // which Connect may still use after ctx has ended
	client.AddSendingMiddleware(middleware(limit, asking, k.standing.learn))
	client.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
			if strings.HasPrefix(method, "notifications/") {
				if raw, err := json.Marshal(r.GetParams()); err == nil {
					k.notice(method, raw)
				}
			} else if res, ours, err := k.asked(ctx, m.o.Elicitor, method, func() (wireElicitation, error) { return k.wireFrom(r.GetParams()) }, func() (json.RawMessage, error) { return json.Marshal(r.GetParams()) }); ours {
				return res, err
			}
			return next(ctx, method, r)
		}
	})
	so := &mcp.ClientSessionOptions{}
	if e.older {
		so.ProtocolVersion = olderEra
	}
	type opened struct {
		session *mcp.ClientSession
		err     error
	}
	result := make(chan opened, 1)
	go func() { // Connect does not always heed its context
		s, err := client.Connect(ctx, t, so)
		result <- opened{s, err}
	}()
	select {
	case r := <-result:
		e.probe = *asking
		if r.err != nil {
			return r.err
		}
		k.session = r.session
		e.found(r.session.InitializeResult().ProtocolVersion)
	case <-ctx.Done():
		k.end()
		go func() {
			if r := <-result; r.err == nil {
				r.session.Close()
			}
		}()
		return context.Cause(ctx)
	}
	go func() {
		err := k.session.Wait()
		if err == nil {
			err = errors.New("the connection was closed")
		}
		k.die(err)
	}()
	return nil
}

// olderEra is the newest version with the handshake called initialize.
const olderEra = "2025-11-25"

// activeCall is a request that runs. The link's mutex protects the timers and
// what follows them.
type activeCall struct {
	cancel context.CancelCauseFunc
	by     Elicitor        // who is asked what the server wants to know; may be nil
	x      *tools.Exchange // of the program that made it; nil for our own
	inbox  chan tools.Progress

	idle     time.Duration
	timer    *time.Timer // of the silence
	heard    time.Time   // when the silence began
	spared   bool        // the timer has rung too late, and the call got its time again
	longest  *time.Timer // of all
	deadline time.Time   // when longest ends
	left     time.Duration
	paused   int // questions to the person under way
}

// progress takes a report without blocking: a slow reader misses the oldest.
func (c *activeCall) progress(p tools.Progress) {
	if c.inbox == nil {
		return
	}
	for {
		select {
		case c.inbox <- p:
			return
		default:
		}
		select {
		case <-c.inbox:
		default:
		}
	}
}

// deadError is the cause with which calls end when their link does.
type deadError struct{ cause error }

func (e *deadError) Error() string { return e.cause.Error() }
func (e *deadError) Unwrap() error { return e.cause }

var (
	errIdle    = errors.New("no progress within the time limit")
	errTooLong = errors.New("the longest time that a call may take is over")
	errUnsent  = errors.New("the request was not sent")
)
