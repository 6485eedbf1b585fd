package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/store"
)

// keys lists the keys, and makes and revokes them.
type keys struct {
	box  *fyne.Container
	page *Page
	held *rows
	gone *rows
	past *form.Fold
	fail *widget.Label
}

func newKeys(p *Page) *keys {
	k := &keys{page: p, fail: form.Failure("")}
	k.held = newRows("No key yet, so nobody is let in. “Connect an app” makes one with all that the app needs; “Add key” makes one alone.")
	k.gone = newRows("")
	k.past = form.NewFold("Revoked", k.gone.box)
	k.past.Box.Hide()
	add := form.Quiet("Add key", theme.ContentAddIcon(), k.add)
	k.box = section("Keys", "Each app shows a key, and its limits hold beside your rules. Of a key only a hash is kept.",
		form.Column(k.fail, k.held.box, k.past.Box), add)
	return k
}

func (k *keys) show() {
	var held, gone []store.Key
	for _, one := range k.page.view.Keys {
		if one.RevokedAt.IsZero() {
			held = append(held, one)
		} else {
			gone = append(gone, one)
		}
	}
	slices.Reverse(held) // the newest first
	slices.Reverse(gone)
	now := k.page.o.Now()
	fill := func(list []store.Key) func(int, *row) {
		return func(i int, r *row) {
			one := list[i]
			state := "never used"
			switch {
			case !one.RevokedAt.IsZero():
				state = "revoked " + ago(now, one.RevokedAt)
			case !one.UsedAt.IsZero():
				state = "used " + ago(now, one.UsedAt)
			}
			if e := one.Limits.Expires; !e.IsZero() && one.RevokedAt.IsZero() {
				state += " · " + until(now, e)
			}
			words := limitWords(one.Limits, true)
			if t := k.page.teamName(one.Team); t != "" {
				words = "Team " + form.Visible(t, false) + " · " + strings.ToLower(words[:1]) + words[1:]
			}
			r.set(form.Visible(one.Name, false), state, words)
		}
	}
	k.held.set(ids(held), func(id string) *row {
		one := held[slices.IndexFunc(held, func(o store.Key) bool { return o.ID == id })]
		revoke := form.Quiet("Revoke", theme.DeleteIcon(), func() { k.revoke(one) })
		revoke.Name = "Revoke " + form.Visible(one.Name, false)
		return newRow(revoke)
	}, fill(held))
	k.gone.set(ids(gone), func(string) *row { return newRow() }, fill(gone))
	show(k.past.Box, len(gone) > 0)
	k.box.Refresh()
}

func ids(list []store.Key) []string {
	out := make([]string, len(list))
	for i, k := range list {
		out[i] = k.ID
	}
	return out
}

// teamName returns what a team is called.
func (p *Page) teamName(id string) string {
	for _, t := range p.view.Teams {
		if t.ID == id {
			return t.Name
		}
	}
	return id
}

func (k *keys) revoke(one store.Key) {
	name := form.Visible(one.Name, false)
	form.Confirm(k.page.o.Window, "Revoke “"+name+"”?",
		"The app that shows this key is refused from now on, also in what runs. It cannot be taken back; the app would need a new key.",
		"Revoke", func() {
			k.page.o.Runner.Run(func(ctx context.Context) error { return k.page.o.Engine.RevokeKey(ctx, one.ID) }, func(err error) {
				form.SetFailure(k.fail, form.Sentence(err))
				k.box.Refresh()
			})
		})
}

// noTeam is the choice of a key that belongs to none.
const noTeam = "No team"

// teamChoice is a choice of a team; nil where there is none.
func (p *Page) teamChoice() *form.Select {
	if len(p.view.Teams) == 0 {
		return nil
	}
	titles := []string{noTeam}
	for _, t := range p.view.Teams {
		titles = append(titles, t.Name)
	}
	s := form.NewSelect("Team", titles, nil)
	s.SetSelected(noTeam)
	return s
}

func chosenTeam(s *form.Select) string {
	if s == nil || s.Selected == noTeam {
		return ""
	}
	return s.Selected
}

// add shows the form of a new key.
func (k *keys) add() {
	p := k.page
	name := form.NewField("Name", "my editor", "What it is called here, in questions and in the audit.")
	limits := newLimitsForm(p, true)
	body := form.Groups(name.Box)
	team := p.teamChoice()
	if team != nil {
		body.Add(form.Labelled("Team", team, "What bounds the team bounds the key, too."))
	}
	body.Add(limits.box)
	sheet := form.NewSheet(p.o.Window, "Add a key", body)
	sheet.SetSize(640, 680)
	create := form.NewAction("Make key", widget.HighImportance, nil)
	create.OnTapped = func() {
		l, ok := limits.read()
		if strings.TrimSpace(name.Text()) == "" {
			name.SetError("Give it a name, for example my editor.")
			ok = false
		}
		if !ok {
			return
		}
		create.Disable()
		var made store.Key
		var value store.Secret
		p.o.Runner.Run(func(ctx context.Context) (err error) {
			made, value, err = p.o.Engine.AddKey(ctx, strings.TrimSpace(name.Text()), chosenTeam(team), l)
			return err
		}, func(err error) {
			create.Enable()
			if err != nil {
				sheet.Fail(form.Sentence(err))
				return
			}
			sheet.Close()
			p.once(made, value)
		})
	}
	name.Entry.OnSubmitted = func(string) { create.OnTapped() }
	sheet.SetButtons(form.NewAction("Cancel", widget.MediumImportance, sheet.Close), create)
	sheet.SetFocus(name.Entry)
	sheet.Show()
}

// once shows the value of a key, which is shown this once.
func (p *Page) once(made store.Key, value store.Secret) {
	text := "Switch the gateway on, then an app reaches it at the address that stands there."
	if p.view.Address != "" {
		text = "The app finds the gateway at " + p.view.Address
		if made.Limits.Models != nil {
			text += ", and models at " + strings.TrimSuffix(p.view.Address, "/mcp") + "/v1"
		}
		text += "."
	}
	sheet := form.NewSheet(p.o.Window, fmt.Sprintf("The key “%s”", form.Visible(made.Name, false)), form.Column(
		form.Label("Give it to the app now: it is shown this once, and only a hash of it is kept."),
		form.NewCode(form.Lines(value.Reveal()), 48),
		form.Muted("The app sends it as Authorization: Bearer KEY, or as the header x-drawbridge-key. "+text)))
	sheet.SetSize(620, 320)
	done := form.NewAction("Done", widget.MediumImportance, sheet.Close)
	copies := form.NewAction("Copy key", widget.HighImportance, nil)
	copies.OnTapped = func() {
		p.o.Clipboard.SetContent(value.Reveal())
		copies.SetText("Copied")
	}
	sheet.SetButtons(done, copies)
	sheet.SetFocus(copies)
	sheet.Show()
}
