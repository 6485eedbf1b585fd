package servers

import (
	"bytes"
	"context"
	"image"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	uitheme "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

// logLines is how much of a log a card shows.
const logLines = 4

// card is one server.
type card struct {
	frame *form.Card
	page  *Page
	view  bridge.ServerView

	dot     *form.Dot
	spin    *widget.Activity
	moving  bool
	icon    *canvas.Image // that the server gave of itself; hidden without one
	given   []byte        // what icon shows
	name    *form.Words
	words   *form.Note
	brief   *form.Note
	rules   *form.Note // those that hold; hidden if there are none
	toggle  *form.Switch
	notice  *fyne.Container
	because *form.Words
	log     *form.Note
	failure *form.Words
	buttons *fyne.Container
	power   *form.Action
	restart *form.Action
	defs    *form.Action
	edit    *form.Action
	offers  *form.Action
	review  *form.Action
	changes *form.Action
	managed *form.Action
	signIn  *signInRow
	sandbox *sandboxRow
}

func newCard(p *Page) *card {
	c := &card{page: p, dot: form.NewDot(theme.ColorNameDisabled), spin: widget.NewActivity()}
	c.spin.Hide()
	c.icon = canvas.NewImageFromImage(nil)
	c.icon.FillMode = canvas.ImageFillContain
	c.icon.SetMinSize(fyne.NewSquareSize(iconSide))
	c.icon.Hide()
	c.name = form.Bold("")
	c.name.SizeName = theme.SizeNameSubHeadingText
	c.name.Truncation = fyne.TextTruncateEllipsis
	c.words = form.Muted("")
	c.brief = form.MutedLine("", fyne.TextStyle{Monospace: true})
	c.rules = form.Muted("")
	c.rules.Hide()
	c.toggle = form.NewSwitch("", func(on bool) {
		c.page.run(c.id(), func(ctx context.Context) error { return p.o.Engine.SetServerEnabled(ctx, c.id(), on) })
	})
	c.because = form.Failure("")
	c.log = form.MutedLine("", fyne.TextStyle{Monospace: true})
	c.log.SetSize(theme.SizeNameCaptionText)
	c.failure = form.Failure("")
	c.review = form.NewAction(say.T("Review"), widget.HighImportance, func() { c.page.review(c.view) })
	c.changes = form.NewAction(say.T("Review definitions"), widget.HighImportance, func() { c.page.reviewDefinitions(c.view) })
	c.managed = form.NewAction(say.T("See what differs"), widget.HighImportance, func() { c.page.reviewManaged(c.view) })
	c.defs = form.Quiet(say.T("Tools"), theme.ListIcon(), func() { c.page.definitions(c.view) })
	c.offers = form.Quiet(say.T("Browse"), theme.FolderOpenIcon(), func() { c.page.browse(c.view) })
	c.offers.Hide()
	c.power = form.Quiet(say.T("Stop"), theme.MediaStopIcon(), c.turn)
	c.restart = form.Quiet(say.T("Restart"), theme.ViewRefreshIcon(), func() {
		c.page.run(c.id(), func(context.Context) error { return p.o.Engine.RestartServer(c.id()) })
	})
	log := form.Quiet(say.T("Show log"), theme.DocumentIcon(), func() { c.page.showLog(c.view) })
	c.edit = form.Quiet(say.T("Edit"), theme.DocumentCreateIcon(), func() { c.page.edit(c.view) })
	remove := form.Quiet(say.T("Remove"), theme.DeleteIcon(), func() { c.page.remove(c.view) })
	check := form.Quiet(say.T("Check"), theme.QuestionIcon(), func() { c.page.check(c.view) })
	ruled := form.Quiet(say.T("Rules"), uitheme.Icon(uitheme.IconShield), func() { c.page.rulesOf(c.view) })
	c.buttons = form.Wrap(c.defs, ruled, c.offers, log, check, c.power, c.restart, layout.NewSpacer(), c.edit, remove)

	c.notice = form.Column()
	c.notice.Hide()
	c.signIn = newSignInRow(c)
	c.sandbox = newSandboxRow(p)
	mark := container.NewCenter(container.NewStack(form.Sized(20, 20, c.dot), c.spin))
	head := container.NewBorder(nil, nil, mark, container.NewCenter(c.toggle),
		container.NewBorder(nil, nil, c.icon, nil, container.New(&headLine{}, c.name, c.words)))
	c.frame = form.NewCard(container.New(layout.NewCustomPaddedVBoxLayout(2),
		head, c.brief, c.rules, c.sandbox.box, c.notice, c.signIn.box, c.because, c.log, c.failure, c.buttons))
	return c
}

// headLine has the name of a server at the left and how it stands at the right, or
// below it where there is no room for both. It knows the width that it was given
// last, since how high it is depends on it.
type headLine struct{ width float32 }

// fits reports whether both are in one line, where the name has no more than half.
func (l *headLine) fits(name *form.Words, words *form.Note) bool {
	wanted := fyne.MeasureText(name.Text, name.Theme().Size(name.SizeName), name.TextStyle).Width + 2*theme.InnerPadding()
	return l.width <= 0 || words.Wants()+min(wanted, l.width/2) <= l.width
}

func (l *headLine) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	name, words := objects[0].(*form.Words), objects[1].(*form.Note)
	name.Move(fyne.Position{})
	if !l.fits(name, words) {
		h := name.MinSize().Height
		name.Resize(fyne.NewSize(size.Width, h))
		words.Move(fyne.NewPos(0, h+headTight))
		words.Resize(fyne.NewSize(size.Width, max(0, size.Height-h-headTight)))
		return
	}
	w := words.Wants()
	words.Resize(fyne.NewSize(w, words.MinSize().Height))
	h := words.MinSize().Height
	words.Resize(fyne.NewSize(w, h))
	words.Move(fyne.NewPos(size.Width-w, (size.Height-h)/2))
	name.Resize(fyne.NewSize(size.Width-w, size.Height))
}

