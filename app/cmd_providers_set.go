package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// The types that are gateways: presets that speak any of several formats.
const (
	typePortkey = "portkey"
	typeLiteLLM = "litellm"
)

// providerFlags are the flags of providers set.
type providerFlags struct {
	kind, format, preset, baseURL, model, title string
	headers, secretHeaders                      []string
	noKey, asJSON                               bool

	virtualKey, portkeyProvider, portkeyConfig string
	secretVirtualKey                           bool
	metadata                                   []string
	fallback, connector                        string
	keepResponses                              bool
	context, maxOutput, price                  []string

	changed func(name string) bool // whether a flag was given
}

func (f *providerFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&f.kind, "type", "", "responses (OpenAI Responses), chat (Chat Completions), anthropic, gemini, portkey or litellm")
	flags.StringVar(&f.format, "format", "", "with portkey and litellm: responses, chat or anthropic")
	flags.StringVar(&f.preset, "preset", "", "service whose address and oddities are known, such as openrouter or ollama")
	flags.StringVar(&f.baseURL, "base-url", "", "address up to the version, such as https://api.openai.com/v1")
	flags.StringVar(&f.model, "model", "", "model that is chosen by default")
	flags.StringVar(&f.title, "title", "", "name for people")
	flags.StringArrayVar(&f.headers, "header", nil, "further HTTP header, NAME=VALUE (repeatable)")
	flags.StringArrayVar(&f.secretHeaders, "secret-header", nil, "further HTTP header whose value is asked for (repeatable)")
	flags.BoolVar(&f.noKey, "no-key", false, "the service wants no key")
	flags.StringVar(&f.virtualKey, "virtual-key", "", "Portkey: virtual key")
	flags.BoolVar(&f.secretVirtualKey, "secret-virtual-key", false, "Portkey: virtual key that is asked for and kept in the keychain")
	flags.StringVar(&f.portkeyProvider, "portkey-provider", "", "Portkey: provider, a name or a slug such as @work-openai")
	flags.StringVar(&f.portkeyConfig, "portkey-config", "", "Portkey: the id of a config, or a JSON object")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "told to the gateway with every request, NAME=VALUE (repeatable)")
	flags.StringVar(&f.fallback, "fallback", "", "PROVIDER/MODEL that answers when this one cannot")
	flags.StringVar(&f.connector, "connector", "", "version of Anthropic's MCP connector")
	flags.BoolVar(&f.keepResponses, "keep-responses", false, "OpenAI Responses: let the service keep the answers, and send only what is new")
	flags.StringArrayVar(&f.context, "context", nil, "tokens that a model takes, MODEL=N (repeatable)")
	flags.StringArrayVar(&f.maxOutput, "max-output", nil, "tokens of an answer of a model, MODEL=N (repeatable)")
	flags.StringArrayVar(&f.price, "price", nil, "US dollars for a million tokens, MODEL=INPUT/CACHED/OUTPUT or MODEL=INPUT/OUTPUT (repeatable)")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
}

func (c *cli) providersSet() *cobra.Command {
	var f providerFlags
	cmd := &cobra.Command{
		Use:   "set NAME --type TYPE [--base-url URL]",
		Short: "Set up a provider, or change one",
		Long: `Set up a provider of models, or change what the flags name in the one of that
name. Its key is kept apart: drawbridge secret set provider/NAME/key.

The address is known for responses, anthropic, gemini, portkey, litellm (this
computer) and most presets. Several entries of a type may stand side by side,
each with a key of its own.

With portkey the key is that of Portkey itself; a key for the service behind it
goes into --secret-header Authorization, with Bearer in front. With litellm the
key goes as a bearer token, or into --secret-header x-litellm-api-key.`,
		Example: `  drawbridge providers set openai --type responses
  drawbridge providers set ollama --preset ollama
  drawbridge providers set work --type portkey --format anthropic --portkey-provider @work-anthropic --metadata team=blue
  drawbridge providers set proxy --type litellm --base-url https://litellm.example.com/v1 --price big=3/0.3/15`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.changed = cmd.Flags().Changed
			b, err := c.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.byPerson(b, "providers set"); err != nil {
				return err
			}
			p, err := b.Provider(args[0])
			if errors.Is(err, store.ErrNotFound) {
				p, err = store.ProviderConfig{ID: args[0]}, nil
			}
			if err != nil {
				return err
			}
			if err := f.apply(&p, b); err != nil {
				return err
			}
			secrets, err := c.providerSecrets(cmd, &f, &p)
			if err != nil {
				return err
			}
			if err := p.Validate(); err != nil {
				return err
			}
			if err := c.unlock(cmd.Context(), b, len(secrets) > 0); err != nil {
				return err
			}
			for _, ref := range slices.Sorted(maps.Keys(secrets)) {
				if err := b.SetSecret(cmd.Context(), ref, secrets[ref]); err != nil {
					return err
				}
			}
			if err := b.SetProvider(cmd.Context(), p, nil); err != nil {
				return err
			}
			if f.asJSON {
				return c.printJSON(p)
			}
			fmt.Fprintf(c.session.Stdout, "set %s: %s at %s\n", p.ID, p.Kind, p.BaseURL)
			return c.hintKey(cmd.Context(), b, p)
		},
	}
	f.define(cmd.Flags())
	return cmd
}

