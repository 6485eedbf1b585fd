package store

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
)

// GatewaySettings say where other apps find the gateway. The zero value is a
// gateway that the window does not start.
type GatewaySettings struct {
	// Enabled has it run whenever the window does.
	Enabled bool `json:"enabled,omitempty"`
	// Port is where it listens; 0 until it was started first, which chooses one
	// that is free and keeps it.
	Port int `json:"port,omitempty"`
	// OpenToNetwork is an address of this computer, or 0.0.0.0 or :: for all of
	// them, at which other computers reach it: whoever is in the network can try
	// keys there, and a key that leaks can be used from elsewhere. It needs a
	// certificate. Empty means this computer alone, at 127.0.0.1.
	OpenToNetwork string `json:"open_to_network,omitempty"`
	// CertFile and KeyFile are the full paths of PEM files.
	CertFile string `json:"cert_file,omitempty"`
	KeyFile  string `json:"key_file,omitempty"`
	// Hosts are the names by which other computers call it.
	Hosts []string `json:"hosts,omitempty"`
	// CredentialHeader is what clients call the header with their credential for
	// all servers; empty means x-mcp-auth.
	CredentialHeader string `json:"mcp_client_side_auth_header_name,omitempty"`
	// BareNames has a namespace of one server list tools without its prefix.
	BareNames bool `json:"bare_names,omitempty"`
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// Validate says in a sentence what cannot work. The error wraps ErrInvalid.
func (g GatewaySettings) Validate() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("the gateway: %s (%w)", fmt.Sprintf(format, a...), ErrInvalid)
	}
	if g.Port < 0 || g.Port > 65535 {
		return bad("%d is no port; use 1024 to 65535", g.Port)
	}
	if g.OpenToNetwork != "" {
		a, err := netip.ParseAddr(g.OpenToNetwork)
		if err != nil {
			return bad("%q is no address of a network; use one of this computer, such as 192.168.1.5, or leave it empty", g.OpenToNetwork)
		}
		if !a.IsLoopback() && g.CertFile == "" {
			return bad("other computers reach it over TLS alone, since keys would cross the network in the clear otherwise; give it a certificate and its key, or let it listen to this computer alone")
		}
	}
	if (g.CertFile == "") != (g.KeyFile == "") {
		return bad("a certificate needs its key, and a key its certificate; give both files")
	}
	for _, path := range []string{g.CertFile, g.KeyFile} {
		if path != "" && !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
			return bad("%q is no full path of a file", path)
		}
	}
	for _, h := range g.Hosts {
		if len(h) > 253 || !hostName.MatchString(h) && net.ParseIP(h) == nil {
			return bad("%.60q is no name of a computer; write it without http:// and without a port", h)
		}
	}
	if h := g.CredentialHeader; h != "" {
		if len(h) > 100 || !headerName.MatchString(h) {
			return bad("%.60q is no name for a header", h)
		}
		for _, own := range []string{"Authorization", "x-drawbridge-key", "x-litellm-api-key", "x-mcp-servers"} {
			if strings.EqualFold(h, own) {
				return bad("the header %s has a meaning of its own; choose another", own)
			}
		}
	}
	return nil
}

// Clone returns a copy that shares nothing with g.
func (g GatewaySettings) Clone() GatewaySettings {
	g.Hosts = append([]string(nil), g.Hosts...)
	return g
}
