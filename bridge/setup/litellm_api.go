package setup

import (
	"fmt"
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

// liteLLMToolMax is how long a name of its tools is, in characters.
const liteLLMToolMax = 128

// liteLLMTool returns what the proxy calls the tool of an operation: its
// operationId, or method and path, in small letters, digits, _ and -.
func liteLLMTool(o Operation) string {
	name := o.ID
	if name == "" {
		name = strings.ToLower(o.Method) + "_" + o.Path
	}
	name = strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name))
	return name[:min(len(name), liteLLMToolMax)]
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
		x.note(c, "has operations that are called the same there as others, and get a number at the end: look at %s.", strings.Join(alike, ", "))
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
