package openapi

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content, value string
		kind, want           string
	}{
		{"JSON", `{"application/json":{"schema":{"type":"object"}}}`, `{"b":1.50,"a":"<é>","n":null,"big":12345678901234567890}`,
			"application/json", `{"a":"<é>","b":1.50,"big":12345678901234567890,"n":null}`},
		{"JSON before forms", `{"multipart/form-data":{},"application/vnd.x+json; v=2":{"schema":{}},"application/x-www-form-urlencoded":{}}`, `[1]`,
			"application/vnd.x+json; v=2", `[1]`},
		{"JSON null", `{"application/json":{"schema":{"nullable":true,"type":"string"}}}`, `null`, "application/json", `null`},
		{"any", `{"*/*":{"schema":{"type":"object"}}}`, `{"a":1}`, "application/json", `{"a":1}`},
		{"form", `{"application/x-www-form-urlencoded":{"schema":{"type":"object","properties":{"a":{},"l":{},"o":{}}}}}`,
			`{"a":"x y&z","l":[1,"2"],"o":{"k":[true]},"none":null}`,
			"application/x-www-form-urlencoded", `a=x+y%26z&l=1&l=2&o=%7B%22k%22%3A%5Btrue%5D%7D`},
		{"form with styles", `{"application/x-www-form-urlencoded":{"schema":{"type":"object","properties":{"card":{},"list":{},"res":{},"pipe":{}}},
			"encoding":{"card":{"style":"deepObject","explode":true},"list":{"explode":false},"res":{"allowReserved":true},"pipe":{"style":"pipeDelimited"}}}}`,
			`{"card":{"exp":{"month":4},"tags":["a","b"]},"list":[1,2],"pipe":["x","y"],"res":"a:b/c&d"}`,
			"application/x-www-form-urlencoded", `card%5Bexp%5D%5Bmonth%5D=4&card%5Btags%5D%5B0%5D=a&card%5Btags%5D%5B1%5D=b&list=1,2&pipe=x%7Cy&res=a:b/c%26d`},
		{"text", `{"text/markdown":{"schema":{"type":"string"}}}`, `"# Hi\n"`, "text/markdown", "# Hi\n"},
		{"bytes from base64", `{"application/octet-stream":{"schema":{"type":"string","format":"binary"}}}`, `{"base64":"AAH/"}`, "application/octet-stream", "\x00\x01\xff"},
		{"bytes from text", `{"application/xml":{"schema":{"type":"object"}}}`, `{"text":"<a/>"}`, "application/xml", "<a/>"},
		{"image", `{"image/png":{}}`, `{"base64":"iVBORw"}`, "image/png", "\x89PNG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t)
			session := connect(t, Options{BaseURL: r.URL, Document: spec(`{"/b":{"post":{"operationId":"op","requestBody":{"required":true,"content":` + c.content + `}}}}`)})
			if result := call(t, session, "op", `{"body":`+c.value+`}`); result.IsError {
				t.Fatal(said(result))
			}
			got := r.last(t)
			if got.header.Get("Content-Type") != c.kind || got.body != c.want {
				t.Errorf("%s %q, want %s %q", got.header.Get("Content-Type"), got.body, c.kind, c.want)
			}
			if result := call(t, session, "op", `{}`); !result.IsError {
				t.Error("the body is required, and was not asked for")
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	for version, file := range map[string]string{
		"3.0.3": `{"type":"string","format":"binary"}`,
		"3.1.0": `{"contentMediaType":"image/png"}`,
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t)
			document := fmt.Sprintf(`{"openapi":%q,"paths":{"/up":{"post":{"operationId":"up","requestBody":{"content":{"multipart/form-data":{
				"schema":{"$ref":"#/components/schemas/Up"},
				"encoding":{"photo":{"contentType":"image/png, image/jpeg"},"meta":{"contentType":"application/json"}}}}}}}},
				"components":{"schemas":{"Up":{"type":"object","required":["photo"],"properties":{
					"photo":%s,"more":{"type":"array","items":%s},"note":{"type":"string"},"n":{"type":"integer"},
					"obj":{"type":"object"},"tags":{"type":"array","items":{"type":"string"}},"meta":{"type":"array"}}}}}}`, version, file, file)
			session := connect(t, Options{BaseURL: r.URL, Document: []byte(document)})
			result := call(t, session, "up", `{"body":{"photo":{"base64":"iVBORw==","filename":"a\"b\r\nX: y.png"},"more":[{"text":"one"},{"text":"two","filename":"2.txt"}],
				"note":"hé","n":5,"obj":{"a":1},"tags":["x","y"],"meta":[1,2]}}`)
			if result.IsError {
				t.Fatal(said(result))
			}
			got := r.last(t)
			_, params, err := mime.ParseMediaType(got.header.Get("Content-Type"))
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			reader := multipart.NewReader(strings.NewReader(got.body), params["boundary"])
			for {
				p, err := reader.NextRawPart()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				data, err := io.ReadAll(p)
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Header) > 2 {
					t.Errorf("headers came in: %v", p.Header)
				}
				parts = append(parts, fmt.Sprintf("%s|%s|%s", p.Header.Get("Content-Disposition"), p.Header.Get("Content-Type"), data))
			}
			want := []string{
				`form-data; name="meta"|application/json|[1,2]`,
				`form-data; name="more"; filename="more"|application/octet-stream|one`,
				`form-data; name="more"; filename="2.txt"|application/octet-stream|two`,
				`form-data; name="n"||5`,
				`form-data; name="note"||hé`,
				`form-data; name="obj"|application/json|{"a":1}`,
				"form-data; name=\"photo\"; filename=\"a%22b%0D%0AX: y.png\"|image/png|\x89PNG",
				`form-data; name="tags"||x`,
				`form-data; name="tags"||y`,
			}
			if strings.Join(parts, "\n") != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(parts, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	session := connect(t, Options{BaseURL: r.URL, Document: spec(`{"/a":{"get":{"operationId":"op","responses":{"200":{"content":{"text/csv":{},"application/json":{}}}}}}}`)})
	for _, c := range []struct {
		name   string
		status int
		kind   string
		body   string
		check  func(*mcp.CallToolResult) bool
	}{
		{"object", 200, "application/json; charset=utf-8", `{"a":[1]}`, func(r *mcp.CallToolResult) bool {
			return !r.IsError && said(r) == "{\"a\":[1]}\n" && fmt.Sprint(r.StructuredContent) == "map[a:[1]]"
		}},
		{"list", 200, "application/problem+json", `[1]`, func(r *mcp.CallToolResult) bool {
			return !r.IsError && said(r) == "[1]\n" && r.StructuredContent == nil
		}},
		{"text", 200, "text/plain", "hällo", func(r *mcp.CallToolResult) bool { return said(r) == "hällo\n" }},
		{"no text in text", 200, "text/plain", "a\xff", func(r *mcp.CallToolResult) bool { return said(r) == "a\uFFFD\n" }},
		{"image", 200, "image/png", "\x89PNG", func(r *mcp.CallToolResult) bool {
			i, ok := r.Content[0].(*mcp.ImageContent)
			return ok && i.MIMEType == "image/png" && string(i.Data) == "\x89PNG"
		}},
		{"bytes", 200, "application/pdf", "%PDF\x00\xff", func(r *mcp.CallToolResult) bool {
			e, ok := r.Content[0].(*mcp.EmbeddedResource)
			return ok && e.Resource.MIMEType == "application/pdf" && string(e.Resource.Blob) == "%PDF\x00\xff"
		}},
		{"nothing", 204, "", "", func(r *mcp.CallToolResult) bool { return !r.IsError && said(r) == "HTTP 204 No Content\n" }},
		{"not found", 404, "application/json", `{"message":"no pet"}`, func(r *mcp.CallToolResult) bool {
			return r.IsError && said(r) == "HTTP 404 Not Found\n{\"message\":\"no pet\"}\n" && fmt.Sprint(r.Meta["status"]) == "404"
		}},
		{"broken", 500, "text/html", "<h1>oh</h1>", func(r *mcp.CallToolResult) bool {
			return r.IsError && strings.HasPrefix(said(r), "HTTP 500 Internal Server Error\n<h1>")
		}},
		{"too long", 200, "text/plain", strings.Repeat("x", answerMax+1), func(r *mcp.CallToolResult) bool {
			return r.IsError && strings.Contains(said(r), "longer than 5 MiB") && len(said(r)) < 300
		}},
	} {
		r.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			if c.body != "" {
				_, _ = io.WriteString(w, c.body)
			}
		}
		if result := call(t, session, "op", `{}`); !c.check(result) {
			t.Errorf("%s: %v %.300s", c.name, result.IsError, said(result))
		}
	}
	if accept := r.last(t).header.Get("Accept"); accept != "application/json, text/csv, */*;q=0.1" {
		t.Errorf("Accept: %s", accept)
	}
	r.Close()
	if result := call(t, session, "op", `{}`); !result.IsError || !strings.Contains(said(result), "could not be reached") {
		t.Error(said(result))
	}
}

// TestSwagger holds a document of version 2.0 against what arrives.
func TestSwagger(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	session := connect(t, Options{BaseURL: r.URL + "/v2", Document: []byte(`{"swagger":"2.0","host":"169.254.169.254","basePath":"/latest","schemes":["http"],
		"consumes":["application/json"],"produces":["application/json"],
		"parameters":{"limit":{"name":"limit","in":"query","type":"integer","maximum":5,"exclusiveMaximum":true}},
		"definitions":{"Pet":{"type":"object","required":["id","name"],"properties":{"id":{"type":"integer","readOnly":true},"name":{"type":"string","x-nullable":true},"next":{"$ref":"#/definitions/Pet"}}}},
		"paths":{
			"/pets":{"get":{"operationId":"list","parameters":[{"$ref":"#/parameters/limit"},
				{"name":"csv","in":"query","type":"array","items":{"type":"string"}},
				{"name":"ssv","in":"query","type":"array","collectionFormat":"ssv","items":{"type":"string"}},
				{"name":"tsv","in":"query","type":"array","collectionFormat":"tsv","items":{"type":"string"}},
				{"name":"pipes","in":"query","type":"array","collectionFormat":"pipes","items":{"type":"string"}},
				{"name":"multi","in":"query","type":"array","collectionFormat":"multi","items":{"type":"string"}},
				{"name":"X-List","in":"header","type":"array","collectionFormat":"pipes","items":{"type":"string"}}]},
				"post":{"operationId":"create","parameters":[{"name":"pet","in":"body","required":true,"schema":{"$ref":"#/definitions/Pet"}}]}},
			"/form":{"post":{"operationId":"form","consumes":["application/x-www-form-urlencoded"],"parameters":[
				{"name":"a","in":"formData","required":true,"type":"string"},{"name":"l","in":"formData","type":"array","collectionFormat":"multi","items":{"type":"string"}},{"name":"c","in":"formData","type":"array","items":{"type":"string"}}]}},
			"/up/{id}":{"post":{"operationId":"up","parameters":[{"name":"id","in":"path","required":true,"type":"string"},{"name":"file","in":"formData","type":"file"}]}}
		}}`)})
	for _, c := range []struct{ tool, args, uri, kind, body string }{
		{"list", `{"limit":3,"csv":["a","b"],"ssv":["a","b"],"tsv":["a","b"],"pipes":["a","b"],"multi":["a","b"],"X-List":["a","b"]}`,
			"/v2/pets?limit=3&csv=a,b&ssv=a%20b&tsv=a%09b&pipes=a%7Cb&multi=a&multi=b", "", ""},
		{"create", `{"body":{"name":"Rex"}}`, "/v2/pets", "application/json", `{"name":"Rex"}`},
		{"form", `{"body":{"a":"x","l":["1","2"],"c":["1","2"]}}`, "/v2/form", "application/x-www-form-urlencoded", "a=x&c=1,2&l=1&l=2"},
	} {
		if result := call(t, session, c.tool, c.args); result.IsError {
			t.Errorf("%s: %s", c.tool, said(result))
			continue
		}
		got := r.last(t)
		if got.uri != c.uri || got.header.Get("Content-Type") != c.kind || got.body != c.body {
			t.Errorf("%s: %s %s %s", c.tool, got.uri, got.header.Get("Content-Type"), got.body)
		}
	}
	if got := r.requests()[0].header.Get("X-List"); got != "a|b" {
		t.Errorf("X-List: %s", got)
	}
	if result := call(t, session, "up", `{"id":"1","body":{"file":{"text":"hi","filename":"h.txt"}}}`); result.IsError {
		t.Fatal(said(result))
	}
	if got := r.last(t); !strings.HasPrefix(got.header.Get("Content-Type"), "multipart/form-data; boundary=") || !strings.Contains(got.body, `name="file"; filename="h.txt"`) {
		t.Errorf("%s %s", got.header.Get("Content-Type"), got.body)
	}
}
