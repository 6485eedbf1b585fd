package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// cardPad lies between the frame of a card and what is in it.
const cardPad float32 = 14

func (e *entry) call(c Call) {
	if c.State == CallAsking && c.Ask != nil {
		e.asking(c)
		return
	}
	st := headState{server: visible(c.Server), title: visible(c.Tool), open: e.open, can: true, end: callEnd(c)}
	switch c.State {
	case CallRunning:
		st.busy = true
		if p := c.Progress; p.Total > 0 && p.Done > 0 {
			st.part = float32(min(p.Done/p.Total, 1))
		}
	case CallDone:
		st.icon, st.tint = look.IconCheck, theme.ColorNameSuccess
	case CallFailed:
		st.icon, st.tint = look.IconWarning, theme.ColorNameWarning
	case CallClosed:
		st.icon, st.tint = look.IconClose, look.ColorMuted
	default:
		st.icon, st.tint = look.IconTools, look.ColorMuted
	}
	e.line = st
	told := false
	if c.Edited != nil && c.Result != nil {
		// The card says itself, in the person's language, what the model was told.
		r := *c.Result
		r.Content = tools.WithoutEditedNote(r.Content, c.Edited)
		told = len(r.Content) < len(c.Result.Content)
		c.Result = &r
	}
	g := &group{fill: look.ColorCard, stroke: theme.ColorNameSeparator, radius: look.Radius}
	e.blocks = []*block{e.headBlock(g, 10)}
	if !e.open {
		// What was made for the person to look at is seen at once.
		if c.Result != nil && c.State == CallDone {
			e.pictures(c.Result.Content, g)
		}
		return
	}
	if c.By != "" {
		e.remark(say.F("%s ran this on its own connection to the server. Drawbridge sees only what it tells.", visible(c.By)), g)
	}
	if c.State == CallRunning {
		e.progress(c.Progress, g)
	}
	if c.Edited != nil {
		e.section(say.T("Arguments as you changed them"), say.T("Copy arguments"), pretty(c.Edited), theme.ColorNameForeground, g)
		e.section(say.T("Arguments that the model gave"), say.T("Copy arguments"), pretty(c.Arguments), theme.ColorNameForeground, g)
		if told {
			e.remark(say.T("The model was told that you changed the arguments, and to which."), g)
		}
	} else {
		e.section(say.T("Arguments"), say.T("Copy arguments"), pretty(c.Arguments), theme.ColorNameForeground, g)
	}
	if c.Result != nil {
		title, copies, ink := say.T("Result"), say.T("Copy result"), theme.ColorNameForeground
		if c.Result.IsError {
			title, copies, ink = say.T("Error"), say.T("Copy error"), theme.ColorNameError
		}
		if text := resultText(*c.Result); text != "" {
			e.section(title, copies, text, ink, g)
		}
		e.media(c.Result.Content, g)
	}
	e.blocks[len(e.blocks)-1].below += 10
}

// progress says in full what the server reports while a call runs.
func (e *entry) progress(p tools.Progress, g *group) {
	words := visible(strings.TrimSpace(p.Message))
	switch {
	case p.Total > 0:
		words += "\n" + say.F("%.6g of %.6g", p.Done, p.Total)
	case p.Done > 0:
		words += "\n" + say.F("at %.6g", p.Done)
	}
	words = strings.TrimSpace(words)
	if words != "" {
		e.remark(words[:cut(words, progressMax)], g)
	}
}

// progressMax bounds what is shown of the words of a server while a call runs, in
// bytes.
const progressMax = 2 << 10

// callEnd is what stands at the right of a call's line.
func callEnd(c Call) string {
	switch {
	case c.By == "" && c.Edited != nil:
		return say.F("%s, arguments changed", callProgress(c))
	case c.By == "":
		return callProgress(c)
	}
	return say.F("%s, by %s", callProgress(c), visible(c.By))
}

func callProgress(c Call) string {
	if c.End != "" {
		return c.End
	}
	switch c.State {
	case CallWaiting:
		return say.T("waiting")
	case CallRunning:
		if p := progressText(c.Progress); p != "" {
			return p
		}
		return say.T("running")
	case CallClosed:
		return say.T("stopped")
	}
	if c.Result != nil && c.Result.Denied {
		return say.T("denied")
	}
	if c.Result != nil && c.Result.Elapsed > 0 {
		return duration(c.Result.Elapsed)
	}
	if c.State == CallFailed {
		return say.T("failed")
	}
	return say.T("done")
}

