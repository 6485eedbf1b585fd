// Package autostart has the desktop start a program when the person logs in, the
// way that the desktop provides for it: an entry in the XDG autostart folder, a
// LaunchAgent of macOS, or the Run key of Windows. The person finds it there, and
// can remove it there, too.
//
// It starts nothing itself and needs no rights beyond those of the person.
//
//	a := autostart.New(autostart.Options{ID: "app.drawbridge.Drawbridge", Name: "Drawbridge", Program: program, Args: []string{"--tray"}})
//	err := a.Set(true)
//	on, err := a.On()
package autostart

import (
	"errors"
	"path/filepath"
	"strings"
)

// Options says what is started. ID is the name of the program for the desktop,
// in the form of a reversed domain; Program is its full path.
type Options struct {
	ID, Name string
	Program  string
	Args     []string
}

// Autostart is the entry of one program. Its methods may be called from any
// goroutine; they read and write files, or the registry.
type Autostart struct{ o Options }

// New returns the entry, which need not be there. It looks at nothing.
func New(o Options) *Autostart { return &Autostart{o} }

// On reports whether the desktop starts the program at the next login. An entry
// that was switched off by the desktop's own means counts as off.
func (a *Autostart) On() (bool, error) { return a.on() }

// Set writes the entry, or removes it. To remove what is not there is no error.
func (a *Autostart) Set(on bool) error {
	if !on {
		return a.remove()
	}
	if a.o.ID == "" || strings.ContainsAny(a.o.ID, `/\`) || !filepath.IsAbs(a.o.Program) {
		return errors.New("it is not known which program to start; start Drawbridge from where it is installed, then try again")
	}
	for _, s := range append([]string{a.o.Program, a.o.Name}, a.o.Args...) {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("the path of the program has control characters, which no autostart entry can hold; install Drawbridge elsewhere, then try again")
		}
	}
	return a.write()
}
