package setup

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Operation is an operation of an OpenAPI document.
type Operation struct {
	Tool   string // its name here
	ID     string // the operationId; empty for none
	Method string // GET, POST, …
	Path   string
	Chosen bool // it is a tool here
}

// liteLLMMethods are those that the proxy makes tools of.
var liteLLMMethods = []string{"GET", "POST", "PUT", "DELETE", "PATCH"}

// liteLLMTool returns what the proxy calls the tool of an operation: its
// operationId, or method and path, in small letters and without blanks. It holds
// the names of rules against it in the same spelling.
func liteLLMTool(o Operation) string {
	name := o.ID
	if name == "" {
		name = strings.ToLower(o.Method) + "_" + strings.ReplaceAll(o.Path, "/", "_")
	}
	return liteLLMSpelling(name)
}

func liteLLMSpelling(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "_")) }

// RulesOfOperations returns rules that were read from LiteLLM's file for a server
// of an OpenAPI document, with the names that its tools have here; they may have
// the server's name in front. What names none of them stays as it is.
func RulesOfOperations(r store.Rules, server string, list []Operation) store.Rules {
	here := map[string][]string{}
	for _, o := range list {
		here[liteLLMTool(o)] = append(here[liteLLMTool(o)], o.Tool)
	}
	names := func(tools []string) []string {
		if tools == nil {
			return nil
		}
		out := []string{}
		for _, t := range tools {
			known := here[liteLLMSpelling(t)]
			for _, between := range []string{"-", "__"} {
				if bare, ok := strings.CutPrefix(t, server+between); ok && known == nil {
					known = here[liteLLMSpelling(bare)]
				}
			}
			if known != nil {
				out = append(out, known...)
			} else {
				out = append(out, t)
			}
		}
		return out
	}
	r = r.Clone()
	r.AllowedTools, r.DisallowedTools = names(r.AllowedTools), names(r.DisallowedTools)
	if r.AllowedParams != nil {
		params := map[string][]string{}
		for t, allowed := range r.AllowedParams {
			for _, name := range names([]string{t}) {
				params[name] = allowed
			}
		}
		r.AllowedParams = params
	}
	return r
}

// operations has the rules of a server of an OpenAPI document allow what was
// chosen of it, by name, and returns what the proxy calls a tool.
func (x *exporter) operations(c store.ServerConfig, r *store.Rules) func(tool string) string {
	names := map[string]string{}
	taken := map[string]bool{}
	var alike, without, chosen []string
	all := true
	for _, o := range x.apis[c.ID] {
		if !slices.Contains(liteLLMMethods, o.Method) {
			if o.Chosen {
				without = append(without, o.Tool)
			}
			continue
		}
		name := liteLLMTool(o)
		if taken[name] {
			alike = append(alike, o.Tool)
		}
		taken[name] = true
		names[o.Tool] = name
		if all = all && o.Chosen; o.Chosen && !slices.Contains(r.DisallowedTools, o.Tool) {
			chosen = append(chosen, o.Tool)
		}
	}
	if len(without) > 0 {
		x.note(c, "loses %s: the proxy makes no tools of their methods.", strings.Join(without, ", "))
	}
	if len(alike) > 0 {
		x.note(c, "has operations that the proxy calls by one name, so that only the last of them is there: %s.", strings.Join(alike, ", "))
	}
	if !all && len(r.AllowedTools) == 0 && len(chosen) > 0 {
		r.AllowedTools = chosen
		x.note(c, "allows what you chose of its document by name there, %s, since the proxy takes all of it.", count(len(chosen), "tool"))
	}
	return func(tool string) string {
		if name, ok := names[tool]; ok {
			return name
		}
		return tool
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// privateDocument returns the host, with its port, of an address in this computer
// or a private network; empty for others.
func privateDocument(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	name := u.Hostname()
	ip, err := netip.ParseAddr(name)
	if err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()) || err != nil && (!strings.Contains(name, ".") || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".internal")) {
		return u.Host
	}
	return ""
}
