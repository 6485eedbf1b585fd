package servers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// rulesSheet is where a person says what of a server may be seen and called.
type rulesSheet struct {
	page  *Page
	view  bridge.ServerView
	rules store.Rules // as they were, with what was changed of parameters
	sheet *form.Sheet
	tabs  *form.Tabs
	body  *fyne.Container

	// For all of its tools.
	general     *fyne.Container
	approvals   map[*form.Select]*store.Approval
	trusted     *form.Switch
	groups      *form.Field
	minute, day *form.Field
	headers     *form.Field

	// For each tool.
	each    *fyne.Container
	mode    *form.Select
	find    *form.Entry
	rows    []*toolRow
	answers map[string]tools.Answer // as they were, by tool
	none    *form.Note
}

// The words of an approval.
var (
	approvalNone   = say.T("Not said")
	approvalAsk    = say.T("Ask each time")
	approvalAlways = say.T("Allow without asking")
	approvalNever  = say.T("Never allow")
)

func approvalTitles() []string {
	return []string{approvalNone, approvalAsk, approvalAlways, approvalNever}
}

func approvalOf(title string) store.Approval {
	return map[string]store.Approval{approvalAsk: store.ApproveAsk, approvalAlways: store.ApproveAlways, approvalNever: store.ApproveNever}[title]
}

func approvalTitle(a store.Approval) string {
	for _, title := range approvalTitles() {
		if approvalOf(title) == a {
			return title
		}
	}
	return approvalNone
}

// rulesOf opens the sheet once it is known what was answered about the tools.
func (p *Page) rulesOf(v bridge.ServerView) {
	var all []store.ToolAnswer
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		all, err = p.o.Engine.StandingAnswers(ctx)
		return err
	}, func(err error) {
		if err != nil {
			if c := p.cards[v.Server.ID]; c != nil {
				c.setFailure(form.Sentence(err))
			}
			return
		}
		answers := map[string]tools.Answer{}
		for _, a := range all {
			if a.Server == v.Server.ID {
				answers[a.Tool] = tools.Answer(a.Answer)
			}
		}
		newRulesSheet(p, v, answers).sheet.Show()
	})
}

func newRulesSheet(p *Page, v bridge.ServerView, answers map[string]tools.Answer) *rulesSheet {
	r := &rulesSheet{page: p, view: v, rules: v.Server.Rules.Clone(), answers: answers, approvals: map[*form.Select]*store.Approval{}}
	r.makeGeneral()
	r.makeEach()
	r.body = container.NewStack(r.general, r.each)
	r.tabs = form.NewTabs(r.choose, say.T("All of its tools"), say.T("Each tool"))
	r.sheet = form.NewSheet(p.o.Window, say.F("Rules of %s", form.Visible(v.Server.Name, false)), form.Groups(r.tabs.Box, r.body))
	r.sheet.SetSize(760, 680)
	save := form.NewAction(say.T("Save"), widget.HighImportance, r.save)
	r.sheet.SetButtons(form.NewAction(say.T("Cancel"), widget.MediumImportance, r.sheet.Close), save)
	r.choose(0)
	return r
}

func (r *rulesSheet) choose(tab int) {
	r.tabs.Choose(tab)
	visible(r.general, tab == 0)
	visible(r.each, tab == 1)
	form.Relayout(r.body)
}

func (r *rulesSheet) makeGeneral() {
	grid := form.Columns(2, 260, form.Gap)
	for _, a := range []struct {
		caption, help string
		value         *store.Approval
	}{
		{say.T("All others"), say.T("Where nothing below applies."), &r.rules.Approvals.Default},
		{say.T("Tools that only read"), say.T("Claimed by the server."), &r.rules.Approvals.ReadOnly},
		{say.T("Tools that may destroy"), say.T("All that do not claim otherwise."), &r.rules.Approvals.Destructive},
		{say.T("Tools that reach beyond this computer"), say.T("All that do not claim otherwise."), &r.rules.Approvals.OpenWorld},
	} {
		s := form.NewSelect(a.caption, approvalTitles(), nil)
		s.SetSelected(approvalTitle(*a.value))
		r.approvals[s] = a.value
		grid.Add(form.Labelled(a.caption, s, a.help))
	}
	r.trusted = form.NewSwitch(say.T("Trust this server"), nil)
	r.trusted.Set(r.rules.Trusted)
	r.groups = form.NewField(say.T("Access groups"), say.T("work, code"), say.T("By which other apps' keys and addresses name several servers at once. Separated by commas."))
	r.groups.SetText(strings.Join(r.rules.Groups, ", "))
	limit := func(caption string, n int) *form.Field {
		f := form.NewField(caption, say.T("no limit"), "")
		if n > 0 {
			f.SetText(strconv.Itoa(n))
		}
		return f
	}
	r.minute, r.day = limit(say.T("Calls a minute"), r.rules.CallsPerMinute), limit(say.T("Calls a day"), r.rules.CallsPerDay)
	r.headers = form.NewField(say.T("Headers that are passed on"), "x-request-id", say.T("Of a request of another app. Nothing else of it reaches the server. Separated by commas."))
	r.headers.SetText(strings.Join(r.rules.ExtraHeaders, ", "))
	if !r.view.Server.Transport.OverHTTP() {
		r.headers.Box.Hide()
	}
	r.general = form.Groups(
		form.Column(
			form.Caption(say.T("What becomes of calls that you have not answered about")),
			form.Muted(say.T("Of those that apply to a tool the strictest counts. Where nothing is said, you are asked.")), grid),
		form.SwitchRow(r.trusted, say.T("Trust this server"), say.T("What it claims of its tools may allow calls, and its results are no reason to ask about the calls that follow.")),
		r.groups.Box,
		form.Grid(2, r.minute.Box, r.day.Box),
		r.headers.Box)
}

