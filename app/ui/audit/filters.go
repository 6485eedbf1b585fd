package audit

import (
	"maps"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// filters choose which records are shown.
type filters struct {
	box    *fyne.Container
	page   *Page
	text   *form.Entry
	who    *form.Select
	server *form.Select
	tool   *form.Select
	what   *form.Select
	when   *form.Select
	quiet  bool // the filters are being filled, so nothing is asked

	servers []choice            // by name
	tools   map[string][]string // by the id of the server
	keys    map[string]string   // names by id
}

// choice is an entry of a select with what it stands for.
type choice struct{ title, value string }

// The entries that choose everything.
var (
	anyWho    = say.T("Everybody")
	anyServer = say.T("All servers")
	anyTool   = say.T("All tools")
	anyWhat   = say.T("All outcomes")
	anyWhen   = say.T("Any time")
)

// outcome is an entry of the outcomes.
type outcome struct {
	title string
	set   func(*store.AuditQuery)
}

func outcomes() []outcome {
	return []outcome{
		{anyWhat, func(*store.AuditQuery) {}},
		{say.T("Ran"), func(q *store.AuditQuery) { q.Kind = store.AuditCall }},
		{say.T("Failed"), func(q *store.AuditQuery) { q.Failed = true }},
		{say.T("Refused"), func(q *store.AuditQuery) { q.Kind, q.Decision = store.AuditDecision, "deny" }},
		{say.T("Answered by you"), func(q *store.AuditQuery) { q.Kind = store.AuditApproval }},
		{say.T("Keys"), func(q *store.AuditQuery) { q.Kind = store.AuditKey }},
		{say.T("Bridge raised or lowered"), func(q *store.AuditQuery) { q.Kind = store.AuditBridge }},
	}
}

// span is an entry of the times.
type span struct {
	title string
	since func(now time.Time) time.Time
}

func spans() []span {
	return []span{
		{anyWhen, func(time.Time) time.Time { return time.Time{} }},
		{say.T("Last hour"), func(now time.Time) time.Time { return now.Add(-time.Hour) }},
		{say.T("Today"), func(now time.Time) time.Time {
			return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		}},
		{say.T("Last 7 days"), func(now time.Time) time.Time { return now.AddDate(0, 0, -7) }},
		{say.T("Last 30 days"), func(now time.Time) time.Time { return now.AddDate(0, 0, -30) }},
	}
}

// clients are who calls, beside the keys.
func clientChoices() []choice {
	return []choice{
		{anyWho, ""}, {say.T("Conversations"), "chat"}, {say.T("Command line"), "command"}, {say.T("Other apps: tools"), "gateway"}, {say.T("Other apps: models"), "models"}, {say.T("You"), "person"},
	}
}

// keyPrefix begins the entry of a key.
var keyPrefix = say.T("Key:") + " "

func newFilters(p *Page) *filters {
	f := &filters{page: p, tools: map[string][]string{}}
	changed := func(string) { f.changed() }
	f.text = form.NewEntry(say.T("Search the audit"), say.T("Search tool, reason, error or argument"))
	f.text.OnChanged = changed
	pick := func(name string, titles []string) *form.Select {
		s := form.NewSelect(name, titles, nil)
		s.SetSelectedIndex(0)
		return s
	}
	f.who = pick(say.T("Who"), titlesOf(clientChoices()))
	f.server = pick(say.T("Server"), []string{anyServer})
	f.tool = pick(say.T("Tool"), []string{anyTool})
	f.tool.Disable()
	var titles []string
	for _, o := range outcomes() {
		titles = append(titles, o.title)
	}
	f.what = pick(say.T("Outcome"), titles)
	titles = nil
	for _, s := range spans() {
		titles = append(titles, s.title)
	}
	f.when = pick(say.T("Time"), titles)
	f.server.OnChanged = func(string) { f.follow(); f.changed() }
	for _, s := range []*form.Select{f.who, f.tool, f.what, f.when} {
		s.OnChanged = changed
	}
	row := form.Columns(5, 150, form.Gap, form.Framed(f.who), form.Framed(f.server), form.Framed(f.tool), form.Framed(f.what), form.Framed(f.when))
	f.box = form.Column(f.text, row)
	return f
}

func titlesOf(list []choice) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.title
	}
	return out
}

