package shell

import (
	"slices"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// told is a notifier that remembers.
type told struct{ list []string }

func (n *told) tell(what string) { n.list = append(n.list, what) }
func (n *told) clear()           { n.list = append(n.list, "clear") }

func TestWhatWaitsIsToldOfWhileTheWindowIsHidden(t *testing.T) {
	s, _ := start(t, uitest.NewEngine())
	n := &told{}
	s.notifier = n
	led := []string{}
	over := s.wait("seen", func() { led = append(led, "seen") })
	if len(n.list) > 0 {
		t.Errorf("who sees the window is told %q", n.list)
	}
	over()
	n.list = nil
	s.hide()
	first := s.wait("first", func() { led = append(led, "first"); s.open(placeSettings) })
	second := s.wait("second", nil)
	s.show()
	if want := []string{"first", "second", "clear"}; !slices.Equal(n.list, want) {
		t.Errorf("told %q, want %q", n.list, want)
	}
	if !slices.Equal(led, []string{"first"}) || s.current != placeSettings {
		t.Errorf("led to %q", led)
	}
	n.list = nil
	first()
	first() // a second time does no harm
	if len(n.list) > 0 || len(s.waits) != 1 {
		t.Errorf("%q, and %d wait", n.list, len(s.waits))
	}
	second()
	if !slices.Equal(n.list, []string{"clear"}) || len(s.waits) != 0 {
		t.Errorf("%q, and %d wait", n.list, len(s.waits))
	}
	s.hide()
	s.show()
	if len(led) != 1 {
		t.Errorf("led to %q where nothing waits", led)
	}
}