func progressText(p tools.Progress) string {
	text := visible(strings.ReplaceAll(p.Message, "\n", " "))
	if p.Total > 0 {
		return strings.TrimSpace(fmt.Sprintf("%s %.0f %%", text, min(max(100*p.Done/p.Total, 0), 100)))
	}
	if text == "" && p.Done > 0 {
		return say.F("at %.6g", p.Done)
	}
	return text
}

// duration is how people say how long something took.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return say.T("under 1 ms")
	case d < time.Second:
		return say.F("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return say.F("%.1f s", d.Seconds())
	case d < time.Minute:
		return say.F("%.0f s", d.Seconds())
	}
	return say.F("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// shownAtFirst is how much of a result is laid out before the person asks for
// all of it.
const shownAtFirst = 16 << 10

// section adds a titled text with a copy button to a card.
func (e *entry) section(title, copies, text string, ink fyne.ThemeColorName, g *group) {
	tree := parseTree(text)
	buttons := 1
	if tree != nil {
		buttons = 2
	}
	e.blocks = append(e.blocks, e.captionBlock(g, title, buttons, func() *strip {
		var more []*look.IconButton
		if tree != nil {
			label := say.T("Show the JSON as it is")
			if e.raw {
				label = say.T("Show the JSON as a tree")
			}
			more = append(more, look.NewSmallIconButton(label, look.Icon("list"), func() { e.raw = !e.raw; e.rebuild() }))
		}
		return newCaption(title, copies, func() { e.view.copy(text) }, more...)
	}))
	if tree != nil && !e.raw {
		e.tree(tree, title, 0, g)
		return
	}
	shown, rest := text, ""
	if !e.all && len(text) > shownAtFirst {
		n := cut(text, shownAtFirst)
		shown, rest = text[:n], text[n:]
	}
	size := e.view.size(look.SizeCode)
	for again := true; again; again = shown != "" {
		n := cutCode(shown)
		piece := shown[:n]
		shown = shown[n:]
		e.blocks = append(e.blocks, &block{
			left: cardPad, right: cardPad, group: g, pre: true,
			spans: []span{{text: visible(strings.TrimSuffix(piece, "\n")), face: face{mono: true, size: size}, ink: ink}},
		})
	}
	if rest != "" {
		e.blocks = append(e.blocks, e.buttons(g, cardPad, []barButton{{
			label: say.F("Show the other %s", bytesText(len(rest))),
			do:    func() { e.all = true; e.rebuild() },
		}}, nil))
	}
}

// buttons is a block of buttons that flow into as many rows as they need.
func (e *entry) buttons(g *group, left float32, list []barButton, keys map[rune]int) *block {
	return e.barBlock(g, left, newBar(e.view, list, keys))
}

func (e *entry) barBlock(g *group, left float32, bar *bar) *block {
	b := &block{gap: 10, left: left, right: cardPad, group: g, fixed: bar, tall: bar.heightFor}
	bar.reveal = func() { e.view.reveal(b) }
	return b
}

// codeRow is the height of a line of code in a card.
const codeRow = 17.5

// codeHeight is how much room arguments get before they scroll.
func codeHeight(text string) float32 {
	const most = 12
	lines := 0
	for l := range strings.Lines(text) {
		lines += 1 + len(l)/90
	}
	return float32(min(max(lines, 1), most))*codeRow + 16
}

// remark is a line of small words in a card.
func (e *entry) remark(text string, g *group) {
	e.blocks = append(e.blocks, &block{
		gap: 2, left: cardPad, right: cardPad, group: g,
		spans: []span{{text: text, face: face{size: e.view.size(theme.SizeNameText) - 1}, ink: look.ColorMuted}},
	})
}

// listing shows what a provider found on a server, folded; why it found nothing
// is always seen.
func (e *entry) listing(l Listing) {
	st := headState{
		server: visible(l.Server), title: say.N(len(l.Tools), "%d tool", "%d tools", len(l.Tools)), open: e.open, can: len(l.Tools) > 0,
		icon: look.IconTools, tint: look.ColorMuted, end: say.F("found by %s", visible(l.By)),
	}
	if l.Error != "" {
		st.icon, st.tint, st.title, st.end = look.IconWarning, theme.ColorNameWarning, say.T("tools"), say.F("not found by %s", visible(l.By))
	}
	e.line = st
	g := &group{fill: look.ColorCard, stroke: theme.ColorNameSeparator, radius: look.Radius}
	e.blocks = []*block{e.headBlock(g, 10)}
	if l.Error != "" {
		e.remark(visible(l.Error), g)
		if len(l.Actions) > 0 {
			var list []barButton
			for _, a := range l.Actions {
				list = append(list, barButton{label: a.Label, primary: a.Primary, do: a.Do})
			}
			e.blocks = append(e.blocks, e.buttons(g, cardPad, list, nil))
		}
		e.blocks[len(e.blocks)-1].below += 10
		return
	}
	if e.open {
		e.section(say.T("Tools"), say.T("Copy tools"), strings.Join(l.Tools, "\n"), theme.ColorNameForeground, g)
		e.blocks[len(e.blocks)-1].below += 10
	}
}

func (e *entry) notice(n Notice) {
	size := e.view.size(theme.SizeNameText)
	icon, ink := look.IconInfo, look.ColorMuted
	var g *group
	left, right, over := float32(28), float32(0), float32(0)
	switch n.Kind {
	case NoticeWarning:
		icon = look.IconWarning
	case NoticeError:
		icon, ink = look.IconError, theme.ColorNameForeground
	}
	tint := map[NoticeKind]fyne.ThemeColorName{NoticeInfo: look.ColorMuted, NoticeWarning: theme.ColorNameWarning, NoticeError: theme.ColorNameError}[n.Kind]
	if n.Kind == NoticeError || len(n.Actions) > 0 {
		over = 11
		g = &group{fill: look.ColorCard, stroke: theme.ColorNameSeparator, radius: look.Radius, over: over}
		left, right = cardPad+28, cardPad
		ink = theme.ColorNameForeground
	}
	b := &block{
		gap: 14 + over, left: left, right: right, group: g, below: over, icon: look.Tinted(icon, tint), iconBy: 28,
		spans: []span{{text: visible(n.Text), face: face{size: size}, ink: ink}},
	}
	e.blocks = []*block{b}
	if len(n.Actions) == 0 {
		return
	}
	b.below = 0
	var list []barButton
	for _, a := range n.Actions {
		list = append(list, barButton{label: a.Label, primary: a.Primary, do: a.Do})
	}
	// A notice that only counts down keeps its buttons, and with them the focus.
	row := e.row
	if row == nil || !row.take(list) {
		row = newBar(e.view, list, nil)
	}
	bar := e.barBlock(g, left, row)
	bar.below = 14
	e.blocks = append(e.blocks, bar)
	e.row = row
}

// pretty indents JSON; what is none stays as it is.
func pretty(raw json.RawMessage) string {
	const limit = 1 << 20 // indenting could make it far longer
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "{}"
	}
	var out bytes.Buffer
	if len(raw) > limit || json.Indent(&out, raw, "", "  ") != nil || out.Len() > 4*len(raw)+1024 {
		return string(raw)
	}
	return out.String()
}

