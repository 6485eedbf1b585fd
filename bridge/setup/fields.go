package setup

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Kind says what may be typed into a Field.
type Kind string

// The kinds.
const (
	KindText   Kind = "" // one line
	KindNumber Kind = "number"
	KindSwitch Kind = "switch" // "true" or "false"
	KindFolder Kind = "folder" // full path of a folder
	KindFile   Kind = "file"   // full path of a file
	KindChoice Kind = "choice" // one of Options
)

// Field is something that only the person can say before a draft can be used.
type Field struct {
	// Key names the field within its draft.
	Key         string
	Title       string
	Description string
	Kind        Kind
	Options     []string // of KindChoice
	Required    bool
	// Secret values go to the keychain and are never shown.
	Secret bool
	// Multiple takes several values, each of which becomes an argument.
	Multiple bool
	// Default is what stands there at first.
	Default []string
	// Min and Max bound a number; nil is no bound.
	Min, Max *float64
}

// hole is the mark of the field's place in the configuration of a draft.
func (f Field) hole() string { return "${ask:" + f.Key + "}" }

var (
	notKey  = regexp.MustCompile(`[^A-Za-z0-9_.-]`)
	askMark = regexp.MustCompile(`\$\{ask:([A-Za-z0-9_.-]{1,100})\}`)
)

func fieldKey(s string) string {
	s = notKey.ReplaceAllString(s, "_")
	if len(s) > 100 {
		s = s[:100]
	}
	if s == "" {
		s = "_"
	}
	return s
}

func oneDefault(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// Check says in a sentence what is wrong with values for the field. The error
// wraps store.ErrInvalid. It reads no file.
func (f Field) Check(values []string) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%s: %s (%w)", f.Title, fmt.Sprintf(format, a...), store.ErrInvalid)
	}
	values = given(values)
	switch {
	case len(values) == 0 && f.Required:
		return bad("a value is needed")
	case len(values) > 1 && !f.Multiple:
		return bad("it takes one value")
	case len(values) > 100:
		return bad("it takes at most 100 values")
	}
	for _, v := range values {
		if strings.ContainsAny(v, "\x00\r\n") {
			return bad("the value contains a line break")
		}
		if len(v) > 64<<10 {
			return bad("the value is longer than 64 kB")
		}
		if len(store.Value(v).Refs()) > 0 || askMark.MatchString(v) {
			return bad("a value refers to a secret or a field by name; type the value itself")
		}
		switch f.Kind {
		case KindNumber:
			n, err := strconv.ParseFloat(v, 64)
			if err != nil || n-n != 0 {
				return bad("%q is no number", v)
			}
			if f.Min != nil && n < *f.Min {
				return bad("the number is at least %v", *f.Min)
			}
			if f.Max != nil && n > *f.Max {
				return bad("the number is at most %v", *f.Max)
			}
		case KindSwitch:
			if v != "true" && v != "false" {
				return bad("it is true or false")
			}
		case KindFolder, KindFile:
			if !filepath.IsAbs(v) && !strings.HasPrefix(v, "${env:") && !windowsPath(v) {
				return bad("%q is not a full path; write it from the root on", v)
			}
		case KindChoice:
			if !slices.Contains(f.Options, v) {
				return bad("it is one of %s", strings.Join(f.Options, ", "))
			}
		}
	}
	return nil
}

func windowsPath(s string) bool {
	return len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/')
}

// given leaves out empty values.
func given(values []string) []string {
	var out []string
	for _, v := range values {
		if v != "" {
			out = append(out, v)
		}
	}
	return out
}

