package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

var rehearsalTools = tools.NewTable([]tools.Tool{
	{Ref: tools.Ref{Server: "everything", Tool: "echo"}, ServerName: "Every Thing", Description: "Echoes *the* [message](http://127.0.0.1/).\u202e\n", InputSchema: json.RawMessage(`{"type":"object","properties":{"message":{"type":"string"}},"required":["message"]}`)},
	{Ref: tools.Ref{Server: "everything", Tool: "get-sum"}, InputSchema: json.RawMessage(`{"type":"object","properties":{"a":{"type":"number"},"b":{"type":["null","integer"]},"note":{"type":"string"},"exact":{"type":"boolean"},"list":{"type":"array"},"more":{"anyOf":[{"type":"null"},{"type":"object"}]},"free":{},"mode":{"enum":["fast","slow"]}},"required":["a","b","mode"]}`)},
	{Ref: tools.Ref{Server: "files", Tool: "read"}, InputSchema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"}}}`)},
	{Ref: tools.Ref{Server: "docs", Tool: "read"}, InputSchema: json.RawMessage(`{}`)},
}, tools.OpenAI)

func TestRehearse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		said  string
		calls string // name and arguments, separated by "; "
		says  string // a piece of the text
	}{
		"JSON":                 {`everything__echo {"message": "hi"}`, `everything__echo {"message":"hi"}`, "not an AI"},
		"JSON in a sentence":   {"Please call `everything__echo` with {\"message\":\"a=b\"}, thanks.", `everything__echo {"message":"a=b"}`, ""},
		"JSON over lines":      {"everything__echo\n{\n \"message\": \"echo\\necho\"\n}\nfiles__read path=x", `everything__echo {"message":"echo\necho"}; files__read {"path":"x"}`, ""},
		"key=value":            {`everything__echo message=hi`, `everything__echo {"message":"hi"}`, ""},
		"quotes":               {`everything__echo message="two words, \"quoted\""`, `everything__echo {"message":"two words, \"quoted\""}`, ""},
		"single quotes":        {`everything__echo message='two words'`, `everything__echo {"message":"two words"}`, ""},
		"own name":             {`Echo message=hi`, `everything__echo {"message":"hi"}`, ""},
		"server and tool":      {`everything echo message=hi`, `everything__echo {"message":"hi"}`, ""},
		"server's title":       {`Use Every Thing echo: message=hi.`, `everything__echo {"message":"hi."}`, ""},
		"ambiguous":            {`read path=x`, ``, "`docs__read`, `files__read`"},
		"ambiguous, by server": {`files read path=x`, `files__read {"path":"x"}`, ""},
		"typed":                {`get-sum a=1.5 b=2 note=3 exact=true list=[1,"x y"] more={"k": 1} free=7 mode=fast`, `everything__get-sum {"a":1.5,"b":2,"exact":true,"free":7,"list":[1,"x y"],"mode":"fast","more":{"k":1},"note":"3"}`, ""},
		"typed wrong":          {`get-sum a=x b=y exact=maybe list=1 more=2 free=text mode=fast`, `everything__get-sum {"a":"x","b":"y","exact":"maybe","free":"text","list":"1","mode":"fast","more":"2"}`, ""},
		"commas":               {`get-sum(a=1, b=2, mode=slow)`, `everything__get-sum {"a":1,"b":2,"mode":"slow"}`, ""},
		"several":              {"echo message=1\nand then\nfiles__read path=/tmp/echo", `everything__echo {"message":"1"}; files__read {"path":"/tmp/echo"}`, "`everything__echo`, `files__read`"},
		"one a line":           {`echo message=1 and echo message=2`, `everything__echo {"message":"2"}`, ""},
		"no arguments":         {`files__read`, `files__read {}`, ""},
		"empty value":          {`echo message=`, `everything__echo {"message":""}`, ""},
		"missing":              {`get-sum a=1`, ``, "also needs `b`, `mode`. Write it like this:\n\n```\neverything__get-sum a=1 b=1 mode=\"fast\"\n```"},
		"missing in JSON":      {`echo {}`, ``, "also needs `message`"},
		"one of two missing":   {"files__read path=x\necho", ``, "also needs `message`"},
		"broken JSON":          {`echo {"message": hi}`, ``, "no JSON object"},
		"JSON of another kind": {`echo [1]`, ``, "also needs `message`"},
		"open quote":           {`echo message="hi`, ``, "lacks its closing quote"},
		"part of a word":       {`echoes of everything__echoing and x-echo`, ``, "I could call"},
		"a value":              {`message=echo`, ``, "I could call"},
		"nothing":              {`Hello`, ``, "I am no AI"},
		"not offered":          {`shell__run command=ls`, ``, "No tool named `shell__run` is offered"},
		"empty":                {``, ``, "I am no AI"},
		"bad UTF-8":            {"echo message=\xff", `everything__echo {"message":"\ufffd"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := model.Request{Model: testModel, Tools: rehearsalTools, Messages: []store.Message{userSays(store.Text{Text: test.said})}}
			deltas, err := drain(t.Context(), newClient(t, store.ProviderRehearsal, ""), req)
			parts, reason := assemble(deltas)
			if err != nil {
				t.Fatal(err)
			}
			want := model.StopEnd
			if test.calls != "" {
				want = model.StopCalls
			}
			if got := calls(parts); compactCalls(got) != compactCalls(test.calls) || reason != want {
				t.Errorf("it calls %s (%s), want %s", got, reason, test.calls)
			}
			if text := parts.Text(); !strings.Contains(text, test.says) || !strings.Contains(text, "AI") {
				t.Errorf("it says %q", text)
			}
		})
	}
}

// compactCalls takes the spaces out, which are not the rehearsal's to change in
// JSON that a person wrote.
func compactCalls(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, " ", ""), "\n", "")
}

func TestRehearsalExplains(t *testing.T) {
	t.Parallel()
	text, calls := rehearse(model.Request{Tools: rehearsalTools, Messages: []store.Message{hello}})
	for _, want := range []string{
		"I am no AI", "`everything__echo`: \\[Every Thing\\] Echoes \\*the\\* \\[message\\](http://127.0.0.1/).",
		"- `files__read`", "```\neverything__echo message=\"some text\"\n```",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if len(calls) != 0 || strings.Contains(text, "\u202e") {
		t.Errorf("%v\n%s", calls, text)
	}
	for _, table := range []*tools.Table{nil, tools.NewTable(nil, tools.OpenAI)} {
		if text, _ := rehearse(model.Request{Tools: table, Messages: []store.Message{hello}}); !strings.Contains(text, "no tool is offered") {
			t.Errorf("without tools it says %q", text)
		}
	}
	var many []tools.Tool
	for i := range 500 {
		many = append(many, tools.Tool{Ref: tools.Ref{Server: "s", Tool: fmt.Sprintf("t%d", i)}, Description: strings.Repeat("long ", 1000)})
	}
	text, _ = rehearse(model.Request{Tools: tools.NewTable(many, tools.OpenAI), Messages: []store.Message{hello}})
	if len(text) > 10_000 || !strings.Contains(text, "and 470 more") {
		t.Errorf("%d bytes", len(text))
	}
}

func TestRehearsalReports(t *testing.T) {
	t.Parallel()
	req := model.Request{Tools: rehearsalTools, Messages: []store.Message{
		hello,
		assistant(callPart("c1", "everything__echo", `{}`), callPart("c2", "files__read", `{}`), callPart("c3", "docs__read", `{}`), callPart("c4", "docs__read", `{}`)),
		results(said("c1", "a ``` fence"), store.ToolResult{CallID: "c2", IsError: true, Content: store.Parts{store.Text{Text: "You denied it."}}},
			store.ToolResult{CallID: "c3"}, store.ToolResult{CallID: "c4", Structured: json.RawMessage(`{"n":1}`), Content: store.Parts{store.Image{MIMEType: "image/png", Data: []byte("P")}}},
			said("unknown", strings.Repeat("x", 10_000))),
	}}
	text, calls := rehearse(req)
	for _, want := range []string{
		"not an AI", "`everything__echo` returned:\n\n````\na ``` fence\n````", "`files__read` was not done:\n\n```\nYou denied it.\n```",
		"`docs__read` returned nothing.", "image/png", `{"n":1}`, "The tool returned:\n\n```\nxxx", "…\n```",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%.3000s", want, text)
		}
	}
	if len(calls) != 0 || len(text) > 6000 {
		t.Errorf("%v, %d bytes", calls, len(text))
	}
}

