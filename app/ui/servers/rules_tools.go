package servers

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// toolRow is a tool in the sheet of the rules.
type toolRow struct {
	box    fyne.CanvasObject
	name   string
	tool   *tools.Tool // nil for one that is named in the rules alone
	ticked *form.Check
	answer *form.Select
	params *form.Action
}

// Which tools may be used.
var (
	modeAll  = say.T("All of its tools may be used")
	modeOnly = say.T("Only those that are ticked")
	modeBut  = say.T("All but those that are ticked")
)

// The words of a lasting answer.
var (
	answerRules  = say.T("As the rules say")
	answerAsk    = say.T("Ask each time")
	answerAlways = say.T("Always allow")
	answerNever  = say.T("Never allow")
)

func answerTitles() []string { return []string{answerRules, answerAsk, answerAlways, answerNever} }

func answerOf(title string) tools.Answer {
	return map[string]tools.Answer{answerAsk: tools.AnswerAsk, answerAlways: tools.AnswerAlways, answerNever: tools.AnswerNever}[title]
}

func answerTitle(a tools.Answer) string {
	for _, title := range answerTitles() {
		if answerOf(title) == a {
			return title
		}
	}
	return answerRules
}

// findFrom is from how many tools on they can be searched.
const findFrom = 8

func (r *rulesSheet) makeEach() {
	r.mode = form.NewSelect(say.T("Which tools"), []string{modeAll, modeOnly, modeBut}, nil)
	listed := map[string]*tools.Tool{}
	var order []string
	for i := range r.view.Tools {
		listed[r.view.Tools[i].Tool] = &r.view.Tools[i]
		order = append(order, r.view.Tools[i].Tool)
	}
	chosen := r.rules.DisallowedTools
	r.mode.SetSelected(modeBut)
	switch {
	case len(r.rules.AllowedTools) > 0:
		r.mode.SetSelected(modeOnly)
		chosen = r.rules.AllowedTools
	case len(chosen) == 0:
		r.mode.SetSelected(modeAll)
	}
	// What is named and not offered now stands at the end.
	named := slices.Concat(chosen, slices.Sorted(maps.Keys(r.rules.AllowedParams)), slices.Sorted(maps.Keys(r.rules.FixedParams)), slices.Sorted(maps.Keys(r.answers)))
	for _, n := range named {
		if n = r.bare(n, listed); !slices.Contains(order, n) {
			order = append(order, n)
		}
	}
	r.none = form.Muted("")
	r.each = form.Column(form.Labelled(say.T("Which tools"), r.mode, say.T("What may not be used is not shown to models or other apps either.")))
	if len(order) >= findFrom {
		r.find = form.NewEntry(say.T("Find a tool"), say.T("Find a tool"))
		r.find.OnChanged = func(string) { r.filter() }
		r.each.Add(r.find)
	}
	for _, name := range order {
		row := r.newToolRow(name, listed[name])
		row.ticked.Checked = slices.ContainsFunc(chosen, func(s string) bool { return r.bare(s, listed) == name })
		r.rows = append(r.rows, row)
		r.each.Add(row.box)
	}
	if len(order) == 0 {
		r.none.SetText(say.T("Its tools are not known yet. Start the server, then they stand here."))
	}
	r.each.Add(r.none)
	r.mode.OnChanged = func(string) { r.follow() }
	r.follow()
}

// bare is the name of a tool without the server in front of it.
func (r *rulesSheet) bare(name string, listed map[string]*tools.Tool) string {
	if listed[name] != nil {
		return name
	}
	for _, server := range []string{r.view.Server.Name, r.view.Server.ID} {
		for _, between := range []string{"__", "-"} {
			if rest, ok := strings.CutPrefix(name, server+between); ok && listed[rest] != nil {
				return rest
			}
		}
	}
	return name
}

func (r *rulesSheet) newToolRow(name string, t *tools.Tool) *toolRow {
	row := &toolRow{name: name, tool: t}
	shown := form.Visible(name, false)
	row.ticked = form.NewCheck("", nil)
	row.ticked.Name = shown
	row.answer = form.NewSelect(say.F("Answer for %s", shown), answerTitles(), nil)
	row.answer.SetSelected(answerTitle(r.answers[name]))
	row.params = form.Quiet(say.T("Parameters…"), theme.ListIcon(), func() { r.parameters(row) })
	row.params.Name = say.F("Parameters of %s", shown)
	title := form.Bold(shown)
	title.Truncation = fyne.TextTruncateEllipsis
	words := say.T("The server does not offer it now.")
	if t != nil {
		words = claimsShort(t.Claims)
	}
	text := container.New(tightLayout(), title, form.Muted(words))
	end := form.Wrap(container.NewCenter(row.params), container.NewCenter(form.Sized(max(180, row.answer.Least()), 0, form.Framed(row.answer))))
	row.box = container.NewBorder(nil, nil, container.NewCenter(row.ticked), nil, form.Beside(text, end, 180))
	r.showParams(row)
	return row
}

