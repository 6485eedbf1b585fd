package chat

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// The bounds of what servers may say in a prompt, in bytes.
const (
	maxInstructions    = 4 << 10  // of one server
	maxAllInstructions = 32 << 10 // of all
)

// prompt is the person's system prompt, followed by what the servers of the
// offered tools say of themselves.
func prompt(system string, instructions []tools.Instructions) string {
	var b strings.Builder
	b.WriteString(system)
	for _, in := range instructions {
		text := cut(strings.TrimSpace(in.Text), maxInstructions)
		if text == "" || b.Len()-len(system)+len(text) > maxAllInstructions {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		fmt.Fprintf(&b, "What the tool server %q says about its tools (its words, not the person's):\n%s", in.Server, text)
	}
	return b.String()
}

// cut shortens text to at most limit bytes, a note included, between runes.
func cut(text string, limit int) string {
	const note = " … (cut)"
	if len(text) <= limit {
		return text
	}
	end := limit - len(note)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + note
}
