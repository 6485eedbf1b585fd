package store

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Value is a configured value of an environment variable or a header: literal
// text, in which ${secret:NAME} stands for the secret of that name, and
// ${env:NAME} or ${env:NAME:-otherwise} for a variable of the person's
// environment. The files hold the reference; the value is put in when a request
// or a child process needs it.
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

// Expand returns the value with every reference to a secret replaced by what
// lookup gives; references to the environment stay as they are written.
// The result is a Secret whenever anything was replaced, and also when nothing
// was: the caller reveals it at the place of use. An error of lookup is
// returned as it is.
func (v Value) Expand(lookup func(SecretRef) (Secret, error)) (Secret, error) {
	return v.Resolve(lookup, nil)
}

// Resolve is Expand, and puts in what env gives for a variable's name as well;
// false means that it is not set. One that is neither set nor has an otherwise
// is an error that wraps ErrNotFound. What was put in is not looked through
// again.
func (v Value) Resolve(lookup func(SecretRef) (Secret, error), env func(name string) (string, bool)) (Secret, error) {
	var b strings.Builder
	rest := string(v)
	for {
		loc := reference().FindStringSubmatchIndex(rest)
		if loc == nil {
			b.WriteString(rest)
			return NewSecret(b.String()), nil
		}
		b.WriteString(rest[:loc[0]])
		switch {
		case loc[2] >= 0:
			s, err := lookup(SecretRef(rest[loc[2]:loc[3]]))
			if err != nil {
				return Secret{}, err
			}
			b.WriteString(s.Reveal())
		case env == nil:
			b.WriteString(rest[loc[0]:loc[1]])
		default:
			s, err := envRefAt(rest, loc).resolve(env)
			if err != nil {
				return Secret{}, err
			}
			b.WriteString(s)
		}
		rest = rest[loc[1]:]
	}
}

// EnvRef is a reference to a variable of the person's environment.
type EnvRef struct {
	Name string
	// Otherwise is what stands in where the variable is not set or empty; it
	// counts only with HasOtherwise.
	Otherwise    string
	HasOtherwise bool
}

// reference finds both kinds: group 1 is a secret, group 2 a variable and group
// 3 its otherwise.
var reference = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$\{(?:secret:([^{}\x00-\x1f\x7f]{1,600})|env:([A-Za-z_][A-Za-z0-9_]{0,199})(?::-([^{}\x00-\x1f\x7f]{0,600}))?)\}`)
})

func envRefAt(s string, loc []int) EnvRef {
	r := EnvRef{Name: s[loc[4]:loc[5]]}
	if loc[6] >= 0 {
		r.Otherwise, r.HasOtherwise = s[loc[6]:loc[7]], true
	}
	return r
}

func (r EnvRef) resolve(env func(string) (string, bool)) (string, error) {
	if s, ok := env(r.Name); ok && (s != "" || !r.HasOtherwise) {
		return s, nil
	}
	if r.HasOtherwise {
		return r.Otherwise, nil
	}
	return "", fmt.Errorf("the variable %s is not set in your environment; set it where your login shell reads it, or edit the server and type the value (%w)", r.Name, ErrNotFound)
}

// EnvRefs returns the variables of the person's environment that a text refers
// to, in order.
func EnvRefs(s string) []EnvRef {
	var refs []EnvRef
	for _, loc := range reference().FindAllStringSubmatchIndex(s, -1) {
		if loc[4] >= 0 {
			refs = append(refs, envRefAt(s, loc))
		}
	}
	return refs
}

// ExpandEnv returns the text with its references to the environment replaced.
// References to secrets stay as they are written: this is for arguments and
// addresses, in which no secret may stand.
func ExpandEnv(s string, env func(name string) (string, bool)) (string, error) {
	var b strings.Builder
	last := 0
	for _, loc := range reference().FindAllStringSubmatchIndex(s, -1) {
		if loc[4] < 0 {
			continue
		}
		value, err := envRefAt(s, loc).resolve(env)
		if err != nil {
			return "", err
		}
		b.WriteString(s[last:loc[0]])
		b.WriteString(value)
		last = loc[1]
	}
	b.WriteString(s[last:])
	return b.String(), nil
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
