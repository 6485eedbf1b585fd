package model_test

import (
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestReasoningTook has a clock that goes on a second with each delta.
func TestReasoningTook(t *testing.T) {
	now := time.Unix(0, 0)
	a := model.Assembler{Now: func() time.Time { now = now.Add(time.Second); return now }}
	for _, d := range []model.Delta{
		model.ReasoningDelta{Text: "a"}, model.ReasoningDelta{Text: "b"}, model.ReasoningDelta{Text: "c"}, model.TextDelta{Text: "t"}, model.ReasoningDelta{Text: "d"},
	} {
		a.Add(d)
	}
	var took []time.Duration
	for _, p := range a.Parts(store.ModelRef{}) {
		if r, ok := p.(store.Reasoning); ok {
			took = append(took, r.Elapsed)
		}
	}
	if len(took) != 2 || took[0] != 2*time.Second || took[1] != 0 {
		t.Errorf("the reasoning took %v", took)
	}
}
