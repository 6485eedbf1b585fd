package gateway

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

func (a *asking) listTools(ctx context.Context) (mcp.Result, error) {
	p, ok := a.params.(*mcp.ListToolsParams)
	v, err := a.room.look(ctx, a.caller)
	if err != nil {
		return nil, internal(a.room.g, "list the tools", err)
	}
	cursor := ""
	if ok && p != nil {
		cursor = p.Cursor
	}
	return a.list("tools", v.tools, cursor)
}

func (a *asking) callTool(ctx context.Context) (mcp.Result, error) {
	p, ok := a.params.(*mcp.CallToolParamsRaw)
	if !ok || p == nil || p.Name == "" {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "the name of the tool is missing"}
	}
	v, err := a.room.look(ctx, a.caller)
	if err != nil {
		return nil, internal(a.room.g, "look up the tool", err)
	}
	ref, ok := v.find(p.Name)
	if !ok {
		return a.denied(ctx, p.Name, p.Arguments)
	}
	server := v.server(ref.Server)
	if server == nil {
		return a.denied(ctx, p.Name, p.Arguments)
	}
	args := p.Arguments
	if len(args) == 0 || string(args) == "null" {
		args = json.RawMessage("{}")
	}
	answered, err := a.run(ctx, server, p.RequestState, p.InputResponses, func(ctx context.Context) (answer, error) {
		got := a.room.g.o.Runner.Call(ctx, a.caller, ref, args, a.progress(ctx, p.GetProgressToken()))
		return answer{call: &got}, nil
	})
	if err != nil {
		return nil, err
	}
	if answered.asks != nil {
		return a.passed(answered.asks)
	}
	got := answered.call
	switch {
	case got.Refusal != nil:
		return nil, refused(got.Refusal)
	case got.Status == 404:
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf("unknown tool %q", p.Name)}
	case got.Status == 0 && got.Result.Wire != nil:
		return a.passed(got.Result.Wire)
	}
	return a.ours(got.Result, got.Status)
}

// denied answers a call of something that the caller cannot see. Whether it is
// there for others, the answer does not say.
func (a *asking) denied(ctx context.Context, name string, args json.RawMessage) (mcp.Result, error) {
	say := a.room.g.o.Runner.Unseen(ctx, a.caller, name, args)
	if say == "" {
		say = fmt.Sprintf("Tool %s is not allowed for this key, or there is none of that name. Whoever made the key can allow it in Drawbridge.", name)
	}
	return a.ours(tools.ErrorResult(say), 403)
}

// progress passes a server's reports on, if the client wants them.
func (a *asking) progress(ctx context.Context, token any) func(tools.Progress) {
	if token == nil {
		return nil
	}
	return func(p tools.Progress) {
		err := a.session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
			ProgressToken: token, Progress: p.Done, Total: p.Total, Message: p.Message,
		})
		if err != nil && ctx.Err() == nil {
			a.room.g.o.Logger.Debug("progress could not be passed on", "error", err)
		}
	}
}
