//go:build linux

package fonts

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/fontscan"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// world is a text in each of some scripts; .ci/deps test installs fonts for them.
var world = map[string]string{
	"Korean": "안녕하세요", "Devanagari": "नमस्ते", "Thai": "สวัสดี", "Tamil": "வணக்கம்", "Arabic": "مرحبا", "Hebrew": "שלום",
	"Chinese": "你好", "Japanese": "こんにちは", "Bengali": "বিশ্ব", "Georgian": "გამარჯობა", "Armenian": "Բարեւ", "Ethiopic": "ሰላም",
	"Greek": "γειά", "Cyrillic": "привет", "Khmer": "សួស្តី", "Telugu": "నమస్తే",
}

var styles = []fyne.TextStyle{{}, {Bold: true}, {Italic: true}, {Monospace: true}}

// shape shapes a text as Fyne does, and returns its glyphs.
func shape(t *testing.T, style fyne.TextStyle, text string) (glyphs []shaping.Glyph, faces []*font.Face) {
	t.Helper()
	runes := []rune(text)
	in := shaping.Input{Text: runes, RunEnd: len(runes), Direction: di.DirectionLTR, Size: fixed.I(15)}
	var s shaping.Segmenter
	var shaper shaping.HarfbuzzShaper
	for _, run := range s.Split(in, of(style)) {
		out := shaper.Shape(run)
		glyphs = append(glyphs, out.Glyphs...)
		if n := len(faces); n == 0 || faces[n-1] != run.Face {
			faces = append(faces, run.Face)
		}
	}
	return glyphs, faces
}

// TestWorld has the letters of all these scripts be in a font of this computer.
func TestWorld(t *testing.T) {
	uitest.App(t)
	for script, text := range world {
		for _, style := range styles {
			glyphs, _ := shape(t, style, text)
			if slices.ContainsFunc(glyphs, func(g shaping.Glyph) bool { return g.GlyphID == 0 }) {
				t.Errorf("%s, %+v: a letter of %s has no glyph", script, style, text)
			}
			if r, lacks := Lacks(style, text); lacks {
				t.Errorf("%s, %+v: %c is said to be in no font", script, style, r)
			}
			if a := Ascent(style, text, 15); a < 8 || a > 30 {
				t.Errorf("%s, %+v: ascent %v", script, style, a)
			}
		}
	}
}

// TestShaped has letters be joined where the script asks for it.
func TestShaped(t *testing.T) {
	uitest.App(t)
	for text, most := range map[string]int{"क्षत्रिय": 6, "ক্ষ": 1, "கொ": 3} {
		if glyphs, _ := shape(t, fyne.TextStyle{}, text); len(glyphs) > most {
			t.Errorf("%s has %d glyphs", text, len(glyphs))
		}
	}
	// Each letter of an Arabic word has the form of its place.
	joined, _ := shape(t, fyne.TextStyle{}, "ببب")
	if joined[0].GlyphID == joined[1].GlyphID || joined[1].GlyphID == joined[2].GlyphID {
		t.Errorf("the letters are not joined: %v, %v, %v", joined[0].GlyphID, joined[1].GlyphID, joined[2].GlyphID)
	}
}

// TestEmoji has emoji that are joined be one.
func TestEmoji(t *testing.T) {
	uitest.App(t)
	Use(fyne.TextStyle{})
	one := fyne.MeasureText("😀", 15, fyne.TextStyle{}).Width
	for _, joined := range []string{"👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "👩🏾‍🚀", "🧑‍🚀", "🏳️‍🌈", "❤️", "1️⃣"} {
		glyphs, faces := shape(t, fyne.TextStyle{}, joined)
		seen := 0
		for _, g := range glyphs {
			if g.Advance > 0 {
				seen++
			}
			if g.GlyphID == 0 {
				t.Errorf("%s has no glyph", joined)
			}
		}
		if joined != "❤️" && joined != "1️⃣" && (seen != 1 || len(faces) != 1) {
			t.Errorf("%s is %d glyphs of %d fonts", joined, seen, len(faces))
		}
		if w := fyne.MeasureText(joined, 15, fyne.TextStyle{}).Width; w > one*1.2 {
			t.Errorf("%s is %v wide, and one is %v", joined, w, one)
		}
	}
}