// TestRehearsalStreams checks in fake time that an answer comes in pieces, one
// after each pause, and can be stopped between them.
func TestRehearsalStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, store.ProviderRehearsal, "", func(_ *store.ProviderConfig, o *Options) { o.RehearsalDelay = time.Second })
		start := time.Now()
		n := 0
		var arguments []string
		req := model.Request{Tools: rehearsalTools, Messages: []store.Message{userSays(store.Text{Text: `echo message="a rather long message"`})}}
		for d, err := range c.Stream(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if took := time.Since(start); took != time.Duration(n)*time.Second {
				t.Errorf("piece %d came after %v", n, took)
			}
			if d, ok := d.(model.CallDelta); ok && d.Arguments != "" {
				arguments = append(arguments, d.Arguments)
			}
		}
		if n < 6 || len(arguments) < 2 {
			t.Errorf("%d pieces, of them %d of arguments", n, len(arguments))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		start = time.Now()
		_, err := drain(ctx, c, req)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// FuzzRehearse checks that whatever a person writes, the calls are of offered
// tools and their arguments are objects.
func FuzzRehearse(f *testing.F) {
	for _, s := range []string{`echo message="x`, `get-sum a=1 {"b":`, "read\n{", "everything__echo\n\n{}\nfiles read path='", "echo =1\xff", "İecho{}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		said, calls := rehearse(model.Request{Tools: rehearsalTools, Messages: []store.Message{userSays(store.Text{Text: text})}})
		if said == "" {
			t.Error("it says nothing")
		}
		for _, c := range calls {
			var object map[string]any
			if _, ok := rehearsalTools.Lookup(c.name); !ok || json.Unmarshal(c.arguments, &object) != nil || object == nil {
				t.Errorf("it calls %s with %s", c.name, c.arguments)
			}
		}
	})
}
