package form

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// ArgumentsMost bounds the arguments of a call that can be changed in a field, in
// bytes: it lays out all of its text at each letter.
const ArgumentsMost = 16 << 10

// Arguments is the field in which a person changes the arguments of a call before
// they allow it.
type Arguments struct {
	Entry
	// Left is called for Escape: the keys go on to the buttons, and what was typed
	// stays.
	Left func()
}

// NewArguments makes a field of JSON with everything in it in sight; see Escaped.
func NewArguments(json string) *Arguments {
	f := &Arguments{}
	f.Name = say.T("Arguments of the call, as JSON")
	f.MultiLine = true
	f.Wrapping = fyne.TextWrapBreak
	f.TextStyle.Monospace = true
	f.ExtendBaseWidget(f)
	f.SetMinRowsVisible(min(max(strings.Count(json, "\n")+2, 4), 14))
	f.SetText(json)
	return f
}

// TypedKey leaves the field on Escape.
func (f *Arguments) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape && f.Left != nil {
		f.Left()
		return
	}
	f.Entry.TypedKey(k)
}

// Escaped has everything in a JSON text that a person could not see, or that
// changes how the rest is seen, stand as the escapes that mean the same.
func Escaped(json string) string {
	if Visible(json, true) == json {
		return json
	}
	var b strings.Builder
	for _, r := range json {
		switch s := string(r); {
		case r == utf8.RuneError || Visible(s, true) == s:
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
