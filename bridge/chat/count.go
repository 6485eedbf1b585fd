package chat

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// What is counted for content that is no text, in tokens. Services count
// pictures by their size in pixels; this is what a large one takes.
const (
	imageTokens = 1600
	partTokens  = 8 // for what stands around a part on the wire
	maxCounts   = 8192
	maxTables   = 16
)

// Cost is what model calls cost, as far as it is known.
type Cost struct {
	USD   float64
	Known bool // the prices of all models that were asked are known
}

func costOf(u store.Usage, l store.ModelLimits) Cost {
	usd, known := model.Cost(u, l)
	return Cost{USD: usd, Known: known}
}

// Add returns the sum. It is known if both are.
func (c Cost) Add(d Cost) Cost { return Cost{USD: c.USD + d.USD, Known: c.Known && d.Known} }

// ContextUse says how much of a model's context a conversation takes, and what
// it cost so far.
type ContextUse struct {
	Tokens int64 // of the history, the system prompt and the tools
	Limit  int64 // the model's context; 0 if it is not known
	Usage  store.Usage
	Cost   Cost // of the messages that are shown, and of what was used beside them
}

// Use counts what the conversation takes of its model's context now, m being
// the client of the provider. What the provider reported last counts, and what
// came since is added to it.
func (l *Loop) Use(ctx context.Context, conv store.Conversation, m Model) (ContextUse, error) {
	chain, spent, err := l.counted(ctx, conv)
	if err != nil {
		return ContextUse{}, fmt.Errorf("read the conversation: %w", err)
	}
	use := ContextUse{Limit: l.o.Limits(conv.Model).Context, Cost: Cost{Known: true}}
	for _, a := range slices.Concat(spent, conv.Aside) {
		use.Usage = use.Usage.Add(a.Usage)
		use.Cost = use.Cost.Add(costOf(a.Usage, l.o.Limits(a.Model)))
	}
	offered, instructions, err := l.o.Tools.Offered(ctx, conv)
	if err != nil {
		return ContextUse{}, fmt.Errorf("find the tools of this conversation: %w", err)
	}
	t := &turn{Options: l.o, ctx: ctx, in: Turn{Conversation: conv, Model: m}, conv: conv, chain: chain, ruler: l.ruler, converter: l.tools}
	req := model.Request{Model: conv.Model}
	if err := t.compose(&req, prompt(conv.System, instructions), offered); err != nil {
		return ContextUse{}, err
	}
	use.Tokens = t.used(&req, 0)
	return use, nil
}

// counted returns as much of the conversation as has to be counted, and what it
// took so far. The end is enough where the provider said what all before it
// takes.
func (l *Loop) counted(ctx context.Context, conv store.Conversation) (chain []store.Message, spent []store.Used, err error) {
	const most = 64
	if spent, err = l.o.History.Spent(ctx, conv.ID); err != nil {
		return nil, nil, err
	}
	chain, earlier, err := l.o.History.Tail(ctx, conv.ID, most)
	if _, _, ok := reported(chain, conv.Model); err == nil && earlier > 0 && !ok {
		chain, err = l.o.History.Chain(ctx, conv.ID)
	}
	return chain, spent, err
}

// reported returns how many tokens the provider said that the history took up
// to one of the model's answers, and what followed it. It is not ok where that
// is not known any more: another model answered last, or the history was
// summarised since.
func reported(chain []store.Message, ref store.ModelRef) (tokens int64, since []store.Message, ok bool) {
	for i := len(chain) - 1; i >= 0; i-- {
		m := chain[i]
		switch {
		case m.Role == store.RoleSummary:
			return 0, nil, false
		case m.Role == store.RoleAssistant && m.Status == store.StatusComplete && m.Model != ref:
			return 0, nil, false
		case m.Role == store.RoleAssistant && m.Status == store.StatusComplete && m.Usage.Input > 0:
			// The repair of what follows needs the calls that are answered there.
			return m.Usage.Input + m.Usage.Output, chain[i+1:], true
		}
	}
	return 0, nil, false
}

