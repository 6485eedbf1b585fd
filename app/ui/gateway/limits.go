package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// limitsForm is where limits of a key, a team or an organisation are set.
type limitsForm struct {
	box             *fyne.Container
	key             bool
	now             func() time.Time
	every           *form.Switch // all servers
	some            *fyne.Container
	servers, groups *form.Picks
	tools           *form.Field
	minute, day     *form.Field
	expires         *form.Select
	date            *form.Field
	models          *form.Switch
	modelsBox       *fyne.Container
	providers       *form.Picks
	modelNames      *form.Field
	tokens, cost    *form.Field
	approve         *form.Switch // may approve, or for a team: may not
	knownS, knownG  []string
	knownP          []string
}

// The choices of when something ends.
var (
	expiresNever = say.T("Never")
	expiresDate  = say.T("On a date")
)

func lasts() []struct {
	title string
	days  int
} {
	return []struct {
		title string
		days  int
	}{{say.T("In a day"), 1}, {say.T("In 7 days"), 7}, {say.T("In 30 days"), 30}, {say.T("In 90 days"), 90}, {say.T("In a year"), 365}}
}

// The layouts in which a date is typed.
const (
	dateLayout = "2006-01-02"
	timeLayout = "2006-01-02 15:04"
)

// Words of the form that tests and people look for.
var (
	allServers = say.T("All servers")
	mayModels  = say.T("It may ask models")
	mayApprove = say.T("It may approve calls")
)

func newLimitsForm(p *Page, key bool) *limitsForm {
	f := &limitsForm{key: key, now: p.o.Now}
	f.knownS, f.knownG = p.serverNames()
	for _, c := range p.o.Engine.Providers() {
		f.knownP = append(f.knownP, c.ID)
	}
	f.servers = form.NewPicks("", "", say.T("There is no server yet."))
	f.groups = form.NewPicks("", "", say.T("No server belongs to a group yet; Rules on a server's card puts it into one."))
	f.some = form.Column(form.Caption(say.T("Servers")), f.servers.Box, form.Caption(say.T("Groups of servers")), f.groups.Box)
	f.every = form.NewSwitch(allServers, func(on bool) {
		show(f.some, !on)
		form.Relayout(f.box)
	})
	f.tools = form.NewFieldOf(form.NewLines(say.T("Tools"), say.T("all of those servers"), 2),
		say.T("Only these, one a line: files__read_file, files__* for all of a server, or a tool's bare name."))
	f.minute = form.NewField(say.T("Calls a minute"), say.T("no limit"), "")
	f.day = form.NewField(say.T("Calls a day"), say.T("no limit"), "")
	titles := []string{expiresNever}
	for _, l := range lasts() {
		titles = append(titles, l.title)
	}
	f.date = form.NewField(say.T("Date"), "2027-01-31", say.T("It ends at the beginning of that day; 2027-01-31 18:00 ends it then."))
	f.expires = form.NewSelect(say.T("Expires"), append(titles, expiresDate), func(s string) {
		show(f.date.Box, s == expiresDate)
		form.Relayout(f.date.Box)
	})

	f.providers = form.NewPicks(say.T("All providers"), "", say.T("There is no provider yet; set one up in the settings."))
	f.modelNames = form.NewFieldOf(form.NewLines(say.T("Models"), say.T("all models of those providers"), 2), say.T("Only these, one a line: gpt-5, or openai/gpt-5."))
	f.tokens = form.NewField(say.T("Tokens a day"), say.T("no limit"), "")
	f.cost = form.NewField(say.T("US dollars a day"), say.T("no limit"), "")
	f.modelsBox = form.Column(f.providers.Box, f.modelNames.Box, pair(f.tokens.Box, f.cost.Box))
	title, help := mayModels, say.T("At the address that ends in /v1, with your providers' keys. That costs what it costs there.")
	if !key {
		title, help = say.T("Limit the models"), say.T("Off, what each key says counts alone.")
	}
	f.models = form.NewSwitch(title, func(on bool) {
		show(f.modelsBox, on)
		form.Relayout(f.box)
	})
	modelsRow := form.SwitchRow(f.models, title, help)
	title, help = mayApprove, say.T("An answer that the app gives counts as yours, once, for that call and its arguments.")
	if !key {
		title, help = say.T("Its apps may never approve calls"), say.T("Whatever their keys say.")
	}
	f.approve = form.NewSwitch(title, nil)

	f.box = form.Groups(
		form.Column(form.SwitchRow(f.every, allServers, say.T("Those that are added later, too.")), f.some),
		f.tools.Box,
		pair(f.minute.Box, f.day.Box),
		form.Column(form.Labelled(say.T("Expires"), f.expires, ""), f.date.Box),
		form.Column(modelsRow, f.modelsBox),
		form.SwitchRow(f.approve, title, help))
	f.fill(store.Limits{})
	return f
}

