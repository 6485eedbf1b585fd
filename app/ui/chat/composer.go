package chat

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// composer is where the person writes: the text, the model and the tools that
// it goes to, and the button that sends it or stops the answer.
type composer struct {
	box    *fyne.Container
	input  *input
	attach *chip
	files  *chips
	models *chip
	tools  *chip
	row    *fyne.Container // what stands below the text
	edit   *fyne.Container // what stands above it while a message is edited
	send   *theme.IconButton

	onSend, onStop, onLeave func()
	running, editing        bool
	attached                int // how many things go with the message
}

// The least and the most lines that the field shows.
const (
	leastLines = 1
	mostLines  = 9
)

// composerActions is what the composer does when it is used.
type composerActions struct {
	send, stop, leave     func()
	models, tools, attach func()
	detach                func(at int)
	typed                 func(r rune) // after a letter was typed
	changed               func(text string)
	// pasted takes what the field cannot paste, and reports whether it did.
	pasted func(text string) bool
	// recall shows an older or a newer message that was sent, and reports whether
	// there is one.
	recall func(older bool) bool
	// breaks says that Enter begins a new line and Shift+Enter sends.
	breaks func() bool
}

func newComposer(do composerActions) *composer {
	c := &composer{onSend: do.send, onStop: do.stop, onLeave: do.leave}
	c.input = newInput(say.T("Message"), say.T("Write a message"))
	c.input.SetMinRowsVisible(leastLines)
	c.input.Wrapping = fyne.TextWrapWord
	c.input.onSend = c.press
	c.input.onStop = c.escape
	c.input.onRune = do.typed
	c.input.onPaste = do.pasted
	c.input.onEdge = do.recall
	c.input.breaks = do.breaks
	c.input.OnChanged = func(text string) {
		c.fit()
		do.changed(text)
	}
	c.models = newChip(say.T("Choose the model"), "", "", theme.IconChevronDown, do.models)
	c.tools = newChip(say.T("Choose the tools"), "", theme.IconTools, "", do.tools)
	c.attach = newChip(say.T("Attach a resource or use a prompt"), "", theme.IconAdd, "", do.attach)
	c.files = newChips(do.detach)
	c.send = theme.NewIconButton(say.T("Send"), theme.Icon(theme.IconSend), c.press)
	c.send.Primary = true

	words := form.Muted(say.T("Editing a message. What you send begins a branch; what is there now stays."))
	cancel := form.Quiet(say.T("Cancel"), nil, do.leave)
	cancel.Name = say.T("Leave the message as it is")
	c.edit = container.NewBorder(nil, nil, nil, cancel, words)
	c.edit.Hide()
	c.row = container.New(rowLayout{}, c.attach, c.models, c.tools, c.send)
	frame := newPanel(container.New(layout.NewCustomPaddedVBoxLayout(0),
		c.edit, c.files.box, c.input, c.row))
	c.input.onFocus = frame.setFocused
	c.box = container.New(form.Centered(threadWidth), frame)
	c.update()
	return c
}

// say shows the model and the count of tools.
func (c *composer) say(model, tools string) {
	changed := c.models.setText(model)
	if c.tools.setText(tools) || changed {
		c.row.Refresh()
	}
}

// rowLayout places what attaches, the model, the tools and, at the right, the
// button. The model gives way where there is little room, and then the tools.
type rowLayout struct{}

// What is left of the model and of the tools in a narrow window.
const (
	leastModel float32 = 96
	leastTools float32 = 110
	// giveWay is how much less both have together where the words of the rail are long.
	giveWay float32 = 28
)

func (rowLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	attach, models, tools, send := objects[0], objects[1], objects[2], objects[3]
	a, s, t := attach.MinSize(), send.MinSize(), tools.MinSize()
	t.Width = min(t.Width, max(size.Width-a.Width-s.Width-leastModel-12, leastTools))
	w := min(models.MinSize().Width, max(size.Width-a.Width-t.Width-s.Width-12, leastModel))
	if over := a.Width + w + 4 + t.Width + 8 + s.Width - size.Width; over > 0 {
		w, t.Width = w-over/2, t.Width-over/2
	}
	place := func(o fyne.CanvasObject, x, width, height float32) {
		o.Resize(fyne.NewSize(width, height))
		o.Move(fyne.NewPos(x, (size.Height-height)/2))
	}
	place(attach, 0, a.Width, chipHeight)
	place(models, a.Width, w, chipHeight)
	place(tools, a.Width+w+4, t.Width, chipHeight)
	place(send, size.Width-s.Width, s.Width, s.Height)
}

