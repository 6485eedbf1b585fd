package settings

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// answers are what decides about calls without asking: those that a person gave
// for a tool once for all, and what the rules of a server say of its tools.
type answers struct {
	Box   *fyne.Container
	o     Options
	list  *fyne.Container
	fail  *form.Words
	reset *form.Action
	all   []store.ToolAnswer
	views []bridge.ServerView
}

// The words of a lasting answer.
var (
	answerAlways = say.T("Always allow")
	answerNever  = say.T("Never allow")
	answerAsk    = say.T("Ask each time")
)

func newAnswers(o Options) *answers {
	a := &answers{o: o, list: form.Column(), fail: form.Failure("")}
	a.reset = form.Button(say.T("Reset all"), a.resetAll)
	a.reset.Hide()
	a.Box = section(say.T("Tools and approvals"), say.T("What runs, or is refused, without asking you again. A reset has the next call ask; Rules on a server's card has more."),
		form.Column(a.fail, a.list, container.NewHBox(a.reset)))
	return a
}

// setServers tells what the servers are called and which rules they have.
func (a *answers) setServers(views []bridge.ServerView) {
	a.views = views
	a.show()
}

func (a *answers) load() { a.loadAfter(nil) }

// loadAfter shows the answers, and what went wrong before.
func (a *answers) loadAfter(before error) {
	var all []store.ToolAnswer
	a.o.Runner.Run(func(ctx context.Context) (err error) {
		all, err = a.o.Engine.StandingAnswers(ctx)
		return err
	}, func(err error) {
		form.SetFailure(a.fail, form.Sentence(cmp.Or(before, err)))
		if err == nil {
			a.all = all
			slices.SortStableFunc(a.all, func(x, y store.ToolAnswer) int {
				return cmp.Or(cmp.Compare(a.name(x.Server), a.name(y.Server)), cmp.Compare(x.Tool, y.Tool))
			})
		}
		a.show()
	})
}

func (a *answers) name(server string) string {
	for _, v := range a.views {
		if v.Server.ID == server {
			return v.Server.Name
		}
	}
	return server
}

// ruled are the servers whose rules say what becomes of calls.
func (a *answers) ruled() []bridge.ServerView {
	var out []bridge.ServerView
	for _, v := range a.views {
		if v.Server.Rules.Approvals != (store.Approvals{}) {
			out = append(out, v)
		}
	}
	return out
}

func (a *answers) show() {
	a.list.RemoveAll()
	ruled := a.ruled()
	if len(a.all)+len(ruled) == 0 {
		a.list.Add(form.Muted(say.T("None. Choose “Always” or “Never” when a tool asks, and it stands here.")))
	}
	server := ""
	head := func(id string) {
		if id != server {
			server = id
			a.list.Add(form.Bold(form.Visible(a.name(id), false)))
		}
	}
	rule := func(v bridge.ServerView) {
		head(v.Server.ID)
		reset := form.Quiet(say.T("Reset"), theme.ViewRefreshIcon(), func() {
			a.forget(say.F("Reset the rules of %s", form.Visible(a.name(v.Server.ID), false)), nil, []bridge.ServerView{v})
		})
		reset.Name = say.F("Reset the rules of %s", v.Server.Name)
		a.list.Add(line(form.Label(approvalWords(v.Server.Rules.Approvals)), reset))
	}
	for _, t := range a.all {
		if i := slices.IndexFunc(ruled, func(v bridge.ServerView) bool { return v.Server.ID == t.Server }); i >= 0 {
			rule(ruled[i])
			ruled = slices.Delete(ruled, i, i+1)
		}
		head(t.Server)
		a.list.Add(a.row(t))
	}
	for _, v := range ruled {
		rule(v)
	}
	if len(a.all)+len(a.ruled()) > 1 {
		a.reset.Show()
	} else {
		a.reset.Hide()
	}
	a.Box.Refresh()
}

