package chat_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestRepair(t *testing.T) {
	t.Parallel()
	hi := store.Text{Text: "hi"}
	sealed := store.Opaque{Data: json.RawMessage(`{}`)}
	cutOff := func(status store.Status, parts ...store.Part) store.Message {
		return store.Message{Role: store.RoleAssistant, Status: status, Parts: parts}
	}
	odd := store.ToolCall{ID: "9", Name: "1 bad nåme " + strings.Repeat("x", 100), Arguments: json.RawMessage(`"{\"a\":"`)}
	for name, test := range map[string]struct {
		chain []store.Message
		want  string
	}{
		"in order": {
			link(user("a"), assistant(sealed, hi, toolCall("1"), toolCall("2")), answers("1", "2"), assistant(hi), user("b")),
			`user "a"; assistant opaque "hi" 1; 2; tool 1="result of 1" 2="result of 2"; assistant "hi"; user "b"; `,
		},
		"orphan call at the end": {
			link(user("a"), assistant(toolCall("1"))),
			`user "a"; assistant 1; tool 1!; `,
		},
		"orphan call, then a message": {
			link(user("a"), assistant(toolCall("1")), user("b")),
			`user "a"; assistant 1; tool 1!; assistant "(The answer was interrupted here.)"; user "b"; `,
		},
		"a lost result among others, out of order": {
			link(user("a"), assistant(toolCall("1"), toolCall("2"), toolCall("3")), answers("3", "1", "7")),
			`user "a"; assistant 1; 2; 3; tool 1="result of 1" 2! 3="result of 3"; `,
		},
		"orphan results": {
			link(user("a"), answers("1"), assistant(hi), user("b")),
			`user "a"; assistant "hi"; user "b"; `,
		},
		"results twice": {
			link(user("a"), assistant(toolCall("1")), answers("1", "1"), answers("1"), assistant(hi), user("b")),
			`user "a"; assistant 1; tool 1="result of 1"; assistant "hi"; user "b"; `,
		},
		"interrupted": {
			link(user("a"), cutOff(store.StatusInterrupted, store.Reasoning{Text: "r"}, sealed, hi, toolCall("1")), user("b")),
			`user "a"; assistant "hi"; user "b"; `,
		},
		"streaming, with a call that has a result": {
			link(user("a"), cutOff(store.StatusStreaming, hi, toolCall("1"), toolCall("2")), answers("2"), assistant(hi), user("b")),
			`user "a"; assistant "hi" 2; tool 2="result of 2"; assistant "hi"; user "b"; `,
		},
		"interrupted without a word": {
			link(user("a"), cutOff(store.StatusInterrupted), user("b")),
			"user \"a\\n\\nb\"; ",
		},
		"nothing but state": {
			link(user("a"), assistant(sealed, store.Reasoning{Text: "r"}), user("b")),
			"user \"a\\n\\nb\"; ",
		},
		"blank texts": {
			link(user("a"), assistant(store.Text{Text: " \n"}, hi, store.Text{}), user("  "), user("b")),
			`user "a"; assistant "hi"; user "b"; `,
		},
		"two answers": {
			link(user("a"), cutOff(store.StatusInterrupted, hi), assistant(store.Text{Text: "ho"}, toolCall("1")), answers("1")),
			"user \"a\"; assistant \"hi\\n\\nho\" 1; tool 1=\"result of 1\"; ",
		},
		"begins with the model": {
			link(assistant(toolCall("1")), answers("1"), user("a")),
			`user "a"; `,
		},
		"an id twice": {
			link(user("a"), assistant(toolCall("1")), answers("1"), assistant(toolCall("1"), toolCall("")), answers("1", "")),
			`user "a"; assistant 1; tool 1="result of 1"; assistant call_1; call_2; tool call_1="result of 1" call_2="result of "; `,
		},
		"pictures and files": {
			link(store.Message{Role: store.RoleUser, Parts: store.Parts{store.Image{}, toolCall("1"), sealed}}, user("b")),
			`user image "b"; `,
		},
		"unknown role": {
			link(user("a"), store.Message{Role: "system", Parts: store.Parts{hi}}, assistant(hi)),
			`user "a"; assistant "hi"; `,
		},
		"odd name and arguments": {
			link(user("a"), assistant(odd), answers("9")),
			`user "a"; assistant 9 t1_bad_n_me_` + strings.Repeat("x", 52) + ` {"invalid_arguments":"{\"a\":"}; tool 9="result of 9"; `,
		},
		"nothing": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, err := json.Marshal(test.chain)
			if err != nil {
				t.Fatal(err)
			}
			got := chat.Repair(test.chain)
			if s := brief(got); s != test.want {
				t.Errorf("got  %s\nwant %s", s, test.want)
			}
			if after, _ := json.Marshal(test.chain); string(after) != string(before) {
				t.Error("the chain was changed")
			}
			if again := chat.Repair(got); !reflect.DeepEqual(brief(again), brief(got)) {
				t.Errorf("a second repair changes it:\n%s\n%s", brief(got), brief(again))
			}
		})
	}
}