func (rowLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(leastModel+objects[0].MinSize().Width+leastTools+objects[3].MinSize().Width+12-giveWay, chipHeight+2)
}

// fit makes the field as high as its text, within limits, and tells the button
// whether there is something to send.
func (c *composer) fit() {
	rows := min(max(c.input.lines(), leastLines), mostLines)
	c.input.SetMinRowsVisible(rows)
	c.update()
}

func (c *composer) press() {
	if c.running {
		c.onStop()
		return
	}
	if c.something() {
		c.onSend()
	}
}

// something reports whether there is anything to send.
func (c *composer) something() bool {
	return strings.TrimSpace(c.input.Text) != "" || c.attached > 0
}

// setAttached shows what goes with the message.
func (c *composer) setAttached(list []*attachment) {
	c.attached = len(list)
	c.files.set(list)
	c.update()
	form.Relayout(c.box)
}

// escape stops the answer, or leaves the message that is edited as it is.
func (c *composer) escape() {
	if c.editing && !c.running {
		c.onLeave()
		return
	}
	c.onStop()
}

// setEditing says whether what is written takes the place of a message.
func (c *composer) setEditing(on bool) {
	if c.editing == on {
		return
	}
	c.editing = on
	if on {
		c.edit.Show()
	} else {
		c.edit.Hide()
	}
	c.update()
	form.Relayout(c.box)
}

// setRunning turns the button into one that stops.
func (c *composer) setRunning(running bool) {
	c.running = running
	c.update()
}

// setAsking says in the empty field how to get to a question by keyboard.
func (c *composer) setAsking(asking bool) {
	text := say.T("Write a message")
	if asking {
		text = say.T("Shift+Tab goes to what waits for you")
	}
	if c.input.PlaceHolder != text {
		c.input.SetPlaceHolder(text)
		c.fit()
	}
}

func (c *composer) update() {
	if c.running {
		c.send.Set(say.T("Stop"), theme.Icon(theme.IconStop))
		c.send.Enable()
		return
	}
	c.send.Set(say.T("Send"), theme.Icon(theme.IconSend))
	if c.something() {
		c.send.Enable()
	} else {
		c.send.Disable()
	}
}

// panel is a frame with round corners around its content. It shows where keys
// go.
type panel struct {
	widget.BaseWidget
	ground  *canvas.Rectangle
	content fyne.CanvasObject
	focused bool
}

func newPanel(content fyne.CanvasObject) *panel {
	p := &panel{ground: canvas.NewRectangle(color.Transparent), content: container.New(layout.NewCustomPaddedLayout(4, 6, 8, 8), content)}
	p.ExtendBaseWidget(p)
	return p
}

func (p *panel) setFocused(on bool) {
	p.focused = on
	p.paint()
	p.ground.Refresh()
}

func (p *panel) paint() {
	th, v := p.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	p.ground.FillColor = th.Color(fynetheme.ColorNameInputBackground, v)
	p.ground.StrokeColor = th.Color(fynetheme.ColorNameInputBorder, v)
	if p.focused {
		p.ground.StrokeColor = th.Color(fynetheme.ColorNamePrimary, v)
	}
	p.ground.StrokeWidth = 1
	p.ground.CornerRadius = theme.Radius + 2
}

// CreateRenderer links the panel to what is drawn.
func (p *panel) CreateRenderer() fyne.WidgetRenderer {
	p.paint()
	return &panelRenderer{WidgetRenderer: widget.NewSimpleRenderer(container.NewStack(p.ground, p.content)), p: p}
}

type panelRenderer struct {
	fyne.WidgetRenderer
	p *panel
}

func (r *panelRenderer) Refresh() {
	r.p.paint()
	r.WidgetRenderer.Refresh()
}

// input is a field of several lines in which Return sends and Shift+Return
// begins a new line, or the other way round.
type input struct {
	form.Entry
	onPaste        func(text string) bool
	onEdge         func(older bool) bool // Up in the first line, Down in the last
	breaks         func() bool
	onSend, onStop func()
	onFocus        func(bool)
	onRune         func(rune)
	shift          bool
}

var _ desktop.Keyable = (*input)(nil)

func newInput(name, placeholder string) *input {
	i := &input{}
	i.Name = name
	i.PlaceHolder = placeholder
	i.MultiLine = true
	i.ExtendBaseWidget(i)
	return i
}

