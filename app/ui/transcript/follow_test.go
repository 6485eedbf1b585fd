package transcript

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// growing has an answer of so many lines a second grow for two seconds, and
// returns how often the thread moved. The end must stay in view.
func growing(t *testing.T, lines int) (moves int, v *View) {
	t.Helper()
	now := time.Unix(1000, 0)
	v, _ = show(t, 600, 400, Options{Now: func() time.Time { return now }})
	v.SetItems([]Item{User{ID: "u", Text: "Go on."}})
	v.Upsert(Assistant{ID: "a", Growing: true})
	v.AppendText("a", "```\n"+strings.Repeat("line\n", 60))
	now = now.Add(time.Minute) // that much at once is not how fast it comes
	v.AppendText("a", "and\n")
	const frames = 50
	n := 0
	for i := range frames {
		now = now.Add(2 * time.Second / frames)
		anchor, above := v.anchor, v.above
		for ; n < (i+1)*2*lines/frames; n++ {
			v.AppendText("a", fmt.Sprintf("line %d\n", n))
		}
		if v.anchor != anchor || v.above != above {
			moves++
		}
		if n > 0 && !strings.Contains(v.DumpText(), fmt.Sprintf("line %d\n", n-1)) {
			t.Fatalf("line %d is not in view", n-1)
		}
		if !v.AtEnd() {
			t.Fatal("the end is not followed any more")
		}
	}
	return moves, v
}

// TestFollowsInSteps has a thread that grows fast move by several lines at a time,
// and one that grows slowly by each.
func TestFollowsInSteps(t *testing.T) {
	fast, v := growing(t, 40)
	if fast > 16 {
		t.Errorf("with 40 lines a second it moved %d times in two seconds", fast)
	}
	// At the end of the answer its end stands where it always does.
	v.Upsert(Assistant{ID: "a", Text: "```\n" + strings.Repeat("line\n", 200)})
	_, height := float32(0), v.Size().Height
	y := -v.above
	for _, b := range v.blocks[v.anchor:] {
		y += b.height
	}
	if y != height-padEnd {
		t.Errorf("it ends at %v of %v", y, height)
	}
	if slow, _ := growing(t, 4); slow != 8 {
		t.Errorf("with 4 lines a second it moved %d times in two seconds", slow)
	}
}

// TestFollowsFar has very much come at once: what lies between where one was and
// the end is not laid out.
func TestFollowsFar(t *testing.T) {
	v, _ := show(t, 600, 400, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Growing: true}})
	v.AppendText("a", strings.Repeat("A line that stands by itself.\n\n", 5000))
	laid := 0
	for _, b := range v.blocks {
		if b.width == v.column {
			laid++
		}
	}
	if len(v.blocks) < 50 || laid > 20 {
		t.Errorf("of %d blocks %d are laid out", len(v.blocks), laid)
	}
	if !v.AtEnd() {
		t.Error("the end is not followed")
	}
}
