package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// door shows whether the gateway is open, and where.
type door struct {
	frame   *form.Card
	page    *Page
	dot     *form.Dot
	words   *form.Words
	toggle  *form.Switch
	where   *fyne.Container
	address *address
	models  *address
	reach   *form.Note
	open    *form.Card // says that other computers reach it
	problem *form.Words
	turning bool
}

// address is a line with an address and a button that copies it.
type address struct {
	box  *fyne.Container
	text *form.Words
}

func newAddress(p *Page, caption, copied string) *address {
	a := &address{text: form.NewWords("")}
	a.text.TextStyle.Monospace = true
	a.text.Selectable = true
	a.text.Truncation = fyne.TextTruncateEllipsis
	copies := form.Quiet(say.T("Copy"), theme.ContentCopyIcon(), func() { p.o.Clipboard.SetContent(a.text.Text) })
	copies.Name = copied
	a.box = container.NewBorder(nil, nil, form.Sized(130, 0, form.MutedWord(caption)), container.NewCenter(copies), a.text)
	return a
}

func newDoor(p *Page) *door {
	d := &door{page: p, dot: form.NewDot(theme.ColorNameDisabled), problem: form.Failure("")}
	d.words = form.Bold(say.T("Off"))
	d.words.SizeName = theme.SizeNameSubHeadingText
	d.words.Truncation = fyne.TextTruncateEllipsis
	d.toggle = form.NewSwitch(say.T("Gateway"), d.turn)
	d.address = newAddress(p, say.T("MCP address"), say.T("Copy the address"))
	d.models = newAddress(p, say.T("OpenAI base URL"), say.T("Copy the base URL"))
	d.reach = form.Muted("")
	d.open = form.NewToned(form.Label(say.T("Other computers in the network reach it. Whoever is in the network can try keys there, and a key that leaks can be used from elsewhere.")), theme.ColorNameWarning)
	d.open.Hide()
	d.where = container.New(layout.NewCustomPaddedVBoxLayout(0), d.address.box, d.models.box)
	settings := form.Quiet(say.T("Port and network…"), theme.SettingsIcon(), d.settings)
	mark := container.NewCenter(form.Sized(20, 20, d.dot))
	d.frame = form.NewCard(container.New(layout.NewCustomPaddedVBoxLayout(4),
		container.NewBorder(nil, nil, mark, container.NewCenter(d.toggle), d.words),
		d.where, d.problem, d.open,
		form.Beside(d.reach, settings, 240)))
	return d
}

func (d *door) show() {
	v := d.page.view
	if !d.turning {
		d.toggle.Set(v.Address != "" || v.Settings.Enabled)
	}
	form.SetFailure(d.problem, "")
	switch {
	case v.Address != "":
		d.dot.SetTone(theme.ColorNameSuccess)
		d.words.SetText(say.T("On"))
		if n := len(v.Clients); n > 0 {
			d.words.SetText(say.N(n, "On · %d app connected", "On · %d apps connected", n))
		}
	case v.Problem != "":
		d.dot.SetTone(theme.ColorNameError)
		d.words.SetText(say.T("It does not listen"))
		form.SetFailure(d.problem, form.Sentence(errors.New(v.Problem)))
	default:
		d.dot.SetTone(theme.ColorNameDisabled)
		d.words.SetText(say.T("Off"))
	}
	if v.Address != "" {
		d.address.text.SetText(v.Address)
		d.models.text.SetText(strings.TrimSuffix(v.Address, "/mcp") + "/v1")
		d.where.Show()
	} else {
		d.where.Hide()
	}
	if outside(v.Settings) {
		d.open.Show()
	} else {
		d.open.Hide()
	}
	d.reach.SetText(reachWords(v.GatewayState))
	d.frame.Refresh()
}

// outside reports whether other computers reach it.
func outside(s store.GatewaySettings) bool {
	ip := net.ParseIP(s.OpenToNetwork)
	return s.OpenToNetwork != "" && (ip == nil || !ip.IsLoopback())
}

// reachWords says who reaches it, and at which port.
func reachWords(v bridge.GatewayState) string {
	port := say.T("A free port is chosen when it is switched on first, and kept.")
	if v.Settings.Port > 0 {
		port = say.F("It keeps port %d.", v.Settings.Port)
	}
	switch {
	case outside(v.Settings):
		return port + " " + say.T("Each app shows a key, over TLS.")
	case v.Address != "":
		return port + " " + say.T("Programs of this computer alone reach it, and each shows a key.")
	}
	return port + " " + say.T("Until then no other app can use your servers.")
}

// turn opens or closes the gateway, now and from now on.
func (d *door) turn(on bool) {
	s := d.page.view.Settings.Clone()
	s.Enabled = on
	d.turning = true
	d.change(s, func(err error) {
		d.turning = false
		d.show()
		if err != nil {
			form.SetFailure(d.problem, form.Sentence(err))
			d.frame.Refresh()
		}
	})
}

