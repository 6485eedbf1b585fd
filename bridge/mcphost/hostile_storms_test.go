package mcphost

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// beside has the server do something without end while it serves.
func beside(do func(r *raw)) func(*raw) {
	return func(r *raw) {
		r.other = func(method string, _ json.RawMessage) bool {
			if method == "notifications/initialized" {
				go do(r)
			}
			return false
		}
		r.serve()
	}
}

// storms are about many messages.
func storms() []attack {
	worksOften := func(t *testing.T, s *scene) {
		for range 8 {
			s.works(t)
		}
	}
	asks := func(method, params string) func(*raw) {
		return beside(func(r *raw) {
			for i := 0; ; i++ {
				r.say(`{"jsonrpc":"2.0","id":"q%d","method":%q,"params":%s}`, i, method, params)
			}
		})
	}
	return []attack{
		{
			name: "progress of a call without end",
			serve: onCall(func(r *raw, _, id string) {
				// Tokens are counted from one on.
				for i := 0; ; i++ {
					r.say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%d,"progress":%d,"message":"\u202e%s"}}`, 1+i%3, i, strings.Repeat("a", 1000))
				}
			}),
			tune: quickCalls,
			then: func(t *testing.T, s *scene) {
				var reports atomic.Int64
				_, err := s.m.Call(testContext(t), tools.Ref{Server: evil, Tool: "echo"}, json.RawMessage(`{}`), func(p tools.Progress) {
					reports.Add(1)
					if strings.Contains(p.Message, "\u202e") {
						t.Error("a report misleads")
					}
					time.Sleep(time.Millisecond) // as slow as a window
				})
				if err == nil || !strings.Contains(err.Error(), "longer than 5s") || reports.Load() == 0 {
					t.Errorf("%v after %d reports", err, reports.Load())
				}
			},
		}, {
			name: "progress of nothing", large: true,
			serve: beside(func(r *raw) {
				for i := 0; ; i++ {
					for _, token := range []string{fmt.Sprint(i), `"a"`, "null", "1.5", "{}", "-1"} {
						r.say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":"many","total":-1}}`, token)
					}
				}
			}),
			then: worksOften,
		}, {
			name: "log messages without end", large: true,
			serve: beside(func(r *raw) {
				for {
					r.say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"emergency","logger":"l","data":{"a":"noise"}}}`)
				}
			}),
			then: worksOften, logs: []string{"[emergency] l: {\"a\":\"noise\"}"},
		}, {
			name: "changes of its lists without end",
			serve: func(r *raw) {
				var lists atomic.Int64
				r.tools = func(string) string { lists.Add(1); return oneTool }
				r.call = func(_ string, id, _ json.RawMessage) {
					r.result(id, fmt.Sprintf(`{"content":[{"type":"text","text":"%d"}]}`, lists.Load()))
				}
				beside(func(r *raw) {
					for {
						for _, list := range []string{"tools", "prompts", "resources"} {
							r.say(`{"jsonrpc":"2.0","method":"notifications/%s/list_changed"}`, list)
						}
					}
				})(r)
			},
			then: func(t *testing.T, s *scene) {
				began := time.Now()
				var lists int64
				eventually(t, "it to be listed again", func() bool {
					if _, err := fmt.Sscan(mustCall(t, s.m, evil, "echo", `{}`).Content.Text(), &lists); err != nil {
						t.Fatal(err)
					}
					return lists > 1
				})
				if most := int64(time.Since(s.status.Since)/relistEvery) + 3; lists > most {
					t.Errorf("its tools were listed %d times in %s", lists, time.Since(began))
				}
			},
		}, {
			name:  "pings without end",
			serve: asks("ping", `{}`),
			then:  worksOften, logs: []string{"asks more than it reads"},
		}, {
			name: "requests to use the model without end", large: true,
			serve: asks("sampling/createMessage", `{"messages":[],"maxTokens":1}`),
			then:  worksOften, logs: []string{"sampling"},
		}, {
			name: "requests for folders without end", large: true,
			serve: asks("roots/list", `{}`),
			tune:  func(_ *Options, c *store.ServerConfig) { c.Roots = []string{"/"} },
			then:  worksOften,
		}, {
			name: "requests that nobody knows without end", large: true,
			serve: asks("shell/run", `{"command":"id"}`),
			then:  worksOften,
		}, {
			name:  "questions to the person without end",
			serve: asks("elicitation/create", `{"message":"Again?","requestedSchema":{"type":"object","properties":{}}}`),
			then: func(t *testing.T, s *scene) {
				worksOften(t, s)
				eventually(t, "some questions", func() bool { return len(s.person.questions()) > 0 })
				if n := len(s.person.questions()); n > elicitPerMin {
					t.Errorf("the person was asked %d times", n)
				}
			},
			logs: []string{"asks you too much"},
		}, {
			name: "changes of resources that nobody watches", large: true,
			serve: beside(func(r *raw) {
				for i := 0; ; i++ {
					r.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:///%d"}}`, i)
					r.say(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"%d"}}`, i)
					r.say(`{"jsonrpc":"2.0","method":"notifications/unheard_of","params":{"n":%d}}`, i)
				}
			}),
			then: worksOften,
		},
	}
}
