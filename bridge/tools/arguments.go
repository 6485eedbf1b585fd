package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of a call's arguments.
const (
	MaxArguments      = 10 << 20 // bytes
	maxArgumentsDepth = 256      // objects and arrays inside each other
)

// CheckArguments says in a sentence why raw cannot be the arguments of a call,
// whatever the tool: they are one JSON object (RFC 8259) of valid UTF-8, of at
// most MaxArguments bytes, not deeper than 256, in which no name comes twice.
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

// checkNames walks the tokens of a valid document.
func checkNames(raw json.RawMessage) error {
	type level struct {
		names map[string]struct{} // nil for an array
		value bool                // the next token is a value
	}
	var open []level
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return argumentsError("The arguments are not a JSON object: " + err.Error() + ".")
		}
		if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			l := &open[n-1]
			if name, ok := tok.(string); ok && !l.value {
				if _, twice := l.names[name]; twice {
					return argumentsError(fmt.Sprintf("The arguments name %.80q twice in one object. Name it once.", name))
				}
				l.names[name] = struct{}{}
				l.value = true
				continue
			}
			l.value = false
		}
		if d, ok := tok.(json.Delim); ok {
			if len(open) == maxArgumentsDepth {
				return argumentsError(fmt.Sprintf("The arguments are nested deeper than %d. Send something flatter.", maxArgumentsDepth))
			}
			l := level{}
			if d == '{' {
				l.names = map[string]struct{}{}
			}
			open = append(open, l)
		}
	}
}

type argumentsError string

func (e argumentsError) Error() string { return string(e) }
func (e argumentsError) Unwrap() error { return store.ErrInvalid }
