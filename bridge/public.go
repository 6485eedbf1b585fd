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
	case store.TransportOpenAPI:
		return "Its tools are made by this program from a document, so they can run only here."
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
	if c.Auth.Kind == store.AuthOAuth || c.Auth.Kind == store.AuthClient {
		return "Drawbridge signs in to it, and hands that sign-in to nobody; its tools run here."
	}
	return privateHost(u.Hostname())
}

// privateHost says why a host is not public, or "".
func privateHost(host string) string {
	const private = "Its address is one of this computer or of a private network, which a provider cannot reach; its tools run here."
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if store.PublicHost(host) {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return private
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
	return private
}
