package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// slowServer is an MCP server over stdio that takes its time for each call, and
// leaves its process id in the folder PIDS. Where RAN names a file, it notes
// each call there.
func slowServer() {
	if err := os.WriteFile(filepath.Join(os.Getenv("PIDS"), strconv.Itoa(os.Getpid())), nil, 0o600); err != nil {
		panic(err)
	}
	pause, err := time.ParseDuration(os.Getenv("PAUSE"))
	if err != nil {
		panic(err)
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "slow", Version: "1"}, nil)
	type args struct {
		Text string `json:"text"`
	}
	mcp.AddTool(server, &mcp.Tool{Name: "say", Description: "Says it again, slowly."},
		func(ctx context.Context, _ *mcp.CallToolRequest, a args) (*mcp.CallToolResult, any, error) {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			}
			if ran := os.Getenv("RAN"); ran != "" {
				if err := appendLine(ran, a.Text); err != nil {
					return nil, nil, err
				}
			}
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "slowly: " + a.Text}}}, nil, nil
		})
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		os.Exit(1)
	}
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// tellerPrefix begins the names of the variables that the teller gives away.
const tellerPrefix = "TOLD_"

// tellerServer is an MCP server over stdio that says its secrets wherever it
// can: before it speaks the protocol, on its standard error, in its
// definitions, results, errors and logs. It notes in the file RECORD what it was
// given: its arguments, all that it read, and a hash of each secret. MODE may
// be "garbage" (no protocol at all) or "exit" (it ends at once).
func tellerServer() {
	record, err := os.OpenFile(os.Getenv("RECORD"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	note := func(format string, a ...any) {
		if _, err := fmt.Fprintf(record, format+"\n", a...); err != nil {
			panic(err)
		}
	}
	note("args %q", os.Args)
	var values []string
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, tellerPrefix) {
			sum := sha256.Sum256([]byte(value))
			note("got %s %s", name, hex.EncodeToString(sum[:]))
			values = append(values, value)
		} else {
			note("inherited %s", kv)
		}
	}
	told := strings.Join(values, " and ")
	fmt.Printf("Welcome! My keys are %s.\n", told)
	fmt.Fprintf(os.Stderr, "using %s\nand without an end: %s", told, told)
	switch os.Getenv("MODE") {
	case "garbage":
		fmt.Printf("{\"jsonrpc\":\"2.0\",\"error\":{\"message\":%q}}\n%s\n", told, told)
		_, _ = os.Stdin.Read(make([]byte, 1))
		fmt.Println(told)
		return
	case "exit":
		os.Exit(3)
	}

	server := mcp.NewServer(&mcp.Implementation{Name: "teller " + told, Version: told},
		&mcp.ServerOptions{Instructions: "Connected with " + told})
	type args struct{}
	add := func(name string, f func(*mcp.CallToolRequest) (*mcp.CallToolResult, error)) {
		schema, err := json.Marshal(map[string]any{
			"type": "object", "properties": map[string]any{"account": map[string]any{"type": "string", "default": told, "description": told}},
		})
		if err != nil {
			panic(err)
		}
		server.AddTool(&mcp.Tool{Name: name, Title: told, Description: "Signed in with " + told, InputSchema: json.RawMessage(schema)},
			func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) { return f(r) })
	}
	add("leak", func(r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ctx := context.Background()
		//lint:ignore SA1019 servers do it
		_ = r.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "error", Data: told})
		if token := r.Params.GetProgressToken(); token != nil {
			_ = r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: 1, Message: told})
		}
		return &mcp.CallToolResult{
			Content: []mcp.Content{
				&mcp.TextContent{Text: "they are " + told},
				&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "secret://x", MIMEType: "text/plain", Text: told}},
				&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "secret://y", MIMEType: "application/octet-stream", Blob: []byte(told)}},
				&mcp.ResourceLink{URI: "secret://z", Name: told, Title: told},
			},
			StructuredContent: map[string]any{"all": told, "each": values},
		}, nil
	})
	add("fail", func(*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: "not with " + told}}}, nil
	})
	add("refuse", func(*mcp.CallToolRequest) (*mcp.CallToolResult, error) { return nil, errors.New("never with " + told) })
	add("crash", func(*mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		fmt.Fprintf(os.Stderr, "panic: %s\n", told)
		os.Exit(3)
		return nil, nil
	})
	mcp.AddTool(server, &mcp.Tool{Name: "quiet"}, func(context.Context, *mcp.CallToolRequest, args) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "nothing"}}}, nil, nil
	})
	in := io.NopCloser(io.TeeReader(os.Stdin, record))
	if err := server.Run(context.Background(), &mcp.IOTransport{Reader: in, Writer: os.Stdout}); err != nil {
		os.Exit(1)
	}
}
