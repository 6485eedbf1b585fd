package audit

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// records is a list that Return opens an entry of, too.
type records struct {
	form.List
	at widget.ListItemID // what the keys stand on
}

// list shows the records, two lines each; a click opens one.
type list struct {
	page *Page
	list *records
}

func newList(p *Page) *list {
	l := &list{page: p, list: &records{}}
	l.list.Name = say.T("Records")
	l.list.Length = func() int { return len(p.records) }
	l.list.CreateItem = func() fyne.CanvasObject { return newItem() }
	l.list.UpdateItem = func(i widget.ListItemID, o fyne.CanvasObject) {
		if one, ok := o.(*item); ok && i < len(p.records) {
			one.set(p, p.records[i])
			if i >= len(p.records)-20 {
				p.older()
			}
		}
	}
	l.list.OnSelected = func(i widget.ListItemID) {
		if i < len(p.records) {
			p.open(p.records[i])
		}
		l.list.UnselectAll()
	}
	l.list.OnHighlighted = func(i widget.ListItemID) { l.list.at = i }
	l.list.ExtendBaseWidget(l.list)
	return l
}

// TypedKey opens what the keys stand on, and leaves the rest to the list.
func (r *records) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		r.Select(r.at)
	default:
		r.List.TypedKey(e)
	}
}

// atTop reports whether the newest are in view.
func (l *list) atTop() bool { return l.list.GetScrollOffset() < 10 }

func (l *list) top() { l.list.ScrollToTop() }

// item is one record.
type item struct {
	widget.BaseWidget
	dot   *form.Dot
	title *form.Words
	when  *form.Note
	words *form.Note
	head  *fyne.Container // title and when
	box   *fyne.Container
}

func newItem() *item {
	i := &item{dot: form.NewDot(theme.ColorNameDisabled), title: form.Bold(""), when: form.MutedWord(""), words: form.MutedLine("", fyne.TextStyle{})}
	i.title.Truncation = fyne.TextTruncateEllipsis
	i.head = container.NewBorder(nil, nil, nil, i.when, i.title)
	i.box = container.NewBorder(nil, nil, container.NewCenter(form.Sized(24, 20, i.dot)), nil,
		container.New(layout.NewCustomPaddedVBoxLayout(-12), i.head, i.words))
	i.ExtendBaseWidget(i)
	return i
}

func (i *item) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(i.box) }

func (i *item) set(p *Page, r store.AuditRecord) {
	words, tone := outcomeOf(r)
	i.dot.SetTone(tone)
	if title := p.titleOf(r); i.title.Text != title {
		i.title.SetText(title)
	}
	if when := at(p.o.Now(), r.At); i.when.Text != when {
		i.when.SetText(when)
		i.head.Refresh() // it takes as much room as it needs
	}
	line := []string{p.whoOf(r), words}
	if r.Elapsed > 0 {
		line = append(line, took(r.Elapsed))
	}
	if r.ResultBytes > 0 {
		line = append(line, parts.Size(int(r.ResultBytes)))
	}
	switch {
	case r.Error != "":
		line = append(line, r.Error)
	case r.Reason != "" && r.Reason != p.titleOf(r):
		line = append(line, r.Reason)
	}
	i.words.SetText(form.Visible(strings.Join(line, " · "), false))
}

// titleOf is what a record is about, in a few words.
func (p *Page) titleOf(r store.AuditRecord) string {
	switch {
	case r.Server != "" && r.Tool != "":
		return form.Visible(p.serverName(r.Server)+" · "+r.Tool, false)
	case r.Tool != "":
		return form.Visible(r.Tool, false)
	case r.Server != "":
		return form.Visible(p.serverName(r.Server), false)
	case r.Kind == store.AuditKey || r.Kind == store.AuditBridge || r.Reason != "":
		return form.Visible(r.Reason, false)
	}
	return string(r.Kind)
}

func (p *Page) serverName(id string) string {
	if name, ok := p.servers[id]; ok {
		return name
	}
	return id
}

// whoOf says on whose behalf.
func (p *Page) whoOf(r store.AuditRecord) string {
	key := p.keys[r.Key]
	if key == "" {
		key = r.Key
	}
	switch r.Client {
	case "chat":
		return say.T("Conversation")
	case "command":
		return say.T("Command line")
	case "person", "window":
		return say.T("You")
	case "gateway", "models":
		switch {
		case r.Client == "models" && key != "":
			return say.F("App asking models “%s”", key)
		case r.Client == "models":
			return say.T("App asking models without a key")
		case key != "":
			return say.F("App “%s”", key)
		}
		return say.T("App without a key")
	case "":
		return "Drawbridge"
	}
	return r.Client
}

// outcomeOf says how it ended, and in which colour.
func outcomeOf(r store.AuditRecord) (string, fyne.ThemeColorName) {
	switch r.Kind {
	case store.AuditCall:
		if r.Error != "" {
			return say.T("failed"), theme.ColorNameError
		}
		return say.T("ran"), theme.ColorNameSuccess
	case store.AuditDecision:
		return say.T("refused"), theme.ColorNameWarning
	case store.AuditApproval:
		words := map[string]string{
			"once": say.T("allowed once"), "conversation": say.T("allowed for the conversation"), "always": say.T("always allowed"), "after": say.T("allowed after this content"),
			"deny": say.T("denied"), "never": say.T("never allowed"), "allow": say.T("set"), "": say.T("asked again from now on"),
		}[r.Decision]
		if words == "" {
			words = r.Decision
		}
		return words, theme.ColorNamePrimary
	case store.AuditBridge:
		if r.Decision == "deny" {
			return say.T("raised"), theme.ColorNameError
		}
		return say.T("lowered"), theme.ColorNameSuccess
	}
	return string(r.Kind), theme.ColorNameDisabled
}

// at says when something was, as shortly as it can be meant.
func at(now, t time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return say.Date(t, "15:04:05")
	case t.Year() == now.Year():
		return say.Date(t, "2 Jan 15:04")
	}
	return say.Date(t, "2 Jan 2006")
}

func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return say.F("%d µs", d.Microseconds())
	case d < 10*time.Second:
		return say.F("%d ms", d.Milliseconds())
	}
	return d.Round(time.Second).String()
}
