package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// behind is the bridge as the gateway sees it: its Runner and its Keys. What it
// returns and runs went through the policy for that caller.
type behind struct{ b *Bridge }

// Authenticate returns whom a key belongs to.
func (r behind) Authenticate(ctx context.Context, presented store.Secret) (store.Caller, error) {
	return r.b.Authenticate(ctx, presented)
}

// Again returns the caller of a key that was shown before, as it is now.
func (r behind) Again(ctx context.Context, c store.Caller) (store.Caller, error) {
	if c.Key == pipeCaller.Key {
		return pipeCaller, nil
	}
	return r.b.callerOf(ctx, c.Key)
}

// callerOf returns the caller of a key that holds, by its id. The error wraps
// store.ErrDenied.
func (b *Bridge) callerOf(ctx context.Context, id string) (store.Caller, error) {
	if b.keyring.store == nil {
		return store.Caller{}, errKey
	}
	callers, err := b.keyring.all(ctx)
	if err != nil {
		return store.Caller{}, err
	}
	now := b.o.Now()
	for _, c := range callers {
		if c.Key == id && (c.Expires.IsZero() || now.Before(c.Expires)) {
			return c, nil
		}
	}
	return store.Caller{}, errKey
}

// pipeCaller is who uses the gateway over a pipe without naming a key: a program
// that this computer's user started, who could type the same calls.
var pipeCaller = store.Caller{Key: "stdio", KeyName: "stdio", Bounds: []store.Bound{{Kind: "key", ID: "stdio"}}}

// Servers returns what the caller may see.
func (r behind) Servers(c store.Caller) []gateway.Server {
	views := r.b.catalogue.servers()
	out := make([]gateway.Server, 0, len(views))
	for i := range views {
		v := &views[i]
		if v.State == mcphost.Disabled || !r.b.policy.MaySee(r.b.life, c, v.Server.ID) {
			continue
		}
		s := gateway.Server{
			ID: v.Server.ID, Name: v.Server.Name, Groups: v.Server.Rules.Groups,
			Ready:     v.State == mcphost.Ready,
			Resources: v.Offers.Resources, Subscribe: v.Offers.Subscribe, Prompts: v.Offers.Prompts, Completion: v.Offers.Completions,
			Revision: v.Offers.Revision, Forwards: v.Server.Transport.OverHTTP(), Extra: v.Server.Rules.ExtraHeaders,
		}
		if v.Instructions != nil {
			s.Instructions = v.Instructions.Text
		}
		if v.Server.Auth.Kind == store.AuthHeader {
			s.AuthHeader = v.Server.Auth.Header
		}
		out = append(out, s)
	}
	return out
}

// Names returns what each server can be called by.
func (r behind) Names() map[string][]string {
	views := r.b.catalogue.servers()
	out := make(map[string][]string, len(views))
	for i := range views {
		out[views[i].Server.ID] = []string{views[i].Server.ID, views[i].Server.Name}
	}
	return out
}

// Tools returns those that the caller may be offered.
func (r behind) Tools(ctx context.Context, c store.Caller) ([]tools.Tool, error) {
	return r.b.policy.OfferTo(ctx, c, r.b.catalogue.passed())
}

// Call runs a tool for the caller.
func (r behind) Call(ctx context.Context, c store.Caller, ref tools.Ref, args json.RawMessage, progress func(tools.Progress)) gateway.Answer {
	inv := tools.Invocation{Client: tools.ClientGateway, CallID: store.NewID(), Ref: ref, Arguments: args, Caller: &c}
	var why string // the person was not asked, or did not answer in time
	ask := func(ctx context.Context, v tools.Verdict) (tools.Answer, error) {
		answer, sentence, err := r.b.askAbout(ctx, inv, v, progress)
		why = sentence
		return answer, err
	}
	result := guard(r).Call(ctx, inv, ask, progress)
	a := gateway.Answer{Result: result, Refusal: result.Refusal}
	switch {
	case result.Denied == nil:
		return a
	case errors.Is(result.Denied, store.ErrNotFound):
		a.Status = 404
	case errors.Is(result.Denied, store.ErrLimit):
		a.Status = 429
	default:
		a.Status = 403
	}
	if why != "" {
		a.Result = tools.ErrorResult(why)
	}
	return a
}

// Unseen has the audit keep that a key called what it cannot see, before the
// answer is given. A raised bridge is said; whether the tool is there is not.
func (r behind) Unseen(ctx context.Context, c store.Caller, name string, args json.RawMessage) string {
	reason, say := "The key cannot see a tool of that name.", ""
	if r.b.policy.Raised(ctx) {
		reason, say = policy.RaisedReason, policy.RaisedReason
	}
	inv := tools.Invocation{Client: tools.ClientGateway, Ref: tools.Ref{Tool: name}, Arguments: args, Caller: &c}
	r.b.denied(ctx, inv, reason)
	return say
}

// Astray has the audit keep that a key asked for servers or groups that it cannot
// see, before the answer is given.
func (r behind) Astray(ctx context.Context, c store.Caller, names []string) string {
	reason, say := fmt.Sprintf("The key may not see one of the servers or groups %.200q, or it does not exist.", names), ""
	if r.b.policy.Raised(ctx) {
		reason, say = policy.RaisedReason, policy.RaisedReason
	}
	r.b.denied(ctx, tools.Invocation{Client: tools.ClientGateway, Caller: &c}, reason)
	return say
}

// see refuses what the caller may not see.
func (r behind) see(ctx context.Context, c store.Caller, server string) error {
	if !r.b.policy.MaySee(ctx, c, server) {
		r.b.denied(ctx, tools.Invocation{Client: tools.ClientGateway, Ref: tools.Ref{Server: server}, Caller: &c}, "The key may not see the server.")
		return fmt.Errorf("this key may not see the server %q (%w)", server, store.ErrDenied)
	}
	return nil
}

