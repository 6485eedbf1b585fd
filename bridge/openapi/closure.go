package openapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// definitions returns the $defs that schemas with these references need, at most
// room bytes of them: what is farther away stands for any value. complete says
// whether nothing was left out. The error is that one of them leads nowhere.
func (s *schemas) definitions(refs []string, room int) (defs map[string]json.RawMessage, complete bool, err error) {
	defs, complete = map[string]json.RawMessage{}, true
	seen := map[string]bool{}
	queue := slices.Clone(refs)
	var reached []string
	for len(queue) > 0 {
		ref := queue[0]
		queue = queue[1:]
		if seen[ref] {
			continue
		}
		seen[ref] = true
		def := s.named[ref]
		if def.err != nil {
			return nil, false, def.err
		}
		if room -= len(def.raw) + len(def.name) + 4; room < 0 {
			complete = false
			defs[def.name] = json.RawMessage(`{}`)
			continue
		}
		reached = append(reached, ref)
		defs[def.name] = def.raw
		queue = append(queue, def.uses...)
	}
	for _, ref := range s.endless(reached) {
		defs[s.named[ref].name] = json.RawMessage(`{}`)
	}
	return defs, complete, nil
}

// endless returns the references that apply, by way of others, to the very same
// value again. No value could ever be checked against them.
func (s *schemas) endless(refs []string) []string {
	const (
		unseen = iota
		open
		done
	)
	state := map[string]int{}
	var out []string
	var visit func(ref string, depth int)
	visit = func(ref string, depth int) {
		switch {
		case state[ref] == open || depth > 1000:
			out = append(out, ref)
			return
		case state[ref] == done:
			return
		}
		state[ref] = open
		for _, next := range s.named[ref].inPlace {
			visit(next, depth+1)
		}
		state[ref] = done
	}
	for _, ref := range refs {
		visit(ref, 0)
	}
	return out
}

// writeDefs adds the definitions to a schema that is an object, in an order that
// does not change.
func writeDefs(schema json.RawMessage, defs map[string]json.RawMessage) json.RawMessage {
	if len(defs) == 0 {
		return schema
	}
	var b bytes.Buffer
	b.Write(schema[:len(schema)-1])
	b.WriteString(`,"$defs":{`)
	for i, name := range slices.Sorted(maps.Keys(defs)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(name))
		b.WriteByte(':')
		b.Write(defs[name])
	}
	b.WriteString("}}")
	return b.Bytes()
}
