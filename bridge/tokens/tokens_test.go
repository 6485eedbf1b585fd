package tokens

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// The counts are those of OpenAI's own tokenizer.
func TestCount(t *testing.T) {
	t.Parallel()
	c := NewCounter()
	for _, tt := range []struct {
		model, text string
		want        int64
	}{
		{"gpt-4o", "hello world", 2},
		{"gpt-4", "tiktoken is great!", 6},
		{"gpt-5-mini", "", 0},
		{"openai/gpt-5", "hello world", 2},
		{"claude-opus-4-6", "hello world", 4},
		{"", "日本語", 3},
	} {
		if got := c.Count(tt.model, tt.text); got != tt.want {
			t.Errorf("%s: %q has %d tokens, want %d", tt.model, tt.text, got, tt.want)
		}
	}
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]tokenizer.Encoding{
		"gpt-4": tokenizer.Cl100kBase, "gpt-4-turbo": tokenizer.Cl100kBase, "gpt-3.5-turbo": tokenizer.Cl100kBase,
		"gpt-35-turbo": tokenizer.Cl100kBase, "ft:gpt-4:x": tokenizer.Cl100kBase,
		"gpt-4o": tokenizer.O200kBase, "gpt-4.1-mini": tokenizer.O200kBase, "gpt-5.2": tokenizer.O200kBase,
		"o3": tokenizer.O200kBase, "o4-mini": tokenizer.O200kBase, "chatgpt-4o-latest": tokenizer.O200kBase,
		"openrouter/openai/gpt-5": tokenizer.O200kBase, "ft:gpt-4o:org": tokenizer.O200kBase,
		"claude-3": "", "llama3": "", "mistralai/gpt-x": "", "": "", "olmo": "", "qwen/o1": "",
	} {
		if got, ok := encoding(model); got != want || ok != (want != "") || Exact(model) != ok {
			t.Errorf("%q: %q %v, want %q", model, got, ok, want)
		}
	}
}

// Cutting a text in chunks changes its count by next to nothing.
func TestChunks(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(`{"name": "search", "description": "Finds pages; see §4 — größer als 10 日本"} `, 3000)
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	want, err := codec.Count(text)
	if err != nil {
		t.Fatal(err)
	}
	got := NewCounter().Count("gpt-5", text)
	if diff := got - int64(want); diff < -100 || diff > 100 {
		t.Errorf("%d tokens in chunks, %d in one", got, want)
	}
	long := NewCounter().Count("gpt-5", strings.Repeat(text, 10))
	if diff := long - 10*int64(want); diff < -int64(want)/10 || diff > int64(want)/10 {
		t.Errorf("%d tokens extrapolated, %d in truth", long, 10*want)
	}
}

// TestHostileTextsBounds counts texts that are made to be slow, or that are no
// text.
func TestHostileTextsBounds(t *testing.T) {
	c := NewCounter()
	c.Count("gpt-5", "load")
	size := 1 << 20
	if bounds.Race { // it takes many times as long, and finds as much in less
		size >>= 3
	}
	for name, text := range map[string]string{
		"one letter":   strings.Repeat("a", size),
		"spaces":       strings.Repeat(" ", size),
		"line breaks":  strings.Repeat("\n", size),
		"no text":      strings.Repeat("\xff\xfe", size/2),
		"continuation": strings.Repeat("\x80", size),
		"zeros":        strings.Repeat("\x00", size),
		"emoji":        strings.Repeat("👩‍👩‍👧‍👦", size/32),
		"combining":    strings.Repeat("e\u0301", size/4),
		"mixed":        strings.Repeat("a ", size/2) + strings.Repeat("x", size),
	} {
		began := bounds.Busy()
		n := c.Count("gpt-5", text)
		took := bounds.Busy() - began
		t.Logf("%s: busy for %v", name, took)
		if took > 10*time.Second && !bounds.Race {
			t.Errorf("%s: %v", name, took)
		}
		if n <= 0 || n > int64(len(text)*3) {
			t.Errorf("%s: %d tokens in %d bytes", name, n, len(text))
		}
		if e := Estimate(text); e <= 0 || e > int64(utf8.RuneCountInString(text)) {
			t.Errorf("%s: about %d tokens", name, e)
		}
	}
}

func FuzzCutAt(f *testing.F) {
	f.Add("a b", 2)
	f.Add(strings.Repeat("é", 50), 33)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 8 || limit >= len(text) {
			return
		}
		end := cutAt(text, limit)
		if end <= 0 || end > limit {
			t.Fatalf("cut at %d of %d", end, limit)
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[:end]) {
			t.Fatalf("cut inside a character")
		}
	})
}

func BenchmarkCount(b *testing.B) {
	for name, text := range map[string]string{
		"prose": strings.Repeat("The quick brown fox jumps over the lazy dog. ", 1000),
		"run":   strings.Repeat("a", 1<<20),
	} {
		b.Run(name, func(b *testing.B) {
			c := NewCounter()
			c.Count("gpt-5", "load")
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				c.Count("gpt-5", text)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		NewCounter().Count("gpt-5", "load")
	}
}
