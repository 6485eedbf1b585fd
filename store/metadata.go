package store

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// What the metadata of a request may hold. Gateways refuse longer values, and a
// header holds only so much.
const (
	maxMetadata      = 32  // entries
	maxMetadataName  = 64  // bytes
	maxMetadataValue = 128 // characters
	maxMetadataBytes = 2 << 10
)

// ValidateMetadata says in a sentence which entry of a gateway's metadata cannot
// be sent. The error wraps ErrInvalid.
func ValidateMetadata(metadata map[string]string) error {
	if len(metadata) > maxMetadata {
		return fmt.Errorf("the metadata has %d entries; %d are allowed (%w)", len(metadata), maxMetadata, ErrInvalid)
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		value := metadata[name]
		switch {
		case name == "" || len(name) > maxMetadataName || !utf8.ValidString(name):
			return fmt.Errorf("a name in the metadata must be text of 1 to %d bytes (%w)", maxMetadataName, ErrInvalid)
		case !utf8.ValidString(value):
			return fmt.Errorf("the metadata %q is no text (%w)", name, ErrInvalid)
		case utf8.RuneCountInString(value) > maxMetadataValue:
			return fmt.Errorf("the metadata %q is longer than %d characters (%w)", name, maxMetadataValue, ErrInvalid)
		}
		if total += len(name) + len(value); total > maxMetadataBytes {
			return fmt.Errorf("the metadata is longer than %d bytes together (%w)", maxMetadataBytes, ErrInvalid)
		}
	}
	return nil
}
