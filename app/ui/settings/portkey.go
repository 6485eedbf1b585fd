package settings

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// upstreamHeader carries the key of the service behind Portkey.
const upstreamHeader = "Authorization"

// isUpstream reports whether a header is the key of the service behind Portkey,
// as the form keeps it.
func isUpstream(name string, v store.Value) bool {
	return http.CanonicalHeaderKey(name) == upstreamHeader && len(v.Refs()) == 1 && v == store.RefTo(v.Refs()[0])
}

// portkeyPart is what of a form is Portkey's alone: where the gateway sends the
// requests, and what it is told about them.
type portkeyPart struct {
	Box      *fyne.Container
	e        *providerEditor
	route    *form.Field
	virtual  *secretField
	config   *form.Field
	values   *fyne.Container // of the secrets in the config
	secrets  map[store.SecretRef]*secretField
	upstream *secretField
	metadata *form.Pairs
}

func newPortkeyPart(e *providerEditor) *portkeyPart {
	k := &portkeyPart{e: e, values: form.Column(), secrets: map[store.SecretRef]*secretField{}}
	k.route = form.NewField(say.T("Provider"), "@work-openai", say.T("A provider of yours at Portkey, by its @slug, or the name of a service such as openai."))
	k.virtual = newSecretField(say.T("Virtual key"), "", say.T("From Portkey's vault. It goes to the keychain."))
	k.config = form.NewFieldOf(form.NewLines(say.T("Config"), say.F("%s, or %s", "pc-work-1a2b3c", `{"strategy": {"mode": "fallback"}, "targets": […]}`), 3),
		say.T("The id of a config, or a JSON object. Write a key in it as ${secret:NAME}; a field for its value then appears here."))
	clear := k.config.Entry.OnChanged
	k.config.Entry.OnChanged = func(text string) { clear(text); k.follow(text) }
	k.upstream = newSecretField(say.T("Key of the service behind it"), "", say.T("Only where Portkey does not keep it. It goes to the keychain."))
	k.metadata = form.NewPairs(say.T("Metadata"), say.T("Told to Portkey with every request, for its log: user, team, feature. Conversations can add to it."), say.T("Add entry"), nil)
	k.metadata.SetPlain()
	head := form.Bold(say.T("Where Portkey sends the requests"))
	k.Box = form.Groups(
		form.NewCard(form.Groups(
			form.Column(head, form.Muted(say.T("Fill in one of these; none where the key has a config of its own."))),
			k.route.Box, k.virtual.Box, form.Column(k.config.Box, k.values), k.upstream.Box)),
		k.metadata.Box)
	return k
}

// fill shows an entry.
func (k *portkeyPart) fill(cfg store.ProviderConfig) {
	for name, v := range cfg.Headers {
		if isUpstream(name, v) {
			k.upstream.set(true)
		}
	}
	if pk := cfg.Portkey; pk != nil {
		k.route.SetText(pk.Provider)
		k.virtual.set(pk.VirtualKey != "")
		k.config.SetText(pk.Config)
	}
	var pairs []form.Pair
	for _, name := range slices.Sorted(maps.Keys(cfg.Metadata)) {
		pairs = append(pairs, form.Pair{Name: name, Value: cfg.Metadata[name]})
	}
	k.metadata.Set(pairs)
}

// maxConfigSecrets bounds the fields that a config may ask for.
const maxConfigSecrets = 16

// follow shows a field for each secret that the config refers to.
func (k *portkeyPart) follow(config string) {
	var refs []store.SecretRef
	for _, ref := range store.Value(config).Refs() {
		if !slices.Contains(refs, ref) && len(refs) < maxConfigSecrets {
			refs = append(refs, ref)
		}
	}
	var boxes []fyne.CanvasObject
	for _, ref := range refs {
		f := k.secrets[ref]
		if f == nil {
			f = newSecretField(say.F("Value of %s", form.Visible(cut(string(ref), 60), false)), say.T("goes to the keychain"), "")
			f.set(k.e.p.refs[ref])
			f.end.Hide() // the config needs it
			k.secrets[ref] = f
		}
		boxes = append(boxes, f.Box)
	}
	if slices.Equal(boxes, k.values.Objects) {
		return
	}
	k.values.Objects = boxes
	form.Relayout(k.Box)
}

