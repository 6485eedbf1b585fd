package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// canary is the key that no error may repeat.
const canary = "sk-canary-key"

// recorded is a request that a test's server got.
type recorded struct {
	method, path string
	header       http.Header
	body         string
}

// service is a stand-in for a model's service.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []recorded
}

// serve starts a service that keeps the requests and answers with h.
func serve(t *testing.T, h http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, recorded{r.Method, r.URL.Path, r.Header.Clone(), string(body)})
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// all returns the requests so far.
func (s *service) all() []recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]recorded(nil), s.requests...)
}

// client returns an adapter for the service, with the canary as its key.
func (s *service) client(t testing.TB, kind store.ProviderKind, change ...func(*store.ProviderConfig, *Options)) model.Client {
	t.Helper()
	return newClient(t, kind, s.URL+"/v1", change...)
}

func newClient(t testing.TB, kind store.ProviderKind, base string, change ...func(*store.ProviderConfig, *Options)) model.Client {
	t.Helper()
	cfg := store.ProviderConfig{ID: "test", Name: "Test", Kind: kind, BaseURL: base}
	o := Options{
		Key:            func(context.Context) (store.Secret, error) { return store.NewSecret(canary), nil },
		Now:            func() time.Time { return time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC) },
		Version:        "1.2.3",
		RehearsalDelay: -1,
	}
	for _, f := range change {
		f(&cfg, &o)
	}
	c, err := New(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// transcript is a recorded answer and what is to come of it.
type transcript struct {
	status int
	header [][2]string
	body   string
	reset  bool
	want   string
}

func readTranscript(t testing.TB, path string) transcript {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parseTranscript(t, path, ar)
}

func parseTranscript(t testing.TB, path string, ar *txtar.Archive) transcript {
	t.Helper()
	var err error
	tr := transcript{status: 200, header: [][2]string{{"Content-Type", "text/event-stream"}}}
	raw := false
	for _, f := range ar.Files {
		text := strings.TrimSuffix(string(f.Data), "\n")
		switch f.Name {
		case "status":
			tr.status, err = strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			tr.header = nil
		case "header":
			tr.header = nil
			for line := range strings.Lines(text) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
				tr.header = append(tr.header, [2]string{k, v})
			}
		case "end":
			tr.reset = text == "reset"
		case "raw":
			raw = true // without the line break at the end
		case "body":
			tr.body = string(f.Data) + "\n"
			if raw {
				tr.body = text
			}
		case "want":
			tr.want = text
		default:
			t.Fatalf("%s: a section %q is not known", path, f.Name)
		}
	}
	if tr.want == "" {
		t.Fatalf("%s: it says nothing of what it wants", path)
	}
	return tr
}

