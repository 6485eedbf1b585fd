// Package setup turns what a person has at hand (a form, a pasted snippet,
// another app's file) into drafts of servers that can be looked at before
// anything is kept. It starts nothing, stores nothing and asks nobody: package
// bridge does that, once the person agreed.
//
//	drafts, problems, err := setup.Parse(pasted)
//	for _, d := range drafts { show(d.Config, d.Notes, d.Warnings) }
//
// All that it reads is hostile until checked: files of other apps, pasted text,
// links and bundles are bounded in size, depth and time.
package setup

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/kballard/go-shellquote"

	"github.com/drawbridge-app/drawbridge/store"
)

// Draft is a server as it would be added. It must not be changed but by its
// methods once others have it.
type Draft struct {
	Config store.ServerConfig
	// Secrets are the values for references in Config that are to go into the
	// keychain when the draft is accepted.
	Secrets map[store.SecretRef]store.Secret
	// Document is what Config.OpenAPI describes, to be kept when the draft is
	// accepted. Empty if it is kept already, and for other servers.
	Document []byte
	// Notes say in sentences what was left out or deserves a look.
	Notes []string
	// Warnings say in sentences what may be a trap.
	Warnings []string
	// Fields are what the person has to say first; Fill puts it in. A draft
	// with fields cannot be added.
	Fields []Field
	// Bundle is what has to be unpacked for it; nil for all but bundles.
	Bundle *Bundle
}

// MakeSecret moves the value of an environment variable (kind "env") or header
// (kind "header") out of the configuration into Secrets. Without such a value
// nothing happens.
func (d *Draft) MakeSecret(kind, name string) {
	values := d.Config.Env
	if kind == "header" {
		values = d.Config.Headers
	}
	v, ok := values[name]
	if !ok || v.Secret() {
		return
	}
	ref := store.ServerSecret(d.Config.ID, kind, name)
	if d.Secrets == nil {
		d.Secrets = map[store.SecretRef]store.Secret{}
	}
	d.Secrets[ref] = store.NewSecret(string(v))
	values[name] = store.RefTo(ref)
}

// SetAuthSecret keeps what one signs in with: a token, a key, a password or the
// secret of a client.
func (d *Draft) SetAuthSecret(value store.Secret) {
	ref := store.ServerSecret(d.Config.ID, "auth", "secret")
	if d.Secrets == nil {
		d.Secrets = map[store.SecretRef]store.Secret{}
	}
	d.Secrets[ref] = value
	d.Config.Auth.Secret = store.RefTo(ref)
}

// makeLikelySecrets marks every value that looks like a secret, and notes it.
func (d *Draft) makeLikelySecrets() {
	for _, kind := range []string{"env", "header"} {
		values := d.Config.Env
		if kind == "header" {
			values = d.Config.Headers
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			v := string(values[name])
			if len(store.EnvRefs(v)) > 0 || askMark.MatchString(v) {
				continue // a reference, which is no secret itself
			}
			if LikelySecret(name, v) {
				d.MakeSecret(kind, name)
				d.Notes = append(d.Notes, fmt.Sprintf("%s looks like a secret; its value goes into the keychain.", name))
			}
		}
	}
}

var (
	secretName  = regexp.MustCompile(`(?i)(token|secret|passw|passphrase|credential|authorization|cookie|bearer|private|api[_-]?key|access[_-]?key|[_-]key$|^key$|[_-]pat$|^pat$)`)
	publicName  = regexp.MustCompile(`(?i)(_url|_uri|_path|_file|_dir|_id|_name|_host|_port)$`)
	secretValue = regexp.MustCompile(`^(Bearer |Basic |token )?(sk-|pk-|rk_|sk_|ghp_|gho_|ghs_|github_pat_|glpat-|xox[abeprs]-|AKIA|AIza|hf_|npm_|pypi-|eyJ[A-Za-z0-9_-]{10,}\.)[A-Za-z0-9_.=-]{10,}`)
	placeholder = regexp.MustCompile(`(?i)^(bearer )?(<.*>|\$\{.*\}|\$[A-Z_]+|%[A-Z_]+%|your[-_ ].*|xxx+|\.\.\.|changeme)$`)
)

