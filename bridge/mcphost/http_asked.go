package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// httpAsking answers what a server of the older era says and asks on the stream
// that belongs to no call.
type httpAsking struct {
	k       *link
	client  *http.Client
	version string // of the protocol
	by      Elicitor

	answering sync.WaitGroup
	mu        sync.Mutex                    // protects running
	running   map[string]context.CancelFunc // by the id of the server's request
}

// end withdraws what the stream asked, and waits for it.
func (a *httpAsking) end() {
	a.mu.Lock()
	for _, cancel := range a.running {
		cancel()
	}
	a.mu.Unlock()
	a.answering.Wait()
}

// take handles one message. It does not block.
func (a *httpAsking) take(data []byte) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if json.Unmarshal(data, &m) != nil || m.Method == "" {
		return
	}
	if len(m.ID) == 0 {
		if m.Method == "notifications/cancelled" {
			a.withdraw(m.Params)
			return
		}
		a.k.notice(m.Method, m.Params)
		if m.Method == "notifications/message" {
			a.k.said(m.Params)
		}
		return
	}
	if len(m.Params) > requestMax {
		a.k.log.add(tooLongRequest(m.Method))
		return
	}
	id := string(m.ID)
	ctx, cancel := context.WithCancel(a.k.http.life)
	a.mu.Lock()
	_, twice := a.running[id]
	full := len(a.running) >= incomingMax
	if !twice && !full {
		a.running[id] = cancel
	}
	a.mu.Unlock()
	if twice || full {
		cancel()
		a.k.log.add("the server asks more than it reads; a request of its own is dropped")
		return
	}
	a.answering.Go(func() {
		defer func() {
			cancel()
			a.mu.Lock()
			delete(a.running, id)
			a.mu.Unlock()
		}()
		body := a.answer(ctx, m.ID, m.Method, m.Params)
		if ctx.Err() == nil {
			a.post(ctx, body)
		}
	})
}

// withdraw ends a question that the server does not want answered any more.
func (a *httpAsking) withdraw(params json.RawMessage) {
	var p struct {
		ID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel := a.running[string(p.ID)]; cancel != nil {
		cancel()
	}
}

// answer returns the response to a request of the server.
func (a *httpAsking) answer(ctx context.Context, id json.RawMessage, method string, params json.RawMessage) []byte {
	out := map[string]any{"jsonrpc": "2.0", "id": id}
	result, ours, err := a.k.asked(ctx, a.by, method, func() (w wireElicitation, err error) {
		return w, json.Unmarshal(params, &w)
	}, func() (json.RawMessage, error) { return params, nil })
	switch said := (*jsonrpc.Error)(nil); {
	case errors.As(err, &said):
		out["error"] = said
	case err != nil:
		out["error"] = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the request could not be answered"}
	case ours:
		out["result"] = result
	case method == "ping":
		out["result"] = struct{}{}
	default:
		out["error"] = &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "not known here"}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	return body
}

func (a *httpAsking) post(ctx context.Context, body []byte) {
	ctx, cancel := context.WithTimeout(ctx, listenLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.k.http.address, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Mcp-Protocol-Version", a.version)
	if id := a.k.session.ID(); id != "" {
		req.Header.Set("Mcp-Session-Id", id)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		a.k.log.add("an answer to a question of the server could not be sent")
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, errorBodyMax))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		a.k.log.add("the server did not take the answer to its question: " + resp.Status)
	}
}
