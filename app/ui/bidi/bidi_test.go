package bidi_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/bidi"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
)

const mark = "\u200e"

// reversed writes a word from right to left as it is seen from left to right.
func reversed(word string) string {
	runes := []rune(word)
	slices.Reverse(runes)
	return string(runes)
}

// TestVisual has Fyne draw each part of a text where it has to be seen. Words from
// right to left are written here as one reads them.
func TestVisual(t *testing.T) {
	uitest.App(t)
	for text, want := range map[string][]string{
		"":                               {},
		"plain (as ever), «so»":          {"plain (as ever), «so»"},
		"שלום, עולם.":                    {".", "עולם", " ,", "שלום"},
		"The word שלום means peace.":     {"The word ", "שלום", " means peace."},
		"The words שלום עולם, they say.": {"The words ", "עולם", " ", "שלום", ", they say."},
		"בשנת 2026 היו 12.5 דגים":        {"דגים", " 12.5 ", "היו", " 2026 ", "בשנת"},
		"מספר (אחד) ושוב":                {"ושוב", " (", "אחד", ") ", "מספר"}, // the other bracket each, so that they embrace it
		"قال: hello world ثم ذهب":        {"ذهب", " ", "ثم", " hello world :", "قال"},
		"עלה 50% ל-100":                  {"100-", "ל", " 50% ", "עלה"},
		"٢٠٢٦ سنة":                       {"سنة", " ٢٠٢٦"},
		"עלה 50\u0332% אז":               {"אז", " 50\u0332% ", "עלה"},
		"see שלום (עולם) there":          {"see ", "(", "עולם", ") ", "שלום", " there"},
		"notes (הערות).txt":              {"notes (", "הערות", ").txt"},
		"שלום 👨‍👩‍👧 ו👍🏽":                 {"👍🏽", "ו", " 👨‍👩‍👧 ", "שלום"},
		"‹U+202E› עם שבלול":              {"‹U+202E› ", "שבלול", " ", "עם"},
		"שָׁלוֹם עולם":                   {"עולם", " ", "שָׁלוֹם"},
	} {
		var all string
		for _, part := range want {
			if bidi.RightToLeft(part) && !strings.ContainsAny(part, "٢ָּׁ") {
				part = reversed(part)
			} else if strings.Contains(part, "ָ") {
				part = uitest.Seen(part) // its points stay with their letters
			}
			all += part
		}
		got := bidi.Visual(text)
		if seen := uitest.Seen(got); seen != all {
			t.Errorf("%s\nis seen as %s\n   instead %s", text, seen, all)
		}
		// The marks take no room.
		bare := float32(0)
		for _, part := range want {
			bare += fyne.MeasureText(part, 15, fyne.TextStyle{}).Width
		}
		if w := fyne.MeasureText(got, 15, fyne.TextStyle{}).Width; w > bare+1 || w < bare-1 {
			t.Errorf("%s is %v wide, its parts are %v", text, w, bare)
		}
	}
}

// TestPart has the lines of a paragraph keep its direction, and the spaces at their
// ends stand there.
func TestPart(t *testing.T) {
	const text = "זה hello world סוף"
	levels, rtl := bidi.Levels(text)
	if !rtl {
		t.Fatal("it begins at the left")
	}
	at := strings.Index(text, "world")
	clean := func(s string) string { return strings.ReplaceAll(s, mark, "") }
	if got := clean(bidi.Part(text, levels, rtl, 0, at)); got != " hello זה" {
		t.Errorf("the first line is %q", got)
	}
	if got := clean(bidi.Part(text, levels, rtl, at, len(text))); got != "סוף world" {
		t.Errorf("the second line is %q", got)
	}
	// Each line of a text finds its own direction.
	two, rtl := bidi.Levels("one two\nאחת שתיים")
	if rtl || two[0] != 0 || two[len("one two\n")]%2 != 1 {
		t.Errorf("levels %v, from the right: %v", two, rtl)
	}
}

func FuzzVisual(f *testing.F) {
	f.Add("שלום (hello) 12, עולם")
	f.Add("قال \xff]\n[«٢٠» a")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		got := strings.ReplaceAll(bidi.Visual(s), mark, "")
		if !bidi.RightToLeft(s) {
			if got != strings.ReplaceAll(s, mark, "") {
				t.Fatalf("%q became %q", s, got)
			}
			return
		}
		// Nothing is lost, nothing comes in: but brackets may look the other way.
		count := func(s string) map[rune]int {
			all := map[rune]int{}
			for _, r := range s {
				if other, opens := bidi.Mirrored(r); other != 0 && !opens {
					r = other
				}
				all[r]++
			}
			return all
		}
		is, was := count(got), count(strings.ReplaceAll(s, mark, ""))
		for r, n := range was {
			if is[r] != n {
				t.Fatalf("%q has %d of %U, and %q has %d", s, n, r, got, is[r])
			}
		}
		if utf8.RuneCountInString(got) != utf8.RuneCountInString(strings.ReplaceAll(s, mark, "")) {
			t.Fatalf("%q became %q", s, got)
		}
		if strings.ContainsFunc(got, unicode.IsControl) && !strings.ContainsFunc(s, unicode.IsControl) {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
