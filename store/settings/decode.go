package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/drawbridge-app/drawbridge/store"
)

// version is that of settings.json. It grows when an older program would
// misread what a newer one wrote.
const version = 1

// decodeSettings reads the keys that this version knows, each by itself, so
// that one that cannot be used leaves the others in force. What cannot be used
// is named in problems. The error says that the whole file cannot be used.
func decodeSettings(d *document) (s store.Settings, problems []string, err error) {
	root := object(&d.root)
	if v := member(root, "version"); v != nil {
		var n int
		if json.Unmarshal(standard(v), &n) != nil || n < 1 {
			return s, nil, errors.New(`its "version" is no number from 1 on`)
		}
		if n > version {
			return s, nil, fmt.Errorf("its version is %d, and this program knows %d at most (%w)", n, version, store.ErrNewer)
		}
	}
	d.unusable = map[int]bool{}
	fields := reflect.ValueOf(&s).Elem()
	for i := range fields.NumField() {
		key := jsonKey(fields.Type().Field(i))
		v := member(root, key)
		if v == nil {
			continue
		}
		if key == "providers" {
			s.Providers, problems = decodeProviders(d, v, problems)
			continue
		}
		fresh := reflect.New(fields.Field(i).Type())
		if json.Unmarshal(exact(v, fields.Field(i).Type()), fresh.Interface()) != nil {
			d.unusable[v.StartOffset] = true
			problems = append(problems, fmt.Sprintf(
				"settings.json: the value of %q cannot be used, and its default holds; mend it there, or set it anew in the settings.", key))
			continue
		}
		fields.Field(i).Set(fresh.Elem())
	}
	if err := s.Gateway.Validate(); err != nil {
		// It listens to nobody rather than to more than a person meant.
		s.Gateway = store.GatewaySettings{Port: max(0, min(s.Gateway.Port, 65535))}
		problems = append(problems, fmt.Sprintf("settings.json: the gateway is switched off, because of what its settings say: %v. Mend it there.", err))
	}
	if s.StepLimit < 0 {
		s.StepLimit = 0
		problems = append(problems, `settings.json: "step_limit" is less than 0, and the default holds; set it anew in the settings.`)
	}
	return cloneSettings(s), problems, nil
}

// jsonKey is the key under which a field is kept.
func jsonKey(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return key
}

// exact returns a value as plain JSON. Of an object that stands for a struct it
// leaves out the keys that are not spelled exactly as the struct's, which
// package json would accept, and which a change would then not find.
func exact(v *hujson.Value, t reflect.Type) []byte {
	o := object(v)
	if o == nil || t.Kind() != reflect.Struct {
		return standard(v)
	}
	var kept hujson.Object
	for i := range t.NumField() {
		key := jsonKey(t.Field(i))
		if m := member(o, key); m != nil {
			kept.Members = append(kept.Members, hujson.ObjectMember{
				Name: hujson.Value{Value: hujson.String(key)}, Value: hujson.Value{Value: m.Value},
			})
		}
	}
	return standard(&hujson.Value{Value: &kept})
}

func decodeProviders(d *document, v *hujson.Value, problems []string) ([]store.ProviderConfig, []string) {
	list, ok := v.Value.(*hujson.Array)
	if !ok {
		return nil, append(problems, `settings.json: "providers" is no list, so there are none; mend it there.`)
	}
	var out []store.ProviderConfig
	seen := map[string]bool{}
	for i := range list.Elements {
		e := &list.Elements[i]
		var p store.ProviderConfig
		reason := "a value in it has the wrong type"
		err := json.Unmarshal(exact(e, reflect.TypeOf(p)), &p)
		if err == nil {
			if err = p.Validate(); err != nil {
				reason = err.Error()
			} else if seen[p.ID] {
				err, reason = store.ErrExists, fmt.Sprintf("the id %q is taken by one before it", p.ID)
			}
		}
		if err != nil {
			d.unusable[e.StartOffset] = true
			problems = append(problems, fmt.Sprintf("settings.json: provider %d of the list cannot be used: %s. Mend it there.", i+1, reason))
			continue
		}
		seen[p.ID] = true
		out = append(out, p)
	}
	return out, problems
}

// cloneSettings returns a copy that shares nothing, and in which what is empty
// is nil.
func cloneSettings(s store.Settings) store.Settings {
	out := s
	out.Providers = nil
	for _, p := range s.Providers {
		headers := p.Headers
		p.Headers = nil
		for k, v := range headers {
			if p.Headers == nil {
				p.Headers = map[string]store.Value{}
			}
			p.Headers[k] = v
		}
		out.Providers = append(out.Providers, p)
	}
	out.Gateway = s.Gateway.Clone()
	out.Folders = append([]string(nil), s.Folders...)
	out.WorkbenchRules = s.WorkbenchRules.Clone()
	out.Switches = s.Switches.Clone()
	if len(out.Switches.Servers) == 0 {
		out.Switches.Servers = nil
	}
	if len(out.Switches.Tools) == 0 {
		out.Switches.Tools = nil
	}
	return out
}

// plain returns a Go value as a plain JSON object.
func plain(v any) (*hujson.Object, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	val, err := hujson.Parse(b.Bytes())
	if err != nil {
		return nil, err
	}
	o := object(&val)
	if o == nil {
		return nil, fmt.Errorf("%T is no JSON object (%w)", v, store.ErrInvalid)
	}
	return o, nil
}
