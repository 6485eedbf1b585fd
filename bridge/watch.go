package bridge

import (
	"context"
	"iter"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// GatewayView is what a page shows of the gateway and of who may use it.
type GatewayView struct {
	GatewayState
	Keys          []store.Key // the oldest first, revoked ones too
	Teams         []store.Team
	Organisations []store.Organisation
}

// viewBeat is how often a view of the gateway is taken without a change, since
// when a key and an app were used last changes with every request.
const viewBeat = 5 * time.Second

// WatchGateway yields how the gateway and its keys are: at once, at each change
// and now and then, until the context ends. An error says that the keys cannot be
// read; the state is there all the same.
func (b *Bridge) WatchGateway(ctx context.Context) iter.Seq2[GatewayView, error] {
	return func(yield func(GatewayView, error) bool) {
		beat := time.NewTicker(viewBeat)
		defer beat.Stop()
		for ctx.Err() == nil {
			// Asked for first, so that nothing is missed in between.
			gate, keys := b.WhenGatewayChanges(), b.WhenKeysChange()
			v, err := b.gatewayView(ctx)
			if ctx.Err() != nil || !yield(v, err) {
				return
			}
			select {
			case <-gate:
			case <-keys:
			case <-beat.C:
			case <-ctx.Done():
			}
		}
	}
}

func (b *Bridge) gatewayView(ctx context.Context) (v GatewayView, err error) {
	v.GatewayState = b.Gateway()
	if v.Keys, err = b.Keys(ctx); err != nil {
		return v, err
	}
	if v.Teams, err = b.Teams(ctx); err != nil {
		return v, err
	}
	v.Organisations, err = b.Organisations(ctx)
	return v, err
}

// WatchAudit yields at once and whenever records were written, until the context
// ends.
func (b *Bridge) WatchAudit(ctx context.Context) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		for ctx.Err() == nil {
			written := b.audit.written.wait()
			if !yield(struct{}{}) {
				return
			}
			select {
			case <-written:
			case <-ctx.Done():
			}
		}
	}
}

// WatchBridge yields whether the bridge is raised: at once and whenever it was
// raised or lowered, until the context ends.
func (b *Bridge) WatchBridge(ctx context.Context) iter.Seq[bool] {
	return func(yield func(bool) bool) {
		for ctx.Err() == nil {
			changed := b.WhenBridgeChanges()
			if !yield(b.Raised(ctx)) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}
