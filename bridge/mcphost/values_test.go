package mcphost

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestTooManyValues: what is in strings does not count, however it is written.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("1,", valuesMax+1)
	quoted, err := json.Marshal(strings.Repeat(`,[{\",`, valuesMax))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		text string
		many bool
	}{
		"numbers":          {"[" + many + "1]", true},
		"empty objects":    {"[" + strings.Repeat("{},", valuesMax/2+1) + "1]", true},
		"nesting":          {nested(valuesMax + 1), true},
		"members":          {`{"a":0` + strings.Repeat(`,"a":0`, valuesMax+1) + "}", true},
		"after a string":   {`["\\",` + many + "1]", true},
		"after a quote":    {`["\"",` + many + "1]", true},
		"text":             {`{"text":` + string(quoted) + `}`, false},
		"numbers, but few": {"[" + strings.Repeat("1000,", valuesMax/2) + "1]", false},
	} {
		if got := tooMany([]byte(tt.text)); got != tt.many {
			t.Errorf("%s: %t", name, got)
		}
		for shape, events := range map[string]string{
			"one line": "event: message\ndata: " + tt.text + "\n\n", "after a comment": ": \"\nid: \"\ndata:" + tt.text + "\n\n",
			"carriage returns": "data: " + tt.text + "\r\n\r\n", "the second event": "data: {}\n\ndata: " + tt.text + "\n\n",
		} {
			_, err := io.Copy(io.Discard, &countedEvents{ReadCloser: io.NopCloser(iotest.HalfReader(strings.NewReader(events)))})
			if errors.Is(err, tooManyError{}) != tt.many || err != nil && !tt.many {
				t.Errorf("%s, %s: %v", name, shape, err)
			}
		}
	}
}

// TestCountedEvents: events count each for itself, and nobody hides values behind
// a string that does not end.
func TestCountedEvents(t *testing.T) {
	t.Parallel()
	some := "data: [" + strings.Repeat("1,", valuesMax/2) + "1]\n"
	read := func(text string) (string, error) {
		b, err := io.ReadAll(&countedEvents{ReadCloser: io.NopCloser(iotest.OneByteReader(strings.NewReader(text)))})
		return string(b), err
	}
	for _, text := range []string{strings.Repeat(some+"\n", 4), strings.Repeat(some+"\r\n", 4), "", ":\n\n", "data", "data:\n\ndata: {}\n"} {
		if got, err := read(text); err != nil || got != text {
			t.Errorf("%.30q: %d of %d bytes, %v", text, len(got), len(text), err)
		}
	}
	for text, want := range map[string]error{
		strings.Repeat(some, 4) + "\n":                       tooManyError{}, // the lines of one event
		some + ": \n" + strings.Repeat(some, 3):              tooManyError{},
		"data: {\"a\":\"\n" + some + "\n":                    errOpenString,
		fmt.Sprintf("data: \"%s\ndata: \"%s\n\n", "a", some): errOpenString,
		"data: {\"a\":\"\\\"\n\n":                            errOpenString,
	} {
		if _, err := read(text); !errors.Is(err, want) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}
