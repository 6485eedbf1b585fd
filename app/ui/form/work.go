package form

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// Runner runs long work beside the window. Do brings a function back to the
// goroutine of the window; Go runs one elsewhere, with a context that ends with
// the window, which waits for it.
type Runner struct {
	Do func(func())
	Go func(func(context.Context))
	// After brings a function back after a while; nil takes a timer of the system.
	After func(d time.Duration, f func())
}

func (r Runner) after(d time.Duration, f func()) {
	if r.After != nil {
		r.After(d, f)
		return
	}
	time.AfterFunc(d, func() { r.Do(f) })
}

// Run does the work elsewhere and calls done on the goroutine of the window
// with what it returned. The function that Run returns cancels the work; done
// is called all the same.
func (r Runner) Run(work func(context.Context) error, done func(error)) context.CancelFunc {
	ctx, cancel := context.WithCancel(context.Background())
	r.Go(func(life context.Context) {
		defer cancel()
		stop := context.AfterFunc(life, cancel)
		defer stop()
		err := work(ctx)
		r.Do(func() { done(err) })
	})
	return cancel
}

// RunBusy does the same, and meanwhile shows what is being done, with a button
// that cancels it.
func (r Runner) RunBusy(b *Busy, words string, work func(context.Context) error, done func(error)) context.CancelFunc {
	var cancel context.CancelFunc
	b.Start(words, func() { cancel() })
	cancel = r.Run(work, func(err error) {
		b.Stop()
		done(err)
	})
	return cancel
}

// Sentence makes of an error what a person reads: it begins with a capital,
// ends with a full stop and leaves out the marks that only programs compare.
func Sentence(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, context.Canceled) {
		return say.T("It was cancelled.")
	}
	s := Unmarked(err.Error())
	if s == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[n:]
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "!") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return Visible(s, true)
}

// Unmarked is what an error says without the words by which programs know its
// kind, such as "(not found)".
func Unmarked(s string) string {
	for _, mark := range []error{
		store.ErrNotFound, store.ErrExists, store.ErrInvalid, store.ErrHeld, store.ErrDenied,
		store.ErrNoKeychain, store.ErrLocked, store.ErrNewer, store.ErrDamaged, store.ErrClosed,
	} {
		s = strings.ReplaceAll(s, " ("+mark.Error()+")", "")
	}
	return strings.TrimSpace(s)
}

// Busy says that work runs, and can stop it. It moves only while it is shown.
type Busy struct {
	Box  *fyne.Container
	spin *widget.Activity
	text *Words
	stop *Action
}

// NewBusy returns one that is hidden.
func NewBusy() *Busy {
	b := &Busy{spin: widget.NewActivity(), text: NewWords("")}
	b.stop = NewAction(say.T("Cancel"), widget.LowImportance, nil)
	b.Box = container.NewHBox(b.spin, b.text, b.stop)
	b.Box.Hide()
	return b
}

// Start shows what is being done; cancel may be nil.
func (b *Busy) Start(text string, cancel func()) {
	b.text.SetText(text)
	b.stop.OnTapped = cancel
	if cancel == nil {
		b.stop.Hide()
	} else {
		b.stop.Show()
	}
	b.spin.Start()
	b.Box.Show()
}

// Say changes the words, while it is shown.
func (b *Busy) Say(text string) {
	if b.Box.Visible() {
		b.text.SetText(text)
	}
}

// Stop hides it.
func (b *Busy) Stop() {
	b.spin.Stop()
	b.Box.Hide()
}

// Follow watches something elsewhere and shows what comes, until the function that
// it returns is called or the window is gone; watch must end with its context. show
// runs a function on the goroutine of the window, returns when that is done, and is
// false when nobody looks any more.
func (r Runner) Follow(watch func(ctx context.Context, show func(func()) bool)) context.CancelFunc {
	ctx, cancel := context.WithCancel(context.Background())
	r.Go(func(life context.Context) {
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		watch(ctx, func(f func()) bool {
			shown := make(chan struct{})
			r.Do(func() {
				defer close(shown)
				f()
			})
			select {
			case <-shown:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	return cancel
}
