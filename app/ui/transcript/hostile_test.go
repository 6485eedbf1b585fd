package transcript

import (
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// TestStreamedLikeWhole adds texts piece by piece and compares with the same
// text set at once.
func TestStreamedLikeWhole(t *testing.T) {
	texts := map[string]string{
		"sample":  sampleMarkdown,
		"code":    "before\n```python\n" + strings.Repeat("print('x')\n", 200) + "```\nafter",
		"open":    "```\nnever closed\nat all",
		"list":    "- one\n\n  more of one\n- two\n\n      code\n\n1. a\n2. b\n\nend",
		"tilde":   "~~~~ text\n```\nnot a fence\n~~~~\n\nend",
		"defs":    "See [this][1] and [that].\n\nMore.\n\n[1]: https://example.org/one\n[that]: https://example.org/two\n",
		"heading": "Setext\n======\n\ntext\n# No blank line above\ntext",
		"crlf":    "one\r\n\r\ntwo\r\n```\r\ncode\r\n```\r\nthree",
	}
	v, _ := show(t, 700, 400, Options{})
	for name, text := range texts {
		v.SetItems([]Item{Assistant{ID: "a", Text: text}})
		want := everything(v)
		for _, size := range []int{1, 3, 17, 200} {
			v.SetItems([]Item{Assistant{ID: "a", Growing: true}})
			for i := 0; i < len(text); i += size {
				v.AppendText("a", text[i:min(i+size, len(text))])
			}
			v.Upsert(Assistant{ID: "a", Text: text})
			if got := everything(v); got != want {
				t.Errorf("%s in pieces of %d:\n%s\nat once:\n%s", name, size, got, want)
			}
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain":         "plain",
		"a\u202eb":      "a‹U+202E›b",
		"a\u200bb":      "a‹U+200B›b",
		"a\x00b\x1b[0m": "a‹U+0000›b‹U+001B›[0m",
		"a\tb":          "a    b",
		"a\xffb":        "a‹0xFF›b",
		"1\u00a0000":    "1 000",
		"⚠️ ok":         "⚠️ ok",
		"a\ufe0fb":      "a‹U+FE0F›b",
		"می\u200cخواهم": "می\u200cخواهم",
		"x\u200cy":      "x‹U+200C›y",
		"\U000e0041":    "‹U+E0041›",
		"a\r\nb\rc":     "a\nb‹U+000D›c",
		"Zürich 東京":     "Zürich 東京",
	} {
		if got := visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestHostileBounds shows texts that are meant to break the window. Nothing may
// keep it busy for long, and nothing may be left out.
func TestHostileBounds(t *testing.T) {
	n := 10 << 20
	if testing.Short() {
		n = 1 << 20
	}
	texts := map[string]string{
		"one long line":    "start" + strings.Repeat("x", n) + "finish",
		"long line, words": "start " + strings.Repeat("word ", n/5) + "finish",
		"quotes":           "start\n\n" + strings.Repeat(">", 5000) + " finish",
		"lists":            "start\n\n" + strings.Repeat("- ", 5000) + "finish",
		"indented lists":   "start\n\n" + nested(300) + "finish",
		"brackets":         "start" + strings.Repeat("[", 100000) + "finish",
		"images":           "start" + strings.Repeat("![a](", 20000) + "finish",
		"stars":            "start " + strings.Repeat("*a **b ", 20000) + "finish",
		"ticks":            "start " + strings.Repeat("`a ``b ", 20000) + "finish",
		"html":             "start " + strings.Repeat("<a ", 30000) + "finish",
		"fence":            "start\n```\n" + strings.Repeat("y", n/4) + "\n```\nfinish",
		"table":            "start\n\n" + strings.Repeat("|a", 2000) + "|\n" + strings.Repeat("|-", 2000) + "|\n" + strings.Repeat("|finish", 2000),
		"control":          "start" + strings.Repeat("\u202e\u200b\x07", 10000) + "finish",
		"wide":             "start" + strings.Repeat("東京", 30000) + "finish",
		"definitions":      "start\n\n" + strings.Repeat("[a]: https://example.org\n", 20000) + "\nfinish",
		"entities":         "start " + strings.Repeat("&amp;", 50000) + "finish",
	}
	v, _ := show(t, 700, 500, Options{})
	for name, text := range texts {
		whole := quickest(3, func() {
			v.SetItems([]Item{Assistant{ID: "a", Text: text}, User{ID: "u", Text: text}, Notice{ID: "n", Text: "x"}})
		})
		v.SetItems([]Item{Assistant{ID: "a", Growing: true}})
		began := bounds.Busy()
		v.AppendText("a", text)
		appended := bounds.Busy() - began
		step := quickest(20, func() { v.AppendText("a", " more") })
		t.Logf("%-18s whole %6.1f ms, appended %6.1f ms, then %5.2f ms", name, ms(whole), ms(appended), ms(step))
		// Some ten times what it takes, since machines differ.
		if (whole > 2*time.Second || step > 150*time.Millisecond) && !bounds.Race {
			t.Errorf("%s: whole %v, a step %v", name, whole, step)
		}
		if len(text) > 2<<20 {
			continue
		}
		if got := everything(v); !strings.Contains(got, "start") || !strings.Contains(got, "finish") {
			t.Errorf("%s: something is hidden in %d bytes", name, len(got))
		}
	}
}

// quickest returns the least time for which f kept this process busy.
func quickest(times int, f func()) time.Duration {
	least := time.Hour
	for range times {
		began := bounds.Busy()
		f()
		least = min(least, bounds.Busy()-began)
	}
	return least
}

func nested(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", 2*i) + "- level\n")
	}
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
