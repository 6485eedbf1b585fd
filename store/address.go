package store

import (
	"net/netip"
	"strings"
	"sync"
)

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
var special = sync.OnceValue(func() (list []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
		"3fff::/20", "5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
})

// PublicHost reports whether a host, as the address of something on a network
// writes it, is a public name or a public address. No name is looked up, so a
// public name may still lead to a private address: who connects asks PublicAddr
// about what the name led to.
func PublicHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == "" && PublicAddr(addr)
	}
	for _, c := range host {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return false
		}
	}
	last := labels[len(labels)-1]
	// What ends in a number is an IPv4 address in disguise ("ends in a number
	// checker" of the URL standard), and was no plain one above.
	number := strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
	return len(labels) > 1 && !privateNames[last] && !number
}

// PublicAddr reports whether an address can be reached from anywhere: it is of
// no private, local or special range, also not in the disguise of another.
func PublicAddr(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range special() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
