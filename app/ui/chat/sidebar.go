package chat

import (
	"image/color"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/store"
)

// sidebarWidth is how wide the list of conversations is.
const sidebarWidth float32 = 232

// runState is what a conversation does now.
type runState int

const (
	stateIdle runState = iota
	stateRunning
	stateAsking // the person is being asked something
)

// sidebar is the list of conversations, grouped by day.
type sidebar struct {
	box   *fyne.Container
	list  *widget.List
	empty *form.Note
	now   func() time.Time

	lines   []line
	states  map[string]runState
	current string

	onOpen, onRename, onDelete func(store.Conversation)
}

// line is a row of the list: a day, or a conversation.
type line struct {
	day  string
	conv store.Conversation
}

func newSidebar(now func() time.Time, newChat func()) *sidebar {
	s := &sidebar{now: now, states: map[string]runState{}}
	s.list = widget.NewList(
		func() int { return len(s.lines) },
		func() fyne.CanvasObject { return newRow(s) },
		func(id widget.ListItemID, o fyne.CanvasObject) {
			if id < len(s.lines) {
				o.(*row).show(s.lines[id])
			}
		})
	s.list.HideSeparators = true
	s.empty = form.Muted("No conversations yet. Write a message to begin one.")
	button := form.NewAction("New chat", widget.MediumImportance, newChat)
	button.Icon = theme.Icon(theme.IconNewChat)
	button.Alignment = widget.ButtonAlignLeading
	head := container.New(layout.NewCustomPaddedLayout(12, 8, 10, 10), button)
	ground := newGround(theme.ColorSide)
	s.box = container.New(fixedWidth{sidebarWidth}, container.NewStack(ground,
		container.NewBorder(head, nil, nil, nil,
			container.NewStack(container.New(layout.NewCustomPaddedLayout(0, 8, 6, 4), s.list), form.Pad(14, 4, container.NewVBox(s.empty))))))
	return s
}

// setConversations replaces the list, the conversation used last first.
func (s *sidebar) setConversations(all []store.Conversation) {
	s.lines = s.lines[:0]
	day := ""
	for _, c := range all {
		if d := dayOf(c.UpdatedAt, s.now()); d != day {
			day = d
			s.lines = append(s.lines, line{day: d})
		}
		s.lines = append(s.lines, line{conv: c})
	}
	if len(all) == 0 {
		s.empty.Show()
	} else {
		s.empty.Hide()
	}
	s.list.Refresh()
}

// dayOf names the group that a moment belongs to.
func dayOf(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch {
	case !t.Before(midnight):
		return "Today"
	case !t.Before(midnight.AddDate(0, 0, -1)):
		return "Yesterday"
	case !t.Before(midnight.AddDate(0, 0, -7)):
		return "Last seven days"
	case t.Year() == now.Year():
		return t.Format("January")
	}
	return t.Format("January 2006")
}

func (s *sidebar) setCurrent(id string) {
	if s.current != id {
		s.current = id
		s.list.Refresh()
	}
}

// setState shows what a conversation does.
func (s *sidebar) setState(id string, state runState) {
	if s.states[id] == state {
		return
	}
	if state == stateIdle {
		delete(s.states, id)
	} else {
		s.states[id] = state
	}
	if i := slices.IndexFunc(s.lines, func(l line) bool { return l.conv.ID == id }); i >= 0 {
		s.list.RefreshItem(i)
	}
}

// row shows a line. It is used again for other lines.
type row struct {
	widget.BaseWidget
	s       *sidebar
	line    line
	hovered bool

	back  *canvas.Rectangle
	title *canvas.Text
	dot   *canvas.Circle
	more  *theme.IconButton
}

var (
	_ fyne.Tappable          = (*row)(nil)
	_ fyne.SecondaryTappable = (*row)(nil)
	_ desktop.Hoverable      = (*row)(nil)
)

func newRow(s *sidebar) *row {
	r := &row{s: s, back: canvas.NewRectangle(color.Transparent), title: canvas.NewText("", color.Black), dot: canvas.NewCircle(color.Transparent)}
	r.more = theme.NewSmallIconButton("More", theme.Icon(theme.IconMore), func() {
		d := fyne.CurrentApp().Driver()
		r.menu(d.AbsolutePositionForObject(r.more).AddXY(0, r.more.Size().Height))
	})
	r.ExtendBaseWidget(r)
	return r
}

func (r *row) show(l line) {
	r.line = l
	r.more.Label = "More about " + titleOf(l.conv)
	r.Refresh()
}

func titleOf(c store.Conversation) string {
	if c.Title == "" {
		return "New conversation"
	}
	return form.Visible(c.Title, false)
}

// DumpText is what the row says.
func (r *row) DumpText() string {
	if r.line.day != "" {
		return r.line.day
	}
	return titleOf(r.line.conv)
}

// AccessibilityLabel is what the row says.
func (r *row) AccessibilityLabel() string { return r.DumpText() }

// AccessibilityRole says that it acts.
func (r *row) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// Tapped opens the conversation.
func (r *row) Tapped(*fyne.PointEvent) {
	if r.line.day == "" {
		r.s.onOpen(r.line.conv)
	}
}

// TappedSecondary opens the menu.
func (r *row) TappedSecondary(e *fyne.PointEvent) {
	if r.line.day == "" {
		r.menu(e.AbsolutePosition)
	}
}

func (r *row) menu(at fyne.Position) {
	c := fyne.CurrentApp().Driver().CanvasForObject(r)
	if c == nil {
		return
	}
	conv := r.line.conv
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("",
		fyne.NewMenuItem("Rename…", func() { r.s.onRename(conv) }),
		fyne.NewMenuItem("Delete…", func() { r.s.onDelete(conv) }),
	), c, at)
}

