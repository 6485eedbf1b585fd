package tools

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzTree holds the reader of trees against encoding/json: both take the same
// documents, and what is written again means the same.
func FuzzTree(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+10,true,false,null,"\u00e9\"\\\/\b"],"a":{}}`, ` [ ] `, `{"a":1,}`, `[1 2]`, `01`, `-`, `1.`, `1e`, `"\x"`, "\"\x01\"", `"\u12g4"`, `tru`, `{"a" 1}`, `{a:1}`, ``, `{}{}`, "\"\xff\"", `"a`,
		`{"\u0061":1,"a":2}`, strings.Repeat("[", 20) + strings.Repeat("]", 20),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := parseTree(raw, 100)
		if err == errTooDeep {
			if jsonDepth(raw) <= 100 {
				t.Errorf("%q is called too deep", raw)
			}
			return
		}
		if (err == nil) != json.Valid(raw) {
			t.Fatalf("%q: %v, and it is valid: %v", raw, err, json.Valid(raw))
		}
		if err != nil {
			return
		}
		var want, got any
		out := n.append(nil)
		if json.Unmarshal(raw, &want) != nil {
			return // a number that no float holds
		}
		if err := json.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%q became %q: %v", raw, out, err)
		}
		if again := n.clone().append(nil); string(again) != string(out) || !same(n, n.clone()) {
			t.Errorf("a copy of %q is %q", out, again)
		}
	})
}
