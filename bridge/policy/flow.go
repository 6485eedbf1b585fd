package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// What servers say may be the words of strangers, who would like another server
// to act on them. So it is noted whose content stands in a conversation, or was
// given to a client in its session, and a call to another server is asked about
// after content of one that the person does not trust; unless the tool is
// declared to read only, and nothing outside of its server.

// origin is where content stands: a conversation, or the session of a client.
type origin struct {
	conversation string
	client       string // key and session
}

func originOf(inv tools.Invocation) origin {
	if inv.Caller != nil {
		return origin{client: inv.Caller.Key + "\x00" + inv.Caller.Session}
	}
	return origin{conversation: inv.Conversation}
}

// flow is a permission: the tool may be called after content of that server.
type flow struct {
	ref    tools.Ref
	source string
}

// stand is what stands in an origin.
type stand struct {
	sources []string // ids of servers, in the order in which they came
	allowed map[flow]bool
	used    uint64 // for dropping the one that was not used for longest
}

// maxStands bounds how many origins are remembered. Of a conversation that is
// dropped it is read again; a client's session that is dropped has not called
// for longest, and begins anew.
const maxStands = 1 << 12

// Content returns the ids of the servers whose content stands in a conversation.
type Content func(ctx context.Context, conversation string) ([]string, error)

// NoteContent notes that content of a server came to where the invocation is
// from: the result of a call, a resource or a prompt.
func (e *Engine) NoteContent(ctx context.Context, inv tools.Invocation, server string) {
	o := originOf(inv)
	if o == (origin{}) {
		return
	}
	// What cannot be read is read when the next call is decided about.
	_ = e.withStand(ctx, o, func(s *stand) {
		if !slices.Contains(s.sources, server) {
			s.sources = append(s.sources, server)
		}
	})
}

// LookAgain has the content of a conversation be looked through anew, since
// another part of it is shown.
func (e *Engine) LookAgain(conversation string) {
	e.flows.Lock()
	defer e.flows.Unlock()
	delete(e.stands, origin{conversation: conversation})
}

// withStand runs f on what is known of an origin, under the lock.
func (e *Engine) withStand(ctx context.Context, o origin, f func(*stand)) error {
	e.flows.Lock()
	if s := e.stands[o]; s != nil {
		e.tick++
		s.used = e.tick
		f(s)
		e.flows.Unlock()
		return nil
	}
	e.flows.Unlock()
	fresh := &stand{allowed: map[flow]bool{}}
	if o.conversation != "" {
		if e.content != nil {
			sources, err := e.content(ctx, o.conversation)
			if err != nil {
				return fmt.Errorf("the results in this conversation could not be looked through: %w", err)
			}
			fresh.sources = slices.Clone(sources)
		}
		list, err := e.ledger.Flows(ctx, o.conversation)
		if err != nil {
			return fmt.Errorf("the answers for this conversation could not be read: %w", err)
		}
		for _, a := range list {
			fresh.allowed[flow{tools.Ref{Server: a.Server, Tool: a.Tool}, a.Source}] = true
		}
	}
	e.flows.Lock()
	defer e.flows.Unlock()
	s := e.stands[o]
	if s == nil {
		if len(e.stands) >= maxStands {
			e.dropStand()
		}
		s = fresh
		e.stands[o] = s
	}
	e.tick++
	s.used = e.tick
	f(s)
	return nil
}

// dropStand forgets the origin that was not used for longest. flows is held.
func (e *Engine) dropStand() {
	var oldest origin
	var least uint64
	for o, s := range e.stands {
		if least == 0 || s.used < least {
			oldest, least = o, s.used
		}
	}
	delete(e.stands, oldest)
}

// before returns the servers, by id, whose content stands before a call of the
// tool and keeps it from being run unasked.
func (e *Engine) before(ctx context.Context, o origin, t *tools.Tool) (list []string, err error) {
	if o == (origin{}) || harmless(t) {
		return nil, nil
	}
	err = e.withStand(ctx, o, func(s *stand) {
		for _, source := range s.sources {
			if source != t.Server && !s.allowed[flow{t.Ref, source}] {
				list = append(list, source)
			}
		}
	})
	return slices.DeleteFunc(list, func(source string) bool { return e.trusts(ctx, source) }), err
}

// trusts reports whether the person trusts what a server says.
func (e *Engine) trusts(ctx context.Context, server string) bool {
	r, _ := e.rulesOf(server)
	return r != nil && r.cfg.Rules.Trusted && e.RulesApproved(ctx, server) == nil
}

// title is what a person calls a server.
func (e *Engine) title(server string) string {
	if r, _ := e.rulesOf(server); r != nil {
		return r.cfg.Name
	}
	return server
}

// allowAfter keeps that the tool may be called after content of these servers,
// durably for a conversation.
func (e *Engine) allowAfter(ctx context.Context, o origin, ref tools.Ref, sources []string) error {
	if o.conversation != "" {
		for _, source := range sources {
			if err := e.ledger.AllowFlow(ctx, o.conversation, store.Flow{Server: ref.Server, Tool: ref.Tool, Source: source}); err != nil {
				return fmt.Errorf("the answer for the tool %s could not be kept: %w", ref, err)
			}
		}
	}
	return e.withStand(ctx, o, func(s *stand) {
		for _, source := range sources {
			s.allowed[flow{ref, source}] = true
		}
	})
}
