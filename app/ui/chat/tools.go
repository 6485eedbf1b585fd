package chat

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/parts"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// toolsSheet is where a person chooses the tools of a conversation.
type toolsSheet struct {
	p       *Page
	sheet   *form.Sheet
	search  *form.Entry
	list    *fyne.Container
	count   *form.Note
	advice  *form.Note  // what the tools come to for the model
	fault   *form.Words // why a turn would fail
	head    *fyne.Container
	undo    *form.Undo
	offer   chat.ToolOffer
	known   bool // offer is
	views   []bridge.ServerView
	refused map[tools.Ref]bool // "never", whatever is switched
	handed  map[string]string  // by server: what it means that the provider connects to it itself
	open    map[string]bool    // servers whose tools are shown
	// The rows that were made are kept, so that a switch that is turned keeps
	// the focus.
	servers map[string]*serverRow
	tools   map[tools.Ref]*toolRow
}

// maxRows bounds how many tools of a server are shown at once; the search finds
// the others.
const maxRows = 200

// chooseTools opens the sheet.
func (p *Page) chooseTools() {
	t := &toolsSheet{p: p, list: container.NewVBox(), count: form.MutedWord(""), advice: form.Muted(""), fault: form.Failure(""), views: p.views, refused: map[tools.Ref]bool{}, open: map[string]bool{},
		servers: map[string]*serverRow{}, tools: map[tools.Ref]*toolRow{}}
	t.search = form.NewEntry(say.T("Search tools"), say.T("Search tools"))
	t.search.OnChanged = func(string) { t.fill() }
	head := container.NewBorder(nil, nil, nil, form.Row(
		form.Quiet(say.T("All"), nil, func() { t.all(true) }),
		form.Quiet(say.T("None"), nil, func() { t.all(false) })), t.count)
	t.advice.Hide()
	t.undo = form.NewUndo(p.o.Runner)
	t.undo.Wait = p.undoTime
	t.head = container.New(layout.NewCustomPaddedVBoxLayout(0), t.search, head, t.undo.Box, t.advice, t.fault)
	content := container.NewBorder(t.head, nil, nil, nil,
		container.NewVScroll(container.New(layout.NewCustomPaddedLayout(4, 8, 0, 12), t.list)))
	t.sheet = form.NewSheet(p.o.Window, say.T("Tools in this conversation"), content)
	t.sheet.SetFill(say.T("Tools in this conversation"), content)
	t.sheet.SetSize(620, 640)
	t.sheet.SetButtons(form.NewAction(say.T("Done"), widget.HighImportance, t.sheet.Close))
	t.sheet.OnClose(func() {
		p.tools = nil
		t.undo.HandTo(p.takeBack)
		p.focusInput()
	})
	t.sheet.SetFocus(t.search)
	if len(t.views) <= 3 {
		for _, v := range t.views {
			t.open[v.Server.ID] = true
		}
	}
	p.tools = t
	t.fill()
	t.sheet.Show()
	t.setOffer(p.offer, p.offerErr)
	t.loadAnswers()
	t.loadHanded()
}

// loadHanded finds the servers that the provider connects to itself. It may
// change with each switch.
func (t *toolsSheet) loadHanded() {
	if !slices.ContainsFunc(t.views, func(v bridge.ServerView) bool { return v.Managed.On }) {
		t.handed = nil
		return
	}
	conv := t.p.conversation()
	conv.Switches = store.Switches{} // what is off now may be switched on here
	var list []bridge.Handed
	t.p.o.Runner.Run(func(ctx context.Context) (err error) {
		list, err = t.p.o.Engine.HandedOver(ctx, conv)
		return err
	}, func(err error) {
		if !t.sheet.IsOpen() {
			return
		}
		if err != nil {
			t.sheet.Fail(form.Sentence(err))
			return
		}
		t.handed = map[string]string{}
		for _, h := range list {
			t.handed[h.Server] = handed(h)
		}
		t.fill()
	})
}

// loadAnswers finds the tools that the person refused for good.
func (t *toolsSheet) loadAnswers() {
	var views []bridge.ToolView
	t.p.o.Runner.Run(func(ctx context.Context) (err error) {
		views, err = t.p.o.Engine.Tools(ctx)
		return err
	}, func(err error) {
		if !t.sheet.IsOpen() {
			return
		}
		if err != nil {
			t.sheet.Fail(form.Sentence(err))
			return
		}
		for _, v := range views {
			if v.Standing == tools.AnswerNever {
				t.refused[v.Ref] = true
			}
		}
		if len(t.refused) > 0 {
			t.fill()
		}
	})
}

