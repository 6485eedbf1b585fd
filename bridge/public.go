package bridge

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// onlyHere says in a sentence why a provider cannot connect to the server
// itself; it is empty if it can. Only a public https address can be reached from
// a provider's network.
//
// The address is judged by how it is written; no name is looked up, so that the
// answer comes at once, is the same everywhere, and asks nobody. A public name
// that leads to a private address leads to one in the provider's network, not in
// the person's: the provider connects, and nothing here does.
func onlyHere(c store.ServerConfig) string {
	switch c.Transport {
	case store.TransportBuiltin:
		return "It is built into this program, so its tools can run only here."
	case store.TransportStdio:
		return "It is a program of this computer, so its tools can run only here."
	case store.TransportHTTP:
	default:
		return "A provider connects only to servers with a public https address."
	}
	if len(store.EnvRefs(c.URL)) > 0 {
		return "Its address is made with variables of your environment, which stay here."
	}
	for _, v := range c.Headers {
		if len(store.EnvRefs(string(v))) > 0 {
			return "Its headers are made with variables of your environment, which stay here."
		}
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Opaque != "" || u.User != nil {
		return "Its address cannot be handed to a provider as it is written."
	}
	if u.Scheme != "https" {
		return "Its address does not begin with https, and a provider connects to no other."
	}
	return privateHost(u.Hostname())
}

// privateNames are the ends of names that mean nothing, or something else, in
// another network (RFC 2606, RFC 6762, RFC 8375, RFC 9476 and what is in use).
var privateNames = map[string]bool{
	"local": true, "localhost": true, "localdomain": true, "internal": true, "intranet": true, "private": true,
	"lan": true, "home": true, "corp": true, "test": true, "invalid": true, "example": true,
	"onion": true, "alt": true, "arpa": true,
}

// special are ranges of addresses that netip does not name but that no provider
// reaches, or that hide another address in them (the registries of IANA, RFC
// 6890).
var special = func() (list []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
		"3fff::/20", "5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

// privateHost says why a host is not public, or "".
func privateHost(host string) string {
	const private = "Its address is one of this computer or of a private network, which a provider cannot reach; its tools run here."
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" || !publicAddr(addr) {
			return private
		}
		return ""
	}
	for _, c := range host {
		if c > '~' {
			return "Its address contains letters beyond ASCII; write the host in its xn-- form, so that nobody can mistake it."
		}
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return "Its address contains a character that no public name has."
		}
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return "Its address is no public name."
		}
	}
	last := labels[len(labels)-1]
	switch {
	case len(labels) == 1, privateNames[last]:
		return private
	// What ends in a number is an IPv4 address in disguise ("ends in a number
	// checker" of the URL standard), and was no plain one above.
	case strings.Trim(last, "0123456789") == "", strings.HasPrefix(last, "0x"):
		return private
	}
	return ""
}

func publicAddr(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
