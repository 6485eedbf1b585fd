package openapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestPetstore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file  string
		names string
		calls [][4]string // tool, arguments, method and address, body
	}{
		{"petstore-3.0.yaml", "addPet updatePet findPetsByStatus findPetsByTags getPetById deletePet uploadFile get_store_inventory", [][4]string{
			{"addPet", `{"body":{"name":"Rex","photoUrls":[],"tags":[{"name":null}]}}`, "POST /shop/pet", `{"name":"Rex","photoUrls":[],"tags":[{"name":null}]}`},
			{"findPetsByStatus", `{"status":"sold"}`, "GET /shop/pet/findByStatus?status=sold", ""},
			{"findPetsByTags", `{"tags":["a","b"]}`, "GET /shop/pet/findByTags?tags=a&tags=b", ""},
			{"getPetById", `{"petId":9007199254740993}`, "GET /shop/pet/9007199254740993", ""},
			{"deletePet", `{"petId":1,"api_key":"k"}`, "DELETE /shop/pet/1", ""},
			{"uploadFile", `{"petId":1,"additionalMetadata":"m","body":{"base64":"AAE="}}`, "POST /shop/pet/1/uploadImage?additionalMetadata=m", "\x00\x01"},
			{"get_store_inventory", `{}`, "GET /shop/store/inventory", ""},
		}},
		{"petstore-2.0.json", "addPet updatePet findPetsByStatus getPetById updatePetWithForm deletePet uploadFile get_store_inventory", [][4]string{
			{"updatePet", `{"body":{"name":"Rex","photoUrls":["a"]}}`, "PUT /shop/pet", `{"name":"Rex","photoUrls":["a"]}`},
			{"findPetsByStatus", `{"status":["sold","pending"]}`, "GET /shop/pet/findByStatus?status=sold&status=pending", ""},
			{"updatePetWithForm", `{"petId":1,"body":{"name":"R x"}}`, "POST /shop/pet/1", "name=R+x"},
			{"deletePet", `{"petId":1}`, "DELETE /shop/pet/1", ""},
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t)
			o := Options{Document: document(t, c.file), BaseURL: r.URL + "/shop"}
			s, err := New(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(s.Names(), " "); got != c.names || len(s.Notes()) > 0 {
				t.Errorf("%s %v", got, s.Notes())
			}
			for _, one := range s.tools {
				checkSchema(t, one)
			}
			session := connect(t, o)
			for _, one := range c.calls {
				if result := call(t, session, one[0], one[1]); result.IsError {
					t.Errorf("%s: %s", one[0], said(result))
					continue
				}
				got := r.last(t)
				if got.method+" "+got.uri != one[2] || got.body != one[3] {
					t.Errorf("%s: %s %s %q", one[0], got.method, got.uri, got.body)
				}
			}
		})
	}
}

