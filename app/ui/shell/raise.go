package shell

import (
	"context"
	"image/color"
	"iter"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// raiseEngine is what the switch needs of package bridge.
type raiseEngine interface {
	WatchBridge(ctx context.Context) iter.Seq[bool]
	Raise(ctx context.Context, by string) error
	Lower(ctx context.Context, by string) error
	Running() int
}

// byWindow is who the audit says it was.
const byWindow = "window"

// The words of the switch.
var (
	raiseWords  = say.T("Raise")
	raisedWords = say.T("Raised")
	raisedTitle = say.T("The bridge is raised")
	lowerWords  = say.T("Lower the bridge")
)

// raise is the switch that stops everything, and the bar that says so while it
// does.
type raise struct {
	shell *Shell
	item  *railItem
	bar   *fyne.Container
	words *form.Words
	fail  *form.Words
	lower *form.Action
	is    bool
	// stopped is how many calls it stopped; below 0 if that is not known.
	stopped int
}

func newRaise(s *Shell) *raise {
	r := &raise{shell: s, stopped: -1}
	r.item = newRailItem(raiseWords, theme.Icon(theme.IconBridge), r.turn)
	r.item.name = say.T("Raise the bridge")
	title := form.Bold(raisedTitle)
	title.Importance = widget.DangerImportance
	r.words = form.Label("")
	r.fail = form.Failure("")
	r.lower = form.NewAction(lowerWords, widget.DangerImportance, r.down)
	back := &band{tone: fynetheme.ColorNameError}
	back.ExtendBaseWidget(back)
	text := container.New(layout.NewCustomPaddedVBoxLayout(-10), title, r.words, r.fail)
	r.bar = container.NewStack(back, form.Pad(16, 6, container.NewBorder(nil, nil, nil, container.NewCenter(r.lower), text)))
	r.bar.Hide()
	return r
}

// follow shows whether the bridge is raised, until the window goes.
func (r *raise) follow() {
	for is := range r.shell.o.Engine.WatchBridge(r.shell.ctx) {
		r.shell.do(func() { r.set(is) })
	}
}

// turn raises the bridge, or lowers it.
func (r *raise) turn() {
	if r.is {
		r.down()
	} else {
		r.up()
	}
}

// up raises the bridge at once: whoever does so has no time for a question, and
// lowering it again undoes it.
func (r *raise) up() {
	if r.is {
		return
	}
	r.stopped = r.shell.o.Engine.Running()
	r.shell.runner().Run(func(ctx context.Context) error { return r.shell.o.Engine.Raise(ctx, byWindow) }, func(err error) {
		r.set(true) // it holds also where it could not be kept
		r.failed(err)
	})
}

func (r *raise) down() {
	if !r.is {
		return
	}
	r.shell.runner().Run(func(ctx context.Context) error { return r.shell.o.Engine.Lower(ctx, byWindow) }, func(err error) {
		r.set(err != nil)
		r.failed(err)
	})
}

func (r *raise) failed(err error) {
	form.SetFailure(r.fail, form.Sentence(err))
	r.lay()
}

// set shows whether the bridge is raised.
func (r *raise) set(is bool) {
	if r.is == is {
		return
	}
	r.is = is
	r.shell.showTray()
	form.SetFailure(r.fail, "")
	if !is {
		r.item.sound(false, raiseWords)
		r.item.name = trayRaise
		r.stopped = -1
		r.bar.Hide()
		r.lay()
		return
	}
	r.item.sound(true, raisedWords)
	r.item.name = trayLower
	r.words.SetText(raisedSentence(r.stopped))
	r.bar.Show()
	r.lay()
}

// lay makes room for the bar.
func (r *raise) lay() {
	if c := r.shell.window.Content(); c != nil {
		c.Refresh()
	}
}

// raisedSentence says what is stopped.
func raisedSentence(stopped int) string {
	text := say.T("No tool runs, no request of another app is served, and no provider is given a server, until you lower it.")
	switch {
	case stopped == 1:
		return say.T("One running call was stopped.") + " " + text
	case stopped > 1:
		return say.N(stopped, "%d running call was stopped.", "%d running calls were stopped.", stopped) + " " + text
	}
	return text
}

// band is a strip in a faded colour with a line below.
type band struct {
	widget.BaseWidget
	tone fyne.ThemeColorName
}

// CreateRenderer links the band to what is drawn.
func (b *band) CreateRenderer() fyne.WidgetRenderer {
	r := &bandRenderer{band: b, back: canvas.NewRectangle(color.Transparent), line: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

type bandRenderer struct {
	band       *band
	back, line *canvas.Rectangle
}

func (r *bandRenderer) paint() {
	tone := r.band.Theme().Color(r.band.tone, fyne.CurrentApp().Settings().ThemeVariant())
	r.back.FillColor = form.Faded(tone, 0.14)
	r.line.FillColor = tone
}

func (r *bandRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	r.line.Move(fyne.NewPos(0, size.Height-2))
	r.line.Resize(fyne.NewSize(size.Width, 2))
}

func (r *bandRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *bandRenderer) Refresh()                     { r.paint(); canvas.Refresh(r.band) }
func (r *bandRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.back, r.line} }
func (r *bandRenderer) Destroy()                     {}
