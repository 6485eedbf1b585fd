// Package audit is the page of what was called, refused and answered: searched as
// one types, filtered, followed as it grows, opened record by record, and
// exported.
//
// It keeps nothing itself; the engine reads the records. Everything here belongs
// to the goroutine of the window; what takes time runs through a form.Runner.
//
//	page := audit.New(audit.Options{Engine: engine, Window: w, Runner: runner, …})
//	page.SetServers(views) // at each change
package audit

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the page needs of package bridge.
type Engine interface {
	Settings() store.Settings
	UpdateSettings(change func(*store.Settings) error) error
	Audit(ctx context.Context, q store.AuditQuery) ([]store.AuditRecord, error)
	ExportAudit(ctx context.Context, w io.Writer, q store.AuditQuery) error
	WatchAudit(ctx context.Context) iter.Seq[struct{}]
	KeyNames(ctx context.Context) (map[string]string, error)
}

// Options is what a Page is made of. Home is where files are proposed to be
// written to.
type Options struct {
	Engine    Engine
	Window    fyne.Window
	Clipboard fyne.Clipboard
	Runner    form.Runner
	Now       func() time.Time
	Home      string
}

// Page is the page of the audit.
type Page struct {
	o       Options
	box     *fyne.Container
	filters *filters
	list    *list
	fail    *form.Words
	empty   *form.Note
	clear   *form.Action
	nothing *fyne.Container
	fresh   *form.Action // says that there are newer ones
	stop    context.CancelFunc
	query   context.CancelFunc // ends the question that runs

	records []store.AuditRecord
	more    bool // there are older ones
	keys    map[string]string
	servers map[string]string // names by id
	asked   int               // counts the questions, so that late answers are dropped
	asking  bool              // the question for older ones runs
}

// pageOf is how many records are read at a time.
const pageOf = 100

// New makes the page. It asks the engine nothing before it is shown.
func New(o Options) *Page {
	p := &Page{o: o, fail: form.Failure(""), empty: form.Muted(""), servers: map[string]string{}, query: func() {}}
	p.filters = newFilters(p)
	p.list = newList(p)
	p.clear = form.Button(say.T("Clear filters"), func() { p.filters.reset() })
	p.nothing = form.Column(p.empty, container.NewHBox(p.clear))
	p.nothing.Hide()
	p.fresh = form.NewAction(say.T("Show newer records"), widget.HighImportance, func() { p.list.top(); p.load() })
	p.fresh.Hide()
	export := form.Quiet(say.T("Export…"), theme.DownloadIcon(), p.export)
	keep := form.Quiet(say.T("What is kept…"), theme.SettingsIcon(), p.keep)
	head := container.New(layout.NewCustomPaddedVBoxLayout(form.Gap*1.5),
		form.Heading(say.T("Audit"), say.T("What was called, refused and answered, by whom, and why."), keep, export),
		p.filters.box, p.fail, p.nothing, container.NewCenter(p.fresh))
	p.box = container.New(form.Centered(1100), form.Pad(24, 20, form.Above(head, p.list.list, 110)))
	return p
}

// Object is what is shown.
func (p *Page) Object() fyne.CanvasObject { return p.box }

// Shown follows the audit until Hidden.
func (p *Page) Shown() {
	p.stop = p.o.Runner.Follow(func(ctx context.Context, show func(func()) bool) {
		for range p.o.Engine.WatchAudit(ctx) {
			if !show(p.grown) {
				return
			}
		}
	})
}

// Hidden ends what Shown began.
func (p *Page) Hidden() {
	if p.stop != nil {
		p.stop()
	}
	p.query()
}

// SetServers tells which servers there are to choose from.
func (p *Page) SetServers(views []bridge.ServerView) {
	for _, v := range views {
		p.servers[v.Server.ID] = v.Server.Name
	}
	p.filters.setServers(views)
	p.list.list.Refresh()
}

// grown takes note that records were written: who reads the newest sees them,
// and who reads older ones is told.
func (p *Page) grown() {
	if len(p.records) == 0 || p.list.atTop() {
		p.load()
		return
	}
	q := p.filters.query()
	q.Limit = 1
	this := p.asked
	var newest []store.AuditRecord
	p.o.Runner.Run(func(ctx context.Context) (err error) {
		newest, err = p.o.Engine.Audit(ctx, q)
		return err
	}, func(error) { // an error shows when they are read
		if this == p.asked && len(newest) > 0 && len(p.records) > 0 && newest[0].ID > p.records[0].ID && !p.fresh.Visible() {
			p.fresh.Show()
			p.box.Refresh()
		}
	})
}

