// Command conformance is the client that the conformance suite of the Model
// Context Protocol tests: Drawbridge's own host of servers, bridge/mcphost, and
// nothing beside it. The suite starts it with the URL of the server that it is
// to use, and says the scenario in the environment.
//
// It does what any scenario may ask for: it connects, lists the tools, calls
// those that the scenario names, or else each of them once, with arguments made
// from its schema, and leaves. make conformance runs all scenarios and prints
// the table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 100*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// scenario is what the suite says in MCP_CONFORMANCE_CONTEXT.
type scenario struct {
	ToolCalls []struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"toolCalls"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Name         string `json:"-"` // MCP_CONFORMANCE_SCENARIO
}

func run(ctx context.Context) (err error) {
	if len(os.Args) < 2 {
		return errors.New("the URL of the server is missing")
	}
	var told scenario
	if text := os.Getenv("MCP_CONFORMANCE_CONTEXT"); text != "" {
		if err := json.Unmarshal([]byte(text), &told); err != nil {
			return fmt.Errorf("read the scenario's context: %w", err)
		}
	}
	told.Name = os.Getenv("MCP_CONFORMANCE_SCENARIO")
	host := mcphost.New(mcphost.Options{
		Gate: open{}, Secrets: open{secret: told.ClientSecret}, ClientDocument: clientDocument, Elicitor: open{}, Environ: os.Environ, Version: "conformance",
		// Two dozen clients start at once beside the one process with all their servers.
		StartTimeout: 90 * time.Second, DiscoverTimeout: 45 * time.Second,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		err = errors.Join(err, host.Close(ctx))
	}()
	const id = "suite"
	p := person{host: host, config: store.ServerConfig{ID: id, Name: id, Transport: store.TransportHTTP, URL: os.Args[len(os.Args)-1], Auth: authOf(told)}}
	host.Apply([]store.ServerConfig{p.config})
	if err := host.Ready(ctx, id); err != nil {
		return err
	}
	for p.needed() {
		if err := p.signIn(ctx); err != nil {
			return err
		}
	}
	for _, s := range host.Statuses() {
		if s.State != mcphost.Ready {
			return fmt.Errorf("the server is %s: %s", s.State, s.Error)
		}
	}
	offered := host.Tools()
	call := func(name string, arguments json.RawMessage) error {
		result, err := host.Call(ctx, tools.Ref{Server: id, Tool: name}, arguments, nil)
		for (err != nil || result.IsError) && p.needed() {
			if err := p.signIn(ctx); err != nil {
				return err
			}
			result, err = host.Call(ctx, tools.Ref{Server: id, Tool: name}, arguments, nil)
		}
		if err != nil {
			return fmt.Errorf("call %s: %w", name, err)
		}
		fmt.Printf("%s %s → %q (error: %v)\n", name, arguments, result.Content.Text(), result.IsError)
		return nil
	}
	if len(told.ToolCalls) > 0 {
		for _, c := range told.ToolCalls {
			if err := call(c.Name, c.Arguments); err != nil {
				return err
			}
		}
		return nil
	}
	for _, t := range offered {
		arguments, err := sample(t.InputSchema)
		if t.Tool == "json_schema_echo" { // it wants the other tool's schema back
			for _, other := range offered {
				if other.Tool == "json_schema_2020_12_tool" {
					arguments, err = json.Marshal(map[string]any{"schema": other.InputSchema})
				}
			}
		}
		if err != nil {
			return fmt.Errorf("make arguments for %s: %w", t.Tool, err)
		}
		if err := call(t.Tool, arguments); err != nil {
			return err
		}
	}
	return nil
}

// sample makes arguments that fit a plain schema.
func sample(schema json.RawMessage) (json.RawMessage, error) {
	var object struct {
		Properties map[string]struct {
			Type string `json:"type"`
			Enum []any  `json:"enum"`
		} `json:"properties"`
		Required []string `json:"required"`
	}
	if err := json.Unmarshal(schema, &object); err != nil {
		return nil, err
	}
	arguments := map[string]any{}
	for _, name := range object.Required {
		p := object.Properties[name]
		switch {
		case len(p.Enum) > 0:
			arguments[name] = p.Enum[0]
		case p.Type == "number" || p.Type == "integer":
			arguments[name] = 5
		case p.Type == "boolean":
			arguments[name] = true
		case p.Type == "array":
			arguments[name] = []any{}
		case p.Type == "object":
			arguments[name] = map[string]any{}
		default:
			arguments[name] = "text"
		}
	}
	return json.Marshal(arguments)
}

// open lets the suite's server run, and knows no secret.
type open struct{ secret string }

// Elicit accepts, and leaves every field at its default.
func (open) Elicit(context.Context, mcphost.Elicitation) (mcphost.ElicitAnswer, error) {
	return mcphost.ElicitAnswer{Action: mcphost.Accepted}, nil
}

func (open) MayStart(context.Context, store.ServerConfig) error { return nil }

func (o open) Get(_ context.Context, ref store.SecretRef) (store.Secret, error) {
	if ref == clientSecret && o.secret != "" {
		return store.NewSecret(o.secret), nil
	}
	return store.Secret{}, fmt.Errorf("%s: %w", ref, store.ErrNotFound)
}
