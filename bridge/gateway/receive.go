//lint:file-ignore SA1019 sampling, roots and logging are deprecated, and what programs use until something takes their place

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// asking is a request as a client made it.
type asking struct {
	room    *room
	caller  store.Caller
	headers map[string]map[string]string
	session *mcp.ServerSession
	modern  bool     // 2026-07-28 and later
	offers  offering // what the client lets servers ask
	params  mcp.Params
	polled  *polled // of the HTTP request; nil where the client cannot be told to come back
}

// offering is what a client says that it can be asked.
type offering struct{ form, url, sampling, roots bool }

// elicits reports whether it can be asked questions at all.
func (o offering) elicits() bool { return o.form || o.url }

// offeringOf reads the capabilities of a client of the older era.
func offeringOf(c *mcp.ClientCapabilities) (o offering) {
	if c == nil {
		return o
	}
	if e := c.Elicitation; e != nil {
		o.form, o.url = e.Form != nil || e.URL == nil, e.URL != nil
	}
	o.sampling, o.roots = c.Sampling != nil, c.RootsV2 != nil
	return o
}

// offeringIn reads them where they come with each request.
func offeringIn(meta map[string]any) (o offering) {
	caps, _ := meta[mcp.MetaKeyClientCapabilities].(map[string]any)
	if e, ok := caps["elicitation"].(map[string]any); ok {
		_, form := e["form"]
		_, o.url = e["url"]
		o.form = form || !o.url
	}
	_, o.sampling = caps["sampling"]
	_, o.roots = caps["roots"]
	return o
}

// receive stands before the SDK's own handling: what lists and calls is ours,
// the rest, such as ping and subscriptions, is the SDK's.
func (r *room) receive(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if r.life.Err() != nil {
			return nil, errClosing
		}
		if method == "logging/setLevel" {
			r.heed(req)
		}
		handle := handlers[method]
		if handle == nil && method != "initialize" && method != "server/discover" {
			return next(ctx, method, req)
		}
		a, err := r.asking(req)
		if err != nil {
			return nil, err
		}
		if handle != nil {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(r.life, cancel)()
			r.g.met(a.session, a.caller, r)
			return handle(a, ctx)
		}
		res, err := next(ctx, method, req)
		if err != nil {
			return nil, err
		}
		v, err := r.look(ctx, a.caller)
		if err != nil {
			return nil, internal(r.g, "look up the servers", err)
		}
		switch res := res.(type) {
		case *mcp.InitializeResult:
			res.Instructions = v.instructions()
		case *mcp.DiscoverResult:
			res.Instructions = v.instructions()
			res.TTLMs, res.CacheScope = 0, "private"
		}
		r.g.met(a.session, a.caller, r)
		return res, nil
	}
}

var errClosing = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the gateway closes this session"}

// handlers are the requests that are answered here.
var handlers = map[string]func(*asking, context.Context) (mcp.Result, error){
	"tools/list":               (*asking).listTools,
	"tools/call":               (*asking).callTool,
	"resources/list":           (*asking).listResources,
	"resources/templates/list": (*asking).listTemplates,
	"resources/read":           (*asking).readResource,
	"prompts/list":             (*asking).listPrompts,
	"prompts/get":              (*asking).getPrompt,
	"completion/complete":      (*asking).complete,
}

// asking reads who asks. Over HTTP that came with the very request; a session
// over a pipe has one caller from its start.
func (r *room) asking(req mcp.Request) (*asking, error) {
	session, ok := req.GetSession().(*mcp.ServerSession)
	if !ok {
		return nil, errClosing
	}
	a := &asking{room: r, session: session, params: req.GetParams()}
	if extra := req.GetExtra(); extra != nil {
		v := visitOf(extra.TokenInfo)
		if v == nil || v.room != r {
			return nil, errClosing
		}
		a.caller, a.headers, a.polled = v.caller, v.headers, v.polled
	} else {
		r.mu.Lock()
		a.caller = r.caller
		r.mu.Unlock()
	}
	if q, ok := req.(interface{ ProtocolVersion() string }); ok {
		a.modern = q.ProtocolVersion() >= newEra
	}
	if a.modern {
		a.offers = offeringIn(a.params.GetMeta())
	} else if hello := session.InitializeParams(); hello != nil {
		a.offers = offeringOf(hello.Capabilities)
	}
	return a, nil
}

