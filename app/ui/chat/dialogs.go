package chat

import (
	"net/url"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
)

// openLink shows where a link leads, and opens it if the person wants to.
func (p *Page) openLink(target string) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		p.fail.say(say.T("The link leads to nothing that can be opened safely."))
		return
	}
	sheet := form.NewSheet(p.o.Window, say.T("Open this link?"), form.Column(
		form.Exact(form.Visible(target, false)), form.Muted(say.T("It was written by the model or a tool. It opens in your browser."))))
	sheet.SetSize(520, 280)
	cancel := form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close)
	sheet.SetButtons(cancel, form.NewAction(say.T("Open"), widget.HighImportance, func() {
		sheet.Close()
		if err := p.o.OpenURL(u); err != nil {
			p.fail.say(form.Sentence(err))
		}
	}))
	sheet.SetFocus(cancel)
	sheet.Show()
}

// notice is a line above the composer that says what went wrong, with what can
// be done about it.
type notice struct {
	box     *fyne.Container
	text    *form.Words
	actions *fyne.Container
	below   *fyne.Container // what they stand in
}

func newNotice() *notice {
	n := &notice{text: form.Failure(""), actions: form.Wrap()}
	shut := theme.NewSmallIconButton(say.T("Close what is said"), theme.Icon(theme.IconClose), func() { n.say("") })
	n.below = form.Pad(0, 6, n.actions)
	n.box = container.New(form.Centered(threadWidth), container.New(layout.NewCustomPaddedVBoxLayout(0),
		container.NewBorder(nil, nil, nil, container.NewCenter(shut), n.text), n.below))
	n.box.Hide()
	return n
}

func (n *notice) say(sentence string, actions ...transcript.Action) {
	form.SetFailure(n.text, sentence)
	n.actions.RemoveAll()
	for _, a := range actions {
		weight := widget.MediumImportance
		if a.Primary {
			weight = widget.HighImportance
		}
		n.actions.Add(form.NewAction(a.Label, weight, func() { n.say(""); a.Do() }))
	}
	n.below.Hidden = len(actions) == 0
	if sentence == "" {
		n.box.Hide()
	} else {
		n.box.Show()
	}
	n.box.Refresh()
}
