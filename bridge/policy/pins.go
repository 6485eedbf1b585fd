package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// instructionsKey is the name under which a server's instructions are pinned.
const instructionsKey = ""

// noInstructions is the pin of a server that gives none. Every server that was
// ever reviewed has a pin under instructionsKey: it is the mark that the first
// listing is over, also when that listing was empty.
const noInstructions = "none"

// Review is what came of a listing.
type Review struct {
	// Passed are the tools whose definitions a person has seen, in the order of
	// the listing.
	Passed []tools.Tool
	// Held are the definitions that wait for a person, in that order; the
	// instructions, if they are held, come last.
	Held []Held
	// LeftOut are tools that cannot be used at all.
	LeftOut []LeftOut
	// Instructions are the server's, if a person has seen them; else nil.
	Instructions *tools.Instructions
}

// Held is a definition that is new or differs from the one that was seen.
type Held struct {
	Name string // the tool's own name; empty for the server's instructions
	// Old is the definition that was seen, nil if there was none; New is the
	// one that waits. Instructions are a JSON string.
	Old, New json.RawMessage
	// OldHash is empty if there was none. NewHash is what ApproveDefinitions
	// takes.
	OldHash, NewHash string
}

// LeftOut is a listed tool that cannot be used.
type LeftOut struct {
	Name   string
	Reason string // a sentence
}

// Review compares what a server lists with what a person has seen. The first
// listing ever, which follows the approval of the server's command, is pinned
// as it is. Afterwards only definitions that equal their pin pass; a tool that
// is new, that changed by a byte, or that comes back changed after it was gone,
// is held. That stays so when the command changes and is approved again.
//
// Call it with every listing, and only with whole ones. An error is the
// ledger's, and then nothing passes.
func (e *Engine) Review(ctx context.Context, serverID string, listed []tools.Tool, instr *tools.Instructions) (Review, error) {
	e.change.Lock()
	defer e.change.Unlock()
	e.mu.Lock()
	delete(e.builtin, serverID)
	e.mu.Unlock()
	pins, err := e.load(ctx, serverID)
	if err != nil {
		return Review{}, err
	}
	var r Review
	usable, instr := r.usable(serverID, listed, instr)

	if _, seen := pins[instructionsKey]; !seen {
		if pins, err = e.pin(ctx, serverID, pins, pinsFor(usable, instr)); err != nil {
			return Review{}, err
		}
		e.log.Info("definitions pinned", "server", serverID, "tools", len(usable))
	}

	for _, t := range usable {
		if pin := pins[t.Tool]; pin.Hash == t.Hash {
			r.Passed = append(r.Passed, t)
		} else {
			r.Held = append(r.Held, Held{
				Name: t.Tool, Old: pin.Definition, OldHash: pin.Hash, New: t.Definition, NewHash: t.Hash,
			})
		}
	}
	if instr != nil {
		now, pin := instructionsPin(instr), pins[instructionsKey]
		switch {
		case pin.Hash == now.Hash:
			r.Instructions = instr
		case pin.Hash == noInstructions:
			r.Held = append(r.Held, Held{New: now.Definition, NewHash: now.Hash})
		default:
			r.Held = append(r.Held, Held{Old: pin.Definition, OldHash: pin.Hash, New: now.Definition, NewHash: now.Hash})
		}
	}
	e.mu.Lock()
	e.held[serverID] = r.Held
	e.mu.Unlock()
	if len(r.Held) > 0 {
		e.log.Warn("definitions are new or changed and wait for a person", "server", serverID, "held", len(r.Held))
	}
	return r, nil
}

// ReviewBuiltin is Review for a server that is built into this program. Its
// definitions are the program's own: they change only with it, so they pass
// without a pin. The caller makes sure that it is such a server.
func (e *Engine) ReviewBuiltin(serverID string, listed []tools.Tool, instr *tools.Instructions) Review {
	var r Review
	r.Passed, r.Instructions = r.usable(serverID, listed, instr)
	e.mu.Lock()
	e.builtin[serverID] = pinsFor(r.Passed, r.Instructions)
	delete(e.held, serverID)
	e.mu.Unlock()
	return r
}

// pinsFor returns the pins of a whole listing.
func pinsFor(listed []tools.Tool, instr *tools.Instructions) pinned {
	pins := make(pinned, len(listed)+1)
	for _, t := range listed {
		pins[t.Tool] = store.Pin{Hash: t.Hash, Definition: t.Definition}
	}
	pins[instructionsKey] = instructionsPin(instr)
	return pins
}

// usable returns the tools that can be compared, each name once, and the
// instructions, if there are any; it notes the others.
func (r *Review) usable(serverID string, listed []tools.Tool, instr *tools.Instructions) ([]tools.Tool, *tools.Instructions) {
	if instr != nil && instr.Text == "" {
		instr = nil
	}
	if instr != nil && (instr.Hash == "" || instr.Server != serverID) {
		r.LeftOut = append(r.LeftOut, LeftOut{Reason: "The server's instructions came without a hash or from another server, so they cannot be compared."})
		instr = nil
	}
	hashes := make(map[string]string, len(listed))
	unclear := map[string]bool{} // listed twice, differently
	for _, t := range listed {
		if h, ok := hashes[t.Tool]; ok && h != t.Hash {
			unclear[t.Tool] = true
		}
		hashes[t.Tool] = t.Hash
	}
	usable := make([]tools.Tool, 0, len(listed))
	done := make(map[string]bool, len(listed))
	for _, t := range listed {
		if done[t.Tool] {
			continue
		}
		done[t.Tool] = true
		switch {
		case t.Tool == "":
			r.LeftOut = append(r.LeftOut, LeftOut{Reason: "The tool has no name."})
		case t.Tool == managedKey:
			r.LeftOut = append(r.LeftOut, LeftOut{t.Tool, "The tool's name begins with a line break."})
		case t.Server != serverID:
			r.LeftOut = append(r.LeftOut, LeftOut{t.Tool, "The tool belongs to another server."})
		case t.Hash == "":
			r.LeftOut = append(r.LeftOut, LeftOut{t.Tool, "The tool's definition has no hash, so it cannot be compared."})
		case unclear[t.Tool]:
			r.LeftOut = append(r.LeftOut, LeftOut{t.Tool, "The server lists this name twice with different definitions, so nobody can say which one would run."})
		default:
			usable = append(usable, t)
		}
	}
	return usable, instr
}

