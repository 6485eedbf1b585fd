package mcphost

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// sentCall is a request for tools/call as it came to the server.
type sentCall struct {
	header http.Header
	params map[string]any
}

// bareCall calls echo through the SDK alone, with the metadata of a request of
// ours.
func bareCall(t *testing.T, m *Manager, server, args string) {
	t.Helper()
	k, err := m.live(testContext(t), server)
	if err != nil {
		t.Fatal(err)
	}
	params := &mcp.CallToolParams{Meta: k.metaOf(testContext(t), 1), Name: "echo", Arguments: json.RawMessage(args)}
	if _, err := k.session.CallTool(testContext(t), params); err != nil {
		t.Fatal(err)
	}
}

// compareCalls holds a call of ours against the same that the SDK sent.
func compareCalls(t *testing.T, calls []sentCall) {
	t.Helper()
	if len(calls) != 2 {
		t.Fatalf("%d calls came", len(calls))
	}
	for _, c := range calls {
		meta, ok := c.params["_meta"].(map[string]any)
		if token, isNumber := meta["progressToken"].(float64); !ok || !isNumber || token < 1 {
			t.Errorf("the metadata are %v", meta)
		}
		delete(meta, "progressToken")
		c.header.Del("Content-Length")
	}
	if !reflect.DeepEqual(calls[0].params, calls[1].params) {
		t.Errorf("ours is\n%v\nand the SDK's\n%v", calls[0].params, calls[1].params)
	}
	if !maps.EqualFunc(calls[0].header, calls[1].header, func(a, b []string) bool { return strings.Join(a, "|") == strings.Join(b, "|") }) {
		t.Errorf("our headers are\n%v\nand the SDK's\n%v", calls[0].header, calls[1].header)
	}
}

// What is written beside the SDK is what the SDK would write.
func TestDirectCallIsTheSDKs(t *testing.T) {
	t.Parallel()
	const args = "{ \"text\": \"a <b> & \\u00e9\",\n \"more\": [1, 2.50, null] }"
	for name, o := range map[string]*mcp.StreamableHTTPOptions{"sessions": nil, "stateless": {Stateless: true}, "json": {JSONResponse: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var calls []sentCall
			var ids []float64
			s := serve(t, o)
			s.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				var one struct {
					ID     float64
					Method string
					Params map[string]any
				}
				if json.Unmarshal(body, &one) == nil && one.Method == "tools/call" {
					mu.Lock()
					defer mu.Unlock()
					calls, ids = append(calls, sentCall{r.Header.Clone(), one.Params}), append(ids, one.ID)
				}
				return false
			})
			m := newManager(t, nil)
			ready(t, m, overHTTP(s.URL))
			mustCall(t, m, "h", "echo", args)
			bareCall(t, m, "h", args)
			mu.Lock()
			defer mu.Unlock()
			compareCalls(t, calls)
			if ids[0] <= directFirst || ids[1] >= directFirst {
				t.Errorf("the ids are %v, so the first was not sent beside the SDK", ids)
			}
		})
	}
	for _, older := range []bool{true, false} {
		t.Run(fmt.Sprintf("lines, older era %v", older), func(t *testing.T) {
			t.Parallel()
			var calls []sentCall
			m := scripted(t, &actor{older: older, capabilities: `{"tools":{},"logging":{}}`, handle: func(_ *actor, method string, params json.RawMessage) (string, string) {
				if method != "tools/call" {
					return "", ""
				}
				one := sentCall{header: http.Header{}}
				if err := json.Unmarshal(params, &one.params); err != nil {
					t.Error(err)
				}
				calls = append(calls, one)
				return `{"content":[{"type":"text","text":"done"}]}`, ""
			}}, nil)
			mustCall(t, m, "s", "echo", args)
			bareCall(t, m, "s", args)
			compareCalls(t, calls)
		})
	}
}