// ruler measures messages and tools in tokens. A message is counted once for a
// model. Any goroutine may use it.
type ruler struct {
	count func(model, text string) int64

	mu     sync.Mutex // protects counts and tables
	counts map[countKey]int64
	tables map[tableKey]int64
}

type tableKey struct {
	model string
	table *tools.Table
}

type countKey struct {
	model, id string
	size      int64 // tells versions of a message apart
}

func newRuler(count func(model, text string) int64) *ruler {
	return &ruler{count: count, counts: map[countKey]int64{}, tables: map[tableKey]int64{}}
}

func (r *ruler) text(model, text string) int64 {
	if text == "" {
		return 0
	}
	return max(r.count(model, text), 0)
}

// messages returns how many tokens the messages take.
func (r *ruler) messages(model string, msgs []store.Message) int64 {
	var n int64
	for _, m := range msgs {
		n += r.message(model, m)
	}
	return n
}

func (r *ruler) message(model string, m store.Message) int64 {
	return r.cached(countKey{model, m.ID, bound(m)}, func() int64 {
		return weigh(m.Parts, func(s string) int64 { return r.text(model, s) })
	})
}

// function returns how many tokens a function takes as it is offered.
func (r *ruler) function(model string, f tools.Function) int64 {
	sum := sha256.New()
	for _, text := range []string{f.Name, f.Description, string(f.Parameters)} {
		fmt.Fprintf(sum, "%d:", len(text))
		_, _ = io.WriteString(sum, text) // a hash takes everything
	}
	return r.cached(countKey{model, "function " + string(sum.Sum(nil)), functionBound(f)}, func() int64 {
		return partTokens + r.text(model, f.Name) + r.text(model, f.Description) + r.text(model, string(f.Parameters))
	})
}

// table returns how many tokens the functions of a table take.
func (r *ruler) table(model string, table *tools.Table) int64 {
	key := tableKey{model, table}
	r.mu.Lock()
	n, ok := r.tables[key]
	r.mu.Unlock()
	if ok {
		return n
	}
	for _, f := range table.Functions() {
		n += r.function(model, f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tables) >= maxTables {
		clear(r.tables)
	}
	r.tables[key] = n
	return n
}

// functionBound returns a number of tokens that the function does not exceed.
func functionBound(f tools.Function) int64 {
	return int64(len(f.Name)+len(f.Description)+len(f.Parameters)) + partTokens
}

func (r *ruler) cached(k countKey, count func() int64) int64 {
	r.mu.Lock()
	n, ok := r.counts[k]
	r.mu.Unlock()
	if ok && k.id != "" {
		return n
	}
	n = count()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.counts) >= maxCounts {
		clear(r.counts)
	}
	r.counts[k] = n
	return n
}

// bound returns a number of tokens that the message does not exceed: no token
// is shorter than a byte. It costs next to nothing.
func bound(m store.Message) int64 {
	return weigh(m.Parts, func(s string) int64 { return int64(len(s)) })
}

func bounds(msgs []store.Message) int64 {
	var n int64
	for _, m := range msgs {
		n += bound(m)
	}
	return n
}

// weigh adds up what the parts take, each text as it is measured.
func weigh(parts store.Parts, text func(string) int64) int64 {
	var n int64
	for _, p := range parts {
		n += partTokens
		switch p := p.(type) {
		case store.Text:
			n += text(p.Text)
		case store.ToolCall:
			n += text(p.Name) + text(string(p.Arguments))
		case store.ToolResult:
			n += weigh(p.Content, text) + text(string(p.Structured))
		case store.Image:
			n += imageTokens
		case store.File:
			n += text(p.Name) + text(p.URI) + text(p.MIMEType)
			if len(p.Data) > 0 {
				n += imageTokens
			}
		case store.Opaque:
			n += int64(len(p.Data)) / 4
		case store.ManagedCall:
			n += text(p.Tool) + text(string(p.Arguments)) + weigh(p.Content, text)
		case store.ManagedListing:
			for _, name := range p.Tools {
				n += text(name)
			}
		case store.ManagedAnswer:
			n += text(p.Reason)
		case store.Summary:
			n += text(p.Text)
		}
	}
	return n
}
