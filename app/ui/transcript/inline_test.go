package transcript

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/theme"
)

// TestMathIsSource shows mathematics as it was written, and prices as prices.
// TestEscapedBrackets shows words in brackets as words.
func TestEscapedBrackets(t *testing.T) {
	v, _ := show(t, 700, 400, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: "\\[everything\\] and \\(my\\_server two\\), but \\[a_1 + b\\] and \\(x\\) and \\(\\frac12\\)."}})
	if got, want := strings.TrimSpace(everything(v)), `[everything] and (my_server two), but \[a_1 + b\] and \(x\) and \(\frac12\).`; got != want {
		t.Errorf("it says %q, not %q", got, want)
	}
}

func TestMathIsSource(t *testing.T) {
	v, _ := show(t, 900, 900, Options{})
	for text, want := range map[string]string{
		"let $a_1 * b_2 * c_3$ be": "$a_1 * b_2 * c_3$", `and \(x_i * y_i * z\) so`: `\(x_i * y_i * z\)`,
		"$$\n\\int_0^1 *f* dx\n$$": "$$\n\\int_0^1 *f* dx\n$$", `\[ \frac{a}{b} \]`: `\[ \frac{a}{b} \]`,
		"from $5 to $10 and *so* on": "", "an open $$ sign": "", `an escaped \* star`: "",
	} {
		v.SetItems([]Item{Assistant{ID: "a", Text: text}})
		got := ""
		for _, b := range v.flat() {
			b.eachSpan(func(s *span) {
				if s.math {
					got += s.text
				}
			})
		}
		if got != want {
			t.Errorf("%q: mathematics is %q, want %q", text, got, want)
		}
	}
}

// TestFootnotes shows marks and words, whatever the words look like.
func TestFootnotes(t *testing.T) {
	v, _ := show(t, 900, 900, Options{})
	v.SetItems([]Item{Assistant{ID: "a", Text: "It is so[^1], they say[^note].\n\n[^1]: https://example.org/one\n[^note]: Another *one*.\n"}})
	text := everything(v)
	for _, want := range []string{"It is so[1], they say[note].", "[1] https://example.org/one", "[note] Another one."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestColours has code in its inks, while it grows too, and leaves text alone
// that it knows nothing of.
func TestColours(t *testing.T) {
	now := time.Unix(1000, 0)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	v, _ := show(t, 900, 900, Options{Now: clock, Work: func(work, done func()) { work(); done() }})
	inks := func() map[string]string {
		out := map[string]string{}
		v.eachInView(func(b *block, _ float32) {
			b.eachSpan(func(s *span) { out[strings.TrimSpace(s.text)] = string(s.ink) })
		})
		return out
	}
	const code = "```go\n// a remark\nfunc f() string { return \"x\" }\n```\n"
	v.SetItems([]Item{Assistant{ID: "a", Text: code}})
	got := inks()
	if got["// a remark"] != string(inkComment) || got["func"] != string(inkKeyword) || got[`"x"`] != string(inkString) {
		t.Errorf("the inks are %v", got)
	}
	if text := v.DumpText(); !strings.Contains(text, `func f() string { return "x" }`) {
		t.Errorf("it shows %q", text)
	}
	v.SetItems([]Item{Assistant{ID: "a", Growing: true}})
	for _, r := range code {
		v.AppendText("a", string(r))
	}
	if got := inks(); got["// a remark"] != string(inkComment) {
		t.Errorf("while it grows the inks are %v", got)
	}
	v.SetItems([]Item{Assistant{ID: "a", Text: "```nosuchlanguage\nfunc f()\n```"}})
	if got := inks(); got["func f()"] != string(theme.ColorNameForeground) {
		t.Errorf("an unknown language has %v", got)
	}
}
