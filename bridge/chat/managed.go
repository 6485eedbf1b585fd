package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Managed hands servers to providers that connect to them themselves, and
// judges what these tell and ask. Its methods are called from several goroutines
// at once.
type Managed interface {
	// HandOver divides what Tools.Offered returned for the conversation: into
	// the servers that its provider, which has these features, connects to, and
	// the tools that run here. A tool is never in both. An error ends the turn.
	HandOver(ctx context.Context, conv store.Conversation, f model.Features, offered []tools.Tool) ([]model.ManagedServer, []tools.Tool, error)
	// Listed compares what a provider found on a server with what it was
	// permitted. A difference is an error that says so, and the server is not
	// handed over again until a person has looked.
	Listed(ctx context.Context, server model.ManagedServer, listed []model.ListedTool) error
	// Distrust has the server not be handed over again until a person has
	// looked, since the provider did with a tool of it what it was not
	// permitted. reason is a sentence.
	Distrust(ctx context.Context, server, tool, reason string) error
	// Allow decides about a call that the provider asks to run, with the person
	// where that is due. ask is nil if nobody can be asked.
	Allow(ctx context.Context, inv tools.Invocation, ask Ask) tools.Verdict
}

// The bounds of what a provider tells of servers that it connects to.
const (
	maxManagedError = 2000 // bytes of why it found no tools
	maxListed       = 10_000
)

// handOver divides what is offered between the provider and this program.
func (t *turn) handOver(conv store.Conversation, f model.Features, offered []tools.Tool) ([]model.ManagedServer, []tools.Tool, error) {
	t.grants = nil
	if t.Managed == nil || !f.Managed {
		return nil, offered, nil
	}
	servers, rest, err := t.Managed.HandOver(t.ctx, conv, f, offered)
	if failed := (*model.Error)(nil); errors.As(err, &failed) && t.ctx.Err() == nil {
		return nil, nil, failed
	}
	if err != nil {
		return nil, nil, t.failed("hand servers to the provider", err)
	}
	if len(servers) > 0 {
		t.grants = grants(t.chain)
	}
	return servers, rest, nil
}

// grant is a person's permission that a provider runs one call.
type grant struct {
	server, tool string
	arguments    string // canonical
	by           string // id of the call that used it; empty while none did
}

// grants returns the permissions in the chain that no call has used yet. A call
// that was allowed comes with an id of its own in the answer after it.
func grants(chain []store.Message) []grant {
	var open []grant
	asked := map[string]store.ManagedCall{}
	for _, m := range chain {
		for _, p := range m.Parts {
			switch p := p.(type) {
			case store.ManagedCall:
				if p.State == store.ManagedAsked {
					asked[p.ID] = p
					continue
				}
				if i := grantFor(open, p); i >= 0 {
					open = slices.Delete(open, i, i+1)
				}
			case store.ManagedAnswer:
				if c, ok := asked[p.CallID]; ok && p.Approve {
					open = append(open, grant{server: c.Server, tool: c.Tool, arguments: canonicalText(c.Arguments)})
				}
				delete(asked, p.CallID)
			}
		}
	}
	return open
}

// grantFor finds the permission that a call uses: its own, or one that is free
// and about the same. Arguments count once they are said.
func grantFor(open []grant, c store.ManagedCall) int {
	fits := func(g grant) bool {
		return g.server == c.Server && g.tool == c.Tool &&
			(c.State == store.ManagedRunning && len(c.Arguments) == 0 || g.arguments == canonicalText(c.Arguments))
	}
	if i := slices.IndexFunc(open, func(g grant) bool { return g.by == c.ID }); i >= 0 {
		if fits(open[i]) {
			return i
		}
		return -1
	}
	return slices.IndexFunc(open, func(g grant) bool { return g.by == "" && fits(g) })
}

// canonicalText returns arguments in a form in which equal ones are equal.
func canonicalText(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || v == nil {
		v = map[string]any{}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return string(raw)
	}
	return string(b)
}

// admit judges what a provider tells of servers that it connects to, and makes
// it safe to keep. Everything else passes. An error breaks the answer off.
func (t *turn) admit(req model.Request, d model.Delta) (model.Delta, error) {
	switch d := d.(type) {
	case model.ListingDelta:
		server, err := handed(req, d.Server)
		if err != nil {
			return nil, err
		}
		if len(d.Tools) > maxListed {
			return nil, t.distrust(server, "", fmt.Sprintf("The provider found more than %d tools on the server %s, which is more than it was permitted.", maxListed, server.Label))
		}
		if err := t.Managed.Listed(t.ctx, server, d.Tools); err != nil {
			if t.ctx.Err() != nil {
				return nil, errStopped
			}
			return nil, &model.Error{Kind: model.ErrorManaged, Server: server.Server, Message: brokenOff(err.Error()), Err: err}
		}
		d.Error = cut(strings.ToValidUTF8(d.Error, "�"), maxManagedError)
		return d, nil
	case model.ManagedDelta:
		server, err := handed(req, d.Call.Server)
		if err != nil {
			return nil, err
		}
		d.Call, err = t.managedCall(server, d.Call)
		return d, err
	}
	return d, nil
}

