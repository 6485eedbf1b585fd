package mcphost

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// forEver writes until nobody takes it any more.
func forEver(f *os.File, text string) {
	block := []byte(strings.Repeat(text, max(1, (32<<10)/len(text))))
	for {
		if _, err := f.Write(block); err != nil {
			return
		}
	}
}

// drip writes one byte at a time, slowly.
func drip(text string) {
	for i := range len(text) {
		if _, err := os.Stdout.WriteString(text[i : i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// onCall has the server answer tools/call in its own way.
func onCall(answer func(r *raw, name, id string)) func(*raw) {
	return func(r *raw) {
		r.call = func(name string, id, _ json.RawMessage) { answer(r, name, string(id)) }
		r.serve()
	}
}

const toolResult = `{"content":[{"type":"text","text":"x"}]}`

// streamAttacks are about the streams and the process of a server.
func streamAttacks() []attack {
	const junk = "this is no message at all\n"
	return []attack{
		{
			name:  "a flood on its output at the start",
			serve: func(*raw) { forEver(os.Stdout, junk) },
			tune:  quick, state: Failed, says: []string{"did not answer within 8s", "log"}, logs: []string{"this is no message at all"},
		}, {
			name: "a flood on its output beside answers", large: true,
			serve: func(r *raw) { go floodLines(r, junk); r.serve() },
			logs:  []string{"this is no message at all"},
		}, {
			name: "a flood on its standard error", large: true,
			serve: func(r *raw) { go forEver(os.Stderr, "an error that repeats itself\n"); r.serve() },
			logs:  []string{"an error that repeats itself"},
			then: func(t *testing.T, s *scene) {
				for range 20 {
					s.works(t)
				}
				size := int64(0)
				for _, pattern := range []string{evil + ".log", evil + ".log.1"} {
					if info, err := os.Stat(filepath.Join(s.logs, pattern)); err == nil {
						size += info.Size()
					}
				}
				if size == 0 || size > 2*logFileMax+logPerSec {
					t.Errorf("the log's files have %d bytes", size)
				}
			},
		}, {
			name: "a line without end at the start", large: true,
			serve: func(*raw) { forEver(os.Stdout, "x") },
			tune:  quick, state: Failed, says: []string{"did not answer within 8s"},
		}, {
			name: "a line without end in an answer", large: true,
			serve: onCall(func(_ *raw, _, id string) {
				fmt.Print(`{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"type":"text","text":"`)
				forEver(os.Stdout, "x")
			}),
			tune: quickCalls,
			then: func(t *testing.T, s *scene) { s.fails(t, "echo", "no sign of life for 2.5s") },
		}, {
			name: "an answer over 16 MiB", large: true,
			serve: onCall(func(r *raw, _, id string) {
				r.result(json.RawMessage(id), `{"content":[{"type":"text","text":"`+strings.Repeat("a", 17<<20)+`"}]}`)
			}),
			then: func(t *testing.T, s *scene) {
				s.fails(t, "echo", "16 MiB", "Ask for less")
				s.fails(t, "echo", "16 MiB")
				if now := status(t, s.m, evil); now.PID != s.status.PID {
					t.Error("the server was started anew")
				}
			},
		}, {
			name: "a banner",
			serve: func(r *raw) {
				fmt.Print("\n> some-server@1.0.0 start\n> node \x1b[32mindex.js\x1b[0m\n\n{\"level\":30,\"msg\":\"listening\"}\n")
				r.serve()
			},
			logs: []string{"> node index.js"},
		}, {
			name:  "silence at the start",
			serve: func(*raw) { select {} },
			tune:  quick, state: Failed, says: []string{"It runs, but did not answer within 8s"},
		}, {
			name:  "silence at a call",
			serve: onCall(func(*raw, string, string) {}),
			tune:  quickCalls,
			then:  func(t *testing.T, s *scene) { s.fails(t, "echo", "no sign of life for 2.5s", "not known") },
		}, {
			name: "one byte a second at the start",
			serve: func(*raw) {
				drip(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"slow","version":"0"}}}` + "\n")
			},
			tune: quick, state: Failed, says: []string{"did not answer within 8s"},
		}, {
			name:  "one byte a second in an answer",
			serve: onCall(func(_ *raw, _, id string) { drip(`{"jsonrpc":"2.0","id":` + id + `,"result":` + toolResult + "}\n") }),
			tune:  quickCalls,
			then:  func(t *testing.T, s *scene) { s.fails(t, "echo", "no sign of life for 2.5s") },
		}, {
			name:  "its end at the start",
			serve: func(*raw) { fmt.Fprintln(os.Stderr, "the token is missing"); os.Exit(3) },
			state: Failed, says: []string{"exit status 3", "log"}, logs: []string{"the token is missing"},
		}, {
			name: "its end again and again",
			serve: func(r *raw) {
				r.tools = func(string) string {
					time.AfterFunc(20*time.Millisecond, func() { os.Exit(7) })
					return oneTool
				}
				r.serve()
			},
			state: Failed, says: []string{"exit status 7", "5 times", "Look at its log"},
		}, {
			name:  "its end in a call",
			serve: onCall(func(*raw, string, string) { fmt.Fprintln(os.Stderr, "out of cheese"); os.Exit(4) }),
			then: func(t *testing.T, s *scene) {
				s.fails(t, "echo", "exit status 4", "not known")
				await(t, s.m, evil, "its next life", func(now Status) bool { return now.State == Ready && now.PID != s.status.PID })
			},
			logs: []string{"out of cheese"},
		}, {
			name: "the end of its output, and it stays",
			serve: onCall(func(*raw, string, string) {
				os.Stdout.Close()
				select {}
			}),
			then: func(t *testing.T, s *scene) {
				s.fails(t, "echo", "closed", "not known")
				await(t, s.m, evil, "its next life", func(now Status) bool { return now.State == Ready && now.PID != s.status.PID })
				eventually(t, "the end of the first", func() bool { return !alive(s.status.PID) })
			},
		}, {
			name:  "no reading",
			serve: onCall(func(*raw, string, string) { select {} }),
			tune:  quickCalls,
			then: func(t *testing.T, s *scene) {
				for range 3 {
					_, err := call(t, s.m, evil, "echo", fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 1<<20)))
					if err == nil || !strings.Contains(err.Error(), "no sign of life") {
						t.Errorf("%v", err)
					}
				}
			},
		}, {
			name:  "no ear for the end",
			serve: func(r *raw) { signal.Ignore(syscall.SIGTERM); go r.serve(); select {} },
			then: func(t *testing.T, s *scene) {
				began := time.Now()
				s.m.Stop(evil)
				eventually(t, "the end of the process", func() bool { return !alive(s.status.PID) })
				promised(t, began, 2500*time.Millisecond)
			},
		}, {
			name: "many children that ignore the end",
			serve: func(r *raw) {
				dir := os.Getenv(folderVariable)
				for i := range brood {
					if _, err := startSelf(fmt.Sprintf("sleep:%s/%d", dir, i), nil, nil); err != nil {
						fmt.Fprintln(os.Stderr, err)
					}
				}
				r.serve()
			},
			then: func(t *testing.T, s *scene) {
				pids := func() (out []int) {
					files, _ := filepath.Glob(filepath.Join(s.folder, "*"))
					for _, file := range files {
						var pid int
						if b, err := os.ReadFile(file); err == nil {
							if _, err := fmt.Fscan(bytes.NewReader(b), &pid); err == nil {
								out = append(out, pid)
							}
						}
					}
					return out
				}
				eventually(t, "all children", func() bool { return len(pids()) == brood })
				s.works(t)
				s.m.Stop(evil)
				for _, pid := range pids() {
					eventually(t, "the end of a child", func() bool { return !alive(pid) })
				}
			},
		},
	}
}

// brood is how many children a server starts.
const brood = 15

// floodLines writes lines between the answers, never within one.
func floodLines(r *raw, line string) {
	for {
		r.mu.Lock()
		_, err := os.Stdout.WriteString(strings.Repeat(line, 100))
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}
