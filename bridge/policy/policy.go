// Package policy is the one engine that says who may see and call what. The
// chat, the command line and every later path ask it; nothing reaches a model
// or a server that it did not pass.
//
// It knows several things. Which command a person approved for a server
// (MayStart, ApproveServer). Which definitions of tools a person has seen
// (Review, ApproveDefinitions): the first listing of a server is pinned, and
// what is new or different later is held back until somebody looked at it. And
// what a person answered when a tool wanted to run (Decide, Permit, Record).
// Which rules hold for a server (Configure): tools and parameters, limits of
// calls, approvals by what it claims. What a client of the gateway may see
// (OfferTo, MaySee). Whose content stands before a call (NoteContent). And whether the bridge is raised
// (Raise, Lower). What it cannot read from its ledger it refuses.
//
// It starts no server, runs no tool and shows nothing to anybody: it answers.
// It keeps its decisions in a Ledger and a copy of them in memory, so that a
// decision costs less than a microsecond.
//
//	engine := policy.New(policy.Options{Ledger: db, Logger: logger})
//	review, err := engine.Review(ctx, serverID, listed, instructions)
//	offered, err := engine.Offer(ctx, conversation, listed)
//	verdict := engine.Permit(ctx, invocation, look, ask)
//	if verdict.Decision != tools.Allow { … verdict.Reason … }
package policy

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Ledger keeps what persons decided. What is written is durable before the
// method returns. Its methods are called from several goroutines.
type Ledger interface {
	// ServerApproved reports whether that hash of a server's configuration was
	// approved.
	ServerApproved(ctx context.Context, server, hash string) (bool, error)
	ApproveServer(ctx context.Context, server, hash string) error
	// Pins returns the pinned definitions by the tool's own name. The key ""
	// is the server's instructions.
	Pins(ctx context.Context, server string) (map[string]store.Pin, error)
	// SetPins replaces the pins that are named and leaves the others.
	SetPins(ctx context.Context, server string, pins map[string]store.Pin) error
	// ForgetServer removes the server's approvals, pins and answers.
	ForgetServer(ctx context.Context, server string) error
	// ToolAnswers returns all answers that hold everywhere.
	ToolAnswers(ctx context.Context) ([]store.ToolAnswer, error)
	// ToolAnswer returns the answer recorded for a conversation, or "".
	ToolAnswer(ctx context.Context, conversation, server, tool string) (string, error)
	// SetToolAnswer records an answer; "" removes it. The conversation "" is for
	// answers that hold everywhere.
	SetToolAnswer(ctx context.Context, conversation, server, tool, answer string) error
	// VoidToolAnswers removes the answers about the tools, everywhere and in each
	// conversation, but for "never" and "ask".
	VoidToolAnswers(ctx context.Context, server string, names []string) error
	// Flows returns what AllowFlow kept for a conversation.
	Flows(ctx context.Context, conversation string) ([]store.Flow, error)
	// AllowFlow keeps that a tool may be called after content of another server.
	AllowFlow(ctx context.Context, conversation string, f store.Flow) error
	// Usage returns what AddUsage has added up for a day, which is a date.
	Usage(ctx context.Context, day string) (map[string]int64, error)
	AddUsage(ctx context.Context, day string, counts map[string]int64) error
	// Raised reports whether the bridge was raised last, and not lowered.
	Raised(ctx context.Context) (bool, error)
	SetRaised(ctx context.Context, raised bool, by string) error
}

// Options are what an Engine needs.
type Options struct {
	Ledger Ledger       // required
	Logger *slog.Logger // nil discards
	// Content tells what stands in a conversation that is met for the first time;
	// nil knows nothing of it.
	Content Content
	Now     func() time.Time // nil means time.Now
}

// Engine answers. Its methods may be called from any goroutine. There is one
// Engine for a Ledger, since it keeps a copy of what the Ledger said.
type Engine struct {
	ledger   Ledger
	log      *slog.Logger
	content  Content
	now      func() time.Time
	counters *counters

	servers atomic.Pointer[map[string]*ruled] // by id; nil until Configure
	bridge  atomic.Int32                      // unknown, lowered or raised

	flows  sync.Mutex // protects what follows; never held during input or output
	stands map[origin]*stand
	tick   uint64

	// change serialises reading from and writing to the ledger with the copy in
	// memory, so that the copy never goes back to something older.
	change sync.Mutex

	mu       sync.RWMutex               // protects what follows; never held during input or output
	pins     map[string]pinned          // by server id
	builtin  map[string]pinned          // by server id: definitions that are part of this program
	held     map[string][]Held          // by server id: what the last Review held
	standing map[tools.Ref]tools.Answer // answers that hold everywhere; nil until they are read
	answers  map[subject]tools.Answer   // answers for one conversation; "" where there is none
	asking   map[subject]*asking        // questions that are open now
	raising  chan struct{}              // closed while the bridge is raised
}

