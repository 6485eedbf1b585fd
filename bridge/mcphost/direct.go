package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// A call of a tool is what a host does most, and the SDK's way to send one costs
// about as much as all our checks: it encodes the message twice, decodes the
// answer, which is captured anyway, into buffers of 64 KiB, and wakes three
// goroutines for it. So an ordinary call is written to the transport here, beside
// the SDK, which keeps the session. What is not ordinary is left to the SDK.

// directFirst is the id of the first request that is not the SDK's, which counts
// from 1. It fits a number of 32 bits.
const directFirst = 1 << 30

// standing is what the SDK puts into the metadata of every request of the newer
// era ("_meta" of the specification): a JSON object.
type standing struct{ meta atomic.Pointer[[]byte] }

// learn takes it from a request of the SDK's own.
func (s *standing) learn(meta mcp.Meta) {
	if len(meta) == 0 || s.meta.Load() != nil {
		return
	}
	lasting := mcp.Meta{}
	for _, key := range []string{mcp.MetaKeyProtocolVersion, mcp.MetaKeyClientInfo, mcp.MetaKeyClientCapabilities} {
		if value, ok := meta[key]; ok {
			lasting[key] = value
		}
	}
	if b, err := json.Marshal(lasting); err == nil && len(lasting) > 0 {
		s.meta.Store(&b)
	}
}

// encodeCall returns a request for tools/call, on one line. It is nil for a call
// that is not ordinary.
func (k *link) encodeCall(ctx context.Context, id int64, t *tools.Tool, args json.RawMessage, r round) []byte {
	if r.responses != nil || r.state != "" {
		return nil
	}
	hello := k.session.InitializeResult()
	newer := hello.ProtocolVersion > olderEra
	x := tools.ExchangeFrom(ctx)
	lasting := k.standing.meta.Load()
	if newer && (lasting == nil || x != nil && (len(x.Capabilities) > 0 || x.LogLevel != "")) {
		return nil
	}
	if newer && k.http != nil && (!plainHeader(t.Tool) || bytes.Contains(t.InputSchema, []byte("x-mcp-header"))) {
		return nil // more goes into the headers than is put there here
	}
	name, err := json.Marshal(t.Tool)
	if err != nil {
		return nil
	}
	b := bytes.NewBuffer(make([]byte, 0, 512+len(args)))
	b.WriteString(`{"jsonrpc":"2.0","id":`)
	b.Write(strconv.AppendInt(b.AvailableBuffer(), id, 10))
	b.WriteString(`,"method":"tools/call","params":{"_meta":{`)
	if newer {
		b.Write((*lasting)[1 : len(*lasting)-1])
		if logs(hello) {
			b.WriteString(`,"` + logLevelMember + `":"info"`)
		}
		b.WriteByte(',')
	}
	b.WriteString(`"progressToken":`)
	b.Write(strconv.AppendInt(b.AvailableBuffer(), r.token, 10))
	b.WriteString(`},"name":`)
	b.Write(name)
	b.WriteString(`,"arguments":`)
	if len(args) == 0 {
		b.WriteString(`{}`)
	} else if json.Compact(b, args) != nil {
		return nil
	}
	b.WriteString(`}}`)
	return b.Bytes()
}

// plainHeader reports whether a text can stand in a header as it is.
func plainHeader(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != "" && s[0] != '='
}

// callTool sends tools/call once. The answer is the capture's of ctx; the error
// says why there is none, or what the server refused.
func (k *link) callTool(ctx context.Context, t *tools.Tool, args json.RawMessage, r round) error {
	id := directFirst + k.direct.Add(1)
	if data := k.encodeCall(ctx, id, t, args, r); data != nil {
		if k.lines != nil {
			return k.lines.exchange(ctx, id, data, captureFrom(ctx))
		}
		lent, err := k.http.exchange(ctx, k.session, id, data, t.Tool, captureFrom(ctx))
		if lent == nil {
			return err
		}
		ctx = withLentResponse(ctx, lent)
	}
	params := &mcp.CallToolParams{
		Meta: k.metaOf(ctx, r.token), Name: t.Tool, InputResponses: r.responses, RequestState: r.state,
	}
	if len(args) > 0 {
		params.Arguments = args
	}
	_, err := k.session.CallTool(ctx, params)
	return err
}

// cancelWithin is how long a notification that a request is given up may take.
const cancelWithin = 5 * time.Second

// cancelled is the notification that a request is given up ("Cancellation" of
// the specification).
func cancelled(id int64, why error) []byte {
	reason, err := json.Marshal(why.Error())
	if err != nil {
		panic(err) // it is text
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d,"reason":%s}}`, id, reason)
}

// errNoConnection is why a request was not sent or has no answer.
var errNoConnection = fmt.Errorf("%w: tools/call", mcp.ErrConnectionClosed)

// exchange sends a request that the SDK does not know of, and returns when its
// answer was captured.
func (c *lineConn) exchange(ctx context.Context, id int64, data []byte, answer *capture) error {
	ready := answer.alone()
	select {
	case <-c.done:
		return errNoConnection
	case <-c.over:
		return errNoConnection
	default:
	}
	key := numberedID(id)
	c.expect(key, answer)
	c.events.tap.see(true, data)
	wrote, err := c.send(ctx, append(data, '\n'))
	if err != nil {
		return err
	}
	for {
		select {
		case <-ready:
			return answer.outcome()
		case err := <-wrote:
			if err != nil {
				return c.unwritten(err, answer)
			}
			wrote = nil
		case <-ctx.Done():
			notice := append(cancelled(id, ctx.Err()), '\n')
			go func() {
				ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelWithin)
				defer stop()
				if wrote, err := c.send(ctx, notice); err == nil {
					select {
					case <-wrote:
					case <-ctx.Done():
					}
				}
			}()
			return ctx.Err()
		case <-c.done:
			return c.last(ready, answer)
		case <-c.over:
			return c.last(ready, answer)
		}
	}
}

// last is the outcome of a request whose connection ended.
func (c *lineConn) last(ready <-chan struct{}, answer *capture) error {
	select {
	case <-ready:
		return answer.outcome()
	default:
		return errNoConnection
	}
}

// errNotWhole is an answer that could not be read.
var errNotWhole = errors.New("the answer was not received whole")