// A request that is given up is named by the id that the server knows, whoever
// of the SDK and us sent it, and who reads its response.
func TestDirectCancel(t *testing.T) {
	t.Parallel()
	const progress = `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":0,"progress":1}}` + "\n\n"
	for name, begins := range map[string]string{"silence": "", "a comment": ": hello\n\n", "a notification": progress, "half an event": "data: {\"js"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			called, told := make(chan float64, 10), make(chan float64, 10)
			s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				var one struct {
					ID     float64
					Method string
					Params struct{ RequestID float64 }
				}
				if json.Unmarshal(body, &one) != nil {
					return false
				}
				switch one.Method {
				case "notifications/cancelled":
					told <- one.Params.RequestID
				case "tools/call":
					if bytes.Contains(body, []byte(`"again"`)) {
						return false
					}
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, begins)
					w.(http.Flusher).Flush()
					called <- one.ID
					<-r.Context().Done()
					return true
				}
				return false
			})
			m := newManager(t, nil)
			before := ready(t, m, overHTTP(s.URL))
			ctx, cancel := context.WithCancel(testContext(t))
			var running sync.WaitGroup
			running.Go(func() {
				_, err := m.Call(ctx, tools.Ref{Server: "h", Tool: "echo"}, json.RawMessage(`{"text":"x"}`), nil)
				if err == nil || !strings.Contains(err.Error(), "stopped") {
					t.Errorf("%v", err)
				}
			})
			id := <-called
			cancel()
			running.Wait()
			if got := <-told; got != id {
				t.Errorf("the server was told that nobody waits for %v, and the call is %v", got, id)
			}
			if r := mustCall(t, m, "h", "echo", `{"text":"again"}`); r.Content.Text() != "again" || status(t, m, "h").Generation != before.Generation {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A response that begins with something else is the SDK's to read, and its answer
// is found nevertheless.
func TestLentResponse(t *testing.T) {
	t.Parallel()
	const (
		progress = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"working"}}` + "\n\n"
		other    = `data: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"another's"}]}}` + "\n\n"
	)
	for name, c := range map[string]struct {
		kind   string
		status int
		body   string // ID stands for the request's id
		want   string // of the result, or the error
	}{
		"a result":                 {"text/event-stream", 200, progress + `data: {"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"the answer"}]}}` + "\n\n", "the answer"},
		"a refusal":                {"text/event-stream", 200, progress + `data: {"jsonrpc":"2.0","id":ID,"error":{"code":5,"message":"not today"}}` + "\n\n", "not today (code 5)"},
		"an answer to another":     {"text/event-stream", 200, other + `data: {"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"the answer"}]}}` + "\n\n", "the answer"},
		"the end":                  {"text/event-stream", 200, progress, "has no result"},
		"a refusal at once":        {"application/json", 200, `{"jsonrpc":"2.0","id":ID,"error":{"code":5,"message":"not today"}}`, "not today (code 5)"},
		"a refusal with a status":  {"application/json", 400, `{"jsonrpc":"2.0","id":ID,"error":{"code":5,"message":"not today"}}`, "not today (code 5)"},
		"a failure":                {"text/plain", 503, "closed", "failed to run the call (503"},
		"a page":                   {"text/html", 200, "<html>", "has no result"},
		"a result in lower spaces": {"application/json", 200, " { \"id\" : ID , \"jsonrpc\" : \"2.0\", \"result\" : {\"content\":[{\"type\":\"text\",\"text\":\"the answer\"}]}}\n", "the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			s.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				var one struct {
					ID     json.RawMessage
					Method string
				}
				if json.Unmarshal(body, &one) != nil || one.Method != "tools/call" || bytes.Contains(body, []byte(`"again"`)) {
					return false
				}
				w.Header().Set("Content-Type", c.kind)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, strings.ReplaceAll(c.body, "ID", string(one.ID)))
				return true
			})
			m := newManager(t, nil)
			ready(t, m, overHTTP(s.URL))
			r, err := call(t, m, "h", "echo", `{"text":"x"}`)
			if got := fmt.Sprint(r.Content.Text(), err); !strings.Contains(got, c.want) {
				t.Errorf("%q does not say %q", got, c.want)
			}
			if r := mustCall(t, m, "h", "echo", `{"text":"again"}`); r.Content.Text() != "again" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestFirstEvent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, data string }{
		{"data: one\n\ndata: two\n\n", "one"},
		{"data:one\r\n\r\nrest", "one"},
		{": hello\n\nid: 1\n\nevent: message\ndata: a\ndata: b\n\n", "a\nb"},
		{"\n\n\ndata: one\n\n", "one"},
		{"data: one\n", ""},
		{"data: one", ""},
		{"", ""},
	} {
		for _, read := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
			from := read(strings.NewReader(c.in))
			got, data, err := firstEvent(from)
			if string(data) != c.data || c.data == "" && err != io.EOF {
				t.Errorf("%q: the data are %q, %v", c.in, data, err)
			}
			rest, _ := io.ReadAll(from)
			if whole := string(got) + string(rest); whole != c.in {
				t.Errorf("%q became %q", c.in, whole)
			}
		}
	}
	endless := io.MultiReader(strings.NewReader("data: "), bytes.NewReader(bytes.Repeat([]byte("x"), heldMax+1<<20)))
	if read, data, err := firstEvent(endless); data != nil || err != nil || len(read) > 4*heldMax {
		t.Errorf("%d bytes read, %d of data, %v", len(read), len(data), err)
	}
}
