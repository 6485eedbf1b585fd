package mcphost

import (
	"context"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	pingEvery   = 30 * time.Second // while no request runs
	pingLimit   = 15 * time.Second // for the answer
	pingsFailed = 2                // in a row; then the server counts as dead
)

// ping asks whether the server is there ("Ping" of the specification's older
// era; the newer has none). Any answer will do, also a refusal.
func (k *link) ping(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	answer := &capture{}
	defer answer.release()
	err := k.session.Ping(withCapture(ctx, answer), &mcp.PingParams{})
	return err == nil || answer.refusal() != nil
}

// pingable reports whether the server's era has pings.
func (k *link) pingable() bool { return k.session.InitializeResult().ProtocolVersion <= olderEra }

// busy reports whether a request runs: a server may do one thing at a time.
func (k *link) busy() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.calls) > 0
}

// guard pings the server as long as it lives, and ends the link when it does
// not answer.
func (k *link) guard(ctx context.Context) {
	if !k.pingable() {
		return
	}
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	failed := 0
	for {
		select {
		case <-k.dead:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch {
		case k.busy():
			failed = 0
		case k.ping(ctx):
			failed = 0
		case k.busy(): // since
		default:
			if failed++; failed >= pingsFailed && !k.isDead() && ctx.Err() == nil {
				k.log.add("it did not answer to pings")
				k.die(errMute)
				return
			}
		}
	}
}
