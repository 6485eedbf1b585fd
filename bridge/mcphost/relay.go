//lint:file-ignore SA1019 sampling, roots and logging are deprecated, and what programs use until something takes their place

package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// relayMethods are the requests that Relay passes on.
var relayMethods = map[string]func(Offers) bool{
	"resources/read":      func(o Offers) bool { return o.Resources },
	"prompts/get":         func(o Offers) bool { return o.Prompts },
	"completion/complete": func(o Offers) bool { return o.Completions },
}

// Relay passes a request of another program on to a server and returns the
// result as it was sent, with secrets redacted and what cannot be seen written
// out. method is resources/read, prompts/get or completion/complete, params are
// those of the request without its metadata. The context carries a
// tools.Exchange. The error is a *tools.Refusal where the server answered with
// an error of the protocol, else a sentence; it wraps store.ErrNotFound where the
// server has no such thing.
func (m *Manager) Relay(ctx context.Context, server, method string, params json.RawMessage) (json.RawMessage, error) {
	has, ok := relayMethods[method]
	if !ok {
		return nil, sentence(fmt.Sprintf("%q is no request that is passed on.", cut(visible(method), 100)), store.ErrInvalid)
	}
	var out json.RawMessage
	err := m.with(ctx, server, func(k *link) error {
		if !has(k.capabilities()) {
			return k.errNoOffer(method)
		}
		raw, err := k.ask(ctx, m.o, func(ctx context.Context, r round) error { return k.relay(ctx, method, params, r) })
		if err != nil {
			return err
		}
		if out = cleanWire(raw, k.redactor); out == nil {
			return fmt.Errorf("the server %q answered with something that cannot be passed on", k.name)
		}
		return nil
	})
	return out, err
}

// relay sends one such request.
func (k *link) relay(ctx context.Context, method string, params json.RawMessage, r round) error {
	meta := k.metaOf(ctx, r.token)
	switch method {
	case "resources/read":
		p := &mcp.ReadResourceParams{}
		if err := json.Unmarshal(params, p); err != nil {
			return badParams(err)
		}
		if p.URI == "" || len(p.URI) > uriMax || !clean(p.URI, unseen) {
			return sentence("The address of the resource is empty, too long or contains characters that cannot be seen.", store.ErrInvalid)
		}
		p.Meta, p.InputResponses, p.RequestState = meta, r.responses, r.state
		_, err := k.session.ReadResource(ctx, p)
		return err
	case "prompts/get":
		p := &mcp.GetPromptParams{}
		if err := json.Unmarshal(params, p); err != nil {
			return badParams(err)
		}
		p.Meta, p.InputResponses, p.RequestState = meta, r.responses, r.state
		_, err := k.session.GetPrompt(ctx, p)
		return err
	}
	p := &mcp.CompleteParams{}
	if err := json.Unmarshal(params, p); err != nil {
		return badParams(err)
	}
	p.Meta = nil
	_, err := k.session.Complete(ctx, p)
	return err
}

func badParams(err error) error {
	return sentence(fmt.Sprintf("The parameters of the request cannot be read: %v.", err), store.ErrInvalid)
}

// refusalOf is an error of the protocol as another program gets it.
func (k *link) refusalOf(said *jsonrpc.Error) *tools.Refusal {
	r := &tools.Refusal{Code: int(said.Code), Message: cut(k.redactor.Text(visible(said.Message)), 4<<10)}
	if len(said.Data) > 0 && len(said.Data) <= errorBodyMax {
		r.Data = cleanWire(said.Data, k.redactor)
	}
	return r
}

// answersOf reads what a program answered in the rounds before.
func answersOf(x *tools.Exchange) (mcp.InputResponseMap, error) {
	if x == nil || len(x.InputResponses) == 0 {
		return nil, nil
	}
	var out mcp.InputResponseMap
	if err := json.Unmarshal(x.InputResponses, &out); err != nil {
		return nil, &inputError{"the answers that came with the request cannot be read: " + cut(visible(err.Error()), 200)}
	}
	return out, nil
}

// askedBy passes a question of the server on to the program whose request is
// under way. The error is one of the protocol.
func (k *link) askedBy(ctx context.Context, x *tools.Exchange, method string, params json.RawMessage) (json.RawMessage, error) {
	if x.Asked == nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "the program that made the call cannot be asked"}
	}
	resume := k.pause()
	defer resume()
	if !k.desk.enter(ctx) {
		if ctx.Err() == nil {
			k.log.add("it asks too much at once; a question is turned away")
		}
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "too many questions at once"}
	}
	defer k.desk.leave()
	raw, err := x.Asked(ctx, method, params)
	if err == nil {
		return raw, nil
	}
	var said *tools.Refusal
	if errors.As(err, &said) {
		return nil, &jsonrpc.Error{Code: int64(said.Code), Message: said.Message, Data: said.Data}
	}
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the program that made the call did not answer"}
}