// LikelySecret reports whether a variable or header of that name and value
// probably holds a secret. Placeholders of a README do not count.
func LikelySecret(name, value string) bool {
	if value == "" || placeholder.MatchString(value) {
		return false
	}
	if secretValue.MatchString(value) {
		return true
	}
	return secretName.MatchString(name) && !publicName.MatchString(name)
}

// Split takes a command line apart as a shell does, with quotes and
// backslashes, but without expanding anything. The error is a sentence.
func Split(line string) ([]string, error) {
	words, err := shellquote.Split(line)
	if err != nil {
		return nil, fmt.Errorf("the command line %q has a quote or backslash without its partner (%w)", line, store.ErrInvalid)
	}
	return words, nil
}

// Join writes a command line that Split takes apart again.
func Join(words ...string) string { return shellquote.Join(words...) }

// UniqueName returns name, or name with a number that makes it unique.
func UniqueName(name string, taken func(string) bool) string {
	if !taken(name) {
		return name
	}
	for i := 2; ; i++ {
		if n := fmt.Sprintf("%s-%d", name, i); !taken(n) {
			return n
		}
	}
}

// Rename returns the draft under another name, with its secrets moved along.
func (d Draft) Rename(name string) Draft { return d.For(name, name) }

// For returns the draft under the id and name of a server, with its secrets
// moved along.
func (d Draft) For(id, name string) Draft {
	old := d.Config.ID
	d.Config = d.Config.Clone()
	d.Config.ID, d.Config.Name = id, name
	secrets := make(map[store.SecretRef]store.Secret, len(d.Secrets))
	for kind, values := range map[string]map[string]store.Value{"env": d.Config.Env, "header": d.Config.Headers} {
		for k, v := range values {
			was := store.ServerSecret(old, kind, k)
			if secret, ok := d.Secrets[was]; ok && v == store.RefTo(was) {
				ref := store.ServerSecret(id, kind, k)
				secrets[ref], values[k] = secret, store.RefTo(ref)
			}
		}
	}
	was := store.ServerSecret(old, "auth", "secret")
	if secret, ok := d.Secrets[was]; ok && d.Config.Auth.Secret == store.RefTo(was) {
		ref := store.ServerSecret(id, "auth", "secret")
		secrets[ref], d.Config.Auth.Secret = secret, store.RefTo(ref)
	}
	if api := d.Config.OpenAPI; api != nil {
		was := store.ServerSecret(old, "auth", "value")
		if secret, ok := d.Secrets[was]; ok && api.Auth.Value == store.RefTo(was) {
			ref := store.ServerSecret(name, "auth", "value")
			secrets[ref], api.Auth.Value = secret, store.RefTo(ref)
		}
	}
	d.Secrets = secrets
	return d
}

// Shown returns the configuration as a person may read it before the fields are
// filled: with the titles of the fields in their places. It is for showing only.
func (d Draft) Shown() store.ServerConfig {
	c := d.Config.Clone()
	titles := map[string]string{}
	for _, f := range d.Fields {
		titles[f.Key] = f.Title
	}
	text := func(s string) string {
		return askMark.ReplaceAllStringFunc(s, func(mark string) string {
			return "‹" + titles[askMark.FindStringSubmatch(mark)[1]] + "›"
		})
	}
	c.Command, c.URL, c.Dir = text(c.Command), text(c.URL), text(c.Dir)
	for i, a := range c.Args {
		c.Args[i] = text(a)
	}
	for _, m := range []map[string]store.Value{c.Env, c.Headers} {
		for k, v := range m {
			m[k] = store.Value(text(string(v)))
		}
	}
	return c
}
