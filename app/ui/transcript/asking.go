package transcript

import (
	"encoding/json"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// asking shows the question whether a call may run.
func (e *entry) asking(c Call) {
	g := &group{fill: look.ColorCard, stroke: theme.ColorNamePrimary, radius: look.Radius, over: 12}
	size := e.view.size(theme.SizeNameText)
	strong := func(t string) span {
		return span{text: visible(t), face: face{bold: true, size: size}, ink: theme.ColorNameForeground}
	}
	plain := func(t string) span {
		return span{text: visible(t), face: face{size: size}, ink: theme.ColorNameForeground}
	}
	caption := say.T("Arguments, exactly as the server would get them")
	if c.By != "" {
		caption = say.F("Arguments, as %s says that it would send them", visible(c.By))
	}
	// The names are put into the question where the language has their holes.
	const tool, server = "\x00tool\x00", "\x00server\x00"
	words := say.F("May the model run %s of %s?", tool, server)
	switch {
	case c.By != "" && c.Server != "":
		words = say.F("May %s run %s of %s?", c.By, tool, server)
	case c.By != "":
		words = say.F("May %s run %s?", c.By, tool)
	case c.Server == "":
		words = say.F("May the model run %s?", tool)
	}
	var question []span
	for piece := range strings.SplitSeq(words, "\x00") {
		switch piece {
		case "tool":
			question = append(question, strong(c.Tool))
		case "server":
			question = append(question, strong(c.Server))
		case "":
		default:
			question = append(question, plain(piece))
		}
	}
	e.blocks = []*block{{
		gap: 10 + 12, left: cardPad + 28, right: cardPad, group: g, spans: question,
		icon: look.Tinted(look.IconShield, theme.ColorNamePrimary), iconBy: 28,
	}}
	if c.Ask.Reason != "" {
		e.blocks = append(e.blocks, &block{
			gap: 2, left: cardPad + 28, right: cardPad, group: g,
			spans: []span{{text: visible(c.Ask.Reason), face: face{size: size - 1}, ink: look.ColorMuted}},
		})
	}
	if c.Ask.Change != nil {
		e.change(c.Ask.Change, g)
	}
	text := pretty(c.Arguments)
	e.blocks = append(e.blocks, e.captionBlock(g, caption, 1, func() *strip {
		return newCaption(caption, say.T("Copy arguments"), func() { e.view.copy(text) })
	}))
	edit := e.editor(c, text)
	if edit.open {
		edit.block(e, g)
	} else {
		code := form.NewCode(form.Lines(text), codeHeight(text))
		e.blocks = append(e.blocks, &block{left: cardPad, right: cardPad, group: g, fixed: code, tall: func(float32) float32 { return codeHeight(text) }})
	}
	answer := func(a tools.Answer) func() { return func() { edit.answer(e, a) } }
	list, keys := []barButton{
		{label: say.T("Allow once"), primary: true, do: answer(tools.AnswerOnce)},
		{label: say.T("This conversation"), do: answer(tools.AnswerConversation)},
		{label: say.T("Always"), do: answer(tools.AnswerAlways)},
		{label: say.T("Deny"), do: answer(tools.AnswerDeny)},
	}, map[rune]int{'1': 0, '2': 1, '3': 2, '4': 3}
	if len(c.Ask.After) > 0 {
		// A lasting answer would not hold here: the person may trust the server instead.
		list = []barButton{list[0], {label: say.F("Allow after content from %s", visible(strings.Join(c.Ask.After, ", "))), do: answer(tools.AnswerAfter)}, list[3]}
		keys = map[rune]int{'1': 0, '2': 1, '4': 2}
	}
	switch {
	case edit.open:
		list = append(list, barButton{label: say.T("Discard my changes"), do: func() { edit.toggle(e) }})
	case edit.can():
		keys['e'] = len(list)
		list = append(list, barButton{label: say.T("Edit arguments"), do: func() { edit.toggle(e) }})
		if edit.dropped != "" {
			list = append(list, barButton{label: say.T("Back to my changes"), do: func() { edit.back(e) }})
		}
	}
	b := e.buttons(g, cardPad, list, keys)
	edit.row = b
	b.below = 14
	e.blocks = append(e.blocks, b)
}

// changeRows bounds how much of a change is in view before it scrolls.
const changeRows = 14

// change shows what the server changed of the definition that the person has
// seen.
func (e *entry) change(c *tools.Change, g *group) {
	lines := form.Difference(c.Old, c.New)
	now := form.Definition(c.New)
	height := float32(min(max(len(lines), 1), changeRows))*codeRow + 16
	title := say.T("What the server changed of the tool's definition")
	e.blocks = append(e.blocks, e.captionBlock(g, title, 1, func() *strip {
		return newCaption(title, say.T("Copy the new definition"), func() { e.view.copy(now) })
	}), &block{left: cardPad, right: cardPad, group: g, fixed: form.NewCode(lines, height), tall: func(float32) float32 { return height }})
	e.remark(say.T("Allowing the call accepts the new definition. Text in it that gives the model orders is a reason to deny."), g)
}

// editing is what the person makes of the arguments while a question is open.
type editing struct {
	id       string // of the item
	ask      *Ask
	text     string // of the arguments as they were given
	field    *form.Arguments
	open     bool
	busy     bool // the arguments are being checked
	answered bool
	fail     string // why they will not do, in a sentence
	dropped  string // what was typed and discarded
	row      *block // of the buttons
}

// editor returns what is being edited of the question, which stays while the
// card is made anew.
func (e *entry) editor(c Call, text string) *editing {
	if e.edit == nil || e.edit.id != c.ID || e.edit.ask != c.Ask {
		e.edit = &editing{id: c.ID, ask: c.Ask, text: form.Escaped(text)}
	}
	return e.edit
}

func (d *editing) can() bool { return d.ask.Edit != nil && len(d.text) <= form.ArgumentsMost }

// toggle opens the field, or closes it and drops what was typed.
func (d *editing) toggle(e *entry) {
	if d.answered || d.busy {
		return
	}
	d.open, d.fail = !d.open, ""
	if !d.open && d.field.Text != d.text {
		d.dropped = d.field.Text
	}
	if d.open {
		d.field = form.NewArguments(d.text)
		d.field.Left = func() { d.focus(e, d.buttons()) }
	}
	e.rebuild()
	if d.open {
		d.focus(e, d.field)
	} else {
		d.focus(e, d.buttons())
	}
}

// back opens the field with the changes that were discarded.
func (d *editing) back(e *entry) {
	typed := d.dropped
	if d.toggle(e); d.open {
		d.field.SetText(typed)
	}
}

// buttons is the first of the card's buttons.
func (d *editing) buttons() fyne.Focusable {
	if b, ok := d.row.fixed.(*bar); ok {
		return b.buttons[0]
	}
	return nil
}

func (d *editing) focus(e *entry, f fyne.Focusable) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(e.view); c != nil && f != nil {
		c.Focus(f)
	}
}