// Offers lists what a server has beside tools.
func (r behind) Offers(ctx context.Context, c store.Caller, server string) (out gateway.Offers, err error) {
	if err := r.see(ctx, c, server); err != nil {
		return out, err
	}
	ctx, done, err := r.b.serving(ctx)
	if err != nil {
		return out, err
	}
	defer done()
	contents, err := r.b.host.Resources(ctx, server)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	for _, one := range contents.Resources {
		out.Resources = append(out.Resources, gateway.Entry{Name: one.URI, Definition: one.Definition})
	}
	for _, one := range contents.Templates {
		out.Templates = append(out.Templates, gateway.Entry{Name: one.URITemplate, Definition: one.Definition})
	}
	prompts, err := r.b.host.Prompts(ctx, server)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	for _, one := range prompts {
		out.Prompts = append(out.Prompts, gateway.Entry{Name: one.Name, Definition: one.Definition})
	}
	return out, nil
}

// Relay passes a request on that is no call of a tool.
func (r behind) Relay(ctx context.Context, c store.Caller, server, method string, params json.RawMessage) (json.RawMessage, error) {
	if err := r.see(ctx, c, server); err != nil {
		return nil, err
	}
	ctx, done, err := r.b.serving(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	inv := tools.Invocation{Client: tools.ClientGateway, Ref: tools.Ref{Server: server, Tool: method}, Arguments: params, Caller: &c}
	raw, err := r.b.host.Relay(ctx, server, method, params)
	// What a server lets read, or says in a prompt, is its own words.
	if method != "completion/complete" {
		r.b.policy.NoteContent(ctx, inv, server)
		result := tools.Result{Wire: raw}
		if err != nil {
			result = tools.ErrorResult(err.Error())
		}
		r.b.called(inv, "The key may see the server.", result)
	}
	return raw, err
}

// WatchResource calls changed whenever a resource changed.
func (r behind) WatchResource(ctx context.Context, c store.Caller, server, uri string, changed func()) error {
	if err := r.see(ctx, c, server); err != nil {
		return err
	}
	ctx, done, err := r.b.serving(ctx)
	if err != nil {
		return err
	}
	defer done()
	return r.b.host.WatchResource(ctx, server, uri, func() {
		if r.see(ctx, c, server) == nil {
			changed()
		}
	})
}

// Changed tells of changes of servers, tools, rules and keys.
func (r behind) Changed() <-chan struct{} { return r.b.gate.changed.wait() }

// GatewayApproval is a call of another app that a person is asked about.
type GatewayApproval struct {
	KeyName   string // of the key that the app showed
	Tool      tools.Tool
	Arguments json.RawMessage
	Reason    string   // why it is asked about, in a sentence
	After     []string // as tools.Verdict has it
	// Edit has the call run with other arguments, as tools.Verdict has it; nil where
	// nothing can be edited. The result tells the app.
	Edit func(arguments json.RawMessage) error
}

// GatewayApprover asks the person about calls of other apps.
type GatewayApprover interface {
	// ApproveGateway shows the call and returns the person's answer. It returns
	// when the context ends, which is when nobody answered in time or the app
	// gave up. Several goroutines may call it at once.
	ApproveGateway(ctx context.Context, a GatewayApproval) (tools.Answer, error)
}

// ApproveGatewayWith says who is asked about calls of other apps; nil means
// nobody, and then such a call fails at once.
func (b *Bridge) ApproveGatewayWith(a GatewayApprover) {
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	b.gate.approver = a
}

// A call waits this long for the person, and says so as often.
const (
	approveWithin = 45 * time.Second
	approveBeat   = 5 * time.Second
)

// askAbout asks the person about a call of another app. The sentence says why
// there is no answer.
func (b *Bridge) askAbout(ctx context.Context, inv tools.Invocation, v tools.Verdict, progress func(tools.Progress)) (answer tools.Answer, sentence string, err error) {
	b.gate.mu.Lock()
	who := b.gate.approver
	b.gate.mu.Unlock()
	where := fmt.Sprintf("Allow %s in Drawbridge, on the page of its server, or with: drawbridge tools allow %s", inv.Ref, inv.Ref)
	if who == nil {
		return "", "The call needs a person's permission, and Drawbridge has no window open to ask in, so it was not run. " + where + ".", errors.New("there is no window to ask in")
	}
	tool := b.catalogue.lookup(inv.Ref)
	if tool == nil {
		return "", "", fmt.Errorf("the tool is gone (%w)", store.ErrNotFound)
	}
	asking, cancel := context.WithTimeout(ctx, approveWithin)
	defer cancel()
	if progress != nil {
		var beating sync.WaitGroup
		defer beating.Wait()
		stop := make(chan struct{})
		defer close(stop)
		beating.Go(func() {
			beat := time.NewTicker(approveBeat)
			defer beat.Stop()
			for n := 0.0; ; n++ {
				progress(tools.Progress{Done: n, Message: "Waiting for permission in Drawbridge"})
				select {
				case <-beat.C:
				case <-stop:
					return
				}
			}
		})
	}
	answer, err = who.ApproveGateway(asking, GatewayApproval{
		KeyName: inv.Caller.KeyName, Tool: *tool, Arguments: inv.Arguments, Reason: v.Reason, After: slices.Clone(v.After), Edit: v.Edit,
	})
	if err != nil && ctx.Err() == nil {
		return "", fmt.Sprintf("The call needs a person's permission, and nobody answered in Drawbridge within %d seconds, so it was not run. %s.", int(approveWithin.Seconds()), where), err
	}
	return answer, "", err
}
