package settings

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
	"github.com/drawbridge-app/drawbridge/store"
)

// within fails if an input keeps this process busy for longer than outside input
// may. began is what bounds.Busy said before.
func within(t *testing.T, began time.Duration) {
	t.Helper()
	if d := bounds.Busy() - began; d > 2*time.Second && !bounds.Race { // many times what the slowest takes
		t.Errorf("it took %v", d)
	}
}

// FuzzServers reads any text as mcp.json. Nothing may panic; if the file can be
// used, a server that is added and removed again leaves the others as they
// were, those that cannot be used too.
func FuzzServers(f *testing.F) {
	f.Add(byHand)
	f.Add("{}")
	f.Add("// x")
	f.Add(`{"mcpServers": null}`)
	f.Add(`{"mcpServers": {"a": {"command": "x",},},}`)
	f.Add(`{"mcpServers":{"a":{"url":"https://x.org/","type":"http"},"":{},"b":7}}`)
	f.Add("{\r\n\t\"mcpServers\": {\r\n\t\t\"a/~b\": {\"command\": \"x\"} /* c */, // d\r\n\t}\r\n}")
	f.Add(`{"mcpServers":{"a":{"command":"x","drawbridge":{"id":"b"}},"b":{"command":"y"}}}`)
	f.Add(`{"mcpServers":{"a":{"command":"x","allowed_tools":["t"],"disallowed_tools":[],"allowed_params":{"t":["p"],"u":[]},"access_groups":["g"],
		"drawbridge":{"fixed_params":{"t":{"q":[1,"<&>"]}},"trusted":true,"approvals":{"default":"ask","read_only":"always"},"calls_per_day":3}}}}`)
	f.Add(`{"mcpServers":{"a":{"command":"x","allowed_params":{"t":null},"drawbridge":{"approvals":{"readonly":"never"},"calls_per_minute":-1}}}}`)
	f.Add(strings.Repeat("[", 100_000))
	f.Add(`{"a":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`)
	f.Fuzz(func(t *testing.T, text string) {
		defer within(t, bounds.Busy())
		first, err := readServers([]byte(text))
		if err != nil {
			return
		}
		const name = "a name that no fuzzer finds"
		more, err := first.with(append(slices.Clone(first.list), stdio(name, "a")))
		if err != nil {
			t.Fatalf("it can be used, and not changed: %v", err)
		}
		last, err := more.with(more.list[:len(more.list)-1])
		if err != nil {
			t.Fatalf("removing it again: %v", err)
		}
		if !sameServers(last.list, first.list) || !slices.Equal(last.problems, first.problems) {
			t.Errorf("after removing: %+v %q, before %+v %q", last.list, last.problems, first.list, first.problems)
		}
		for i := range first.list {
			changed := cloneServers(first.list)
			changed[i] = stdio(name, "b")
			changed[i].ID = first.list[i].ID
			if _, err := first.with(changed); err != nil {
				t.Errorf("changing %q: %v", first.list[i].Name, err)
			}
		}
	})
}

// FuzzSettings does the same with settings.json.
func FuzzSettings(f *testing.F) {
	f.Add(`{"version": 1, "providers": [{"id": "a", "type": "chat", "base_url": "http://x/v1"}, 7], "step_limit": 4}`)
	f.Add(`{"version": 2}`)
	f.Add("{\n  // x\n  \"window\": {\"width\": 1e99}, \"switches\": {\"servers\": {\"a\": true}}\n}")
	f.Add(`{"providers": [], "folders": [1], "model": null}`)
	f.Add("{\"a\": 1")
	f.Fuzz(func(t *testing.T, text string) {
		defer within(t, bounds.Busy())
		first, err := readSettings([]byte(text))
		if err != nil {
			return
		}
		next := cloneSettings(first.value)
		next.Providers = append(next.Providers, store.ProviderConfig{ID: "a-name-that-no-fuzzer-finds", Kind: store.ProviderRehearsal})
		next.Window.Theme = "dark"
		next.Switches = next.Switches.SetServer("x", true)
		more, err := first.with(next)
		if err != nil {
			t.Fatalf("it can be used, and not changed: %v", err)
		}
		if _, err := more.with(first.value); err != nil {
			t.Errorf("undoing it: %v", err)
		}
		if _, err := first.with(store.Settings{}); err != nil {
			t.Errorf("emptying it: %v", err)
		}
	})
}
