package mcphost

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type textIn struct {
	Text string `json:"text"`
}

func textOut(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

func addTool[In any](s *mcp.Server, name string, run func(context.Context, *mcp.CallToolRequest, In) (string, error)) {
	mcp.AddTool(s, &mcp.Tool{Name: name, Description: "The tool " + name + "."},
		func(ctx context.Context, r *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
			text, err := run(ctx, r, in)
			if err != nil {
				return nil, nil, err
			}
			return textOut(text), nil, nil
		})
}

// obedient returns a server that does what servers should, with some tools.
// dot is a PNG of one pixel.
const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func obedient() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "fixture", Version: "1", Icons: []mcp.Icon{{Source: "https://example.com/i.png"}, {Source: "data:image/png;base64," + dot}}}, &mcp.ServerOptions{Instructions: "Be kind."})
	addTool(s, "echo", func(_ context.Context, _ *mcp.CallToolRequest, in textIn) (string, error) { return in.Text, nil })
	addTool(s, "fail", func(context.Context, *mcp.CallToolRequest, struct{}) (string, error) {
		return "", fmt.Errorf("it went wrong")
	})
	addTool(s, "crash", func(context.Context, *mcp.CallToolRequest, struct{}) (string, error) {
		fmt.Fprintln(os.Stderr, "about to crash")
		os.Exit(3)
		return "", nil
	})
	addTool(s, "environment", func(context.Context, *mcp.CallToolRequest, struct{}) (string, error) {
		dir, err := os.Getwd()
		return strings.Join(append(os.Environ(), "cwd:"+dir), "\n"), err
	})
	addTool(s, "grow", func(_ context.Context, _ *mcp.CallToolRequest, in textIn) (string, error) {
		addTool(s, in.Text, func(context.Context, *mcp.CallToolRequest, struct{}) (string, error) { return "grown", nil })
		return "ok", nil
	})
	addTool(s, "steps", func(ctx context.Context, r *mcp.CallToolRequest, _ struct{}) (string, error) {
		for i := range 5 {
			err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
				ProgressToken: r.Params.GetProgressToken(), Progress: float64(i + 1), Total: 5, Message: fmt.Sprint("step ", i+1),
			})
			if err != nil {
				return "", err
			}
		}
		return "done", nil
	})
	// until waits for a file to appear, and says in another that it was
	// cancelled; with beat it reports progress meanwhile.
	type untilIn struct {
		File      string `json:"file"`
		Cancelled string `json:"cancelled,omitempty"`
		Beat      bool   `json:"beat,omitempty"`
	}
	addTool(s, "until", func(ctx context.Context, r *mcp.CallToolRequest, in untilIn) (string, error) {
		for i := 0; ; i++ {
			if _, err := os.Stat(in.File); err == nil {
				return "seen", nil
			}
			select {
			case <-ctx.Done():
				if in.Cancelled != "" {
					os.WriteFile(in.Cancelled, []byte("yes"), 0o600)
				}
				return "", ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
			if in.Beat {
				r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
					ProgressToken: r.Params.GetProgressToken(), Progress: float64(i),
				})
			}
		}
	})
	return s
}

func serveStdio(s *mcp.Server) {
	// A collection of garbage in Go 1.26 can miss that a goroutine just began a
	// blocking read, and then stands still until the next timer of the program.
	go func() {
		for range time.Tick(100 * time.Millisecond) {
		}
	}()
	s.Run(context.Background(), &mcp.StdioTransport{})
}

// raw is a server of the older era that answers with what it is told to.
type raw struct {
	mu    sync.Mutex
	tools func(cursor string) string // the result of tools/list
	call  func(name string, id, params json.RawMessage)
	other func(method string, id json.RawMessage) bool // true: it was handled
}

func (r *raw) say(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(os.Stdout, format+"\n", a...)
}

func (r *raw) result(id json.RawMessage, result string) {
	r.say(`{"result":%s,"jsonrpc":"2.0","id":%s}`, result, id)
}