// setServers shows what changed while the sheet is open.
func (t *toolsSheet) setServers(views []bridge.ServerView) {
	t.views = views
	clear(t.tools) // a definition may be another now
	t.fill()
	t.loadHanded()
}

// all switches all tools on, or off. What the person had chosen one by one before
// can be taken back for a while.
func (t *toolsSheet) all(on bool) {
	p, id, was := t.p, t.p.current, t.p.switches()
	t.turn(store.Switches{Off: !on})
	if len(was.Servers)+len(was.Tools) == 0 {
		return
	}
	t.undo.Offer(form.Undoable{Words: say.T("What you had chosen tool by tool gave way"), Change: true, Done: func(back bool, _ error) {
		switch {
		case !back:
		case p.current == id:
			p.setSwitches(was)
			if t.sheet.IsOpen() {
				t.states()
			}
		case id != "":
			p.amend(id, func(c *store.Conversation) { c.Switches = was })
			p.work(func(ctx context.Context) error { return p.o.Engine.SetSwitches(ctx, id, was) }, nil)
		}
	}})
}

// turn changes the switches of the conversation.
func (t *toolsSheet) turn(s store.Switches) {
	t.p.setSwitches(s)
	t.states()
}

// states brings every row in line with the switches.
func (t *toolsSheet) states() {
	s := t.p.switches()
	for _, v := range t.views {
		if r := t.servers[v.Server.ID]; r != nil {
			r.set(v, s, t.tokens(v.Server.ID))
		}
		for _, tool := range v.Passed {
			if r := t.tools[tool.Ref]; r != nil {
				r.set(s, t.refused[tool.Ref])
			}
		}
	}
	on, all := countTools(t.views, s, t.p.missing())
	t.count.SetText(say.N(all, "%d of %d tool is offered to the model", "%d of %d tools are offered to the model", on, all))
}

func (t *toolsSheet) fill() {
	query := strings.ToLower(strings.TrimSpace(t.search.Text))
	var rows []fyne.CanvasObject
	for _, v := range t.views {
		if v.Server.Disabled {
			continue
		}
		matching := matchTools(v, query)
		if query != "" && len(matching) == 0 {
			continue
		}
		rows = append(rows, t.serverRow(v, query != ""))
		rows = append(rows, t.leftOut(v, query)...)
		if text := t.handed[v.Server.ID]; text != "" {
			rows = append(rows, indented(form.Muted(form.Visible(text, false))))
		}
		if query != "" || t.open[v.Server.ID] {
			for _, tool := range matching[:min(len(matching), maxRows)] {
				rows = append(rows, t.toolRow(v, tool))
			}
			if more := len(matching) - maxRows; more > 0 {
				rows = append(rows, indented(form.Muted(say.N(more, "%d more; search to find it.", "%d more; search to find them.", more))))
			}
			for _, h := range v.Held {
				if h.Name != "" && query == "" {
					rows = append(rows, t.heldRow(h.Name))
				}
			}
		}
	}
	if len(rows) == 0 {
		text := say.T("No server is running. Add one on the Servers page.")
		if query != "" {
			text = say.T("No tool matches.")
		}
		rows = append(rows, form.Muted(text))
	}
	t.list.Objects = rows
	t.states()
	t.list.Refresh()
}

// leftOut are the tools of a server that cannot be offered, with the reasons.
func (t *toolsSheet) leftOut(v bridge.ServerView, query string) (rows []fyne.CanvasObject) {
	add := func(name, reason string) {
		if query == "" || strings.Contains(strings.ToLower(v.Server.Name+" "+name), query) {
			rows = append(rows, leftOutRow(name, reason))
		}
	}
	for _, l := range v.LeftOut {
		add(l.Name, l.Reason)
	}
	for _, l := range t.offer.LeftOut {
		if l.Ref.Server == v.Server.ID {
			add(l.Ref.Tool, l.Reason)
		}
	}
	return rows[:min(len(rows), maxLeftOut)]
}

// maxLeftOut bounds how many tools of a server are shown that are left out.
const maxLeftOut = 20