// handler plays the transcript, a line at a time.
func (tr transcript) handler(w http.ResponseWriter, _ *http.Request) {
	for _, h := range tr.header {
		w.Header().Set(h[0], h[1])
	}
	w.WriteHeader(tr.status)
	for line := range strings.Lines(tr.body) {
		if _, err := io.WriteString(w, line); err != nil {
			return
		}
		if line == "\n" {
			w.(http.Flusher).Flush()
		}
	}
	if tr.reset {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

var someTools = tools.NewTable([]tools.Tool{
	{Ref: tools.Ref{Server: "files", Tool: "read"}, ServerName: "Files", Description: "Reads a file.", InputSchema: []byte(`{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}`)},
	{Ref: tools.Ref{Server: "clock", Tool: "now"}, InputSchema: []byte(`{"type":"object","properties":{"zone":{"type":"string"}}}`)},
}, tools.OpenAI)

func userSays(parts ...store.Part) store.Message {
	return store.Message{Role: store.RoleUser, Parts: parts}
}

var testModel = store.ModelRef{Provider: "test", Model: "m"}

func ask(text string) model.Request {
	return model.Request{Model: testModel, Messages: []store.Message{userSays(store.Text{Text: text})}, Tools: someTools}
}

// madeID is the id of a call that the service gave none.
var madeID = regexp.MustCompile(`"call_[0-9A-Za-z_-]{16,}"`)

// render writes deltas and the error as the transcripts do.
func render(deltas []model.Delta, err error) string {
	var b strings.Builder
	begun := map[int]bool{}
	for _, d := range deltas {
		switch d := d.(type) {
		case model.TextDelta:
			fmt.Fprintf(&b, "text %q\n", d.Text)
		case model.ReasoningDelta:
			fmt.Fprintf(&b, "reasoning %q\n", d.Text)
		case model.CallDelta:
			if begun[d.Index] {
				fmt.Fprintf(&b, "args %d %q\n", d.Index, d.Arguments)
				continue
			}
			begun[d.Index] = true
			id := d.ID
			if len(id) > 20 && strings.HasPrefix(id, "call_") {
				id = "made"
			}
			fmt.Fprintf(&b, "call %d %s %s %q\n", d.Index, id, d.Name, d.Arguments)
		case model.OpaqueDelta:
			fmt.Fprintf(&b, "opaque %s\n", madeID.ReplaceAll(d.Data, []byte(`"made"`)))
		case model.ImageDelta:
			fmt.Fprintf(&b, "image %s %q\n", d.Image.MIMEType, d.Image.Data)
		case model.UsageDelta:
			fmt.Fprintf(&b, "usage %d %d %d %d", d.Usage.Input, d.Usage.Cached, d.Usage.Output, d.Usage.Reasoning)
			if d.Usage.Written != 0 {
				fmt.Fprintf(&b, " written %d", d.Usage.Written)
			}
			b.WriteByte('\n')
		case model.Done:
			fmt.Fprintf(&b, "done %s\n", d.Reason)
		}
	}
	if err != nil {
		b.WriteString("error")
		var e *model.Error
		if errors.As(err, &e) {
			fmt.Fprintf(&b, " %s", e.Kind)
			if errors.Is(err, model.ErrCut) {
				b.WriteString(" cut")
			}
			if e.Status != 0 {
				fmt.Fprintf(&b, " %d", e.Status)
			}
			if e.RetryAfter != 0 {
				fmt.Fprintf(&b, " retry %s", e.RetryAfter)
			}
		} else {
			b.WriteString(" " + err.Error())
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// drain makes a call and collects what comes of it.
func drain(ctx context.Context, c model.Client, req model.Request) ([]model.Delta, error) {
	var deltas []model.Delta
	var last error
	for d, err := range c.Stream(ctx, req) {
		if last != nil {
			return deltas, fmt.Errorf("something came after the error %w", last)
		}
		if err != nil {
			last = err
			continue
		}
		deltas = append(deltas, d)
	}
	return deltas, last
}

// TestTranscripts plays every recorded answer to the adapter of its format.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.ProviderKind{store.ProviderChat, store.ProviderResponses, store.ProviderGemini, store.ProviderAnthropic} {
		paths, err := filepath.Glob(filepath.Join("testdata", string(kind), "*.txtar"))
		if err != nil || len(paths) < 30 {
			t.Fatalf("%d transcripts, %v", len(paths), err)
		}
		for _, path := range paths {
			t.Run(string(kind)+"/"+strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
				t.Parallel()
				tr := readTranscript(t, path)
				s := serve(t, tr.handler)
				deltas, err := drain(t.Context(), s.client(t, kind), ask("Hello"))
				got := render(deltas, err)
				want, quoted := tr.want, ""
				if i := strings.LastIndex(want, "error "); i >= 0 {
					if head, q, ok := strings.Cut(want[i:], ` "`); ok {
						want, quoted = want[:i]+head, strings.TrimSuffix(q, `"`)
					}
					want = strings.Replace(want, " cut 0", " cut", 1)
				}
				if got != want {
					t.Errorf("got:\n%s\nwant:\n%s\nerror: %v", got, want, err)
				}
				if err != nil {
					checkSentence(t, err)
					if !strings.Contains(err.Error(), quoted) {
						t.Errorf("the error %q does not say %q", err, quoted)
					}
				}
			})
		}
	}
}

// checkSentence fails for an error that is nothing to show to people, or that
// repeats the key.
func checkSentence(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if !strings.HasSuffix(text, ".") || strings.Contains(text, "..") || strings.Contains(text, "%!") || len(text) > 900 || hasControl(text) {
		t.Errorf("this is no sentence for people: %q", text)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, form := range []string{fmt.Sprintf("%v", e), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
			if strings.Contains(form, canary) {
				t.Errorf("the key is in the error %T: %s", e, form)
			}
		}
	}
}
