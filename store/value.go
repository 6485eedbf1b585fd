package store

import (
	"regexp"
	"strings"
	"sync"
)

// Value is a configured value of an environment variable or a header: literal
// text, in which ${secret:NAME} stands for the secret of that name. The files
// hold the reference; the value is put in when a request or a child process
// needs it.
type Value string

// A name may hold a server's id, and so spaces, but no braces or control
// characters. The expression is large, so it is made at its first use and not at
// each start of the program.
var secretRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$\{secret:([^{}\x00-\x1f\x7f]{1,600})\}`)
})

// RefTo returns the value that is wholly the secret of that name.
func RefTo(ref SecretRef) Value { return Value("${secret:" + string(ref) + "}") }

// Refs returns the secrets that the value refers to, in order.
func (v Value) Refs() []SecretRef {
	var refs []SecretRef
	for _, m := range secretRef().FindAllStringSubmatch(string(v), -1) {
		refs = append(refs, SecretRef(m[1]))
	}
	return refs
}

// Secret reports whether the value refers to any secret.
func (v Value) Secret() bool { return secretRef().MatchString(string(v)) }

// Expand returns the value with every reference replaced by what lookup gives.
// The result is a Secret whenever anything was replaced, and also when nothing
// was: the caller reveals it at the place of use. An error of lookup is
// returned as it is.
func (v Value) Expand(lookup func(SecretRef) (Secret, error)) (Secret, error) {
	var b strings.Builder
	rest := string(v)
	for {
		loc := secretRef().FindStringSubmatchIndex(rest)
		if loc == nil {
			b.WriteString(rest)
			return NewSecret(b.String()), nil
		}
		b.WriteString(rest[:loc[0]])
		s, err := lookup(SecretRef(rest[loc[2]:loc[3]]))
		if err != nil {
			return Secret{}, err
		}
		b.WriteString(s.Reveal())
		rest = rest[loc[1]:]
	}
}

// MayUse reports whether a server with that id may refer to the secret. A
// server has its own secrets and those that a person named; it never gets a
// provider's key or another server's secret, whatever its configuration says.
func (r SecretRef) MayUse(serverID string) bool {
	if !strings.Contains(string(r), "/") {
		return true
	}
	owner, ok := r.ServerID()
	return ok && owner == serverID
}
