package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of a call's arguments.
const (
	MaxArguments      = 10 << 20 // bytes
	maxArgumentsDepth = 256      // objects and arrays inside each other

	maxArgumentsValues = 500_000 // elements and members
)

// CheckArguments says in a sentence why raw cannot be the arguments of a call,
// whatever the tool: they are one JSON object (RFC 8259) of valid UTF-8, of at
// most MaxArguments bytes and half a million values, not deeper than 256, in
// which no name comes twice.
// The last matters because one reader takes the first of two and the next one
// the last, so that a person would see other arguments than the server. The
// error wraps store.ErrInvalid.
func CheckArguments(raw json.RawMessage) error {
	switch {
	case len(raw) > MaxArguments:
		return argumentsError(fmt.Sprintf("The arguments are longer than %d MB. Send less.", MaxArguments>>20))
	case !utf8.Valid(raw):
		return argumentsError("The arguments are not valid UTF-8 text. Send one JSON object.")
	case !json.Valid(raw) || bytes.TrimLeft(raw, " \t\r\n")[0] != '{':
		return argumentsError("The arguments are not a JSON object. Send one, for example {}.")
	}
	return checkNames(raw)
}

// checkNames walks a valid document. It reads the bytes themselves, since it
// runs before every call and what it looks for is simple.
func checkNames(raw json.RawMessage) error {
	type level struct {
		object bool
		name   bool     // the next string is a name
		names  []string // so far; beyond a few also in seen
		seen   map[string]struct{}
	}
	open := make([]level, 0, 8)
	values := 0
	for i := 0; i < len(raw); i++ {
		var l *level
		if len(open) > 0 {
			l = &open[len(open)-1]
		}
		switch raw[i] {
		case '{', '[':
			if len(open) == maxArgumentsDepth {
				return argumentsError(fmt.Sprintf("The arguments are nested deeper than %d. Send something flatter.", maxArgumentsDepth))
			}
			open = append(open, level{object: raw[i] == '{', name: raw[i] == '{'})
		case '}', ']':
			open = open[:len(open)-1]
		case ',':
			l.name = l.object
			if values++; values > maxArgumentsValues {
				return argumentsError(fmt.Sprintf("The arguments hold more than %d values. Send less at once.", maxArgumentsValues))
			}
		case '"':
			end, escaped := stringEnd(raw, i)
			text := raw[i : end+1]
			i = end
			if !l.name {
				continue
			}
			l.name = false
			name := string(text[1 : len(text)-1])
			if escaped {
				if err := json.Unmarshal(text, &name); err != nil {
					return argumentsError("The arguments are not a JSON object: " + err.Error() + ".")
				}
			}
			twice := false
			if l.seen == nil {
				twice = slices.Contains(l.names, name)
			} else {
				_, twice = l.seen[name]
			}
			if twice {
				return argumentsError(fmt.Sprintf("The arguments name %.80q twice in one object. Name it once.", name))
			}
			switch {
			case l.seen != nil:
				l.seen[name] = struct{}{}
			case len(l.names) < 16:
				l.names = append(l.names, name)
			default:
				l.seen = map[string]struct{}{name: {}}
				for _, n := range l.names {
					l.seen[n] = struct{}{}
				}
			}
		}
	}
	return nil
}

// stringEnd returns where the string that begins at i ends, and whether it
// contains an escape.
func stringEnd(raw []byte, i int) (end int, escaped bool) {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			escaped = true
			i++
		}
	}
	return i, escaped
}

type argumentsError string

func (e argumentsError) Error() string { return string(e) }
func (e argumentsError) Unwrap() error { return store.ErrInvalid }
