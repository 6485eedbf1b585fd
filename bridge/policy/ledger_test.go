package policy_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

var errLedger = errors.New("disk full")

// ledger is a policy.Ledger in memory. It can fail before or after it wrote.
type ledger struct {
	mu       sync.Mutex
	approved map[[2]string]bool
	pins     map[string]map[string]store.Pin
	answers  map[[3]string]string
	flows    map[string][]store.Flow
	usage    map[[2]string]int64
	raised   bool
	reads    int
	// failRead and failWrite make every call fail; writesAnyway makes a write
	// that fails take effect all the same.
	failRead, failWrite, writesAnyway bool
}

func newLedger() *ledger {
	return &ledger{
		approved: map[[2]string]bool{}, pins: map[string]map[string]store.Pin{}, answers: map[[3]string]string{},
		flows: map[string][]store.Flow{}, usage: map[[2]string]int64{},
	}
}

func (l *ledger) read() error {
	l.reads++
	if l.failRead {
		return errLedger
	}
	return nil
}

func (l *ledger) write(do func()) error {
	if l.failWrite && !l.writesAnyway {
		return errLedger
	}
	do()
	if l.failWrite {
		return errLedger
	}
	return nil
}

func (l *ledger) ServerApproved(_ context.Context, server, hash string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.approved[[2]string{server, hash}], l.read()
}

func (l *ledger) ApproveServer(_ context.Context, server, hash string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() { l.approved[[2]string{server, hash}] = true })
}

func (l *ledger) Pins(_ context.Context, server string) (map[string]store.Pin, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.read(); err != nil {
		return nil, err
	}
	return maps.Clone(l.pins[server]), nil
}

func (l *ledger) SetPins(_ context.Context, server string, pins map[string]store.Pin) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() {
		if l.pins[server] == nil {
			l.pins[server] = map[string]store.Pin{}
		}
		for name, p := range pins {
			if p.Hash == "" {
				delete(l.pins[server], name)
				continue
			}
			l.pins[server][name] = p
		}
	})
}

func (l *ledger) ForgetServer(_ context.Context, server string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() {
		delete(l.pins, server)
		maps.DeleteFunc(l.approved, func(k [2]string, _ bool) bool { return k[0] == server })
		maps.DeleteFunc(l.answers, func(k [3]string, _ string) bool { return k[1] == server })
	})
}

func (l *ledger) ToolAnswers(context.Context) ([]store.ToolAnswer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []store.ToolAnswer
	for k, a := range l.answers {
		if k[0] == "" {
			out = append(out, store.ToolAnswer{Server: k[1], Tool: k[2], Answer: a})
		}
	}
	return out, l.read()
}

func (l *ledger) ToolAnswer(_ context.Context, conversation, server, tool string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers[[3]string{conversation, server, tool}], l.read()
}

func (l *ledger) SetToolAnswer(_ context.Context, conversation, server, tool, answer string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() {
		k := [3]string{conversation, server, tool}
		if answer == "" {
			delete(l.answers, k)
			return
		}
		l.answers[k] = answer
	})
}

func (l *ledger) VoidToolAnswers(_ context.Context, server string, names []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() {
		maps.DeleteFunc(l.answers, func(k [3]string, a string) bool {
			return k[1] == server && slices.Contains(names, k[2]) && a != "never" && a != "ask"
		})
		for c, list := range l.flows {
			l.flows[c] = slices.DeleteFunc(list, func(f store.Flow) bool { return f.Server == server && slices.Contains(names, f.Tool) })
		}
	})
}

func (l *ledger) Flows(_ context.Context, conversation string) ([]store.Flow, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.flows[conversation]), l.read()
}

func (l *ledger) AllowFlow(_ context.Context, conversation string, f store.Flow) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() { l.flows[conversation] = append(l.flows[conversation], f) })
}

func (l *ledger) Usage(_ context.Context, day string) (map[string]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int64{}
	for k, n := range l.usage {
		if k[0] == day {
			out[k[1]] = n
		}
	}
	return out, l.read()
}

func (l *ledger) AddUsage(_ context.Context, day string, counts map[string]int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() {
		for counter, n := range counts {
			l.usage[[2]string{day, counter}] += n
		}
	})
}

func (l *ledger) Raised(context.Context) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.raised, l.read()
}

func (l *ledger) SetRaised(_ context.Context, raised bool, _ string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(func() { l.raised = raised })
}

func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// tool returns a tool with a definition of its own.
func tool(server, name, description string) tools.Tool {
	def, err := json.Marshal(map[string]string{"name": name, "description": description})
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(def)
	return tools.Tool{
		Ref: tools.Ref{Server: server, Tool: name}, Description: description,
		InputSchema: json.RawMessage(`{"type":"object"}`), Definition: def, Hash: hex.EncodeToString(sum[:]),
	}
}

func instructions(server, text string) *tools.Instructions {
	sum := sha256.Sum256([]byte(text))
	return &tools.Instructions{Server: server, Text: text, Hash: hex.EncodeToString(sum[:])}
}

func review(t *testing.T, e *policy.Engine, server string, instr *tools.Instructions, listed ...tools.Tool) policy.Review {
	t.Helper()
	r, err := e.Review(t.Context(), server, listed, instr)
	if err != nil {
		t.Fatalf("Review: %v", err)
	}
	return r
}

func names(list []tools.Tool) string {
	out := ""
	for _, t := range list {
		out += t.Tool + ":" + t.Description + " "
	}
	return out
}

func heldNames(list []policy.Held) string {
	out := ""
	for _, h := range list {
		out += h.Name + ":" + map[bool]string{true: "new", false: "changed"}[h.OldHash == ""] + " "
	}
	return out
}
