package mcphost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// inherited are the variables that a server gets from this program; everything
// else it gets from its configuration alone.
var inherited = map[bool][]string{
	false: {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG"},
	true: {
		"APPDATA", "COMSPEC", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT",
		"PROCESSOR_ARCHITECTURE", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)",
		"SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "USERNAME", "USERPROFILE", "WINDIR", "LANG",
	},
}

// environ reads a variable of a list like os.Environ. Names are compared as the
// system does.
func environ(list []string, name string) string {
	for _, kv := range slices.Backward(list) {
		k, v, _ := strings.Cut(kv, "=")
		if k == name || windows && strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// loading is what this program needed to be loaded, and so needs when it is run
// again.
func loading(own []string) []string {
	if v := environ(own, "LD_LIBRARY_PATH"); v != "" {
		return []string{"LD_LIBRARY_PATH=" + v}
	}
	return nil
}

// redactFrom is the length in bytes from which a secret is replaced in what a
// server says: "1" or "true" would be replaced all over, and what is that short
// is no secret.
const redactFrom = 4

// received is what one server was given that nobody else may see.
type received struct {
	config   store.ServerConfig // with the person's environment put in, but no secret
	env      []string
	headers  map[string]string
	redactor *tools.Redactor
	http     *http.Transport // over HTTP and for an API
}

// secret reads a secret for the server of that id. Errors are sentences.
func (m *Manager) secret(ctx context.Context, id string, ref store.SecretRef) (store.Secret, error) {
	if !ref.MayUse(id) {
		return store.Secret{}, fmt.Errorf("the server refers to the secret %q, which belongs to something else; type the value again (%w)", ref, store.ErrInvalid)
	}
	s, err := m.o.Secrets.Get(ctx, ref)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s, fmt.Errorf("the secret %q is not in the keychain; edit the server and type it again (%w)", ref, err)
	case errors.Is(err, store.ErrLocked):
		return s, fmt.Errorf("the secret %q cannot be read while the keychain is locked; unlock it and start the server again (%w)", ref, err)
	case err != nil:
		return s, fmt.Errorf("the secret %q cannot be read: %w", ref, err)
	}
	return s, nil
}

// resolve puts the secrets into the configured values and adds the inherited
// variables. Errors are sentences.
func (m *Manager) resolve(ctx context.Context, c store.ServerConfig, path string) (received, error) {
	var secrets []string
	lookup := func(ref store.SecretRef) (store.Secret, error) {
		s, err := m.secret(ctx, c.ID, ref)
		if err == nil {
			secrets = append(secrets, s.Reveal())
		}
		return s, err
	}
	// A variable that the configuration names may be a token. Those that every
	// server gets are none, and their values are all over what servers say.
	variable := func(name string) (string, bool) {
		v, ok := m.path.variable(name)
		if ok && !slices.Contains(inherited[windows], strings.ToUpper(name)) {
			secrets = append(secrets, v)
		}
		return v, ok
	}
	expand := func(values map[string]store.Value) (map[string]string, error) {
		out := make(map[string]string, len(values))
		for _, k := range slices.Sorted(maps.Keys(values)) {
			s, err := values[k].Resolve(lookup, variable)
			if err != nil {
				return nil, err
			}
			if strings.ContainsRune(s.Reveal(), 0) {
				return nil, fmt.Errorf("the value of %s contains a NUL character, which cannot be passed on (%w)", k, store.ErrInvalid)
			}
			out[k] = s.Reveal()
		}
		return out, nil
	}
	var plain error
	text := func(s string) string {
		out, err := store.ExpandEnv(s, variable)
		if err == nil && strings.ContainsRune(out, 0) {
			err = fmt.Errorf("%q contains a NUL character, which cannot be passed on (%w)", s, store.ErrInvalid)
		}
		plain = errors.Join(plain, err)
		return out
	}
	c.Command, c.Dir, c.URL = text(c.Command), text(c.Dir), text(c.URL)
	c.Args = slices.Clone(c.Args)
	for i, a := range c.Args {
		c.Args[i] = text(a)
	}
	if plain != nil {
		return received{}, plain
	}
	env, err := expand(c.Env)
	if err != nil {
		return received{}, err
	}
	headers, err := expand(c.Headers)
	if err != nil {
		return received{}, err
	}
	if c.Auth.Static() {
		name, value, err := c.Auth.StaticHeader(lookup)
		if err != nil {
			return received{}, err
		}
		headers[name] = value.Reveal()
		secrets = append(secrets, value.Reveal()) // basic writes it in another way
	}
	if c.OpenAPI != nil { // resolved to see now what is missing, and to know it where it appears
		if _, err := c.OpenAPI.Auth.Value.Resolve(lookup, variable); err != nil {
			return received{}, err
		}
	}
	for name, v := range headers {
		if strings.ContainsAny(v, "\r\n") {
			return received{}, fmt.Errorf("the value of the header %s contains a line break; type it again (%w)", name, store.ErrInvalid)
		}
	}
	proxy, err := c.Net.Proxy.Resolve(lookup, variable)
	if err != nil {
		return received{}, err
	}
	all := map[string]string{}
	own := m.o.Environ()
	var over *http.Transport
	switch {
	case c.Transport.OverHTTP(), c.Transport == store.TransportOpenAPI:
		over, err = m.transport(c.Net, proxy.Reveal(), homeOf(own))
	case c.Transport == store.TransportStdio:
		all, err = m.networkEnviron(c, proxy.Reveal(), homeOf(own))
	}
	if err != nil {
		return received{}, err
	}
	for _, name := range inherited[windows] {
		// A value that begins like this is a function that a shell exported.
		if v := environ(own, name); v != "" && !strings.HasPrefix(v, "()") {
			all[name] = v
		}
	}
	if path != "" {
		all["PATH"] = path
	}
	for k, v := range env {
		if windows {
			maps.DeleteFunc(all, func(have, _ string) bool { return strings.EqualFold(have, k) })
		}
		all[k] = v
	}
	if err := c.Validate(); err != nil { // what was put in may have spoiled it
		return received{}, err
	}
	r := received{config: c, headers: headers, http: over, redactor: tools.NewRedactor(redactFrom, secrets...)}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		r.env = append(r.env, k+"="+all[k])
	}
	return r, nil
}

// workDir returns the folder in which a server runs: the configured one, or the
// person's home.
func workDir(c store.ServerConfig, home string) (string, error) {
	dir := expandHome(c.Dir, home)
	if dir == "" {
		dir = home
	}
	if dir == "" {
		dir = string(filepath.Separator)
	}
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("the working folder %q is not a full path; write it from the root on (%w)", dir, store.ErrInvalid)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("the working folder %s does not exist; make it, or choose another (%w)", dir, store.ErrNotFound)
	case err != nil:
		return "", fmt.Errorf("the working folder cannot be used: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("the working folder %s is a file; choose a folder (%w)", dir, store.ErrInvalid)
	}
	return dir, nil
}

// expandHome puts the person's home for a leading ~.
func expandHome(p, home string) string {
	if p == "~" {
		return home
	}
	if rest, ok := strings.CutPrefix(p, "~/"); ok && home != "" {
		return filepath.Join(home, rest)
	}
	return p
}

func homeOf(env []string) string {
	if windows {
		return environ(env, "USERPROFILE")
	}
	return environ(env, "HOME")
}