const oneTool = `{"tools":[{"name":"echo","description":"Returns the text.","inputSchema":{"type":"object"}}]}`

func (r *raw) serve() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 32<<20)
	for in.Scan() {
		var m struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
		}
		if json.Unmarshal(in.Bytes(), &m) != nil {
			continue
		}
		switch {
		case r.other != nil && r.other(m.Method, m.ID):
		case m.Method == "initialize":
			r.result(m.ID, `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"raw","version":"0"}}`)
		case m.Method == "tools/list":
			var p struct{ Cursor string }
			json.Unmarshal(m.Params, &p)
			if r.tools == nil {
				r.result(m.ID, oneTool)
			} else {
				r.result(m.ID, r.tools(p.Cursor))
			}
		case m.Method == "tools/call":
			var p struct {
				Name      string
				Arguments struct{ Text string }
			}
			json.Unmarshal(m.Params, &p)
			if r.call != nil {
				r.call(p.Name, m.ID, m.Params)
			} else {
				text, _ := json.Marshal(p.Arguments.Text)
				r.result(m.ID, fmt.Sprintf(`{"content":[{"type":"text","text":%s}]}`, text))
			}
		case len(m.ID) > 0:
			r.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`, m.ID)
		}
	}
}

// fixture is the child process.
func fixture(mode string) {
	time.AfterFunc(5*time.Minute, func() { os.Exit(99) }) // whatever happens to the tests
	mode, argument, _ := strings.Cut(mode, ":")
	switch mode {
	case hostileMode:
		hostileFixture(argument)
	case "echo":
		serveStdio(obedient())
	case "banner":
		fmt.Print("\n> some-server@1.0.0 start\n> node \x1b[32mindex.js\x1b[0m\n\n{\"level\":30,\"msg\":\"listening\"}\n{broken\n")
		serveStdio(obedient())
	case "exit":
		fmt.Fprintln(os.Stderr, "the token is missing")
		os.Exit(3)
	case "silent":
		io.Copy(io.Discard, os.Stdin)
	case "stubborn": // ignores the end of its input and the polite signal
		signal.Ignore(syscall.SIGTERM)
		go serveStdio(obedient())
		select {}
	case "orderly": // ignores the end of its input, and takes a moment to end
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		go serveStdio(obedient())
		<-asked
		time.Sleep(20 * time.Millisecond)
		os.WriteFile(argument, []byte("yes"), 0o600)
	case "grandchild":
		// It ignores the end of its input and the polite signal.
		startSelf("sleep:"+argument, nil, nil)
		serveStdio(obedient())
	case "sleep":
		signal.Ignore(syscall.SIGTERM)
		os.WriteFile(argument, fmt.Append(nil, os.Getpid()), 0o600)
		select {}
	case "wrapper": // as npx does: the server is its child
		pid, err := startSelf("echo", os.Stdin, os.Stdout)
		if err == nil {
			os.WriteFile(argument, fmt.Append(nil, pid.Pid), 0o600)
			pid.Wait()
		}
	case "stderr-flood":
		line := strings.Repeat("x", 1000) + "\n"
		go func() {
			for range 50_000 {
				os.Stderr.WriteString(line)
			}
			os.Stderr.WriteString("the last line\n")
		}()
		serveStdio(obedient())
	case "secret-log":
		v := os.Getenv("TOKEN")
		for _, piece := range []string{"key=", v[:3], v[3:7], v[7:], " end\n", v[:5]} {
			os.Stderr.WriteString(piece)
			os.Stderr.Sync()
			time.Sleep(20 * time.Millisecond)
		}
		fmt.Println("not json: " + v)
		r := raw{call: func(_ string, id, _ json.RawMessage) {
			(&raw{}).result(id, fmt.Sprintf(`{"content":[{"type":"text","text":%q}],"structuredContent":{"token":%q}}`, "my token is "+v, v))
		}}
		r.serve()
	case "strict": // ends at a method that it does not know
		r := raw{other: func(method string, _ json.RawMessage) bool {
			if method == "server/discover" {
				fmt.Fprintln(os.Stderr, "expected initialize")
				os.Exit(1)
			}
			return false
		}}
		r.serve()
	case "mute": // says nothing to a method that it does not know
		r := raw{other: func(method string, _ json.RawMessage) bool { return method == "server/discover" }}
		r.serve()
	case "huge":
		r := raw{tools: func(string) string {
			return `{"tools":[{"name":"huge","inputSchema":{"type":"object"}},{"name":"head","inputSchema":{"type":"object"}},{"name":"echo","inputSchema":{"type":"object"}}]}`
		}}
		r.call = func(name string, id, params json.RawMessage) {
			long := strings.Repeat("a", 17<<20)
			switch name {
			case "huge":
				r.result(id, fmt.Sprintf(`{"content":[{"type":"text","text":"%s"}]}`, long))
			case "head":
				r.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}]}}`, id, long)
			default:
				r.result(id, `{"content":[{"type":"text","text":"still here"}]}`)
			}
		}
		r.serve()
	case "bad-utf8":
		r := raw{call: func(_ string, id, _ json.RawMessage) {
			(&raw{}).result(id, "{\"content\":[{\"type\":\"text\",\"text\":\"a\xffb \\u001b[31mred\\u001b[0m \\u0007\\u202e \U000E0041 zwj\u200d\"}],\"structuredContent\":{\"big\":12345678901234567890,\"one\":1.0,\"bad\":\"\xff\"}}")
		}}
		r.serve()
	case "content":
		r := raw{call: func(_ string, id, _ json.RawMessage) {
			(&raw{}).result(id, `{"content":[
				{"type":"text","text":"hello"},
				{"type":"image","mimeType":"image/png","data":"AQID"},
				{"type":"image","mimeType":"image/png","data":"!!"},
				{"type":"audio","mimeType":"audio/wav","data":"BAU="},
				{"type":"resource_link","uri":"file:///a","name":"a","mimeType":"text/plain"},
				{"type":"resource","resource":{"uri":"file:///b","text":"inside"}},
				{"type":"resource","resource":{"uri":"file:///c","mimeType":"application/x","blob":"Bgc="}},
				{"type":"hologram","data":3},
				7],"isError":true}`)
		}}
		r.call = lines(r.call)
		r.serve()
	case "many":
		r := raw{tools: func(cursor string) string {
			var page int
			fmt.Sscan(cursor, &page)
			var list []string
			for i := range 100 {
				list = append(list, fmt.Sprintf(`{"name":"tool_%d","inputSchema":{"type":"object"}}`, page*100+i))
			}
			next := ""
			if page < 49 {
				next = fmt.Sprintf(`,"nextCursor":"%d"`, page+1)
			}
			return fmt.Sprintf(`{"tools":[%s]%s}`, strings.Join(list, ","), next)
		}}
		r.serve()
	case "endless":
		n := 0
		r := raw{tools: func(string) string {
			n++
			return fmt.Sprintf(`{"tools":[{"name":"tool_%d","inputSchema":{"type":"object"}}],"nextCursor":"%d"}`, n, n)
		}}
		r.serve()
	case "circle":
		r := raw{tools: func(cursor string) string {
			return fmt.Sprintf(`{"tools":[{"name":"tool_%s","inputSchema":{"type":"object"}}],"nextCursor":"%s"}`, cursor, map[string]string{"": "a", "a": "b", "b": "a"}[cursor])
		}}
		r.serve()
	case "odd-tools":
		r := raw{tools: func(string) string { return strings.ReplaceAll(oddTools, "\n", "") }}
		r.serve()
	case "error":
		r := raw{call: func(_ string, id, _ json.RawMessage) {
			// The codes are those that the SDK gives its own closed connections.
			(&raw{}).say(`{"jsonrpc":"2.0","id":%s,"error":{"code":%s,"message":"not \u001b[31mtoday"}}`, id, argument)
			f, _ := os.OpenFile(os.Getenv("COUNT"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			f.WriteString("x")
			f.Close()
		}}
		r.serve()
	case "notice-flood":
		r := raw{call: func(_ string, id, _ json.RawMessage) {
			r := &raw{}
			for range 20_000 {
				r.say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"noise"}}`)
			}
			for range 1000 {
				r.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
				r.say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":99999,"progress":1}}`)
				r.say(`{"jsonrpc":"2.0","method":"notifications/unheard_of","params":{}}`)
				r.say(`{"jsonrpc":"2.0","id":12345,"result":{}}`)
			}
			r.result(id, `{"content":[{"type":"text","text":"after the flood"}]}`)
		}}
		r.serve()
	case "asks": // asks without ever reading the answers
		r := raw{}
		r.other = func(method string, _ json.RawMessage) bool {
			if method == "notifications/initialized" {
				for i := range 20_000 {
					r.say(`{"jsonrpc":"2.0","id":"q%d","method":"ping"}`, i)
				}
			}
			return false
		}
		r.serve()
	case "crash-loop": // ready for a moment each time
		r := raw{tools: func(string) string {
			time.AfterFunc(30*time.Millisecond, func() { os.Exit(7) })
			return oneTool
		}}
		r.serve()
	case "once": // ends at the first call ever, and behaves after that
		r := raw{call: func(_ string, id, _ json.RawMessage) {
			f, err := os.OpenFile(argument, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				os.Exit(9)
			}
			f.WriteString("x")
			if info, err := f.Stat(); err != nil || info.Size() == 1 {
				os.Exit(4)
			}
			(&raw{}).result(id, `{"content":[{"type":"text","text":"second life"}]}`)
		}}
		r.serve()
	case "deaf": // never reads again after its first call
		r := raw{call: func(string, json.RawMessage, json.RawMessage) { select {} }}
		r.serve()
	default:
		if !treeFixture(mode, argument) {
			fmt.Fprintln(os.Stderr, "no such mode")
			os.Exit(98)
		}
	}
}

