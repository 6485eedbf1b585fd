package bridge

import (
	"context"
	"iter"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// ServerLogLines is ServerLog with what is known of each line.
func (b *Bridge) ServerLogLines(id string) []mcphost.LogLine { return b.host.LogLines(id) }

// WatchServerLog yields at once, and whenever lines or recorded messages of the
// server have come since, until the context ends.
func (b *Bridge) WatchServerLog(ctx context.Context, id string) iter.Seq[struct{}] {
	return b.host.WatchLog(ctx, id)
}

// ClearServerLog forgets the lines and messages of a server that are kept in
// memory; its file stays. The function that it returns takes that back, once, and
// may be called from any goroutine.
func (b *Bridge) ClearServerLog(id string) (back func()) { return b.host.ClearLog(id) }

// RecordServerMessages switches on or off that the messages of JSON-RPC to and
// from a server are kept, in memory and without secrets.
func (b *Bridge) RecordServerMessages(id string, on bool) { b.host.RecordMessages(id, on) }

// ServerMessages returns what was recorded, oldest first, and whether more is.
func (b *Bridge) ServerMessages(id string) (list []mcphost.Message, recording bool) {
	return b.host.Messages(id)
}
