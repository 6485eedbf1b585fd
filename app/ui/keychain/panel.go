// Package keychain is the part of the window that says where secrets live, lets
// the person choose where there is no keychain, and unlocks what is locked. It
// stands in the settings, and wherever a secret could not be kept.
//
// It sees no secret but a passphrase that is typed into it, which it hands to
// the engine. Everything here belongs to the goroutine of the window.
//
//	panel := keychain.NewPanel(engine, runner, func() { /* another place now */ })
//	panel.Load()
package keychain

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// Engine is what the panel needs of package bridge.
type Engine interface {
	SecretState(ctx context.Context) store.SecretState
	UnlockSecrets(ctx context.Context) error
	UseMemorySecrets()
	UsePassphrase(ctx context.Context, passphrase store.Secret) error
}

// Missing reports whether an error says that there is no place for secrets, or
// that it is locked, so that the panel helps.
func Missing(err error) bool {
	return errors.Is(err, store.ErrNoKeychain) || errors.Is(err, store.ErrLocked)
}

// Ask shows the panel in a sheet whose work failed with an error that Missing
// knows. Once there is a place for secrets, again is called; back returns to
// what was shown before.
func Ask(sheet *form.Sheet, engine Engine, runner form.Runner, back, again func()) {
	panel := NewPanel(engine, runner, again)
	sheet.SetContent(say.T("Where should the secrets go?"), form.Groups(
		form.Muted(say.T("Nothing was kept yet, and what you typed is not lost.")), form.NewCard(panel.Box)))
	sheet.SetButtons(form.Button(say.T("Back"), back), form.Button(say.T("Try again"), again))
	panel.Load()
}

// because makes a sentence of the reason that the engine gives.
func because(state store.SecretState) string {
	if state.Reason == "" {
		return ""
	}
	return form.Sentence(errors.New(state.Reason))
}

// Panel shows where secrets live, and lets the person choose where there
// is no keychain, or unlock what is locked.
type Panel struct {
	Box     *fyne.Container
	engine  Engine
	runner  form.Runner
	changed func()
	busy    *form.Busy
	fail    *form.Words
	body    *fyne.Container
	pass    *form.Field
	again   *form.Field
}

// NewPanel returns a panel that has not looked yet. changed is called after the
// person chose another place, or unlocked it.
func NewPanel(engine Engine, runner form.Runner, changed func()) *Panel {
	s := &Panel{engine: engine, runner: runner, changed: changed, busy: form.NewBusy(), fail: form.Failure(""), body: form.Column()}
	s.body.Add(form.Muted(say.T("Looking for the keychain…")))
	s.Box = form.Column(s.body, s.fail, s.busy.Box)
	return s
}

// Load asks where secrets live.
func (s *Panel) Load() {
	var state store.SecretState
	s.runner.Run(func(ctx context.Context) error {
		state = s.engine.SecretState(ctx)
		return nil
	}, func(error) { s.show(state) })
}

func (s *Panel) show(state store.SecretState) {
	s.body.RemoveAll()
	switch state.Place {
	case store.SecretsKeychain:
		if state.Locked {
			s.body.Add(line(form.Label(say.T("The keychain of this computer is locked. Its own dialog asks for the password.")),
				form.NewAction(say.T("Unlock"), widget.HighImportance, func() {
					s.run(say.T("Waiting for the keychain's dialog…"), s.engine.UnlockSecrets)
				})))
			break
		}
		s.body.Add(form.Label(say.T("They are in the keychain of this computer. The files of Drawbridge hold only their names.")))
	case store.SecretsMemory:
		s.body.Add(form.Label(say.T("They are kept in memory, for this run only. After the next start, type them again.")))
		if reason := because(state); reason != "" {
			s.body.Add(form.Muted(reason))
		}
		s.passphrase(say.T("Keep them in a sealed file instead"), true)
	case store.SecretsPassphrase:
		if state.Locked {
			s.passphrase(say.T("The file with your keys is sealed. Type its passphrase."), false)
			break
		}
		s.body.Add(form.Label(say.T("They are in a file that your passphrase seals. Drawbridge asks for it once after each start.")))
	default:
		s.body.Add(form.NewToned(form.Label(say.T("This computer offers no keychain, so keys and tokens cannot be kept yet.")+" "+because(state)), theme.ColorNameWarning))
		s.body.Add(line(form.Label(say.T("Keep them in memory: nothing is written, and you type them again after each start.")),
			form.Button(say.T("For this run only"), func() {
				s.run(say.T("Saving…"), func(context.Context) error { s.engine.UseMemorySecrets(); return nil })
			})))
		s.body.Add(widget.NewSeparator())
		s.passphrase(say.T("Keep them in a file that a passphrase seals: you type the passphrase once after each start. If you forget it, they are lost."), true)
	}
	s.body.Refresh()
	form.Relayout(s.Box)
}

// passphrase shows the fields; a new passphrase is typed twice.
func (s *Panel) passphrase(why string, twice bool) {
	s.pass = form.NewFieldOf(form.NewSecretEntry(say.T("Passphrase"), ""), "")
	s.again = form.NewFieldOf(form.NewSecretEntry(say.T("Passphrase again"), ""), "")
	s.body.Add(form.Label(why))
	s.body.Add(s.pass.Box)
	words := say.T("Unlock")
	if twice {
		s.body.Add(s.again.Box)
		words = say.T("Use this passphrase")
	}
	use := func() {
		s.pass.SetError("")
		s.again.SetError("")
		switch {
		case s.pass.Text() == "":
			s.pass.SetError(say.T("Type a passphrase."))
			return
		case twice && s.pass.Text() != s.again.Text():
			s.again.SetError(say.T("The two are not the same."))
			return
		}
		secret := store.NewSecret(s.pass.Text())
		s.run(say.T("Opening the file…"), func(ctx context.Context) error { return s.engine.UsePassphrase(ctx, secret) })
	}
	s.pass.Entry.OnSubmitted = func(string) { use() }
	s.again.Entry.OnSubmitted = func(string) { use() }
	s.body.Add(container.NewHBox(form.Button(words, use)))
}

func (s *Panel) run(words string, work func(context.Context) error) {
	form.SetFailure(s.fail, "")
	s.runner.RunBusy(s.busy, words, work, func(err error) {
		if err != nil {
			form.SetFailure(s.fail, form.Sentence(err))
			form.Relayout(s.Box)
			return
		}
		s.Load()
		s.changed()
	})
}

// line is words with a button at their end.
func line(words, button fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, nil, nil, container.NewCenter(button), words)
}
