package mcphost

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// AskedLink is an address that a server wants the person to open. It is shown
// whole, as Before + Host + After, with Host set off; only a click of the person
// opens it, and nothing reads it before.
type AskedLink struct {
	URL                 string
	Before, Host, After string
}

// linkMax is the length of an address that a person can be expected to look at,
// in bytes.
const linkMax = 4 << 10

// askedLink checks an address that a server wants opened; own is the address of
// the server itself, empty for a program of this computer. The warnings are
// sentences about it ("Safe URL handling" of the specification).
func askedLink(address, own string) (*AskedLink, []string, error) {
	if len(address) > linkMax {
		return nil, nil, fmt.Errorf("the address is longer than %d KiB", linkMax>>10)
	}
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return nil, nil, errors.New("the address contains characters that no address has")
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return nil, nil, errors.New("the address cannot be read")
	}
	if u.User != nil {
		return nil, nil, errors.New("the address contains a user name, which hides where it leads")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return nil, nil, errors.New("the address has no host")
	}
	here := host == "localhost" || strings.HasSuffix(host, ".localhost")
	private := here || strings.HasSuffix(host, ".local") || !strings.Contains(host, ".")
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		here = here || a.IsLoopback()
		private = private && a.Is4() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified()
	}
	same := false
	if o, err := url.Parse(own); err == nil && own != "" {
		same = strings.EqualFold(o.Hostname(), u.Hostname())
	}
	var warnings []string
	switch u.Scheme {
	case "https":
	case "http":
		if !here && !same {
			return nil, nil, errors.New("the address does not begin with https")
		}
		if !here {
			warnings = append(warnings, "The connection is not encrypted: others in the network can read and change it.")
		}
	default:
		return nil, nil, fmt.Errorf("the address begins with %q, and only https is opened", cut(u.Scheme, 30))
	}
	for _, label := range strings.Split(host, ".") {
		if strings.HasPrefix(label, "xn--") {
			warnings = append(warnings, fmt.Sprintf("%s has letters that can look like others (punycode). Make sure that it is not an imitation of a name you know.", host))
			break
		}
	}
	switch {
	case here && !same:
		warnings = append(warnings, "It leads to a program on this computer.")
	case private && !same:
		warnings = append(warnings, "It leads into your private network.")
	}
	i := strings.Index(address, "//") + 2
	rest := address[i:]
	n := len(u.Host)
	if len(rest) < n || !strings.EqualFold(rest[:n], u.Host) {
		return nil, nil, errors.New("the address is written in a way that hides where it leads")
	}
	return &AskedLink{URL: address, Before: address[:i], Host: rest[:n], After: rest[n:]}, warnings, nil
}
