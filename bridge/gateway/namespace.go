package gateway

import (
	"net/url"
	"slices"
	"strings"
)

// namespaceOf reads the namespace from an address: /mcp is all that the key may
// see and gives nil, /mcp/a,b and /a,b/mcp are those servers and groups. It
// reports false for an address that is none of these.
func namespaceOf(u *url.URL) (names []string, ok bool) {
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "/mcp" {
		return nil, true
	}
	rest, found := strings.CutPrefix(path, "/mcp/")
	if !found {
		if rest, found = strings.CutSuffix(path, "/mcp"); !found {
			return nil, false
		}
		rest = strings.TrimPrefix(rest, "/")
	}
	names = []string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, err := url.PathUnescape(part)
		if err != nil || strings.TrimSpace(name) == "" {
			return nil, false
		}
		names = append(names, strings.TrimSpace(name))
	}
	return tidy(names), true
}

// splitNames reads the header that names servers and groups; nil without any.
func splitNames(values []string) []string {
	var names []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				names = append(names, part)
			}
		}
	}
	if len(values) > 0 && names == nil {
		return nil
	}
	return tidy(names)
}

func tidy(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// narrow returns the servers of a namespace. It reports false if one of the
// names is nothing that the caller may see: what is forbidden and what is not
// there look alike.
func narrow(servers []Server, names []string) ([]Server, bool) {
	if names == nil {
		return servers, true
	}
	var out []Server
	for _, name := range names {
		found := false
		for _, s := range servers {
			if !s.answersTo(name) {
				continue
			}
			found = true
			if !slices.ContainsFunc(out, func(o Server) bool { return o.ID == s.ID }) {
				out = append(out, s)
			}
		}
		if !found {
			return nil, false
		}
	}
	return out, true
}

// answersTo reports whether the server is, or is in a group of, that name. A
// blank may be written as _, as in addresses that LiteLLM makes.
func (s Server) answersTo(name string) bool {
	return s.called(name) || slices.Contains(s.Groups, name)
}

func (s Server) called(name string) bool {
	return s.ID == name || s.Name == name || strings.ReplaceAll(s.Name, " ", "_") == name
}
