package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// managed is what a provider did on a server that it connects to itself.
type managed struct {
	provider string // id of the entry
	call     store.ManagedCall
	listing  store.ManagedListing
	answer   *store.ManagedAnswer // to a call that it asked for
}

// managedPart returns the entry that shows a part of a message, or nil. The
// parts of one message that grows and of the same message when it is whole get
// the same id: that of the call, or the place of the listing among the others.
func managedPart(message, provider string, p store.Part, listings int) *entry {
	switch p := p.(type) {
	case store.ManagedListing:
		return &entry{id: fmt.Sprintf("%s/l%d", message, listings), message: message, kind: kindListing, managed: &managed{provider: provider, listing: p}}
	case store.ManagedCall:
		return &entry{id: message + "/m" + p.ID, message: message, kind: kindManaged, managed: &managed{provider: provider, call: p}, call: callEntry{
			call:  store.ToolCall{ID: p.ID, Server: p.Server, Tool: p.Tool, Arguments: p.Arguments},
			state: map[store.ManagedState]callState{store.ManagedRunning: callRunning, store.ManagedDone: callDone}[p.State],
		}}
	}
	return nil
}

// growManaged shows a piece of a message that grows.
func (t *thread) growManaged(message string, d model.Delta) {
	var p store.Part
	switch d := d.(type) {
	case model.ListingDelta:
		listing := store.ManagedListing{Server: d.Server, Error: d.Error}
		for _, l := range d.Tools {
			listing.Tools = append(listing.Tools, l.Name)
		}
		p = listing
	case model.ManagedDelta:
		p = d.Call
	default:
		return
	}
	if n := len(t.entries); n > 0 && t.entries[n-1].growing {
		t.entries[n-1].growing = false
		t.touch(t.entries[n-1])
	}
	listings := 0
	for _, e := range t.of(message) {
		if e.kind == kindListing {
			listings++
		}
	}
	t.put(managedPart(message, t.about[message].model.Provider, p, listings))
}

// ask notes that a whole message has a call that the provider asks for, so that
// the question and its answer find the card.
func (t *thread) asks(e *entry) {
	if e.kind == kindManaged && e.managed.call.State == store.ManagedAsked {
		e.call.state = callWaiting
		t.calls[e.call.call.ID] = e
	}
}

// answered shows what was said to a call that the provider asked for.
func (t *thread) answered(a store.ManagedAnswer) {
	if e := t.calls[a.CallID]; e != nil && e.kind == kindManaged {
		e.managed.answer, e.ask = &a, nil
		e.call.state = callDone
		t.touch(e)
	}
}

// managedItem is the card of such a call.
func (v *view) managedItem(e *entry) transcript.Item {
	m := e.managed
	c := transcript.Call{
		ID: e.id, Server: v.serverName(m.call.Server), Tool: m.call.Tool, By: v.providerName(m.provider), Arguments: m.call.Arguments, Foot: e.foot,
	}
	switch {
	case e.call.state == callAsked:
		return v.asking(e, c)
	case m.answer != nil && m.answer.Approve:
		c.State, c.End = transcript.CallDone, say.T("allowed")
	case m.answer != nil:
		c.State, c.End = transcript.CallFailed, say.T("not allowed")
		c.Result = &store.ToolResult{IsError: true, Content: store.Parts{store.Text{Text: m.answer.Reason}}}
	case m.call.State == store.ManagedAsked && e.call.state == callDone:
		c.State = transcript.CallClosed
	case m.call.State == store.ManagedAsked:
		c.State = transcript.CallWaiting
	case m.call.State == store.ManagedRunning && e.call.state == callDone:
		c.State = transcript.CallClosed
	case m.call.State == store.ManagedRunning:
		c.State = transcript.CallRunning
	default:
		c.State = transcript.CallDone
		if m.call.IsError {
			c.State = transcript.CallFailed
		}
		c.Result = &store.ToolResult{Content: m.call.Content, IsError: m.call.IsError, Elapsed: m.call.Elapsed}
	}
	return c
}

// listingItem is the card of what a provider found on a server.
func (v *view) listingItem(e *entry) transcript.Item {
	l := e.managed.listing
	item := transcript.Listing{ID: e.id, Server: v.serverName(l.Server), By: v.providerName(e.managed.provider), Tools: l.Tools, Error: l.Error}
	if l.Error != "" && v.p.handsOver(l.Server) {
		item.Actions = []transcript.Action{v.runHere(l.Server, false, request{})}
	}
	return item
}

// runHere is the button that has a server's tools run here from now on.
func (v *view) runHere(server string, retry bool, again request) transcript.Action {
	return transcript.Action{Label: say.F("Run %s client-side instead", form.Visible(v.serverName(server), false)), Primary: true, Do: func() {
		id := v.p.current
		v.p.work(func(ctx context.Context) error { return v.p.o.Engine.RunClientSide(ctx, server) }, func() {
			if retry && v.p.current == id {
				v.p.retry(again)
			}
		})
	}}
}

// providerName is what a person calls the provider.
func (v *view) providerName(id string) string {
	for _, c := range v.p.o.Engine.Providers() {
		if c.ID == id {
			return c.Title()
		}
	}
	if id == "" {
		return say.T("the provider")
	}
	return id
}

// handsOver reports whether providers connect to the server now.
func (p *Page) handsOver(server string) bool {
	return slices.ContainsFunc(p.views, func(s bridge.ServerView) bool { return s.Server.ID == server && s.Server.Managed })
}

// managedServer is the server that a turn failed with because its provider
// could not use it; empty if that is not what failed.
func managedServer(err error) string {
	var failed *model.Error
	if errors.As(err, &failed) && failed.Kind == model.ErrorManaged {
		return failed.Server
	}
	return ""
}

// some lists the first few names.
func some(names []string) string { return strings.Join(names[:min(len(names), 5)], ", ") }

// handed says what it means that a provider connects to a server itself.
func handed(h bridge.Handed) string {
	switch {
	case h.Held:
		return say.T("Its tools are not offered: what a provider found there differs from what you have seen. The Servers page shows it.")
	case h.Asks:
		text := say.F("%s connects to it itself, and asks before each call that you have not allowed.", h.Provider)
		if n := len(h.Ruled); n > 0 {
			text += " " + say.N(n, "%d runs here, since your rules about its parameters are nothing that it keeps: %s.",
				"%d run here, since your rules about their parameters are nothing that it keeps: %s.", n, some(h.Ruled))
			if n > 5 {
				text = strings.TrimSuffix(text, ".") + " …"
			}
		}
		return text
	}
	text := say.F("%s connects to it itself. It cannot ask, so it gets only what you always allow; Drawbridge cannot see or stop single calls.", h.Provider)
	if len(h.Tools) == 0 {
		text = say.F("%s could connect to it itself, but it cannot ask, and you always allow none of these tools; Drawbridge cannot see or stop single calls.", h.Provider)
	}
	if n := len(h.Here); n > 0 && len(h.Tools) > 0 {
		text += " " + say.N(n, "%d runs here, and asks: %s.", "%d run here, and ask: %s.", n, some(h.Here))
		if n > 5 {
			text = strings.TrimSuffix(text, ".") + " …"
		}
	} else if n > 0 {
		text = say.F("%s cannot ask before a call, and you always allow none of these tools, so they run here.", h.Provider)
	}
	return text
}
