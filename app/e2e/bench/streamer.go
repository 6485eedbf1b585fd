//go:build linux && e2e

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// streamAsked is the message that a streamer answers at length; to any other it
// says a few words.
const streamAsked = "STREAM, please."

// A streamer is a service for Chat Completions that answers with Markdown of any
// length, at streamRate tokens a second, until nobody listens any more.
type streamer struct {
	server *http.Server
	url    string
	sent   atomic.Int64 // tokens
	failed chan error
}

// newStreamer starts one on a free port of the loopback interface.
func newStreamer() (*streamer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &streamer{url: fmt.Sprintf("http://%s/v1", listener.Addr()), failed: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.answer)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { s.failed <- s.server.Serve(listener) }()
	return s, nil
}

// URL is its base URL.
func (s *streamer) URL() string { return s.url }

// Close ends it, and the answers that are under way.
func (s *streamer) Close() error {
	err := s.server.Close()
	if served := <-s.failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// answer answers one request.
func (s *streamer) answer(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Messages []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	write := func(delta, finish string) error {
		_, err := fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, finish)
		return err
	}
	n := len(request.Messages)
	if n == 0 || string(request.Messages[n-1].Content) != fmt.Sprintf("%q", streamAsked) {
		// The one who asked for a title takes what there is, or gives up.
		_ = write(`{"role":"assistant","content":"A long answer"}`, "null")
		_ = write(`{}`, `"stop"`)
		fmt.Fprint(w, "data: [DONE]\n\n")
		return
	}
	flush := http.NewResponseController(w)
	began := time.Now()
	count := 0
	for section := 1; ; section++ {
		for _, token := range tokensOf(sectionText(section)) {
			content, err := json.Marshal(map[string]string{"content": token})
			if err != nil {
				return
			}
			// A sleep is never shorter than it should be, so what was missed is made
			// up for at once.
			count++
			time.Sleep(time.Until(began.Add(time.Duration(count) * time.Second / streamRate)))
			if err := errors.Join(write(string(content), "null"), flush.Flush()); err != nil {
				return // the program has ended
			}
			s.sent.Add(1)
		}
	}
}

// tokensOf cuts a text as models do: words with the space before them, and long
// words in two.
func tokensOf(text string) (out []string) {
	for _, word := range strings.SplitAfter(text, " ") {
		if len(word) > 8 {
			out = append(out, word[:5])
			word = word[5:]
		}
		if word != "" {
			out = append(out, word)
		}
	}
	return out
}

// sectionText is a part of the answer: a heading, prose, a table, code and a
// list, each told from those of other parts by its number.
func sectionText(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Section %d\n\n", n)
	for p := range 3 {
		for s := range 5 {
			fmt.Fprintf(&b, "Sentence %d of paragraph %d in section %d says **something** about the bridge, its `gate` and the *water* below it. ", s+1, p+1, n)
		}
		b.WriteString("\n\n")
	}
	b.WriteString("| span | length | stone |\n|---|---:|---|\n")
	for row := range 8 {
		fmt.Fprintf(&b, "| span %d of bridge %d | %d m | granite from the %d. quarry |\n", row+1, n, 10*n+row, row+1)
	}
	b.WriteString("\n```go\n")
	for line := range 14 {
		fmt.Fprintf(&b, "\tif span%d := bridge.Span(%d); span%d.Length > %d { // section %d\n\t\treturn fmt.Errorf(\"span %%d is too long\", %d)\n\t}\n", line, line, line, 100+line, n, line)
	}
	b.WriteString("```\n\n")
	for item := range 6 {
		fmt.Fprintf(&b, "- Item %d of section %d, which takes a little more than one line when the window is of its usual width and the text goes on\n  - and one thing below it\n", item+1, n)
	}
	b.WriteString("\n")
	return b.String()
}