// block adds the field to the card, and what is wrong with what was typed.
func (d *editing) block(e *entry, g *group) {
	b := &block{left: cardPad, right: cardPad, group: g, fixed: d.field, tall: func(float32) float32 { return d.field.MinSize().Height }}
	e.blocks = append(e.blocks, b)
	words, ink := say.T("One JSON object. It is checked against the tool's schema and the rules before anything runs, and the model is told that you changed it."), look.ColorMuted
	if d.fail != "" {
		words, ink = visible(d.fail), theme.ColorNameError
	}
	e.remark(words, g)
	last := e.blocks[len(e.blocks)-1]
	last.spans[0].ink = ink
}

// answer gives the answer, once. Where the arguments were changed they are
// checked first, and the card stays where they will not do.
func (d *editing) answer(e *entry, a tools.Answer) {
	if d.answered || d.busy {
		return
	}
	give := func() {
		d.answered = true
		d.ask.Answer(a)
	}
	if !d.open || a == tools.AnswerDeny || d.field.Text == d.text {
		give()
		return
	}
	d.busy = true
	d.field.Disable()
	d.ask.Edit(json.RawMessage(d.field.Text), func(err error) {
		d.busy = false
		d.field.Enable()
		if err == nil {
			give()
			return
		}
		d.fail = form.Sentence(err)
		e.rebuild()
		d.focus(e, d.field)
	})
}