func leftOutRow(name, reason string) fyne.CanvasObject {
	icon := widget.NewIcon(theme.Tinted(theme.IconWarning, fynetheme.ColorNameWarning))
	words := form.Muted(form.Visible(say.F("%s is left out. %s", shortenRunes(name, 80), shortenRunes(reason, 300)), false))
	return indented(container.NewBorder(nil, nil, icon, nil, words))
}

// tokens is about how many tokens the tools of a server take that are on.
func (t *toolsSheet) tokens(server string) int {
	if !t.known {
		return 0
	}
	return t.offer.Tokens[server]
}

// setOffer shows what the tools come to for the model that is chosen.
func (t *toolsSheet) setOffer(o chat.ToolOffer, err error) {
	if !t.sheet.IsOpen() {
		return
	}
	relist := len(o.LeftOut) != len(t.offer.LeftOut)
	t.offer, t.known = o, err == nil
	text, fault := "", o.Fault
	if err != nil && t.p.hasModel() {
		fault = form.Sentence(err)
	} else if err == nil && fault == "" {
		text = t.p.offerText(o)
	}
	t.advice.SetText(text)
	t.advice.Hidden = text == ""
	form.SetFailure(t.fault, fault)
	if relist {
		t.fill()
	} else {
		t.states()
	}
	form.Relayout(t.head)
}

func (p *Page) hasModel() bool {
	_, ok := p.provider()
	return ok
}

// offerText says what the tools come to in each request.
func (p *Page) offerText(o chat.ToolOffer) string {
	if o.Count == 0 {
		return ""
	}
	all := 0
	for _, n := range o.Tokens {
		all += n
	}
	name := say.T("the service")
	if c, ok := p.provider(); ok {
		name = form.Visible(c.Title(), false)
	}
	size := say.F("about %s tokens", tokenText(int64(all)))
	if o.Context > 0 {
		size = say.F("about %s tokens of the model's %s", tokenText(int64(all)), tokenText(o.Context))
	}
	switch {
	case o.Search && o.Most > 0 && o.Count > o.Most:
		return say.F("These are too many: %s takes at most %d tools, and %d run here. So the model searches them and calls what it finds, which takes about %s tokens.", name, o.Most, o.Count, tokenText(int64(o.Sent)))
	case o.Search:
		return say.F("These would take %s. So the model searches them and calls what it finds, which takes about %s tokens.", size, tokenText(int64(o.Sent)))
	}
	if o.Most > 0 {
		return say.N(o.Count, "Each request takes %s for %d tool; %s takes at most %d.", "Each request takes %s for %d tools; %s takes at most %d.", size, o.Count, name, o.Most)
	}
	return say.N(o.Count, "Each request takes %s for %d tool.", "Each request takes %s for %d tools.", size, o.Count)
}

func matchTools(v bridge.ServerView, query string) []tools.Tool {
	if query == "" {
		return v.Passed
	}
	var out []tools.Tool
	for _, t := range v.Passed {
		if strings.Contains(strings.ToLower(v.Server.Name+" "+t.Tool+" "+t.Title+" "+t.Description), query) {
			out = append(out, t)
		}
	}
	return out
}

// missing are the tools that the model does not get, whatever is switched: its
// service cannot take them, or they are never allowed.
func (p *Page) missing() map[tools.Ref]bool {
	out := map[tools.Ref]bool{}
	if p.offerErr != nil {
		return out
	}
	for _, l := range p.offer.LeftOut {
		out[l.Ref] = true
	}
	for _, ref := range p.offer.Withheld {
		out[ref] = true
	}
	return out
}

// countTools counts the tools that the model gets, which are on and not missing,
// and all there are.
func countTools(views []bridge.ServerView, s store.Switches, missing map[tools.Ref]bool) (on, all int) {
	for _, v := range views {
		for _, t := range v.Passed {
			all++
			if s.On(t.Server, t.Tool) && !missing[t.Ref] {
				on++
			}
		}
	}
	return on, all
}

// serverRow is the heading of a server's tools.
type serverRow struct {
	box   *fyne.Container
	fold  *theme.IconButton
	state *form.Note
	on    *form.Switch
}

