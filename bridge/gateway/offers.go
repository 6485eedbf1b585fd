package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// offered is what the servers of a view have beside tools.
type offered struct {
	resources, templates, prompts []listed
	byURI                         map[string]target
	byTemplate                    []templateOf
	byPrompt                      map[string]target
}

// target is something of a server under its own name there.
type target struct{ server, name string }

type templateOf struct {
	target
	shown   string // as it is listed
	matches *regexp.Regexp
}

// wrapped begins the addresses of resources that two servers have.
const wrapped = "drawbridge://"

// offersOf returns what there is beside tools, asked of the servers that run. One
// that does not answer in time is left out.
func (v *view) offersOf(ctx context.Context, c store.Caller) *offered {
	v.offersMu.Lock()
	defer v.offersMu.Unlock()
	if v.offers != nil {
		return v.offers
	}
	ctx, cancel := context.WithTimeout(ctx, offersWithin)
	defer cancel()
	lists := make([]Offers, len(v.servers))
	whole := true
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range v.servers {
		s := &v.servers[i]
		if !s.Ready && !v.alone || s.Ready && !s.Resources && !s.Prompts {
			continue
		}
		all.Go(func() {
			list, err := v.room.g.o.Runner.Offers(ctx, c, s.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				v.room.g.o.Logger.Warn("what a server has beside tools could not be listed", "server", s.ID, "error", err)
				mu.Lock()
				whole = false
				mu.Unlock()
			}
			lists[i] = list
		})
	}
	all.Wait()
	o := v.merge(lists)
	if whole && ctx.Err() == nil {
		v.offers = o
	}
	return o
}

