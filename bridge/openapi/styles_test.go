package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestStyles holds every style in every place against what arrives ("Style
// Values" of the specification, and RFC 6570 for what it leaves open).
func TestStyles(t *testing.T) {
	t.Parallel()
	const (
		list   = `["blue","bl,ack","br own"]`
		object = `{"B":150,"R":100}`
	)
	for _, c := range []struct {
		in, style, explode, value string
		want                      string // of the address, or of the header or cookie
	}{
		{"path", "", "", `"blue"`, "/p/blue"},
		{"path", "simple", "", `"a/b?c#d%e é"`, "/p/a%2Fb%3Fc%23d%25e%20%C3%A9"},
		{"path", "simple", "", `"../../admin"`, "/p/..%2F..%2Fadmin"},
		{"path", "simple", "", `12345678901234567890`, "/p/12345678901234567890"},
		{"path", "simple", "", `true`, "/p/true"},
		{"path", "simple", "false", list, "/p/blue,bl%2Cack,br%20own"},
		{"path", "simple", "true", list, "/p/blue,bl%2Cack,br%20own"},
		{"path", "simple", "false", object, "/p/B,150,R,100"},
		{"path", "simple", "true", object, "/p/B=150,R=100"},
		{"path", "label", "", `"blue"`, "/p/.blue"},
		{"path", "label", "false", list, "/p/.blue,bl%2Cack,br%20own"},
		{"path", "label", "true", list, "/p/.blue.bl%2Cack.br%20own"},
		{"path", "label", "false", object, "/p/.B,150,R,100"},
		{"path", "label", "true", object, "/p/.B=150.R=100"},
		{"path", "matrix", "", `"blue"`, "/p/;color=blue"},
		{"path", "matrix", "", `""`, "/p/;color"},
		{"path", "matrix", "false", list, "/p/;color=blue,bl%2Cack,br%20own"},
		{"path", "matrix", "true", list, "/p/;color=blue;color=bl%2Cack;color=br%20own"},
		{"path", "matrix", "false", object, "/p/;color=B,150,R,100"},
		{"path", "matrix", "true", object, "/p/;B=150;R=100"},

		{"query", "", "", `"a b&c=d"`, "/p?color=a%20b%26c%3Dd"},
		{"query", "form", "", `""`, "/p?color="},
		{"query", "", "", list, "/p?color=blue&color=bl%2Cack&color=br%20own"},
		{"query", "form", "false", list, "/p?color=blue,bl%2Cack,br%20own"},
		{"query", "form", "true", `[]`, "/p"},
		{"query", "form", "false", object, "/p?color=B,150,R,100"},
		{"query", "form", "true", object, "/p?B=150&R=100"},
		{"query", "spaceDelimited", "false", list, "/p?color=blue%20bl%2Cack%20br%20own"},
		{"query", "spaceDelimited", "true", list, "/p?color=blue&color=bl%2Cack&color=br%20own"},
		{"query", "spaceDelimited", "false", object, "/p?color=B%20150%20R%20100"},
		{"query", "pipeDelimited", "false", list, "/p?color=blue%7Cbl%2Cack%7Cbr%20own"},
		{"query", "pipeDelimited", "false", object, "/p?color=B%7C150%7CR%7C100"},
		{"query", "deepObject", "true", object, "/p?color%5BB%5D=150&color%5BR%5D=100"},
		{"query", "deepObject", "true", `{"a":{"b":[1,{"c":2}]}}`, "/p?color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D%5Bc%5D=2"},
		{"query", "form", "true", `[{"a":1}]`, "/p?color=%7B%22a%22%3A1%7D"},
		{"query", "form", "true", `null`, "/p"},

		{"header", "", "", `"blue, really"`, "blue, really"},
		{"header", "simple", "false", `["a","b"]`, "a,b"},
		{"header", "simple", "true", `["a","b"]`, "a,b"},
		{"header", "simple", "false", object, "B,150,R,100"},
		{"header", "simple", "true", object, "B=150,R=100"},

		{"cookie", "", "", `"a;b=c"`, "color=a%3Bb%3Dc"},
		{"cookie", "form", "false", `["a","b"]`, "color=a,b"},
		{"cookie", "form", "true", `["a","b"]`, "color=a; color=b"},
		{"cookie", "form", "false", object, "color=B,150,R,100"},
		{"cookie", "form", "true", object, "B=150; R=100"},
	} {
		t.Run(strings.Join([]string{c.in, c.style, c.explode, c.value}, " "), func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t)
			p := map[string]any{"name": "color", "in": c.in, "required": c.in == "path", "schema": map[string]any{}}
			if c.style != "" {
				p["style"] = c.style
			}
			if c.explode != "" {
				p["explode"] = c.explode == "true"
			}
			path := "/p"
			if c.in == "path" {
				path = "/p/{color}"
			}
			raw, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			session := connect(t, Options{
				Document: spec(fmt.Sprintf(`{%q:{"get":{"operationId":"op","parameters":[%s]}}}`, path, raw)),
				BaseURL:  r.URL,
			})
			if result := call(t, session, "op", `{"color":`+c.value+`}`); result.IsError {
				t.Fatal(said(result))
			}
			got := r.last(t)
			switch c.in {
			case "header":
				if got.header.Get("Color") != c.want {
					t.Errorf("color: %q, want %q", got.header.Get("Color"), c.want)
				}
			case "cookie":
				if got.header.Get("Cookie") != c.want {
					t.Errorf("Cookie: %q, want %q", got.header.Get("Cookie"), c.want)
				}
			default:
				if got.uri != c.want {
					t.Errorf("%s, want %s", got.uri, c.want)
				}
			}
		})
	}
}

