package provider

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// keyStyle is how a wire format carries its key: the header, and what stands
// before the key in it.
type keyStyle struct{ header, prefix string }

// The styles.
var (
	keyBearer    = keyStyle{"Authorization", "Bearer "} // OpenAI's formats, and nearly all that speak them
	keyAnthropic = keyStyle{"X-Api-Key", ""}            // Anthropic Messages
	keyAzure     = keyStyle{"Api-Key", ""}              // OpenAI's formats at Azure
	keyGoogle    = keyStyle{"X-Goog-Api-Key", ""}       // Gemini
	keyPortkey   = keyStyle{"X-Portkey-Api-Key", ""}    // any format, through Portkey
)

// keyHeaders are the headers in which services look for a key. An entry that
// sets one of them itself needs no other.
var keyHeaders = []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key", "X-Litellm-Api-Key"}

// outgoing is one request, before it is signed.
type outgoing struct {
	method string
	path   string      // after the base URL; it may have a query
	header http.Header // the format's own, one value each; may be nil
	body   []byte      // JSON; nil for none
	// conversation, metadata and managed are those of the model.Request, where
	// the request is a call of a model.
	conversation string
	metadata     map[string]string
	managed      []model.ManagedServer
}

// sign returns all headers of a request, one value each: the format's own, then
// those of the gateway, then those of the entry, which win. With them come the
// values of all secrets that go out with the request, so that no error repeats
// one. It is asked before each request, since a key may have changed.
func (e *endpoint) sign(ctx context.Context, out outgoing) (http.Header, []string, error) {
	h := http.Header{"User-Agent": {"drawbridge/" + e.o.Version}}
	for name, values := range out.header {
		h[http.CanonicalHeaderKey(name)] = values[:1:1]
	}
	var secrets []string
	for _, m := range out.managed {
		for _, v := range m.Headers {
			secrets = append(secrets, v.Reveal())
			if _, token, ok := strings.Cut(v.Reveal(), " "); ok { // behind the name of a scheme
				secrets = append(secrets, strings.TrimSpace(token))
			}
		}
	}
	style, signed := e.key, false
	if e.cfg.Portkey != nil {
		style = keyPortkey
		more, err := e.signPortkey(ctx, out, h)
		if err != nil {
			return nil, nil, err
		}
		secrets = append(secrets, more...)
	}
	for _, name := range slices.Sorted(maps.Keys(e.cfg.Headers)) {
		value, more, err := e.value(ctx, "header "+name, e.cfg.Headers[name])
		if err != nil {
			return nil, nil, err
		}
		secrets = append(secrets, more...)
		name = http.CanonicalHeaderKey(name)
		if name == style.header || e.cfg.Portkey == nil && slices.Contains(keyHeaders, name) {
			signed = true
		}
		if ours := h.Get(name); name == "Anthropic-Beta" && ours != "" {
			value = ours + "," + value // a list, of which the format needs its own part
		}
		h[name] = []string{value}
	}
	if e.cfg.NoKey || signed {
		return h, secrets, nil
	}
	key, err := e.ownKey(ctx)
	if err != nil {
		return nil, nil, err
	}
	h[style.header] = []string{style.prefix + key}
	return h, append(secrets, key), nil
}

// value returns what a configured value stands for, and the secrets in it. what
// names it in errors, such as "header X-Team".
func (e *endpoint) value(ctx context.Context, what string, v store.Value) (value string, secrets []string, err error) {
	var asked store.SecretRef
	s, err := v.Expand(func(ref store.SecretRef) (store.Secret, error) {
		asked = ref
		s, err := e.secret(ctx, ref)
		if err == nil && s.Empty() {
			err = store.ErrNotFound
		}
		secrets = append(secrets, strings.TrimSpace(s.Reveal()))
		return s, err
	})
	if err != nil {
		return "", nil, e.keyError(ctx, "the secret of the "+what, asked, err)
	}
	value = strings.TrimSpace(s.Reveal())
	if len(secrets) > 0 {
		secrets = append(secrets, value)
	}
	if hasControl(value) {
		return "", nil, e.errorf(model.ErrorAuth, 0, nil, "The value of the %s for %s contains a line break or another control character; store it again.", what, e.cfg.Title())
	}
	return value, secrets, nil
}

// ownKey returns the key of the entry.
func (e *endpoint) ownKey(ctx context.Context) (string, error) {
	ref := store.ProviderSecret(e.cfg.ID, "key")
	ask := e.o.Key
	if ask == nil {
		ask = func(ctx context.Context) (store.Secret, error) { return e.secret(ctx, ref) }
	}
	key, err := ask(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", e.keyError(ctx, "the key", ref, err)
	}
	value := strings.TrimSpace(key.Reveal())
	if value == "" {
		return "", e.keyError(ctx, "the key", ref, store.ErrNotFound)
	}
	if hasControl(value) {
		return "", e.errorf(model.ErrorAuth, 0, nil, "The key for %s contains a line break or another control character; store it again.", e.cfg.Title())
	}
	return value, nil
}

func (e *endpoint) secret(ctx context.Context, ref store.SecretRef) (store.Secret, error) {
	if e.o.Secret == nil {
		return store.Secret{}, store.ErrNotFound
	}
	return e.o.Secret(ctx, ref)
}

// keyError says what to do about a secret that could not be had.
func (e *endpoint) keyError(ctx context.Context, what string, ref store.SecretRef, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	title := e.cfg.Title()
	switch {
	case errors.Is(err, store.ErrNotFound):
		return e.errorf(model.ErrorAuth, 0, err, "For %s, %s is missing. Type it under Settings, Providers, or run: drawbridge secret set %s.",
			title, what, ref)
	case errors.Is(err, store.ErrLocked):
		return e.errorf(model.ErrorAuth, 0, err, "For %s, %s is in a keychain that is locked. Unlock it and try again.", title, what)
	case errors.Is(err, store.ErrNoKeychain):
		return e.errorf(model.ErrorAuth, 0, err, "For %s, %s cannot be read because there is no keychain. Choose under Settings, Keys how to keep keys.", title, what)
	}
	return e.errorf(model.ErrorAuth, 0, err, "For %s, %s could not be read from the keychain: %s.", title, what, strings.TrimRight(clean(err.Error(), 200), "."))
}