// readGeneral puts what was entered into the rules. Where something is wrong it
// says so beside the field and returns false.
func (r *rulesSheet) readGeneral(rules *store.Rules) bool {
	ok := true
	for s, value := range r.approvals {
		*value = approvalOf(s.Selected)
	}
	rules.Approvals = r.rules.Approvals
	rules.Trusted = r.trusted.Checked
	rules.Groups, rules.ExtraHeaders = commas(r.groups.Text()), commas(r.headers.Text())
	number := func(f *form.Field, most int) int {
		f.SetError("")
		text := strings.ReplaceAll(strings.TrimSpace(f.Text()), ",", "")
		if text == "" {
			return 0
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > most {
			f.SetError(say.F("Type a whole number from 0 (no limit) to %d.", most))
			ok = false
		}
		return n
	}
	rules.CallsPerMinute, rules.CallsPerDay = number(r.minute, 100_000), number(r.day, 1_000_000_000)
	for f, one := range map[*form.Field]store.Rules{r.groups: {Groups: rules.Groups}, r.headers: {ExtraHeaders: rules.ExtraHeaders}} {
		f.SetError("")
		if err := one.Validate(); err != nil {
			f.SetError(form.Sentence(err))
			ok = false
		}
	}
	return ok
}

// commas takes a list apart whose members may have blanks in them.
func commas(s string) []string {
	var out []string
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one != "" && !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

func (r *rulesSheet) save() {
	rules := r.rules.Clone()
	if !r.readGeneral(&rules) {
		r.choose(0)
		return
	}
	answers, ok := r.readEach(&rules)
	if !ok {
		r.choose(1)
		return
	}
	r.sheet.Fail("")
	if err := rules.Validate(); err != nil {
		r.sheet.Fail(form.Sentence(err))
		return
	}
	e, id := r.page.o.Engine, r.view.Server.ID
	r.page.o.Runner.Run(func(ctx context.Context) error {
		if err := e.SetRules(ctx, id, rules); err != nil {
			return err
		}
		for _, a := range answers {
			if err := e.SetStandingAnswer(ctx, tools.Ref{Server: id, Tool: a.Tool}, tools.Answer(a.Answer)); err != nil {
				return fmt.Errorf(say.T("the rules hold now, but the answer for %s does not: %w"), a.Tool, err)
			}
		}
		return nil
	}, func(err error) {
		if err != nil {
			r.sheet.Fail(form.Sentence(err))
			return
		}
		r.sheet.Close()
	})
}

// ruleWords says in a line what rules a server has; empty for none.
func ruleWords(v bridge.ServerView) string {
	r := v.Server.Rules
	var parts []string
	switch {
	case len(r.AllowedTools) > 0:
		parts = append(parts, say.N(len(r.AllowedTools), "%d tool allowed", "%d tools allowed", len(r.AllowedTools)))
	case len(r.DisallowedTools) > 0:
		parts = append(parts, say.N(len(r.DisallowedTools), "%d tool not allowed", "%d tools not allowed", len(r.DisallowedTools)))
	}
	if n := len(r.AllowedParams) + len(r.FixedParams); n > 0 {
		parts = append(parts, say.T("parameters bound"))
	}
	said := func(a store.Approval, always, never, ask string) {
		switch a {
		case store.ApproveAlways:
			parts = append(parts, always)
		case store.ApproveNever:
			parts = append(parts, never)
		case store.ApproveAsk:
			parts = append(parts, ask)
		}
	}
	said(r.Approvals.ReadOnly, say.T("reading tools run unasked"), say.T("reading tools never run"), say.T("reading tools ask"))
	said(r.Approvals.Destructive, say.T("destroying tools run unasked"), say.T("destroying tools never run"), say.T("destroying tools ask"))
	said(r.Approvals.OpenWorld, say.T("tools that reach out run unasked"), say.T("tools that reach out never run"), say.T("tools that reach out ask"))
	said(r.Approvals.Default, say.T("all others run unasked"), say.T("all others never run"), say.T("all others ask"))
	if r.Trusted {
		parts = append(parts, say.T("trusted"))
	}
	if len(r.Groups) > 0 {
		parts = append(parts, say.F("in %s", strings.Join(r.Groups, ", ")))
	}
	if r.CallsPerMinute > 0 {
		parts = append(parts, say.N(r.CallsPerMinute, "%d call a minute", "%d calls a minute", r.CallsPerMinute))
	}
	if r.CallsPerDay > 0 {
		parts = append(parts, say.N(r.CallsPerDay, "%d call a day", "%d calls a day", r.CallsPerDay))
	}
	if len(r.ExtraHeaders) > 0 {
		parts = append(parts, say.N(len(r.ExtraHeaders), "%d header passed on", "%d headers passed on", len(r.ExtraHeaders)))
	}
	if len(parts) == 0 {
		return ""
	}
	return say.F("Rules: %s", form.Visible(strings.Join(parts, " · "), false))
}

// tightLayout stacks lines that belong together.
func tightLayout() fyne.Layout { return layout.NewCustomPaddedVBoxLayout(-8) }