// lines puts the messages that a handler writes on one line each.
func lines(call func(string, json.RawMessage, json.RawMessage)) func(string, json.RawMessage, json.RawMessage) {
	return func(name string, id, params json.RawMessage) {
		out := os.Stdout
		r, w, err := os.Pipe()
		if err != nil {
			os.Exit(97)
		}
		os.Stdout = w
		go func() { call(name, id, params); w.Close() }()
		b, _ := io.ReadAll(r)
		os.Stdout = out
		fmt.Println(strings.Join(strings.Fields(string(b)), " "))
	}
}

// oddTools are definitions of which some cannot be used.
const oddTools = `{"tools":[
{"name":"plain","description":"d","inputSchema":{"type":"object","properties":{"n":{"const":1.0}}},"unknown":{"z":1,"a":[]},"annotations":{"readOnlyHint":true,"title":"From annotations"}},
{"name":"none"},
{"name":"untyped","inputSchema":{"properties":{"a":{"type":"string"}}}},
{"name":"number","description":7,"inputSchema":{"type":"object"}},
{"name":"array","inputSchema":{"type":"array"}},
{"name":"text","inputSchema":"object"},
null,
3,
{"description":"no name","inputSchema":{"type":"object"}},
{"name":"","inputSchema":{"type":"object"}},
{"name":"hid\u202eden","inputSchema":{"type":"object"}},
{"name":"plain","description":"twice","inputSchema":{"type":"object"}},
{"name":"tricky","description":"read\u202e this \u200b\ue000 \udb40\udc41 \u001b[31mred","inputSchema":{"type":"object","properties":{"p\u200b":{"type":"string","description":"\udb40\udc42"}}},"outputSchema":5}
]}`

func startSelf(mode string, in, out *os.File) (*os.Process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	env := append(slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, modeVariable+"=")
	}), modeVariable+"="+mode)
	return os.StartProcess(exe, []string{filepath.Base(exe)}, &os.ProcAttr{Env: env, Files: []*os.File{in, out, os.Stderr}})
}
