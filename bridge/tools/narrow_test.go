package tools_test

import (
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// TestNarrowedIsAnotherTool has what remembers schemas tell one that was narrowed
// from the whole one, though both are of one definition.
func TestNarrowedIsAnotherTool(t *testing.T) {
	t.Parallel()
	whole := tools.Tool{
		Ref: tools.Ref{Server: "s", Tool: "t"}, Hash: "h",
		InputSchema: []byte(`{"type":"object","properties":{"kept":{"type":"string"},"hidden":{"type":"string"}},"required":["kept","hidden"]}`),
	}
	narrowed := tools.Narrow(whole, func(name string) bool { return name == "hidden" })
	c, v := tools.NewConverter(), tools.NewValidator()
	for range 2 {
		for _, tool := range []tools.Tool{whole, narrowed} {
			text := string(tools.JSON(tools.Chat.Format, c.Table([]tools.Tool{tool}, tools.Chat, false).Functions()))
			if strings.Contains(text, "hidden") != (tool.Narrowed == "") {
				t.Errorf("offered is %s", text)
			}
			if err := v.Check(tool, []byte(`{"kept":"x"}`)); (err == nil) != (tool.Narrowed != "") {
				t.Errorf("checked against the other schema: %v", err)
			}
		}
	}
}
