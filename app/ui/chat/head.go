package chat

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
)

// head is the line above the thread: the conversation's title, which opens what
// is set for it, and how much of the model's context it takes.
type head struct {
	box   *fyne.Container
	row   *fyne.Container
	title *chip
	use   *form.Note
}

func newHead(about func()) *head {
	h := &head{use: form.MutedWord("")}
	h.title = newChip(say.T("This conversation: system prompt and more"), "", "", theme.IconChevronDown, about)
	h.use.SetSize(fynetheme.SizeNameCaptionText)
	h.row = container.New(headLayout{}, h.title, h.use)
	h.box = container.New(layout.NewCustomPaddedLayout(8, 2, 16, 16), h.row)
	return h
}

func (h *head) setTitle(text string) {
	if h.title.setText(text) {
		h.row.Refresh()
	}
}

// setUse shows how much the conversation takes; empty for nothing.
func (h *head) setUse(text string) {
	if h.use.Text != text {
		h.use.SetText(text)
		h.row.Refresh()
	}
}

// headLayout gives the title what the words at the right leave.
type headLayout struct{}

func (headLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	title, use := objects[0], objects[1]
	u := use.MinSize()
	use.Resize(u)
	use.Move(fyne.NewPos(size.Width-u.Width, (size.Height-u.Height)/2))
	title.Resize(fyne.NewSize(min(title.MinSize().Width, max(size.Width-u.Width-8, 60)), chipHeight))
	title.Move(fyne.NewPos(0, (size.Height-chipHeight)/2))
}

func (headLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(60+objects[1].MinSize().Width+8, chipHeight)
}
