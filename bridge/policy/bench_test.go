package policy_test

import (
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// BenchmarkDecideByRules is a call that is allowed: by a conversation's answer, by a
// client with a key in a team, and with rules and limits for everything.
func BenchmarkDecideByRules(b *testing.B) {
	read := claiming(tool("fs", "read", "1"), true, false, false)
	all := store.Rules{
		AllowedTools: []string{"read"}, AllowedParams: map[string][]string{"read": {"path", "limit"}}, Trusted: true,
		Approvals: store.Approvals{ReadOnly: store.ApproveAlways}, CallsPerDay: 1 << 29, Groups: []string{"code"},
	}
	team := &store.Team{ID: "t", Limits: store.Limits{Groups: []string{"code"}, CallsPerDay: 1 << 29}}
	caller := store.NewCaller(store.Key{ID: "k", Limits: store.Limits{Tools: []string{"fs__*"}, CallsPerDay: 1 << 29}}, team, nil)
	caller.Session = "s"
	conv := &store.Conversation{ID: "c"}
	for _, bench := range []struct {
		name  string
		rules store.Rules
		inv   tools.Invocation
		conv  *store.Conversation
	}{
		{"chat", store.Rules{}, with(chat("c", read), `{"path":"/home/me/notes.txt","limit":10}`), conv},
		{"gateway", store.Rules{Groups: []string{"code"}, Approvals: store.Approvals{Default: store.ApproveAlways}}, with(gateway(caller, read), `{"path":"/home/me/notes.txt","limit":10}`), nil},
		{"every rule", all, with(gateway(caller, read), `{"path":"/home/me/notes.txt","limit":10}`), nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			e := policy.New(policy.Options{Ledger: newLedger()})
			config := server("fs", bench.rules)
			if err := e.ApproveServer(b.Context(), config); err != nil {
				b.Fatal(err)
			}
			e.Configure([]store.ServerConfig{config})
			if _, err := e.Review(b.Context(), "fs", []tools.Tool{read}, nil); err != nil {
				b.Fatal(err)
			}
			if err := e.Record(b.Context(), chat("c", read), tools.AnswerConversation); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if v := e.Decide(b.Context(), bench.inv, bench.conv, &read); v.Decision != tools.Allow {
					b.Fatal(v)
				}
			}
		})
	}
}