func (t *toolsSheet) serverRow(v bridge.ServerView, searching bool) fyne.CanvasObject {
	id := v.Server.ID
	r := t.servers[id]
	if r == nil {
		r = &serverRow{state: form.MutedWord("")}
		name := form.Bold(form.Visible(v.Server.Name, false))
		name.Truncation = fyne.TextTruncateEllipsis
		r.fold = theme.NewSmallIconButton("", theme.Icon(theme.IconChevronRight), func() { t.open[id] = !t.open[id]; t.fill() })
		r.fold.OnFocus = func() { form.Reveal(r.fold) }
		r.on = form.NewSwitch(say.F("Use %s", v.Server.Name), func(on bool) { t.turn(t.p.switches().SetServer(id, on)) })
		r.box = container.NewBorder(nil, nil, r.fold, form.Row(r.state, r.on), name)
		t.servers[id] = r
	}
	if t.open[id] || searching {
		r.fold.Set(say.F("Hide the tools of %s", v.Server.Name), theme.Icon(theme.IconChevronDown))
	} else {
		r.fold.Set(say.F("Show the tools of %s", v.Server.Name), theme.Icon(theme.IconChevronRight))
	}
	return r.box
}

func (r *serverRow) set(v bridge.ServerView, s store.Switches, tokens int) {
	on := 0
	for _, tool := range v.Passed {
		if s.On(tool.Server, tool.Tool) {
			on++
		}
	}
	text := say.F("%d of %d", on, len(v.Passed))
	if tokens > 0 {
		text += " · " + say.F("%s tokens", tokenText(int64(tokens)))
	}
	if v.State != mcphost.Ready && v.State != mcphost.Asleep {
		text = parts.State(v.State)
	}
	if r.state.Text != text {
		r.state.SetText(text)
		r.box.Refresh()
	}
	r.on.Set(s.ServerOn(v.Server.ID))
}

// toolRow is a tool with its switch.
type toolRow struct {
	box   *fyne.Container
	ref   tools.Ref
	about *form.Note
	text  string
	on    *form.Switch
}

func (t *toolsSheet) toolRow(v bridge.ServerView, tool tools.Tool) fyne.CanvasObject {
	if r := t.tools[tool.Ref]; r != nil {
		return r.box
	}
	r := &toolRow{ref: tool.Ref, text: firstLine(tool.Description)}
	if r.text == "" {
		r.text = firstLine(tool.Title)
	}
	name := form.NewWords(form.Visible(tool.Tool, false))
	name.Truncation = fyne.TextTruncateEllipsis
	r.about = form.MutedLine(r.text, fyne.TextStyle{})
	r.on = form.NewSwitch(say.F("Use %s %s", v.Server.Name, tool.Tool), func(on bool) {
		t.turn(t.p.switches().SetTool(tool.Server, tool.Tool, on))
	})
	r.box = indented(container.NewBorder(nil, nil, nil, r.on,
		container.New(layout.NewCustomPaddedVBoxLayout(-14), name, r.about)))
	t.tools[tool.Ref] = r
	return r.box
}

func (r *toolRow) set(s store.Switches, refused bool) {
	text := r.text
	r.about.Truncation, r.about.Wrapping = fyne.TextTruncateEllipsis, fyne.TextWrapOff
	if refused {
		r.about.Truncation, r.about.Wrapping = fyne.TextTruncateOff, fyne.TextWrapWord
		text = say.T("You never allow this tool; change that in the settings.")
	}
	if r.about.Text != text {
		r.about.SetText(text)
	}
	r.on.Set(s.On(r.ref.Server, r.ref.Tool))
	if can := s.ServerOn(r.ref.Server) && !refused; can == r.on.Disabled() {
		if can {
			r.on.Enable()
		} else {
			r.on.Disable()
		}
	}
}

func (t *toolsSheet) heldRow(name string) fyne.CanvasObject {
	label := form.NewWords(form.Visible(name, false))
	label.Truncation = fyne.TextTruncateEllipsis
	review := form.Quiet(say.T("Review what changed"), theme.Tinted(theme.IconHeld, fynetheme.ColorNameWarning), func() { t.sheet.Close(); t.p.o.OpenServers() })
	review.Name = say.F("Review what changed in %s", name)
	return indented(container.NewBorder(nil, nil, nil, review, label))
}

// indented stands below a server.
func indented(o fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedLayout(0, 0, 24, 0), o)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200]) + "…"
	}
	return form.Visible(line, false)
}