// MouseIn shows that the row can be opened.
func (r *row) MouseIn(*desktop.MouseEvent) { r.hovered = true; r.Refresh() }

// MouseMoved is part of desktop.Hoverable.
func (r *row) MouseMoved(*desktop.MouseEvent) {}

// MouseOut ends what MouseIn began.
func (r *row) MouseOut() { r.hovered = false; r.Refresh() }

// CreateRenderer links the row to what is drawn.
func (r *row) CreateRenderer() fyne.WidgetRenderer {
	rr := &rowRenderer{r: r}
	rr.paint()
	return rr
}

type rowRenderer struct{ r *row }

func (rr *rowRenderer) paint() {
	r := rr.r
	th, v := r.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.CornerRadius = theme.Radius - 2
	r.back.FillColor = color.Transparent
	r.title.TextStyle = fyne.TextStyle{}
	r.title.TextSize = th.Size(fynetheme.SizeNameText)
	r.title.Color = th.Color(fynetheme.ColorNameForeground, v)
	r.dot.FillColor = color.Transparent
	r.more.Hide()
	if r.line.day != "" {
		r.title.Text = r.line.day
		r.title.TextSize = th.Size(fynetheme.SizeNameCaptionText)
		r.title.TextStyle.Bold = true
		r.title.Color = th.Color(theme.ColorMuted, v)
		return
	}
	selected := r.line.conv.ID == r.s.current
	if selected {
		r.back.FillColor = th.Color(theme.ColorSelected, v)
	} else if r.hovered {
		r.back.FillColor = th.Color(fynetheme.ColorNameHover, v)
	}
	switch r.s.states[r.line.conv.ID] {
	case stateRunning:
		r.dot.FillColor = th.Color(fynetheme.ColorNamePrimary, v)
	case stateAsking:
		r.dot.FillColor = th.Color(fynetheme.ColorNameWarning, v)
	}
	if r.hovered || selected {
		r.more.Show()
	}
}

func (rr *rowRenderer) Layout(size fyne.Size) {
	r := rr.r
	r.back.Resize(size)
	const inset float32 = 10
	right := float32(30)
	if r.s.states[r.line.conv.ID] != stateIdle && r.more.Visible() {
		right += 14
	}
	w := size.Width - inset - right
	if r.line.day == "" {
		r.title.Text = shorten(titleOf(r.line.conv), w, r.title.TextSize)
	}
	h := r.title.MinSize().Height
	y := (size.Height - h) / 2
	if r.line.day != "" {
		y = size.Height - h - 4
	}
	r.title.Move(fyne.NewPos(inset, y))
	r.title.Resize(fyne.NewSize(w, h))
	r.dot.Resize(fyne.NewSquareSize(8))
	r.dot.Move(fyne.NewPos(size.Width-20, (size.Height-8)/2))
	m := r.more.MinSize()
	r.more.Resize(m)
	r.more.Move(fyne.NewPos(size.Width-m.Width-3, (size.Height-m.Height)/2))
	if r.s.states[r.line.conv.ID] != stateIdle && r.more.Visible() {
		r.dot.Move(fyne.NewPos(size.Width-m.Width-13, (size.Height-8)/2))
	}
}

// shorten cuts a text that is too wide, with an ellipsis.
func shorten(text string, width, size float32) string {
	if fyne.MeasureText(text, size, fyne.TextStyle{}).Width <= width {
		return text
	}
	runes := []rune(text)
	lo, hi := 0, len(runes)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if fyne.MeasureText(string(runes[:mid])+"…", size, fyne.TextStyle{}).Width <= width {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return string(runes[:lo]) + "…"
}

func (rr *rowRenderer) MinSize() fyne.Size { return fyne.NewSize(80, 34) }

func (rr *rowRenderer) Refresh() {
	rr.paint()
	rr.Layout(rr.r.Size())
	for _, o := range rr.Objects() {
		o.Refresh()
	}
}

func (rr *rowRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{rr.r.back, rr.r.title, rr.r.dot, rr.r.more}
}

func (rr *rowRenderer) Destroy() {}

// fixedWidth gives its objects one width and all the height.
type fixedWidth struct{ width float32 }

func (f fixedWidth) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.Position{})
		o.Resize(fyne.NewSize(f.width, size.Height))
	}
}

func (f fixedWidth) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var h float32
	for _, o := range objects {
		h = max(h, o.MinSize().Height)
	}
	return fyne.NewSize(f.width, h)
}

// ground is an area of a colour of the theme.
type ground struct {
	widget.BaseWidget
	name fyne.ThemeColorName
	rect *canvas.Rectangle
}

func newGround(name fyne.ThemeColorName) *ground {
	g := &ground{name: name, rect: canvas.NewRectangle(color.Transparent)}
	g.ExtendBaseWidget(g)
	return g
}

// CreateRenderer links the area to what is drawn.
func (g *ground) CreateRenderer() fyne.WidgetRenderer {
	r := &groundRenderer{WidgetRenderer: widget.NewSimpleRenderer(g.rect), g: g}
	r.Refresh()
	return r
}

type groundRenderer struct {
	fyne.WidgetRenderer
	g *ground
}

func (r *groundRenderer) Refresh() {
	r.g.rect.FillColor = r.g.Theme().Color(r.g.name, fyne.CurrentApp().Settings().ThemeVariant())
	r.g.rect.Refresh()
}
