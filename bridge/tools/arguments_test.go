package tools_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestCheckArguments(t *testing.T) {
	t.Parallel()
	nested := func(n int) string {
		return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1)
	}
	names := func(n int, end string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"n%d":%d,`, i, i)
		}
		return strings.TrimSuffix(b.String(), ",") + end
	}
	for name, test := range map[string]struct{ in, fault string }{
		"empty object":           {"{}", ""},
		"spaces":                 {" \n{ \"a\" : [1, {\"b\": null}] }\t", ""},
		"equal names elsewhere":  {`{"a":{"a":1},"b":[{"a":1},{"a":1}],"c":"a"}`, ""},
		"a value like a name":    {`{"a":"b","b":"a"}`, ""},
		"big number":             {`{"a":1e400}`, ""},
		"as deep as may be":      {nested(256), ""},
		"nothing":                {"", "not a JSON object"},
		"null":                   {"null", "not a JSON object"},
		"array":                  {`[{"a":1}]`, "not a JSON object"},
		"string":                 {`"{\"a\":1}"`, "not a JSON object"},
		"cut":                    {`{"a":1`, "not a JSON object"},
		"two documents":          {`{}{}`, "not a JSON object"},
		"name twice":             {`{"a":1,"a":2}`, `"a" twice`},
		"name twice, escaped":    {`{"a":1,"\u0061":2}`, `"a" twice`},
		"name twice, deep":       {`{"x":[0,{"b":{},"c":[],"b":1}]}`, `"b" twice`},
		"name twice after array": {`{"a":[],"b":{},"a":1}`, `"a" twice`},
		"too deep":               {nested(257), "nested"},
		"far too deep":           {nested(9000), "nested"},
		"bad UTF-8":              {"{\"a\":\"\xff\"}", "UTF-8"},
		"many names":             {`{"a":{` + names(40, "") + `},"b":1}`, ""},
		"many names, one twice":  {`{` + names(40, `,"n3":0`) + `}`, `"n3" twice`},
		"one twice, escaped":     {`{` + names(20, `,"\u006e17":0`) + `}`, `"n17" twice`},
		"a quote in a name":      {`{"a\"":1,"a":{"\\":"\\\"","\"":2}}`, ""},
		"a brace in a string":    {`{"a":"}{,\"x\":","b":"["}`, ""},
		"too many values":        {`{"a":[` + strings.Repeat("1,", 500_001) + `1]}`, "more than 500000 values"},
		"too long":               {`{"a":"` + strings.Repeat("x", tools.MaxArguments) + `"}`, "longer than 10 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tools.CheckArguments(json.RawMessage(test.in))
			switch {
			case test.fault == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.fault != "" && (!errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), test.fault)):
				t.Errorf("%v, want %q", err, test.fault)
			}
		})
	}
}

func FuzzCheckArguments(f *testing.F) {
	for _, s := range []string{"{}", `{"a":[1,{"a":null}],"b":"c"}`, `{"a":1,"\u0061":2}`, `[`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if tools.CheckArguments(raw) != nil {
			return
		}
		// What passes is an object that means the same to every reader: written
		// again, no member is lost.
		var first map[string]json.RawMessage
		if err := json.Unmarshal(raw, &first); err != nil {
			t.Fatalf("passed %q: %v", raw, err)
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := tools.CheckArguments(again); err != nil {
			t.Fatalf("%q passed and %q does not: %v", raw, again, err)
		}
	})
}
