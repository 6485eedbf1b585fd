//go:build linux && e2e

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// modelServer is the argument that makes this program the model of the
// measurement of a turn. It prints its base URL and serves until its standard
// input ends.
const modelServer = "-serve-model"

// turnCalls is how often the model calls the tool before it answers.
const turnCalls = 20

// serveModel is a service for Chat Completions that streams: as long as a
// request has fewer than turnCalls results, it calls the tool echo once more,
// under whatever name it is offered; then it answers in words.
func serveModel() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Printf("http://%s/v1\n", listener.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", complete)
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(listener, mux) }()
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // its end is the end
		failed <- nil
	}()
	return <-failed
}

// complete answers one request.
func complete(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Messages []struct {
			Role string `json:"role"`
		} `json:"messages"`
		Tools []struct {
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		} `json:"tools"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	results := 0
	for _, m := range request.Messages {
		if m.Role == "tool" {
			results++
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	chunk := func(delta, finish string) {
		fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, finish)
	}
	tool := ""
	for _, t := range request.Tools {
		if strings.HasSuffix(t.Function.Name, "echo") {
			tool = t.Function.Name
		}
	}
	if results < turnCalls && tool != "" {
		chunk(fmt.Sprintf(`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_%d","type":"function","function":{"name":%q,"arguments":""}}]}`, results, tool), "null")
		chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"text\":\"step "}}]}`, "null")
		chunk(fmt.Sprintf(`{"tool_calls":[{"index":0,"function":{"arguments":"%d\"}"}}]}`, results), "null")
		chunk(`{}`, `"tool_calls"`)
	} else {
		chunk(`{"role":"assistant","content":""}`, "null")
		for _, word := range strings.SplitAfter("All of the steps are done now.", " ") {
			chunk(fmt.Sprintf(`{"content":%q}`, word), "null")
		}
		chunk(`{}`, `"stop"`)
	}
	fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`+"\n\n")
	fmt.Fprint(w, "data: [DONE]\n\n")
}