// row is a tool with its answer, which can be changed there.
func (a *answers) row(t store.ToolAnswer) fyne.CanvasObject {
	ref := tools.Ref{Server: t.Server, Tool: t.Tool}
	set := func(answer tools.Answer) {
		a.change(func(ctx context.Context) error { return a.o.Engine.SetStandingAnswer(ctx, ref, answer) })
	}
	words := map[tools.Answer]string{tools.AnswerAlways: answerAlways, tools.AnswerNever: answerNever, tools.AnswerAsk: answerAsk}
	tool := form.Visible(t.Tool, false)
	choice := form.NewSelect(say.F("Answer for %s", tool), []string{answerAlways, answerNever, answerAsk}, nil)
	choice.SetSelected(words[tools.Answer(t.Answer)])
	choice.OnChanged = func(title string) {
		for answer, w := range words {
			if w == title && answer != tools.Answer(t.Answer) {
				set(answer)
			}
		}
	}
	reset := form.Quiet(say.T("Reset"), theme.ViewRefreshIcon(), func() { a.forget(say.F("Reset the answer for %s", tool), []store.ToolAnswer{t}, nil) })
	reset.Name = say.F("Ask again for %s", t.Tool)
	name := form.NewWords(tool)
	name.Truncation = fyne.TextTruncateEllipsis
	return line(name, form.Sized(max(170, choice.Least()), 0, form.Framed(choice)), reset)
}

// approvalWords says what the rules of a server say of calls.
func approvalWords(r store.Approvals) string {
	var list []string
	said := func(a store.Approval, always, never, ask string) {
		if text := map[store.Approval]string{store.ApproveAlways: always, store.ApproveNever: never, store.ApproveAsk: ask}[a]; text != "" {
			list = append(list, text)
		}
	}
	said(r.ReadOnly, say.T("tools that only read run unasked"), say.T("tools that only read never run"), say.T("tools that only read ask"))
	said(r.Destructive, say.T("tools that may destroy run unasked"), say.T("tools that may destroy never run"), say.T("tools that may destroy ask"))
	said(r.OpenWorld, say.T("tools that reach beyond this computer run unasked"), say.T("tools that reach beyond this computer never run"), say.T("tools that reach beyond this computer ask"))
	said(r.Default, say.T("all others run unasked"), say.T("all others never run"), say.T("all others ask"))
	return say.F("By its rules, %s.", strings.Join(list, ", "))
}

// change does something about the answers, and shows them anew.
func (a *answers) change(work func(context.Context) error) {
	a.o.Runner.Run(work, a.loadAfter)
}

// resetRules takes out of a server's rules what they say of calls.
func (a *answers) resetRules(ctx context.Context, v bridge.ServerView) error {
	rules := v.Server.Rules.Clone()
	rules.Approvals = store.Approvals{}
	return a.o.Engine.SetRules(ctx, v.Server.ID, rules)
}

// resetAll has each call ask again, also of tools that are never allowed. Other
// rules of servers stay.
func (a *answers) resetAll() {
	a.forget(say.T("Reset all answers: every tool asks again before it runs"), slices.Clone(a.all), a.ruled())
}

// forget resets answers and what rules say of calls, which can be taken back for a
// while.
func (a *answers) forget(words string, all []store.ToolAnswer, ruled []bridge.ServerView) {
	set := func(ctx context.Context, back bool) error {
		var errs []error
		for _, t := range all {
			answer := tools.Answer("")
			if back {
				answer = tools.Answer(t.Answer)
			}
			errs = append(errs, a.o.Engine.SetStandingAnswer(ctx, tools.Ref{Server: t.Server, Tool: t.Tool}, answer))
		}
		for _, v := range ruled {
			if back {
				errs = append(errs, a.o.Engine.SetRules(ctx, v.Server.ID, v.Server.Rules.Clone()))
			} else {
				errs = append(errs, a.resetRules(ctx, v))
			}
		}
		return errors.Join(errs...)
	}
	a.o.Runner.Run(func(ctx context.Context) error { return set(ctx, false) }, func(err error) {
		a.loadAfter(err)
		a.o.undo.Offer(form.Undoable{
			Words: words,
			Back:  func(ctx context.Context) error { return set(ctx, true) },
			Done: func(back bool, err error) {
				if back || err != nil {
					a.loadAfter(err)
				}
			},
		})
		a.o.undo.Focus()
	})
}
