package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// managed tells what a provider did on servers that it connects to itself.
func (p *textPrinter) managed(m store.Message) {
	for _, part := range m.Parts {
		switch part := part.(type) {
		case store.ManagedListing:
			if part.Error != "" {
				fmt.Fprintf(p.err, "✗ %s, by the provider: %s\n", visible(part.Server), visible(part.Error))
			} else {
				fmt.Fprintf(p.err, "⇢ %s, by the provider: %d tools\n", visible(part.Server), len(part.Tools))
			}
		case store.ManagedCall:
			name := part.Server + "__" + part.Tool
			p.names[part.ID] = name
			mark := "✓"
			switch {
			case part.State == store.ManagedAsked:
				mark = "→"
			case part.IsError:
				mark = "✗"
			}
			fmt.Fprintf(p.err, "%s %s %s (by the provider)\n", mark, visible(name), visible(string(part.Arguments)))
			if part.IsError {
				fmt.Fprintf(p.err, "  %s\n", visible(strings.TrimSpace(part.Content.Text())))
			}
		}
	}
}

// managedLines are the same as events.
func managedLines(m store.Message) []eventJSON {
	var lines []eventJSON
	for _, part := range m.Parts {
		switch part := part.(type) {
		case store.ManagedListing:
			lines = append(lines, eventJSON{Type: "managed_listing", Message: m.ID, Server: part.Server, Tools: part.Tools, Error: part.Error})
		case store.ManagedCall:
			lines = append(lines, eventJSON{
				Type: "managed_call", Message: m.ID, ID: part.ID, Server: part.Server, Tool: part.Tool, Arguments: part.Arguments,
				State: string(part.State), IsError: &part.IsError, Content: part.Content,
			})
		}
	}
	return lines
}

// clientSide says what helps when a provider cannot use a server itself; empty
// if that is not what failed.
func clientSide(b *bridge.Bridge, err error) string {
	var failed *model.Error
	if !errors.As(err, &failed) || failed.Kind != model.ErrorManaged || failed.Server == "" {
		return ""
	}
	v, err := b.Server(failed.Server)
	if err != nil {
		return ""
	}
	return "to run its tools here instead: drawbridge servers mode " + setup.Join(v.Server.Name) + " client"
}
