package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// Elicitor asks the person on a server's behalf ("Elicitation" of the
// specification).
type Elicitor interface {
	// Elicit shows the question, which names its server, and returns what the
	// person said. It may be called from several goroutines at once, and
	// returns when the context ends, which is when the server withdrew the
	// question or nobody answered in time. An error counts as Dismissed.
	Elicit(ctx context.Context, e Elicitation) (ElicitAnswer, error)
}

// Elicitation is a question of a server. Its texts are the server's words, with
// what cannot be seen written out; nothing in them is to be believed.
type Elicitation struct {
	Server, ServerName string // id, and what the person calls it
	Message            string
	// Fields are the form; nil where the person is asked to open Link instead.
	Fields []Field
	Link   *AskedLink
	// Warnings are our own sentences about this question.
	Warnings []string
}

// ElicitAction is what a person did with a question.
type ElicitAction string

// The actions, by the protocol's words.
const (
	Accepted  ElicitAction = "accept"
	Declined  ElicitAction = "decline"
	Dismissed ElicitAction = "cancel"
)

// ElicitAnswer is the person's answer. Content holds, by Field.Name, a string, a
// float64, a bool or a []string; what is left out takes the field's default.
type ElicitAnswer struct {
	Action  ElicitAction
	Content map[string]any
}

// The bounds of what a server may ask.
const (
	elicitWithin   = 15 * time.Minute // for the person to answer
	elicitWaiting  = 8                // questions of one server that may wait
	elicitPerMin   = 10               // questions of one server in a minute
	messageTextMax = 8 << 10          // bytes of a question's message
)

type elicitorKey struct{}

// WithElicitor returns a context whose calls ask that person what servers want
// to know, and not the one of Options.Elicitor.
func WithElicitor(ctx context.Context, e Elicitor) context.Context {
	return context.WithValue(ctx, elicitorKey{}, e)
}

// elicitorOf returns who is asked for a call; nil for nobody.
func elicitorOf(ctx context.Context, otherwise Elicitor) Elicitor {
	if e, ok := ctx.Value(elicitorKey{}).(Elicitor); ok && e != nil {
		return e
	}
	return otherwise
}

// desk is where the questions of one link wait: one is shown at a time, and too
// many are turned away.
type desk struct {
	turn chan struct{} // holds a token while a question is shown

	mu      sync.Mutex // protects what follows
	waiting int
	recent  []time.Time // when the questions of the last minute came
}

func newDesk() *desk { return &desk{turn: make(chan struct{}, 1)} }

// enter waits for the desk to be free. Unless it reports false, leave must be
// called.
func (d *desk) enter(ctx context.Context) bool {
	d.mu.Lock()
	now := time.Now()
	d.recent = slices.DeleteFunc(d.recent, func(t time.Time) bool { return now.Sub(t) > time.Minute })
	if d.waiting >= elicitWaiting || len(d.recent) >= elicitPerMin {
		d.mu.Unlock()
		return false
	}
	d.recent = append(d.recent, now)
	d.waiting++
	d.mu.Unlock()
	select {
	case d.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		d.mu.Lock()
		d.waiting--
		d.mu.Unlock()
		return false
	}
}

func (d *desk) leave() {
	<-d.turn
	d.mu.Lock()
	d.waiting--
	d.mu.Unlock()
}

// wireElicitation are the parameters of elicitation/create.
type wireElicitation struct {
	Mode          string          `json:"mode"`
	Message       string          `json:"message"`
	Schema        json.RawMessage `json:"requestedSchema"`
	URL           string          `json:"url"`
	ElicitationID string          `json:"elicitationId"`
}

// invalidParams is the protocol's error for a question that cannot be asked.
func invalidParams(format string, a ...any) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf(format, a...)}
}

// question reads what a server asks. The error is one of the protocol.
func (k *link) question(w wireElicitation) (Elicitation, error) {
	text := func(s string, limit int) string { return k.redactor.Text(cut(visible(s), limit)) }
	e := Elicitation{Server: k.id, ServerName: k.name, Message: text(w.Message, messageTextMax)}
	mode := w.Mode
	if mode == "" {
		if mode = "form"; w.URL != "" {
			mode = "url"
		}
	}
	switch mode {
	case "form":
		fields, err := formFields(w.Schema, text)
		if err != nil {
			return e, invalidParams("%s", err)
		}
		e.Fields = fields
		for _, f := range fields {
			if f.Secret {
				e.Warnings = append(e.Warnings, fmt.Sprintf("“%s” looks like a secret. The protocol forbids servers to ask for passwords, keys and the like in a form: leave it empty, or decline.", f.Label()))
			}
		}
	case "url":
		asked, warnings, err := askedLink(w.URL, k.address)
		if err != nil {
			return e, invalidParams("%s", err)
		}
		e.Link, e.Warnings = asked, warnings
	default:
		return e, invalidParams("the mode %q is not known here", cut(visible(mode), 60))
	}
	return e, nil
}

