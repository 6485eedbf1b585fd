package uitest

import (
	"cmp"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/shaping"
)

// oneFace has all letters be in one font.
type oneFace struct{ face *font.Face }

// ResolveFace is part of shaping.Fontmap.
func (o oneFace) ResolveFace(rune) *font.Face { return o.face }

// Seen returns the letters of a text as they stand from left to right once Fyne has
// drawn it: it draws the parts that go in one direction one after the other, and each
// of them in its direction. Marks of direction are left out, as nobody sees them.
func Seen(text string) string {
	runes := []rune(text)
	var segmenter shaping.Segmenter
	var b strings.Builder
	for _, run := range segmenter.Split(shaping.Input{Text: runes, RunEnd: len(runes), Direction: di.DirectionLTR}, oneFace{bundled()[0]}) {
		var letters []string
		for all := graphemes.FromString(string(runes[run.RunStart:run.RunEnd])); all.Next(); {
			letters = append(letters, all.Value())
		}
		if run.Direction.Progression() == di.TowardTopLeft {
			slices.Reverse(letters)
		}
		b.WriteString(strings.Join(letters, ""))
	}
	return strings.ReplaceAll(b.String(), "\u200e", "")
}

// SeenText is a text as it is seen from left to right.
type SeenText struct {
	Text        string
	Left, Right float32 // of its letters, in the window
	Top         float32
}

// SeenTexts returns the texts of what lies on top of the window that are not empty,
// in the order of CanvasTexts.
func SeenTexts(w fyne.Window) (out []SeenText) {
	walk(w, func(o fyne.CanvasObject) {
		t, ok := o.(*canvas.Text)
		if !ok || t.Text == "" {
			return
		}
		wide := t.MinSize().Width
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(t)
		left := at.X
		switch t.Alignment {
		case fyne.TextAlignTrailing:
			left += t.Size().Width - wide
		case fyne.TextAlignCenter:
			left += (t.Size().Width - wide) / 2
		}
		out = append(out, SeenText{Seen(t.Text), left, left + wide, at.Y})
	})
	return out
}

// SeenLines returns what is seen on top of the window line by line, each from left to
// right, with a bar between texts that stand apart.
func SeenLines(w fyne.Window) (lines []string) {
	all := SeenTexts(w)
	slices.SortStableFunc(all, func(a, b SeenText) int { return cmp.Compare(a.Top, b.Top) })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Top-all[0].Top < 8 { // fonts differ in how high they are
			n++
		}
		line := all[:n]
		all = all[n:]
		slices.SortStableFunc(line, func(a, b SeenText) int { return cmp.Compare(a.Left, b.Left) })
		var b strings.Builder
		for i, t := range line {
			if i > 0 && t.Left > line[i-1].Right+2 {
				b.WriteByte('|')
			}
			b.WriteString(t.Text)
		}
		lines = append(lines, b.String())
	}
	return lines
}
