package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/store"
)

func summary(text, until string) store.Message {
	return store.Message{Role: store.RoleSummary, Status: store.StatusComplete, Parts: store.Parts{store.Summary{Text: text, Until: until}}}
}

func TestRepairWithSummaries(t *testing.T) {
	t.Parallel()
	hi := store.Text{Text: "hi"}
	for name, test := range map[string]struct {
		chain []store.Message
		want  string // "S" is the summary
	}{
		"one": {
			link(user("a"), assistant(hi), user("b"), summary("S", "m1")),
			"user \"S\\n\\nb\"; ",
		},
		"in a turn": {
			link(user("a"), assistant(hi), user("b"), assistant(toolCall("1")), answers("1"), summary("S", "m1"), assistant(hi), user("c")),
			"user \"S\\n\\nb\"; assistant 1; tool 1=\"result of 1\"; assistant \"hi\"; user \"c\"; ",
		},
		"the last counts": {
			link(user("a"), assistant(hi), user("b"), summary("old", "m1"), assistant(hi), user("c"), summary("S", "m4"), assistant(hi), user("d")),
			"user \"S\\n\\nc\"; assistant \"hi\"; user \"d\"; ",
		},
		"of a message that is not there": {
			link(user("a"), assistant(hi), user("b"), summary("S", "m9")),
			`user "a"; assistant "hi"; user "b"; `,
		},
		"of itself, and of a later one": {
			link(user("a"), assistant(hi), user("b"), summary("S", "m3"), assistant(hi), user("c"), summary("S", "m7"), user("d")),
			"user \"a\"; assistant \"hi\"; user \"b\"; assistant \"hi\"; user \"c\\n\\nd\"; ",
		},
		"the last one is void": {
			link(user("a"), assistant(hi), user("b"), summary("S", "m1"), assistant(hi), user("c"), summary("new", "gone")),
			"user \"S\\n\\nb\"; assistant \"hi\"; user \"c\"; ",
		},
		"blank": {
			link(user("a"), assistant(hi), user("b"), summary(" \n", "m1")),
			`user "a"; assistant "hi"; user "b"; `,
		},
		"without a part": {
			link(user("a"), assistant(hi), user("b"), store.Message{Role: store.RoleSummary, Status: store.StatusComplete}),
			`user "a"; assistant "hi"; user "b"; `,
		},
		"between a call and its result": {
			link(user("a"), assistant(toolCall("1")), answers("1"), summary("S", "m1"), assistant(hi), user("b")),
			"user \"S\"; assistant \"hi\"; user \"b\"; ",
		},
		"that stands between a call and its result": {
			link(user("a"), assistant(toolCall("1")), summary("S", "m9"), answers("1"), assistant(hi), user("b")),
			`user "a"; assistant 1; tool 1="result of 1"; assistant "hi"; user "b"; `,
		},
		"up to an answer": {
			link(user("a"), assistant(hi), summary("S", "m0"), user("b")),
			"user \"S\"; assistant \"hi\"; user \"b\"; ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := shape(test.chain)
			got := chat.Repair(test.chain)
			if s := strings.ReplaceAll(brief(got), intro(), ""); s != test.want {
				t.Errorf("got\n%s\nwant\n%s", s, test.want)
			}
			if shape(test.chain) != before {
				t.Error("the chain was changed")
			}
			if err := validRequest(append(slices.Clone(got), user("x"))[:len(got)]); err != nil && got[len(got)-1].Role == store.RoleUser {
				t.Error(err)
			}
		})
	}
}

// intro returns what stands before a summary, as brief shows it.
func intro() string {
	m := chat.Repair(link(user("a"), assistant(store.Text{Text: "b"}), user("c"), summary("S", "m1")))[0]
	s, _, _ := strings.Cut(m.Text(), "S\n\n")
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}
