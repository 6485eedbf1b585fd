package chat

import (
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

func TestTellsWhatWaits(t *testing.T) {
	b := newBench(t, newEngine(call(nil)))
	var said []string
	var lead func()
	over := 0
	b.p.o.Waiting = func(what string, l func()) func() {
		said, lead = append(said, what), l
		return func() { over++ }
	}
	b.say("What time is it in Berlin?")
	b.sees("May the model run")
	if len(said) != 1 || said[0] != "A call of workbench__time waits for your answer." || over != 0 {
		t.Fatalf("%q, %d over", said, over)
	}
	asking := b.p.current
	b.p.NewChat()
	lead()
	if b.p.current != asking {
		t.Error("it leads elsewhere")
	}
	b.sees("May the model run")
	b.tapText("Allow once")
	b.settle()
	if len(said) != 1 || over != 1 {
		t.Errorf("%q, %d over", said, over)
	}
	uitest.Shows(t, b.w, "New chat")
}
