package tools

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestRedactJSON(t *testing.T) {
	t.Parallel()
	r := NewRedactor(4, "8080", "Bearer tok-en/12 3", "s3cr3t\"quoted")
	for in, want := range map[string]string{
		`{"b":1, "a":"clean"}`:                                  `{"b":1, "a":"clean"}`, // untouched
		`{"port":8080,"list":[18080,"8080",8]}`:                 `{"list":["1` + Redacted + `","` + Redacted + `",8],"port":"` + Redacted + `"}`,
		`{"8080":{"8080":true}}`:                                `{"` + Redacted + `":{"` + Redacted + `":true}}`,
		`["s3cr3t\u0022quoted","Bearer tok-en/12 3"]`:           `["` + Redacted + `","` + Redacted + `"]`,
		`["tok-en/12 3","tok-en%2F12%203","x?k=tok-en%2F12+3"]`: `["` + Redacted + `","` + Redacted + `","x?k=` + Redacted + `"]`,
	} {
		if got := r.JSON(json.RawMessage(in)); string(got) != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
	// A definition keeps what calls are made with, and short values.
	in := `{"name":"8080","inputSchema":{"properties":{"tok-en/12 3":{"default":"tok-en/12 3","maximum":8080}}}}`
	want := `{"inputSchema":{"properties":{"tok-en/12 3":{"default":"` + Redacted + `","maximum":8080}}},"name":"8080"}`
	if got := r.Definition(json.RawMessage(in)); string(got) != want {
		t.Errorf("the definition became %s, want %s", got, want)
	}
	if got := (*Redactor)(nil).JSON(json.RawMessage(in)); string(got) != in {
		t.Errorf("without secrets it became %s", got)
	}
}

func TestRedactingStream(t *testing.T) {
	t.Parallel()
	secrets := []string{"abcabcabd", "abcabc", "with\nnewline-and-more", "quo\"te", "xyz"}
	r := NewRedactor(4, secrets...)
	text := "1 abcabcabd 2 abcabcabcabd 3 abcabc 4 abcab with\nnewline-and-more newline-and-more quo\"te quo\\\"te xyz end abcabcab"
	want := strings.NewReplacer("abcabcabd", Redacted, "abcabc", Redacted, "with\nnewline-and-more", Redacted,
		"newline-and-more", Redacted, `quo"te`, Redacted, `quo\"te`, Redacted).Replace(text)
	want = strings.TrimSuffix(want, "ab") // it ends with nearly all of a secret
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var got bytes.Buffer
		s := r.Stream(func(b []byte) { got.Write(b) })
		for rest := text; rest != ""; {
			n := 1 + rng.IntN(min(12, len(rest)))
			s.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		s.Flush()
		if got.String() != want {
			t.Fatalf("%q,\nnot %q", got.String(), want)
		}
	}
	if NewRedactor(4, "", "1", "abc") != nil {
		t.Error("what is too short is replaced")
	}
}