// pinned is a server's pins by tool name. It is replaced as a whole and never
// changed.
type pinned map[string]store.Pin

// subject is what an answer for one conversation, or one session of a client, is
// about.
type subject struct {
	origin origin
	ref    tools.Ref
}

// maxAnswers bounds the copy of the answers; beyond it the copy starts anew.
const maxAnswers = 1 << 16

// New returns an Engine. It panics without a Ledger.
func New(o Options) *Engine {
	if o.Ledger == nil {
		panic("policy: Options.Ledger is missing")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{
		ledger:   o.Ledger,
		log:      o.Logger,
		content:  o.Content,
		now:      o.Now,
		counters: newCounters(o.Ledger, o.Now),
		stands:   map[origin]*stand{},
		raising:  make(chan struct{}),
		pins:     map[string]pinned{},
		builtin:  map[string]pinned{},
		held:     map[string][]Held{},
		answers:  map[subject]tools.Answer{},
		asking:   map[subject]*asking{},
	}
}

// MayStart returns nil if a person approved exactly this command, address and
// environment. Otherwise the error wraps store.ErrHeld, or is the ledger's.
//
// A server that is built into the program has no command that could be
// approved, and starts without; with arguments, environment, headers, a folder
// or an address of its own it is approved like any other.
func (e *Engine) MayStart(ctx context.Context, cfg store.ServerConfig) error {
	if cfg.Transport == store.TransportBuiltin &&
		len(cfg.Args) == 0 && len(cfg.Env) == 0 && len(cfg.Headers) == 0 && cfg.Dir == "" && cfg.URL == "" {
		return nil
	}
	ok, err := e.ledger.ServerApproved(ctx, cfg.ID, cfg.Hash())
	if err != nil {
		return fmt.Errorf("the approval of the server %q could not be read, so it was not started: %w", cfg.Name, err)
	}
	if !ok {
		return fmt.Errorf("the server %q is new or was changed; read its command and approve it (%w)", cfg.Name, store.ErrHeld)
	}
	return nil
}

// ApproveServer records that a person saw this configuration in full and
// approved it. Pins stay: definitions that the changed command lists
// differently are held.
func (e *Engine) ApproveServer(ctx context.Context, cfg store.ServerConfig) error {
	if cfg.Transport == store.TransportBuiltin {
		if err := e.ledger.ApproveServer(ctx, cfg.ID+ruledMark, ruledMark); err != nil {
			return fmt.Errorf("the approval of the server %q could not be kept: %w", cfg.Name, err)
		}
	}
	if err := e.ledger.ApproveServer(ctx, cfg.ID, cfg.Hash()); err != nil {
		return fmt.Errorf("the approval of the server %q could not be kept: %w", cfg.Name, err)
	}
	return nil
}

// Forget forgets everything about a server that was removed: its
// approvals, pins and answers. One that is added later under the same id is a
// new one.
func (e *Engine) Forget(ctx context.Context, serverID string) error {
	e.change.Lock()
	defer e.change.Unlock()
	err := e.ledger.ForgetServer(ctx, serverID)
	// The copy goes in any case: after an error it is read again.
	e.mu.Lock()
	delete(e.pins, serverID)
	delete(e.builtin, serverID)
	delete(e.held, serverID)
	e.standing = nil
	for s := range e.answers {
		if s.ref.Server == serverID {
			delete(e.answers, s)
		}
	}
	e.mu.Unlock()
	e.flows.Lock()
	for _, s := range e.stands {
		maps.DeleteFunc(s.allowed, func(f flow, _ bool) bool { return f.ref.Server == serverID || f.source == serverID })
	}
	e.flows.Unlock()
	if err != nil {
		return fmt.Errorf("the approvals of the server %q could not be removed: %w", serverID, err)
	}
	return nil
}
