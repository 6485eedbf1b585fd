package store

import (
	"fmt"
	"log/slog"
)

// redacted is what any accidental use of a secret shows.
const redacted = "‹secret›"

// Secret is a value that must not be seen: a key, a token, a password. Every
// way of printing, logging or encoding it shows a placeholder; only Reveal
// gives the value, at the one place that needs it. The zero value is an empty
// secret.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value. Call it only where the value goes into the one
// request or child process that needs it.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.value == "" }

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
