//go:build linux && e2e

package standin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
)

func post(t *testing.T, url, key, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// events are the payloads of a stream of server-sent events.
func events(t *testing.T, stream string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(stream) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		all = append(all, event)
	}
	return all
}

func TestModelThroughProxy(t *testing.T) {
	d, err := desk.Start(t.Context(), desk.Options{Logs: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	node, err := standin.FindNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	model, err := node.StartModel(t.Context(), d, standin.ModelOptions{Fixtures: "testdata/call.json", Keys: []string{"sk-right"}})
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := standin.NewProxy(model.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()

	const chat = `{"model":"gpt-4o", "stream":true,"messages":[{"role":"user","content":"CALL-ECHO"}]}`
	const responses = `{"model":"gpt-4o","stream":true ,"input":[{"role":"user","content":"CALL-ECHO"}]}`

	status, text := post(t, proxy.URL()+"/v1/chat/completions", "sk-right", chat)
	if status != http.StatusOK || !strings.Contains(text, "data: [DONE]") {
		t.Fatalf("%d %s", status, text)
	}
	if !strings.Contains(text, `"everything__echo"`) || !strings.Contains(text, "call_echo_1") {
		t.Errorf("no call in %s", text)
	}

	status, text = post(t, proxy.URL()+"/v1/responses", "sk-right", responses)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	kinds := map[string]bool{}
	for _, event := range events(t, text) {
		kinds[fmt.Sprint(event["type"])] = true
	}
	for _, kind := range []string{"response.output_item.added", "response.function_call_arguments.delta", "response.completed"} {
		if !kinds[kind] {
			t.Errorf("no %s in %v", kind, kinds)
		}
	}

	if status, _ = post(t, proxy.URL()+"/v1/responses", "sk-wrong", responses); status != http.StatusUnauthorized {
		t.Errorf("a wrong key gives %d", status)
	}
	if status, text = post(t, proxy.URL()+"/v1/chat/completions", "sk-right", strings.Replace(chat, "CALL-ECHO", "unheard of", 1)); status < 400 {
		t.Errorf("a message without a fixture gives %d %s", status, text)
	}

	kept := proxy.Requests()
	if len(kept) != 4 {
		t.Fatalf("%d requests were kept", len(kept))
	}
	if r := kept[0]; r.Method != "POST" || r.Path != "/v1/chat/completions" || string(r.Body) != chat || r.Header.Get("Authorization") != "Bearer sk-right" {
		t.Errorf("kept %s %s %v %s", r.Method, r.Path, r.Header, r.Body)
	}
	toResponses := func(r standin.Request) bool { return r.Path == "/v1/responses" }
	if r, err := proxy.Wait(t.Context(), 0, toResponses); err != nil || string(r.Body) != responses {
		t.Errorf("kept %s, %v", r.Body, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := proxy.Wait(ctx, 2, toResponses); err == nil {
		t.Error("a request that never came was found")
	}
}

// What the server sends is passed on while it is still sending.
func TestProxyStreams(t *testing.T) {
	release := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first")
		w.(http.Flusher).Flush()
		select {
		case <-release:
			fmt.Fprintln(w, "second")
		case <-r.Context().Done():
		}
	}))
	defer upstream.Close()
	proxy, err := standin.NewProxy(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, proxy.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for _, want := range []string{"first", "second"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %q: %v", lines.Text(), want, lines.Err())
		}
		if want == "first" {
			close(release)
		}
	}
}

func TestServersFromNpm(t *testing.T) {
	node, err := standin.FindNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		tool string
	}{
		{"everything", []string{node.Everything()}, "echo"},
		{"filesystem", []string{node.Filesystem(), folder}, "read_text_file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
			session, err := client.Connect(ctx, &mcp.CommandTransport{
				Command:           exec.CommandContext(ctx, node.Program, c.args...),
				TerminateDuration: 100 * time.Millisecond,
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			for tool, err := range session.Tools(ctx, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if tool.Name == c.tool {
					return
				}
			}
			t.Errorf("no tool %s", c.tool)
		})
	}
}
