package policy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// managedKey is the name under which it is kept that a server may not be handed
// to providers until a person has looked. No tool can have that name.
const managedKey = "\nmanaged"

// HandOver says which of a conversation's tools may go to a provider that
// connects to their server itself, and which stay with this program. offered is
// what Offer returned for the servers that are handed over.
//
// asks says that the provider asks before a call where it is told to: then all
// of them go, and those that the person allows without a question, always or in
// this conversation, are marked. Where it cannot ask, only those go; the others
// stay, so that the person can be asked here. A tool that may not be called at
// all is in neither list.
//
// What a provider cannot be made to keep stays here, too: a tool with a rule
// about its parameters. Calls that a limit counts, and those that content of
// another server could lead to, which beside names as far as the same request
// hands them over, are asked about.
func (e *Engine) HandOver(ctx context.Context, conv store.Conversation, offered []tools.Tool, asks bool, beside ...string) (handed []model.ManagedTool, kept []tools.Tool) {
	for i := range offered {
		t := &offered[i]
		inv := tools.Invocation{Client: tools.ClientChat, Conversation: conv.ID, Ref: t.Ref}
		verdict := e.Decide(ctx, inv, &conv, t).Decision
		if verdict != tools.Deny && e.OnlyHere(t.Ref) != "" {
			kept = append(kept, *t)
			continue
		}
		if rules, _ := e.rulesOf(t.Server); verdict == tools.Allow && rules.limited() {
			verdict = tools.Ask
		}
		if verdict == tools.Allow && !harmless(t) && slices.ContainsFunc(beside, func(id string) bool {
			return id != t.Server && !e.trusts(ctx, id)
		}) {
			verdict = tools.Ask
		}
		switch verdict {
		case tools.Allow:
			handed = append(handed, model.ManagedTool{Tool: *t, Always: true})
		case tools.Ask:
			if asks {
				handed = append(handed, model.ManagedTool{Tool: *t})
			} else {
				kept = append(kept, *t)
			}
		}
	}
	return handed, kept
}

// ManagedHold says why a server is not handed to providers until a person has
// looked.
type ManagedHold struct {
	// Reason is a sentence.
	Reason string `json:"reason"`
	// Tool is the name it is about; empty if it is not about one.
	Tool string `json:"tool,omitempty"`
	// Seen is what the person saw of the definition, and Told what the provider
	// says that it got: objects with name, description and inputSchema. Null
	// where there is none.
	Seen json.RawMessage `json:"seen,omitempty"`
	Told json.RawMessage `json:"told,omitempty"`
	// Hash is what ReleaseManaged takes.
	Hash string `json:"-"`
}

// CompareManaged holds what a provider found on a server against the tools that
// it was permitted, whose definitions a person has seen. It returns nil if
// nothing differs as far as the provider says. Tools that it did not find are no
// difference.
//
// Compared are the names, the descriptions but for space around them, and the
// schemas as JSON values, but for what says the same in another way: "$schema",
// and a type, properties or additionalProperties that a provider writes out. A
// definition may come back as the server sent it, or as it is shown and given to
// models, where what cannot be seen is written out.
func CompareManaged(permitted []model.ManagedTool, listed []model.ListedTool) *ManagedHold {
	seen := make(map[string]*tools.Tool, len(permitted))
	for i := range permitted {
		seen[permitted[i].Tool.Tool] = &permitted[i].Tool
	}
	found := make(map[string]bool, len(listed))
	for _, l := range listed {
		t := seen[l.Name]
		hold := func(format string, a ...any) *ManagedHold {
			h := &ManagedHold{Reason: fmt.Sprintf(format, a...), Tool: short(l.Name), Told: told(l)}
			if t != nil {
				h.Seen = t.Definition
			}
			return h
		}
		switch {
		case t == nil:
			return hold("The provider found the tool %q, which it was not permitted to use.", short(l.Name))
		case found[l.Name]:
			return hold("The provider found the tool %q twice, so nobody can say which one would run.", short(l.Name))
		}
		found[l.Name] = true
		description, schema := definitionOf(t)
		if said := strings.TrimSpace(l.Description); said != strings.TrimSpace(description) && said != strings.TrimSpace(t.Description) {
			return hold("The provider got another description of the tool %q than the one that you have seen.", short(l.Name))
		}
		if l.InputSchema != nil && !sameSchema(schema, l.InputSchema) && !sameSchema(t.InputSchema, l.InputSchema) {
			return hold("The provider got another schema of the tool %q than the one that you have seen.", short(l.Name))
		}
	}
	return nil
}

