package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxEditedTold bounds how much of changed arguments whoever made a call is told,
// in bytes.
const maxEditedTold = 8 << 10

const (
	editedBefore = "The person changed the arguments before they allowed this call. It ran with these instead of yours:\n"
	editedAfter  = "\n\nWhat follows is the result of that."
)

// EditedNote tells whoever made a call, a model or another program, with which
// arguments it ran. It stands before the content of the result.
func EditedNote(arguments json.RawMessage) store.Text {
	told := string(arguments)
	if n := len(told); n > maxEditedTold {
		told = fmt.Sprintf("%s… (%d bytes in all)", strings.ToValidUTF8(told[:maxEditedTold], ""), n)
	}
	return store.Text{Text: editedBefore + told + editedAfter}
}

// WithoutEditedNote returns the content of a result without the note, for a person
// who sees the changed arguments beside it. Content that does not begin with a note
// that says what edited says, and nothing else, is returned as it is.
func WithoutEditedNote(content store.Parts, edited json.RawMessage) store.Parts {
	if len(content) == 0 || edited == nil {
		return content
	}
	first, ok := content[0].(store.Text)
	if !ok || first.Text != EditedNote(edited).Text && !tellsPartOf(first.Text, edited) {
		return content
	}
	return content[1:]
}

// tellsPartOf reports whether a text is a note with nothing but members of the
// arguments: what rules add to them is not told.
func tellsPartOf(text string, arguments json.RawMessage) bool {
	told, ok := strings.CutPrefix(text, editedBefore)
	if !ok {
		return false
	}
	if told, ok = strings.CutSuffix(told, editedAfter); !ok {
		return false
	}
	var some, all map[string]json.RawMessage
	if json.Unmarshal([]byte(told), &some) != nil || json.Unmarshal(arguments, &all) != nil {
		return false
	}
	for name, value := range some {
		var a, b bytes.Buffer
		if json.Compact(&a, value) != nil || json.Compact(&b, all[name]) != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			return false
		}
	}
	return true
}
