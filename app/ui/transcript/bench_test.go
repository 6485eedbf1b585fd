package transcript

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	look "github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

func benchView(b *testing.B) *View {
	b.Helper()
	a := uitest.App(b)
	a.Settings().SetTheme(look.New(look.Light))
	v := New(Options{})
	w := test.NewTempWindow(b, v)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(900, 700))
	return v
}

// bodies are texts that grow without an end.
var bodies = map[string]func(size int) string{
	"prose": func(size int) string {
		const p = "A paragraph of ordinary prose, with **bold** words, `code` and a [link](https://example.org), as models write it all day long.\n\n"
		return strings.Repeat(p, size/len(p)+1)
	},
	"paragraph": func(size int) string { return strings.Repeat("words without a break ", size/22+1) },
	"fence":     func(size int) string { return "```go\n" + strings.Repeat("x := f(1, 2, 3) // a line\n", size/26+1) },
	"table":     func(size int) string { return "|a|b|\n|-|-|\n" + strings.Repeat("|cell one|cell two|\n", size/20+1) },
	"list":      func(size int) string { return strings.Repeat("- an item\n  - and one below it\n", size/31+1) },
}

// BenchmarkAppend adds a token to a text of some length that is shown at its
// end.
func BenchmarkAppend(b *testing.B) {
	for name, body := range bodies {
		for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dKB", name, size>>10), func(b *testing.B) {
				v := benchView(b)
				v.SetItems([]Item{Assistant{ID: "a", Growing: true}})
				v.AppendText("a", body(size))
				b.ResetTimer()
				for b.Loop() {
					v.AppendText("a", "more ")
				}
			})
		}
	}
}

// thousands is a conversation of n messages: 2 KB each, a third with calls.
func thousands(n int) []Item {
	prose := bodies["prose"](2000)
	items := make([]Item, 0, n)
	for i := range n {
		switch i % 3 {
		case 0:
			items = append(items, User{ID: fmt.Sprint("u", i), Text: prose})
		case 1:
			items = append(items, Assistant{ID: fmt.Sprint("a", i), Text: prose})
		default:
			items = append(items, Call{ID: fmt.Sprint("c", i), Server: "files", Tool: "read", State: CallDone, Arguments: []byte(`{"path":"/x"}`),
				Result: &store.ToolResult{Content: store.Parts{store.Text{Text: prose}}}})
		}
	}
	return items
}

func BenchmarkOpen10000(b *testing.B) {
	items := thousands(10000)
	v := benchView(b)
	for b.Loop() {
		v.SetItems(items)
	}
}

func BenchmarkScroll(b *testing.B) {
	v := benchView(b)
	v.SetItems(thousands(10000))
	b.Run("step", func(b *testing.B) {
		v.jump(0.5)
		up := float32(-40)
		for i := 0; b.Loop(); i++ {
			if i%50 == 0 {
				up = -up
			}
			v.scrollBy(up)
		}
	})
	b.Run("jump", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			v.jump(float32(i*37%1000) / 1000)
		}
	})
}
