package gateway

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// teams lists teams and organisations.
type teams struct {
	box           *fyne.Container
	page          *Page
	organisations *rows
	teams         *rows
	fail          *form.Words
}

func newTeams(p *Page) *teams {
	t := &teams{page: p, fail: form.Failure("")}
	t.teams = newRows(say.T("No team. Keys need none; a team bounds several keys at once."))
	t.organisations = newRows(say.T("No organisation. It bounds several teams at once."))
	t.box = section(say.T("Teams and organisations"), say.T("What bounds a team bounds each of its keys, and what bounds an organisation each of its teams."),
		form.Column(t.fail, t.teams.box, widget.NewSeparator(), t.organisations.box),
		form.Quiet(say.T("Add team"), theme.ContentAddIcon(), func() { t.edit(store.Team{}, true) }),
		form.Quiet(say.T("Add organisation"), theme.ContentAddIcon(), func() { t.edit(store.Team{}, false) }))
	return t
}

func (t *teams) show() {
	v := t.page.view
	actions := func(name string, edit, remove func()) *row {
		name = form.Visible(name, false)
		e := form.Quiet(say.T("Edit"), theme.DocumentCreateIcon(), edit)
		r := form.Quiet(say.T("Remove"), theme.DeleteIcon(), remove)
		e.Name, r.Name = say.F("Edit %s", name), say.F("Remove %s", name)
		return newRow(e, r)
	}
	ids := make([]string, len(v.Teams))
	for i, one := range v.Teams {
		ids[i] = one.ID
	}
	t.teams.set(ids, func(id string) *row {
		// What is done is done with the team as it is then.
		now := func() store.Team {
			i := slices.IndexFunc(t.page.view.Teams, func(o store.Team) bool { return o.ID == id })
			if i < 0 {
				return store.Team{ID: id}
			}
			return t.page.view.Teams[i]
		}
		return actions(now().Name, func() { t.edit(now(), true) }, func() { t.remove(id, true) })
	}, func(i int, r *row) {
		one := v.Teams[i]
		n := 0
		for _, k := range v.Keys {
			if k.Team == one.ID && k.RevokedAt.IsZero() {
				n++
			}
		}
		words := limitWords(one.Limits, false)
		if o := t.organisationName(one.Organisation); o != "" {
			words = say.F("Of %s", form.Visible(o, false)) + " · " + words
		}
		r.set(form.Visible(one.Name, false), say.N(n, "%d key", "%d keys", n), capital(words))
	})
	ids = make([]string, len(v.Organisations))
	for i, one := range v.Organisations {
		ids[i] = one.ID
	}
	t.organisations.set(ids, func(id string) *row {
		now := func() store.Organisation {
			i := slices.IndexFunc(t.page.view.Organisations, func(o store.Organisation) bool { return o.ID == id })
			if i < 0 {
				return store.Organisation{ID: id}
			}
			return t.page.view.Organisations[i]
		}
		return actions(now().Name,
			func() { o := now(); t.edit(store.Team{ID: o.ID, Name: o.Name, Limits: o.Limits}, false) },
			func() { t.remove(id, false) })
	}, func(i int, r *row) {
		one := v.Organisations[i]
		n := 0
		for _, other := range v.Teams {
			if other.Organisation == one.ID {
				n++
			}
		}
		r.set(form.Visible(one.Name, false), say.N(n, "organisation · %d team", "organisation · %d teams", n), capital(limitWords(one.Limits, false)))
	})
	t.box.Refresh()
}

func (t *teams) organisationName(id string) string {
	for _, o := range t.page.view.Organisations {
		if o.ID == id {
			return o.Name
		}
	}
	return id
}