// handed finds a server among those that the request handed over.
func handed(req model.Request, id string) (model.ManagedServer, error) {
	for _, s := range req.Managed {
		if s.Server == id {
			return s, nil
		}
	}
	return model.ManagedServer{}, &model.Error{Kind: model.ErrorProtocol, Message: "The provider tells of a server that it was not asked to connect to, so the answer was broken off."}
}

// distrust ends the trust in what a provider does with a server.
func (t *turn) distrust(server model.ManagedServer, tool, reason string) error {
	err := &model.Error{Kind: model.ErrorManaged, Server: server.Server, Message: brokenOff(reason)}
	if held := t.Managed.Distrust(context.WithoutCancel(t.ctx), server.Server, tool, reason); held != nil {
		t.Logger.Error("it could not be kept that a server is not to be handed over", "server", server.Server, "error", held)
		err.Err = held
	}
	return err
}

// brokenOff completes the sentence of a difference.
func brokenOff(reason string) string {
	if !strings.HasSuffix(reason, ".") {
		reason += "."
	}
	return reason + " The answer was broken off, and no provider gets this server until you have looked at its card."
}

// managedCall judges a call that the provider runs itself, or asks to run.
func (t *turn) managedCall(server model.ManagedServer, c store.ManagedCall) (store.ManagedCall, error) {
	name := cut(strings.ToValidUTF8(c.Tool, "�"), maxCallName)
	i := slices.IndexFunc(server.Tools, func(m model.ManagedTool) bool { return m.Tool.Tool == c.Tool })
	if i < 0 {
		return c, t.distrust(server, name, fmt.Sprintf("The provider called the tool %q of the server %s, which it was not permitted to use.", name, server.Label))
	}
	bad := func(what string) error {
		return &model.Error{Kind: model.ErrorProtocol, Server: server.Server, Message: fmt.Sprintf("The provider told of a call of the tool %q %s, so the answer was broken off.", name, what)}
	}
	if c.ID == "" || len(c.ID) > maxCallID || strings.ContainsFunc(c.ID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return c, bad("without an id that could be answered")
	}
	switch c.State {
	case store.ManagedAsked:
		if _, used := t.ids[c.ID]; used {
			return c, bad("under an id that was used before")
		}
	case store.ManagedRunning, store.ManagedDone:
		if server.Tools[i].Always {
			break
		}
		g := grantFor(t.grants, c)
		if g < 0 {
			return c, t.distrust(server, name, fmt.Sprintf("The provider ran the tool %q of the server %s, though it was told to ask before this call and nobody has allowed it.", name, server.Label))
		}
		t.grants[g].by = c.ID
	default:
		return c, bad("that is in no state that is known")
	}
	if len(c.Arguments) > 0 && !json.Valid(c.Arguments) {
		text, err := json.Marshal(cut(strings.ToValidUTF8(string(c.Arguments), "�"), maxBroken))
		if err != nil {
			return c, errors.Join(bad("whose arguments cannot be kept"), err)
		}
		c.Arguments = text
	}
	content := make(store.Parts, 0, len(c.Content))
	for _, p := range c.Content {
		switch p.(type) {
		case store.Text, store.Image, store.File:
			content = append(content, p)
		}
	}
	if c.Content = content; len(content) == 0 {
		c.Content = nil
	}
	return c, nil
}

// managedSize is what a delta about servers of the provider takes to keep.
func managedSize(d model.Delta) int {
	size := 0
	switch d := d.(type) {
	case model.ListingDelta:
		size = len(d.Error)
		for _, l := range d.Tools {
			size += len(l.Name) + len(l.Description) + len(l.InputSchema)
		}
	case model.ManagedDelta:
		size = len(d.Call.ID) + len(d.Call.Tool) + len(d.Call.Arguments)
		for _, p := range d.Call.Content {
			switch p := p.(type) {
			case store.Text:
				size += len(p.Text)
			case store.Image:
				size += len(p.Data)
			case store.File:
				size += len(p.Data) + len(p.URI)
			}
		}
	}
	return size
}

