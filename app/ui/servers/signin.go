package servers

import (
	"context"
	"errors"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// signInRow is the part of a card that says how the sign-in at the server stands.
type signInRow struct {
	card *card
	box  *fyne.Container

	in, permit, cancel, out, forget *form.Action
}

func newSignInRow(c *card) *signInRow {
	r := &signInRow{card: c, box: form.Column()}
	engine, run := c.page.o.Engine, func(work func(context.Context) error) { c.page.run(c.id(), work) }
	r.in = form.NewAction(say.T("Sign in"), widget.HighImportance, func() {
		id := c.id()
		run(func(ctx context.Context) error { return quietly(engine.SignIn(ctx, id, nil)) })
	})
	r.permit = form.NewAction(say.T("Permit it and sign in"), widget.MediumImportance, func() {
		if c.view.SignIn == nil {
			return
		}
		id, origin := c.id(), c.view.SignIn.Private
		run(func(ctx context.Context) error {
			if err := engine.PermitOrigin(ctx, id, origin); err != nil {
				return err
			}
			if err := engine.KnowServers(ctx); err != nil {
				return err
			}
			return quietly(engine.SignIn(ctx, id, nil))
		})
	})
	r.cancel = form.NewAction(say.T("Cancel"), widget.MediumImportance, func() { engine.CancelSignIn(c.id()) })
	leave := func(forget bool) func() {
		return func() {
			id, by := c.id(), c.view.SignIn
			end := func() { run(func(ctx context.Context) error { return engine.SignOut(ctx, id, forget) }) }
			if by != nil && by.ByProgram {
				end() // nothing is lost: it signs in again by itself
				return
			}
			c.page.askSignOut(c.view.Server.Name, forget, end)
		}
	}
	r.out = form.Quiet(say.T("Sign out"), theme.LogoutIcon(), leave(false))
	r.forget = form.Quiet(say.T("Forget"), theme.ContentClearIcon(), leave(true))
	r.box.Hide()
	return r
}

// askSignOut asks before a sign-in ends, since nothing brings a token back that the
// service has revoked.
func (p *Page) askSignOut(server string, forget bool, end func()) {
	name := form.Visible(server, false)
	title, yes := say.F("Sign out of %s?", name), say.T("Sign out")
	text := say.T("This cannot be undone: the service is asked to revoke the tokens, and they are deleted here. To use the server again, sign in once more with your browser.")
	if forget {
		title, yes = say.F("Forget the sign-in to %s?", name), say.T("Forget")
		text = say.T("This cannot be undone: the service is asked to revoke the tokens, and they are deleted here, with what Drawbridge is registered as there. To use the server again, sign in once more with your browser.")
	}
	form.Confirm(p.o.Window, title, text, yes, end)
}

// quietly leaves out what the row shows anyway: why a sign-in failed.
func quietly(err error) error {
	if mcphost.SignInSaid(err) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// label tells the buttons of the cards apart.
func (r *signInRow) label(name string) {
	for _, a := range []*form.Action{r.in, r.permit, r.cancel, r.out, r.forget} {
		a.Name = a.Text + " " + name
	}
	r.in.Name, r.cancel.Name, r.out.Name, r.forget.Name = say.F("Sign in to %s", name), say.F("Cancel the sign-in to %s", name), say.F("Sign out of %s", name), say.F("Forget the sign-in to %s", name)
}

// set shows how it stands.
func (r *signInRow) set(s *mcphost.SignIn) {
	r.box.RemoveAll()
	defer func() {
		if len(r.box.Objects) == 0 {
			r.box.Hide()
		} else {
			r.box.Show()
		}
	}()
	if s == nil {
		return
	}
	line := func(o fyne.CanvasObject, buttons ...fyne.CanvasObject) fyne.CanvasObject {
		return container.NewBorder(nil, nil, nil, container.NewCenter(container.NewHBox(buttons...)), o)
	}
	switch {
	case s.Waiting:
		r.box.Add(form.NewToned(line(form.Label(say.T("Finish signing in in your browser. Drawbridge waits for its answer.")), r.cancel), theme.ColorNamePrimary))
		return
	case s.Private != "":
		r.box.Add(form.NewToned(line(form.Label(say.F("The server sends you to %s to sign in. That is on this computer or in a private network; permit it only if you know it.", form.Visible(s.Private, false))), r.permit), theme.ColorNameWarning))
	case s.Needed && len(s.Missing) > 0:
		r.box.Add(form.NewToned(line(form.Label(say.F("The server wants more rights than you have granted: %s.", form.Visible(strings.Join(s.Missing, ", "), false))), r.in), theme.ColorNameWarning))
	case s.Needed:
		r.box.Add(form.NewToned(line(form.Label(say.T("The server asks who you are. Sign in with your browser; or, if it gave you a token, edit the server and add that as a header.")), r.in), theme.ColorNameWarning))
	}
	if s.SignedIn {
		if s.ByProgram {
			r.box.Add(line(form.Muted(signedInWords(s, time.Now())), r.forget))
		} else {
			r.box.Add(line(form.Muted(signedInWords(s, time.Now())), r.out, r.forget))
		}
	}
	if s.Error != "" && s.Private == "" {
		r.box.Add(form.Failure(form.Visible(s.Error, true)))
	}
	if s.Note != "" {
		r.box.Add(form.Muted(form.Visible(s.Note, true)))
	}
}

// signedInWords says who is signed in, where, and how long that holds.
func signedInWords(s *mcphost.SignIn, now time.Time) string {
	account, issuer := form.Visible(s.Account, false), form.Visible(s.Issuer, false)
	words := say.T("Signed in")
	switch {
	case s.ByProgram && account != "" && issuer != "":
		words = say.F("Drawbridge signs in by itself as %s at %s", account, issuer)
	case s.ByProgram && account != "":
		words = say.F("Drawbridge signs in by itself as %s", account)
	case s.ByProgram && issuer != "":
		words = say.F("Drawbridge signs in by itself at %s", issuer)
	case s.ByProgram:
		words = say.T("Drawbridge signs in by itself")
	case account != "" && issuer != "":
		words = say.F("Signed in as %s at %s", account, issuer)
	case account != "":
		words = say.F("Signed in as %s", account)
	case issuer != "":
		words = say.F("Signed in at %s", issuer)
	}
	switch {
	case s.Renews:
		words += " · " + say.T("renews itself")
	case s.Expires.IsZero():
	case s.Expires.Before(now):
		words += " · " + say.T("expired")
	default:
		words += " · " + say.F("until %s", say.Date(s.Expires.Local(), "2 Jan 15:04"))
	}
	return words
}
