package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

const someForm = `{"type":"object","properties":{
	"zeta":{"type":"string","title":"Your name","default":"John"},
	"mail":{"type":"string","format":"email"},
	"age":{"type":"integer","minimum":0,"maximum":150,"default":30},
	"score":{"type":"number","default":95.5},
	"sure":{"type":"boolean","default":true},
	"color":{"type":"string","enum":["r","g"],"enumNames":["Red","Green"],"default":"g"},
	"size":{"type":"string","oneOf":[{"const":"s","title":"Small"},{"const":"l","title":"Large"}]},
	"tags":{"type":"array","items":{"type":"string","enum":["a","b","c"]},"maxItems":2,"default":["a"]},
	"more":{"type":"array","items":{"anyOf":[{"const":"x","title":"X!"}]}},
	"alpha":{"type":"string","minLength":2,"maxLength":4,"pattern":"^[a-z]+$"}},
	"required":["zeta","age"]}`

func plainTextOf(s string, limit int) string { return cut(visible(s), limit) }

func TestForm(t *testing.T) {
	t.Parallel()
	fields, err := formFields(json.RawMessage(someForm), plainTextOf)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	byName := map[string]Field{}
	for _, f := range fields {
		names = append(names, f.Name+":"+string(f.Kind))
		byName[f.Name] = f
	}
	want := "zeta:text mail:text age:integer score:number sure:switch color:choice size:choice tags:choices more:choices alpha:text"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("fields %s", got)
	}
	if c := byName["color"].Choices; len(c) != 2 || c[1] != (Choice{"g", "Green"}) {
		t.Errorf("%v", c)
	}
	if f := byName["zeta"]; f.Label() != "Your name" || !f.Required || byName["mail"].Required {
		t.Errorf("%+v", f)
	}
	e := Elicitation{Fields: fields}
	got, err := e.Complete(map[string]any{"zeta": "Jane"})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"zeta": "Jane", "age": 30., "score": 95.5, "sure": true, "color": "g", "tags": []string{"a"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	for name, v := range map[string]any{
		"mail": "Jane <jane@example.com>", "age": 151., "score": "1", "sure": "yes", "color": "b", "size": "m",
		"tags": []string{"a", "b", "c"}, "more": []string{"y"}, "alpha": "a", "nobody": 1.,
	} {
		if _, err := e.Complete(map[string]any{name: v}); err == nil {
			t.Errorf("%s: %v is taken", name, v)
		}
	}
	for name, typed := range map[string]string{"age": "1.5", "alpha": "ABC", "color": "Green", "mail": "x", "tags": "a, d", "score": "Inf"} {
		if v, err := byName[name].Parse(typed); err == nil {
			t.Errorf("%s: %q is %v", name, typed, v)
		}
	}
	for name, typed := range map[string]string{"age": " 12 ", "alpha": "abc", "color": "r", "mail": "a@b.c", "tags": "a, c", "sure": "n", "zeta": ""} {
		if _, err := byName[name].Parse(typed); err != nil {
			t.Error(err)
		}
	}
	if _, err := (Elicitation{Fields: []Field{{Name: "must", Kind: FieldText, Required: true}}}).Complete(nil); err == nil {
		t.Error("a required field was left")
	}
}

func TestFormDates(t *testing.T) {
	t.Parallel()
	for format, cases := range map[string]map[string]bool{
		"date":      {"2026-07-28": true, "28.7.2026": false},
		"date-time": {"2026-07-28T12:00:00Z": true, "2026-07-28": false},
		"uri":       {"https://example.com": true, "example": false},
	} {
		f := Field{Name: "f", Kind: FieldText, Format: format}
		for v, good := range cases {
			if err := f.Check(v); (err == nil) != good {
				t.Errorf("%s %q: %v", format, v, err)
			}
		}
	}
}