// read takes the part into the plan; where something is wrong it says so beside
// the field.
func (k *portkeyPart) read(plan *savePlan, before store.ProviderConfig) {
	k.route.SetError("")
	k.virtual.SetError("")
	k.config.SetError("")
	k.metadata.SetError("")
	cfg := &plan.cfg

	pk := store.Portkey{Provider: strings.TrimSpace(k.route.Text()), Config: strings.TrimSpace(k.config.Text())}
	switch text := strings.TrimSpace(k.virtual.Text()); {
	case text != "":
		ref := store.ProviderSecret(cfg.ID, "virtual-key")
		plan.set[ref] = store.NewSecret(text)
		pk.VirtualKey = store.RefTo(ref)
	case k.virtual.stays() && before.Portkey != nil:
		pk.VirtualKey = before.Portkey.VirtualKey
	}
	for _, part := range []struct {
		field *form.Field
		pk    store.Portkey
	}{{k.route, store.Portkey{Provider: pk.Provider}}, {k.virtual.Field, store.Portkey{VirtualKey: pk.VirtualKey}}, {k.config, store.Portkey{Config: pk.Config}}} {
		sentence := faultOf(*cfg, func(c *store.ProviderConfig) { c.Portkey = &part.pk })
		if part.field == k.config && strings.HasPrefix(pk.Config, "{") {
			if fault := jsonFault(pk.Config); fault != "" {
				sentence = fault
			}
		}
		if sentence != "" {
			part.field.SetError(sentence)
			k.e.blame(part.field.Box)
		}
	}
	for _, ref := range store.Value(pk.Config).Refs() {
		f := k.secrets[ref]
		if f == nil {
			continue
		}
		switch text := strings.TrimSpace(f.Text()); {
		case text != "":
			plan.set[ref] = store.NewSecret(text)
		case !f.kept && k.e.p.refs != nil: // where it is known what is stored
			f.SetError(say.T("Type the value, or take it out of the config."))
			k.e.blame(f.Box)
		}
	}
	cfg.Portkey = &pk
	k.readUpstream(plan, before)
	k.readMetadata(cfg)
}

// readUpstream takes the key of the service behind Portkey.
func (k *portkeyPart) readUpstream(plan *savePlan, before store.ProviderConfig) {
	k.upstream.SetError("")
	var name string
	var value store.Value
	for n, v := range before.Headers {
		if isUpstream(n, v) {
			name, value = n, v
		}
	}
	text := strings.TrimSpace(k.upstream.Text())
	switch {
	case text != "":
		if low := strings.ToLower(text); !strings.HasPrefix(low, "bearer ") && !strings.HasPrefix(low, "basic ") {
			text = "Bearer " + text
		}
		name = upstreamHeader
		ref := store.ProviderSecret(plan.cfg.ID, "header/"+name)
		plan.set[ref] = store.NewSecret(text)
		value = store.RefTo(ref)
	case !k.upstream.stays():
		return
	}
	for n := range plan.cfg.Headers {
		if http.CanonicalHeaderKey(n) == upstreamHeader {
			k.upstream.SetError(say.F("The header %s is set below as well. Leave one of them out.", upstreamHeader))
			k.e.blame(k.upstream.Box)
			return
		}
	}
	headers := maps.Clone(plan.cfg.Headers)
	if headers == nil {
		headers = map[string]store.Value{}
	}
	headers[name] = value
	plan.cfg.Headers = headers
}

// readMetadata takes the rows of the metadata.
func (k *portkeyPart) readMetadata(cfg *store.ProviderConfig) {
	out := map[string]string{}
	fault := ""
	for _, pair := range k.metadata.Pairs() {
		name := strings.TrimSpace(pair.Name)
		_, twice := out[name]
		switch {
		case name == "":
			fault = say.T("A value has no name. Type its name, or remove the row.")
		case twice:
			fault = say.F("The name %s is there twice. Remove one of the rows.", form.Visible(cut(name, 60), false))
		}
		out[name] = pair.Value
	}
	if fault == "" {
		fault = faultOf(*cfg, func(c *store.ProviderConfig) { c.Metadata = out })
	}
	if fault != "" {
		k.metadata.SetError(fault)
		k.e.blame(k.metadata.Box)
		return
	}
	cfg.Metadata = nil
	if len(out) > 0 {
		cfg.Metadata = out
	}
}

// jsonFault says where a text that should be a JSON object is none.
func jsonFault(text string) string {
	var object map[string]any
	err := json.Unmarshal([]byte(text), &object)
	if err == nil {
		return ""
	}
	return say.F("The config is no JSON object: %s. Correct it, or give the id of a config.", err.Error())
}
