package servers

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// netSection says how a server's connections are made: certificates and proxy.
type netSection struct {
	box           *fyne.Container
	ca, cert, key *form.Field // cert and key are nil for a program
	proxy         *form.Select
	address       *form.Field
	kept          bool // the proxy's address is in the keychain
}

// The choices of a proxy.
var (
	proxySystem = say.T("As the system says")
	proxyNone   = say.T("None: connect directly")
	proxyThis   = say.T("This one")
)

const proxyHint = "http://proxy.example:3128"

func newNetSection(w fyne.Window, t store.Transport) *netSection {
	s := &netSection{}
	caHelp, proxyHelp := say.T("PEM. Trusted beside the certificates of the system, for this server alone."), ""
	if !t.OverHTTP() && t != store.TransportOpenAPI {
		caHelp = say.T("PEM. The program is told of it in the variables that such programs read (NODE_EXTRA_CA_CERTS, SSL_CERT_FILE …).")
		proxyHelp = say.T("The program is told of it in HTTPS_PROXY and the like.")
	}
	var ca, cert, key fyne.CanvasObject
	s.ca, ca = pathField(w, say.T("Certificates of your network (CA file)"), "/etc/ssl/corp-ca.pem", caHelp, setup.KindFile)
	s.box = form.Column(ca)
	if t.OverHTTP() || t == store.TransportOpenAPI {
		s.cert, cert = pathField(w, say.T("Client certificate"), "/home/you/client.pem", "", setup.KindFile)
		s.key, key = pathField(w, say.T("Its key"), "/home/you/client.key", say.T("PEM. For servers that ask for a certificate of yours."), setup.KindFile)
		s.box.Add(cert)
		s.box.Add(key)
	}
	s.address = form.NewField(say.T("Address of the proxy"), proxyHint, say.T("http, https or socks5. One with a user name and password in it goes to the keychain."))
	s.proxy = form.NewSelect(say.T("Proxy"), []string{proxySystem, proxyNone, proxyThis}, func(string) {
		s.follow()
		form.Relayout(s.box)
	})
	s.box.Add(form.Labelled(say.T("Proxy"), s.proxy, proxyHelp))
	s.box.Add(s.address.Box)
	s.proxy.SetSelected(proxySystem)
	return s
}

func (s *netSection) follow() {
	if s.proxy.Selected == proxyThis {
		s.address.Box.Show()
	} else {
		s.address.Box.Hide()
	}
}

func (s *netSection) object() fyne.CanvasObject { return s.box }

func (s *netSection) fill(c store.ServerConfig, kept string) bool {
	s.ca.SetText(c.Net.CAFile)
	if s.cert != nil {
		s.cert.SetText(c.Net.CertFile)
		s.key.SetText(c.Net.KeyFile)
	}
	s.kept = c.Net.Proxy.Secret()
	s.address.SetText("")
	s.address.Entry.SetPlaceHolder(proxyHint)
	switch {
	case c.Net.Proxy == "":
		s.proxy.SetSelected(proxySystem)
	case c.Net.Proxy == store.ProxyNone:
		s.proxy.SetSelected(proxyNone)
	default:
		s.proxy.SetSelected(proxyThis)
		if s.kept {
			s.address.Entry.SetPlaceHolder(kept)
		} else {
			s.address.SetText(string(c.Net.Proxy))
		}
	}
	s.follow()
	return c.Net != (store.NetConfig{})
}

func (s *netSection) read(d *setup.Draft) bool {
	ok := true
	path := func(f *form.Field) string {
		if f == nil {
			return ""
		}
		f.SetError("")
		p := strings.TrimSpace(f.Text())
		if p != "" && !filepath.IsAbs(p) && !strings.HasPrefix(p, "~/") {
			f.SetError(say.T("This is no full path. Type the whole path of the file, from its beginning."))
			ok = false
		}
		return p
	}
	n := &d.Config.Net
	n.CAFile = path(s.ca)
	if s.cert != nil {
		n.CertFile, n.KeyFile = path(s.cert), path(s.key)
		switch {
		case n.CertFile != "" && n.KeyFile == "":
			s.key.SetError(say.T("A certificate needs its key. Choose its file."))
			ok = false
		case n.CertFile == "" && n.KeyFile != "":
			s.cert.SetError(say.T("A key needs its certificate. Choose its file."))
			ok = false
		}
	}
	s.address.SetError("")
	switch s.proxy.Selected {
	case proxyNone:
		n.Proxy = store.ProxyNone
		return ok
	case proxyThis:
	default:
		n.Proxy = ""
		return ok
	}
	text := strings.TrimSpace(s.address.Text())
	if text == "" && s.kept && n.Proxy.Secret() {
		return ok
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		s.address.SetError(say.F("This is no address of a proxy. It should look like %s.", proxyHint))
		return false
	}
	n.Proxy = store.Value(text)
	if u.User != nil {
		ref := store.ServerSecret(d.Config.ID, "net", "proxy")
		d.Secrets[ref] = store.NewSecret(text)
		n.Proxy = store.RefTo(ref)
	}
	return ok
}
