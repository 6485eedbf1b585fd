package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// The bounds of one listing. What lies beyond is left out, and the log says so.
const (
	toolsMax   = 10_000
	pagesMax   = 1_000
	listingMax = 64 << 20 // bytes of all pages
	cursorMax  = 64 << 10 // bytes of the mark of a page
)

// catalogue is what a server listed. It does not change.
type catalogue struct {
	tools  []tools.Tool
	byName map[string]tools.Tool
	stale  time.Time // when it no longer counts; zero if the server does not say
}

// list asks for all tools, page by page. A definition that cannot be used is
// left out and noted; it does not void the others.
func (k *link) list(ctx context.Context) (*catalogue, error) {
	c := &catalogue{byName: map[string]tools.Tool{}}
	caps := k.session.InitializeResult().Capabilities
	if caps == nil || caps.Tools == nil {
		return c, nil
	}
	var size int
	cursors := map[string]bool{}
	for cursor, pages := "", 1; ; pages++ {
		raw, next, ttl, err := k.page(ctx, cursor)
		if err != nil {
			return nil, err
		}
		if ttl != 0 || !caps.Tools.ListChanged {
			c.expire(ttl)
		}
		for _, one := range raw {
			if size += len(one); size > listingMax {
				k.log.add(fmt.Sprintf("the definitions of its tools are longer than %d MiB in all; the rest is left out", listingMax>>20))
				return c, nil
			}
			if len(c.tools) == toolsMax {
				k.log.add(fmt.Sprintf("it lists more than %d tools; the rest is left out", toolsMax))
				return c, nil
			}
			k.addTool(c, one)
		}
		switch {
		case next == "":
			return c, nil
		case cursors[next]:
			k.log.add("its list of tools goes in a circle; what was listed until then counts")
			return c, nil
		case pages == pagesMax:
			k.log.add(fmt.Sprintf("its list of tools has more than %d pages; the rest is left out", pagesMax))
			return c, nil
		}
		cursors[next] = true
		cursor = next
	}
}

func (k *link) addTool(c *catalogue, raw json.RawMessage) {
	if len(raw) <= definitionMax { // a longer one is refused
		raw = k.redactor.Definition(raw)
	}
	t, notes, err := newTool(k.id, raw)
	name := cut(visible(t.Tool), 80)
	if err != nil {
		k.log.add(k.redactor.Text(fmt.Sprintf("the tool %q is left out: %v", name, err)))
		return
	}
	if err := headersOf(t.InputSchema); err != nil && k.http != nil {
		k.log.add(k.redactor.Text(fmt.Sprintf("the tool %q is left out: %v", name, err)))
		return
	}
	if _, twice := c.byName[t.Tool]; twice {
		k.log.add(k.redactor.Text(fmt.Sprintf("the tool %q is listed twice; the first counts", name)))
		return
	}
	for _, note := range notes {
		k.log.add(k.redactor.Text(fmt.Sprintf("the tool %q: %s", name, note)))
	}
	t.ServerName = k.name
	c.byName[t.Tool] = t
	c.tools = append(c.tools, t)
}

// page asks for one page and returns the definitions as they were sent.
func (k *link) page(ctx context.Context, cursor string) (list []json.RawMessage, next string, ttl time.Duration, err error) {
	// Over HTTP the SDK has to know the tools, to repeat arguments in headers.
	answer := &capture{keep: k.http != nil}
	defer answer.release()
	_, err = k.session.ListTools(withCapture(ctx, answer), &mcp.ListToolsParams{Cursor: cursor})
	if err != nil {
		return nil, "", 0, err
	}
	raw := answer.result()
	if raw == nil {
		return nil, "", 0, errors.New("the server's list of tools was not received whole")
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, "", 0, fmt.Errorf("the server's list of tools is no object: %w", err)
	}
	if err := json.Unmarshal(m["tools"], &list); err != nil {
		return nil, "", 0, errors.New("the server's answer to tools/list has no list in it")
	}
	if v, ok := m["nextCursor"]; ok && string(v) != "null" {
		if err := json.Unmarshal(v, &next); err != nil {
			return nil, "", 0, errors.New("the server's list of tools continues with something that is no text")
		}
		if len(next) > cursorMax {
			return nil, "", 0, fmt.Errorf("the server's list of tools continues with a mark of %d KiB, longer than the %d that are taken", len(next)>>10, cursorMax>>10)
		}
	}
	return list, next, ttlOf(m), nil
}
