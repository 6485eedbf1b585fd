package settings

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/store"
)

// secrets is the section about where keys and tokens live.
type secrets struct {
	Box   *fyne.Container
	panel *secretsPanel
}

func newSecrets(o Options, changed func()) *secrets {
	s := &secrets{panel: newSecretsPanel(o, changed)}
	s.Box = section("Keys and tokens", "", s.panel.Box)
	return s
}

func (s *secrets) load() { s.panel.load() }

// secretsPanel shows where secrets live, and lets the person choose where there
// is no keychain, or unlock what is locked.
type secretsPanel struct {
	Box     *fyne.Container
	o       Options
	changed func()
	busy    *form.Busy
	fail    *widget.Label
	body    *fyne.Container
	pass    *form.Field
	again   *form.Field
}

func newSecretsPanel(o Options, changed func()) *secretsPanel {
	s := &secretsPanel{o: o, changed: changed, busy: form.NewBusy(), fail: form.Failure(""), body: form.Column()}
	s.body.Add(form.Muted("Looking for the keychain…"))
	s.Box = form.Column(s.body, s.fail, s.busy.Box)
	return s
}

// load asks where secrets live.
func (s *secretsPanel) load() {
	var state store.SecretState
	s.o.Runner.Run(func(ctx context.Context) error {
		state = s.o.Engine.SecretState(ctx)
		return nil
	}, func(error) { s.show(state) })
}

func (s *secretsPanel) show(state store.SecretState) {
	s.body.RemoveAll()
	switch state.Place {
	case store.SecretsKeychain:
		if state.Locked {
			s.body.Add(line(form.Label("The keychain of this computer is locked. Its own dialog asks for the password."),
				form.NewAction("Unlock", widget.HighImportance, func() {
					s.run("Waiting for the keychain's dialog…", s.o.Engine.UnlockSecrets)
				})))
			break
		}
		s.body.Add(form.Label("They are in the keychain of this computer. The files of Drawbridge hold only their names."))
	case store.SecretsMemory:
		s.body.Add(form.Label("They are kept in memory, for this run only. After the next start, type them again."))
		s.body.Add(form.Muted(state.Reason))
		s.passphrase("Keep them in a sealed file instead", true)
	case store.SecretsPassphrase:
		if state.Locked {
			s.passphrase("The file with your keys is sealed. Type its passphrase.", false)
			break
		}
		s.body.Add(form.Label("They are in a file that your passphrase seals. Drawbridge asks for it once after each start."))
	default:
		s.body.Add(form.NewToned(form.Label("This computer offers no keychain, so keys and tokens cannot be kept yet. "+form.Visible(state.Reason, true)), theme.ColorNameWarning))
		s.body.Add(line(form.Label("Keep them in memory: nothing is written, and you type them again after each start."),
			form.Button("For this run only", func() {
				s.run("Saving…", func(context.Context) error { s.o.Engine.UseMemorySecrets(); return nil })
			})))
		s.body.Add(widget.NewSeparator())
		s.passphrase("Keep them in a file that a passphrase seals: you type the passphrase once after each start. If you forget it, they are lost.", true)
	}
	s.body.Refresh()
	s.Box.Refresh()
}

// passphrase shows the fields; a new passphrase is typed twice.
func (s *secretsPanel) passphrase(why string, twice bool) {
	s.pass = form.NewFieldOf(form.NewSecretEntry("Passphrase", ""), "")
	s.again = form.NewFieldOf(form.NewSecretEntry("Passphrase again", ""), "")
	s.body.Add(form.Label(why))
	s.body.Add(s.pass.Box)
	words := "Unlock"
	if twice {
		s.body.Add(s.again.Box)
		words = "Use this passphrase"
	}
	use := func() {
		s.pass.SetError("")
		s.again.SetError("")
		switch {
		case s.pass.Text() == "":
			s.pass.SetError("Type a passphrase.")
			return
		case twice && s.pass.Text() != s.again.Text():
			s.again.SetError("The two are not the same.")
			return
		}
		secret := store.NewSecret(s.pass.Text())
		s.run("Opening the file…", func(ctx context.Context) error { return s.o.Engine.UsePassphrase(ctx, secret) })
	}
	s.pass.Entry.OnSubmitted = func(string) { use() }
	s.again.Entry.OnSubmitted = func(string) { use() }
	s.body.Add(container.NewHBox(form.Button(words, use)))
}

func (s *secretsPanel) run(words string, work func(context.Context) error) {
	form.SetFailure(s.fail, "")
	s.o.Runner.RunBusy(s.busy, words, work, func(err error) {
		if err != nil {
			form.SetFailure(s.fail, form.Sentence(err))
			s.Box.Refresh()
			return
		}
		s.load()
		s.changed()
	})
}