// providerSecrets asks for the secrets that the flags name, and has the entry
// refer to them.
func (c *cli) providerSecrets(cmd *cobra.Command, f *providerFlags, p *store.ProviderConfig) (map[store.SecretRef]store.Secret, error) {
	secrets := map[store.SecretRef]store.Secret{}
	ask := func(ref store.SecretRef, what string) error {
		var err error
		if secrets[ref], err = c.session.ReadSecret(cmd.Context(), fmt.Sprintf("Value of %s: ", what)); err != nil {
			return fmt.Errorf("read the value of %s: %w", what, err)
		}
		return nil
	}
	for _, h := range f.secretHeaders {
		ref := store.ProviderSecret(p.ID, "header/"+h)
		if err := ask(ref, h); err != nil {
			return nil, err
		}
		p.Headers[h] = store.RefTo(ref)
	}
	if f.secretVirtualKey {
		ref := store.ProviderSecret(p.ID, "virtual-key")
		if err := ask(ref, "the virtual key"); err != nil {
			return nil, err
		}
		p.Portkey.VirtualKey = store.RefTo(ref)
	}
	return secrets, nil
}

// apply changes what the flags name.
func (f *providerFlags) apply(p *store.ProviderConfig, b *bridge.Bridge) error {
	if err := f.service(p); err != nil {
		return err
	}
	for name, set := range map[string]func(){
		"base-url":       func() { p.BaseURL = f.baseURL },
		"model":          func() { p.Model = f.model },
		"title":          func() { p.Name = f.title },
		"no-key":         func() { p.NoKey = f.noKey },
		"connector":      func() { p.Connector = f.connector },
		"keep-responses": func() { p.KeepResponses = f.keepResponses },
	} {
		if f.changed(name) {
			set()
		}
	}
	headers, err := pairs(f.headers, "--header")
	if err != nil {
		return err
	}
	p.Headers = maps.Clone(p.Headers)
	if p.Headers == nil {
		p.Headers = map[string]store.Value{}
	}
	maps.Copy(p.Headers, headers)
	metadata, err := pairs(f.metadata, "--metadata")
	if err != nil {
		return err
	}
	p.Metadata = maps.Clone(p.Metadata)
	for name, value := range metadata {
		if p.Metadata == nil {
			p.Metadata = map[string]string{}
		}
		p.Metadata[name] = string(value)
	}
	if err := f.portkey(p); err != nil {
		return err
	}
	if f.changed("fallback") {
		if p.Fallback, err = fallbackRef(f.fallback, p.ID, b); err != nil {
			return err
		}
	}
	return f.models(p)
}

func isGateway(preset string) bool { return preset == typePortkey || preset == typeLiteLLM }

// service sets the type, the preset and what follows from them.
func (f *providerFlags) service(p *store.ProviderConfig) error {
	preset, kind := f.preset, f.kind
	if isGateway(kind) {
		if preset != "" && preset != kind {
			return usagef("--type %s and --preset %s are two services; leave one out", kind, preset)
		}
		preset, kind = kind, ""
	}
	if f.format != "" {
		if !isGateway(preset) && (preset != "" || kind != "" || !isGateway(p.Preset)) {
			return usagef("--format goes with --type portkey and --type litellm; use --type")
		}
		if !slices.Contains([]string{"responses", "chat", "anthropic"}, f.format) {
			return usagef("--format is responses, chat or anthropic, not %q", f.format)
		}
		kind = f.format
	}
	switch {
	case preset != "":
		if err := usePreset(p, preset); err != nil {
			return err
		}
	case kind == "" && p.Kind == "":
		return usagef("--type or --preset is required; see drawbridge providers set --help")
	case f.kind != "" && (isGateway(p.Preset) || store.ProviderKind(kind) != p.Kind): // another service than before
		p.Preset, p.BaseURL = "", defaultAddress(store.ProviderKind(kind))
	}
	if kind != "" {
		p.Kind = store.ProviderKind(kind)
	}
	known := []store.ProviderKind{store.ProviderChat, store.ProviderResponses, store.ProviderAnthropic, store.ProviderGemini}
	if p.BaseURL == "" && f.baseURL == "" && slices.Contains(known, p.Kind) {
		return usagef("--base-url is required; only you know the address")
	}
	return nil
}

