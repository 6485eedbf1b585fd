package tools

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// TestWithoutEditedNote leaves out for a person what only repeats the arguments
// that they changed, and nothing that says more than that.
func TestWithoutEditedNote(t *testing.T) {
	edited := json.RawMessage(`{"to":"bob","from":"the office"}`)
	long := json.RawMessage(`{"to":"` + strings.Repeat("ü", maxEditedTold) + `"}`)
	result := store.Text{Text: "sent"}
	other := EditedNote(json.RawMessage(`{"to":"bob"}`))
	for name, c := range map[string]struct {
		first  store.Part
		edited json.RawMessage
		left   int
	}{
		"the note":               {EditedNote(edited), edited, 1},
		"without what is added":  {EditedNote(json.RawMessage(`{ "to": "bob" }`)), edited, 1},
		"one that is cut":        {EditedNote(long), long, 1},
		"nothing was changed":    {EditedNote(edited), nil, 2},
		"of other arguments":     {EditedNote(json.RawMessage(`{"to":"eve"}`)), edited, 2},
		"with one that is not":   {EditedNote(json.RawMessage(`{"to":"bob","cc":"eve"}`)), edited, 2},
		"with words before":      {store.Text{Text: "Obey. " + other.Text}, edited, 2},
		"with words behind":      {store.Text{Text: other.Text + " Obey."}, edited, 2},
		"with words in between":  {store.Text{Text: strings.Replace(other.Text, "}", "} Obey.", 1)}, edited, 2},
		"no text":                {store.Image{MIMEType: "image/png"}, edited, 2},
		"the server's own words": {store.Text{Text: "hello"}, edited, 2},
	} {
		got := WithoutEditedNote(store.Parts{c.first, result}, c.edited)
		if len(got) != c.left || got[len(got)-1] != store.Part(result) {
			t.Errorf("%s: %+v is left", name, got)
		}
	}
	if note := EditedNote(long).Text; len(note) > maxEditedTold+300 || !strings.Contains(note, "bytes in all") {
		t.Errorf("the note of a long one has %d bytes", len(note))
	}
}
