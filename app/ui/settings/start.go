package settings

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// start is how the program is begun and driven: the start at login, and the
// shortcuts.
type start struct {
	Box    *fyne.Container
	o      Options
	login  *form.Check
	fail   *form.Words
	filled bool
}

func newStart(o Options) *start {
	s := &start{o: o, fail: form.Failure("")}
	content := form.Column()
	if o.Autostart != nil {
		s.login = form.NewCheck(say.T("Start at login, in the tray"), s.set)
		content.Add(s.login)
		content.Add(s.fail)
	}
	shortcuts := form.Button(say.T("Show all shortcuts"), o.Shortcuts)
	if o.Shortcuts == nil {
		shortcuts.Disable()
	}
	content.Add(container.NewBorder(nil, nil, nil, container.NewCenter(shortcuts), form.Label(say.T("Everything can be done by keyboard. Ctrl+K finds commands, Ctrl+/ lists the shortcuts."))))
	s.Box = section(say.T("Start and shortcuts"), "", content)
	return s
}

func (s *start) load() {
	if s.login == nil {
		return
	}
	on := false
	s.o.Runner.Run(func(context.Context) (err error) {
		on, err = s.o.Autostart.On()
		return err
	}, func(err error) {
		form.SetFailure(s.fail, form.Sentence(err))
		s.filled = true
		s.login.SetChecked(on)
		s.filled = false
	})
}

func (s *start) set(on bool) {
	if s.filled {
		return
	}
	s.o.Runner.Run(func(context.Context) error { return s.o.Autostart.Set(on) }, func(err error) {
		if err == nil {
			s.load()
			return
		}
		s.filled = true
		s.login.SetChecked(!on)
		s.filled = false
		form.SetFailure(s.fail, form.Sentence(err))
	})
}
