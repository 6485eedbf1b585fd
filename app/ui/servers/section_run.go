package servers

import (
	"path/filepath"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// runSection says when a server runs, and how its calls do.
type runSection struct {
	box      *fyne.Container
	onDemand *form.Switch
	minutes  *form.Field
	serial   *form.Switch
}

func newRunSection(t store.Transport) *runSection {
	s := &runSection{}
	s.minutes = form.NewField(say.T("Minutes without a call until it stops"), strconv.Itoa(store.IdleMinutesDefault), "")
	var title = say.T("Start it when it is needed")
	s.onDemand = form.NewSwitch(title, func(on bool) { s.follow(on); form.Relayout(s.box) })
	help := say.T("It starts at the first call of one of its tools. Which tools it has is remembered from the last time.")
	if t.OverHTTP() {
		help = say.T("Drawbridge connects at the first call of one of its tools. Which tools it has is remembered from the last time.")
	}
	var one = say.T("One call at a time")
	s.serial = form.NewSwitch(one, nil)
	s.box = form.Column(form.SwitchRow(s.onDemand, title, help), s.minutes.Box,
		form.SwitchRow(s.serial, one, say.T("When a model calls several of its tools at once, they run one after the other.")))
	s.follow(false)
	return s
}

func (s *runSection) follow(on bool) {
	if on {
		s.minutes.Box.Show()
	} else {
		s.minutes.Box.Hide()
	}
}

func (s *runSection) object() fyne.CanvasObject { return s.box }

func (s *runSection) fill(c store.ServerConfig, _ string) bool {
	s.onDemand.Set(c.OnDemand)
	s.serial.Set(c.Serial)
	s.minutes.SetText("")
	if c.IdleMinutes > 0 {
		s.minutes.SetText(strconv.Itoa(c.IdleMinutes))
	}
	s.follow(c.OnDemand)
	return c.OnDemand || c.Serial
}

func (s *runSection) read(d *setup.Draft) bool {
	d.Config.OnDemand, d.Config.Serial = s.onDemand.Checked, s.serial.Checked
	s.minutes.SetError("")
	text := strings.TrimSpace(s.minutes.Text())
	if !s.onDemand.Checked || text == "" {
		d.Config.IdleMinutes = 0
		return true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 7*24*60 {
		s.minutes.SetError(say.T("Type a whole number of minutes, from 1 to 10080 (a week)."))
		return false
	}
	d.Config.IdleMinutes = n
	return true
}

// transportSection says which transport a server at an address speaks.
type transportSection struct {
	box    fyne.CanvasObject
	choice *form.Select
}

var (
	transportHTTP = say.T("Streamable HTTP")
	transportSSE  = say.T("HTTP with server-sent events (2024-11-05)")
)

func newTransportSection() *transportSection {
	s := &transportSection{choice: form.NewSelect(say.T("Transport"), []string{transportHTTP, transportSSE}, nil)}
	s.choice.SetSelected(transportHTTP)
	s.box = form.Labelled(say.T("Transport"), s.choice, say.T("Streamable HTTP finds out by itself where a server speaks the older one alone."))
	return s
}

func (s *transportSection) object() fyne.CanvasObject { return s.box }

func (s *transportSection) fill(c store.ServerConfig, _ string) bool {
	older := c.Transport == store.TransportSSE
	s.choice.SetSelected(transportHTTP)
	if older {
		s.choice.SetSelected(transportSSE)
	}
	return older
}

func (s *transportSection) read(d *setup.Draft) bool {
	d.Config.Transport = store.TransportHTTP
	if s.choice.Selected == transportSSE {
		d.Config.Transport = store.TransportSSE
	}
	return true
}

// rootsSection has the folders that a server is told of.
type rootsSection struct {
	box   fyne.CanvasObject
	field *form.Field
}

func newRootsSection(w fyne.Window) *rootsSection {
	s := &rootsSection{field: form.NewFieldOf(form.NewLines(say.T("Folders it may know of"), "/home/you/projects", 2),
		say.T("Full paths, one a line. The server is told of them only if it asks where it may work (roots). That alone does not keep it from other folders."))}
	choose := form.Button(say.T("Choose…"), func() { choosePath(w, setup.Field{Kind: setup.KindFolder, Multiple: true}, s.field) })
	choose.Name = say.T("Choose a folder it may know of")
	s.box = beside(s.field.Box, choose)
	return s
}

func (s *rootsSection) object() fyne.CanvasObject { return s.box }

func (s *rootsSection) fill(c store.ServerConfig, _ string) bool {
	s.field.SetText(strings.Join(c.Roots, "\n"))
	return len(c.Roots) > 0
}

func (s *rootsSection) read(d *setup.Draft) bool {
	s.field.SetError("")
	d.Config.Roots = linesOf(s.field.Text())
	for _, dir := range d.Config.Roots {
		if !filepath.IsAbs(dir) {
			s.field.SetError(say.F("%s is no full path. Type the whole path of the folder, from its beginning.", form.Visible(dir, false)))
			return false
		}
	}
	return true
}