// elicit asks the person. The error is one of the protocol; a person who cannot
// be asked has dismissed the question.
func (k *link) elicit(ctx context.Context, by Elicitor, w wireElicitation) (*mcp.ElicitResult, error) {
	e, err := k.question(w)
	if err != nil {
		k.log.add(k.redactor.Text(fmt.Sprintf("it asks you something that cannot be shown: %v", err)))
		return nil, err
	}
	dismissed := &mcp.ElicitResult{Action: string(Dismissed)}
	if by == nil {
		k.log.add("it asks you something, but nobody can be asked here")
		return dismissed, nil
	}
	ctx, cancel := context.WithTimeout(ctx, elicitWithin)
	defer cancel()
	answered := make(chan struct{})
	defer close(answered)
	go func() {
		select {
		case <-k.dead:
			cancel()
		case <-answered:
		}
	}()
	resume := k.pause()
	defer resume()
	if !k.desk.enter(ctx) {
		if ctx.Err() == nil {
			k.log.add("it asks you too much at once; a question is turned away")
		}
		return dismissed, nil
	}
	defer k.desk.leave()
	answer, err := by.Elicit(ctx, e)
	if err != nil {
		if ctx.Err() == nil {
			k.log.add(k.redactor.Text(fmt.Sprintf("its question could not be shown: %v", err)))
		}
		return dismissed, nil
	}
	switch answer.Action {
	case Accepted:
		if e.Link != nil {
			return &mcp.ElicitResult{Action: string(Accepted)}, nil
		}
		content, err := e.Complete(answer.Content)
		if err != nil {
			k.log.add(k.redactor.Text(fmt.Sprintf("the answer to its question does not fit: %v", err)))
			return dismissed, nil
		}
		return &mcp.ElicitResult{Action: string(Accepted), Content: content}, nil
	case Declined:
		return &mcp.ElicitResult{Action: string(Declined)}, nil
	}
	return dismissed, nil
}

// errNoSampling is the answer to a server that wants to use the person's model.
var errNoSampling = &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "sampling is not offered here: servers do not get to use the person's model"}

// asked answers a request of the server that is for the person: the receiving
// side of the older era. question reads the parameters of elicitation/create,
// sampling gives those of sampling/createMessage as they are.
// It reports false for what is none of ours.
func (k *link) asked(ctx context.Context, by Elicitor, method string, question func() (wireElicitation, error), sampling func() (json.RawMessage, error)) (mcp.Result, bool, error) {
	switch method {
	case "elicitation/create":
		w, err := question()
		if err != nil {
			return nil, true, invalidParams("the question cannot be read")
		}
		ctx, by, ok := k.askedFor(ctx, by)
		if !ok {
			return &mcp.ElicitResult{Action: string(Dismissed)}, true, nil
		}
		r, err := k.elicitFor(ctx, by, w)
		if err != nil {
			return nil, true, err
		}
		return r, true, nil
	case "sampling/createMessage":
		if x, mixed := k.soleExchange(); x != nil && !mixed && x.Samples {
			if params, err := sampling(); err == nil {
				res, err := k.sampleThrough(ctx, x, params)
				if err != nil {
					return nil, true, err
				}
				return res, true, nil
			}
		}
		k.log.add("it asks to use your model (sampling), which is refused")
		return nil, true, errNoSampling
	case "roots/list":
		if len(k.roots) == 0 {
			return nil, true, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "no folders were granted to this server"}
		}
		return k.tellRoots(), true, nil
	}
	return nil, false, nil
}

// askedFor returns whom a question is for that names no request: the one whose
// calls are under way. Where they are of several programs it is nobody's, and
// it reports false: what one of them is asked is no business of the others.
func (k *link) askedFor(ctx context.Context, by Elicitor) (context.Context, Elicitor, bool) {
	x, mixed := k.soleExchange()
	switch {
	case mixed:
		k.log.add("it asks something while calls of several programs are under way, so that nobody can know whom it asks; the question is turned away")
		return ctx, nil, false
	case x != nil:
		return tools.WithExchange(ctx, x), nil, true
	}
	return ctx, k.elicitorNow(by), true
}