// TestParameters is about what is not style: names, places, JSON in a parameter,
// reserved characters, the base URL's path.
func TestParameters(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	session := connect(t, Options{BaseURL: r.URL + "/v1/", Document: spec(`{
		"/a/{id}/b.{ext}":{
			"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}},{"name":"q","in":"query","schema":{"type":"string"}}],
			"get":{"operationId":"both","parameters":[
				{"name":"q","in":"query","allowReserved":true,"schema":{"type":"string"}},
				{"name":"id","in":"query","schema":{"type":"string"}},
				{"name":"id","in":"header","schema":{"type":"string"}},
				{"name":"filter[x]","in":"query","content":{"application/json":{"schema":{"type":"object"}}}},
				{"name":"Authorization","in":"header","schema":{"type":"string"}},
				{"name":"Content-Type","in":"header","schema":{"type":"string"}},
				{"name":"Bad Header","in":"header","schema":{"type":"string"}}
			]}},
		"/fixed?kind=x":{"get":{"operationId":"fixed","parameters":[{"name":"q","in":"query","schema":{}}]}},
		"/with space/(x)":{"get":{"operationId":"space"}}
	}`)})
	for _, c := range []struct{ tool, args, want string }{
		{"both", `{"id":7,"ext":"json","q":"a/b?c:d@e!$'()*,;=f&g#h+i[j] %20%zz","query_id":"x","header_id":"y","filter[x]":{"a":[1]}}`,
			"/v1/a/7/b.json?q=a/b?c:d@e!$'()*,;=f%26g%23h%2Bi%5Bj%5D%20%20%25zz&id=x&filter%5Bx%5D=%7B%22a%22%3A%5B1%5D%7D"},
		{"fixed", `{"q":"y"}`, "/v1/fixed?kind=x&q=y"},
		{"space", `{}`, "/v1/with%20space/(x)"},
	} {
		if result := call(t, session, c.tool, c.args); result.IsError {
			t.Errorf("%s: %s", c.tool, said(result))
			continue
		}
		if got := r.last(t); got.uri != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.tool, got.uri, c.want)
		}
	}
	if got := r.requests()[0].header; got.Get("Id") != "y" || got.Get("User-Agent") != "Drawbridge/unknown" {
		t.Errorf("%v", got)
	}
	before := len(r.requests())
	for _, c := range []struct{ args, want string }{
		{`{"ext":"json"}`, `"id" is missing`},
		{`{"id":7,"ext":null}`, `"ext" is missing`},
		{`{"id":"..","ext":"json"}`, "another path"},
		{`{"id":".","ext":"json"}`, "another path"},
		{`{"id":"","ext":"json"}`, "another path"},
		{`{"id":7,"ext":"json","header_id":"a\r\nX-Evil: 1"}`, "line break"},
		{`{"id":7,"ext":"json","Authorization":"mine"}`, `no argument "Authorization"`},
		{`{"id":7,"ext":"json","Bad Header":"mine"}`, `no argument "Bad Header"`},
		{`{"id":7,"ext":"json","other":1}`, `no argument "other"`},
	} {
		if result := call(t, session, "both", c.args); !result.IsError || !strings.Contains(said(result), c.want) {
			t.Errorf("%s: %s", c.args, said(result))
		}
	}
	if now := len(r.requests()); now != before {
		t.Errorf("%d requests went out", now-before)
	}
}
