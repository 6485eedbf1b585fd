package chat

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// view shows the thread of the current conversation, or, where there is
// nothing yet, how to begin.
type view struct {
	p      *Page
	object *fyne.Container
	script *transcript.View
	find   *transcript.FindBar
	empty  *fyne.Container
	shown  *thread
	texts  map[string]string // of growing entries, as the view shows them

	asks map[string]*openAsk // by call id

	rehearsed bool // empty is about the rehearsal
	lacks     int  // scripts that the person was told of which no font has
}

func newView(p *Page) *view {
	v := &view{p: p, empty: container.NewStack(), shown: newThread(nil), texts: map[string]string{}, asks: map[string]*openAsk{}}
	v.script = transcript.New(transcript.Options{
		Copy:          p.o.Clipboard.SetContent,
		OpenLink:      p.openLink,
		Foot:          p.foot,
		TypeElsewhere: func(r rune) { p.focusInput(); p.composer.input.TypedRune(r) },
		Escape:        p.stop,
		Earlier:       p.earlier,
		Find:          p.Find,
		Now:           p.o.Now,
		Lacking:       v.lacking,
		Work: func(work, done func()) {
			p.o.Runner.Run(func(context.Context) error { work(); return nil }, func(error) { done() })
		},
		Save: p.saveFile,
		After: func(d time.Duration, f func()) {
			time.AfterFunc(d, func() { p.o.Runner.Do(f) })
		},
	})
	v.find = transcript.NewFindBar(v.script, p.focusInput)
	v.object = container.NewStack(v.script, v.empty, v.find)
	return v
}

// show replaces what is shown by a thread.
func (v *view) show(t *thread) {
	v.find.Close()
	v.shown = t
	items := make([]transcript.Item, 0, len(t.entries))
	clear(v.texts)
	clear(v.asks)
	for _, e := range t.entries {
		items = append(items, v.item(e))
		v.note(e)
	}
	v.script.SetItems(items)
	v.script.SetMissing(t.missing)
	t.changed, t.removed = nil, nil
	v.arrange()
	v.p.count()
}

// update shows what changed in the thread.
func (v *view) update(t *thread) {
	if t != v.shown {
		v.show(t)
		return
	}
	for _, id := range t.removed {
		v.script.Remove(id)
		delete(v.texts, id)
	}
	done := map[string]bool{}
	for _, e := range t.changed {
		if done[e.id] || t.byID[e.id] != e {
			continue
		}
		done[e.id] = true
		if old, ok := v.texts[e.id]; ok && e.growing && len(e.text) >= len(old) {
			v.script.AppendText(e.id, e.text[len(old):])
		} else {
			v.script.Upsert(v.item(e))
		}
		v.note(e)
	}
	t.changed, t.removed = nil, nil
	v.arrange()
	v.p.count()
}

// lacking says at the end of the thread that there is no font for a script.
func (v *view) lacking(advice string) {
	v.lacks++
	v.script.Upsert(transcript.Notice{ID: "no-font-" + strconv.Itoa(v.lacks), Text: advice})
}

// note remembers how much of a growing text the view has.
func (v *view) note(e *entry) {
	if e.growing {
		v.texts[e.id] = e.text
	} else {
		delete(v.texts, e.id)
	}
}

// item makes of an entry what the transcript shows.
func (v *view) item(e *entry) transcript.Item {
	switch e.kind {
	case kindUser:
		return transcript.User{ID: e.id, Text: e.text, Files: e.files}
	case kindAnswer:
		return transcript.Assistant{ID: e.id, Text: e.text, Growing: e.growing, More: !e.foot}
	case kindReasoning:
		return transcript.Reasoning{ID: e.id, Text: e.text, Growing: e.growing, Took: e.took}
	case kindSummary:
		return transcript.Reasoning{ID: e.id, Title: say.T("Summarised here"), Text: e.text}
	case kindCall:
		return v.callItem(e)
	case kindManaged:
		return v.managedItem(e)
	case kindListing:
		return v.listingItem(e)
	case kindError:
		n := transcript.Notice{ID: e.id, Kind: transcript.NoticeError, Text: e.text}
		n.Actions = v.p.help(e.help, e.sure)
		if e.retry && e.sure {
			n.Actions = append(n.Actions, v.again(e, false))
		} else if e.retry {
			n.Actions = append([]transcript.Action{v.again(e, e.server == "")}, n.Actions...)
		}
		if e.server != "" && v.p.handsOver(e.server) {
			n.Actions = append([]transcript.Action{v.runHere(e.server, e.retry, e.again)}, n.Actions...)
		}
		return n
	case kindLimit:
		return v.limitItem(e)
	case kindQuestion:
		return transcript.Card{ID: e.id, Object: v.p.questionCard(e.question)}
	case kindRetry:
		return v.retryItem(e)
	}
	n := transcript.Notice{ID: e.id, Kind: transcript.NoticeInfo, Text: e.text, Foot: e.foot}
	if e.retry {
		n.Actions = []transcript.Action{v.again(e, false)}
	}
	return n
}

// again is the button that tries a turn again.
func (v *view) again(e *entry, primary bool) transcript.Action {
	q, label := e.again, say.T("Retry")
	if e.goesOn {
		label = say.T("Continue")
	}
	return transcript.Action{Label: label, Primary: primary, Do: func() { v.p.retry(q) }}
}

// retryItem counts down to the next call of the model.
func (v *view) retryItem(e *entry) transcript.Item {
	when := say.T("Trying again now")
	if left := e.until.Sub(v.p.o.Now()); left > 0 {
		when = say.F("Trying again in %d s", (left+time.Second-1)/time.Second)
	}
	return transcript.Notice{
		ID: e.id, Kind: transcript.NoticeWarning, Text: when + " · " + e.text,
		Actions: []transcript.Action{{Label: say.T("Stop"), Do: v.p.stop}},
	}
}

