package store

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MessagePreset is a message with a name, which a person keeps to write it again.
// What stands in it between double braces, such as {{city}}, is an argument that
// is filled in each time.
type MessagePreset struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

var presetArgument = regexp.MustCompile(`\{\{[ \t]*([\pL\pN_][\pL\pN_ -]{0,59}?)[ \t]*\}\}`)

// Arguments returns the names of the arguments, in the order in which they are
// first there.
func (p MessagePreset) Arguments() []string {
	var out []string
	for _, m := range presetArgument.FindAllStringSubmatch(p.Text, -1) {
		if !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// Fill returns the message with the values in the places of its arguments; those
// without a value are empty. What stands in a value is no argument.
func (p MessagePreset) Fill(values map[string]string) string {
	return presetArgument.ReplaceAllStringFunc(p.Text, func(s string) string {
		return values[presetArgument.FindStringSubmatch(s)[1]]
	})
}

// The bounds of a preset.
const (
	maxPresetName = 100       // characters
	maxPresetText = 256 << 10 // bytes
)

// Validate returns an error that wraps ErrInvalid unless the preset has a name of
// one line and a text.
func (p MessagePreset) Validate() error {
	switch {
	case p.Name != strings.TrimSpace(p.Name) || p.Name == "" || utf8.RuneCountInString(p.Name) > maxPresetName || strings.ContainsFunc(p.Name, func(r rune) bool { return r < ' ' }):
		return fmt.Errorf("a preset needs a name of one line, at most %d characters (%w)", maxPresetName, ErrInvalid)
	case strings.TrimSpace(p.Text) == "" || len(p.Text) > maxPresetText || !utf8.ValidString(p.Text):
		return fmt.Errorf("a preset is a text of at most %d kB (%w)", maxPresetText>>10, ErrInvalid)
	}
	return nil
}
