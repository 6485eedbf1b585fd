package openapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// noHTTP fails the test when anything is sent.
type noHTTP struct{ t testing.TB }

func (n noHTTP) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("a request went out to %s", r.URL)
	return nil, errors.New("no")
}

// TestHostileDocumentBounds reads documents that were made to do harm: each is read
// or refused with a sentence, in time and memory, and nothing is sent.
func TestHostileDocumentBounds(t *testing.T) {
	yamlBomb := "openapi: 3.0.0\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		yamlBomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	mergeBomb := "openapi: 3.0.0\na0: &a0 {k0: 1}\n"
	for i := 1; i < 40; i++ {
		mergeBomb += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d], k%d: 1}\n", i, i, i-1, i-1, i)
	}
	op := func(schema string) string {
		return `{"openapi":"3.1.0","paths":{"/a":{"post":{"operationId":"a","requestBody":{"content":{"application/json":{"schema":` + schema + `}}}}}}`
	}
	var wide strings.Builder // every component refers to all others, and every operation to one
	wide.WriteString(`{"openapi":"3.0.0","paths":{`)
	for i := range 3000 {
		fmt.Fprintf(&wide, `"/p%d":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/S%d"}}}}}},`, i, i%300)
	}
	wide.WriteString(`"/z":{}},"components":{"schemas":{`)
	for i := range 300 {
		fmt.Fprintf(&wide, `"S%d":{"properties":{`, i)
		for j := range 300 {
			fmt.Fprintf(&wide, `"p%d":{"$ref":"#/components/schemas/S%d"},`, j, j)
		}
		wide.WriteString(`"z":{}}},`)
	}
	wide.WriteString(`"Z":{}}}}`)
	var chain strings.Builder
	chain.WriteString(op(`{"$ref":"#/components/schemas/S0"}`) + `,"components":{"schemas":{`)
	for i := range 100_000 {
		fmt.Fprintf(&chain, `"S%d":{"items":{"$ref":"#/components/schemas/S%d"}},`, i, i+1)
	}
	chain.WriteString(`"S100000":{}}}}`)
	refs := `"components":{"schemas":{"A":{"$ref":"#/components/schemas/B"},"B":{"allOf":[{"$ref":"#/components/schemas/A"}]},"T":{"type":"object","properties":{"next":{"$ref":"#/components/schemas/T"}}}}}}`
	many := strings.Builder{}
	many.WriteString(`{"openapi":"3.0.0","paths":{`)
	for i := range 150_000 {
		fmt.Fprintf(&many, `"/p%d":{"get":{}},`, i)
	}
	many.WriteString(`"/z":{}}}`)

	for _, c := range []struct {
		name, document string
		want           string // of the sentence; empty: it is read
	}{
		{"nothing", "", "empty"},
		{"only spaces", " \n\t", "empty"},
		{"no document", `{"hello":1}`, "neither openapi nor swagger"},
		{"a list", `[1]`, "no OpenAPI document"},
		{"a version to come", `{"openapi":"4.0.0"}`, `version "4.0.0"`},
		{"broken", "{\"openapi\": \"3.0.0\"\n  : [", "neither JSON nor YAML"},
		{"no paths", `{"openapi":"3.0.0"}`, "no operation"},
		{"too long", strings.Repeat(" ", documentMax+1), "longer than 16 MiB"},
		{"deep JSON", `{"openapi":"3.0.0","a":` + strings.Repeat(`[`, 1<<20) + strings.Repeat(`]`, 1<<20) + `}`, "nested deeper"},
		{"deep YAML", "openapi: 3.0.0\na: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper"},
		{"very deep YAML", "openapi: 3.0.0\na: " + strings.Repeat("[", 1<<20), ""},
		{"brackets", `{"openapi":"3.0.0","a":[` + strings.Repeat(`{},`, 5<<20) + `{}]}`, "more values"},
		{"small maps", `{"openapi":"3.0.0","a":[` + strings.Repeat(`{"":1},`, 2<<20) + `{}]}`, "more values"},
		{"commas in YAML", "openapi: 3.0.0\na: [" + strings.Repeat("a,", 7<<20) + "]", "more values"},
		{"lines of YAML", "openapi: 3.0.0\na:\n" + strings.Repeat("- a\n", 3<<20), "more values"},
		{"YAML aliases", yamlBomb, "more values"},
		{"YAML merges", mergeBomb, "more values"},
		{"an alias of itself", "openapi: 3.0.0\na: &a [*a]\n", ""},
		{"an anchor that is not there", "openapi: 3.0.0\na: *b\n", "anchor"},
		{"a remote reference", op(`{"$ref":"https://evil.example/x.json#/a"}`) + `}`, `"https://evil.example/x.json#/a", which is outside of it`},
		{"a file", op(`{"$ref":"/etc/passwd"}`) + `}`, `"/etc/passwd", which is outside of it`},
		{"a relative reference", op(`{"properties":{"a":{"items":{"$ref":"other.yaml"}}}}`) + `}`, `"other.yaml", which is outside of it`},
		{"a remote reference behind a local one", op(`{"$ref":"#/components/schemas/A"}`) + `,"components":{"schemas":{"A":{"$ref":"http://169.254.169.254/"}}}}`, `"http://169.254.169.254/", which is outside of it`},
		{"a remote parameter", `{"openapi":"3.0.0","paths":{"/a":{"get":{"parameters":[{"$ref":"http://127.0.0.1/p"}]}}}}`, `"http://127.0.0.1/p", which is outside of it`},
		{"a remote path", `{"openapi":"3.0.0","paths":{"/a":{"$ref":"http://127.0.0.1/p"}}}`, "no operation"},
		{"a reference that leads nowhere", op(`{"$ref":"#/components/schemas/Nobody"}`) + `}`, "which the document does not have"},
		{"references in a circle", op(`{"$ref":"#/components/schemas/A"}`) + `,` + refs, ""},
		{"a schema that holds itself", op(`{"$ref":"#/components/schemas/T"}`) + `,` + refs, ""},
		{"a reference to the whole document", op(`{"$ref":"#"}`) + `}`, ""},
		{"parameters in a circle", `{"openapi":"3.0.0","paths":{"/a":{"get":{"parameters":[{"$ref":"#/x"}]}}},"x":{"$ref":"#/y"},"y":{"$ref":"#/x"}}`, "refers back to itself"},
		{"a long chain", chain.String(), ""},
		{"everything refers to everything", wide.String(), "MiB to describe"},
		{"150,000 operations", many.String(), "5000 can be tools"},
		{"a path that climbs", `{"openapi":"3.0.0","paths":{"/../../admin":{"get":{}}}}`, "outside of the base URL"},
		{"an encoded path that climbs", `{"openapi":"3.0.0","paths":{"/a/%2e%2E/b":{"get":{}}}}`, "outside of the base URL"},
		{"a path of another host", `{"openapi":"3.0.0","paths":{"@evil.example/x":{"get":{}}}}`, "no operation"},
		{"a path with a line break", `{"openapi":"3.0.0","paths":{"/a\r\nHost: evil":{"get":{}}}}`, "outside of the base URL"},
		{"a media type with a line break", op(`{}`)[:len(op(`{}`))-8] + `}},"application/x\r\ny":{}}}}}}`, ""},
		{"wrong types everywhere", `{"openapi":"3.0.0","info":7,"servers":{},"tags":1,"paths":{"/a":{"get":{"operationId":7,"tags":"x","parameters":{"a":1},"requestBody":[],"responses":[]}, "post":[]},"/b":7,"/c":{"get":{"parameters":[1,null,{"in":1},{"in":"query","name":"a","schema":[1]},{"in":"query","name":"b","schema":{"type":"any","properties":[],"required":"a","enum":7,"minimum":"1","items":3,"allOf":{}}}]}}}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s *Server
			var err error
			took, used := cost(func() {
				s, err = New(context.Background(), Options{
					Document: []byte(c.document), BaseURL: "https://api.example.com/v1", HTTP: noHTTP{t},
					Choice: Choice{Methods: allMethods}, limit: patience,
				})
			})
			t.Logf("%s, %d MiB", took, used>>20)
			checkCost(t, took, used)
			switch {
			case err != nil && (!errors.Is(err, store.ErrInvalid) || !strings.HasSuffix(err.Error(), ".") || len(err.Error()) > 1200 || strings.ContainsAny(err.Error(), "\r\n")):
				t.Errorf("no sentence: %.600s", err)
			case c.want == "" && err == nil:
				for _, one := range s.tools {
					checkSchema(t, one)
				}
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// TestEndlessSchema: what applies to the same value again and again is cut open,
// so that a check of a value ends.
func TestEndlessSchema(t *testing.T) {
	t.Parallel()
	for _, schemas := range []string{
		`"A":{"$ref":"#/components/schemas/A"}`,
		`"A":{"$ref":"#/components/schemas/B"},"B":{"allOf":[{"not":{"$ref":"#/components/schemas/A"}}]}`,
		`"A":{"if":{"$ref":"#/components/schemas/B"}},"B":{"dependentSchemas":{"x":{"$ref":"#/components/schemas/A"}}}`,
	} {
		s, err := New(context.Background(), Options{BaseURL: "https://a.example", Document: []byte(`{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}},"components":{"schemas":{` + schemas + `}}}`)})
		if err != nil {
			t.Fatal(err)
		}
		if schema := string(s.tools[0].schema); !strings.Contains(schema, `"A":{}`) {
			t.Errorf("%s", schema)
		}
	}
}

// TestLateDocument stops to read where the time is over.
func TestLateDocument(t *testing.T) {
	t.Parallel()
	b := document(t, "github.json.gz")
	const want = "The document takes longer than 0.001 seconds to read. Use a smaller one, or choose fewer of its operations."
	_, err := New(context.Background(), Options{Document: b, BaseURL: "https://a.example", limit: time.Millisecond})
	if !errors.Is(err, store.ErrInvalid) || err.Error() != want {
		t.Error(err)
	}
	if _, err := readWithin(context.Background(), time.Millisecond, b); !errors.Is(err, store.ErrInvalid) || err.Error() != want {
		t.Error(err)
	}
}

// TestBaseURL: the document does not say where requests go, and what it may
// propose to a person is neither private nor in the clear.
func TestBaseURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "x", "ftp://a.example", "https://", "https://u:p@a.example", "https://a.example?x=1", "https://a.example#x", "javascript:alert(1)", "file:///etc"} {
		if _, err := New(context.Background(), Options{Document: pets, BaseURL: bad}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	d, err := Read(context.Background(), []byte(`{"openapi":"3.0.0","servers":[
		{"url":"https://api.example.com/v1"},{"url":"http://plain.example.com"},{"url":"https://127.0.0.1/"},{"url":"https://10.1.2.3"},{"url":"https://[::1]/"},
		{"url":"https://[::ffff:169.254.169.254]/"},{"url":"https://169.254.169.254"},{"url":"https://100.64.1.1"},{"url":"https://localhost"},{"url":"https://a.localhost"},
		{"url":"https://2130706433/"},{"url":"https://0x7f.1/"},{"url":"https://127.1/"},{"url":"https://intranet/"},{"url":"https://db.internal"},{"url":"https://u:p@api.example.com"},{"url":"/v2"},
		{"url":"https://{region}.example.com/{v}","variables":{"region":{"default":"eu"},"v":{"default":"v3"}}},{"url":"https://{open}.example.com"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.BaseURLs("https://docs.example.com/openapi.json")); got != "[https://api.example.com/v1 https://docs.example.com/v2 https://eu.example.com/v3]" {
		t.Error(got)
	}
	if got := fmt.Sprint(d.BaseURLs("http://192.168.0.1/openapi.json")); got != "[https://api.example.com/v1 https://eu.example.com/v3]" {
		t.Error(got)
	}
}

// FuzzDocument reads any document, and makes the requests of the operations that
// come of it: with no arguments, and with an argument of each kind for each
// parameter. Nothing panics, and no request leaves the base URL.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/a/{b}":{"get":{"parameters":[{"name":"b","in":"path","schema":{"$ref":"#/components/schemas/X"}}]}}},"components":{"schemas":{"X":{"nullable":true,"type":"string","exclusiveMinimum":true,"minimum":1}}}}`))
	f.Add([]byte(`{"swagger":"2.0","paths":{"/a":{"post":{"parameters":[{"name":"b","in":"body","schema":{}},{"name":"f","in":"formData","type":"file"}]}}}}`))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a/{b}":{"put":{"operationId":"put it","parameters":[{"name":"b","in":"path","required":true,"style":"matrix","explode":true,"schema":{"type":"array"}},{"name":"q","in":"query","style":"deepObject","schema":{"type":"object"}},{"name":"X-H","in":"header","schema":{"type":"array"}},{"name":"c","in":"cookie","schema":{}}],"requestBody":{"content":{"multipart/form-data":{"schema":{"type":"object","properties":{"f":{"type":"string","format":"binary"}}}}}}},"post":{"requestBody":{"content":{"application/x-www-form-urlencoded":{"schema":{"properties":{"a":{},"b":{}}}}}}}}}}`))
	f.Add([]byte("openapi: 3.1.0\npaths:\n  /a: &a\n    get: {operationId: x, tags: [a]}\n  /b: *a\n  /c: {<<: *a}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := New(context.Background(), Options{Document: b, BaseURL: "https://api.example.com", HTTP: noHTTP{t}, Choice: Choice{Methods: allMethods}, limit: patience})
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "is not built as") {
				t.Fatal(err)
			}
			return
		}
		for _, one := range s.tools {
			checkSchema(t, one)
			if plainName(one.op.Name) == "" || len(one.op.Name) > nameMax {
				t.Errorf("the name %q", one.op.Name)
			}
		}
		for _, one := range s.tools[:min(len(s.tools), 10)] {
			var schema struct{ Properties map[string]json.RawMessage }
			if err := json.Unmarshal(one.schema, &schema); err != nil {
				t.Fatal(err)
			}
			for _, value := range []any{nil, "../a b", 7.5, []any{"x", map[string]any{"y": "/.."}}, map[string]any{"a": []any{1, "&"}, "..": "\r\nX: y"}} {
				args := map[string]any{}
				for name := range schema.Properties {
					if value != nil && len(args) < 50 {
						args[name] = value
					}
				}
				raw, err := json.Marshal(args)
				if err != nil {
					t.Fatal(err)
				}
				r, err := s.request(one.op, raw)
				if err != nil {
					continue
				}
				checkRequest(t, r, "https://api.example.com", "/")
			}
		}
	})
}

