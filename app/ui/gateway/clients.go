package gateway

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	apps "github.com/drawbridge-app/drawbridge/bridge/gateway"
)

// clients lists who is connected.
type clients struct {
	box  *fyne.Container
	page *Page
	list *rows
	more *form.Note
}

// clientsMost is how many are listed.
const clientsMost = 30

func newClients(p *Page) *clients {
	c := &clients{page: p, list: newRows(say.T("No app is connected. One stands here from its first request on.")), more: form.Muted("")}
	c.more.Hide()
	c.box = section(say.T("Connected apps"), "", form.Column(c.list.box, c.more))
	return c
}

func (c *clients) show() {
	all := c.page.view.Clients
	shown := all[:min(len(all), clientsMost)]
	// An app has no id that is told; where two are alike, the order tells them apart.
	seen := map[string]int{}
	ids := make([]string, len(shown))
	for i, one := range shown {
		id := fmt.Sprint(one.Key, "\x00", one.Name, "\x00", one.Since.UnixNano(), "\x00", one.Namespace)
		seen[id]++
		ids[i] = fmt.Sprint(id, seen[id])
	}
	now := c.page.o.Now()
	c.list.set(ids, func(string) *row { return newRow() }, func(i int, r *row) {
		one := shown[i]
		r.set(clientName(one), say.F("used %s", ago(now, one.Used)), clientWords(one))
	})
	show(c.more, len(all) > len(shown))
	c.more.SetText(say.N(len(all)-len(shown), "And %d more.", "And %d more.", len(all)-len(shown)))
	c.box.Refresh()
}

// clientName is what an app calls itself.
func clientName(c apps.Client) string {
	if c.Name == apps.TesterName {
		return say.T("Drawbridge's own test")
	}
	name := strings.TrimSpace(c.Name + " " + c.Version)
	if name == "" {
		return say.T("An app that does not name itself")
	}
	return form.Visible(name, false)
}

func clientWords(c apps.Client) string {
	words := say.F("key %s", form.Visible(c.KeyName, false))
	if len(c.Namespace) > 0 {
		words += " · " + say.F("%s alone", names(c.Namespace))
	}
	if c.Protocol != "" {
		words += " · " + say.F("MCP %s", form.Visible(c.Protocol, false))
	}
	if c.Session {
		words += " · " + say.F("connected since %s", say.Date(c.Since.Local(), "15:04"))
	}
	return "K" + words[1:]
}