// Fill returns the draft with the values in their places, by the keys of its
// Fields. A field without a value gets its default. A value that is secret
// makes the whole variable or header a secret of the server; one that would
// have to stand in an argument or an address is refused, because every program
// could read it there. The error wraps store.ErrInvalid; then nothing changed.
func (d Draft) Fill(values map[string][]string) (Draft, error) {
	byKey := map[string]Field{}
	filled := map[string][]string{}
	for _, f := range d.Fields {
		v := given(values[f.Key])
		if len(v) == 0 {
			v = f.Default
		}
		if err := f.Check(v); err != nil {
			return Draft{}, err
		}
		byKey[f.Key], filled[f.Key] = f, v
	}
	out := d
	out.Config = d.Config.Clone()
	out.Secrets = maps.Clone(d.Secrets)
	out.Fields = nil
	c := &out.Config
	var wrong error
	// put replaces the marks of a text; with plain, no secret may stand there.
	put := func(s string, plain bool) (text string, secret, empty bool) {
		marks := askMark.FindAllStringSubmatch(s, -1)
		if len(marks) == 0 {
			return s, false, false
		}
		empty = true
		text = askMark.ReplaceAllStringFunc(s, func(mark string) string {
			key := askMark.FindStringSubmatch(mark)[1]
			f, known := byKey[key]
			if !known {
				wrong = fmt.Errorf("server %q: it has a place for %q, for which nobody asks (%w)", c.Name, key, store.ErrInvalid)
				return ""
			}
			if len(filled[key]) > 0 {
				empty = false
			}
			if f.Secret && len(filled[key]) > 0 {
				secret = true
				if plain {
					wrong = fmt.Errorf("server %q wants %q, a secret, as an argument or in an address, where every program can read it; ask its maker to read it from an environment variable (%w)", c.Name, f.Title, store.ErrInvalid)
				}
			}
			return strings.Join(filled[key], ",")
		})
		return text, secret, empty
	}
	one := func(s string) string { t, _, _ := put(s, true); return t }
	c.Command, c.Dir, c.URL = one(c.Command), one(c.Dir), one(c.URL)
	c.Args = nil
	for _, a := range d.Config.Args {
		if m := askMark.FindStringSubmatch(a); m != nil && m[0] == a && !byKey[m[1]].Secret {
			c.Args = append(c.Args, filled[m[1]]...) // several arguments, or none
			continue
		}
		c.Args = append(c.Args, one(a))
	}
	for kind, list := range map[string]map[string]store.Value{"env": c.Env, "header": c.Headers} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			text, secret, empty := put(string(list[name]), false)
			switch {
			case empty && askMark.ReplaceAllString(string(list[name]), "") == "":
				delete(list, name)
				continue
			case empty && askMark.MatchString(string(list[name])):
				text = strings.TrimSpace(text)
			}
			list[name] = store.Value(text)
			if secret || askMark.MatchString(string(d.value(kind, name))) && LikelySecret(name, text) {
				out.MakeSecret(kind, name)
			}
		}
	}
	if text, _, _ := put(string(c.Auth.Secret), false); text != string(c.Auth.Secret) {
		out.SetAuthSecret(store.NewSecret(text))
	}
	if wrong != nil {
		return Draft{}, wrong
	}
	if err := validate(*c); err != nil {
		return Draft{}, err
	}
	return out, nil
}

func (d Draft) value(kind, name string) store.Value {
	if kind == "header" {
		return d.Config.Headers[name]
	}
	return d.Config.Env[name]
}

// checkMarks refuses a configuration that has marks of fields in it which a
// text brought along: only this package makes them.
func checkMarks(c store.ServerConfig, fields []Field) error {
	known := map[string]bool{}
	for _, f := range fields {
		known[f.Key] = true
	}
	texts := append([]string{c.Command, c.Dir, c.URL}, c.Args...)
	for _, m := range []map[string]store.Value{c.Env, c.Headers} {
		for _, v := range m {
			texts = append(texts, string(v))
		}
	}
	for _, s := range texts {
		for _, m := range askMark.FindAllStringSubmatch(s, -1) {
			if !known[m[1]] {
				return fmt.Errorf("server %q: it has a place for %q, for which nobody asks (%w)", c.Name, m[1], store.ErrInvalid)
			}
		}
	}
	return nil
}