func TestHostileForms(t *testing.T) {
	t.Parallel()
	var many, choices []string
	for i := range 100_000 {
		many = append(many, fmt.Sprintf(`"f%d":{"type":"string"}`, i))
		choices = append(choices, fmt.Sprintf(`"%d"`, i))
	}
	for name, schema := range map[string]string{
		"huge":          `{"properties":{` + strings.Join(many, ",") + `}}`,
		"many":          `{"properties":{` + strings.Join(many[:fieldsMax+1], ",") + `}}`,
		"choices":       `{"properties":{"a":{"type":"string","enum":[` + strings.Join(choices[:choicesMax+1], ",") + `]}}}`,
		"nested":        `{"properties":{"a":{"type":"object","properties":{}}}}`,
		"array":         `{"type":"array"}`,
		"untyped":       `{"properties":{"a":{"$ref":"https://example.com/"}}}`,
		"default":       `{"properties":{"a":{"type":"integer","default":"x"}}}`,
		"hidden name":   `{"properties":{"a\u202eb":{"type":"string"}}}`,
		"not described": `{"required":["b"],"properties":{"a":{"type":"string"}}}`,
		"no items":      `{"properties":{"a":{"type":"array"}}}`,
		"no object":     `{"properties":[1]}`,
	} {
		if fields, err := formFields(json.RawMessage(schema), plainTextOf); err == nil {
			t.Errorf("%s: %d fields", name, len(fields))
		}
	}
	fields, err := formFields(json.RawMessage(`{"properties":{"api_key":{"type":"string"},"a":{"type":"string","title":"Pass\u202eword","description":"`+strings.Repeat("d", 9000)+`"}}}`), plainTextOf)
	if err != nil || !fields[0].Secret || len(fields[1].Description) > fieldTextMax+len("…") || strings.Contains(fields[1].Title, "\u202e") {
		t.Errorf("%+v, %v", fields, err)
	}
}

func TestAskedLinks(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "https://", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "http://example.com/", "ssh://a.example/",
		"https://bank.example@evil.example/", "https://ex\u0430mple.com/", "https://a.example/\u202e", "https://a.example/ b", "HTTPS:a.example",
		"https://a.example\\@b.example/", "https:///a", "//a.example/", "https://a.example/" + strings.Repeat("a", linkMax), "https://a%2eexample/", "https://[::1",
	} {
		if l, _, err := askedLink(bad, ""); err == nil {
			t.Errorf("%q is shown as %+v", bad, l)
		}
	}
	for address, want := range map[string]string{
		"https://example.com/connect?id=1": "",
		"https://xn--80ak6aa92e.com/":      "punycode",
		"https://127.0.0.1:8080/x":         "this computer",
		"http://localhost:3000/x":          "this computer",
		"https://10.0.0.7/x":               "private network",
		"https://printer/x":                "private network",
		"https://[::1]/x":                  "this computer",
		"https://[fd00::1]/x":              "private network",
		"http://mcp.example.com/x":         "not encrypted", // the server's own host
	} {
		l, warnings, err := askedLink(address, "https://mcp.example.com/mcp")
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if l.Before+l.Host+l.After != address || l.URL != address || !strings.HasPrefix(address, l.Before+l.Host) {
			t.Errorf("%+v", l)
		}
		if got := strings.Join(warnings, " "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q", address, got)
		}
	}
}

// asking returns a handler that asks for input until done reports true.
func asking(requests, state string) func(*actor, string, json.RawMessage) (string, string) {
	return func(s *actor, method string, params json.RawMessage) (string, string) {
		if method != "tools/call" {
			return "", ""
		}
		var p struct {
			InputResponses json.RawMessage
			RequestState   string
		}
		json.Unmarshal(params, &p)
		if len(p.InputResponses) == 0 {
			return `{"resultType":"input_required","inputRequests":` + requests + state + `}`, ""
		}
		text, _ := json.Marshal(string(p.InputResponses) + p.RequestState)
		return `{"resultType":"complete","content":[{"type":"text","text":` + string(text) + `}]}`, ""
	}
}

func TestInputRequired(t *testing.T) {
	t.Parallel()
	s := &actor{handle: asking(`{"q":{"method":"elicitation/create","params":{"message":"Who\u202e?","requestedSchema":`+strings.ReplaceAll(strings.ReplaceAll(someForm, "\n", ""), "\t", "")+`}},"r":{"method":"roots/list"}}`, `,"requestState":"s1"`)}
	p := &person{answer: func(context.Context, Elicitation) (ElicitAnswer, error) {
		return ElicitAnswer{Accepted, map[string]any{"mail": "a@b.c"}}, nil
	}}
	dir := t.TempDir()
	m := scripted(t, s, func(o *Options, c *store.ServerConfig) { o.Elicitor, c.Roots = p, []string{dir} })
	r := mustCall(t, m, "s", "echo", `{}`)
	text := r.Content.Text()
	for _, want := range []string{`"action":"accept"`, `"mail":"a@b.c"`, `"age":30`, `"sure":true`, `"tags":["a"]`, "file://" + dir, "s1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	asked := p.questions()
	if len(asked) != 1 || asked[0].ServerName != "s" || strings.Contains(asked[0].Message, "\u202e") || asked[0].Fields[0].Name != "zeta" || asked[0].Fields[9].Name != "alpha" {
		t.Errorf("%+v", asked)
	}
	if hello := string(s.hello); !strings.Contains(hello, `"form":{}`) || !strings.Contains(hello, `"url":{}`) || !strings.Contains(hello, `"roots"`) || strings.Contains(hello, "sampling") {
		t.Errorf("the capabilities are %s", hello)
	}
}

func TestNothingGranted(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		`{"r":{"method":"roots/list"}}`:                                   "none were granted",
		`{"r":{"method":"sampling/createMessage","params":{}}}`:           "sampling",
		`{"r":{"method":"elicitation/create","params":{"mode":"hypno"}}}`: "hypno",
		`{"r":{"method":"shell/run"}}`:                                    "shell/run",
		`{"r":7}`:                                                         "cannot be read",
	} {
		s := &actor{handle: asking(request, "")}
		m := scripted(t, s, nil)
		r := mustCall(t, m, "s", "echo", `{}`)
		if !r.IsError || !strings.Contains(r.Content.Text(), want) {
			t.Errorf("%s: %+v", request, r)
		}
		if hello := string(s.hello); strings.Contains(hello, "roots") || strings.Contains(hello, "elicitation") || strings.Contains(hello, "sampling") {
			t.Errorf("the capabilities are %s", hello)
		}
	}
}

