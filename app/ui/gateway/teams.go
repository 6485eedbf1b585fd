package gateway

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/store"
)

// teams lists teams and organisations.
type teams struct {
	box           *fyne.Container
	page          *Page
	organisations *rows
	teams         *rows
	fail          *widget.Label
}

func newTeams(p *Page) *teams {
	t := &teams{page: p, fail: form.Failure("")}
	t.teams = newRows("No team. Keys need none; a team bounds several keys at once.")
	t.organisations = newRows("No organisation. It bounds several teams at once.")
	t.box = section("Teams and organisations", "What bounds a team bounds each of its keys, and what bounds an organisation each of its teams.",
		form.Column(t.fail, t.teams.box, widget.NewSeparator(), t.organisations.box),
		form.Quiet("Add team", theme.ContentAddIcon(), func() { t.edit(store.Team{}, true) }),
		form.Quiet("Add organisation", theme.ContentAddIcon(), func() { t.edit(store.Team{}, false) }))
	return t
}

func (t *teams) show() {
	v := t.page.view
	actions := func(name string, edit, remove func()) *row {
		name = form.Visible(name, false)
		e := form.Quiet("Edit", theme.DocumentCreateIcon(), edit)
		r := form.Quiet("Remove", theme.DeleteIcon(), remove)
		e.Name, r.Name = "Edit "+name, "Remove "+name
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
		return actions(now().Name, func() { t.edit(now(), true) }, func() { t.remove(now().Name, id, true) })
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
			words = "Of " + form.Visible(o, false) + " · " + strings.ToLower(words[:1]) + words[1:]
		}
		r.set(form.Visible(one.Name, false), count(n, "key"), words)
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
			func() { t.remove(now().Name, id, false) })
	}, func(i int, r *row) {
		one := v.Organisations[i]
		n := 0
		for _, other := range v.Teams {
			if other.Organisation == one.ID {
				n++
			}
		}
		r.set(form.Visible(one.Name, false), "organisation · "+count(n, "team"), limitWords(one.Limits, false))
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

func (t *teams) remove(name, id string, team bool) {
	what, text := "organisation", "Its teams have to be moved or removed first."
	if team {
		what, text = "team", "Its keys have to be revoked first."
	}
	form.Confirm(t.page.o.Window, "Remove the "+what+" “"+form.Visible(name, false)+"”?", text, "Remove", func() {
		t.page.o.Runner.Run(func(ctx context.Context) error {
			if team {
				return t.page.o.Engine.RemoveTeam(ctx, id)
			}
			return t.page.o.Engine.RemoveOrganisation(ctx, id)
		}, func(err error) {
			form.SetFailure(t.fail, form.Sentence(err))
			t.box.Refresh()
		})
	})
}

// noOrganisation is the choice of a team that belongs to none.
const noOrganisation = "No organisation"

// edit shows the form of a team or an organisation; one without an id is new.
func (t *teams) edit(was store.Team, team bool) {
	p := t.page
	name := form.NewField("Name", "", "")
	name.SetText(was.Name)
	limits := newLimitsForm(p, false)
	limits.fill(was.Limits)
	body := form.Groups(name.Box)
	what := "organisation"
	var organisation *form.Select
	if team {
		what = "team"
		if len(p.view.Organisations) > 0 {
			titles := []string{noOrganisation}
			for _, o := range p.view.Organisations {
				titles = append(titles, o.Name)
			}
			organisation = form.NewSelect("Organisation", titles, nil)
			organisation.SetSelected(noOrganisation)
			if was.Organisation != "" {
				organisation.SetSelected(t.organisationName(was.Organisation))
			}
			body.Add(form.Labelled("Organisation", organisation, ""))
		}
	}
	body.Add(limits.box)
	title, yes := "Edit “"+form.Visible(was.Name, false)+"”", "Save"
	if was.ID == "" {
		title, yes = "Add a team", "Add"
		if !team {
			title = "Add an organisation"
		}
	}
	sheet := form.NewSheet(p.o.Window, title, body)
	sheet.SetSize(640, 680)
	save := form.NewAction(yes, widget.HighImportance, nil)
	save.OnTapped = func() {
		l, ok := limits.read()
		is := store.Team{ID: was.ID, Name: strings.TrimSpace(name.Text()), Limits: l}
		if is.Name == "" {
			name.SetError("Give the " + what + " a name.")
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
	sheet.SetButtons(form.NewAction("Cancel", widget.MediumImportance, sheet.Close), save)
	sheet.SetFocus(name.Entry)
	sheet.Show()
}