// usePreset makes the entry one of that service. One that is of it already
// stays as it is.
func usePreset(p *store.ProviderConfig, preset string) error {
	if p.Preset == preset {
		return nil
	}
	var known []string
	for _, s := range bridge.Services() {
		if s.ID == preset {
			made := s.Config()
			if s.Fill && preset != typeLiteLLM {
				made.BaseURL = "" // an example
			}
			p.Preset, p.Kind, p.BaseURL, p.NoKey, p.Portkey = preset, made.Kind, made.BaseURL, made.NoKey, made.Portkey
			return nil
		}
		if s.ID != "" {
			known = append(known, s.ID)
		}
	}
	return usagef("there is no preset %q; there are %s", preset, strings.Join(known, ", "))
}

// defaultAddress returns where the vendor of a format itself is.
func defaultAddress(kind store.ProviderKind) string {
	for _, s := range bridge.Services() {
		if s.Kind == kind && !s.Fill && kind != store.ProviderChat {
			return s.BaseURL
		}
	}
	return ""
}

// portkey sets what is Portkey's alone.
func (f *providerFlags) portkey(p *store.ProviderConfig) error {
	given := f.secretVirtualKey || f.changed("virtual-key") || f.changed("portkey-provider") || f.changed("portkey-config")
	if p.Preset != typePortkey {
		p.Portkey = nil
		if given {
			return usagef("virtual keys, --portkey-provider and --portkey-config go with --type portkey")
		}
		return nil
	}
	if f.secretVirtualKey && f.changed("virtual-key") {
		return usagef("--virtual-key and --secret-virtual-key are two ways of saying it; leave one out")
	}
	k := store.Portkey{}
	if p.Portkey != nil {
		k = *p.Portkey
	}
	if f.changed("virtual-key") {
		k.VirtualKey = store.Value(f.virtualKey)
		if k.VirtualKey.Secret() {
			return usagef("--virtual-key refers to a secret by name; use --secret-virtual-key")
		}
	}
	if f.changed("portkey-provider") {
		k.Provider = f.portkeyProvider
	}
	if f.changed("portkey-config") {
		k.Config = f.portkeyConfig
	}
	p.Portkey = &k
	return nil
}

// fallbackRef reads PROVIDER/MODEL; nothing takes the fallback away.
func fallbackRef(text, own string, b *bridge.Bridge) (store.ModelRef, error) {
	if text == "" {
		return store.ModelRef{}, nil
	}
	provider, model, ok := strings.Cut(text, "/")
	if !ok || provider == "" || model == "" {
		return store.ModelRef{}, usagef("--fallback takes PROVIDER/MODEL, not %q", text)
	}
	if provider != own {
		if _, err := b.Provider(provider); err != nil {
			return store.ModelRef{}, err
		}
	}
	return store.ModelRef{Provider: provider, Model: model}, nil
}

// models sets what the person knows of models.
func (f *providerFlags) models(p *store.ProviderConfig) error {
	p.Models = maps.Clone(p.Models)
	change := func(flags []string, what string, set func(*store.ModelLimits, string) bool) error {
		for _, text := range flags {
			// A model's name may hold any character; the last = counts.
			i := strings.LastIndexByte(text, '=')
			if i <= 0 {
				return usagef("%s takes MODEL=…, not %q", what, text)
			}
			l := p.Models[text[:i]]
			if !set(&l, text[i+1:]) {
				return usagef("%s %s: %q is no number that is allowed", what, text[:i], text[i+1:])
			}
			if p.Models == nil {
				p.Models = map[string]store.ModelLimits{}
			}
			p.Models[text[:i]] = l
			if l == (store.ModelLimits{}) {
				delete(p.Models, text[:i])
			}
		}
		return nil
	}
	count := func(n *int64, text string) bool {
		v, err := strconv.ParseInt(text, 10, 64)
		*n = v
		return err == nil && v >= 0
	}
	if err := change(f.context, "--context", func(l *store.ModelLimits, text string) bool { return count(&l.Context, text) }); err != nil {
		return err
	}
	if err := change(f.maxOutput, "--max-output", func(l *store.ModelLimits, text string) bool { return count(&l.MaxOutput, text) }); err != nil {
		return err
	}
	return change(f.price, "--price", setPrices)
}

// setPrices reads INPUT/OUTPUT or INPUT/CACHED/OUTPUT.
func setPrices(l *store.ModelLimits, text string) bool {
	var prices []float64
	for part := range strings.SplitSeq(text, "/") {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) {
			return false
		}
		prices = append(prices, v)
	}
	switch len(prices) {
	case 2:
		l.Input, l.Cached, l.Output = prices[0], 0, prices[1]
	case 3:
		l.Input, l.Cached, l.Output = prices[0], prices[1], prices[2]
	default:
		return false
	}
	return true
}