func TestEndlessInput(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := &actor{handle: func(s *actor, method string, _ json.RawMessage) (string, string) {
		if method != "tools/call" {
			return "", ""
		}
		calls.Add(1)
		return `{"resultType":"input_required","inputRequests":{"r":{"method":"roots/list"}},"requestState":"x"}`, ""
	}}
	m := scripted(t, s, func(_ *Options, c *store.ServerConfig) { c.Roots = []string{t.TempDir()} })
	if r := mustCall(t, m, "s", "echo", `{}`); !r.IsError || calls.Load() != roundsMax {
		t.Errorf("%d rounds: %+v", calls.Load(), r)
	}
	many := strings.TrimSuffix(strings.Repeat(`"%d":{"method":"elicitation/create","params":{"message":"m"}},`, 1), ",")
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf(many, i))
	}
	p := &person{}
	s = &actor{handle: asking("{"+strings.Join(list, ",")+"}", "")}
	m = scripted(t, s, willing(p))
	if r := mustCall(t, m, "s", "echo", `{}`); !r.IsError || len(p.questions()) > 0 {
		t.Errorf("%d questions: %+v", len(p.questions()), r)
	}
	calls.Store(0)
	s = &actor{handle: func(_ *actor, method string, _ json.RawMessage) (string, string) {
		if method != "tools/call" {
			return "", ""
		}
		calls.Add(1)
		return `{"resultType":"input_required","requestState":"busy"}`, ""
	}}
	m = scripted(t, s, nil)
	if r := mustCall(t, m, "s", "echo", `{}`); !r.IsError || calls.Load() != busyMax+1 {
		t.Errorf("%d rounds: %+v", calls.Load(), r)
	}
}

