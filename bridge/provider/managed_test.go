package provider

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

func TestManagedText(t *testing.T) {
	t.Parallel()
	call := store.ManagedCall{ID: "mcp_1", Server: "docs", Tool: "search", Arguments: json.RawMessage(`{"q":"x"}`), State: store.ManagedDone, Content: store.Parts{store.Text{Text: "found"}}}
	with := func(change func(*store.ManagedCall)) store.ManagedCall {
		c := call
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		call store.ManagedCall
		want string
	}{
		"done":         {call, "[The tool search of the server docs, with the arguments {\"q\":\"x\"}, was run and returned:\nfound]"},
		"failed":       {with(func(c *store.ManagedCall) { c.IsError = true }), "[The tool search of the server docs, with the arguments {\"q\":\"x\"}, failed:\nfound]"},
		"nothing":      {with(func(c *store.ManagedCall) { c.Content, c.Arguments = nil, nil }), "[The tool search of the server docs, was run and returned:\n" + emptyResult + "]"},
		"asked":        {with(func(c *store.ManagedCall) { c.State = store.ManagedAsked }), "[The tool search of the server docs, with the arguments {\"q\":\"x\"}, waited for the person's permission.]"},
		"running":      {with(func(c *store.ManagedCall) { c.State = store.ManagedRunning }), "[The tool search of the server docs, with the arguments {\"q\":\"x\"}, was cut off before it returned.]"},
		"name of many": {with(func(c *store.ManagedCall) { c.Tool = "a\nb\x1b[1m" }), "[The tool a b[1m of the server docs, with the arguments {\"q\":\"x\"}, was run and returned:\nfound]"},
	} {
		if got := managedText(test.call); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	long := with(func(c *store.ManagedCall) {
		c.Tool = strings.Repeat("t", 1<<20)
		c.Arguments = json.RawMessage(`"` + strings.Repeat("a", 1<<20) + `"`)
		c.Content = store.Parts{store.Text{Text: strings.Repeat("é", 1<<20)}}
	})
	if n := len(managedText(long)); n > 20<<10 || n < 16<<10 {
		t.Errorf("a long call takes %d bytes", n)
	}
}
