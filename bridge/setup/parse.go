package setup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Parse reads servers from a pasted text or a file: the object that READMEs and
// other apps use (mcpServers, servers, context_servers, extensions,
// mcp_servers), in JSON with comments, TOML or YAML, the inner object alone, a
// single server, or a link that would install one; a surrounding Markdown fence
// is allowed. Drafts come sorted by name and are validated; one that cannot
// work is returned as a problem in the second value and does not void the
// others. The error wraps store.ErrInvalid and says what is wrong with the text
// as a whole. Nothing is started, fetched or read.
func Parse(text []byte) (drafts []Draft, problems []string, err error) {
	return Reader{}.Parse(text)
}

// Reader reads texts that are known to come from somewhere. The zero value
// knows nothing.
type Reader struct {
	// App is the id of an App whose file it is; empty to find out.
	App string
	// Places fills ${userHome}; the zero value leaves a reference.
	Places Places
}

// Parse is the function of that name for this reader.
func (r Reader) Parse(text []byte) (drafts []Draft, problems []string, err error) {
	s := shape{}
	for _, a := range apps {
		if a.id == r.App {
			s = a.shape
			s.app = a.id
		}
	}
	var b batch
	if link := strings.TrimSpace(string(text[:min(len(text), maxLink+1)])); isLink(link) {
		b, err = fromLink(link)
	} else {
		var root members
		if root, err = object(text, s.format); err == nil {
			if s.app == "" && looksLikeTOML(unfence([]byte(strings.TrimSpace(string(text[:min(len(text), 4096)]))))) {
				s.format = formatTOML
			}
			b, err = gather(root, s)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if len(b.entries) > maxServers {
		return nil, nil, fmt.Errorf("the text describes %d servers, more than %d (%w)", len(b.entries), maxServers, store.ErrInvalid)
	}
	total := 0
	for _, n := range b.entries {
		total += len(n.raw)
	}
	if total > maxEntries {
		return nil, nil, fmt.Errorf("the servers of the text take %d kB, more than %d (%w)", total>>10, maxEntries>>10, store.ErrInvalid)
	}
	problems = b.problems
	names := map[string]int{}
	for _, n := range b.entries {
		if name, _ := cleanName(n.name); n.from == "" {
			names[name]++
		}
	}
	for _, n := range b.entries {
		d, err := n.draft(b.inputs, r.Places)
		if errors.Is(err, errSkipped) {
			continue
		}
		if err == nil && names[d.Config.Name] > 1 && n.from == "" && d.Config.Name != "server" {
			err = fmt.Errorf("server %q: the name comes twice, so that it is not clear which one is meant (%w)", d.Config.Name, store.ErrInvalid)
		}
		if err != nil {
			problems = append(problems, readable(err))
			continue
		}
		drafts = append(drafts, d)
	}
	slices.SortStableFunc(drafts, func(a, b Draft) int { return strings.Compare(a.Config.Name, b.Config.Name) })
	return distinct(drafts), problems, nil
}

// distinct gives those of a name that may come twice (from several projects)
// names of their own, and warns of names that look alike.
func distinct(drafts []Draft) []Draft {
	taken := map[string]bool{}
	for i, d := range drafts {
		name := UniqueName(d.Config.Name, func(n string) bool { return taken[n] })
		if name != d.Config.Name {
			drafts[i] = d.Rename(name)
		}
		taken[name] = true
	}
	looks := map[string]int{}
	for _, d := range drafts {
		looks[lookOf(d.Config.Name)]++
	}
	for i, d := range drafts {
		if looks[lookOf(d.Config.Name)] < 2 {
			continue
		}
		for _, o := range drafts {
			if LooksLike(d.Config.Name, o.Config.Name) {
				drafts[i].Warnings = append(drafts[i].Warnings, fmt.Sprintf("Its name looks like that of another server in this list, %q.", o.Config.Name))
				break
			}
		}
	}
	return drafts
}

// readable leaves out the mark that only programs compare.
func readable(err error) string {
	return strings.TrimSuffix(err.Error(), " ("+store.ErrInvalid.Error()+")")
}