// claimsShort says in a few words what a server claims of a tool.
func claimsShort(c tools.Claims) string {
	var said []string
	if c.ReadOnly != nil && *c.ReadOnly {
		said = append(said, say.T("only reads"))
	} else if c.Destructive != nil && *c.Destructive {
		said = append(said, say.T("may destroy"))
	}
	if c.OpenWorld != nil && !*c.OpenWorld {
		said = append(said, say.T("stays here"))
	}
	if len(said) == 0 {
		return say.T("claims nothing")
	}
	return say.F("claims: %s", strings.Join(said, ", "))
}

// follow shows the ticks where they mean something.
func (r *rulesSheet) follow() {
	for _, row := range r.rows {
		visible(row.ticked, r.mode.Selected != modeAll)
	}
	form.Relayout(r.each)
}

func (r *rulesSheet) filter() {
	n := 0
	find := strings.ToLower(strings.TrimSpace(r.find.Text))
	for _, row := range r.rows {
		fits := strings.Contains(strings.ToLower(row.name), find)
		visible(row.box, fits)
		if fits {
			n++
		}
	}
	r.none.SetText("")
	if n == 0 {
		r.none.SetText(say.T("No tool has that in its name."))
	}
	form.Relayout(r.each)
}

// readEach puts what was chosen into the rules, and returns the answers that
// changed.
func (r *rulesSheet) readEach(rules *store.Rules) (changed []store.ToolAnswer, ok bool) {
	var ticked []string
	for _, row := range r.rows {
		if row.ticked.Checked {
			ticked = append(ticked, row.name)
		}
		if is := answerOf(row.answer.Selected); is != r.answers[row.name] {
			changed = append(changed, store.ToolAnswer{Server: r.view.Server.ID, Tool: row.name, Answer: string(is)})
		}
	}
	rules.AllowedTools, rules.DisallowedTools = nil, nil
	r.none.SetText("")
	switch {
	case r.mode.Selected == modeOnly && len(ticked) == 0:
		r.none.SetText(say.T("Tick the tools that may be used. To use none of them, switch the server off."))
		form.Relayout(r.each)
		return nil, false
	case r.mode.Selected == modeOnly:
		rules.AllowedTools = ticked
	case r.mode.Selected == modeBut:
		rules.DisallowedTools = ticked
	}
	return changed, true
}

// paramsOf returns what is said of a tool's parameters, under whichever name.
// limited says that only those in allowed may be given.
func (r *rulesSheet) paramsOf(tool string) (allowed []string, limited bool, fixed map[string]json.RawMessage) {
	listed := map[string]*tools.Tool{tool: {}}
	fixed = map[string]json.RawMessage{}
	for name, list := range r.rules.AllowedParams {
		if r.bare(name, listed) == tool {
			allowed, limited = append(allowed, list...), true
		}
	}
	for name, values := range r.rules.FixedParams {
		if r.bare(name, listed) == tool {
			maps.Copy(fixed, values)
		}
	}
	return allowed, limited, fixed
}

// setParams replaces what is said of a tool's parameters.
func (r *rulesSheet) setParams(tool string, allowed []string, limited bool, fixed map[string]json.RawMessage) {
	listed := map[string]*tools.Tool{tool: {}}
	maps.DeleteFunc(r.rules.AllowedParams, func(name string, _ []string) bool { return r.bare(name, listed) == tool })
	maps.DeleteFunc(r.rules.FixedParams, func(name string, _ map[string]json.RawMessage) bool { return r.bare(name, listed) == tool })
	if limited {
		if r.rules.AllowedParams == nil {
			r.rules.AllowedParams = map[string][]string{}
		}
		r.rules.AllowedParams[tool] = allowed
	}
	if len(fixed) > 0 {
		if r.rules.FixedParams == nil {
			r.rules.FixedParams = map[string]map[string]json.RawMessage{}
		}
		r.rules.FixedParams[tool] = fixed
	}
}

