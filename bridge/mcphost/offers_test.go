package mcphost

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

const everything = `{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"completions":{},"logging":{}}`

// library is a server with resources and prompts.
func library(t testing.TB) *mcp.Server {
	t.Helper()
	s := obedient()
	read := func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{
			{URI: r.Params.URI, MIMEType: "text/plain", Text: "text of " + r.Params.URI}, {URI: r.Params.URI + "#b", MIMEType: "image/png", Blob: []byte{1, 2}},
		}}, nil
	}
	for i := range 3 {
		s.AddResource(&mcp.Resource{URI: fmt.Sprintf("test:///%d", i), Name: fmt.Sprint("r", i), Title: "Title\u202e"}, read)
	}
	s.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test:///user/{id}{?q}", Name: "user"}, read)
	s.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "who", Required: true}, {Name: "how"}}},
		func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{
				{Role: "user", Content: &mcp.TextContent{Text: "Greet " + r.Params.Arguments["who"]}}, {Role: "assistant", Content: &mcp.TextContent{Text: "Hello"}},
			}}, nil
		})
	return s
}

func TestLibrary(t *testing.T) {
	t.Parallel()
	for _, stateless := range []bool{false, true} {
		t.Run(fmt.Sprint("stateless ", stateless), func(t *testing.T) {
			t.Parallel()
			s := serve(t, &mcp.StreamableHTTPOptions{Stateless: stateless})
			lib := library(t)
			s.mu.Lock()
			s.mcp = lib
			s.inner = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return lib }, &mcp.StreamableHTTPOptions{Stateless: stateless})
			s.mu.Unlock()
			m := newManager(t, nil)
			if got := ready(t, m, overHTTP(s.URL)).Offers; !got.Resources || !got.Prompts {
				t.Errorf("%+v", got)
			}
			ctx := testContext(t)
			for range 2 { // the second time from memory
				all, err := m.Resources(ctx, "h")
				if err != nil || len(all.Resources) != 3 || len(all.Templates) != 1 || strings.Contains(all.Resources[0].Title, "\u202e") || all.Resources[0].Size != -1 {
					t.Fatalf("%+v, %v", all, err)
				}
			}
			parts, err := m.ReadResource(ctx, "h", "test:///1")
			if want := (store.Parts{
				store.File{URI: "test:///1", MIMEType: "text/plain", Data: []byte("text of test:///1")}, store.File{URI: "test:///1#b", MIMEType: "image/png", Data: []byte{1, 2}},
			}); err != nil || !reflect.DeepEqual(parts, want) {
				t.Errorf("%+v, %v", parts, err)
			}
			if _, err := m.ReadResource(ctx, "h", "test:///none"); err == nil {
				t.Error("what is not there was read")
			}
			list, err := m.Prompts(ctx, "h")
			if err != nil || len(list) != 1 || !list[0].Arguments[0].Required || list[0].Arguments[1].Name != "how" {
				t.Errorf("%+v, %v", list, err)
			}
			got, err := m.GetPrompt(ctx, "h", "greet", map[string]string{"who": "Ada"})
			if want := []PromptMessage{{store.RoleUser, store.Parts{store.Text{Text: "Greet Ada"}}}, {store.RoleAssistant, store.Parts{store.Text{Text: "Hello"}}}}; err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := m.GetPrompt(ctx, "h", "none", nil); err == nil {
				t.Error("a prompt that is not there was filled in")
			}
		})
	}
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "banner"))
	if _, err := m.Resources(testContext(t), "s"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := m.Prompts(testContext(t), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	values := map[string]string{"var": "value", "hello": "Hello World!", "path": "/foo/bar", "x": "1024", "y": "768", "empty": ""}
	for template, want := range map[string]string{ // RFC 6570, section 3.2
		"{var}": "value", "{hello}": "Hello%20World%21", "{+hello}": "Hello%20World!", "{+path}/here": "/foo/bar/here", "X{#var}": "X#value",
		"map?{x,y}": "map?1024,768", "{+x,hello,y}": "1024,Hello%20World!,768", "X{.x,y}": "X.1024.768", "{/var,x}/here": "/value/1024/here",
		"{;x,y,empty}": ";x=1024;y=768;empty", "{?x,y,empty}": "?x=1024&y=768&empty=", "?fixed=yes{&x}": "?fixed=yes&x=1024", "{?none}": "", "file:///{path*}": "file:///%2Ffoo%2Fbar",
	} {
		if got, err := (Template{URITemplate: template}).Expand(values); got != want || err != nil {
			t.Errorf("%s: %q, %v", template, got, err)
		}
	}
	for _, bad := range []string{"{", "a}", "{}", "{a b}", "{{a}}", "{" + strings.Repeat("a,", 60) + "a}", "{?}"} {
		if got, err := (Template{URITemplate: bad}).Expand(values); err == nil {
			t.Errorf("%s: %q", bad, got)
		}
	}
	if got := (Template{URITemplate: "{a}{b,a}"}).Variables(); !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
}

func TestHostileLists(t *testing.T) {
	t.Parallel()
	item := func(i int) string { return fmt.Sprintf(`{"uri":"x:///%d","name":"n"}`, i) }
	var many []string
	for i := range 100_000 {
		many = append(many, item(i))
	}
	for name, test := range map[string]struct {
		page func(cursor string) string
		want int
		said string
	}{
		"many":    {func(string) string { return `{"resources":[` + strings.Join(many, ",") + `]}` }, offersMax, "more than"},
		"endless": {func(c string) string { return `{"resources":[` + item(len(c)) + `],"nextCursor":"` + c + `x"}` }, pagesMax, "pages"},
		"circle":  {func(string) string { return `{"resources":[` + item(1) + `],"nextCursor":"a"}` }, 2, "circle"},
		"odd": {func(string) string {
			return `{"resources":[null,7,{"uri":""},{"uri":"a\u202e"},{"uri":"x:1","name":7},` + item(1) + `]}`
		}, 1, "left out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &actor{capabilities: everything, handle: func(_ *actor, method string, params json.RawMessage) (string, string) {
				var p struct{ Cursor string }
				json.Unmarshal(params, &p)
				switch method {
				case "resources/list":
					return test.page(p.Cursor), ""
				case "resources/templates/list":
					return "", `{"code":-32601,"message":"no"}`
				}
				return "", ""
			}}
			m := scripted(t, s, nil)
			all, err := m.Resources(testContext(t), "s")
			if err != nil || len(all.Resources) != test.want || !logHas(m, "s", test.said) {
				t.Errorf("%d resources, %v; log %q", len(all.Resources), err, tail(m, "s"))
			}
		})
	}
}

