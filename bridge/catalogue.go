package bridge

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// catalogue holds what the servers listed, as far as the policy let it pass.
// It is the only source of tools for models and calls: what a server defines
// differently from what a person has seen never enters it.
type catalogue struct {
	policy  *policy.Engine
	logger  *slog.Logger
	changed *signal
	kick    chan struct{} // look again at what is held

	mu     sync.RWMutex     // protects what follows; each is replaced as a whole
	taken  []mcphost.Status // what views were made of
	views  []ServerView
	list   []tools.Tool              // that passed
	listed map[tools.Ref]*tools.Tool // as the servers list them, held ones too
}

// ServerView is a server with everything that a person is shown of it.
type ServerView struct {
	mcphost.Status
	// Hash is what ApproveServer takes: it identifies the command that is shown.
	Hash string
	// Held are definitions that changed, or came, after a person had seen the
	// others. No model gets them until ApproveTools.
	Held []policy.Held
	// Passed are the tools that may be offered.
	Passed []tools.Tool
	// LeftOut are tools that cannot be used, with the reason.
	LeftOut []policy.LeftOut
	// Managed says whether providers connect to it themselves.
	Managed Managed
}

func newCatalogue(p *policy.Engine, logger *slog.Logger) *catalogue {
	return &catalogue{
		policy: p, logger: logger, changed: newSignal(), kick: make(chan struct{}, 1),
	}
}

// follow takes each new state of the servers until the context ends.
func (c *catalogue) follow(ctx context.Context, host *mcphost.Manager) {
	latest := make(chan []mcphost.Status, 1)
	var watching sync.WaitGroup
	watching.Go(func() {
		for statuses := range host.Watch(ctx) {
			select { // the newest replaces one that was not taken yet
			case <-latest:
			default:
			}
			latest <- statuses
		}
	})
	defer watching.Wait()
	var statuses []mcphost.Status
	for {
		select {
		case <-ctx.Done():
			return
		case statuses = <-latest:
		case <-c.kick:
		}
		c.take(ctx, statuses)
	}
}

// again has the policy look at the listings once more, after an approval.
func (c *catalogue) again() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *catalogue) take(ctx context.Context, statuses []mcphost.Status) {
	views := make([]ServerView, 0, len(statuses))
	listed := map[tools.Ref]*tools.Tool{}
	var list []tools.Tool
	for _, s := range statuses {
		v := ServerView{Status: s, Hash: s.Server.Hash(), Managed: c.managed(ctx, s.Server)}
		if s.State == mcphost.Stopped {
			// A server that nobody tried to start yet may have to wait, too.
			if err := c.policy.MayStart(ctx, s.Server); errors.Is(err, store.ErrHeld) {
				v.State, v.Error = mcphost.Held, err.Error()
			}
		}
		if s.Callable() {
			r, err := c.review(ctx, s)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				c.logger.Error("definitions cannot be compared with those that were seen", "server", s.Server.ID, "error", err)
				v.State = mcphost.Failed
				v.Error = "Its tools are not offered: " + err.Error()
			}
			if err := c.policy.RulesApproved(ctx, s.Server.ID); err != nil {
				if ctx.Err() != nil {
					return
				}
				v.State, v.Error = mcphost.Held, err.Error()
				if !errors.Is(err, store.ErrHeld) {
					v.State = mcphost.Failed
				}
				r.Passed, r.Instructions = nil, nil
			}
			v.Passed, v.Held, v.LeftOut, v.Instructions = r.Passed, r.Held, r.LeftOut, r.Instructions
			for i := range s.Tools {
				listed[s.Tools[i].Ref] = &s.Tools[i]
			}
			for _, l := range v.LeftOut {
				delete(listed, tools.Ref{Server: s.Server.ID, Tool: l.Name})
			}
			v.Passed = inTurn(v.Passed, s.Server.Serial)
			list = append(list, v.Passed...)
		}
		views = append(views, v)
	}
	c.mu.Lock()
	c.taken, c.views, c.listed, c.list = statuses, views, listed, list
	c.mu.Unlock()
	c.changed.fire()
}

// inTurn marks the tools of a server whose calls run in turn.
func inTurn(list []tools.Tool, serial bool) []tools.Tool {
	if !serial {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Serial = true
	}
	return list
}

// review asks the policy.
func (c *catalogue) review(ctx context.Context, s mcphost.Status) (policy.Review, error) {
	if s.Server.Transport == store.TransportBuiltin {
		return c.policy.ReviewBuiltin(s.Server.ID, s.Tools, s.Instructions), nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return c.policy.Review(ctx, s.Server.ID, s.Tools, s.Instructions)
}

// servers returns the views. Do not change what they point to.
func (c *catalogue) servers() []ServerView {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.views)
}

// upToDate reports whether the views show these states.
func (c *catalogue) upToDate(statuses []mcphost.Status) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.EqualFunc(c.taken, statuses, func(a, b mcphost.Status) bool {
		return a.Server.ID == b.Server.ID && a.Generation == b.Generation && a.State == b.State && a.Server.Hash() == b.Server.Hash() && sameList(a.Tools, b.Tools) && reflect.DeepEqual(a.SignIn, b.SignIn)
	})
}

// sameList reports whether two listings are the very same; each new one is a
// slice of its own.
func sameList(a, b []tools.Tool) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// passed returns every tool that may be offered.
func (c *catalogue) passed() []tools.Tool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.list
}

// lookup returns the tool as its server lists it, held or not, and nil if there
// is none.
func (c *catalogue) lookup(ref tools.Ref) *tools.Tool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.listed[ref]
}

// instructions returns what the servers whose tools can be called tell models, as far as seen.
func (c *catalogue) instructions() []tools.Instructions {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []tools.Instructions
	for _, v := range c.views {
		if v.Instructions != nil && v.State != mcphost.Failed {
			out = append(out, *v.Instructions)
		}
	}
	return out
}