// TestAskedWhileCalled is the older era: the server asks before it answers.
func TestAskedWhileCalled(t *testing.T) {
	t.Parallel()
	s := &actor{older: true, handle: func(s *actor, method string, _ json.RawMessage) (string, string) {
		if method != "tools/call" {
			return "", ""
		}
		var all []string
		for i, q := range []string{
			`"method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","properties":{"b":{"type":"string","default":"B"},"a":{"type":"string"}}}}`,
			`"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://example.com/x","elicitationId":"1"}`,
			`"method":"elicitation/create","params":{"mode":"url","message":"m","url":"javascript:alert(1)","elicitationId":"1"}`,
			`"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}`,
			`"method":"roots/list"`,
		} {
			s.say(`{"jsonrpc":"2.0","id":"q%d",%s}`, i, q)
			all = append(all, string(<-s.answers))
		}
		text, _ := json.Marshal(strings.Join(all, "\n"))
		return `{"content":[{"type":"text","text":` + string(text) + `}]}`, ""
	}}
	inCall := &person{}
	nobody := &person{answer: func(context.Context, Elicitation) (ElicitAnswer, error) { return ElicitAnswer{}, errors.New("not me") }}
	m := scripted(t, s, willing(nobody))
	r, err := m.Call(WithElicitor(testContext(t), inCall), tools.Ref{Server: "s", Tool: "echo"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(r.Content.Text(), "\n")
	for i, want := range []string{`"content":{"b":"B"}`, `"action":"accept"`, `"code":-32602`, `"code":-32601`, `"code":-32601`} {
		if !strings.Contains(got[i], want) {
			t.Errorf("%d: %s", i, got[i])
		}
	}
	asked := inCall.questions()
	if len(asked) != 2 || asked[0].Fields[0].Name != "b" || asked[1].Link == nil || asked[1].Link.Host != "example.com" || asked[1].Fields != nil {
		t.Errorf("%+v", asked)
	}
}

func TestQuestionsWait(t *testing.T) {
	t.Parallel()
	shown, most := atomic.Int32{}, atomic.Int32{}
	p := &person{answer: func(ctx context.Context, _ Elicitation) (ElicitAnswer, error) {
		most.Store(max(most.Load(), shown.Add(1)))
		defer shown.Add(-1)
		return ElicitAnswer{Action: Declined}, nil
	}}
	s := &actor{older: true, handle: func(s *actor, method string, _ json.RawMessage) (string, string) {
		if method != "tools/call" {
			return "", ""
		}
		for i := range 50 {
			s.say(`{"jsonrpc":"2.0","id":"q%d","method":"elicitation/create","params":{"message":"m"}}`, i)
		}
		var declined int
		for range 50 {
			if strings.Contains(string(<-s.answers), "decline") {
				declined++
			}
		}
		return fmt.Sprintf(`{"content":[{"type":"text","text":"%d"}]}`, declined), ""
	}}
	m := scripted(t, s, willing(p))
	if r := mustCall(t, m, "s", "echo", `{}`); len(p.questions()) > elicitPerMin || len(p.questions()) == 0 || most.Load() != 1 || r.Content.Text() != fmt.Sprint(len(p.questions())) {
		t.Errorf("%d questions, %d at once: %+v", len(p.questions()), most.Load(), r)
	}
	if !logHas(m, "s", "too much at once") {
		t.Errorf("%q", tail(m, "s"))
	}
}

// TestPersonTakesTime has a person think for longer than a server may be
// silent, and a server withdraw its question.
func TestPersonTakesTime(t *testing.T) {
	t.Parallel()
	p := &person{answer: func(context.Context, Elicitation) (ElicitAnswer, error) {
		time.Sleep(600 * time.Millisecond)
		return ElicitAnswer{Action: Accepted}, nil
	}}
	s := &actor{handle: asking(`{"q":{"method":"elicitation/create","params":{"message":"m"}}}`, "")}
	m := scripted(t, s, func(o *Options, _ *store.ServerConfig) {
		o.Elicitor, o.CallIdle, o.CallMax = p, 300*time.Millisecond, 500*time.Millisecond
	})
	if r := mustCall(t, m, "s", "echo", `{}`); r.IsError {
		t.Errorf("%+v", r)
	}
	ended := make(chan struct{})
	p = &person{answer: func(ctx context.Context, _ Elicitation) (ElicitAnswer, error) {
		<-ctx.Done()
		close(ended)
		return ElicitAnswer{}, ctx.Err()
	}}
	s = &actor{older: true, handle: func(s *actor, method string, _ json.RawMessage) (string, string) {
		if method != "tools/call" {
			return "", ""
		}
		s.say(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"m"}}`)
		for len(p.questions()) == 0 {
			time.Sleep(time.Millisecond)
		}
		s.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"q"}}`)
		<-ended
		return `{"content":[{"type":"text","text":"withdrawn"}]}`, ""
	}}
	m = scripted(t, s, willing(p))
	if r := mustCall(t, m, "s", "echo", `{}`); r.Content.Text() != "withdrawn" {
		t.Errorf("%+v", r)
	}
}

// TestVisitFirst is the older era's error that demands a visit.
func TestVisitFirst(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := &actor{older: true}
	s.handle = func(_ *actor, method string, _ json.RawMessage) (string, string) {
		if method != "tools/call" {
			return "", ""
		}
		if calls.Add(1) == 1 {
			return "", `{"code":-32042,"message":"visit","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://example.com/v","message":"m"}]}}`
		}
		return `{"content":[{"type":"text","text":"visited"}]}`, ""
	}
	p := &person{answer: func(context.Context, Elicitation) (ElicitAnswer, error) {
		go s.say(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}`)
		return ElicitAnswer{Action: Accepted}, nil
	}}
	m := scripted(t, s, willing(p))
	if r := mustCall(t, m, "s", "echo", `{}`); r.Content.Text() != "visited" {
		t.Errorf("%+v", r)
	}
	calls.Store(0)
	p.answer = func(context.Context, Elicitation) (ElicitAnswer, error) { return ElicitAnswer{Action: Declined}, nil }
	if r := mustCall(t, m, "s", "echo", `{}`); !r.IsError || calls.Load() != 1 {
		t.Errorf("%d calls: %+v", calls.Load(), r)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	s := &actor{handle: func(_ *actor, method string, _ json.RawMessage) (string, string) {
		if method == "tools/call" {
			close(started)
		}
		return "", ""
	}}
	m := scripted(t, s, nil)
	ctx, cancel := context.WithCancel(testContext(t))
	go func() { <-started; cancel() }()
	if _, err := m.Call(ctx, tools.Ref{Server: "s", Tool: "echo"}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	select {
	case <-s.cancels:
	case <-time.After(patience):
		t.Error("the server was not told")
	}
}
