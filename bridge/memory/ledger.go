package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/drawbridge-app/drawbridge/store"
)

// Ledger keeps what a person, or the program that knows its servers, approved.
type Ledger struct {
	mu       sync.Mutex // protects what follows
	approved map[string]string
	pins     map[string]map[string]store.Pin
	answers  map[about]string
	flows    map[string][]store.Flow
	usage    map[string]map[string]int64
	raised   bool
}

// about is what an answer is about.
type about struct{ conversation, server, tool string }

// NewLedger returns a Ledger in which nothing is approved.
func NewLedger() *Ledger {
	return &Ledger{
		approved: map[string]string{}, pins: map[string]map[string]store.Pin{}, answers: map[about]string{},
		flows: map[string][]store.Flow{}, usage: map[string]map[string]int64{},
	}
}

// ServerApproved reports whether that hash is what was approved last for a
// server.
func (l *Ledger) ServerApproved(_ context.Context, server, hash string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return hash != "" && l.approved[server] == hash, nil
}

// ApproveServer approves a server with that hash, in place of any earlier one.
// The error wraps store.ErrInvalid.
func (l *Ledger) ApproveServer(_ context.Context, server, hash string) error {
	if server == "" || hash == "" {
		return fmt.Errorf("an approval needs a server and a hash (%w)", store.ErrInvalid)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.approved[server] = hash
	return nil
}

// Pins returns the pinned definitions of a server.
func (l *Ledger) Pins(_ context.Context, server string) (map[string]store.Pin, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.pins[server]), nil
}

// SetPins replaces the pins that are named; one with an empty Hash is removed.
func (l *Ledger) SetPins(_ context.Context, server string, pins map[string]store.Pin) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := maps.Clone(l.pins[server])
	if now == nil {
		now = map[string]store.Pin{}
	}
	maps.Copy(now, pins)
	maps.DeleteFunc(now, func(_ string, p store.Pin) bool { return p.Hash == "" })
	l.pins[server] = now
	return nil
}

// ForgetServer removes what was approved, pinned and answered of a server.
func (l *Ledger) ForgetServer(_ context.Context, server string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.approved, server)
	delete(l.pins, server)
	maps.DeleteFunc(l.answers, func(a about, _ string) bool { return a.server == server })
	for conversation, flows := range l.flows {
		l.flows[conversation] = slices.DeleteFunc(slices.Clone(flows), func(f store.Flow) bool { return f.Server == server || f.Source == server })
	}
	return nil
}

// ToolAnswers returns the answers that hold in every conversation, by server and
// tool.
func (l *Ledger) ToolAnswers(context.Context) ([]store.ToolAnswer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []store.ToolAnswer
	for a, answer := range l.answers {
		if a.conversation == "" {
			out = append(out, store.ToolAnswer{Server: a.server, Tool: a.tool, Answer: answer})
		}
	}
	slices.SortFunc(out, func(a, b store.ToolAnswer) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Tool, b.Tool))
	})
	return out, nil
}

// ToolAnswer returns the answer for a tool in a conversation, or for all if that
// is empty; "" if there is none.
func (l *Ledger) ToolAnswer(_ context.Context, conversation, server, tool string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers[about{conversation, server, tool}], nil
}

// SetToolAnswer keeps an answer; "" removes it.
func (l *Ledger) SetToolAnswer(_ context.Context, conversation, server, tool, answer string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := (about{conversation, server, tool}); answer == "" {
		delete(l.answers, a)
	} else {
		l.answers[a] = answer
	}
	return nil
}

// VoidToolAnswers removes the answers about the tools in every conversation, but
// for "never" and "ask".
func (l *Ledger) VoidToolAnswers(_ context.Context, server string, names []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.answers, func(a about, answer string) bool {
		return a.server == server && slices.Contains(names, a.tool) && answer != "never" && answer != "ask"
	})
	return nil
}

// Flows returns what AllowFlow kept for a conversation.
func (l *Ledger) Flows(_ context.Context, conversation string) ([]store.Flow, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.flows[conversation]), nil
}

// AllowFlow keeps that a tool may be called after content of another server.
func (l *Ledger) AllowFlow(_ context.Context, conversation string, f store.Flow) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.flows[conversation], f) {
		l.flows[conversation] = append(l.flows[conversation], f)
	}
	return nil
}

// Usage returns what AddUsage has added up for a day.
func (l *Ledger) Usage(_ context.Context, day string) (map[string]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.usage[day]), nil
}

// AddUsage adds to the counts of a day, and forgets those of other days.
func (l *Ledger) AddUsage(_ context.Context, day string, counts map[string]int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.usage, func(d string, _ map[string]int64) bool { return d != day })
	if l.usage[day] == nil {
		l.usage[day] = map[string]int64{}
	}
	for what, n := range counts {
		l.usage[day][what] += n
	}
	return nil
}

// Raised reports whether the bridge was raised last, and not lowered.
func (l *Ledger) Raised(context.Context) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.raised, nil
}

// SetRaised keeps whether the bridge is raised.
func (l *Ledger) SetRaised(_ context.Context, raised bool, _ string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raised = raised
	return nil
}
