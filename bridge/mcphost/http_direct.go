package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// lentResponse is a response to a request that the SDK did not send, and which
// begins with something else than its answer: a notification, a question, a
// failure. The SDK gets it in the place of a response to the request that it
// then believes to send.
type lentResponse struct {
	resp  *http.Response
	id    jsonrpc.ID
	taken atomic.Bool
}

type lentResponseKey struct{}

func withLentResponse(ctx context.Context, l *lentResponse) context.Context {
	return context.WithValue(ctx, lentResponseKey{}, l)
}

// lent returns the response that waits for this request, once.
func lentTo(req *http.Request) *lentResponse {
	l, _ := req.Context().Value(lentResponseKey{}).(*lentResponse)
	if l == nil || req.Method != http.MethodPost || !l.taken.CompareAndSwap(false, true) {
		return nil
	}
	return l
}

// exchange posts a request that the SDK does not know of ("Sending messages to
// the server" of the specification). If the response is, or begins with, the
// answer, it is captured. Anything else is for the SDK to deal with: then the
// response is returned.
func (h *httpLink) exchange(ctx context.Context, s *mcp.ClientSession, id int64, data []byte, tool string, answer *capture) (*lentResponse, error) {
	key := numberedID(id)
	answer.alone()
	answer.asksFor(key)
	req, err := h.post(ctx, s, data)
	if err != nil {
		return nil, err
	}
	if s.InitializeResult().ProtocolVersion > olderEra {
		req.Header["Mcp-Method"], req.Header["Mcp-Name"] = []string{"tools/call"}, []string{tool}
	}
	resp, err := h.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			h.giveUp(ctx, s, id)
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("tools/call: %w", err)
	}
	kind := mediaType(resp)
	given := resp.Header.Get("Mcp-Session-Id")
	var read []byte
	if resp.StatusCode == http.StatusOK && (given == "" || given == s.ID()) {
		switch kind {
		case "application/json": // it is in memory, and of bounded size
			read, err = io.ReadAll(resp.Body)
			if raw, refusal, ok := response(read, key); ok {
				resp.Body.Close()
				answer.set(raw, refusal)
				return nil, answer.outcome()
			}
		case "text/event-stream":
			var event []byte
			read, event, err = firstEvent(resp.Body)
			if raw, refusal, ok := answerIn(event, key); ok {
				h.tap.see(false, event)
				answer.set(raw, refusal)
				// The connection is used again only if the end of the answer is read.
				go func() {
					defer resp.Body.Close()
					io.Copy(io.Discard, io.LimitReader(resp.Body, errorBodyMax))
				}()
				return nil, answer.outcome()
			}
		}
	}
	if err != nil && ctx.Err() != nil {
		resp.Body.Close()
		h.giveUp(ctx, s, id)
		return nil, ctx.Err()
	}
	whole := io.Reader(bytes.NewReader(read))
	switch {
	case err == nil:
		whole = io.MultiReader(whole, resp.Body)
	case !errors.Is(err, io.EOF):
		whole = io.MultiReader(whole, failingReader{err})
	}
	resp.Body = &readBody{whole, resp.Body}
	if kind == "text/event-stream" && resp.StatusCode >= 200 && resp.StatusCode < 300 {
		resp.Body = h.watched(resp.Body, tools.ExchangeFrom(ctx), true)
	}
	answer.shared()
	return &lentResponse{resp: resp, id: key}, nil
}

// readBody is a body of which a part was read and put in front again.
type readBody struct {
	io.Reader
	io.Closer
}

// post makes a request with a message in it. Only the caller uses it, so that
// its headers may be changed.
func (h *httpLink) post(ctx context.Context, s *mcp.ClientSession, data []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header["Content-Type"] = []string{"application/json"}
	req.Header["Accept"] = []string{"application/json, text/event-stream"}
	req.Header["Mcp-Protocol-Version"] = []string{s.InitializeResult().ProtocolVersion}
	if id := s.ID(); id != "" {
		req.Header["Mcp-Session-Id"] = []string{id}
	}
	return req, nil
}

// giveUp tells the server that nobody waits for an answer any more.
func (h *httpLink) giveUp(ctx context.Context, s *mcp.ClientSession, id int64) {
	message := cancelled(id, ctx.Err())
	go func() {
		ctx, stop := context.WithTimeout(h.life, cancelWithin)
		defer stop()
		req, err := h.post(ctx, s, message)
		if err != nil {
			return
		}
		if s.InitializeResult().ProtocolVersion > olderEra {
			req.Header["Mcp-Method"] = []string{"notifications/cancelled"}
		}
		if resp, err := h.client().Do(req); err == nil {
			resp.Body.Close()
		}
	}()
}

// firstEvent reads until the first event with data has ended. It returns all that
// was read, and the data; nil if there is none, or more than may be held.
func firstEvent(from io.Reader) (read, data []byte, err error) {
	read = make([]byte, 0, 4<<10)
	line, scanned := 0, 0 // where the last line begins, and how far it has no end
	for len(read) <= heldMax {
		read = slices.Grow(read, 1)
		n, err := from.Read(read[len(read):cap(read)])
		read = read[:len(read)+n]
		for {
			i := bytes.IndexByte(read[scanned:], '\n')
			if i < 0 {
				scanned = len(read)
				break
			}
			end := scanned + i
			empty := len(bytes.TrimSuffix(read[line:end], []byte("\r"))) == 0
			line, scanned = end+1, end+1
			if !empty {
				continue
			}
			events := eventReader{data: read[:line]}
			if data, ok := events.next(); ok {
				return read, data, err
			}
		}
		if err != nil {
			return read, nil, err
		}
	}
	return read, nil, nil
}

// answerIn is response for the data of an event of which nothing is known yet.
func answerIn(data []byte, asked jsonrpc.ID) (json.RawMessage, *jsonrpc.Error, bool) {
	if len(data) > messageMax || tooMany(data) {
		return nil, nil, false
	}
	return response(data, asked)
}

// renumbered returns the notification that a request is given up with the id that
// the server knows. Other messages stay as they are.
func renumbered(message []byte, was, is jsonrpc.ID) []byte {
	if !bytes.Contains(message, []byte("notifications/cancelled")) {
		return message
	}
	var m struct {
		Version string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  struct {
			Meta   json.RawMessage `json:"_meta,omitempty"`
			Reason string          `json:"reason,omitempty"`
			ID     any             `json:"requestId"`
		} `json:"params"`
	}
	if json.Unmarshal(message, &m) != nil || m.Method != "notifications/cancelled" {
		return message
	}
	if id, err := jsonrpc.MakeID(m.Params.ID); err != nil || id != was {
		return message
	}
	m.Params.ID = is.Raw()
	out, err := json.Marshal(m)
	if err != nil {
		return message
	}
	return out
}

// numberedID is the id of a request that is numbered here.
func numberedID(n int64) jsonrpc.ID {
	id, err := jsonrpc.MakeID(float64(n))
	if err != nil {
		panic(err) // it is a number
	}
	return id
}

// directID reports whether an id is of a request that the SDK does not know of.
func directID(id jsonrpc.ID) bool {
	n, ok := id.Raw().(int64)
	return ok && n > directFirst
}