func (v *view) merge(lists []Offers) *offered {
	o := &offered{byURI: map[string]target{}, byPrompt: map[string]target{}}
	var prompts []tools.Tool
	definitions := map[tools.Ref]json.RawMessage{}
	for i, list := range lists {
		id := v.servers[i].ID
		for _, e := range list.Resources {
			shown, raw := e.Name, e.Definition
			if _, twice := o.byURI[shown]; twice {
				shown = wrapped + url.PathEscape(id) + "/" + url.PathEscape(e.Name)
				var err error
				if raw, err = renamed(raw, "uri", shown); err != nil {
					continue
				}
			}
			if _, twice := o.byURI[shown]; twice {
				continue
			}
			o.byURI[shown] = target{id, e.Name}
			o.resources = append(o.resources, listed{shown, raw})
		}
		for _, e := range list.Templates {
			if slices.ContainsFunc(o.byTemplate, func(t templateOf) bool { return t.shown == e.Name }) {
				continue // the server before has the very same
			}
			o.byTemplate = append(o.byTemplate, templateOf{target{id, e.Name}, e.Name, templatePattern(e.Name)})
			o.templates = append(o.templates, listed{e.Name, e.Definition})
		}
		for _, e := range list.Prompts {
			ref := tools.Ref{Server: id, Tool: e.Name}
			prompts = append(prompts, tools.Tool{Ref: ref})
			definitions[ref] = e.Definition
		}
	}
	for ref, name := range tools.Names(prompts, nameMax) {
		shown := name
		o.byPrompt[name] = target{ref.Server, ref.Tool}
		if v.alone {
			o.byPrompt[ref.Tool] = target{ref.Server, ref.Tool}
			if v.room.g.o.BareNames {
				shown = ref.Tool
			}
		}
		if raw, err := renamed(definitions[ref], "name", shown); err == nil {
			o.prompts = append(o.prompts, listed{shown, raw})
		}
	}
	for _, list := range [][]listed{o.resources, o.templates, o.prompts} {
		slices.SortFunc(list, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
	}
	return o
}

var templateExpression = regexp.MustCompile(`\{[^{}]*\}`)

// templatePattern matches the addresses that a template makes (RFC 6570), or a
// few more: which server is asked is all that hangs on it. Nil matches nothing.
func templatePattern(template string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	at := 0
	for _, loc := range templateExpression.FindAllStringIndex(template, 100) {
		b.WriteString(regexp.QuoteMeta(template[at:loc[0]]))
		switch inner := template[loc[0]+1 : loc[1]-1]; {
		case inner == "":
		case strings.ContainsRune("+#/.;?&", rune(inner[0])), strings.HasSuffix(inner, "*"):
			b.WriteString(".*")
		default:
			b.WriteString("[^/?#]+")
		}
		at = loc[1]
	}
	b.WriteString(regexp.QuoteMeta(template[at:]) + "$")
	r, err := regexp.Compile(b.String())
	if err != nil {
		return nil
	}
	return r
}

// resource finds the server of an address. One that is listed nowhere is asked
// of the only server that has resources.
func (v *view) resource(o *offered, uri string) (target, bool) {
	if t, ok := o.byURI[uri]; ok {
		return t, true
	}
	for _, t := range o.byTemplate {
		if t.matches != nil && t.matches.MatchString(uri) {
			return target{t.server, uri}, true
		}
	}
	if rest, ok := strings.CutPrefix(uri, wrapped); ok {
		id, name, _ := strings.Cut(rest, "/")
		server, err1 := url.PathUnescape(id)
		inner, err2 := url.PathUnescape(name)
		if err1 == nil && err2 == nil && v.server(server) != nil {
			return target{server, inner}, true
		}
	}
	found := ""
	for _, s := range v.servers {
		if !s.Resources && !(v.alone && !s.Ready) {
			continue
		}
		if found != "" {
			return target{}, false
		}
		found = s.ID
	}
	return target{found, uri}, found != ""
}

func (a *asking) offered(ctx context.Context) (*view, *offered, error) {
	v, err := a.room.look(ctx, a.caller)
	if err != nil {
		return nil, nil, internal(a.room.g, "look up what the servers have", err)
	}
	return v, v.offersOf(ctx, a.caller), nil
}

func (a *asking) listResources(ctx context.Context) (mcp.Result, error) {
	_, o, err := a.offered(ctx)
	if err != nil {
		return nil, err
	}
	cursor := ""
	if p, ok := a.params.(*mcp.ListResourcesParams); ok && p != nil {
		cursor = p.Cursor
	}
	return a.list("resources", o.resources, cursor)
}

func (a *asking) listTemplates(ctx context.Context) (mcp.Result, error) {
	_, o, err := a.offered(ctx)
	if err != nil {
		return nil, err
	}
	cursor := ""
	if p, ok := a.params.(*mcp.ListResourceTemplatesParams); ok && p != nil {
		cursor = p.Cursor
	}
	return a.list("resourceTemplates", o.templates, cursor)
}

func (a *asking) listPrompts(ctx context.Context) (mcp.Result, error) {
	_, o, err := a.offered(ctx)
	if err != nil {
		return nil, err
	}
	cursor := ""
	if p, ok := a.params.(*mcp.ListPromptsParams); ok && p != nil {
		cursor = p.Cursor
	}
	return a.list("prompts", o.prompts, cursor)
}

func (a *asking) readResource(ctx context.Context) (mcp.Result, error) {
	p, ok := a.params.(*mcp.ReadResourceParams)
	if !ok || p == nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "the address of the resource is missing"}
	}
	v, o, err := a.offered(ctx)
	if err != nil {
		return nil, err
	}
	t, ok := v.resource(o, p.URI)
	if !ok {
		return nil, mcp.ResourceNotFoundError(p.URI)
	}
	return a.relay(ctx, v, t, "resources/read", map[string]any{"uri": t.name}, p.RequestState, p.InputResponses)
}

func (a *asking) getPrompt(ctx context.Context) (mcp.Result, error) {
	p, ok := a.params.(*mcp.GetPromptParams)
	if !ok || p == nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "the name of the prompt is missing"}
	}
	v, o, err := a.offered(ctx)
	if err != nil {
		return nil, err
	}
	t, ok := o.byPrompt[p.Name]
	if !ok {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "there is no such prompt"}
	}
	params := map[string]any{"name": t.name}
	if p.Arguments != nil {
		params["arguments"] = p.Arguments
	}
	return a.relay(ctx, v, t, "prompts/get", params, p.RequestState, p.InputResponses)
}

