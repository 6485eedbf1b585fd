package form

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// UndoTime is how long something that was removed can be taken back.
const UndoTime = 10 * time.Second

// Undo says what was removed last, and takes it back. Put its Box where it is
// seen; it is hidden while there is nothing to take back. One thing can be taken
// back at a time: the next one makes the one before it final.
type Undo struct {
	Box *fyne.Container
	// Wait is how long something can be taken back.
	Wait time.Duration

	runner  Runner
	text    *Note
	undo    *Action
	dismiss *Action
	now     *undoing
}

// undoing is what can be taken back: decide is told whether it is to be, once.
type undoing struct {
	decide func(back bool)
	of     Undoable
	bar    *Undo // that shows it
}

// Undoable is something that was removed, or changed.
type Undoable struct {
	// Words say what, in a sentence or less.
	Words string
	// Change says that something was changed or replaced, and not removed.
	Change bool
	// Back takes it back, and End makes it final: when it can be taken back no
	// longer, or when the next thing is removed. One of them runs, once, not on the
	// goroutine of the window. Both may be nil.
	Back, End func(ctx context.Context) error
	// AtEnd has End run also when the window ends before that.
	AtEnd bool
	// Done is called on the goroutine of the window when that is over. It may be
	// nil, and is not called when the window has ended.
	Done func(back bool, err error)
}

// NewUndo makes a bar with nothing to take back.
func NewUndo(r Runner) *Undo {
	u := &Undo{Wait: UndoTime, runner: r, text: MutedLine("", fyne.TextStyle{})}
	u.text.SetSize(theme.SizeNameCaptionText)
	u.undo = Quiet(say.T("Undo"), uitheme.Icon(uitheme.IconUndo), u.Back)
	u.dismiss = Quiet("", uitheme.Icon(uitheme.IconClose), u.Finish)
	u.Box = Beside(u.text, container.New(layout.NewCustomPaddedHBoxLayout(0), u.undo, container.NewCenter(u.dismiss)), 112)
	u.Box.Hide()
	return u
}

// Centre keeps the bar to a width, in the middle of where its Box is put.
func (u *Undo) Centre(width float32) {
	bar := u.Box
	bar.Show()
	u.Box = container.New(Centered(width), bar)
	u.Box.Hide()
}

// Narrow has the words stand above the buttons, where there is no room beside them.
func (u *Undo) Narrow() {
	buttons := container.NewBorder(nil, nil, u.undo, container.NewCenter(u.dismiss))
	u.Box.Layout = layout.NewCustomPaddedVBoxLayout(-4)
	u.Box.Objects = []fyne.CanvasObject{u.text, buttons}
}

// Offer shows what was removed.
func (u *Undo) Offer(o Undoable) {
	u.Finish()
	var m *undoing
	done := func(back bool, err error) {
		m.bar.forget(m)
		if o.Done != nil {
			o.Done(back, err)
		}
	}
	if o.AtEnd {
		m = u.watched(o, done)
	} else {
		m = &undoing{decide: func(back bool) {
			u.runner.Run(func(ctx context.Context) error { return o.run(ctx, back) }, func(err error) { done(back, err) })
		}}
		u.runner.after(u.Wait, func() {
			if m.bar.now == m {
				m.bar.Finish()
			}
		})
	}
	m.of = o
	u.show(m)
}

func (u *Undo) show(m *undoing) {
	u.now, m.bar = m, u
	u.undo.Name, u.dismiss.Name = say.T("Undo the deletion"), say.T("Delete it now")
	if m.of.Change {
		u.undo.Name, u.dismiss.Name = say.T("Undo the change"), say.T("Close the offer to undo")
	}
	u.text.SetText(m.of.Words)
	u.Box.Show()
	Relayout(u.Box)
}

// HandTo has another bar show what this one does, for the rest of its time: the
// sheet that this one is on closes.
func (u *Undo) HandTo(other *Undo) {
	if m := u.now; m != nil {
		u.forget(m)
		other.Finish()
		other.show(m)
	}
}

func (o Undoable) run(ctx context.Context, back bool) error {
	what := o.End
	if back {
		what = o.Back
	}
	if what == nil {
		return nil
	}
	return what(ctx)
}

// watched has a goroutine wait beside the window, so that the end of the window
// makes it final.
func (u *Undo) watched(o Undoable, done func(back bool, err error)) *undoing {
	decided := make(chan bool, 1)
	wait := u.Wait
	u.runner.Go(func(life context.Context) {
		late := time.NewTimer(wait)
		defer late.Stop()
		back := false
		select {
		case <-late.C:
		case back = <-decided:
		case <-life.Done():
		}
		// It was asked for, also where the window has ended since.
		err := o.run(context.WithoutCancel(life), back)
		u.runner.Do(func() { done(back, err) })
	})
	return &undoing{decide: func(back bool) { decided <- back }}
}

// Focus gives the keys to the button that takes it back: what had them is gone.
func (u *Undo) Focus() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(u.Box); c != nil && u.now != nil {
		c.Focus(u.undo)
	}
}

// Back takes back what was removed last, as the button does.
func (u *Undo) Back() {
	if m := u.now; m != nil {
		u.forget(m)
		m.decide(true)
	}
}

// Finish makes final what was removed last.
func (u *Undo) Finish() {
	if m := u.now; m != nil {
		u.forget(m)
		m.decide(false)
	}
}

// forget hides the bar, where it is about that.
func (u *Undo) forget(m *undoing) {
	if u.now == m {
		u.now = nil
		u.Box.Hide()
		Relayout(u.Box)
	}
}

// Under puts the bar below a page.
func (u *Undo) Under(page fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, Pad(16, 6, u.Box), nil, nil, page)
}