// definitionOf returns description and input schema as the server sent them.
func definitionOf(t *tools.Tool) (string, json.RawMessage) {
	var d struct {
		Description json.RawMessage `json:"description"`
		InputSchema json.RawMessage `json:"inputSchema"`
	}
	if json.Unmarshal(t.Definition, &d) != nil {
		return t.Description, t.InputSchema
	}
	var text string
	if len(d.Description) > 0 && json.Unmarshal(d.Description, &text) != nil {
		text = ""
	}
	return text, d.InputSchema
}

func told(l model.ListedTool) json.RawMessage {
	b, err := json.Marshal(struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
		InputSchema any    `json:"inputSchema,omitempty"`
	}{l.Name, l.Description, value(l.InputSchema)})
	const limit = 256 << 10 // what a person could read at all
	if err != nil || len(b) > limit {
		return nil
	}
	return b
}

// value reads JSON with numbers as they were written; nil if it is none.
func value(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil
	}
	return v
}

func sameSchema(a, b json.RawMessage) bool {
	x, ok := plainSchema(a)
	y, fine := plainSchema(b)
	if !ok || !fine {
		return false
	}
	if _, said := x["additionalProperties"]; !said && y["additionalProperties"] == false {
		delete(y, "additionalProperties") // fewer arguments are valid, and none means another thing
	}
	return reflect.DeepEqual(x, y)
}

// plainSchema returns the schema of a tool's arguments with what goes without
// saying written out. No schema at all says that it is an object.
func plainSchema(raw json.RawMessage) (map[string]any, bool) {
	v := value(raw)
	if v == nil {
		v = map[string]any{}
		if text := bytes.TrimSpace(raw); len(text) > 0 && string(text) != "null" {
			return nil, false
		}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	delete(m, "$schema")
	if m["type"] == nil {
		m["type"] = "object"
	}
	if m["properties"] == nil {
		m["properties"] = map[string]any{}
	}
	if list, ok := m["required"].([]any); ok && len(list) == 0 || m["required"] == nil {
		delete(m, "required")
	}
	return m, true
}

func short(name string) string {
	const limit = 100
	if len(name) > limit {
		return strings.ToValidUTF8(name[:limit], "") + "…"
	}
	return name
}

// HoldManaged has the server not be handed to any provider until a person has
// looked. It is durable when it returns. A reason that is kept already stays.
func (e *Engine) HoldManaged(ctx context.Context, serverID string, h ManagedHold) error {
	e.change.Lock()
	defer e.change.Unlock()
	pins, err := e.load(ctx, serverID)
	if err != nil {
		return err
	}
	if pins[managedKey].Hash != "" {
		return nil
	}
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("the reason why the server %q is held could not be kept: %w", serverID, err)
	}
	sum := sha256.Sum256(b)
	_, err = e.pin(ctx, serverID, pins, map[string]store.Pin{managedKey: {Hash: hex.EncodeToString(sum[:]), Definition: b}})
	if err == nil {
		e.log.Warn("a server is not handed to providers until a person has looked", "server", serverID, "reason", h.Reason)
	}
	return err
}

// ManagedHeld returns why the server may not be handed to providers now, or nil
// if it may. An error is the ledger's, and then it may not.
func (e *Engine) ManagedHeld(ctx context.Context, serverID string) (*ManagedHold, error) {
	pins, err := e.pinsOf(ctx, serverID)
	if err != nil {
		return nil, err
	}
	pin := pins[managedKey]
	if pin.Hash == "" {
		return nil, nil
	}
	h := &ManagedHold{}
	if err := json.Unmarshal(pin.Definition, h); err != nil {
		h = &ManagedHold{Reason: "What a provider told of this server did not fit what you have seen."}
	}
	h.Hash = pin.Hash
	return h, nil
}

// ReleaseManaged records that a person saw why the server is held, by the hash
// that was shown, and lets it be handed to providers again. If it is held for
// another reason by now, it stays so and the error wraps store.ErrHeld.
func (e *Engine) ReleaseManaged(ctx context.Context, serverID, hash string) error {
	e.change.Lock()
	defer e.change.Unlock()
	pins, err := e.load(ctx, serverID)
	if err != nil {
		return err
	}
	switch pins[managedKey].Hash {
	case "":
		return nil
	case hash:
		_, err := e.pin(ctx, serverID, pins, map[string]store.Pin{managedKey: {}})
		return err
	}
	return fmt.Errorf("the server %q is held for another reason than the one that was shown; look once more (%w)", serverID, store.ErrHeld)
}
