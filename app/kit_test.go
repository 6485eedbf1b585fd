//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// commandLimit is how long a command of a test may take. What takes longer
// hangs.
const commandLimit = 3 * time.Minute

// place is a home of its own, and runs the program on it as a person would.
type place struct {
	t    testing.TB
	root string // the person's home
	home string // DRAWBRIDGE_HOME
	env  []string
	wrap []string // what the program is started through
	// heard gets everything that a command printed.
	heard func(command, stdout, stderr string)
}

func newPlace(t testing.TB) *place {
	t.Helper()
	root, err := os.MkdirTemp("", "db") // short enough for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	p := &place{t: t, root: root, home: filepath.Join(root, "home"), heard: func(string, string, string) {}}
	p.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + root, "DRAWBRIDGE_HOME=" + p.home, "SHELL=/bin/sh",
		"XDG_RUNTIME_DIR=" + filepath.Join(root, "run"), // without a bus, so without a keychain
	}
	return p
}

// command makes a command of this place that ends with the test.
func (p *place) command(args ...string) *exec.Cmd {
	p.t.Helper()
	program, err := exec.LookPath("drawbridge")
	if err != nil {
		p.t.Fatal(err)
	}
	line := append(append(append([]string{}, p.wrap...), program), args...)
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	p.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = p.env, p.root, 5*time.Second
	return cmd
}

// ended is a command that has ended.
type ended struct {
	line           string
	stdout, stderr string
	code           int
}

func (e ended) String() string {
	return fmt.Sprintf("%s: exit code %d, stdout %q, stderr %q", e.line, e.code, e.stdout, e.stderr)
}

// run runs a command to its end.
func (p *place) run(stdin string, args ...string) ended {
	p.t.Helper()
	return p.finish(p.command(args...), stdin)
}

func (p *place) finish(cmd *exec.Cmd, stdin string) ended {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	e := ended{"drawbridge " + strings.Join(cmd.Args[len(p.wrap)+1:], " "), stdout.String(), stderr.String(), 0}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		e.code = exit.ExitCode()
	case err != nil:
		p.t.Errorf("%s: %v", e.line, err)
		e.code = -1
	}
	p.heard(e.line, e.stdout, e.stderr)
	return e
}

// must runs a command that has to succeed, and returns what it printed.
func (p *place) must(stdin string, args ...string) string {
	p.t.Helper()
	e := p.run(stdin, args...)
	if e.code != 0 {
		p.t.Fatalf("%v", e)
	}
	return e.stdout
}

// refused runs a command that has to fail with exit code 1 and a sentence that
// has these words.
func (p *place) refused(stdin string, words []string, args ...string) {
	p.t.Helper()
	p.checkRefused(p.run(stdin, args...), words)
}

func (p *place) checkRefused(e ended, words []string) {
	p.t.Helper()
	if e.code != exitError {
		p.t.Errorf("it should fail with exit code 1: %v", e)
	}
	if !strings.HasPrefix(e.stderr, "drawbridge: ") || strings.Contains(e.stderr, "goroutine ") || strings.Contains(e.stderr, "%!") {
		p.t.Errorf("this is no sentence for people: %v", e)
	}
	lines := strings.Split(e.stderr, "\n")
	for i, l := range lines[1:] {
		if l != "" && l == lines[i] {
			p.t.Errorf("it says the same twice: %v", e)
		}
	}
	for _, w := range words {
		if !strings.Contains(e.stderr, w) {
			p.t.Errorf("it does not say %q: %v", w, e)
		}
	}
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(within); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s: not within %v", what, within)
		}
	}
}

// request is what a service was asked.
type request struct {
	method, url, host string
	header            http.Header
	body              []byte
}

// service is a stand-in for a service on the network. It keeps all requests.
type service struct {
	*httptest.Server
	mu       sync.Mutex // protects requests
	requests []request
}

// serveOn starts a service with a handler; the body of a request can be read
// again.
func serveOn(t testing.TB, start func(http.Handler) *httptest.Server, h http.HandlerFunc) *service {
	s := &service{}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client went away
		}
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.URL.String(), r.Host, r.Header.Clone(), body})
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func newService(t testing.TB, h http.HandlerFunc) *service {
	return serveOn(t, httptest.NewServer, h)
}

