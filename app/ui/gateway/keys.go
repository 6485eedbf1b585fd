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

// keys lists the keys, and makes and revokes them.
type keys struct {
	box  *fyne.Container
	page *Page
	held *rows
	gone *rows
	past *form.Fold
	fail *form.Words
}

func newKeys(p *Page) *keys {
	k := &keys{page: p, fail: form.Failure("")}
	k.held = newRows(say.T("No key yet, so nobody is let in. “Connect an app” makes one with all that the app needs; “Add key” makes one alone."))
	k.gone = newRows("")
	k.past = form.NewFold(say.T("Revoked"), k.gone.box)
	k.past.Box.Hide()
	add := form.Quiet(say.T("Add key"), theme.ContentAddIcon(), k.add)
	k.box = section(say.T("Keys"), say.T("Each app shows a key, and its limits hold beside your rules. Of a key only a hash is kept."),
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
			state := say.T("never used")
			switch {
			case !one.RevokedAt.IsZero():
				state = say.F("revoked %s", ago(now, one.RevokedAt))
			case !one.UsedAt.IsZero():
				state = say.F("used %s", ago(now, one.UsedAt))
			}
			if e := one.Limits.Expires; !e.IsZero() && one.RevokedAt.IsZero() {
				state += " · " + until(now, e)
			}
			words := limitWords(one.Limits, true)
			if t := k.page.teamName(one.Team); t != "" {
				words = say.F("Team %s", form.Visible(t, false)) + " · " + words
			}
			r.set(form.Visible(one.Name, false), state, capital(words))
		}
	}
	k.held.set(ids(held), func(id string) *row {
		one := held[slices.IndexFunc(held, func(o store.Key) bool { return o.ID == id })]
		revoke := form.Quiet(say.T("Revoke"), theme.DeleteIcon(), func() { k.revoke(one) })
		revoke.Name = say.F("Revoke %s", form.Visible(one.Name, false))
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

// revoke ends a key at once; for a while that can be taken back.
func (k *keys) revoke(one store.Key) {
	p := k.page
	fail := func(err error) {
		form.SetFailure(k.fail, form.Sentence(err))
		k.box.Refresh()
	}
	p.o.Runner.Run(func(ctx context.Context) error { return p.o.Engine.RevokeKey(ctx, one.ID) }, func(err error) {
		fail(err)
		if err != nil {
			return
		}
		p.undo.Offer(form.Undoable{
			Words: say.F("Revoked “%s”: the app that shows this key is refused from now on, also in what runs", form.Visible(one.Name, false)),
			Back:  func(ctx context.Context) error { return p.o.Engine.RestoreKey(ctx, one.ID) },
			Done:  func(_ bool, err error) { fail(err) },
		})
		p.undo.Focus()
	})
}

// noTeam is the choice of a key that belongs to none.
var noTeam = say.T("No team")

// teamChoice is a choice of a team; nil where there is none.
func (p *Page) teamChoice() *form.Select {
	if len(p.view.Teams) == 0 {
		return nil
	}
	titles := []string{noTeam}
	for _, t := range p.view.Teams {
		titles = append(titles, t.Name)
	}
	s := form.NewSelect(say.T("Team"), titles, nil)
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
	name := form.NewField(say.T("Name"), say.T("my editor"), say.T("What it is called here, in questions and in the audit."))
	limits := newLimitsForm(p, true)
	body := form.Groups(name.Box)
	team := p.teamChoice()
	if team != nil {
		body.Add(form.Labelled(say.T("Team"), team, say.T("What bounds the team bounds the key, too.")))
	}
	body.Add(limits.box)
	sheet := form.NewSheet(p.o.Window, say.T("Add a key"), body)
	sheet.SetSize(640, 680)
	create := form.NewAction(say.T("Make key"), widget.HighImportance, nil)
	create.OnTapped = func() {
		l, ok := limits.read()
		if strings.TrimSpace(name.Text()) == "" {
			name.SetError(say.T("Give it a name, for example my editor."))
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
	sheet.SetButtons(form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close), create)
	sheet.SetFocus(name.Entry)
	sheet.Show()
}

// once shows the value of a key, which is shown this once.
func (p *Page) once(made store.Key, value store.Secret) {
	text := say.T("Switch the gateway on, then an app reaches it at the address that stands there.")
	if p.view.Address != "" {
		text = say.F("The app finds the gateway at %s.", p.view.Address)
		if made.Limits.Models != nil {
			text = say.F("The app finds the gateway at %s, and models at %s.", p.view.Address, strings.TrimSuffix(p.view.Address, "/mcp")+"/v1")
		}
	}
	sheet := form.NewSheet(p.o.Window, say.F("The key “%s”", form.Visible(made.Name, false)), form.Column(
		form.Label(say.T("Give it to the app now: it is shown this once, and only a hash of it is kept.")),
		form.NewCode(form.Lines(value.Reveal()), 48),
		form.Muted(say.T("The app sends it as Authorization: Bearer KEY, or as the header x-drawbridge-key.")+" "+text)))
	sheet.SetSize(620, 320)
	done := form.NewAction(say.T("Done"), widget.MediumImportance, sheet.Close)
	copies := form.NewAction(say.T("Copy key"), widget.HighImportance, nil)
	copies.OnTapped = func() {
		p.o.Clipboard.SetContent(value.Reveal())
		copies.SetText(say.T("Copied"))
	}
	sheet.SetButtons(done, copies)
	sheet.SetFocus(copies)
	sheet.Show()
}