func (a *asking) complete(ctx context.Context) (mcp.Result, error) {
	p, ok := a.params.(*mcp.CompleteParams)
	if !ok || p == nil || p.Ref == nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "what is to be completed is missing"}
	}
	v, o, err := a.offered(ctx)
	if err != nil {
		return nil, err
	}
	ref := *p.Ref
	var t target
	switch ref.Type {
	case "ref/prompt":
		t, ok = o.byPrompt[ref.Name]
		ref.Name = t.name
	default:
		i := slices.IndexFunc(o.byTemplate, func(one templateOf) bool { return one.shown == ref.URI })
		if ok = i >= 0; ok {
			t = o.byTemplate[i].target
		} else {
			t, ok = v.resource(o, ref.URI)
			ref.URI = t.name
		}
	}
	if !ok {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "there is no such prompt or resource"}
	}
	if s := v.server(t.server); s == nil || s.Ready && !s.Completion {
		return a.passed(json.RawMessage(`{"completion":{"values":[],"total":0,"hasMore":false}}`))
	}
	return a.relay(ctx, v, t, "completion/complete", map[string]any{"ref": ref, "argument": p.Argument, "context": p.Context}, "", nil)
}

// relay passes a request on to the server.
func (a *asking) relay(ctx context.Context, v *view, t target, method string, params map[string]any, state string, responses mcp.InputResponseMap) (mcp.Result, error) {
	server := v.server(t.server)
	if server == nil {
		return nil, mcp.ResourceNotFoundError(t.name)
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	got, err := a.run(ctx, server, state, responses, func(ctx context.Context) (answer, error) {
		raw, err := a.room.g.o.Runner.Relay(ctx, a.caller, t.server, method, raw)
		return answer{raw: raw}, err
	})
	var said *tools.Refusal
	switch {
	case errors.As(err, &said):
		return nil, refused(said)
	case errors.Is(err, store.ErrDenied), errors.Is(err, store.ErrNotFound):
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
	case err != nil:
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: err.Error()}
	case got.asks != nil:
		return a.passed(got.asks)
	}
	return a.passed(got.raw)
}

// watched is a resource that sessions of a room want to hear of.
type watched struct {
	sessions map[*mcp.ServerSession]int
	stop     context.CancelFunc
}

// watchedMax bounds the resources that one room hears of.
const watchedMax = 200

// subscribe begins to watch a resource for a session.
func (r *room) subscribe(ctx context.Context, req *mcp.SubscribeRequest) error {
	a, err := r.asking(req)
	if err != nil {
		return err
	}
	v, o, err := a.offered(ctx)
	if err != nil {
		return err
	}
	t, ok := v.resource(o, req.Params.URI)
	if s := v.server(t.server); !ok || s == nil || s.Ready && !s.Subscribe {
		return mcp.ResourceNotFoundError(req.Params.URI)
	}
	uri := req.Params.URI
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watched[uri]
	if w == nil {
		if len(r.watched) >= watchedMax {
			return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "too many resources are watched already"}
		}
		watching, stop := context.WithCancel(r.life)
		w = &watched{sessions: map[*mcp.ServerSession]int{}, stop: stop}
		r.watched[uri] = w
		caller := a.caller
		r.g.busy.Go(func() {
			err := r.g.o.Runner.WatchResource(watching, caller, t.server, t.name, func() {
				r.server.ResourceUpdated(watching, &mcp.ResourceUpdatedNotificationParams{URI: uri})
			})
			if err != nil && watching.Err() == nil {
				r.g.o.Logger.Warn("a resource cannot be watched any more", "server", t.server, "error", err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			stop()
			if r.watched[uri] == w {
				delete(r.watched, uri)
			}
		})
	}
	if w.sessions[req.Session]++; w.sessions[req.Session] == 1 {
		session := req.Session
		r.g.busy.Go(func() {
			session.Wait()
			r.unwatch(uri, session, true)
		})
	}
	return nil
}

func (r *room) unsubscribe(_ context.Context, req *mcp.UnsubscribeRequest) error {
	r.unwatch(req.Params.URI, req.Session, false)
	return nil
}

// unwatch ends what subscribe began, when nobody is left who wants it.
func (r *room) unwatch(uri string, s *mcp.ServerSession, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watched[uri]
	if w == nil || w.sessions[s] == 0 {
		return
	}
	if w.sessions[s]--; gone || w.sessions[s] == 0 {
		delete(w.sessions, s)
	}
	if len(w.sessions) == 0 {
		w.stop()
		delete(r.watched, uri)
	}
}