// TestOneFont has what stands between words from right to left be in their font,
// since Fyne draws the parts of a text in different fonts from left to right.
func TestOneFont(t *testing.T) {
	uitest.App(t)
	for _, text := range []string{"שלום, עולם! (כן)", "مرحبا بالعالم."} {
		if _, faces := shape(t, fyne.TextStyle{}, text); len(faces) != 1 {
			t.Errorf("%s is in %d fonts", text, len(faces))
		}
	}
	// Elsewhere a comma is where it was.
	_, plain := shape(t, fyne.TextStyle{}, "a, b")
	if got := of(fyne.TextStyle{}); got.ResolveFace(',') != plain[0] {
		t.Error("a comma is not in the font of the text")
	}
}

// TestLacks has a letter that no font has be found, once for all, and the person
// be told.
func TestLacks(t *testing.T) {
	uitest.App(t)
	const none = '\U0010FFF0' // private: no font has it
	if r, ok := Lacks(fyne.TextStyle{}, "abc "+string(none)); !ok || r != none {
		t.Errorf("%U, %v", r, ok)
	}
	c := of(fyne.TextStyle{})
	first := c.ResolveFace(none)
	if first == nil || c.ResolveFace(none) != first {
		t.Error("it is looked for again")
	}
	if got := Advice(none); !strings.Contains(got, "U+10FFF0") {
		t.Errorf("says %q", got)
	}
	for r, want := range map[rune]string{'த': "Tamil", '한': "Korean", '漢': "Chinese", 'か': "Japanese", '😀': "Emoji", ',': ""} {
		if got := Script(r); got != want {
			t.Errorf("%c is of %q", r, got)
		}
	}
	if got := Advice('த'); !strings.Contains(got, "Tamil") {
		t.Errorf("says %q", got)
	}
}

// TestUse has the choice be made anew after the settings changed.
func TestUse(t *testing.T) {
	uitest.App(t)
	bold := fyne.TextStyle{Bold: true}
	Use(bold)
	first := of(bold)
	if of(bold) != first {
		t.Error("the choice is made at each look")
	}
	if _, ok := cachedFontFace(bold, nil, nil).Fonts.(*chooser); !ok {
		t.Error("Fyne's own widgets do not take it")
	}
}

// counting counts how often a font is looked for.
type counting struct {
	face  *font.Face
	times int
}

func (c *counting) ResolveFace(rune) *font.Face { c.times++; return c.face }

// TestLooksOnce has the font of each letter be looked for once, also where none has
// it, and be looked for again after very many letters.
func TestLooksOnce(t *testing.T) {
	uitest.App(t)
	next := &counting{face: of(fyne.TextStyle{}).ResolveFace('a')}
	c := &chooser{next: next, known: map[letter]*font.Face{}, lacks: map[rune]bool{}}
	for range 3 {
		for _, r := range "ab\U0010FFF0" {
			c.ResolveFace(r)
		}
	}
	if next.times != 3 {
		t.Errorf("three letters are looked for %d times", next.times)
	}
	for i := range rune(maxKnown + 10) {
		c.ResolveFace(0xF0000 + i)
		if len(c.known) > maxKnown || len(c.lacks) > maxKnown {
			t.Fatalf("%d letters are remembered", len(c.known))
		}
	}
}

// TestBold has letters of the world be bold where a font of this computer has them
// so.
func TestBold(t *testing.T) {
	uitest.App(t)
	bold, tried := of(fyne.TextStyle{Bold: true}), 0
	for script, text := range world {
		r := []rune(text)[0]
		heavy := lookupRuneFont(r, fontscan.SansSerif, font.Aspect{Weight: font.WeightBold})
		if !foreign(r) || !has(heavy, r) || heavy.Describe().Aspect.Weight < font.WeightBold {
			continue
		}
		tried++
		if f := bold.ResolveFace(r); f.Describe().Aspect.Weight < font.WeightBold {
			t.Errorf("%s: %c comes from %+v", script, r, f.Describe())
		}
	}
	if tried == 0 {
		t.Error("no script has a bold font; see .ci/deps")
	}
}
