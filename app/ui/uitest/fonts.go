package uitest

import (
	"bytes"
	"fmt"
	"sync"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"github.com/go-text/typesetting/font"
)

// bundled are the fonts that are built into the program, by the style of text
// that they are for; the last two are for all styles.
var bundled = sync.OnceValue(func() (faces [7]*font.Face) {
	for i, r := range []fyne.Resource{
		theme.DefaultTextFont(), theme.DefaultTextBoldFont(), theme.DefaultTextItalicFont(), theme.DefaultTextBoldItalicFont(), theme.DefaultTextMonospaceFont(),
		theme.DefaultSymbolFont(), theme.DefaultEmojiFont(),
	} {
		face, err := font.ParseTTF(bytes.NewReader(r.Content()))
		if err != nil {
			panic(err) // it is built in
		}
		faces[i] = face
	}
	return faces
})

// unbundled says which letters in the window are in no font that is built in:
// Fyne takes them from the fonts of the machine, so that they look different on
// each.
func unbundled(w fyne.Window) (words []string) {
	faces := bundled()
	look := func(o fyne.CanvasObject) {
		text, ok := o.(*canvas.Text)
		if !ok {
			return
		}
		own := 0
		switch s := text.TextStyle; {
		case s.Monospace:
			own = 4
		case s.Bold && s.Italic:
			own = 3
		case s.Italic:
			own = 2
		case s.Bold:
			own = 1
		}
		for _, r := range text.Text {
			if unicode.IsControl(r) || has(faces[own], r) || has(faces[5], r) || has(faces[6], r) {
				continue
			}
			words = append(words, fmt.Sprintf("%U in %q is in no font that is built in", r, text.Text))
		}
	}
	descend(w.Content(), look)
	for _, o := range w.Canvas().Overlays().List() {
		descend(o, look)
	}
	return words
}

func has(f *font.Face, r rune) bool {
	_, ok := f.NominalGlyph(r)
	return ok
}