// TestDefinition holds one tool, whole, against what a client lists.
func TestDefinition(t *testing.T) {
	t.Parallel()
	session := connect(t, Options{Document: document(t, "petstore-3.0.yaml"), BaseURL: "https://a.example"})
	list, err := session.ListTools(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*mcp.Tool{}
	for _, one := range list.Tools {
		byName[one.Name] = one
	}
	got, err := json.MarshalIndent(byName["addPet"], "", " ")
	if err != nil {
		t.Fatal(err)
	}
	var compacted, wanted any
	if err := json.Unmarshal(got, &compacted); err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"addPet","description":"Add a pet\n\nAdds a pet to the shop.\n\nPOST /pet",
		"annotations":{"title":"Add a pet","readOnlyHint":false,"idempotentHint":false,"destructiveHint":true,"openWorldHint":true},
		"inputSchema":{"type":"object","additionalProperties":false,"required":["body"],"properties":{"body":{"$ref":"#/$defs/Pet"}},
		"$defs":{
			"Category":{"type":"object","properties":{"id":{"type":"integer","format":"int64"},"name":{"type":"string"}}},
			"Tag":{"type":"object","properties":{"id":{"type":"integer","format":"int64"},"name":{"type":["string","null"]}}},
			"Pet":{"type":"object","required":["name","photoUrls"],"properties":{
				"name":{"type":"string"},"category":{"$ref":"#/$defs/Category"},"photoUrls":{"type":"array","items":{"type":"string"}},
				"tags":{"type":"array","items":{"$ref":"#/$defs/Tag"}},"parent":{"$ref":"#/$defs/Pet"},
				"weight":{"type":"number","exclusiveMinimum":0},"status":{"type":"string","enum":["available","pending","sold"]}}}}}}`
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if a, b := string(compact(compacted)), string(compact(wanted)); a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
	for name, want := range map[string]string{
		"getPetById": "true true false true", "deletePet": "false true true true", "updatePet": "false true true true", "uploadFile": "false false true true",
	} {
		a := byName[name].Annotations
		if got := fmt.Sprint(a.ReadOnlyHint, a.IdempotentHint, *a.DestructiveHint, *a.OpenWorldHint); got != want {
			t.Errorf("%s claims %s, want %s", name, got, want)
		}
	}
	if d := byName["findPetsByTags"].Description; !strings.Contains(d, "deprecated") {
		t.Error(d)
	}
}

func TestChoice(t *testing.T) {
	t.Parallel()
	petstore, err := Read(context.Background(), document(t, "petstore-3.0.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	github, err := readWithin(context.Background(), patience, document(t, "github.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if petstore.Title() != "Petstore" || len(github.Operations()) != 1223 {
		t.Errorf("%q, %d", petstore.Title(), len(github.Operations()))
	}
	for _, c := range []struct {
		d    *Document
		c    Choice
		want int
	}{
		{petstore, Choice{}, 8},
		{petstore, Choice{Tags: []string{"store"}}, 1},
		{petstore, Choice{Tags: []string{"store", "pet"}}, 8},
		{petstore, Choice{Tags: []string{"Store"}}, 0},
		{petstore, Choice{Methods: []string{"get", "Delete"}}, 5},
		{petstore, Choice{Paths: []string{"/pet/*"}}, 4},
		{petstore, Choice{Paths: []string{"/pet/**"}}, 5},
		{petstore, Choice{Paths: []string{"/pet/{petId}"}}, 2},
		{petstore, Choice{Paths: []string{"/pet", "/store/*"}, Methods: []string{"GET", "PUT"}}, 2},
		{github, Choice{}, 639},
		{github, Choice{Tags: []string{"gists"}}, 11},
		{github, Choice{Tags: []string{"gists"}, Methods: allMethods}, 20},
	} {
		got, err := c.d.Choose(c.c)
		if err != nil || len(got) != c.want {
			t.Errorf("%+v: %d, %v; want %d", c.c, len(got), err, c.want)
		}
	}
	for _, bad := range []Choice{{Methods: []string{"FETCH"}}, {Paths: []string{""}}} {
		if _, err := petstore.Choose(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestNames: unique, plain, and the same whatever else the document has.
func TestNames(t *testing.T) {
	t.Parallel()
	names := func(paths string) string {
		s, err := New(context.Background(), Options{Document: spec(paths), BaseURL: "https://a.example"})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(s.Names(), " ")
	}
	long := strings.Repeat("x", 100)
	a := names(`{"/a":{"get":{"operationId":"same"},"post":{}},"/b":{"get":{"operationId":"Same"}},"/c/{id}":{"get":{"operationId":"repos/get-it!"}},"/d":{"get":{"operationId":"` + long + `"}},"/e":{"get":{"operationId":"` + long + `"}},"/f":{"get":{"operationId":"日本"}}}`)
	parts := strings.Fields(a)
	if len(parts) != 7 || !strings.HasPrefix(parts[0], "same_") || parts[1] != "post_a" || !strings.HasPrefix(parts[2], "Same_") ||
		parts[3] != "repos_get-it" || len(parts[4]) != nameMax || parts[4] == parts[5] || parts[6] != "get_f" {
		t.Error(a)
	}
	b := names(`{"/0":{"get":{"operationId":"first"}},"/b":{"get":{"operationId":"Same"}},"/a":{"get":{"operationId":"same"}}}`)
	for _, name := range []string{parts[0], parts[2]} {
		if !slices.Contains(strings.Fields(b), name) {
			t.Errorf("%s is not among %s", name, b)
		}
	}
}

// TestAgainstKin reads the same documents with another library and compares what
// each operation takes.
func TestAgainstKin(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"petstore-3.0.yaml", "petstore-2.0.json", "stripe.json.gz", "netlify.json.gz"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := document(t, name)
			var doc *openapi3.T
			var err error
			if strings.Contains(string(b[:40]), "swagger") {
				var old openapi2.T
				if err = json.Unmarshal(b, &old); err == nil {
					doc, err = openapi2conv.ToV3(&old)
				}
			} else {
				doc, err = openapi3.NewLoader().LoadFromData(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(context.Background(), Options{Document: b, BaseURL: "https://a.example", Choice: Choice{Methods: allMethods}, limit: patience})
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for _, one := range s.tools {
				item := doc.Paths.Value(one.op.Path)
				if item == nil || item.GetOperation(one.op.Method) == nil {
					t.Errorf("%s %s is not known there", one.op.Method, one.op.Path)
					continue
				}
				theirs := item.GetOperation(one.op.Method)
				var want, got []string
				for _, p := range slices.Concat(theirs.Parameters, item.Parameters) {
					want = append(want, fmt.Sprint(p.Value.In, " ", p.Value.Name, " ", p.Value.Required))
				}
				for _, p := range one.op.params {
					got = append(got, fmt.Sprint(p.in, " ", p.name, " ", p.required))
				}
				slices.Sort(want)
				slices.Sort(got)
				if !slices.Equal(slices.Compact(want), got) {
					t.Errorf("%s: %v, and there %v", one.op.Name, got, want)
				}
				if body := theirs.RequestBody; (body != nil && len(body.Value.Content) > 0) != (one.op.body != nil) {
					t.Errorf("%s: the body differs", one.op.Name)
				} else if body != nil && body.Value.Content[one.op.body.kind] == nil {
					t.Errorf("%s: the body is %s, and there %v", one.op.Name, one.op.body.kind, body.Value.Content)
				}
				compared++
			}
			t.Logf("%d operations", compared)
		})
	}
}
