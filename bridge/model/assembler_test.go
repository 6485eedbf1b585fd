package model_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

var ref = store.ModelRef{Provider: "p", Model: "m"}

func call(id, name, args string) store.ToolCall {
	return store.ToolCall{ID: id, Name: name, Arguments: json.RawMessage(args)}
}

func TestAssemblerParts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		deltas []model.Delta
		want   store.Parts
	}{
		"nothing": {nil, store.Parts{}},
		"text in pieces": {
			[]model.Delta{model.TextDelta{Text: "a"}, model.TextDelta{}, model.TextDelta{Text: "b"}},
			store.Parts{store.Text{Text: "ab"}},
		},
		"in the order in which they began": {
			[]model.Delta{
				model.ReasoningDelta{Text: "r"}, model.OpaqueDelta{Data: json.RawMessage(`{"o":1}`)},
				model.TextDelta{Text: "a"}, model.CallDelta{Index: 7, ID: "1", Name: "x"}, model.TextDelta{Text: "b"},
				model.CallDelta{Index: 7, Arguments: `{"k":`}, model.CallDelta{Index: 3, ID: "2", Name: "y", Arguments: `{}`},
				model.CallDelta{Index: 7, ID: "other", Name: "other", Arguments: `1}`},
			},
			store.Parts{
				store.Reasoning{Text: "r"}, store.Opaque{Model: ref, Data: json.RawMessage(`{"o":1}`)},
				store.Text{Text: "a"}, call("1", "x", `{"k":1}`), store.Text{Text: "b"}, call("2", "y", `{}`),
			},
		},
		"no arguments":     {[]model.Delta{model.CallDelta{ID: "1", Name: "x", Arguments: " \n"}}, store.Parts{call("1", "x", `{}`)}},
		"broken arguments": {[]model.Delta{model.CallDelta{ID: "1", Name: "x", Arguments: `{"a`}}, store.Parts{call("1", "x", `"{\"a"`)}},
		"opaque items stay apart": {
			[]model.Delta{model.OpaqueDelta{Data: json.RawMessage(`1`)}, model.OpaqueDelta{Data: json.RawMessage(`2`)}},
			store.Parts{store.Opaque{Model: ref, Data: json.RawMessage(`1`)}, store.Opaque{Model: ref, Data: json.RawMessage(`2`)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a model.Assembler
			for _, d := range test.deltas {
				a.Add(d)
			}
			if got := a.Parts(ref); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %s, want %s", show(got), show(test.want))
			}
		})
	}
}

func show(p store.Parts) string {
	b, err := json.Marshal(p)
	return fmt.Sprintf("%s %v", b, err)
}

// TestAssemblerGrows checks that parts that were taken do not change when more
// is added: a growing message is kept from time to time.
func TestAssemblerGrows(t *testing.T) {
	t.Parallel()
	var a model.Assembler
	a.Add(model.OpaqueDelta{Data: json.RawMessage(`{"a":1}`)})
	a.Add(model.CallDelta{Name: "x", Arguments: `{"k":1}`})
	before := show(a.Parts(ref))
	first := a.Parts(ref)
	for range 100 {
		a.Add(model.CallDelta{Arguments: " "})
		a.Add(model.TextDelta{Text: "more"})
	}
	if show(first) != before {
		t.Errorf("%s became %s", before, show(first))
	}
}

func TestAssemblerUsageAndDone(t *testing.T) {
	t.Parallel()
	var a model.Assembler
	if _, ok := a.Done(); ok {
		t.Error("it is done before it began")
	}
	a.Add(model.UsageDelta{Usage: store.Usage{Input: 1}})
	a.Add(model.UsageDelta{Usage: store.Usage{Input: 2, Output: 3}})
	a.Add(model.Done{Reason: model.StopLength})
	if d, ok := a.Done(); !ok || d.Reason != model.StopLength {
		t.Errorf("done: %v %v", d, ok)
	}
	if u := a.Usage(); u != (store.Usage{Input: 2, Output: 3}) {
		t.Errorf("usage: %+v", u)
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("step 2: %w", &model.Error{Kind: model.ErrorRate, Message: "Wait.", Err: model.ErrCut})
	var e *model.Error
	if !errors.As(err, &e) || e.Error() != "Wait." || !errors.Is(err, model.ErrCut) {
		t.Errorf("%v", err)
	}
	if text := (&model.Error{Kind: model.ErrorServer}).Error(); text == "" {
		t.Error("an error says nothing")
	}
}

// FuzzAssembler checks that whatever a model writes as arguments, the message
// can be kept.
func FuzzAssembler(f *testing.F) {
	f.Add("1", "x", `{"a`, `":1}`, "text")
	f.Add("", "\xff", "\xfe{}", "", "\xff")
	f.Fuzz(func(t *testing.T, id, name, one, two, text string) {
		var a model.Assembler
		a.Add(model.CallDelta{ID: id, Name: name, Arguments: one})
		a.Add(model.TextDelta{Text: text})
		a.Add(model.CallDelta{Arguments: two})
		if _, err := json.Marshal(a.Parts(ref)); err != nil {
			t.Errorf("it cannot be kept: %v", err)
		}
	})
}