// checkRequest fails if a request goes elsewhere than below its base, or has
// headers that are none.
func checkRequest(t *testing.T, r *request, origin, base string) {
	t.Helper()
	if !strings.HasPrefix(r.url.String(), origin+base) {
		t.Errorf("%s goes elsewhere", r.url)
	}
	if clean := r.url.ResolveReference(r.url); !strings.HasPrefix(clean.Path, base) {
		t.Errorf("%s leaves the base", r.url)
	}
	for name, values := range r.header {
		if !validName(name) || !validValue(values[0]) {
			t.Errorf("%s: %q", name, values)
		}
	}
}

func FuzzCall(f *testing.F) {
	f.Add("/a/{b}", `{"b":"../x","q":[1,{"a":2}]}`)
	f.Add("/{b}{q}", `{"b":".","q":"."}`)
	f.Fuzz(func(t *testing.T, path, args string) {
		document := spec(fmt.Sprintf(`{%s:{"get":{"operationId":"op","parameters":[{"name":"b","in":"path","schema":{}},{"name":"q","in":"query","style":"deepObject","schema":{}},{"name":"H","in":"header","schema":{}}]}}}`, compact(path)))
		s, err := New(context.Background(), Options{Document: document, BaseURL: "https://api.example.com/base", HTTP: noHTTP{t}})
		if err != nil {
			return
		}
		r, err := s.request(s.tools[0].op, []byte(args))
		if err != nil {
			return
		}
		checkRequest(t, r, "https://api.example.com", "/base/")
	})
}
