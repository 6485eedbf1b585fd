package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// plays is a transport that answers every request with the same body.
type plays struct {
	kind string
	body func() io.Reader
}

func (p plays) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {p.kind}}, Body: io.NopCloser(p.body()),
	}, nil
}

func playing(t testing.TB, kind store.ProviderKind, p plays) model.Client {
	t.Helper()
	return newClient(t, kind, "http://127.0.0.1:1/v1", func(_ *store.ProviderConfig, o *Options) { o.HTTP = &http.Client{Transport: p} })
}

// repeats is a reader that begins once and then repeats.
func repeats(begin, again string) io.Reader {
	return io.MultiReader(strings.NewReader(begin), &loop{text: again})
}

type loop struct {
	text string
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], l.text[l.at:])
		n += c
		l.at = (l.at + c) % len(l.text)
	}
	return n, nil
}

// TestAnswersAreBounded meets services whose answers never end.
func TestAnswersAreBounded(t *testing.T) {
	big := strings.Repeat("x", 64<<10)
	for name, test := range map[string]struct {
		kind         store.ProviderKind
		begin, again string
	}{
		"a line without end":         {store.ProviderChat, "data: ", "xxxxxxxx"},
		"an event without end":       {store.ProviderResponses, "", "data: x\n"},
		"comments without end":       {store.ProviderChat, "", ": xxxxxxxxxxxxxxxxxxxxxxxx\n"},
		"text without end":           {store.ProviderChat, "", `data: {"choices":[{"delta":{"content":"` + big + `"}}]}` + "\n\n"},
		"text without end, items":    {store.ProviderResponses, "", `data: {"type":"response.output_text.delta","delta":"` + big + `"}` + "\n\n"},
		"reasoning without end":      {store.ProviderChat, "", `data: {"choices":[{"delta":{"reasoning_content":"` + big + `"}}]}` + "\n\n"},
		"arguments without end":      {store.ProviderChat, "", `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"` + big + `"}}]}}]}` + "\n\n"},
		"arguments, items":           {store.ProviderResponses, "", `data: {"type":"response.function_call_arguments.delta","delta":"` + big + `"}` + "\n\n"},
		"calls without end":          {store.ProviderChat, "", `data: {"choices":[{"delta":{"tool_calls":[` + strings.TrimSuffix(strings.Repeat(`{"function":{"name":"f","arguments":"{}"}},`, 500), ",") + `]}}]}` + "\n\n"},
		"calls in the last event":    {store.ProviderResponses, `data: {"type":"response.completed","response":{"output":[` + strings.TrimSuffix(strings.Repeat(`{"type":"function_call","name":"f","arguments":"{}"},`, 20_000), ",") + `]}}` + "\n\n", "\n"},
		"names in pieces, one index": {store.ProviderChat, "", `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"[` + big + `"}}]}}]}` + "\n\n"},
		"text without end, parts":    {store.ProviderGemini, "", `data: {"candidates":[{"content":{"parts":[{"text":"` + big + `"}]}}]}` + "\n\n"},
		"signatures without end":     {store.ProviderGemini, "", `data: {"candidates":[{"content":{"parts":[{"thoughtSignature":"` + big + `"}]}}]}` + "\n\n"},
		"images without end":         {store.ProviderGemini, "", `data: {"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"` + big + `"}}]}}]}` + "\n\n"},
		"arguments, parts":           {store.ProviderGemini, "", `data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"` + big + `"}}}]}}]}` + "\n\n"},
		"calls without end, parts":   {store.ProviderGemini, "", `data: {"candidates":[{"content":{"parts":[` + strings.TrimSuffix(strings.Repeat(`{"functionCall":{"name":"f"}},`, 500), ",") + `]}}]}` + "\n\n"},
		"text without end, blocks":   {store.ProviderAnthropic, "", `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + big + `"}}` + "\n\n"},
		"thinking without end":       {store.ProviderAnthropic, `data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking"}}` + "\n\n", `data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"` + big + `"}}` + "\n\n"},
		"blocks without end":         {store.ProviderAnthropic, "", `data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f"}}` + "\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := playing(t, test.kind, plays{"text/event-stream", func() io.Reader { return repeats(test.begin, test.again) }})
			if name != "text without end" { // one case is enough to see the real limit at work
				switch c := c.(type) {
				case *chatClient:
					c.maxAnswer = 2 << 20
				case *responsesClient:
					c.maxAnswer = 2 << 20
				case *geminiClient:
					c.maxAnswer = 2 << 20
				case *anthropicClient:
					c.maxAnswer = 2 << 20
				}
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			var size int
			var last error
			for d, err := range c.Stream(t.Context(), ask("Hello")) {
				last = err
				switch d := d.(type) {
				case model.TextDelta:
					size += len(d.Text)
				case model.ImageDelta:
					size += len(d.Image.Data)
				}
			}
			runtime.ReadMemStats(&after)
			var e *model.Error
			if !errors.As(last, &e) || e.Kind != model.ErrorProtocol || !errors.Is(last, model.ErrCut) || size > maxAnswer {
				t.Errorf("%d bytes, %v", size, last)
			}
			grown := int64(after.HeapSys) - int64(before.HeapSys)
			t.Logf("%v, the heap grew by %d MB", time.Since(start), grown>>20)
			if grown > 256<<20 {
				t.Errorf("the heap grew by %d MB", grown>>20)
			}
		})
	}
}

// slow is a reader that takes a while for each line.
type slow struct {
	lines []string
	pause time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	if len(s.lines) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.lines[0])
	s.lines = s.lines[1:]
	return n, nil
}

