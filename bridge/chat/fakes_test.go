package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

var errDisk = errors.New("disk full")

// history keeps messages in memory, encoded as a database would.
type history struct {
	mu       sync.Mutex
	conv     map[string]store.Conversation
	messages map[string][]byte
	// plain keeps messages as they are, for tests with huge ones.
	plain  map[string]store.Message
	writes int
	// fail says whether the n-th Append, counted from 1, fails.
	fail func(n int) bool
	// kept is called after each Append that did not fail.
	kept func(msgs []store.Message)
}

func newHistory() *history {
	h := &history{conv: map[string]store.Conversation{}, messages: map[string][]byte{}}
	h.conv["c"] = store.Conversation{ID: "c", Model: store.ModelRef{Provider: "p", Model: "m"}}
	return h
}

// snapshot is what a crash would leave.
func (h *history) snapshot() *history {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &history{conv: maps.Clone(h.conv), messages: maps.Clone(h.messages)}
}

func (h *history) Conversation(ctx context.Context, id string) (store.Conversation, error) {
	if err := ctx.Err(); err != nil {
		return store.Conversation{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.conv[id]
	if !ok {
		return c, store.ErrNotFound
	}
	return c, nil
}

func (h *history) Chain(ctx context.Context, id string) ([]store.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.conv[id]
	if !ok {
		return nil, store.ErrNotFound
	}
	return h.upTo(c.Head), nil
}

func (h *history) Tail(ctx context.Context, id string, most int) ([]store.Message, int, error) {
	chain, err := h.Chain(ctx, id)
	if err != nil || len(chain) <= most {
		return chain, 0, err
	}
	return chain[len(chain)-most:], len(chain) - most, nil
}

func (h *history) Spent(ctx context.Context, id string) ([]store.Used, error) {
	chain, err := h.Chain(ctx, id)
	return store.UsedBy(chain), err
}

// upTo needs mu.
func (h *history) upTo(id string) []store.Message {
	var chain []store.Message
	for next := id; next != ""; {
		m := h.get(next)
		chain = append(chain, m)
		next = m.ParentID
	}
	slices.Reverse(chain)
	return chain
}

func (h *history) ChainTo(ctx context.Context, _, message string) ([]store.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.messages[message] == nil {
		return nil, store.ErrNotFound
	}
	if len(h.get(message).Calls()) > 0 {
		for id := range h.messages {
			if m := h.get(id); m.ParentID == message && m.Role == store.RoleTool {
				message = id
			}
		}
	}
	return h.upTo(message), nil
}

func (h *history) get(id string) store.Message {
	if m, ok := h.plain[id]; ok {
		return m
	}
	var m store.Message
	if err := json.Unmarshal(h.messages[id], &m); err != nil {
		panic(fmt.Sprintf("message %q: %v", id, err))
	}
	return m
}

func (h *history) Append(ctx context.Context, msgs ...store.Message) error {
	if err := ctx.Err(); err != nil || len(msgs) == 0 {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
	if h.fail != nil && h.fail(h.writes) {
		return errDisk
	}
	last := msgs[len(msgs)-1]
	encoded := map[string][]byte{}
	for _, m := range msgs {
		if h.plain != nil {
			h.plain[m.ID] = m
			continue
		}
		if old, ok := h.messages[m.ID]; ok {
			var o store.Message
			if err := json.Unmarshal(old, &o); err != nil {
				return err
			}
			if o.ParentID != m.ParentID || o.Role != m.Role || o.Status == store.StatusComplete && m.Status == store.StatusStreaming {
				return fmt.Errorf("the message %s cannot be replaced by this one (%w)", m.ID, store.ErrInvalid)
			}
		}
		if _, ok := h.messages[m.ParentID]; !ok && m.ParentID != "" && encoded[m.ParentID] == nil {
			return fmt.Errorf("the parent of %s: %w", m.ID, store.ErrNotFound)
		}
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		encoded[m.ID] = b
	}
	maps.Copy(h.messages, encoded)
	c := h.conv[last.ConversationID]
	c.Head = last.ID
	h.conv[c.ID] = c
	if h.kept != nil {
		h.kept(msgs)
	}
	return nil
}

func (h *history) Unfinished(context.Context) ([]store.Conversation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []store.Conversation
	for _, c := range h.conv {
		if c.Head == "" {
			continue
		}
		head := h.get(c.Head)
		open := head.Status == store.StatusStreaming || len(head.Calls())+len(head.Asked()) > 0
		if head.Role == store.RoleTool {
			asker := h.get(head.ParentID)
			open = open || len(head.Results()) < len(asker.Calls()) || len(head.ManagedAnswers()) < len(asker.Asked())
		}
		if open {
			out = append(out, c)
		}
	}
	return out, nil
}

func (h *history) chain(t *testing.T) []store.Message {
	t.Helper()
	chain, err := h.Chain(context.Background(), "c")
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// count returns how many messages there are, on all branches.
func (h *history) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.messages)
}

func (h *history) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.messages[id] != nil
}

func (h *history) setFail(f func(int) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = f
}

// scripted is a model that answers from a script and keeps the requests.
type scripted struct {
	dialect  tools.Dialect
	features model.Features
	// answers are given in turn; the last one repeats.
	answers []func(ctx context.Context, req model.Request, yield func(model.Delta, error) bool)

	mu       sync.Mutex
	requests []model.Request
}

// Features implements model.Client; by default calling functions is all.
func (s *scripted) Features() model.Features { return s.features }

func (s *scripted) Dialect() tools.Dialect {
	if s.dialect.MaxName == 0 {
		return tools.OpenAI
	}
	return s.dialect
}

func (s *scripted) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		s.mu.Lock()
		n := len(s.requests)
		s.requests = append(s.requests, req)
		s.mu.Unlock()
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		s.answers[min(n, len(s.answers)-1)](ctx, req, yield)
	}
}

