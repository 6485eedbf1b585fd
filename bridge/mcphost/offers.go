package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Offers says what a server has beside tools, as it declares it.
type Offers struct {
	Resources   bool
	Subscribe   bool // to changes of a resource
	Prompts     bool
	Completions bool
	// Revision counts how often the server said that its resources or prompts
	// changed.
	Revision uint64
}

// The lists that are kept, by the method that asks for them.
const (
	listResources = "resources/list"
	listTemplates = "resources/templates/list"
	listPrompts   = "prompts/list"
)

// The bounds of a list of resources, templates or prompts. What lies beyond is
// left out, and the log says so.
const (
	offersMax      = 10_000
	offersBytesMax = 32 << 20
)

// offers is what a link keeps of its server's resources and prompts: nothing,
// until somebody asks.
type offers struct {
	mu        sync.Mutex // protects what follows
	lists     map[string]kept
	revision  uint64
	listeners map[string]map[chan struct{}]struct{} // by the URI of a resource
}

// kept is a list that was asked for.
type kept struct {
	value any
	until time.Time // zero: until the server says that it changed
}

func newOffers() *offers {
	return &offers{lists: map[string]kept{}, listeners: map[string]map[chan struct{}]struct{}{}}
}

func (o *offers) now(c *mcp.ServerCapabilities) Offers {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := Offers{Revision: o.revision}
	if c != nil {
		out.Resources, out.Prompts, out.Completions = c.Resources != nil, c.Prompts != nil, c.Completions != nil
		out.Subscribe = c.Resources != nil && c.Resources.Subscribe
	}
	return out
}

// forget drops a list that the server says has changed.
func (o *offers) forget(list string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.lists, list)
	o.revision++
}

// get returns a list that still counts, and the revision to hand to put.
func (o *offers) get(list string) (any, uint64, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, ok := o.lists[list]
	if ok && !k.until.IsZero() && time.Now().After(k.until) {
		delete(o.lists, list)
		ok = false
	}
	return k.value, o.revision, ok
}

// put keeps a list, unless something changed since it was asked for.
func (o *offers) put(list string, value any, ttl time.Duration, revision uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.revision != revision {
		return
	}
	k := kept{value: value}
	if ttl >= 0 {
		k.until = time.Now().Add(max(ttl, ttlMin))
	}
	o.lists[list] = k
}

// updated wakes who listens for a resource.
func (o *offers) updated(uri string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for ch := range o.listeners[uri] {
		select {
		case ch <- struct{}{}:
		default: // it has not looked yet at the change before
		}
	}
}

// errTooManyListeners bounds what one server is asked to watch.
var errTooManyListeners = errors.New("too many of its resources are watched already")

const listenersMax = 100

// listen registers for changes of a resource. first says that nobody listened
// before, and what stop returns that nobody does any more.
func (o *offers) listen(uri string) (changed <-chan struct{}, first bool, stop func() (last bool), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.listeners) >= listenersMax && o.listeners[uri] == nil {
		return nil, false, nil, errTooManyListeners
	}
	ch := make(chan struct{}, 1)
	first = o.listeners[uri] == nil
	if first {
		o.listeners[uri] = map[chan struct{}]struct{}{}
	}
	o.listeners[uri][ch] = struct{}{}
	return ch, first, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.listeners[uri], ch)
		if len(o.listeners[uri]) > 0 {
			return false
		}
		delete(o.listeners, uri)
		return true
	}, nil
}

// Lists may say for how long they count ("Caching" of the specification). Less
// than ttlMin is not taken literally, so that nobody is asked all the time.
const (
	ttlMin = 5 * time.Second
	ttlMax = 24 * time.Hour
)

// ttlOf returns for how long a list counts; negative if it does not say.
func ttlOf(m map[string]json.RawMessage) time.Duration {
	var ms float64
	raw, ok := m["ttlMs"]
	if !ok || json.Unmarshal(raw, &ms) != nil || ms < 0 {
		return -1
	}
	return time.Duration(min(ms, float64(ttlMax.Milliseconds()))) * time.Millisecond
}

// emptyResult is what the SDK gets in the place of a result that was captured.
func emptyResult(method string) mcp.Result {
	switch method {
	case listResources:
		return &mcp.ListResourcesResult{}
	case listTemplates:
		return &mcp.ListResourceTemplatesResult{}
	case listPrompts:
		return &mcp.ListPromptsResult{}
	case "resources/read":
		return &mcp.ReadResourceResult{}
	case "prompts/get":
		return &mcp.GetPromptResult{}
	}
	return &mcp.CompleteResult{}
}

// pages asks for a whole list, page by page, and hands each item to add, as it
// was sent. It returns for how long the list counts; negative if the server
// does not say.
func (k *link) pages(ctx context.Context, o Options, list, member string, add func(json.RawMessage) error) (time.Duration, error) {
	what := "its list of " + member
	ttl := time.Duration(-1)
	items, size := 0, 0
	cursors := map[string]bool{}
	for cursor, n := "", 1; ; n++ {
		raw, err := k.ask(ctx, o, func(ctx context.Context, _ round) error {
			var err error
			switch list {
			case listResources:
				_, err = k.session.ListResources(ctx, &mcp.ListResourcesParams{Cursor: cursor})
			case listTemplates:
				_, err = k.session.ListResourceTemplates(ctx, &mcp.ListResourceTemplatesParams{Cursor: cursor})
			default:
				_, err = k.session.ListPrompts(ctx, &mcp.ListPromptsParams{Cursor: cursor})
			}
			return err
		})
		if err != nil {
			return 0, err
		}
		var m map[string]json.RawMessage
		var page []json.RawMessage
		if json.Unmarshal(raw, &m) != nil || json.Unmarshal(m[member], &page) != nil {
			return 0, fmt.Errorf("the server %q answered to %s with no list", k.name, list)
		}
		if t := ttlOf(m); t >= 0 && (ttl < 0 || t < ttl) {
			ttl = t
		}
		for _, one := range page {
			if items++; items > offersMax {
				k.log.add(fmt.Sprintf("%s has more than %d entries; the rest is left out", what, offersMax))
				return ttl, nil
			}
			if size += len(one); size > offersBytesMax {
				k.log.add(fmt.Sprintf("%s is longer than %d MiB; the rest is left out", what, offersBytesMax>>20))
				return ttl, nil
			}
			if err := add(one); err != nil {
				k.log.add(k.redactor.Text(fmt.Sprintf("an entry of %s is left out: %v", what, err)))
			}
		}
		var next string
		if v, ok := m["nextCursor"]; ok && json.Unmarshal(v, &next) != nil {
			return 0, fmt.Errorf("the server %q continues %s with something that is no text", k.name, what)
		}
		switch {
		case len(next) > cursorMax:
			return 0, fmt.Errorf("the server %q continues %s with a mark of %d KiB, longer than the %d that are taken", k.name, what, len(next)>>10, cursorMax>>10)
		case next == "":
			return ttl, nil
		case cursors[next]:
			k.log.add(what + " goes in a circle; what was listed until then counts")
			return ttl, nil
		case n == pagesMax:
			k.log.add(fmt.Sprintf("%s has more than %d pages; the rest is left out", what, pagesMax))
			return ttl, nil
		}
		cursors[next] = true
		cursor = next
	}
}
