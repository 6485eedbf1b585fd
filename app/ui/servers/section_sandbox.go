package servers

import (
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// sandboxSection says whether a program runs in a sandbox, and what it may do
// there.
type sandboxSection struct {
	box, inside           *fyne.Container
	on, network, optional *form.Switch
	reads, writes         *form.Field
}

// The switches, as the window names them.
var (
	sandboxOn       = say.T("Run it in a sandbox")
	sandboxNetwork  = say.T("It may use the network")
	sandboxOptional = say.T("Start it without a sandbox where there is none")
)

func newSandboxSection(w fyne.Window) *sandboxSection {
	s := &sandboxSection{}
	s.on = form.NewSwitch(sandboxOn, func(on bool) {
		if on && s.untouched() {
			s.network.Set(true)
		}
		s.follow(on)
		form.Relayout(s.box)
	})
	s.network = form.NewSwitch(sandboxNetwork, nil)
	s.optional = form.NewSwitch(sandboxOptional, nil)
	folders := func(name, help string) (*form.Field, fyne.CanvasObject) {
		f := form.NewFieldOf(form.NewLines(name, "/home/you/projects", 2), help)
		choose := form.Button(say.T("Choose…"), func() { choosePath(w, setup.Field{Kind: setup.KindFolder, Multiple: true}, f) })
		choose.Name = say.F("Choose a folder: %s", name)
		return f, beside(f.Box, choose)
	}
	var read, write fyne.CanvasObject
	s.reads, read = folders(say.T("Folders it may read"), say.T("Full paths, one a line; ~/ is your home."))
	s.writes, write = folders(say.T("Folders it may read and write"), say.T("Its working folder and the folders it may know of are among them anyway."))
	networkRow := form.SwitchRow(s.network, sandboxNetwork, say.T("What npx and uvx fetch needs it, at least the first time."))
	optionalRow := form.SwitchRow(s.optional, sandboxOptional, say.T("Otherwise it does not start on such a system."))
	s.inside = form.Column(networkRow, read, write, optionalRow)
	s.box = form.Column(form.SwitchRow(s.on, sandboxOn,
		say.T("It has a home of its own and sees the system's folders, but no files of yours except those that you permit. The card says what holds.")), s.inside)
	s.follow(false)
	return s
}

// untouched reports whether nothing was entered.
func (s *sandboxSection) untouched() bool {
	return !s.network.Checked && !s.optional.Checked && s.reads.Text() == "" && s.writes.Text() == ""
}

func (s *sandboxSection) follow(on bool) {
	if on {
		s.inside.Show()
	} else {
		s.inside.Hide()
	}
}

func (s *sandboxSection) object() fyne.CanvasObject { return s.box }

func (s *sandboxSection) fill(c store.ServerConfig, _ string) bool {
	var is store.Sandbox
	if c.Sandbox != nil {
		is = *c.Sandbox
	}
	s.on.Set(c.Sandbox != nil)
	s.network.Set(is.Network)
	s.optional.Set(is.Optional)
	s.reads.SetText(strings.Join(is.Read, "\n"))
	s.writes.SetText(strings.Join(is.Write, "\n"))
	s.follow(c.Sandbox != nil)
	return c.Sandbox != nil
}

func (s *sandboxSection) read(d *setup.Draft) bool {
	reads, ok := paths(s.reads)
	writes, also := paths(s.writes)
	if !s.on.Checked {
		d.Config.Sandbox = nil
		return true
	}
	d.Config.Sandbox = &store.Sandbox{Network: s.network.Checked, Read: reads, Write: writes, Optional: s.optional.Checked}
	return ok && also
}

// paths reads a field with one path a line; false says that one is none.
func paths(f *form.Field) ([]string, bool) {
	f.SetError("")
	list := linesOf(f.Text())
	for _, p := range list {
		if !filepath.IsAbs(p) && !strings.HasPrefix(p, "~/") {
			f.SetError(say.F("%s is no full path. Type the whole path of the folder, from its beginning.", form.Visible(p, false)))
			return nil, false
		}
	}
	return list, true
}
