package mcphost

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// stream answers with server-sent events.
func stream(w http.ResponseWriter) (send func(format string, a ...any) bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	return func(format string, a ...any) bool {
		_, err := fmt.Fprintf(w, format, a...)
		return err == nil && flush.Flush() == nil
	}
}

// inflate answers with so many megabytes of a text, as a small body.
func inflate(w http.ResponseWriter, head, text string, megabytes int) {
	w.Header().Set("Content-Encoding", "gzip")
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		panic(err)
	}
	defer z.Close()
	block := []byte(strings.Repeat(text, (1<<20)/len(text)))
	if _, err := io.WriteString(z, head); err != nil {
		return
	}
	for range megabytes {
		if _, err := z.Write(block); err != nil {
			return
		}
	}
}

// onCallHTTP has the server answer tools/call with what write writes.
func onCallHTTP(write func(w http.ResponseWriter, r *http.Request, id json.RawMessage)) func(*rawHTTP) {
	return onPost("tools/call", write)
}

// httpBodyAttacks are about what comes over HTTP.
func httpBodyAttacks() []attack {
	fails := func(says ...string) func(*testing.T, *scene) {
		return func(t *testing.T, s *scene) { s.fails(t, "echo", says...) }
	}
	return []attack{
		{
			name: "HTTP: a bomb of JSON", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				w.Header().Set("Content-Type", "application/json")
				inflate(w, `{"jsonrpc":"2.0","id":`+string(id)+`,"result":{"content":[{"type":"text","text":"`, "a", 2000)
			}),
			then: fails("16 MiB"),
		}, {
			name: "HTTP: a bomb of events", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				w.Header().Set("Content-Type", "text/event-stream")
				inflate(w, "", "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n", 2000)
			}),
			tune: quickCalls, then: fails(evil),
		}, {
			name: "HTTP: a bomb of an error", large: true,
			http: always(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				w.WriteHeader(http.StatusInternalServerError)
				inflate(w, "", "no ", 2000)
			}),
			tune: noRetry, state: Failed, says: []string{"500"},
		}, {
			name: "HTTP: an event without end", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				send := stream(w)
				send("data: ")
				for send("%s", strings.Repeat("x", 1<<20)) {
				}
			}),
			then: fails(evil),
		}, {
			name: "HTTP: events without end", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				send := stream(w)
				for i := 0; send("id: %d\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"%s\"}}\n\n", i, strings.Repeat("n", 1000)); i++ {
				}
			}),
			tune: quickCalls, then: fails("no sign of life for 2.5s"),
		}, {
			name: "HTTP: comments without end", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				send := stream(w)
				for send(":%s\n", strings.Repeat(" still here", 1000)) {
				}
			}),
			tune: quickCalls, then: fails(evil),
		}, {
			name: "HTTP: a stream that ends and resumes for ever",
			http: func(s *rawHTTP) {
				var n atomic.Int64
				s.answer = func(w http.ResponseWriter, _ *http.Request, m asked) bool {
					if m.Method != "tools/call" && m.Method != "get" {
						return false
					}
					stream(w)("retry: 1\nid: %d\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n", n.Add(1))
					return true
				}
			},
			tune: quickCalls, then: fails("no sign of life for 2.5s"),
		}, {
			name: "HTTP: one byte of a body a second",
			http: onCallHTTP(func(w http.ResponseWriter, r *http.Request, id json.RawMessage) {
				w.Header().Set("Content-Type", "application/json")
				for _, b := range fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, toolResult) {
					if _, err := w.Write([]byte{b}); err != nil || http.NewResponseController(w).Flush() != nil || r.Context().Err() != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}),
			tune: quickCalls, then: fails("no sign of life for 2.5s"),
		}, {
			name: "HTTP: a result of a million parts", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				say(w, id, `{"content":`+filled(`{"type":"text"}`, almost)+`}`)
			}),
			then: fails("values"),
		}, {
			name: "HTTP: a structured result of a million numbers", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				say(w, id, `{"content":[],"structuredContent":{"a":`+filled("1", almost)+`}}`)
			}),
			then: fails("values"),
		}, {
			name: "HTTP: an event of a million values", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				stream(w)(": \"\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":[],\"structuredContent\":{\"a\":%s}}}\n\n", id, filled("1", almost))
			}),
			then: fails("values"),
		}, {
			name: "HTTP: nesting without end", large: true,
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				say(w, id, `{"content":[],"structuredContent":`+nested(1_000_000)+`}`)
			}),
			then: fails(evil),
		}, {
			name: "HTTP: a list of a million tools", large: true,
			http: onPost("tools/list", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				say(w, id, `{"tools":`+filled(`{}`, almost)+`}`)
			}),
			state: Failed, says: []string{"values"},
		}, {
			name: "HTTP: a greeting of a million values", large: true,
			http: onPost("initialize", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				say(w, id, greeting(`,"_meta":{"a":`+filled("1", almost)+`}`))
			}),
			state: Failed, says: []string{"values"},
		}, {
			name: "HTTP: a web page", large: true,
			http: always(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				for range 1000 {
					if _, err := io.WriteString(w, strings.Repeat("<b>", 10_000)); err != nil {
						return
					}
				}
			}),
			state: Failed, says: []string{"web page"},
		}, {
			name: "HTTP: an answer to another question",
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				say(w, json.RawMessage(`"other"`), toolResult)
			}),
			tune: quickCalls,
			then: fails(evil),
		}, {
			name: "HTTP: no answer at all",
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) { w.WriteHeader(http.StatusAccepted) }),
			tune: quickCalls, then: fails(evil),
		}, {
			name: "HTTP: questions without end in a call",
			http: onCallHTTP(func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
				send := stream(w)
				for i := 0; ; i++ {
					for _, method := range []string{"ping", "roots/list", "sampling/createMessage", "elicitation/create", "shell/run"} {
						if !send("data: {\"jsonrpc\":\"2.0\",\"id\":\"%s%d\",\"method\":%q,\"params\":{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{}}}}\n\n", method, i, method) {
							return
						}
					}
				}
			}),
			tune: quickCalls,
			then: func(t *testing.T, s *scene) {
				s.fails(t, "echo", "longer than 5s")
				if n := len(s.person.questions()); n > elicitPerMin {
					t.Errorf("the person was asked %d times", n)
				}
			},
		}, {
			name: "HTTP: changes without end on a stream", large: true,
			http: func(s *rawHTTP) {
				s.answer = func(w http.ResponseWriter, _ *http.Request, m asked) bool {
					if m.Method != "get" {
						return false
					}
					send := stream(w)
					for send("%s", strings.Repeat("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n\n", 50)) {
					}
					return true
				}
			},
			then: func(t *testing.T, s *scene) {
				for range 20 {
					s.works(t)
				}
			},
		}, {
			name: "HTTP: a stream of one endless line", large: true,
			http: func(s *rawHTTP) {
				s.answer = func(w http.ResponseWriter, _ *http.Request, m asked) bool {
					if m.Method != "get" {
						return false
					}
					send := stream(w)
					send("data: ")
					for send("%s", strings.Repeat("x", 1<<20)) {
					}
					return true
				}
			},
		}, {
			name: "HTTP: a challenge that leads inside",
			http: always(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("WWW-Authenticate", `Bearer resource_metadata="`+os.Getenv(trapVariable)+`/.well-known/x", scope="`+strings.Repeat("all ", 10_000)+`"`)
				w.WriteHeader(http.StatusUnauthorized)
			}),
			state: Failed, says: []string{"401"},
			then: func(t *testing.T, s *scene) {
				if n := s.trapped.Load(); n != 0 {
					t.Errorf("%d connections were made", n)
				}
			},
		},
	}
}
