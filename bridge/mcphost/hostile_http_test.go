package mcphost

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// rawHTTP is a server of the older era over Streamable HTTP that answers with
// what it is told to.
type rawHTTP struct {
	// answer handles a request in its own way, and reports whether it did.
	answer func(w http.ResponseWriter, r *http.Request, m asked) bool
	// take handles a connection before there is any HTTP.
	take func(net.Conn) bool
}

// asked is a message of the client. Method is the HTTP method, in small letters,
// of what is no message.
type asked struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
}

func say(w http.ResponseWriter, id json.RawMessage, result string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}

func (s *rawHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m asked
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || json.Unmarshal(body, &m) != nil {
		m = asked{Method: strings.ToLower(r.Method)}
	}
	switch {
	case s.answer != nil && s.answer(w, r, m):
	case m.Method == "initialize":
		say(w, m.ID, greeting(""))
	case m.Method == "tools/list":
		say(w, m.ID, oneTool)
	case m.Method == "tools/call":
		say(w, m.ID, toolResult)
	case m.Method == "get":
		w.WriteHeader(http.StatusMethodNotAllowed)
	case len(m.ID) == 0:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`, m.ID)
	}
}

// takingListener hands connections to a function first.
type takingListener struct {
	net.Listener
	take func(net.Conn) bool
}

func (l takingListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || !l.take(c) {
			return c, err
		}
	}
}

// serveHostileHTTP is the child process. It writes its address, and ends with
// its input.
func serveHostileHTTP(set func(*rawHTTP)) {
	s := &rawHTTP{}
	set(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(94)
	}
	if s.take != nil {
		l = takingListener{l, s.take}
	}
	fmt.Println("http://" + l.Addr().String() + "/mcp")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, http.Serve(l, s))
}

// startHostileHTTP starts the server that a configuration for stdio describes,
// which speaks HTTP instead, and returns its address.
func startHostileHTTP(t *testing.T, c store.ServerConfig) string {
	t.Helper()
	cmd := exec.Command(c.Command)
	for name, value := range c.Env {
		cmd.Env = append(cmd.Env, name+"="+string(value))
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// onPost has the server answer one method in its own way.
func onPost(method string, answer func(w http.ResponseWriter, r *http.Request, id json.RawMessage)) func(*rawHTTP) {
	return func(s *rawHTTP) {
		s.answer = func(w http.ResponseWriter, r *http.Request, m asked) bool {
			if m.Method != method {
				return false
			}
			answer(w, r, m.ID)
			return true
		}
	}
}

// always has the server answer all requests in the same way.
func always(answer http.HandlerFunc) func(*rawHTTP) {
	return func(s *rawHTTP) {
		s.answer = func(w http.ResponseWriter, r *http.Request, _ asked) bool { answer(w, r); return true }
	}
}

// hijack takes the connection over and closes it afterwards.
func hijack(w http.ResponseWriter, speak func(net.Conn)) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer c.Close()
	speak(c)
}

// httpAttacks are about HTTP itself.
func httpAttacks() []attack {
	trap := os.Getenv(trapVariable)
	untrapped := func(t *testing.T, s *scene) {
		if n := s.trapped.Load(); n != 0 {
			t.Errorf("%d connections were made", n)
		}
	}
	return []attack{
		{
			name: "HTTP: a redirect to another server",
			http: always(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, trap+"/x?token=1", http.StatusTemporaryRedirect)
			}),
			state: Failed, says: []string{"sends its visitors on to", "another server"}, then: untrapped,
		}, {
			name: "HTTP: a redirect into the private network",
			http: always(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusPermanentRedirect)
			}),
			state: Failed, says: []string{"169.254.169.254", "another server"}, then: untrapped,
		}, {
			name: "HTTP: redirects without end",
			http: always(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
			}),
			state: Failed, says: []string{"redirects in a circle"}, then: untrapped,
		}, {
			name: "HTTP: a redirect of a call",
			http: onPost("tools/call", func(w http.ResponseWriter, r *http.Request, _ json.RawMessage) {
				http.Redirect(w, r, trap+"/x", http.StatusTemporaryRedirect)
			}),
			then: func(t *testing.T, s *scene) {
				s.fails(t, "echo", "another server")
				untrapped(t, s)
			},
		}, {
			name: "HTTP: headers with lines of their own",
			http: onPost("tools/call", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				hijack(w, func(c net.Conn) {
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: a\r\n b\rX-Evil: 1\x00\r\n: empty\r\n\r\n{}")
				})
			}),
			then: func(t *testing.T, s *scene) { s.fails(t, "echo", "failed") },
		}, {
			name: "HTTP: a session id that injects",
			http: onPost("initialize", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, greeting(""))
				hijack(w, func(c net.Conn) {
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: a\x01\x7f\xff: b\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				})
			}),
			state: Failed, says: []string{"failed"},
		}, {
			name: "HTTP: a session id of 500 KB",
			http: onPost("initialize", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				w.Header().Set("Mcp-Session-Id", strings.Repeat("s", 500<<10))
				say(w, id, greeting(""))
			}),
			then: func(t *testing.T, s *scene) { s.works(t) },
		}, {
			name: "HTTP: a new session id with each answer",
			http: func(s *rawHTTP) {
				n := 0
				s.answer = func(w http.ResponseWriter, _ *http.Request, m asked) bool {
					n++
					w.Header().Set("Mcp-Session-Id", fmt.Sprint("session", n))
					return false
				}
			},
			tune: noRetry, state: Failed, says: []string{"session"},
		}, {
			name: "HTTP: every call expires the session",
			http: func(s *rawHTTP) {
				s.answer = func(w http.ResponseWriter, _ *http.Request, m asked) bool {
					switch m.Method {
					case "initialize":
						w.Header().Set("Mcp-Session-Id", "s")
					case "tools/call":
						w.WriteHeader(http.StatusNotFound)
						return true
					}
					return false
				}
			},
			then: func(t *testing.T, s *scene) { s.fails(t, "echo", "did not take the call", "3 times") },
		}, {
			name:  "HTTP: nothing but 404",
			http:  always(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }),
			state: Failed, says: []string{"no MCP server at", "404"},
		}, {
			name: "HTTP: nothing but 429",
			http: always(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "999999999")
				w.WriteHeader(http.StatusTooManyRequests)
			}),
			state: Failed, says: []string{"asked too often"},
		}, {
			name: "HTTP: one byte of a header a second",
			http: func(s *rawHTTP) {
				s.take = func(c net.Conn) bool {
					go func() {
						defer c.Close()
						if _, err := c.Read(make([]byte, 1)); err != nil {
							return // it was not asked anything
						}
						for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n") {
							if _, err := c.Write([]byte{b}); err != nil {
								return
							}
							time.Sleep(time.Second)
						}
					}()
					return true
				}
			},
			tune: quick, state: Failed, says: []string{"did not answer within 8s"},
		}, {
			name: "HTTP: headers without end", large: true,
			http: func(s *rawHTTP) {
				s.take = func(c net.Conn) bool {
					go func() {
						defer c.Close()
						fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
						for i := 0; ; i++ {
							if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("h", 4000)); err != nil {
								return
							}
						}
					}()
					return true
				}
			},
			tune: noRetry, state: Failed, says: []string{"failed"},
		}, {
			name: "HTTP: be patient, without end", large: true,
			http: func(s *rawHTTP) {
				s.take = func(c net.Conn) bool {
					go func() {
						defer c.Close()
						for {
							if _, err := fmt.Fprint(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"); err != nil {
								return
							}
						}
					}()
					return true
				}
			},
			tune: noRetry, state: Failed, says: []string{"127.0.0.1"},
		}, {
			name: "HTTP: no HTTP",
			http: func(s *rawHTTP) {
				s.take = func(c net.Conn) bool {
					go func() { defer c.Close(); fmt.Fprint(c, "\x00\x01SSH-2.0-OpenSSH_9.9\r\n\x00") }()
					return true
				}
			},
			tune: noRetry, state: Failed, says: []string{"failed"},
		}, {
			name: "HTTP: fewer bytes than promised",
			http: onPost("tools/call", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				hijack(w, func(c net.Conn) {
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":", id)
				})
			}),
			then: func(t *testing.T, s *scene) { s.fails(t, "echo", "not known") },
		}, {
			name: "HTTP: more bytes than promised",
			http: onPost("tools/call", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
				body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, toolResult)
				hijack(w, func(c net.Conn) {
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsmuggled!", len(body), body)
				})
			}),
			then: func(t *testing.T, s *scene) {
				// What is too much is dropped with its connection. Where the next
				// request was quicker, it fails in words: it never passes for a result.
				worked := 0
				for range 20 {
					r, err := call(t, s.m, evil, "echo", `{}`)
					switch {
					case err != nil && !strings.Contains(err.Error(), "no result") || strings.Contains(r.Content.Text(), "smuggled"):
						t.Errorf("%+v, %v", r, err)
					case err == nil && !r.IsError:
						worked++
					}
				}
				if worked < 5 {
					t.Errorf("%d calls of 20 worked", worked)
				}
			},
		}, {
			name: "HTTP: a farewell without end",
			http: func(s *rawHTTP) {
				s.answer = func(w http.ResponseWriter, r *http.Request, m asked) bool {
					if m.Method == "initialize" {
						w.Header().Set("Mcp-Session-Id", "s")
					}
					if m.Method == "delete" {
						<-r.Context().Done()
						return true
					}
					return false
				}
			},
			then: func(t *testing.T, s *scene) {
				s.works(t)
				began := time.Now()
				s.m.Stop(evil)
				ctx := testContext(t)
				if err := s.m.Ready(ctx, evil); err != nil {
					t.Error(err)
				}
				promised(t, began, 5*time.Second)
			},
		},
	}
}
