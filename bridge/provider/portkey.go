package provider

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"unicode/utf16"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

// TraceID returns the id under which Portkey's log keeps the requests of a
// conversation, the same each time, and nothing for no conversation. It is made
// from a hash, so that it tells nothing of the conversation elsewhere.
func TraceID(conversation string) string {
	if conversation == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("drawbridge trace\x00" + conversation))
	return "drawbridge-" + hex.EncodeToString(sum[:16])
}

// signPortkey sets the headers of Portkey's gateway, and returns the values of
// the secrets in them.
func (e *endpoint) signPortkey(ctx context.Context, out outgoing, h http.Header) ([]string, error) {
	var secrets []string
	p := e.cfg.Portkey
	if p.Provider != "" {
		h["X-Portkey-Provider"] = []string{p.Provider}
	}
	if p.VirtualKey != "" {
		v, more, err := e.value(ctx, "virtual key", p.VirtualKey)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, more...)
		h["X-Portkey-Virtual-Key"] = []string{v}
	}
	if p.Config != "" {
		v, more, err := e.portkeyConfig(ctx, p.Config)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, more...)
		h["X-Portkey-Config"] = []string{v}
	}
	metadata := maps.Clone(e.cfg.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	maps.Copy(metadata, out.metadata)
	if len(metadata) > 0 {
		if err := store.ValidateMetadata(metadata); err != nil {
			return nil, e.errorf(model.ErrorRequest, 0, err, "For %s, %s. Change it in the settings of the provider or of the conversation.", e.cfg.Title(), metadataFault(err))
		}
		v, err := headerJSON(metadata)
		if err != nil {
			return nil, e.errorf(model.ErrorRequest, 0, err, "For %s, the metadata could not be written.", e.cfg.Title())
		}
		h["X-Portkey-Metadata"] = []string{v}
	}
	if id := TraceID(out.conversation); id != "" {
		h["X-Portkey-Trace-Id"] = []string{id}
	}
	// Portkey takes Anthropic's own headers under these names too, and some of
	// its versions take them under no other.
	for from, to := range map[string]string{
		"Anthropic-Beta": "X-Portkey-Anthropic-Beta", "Anthropic-Version": "X-Portkey-Anthropic-Version",
	} {
		if v := h.Get(from); v != "" {
			h[to] = []string{v}
		}
	}
	return secrets, nil
}

// metadataFault returns what an error of store.ValidateMetadata says, without
// the sentinel.
func metadataFault(err error) string {
	return strings.TrimSuffix(err.Error(), " ("+store.ErrInvalid.Error()+")")
}

// portkeyConfig returns the value of the header: an id as it is, or an object
// without blanks, its secrets put in.
func (e *endpoint) portkeyConfig(ctx context.Context, config string) (string, []string, error) {
	config = strings.TrimSpace(config)
	if !strings.HasPrefix(config, "{") {
		return config, nil, nil
	}
	var secrets []string
	var asked store.SecretRef
	whole, err := store.Value(config).Expand(func(ref store.SecretRef) (store.Secret, error) {
		asked = ref
		s, err := e.secret(ctx, ref)
		if err == nil && s.Empty() {
			err = store.ErrNotFound
		}
		if err != nil {
			return s, err
		}
		value := strings.TrimSpace(s.Reveal())
		secrets = append(secrets, value)
		quoted, err := json.Marshal(value)
		if err != nil {
			return store.Secret{}, err
		}
		return store.NewSecret(string(quoted[1 : len(quoted)-1])), nil
	})
	if err != nil {
		return "", nil, e.keyError(ctx, "a secret of Portkey's config", asked, err)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(whole.Reveal())); err != nil {
		return "", nil, e.errorf(model.ErrorRequest, 0, errors.New("the config is no JSON"), "For %s, Portkey's config is no JSON object. Correct it in the settings of the provider.", e.cfg.Title())
	}
	return ascii(b.String()), secrets, nil
}

// headerJSON writes a value as JSON that a header can carry.
func headerJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return ascii(string(b)), err
}

// ascii escapes what of a JSON text is no printable ASCII. Between the tokens
// of compact JSON there is nothing to escape, so it all stands in strings.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