// ApproveDefinitions records that a person saw the held definitions with these
// hashes, by name (the name "" is the instructions). If any of them is not what
// the last Review held, nothing is recorded and the error wraps store.ErrHeld:
// the definition changed again while the person read. Afterwards Review the
// listing anew.
//
// Answers that allow calls of a tool were about the definition that was seen
// before, so they are void once it is another: the next call asks. A "never"
// stays, and so does what is remembered of a tool that is only new.
func (e *Engine) ApproveDefinitions(ctx context.Context, serverID string, seen map[string]string) error {
	e.change.Lock()
	defer e.change.Unlock()
	pins, err := e.load(ctx, serverID)
	if err != nil {
		return err
	}
	e.mu.RLock()
	held := e.held[serverID]
	e.mu.RUnlock()
	accepted := make(map[string]store.Pin, len(seen))
	var changed []string
	for _, h := range held {
		if hash, ok := seen[h.Name]; ok && hash == h.NewHash {
			accepted[h.Name] = store.Pin{Hash: h.NewHash, Definition: h.New}
			if h.Name != instructionsKey && h.OldHash != "" {
				changed = append(changed, h.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if _, ok := accepted[name]; !ok {
			what := fmt.Sprintf("the tool %q", name)
			if name == instructionsKey {
				what = "the instructions"
			}
			return fmt.Errorf("%s of the server %q changed again or are not listed now; look once more (%w)", what, serverID, store.ErrHeld)
		}
	}
	if len(accepted) == 0 {
		return nil
	}
	// First the answers: a crash between the two leaves the definitions held.
	if err := e.void(ctx, serverID, changed); err != nil {
		return err
	}
	if _, err := e.pin(ctx, serverID, pins, accepted); err != nil {
		return err
	}
	e.mu.Lock()
	e.held[serverID] = slices.DeleteFunc(slices.Clone(held), func(h Held) bool {
		_, ok := accepted[h.Name]
		return ok
	})
	e.mu.Unlock()
	return nil
}

// load returns the server's pins, from the copy or the ledger. change is held.
func (e *Engine) load(ctx context.Context, serverID string) (pinned, error) {
	e.mu.RLock()
	pins, ok := e.pins[serverID]
	e.mu.RUnlock()
	if ok {
		return pins, nil
	}
	stored, err := e.ledger.Pins(ctx, serverID)
	if err != nil {
		return nil, fmt.Errorf("the definitions that you have seen of the server %q could not be read, so none is used: %w", serverID, err)
	}
	pins = pinned(maps.Clone(stored))
	if pins == nil {
		pins = pinned{}
	}
	e.mu.Lock()
	e.pins[serverID] = pins
	e.mu.Unlock()
	return pins, nil
}

// pin writes pins to the ledger and then to the copy. change is held.
func (e *Engine) pin(ctx context.Context, serverID string, old pinned, more map[string]store.Pin) (pinned, error) {
	if err := e.ledger.SetPins(ctx, serverID, more); err != nil {
		// They may be written all the same, so what counts is read again: a
		// first listing must not be pinned twice.
		e.mu.Lock()
		delete(e.pins, serverID)
		e.mu.Unlock()
		return nil, fmt.Errorf("the definitions of the server %q could not be kept, so none is used: %w", serverID, err)
	}
	pins := maps.Clone(old)
	maps.Copy(pins, more)
	e.mu.Lock()
	e.pins[serverID] = pins
	e.mu.Unlock()
	return pins, nil
}

// pinsOf returns the server's pins for a decision.
func (e *Engine) pinsOf(ctx context.Context, serverID string) (pinned, error) {
	e.mu.RLock()
	pins, ok := e.builtin[serverID]
	if !ok {
		pins, ok = e.pins[serverID]
	}
	e.mu.RUnlock()
	if ok {
		return pins, nil
	}
	e.change.Lock()
	defer e.change.Unlock()
	return e.load(ctx, serverID)
}

// matches reports whether the tool is as a person saw it.
func (p pinned) matches(t *tools.Tool) bool {
	pin, ok := p[t.Tool]
	return ok && t.Tool != instructionsKey && t.Tool != managedKey && pin.Hash != "" && pin.Hash == t.Hash
}

func instructionsPin(instr *tools.Instructions) store.Pin {
	if instr == nil {
		return store.Pin{Hash: noInstructions, Definition: json.RawMessage(`""`)}
	}
	text, err := json.Marshal(instr.Text)
	if err != nil {
		panic("policy: a string always encodes: " + err.Error())
	}
	return store.Pin{Hash: instr.Hash, Definition: text}
}
