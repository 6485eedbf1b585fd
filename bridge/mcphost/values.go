package mcphost

import (
	"errors"
	"fmt"
	"io"
)

// valuesMax is the number of JSON values in one message. Decoded, a value takes
// many times the room that its text does: 16 MiB of empty objects are a gigabyte
// of structs. What has more fails its call, like a message that is too long.
const valuesMax = 500_000

// tooManyError is a message of more than valuesMax values.
type tooManyError struct{}

func (tooManyError) Error() string {
	return fmt.Sprintf("a message of more than %d values", valuesMax)
}

// valueCounter counts the values of a message that arrives in pieces, and
// decodes nothing: it counts the commas and opening brackets outside of strings,
// of which there are about as many.
type valueCounter struct {
	values          int
	inside, escaped bool // a string; after a backslash
}

func (c *valueCounter) add(b byte) {
	switch {
	case c.escaped:
		c.escaped = false
	case b == '"':
		c.inside = !c.inside
	case c.inside:
		c.escaped = b == '\\'
	case b == ',' || b == '{' || b == '[':
		c.values++
	}
}

// tooMany reports whether a message has too many values.
func tooMany(message []byte) bool {
	if len(message) <= valuesMax {
		return false
	}
	var c valueCounter
	for _, b := range message {
		c.add(b)
	}
	return c.values > valuesMax
}

var errOpenString = errors.New("an event of the stream is no message: a text in it does not end")

// countedEvents is a stream of server-sent events that fails at an event with
// too many values, before anybody decodes it.
type countedEvents struct {
	io.ReadCloser
	counter valueCounter
	field   []byte // the beginning of the present line
	text    bool   // the line is not empty
}

const dataField = "data:"

func (e *countedEvents) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	for _, b := range p[:n] {
		switch {
		case b == '\n':
			if string(e.field) == dataField && e.counter.inside {
				// Of what comes next nobody could say whether it is in a string.
				return 0, errOpenString
			}
			if !e.text {
				e.counter = valueCounter{} // the event ends
			}
			e.field, e.text = e.field[:0], false
			continue
		case len(e.field) < len(dataField):
			e.field = append(e.field, b)
		case string(e.field) == dataField:
			if e.counter.add(b); e.counter.values > valuesMax {
				return 0, tooManyError{}
			}
		}
		e.text = e.text || b != '\r'
	}
	return n, err
}