// pair puts two fields side by side.
func pair(a, b fyne.CanvasObject) fyne.CanvasObject { return form.Grid(2, a, b) }

func show(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}

// fill shows limits.
func (f *limitsForm) fill(l store.Limits) {
	f.every.Set(l.Servers == nil && l.Groups == nil)
	show(f.some, !f.every.Checked)
	f.servers.Set(f.knownS, l.Servers)
	f.groups.Set(f.knownG, l.Groups)
	f.tools.SetText(strings.Join(l.Tools, "\n"))
	numbers := map[*form.Field]int64{f.minute: int64(l.CallsPerMinute), f.day: int64(l.CallsPerDay), f.tokens: 0}
	f.cost.SetText("")
	f.models.Set(l.Models != nil)
	show(f.modelsBox, l.Models != nil)
	var m store.ModelAccess
	if l.Models != nil {
		m = *l.Models
		numbers[f.tokens] = m.TokensPerDay
		if m.CostPerDay > 0 {
			f.cost.SetText(strconv.FormatFloat(m.CostPerDay, 'f', -1, 64))
		}
	}
	f.providers.Set(f.knownP, m.Providers)
	f.modelNames.SetText(strings.Join(m.Models, "\n"))
	for field, n := range numbers {
		field.SetText("")
		if n > 0 {
			field.SetText(strconv.FormatInt(n, 10))
		}
	}
	f.approve.Set(l.MayApprove || l.NoApprove)
	f.expires.SetSelected(expiresNever)
	if !l.Expires.IsZero() {
		f.expires.SetSelected(expiresDate)
		f.date.SetText(l.Expires.Local().Format(timeLayout))
	}
	show(f.date.Box, !l.Expires.IsZero())
}

// read returns what was set. Where something is wrong it says so beside the field
// and returns false.
func (f *limitsForm) read() (l store.Limits, ok bool) {
	ok = true
	f.servers.SetError("")
	if !f.every.Checked {
		l.Servers, l.Groups = f.servers.Chosen(), f.groups.Chosen()
	}
	if l.Servers != nil && len(l.Servers)+len(l.Groups) == 0 {
		f.servers.SetError(say.T("Choose a server or a group, or all servers."))
		ok = false
	}
	l.Tools = lines(f.tools.Text())
	num := func(field *form.Field, most int64) int64 {
		field.SetError("")
		n, err := number(field.Text(), most)
		if err != nil {
			field.SetError(form.Sentence(err))
			ok = false
		}
		return n
	}
	l.CallsPerMinute, l.CallsPerDay = int(num(f.minute, 100_000)), int(num(f.day, 1_000_000_000))
	var err error
	f.date.SetError("")
	if l.Expires, err = f.ends(); err != nil {
		f.date.SetError(form.Sentence(err))
		ok = false
	}
	if f.models.Checked {
		m := &store.ModelAccess{Providers: f.providers.Chosen(), Models: lines(f.modelNames.Text()), TokensPerDay: num(f.tokens, 1_000_000_000_000)}
		f.providers.SetError("")
		if m.Providers != nil && len(m.Providers) == 0 {
			f.providers.SetError(say.T("Choose a provider, or all of them."))
			ok = false
		}
		f.cost.SetError("")
		if s := strings.TrimPrefix(strings.TrimSpace(f.cost.Text()), "$"); s != "" {
			if m.CostPerDay, err = strconv.ParseFloat(s, 64); err != nil || !(m.CostPerDay >= 0 && m.CostPerDay < 1e9) {
				f.cost.SetError(say.T("Type an amount, for example 2.50."))
				ok = false
			}
		}
		l.Models = m
	}
	if f.key {
		l.MayApprove = f.approve.Checked
	} else {
		l.NoApprove = f.approve.Checked
	}
	return l, ok
}

// ends returns when it ends; zero is never.
func (f *limitsForm) ends() (time.Time, error) {
	now := f.now()
	switch chosen := f.expires.Selected; chosen {
	case expiresNever, "":
		return time.Time{}, nil
	case expiresDate:
		for _, layout := range []string{dateLayout, timeLayout} {
			at, err := time.ParseInLocation(layout, strings.TrimSpace(f.date.Text()), now.Location())
			switch {
			case err != nil:
			case !at.After(now):
				return at, fmt.Errorf(say.T("%s is over already. Choose a later one"), f.date.Text())
			default:
				return at, nil
			}
		}
		return time.Time{}, errors.New(say.T("type a date such as 2027-01-31"))
	default:
		i := slices.IndexFunc(lasts(), func(l struct {
			title string
			days  int
		}) bool {
			return l.title == chosen
		})
		return now.AddDate(0, 0, lasts()[i].days), nil
	}
}

// lines returns the lines that are not empty; nil if there is none.
func lines(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
