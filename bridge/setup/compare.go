package setup

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// State says how a draft stands to the servers that are here.
type State string

// The states.
const (
	New     State = "new"
	Same    State = "same"    // it is here already
	Differs State = "differs" // one of its name, or the same program, is here, with other settings
)

// Change is one difference between a draft and a server that is here. Values of
// secrets are never in it.
type Change struct {
	What  string // "command", "arguments", "variable API_KEY" …
	Here  string // "" if it is not there
	There string
}

// Compared is a draft beside what is here.
type Compared struct {
	Draft Draft
	State State
	// Server is the server that is here, unless State is New.
	Server store.ServerConfig
	// Changes are the differences; only where State is Differs.
	Changes []Change
}

// Compare holds a draft against the servers that are here: the one of its name,
// or else one that runs the same.
func Compare(d Draft, here []store.ServerConfig) Compared {
	c := d.Config
	i := slices.IndexFunc(here, func(h store.ServerConfig) bool { return h.Name == c.Name || h.ID == c.Name })
	if i < 0 {
		i = slices.IndexFunc(here, func(h store.ServerConfig) bool {
			return runs(h) == runs(c) && len(d.Fields) == 0 && h.Transport != store.TransportBuiltin
		})
	}
	if i < 0 {
		for _, h := range here {
			if LooksLike(h.Name, c.Name) {
				d.Warnings = append(slices.Clone(d.Warnings), fmt.Sprintf("Its name looks like that of %q, a server that is here.", h.Name))
				break
			}
		}
		return Compared{Draft: d, State: New}
	}
	out := Compared{Draft: d, State: Same, Server: here[i]}
	if out.Changes = changes(here[i], d); len(out.Changes) > 0 {
		out.State = Differs
	}
	return out
}

// runs identifies what runs, or where it is.
func runs(c store.ServerConfig) string {
	return fmt.Sprintf("%q %q %q %q", c.Transport, c.Command, c.Args, c.URL)
}

func changes(here store.ServerConfig, d Draft) []Change {
	there := d.Config
	var out []Change
	add := func(what, a, b string) {
		if a != b && !fits(a, b) {
			out = append(out, Change{what, a, b})
		}
	}
	if here.Transport != there.Transport {
		add("transport", string(here.Transport), string(there.Transport))
	}
	add("command", here.Command, there.Command)
	if !slices.EqualFunc(here.Args, there.Args, func(a, b string) bool { return a == b || fits(a, b) }) {
		out = append(out, Change{"arguments", Join(here.Args...), Join(there.Args...)})
	}
	add("folder", here.Dir, there.Dir)
	add("address", here.URL, there.URL)
	add("sign-in", signIn(here.Auth), signIn(there.Auth))
	if here.OpenAPI != nil && there.OpenAPI != nil {
		add("document", here.OpenAPI.Document, there.OpenAPI.Document)
		add("authentication", string(here.OpenAPI.Auth.Kind), string(there.OpenAPI.Auth.Kind))
	}
	if !there.Rules.Zero() {
		add("rules", sayRules(here.Rules), sayRules(MergeRules(here.Rules, there.Rules)))
	}
	for _, kind := range []struct {
		word        string
		here, there map[string]store.Value
	}{{"variable", here.Env, there.Env}, {"header", here.Headers, there.Headers}} {
		names := slices.Sorted(maps.Keys(kind.here))
		for name := range kind.there {
			if _, both := kind.here[name]; !both {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			a, inA := kind.here[name]
			b, inB := kind.there[name]
			switch {
			case inA && inB && (a.Secret() || askMark.MatchString(string(b))) && (b.Secret() || askMark.MatchString(string(b))):
				// Both are kept apart; what they are is not looked at.
			default:
				add(kind.word+" "+name, masked(a, inA), masked(b, inB))
			}
		}
	}
	return out
}

// fits reports whether b has a place that is still to be filled where a has
// something.
func fits(a, b string) bool {
	loc := askMark.FindStringIndex(b)
	return loc != nil && strings.HasPrefix(a, b[:loc[0]])
}

// masked is a value as it may be shown.
func masked(v store.Value, there bool) string {
	if !there {
		return ""
	}
	s := string(v)
	for _, ref := range v.Refs() {
		s = strings.ReplaceAll(s, string(store.RefTo(ref)), "‹secret›")
	}
	if s == "" {
		return "‹empty›"
	}
	return s
}

// signIn tells how a server is signed in to, without its secret.
func signIn(a store.Auth) string {
	if a.Zero() {
		return ""
	}
	return strings.Join(strings.Fields(fmt.Sprint(a.Kind, " ", a.Header, " ", a.User, " ", a.ClientID, " ", a.AuthorizationURL, " ", a.TokenURL, " ", strings.Join(a.Scopes, " "))), " ")
}