// internal logs what a client need not know.
func internal(g *Gateway, what string, err error) error {
	g.o.Logger.Error("a request to the gateway failed", "doing", what, "error", err)
	return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "Drawbridge could not " + what + "; its log says why"}
}

// capabilities are those of the client, as the protocol writes them.
func (o offering) capabilities() json.RawMessage {
	var members []string
	switch {
	case o.form && o.url:
		members = append(members, `"elicitation":{"form":{},"url":{}}`)
	case o.form:
		members = append(members, `"elicitation":{"form":{}}`)
	case o.url:
		members = append(members, `"elicitation":{"url":{}}`)
	}
	if o.sampling {
		members = append(members, `"sampling":{}`)
	}
	if o.roots {
		members = append(members, `"roots":{}`)
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}")
}

// exchange is what goes back and forth with this client while its request runs
// at a server.
func (a *asking) exchange(ctx context.Context, server *Server) *tools.Exchange {
	x := &tools.Exchange{Scope: a.caller.Key + "/" + a.caller.Session, Capabilities: a.offers.capabilities()}
	x.Samples = a.offers.sampling
	if server != nil && server.Forwards {
		x.Headers = a.headers[server.ID]
	}
	if level, ok := a.params.GetMeta()[mcp.MetaKeyLogLevel].(string); ok {
		x.LogLevel = level
	} else if !a.modern {
		x.LogLevel = a.room.g.level(a.session)
	}
	name := ""
	if server != nil {
		name = server.Name
	}
	x.Log = func(params json.RawMessage) { a.log(ctx, name, params) }
	if a.polled != nil {
		x.Paused = a.polled.sendAway
	}
	if a.modern {
		x.Rounds = true
	} else {
		x.Asked = func(inner context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
			// Asked for this request, whatever it was that the server asked from.
			both, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			defer context.AfterFunc(inner, func() { cancel(context.Cause(inner)) })()
			return a.ask(both, method, params)
		}
	}
	return x
}

// heed notes from which level on a session wants log messages. The SDK, which
// holds messages against it, does not tell.
func (r *room) heed(req mcp.Request) {
	s, ok := req.GetSession().(*mcp.ServerSession)
	p, has := req.GetParams().(*mcp.SetLoggingLevelParams)
	if !ok || !has || p == nil {
		return
	}
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	if c := r.g.clients[s]; c != nil {
		c.level = string(p.Level)
	}
}

func (g *Gateway) level(s *mcp.ServerSession) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.clients[s]; c != nil {
		return c.level
	}
	return ""
}

// log passes a server's log message on, with its name.
func (a *asking) log(ctx context.Context, server string, params json.RawMessage) {
	var p struct {
		Level, Logger string
		Data          json.RawMessage
	}
	if json.Unmarshal(params, &p) != nil || len(p.Data) == 0 {
		return
	}
	if server != "" && p.Logger != "" {
		server += "/"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := a.session.Log(ctx, &mcp.LoggingMessageParams{Level: mcp.LoggingLevel(p.Level), Logger: server + p.Logger, Data: p.Data}); err != nil && ctx.Err() == nil {
		a.room.g.o.Logger.Debug("a log message could not be passed on", "error", err)
	}
}

// ask asks the client what a server wants to know, in the older era.
func (a *asking) ask(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	var res any
	var err error
	switch method {
	case "elicitation/create":
		var p struct {
			Mode, Message, URL string
			Schema             json.RawMessage `json:"requestedSchema"`
			ID                 string          `json:"elicitationId"`
		}
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, err
		}
		ask := &mcp.ElicitParams{Mode: p.Mode, Message: p.Message, URL: p.URL, ElicitationID: p.ID}
		if len(p.Schema) > 0 {
			ask.RequestedSchema = p.Schema
		}
		res, err = a.session.Elicit(ctx, ask)
	case "sampling/createMessage":
		ask := &mcp.CreateMessageParams{}
		if err := json.Unmarshal(params, ask); err != nil {
			return nil, err
		}
		res, err = a.session.CreateMessage(ctx, ask)
	case "roots/list":
		res, err = a.session.ListRoots(ctx, &mcp.ListRootsParams{})
	default:
		return nil, fmt.Errorf("%q is not passed on", method)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(res)
}
