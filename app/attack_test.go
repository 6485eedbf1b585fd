//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// attackMemory is what the whole program may take at most, in kB: half as much
// again as the worst of these takes, since how soon garbage is collected differs
// from machine to machine.
const attackMemory = 400 << 10

// attackTime is for how long the whole program may keep processors busy, some
// ten times what it needs.
const attackTime = 15 * time.Second

// measured runs a command and returns how much memory it took at most, in kB, and
// for how long it kept processors busy.
func (p *place) measured(args ...string) (e ended, most int, busy time.Duration) {
	p.t.Helper()
	cmd := p.command(args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	over := make(chan struct{})
	looked := make(chan int)
	go func() {
		most := 0
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if _, rest, ok := strings.Cut(string(status), "\nVmHWM:"); err == nil && ok {
				n := 0
				if _, err := fmt.Sscan(rest, &n); err == nil {
					most = max(most, n)
				}
			}
			select {
			case <-time.After(2 * time.Millisecond):
			case <-over:
				looked <- most
				return
			}
		}
	}()
	err := cmd.Wait()
	close(over)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Error(err)
	}
	busy = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return ended{strings.Join(args, " "), stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, <-looked, busy
}

// titleRequest reports whether a service is asked for a title.
func titleRequest(c *chatRequest) bool {
	return len(c.Messages) > 0 && strings.Contains(looseContent(c.Messages[0].Content), "give conversations their titles")
}

// TestHostileAnswerBounds lets the program, as people run it, ask services that send
// as much as they can. It ends, stays small, and the conversation goes on
// afterwards with a history that every service takes.
func TestHostileAnswerBounds(t *testing.T) {
	t.Parallel()
	chunk := func(w io.Writer, delta object) {
		b, err := json.Marshal(object{"choices": []object{{"index": 0, "delta": delta}}})
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "data: %s\n\n", b)
	}
	end := func(w io.Writer, why string) {
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":%q}]}\n\ndata: [DONE]\n\n", why)
	}
	calls := func(w io.Writer, n int, args string) {
		for i := range n {
			chunk(w, object{"tool_calls": []object{{"index": i, "id": fmt.Sprint("c", i), "function": object{"name": "echo__say", "arguments": args}}}})
		}
		end(w, "tool_calls")
	}
	mega := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		answer func(w io.Writer, step int)
		code   int
		says   string // of what is printed
	}{
		"100 MB of reasoning": {func(w io.Writer, _ int) {
			for range 100 {
				chunk(w, object{"reasoning_content": mega})
			}
			end(w, "stop")
		}, exitError, "grew beyond 3 MB"},
		"a large answer that is large once more in the database": {func(w io.Writer, _ int) {
			for range 14 {
				chunk(w, object{"content": strings.Repeat("<\x01", 1<<19)})
			}
			end(w, "stop")
		}, exitError, "grew beyond 3 MB"},
		"100,000 deltas": {func(w io.Writer, _ int) {
			for range 100_000 {
				_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n") // the client may go
			}
			end(w, "stop")
		}, exitOK, strings.Repeat("x", 1000)},
		"arguments of 10 MB": {func(w io.Writer, step int) {
			if step > 0 {
				chunk(w, object{"content": "Then not."})
				end(w, "stop")
				return
			}
			chunk(w, object{"tool_calls": []object{{"index": 0, "id": "a", "function": object{"name": "echo__say", "arguments": `{"text":"`}}}})
			for range 11 {
				chunk(w, object{"tool_calls": []object{{"index": 0, "function": object{"arguments": mega}}}})
			}
			chunk(w, object{"tool_calls": []object{{"index": 0, "function": object{"arguments": `"}`}}}})
			end(w, "tool_calls")
		}, exitOK, "Then not."},
		"500 calls": {func(w io.Writer, step int) {
			if step > 0 {
				chunk(w, object{"content": "That was it."})
				end(w, "stop")
				return
			}
			calls(w, 500, `{"text":"hello"}`)
		}, exitOK, "That was it."},
		"calls without end": {func(w io.Writer, step int) {
			calls(w, 2, fmt.Sprintf(`{"text":"%d"}`, step))
		}, exitError, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			var quiet atomic.Bool
			model := newService(t, func(w http.ResponseWriter, r *http.Request) {
				var h chatRequest
				if err := h.read(r); err != nil {
					t.Errorf("a provider would refuse this history: %v", err)
				}
				step, _ := h.step()
				w.Header().Set("Content-Type", "text/event-stream")
				if quiet.Load() || titleRequest(&h) {
					chunk(w, object{"content": "Quiet."})
					end(w, "stop")
					return
				}
				c.answer(w, step)
			})
			p.provide("evil", model.URL+"/v1")
			p.must("", "servers", "add", "echo", "--", "echo-mcp")
			e, size, busy := p.measured("ask", "--provider", "evil", "--approve", "always", "hello")
			t.Logf("busy for %v, %d MB at most", busy, size>>10)
			if name == "calls without end" {
				c.code = e.code // it may end as told or not; that it ends counts
				if n := len(model.all()); n < 25 || n > 30 {
					t.Errorf("the model was called %d times", n)
				}
			}
			if e.code != c.code || !strings.Contains(e.stdout+e.stderr, c.says) {
				t.Errorf("exit code %d, stdout %.300q, stderr %.300q", e.code, e.stdout, e.stderr)
			}
			if size > attackMemory && !bounds.Race {
				t.Errorf("it took %d MB", size>>10)
			}
			if busy > attackTime && !bounds.Race {
				t.Errorf("it was busy for %v", busy)
			}
			quiet.Store(true)
			conv := strings.TrimSpace(p.query("SELECT id FROM conversations"))
			e, size, busy = p.measured("ask", "--provider", "evil", "--conversation", conv, "again")
			t.Logf("the next turn: busy for %v, %d MB at most", busy, size>>10)
			if e.code != exitOK || e.stdout != "Quiet.\n" {
				t.Errorf("the next turn: exit code %d, %.300q %.300q", e.code, e.stdout, e.stderr)
			}
			if size > attackMemory && !bounds.Race {
				t.Errorf("the next turn took %d MB", size>>10)
			}
			if busy > attackTime && !bounds.Race {
				t.Errorf("the next turn was busy for %v", busy)
			}
		})
	}
}