func (d *door) change(s store.GatewaySettings, done func(error)) {
	var state bridge.GatewayState
	d.page.o.Runner.Run(func(ctx context.Context) (err error) {
		state, err = d.page.o.Engine.SetGateway(ctx, s)
		return err
	}, func(err error) {
		d.page.view.GatewayState = state
		done(err)
	})
}

// settings shows where the gateway listens.
func (d *door) settings() {
	was := d.page.view.Settings
	port := form.NewField(say.T("Port"), say.T("chosen free at the first start"), say.T("It is kept, since it is in the files of the apps. Empty chooses a free one."))
	if was.Port > 0 {
		port.SetText(strconv.Itoa(was.Port))
	}
	outer := form.NewField(say.T("Address of this computer in the network"), "192.168.1.5", say.T("0.0.0.0 or :: is all of them."))
	outer.SetText(was.OpenToNetwork)
	cert := form.NewField(say.T("Certificate"), "/home/you/cert.pem", say.T("The full path of a PEM file. Keys would cross the network in the clear without TLS."))
	cert.SetText(was.CertFile)
	key := form.NewField(say.T("Key of the certificate"), "/home/you/key.pem", say.T("The full path of a PEM file."))
	key.SetText(was.KeyFile)
	hosts := form.NewField(say.T("Names by which other computers call it"), "desk.lan", say.T("Requests for any other name are refused. Several are separated by blanks."))
	hosts.SetText(strings.Join(was.Hosts, " "))
	inside := form.Column(
		form.NewToned(form.Label(say.T("Whoever is in that network can try keys, and a key that leaks can be used from another computer. Servers run here with your rights. Open it only in a network that you trust.")), theme.ColorNameWarning),
		outer.Box, cert.Box, key.Box, hosts.Box)
	lan := form.NewSwitch(say.T("Let other computers reach it"), func(on bool) {
		if on {
			inside.Show()
		} else {
			inside.Hide()
		}
		form.Relayout(inside)
	})
	lan.Set(was.OpenToNetwork != "")
	if !lan.Checked {
		inside.Hide()
	}
	header := form.NewField(say.T("Header for a client's own credential"), "x-mcp-auth", say.T("With which an app passes its own credential on to the servers."))
	header.SetText(was.CredentialHeader)
	bare := form.NewSwitch(say.T("Bare names"), nil)
	bare.Set(was.BareNames)
	more := form.NewFold(say.T("More"), form.Column(header.Box,
		form.SwitchRow(bare, say.T("List tools without the server's name"), say.T("In an address of one server alone: read_file instead of files__read_file."))))
	more.SetOpen(was.CredentialHeader != "" || was.BareNames)
	sheet := form.NewSheet(d.page.o.Window, say.T("Port and network"), form.Groups(port.Box,
		form.Column(form.SwitchRow(lan, say.T("Let other computers reach it"), say.T("Off, it listens at 127.0.0.1, which programs of this computer alone reach.")), inside), more.Box))
	sheet.SetSize(640, 600)
	busy := form.NewBusy()
	save := form.NewAction(say.T("Save"), widget.HighImportance, nil)
	save.OnTapped = func() {
		s := d.page.view.Settings.Clone()
		n, err := number(port.Text(), 65535)
		if err != nil || n > 0 && n < 1 {
			port.SetError(say.T("A port is a number from 1024 to 65535."))
			return
		}
		s.Port = int(n)
		s.OpenToNetwork, s.CertFile, s.KeyFile, s.Hosts = "", "", "", nil
		if lan.Checked {
			s.OpenToNetwork, s.CertFile, s.KeyFile = strings.TrimSpace(outer.Text()), strings.TrimSpace(cert.Text()), strings.TrimSpace(key.Text())
			s.Hosts = strings.FieldsFunc(hosts.Text(), func(r rune) bool { return r == ' ' || r == ',' })
			if s.OpenToNetwork == "" {
				outer.SetError(say.T("Type the address of this computer in that network, for example 192.168.1.5."))
				return
			}
		}
		s.CredentialHeader, s.BareNames = strings.TrimSpace(header.Text()), bare.Checked
		sheet.Fail("")
		if err := s.Validate(); err != nil {
			sheet.Fail(form.Sentence(errors.New(strings.TrimPrefix(err.Error(), "the gateway: "))))
			return
		}
		save.Disable()
		busy.Start(say.T("Saving…"), nil)
		d.change(s, func(err error) {
			busy.Stop()
			save.Enable()
			d.show()
			if err != nil {
				sheet.Fail(form.Sentence(err))
				return
			}
			sheet.Close()
		})
	}
	sheet.SetButtons(busy.Box, form.NewAction(say.T("Cancel"), widget.MediumImportance, sheet.Close), save)
	sheet.SetFocus(port.Entry)
	sheet.Show()
}

// number reads a number from 0 on; nothing is 0.
func number(s string, most int64) (int64, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), ",", "")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf(say.T("type a whole number from 0 (no limit) to %s"), grouped(most))
	}
	return n, nil
}
