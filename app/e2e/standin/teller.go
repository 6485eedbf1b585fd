//go:build linux && e2e

package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// The models that a Teller lists.
const (
	TellerLarge = "teller-large"
	TellerSmall = "teller-small"
)

// ErrGone is returned where nobody reads an answer any more.
var ErrGone = errors.New("the request was given up")

// A Teller is a model server in whose place the test answers: word by word, and
// only when it wants. It speaks OpenAI's Chat Completions. What asks for the title
// of a conversation is refused, so that each keeps its first line. Its methods may
// be called from any goroutine.
type Teller struct {
	server *httptest.Server
	key    string
	asked  chan *Question
	over   chan struct{} // closed by Close

	mu    sync.Mutex
	wrong []string // requests that came with another key
}

// NewTeller listens on a free port of the loopback interface, and takes requests
// with the key alone. Close ends it.
func NewTeller(key string) *Teller {
	t := &Teller{key: key, asked: make(chan *Question, 16), over: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"object":"list","data":[{"id":%q,"object":"model"},{"id":%q,"object":"model"}]}`, TellerLarge, TellerSmall)
	})
	mux.HandleFunc("POST /v1/chat/completions", t.complete)
	t.server = httptest.NewServer(mux)
	return t
}

// URL is where it listens, with the version.
func (t *Teller) URL() string { return t.server.URL + "/v1" }

// Close ends every answer, and the server.
func (t *Teller) Close() {
	close(t.over)
	t.server.CloseClientConnections()
	t.server.Close()
}

// WrongKeys are the keys that came and are not the teller's.
func (t *Teller) WrongKeys() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.wrong)
}

// Next waits for the next request.
func (t *Teller) Next(ctx context.Context) (*Question, error) {
	select {
	case q := <-t.asked:
		return q, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a request to the model: %w", context.Cause(ctx))
	}
}

// Waiting tells how many requests have come that Next has not returned.
func (t *Teller) Waiting() int { return len(t.asked) }

// A Question is a request that is being answered. Its methods are for one
// goroutine at a time.
type Question struct {
	Model    string
	Messages []QuestionMessage
	Tools    []string // the names of those that are offered
	Body     string

	calls  int
	pieces chan string
	gone   chan struct{}
}

// A QuestionMessage is a message of the history that a request brings.
type QuestionMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  []struct {
		ID string `json:"id"`
	} `json:"tool_calls"`
}

// Text is what the message says, in whichever of its two forms.
func (m QuestionMessage) Text() string {
	var text string
	if json.Unmarshal(m.Content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(m.Content, &parts) != nil {
		return string(m.Content)
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// Said is the last that the person wrote.
func (q *Question) Said() string {
	for _, m := range slices.Backward(q.Messages) {
		if m.Role == "user" {
			return m.Text()
		}
	}
	return ""
}

// Result is what the tool gave for a call, and whether there is such a result.
func (q *Question) Result(call string) (string, bool) {
	for _, m := range q.Messages {
		if m.Role == "tool" && m.ToolCallID == call {
			return m.Text(), true
		}
	}
	return "", false
}

// Offers tells whether a tool is offered.
func (q *Question) Offers(tool string) bool { return slices.Contains(q.Tools, tool) }

// Say streams a piece of the answer. The error is ErrGone.
func (q *Question) Say(text string) error {
	return q.send(map[string]any{"content": text}, "")
}

// Call streams a call of a tool; End has it made.
func (q *Question) Call(id, tool, arguments string) error {
	index := q.calls
	q.calls++
	return q.send(map[string]any{"tool_calls": []any{map[string]any{
		"index": index, "id": id, "type": "function", "function": map[string]any{"name": tool, "arguments": arguments},
	}}}, "")
}

// End ends the answer as a model does.
func (q *Question) End() error {
	reason := "stop"
	if q.calls > 0 {
		reason = "tool_calls"
	}
	if err := q.send(map[string]any{}, reason); err != nil {
		return err
	}
	close(q.pieces)
	<-q.gone
	return nil
}

// Gone is closed when nobody reads the answer any more.
func (q *Question) Gone() <-chan struct{} { return q.gone }

func (q *Question) send(delta map[string]any, finish string) error {
	var reason any
	if finish != "" {
		reason = finish
	}
	chunk, err := json.Marshal(map[string]any{
		"id": "answer", "object": "chat.completion.chunk", "created": 1, "model": q.Model,
		"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": reason}},
	})
	if err != nil {
		return err
	}
	select {
	case q.pieces <- string(chunk):
		return nil
	case <-q.gone:
		return ErrGone
	}
}

// complete hands a request to the test, and passes on what it answers.
func (t *Teller) complete(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer "+t.key {
		t.mu.Lock()
		t.wrong = append(t.wrong, got)
		t.mu.Unlock()
		http.Error(w, `{"error":{"message":"That is not the key."}}`, http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var request struct {
		Model    string            `json:"model"`
		Messages []QuestionMessage `json:"messages"`
		Tools    []struct {
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if bytes.Contains(body, []byte("You give conversations their titles")) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"message":"This model gives no titles.","type":"invalid_request_error"}}`)
		return
	}
	q := &Question{Model: request.Model, Messages: request.Messages, Body: string(body), pieces: make(chan string), gone: make(chan struct{})}
	for _, tool := range request.Tools {
		q.Tools = append(q.Tools, tool.Function.Name)
	}
	defer close(q.gone)
	select {
	case t.asked <- q:
	case <-r.Context().Done():
		return
	case <-t.over:
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	if flush() != nil {
		return
	}
	for {
		select {
		case piece, more := <-q.pieces:
			if !more {
				fmt.Fprintf(w, "data: {\"id\":\"answer\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":%q,\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}\n\n", q.Model)
				fmt.Fprint(w, "data: [DONE]\n\n")
				return
			}
			if _, err := fmt.Fprintf(w, "data: %s\n\n", piece); err != nil || flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-t.over:
			return
		}
	}
}