// asking makes of a call's card the question that is open about it.
func (v *view) asking(e *entry, c transcript.Call) transcript.Call {
	c.State = transcript.CallAsking
	run, id := v.p.runs[v.p.current], e.call.call.ID
	ask := e.ask
	if v.asks[id] == nil || v.asks[id].of != ask {
		v.asks[id] = &openAsk{of: ask, card: &transcript.Ask{Reason: ask.Reason, After: ask.After, Change: ask.Change, Answer: func(a tools.Answer) {
			if run != nil {
				run.answer(id, a)
			}
			delete(v.asks, id)
			v.p.focusInput()
		}}}
		if ask.Edit != nil {
			v.asks[id].card.Edit = func(arguments json.RawMessage, done func(error)) {
				v.p.o.Runner.Run(func(context.Context) error { return ask.Edit(arguments) }, func(err error) {
					if err == nil {
						e.call.edited = arguments
					}
					done(err)
				})
			}
		}
	}
	c.Ask = v.asks[id].card
	return c
}

// openAsk is a question with its card, which stays the same while it is open, and
// with it what the person typed there.
type openAsk struct {
	of   *chat.Approval
	card *transcript.Ask
}

// serverName is what a person calls the server of a call.
func (v *view) serverName(id string) string {
	for _, s := range v.p.views {
		if s.Server.ID == id {
			return s.Server.Name
		}
	}
	return id
}

// limitItem asks whether a turn is to go on.
func (v *view) limitItem(e *entry) transcript.Item {
	n := transcript.Notice{ID: e.id, Kind: transcript.NoticeWarning, Text: v.pauseText(e.pause) + " " + say.T("Should it go on?")}
	t, run := v.shown, v.p.runs[v.p.current]
	if run == nil {
		return n
	}
	answer := func(on bool) func() {
		return func() {
			run.goOn(on)
			t.drop(e)
			v.p.showChanges()
			v.p.focusInput()
		}
	}
	n.Actions = []transcript.Action{{Label: say.T("Go on"), Primary: true, Do: answer(true)}, {Label: say.T("Stop here"), Do: answer(false)}}
	return n
}

// pauseText says why a turn asks, with the tools as people know them.
func (v *view) pauseText(p chat.Pause) string {
	name := func(c store.ToolCall) string {
		server, tool := v.toolName(c)
		if server != "" {
			return say.F("%s of %s", tool, server)
		}
		return tool
	}
	switch len(p.Repeated) {
	case 0:
		return p.String()
	case 1:
		return say.F("The model has called %s with the same arguments %d times in a row.", name(p.Repeated[0]), p.Times)
	}
	return say.F("The model calls %s and %s in turn, each %d times with the same arguments.", name(p.Repeated[0]), name(p.Repeated[1]), p.Times)
}

// setEmpty says what to show while there is nothing in the thread.
func (v *view) setEmpty() {
	if rehearsing := v.rehearsing(); len(v.empty.Objects) == 0 || rehearsing != v.rehearsed {
		v.rehearsed = rehearsing
		v.empty.Objects = []fyne.CanvasObject{container.NewVScroll(v.welcome())}
		v.empty.Refresh()
	}
	v.arrange()
}

// arrange shows the thread, or how to begin one.
func (v *view) arrange() {
	empty := len(v.shown.entries) == 0 && v.p.current == ""
	if empty == v.empty.Visible() && empty != v.script.Visible() {
		return
	}
	if empty {
		v.script.Hide()
		v.empty.Show()
	} else {
		v.empty.Hide()
		v.script.Show()
	}
}

// welcome is what stands in a new conversation.
func (v *view) welcome() fyne.CanvasObject {
	title := form.Bold(say.T("What can I do for you?"))
	title.SizeName = fynetheme.SizeNameHeadingText
	title.Alignment = fyne.TextAlignCenter
	title.Wrapping = fyne.TextWrapWord
	words := say.T("Write a message below. The model may call the tools of your servers; they run on this machine, and each asks before its first call.")
	if v.rehearsing() {
		words = say.T("This is a rehearsal: no AI, no network, no key. Name a tool and its arguments, and it is called through the very same bridge.")
	}
	text := form.Muted(words)
	text.Segments[0].(*widget.TextSegment).Style.Alignment = fyne.TextAlignCenter
	rows := []fyne.CanvasObject{title, text}
	if v.rehearsing() {
		for _, example := range []string{"workbench__time zone=Europe/Berlin", "workbench__list_folders", say.T("What can you do?")} {
			b := form.NewAction(example, widget.MediumImportance, func() {
				before := v.p.composer.input.Text
				v.p.composer.input.SetText(example)
				v.p.focusInput()
				if strings.TrimSpace(before) != "" && before != example {
					v.p.offerDraft(before)
				}
			})
			rows = append(rows, container.NewCenter(b))
		}
		rows = append(rows, container.NewCenter(form.Quiet(say.T("Set up a provider"), theme.Icon(theme.IconSettings), v.p.o.OpenSettings)))
	}
	column := container.New(layout.NewCustomPaddedVBoxLayout(theme.Space3), rows...)
	return container.NewVBox(layout.NewSpacer(), container.New(form.Centered(520), column), layout.NewSpacer(), layout.NewSpacer())
}

func (v *view) rehearsing() bool {
	c, ok := v.p.provider()
	return ok && c.Kind == store.ProviderRehearsal
}
