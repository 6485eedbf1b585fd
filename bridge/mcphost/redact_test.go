package mcphost

import (
	"encoding/json"
	"testing"
)

func TestRedactJSON(t *testing.T) {
	t.Parallel()
	r := newRedactor([]string{"8080", "Bearer tok-en/12 3", "s3cr3t\"quoted"})
	for in, want := range map[string]string{
		`{"b":1, "a":"clean"}`:                                  `{"b":1, "a":"clean"}`, // untouched
		`{"port":8080,"list":[18080,"8080",8]}`:                 `{"list":["1` + redacted + `","` + redacted + `",8],"port":"` + redacted + `"}`,
		`{"8080":{"8080":true}}`:                                `{"` + redacted + `":{"` + redacted + `":true}}`,
		`["s3cr3t\u0022quoted","Bearer tok-en/12 3"]`:           `["` + redacted + `","` + redacted + `"]`,
		`["tok-en/12 3","tok-en%2F12%203","x?k=tok-en%2F12+3"]`: `["` + redacted + `","` + redacted + `","x?k=` + redacted + `"]`,
	} {
		if got := r.json(json.RawMessage(in)); string(got) != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
	// A definition keeps what calls are made with, and short values.
	in := `{"name":"8080","inputSchema":{"properties":{"tok-en/12 3":{"default":"tok-en/12 3","maximum":8080}}}}`
	want := `{"inputSchema":{"properties":{"tok-en/12 3":{"default":"` + redacted + `","maximum":8080}}},"name":"8080"}`
	if got := r.definition(json.RawMessage(in)); string(got) != want {
		t.Errorf("the definition became %s, want %s", got, want)
	}
	if got := (*redactor)(nil).json(json.RawMessage(in)); string(got) != in {
		t.Errorf("without secrets it became %s", got)
	}
}
