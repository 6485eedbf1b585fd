package chat

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// noon is when the tests take place.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)

// bench is a page in a window, and the queue of its goroutine.
type bench struct {
	t      *testing.T
	e      *engine
	w      fyne.Window
	p      *Page
	opened []string
	end    func() // ends the window

	mu      sync.Mutex // protects now, queue, active and most
	now     time.Time
	queue   []func()
	ready   chan struct{}
	running sync.WaitGroup
	active  int // goroutines that run
	most    int // functions that were in the queue at once
}

func newBench(t *testing.T, e *engine) *bench {
	t.Helper()
	return benchIn(t, e, uitest.Window(t, theme.Light, size))
}

// benchIn puts the page into a window.
func benchIn(t *testing.T, e *engine, w fyne.Window) *bench {
	t.Helper()
	b := &bench{t: t, e: e, w: w, now: noon, ready: make(chan struct{}, 1)}
	e.waits = b.work
	ctx, cancel := context.WithCancel(context.Background())
	b.p = New(Options{
		Engine: e, Window: b.w,
		Runner: form.Runner{
			Do: b.do,
			Go: func(f func(context.Context)) {
				b.work(1)
				b.running.Go(func() {
					defer b.work(-1)
					f(ctx)
				})
			},
		},
		Clipboard: test.NewClipboard(),
		Picture: func(context.Context) ([]byte, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.picture, e.failure()
		},
		OpenURL: func(u *url.URL) error { b.opened = append(b.opened, u.String()); return nil },
		Now: func() time.Time {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.now
		},
		OpenProvider: func(id string) { b.opened = append(b.opened, "provider "+id) },
		OpenServers:  func() { b.opened = append(b.opened, "servers") }, OpenSettings: func() { b.opened = append(b.opened, "settings") },
	})
	b.p.unsent.pause, b.p.unsentFiles.pause = 0, 0
	b.end = func() {
		cancel()
		b.running.Wait()
	}
	t.Cleanup(b.end)
	size := w.Canvas().Size()
	b.w.SetContent(b.p.Object())
	b.w.Resize(size)
	b.p.SetServers(e.Views)
	b.p.Shown()
	b.settle()
	return b
}

// pass lets time go by.
func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// lay places everything again, as a running window does in each frame.
func (b *bench) lay() {
	size := b.w.Canvas().Size()
	b.w.Resize(size.AddWidthHeight(2, 2))
	b.w.Resize(size)
}

func (b *bench) do(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, f)
	b.most = max(b.most, len(b.queue))
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// work counts the goroutines that run.
func (b *bench) work(n int) {
	b.mu.Lock()
	b.active += n
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// drain runs what is queued.
func (b *bench) drain() {
	for {
		b.mu.Lock()
		queue := b.queue
		b.queue = nil
		b.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, f := range queue {
			f()
		}
	}
}

// until runs the page until the condition holds.
func (b *bench) until(what string, holds func() bool) {
	b.t.Helper()
	late := time.After(time.Minute)
	for {
		b.drain()
		if holds() {
			return
		}
		select {
		case <-b.ready:
		case <-late:
			b.t.Fatalf("%s did not happen. The thread:\n%s\nThe page:\n%s", what, b.p.view.script.DumpText(), uitest.Texts(b.w))
		}
	}
}

// settle runs the page until nothing runs and all has been shown.
func (b *bench) settle() {
	b.t.Helper()
	b.until("the end of all work", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.active == 0 && len(b.queue) == 0
	})
}

// stand runs the page until nothing runs but so many that wait, a turn for the
// person or something removed for its end, and all that they have brought is
// shown, without the wait for the next frame.
func (b *bench) stand(still int) {
	b.t.Helper()
	quiet := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.active == still && len(b.queue) == 0
	}
	b.until("the end of all other work", quiet)
	for _, r := range b.p.runs {
		b.p.apply(r)
	}
	b.until("the end of what the turns began", quiet)
}

// sees waits until the thread shows the texts.
func (b *bench) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until("showing "+text, func() bool { return strings.Contains(uitest.English(b.p.view.script.DumpText()), text) })
	}
}

func (b *bench) type_(text string) {
	for _, r := range text {
		b.p.composer.input.TypedRune(r)
	}
}

func (b *bench) press(key fyne.KeyName) { b.p.composer.input.TypedKey(&fyne.KeyEvent{Name: key}) }

func (b *bench) shift(down bool) {
	k := &fyne.KeyEvent{Name: desktop.KeyShiftLeft}
	if down {
		b.p.composer.input.KeyDown(k)
	} else {
		b.p.composer.input.KeyUp(k)
	}
}

// say types a message and sends it.
func (b *bench) say(text string) {
	b.type_(text)
	b.press(fyne.KeyReturn)
}

// row returns the row of the sidebar with that title.
func (b *bench) row(title string) *row {
	b.t.Helper()
	return uitest.Find(b.t, b.w, func(r *row) bool { return r.line.day == "" && titleOf(r.line.conv) == title })
}

// pickRow is a row of a pick.List.
type pickRow interface {
	fyne.Tappable
	fyne.CanvasObject
	MouseIn(*desktop.MouseEvent)
	DumpText() string
}

// listed reports whether the sidebar lists a conversation of that title.
func (b *bench) listed(title string) bool {
	for _, l := range b.p.sidebar.lines {
		if l.day == "" && titleOf(l.conv) == title {
			return true
		}
	}
	return false
}

// menu chooses an entry of the menu that is open.
func (b *bench) menu(label string) {
	b.t.Helper()
	m := uitest.Find(b.t, b.w, func(*widget.PopUpMenu) bool { return true })
	for _, i := range m.Items {
		if o, ok := i.(interface {
			fyne.CanvasObject
			fyne.Tappable
		}); ok {
			for _, c := range test.WidgetRenderer(o.(fyne.Widget)).Objects() {
				if text, ok := c.(*canvas.Text); ok && text.Text == label {
					test.Tap(o)
					return
				}
			}
		}
	}
	b.t.Fatalf("there is no entry %q in the menu", label)
}

// fill types into what has the focus in place of what is there, and then keys.
func (b *bench) fill(text string, keys ...fyne.KeyName) {
	b.t.Helper()
	f := b.w.Canvas().Focused()
	if s, ok := f.(fyne.Shortcutable); ok {
		s.TypedShortcut(&fyne.ShortcutSelectAll{})
	}
	for _, r := range text {
		f.TypedRune(r)
	}
	b.keys(keys...)
}

// keys presses keys where the focus is.
func (b *bench) keys(keys ...fyne.KeyName) {
	b.t.Helper()
	for _, k := range keys {
		f := b.w.Canvas().Focused()
		if f == nil {
			b.t.Fatalf("nothing has the focus for %s", k)
		}
		f.TypedKey(&fyne.KeyEvent{Name: k})
	}
}

// tapText taps the button in the thread or on top with that text.
func (b *bench) tapText(text string) {
	b.t.Helper()
	test.Tap(uitest.Find(b.t, b.w, func(o interface {
		fyne.CanvasObject
		fyne.Tappable
		AccessibilityLabel() string
	}) bool {
		return uitest.English(o.AccessibilityLabel()) == text
	}))
}

var size = fyne.NewSize(1020, 720)