func (s *service) all() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// reply is one answer of a model.
type reply struct {
	deltas []string
	calls  []modelCall
	pace   time.Duration // between two events
}

type modelCall struct{ id, name, arguments string }

// send streams an answer in the format that the request is in.
func (r reply) send(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(v any) {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		if r.pace > 0 {
			select {
			case <-time.After(r.pace): // how slow a model is, not an order of events
			case <-req.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
			panic(http.ErrAbortHandler)
		}
		w.(http.Flusher).Flush()
	}
	if strings.HasSuffix(req.URL.Path, "/responses") {
		r.responses(event)
		return
	}
	r.chat(event)
	fmt.Fprint(w, "data: [DONE]\n\n")
}

type object = map[string]any

func (r reply) chat(event func(any)) {
	chunk := func(delta object, finish any) {
		event(object{"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": []object{{"index": 0, "delta": delta, "finish_reason": finish}}})
	}
	for _, d := range r.deltas {
		chunk(object{"content": d}, nil)
	}
	finish := "stop"
	for i, c := range r.calls {
		finish = "tool_calls"
		chunk(object{"tool_calls": []object{{"index": i, "id": c.id, "type": "function", "function": object{"name": c.name, "arguments": c.arguments}}}}, nil)
	}
	chunk(object{}, finish)
}

func (r reply) responses(event func(any)) {
	event(object{"type": "response.created", "response": object{"id": "r", "status": "in_progress", "output": []any{}}})
	item := 0
	if len(r.deltas) > 0 {
		for _, d := range r.deltas {
			event(object{"type": "response.output_text.delta", "item_id": "m", "output_index": item, "content_index": 0, "delta": d})
		}
		event(object{"type": "response.output_item.done", "output_index": item, "item": object{
			"type": "message", "id": "m", "role": "assistant", "status": "completed",
			"content": []object{{"type": "output_text", "text": strings.Join(r.deltas, ""), "annotations": []any{}}},
		}})
		item++
	}
	for _, c := range r.calls {
		event(object{"type": "response.output_item.done", "output_index": item, "item": object{
			"type": "function_call", "id": "f" + c.id, "call_id": c.id, "name": c.name, "arguments": c.arguments, "status": "completed",
		}})
		item++
	}
	event(object{"type": "response.completed", "response": object{"id": "r", "status": "completed", "output": []any{}}})
}

// chatRequest is a request of Chat Completions as far as the tests look.
type chatRequest struct {
	Messages []struct {
		Role       string          `json:"role"`
		Content    json.RawMessage `json:"content"`
		ToolCallID string          `json:"tool_call_id"`
		ToolCalls  []struct {
			ID string `json:"id"`
		} `json:"tool_calls"`
	} `json:"messages"`
}

// read takes the body of a request, and says what providers would refuse in
// it: a call without a result, a result without a call.
func (c *chatRequest) read(r *http.Request) error {
	if err := json.NewDecoder(r.Body).Decode(c); err != nil {
		return err
	}
	open := map[string]bool{}
	for i, m := range c.Messages {
		if m.Role == "tool" {
			if !open[m.ToolCallID] {
				return fmt.Errorf("message %d answers the call %q, which is not open", i, m.ToolCallID)
			}
			delete(open, m.ToolCallID)
			continue
		}
		if len(open) > 0 {
			return fmt.Errorf("message %d comes while calls are open: %v", i, open)
		}
		for _, call := range m.ToolCalls {
			open[call.ID] = true
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("calls have no results: %v", open)
	}
	return nil
}

// step is how many answers the model gave since the person spoke last, and what
// they said.
func (c *chatRequest) step() (n int, prompt string) {
	for _, m := range c.Messages {
		switch m.Role {
		case "user":
			n, prompt = 0, looseContent(m.Content)
		case "assistant":
			n++
		}
	}
	return n, prompt
}

// looseContent returns the text of a content that is a text or a list of parts.
func looseContent(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct{ Text string }
	if json.Unmarshal(raw, &parts) == nil {
		for _, p := range parts {
			s += p.Text
		}
	}
	return s
}

// running reports whether a process is there and more than the remains of one.
func running(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return len(rest) > 0 && rest[0] != 'Z' && rest[0] != 'X'
}

// pidFiles returns the processes whose ids are the names of files in dir.
func pidFiles(t testing.TB, dir string) []int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}
