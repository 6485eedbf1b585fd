package bridge

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxPresetName is how long the name of a preset is at the most, in characters.
const maxPresetName = 100

// Presets returns the system prompts that the person keeps, in their order.
func (b *Bridge) Presets() []store.PromptPreset {
	return slices.Clone(b.o.Settings.Settings().Presets)
}

// Preset returns one by its name. The error wraps store.ErrNotFound.
func (b *Bridge) Preset(name string) (store.PromptPreset, error) {
	for _, p := range b.o.Settings.Settings().Presets {
		if p.Name == name {
			return p, nil
		}
	}
	return store.PromptPreset{}, noPreset(name)
}

// SetPreset keeps a system prompt under its name, in place of the one that has
// the name. Conversations hold a copy, so that they stay as they are.
func (b *Bridge) SetPreset(p store.PromptPreset) error {
	p.Name = strings.TrimSpace(p.Name)
	switch {
	case p.Name == "" || utf8.RuneCountInString(p.Name) > maxPresetName || strings.ContainsFunc(p.Name, func(r rune) bool { return r < ' ' }):
		return fmt.Errorf("a preset needs a name of one line, at most %d characters (%w)", maxPresetName, store.ErrInvalid)
	case strings.TrimSpace(p.System) == "" || len(p.System) > maxSystem || !utf8.ValidString(p.System):
		return fmt.Errorf("a preset is a text of at most %d kB (%w)", maxSystem>>10, store.ErrInvalid)
	}
	return b.o.Settings.Update(func(s *store.Settings) error {
		s.Presets = slices.Clone(s.Presets)
		if i := slices.IndexFunc(s.Presets, func(o store.PromptPreset) bool { return o.Name == p.Name }); i >= 0 {
			s.Presets[i] = p
			return nil
		}
		s.Presets = append(s.Presets, p)
		return nil
	})
}

// RemovePreset forgets a preset. The error wraps store.ErrNotFound.
func (b *Bridge) RemovePreset(name string) error {
	return b.o.Settings.Update(func(s *store.Settings) error {
		n := len(s.Presets)
		s.Presets = slices.DeleteFunc(slices.Clone(s.Presets), func(p store.PromptPreset) bool { return p.Name == name })
		if len(s.Presets) == n {
			return noPreset(name)
		}
		return nil
	})
}

func noPreset(name string) error {
	return fmt.Errorf("there is no preset %q; drawbridge presets list shows them (%w)", name, store.ErrNotFound)
}