// resultText is a result as a person reads it.
func resultText(r store.ToolResult) string {
	var parts []string
	media := false // shown below
	for _, p := range r.Content {
		switch p := p.(type) {
		case store.Text:
			parts = append(parts, prettyIfJSON(p.Text))
		case store.Image:
			media = true
		case store.File:
			media = true
			if p.URI != "" {
				parts = append(parts, p.URI)
			}
		}
	}
	if s := structured(r); s != "" {
		parts = append(parts, s)
	}
	if len(parts) == 0 && media {
		return ""
	}
	if len(parts) == 0 {
		return say.T("(nothing)")
	}
	return strings.Join(parts, "\n\n")
}

// structured returns the structured content, unless a text says the same.
func structured(r store.ToolResult) string {
	if len(r.Structured) == 0 {
		return ""
	}
	var want bytes.Buffer
	if json.Compact(&want, r.Structured) != nil {
		return string(r.Structured)
	}
	for _, p := range r.Content {
		var got bytes.Buffer
		if t, ok := p.(store.Text); ok && json.Compact(&got, []byte(t.Text)) == nil && bytes.Equal(got.Bytes(), want.Bytes()) {
			return ""
		}
	}
	return pretty(r.Structured)
}

func prettyIfJSON(s string) string {
	t := strings.TrimSpace(s)
	if t == "" || t[0] != '{' && t[0] != '[' || !json.Valid([]byte(t)) {
		return s
	}
	return pretty(json.RawMessage(t))
}

func bytesText(n int) string {
	switch {
	case n < 1000:
		return say.N(n, "%d byte", "%d bytes", n)
	case n < 1000*1000:
		return say.F("%.1f KB", float64(n)/1000)
	}
	return say.F("%.1f MB", float64(n)/1e6)
}