// planAsked finds what the provider asks to run. Calls of which it does not say
// how they ended are closed.
func (t *turn) planAsked(parts store.Parts, req model.Request) []plannedCall {
	var open []plannedCall
	for i, p := range parts {
		c, ok := p.(store.ManagedCall)
		if !ok {
			continue
		}
		t.ids[c.ID] = struct{}{}
		if c.State == store.ManagedRunning {
			parts[i] = endManaged(c, "The provider did not say what became of this call.")
		}
		if c.State != store.ManagedAsked {
			continue
		}
		planned := plannedCall{managed: true, call: store.ToolCall{
			ID: c.ID, Name: cut(c.Tool, maxCallName), Server: c.Server, Tool: c.Tool, Arguments: c.Arguments,
		}}
		for _, s := range req.Managed {
			for _, m := range s.Tools {
				if s.Server == c.Server && m.Tool.Tool == c.Tool {
					planned.tool = m.Tool
				}
			}
		}
		var fault error
		planned.call.Arguments, fault = arguments(orObject(c.Arguments))
		switch {
		case len(open) >= maxCalls:
			planned.refuse = fmt.Sprintf("Only %d calls may be asked about at once, so this one was refused. Ask for fewer at a time.", maxCalls)
		case planned.tool.Tool == "":
			planned.refuse = "This tool is not available in this conversation any more. Go on without it."
		case fault != nil:
			planned.refuse = fault.Error()
		}
		open = append(open, planned)
	}
	return open
}

func orObject(raw json.RawMessage) json.RawMessage {
	if len(bytes.TrimSpace(raw)) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}

// decide asks about a call that the provider wants to run. The result is an
// error if it may not, and then says why.
func (r *runner) decide(c plannedCall) (result tools.Result) {
	var failed error
	defer func() {
		if failed != nil {
			result = tools.ErrorResult("The question could not be put: " + failed.Error() + ".")
		}
	}()
	defer r.t.recovered("the question about "+c.call.Name, &failed)
	var ask Ask
	if r.t.in.Approver != nil {
		ask = func(ctx context.Context, v tools.Verdict) (tools.Answer, error) { return r.ask(ctx, c, v) }
	}
	v := r.t.Managed.Allow(r.ctx, tools.Invocation{
		Client: tools.ClientChat, Conversation: r.t.conv.ID, CallID: c.call.ID, Ref: c.tool.Ref, Arguments: c.call.Arguments,
	}, ask)
	if v.Decision == tools.Allow {
		return tools.Result{}
	}
	reason := v.Reason
	if reason == "" {
		reason = "The person did not allow this call."
	}
	return tools.ErrorResult(reason)
}

// managedAnswer is the part that answers the provider, and false while nobody
// has decided. A step that was broken off allows nothing: nothing has run, and Stop means that nothing shall.
func (o *openCalls) managedAnswer(i int, broken bool) (store.ManagedAnswer, bool) {
	c, r := o.calls[i], o.results[i]
	a := store.ManagedAnswer{CallID: c.call.ID}
	switch {
	case r != nil && r.IsError:
		a.Reason = cut(r.Content.Text(), maxManagedError)
	case broken:
		a.Reason = "The person stopped the answer before this call was run."
		if c.refuse != "" {
			a.Reason = c.refuse
		}
	case r != nil:
		a.Approve = true
	default:
		return a, false
	}
	return a, true
}

// told is the event of a call that is over.
func (o *openCalls) told(i int) Event {
	if o.calls[i].managed {
		a, _ := o.managedAnswer(i, false)
		return CallAnswered{o.message, a}
	}
	return CallDone{o.message, *o.results[i]}
}

// endManaged closes a call of which nobody will hear the end.
func endManaged(c store.ManagedCall, sentence string) store.ManagedCall {
	c.State, c.IsError = store.ManagedDone, true
	c.Content = append(slices.Clone(c.Content), store.Text{Text: sentence})
	return c
}

// cutManaged returns the parts of an answer that was cut off: what the provider
// still ran is closed, and what it only asked for goes, since the question went
// with the answer.
func cutManaged(parts store.Parts) store.Parts {
	out := make(store.Parts, 0, len(parts))
	for _, p := range parts {
		if c, ok := p.(store.ManagedCall); ok {
			switch c.State {
			case store.ManagedAsked:
				continue
			case store.ManagedRunning:
				p = endManaged(c, "The answer was cut off while the provider ran this call. It may or may not have had its effect.")
			}
		}
		out = append(out, p)
	}
	return out
}

// answeredAsked returns an answer to each call that a provider asks to run, in
// the order of the calls: the one that is there, or a refusal with that
// sentence.
func answeredAsked(asked []store.ManagedCall, answers []store.ManagedAnswer, sentence string) store.Parts {
	var parts store.Parts
	for _, c := range asked {
		if i := slices.IndexFunc(answers, func(a store.ManagedAnswer) bool { return a.CallID == c.ID }); i >= 0 {
			parts = append(parts, answers[i])
			continue
		}
		parts = append(parts, store.ManagedAnswer{CallID: c.ID, Reason: sentence})
	}
	return parts
}

// askedCutOff is told of a call that was asked for when the turn ended.
const askedCutOff = "Nobody answered before the turn ended, so this call was not allowed."