// headTight has the two lines stand close together.
const headTight float32 = -8

func (l *headLine) MinSize(objects []fyne.CanvasObject) fyne.Size {
	n, w := objects[0].MinSize(), objects[1].MinSize()
	if l.fits(objects[0].(*form.Words), objects[1].(*form.Note)) {
		return fyne.NewSize(max(n.Width, w.Width), n.Height)
	}
	return fyne.NewSize(max(n.Width, w.Width), n.Height+headTight+w.Height)
}

func (c *card) id() string { return c.view.Server.ID }

// set shows the state.
func (c *card) set(v bridge.ServerView) {
	first := c.view.Server.ID == ""
	was := c.view
	c.view = v
	builtin := v.Server.Transport == store.TransportBuiltin
	name := form.Visible(v.Server.Name, false)
	c.name.SetText(name)
	c.setIcon(v.Icon)
	words := kind(v.Server)
	if mode := modeWords(v); mode != "" {
		words += " · " + mode
	}
	c.words.SetText(words + " · " + Words(v))
	c.brief.SetText(brief(v.Server))
	words = ruleWords(v)
	c.rules.SetText(words)
	visible(c.rules, words != "")
	c.toggle.Name = say.F("Use %s", name)
	c.toggle.Set(!v.Server.Disabled)
	c.dot.SetTone(tone(v))
	if first {
		c.label(name)
		if builtin {
			c.brief.Truncation, c.brief.Wrapping = fyne.TextTruncateOff, fyne.TextWrapWord
			c.brief.SetStyle(fyne.TextStyle{})
			c.buttons.Objects = []fyne.CanvasObject{c.defs, c.buttons.Objects[1], c.restart}
			if c.page.o.OpenSettings != nil {
				c.buttons.Add(form.Quiet(say.T("Folders"), theme.FolderIcon(), c.page.o.OpenSettings))
			}
		}
	}
	form.SetFailure(c.because, "")
	c.log.Hide()
	if v.State == mcphost.Failed && !signInWaits(v) {
		form.SetFailure(c.because, sentence(v.Error))
		if lines := tail(v.Log, logLines); lines != "" {
			c.log.SetText(lines)
			c.log.Show()
		}
	}
	c.notices()
	c.signIn.set(v.SignIn)
	c.sandbox.set(v)
	running := v.State == mcphost.Ready || v.State == mcphost.Starting
	if running {
		c.power.SetText(say.T("Stop"))
		c.power.SetIcon(theme.MediaStopIcon())
	} else {
		c.power.SetText(say.T("Start"))
		c.power.SetIcon(theme.MediaPlayIcon())
	}
	enable(c.power, running || v.State == mcphost.Failed || v.State == mcphost.Stopped || v.State == mcphost.Asleep)
	enable(c.restart, running || v.State == mcphost.Failed)
	if v.State == mcphost.Ready && (v.Offers.Resources || v.Offers.Prompts) {
		c.offers.Show()
	} else {
		c.offers.Hide()
	}
	enable(c.defs, len(v.Tools) > 0 || v.Instructions != nil)
	if was.State != v.State || was.Generation != v.Generation {
		c.setFailure("")
	}
	c.frame.Refresh()
}

