package settings

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// The services whose forms are their own.
const (
	servicePortkey    = "portkey"
	serviceLiteLLM    = "litellm"
	serviceOpenAIChat = "openai-chat"
)

// serviceGroup is a part of the list of services.
type serviceGroup struct {
	title    string
	services []bridge.Service
}

// serviceGroups sorts the services into what a person looks for.
func serviceGroups() []serviceGroup {
	groups := []serviceGroup{
		{title: say.T("Services")}, {title: say.T("On this computer, or in your network")}, {title: say.T("Gateways")}, {title: say.T("Anything else")},
	}
	for _, s := range bridge.Services() {
		i := 0
		switch {
		case s.ID == "" || s.ID == serviceOpenAIChat:
			i = 3
		case gateway(s.ID):
			i = 2
		case s.NoKey:
			i = 1
		}
		groups[i].services = append(groups[i].services, s)
	}
	return groups
}

// gateway reports whether the service passes requests on to others, in any of
// several formats.
func gateway(id string) bool { return id == servicePortkey || id == serviceLiteLLM }

// serviceName is what a service is called in the list.
func serviceName(s bridge.Service) string {
	switch s.ID {
	case "":
		return say.T("Any compatible URL")
	case serviceOpenAIChat:
		return say.T("OpenAI, older format")
	}
	return s.Name
}

// serviceOf returns the service that an entry was made for, or that lives at
// its address, or the one that stands for any other.
func serviceOf(cfg store.ProviderConfig) bridge.Service {
	all := bridge.Services()
	find := func(fits func(bridge.Service) bool) (bridge.Service, bool) {
		if i := slices.IndexFunc(all, fits); i >= 0 {
			return all[i], true
		}
		return bridge.Service{}, false
	}
	if cfg.Preset != "" {
		if s, ok := find(func(s bridge.Service) bool { return s.ID == cfg.Preset }); ok {
			return s
		}
	}
	if s, ok := find(func(s bridge.Service) bool {
		return s.ID != "" && s.Kind == cfg.Kind && s.BaseURL == cfg.BaseURL
	}); ok {
		return s
	}
	s, _ := find(func(s bridge.Service) bool { return s.ID == "" })
	return s
}

// add opens the list of services. Those that run here already come first.
func (p *providers) add() {
	sheet := form.NewSheet(p.o.Window, say.T("Add a provider"), nil)
	sheet.SetSize(editorWidth, editorHeight)
	p.chooseService(sheet)
	sheet.Show()
}

// chooseService fills the sheet with the services.
func (p *providers) chooseService(sheet *form.Sheet) {
	box := form.Groups(form.Muted(say.T("Choose where answers come from. The tools run on this computer whichever you choose.")))
	var first *form.Action
	group := func(title string, buttons []fyne.CanvasObject) {
		box.Add(form.Column(form.Bold(title), form.Grid(4, buttons...)))
	}
	button := func(title, name string, tapped func()) *form.Action {
		a := form.Button(title, tapped)
		a.Name = name
		if first == nil {
			first = a
		}
		return a
	}
	var found []fyne.CanvasObject
	for _, cfg := range p.offered() {
		a := button(cfg.Title(), say.F("Set up %s that runs here", cfg.Title()), func() { p.openEditor(sheet, serviceOf(cfg), cfg, true) })
		a.Importance = widget.HighImportance
		found = append(found, a)
	}
	if len(found) > 0 {
		group(say.T("Found running here"), found)
	}
	for _, g := range serviceGroups() {
		var buttons []fyne.CanvasObject
		for _, s := range g.services {
			buttons = append(buttons, button(serviceName(s), say.F("Set up %s", serviceName(s)), func() { p.openEditor(sheet, s, p.draft(s), true) }))
		}
		group(g.title, buttons)
	}
	sheet.SetContent(say.T("Add a provider"), box)
	sheet.SetButtons(form.Button(say.T("Cancel"), sheet.Close))
	sheet.OnCancel(sheet.Close)
	if first != nil {
		sheet.SetFocus(first)
	}
}

// draft returns a new entry for the service, with a name that is not taken.
func (p *providers) draft(s bridge.Service) store.ProviderConfig {
	cfg := s.Config()
	if s.ID == "" {
		cfg.Name, cfg.BaseURL = "", ""
	}
	return p.unique(cfg)
}

// unique gives a new entry a name and an id that no other has.
func (p *providers) unique(cfg store.ProviderConfig) store.ProviderConfig {
	all := p.o.Engine.Providers()
	name := cfg.Name
	for n := 2; name != "" && slices.ContainsFunc(all, func(o store.ProviderConfig) bool { return strings.EqualFold(o.Title(), cfg.Name) }); n++ {
		cfg.Name = name + " " + strconv.Itoa(n)
	}
	cfg.ID = p.freeID(cfg.Name)
	return cfg
}

// freeID makes an id of a name that no entry has, and nothing of no name.
func (p *providers) freeID(name string) string {
	base := idOf(name)
	if base == "" {
		if strings.TrimSpace(name) == "" {
			return ""
		}
		base = "provider"
	}
	id := base
	for n := 2; p.taken(id); n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	return id
}

func (p *providers) taken(id string) bool {
	return slices.ContainsFunc(p.o.Engine.Providers(), func(o store.ProviderConfig) bool { return o.ID == id })
}

// keyLink is the button that opens the page on which one gets a key.
func keyLink(s bridge.Service, failed func(string)) *form.Action {
	u, err := url.Parse(s.KeyURL)
	if err != nil || u.Scheme != "https" {
		return nil
	}
	a := form.Quiet(say.F("Get a key at %s%s", u.Host, strings.TrimSuffix(u.Path, "/")), theme.LoginIcon(), func() {
		if err := fyne.CurrentApp().OpenURL(u); err != nil {
			failed(say.F("The browser could not be opened. The address is %s.", s.KeyURL))
		}
	})
	a.Alignment = widget.ButtonAlignLeading
	return a
}