// remove takes away a team or an organisation with nothing in it, which can be
// taken back for a while.
func (t *teams) remove(id string, team bool) {
	p := t.page
	fail := func(err error) {
		form.SetFailure(t.fail, form.Sentence(err))
		t.box.Refresh()
	}
	var name string
	var remove, back func(ctx context.Context) error
	if team {
		i := slices.IndexFunc(p.view.Teams, func(o store.Team) bool { return o.ID == id })
		if i < 0 {
			return
		}
		was := p.view.Teams[i]
		name, remove = was.Name, func(ctx context.Context) error { return p.o.Engine.RemoveTeam(ctx, id) }
		back = func(ctx context.Context) error { _, err := p.o.Engine.SetTeam(ctx, was); return err }
	} else {
		i := slices.IndexFunc(p.view.Organisations, func(o store.Organisation) bool { return o.ID == id })
		if i < 0 {
			return
		}
		was := p.view.Organisations[i]
		name, remove = was.Name, func(ctx context.Context) error { return p.o.Engine.RemoveOrganisation(ctx, id) }
		back = func(ctx context.Context) error { _, err := p.o.Engine.SetOrganisation(ctx, was); return err }
	}
	p.o.Runner.Run(remove, func(err error) {
		fail(err)
		if err != nil {
			return
		}
		p.undo.Offer(form.Undoable{Words: say.F("Removed “%s”", form.Visible(name, false)), Back: back, Done: func(_ bool, err error) { fail(err) }})
		p.undo.Focus()
	})
}

// noOrganisation is the choice of a team that belongs to none.
var noOrganisation = say.T("No organisation")

// edit shows the form of a team or an organisation; one without an id is new.
func (t *teams) edit(was store.Team, team bool) {
	p := t.page
	name := form.NewField(say.T("Name"), "", "")
	name.SetText(was.Name)
	limits := newLimitsForm(p, false)
	limits.fill(was.Limits)
	body := form.Groups(name.Box)
	nameless := say.T("Give the organisation a name.")
	var organisation *form.Select
	if team {
		nameless = say.T("Give the team a name.")
		if len(p.view.Organisations) > 0 {
			titles := []string{noOrganisation}
			for _, o := range p.view.Organisations {
				titles = append(titles, o.Name)
			}
			organisation = form.NewSelect(say.T("Organisation"), titles, nil)
			organisation.SetSelected(noOrganisation)
			if was.Organisation != "" {
				organisation.SetSelected(t.organisationName(was.Organisation))
			}
			body.Add(form.Labelled(say.T("Organisation"), organisation, ""))
		}
	}
	body.Add(limits.box)
	title, yes := say.F("Edit “%s”", form.Visible(was.Name, false)), say.T("Save")
	if was.ID == "" {
		title, yes = say.T("Add a team"), say.T("Add")
		if !team {
			title = say.T("Add an organisation")
		}
	}
	sheet := form.NewSheet(p.o.Window, title, body)
	sheet.SetSize(640, 680)
	save := form.NewAction(yes, widget.HighImportance, nil)
	save.OnTapped = func() {
		l, ok := limits.read()
		is := store.Team{ID: was.ID, Name: strings.TrimSpace(name.Text()), Limits: l}
		if is.Name == "" {
			name.SetError(nameless)
			ok = false
		}
		if !ok {
			return
		}
		if organisation != nil && organisation.Selected != noOrganisation {
			is.Organisation = organisation.Selected
		}
		save.Disable()
		p.o.Runner.Run(func(ctx context.Context) error {
			var err error
			if team {
				_, err = p.o.Engine.SetTeam(ctx, is)
			} else {
				_, err = p.o.Engine.SetOrganisation(ctx, store.Organisation{ID: is.ID, Name: is.Name, Limits: is.Limits})
			}
			return err
		}, func(err error) {
			save.Enable()
			if err != nil {
				sheet.Fail(form.Sentence(err))
				return
			}
			sheet.Close()
		})
	}
	name.Entry.OnSubmitted = func(string) { save.OnTapped() }
	sheet.SetButtons(form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close), save)
	sheet.SetFocus(name.Entry)
	sheet.Show()
}
