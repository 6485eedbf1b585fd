package gateway

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzMembers holds what takes objects apart, and writes them, against package
// json.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a" : [1,{"b":"}"}], "c":"\"}," , "\u0061b":null}`, `{"a":1,"a":2}`, `[1]`, `"x"`, `{"":{"":{}}}`, `{"a":"\\"}`, `{"é":"ü\n"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			members(raw) // must not panic
			return
		}
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(raw, &want) == nil && want != nil
		got, ok := members(raw)
		if ok != isObject || len(got) != len(want) {
			t.Fatalf("%s: %v %v, not %v", raw, ok, got, want)
		}
		for k, v := range want {
			if !bytes.Equal(bytes.TrimSpace(v), got[k]) {
				t.Errorf("%s: %q is %s, not %s", raw, k, got[k], v)
			}
		}
		if !ok {
			return
		}
		out, err := written(got)
		var again map[string]json.RawMessage
		if err != nil || json.Unmarshal(out, &again) != nil || len(again) != len(want) {
			t.Errorf("%s was written %s, %v", raw, out, err)
		}
	})
}