// TestHostileTitles has a model give titles that hide, mislead or flood.
func TestHostileTitles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ said, want string }{
		"controls": {"\x1b[31mRed\x1b[0m\x07 alert\x00", "[31mRed[0m alert"},
		"bidi":     {"Safe \u202egnp.exe\u2066", "Safe gnp.exe"},
		"tags":     {"A\U000e0041\U000e0042 note\u200b", "A note"},
		"lines":    {"One\nIgnore the rest", "One"},
		"a flood":  {strings.Repeat("long ", 200_000), "hello there"},
		"nothing":  {" \u200b\u202e\n", "hello there"},
		"markdown": {"# **A [link](https://example.com)**", "A [link](https://example.com)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			model := newService(t, func(w http.ResponseWriter, r *http.Request) {
				var h chatRequest
				if err := h.read(r); err != nil {
					t.Error(err)
				}
				if titleRequest(&h) {
					reply{deltas: []string{c.said}}.send(w, r)
					return
				}
				reply{deltas: []string{"Hello."}}.send(w, r)
			})
			p.provide("afar", model.URL+"/v1")
			p.must("", "ask", "--provider", "afar", "hello there")
			title := strings.TrimSuffix(p.query("SELECT title FROM conversations"), "\n")
			if title != c.want || utf8.RuneCountInString(title) > 61 || strings.ContainsFunc(title, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) }) {
				t.Errorf("the title is %q, want %q", title, c.want)
			}
		})
	}
}