// elicitFor asks whoever made the request: another program, or the person.
func (k *link) elicitFor(ctx context.Context, by Elicitor, w wireElicitation) (*mcp.ElicitResult, error) {
	if x := tools.ExchangeFrom(ctx); x != nil {
		return k.elicitThrough(ctx, x, w)
	}
	return k.elicit(ctx, by, w)
}

// wireFrom reads a question as the SDK decoded it.
func (k *link) wireFrom(params mcp.Params) (wireElicitation, error) {
	p, ok := params.(*mcp.ElicitParams)
	if !ok || p == nil {
		return wireElicitation{}, errors.New("the question is missing")
	}
	w := wireElicitation{Mode: p.Mode, Message: p.Message, URL: p.URL, ElicitationID: p.ElicitationID}
	if raw, ok := p.Meta[schemaMember].(string); ok && k.lines != nil {
		w.Schema = json.RawMessage(raw) // in the server's order
		return w, nil
	}
	if p.RequestedSchema == nil {
		return w, nil
	}
	raw, err := json.Marshal(p.RequestedSchema)
	w.Schema = raw
	return w, err
}

// elicitorNow returns who is asked what a server wants to know unasked: whoever
// made the call that began last, since the protocol does not say which call it
// is about.
func (k *link) elicitorNow(otherwise Elicitor) Elicitor {
	k.mu.Lock()
	defer k.mu.Unlock()
	var last int64
	for token, c := range k.calls {
		if c.by != nil && token > last {
			last, otherwise = token, c.by
		}
	}
	return otherwise
}

// schemaMember carries the form of a question past the SDK, which forgets the
// order of its fields.
const schemaMember = "app.drawbridge/requestedSchema"

// keepOrder puts the form of a question, as it was sent, into the member
// schemaMember of its metadata.
func keepOrder(params json.RawMessage) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(params, &m) != nil || len(m["requestedSchema"]) == 0 {
		return params
	}
	meta, err := json.Marshal(map[string]string{schemaMember: string(m["requestedSchema"])})
	if err != nil {
		return params
	}
	m["_meta"] = meta
	out, err := json.Marshal(m)
	if err != nil {
		return params
	}
	return out
}

// urlRequired is the code with which a server of the older era says that the
// person has to visit something first ("URL Mode Elicitation" of the
// specification); the request was not run.
const urlRequired = -32042

// visit has the person open what a server demands with urlRequired, and waits
// until the server says that it is done, at most as long as one may take to
// answer. It reports whether the call may be sent again.
func (k *link) visit(ctx context.Context, by Elicitor, refusal *jsonrpc.Error) (bool, error) {
	var data struct {
		Elicitations []wireElicitation `json:"elicitations"`
	}
	if json.Unmarshal(refusal.Data, &data) != nil || len(data.Elicitations) == 0 || len(data.Elicitations) > elicitWaiting {
		return false, nil
	}
	for _, w := range data.Elicitations {
		if w.URL == "" || w.Mode != "" && w.Mode != "url" {
			return false, nil
		}
		done := k.completion(w.ElicitationID)
		r, err := k.elicitFor(ctx, by, w)
		if err != nil || r.Action != string(Accepted) {
			k.completed(w.ElicitationID)
			return false, nil
		}
		resume := k.pause()
		wait := time.NewTimer(elicitWithin)
		select {
		case <-done:
		case <-wait.C:
			err = errors.New("the server did not say in time that it is done")
		case <-k.dead:
			err = &deadError{k.cause}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		wait.Stop()
		resume()
		if err != nil {
			k.completed(w.ElicitationID)
			return false, err
		}
	}
	return true, nil
}

// completion returns a channel that is closed when the server says that the
// elicitation of that id is done.
func (k *link) completion(id string) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.visits == nil {
		k.visits = map[string]chan struct{}{}
	}
	done, ok := k.visits[id]
	if !ok {
		done = make(chan struct{})
		k.visits[id] = done
	}
	return done
}

// completed notes that an elicitation is done; ids that nobody waits for are
// ignored.
func (k *link) completed(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if done, ok := k.visits[id]; ok {
		close(done)
		delete(k.visits, id)
	}
}
