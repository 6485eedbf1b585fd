package say

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestEnglish checks that English is what the code says.
func TestEnglish(t *testing.T) {
	if Foreign() {
		t.Fatal("this test is of the window in English")
	}
	for is, want := range map[string]string{
		T("Save"):                       "Save",
		F("%s of %s", "a", "b"):         "a of b",
		N(0, "%d tool", "%d tools", 0):  "0 tools",
		N(1, "%d tool", "%d tools", 1):  "1 tool",
		N(2, "%d tool", "%d tools", 2):  "2 tools",
		Date(noon, "2 Jan 2006, 15:04"): "3 Mar 2027, 12:00",
		Date(noon, "January 2006"):      "March 2027",
		Key("Save"):                     "Save",
		Key("Description"):              "word: Description",
	} {
		if is != want {
			t.Errorf("%q is not %q", is, want)
		}
	}
}

var noon = time.Date(2027, time.March, 3, 12, 0, 0, 0, time.UTC)

// TestLonger checks that the pseudo-language keeps the holes of a text.
func TestLonger(t *testing.T) {
	for text, want := range map[string]string{
		"Save":                     "⁅Šååvéé⁆",
		"%d tools of “%s”, 5 %%":   "⁅%d ţööööļš ööf “%s”, 5 %%⁆",
		"%[2]s before %[1].2f MB.": "⁅%[2]s bééfööŕéé %[1].2f MB.⁆",
	} {
		if is := longer(text); is != want {
			t.Errorf("%q became %q, not %q", text, is, want)
		}
	}
}

// TestPseudo looks at the texts of a process whose locale is another. It runs
// itself once for each, since the language of a process never changes.
func TestPseudo(t *testing.T) {
	if locale := os.Getenv("SAY_TEST_LOCALE"); locale != "" {
		if Foreign() != (locale == Pseudo) {
			t.Fatalf("in the locale %s, foreign is %v", locale, Foreign())
		}
		tools := func(n int) string { return N(n, "%d tool", "%d tools", n) }
		t.Logf("%s|%s|%s|%s|%s|%s", T("Jan"), tools(1), tools(5), Date(noon, "2 Jan 2006"), Date(noon, "January"), T("no such text"))
		return
	}
	for locale, want := range map[string]string{
		Pseudo:        "⁅Jååñ⁆|⁅1 ţööööļ⁆|⁅5 ţööööļš⁆|3 ⁅Mååŕ⁆ 2027|⁅Mååŕçh⁆|no such text",
		"fr_FR.UTF-8": "Jan|1 tool|5 tools|3 Mar 2027|March|no such text",
		"C":           "Jan|1 tool|5 tools|3 Mar 2027|March|no such text",
	} {
		c := exec.Command(os.Args[0], "-test.run=^TestPseudo$", "-test.v")
		c.Env = append(os.Environ(), "LC_ALL="+locale, "LANGUAGE=", "SAY_TEST_LOCALE="+locale)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("in the locale %s: %v\n%s\nnot %s", locale, err, out, want)
		}
		if locale != Pseudo && strings.Contains(string(out), "Translation failure") {
			t.Errorf("in the locale %s, each text that is not translated is logged:\n%s", locale, out)
		}
	}
}

// TestDated checks that a language has its own order, clock and words for a time.
func TestDated(t *testing.T) {
	long := func() []string {
		return strings.Fields("eno owt eerht four five six seven eight nine ten Eleven twelve")
	}
	short := func() []string { return strings.Fields("1. 2. 3. 4. 5. 6. 7. 8. 9. 10. 11. 12.") }
	halves := func() []string { return []string{"früh", "spät"} }
	at := time.Date(2027, time.November, 3, 15, 4, 5, 0, time.UTC)
	for layout, want := range map[string]string{
		"2 Jan 15:04":          "3 11. 15:04",
		"2006年Jan2日 15時04分":    "2027年11.3日 15時04分",
		"January 2, 3:04 PM":   "Eleven 3, 3:04 spät",
		"PM 3:04, Jan/January": "spät 3:04, 11./Eleven",
		"15:04":                "15:04",
		"":                     "",
	} {
		if got := dated(at, layout, long, short, halves); got != want {
			t.Errorf("%q gave %q, not %q", layout, got, want)
		}
	}
	if got := dated(at.Add(-4*time.Hour), "3 PM", long, short, halves); got != "11 früh" {
		t.Errorf("in the morning it is %q", got)
	}
}
