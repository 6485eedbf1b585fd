package store

import (
	"fmt"
	"log/slog"
	"strings"
)

// redacted is what any accidental use of a secret shows.
const redacted = "‹secret›"

// Secret is a value that must not be seen: a key, a token, a password. Every
// way of printing, logging or encoding it shows a placeholder; only Reveal
// gives the value, at the one place that needs it. The zero value is an empty
// secret.
type Secret struct {
	// value is a pointer because package fmt asks unexported fields of other
	// structs for no methods: it would print a string, and prints an address.
	value *string
}

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the value. Call it only where the value goes into the one
// request or child process that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String shows a placeholder.
func (s Secret) String() string { return redacted }

// GoString shows a placeholder, for %#v.
func (s Secret) GoString() string { return redacted }

// Format shows a placeholder for every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue shows a placeholder in structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes a placeholder, for JSON and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// SecretRef names a secret in the keychain. The names that the program makes
// have an owner in front: "provider/<entry>/<what>" and
// "server/<id>/env|header/<name>". A name without a slash is one that a person
// chose (drawbridge secret set NAME).
type SecretRef string

// ProviderSecret names a secret of a provider entry; what is "key", or
// "header/" and a header's name.
func ProviderSecret(entry, what string) SecretRef {
	return SecretRef("provider/" + entry + "/" + what)
}

// ServerSecret names a secret of a server; kind is "env" or "header".
func ServerSecret(id, kind, name string) SecretRef {
	return SecretRef("server/" + id + "/" + kind + "/" + name)
}

// ServerID returns the server that owns the secret, if one does. An id may
// itself contain slashes; what follows it is always two segments, kind and
// name, in which there are none.
func (r SecretRef) ServerID() (string, bool) {
	rest, ok := strings.CutPrefix(string(r), "server/")
	for range 2 {
		i := strings.LastIndexByte(rest, '/')
		if i < 0 {
			return "", false
		}
		rest = rest[:i]
	}
	return rest, ok
}

// ProviderID returns the provider entry that owns the secret, if one does.
func (r SecretRef) ProviderID() (string, bool) {
	rest, ok := strings.CutPrefix(string(r), "provider/")
	id, _, more := strings.Cut(rest, "/")
	return id, ok && more
}

// SecretState says where secrets live now.
type SecretState struct {
	Place SecretPlace
	// Locked says that a password has to be typed first: into the dialog of
	// the operating system, or the passphrase of the file.
	Locked bool
	// Reason says in a sentence why there is no keychain; empty if there is.
	Reason string
}

// SecretPlace is where secrets live.
type SecretPlace string

// The places.
const (
	SecretsNowhere    SecretPlace = ""           // no keychain, and nothing chosen instead
	SecretsKeychain   SecretPlace = "keychain"   // the operating system's
	SecretsMemory     SecretPlace = "memory"     // for this run only
	SecretsPassphrase SecretPlace = "passphrase" // a file sealed by a passphrase
)
