package bridge

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// approveFunc asks the person by a function.
type approveFunc func(ctx context.Context, a GatewayApproval) (tools.Answer, error)

func (f approveFunc) ApproveGateway(ctx context.Context, a GatewayApproval) (tools.Answer, error) {
	return f(ctx, a)
}

// TestApproveWithin holds, by a clock of its own, that a call of another app waits
// 45 seconds for the person, says every five that it does, and then says where it
// can be allowed.
func TestApproveWithin(t *testing.T) {
	t.Parallel()
	ref := tools.Ref{Server: "files", Tool: "read"}
	inv := tools.Invocation{Client: tools.ClientGateway, Ref: ref, Caller: &store.Caller{KeyName: "my editor"}, Arguments: []byte(`{"path":"x"}`)}
	after := func(d time.Duration, a tools.Answer) approveFunc {
		return func(ctx context.Context, _ GatewayApproval) (tools.Answer, error) {
			select {
			case <-time.After(d):
				return a, nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}
	}
	for _, c := range []struct {
		name   string
		answer time.Duration // when the person answers
		leaves time.Duration // when the app gives up
		waits  time.Duration
		beats  int
		want   tools.Answer
		says   string // what the app is told
		fails  error
	}{
		{name: "answered at the last moment", answer: 45*time.Second - time.Millisecond, leaves: time.Hour, waits: 45*time.Second - time.Millisecond, beats: 9, want: tools.AnswerOnce},
		{name: "answered at once", leaves: time.Hour, beats: 1, want: tools.AnswerOnce},
		{name: "not answered", answer: time.Hour, leaves: time.Hour, waits: 45 * time.Second, beats: 9, says: "nobody answered in Drawbridge within 45 seconds", fails: context.DeadlineExceeded},
		{name: "given up", answer: time.Hour, leaves: 7 * time.Second, waits: 7 * time.Second, beats: 2, fails: context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &Bridge{gate: newGate(), catalogue: &catalogue{listed: map[tools.Ref]*tools.Tool{ref: {Ref: ref}}}}
				asked := 0
				b.ApproveGatewayWith(approveFunc(func(ctx context.Context, a GatewayApproval) (tools.Answer, error) {
					asked++
					if a.KeyName != "my editor" || a.Tool.Ref != ref || string(a.Arguments) != `{"path":"x"}` || a.Reason != "why" {
						t.Errorf("the person is shown %+v", a)
					}
					return after(c.answer, tools.AnswerOnce)(ctx, a)
				}))
				ctx, cancel := context.WithTimeout(t.Context(), c.leaves)
				defer cancel()
				var beats []tools.Progress
				began := time.Now()
				answer, sentence, err := b.askAbout(ctx, inv, tools.Verdict{Decision: tools.Ask, Reason: "why"}, func(p tools.Progress) { beats = append(beats, p) })
				if got := time.Since(began); got != c.waits {
					t.Errorf("it waited %v, not %v", got, c.waits)
				}
				// The last beat may fall together with the end.
				if n := len(beats); n != c.beats && (c.answer < time.Hour || n != c.beats+1) {
					t.Errorf("it said %d times that it waits, not %d", n, c.beats)
				}
				for i, p := range beats {
					if p.Done != float64(i) || p.Message == "" {
						t.Errorf("beat %d is %+v", i, p)
					}
				}
				if answer != c.want || asked != 1 || !errors.Is(err, c.fails) {
					t.Errorf("the answer is %q, asked %d times, error %v", answer, asked, err)
				}
				if !strings.Contains(sentence, c.says) || (c.says == "") != (sentence == "") {
					t.Errorf("the app is told %q", sentence)
				}
				if c.says != "" && !strings.Contains(sentence, "drawbridge tools allow files__read") {
					t.Errorf("%q does not say where to allow it", sentence)
				}
			})
		})
	}
}
