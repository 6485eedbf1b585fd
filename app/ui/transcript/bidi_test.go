package transcript

import (
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

// seen returns the words of the lines of a text as they stand from left to right,
// one line in each string.
func seen(t *testing.T, text string) (out []string, v *View) {
	t.Helper()
	v, _ = show(t, 500, 400, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: text}})
	for _, b := range v.flat() {
		for i, l := range b.lines {
			var words []string
			right := float32(-1e6)
			for k, r := range l.runs {
				if r.x < right-0.01 {
					t.Errorf("run %d of line %d begins at %v, the one before ends at %v", k, i, r.x, right)
				}
				right = r.x + r.w
				if w := strings.TrimSpace(r.drawn()); w != "" {
					words = append(words, w)
				}
			}
			out = append(out, strings.Join(words, "|"))
		}
	}
	return out, v
}

// TestOrder has words from right to left stand in their order, whatever is
// between them.
func TestOrder(t *testing.T) {
	for text, want := range map[string]string{
		"שלום, עולם.":                    ".|עולם|,|שלום",
		"The word שלום means peace.":     "The word|שלום|means peace.",
		"The words שלום עולם, they say.": "The words|עולם|שלום|, they say.",
		"בשנת 2026 היו 12.5 דגים":        "דגים|12.5|היו|2026|בשנת",
		"מספר (אחד) ושוב":                "ושוב|(|אחד|)|מספר", // mirrored, so that they embrace it
		"قال: hello world ثم ذهب":        "ذهب|ثم|hello world|:|قال",
		"plain left to right (as ever)":  "plain left to right (as ever)",
	} {
		got, _ := seen(t, text)
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s\n got %q\nwant %q", text, got, want)
		}
	}
}

// TestOrderSelects has what one selects, finds and copies be the text as it is
// read, not as it stands.
func TestOrderSelects(t *testing.T) {
	const text = "שלום, עולם גדול."
	_, v := seen(t, text)
	b := v.flat()[0]
	at := func(word string) float32 {
		p, _, ok := v.pointOf(spotIn(b, strings.Index(text, word)))
		if !ok {
			t.Fatalf("%s is nowhere", word)
		}
		return p.X
	}
	if !(at("שלום") > at("עולם") && at("עולם") > at("גדול")) {
		t.Errorf("the words stand at %v, %v, %v", at("שלום"), at("עולם"), at("גדול"))
	}
	from := v.pointAt(t, "שלום")
	to := v.pointAt(t, "גדול")
	from.X, to.X = from.X-2, to.X-2 // a letter is read from its right
	v.drag(from, to)
	if got := v.SelectedText(false); got != "שלום, עולם " {
		t.Errorf("selected %q", got)
	}
	// Each place in the text is found again where it stands.
	for off := range text {
		p, h, ok := v.pointOf(spotIn(b, off))
		if !ok {
			t.Fatalf("byte %d is nowhere", off)
		}
		p.Y += h / 2
		p.X -= 0.5
		if got, ok := v.spotAt(p); !ok || got.off != off && p.X > 0 && !strings.ContainsAny(text[min(off, got.off):max(off, got.off)], " ,.") {
			t.Errorf("byte %d stands at %v, where %d is found", off, p, got.off)
		}
	}
	if got := v.DumpText(); !strings.HasPrefix(got, text) {
		t.Errorf("the dump says %q", got)
	}
	if right := end(b.lines[0].runs); right < b.width-b.right-1 {
		t.Errorf("a paragraph from right to left ends at %v of %v", right, b.width)
	}
}

// TestCardsFromTheRight has the line of a call be seen in its order, with the name of
// the server before the sign whatever it is written in.
func TestCardsFromTheRight(t *testing.T) {
	v, w := show(t, 500, 200, Options{})
	v.SetItems([]Item{Call{ID: "c", Server: "קבצים files", Tool: "קרא report", State: CallDone}})
	all := strings.Join(uitest.SeenLines(w), "\n")
	if !strings.Contains(all, "files םיצבק  ›  ") || !strings.Contains(all, "report ארק") || strings.Index(all, "files") > strings.Index(all, "report") {
		t.Errorf("seen is %q", all)
	}
}

