// Package fonts has the letters of all scripts be drawn in fonts that this
// computer has, in the widgets of Fyne as in ours.
//
// Fyne takes a letter from its own fonts and, where these lack it, from a font of
// the system, one letter at a time. Use mends what does not work so: a comma
// between two Hebrew words came from another font, and Fyne draws the parts of a
// text that are in different fonts from left to right; a joined emoji fell apart
// where Fyne's own emoji are older than it; and each letter that no font has made
// the search for the next longer. No font is read before one of its letters is
// met.
//
//	fonts.Use(fyne.TextStyle{Bold: true})
//	if r, ok := fonts.Lacks(fyne.TextStyle{}, text); ok {
//		say(fonts.Advice(r))
//	}
//
// Fyne's functions for this are its own, so they are reached by the linker, for
// the version in go.mod. As Fyne's fonts do, everything here belongs to the
// goroutine of the window.
package fonts

import (
	"unicode"
	"unicode/utf8"
	_ "unsafe" // for go:linkname

	"fyne.io/fyne/v2"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/fontscan"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
)

// choice is what Fyne keeps for a style: which font a letter is taken from.
type choice struct{ Fonts shaping.Fontmap }

//go:linkname cachedFontFace fyne.io/fyne/v2/internal/painter.CachedFontFace
func cachedFontFace(fyne.TextStyle, fyne.Resource, fyne.CanvasObject) *choice

//go:linkname lookupRuneFont fyne.io/fyne/v2/internal/painter.lookupRuneFont
func lookupRuneFont(rune, string, font.Aspect) *font.Face

// Use has texts of a style take their letters from the right fonts. Fyne forgets
// that when its settings change.
func Use(style fyne.TextStyle) { of(style) }

// of returns what chooses the fonts of a style.
func of(style fyne.TextStyle) *chooser {
	c := cachedFontFace(style, nil, nil)
	if mine, ok := c.Fonts.(*chooser); ok {
		return mine
	}
	mine := &chooser{bold: style.Bold, next: c.Fonts, known: map[letter]*font.Face{}, lacks: map[rune]bool{}}
	c.Fonts = mine
	return mine
}

// letter is a character in a text of a script.
type letter struct {
	r      rune
	script language.Script // 0 unless it is written from right to left
}

// chooser chooses the font of each letter of a style.
type chooser struct {
	bold   bool
	next   shaping.Fontmap
	script language.Script // of the part of a text that is being looked at
	known  map[letter]*font.Face
	lacks  map[rune]bool // letters that no font has
}

// maxKnown bounds what a chooser remembers.
const maxKnown = 1 << 15

var _ shaping.FontmapScript = (*chooser)(nil)

// SetScript is part of shaping.FontmapScript.
func (c *chooser) SetScript(s language.Script) { c.script = s }

// ResolveFace is part of shaping.Fontmap.
func (c *chooser) ResolveFace(r rune) *font.Face {
	key := letter{r: r}
	if _, ok := samples[c.script]; ok && r != ' ' && r != utf8.RuneError {
		key.script = c.script
	}
	if f, ok := c.known[key]; ok {
		return f
	}
	f := c.choose(key)
	if len(c.known) >= maxKnown {
		clear(c.known)
		clear(c.lacks)
	}
	c.known[key] = f
	return f
}

// samples are letters of the scripts that are written from right to left. What
// stands between words of one, such as a comma, is taken from the font that has
// its sample.
var samples = map[language.Script]rune{
	language.Hebrew: 'א', language.Arabic: 'ا', language.Syriac: 'ܐ', language.Thaana: 'ހ', language.Nko: 'ߊ',
}

func (c *chooser) choose(l letter) *font.Face {
	if sample, ok := samples[l.script]; ok && l.r != sample {
		if f := c.choose(letter{r: sample}); has(f, sample) && has(f, l.r) {
			return f
		}
	}
	if emoji(l.r) {
		if f := colour(l.r); f != nil {
			return f
		}
	}
	if c.bold && foreign(l.r) {
		if f := lookupRuneFont(l.r, fontscan.SansSerif, font.Aspect{Weight: font.WeightBold}); has(f, l.r) {
			return f
		}
	}
	f := c.next.ResolveFace(l.r)
	if !has(f, l.r) {
		c.lacks[l.r] = true
	}
	return f
}

func has(f *font.Face, r rune) bool {
	if f == nil {
		return false
	}
	_, ok := f.NominalGlyph(r)
	return ok
}

// foreign reports whether a letter is of a script that Fyne's own fonts may lack.
func foreign(r rune) bool {
	return (r >= 0x0590 && r < 0x1E00 || r >= 0x2E80) && unicode.In(r, unicode.L, unicode.M)
}

// emoji reports whether a character is always shown in colours, or is part of
// what is.
func emoji(r rune) bool { return r >= 0x1F1E6 && r <= 0x1FAFF }

// colourFonts are the families of the systems, as far as Fyne can draw them.
var colourFonts = []string{"Noto Color Emoji", "Apple Color Emoji"}

// colour returns the system's font in which an emoji is in colours, or nil. It
// is newer than the one that Fyne brings, and has all parts of what is joined.
func colour(r rune) *font.Face {
	for _, family := range colourFonts {
		if f := lookupRuneFont(r, family, font.Aspect{}); has(f, r) && len(f.BitmapSizes()) > 0 {
			return f
		}
	}
	return nil
}

// Ascent is how far the tallest font of a text in that style reaches over the line
// it stands on, which is how far below its upper edge Fyne draws that line.
func Ascent(style fyne.TextStyle, text string, size float32) (most float32) {
	c := of(style)
	var last *font.Face
	for _, r := range text {
		if joins(r) {
			continue
		}
		c.SetScript(language.LookupScript(r))
		f := c.ResolveFace(r)
		if f == nil || f == last {
			continue
		}
		last = f
		if e, ok := f.FontHExtents(); ok && f.Upem() > 0 {
			most = max(most, e.Ascender*size/float32(f.Upem()))
		}
	}
	return most
}

// Lacks returns the first character of a text that no font has, if there is one.
func Lacks(style fyne.TextStyle, text string) (rune, bool) {
	c := of(style)
	for _, r := range text {
		if r < 0x0250 || joins(r) {
			continue
		}
		c.SetScript(language.LookupScript(r))
		if c.ResolveFace(r); c.lacks[r] {
			return r, true
		}
	}
	return 0, false
}

// joins reports whether a character takes the font of those beside it.
func joins(r rune) bool {
	return unicode.In(r, unicode.Zs, unicode.Cc, unicode.Cf, unicode.Mn) || r >= 0xFE00 && r <= 0xFE0F || r == utf8.RuneError
}