// showParams says on the button of a tool whether something is said of its
// parameters.
func (r *rulesSheet) showParams(row *toolRow) {
	_, limited, fixed := r.paramsOf(row.name)
	words := say.T("Parameters…")
	switch {
	case limited && len(fixed) > 0:
		words = say.T("Limited, fixed…")
	case limited:
		words = say.T("Limited…")
	case len(fixed) > 0:
		words = say.N(len(fixed), "%d fixed…", "%d fixed…", len(fixed))
	}
	row.params.SetText(words)
}

// property is what a schema says of a parameter.
type property struct {
	name, kind string
	required   bool
}

// propertiesOf returns the parameters of a tool by name.
func propertiesOf(t *tools.Tool) []property {
	if t == nil {
		return nil
	}
	var schema struct {
		Properties map[string]json.RawMessage
		Required   []string
	}
	if json.Unmarshal(t.InputSchema, &schema) != nil {
		return nil
	}
	var out []property
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		var p struct{ Type json.RawMessage }
		kind := ""
		if json.Unmarshal(schema.Properties[name], &p) == nil && json.Unmarshal(p.Type, &kind) != nil {
			kind = ""
		}
		out = append(out, property{name, kind, slices.Contains(schema.Required, name)})
	}
	return out
}

// parameters shows what may be given to a tool, and what is always sent.
func (r *rulesSheet) parameters(row *toolRow) {
	allowed, limited, fixed := r.paramsOf(row.name)
	all := propertiesOf(row.tool)
	for _, name := range slices.Concat(allowed, slices.Sorted(maps.Keys(fixed))) {
		if !slices.ContainsFunc(all, func(p property) bool { return p.name == name }) {
			all = append(all, property{name: name})
		}
	}
	type line struct {
		check *form.Check
		value *form.Entry
	}
	lines := make([]line, len(all))
	list := form.Column()
	every := form.NewSwitch(say.T("All parameters may be given"), nil)
	every.Set(!limited)
	follow := func(bool) {
		for i := range lines {
			if every.Checked {
				lines[i].check.Disable()
			} else {
				lines[i].check.Enable()
			}
		}
	}
	for i, p := range all {
		shown := form.Visible(p.name, false)
		words := shown
		if p.required {
			words += " " + say.T("(required)")
		}
		l := line{form.NewCheck(words, nil), form.NewEntry(say.F("Value of %s", shown), say.T("any value"))}
		l.check.Name = shown
		l.check.Checked = !limited || slices.Contains(allowed, p.name)
		if v, ok := fixed[p.name]; ok {
			l.value.SetText(valueText(v, p.kind))
		}
		lines[i] = l
		list.Add(form.Grid(2, l.check, l.value))
	}
	if len(all) == 0 {
		list.Add(form.Muted(say.T("It takes no parameters.")))
	}
	every.OnChanged = follow
	follow(false)
	sheet := form.NewSheet(r.page.o.Window, say.F("Parameters of %s", form.Visible(row.name, false)), form.Groups(
		form.SwitchRow(every, say.T("All parameters may be given"), say.T("Off, only those that are ticked; others are refused, and no model is shown them.")),
		form.Muted(say.T("A parameter with a value here is always sent with it, is not shown to models, and cannot be given otherwise. Numbers, true, false and JSON are taken as such.")),
		list))
	sheet.SetSize(620, 520)
	done := form.NewAction(say.T("Done"), widget.HighImportance, func() {
		allowed, fixed := []string{}, map[string]json.RawMessage{}
		for i, l := range lines {
			if l.check.Checked {
				allowed = append(allowed, all[i].name)
			}
			if text := l.value.Text; text != "" {
				fixed[all[i].name] = valueOf(text, all[i].kind)
			}
		}
		r.setParams(row.name, allowed, !every.Checked, fixed)
		r.showParams(row)
		sheet.Close()
	})
	sheet.SetButtons(form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close), done)
	sheet.SetFocus(every)
	sheet.Show()
}

// valueOf reads a fixed value: JSON, except where the parameter is a text.
func valueOf(text, kind string) json.RawMessage {
	if kind != "string" && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	raw, err := json.Marshal(text)
	if err != nil {
		panic("servers: a string always encodes: " + err.Error())
	}
	return raw
}

// valueText shows a fixed value as valueOf reads it.
func valueText(v json.RawMessage, kind string) string {
	var s string
	if json.Unmarshal(v, &s) == nil && (kind == "string" || !json.Valid([]byte(s))) {
		return s
	}
	return string(v)
}
