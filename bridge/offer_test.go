package bridge

import (
	"slices"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestWithheld finds the tools that are on and are not offered.
func TestWithheld(t *testing.T) {
	tool := func(server, name string) tools.Tool {
		return tools.Tool{Ref: tools.Ref{Server: server, Tool: name}}
	}
	passed := []tools.Tool{tool("a", "read"), tool("a", "write"), tool("a", "off"), tool("b", "say")}
	s := store.Switches{}.SetTool("a", "off", false)
	got := withheld(passed, []tools.Tool{passed[0], passed[3]}, s)
	if want := []tools.Ref{passed[1].Ref}; !slices.Equal(got, want) {
		t.Errorf("withheld %v, want %v", got, want)
	}
}