func (f *filters) changed() {
	if !f.quiet {
		f.page.list.top()
		f.page.load()
	}
}

// reset shows everything again.
func (f *filters) reset() {
	f.quiet = true
	f.text.SetText("")
	for _, s := range []*form.Select{f.who, f.server, f.what, f.when} {
		s.SetSelectedIndex(0)
	}
	f.quiet = false
	f.changed()
}

// any reports whether something is filtered out.
func (f *filters) any() bool {
	return f.text.Text != "" || f.who.Selected != anyWho || f.server.Selected != anyServer || f.tool.Selected != anyTool ||
		f.what.Selected != anyWhat || f.when.Selected != anyWhen
}

// query is what the filters ask for.
func (f *filters) query() store.AuditQuery {
	q := store.AuditQuery{Text: strings.TrimSpace(f.text.Text), Server: f.serverID()}
	if f.tool.Selected != anyTool {
		q.Tool = f.tool.Selected
	}
	for _, c := range clientChoices() {
		if c.title == f.who.Selected {
			q.Client = c.value
		}
	}
	if name, ok := strings.CutPrefix(f.who.Selected, keyPrefix); ok {
		for id, n := range f.keys {
			if n == name {
				q.Key = id
			}
		}
	}
	outcomes()[max(f.what.SelectedIndex(), 0)].set(&q)
	q.Since = spans()[max(f.when.SelectedIndex(), 0)].since(f.page.o.Now())
	return q
}

func (f *filters) serverID() string {
	for _, c := range f.servers {
		if c.title == f.server.Selected {
			return c.value
		}
	}
	return ""
}

// setServers tells which servers and tools there are.
func (f *filters) setServers(views []bridge.ServerView) {
	f.servers = nil
	clear(f.tools)
	for _, v := range views {
		f.servers = append(f.servers, choice{v.Server.Name, v.Server.ID})
		for _, t := range v.Tools {
			f.tools[v.Server.ID] = append(f.tools[v.Server.ID], t.Tool)
		}
	}
	f.quiet = true
	defer func() { f.quiet = false }()
	f.server.SetOptions(append([]string{anyServer}, titlesOf(f.servers)...))
	if !slices.Contains(f.server.Options, f.server.Selected) {
		f.server.SetSelected(anyServer)
	}
	f.follow()
}

// follow shows the tools of the server that is chosen.
func (f *filters) follow() {
	was := f.quiet
	f.quiet = true
	defer func() { f.quiet = was }()
	list := f.tools[f.serverID()]
	f.tool.SetOptions(append([]string{anyTool}, list...))
	if !slices.Contains(f.tool.Options, f.tool.Selected) {
		f.tool.SetSelected(anyTool)
	}
	if len(list) == 0 {
		f.tool.Disable()
	} else {
		f.tool.Enable()
	}
}

// setKeys tells what the keys are called.
func (f *filters) setKeys(names map[string]string) {
	f.keys = names
	f.quiet = true
	defer func() { f.quiet = false }()
	titles := titlesOf(clientChoices())
	for _, n := range slices.Compact(slices.Sorted(maps.Values(names))) {
		titles = append(titles, keyPrefix+n)
	}
	f.who.SetOptions(titles)
	if !slices.Contains(titles, f.who.Selected) {
		f.who.SetSelected(anyWho)
	}
}

// only shows the records of a server, or of one tool of it.
func (f *filters) only(server, tool string) {
	f.quiet = true
	if !slices.ContainsFunc(f.servers, func(c choice) bool { return c.value == server }) {
		// It is gone; its records are not.
		f.servers = append(f.servers, choice{server, server})
		f.server.SetOptions(append([]string{anyServer}, titlesOf(f.servers)...))
	}
	for _, c := range f.servers {
		if c.value == server {
			f.server.SetSelected(c.title)
		}
	}
	if tool != "" && !slices.Contains(f.tool.Options, tool) {
		f.tools[server] = append(f.tools[server], tool)
	}
	f.follow()
	f.tool.SetSelected(anyTool)
	if tool != "" {
		f.tool.SetSelected(tool)
	}
	f.quiet = false
	f.changed()
}
