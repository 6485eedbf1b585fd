package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func builtins() map[string]func(context.Context, io.ReadWriteCloser) error {
	return map[string]func(context.Context, io.ReadWriteCloser) error{
		"echo": func(ctx context.Context, rw io.ReadWriteCloser) error {
			return obedient().Run(ctx, &mcp.IOTransport{Reader: rw, Writer: rw})
		},
		"panics": func(context.Context, io.ReadWriteCloser) error { panic("on purpose") },
	}
}

func TestToolFails(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "echo"))
	r := mustCall(t, m, "s", "fail", `{}`)
	if !r.IsError || !strings.Contains(r.Content.Text(), "it went wrong") {
		t.Errorf("%+v", r)
	}
	r = mustCall(t, m, "s", "echo", `{"text":7}`) // the server's own check
	if !r.IsError || r.Content.Text() == "" {
		t.Errorf("%+v", r)
	}
}

func TestRefusedCallIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"-32602", "-32003", "-32004", "-32001"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, nil)
			count := filepath.Join(t.TempDir(), "count")
			c := child(t, "s", "error:"+code)
			c.Env["COUNT"] = store.Value(count)
			ready(t, m, c)
			r := mustCall(t, m, "s", "echo", `{}`)
			if !r.IsError || !strings.Contains(r.Content.Text(), "today") || strings.Contains(r.Content.Text(), "\x1b") || !strings.Contains(r.Content.Text(), code) {
				t.Errorf("%+v", r)
			}
			mustCall(t, m, "s", "echo", `{}`)
			eventually(t, "two calls", func() bool { b, _ := os.ReadFile(count); return len(b) >= 2 })
			if b, _ := os.ReadFile(count); string(b) != "xx" {
				t.Errorf("two calls were run %d times", len(b))
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "echo"))
	dir := t.TempDir()
	cancelled := filepath.Join(dir, "cancelled")
	ctx, cancel := context.WithCancel(testContext(t))
	_, err := m.Call(ctx, tools.Ref{Server: "s", Tool: "until"},
		json.RawMessage(fmt.Sprintf(`{"file":%q,"cancelled":%q,"beat":true}`, filepath.Join(dir, "never"), cancelled)),
		func(tools.Progress) { cancel() }) // it runs
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	eventually(t, "the server to be told", func() bool { _, err := os.Stat(cancelled); return err == nil })
	mustCall(t, m, "s", "echo", `{"text":"x"}`)
}

func TestIdleLimit(t *testing.T) {
	t.Parallel()
	m := newManager(t, func(o *Options) { o.CallIdle, o.CallMax = 2*time.Second, 5*time.Second })
	ready(t, m, child(t, "s", "echo"))
	never := filepath.Join(t.TempDir(), "never")
	began := time.Now()
	_, err := call(t, m, "s", "until", fmt.Sprintf(`{"file":%q}`, never))
	if err == nil || !strings.Contains(err.Error(), "no sign of life for 2s") {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	began = time.Now() // progress keeps it alive, but not for ever
	_, err = call(t, m, "s", "until", fmt.Sprintf(`{"file":%q,"beat":true}`, never))
	if err == nil || !strings.Contains(err.Error(), "longer than 5s") || time.Since(began) < 5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	mustCall(t, m, "s", "echo", `{"text":"x"}`)
}

func TestDeafServer(t *testing.T) {
	t.Parallel()
	m := newManager(t, func(o *Options) { o.CallIdle = 300 * time.Millisecond })
	ready(t, m, child(t, "s", "deaf"))
	long := fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 1<<20)) // more than a pipe holds
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := call(t, m, "s", "echo", long); err == nil || !strings.Contains(err.Error(), "no sign of life") {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
}

func TestProgress(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "echo"))
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			var got []string
			_, err := m.Call(testContext(t), tools.Ref{Server: "s", Tool: "steps"}, nil, func(p tools.Progress) {
				got = append(got, fmt.Sprintf("%g/%g %s", p.Done, p.Total, p.Message))
			})
			want := []string{"1/5 step 1", "2/5 step 2", "3/5 step 3", "4/5 step 4", "5/5 step 5"}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	all.Wait()
}

func TestHugeMessage(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	pid := ready(t, m, child(t, "s", "huge")).PID
	for _, tool := range []string{"huge", "head"} {
		_, err := call(t, m, "s", tool, `{}`)
		if err == nil || !strings.Contains(err.Error(), "16 MiB") {
			t.Errorf("%s: %v", tool, err)
		}
	}
	if r := mustCall(t, m, "s", "echo", `{}`); r.Content.Text() != "still here" {
		t.Errorf("%+v", r)
	}
	if s := status(t, m, "s"); s.PID != pid {
		t.Error("it was started anew")
	}
}

func TestTextOfResults(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "bad-utf8"))
	r := mustCall(t, m, "s", "echo", `{}`)
	if got, want := r.Content.Text(), "a\uFFFDb red ‹U+202E› ‹U+E0041› zwj\u200d"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got, want := string(r.Structured), "{\"big\":12345678901234567890,\"one\":1.0,\"bad\":\"\uFFFD\"}"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "content"))
	r := mustCall(t, m, "s", "echo", `{}`)
	want := store.Parts{
		store.Text{Text: "hello"},
		store.Image{MIMEType: "image/png", Data: []byte{1, 2, 3}},
		store.Text{Text: "(a part of the result has data that is no base64 and is left out)"},
		store.File{MIMEType: "audio/wav", Data: []byte{4, 5}},
		store.File{Name: "a", MIMEType: "text/plain", URI: "file:///a"},
		store.File{MIMEType: "text/plain", URI: "file:///b", Data: []byte("inside")},
		store.File{MIMEType: "application/x", URI: "file:///c", Data: []byte{6, 7}},
		store.Text{Text: `(the result has a part of the kind "hologram", which is not known here)`},
		store.Text{Text: "(a part of the result could not be read)"},
	}
	if !r.IsError || fmt.Sprintf("%#v", r.Content) != fmt.Sprintf("%#v", want) {
		t.Errorf("%#v,\nnot %#v", r.Content, want)
	}
}

func TestNoticeFlood(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "notice-flood"))
	for range 3 {
		if r := mustCall(t, m, "s", "echo", `{}`); r.Content.Text() != "after the flood" {
			t.Errorf("%+v", r)
		}
	}
	size := 0
	for _, line := range m.Log("s") {
		size += len(line)
	}
	if size == 0 || size > logRing+logRing/4 {
		t.Errorf("the log holds %d bytes", size)
	}
}

func TestServerAsksTooMuch(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "asks"))
	if r := mustCall(t, m, "s", "echo", `{"text":"x"}`); r.Content.Text() != "x" {
		t.Errorf("%+v", r)
	}
	if !logHas(m, "s", "asks more than it reads") {
		t.Errorf("every question was taken: %q", tail(m, "s"))
	}
}
