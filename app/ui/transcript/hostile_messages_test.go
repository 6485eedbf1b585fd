package transcript

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// TestHostileMessagesBounds shows two hundred texts that are meant to break,
// blind or spy out the window: both ends of each are seen, nothing that is
// written in a small one is left out, nobody is called, and no step is long.
func TestHostileMessagesBounds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = c.Close()
		}
	}()
	defer func() { _ = listener.Close(); <-over }()

	v, _ := show(t, 700, 500, Options{Work: func(work, done func()) { work(); done() }})
	all := uitest.Hostiles()
	if len(all) < 200 {
		t.Errorf("there are %d texts", len(all))
	}
	// A step takes some 30 ms at the most; this is for machines that are far slower.
	const most = 600 * time.Millisecond
	step := func(name string, f func()) {
		t.Helper()
		began := bounds.Busy()
		f()
		if d := bounds.Busy() - began; d > most && !bounds.Race {
			t.Errorf("%s took %v", name, d)
		}
	}
	for _, h := range all {
		text := h.Make()
		if bounds.Race && len(text) > 2<<20 {
			continue // the same as the smaller ones, and slow there
		}
		text = strings.NewReplacer("127.0.0.1:1", listener.Addr().String(), "tracker.example", listener.Addr().String()).Replace(text)
		step(h.Name+", shown", func() { v.SetItems([]Item{Assistant{ID: "a", Text: text, More: true}}) })
		if got := v.DumpText(); !strings.Contains(got, h.End) {
			t.Errorf("%s: its end is not seen: %.200q", h.Name, got)
		}
		step(h.Name+", its beginning", func() { v.TypedKey(&fyne.KeyEvent{Name: fyne.KeyHome}) })
		if got := v.DumpText(); !strings.Contains(got, h.Begin) {
			t.Errorf("%s: its beginning is not seen: %.200q", h.Name, got)
		}
		if len(text) > 16<<10 {
			continue
		}
		got := everything(v)
		for _, word := range []string{"start", "finish", "hidden", "script", "deep", "iframe", "onerror"} {
			if strings.Contains(text, word) && !strings.Contains(got, word) {
				t.Errorf("%s: %q is left out of %.300q", h.Name, word, got)
			}
		}
		for _, r := range got {
			if r != '\n' && r != 0x200d && r != 0x200c && unicode.In(r, unicode.Cc, unicode.Cf) {
				t.Errorf("%s: %U stands in what is shown", h.Name, r)
				break
			}
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}