// soleExchange returns the exchange that a message without a request belongs to:
// that of the calls under way, if all are of one scope. mixed says that they are
// not, so that nobody may get it.
func (k *link) soleExchange() (x *tools.Exchange, mixed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var last int64
	first := true
	for token, c := range k.calls {
		if !first && (x == nil) != (c.x == nil) || x != nil && c.x != nil && x.Scope != c.x.Scope {
			return nil, true
		}
		if first || token > last {
			last, x = token, c.x
		}
		first = false
	}
	return x, false
}

// wantLogs has a server of the older era log from the level on that a program
// wants, where it does not yet: the least of all counts, and each program gets
// what it asked for. It waits a moment at most, and does without.
func (k *link) wantLogs(ctx context.Context, level string) {
	hello := k.session.InitializeResult()
	if level == "" || hello.ProtocolVersion > olderEra || !logs(hello) {
		return
	}
	want := int32(slices.Index(levels[:], level)) + 1
	was := k.heeds.Load()
	if want == 0 || was != 0 && was <= want || !k.heeds.CompareAndSwap(was, want) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeHTTPWithin)
	defer cancel()
	if err := k.session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: mcp.LoggingLevel(level)}); err != nil {
		k.log.add(k.redactor.Text(fmt.Sprintf("it could not be asked to log from %q on: %v", level, err)))
	}
}

// said passes a log message on to whose request is under way.
func (k *link) said(params json.RawMessage) {
	x, _ := k.soleExchange()
	if x == nil || x.Log == nil {
		return
	}
	if clean := cleanWire(params, k.redactor); clean != nil {
		x.Log(clean)
	}
}

// elicitThrough asks the program that made the call. What it answers is held
// against the form, as a person's answer would be.
func (k *link) elicitThrough(ctx context.Context, x *tools.Exchange, w wireElicitation) (*mcp.ElicitResult, error) {
	e, err := k.question(w)
	if err != nil {
		k.log.add(k.redactor.Text(fmt.Sprintf("it asks something that cannot be shown: %v", err)))
		return nil, err
	}
	dismissed := &mcp.ElicitResult{Action: string(Dismissed)}
	ask := map[string]any{"message": "[" + k.name + "] " + e.Message}
	switch {
	case e.Link != nil:
		ask["mode"], ask["url"], ask["elicitationId"] = "url", w.URL, w.ElicitationID
	default:
		ask["mode"] = "form"
		if len(w.Schema) > 0 {
			ask["requestedSchema"] = cleanWire(w.Schema, k.redactor)
		}
	}
	params, err := json.Marshal(ask)
	if err != nil {
		return nil, invalidParams("the question cannot be passed on")
	}
	raw, err := k.askedBy(ctx, x, "elicitation/create", params)
	if err != nil {
		k.log.add(k.redactor.Text(fmt.Sprintf("its question could not be passed on: %v", err)))
		return dismissed, nil
	}
	var got struct {
		Action  ElicitAction
		Content map[string]any
	}
	if json.Unmarshal(raw, &got) != nil {
		return dismissed, nil
	}
	switch got.Action {
	case Accepted:
		if e.Link != nil {
			return &mcp.ElicitResult{Action: string(Accepted)}, nil
		}
		content, err := e.Complete(texts(got.Content))
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

// texts makes the lists of an answer what ElicitAnswer has.
func texts(content map[string]any) map[string]any {
	for k, v := range content {
		list, ok := v.([]any)
		if !ok {
			continue
		}
		out := make([]string, 0, len(list))
		for _, one := range list {
			if s, ok := one.(string); ok {
				out = append(out, s)
			}
		}
		content[k] = out
	}
	return content
}

// sampleThrough and rootsThrough pass on what only the calling program has.
func (k *link) sampleThrough(ctx context.Context, x *tools.Exchange, params json.RawMessage) (*mcp.CreateMessageResult, error) {
	clean := cleanWire(params, k.redactor)
	if clean == nil {
		return nil, invalidParams("the request cannot be read")
	}
	raw, err := k.askedBy(ctx, x, "sampling/createMessage", clean)
	if err != nil {
		return nil, err
	}
	out := &mcp.CreateMessageResult{}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the program that made the call answered with something that is no message"}
	}
	return out, nil
}

func (k *link) rootsThrough(ctx context.Context, x *tools.Exchange) (*mcp.ListRootsResult, error) {
	raw, err := k.askedBy(ctx, x, "roots/list", json.RawMessage("{}"))
	if err != nil {
		return nil, err
	}
	out := &mcp.ListRootsResult{}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the program that made the call answered with something that is no list of folders"}
	}
	return out, nil
}
