package provider

import (
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// What a model is told of a call that another model's provider ran, in bytes.
const (
	maxManagedName      = 200
	maxManagedArguments = 2 << 10
	maxManagedContent   = 16 << 10
)

// managedText tells a model of a call that the provider of another entry, or of
// another model, ran itself: this one never made it, and has no item for it.
// The text is bounded, since what a server returned may be of any length; the
// whole of it stays in the history.
func managedText(c store.ManagedCall) string {
	var b strings.Builder
	b.WriteString("[The tool " + clean(c.Tool, maxManagedName) + " of the server " + clean(c.Server, maxManagedName))
	if args := strings.TrimSpace(string(c.Arguments)); args != "" && args != "{}" {
		b.WriteString(", with the arguments " + cut(args, maxManagedArguments))
	}
	switch c.State {
	case store.ManagedAsked:
		b.WriteString(", was asked for and did not run.]")
		return b.String()
	case store.ManagedDone:
	default:
		b.WriteString(", was cut off before it returned.]")
		return b.String()
	}
	said := strings.Join(resultTexts(store.ToolResult{Content: c.Content}, func(store.Image) bool { return false }), "\n")
	if said == "" {
		said = emptyResult
	}
	if c.IsError {
		b.WriteString(", failed:\n")
	} else {
		b.WriteString(", was run and returned:\n")
	}
	b.WriteString(cut(said, maxManagedContent) + "]")
	return b.String()
}
