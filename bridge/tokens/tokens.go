// Package tokens counts the tokens of texts: exactly for OpenAI's models, by an
// estimate for all others.
//
// The vocabulary of a model is loaded when it is first needed, which takes a
// few dozen milliseconds and stays in memory; Estimate needs none. A text of
// any size and kind is counted in bounded time.
//
//	c := tokens.NewCounter()
//	n := c.Count("gpt-5-mini", text)
package tokens

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"
)

const (
	// chunk is how many bytes are counted at once: what merging pairs costs
	// grows faster than the text, and a long run of one letter is one word.
	chunk = 4 << 10
	// maxCounted is how many bytes of one text are counted; the rest is taken
	// to be like them.
	maxCounted = 512 << 10
)

// Counter counts tokens. Any goroutine may use it.
type Counter struct {
	mu     sync.Mutex // protects codecs; held while one is loaded
	codecs map[tokenizer.Encoding]tokenizer.Codec
}

// NewCounter returns a Counter that has loaded nothing yet.
func NewCounter() *Counter {
	return &Counter{codecs: map[tokenizer.Encoding]tokenizer.Codec{}}
}

// Count returns how many tokens the text has for the model of that name. It is
// exact to a few tokens for OpenAI's models and texts up to half a megabyte;
// beyond that the rest is extrapolated. For any other model it is Estimate.
func (c *Counter) Count(model, text string) int64 {
	enc, ok := encoding(model)
	if !ok || text == "" {
		return Estimate(text)
	}
	codec, err := c.codec(enc)
	if err != nil {
		return Estimate(text)
	}
	counted, rest := text, 0
	if len(text) > maxCounted {
		// The beginning and the end, each half of what is counted.
		head := cutAt(text, maxCounted/2)
		tail := len(text) - maxCounted/2
		for tail < len(text) && !utf8.RuneStart(text[tail]) {
			tail++
		}
		rest = tail - head
		counted = text[:head] + text[tail:]
	}
	var n int64
	for left := counted; left != ""; {
		end := len(left)
		if end > chunk {
			end = cutAt(left, chunk)
		}
		piece, err := codec.Count(left[:end])
		if err != nil {
			piece = int(Estimate(left[:end]))
		}
		n += int64(piece)
		left = left[end:]
	}
	if rest > 0 {
		n += n * int64(rest) / int64(len(counted))
	}
	return n
}

// Exact reports whether Count knows the vocabulary of the model of that name.
func Exact(model string) bool {
	_, ok := encoding(model)
	return ok
}

// Estimate returns about how many tokens a text has for a model whose
// vocabulary is not known. It is rather too much than too little.
func Estimate(text string) int64 {
	ascii, other := 0, 0
	for _, r := range text {
		if r < utf8.RuneSelf {
			ascii++
		} else {
			other++
		}
	}
	return int64((ascii+2)/3 + other)
}

// cutAt returns where to cut the text, at most at limit bytes: before a space
// if there is one close, and never inside a character.
func cutAt(text string, limit int) int {
	if i := strings.LastIndexByte(text[limit-limit/8:limit], ' '); i >= 0 {
		return limit - limit/8 + i
	}
	end := limit
	for end > limit-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return end
}

func (c *Counter) codec(enc tokenizer.Encoding) (tokenizer.Codec, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if codec, ok := c.codecs[enc]; ok {
		return codec, nil
	}
	codec, err := tokenizer.Get(enc)
	if err != nil {
		return nil, err
	}
	c.codecs[enc] = codec
	return codec, nil
}

// encoding finds the vocabulary by the model's name, as OpenAI writes it or as
// services that pass it on do ("openai/gpt-5", "ft:gpt-4o:…").
func encoding(model string) (tokenizer.Encoding, bool) {
	name := strings.ToLower(model)
	if vendor, rest, ok := cutLast(name, "/"); ok {
		if vendor != "openai" && !strings.HasSuffix(vendor, "/openai") && vendor != "azure" {
			return "", false
		}
		name = rest
	}
	name = strings.TrimPrefix(name, "ft:")
	for _, prefix := range []string{"gpt-3.5", "gpt-35", "gpt-4-", "gpt-4:", "text-embedding-"} {
		if strings.HasPrefix(name, prefix) {
			return tokenizer.Cl100kBase, true
		}
	}
	if name == "gpt-4" {
		return tokenizer.Cl100kBase, true
	}
	for _, prefix := range []string{"gpt-", "chatgpt-", "o1", "o3", "o4", "codex-"} {
		if strings.HasPrefix(name, prefix) {
			return tokenizer.O200kBase, true
		}
	}
	return "", false
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}
