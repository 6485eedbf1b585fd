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
		"Save":                     "⟦Šååvéé⟧",
		"%d tools of “%s”, 5 %%":   "⟦%d ţööööļš ööf “%s”, 5 %%⟧",
		"%[2]s before %[1].2f MB.": "⟦%[2]s bééfööŕéé %[1].2f MB.⟧",
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
		Pseudo:        "⟦Jååñ⟧|⟦1 ţööööļ⟧|⟦5 ţööööļš⟧|3 ⟦Mååŕ⟧ 2027|⟦Mååŕçh⟧|no such text",
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
