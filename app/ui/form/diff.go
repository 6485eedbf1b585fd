package form

import (
	"bytes"
	"encoding/json"
	"strings"

	"fyne.io/fyne/v2/theme"
	"github.com/rogpeppe/go-internal/diff"
)

// Definition is a definition with a line for each of its parts; what is no JSON
// object, like instructions, has a line for each of its own.
func Definition(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimRight(s, "\n") + "\n"
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw) + "\n"
	}
	return b.String() + "\n"
}

// Difference shows what is different in two definitions, line by line, with some
// of what stands around it.
func Difference(was, is json.RawMessage) []Line {
	var out []Line
	text := string(diff.Diff("seen", []byte(Definition(was)), "now", []byte(Definition(is))))
	for i, l := range Lines(text) {
		line := Line{Text: l.Text}
		switch {
		case i < 3: // which texts are compared
			continue
		case strings.HasPrefix(l.Text, "@@"):
			if strings.HasPrefix(l.Text, "@@ -1,") {
				continue // nothing stands before it
			}
			line.Text, line.Tone = "…", theme.ColorNameSeparator
		case strings.HasPrefix(l.Text, "+"):
			line.Text, line.Tone = "+ "+l.Text[1:], theme.ColorNameSuccess
		case strings.HasPrefix(l.Text, "-"):
			line.Text, line.Tone = "- "+l.Text[1:], theme.ColorNameError
		default:
			line.Text = " " + l.Text
		}
		out = append(out, line)
	}
	return out
}