// brief shows a history in a line.
func brief(msgs []store.Message) string {
	var b strings.Builder
	for _, m := range msgs {
		b.WriteString(string(m.Role) + " ")
		parts := make([]string, 0, len(m.Parts))
		for _, p := range m.Parts {
			switch p := p.(type) {
			case store.Text:
				q, _ := json.Marshal(p.Text)
				parts = append(parts, string(q))
			case store.ToolCall:
				s := p.ID
				if p.Name != "fs__echo" || string(p.Arguments) != "{}" {
					s += " " + p.Name + " " + string(p.Arguments)
				}
				if len(parts) > 0 && !strings.HasPrefix(parts[len(parts)-1], `"`) && parts[len(parts)-1] != "opaque" {
					parts[len(parts)-1] += ";"
				}
				parts = append(parts, s)
			case store.ToolResult:
				if p.IsError {
					parts = append(parts, p.CallID+"!")
				} else {
					parts = append(parts, p.CallID+`="`+p.Content.Text()+`"`)
				}
			case store.Opaque:
				parts = append(parts, "opaque")
			case store.Image:
				parts = append(parts, "image")
			default:
				parts = append(parts, "?")
			}
		}
		b.WriteString(strings.Join(parts, " ") + "; ")
	}
	return b.String()
}

// Whatever a chain holds, what goes to a model is valid.
func FuzzRepair(f *testing.F) {
	f.Add([]byte("ua1t1aub"))
	f.Add([]byte{0, 1, 7, 1, 2, 9, 3, 1, 8, 0, 250, 40, 41, 42})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 400 {
			return
		}
		chain := build(program)
		before, err := json.Marshal(chain)
		if err != nil {
			t.Fatal(err)
		}
		repaired := chat.Repair(append(chain, user("the last word")))
		if err := validRequest(repaired); err != nil {
			t.Errorf("%v\n%s\nfrom\n%s", err, brief(repaired), brief(chain))
		}
		if after, _ := json.Marshal(chain); string(after) != string(before) {
			t.Error("the chain was changed")
		}
		if again := chat.Repair(repaired); brief(again) != brief(repaired) {
			t.Errorf("a second repair changes it:\n%s\n%s", brief(repaired), brief(again))
		}
	})
}

// build makes a chain of bytes: each begins a message or adds a part to it.
func build(program []byte) []store.Message {
	ids := []string{"", "1", "2", "call_1", "call_2", "call_3"}
	texts := []string{"", " ", "hi", "\n"}
	names := []string{"fs__echo", "", "9", "a b", strings.Repeat("é", 70)}
	args := []string{`{}`, `{"a":1}`, `"{"`, `null`, `[]`}
	var chain []store.Message
	for _, b := range program {
		n := int(b) / 10
		if len(chain) == 0 || b%10 < 4 {
			chain = append(chain, store.Message{
				Role:      []store.Role{store.RoleUser, store.RoleAssistant, store.RoleTool, store.RoleAssistant}[b%4],
				Status:    []store.Status{store.StatusComplete, store.StatusComplete, store.StatusInterrupted, store.StatusStreaming}[n%4],
				CreatedAt: time.Unix(int64(b), 0),
			})
			continue
		}
		m := &chain[len(chain)-1]
		switch b % 10 {
		case 4:
			m.Parts = append(m.Parts, store.Text{Text: texts[n%len(texts)]})
		case 5, 6:
			m.Parts = append(m.Parts, store.ToolCall{ID: ids[n%len(ids)], Name: names[n%len(names)], Arguments: json.RawMessage(args[n%len(args)])})
		case 7, 8:
			m.Parts = append(m.Parts, store.ToolResult{CallID: ids[n%len(ids)]})
		case 9:
			m.Parts = append(m.Parts, []store.Part{store.Opaque{Data: json.RawMessage("1")}, store.Reasoning{Text: "r"}, store.Image{}, store.File{}}[n%4])
		}
	}
	return chain
}
