package transcript

import (
	"strings"
	"testing"
	"time"
)

// TestLacking tells the person once of letters that no font has.
func TestLacking(t *testing.T) {
	var told []string
	v, _ := show(t, 500, 400, Options{
		After:   func(_ time.Duration, f func()) { f() },
		Lacking: func(advice string) { told = append(told, advice) },
	})
	const none = "\U0010FFF1" // private: no font has it
	v.SetItems([]Item{Assistant{ID: "a", Text: "A text."}})
	if len(told) != 0 {
		t.Errorf("told %q of plain letters", told)
	}
	for range 2 {
		// As a word of a thread, it would be written out.
		v.measure.width(face{size: 15}, "word"+none)
		v.measure.width(face{size: 13, mono: true}, none)
		v.sync()
		v.r.renew()
	}
	if len(told) != 1 || !strings.Contains(told[0], "no font") && !strings.Contains(told[0], "No font") {
		t.Errorf("told %q", told)
	}
}