func (s *scripted) seen() []model.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// say yields deltas; a string is text, an error ends the answer, a
// time.Duration waits.
func say(pieces ...any) func(context.Context, model.Request, func(model.Delta, error) bool) {
	return func(ctx context.Context, _ model.Request, yield func(model.Delta, error) bool) {
		for _, p := range pieces {
			var d model.Delta
			switch p := p.(type) {
			case string:
				d = model.TextDelta{Text: p}
			case error:
				yield(nil, p)
				return
			case time.Duration:
				select {
				case <-time.After(p):
				case <-ctx.Done():
					yield(nil, ctx.Err())
					return
				}
				continue
			case model.Delta:
				d = p
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

func call(index int, id, name, args string) model.Delta {
	return model.CallDelta{Index: index, ID: id, Name: name, Arguments: args}
}

var (
	doneEnd   = model.Done{Reason: model.StopEnd}
	doneCalls = model.Done{Reason: model.StopCalls}
)

// workshop offers tools and runs functions.
type workshop struct {
	run map[string]func(ctx context.Context, args json.RawMessage, progress func(tools.Progress)) tools.Result
	// ask names the tools that a person is asked about.
	ask   map[string]bool
	instr []tools.Instructions

	mu      sync.Mutex
	ran     []string // tool and arguments
	offered error
}

func (w *workshop) Offered(_ context.Context, conv store.Conversation) ([]tools.Tool, []tools.Instructions, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []tools.Tool
	for _, name := range slices.Sorted(maps.Keys(w.run)) {
		if conv.Switches.On("fs", name) {
			out = append(out, tools.Tool{
				Ref: tools.Ref{Server: "fs", Tool: name}, Description: name, InputSchema: json.RawMessage(`{"type":"object"}`), Hash: "hash of " + name,
			})
		}
	}
	return out, w.instr, w.offered
}

func (w *workshop) Call(ctx context.Context, inv tools.Invocation, ask chat.Ask, progress func(tools.Progress)) tools.Result {
	if w.ask[inv.Ref.Tool] {
		if ask == nil {
			return tools.ErrorResult("Nobody is there to ask.")
		}
		a, err := ask(ctx, tools.Verdict{Decision: tools.Ask, Reason: "It is new."})
		if err != nil {
			return tools.ErrorResult("Could not ask: " + err.Error())
		}
		if a == tools.AnswerDeny || a == tools.AnswerNever {
			return tools.ErrorResult("The person denied it.")
		}
	}
	w.mu.Lock()
	w.ran = append(w.ran, inv.Ref.Tool+" "+string(inv.Arguments))
	w.mu.Unlock()
	return w.run[inv.Ref.Tool](ctx, inv.Arguments, progress)
}

func (w *workshop) log() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ran)
}

func text(s string) tools.Result { return tools.Result{Content: store.Parts{store.Text{Text: s}}} }

// shop returns a workshop with the tools echo, slow and ask.
func shop() *workshop {
	return &workshop{
		run: map[string]func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result{
			"echo": func(_ context.Context, args json.RawMessage, _ func(tools.Progress)) tools.Result {
				return text(string(args))
			},
			"ask": func(context.Context, json.RawMessage, func(tools.Progress)) tools.Result { return text("allowed") },
		},
		ask: map[string]bool{"ask": true},
	}
}

// person answers every question the same.
type person struct {
	answer tools.Answer
	more   func(p chat.Pause) (bool, error)
	mu     sync.Mutex
	asked  []chat.Approval
	pauses []chat.Pause
}

func (p *person) Approve(ctx context.Context, a chat.Approval) (tools.Answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, a)
	return p.answer, ctx.Err()
}

func (p *person) Continue(_ context.Context, pause chat.Pause) (bool, error) {
	p.mu.Lock()
	p.pauses = append(p.pauses, pause)
	p.mu.Unlock()
	if p.more == nil {
		return false, nil
	}
	return p.more(pause)
}

func userTurn(m chat.Model, said string) chat.Turn {
	turn := chat.Turn{
		Conversation: store.Conversation{ID: "c", Model: store.ModelRef{Provider: "p", Model: "m"}},
		Model:        m, Approver: &person{answer: tools.AnswerOnce},
	}
	if said != "" {
		turn.Message = store.Message{Parts: store.Parts{store.Text{Text: said}}}
	}
	return turn
}

// play runs a turn to its end and returns what it yielded.
func play(ctx context.Context, loop *chat.Loop, turn chat.Turn) (events []chat.Event, err error) {
	for e, failed := range loop.Run(ctx, turn) {
		if failed != nil {
			return events, failed
		}
		events = append(events, e)
	}
	return events, nil
}

// must runs a turn that has to end without an error.
func must(t *testing.T, loop *chat.Loop, turn chat.Turn) []chat.Event {
	t.Helper()
	events, err := play(t.Context(), loop, turn)
	if err != nil {
		t.Fatalf("the turn failed: %v", err)
	}
	return events
}

func only[E chat.Event](events []chat.Event) []E {
	var out []E
	for _, e := range events {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

func reason(t *testing.T, events []chat.Event) chat.DoneReason {
	t.Helper()
	if len(events) == 0 {
		t.Fatal("no events")
	}
	done, ok := events[len(events)-1].(chat.TurnDone)
	if !ok {
		t.Fatalf("the last event is %#v, want TurnDone", events[len(events)-1])
	}
	return done.Reason
}

// results returns the texts of all results in the chain, by call id.
func results(chain []store.Message) map[string]store.ToolResult {
	out := map[string]store.ToolResult{}
	for _, m := range chain {
		for _, r := range m.Results() {
			out[r.CallID] = r
		}
	}
	return out
}

func shape(chain []store.Message) string {
	var b strings.Builder
	for _, m := range chain {
		fmt.Fprintf(&b, "%s/%s ", m.Role, m.Status)
		for _, p := range m.Parts {
			switch p := p.(type) {
			case store.Text:
				fmt.Fprintf(&b, "%q ", p.Text)
			case store.ToolCall:
				fmt.Fprintf(&b, "call %s %s ", p.ID, p.Name)
			case store.ToolResult:
				fmt.Fprintf(&b, "result %s %q ", p.CallID, p.Content.Text())
			default:
				fmt.Fprintf(&b, "%T ", p)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