// TestListsFromTheRight has the items of a list that begin at the right have their
// bullets, numbers and boxes there, with the indent of their depth.
func TestListsFromTheRight(t *testing.T) {
	const text = "- אחד\n- one\n  - שתיים (2) ועוד\n\n1. שלוש\n2. ארבע\n\n- [x] חמש\n\nפסקה"
	v, _ := show(t, 500, 600, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: text}})
	v.sync()
	type item struct {
		mark string
		at   float32 // of the mark, from the right edge
		text float32 // of the end of the text, from there
	}
	var got []item
	for _, b := range v.flat() {
		for _, l := range b.lines {
			if len(l.runs) == 0 {
				continue
			}
			one := item{at: -1}
			for _, r := range l.runs {
				if b.isMarker(r.span) {
					one.mark += r.text()
					one.at = b.width - r.x - r.w
				} else {
					one.text = b.width - r.x - r.w
				}
			}
			if b.taskBox {
				one.mark, one.at = "box", b.width-b.iconX-iconSize
			}
			got = append(got, one)
		}
	}
	marks := []string{"•", "•", "–", ".1", ".2", "box", ""}
	if len(got) != len(marks) {
		t.Fatalf("%d items: %v", len(got), got)
	}
	depth := []float32{1, 0, 2, 1, 1, 1, 0}
	for i, one := range got {
		if one.mark != marks[i] {
			t.Errorf("item %d has the mark %q", i, one.mark)
		}
		switch i {
		case 1: // from left to right
			if one.at < 400 || one.text > one.at {
				t.Errorf("the item from left to right has its mark at %v, its text at %v", one.at, one.text)
			}
		case 6:
			if one.text > 1 {
				t.Errorf("the paragraph ends %v before the edge", one.text)
			}
		default:
			if want := depth[i] * indentList; one.text < want-1 || one.text > want+1 || one.at < want-indentList-1 || one.at > one.text {
				t.Errorf("item %d ends %v before the edge, its mark %v, want %v", i, one.text, one.at, want)
			}
		}
	}
	if got := v.DumpText(); !strings.HasPrefix(got, "•אחד\n•one\n–שתיים (2) ועוד\n1.שלוש\n2.ארבע\n") {
		t.Errorf("the dump says %q", got)
	}
	v.SelectAll()
	if got := v.SelectedText(true); !strings.Contains(got, "1. שלוש\n2. ארבע") || !strings.Contains(got, "- אחד") {
		t.Errorf("copied as %q", got)
	}
	// A tap at the mark is a tap at the beginning of the text.
	for _, b := range v.flat() {
		if len(b.marker) > 0 && strings.HasPrefix(b.spans[0].text, "ארבע") {
			if off := v.offsetIn(b, b.width-4, b.lines[0].y+4); off != 0 {
				t.Errorf("beside the mark is byte %d", off)
			}
		}
	}
}

// TestSpacesAtTheEnd has the space that a line ends with stand at its end.
func TestSpacesAtTheEnd(t *testing.T) {
	v, _ := show(t, 260, 400, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: "זה hello world again and again and once more"}})
	v.sync()
	l := v.flat()[0].lines[0]
	if last := l.runs[0]; strings.TrimSpace(last.text()) != "" || !strings.HasPrefix(strings.TrimSpace(l.runs[1].text()), "hello") {
		t.Errorf("at the left stands %q, then %q", last.text(), l.runs[1].text())
	}
}

// TestLetters has no line, and no step of a selection, part what is one letter.
func TestLetters(t *testing.T) {
	family, flag, thumb := "👨‍👩‍👧‍👦", "🇩🇪", "👍🏽"
	for _, whole := range []string{family, flag, thumb, "e\u0301", "นี้", "க்", "各", "1\ufe0f\u20e3"} {
		if got := letter(whole + "x"); got != len(whole) && whole != "க்" {
			t.Errorf("the first letter of %q has %d bytes of %d", whole, got, len(whole))
		}
		if got := letterBefore("x" + whole); got != len(whole) {
			t.Errorf("the last letter of %q has %d bytes of %d", whole, got, len(whole))
		}
	}
	if got := letter(strings.Repeat("\u0301", 1000)); got > longestLetter {
		t.Errorf("a letter of %d bytes", got)
	}
	for text, want := range map[string]string{
		"「日本」、語です。終":  "「日|本」、|語|で|す。|終",
		"ภาษาไทยเก่า": "ภา|ษา|ไท|ย|เก่า",
		"ab日本":        "ab|日|本",
	} {
		var parts []string
		for rest := text; rest != ""; {
			n, _ := wordEnd(rest)
			parts = append(parts, rest[:n])
			rest = rest[n:]
		}
		if got := strings.Join(parts, "|"); got != want {
			t.Errorf("%s is parted as %s, want %s", text, got, want)
		}
	}
	m := newMeasurer()
	_, _ = show(t, 300, 300, Options{})
	for _, one := range []string{family, flag, thumb} {
		s := []span{{text: strings.Repeat(one, 60), face: face{size: 15}}}
		for _, line := range m.wrap(s, 90) {
			for _, r := range line {
				if len(r.text())%len(one) != 0 {
					t.Errorf("%q is broken in %q", one, r.text())
				}
			}
		}
	}
}