// TestSlowIsNotIdle checks in fake time that an answer may take for ever as long
// as something comes.
func TestSlowIsNotIdle(t *testing.T) {
	t.Parallel()
	text := readTranscript(t, filepath.Join("testdata", "chat", "text.txtar")).body
	for pause, whole := range map[time.Duration]bool{9 * time.Minute: true, 11 * time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			c := playing(t, store.ProviderChat, plays{"text/event-stream", func() io.Reader {
				return &slow{strings.SplitAfter(text, "\n"), pause}
			}})
			_, err := drain(t.Context(), c, ask("Hello"))
			if (err == nil) != whole {
				t.Errorf("with a piece every %v: %v", pause, err)
			}
		})
	}
}

// TestSourceIsBounded reads empty lines without end, which no event holds.
func TestSourceIsBounded(t *testing.T) {
	t.Parallel()
	n, err := io.Copy(io.Discard, &source{r: &loop{text: "\n"}, alive: func() {}, maxTotal: 1 << 20, maxEvent: 10})
	if !errors.Is(err, errTooMuch) || n > 1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestSourceAddsTheLastLine reads a body in the smallest pieces.
func TestSourceAddsTheLastLine(t *testing.T) {
	t.Parallel()
	s := &source{r: iotest.OneByteReader(strings.NewReader("data: x")), alive: func() {}, maxTotal: 100, maxEvent: 100}
	got, err := io.ReadAll(s)
	if err != nil || string(got) != "data: x\n\n" || !s.ended {
		t.Errorf("%q, %v, %v", got, err, s.ended)
	}
}

// fuzzStream plays bytes to an adapter and checks what must hold of any answer.
func fuzzStream(f *testing.F, kind store.ProviderKind) {
	paths, err := filepath.Glob(filepath.Join("testdata", string(kind), "*.txtar"))
	if err != nil || len(paths) == 0 {
		f.Fatal(err, len(paths))
	}
	for _, p := range paths {
		f.Add([]byte(readTranscript(f, p).body), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		mime := "text/event-stream"
		if !stream {
			mime = "application/json"
		}
		c := playing(t, kind, plays{mime, func() io.Reader { return bytes.NewReader(body) }})
		deltas, err := drain(context.Background(), c, ask("Hello"))
		done := 0
		ids := map[string]bool{}
		begun := map[int]bool{}
		for i, d := range deltas {
			switch d := d.(type) {
			case model.Done:
				done++
				if i != len(deltas)-1 {
					t.Error("something comes after the end")
				}
			case model.CallDelta:
				if !begun[d.Index] {
					if d.ID == "" || ids[d.ID] {
						t.Errorf("the id %q is empty or not unique", d.ID)
					}
					ids[d.ID], begun[d.Index] = true, true
				} else if d.ID != "" || d.Name != "" {
					t.Errorf("a call is announced twice: %+v", d)
				}
			}
		}
		if (done == 1) == (err != nil) || done > 1 {
			t.Errorf("%d ends and the error %v", done, err)
		}
		if err != nil {
			if !errors.Is(err, model.ErrCut) {
				t.Errorf("the error does not say that the answer is not whole: %v", err)
			}
			checkSentence(t, err)
		}
	})
}

func FuzzChatStream(f *testing.F)      { fuzzStream(f, store.ProviderChat) }
func FuzzResponsesStream(f *testing.F) { fuzzStream(f, store.ProviderResponses) }
func FuzzGeminiStream(f *testing.F)    { fuzzStream(f, store.ProviderGemini) }
func FuzzAnthropicStream(f *testing.F) { fuzzStream(f, store.ProviderAnthropic) }

// FuzzComplaint reads the errors of services.
func FuzzComplaint(f *testing.F) {
	f.Add(400, []byte(`{"error":{"message":"no","code":"x","param":["p"]}}`))
	f.Add(0, []byte(`[[[{"error":{"error":{"error":"deep"}}}]]]`))
	f.Add(503, []byte("plain\x00text\xff\u202e"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := &endpoint{cfg: store.ProviderConfig{ID: "test"}}
		var err error
		e.base = newClient(t, store.ProviderChat, "http://127.0.0.1/v1").(*chatClient).base
		err = e.complaintError(status, readComplaint(body), []string{canary})
		if errors.Is(err, model.ErrCut) || err.Error() == "" {
			t.Error(fmt.Sprint(err))
		}
	})
}

func BenchmarkChatStream(b *testing.B) {
	body := `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}` + "\n\n"
	whole := strings.Repeat(body, 1000) + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
	c := playing(b, store.ProviderChat, plays{"text/event-stream", func() io.Reader { return strings.NewReader(whole) }})
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range c.Stream(b.Context(), ask("Hello")) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
