package chat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// What is said before a turn is what the turn then does.
func TestOffer(t *testing.T) {
	t.Parallel()
	tool := func(server, name, schema string) tools.Tool {
		return tools.Tool{Ref: tools.Ref{Server: server, Tool: name}, ServerName: server, Description: "Does " + name, InputSchema: json.RawMessage(schema), Hash: server + name}
	}
	const plain = `{"type":"object","properties":{"a":{"type":"string"}}}`
	list := []tools.Tool{tool("a", "one", plain), tool("a", "two", plain), tool("b", "three", plain), tool("b", "broken", `{"type":"string"}`)}
	loop := chat.New(chat.Options{History: newHistory(), Tools: shop(), Limits: func(store.ModelRef) store.ModelLimits {
		return store.ModelLimits{Context: 128_000}
	}})
	m := script()
	m.dialect = tools.OpenAI
	o, err := loop.Offer(store.Conversation{ID: "c"}, m, list)
	if err != nil {
		t.Fatal(err)
	}
	if o.Count != 3 || o.Most != 128 || o.Context != 128_000 || o.Search || o.Fault != "" {
		t.Errorf("it comes to %+v", o)
	}
	if o.Tokens["a"] <= o.Tokens["b"] || o.Tokens["b"] <= 0 || o.Sent != o.Tokens["a"]+o.Tokens["b"] {
		t.Errorf("the tokens are %v, %d together", o.Tokens, o.Sent)
	}
	if len(o.LeftOut) != 1 || o.LeftOut[0].Ref.Tool != "broken" || o.LeftOut[0].Reason == "" {
		t.Errorf("left out are %+v", o.LeftOut)
	}
	for i := range 200 {
		list = append(list, tool("many", fmt.Sprintf("tool%d", i), plain))
	}
	if o, err = loop.Offer(store.Conversation{ID: "c"}, m, list); err != nil {
		t.Fatal(err)
	}
	if o.Count != 203 || !o.Search || o.Sent >= o.Tokens["many"] {
		t.Errorf("too many come to %+v", o)
	}
	m.dialect.MaxTools = 1
	if o, err = loop.Offer(store.Conversation{ID: "c"}, m, list); err != nil || !strings.Contains(o.Fault, "at most 1") {
		t.Errorf("where not even a search fits: %q, %v", o.Fault, err)
	}
}
