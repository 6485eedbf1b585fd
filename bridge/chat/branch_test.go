package chat_test

import (
	"errors"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

// A turn that begins at an earlier message leaves what followed where it is.
func TestTurnFrom(t *testing.T) {
	t.Parallel()
	kept := func() *history {
		h := newHistory()
		msgs := link(user("one"), assistant(toolCall("1")), answers("1"), assistant(store.Text{Text: "First."}), user("two"), assistant(store.Text{Text: "Second."}))
		if err := h.Append(t.Context(), msgs...); err != nil {
			t.Fatal(err)
		}
		return h
	}
	for name, test := range map[string]struct {
		from, said string
		want       string // of the chain
		err        error
	}{
		"edited": {"m3", "three", `user/complete "one" 
assistant/complete call 1 fs__echo 
tool/complete result 1 "result of 1" 
assistant/complete "First." 
user/complete "three" 
assistant/complete "Anew." 
`, nil},
		"the first, edited": {"", "three", "user/complete \"three\" \nassistant/complete \"Anew.\" \n", nil},
		"made again":        {"m0", "", "user/complete \"one\" \nassistant/complete \"Anew.\" \n", nil},
		"after results": {"m2", "", `user/complete "one" 
assistant/complete call 1 fs__echo 
tool/complete result 1 "result of 1" 
assistant/complete "Anew." 
`, nil},
		"calls bring their results": {"m1", "", `user/complete "one" 
assistant/complete call 1 fs__echo 
tool/complete result 1 "result of 1" 
assistant/complete "Anew." 
`, nil},
		"a whole answer": {"m3", "", "", chat.ErrNothing},
		"nothing":        {"", "", "", chat.ErrNothing},
		"not there":      {"m9", "x", "", store.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := kept()
			before, n := shape(h.chain(t)), h.count()
			m := script(say("Anew.", doneEnd))
			turn := userTurn(m, test.said)
			turn.From = &test.from
			_, err := play(t.Context(), chat.New(chat.Options{History: h, Tools: shop()}), turn)
			if !errors.Is(err, test.err) {
				t.Fatalf("ended with %v, want %v", err, test.err)
			}
			chain := h.chain(t)
			if err := validChain(chain); err != nil {
				t.Error(err)
			}
			if test.err != nil {
				if shape(chain) != before || h.count() != n {
					t.Errorf("something changed:\n%s", shape(chain))
				}
				return
			}
			if got := shape(chain); got != test.want {
				t.Errorf("the chain is\n%swant\n%s", got, test.want)
			}
			for _, req := range m.seen() {
				if err := validRequest(req.Messages); err != nil {
					t.Error(err)
				}
			}
			for _, m := range link(user(""), user(""), user(""), user(""), user(""), user("")) {
				if !h.has(m.ID) {
					t.Errorf("%s is lost", m.ID)
				}
			}
		})
	}
}

// Nothing else happens in a conversation while a turn runs, and no turn begins
// while something else does.
func TestAlone(t *testing.T) {
	t.Parallel()
	loop := chat.New(chat.Options{History: newHistory(), Tools: shop()})
	inside := false
	for _, err := range loop.Run(t.Context(), userTurn(script(say("hi", doneEnd)), "go")) {
		if err != nil {
			t.Fatal(err)
		}
		if !inside {
			inside = true
			if err := loop.Alone("c", func() error { t.Error("it ran"); return nil }); !errors.Is(err, chat.ErrBusy) {
				t.Errorf("beside a turn: %v", err)
			}
		}
	}
	err := loop.Alone("c", func() error {
		if _, err := play(t.Context(), loop, userTurn(script(say("hi", doneEnd)), "go")); !errors.Is(err, chat.ErrBusy) {
			t.Errorf("a turn beside it: %v", err)
		}
		return errDisk
	})
	if !errors.Is(err, errDisk) {
		t.Errorf("it returned %v", err)
	}
	if err := loop.Alone("c", func() error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
