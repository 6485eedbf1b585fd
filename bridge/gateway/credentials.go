package gateway

import (
	"net/http"
	"slices"
	"strings"
)

// kept are headers that are never passed on, whatever anybody names: they are
// about this connection, or about this gateway.
var kept = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Transfer-Encoding": true, "Connection": true,
	"Keep-Alive": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Upgrade": true,
	"Accept": true, "Accept-Encoding": true, "Origin": true, "Referer": true, "Expect": true, "Last-Event-Id": true,
	"X-Drawbridge-Key": true, "X-Litellm-Api-Key": true, "X-Mcp-Servers": true,
}

// own reports whether a header is the protocol's or the gateway's.
func own(name string) bool {
	return kept[name] || strings.HasPrefix(name, "Mcp-") || strings.HasPrefix(name, "Sec-")
}

// credentials returns the headers that go on to servers, by their ids. A client
// gives them in three ways, of which the first that names a header for a server
// counts: x-mcp-{server}-{header} for that server alone, the header for all, and
// those that a server's extra_headers names. keyIn is the header that the key
// came in, which is none of these.
func (g *Gateway) credentials(h http.Header, keyIn string, servers []Server) map[string]map[string]string {
	var out map[string]map[string]string
	set := func(s Server, name, value string) {
		name = http.CanonicalHeaderKey(name)
		if !s.Forwards || own(name) || name == keyIn && keyIn != "Authorization" || value == "" {
			return
		}
		if out == nil {
			out = map[string]map[string]string{}
		}
		if out[s.ID] == nil {
			out[s.ID] = map[string]string{}
		}
		if _, twice := out[s.ID][name]; !twice {
			out[s.ID][name] = value
		}
	}
	for name, values := range h {
		lower := strings.ToLower(name)
		rest, ok := strings.CutPrefix(lower, "x-mcp-")
		if !ok || lower == strings.ToLower(namespaceHeader) || len(values) != 1 {
			continue
		}
		id, header := g.splitCredential(rest)
		if header == "" {
			continue
		}
		for _, s := range servers {
			if s.ID == id {
				set(s, header, values[0])
			}
		}
	}
	all := h.Values(g.o.CredentialHeader)
	if len(all) == 1 && all[0] != "" && !slices.Contains(keyHeaders, http.CanonicalHeaderKey(g.o.CredentialHeader)) {
		for _, s := range servers {
			header, scheme := s.AuthHeader, s.AuthScheme
			if header == "" {
				header, scheme = "Authorization", "Bearer"
			}
			value := all[0]
			if scheme != "" && !strings.Contains(value, " ") {
				value = scheme + " " + value
			}
			set(s, header, value)
		}
	}
	for _, s := range servers {
		for _, name := range s.Extra {
			name = http.CanonicalHeaderKey(name)
			if values := h.Values(name); len(values) == 1 && name != keyIn {
				set(s, name, values[0])
			}
		}
	}
	return out
}

// splitCredential takes apart what follows x-mcp-, and returns the id of the
// server. The longest name of any server counts, so that what is meant for
// git-hub never goes to git; where two servers have that name, it is nobody's.
func (g *Gateway) splitCredential(rest string) (id, header string) {
	longest, twice := 0, false
	for server, names := range g.o.Runner.Names() {
		for _, name := range names {
			name = headerName(name)
			after, ok := strings.CutPrefix(rest, name+"-")
			switch {
			case !ok || after == "" || name == "" || len(name) < longest:
			case len(name) > longest:
				longest, id, header, twice = len(name), server, after, false
			case id != server:
				twice = true
			}
		}
	}
	if twice {
		return "", ""
	}
	return id, header
}

// headerName is a server's name as a header can have it: small letters, and _
// in the place of what no header's name has.
func headerName(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '_'
	}, name)
}