func TestBadContents(t *testing.T) {
	t.Parallel()
	answer := atomic.Pointer[string]{}
	s := &actor{capabilities: everything, handle: func(_ *actor, method string, _ json.RawMessage) (string, string) {
		if method == "resources/read" || method == "prompts/get" || method == "completion/complete" {
			return *answer.Load(), ""
		}
		return "", ""
	}}
	m := scripted(t, s, nil)
	for _, bad := range []string{
		`{"contents":[{"uri":"a","blob":"!!"}]}`, `{"contents":[7]}`, `{"contents":{}}`, `[]`,
		`{"contents":[` + strings.TrimSuffix(strings.Repeat(`{"uri":"a","text":""},`, contentsMax+1), ",") + `]}`,
	} {
		answer.Store(&bad)
		if parts, err := m.ReadResource(testContext(t), "s", "a:b"); err == nil {
			t.Errorf("%.80s is %d parts", bad, len(parts))
		}
	}
	for _, bad := range []string{`{"messages":[7]}`, `{"messages":[{"role":"user","content":"x"}]}`, `7`} {
		answer.Store(&bad)
		if got, err := m.GetPrompt(testContext(t), "s", "p", nil); err == nil {
			t.Errorf("%s is %+v", bad, got)
		}
	}
	text := `{"contents":[{"uri":"a:b","text":"red\u001b[31m \u202e"}]}`
	answer.Store(&text)
	if parts, err := m.ReadResource(testContext(t), "s", "a:b"); err != nil || strings.ContainsAny(string(parts[0].(store.File).Data), "\x1b\u202e") {
		t.Errorf("%+v, %v", parts, err)
	}
	for _, bad := range []string{"", "a\u202eb", strings.Repeat("a", uriMax+1)} {
		if _, err := m.ReadResource(testContext(t), "s", bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	proposals, _ := json.Marshal(append(slices.Repeat([]string{"v"}, 500), "hid\u202eden"))
	all := `{"completion":{"values":` + string(proposals) + `}}`
	answer.Store(&all)
	got, err := m.Complete(testContext(t), "s", Completing{Prompt: "p", Argument: "a"}, "")
	if err != nil || len(got) != completionsMax {
		t.Errorf("%d proposals, %v", len(got), err)
	}
}

func TestOffersChange(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{true, false} {
		s := &actor{older: older, capabilities: everything}
		var listed atomic.Int32
		s.handle = func(_ *actor, method string, _ json.RawMessage) (string, string) {
			switch method {
			case "prompts/list":
				return fmt.Sprintf(`{"prompts":[{"name":"p%d"}]}`, listed.Add(1)), ""
			case "resources/subscribe":
				return "{}", ""
			case "resources/unsubscribe":
				return "{}", ""
			case "subscriptions/listen":
				return `{"resultType":"complete"}`, ""
			}
			return "", ""
		}
		m := scripted(t, s, nil)
		for range 3 {
			if list, err := m.Prompts(testContext(t), "s"); err != nil || list[0].Name != "p1" {
				t.Fatalf("%+v, %v", list, err)
			}
		}
		s.say(`{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`)
		await(t, m, "s", "the new revision", func(s Status) bool { return s.Offers.Revision == 1 })
		if list, err := m.Prompts(testContext(t), "s"); err != nil || list[0].Name != "p2" {
			t.Errorf("%+v, %v", list, err)
		}
		if !older {
			continue
		}
		ctx, cancel := context.WithCancel(testContext(t))
		changes := make(chan struct{}, 10)
		ended := make(chan error, 1)
		go func() { ended <- m.WatchResource(ctx, "s", "a:b", func() { changes <- struct{}{} }) }()
		eventually(t, "the subscription", func() bool { return s.heard("resources/subscribe") == 1 })
		s.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:c"}}`)
		s.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}`)
		<-changes
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if s.heard("resources/unsubscribe") != 1 || len(changes) > 0 {
			t.Errorf("left %d times, %d more changes", s.heard("resources/unsubscribe"), len(changes))
		}
	}
}

func TestStaleTools(t *testing.T) {
	t.Parallel()
	var listed atomic.Int32
	fail := atomic.Bool{}
	s := &actor{capabilities: `{"tools":{}}`, handle: func(_ *actor, method string, _ json.RawMessage) (string, string) {
		if method == "tools/list" {
			if fail.Load() {
				return "", `{"code":-32603,"message":"not now"}`
			}
			return fmt.Sprintf(`{"ttlMs":60000,"tools":[{"name":"t%d","inputSchema":{"type":"object"}}]}`, listed.Add(1)), ""
		}
		return "", ""
	}}
	m := scripted(t, s, nil)
	if m.Freshen(testContext(t)) || listed.Load() != 1 {
		t.Errorf("listed %d times", listed.Load())
	}
	age := func() {
		v, _ := m.now()
		k := v.servers["s"].link
		old := *k.catalogue.Load()
		old.stale = time.Now().Add(-time.Second)
		k.catalogue.Store(&old)
	}
	age()
	if !m.Freshen(testContext(t)) || m.Tools()[0].Tool != "t2" {
		t.Errorf("listed %d times: %v", listed.Load(), names(m.Tools()))
	}
	fail.Store(true)
	age()
	ctx := testContext(t)
	if !m.Freshen(ctx) || ctx.Err() != nil || m.Tools()[0].Tool != "t2" || m.Freshen(ctx) {
		t.Errorf("listed %d times: %v, %v", listed.Load(), names(m.Tools()), ctx.Err())
	}
}

func TestOutputSchema(t *testing.T) {
	t.Parallel()
	var result atomic.Pointer[string]
	s := &actor{handle: func(_ *actor, method string, _ json.RawMessage) (string, string) {
		switch method {
		case "tools/list":
			return `{"tools":[{"name":"echo","inputSchema":{"type":"object"},"outputSchema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}]}`, ""
		case "tools/call":
			return *result.Load(), ""
		}
		return "", ""
	}}
	m := scripted(t, s, nil)
	for _, test := range []struct {
		result       string
		isError, say bool
	}{
		{`{"content":[{"type":"text","text":"T"}],"structuredContent":{"n":1}}`, false, false},
		{`{"content":[{"type":"text","text":"T"}],"structuredContent":{"n":"x"}}`, true, true},
		{`{"content":[{"type":"text","text":"T"}],"structuredContent":[1]}`, true, true},
		{`{"content":[{"type":"text","text":"T"}]}`, false, true},
		{`{"content":[{"type":"text","text":"T"}],"isError":true}`, true, false},
	} {
		result.Store(&test.result)
		r := mustCall(t, m, "s", "echo", `{}`)
		text := r.Content.Text()
		if r.IsError != test.isError || strings.Contains(text, "Drawbridge") != test.say || !strings.HasSuffix(text, "T") || (len(r.Structured) > 0) != strings.Contains(test.result, "structured") {
			t.Errorf("%s: %+v", test.result, r)
		}
	}
}

func TestHeadersOfTools(t *testing.T) {
	t.Parallel()
	schema := func(properties string) json.RawMessage {
		return json.RawMessage(`{"type":"object","properties":{` + properties + `}}`)
	}
	for _, good := range []string{
		`"a":{"type":"string"}`, `"a":{"type":"string","x-mcp-header":"Region"},"b":{"type":"integer","x-mcp-header":"B"}`,
		`"a":{"type":"object","properties":{"b":{"type":"boolean","x-mcp-header":"C"}}}`, `"x-mcp-header":{"type":"string"}`,
	} {
		if err := headersOf(schema(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		`"a":{"type":"string","x-mcp-header":""}`, `"a":{"type":"number","x-mcp-header":"A"}`, `"a":{"x-mcp-header":"A"}`, `"a":{"type":"string","x-mcp-header":"A\r\nB"}`,
		`"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"object","properties":{"c":{"type":"string","x-mcp-header":"a"}}}`, `"a":{"type":"string","x-mcp-header":7}`,
		strings.Repeat(`"a":{"type":"object","properties":{`, 80) + `"a":{"x-mcp-header":"A"}` + strings.Repeat("}}", 80),
	} {
		if headersOf(schema(bad)) == nil {
			t.Errorf("%.100s is taken", bad)
		}
	}
}

func TestIcons(t *testing.T) {
	t.Parallel()
	if i := newIcon([]wireIcon{{"https://example.com/i.png"}, {"data:image/png;base64," + dot}}); i == nil || i.MIMEType != "image/png" {
		t.Errorf("%+v", i)
	}
	if i := IconOf(json.RawMessage(`{"name":"t","icons":[{"src":"data:image/png;base64,` + dot + `"}]}`)); i == nil || i.MIMEType != "image/png" {
		t.Errorf("of a tool: %+v", i)
	}
	for _, none := range []string{`{"name":"t"}`, `{"icons":"x"}`, `{"icons":[{"src":"https://example.com/i.png"}]}`, ``} {
		if i := IconOf(json.RawMessage(none)); i != nil {
			t.Errorf("%s has the icon %+v", none, i)
		}
	}
	var wide bytes.Buffer
	if err := png.Encode(&wide, image.NewGray(image.Rect(0, 0, iconSideMax+1, 1))); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"https://example.com/i.png", "file:///etc/passwd", "data:image/svg+xml;base64,PHN2Zy8+", "data:image/jpeg;base64," + dot, "data:image/png," + dot,
		"data:image/png;base64,!!", "data:image/png;base64," + base64.StdEncoding.EncodeToString(wide.Bytes()), "data:image/png;base64," + strings.Repeat("A", 100<<10), "",
	} {
		if i := newIcon([]wireIcon{{bad}}); i != nil {
			t.Errorf("%.60s is shown", bad)
		}
	}
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"level":"warning","logger":"db","data":"slow"}`: "[warning] db: slow", `{"level":"\u202e","data":{"a":1}}`: `[info] {"a":1}`, `{"data":"x"}`: "[info] x", `7`: "",
	} {
		if _, got := logMessage(json.RawMessage(in)); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}