// iconSide is how large the icon of a server is shown.
const iconSide float32 = 22

// setIcon shows what a server gave as its own picture, which is small.
func (c *card) setIcon(i *mcphost.Icon) {
	var data []byte
	if i != nil {
		data = i.Data
	}
	if bytes.Equal(data, c.given) {
		return
	}
	c.given, c.icon.Image = data, nil
	if img, _, err := image.Decode(bytes.NewReader(data)); err == nil {
		c.icon.Image = img
	}
	visible(c.icon, c.icon.Image != nil)
	c.icon.Refresh()
}

// notices says what waits for the person.
func (c *card) notices() {
	c.notice.RemoveAll()
	ask := func(text string, button *form.Action) {
		c.notice.Add(form.NewToned(container.NewBorder(nil, nil, nil, container.NewCenter(button), form.Label(text)), theme.ColorNameWarning))
	}
	v := c.view
	if v.State == mcphost.Held {
		what := say.T("This command has not run yet. Look at it in full, then approve it.")
		if v.Server.Transport.OverHTTP() || v.Server.Transport == store.TransportOpenAPI {
			what = say.T("Nothing was sent to this address yet. Look at it in full, then approve it.")
		}
		ask(what, c.review)
	}
	if n := len(v.Held); n > 0 {
		what := say.N(n, "%d definition changed or came new since you last looked. No model gets them until you have seen them.", "%d definitions changed or came new since you last looked. No model gets them until you have seen them.", n)
		ask(what, c.changes)
	}
	if h := v.Managed.Hold; h != nil {
		ask(form.Visible(h.Reason, false)+" "+say.T("No provider gets this server until you have looked."), c.managed)
	}
	if v.Server.Managed && !v.Managed.Can {
		c.notice.Add(form.Muted(say.T("No provider can connect to it.") + " " + v.Managed.Why))
	}
	if len(c.notice.Objects) == 0 {
		c.notice.Hide()
	} else {
		c.notice.Show()
	}
}

// label tells the buttons of the cards apart.
func (c *card) label(name string) {
	for _, o := range append([]fyne.CanvasObject{c.review, c.changes, c.managed}, c.buttons.Objects...) {
		if a, ok := o.(*form.Action); ok {
			a.Name = a.Text + " " + name
		}
	}
	c.signIn.label(name)
	c.sandbox.more.Name = say.F("What holds %s", name)
	c.power.Name = say.F("Start or stop %s", name)
}

// animate moves the spinner while the server starts and can be seen.
func (c *card) animate(inView bool) {
	move := inView && c.view.State == mcphost.Starting
	if move == c.moving {
		return
	}
	c.moving = move
	if move {
		c.dot.Hide()
		c.spin.Show()
		c.spin.Start()
	} else {
		c.spin.Stop()
		c.spin.Hide()
		c.dot.Show()
	}
}

func (c *card) setFailure(sentence string) {
	form.SetFailure(c.failure, sentence)
	c.toggle.Set(!c.view.Server.Disabled)
	c.frame.Refresh()
}

func (c *card) turn() {
	id, running := c.id(), c.view.State == mcphost.Ready || c.view.State == mcphost.Starting
	c.page.run(id, func(context.Context) error {
		if running {
			return c.page.o.Engine.StopServer(id)
		}
		return c.page.o.Engine.StartServer(id)
	})
}

func enable(a *form.Action, on bool) {
	if on {
		a.Enable()
	} else {
		a.Disable()
	}
}

// tail returns the last lines, as a person may see them.
func tail(lines []string, n int) string {
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = form.Visible(l, false)
	}
	return strings.Join(out, "\n")
}

// sentence shows what the host said of a failure.
func sentence(s string) string {
	if s == "" {
		return say.T("It failed, and did not say why. The log may.")
	}
	return form.Visible(form.Unmarked(s), true)
}
