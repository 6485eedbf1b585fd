package servers

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

const shop = `{"openapi":"3.1.0","info":{"title":"The Shop (v2)","version":"2"},"servers":[{"url":"https://api.shop.example/v2"}],"paths":{
	"/items":{"get":{"operationId":"listItems","tags":["items"],"summary":"Lists what can be bought"},"post":{"operationId":"addItem","tags":["items","admin"],"summary":"Adds an item"}},
	"/items/{id}":{"get":{"operationId":"getItem","tags":["items"],"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}]},"delete":{"operationId":"deleteItem","tags":["admin"],"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}]}},
	"/orders":{"get":{"operationId":"listOrders","tags":["orders"],"summary":"Lists the orders"}}}}`

func document(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.json")
	if err := os.WriteFile(path, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tick(t testing.TB, c *form.Check) { t.Helper(); c.SetChecked(!c.Checked) }

func TestAddAnAPI(t *testing.T) {
	e := uitest.NewEngine()
	_, w := open(t, e, theme.Light)
	uitest.Tap(t, w, "Add server")
	uitest.Tap(t, w, "Add by OpenAPI")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "Type the file or the address of the document")
	path := document(t)
	uitest.Fill(t, w, "OpenAPI document", path+"x")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "cannot be read")
	uitest.Fill(t, w, "OpenAPI document", path)
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "The Shop (v2)", "5 of 5 operations become tools", "DELETE  /items/{id}", "Lists the orders")
	if got := uitest.Entry(t, w, "Name", 0).Text; got != "the-shop-v2" {
		t.Errorf("the name is %q", got)
	}
	check := func(name string) *form.Check {
		return uitest.Find(t, w, func(c *form.Check) bool { return c.Text == name })
	}
	tick(t, check("DELETE"))
	uitest.Shows(t, w, "4 of 5 operations become tools")
	tick(t, check("items"))
	uitest.Shows(t, w, "3 of 5 operations become tools")
	uitest.Fill(t, w, "Paths", "/nowhere")
	uitest.Shows(t, w, "0 of 5 operations become tools")
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "No operation fits.", "This is no address.")
	uitest.Fill(t, w, "Paths", "/items")
	uitest.Tap(t, w, "Use https://api.shop.example/v2")
	uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == "Authentication" }).SetSelectedIndex(2)
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "Type the name of the header", "Type the key, token, password or secret.")
	uitest.Fill(t, w, "Its name", "X-Key")
	uitest.Fill(t, w, "Value", "canary-key")
	did(t, e, "read document "+path+"x", "read document "+path)
	uitest.Tap(t, w, "Continue")
	uitest.Shows(t, w, "Review what will run", "2 tools: listItems, addItem.", "https://api.shop.example/v2", "value: ‹secret›", "methods: GET, POST", "tags: items", "paths: /items")
	uitest.ShowsNot(t, w, "canary-key")
	uitest.Tap(t, w, "Back")
	uitest.Shows(t, w, "2 of 5 operations become tools")
	uitest.Tap(t, w, "Continue")
	uitest.Tap(t, w, "Add and start")
	got := e.Did()
	if want := `add the-shop-v2 https://api.shop.example/v2 [] env=map[] headers=map[] secrets=1 approve=true`; got[len(got)-1] != want {
		t.Errorf("%q", got)
	}
}

func TestEditAnAPI(t *testing.T) {
	e := uitest.NewEngine()
	path := document(t)
	api, err := new(bridge.Bridge).ReadAPI(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := api.Draft(t.Context(), store.ServerConfig{
		Name: "shop", URL: "https://api.shop.example/v2", Serial: true, Headers: map[string]store.Value{"X-A": "b"},
		OpenAPI: &store.OpenAPI{Tags: []string{"orders"}, Auth: store.APIAuth{Kind: store.APIAuthClient, User: "me", Value: "v", TokenURL: "https://l.example/t", Scopes: []string{"r"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	v := bridge.ServerView{Status: mcphost.Status{Server: d.Config, State: mcphost.Ready}, Hash: d.Config.Hash()}
	e.Views = append(e.Views, v)
	_, w := open(t, e, theme.Light)
	form := newAPIEditor(api, d.Config, never)
	if c, _, ok := form.config(); !ok || !reflect.DeepEqual(c, d.Config) {
		t.Errorf("the form makes\n%+v %+v\nof\n%+v %+v", c, c.OpenAPI, d.Config, d.Config.OpenAPI)
	}
	uitest.Tap(t, w, "Edit shop")
	uitest.Shows(t, w, "Edit shop", "1 of 5 operations become tools", "/orders")
	uitest.Tap(t, w, "Save") // nothing is different, so there is nothing to review
	uitest.Tap(t, w, "Edit shop")
	uitest.Fill(t, w, "Base URL", "https://other.example")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Review what will run", "https://other.example", "1 tool: listOrders.")
	uitest.Tap(t, w, "Save and start")
	did(t, e, "read document "+path, `update shop: shop https://api.shop.example/v2 [] env=map[] secrets=0 approve=false`,
		"read document "+path, `update shop: shop https://other.example [] env=map[] secrets=0 approve=true`)
}