// CreateRenderer leaves out the field's own frame, since the composer has one.
// A theme of its own would do that too, but Fyne loads all fonts again for each.
func (i *input) CreateRenderer() fyne.WidgetRenderer {
	r := &frameless{i.Entry.CreateRenderer()}
	r.clear()
	return r
}

// frameless draws an entry without its ground and border.
type frameless struct{ fyne.WidgetRenderer }

func (r *frameless) Refresh() {
	r.WidgetRenderer.Refresh()
	r.clear()
}

func (r *frameless) clear() {
	for _, o := range r.Objects() {
		if ground, ok := o.(*canvas.Rectangle); ok {
			ground.FillColor, ground.StrokeColor = color.Transparent, color.Transparent
			ground.Refresh()
		}
	}
}

// KeyDown remembers whether Shift is held.
func (i *input) KeyDown(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		i.shift = true
	}
	i.Entry.KeyDown(k)
}

// KeyUp remembers whether Shift is held.
func (i *input) KeyUp(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		i.shift = false
	}
	i.Entry.KeyUp(k)
}

// FocusGained shows that keys go here.
func (i *input) FocusGained() {
	i.Entry.FocusGained()
	i.onFocus(true)
}

// FocusLost forgets that Shift was held.
func (i *input) FocusLost() {
	i.shift = false
	i.Entry.FocusLost()
	i.onFocus(false)
}

// TypedKey sends on Return, and stops on Escape.
func (i *input) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		if i.shifted() == (i.breaks != nil && i.breaks()) {
			i.onSend()
			return
		}
		i.newLine()
	case fyne.KeyUp, fyne.KeyDown:
		row := i.CursorRow
		i.Entry.TypedKey(k)
		if i.CursorRow == row && !i.shifted() && i.onEdge != nil {
			i.onEdge(k.Name == fyne.KeyUp)
		}
	case fyne.KeyEscape:
		i.onStop()
	default:
		i.Entry.TypedKey(k)
	}
}

// TypedRune types a letter and tells of it.
func (i *input) TypedRune(r rune) {
	i.Entry.TypedRune(r)
	if i.onRune != nil {
		i.onRune(r)
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(i); c != nil && c.Overlays().Top() != nil {
		i.shift = false // what opened gets the key when it is let go
	}
}

// shifted reports whether Shift is held: as the window system knows it, or else as
// the keys said.
func (i *input) shifted() bool {
	if d, ok := fyne.CurrentApp().Driver().(interface{ CurrentKeyModifiers() fyne.KeyModifier }); ok {
		return d.CurrentKeyModifiers()&fyne.KeyModifierShift != 0
	}
	return i.shift
}

// TypedShortcut pastes what is no text by other means, and leaves the rest to the
// entry.
func (i *input) TypedShortcut(s fyne.Shortcut) {
	if paste, ok := s.(*fyne.ShortcutPaste); ok && i.onPaste != nil && i.onPaste(paste.Clipboard.Content()) {
		return
	}
	i.Entry.TypedShortcut(s)
}

// atEnd reports whether the cursor stands behind the text.
func (i *input) atEnd() bool {
	lines := strings.Split(i.Text, "\n")
	return i.CursorRow == len(lines)-1 && i.CursorColumn == len([]rune(lines[len(lines)-1]))
}

// newLine breaks the line where the cursor is.
func (i *input) newLine() { i.Entry.Entry.TypedRune('\n') }

// toEnd puts the cursor behind the text.
func (i *input) toEnd() {
	lines := strings.Split(i.Text, "\n")
	i.CursorRow, i.CursorColumn = len(lines)-1, len([]rune(lines[len(lines)-1]))
	i.Refresh()
}

// lines counts the lines that the text takes at the present width, or what stands
// there while there is none.
func (i *input) lines() int {
	text := i.Text
	if text == "" {
		text = i.PlaceHolder
	}
	width := i.Size().Width - 2*i.Theme().Size(fynetheme.SizeNameInnerPadding)
	if width <= 0 {
		return 1 + strings.Count(text, "\n")
	}
	size := i.Theme().Size(fynetheme.SizeNameText)
	n := 0
	for line := range strings.Lines(text + "\n") {
		if len(line) > 4000 {
			return mostLines
		}
		w := fyne.MeasureText(strings.TrimSuffix(line, "\n"), size, i.TextStyle).Width
		n += 1 + int(w/width)
		if n >= mostLines {
			return mostLines
		}
	}
	return n
}
