package gateway_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/kballard/go-shellquote"

	"github.com/drawbridge-app/drawbridge/bridge/gateway"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestSnippets reads each snippet back as the app would.
func TestSnippets(t *testing.T) {
	t.Parallel()
	const address, key = "http://127.0.0.1:4001/mcp/a%20b", "drawbridge-key"
	link := gateway.Link{Address: address, Key: store.NewSecret(key), Program: `C:\Program Files\drawbridge.exe`, Arguments: []string{"serve", "--stdio", "--key", "claude's"}}
	for _, app := range gateway.Apps() {
		s, err := gateway.NewSnippet(app, link)
		if err != nil {
			t.Fatal(err)
		}
		text := s.Text.Reveal()
		if app.Title() == "" || s.Where == "" || strings.Contains(s.Text.String(), key) {
			t.Errorf("%s: %+v", app, s)
		}
		var got map[string]any
		switch s.Kind {
		case "json":
			err = json.Unmarshal([]byte(text), &got)
		case "toml":
			err = toml.Unmarshal([]byte(text), &got)
		case "shell":
			words, err := shellquote.Split(text)
			if err != nil || len(words) != 9 || words[6] != address || words[8] != "Authorization: Bearer "+key {
				t.Errorf("%s: %q, %v", app, words, err)
			}
			continue
		}
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v in %s", app, err, text)
		}
		for _, servers := range got {
			one := servers.(map[string]any)["drawbridge"].(map[string]any)
			raw, _ := json.Marshal(one)
			if app.Pipes() {
				if one["command"] != link.Program || len(one["args"].([]any)) != 4 || strings.Contains(string(raw), key) {
					t.Errorf("%s: %s", app, raw)
				}
				continue
			}
			if !strings.Contains(string(raw), address) || !strings.Contains(string(raw), `"Authorization":"Bearer `+key+`"`) {
				t.Errorf("%s: %s", app, raw)
			}
		}
	}
	if _, err := gateway.NewSnippet("emacs", link); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "cursor") {
		t.Errorf("an app that is not known: %v", err)
	}
	if got := gateway.InNamespace("http://h/mcp", []string{"a b", "c,d"}); got != "http://h/mcp/a%20b,c%2Cd" {
		t.Errorf("the namespace is %s", got)
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	_, address := serve(t, newWorld())
	trial, err := gateway.Try(t.Context(), nil, address+"/mcp/office", store.NewSecret("key-office"))
	if err != nil || trial.Tools != 4 || trial.Protocol == "" {
		t.Errorf("the connection gave %+v, %v", trial, err)
	}
	if _, err := gateway.Try(t.Context(), nil, address+"/mcp/lab", store.NewSecret("key-office")); err == nil {
		t.Error("a forbidden namespace passed the test")
	}
}