// load reads the newest records that pass the filters.
func (p *Page) load() { p.ask(0) }

// older reads those that come before the ones shown.
func (p *Page) older() {
	if p.more && !p.asking && len(p.records) > 0 {
		p.ask(p.records[len(p.records)-1].ID)
	}
}

// ask reads a page of records, in the place of a question that still runs.
func (p *Page) ask(before int64) {
	p.query()
	p.asked++
	this := p.asked
	q := p.filters.query()
	q.Before, q.Limit = before, pageOf
	p.asking = before > 0
	var got []store.AuditRecord
	var keys map[string]string
	p.query = p.o.Runner.Run(func(ctx context.Context) (err error) {
		if keys, err = p.o.Engine.KeyNames(ctx); err != nil {
			return err
		}
		got, err = p.o.Engine.Audit(ctx, q)
		return err
	}, func(err error) {
		if this != p.asked {
			return
		}
		p.asking = false
		form.SetFailure(p.fail, form.Sentence(err))
		if err != nil {
			p.box.Refresh()
			return
		}
		p.more = len(got) == pageOf
		if before > 0 {
			got = append(p.records[:len(p.records):len(p.records)], got...)
		} else {
			p.fresh.Hide()
		}
		p.records = got
		if len(keys) != len(p.keys) {
			p.filters.setKeys(keys)
		}
		p.keys = keys
		p.show()
	})
}

// show shows the records, or why there are none.
func (p *Page) show() {
	words := ""
	switch {
	case len(p.records) > 0:
	case p.filters.any():
		words = say.T("No record fits the search and the filters.")
	default:
		words = say.T("Nothing has been called, refused or answered yet. Each call of a tool stands here within a second, whoever made it.")
	}
	p.empty.SetText(words)
	visible(p.clear, p.filters.any())
	visible(p.nothing, words != "")
	p.list.list.Refresh()
	p.box.Refresh()
}

func visible(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}

// auditRoom is how many megabytes a setting stands for.
func auditRoom(mb int) int {
	if mb == 0 {
		return 64
	}
	return mb
}

// keep shows what is kept of a call.
func (p *Page) keep() {
	now := p.o.Engine.Settings()
	values := form.NewSwitch(say.T("Keep the values of arguments"), nil)
	values.Set(now.AuditArguments)
	size := form.NewField(say.T("At most, in megabytes"), "64", say.T("When it is full, the oldest records make room. What is exported stays."))
	if now.AuditMB > 0 {
		size.SetText(fmt.Sprint(now.AuditMB))
	}
	sheet := form.NewSheet(p.o.Window, say.T("What is kept"), form.Groups(
		form.SwitchRow(values, say.T("Keep the values of arguments"),
			say.T("Off, only their shape is kept: names and types. On, what is called is written down as it is, except for secrets that Drawbridge knows. It counts from now on.")),
		size.Box))
	sheet.SetSize(560, 400)
	save := form.NewAction(say.T("Save"), widget.HighImportance, nil)
	save.OnTapped = func() {
		mb := 0
		if text := size.Text(); text != "" {
			if _, err := fmt.Sscanf(text, "%d", &mb); err != nil || fmt.Sprint(mb) != text || mb < 1 || mb > 100_000 {
				size.SetError(say.T("Type a whole number of megabytes from 1 to 100000, or nothing for 64."))
				return
			}
		}
		set := func() {
			p.o.Runner.Run(func(context.Context) error {
				return p.o.Engine.UpdateSettings(func(s *store.Settings) error {
					s.AuditArguments, s.AuditMB = values.Checked, mb
					return nil
				})
			}, func(err error) {
				if err != nil {
					sheet.Fail(form.Sentence(err))
					return
				}
				sheet.Close()
			})
		}
		if auditRoom(mb) < auditRoom(now.AuditMB) {
			form.Confirm(p.o.Window, say.T("Keep less of the audit?"),
				say.T("The oldest records are deleted where there are more than that. This cannot be undone; export them before, if you want to keep them."), say.T("Keep less"), set)
			return
		}
		set()
	}
	size.Entry.OnSubmitted = func(string) { save.OnTapped() }
	sheet.SetButtons(form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close), save)
	sheet.SetFocus(values)
	sheet.Show()
}
