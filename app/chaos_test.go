//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/provider/wiretest"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// chaos is a model server of others whose faults can be switched on and off.
type chaos struct {
	t   *testing.T
	url string
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	return &chaos{t, wiretest.ServeAimock(t, filepath.Join("testdata", "npm", "node_modules"), filepath.Join("testdata", "chaos", "model.json"))}
}

// set has each request fail in that way, or in none.
func (c *chaos) set(fault string) {
	c.t.Helper()
	method := http.MethodPost
	if fault == "" {
		method, fault = http.MethodDelete, "{}"
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+"/__aimock/chaos", strings.NewReader(fault))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		c.t.Fatalf("%s: %s", fault, res.Status)
	}
}

// TestChaos has the model's server fail before the first answer and again while
// the second one is asked for, in each way and each format: the turn ends whole
// all the same, by itself or when it is tried again, every message is there
// once, and the tool has run once.
func TestChaos(t *testing.T) {
	c := newChaos(t)
	b := openBridge(t)
	if err := b.UpdateSettings(func(s *store.Settings) error { s.WorkbenchOff = true; return nil }); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(t.TempDir(), "ran")
	config := store.ServerConfig{
		Name: "slow", Transport: store.TransportStdio, Command: program(t, "slow-mcp"),
		Env: map[string]store.Value{"PAUSE": "1ms", "PIDS": store.Value(t.TempDir()), "RAN": store.Value(ran)},
	}
	if _, err := b.AddServer(t.Context(), setup.Draft{Config: config}, true); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, b, "slow"); passedNames(v) != "say" {
		t.Fatalf("the server offers %q", passedNames(v))
	}
	if err := b.SetStandingAnswer(t.Context(), tools.Ref{Server: "slow", Tool: "say"}, tools.AnswerAlways); err != nil {
		t.Fatal(err)
	}
	for kind, version := range map[store.ProviderKind]string{
		store.ProviderChat: "/v1", store.ProviderResponses: "/v1", store.ProviderAnthropic: "/v1", store.ProviderGemini: "/v1beta",
	} {
		if err := b.SetProvider(t.Context(), store.ProviderConfig{ID: string(kind), Kind: kind, BaseURL: c.url + version, NoKey: true, Model: "m"}, nil); err != nil {
			t.Fatal(err)
		}
		for name, fault := range map[string]string{
			"500":           `{"dropRate":1}`,
			"429":           `{"rateLimitRate":1}`,
			"malformed":     `{"malformedRate":1}`,
			"disconnect":    `{"disconnectRate":1}`,
			"latency":       `{"latencyMs":300}`,
			"two at a time": `{"latencyMs":100,"disconnectRate":1}`,
			"mid-stream":    "",
		} {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				if err := os.WriteFile(ran, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				text := "CHAOS"
				if fault == "" { // the server does it by itself, once for each answer
					text = "CUT " + string(kind)
				}
				failures := c.turn(t, b, store.ModelRef{Provider: string(kind), Model: "m"}, text, fault)
				if want := 2; name != "latency" && failures != want {
					t.Errorf("%d failures were told of, where there were %d", failures, want)
				}
				if did, err := os.ReadFile(ran); err != nil || string(did) != "once\n" {
					t.Errorf("the tool did %q (%v)", did, err)
				}
			})
		}
	}
}

// turn runs one turn with that message through the faults and returns how often the model was
// called in vain.
func (c *chaos) turn(t *testing.T, b *bridge.Bridge, ref store.ModelRef, text, fault string) (failures int) {
	t.Helper()
	conv, err := b.NewConversation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.RenameConversation(t.Context(), conv.ID, "Chaos"); err != nil {
		t.Fatal(err)
	}
	if err := b.SetConversationModel(t.Context(), conv.ID, ref); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c.set(fault)
	defer c.set("")
	want := fmt.Sprintf(`user %q 0; assistant "I look." 1; tool "" 1; assistant "The tool answered, and that is all of it." 0`, text)
	done := false
	for tries := 0; !done && tries < 5; tries++ {
		for event, err := range b.Send(ctx, conv.ID, text, nil) {
			var failed *model.Error
			switch {
			case errors.As(err, &failed): // it is tried again, as by a click on Retry
				failures++
				c.set("")
			case err != nil:
				t.Fatal(err)
			}
			switch e := event.(type) {
			case chat.Retrying:
				failures++
				c.set("")
			case chat.CallDone:
				c.set(fault)
			case chat.TurnDone:
				done = e.Reason == chat.ReasonEnd
			}
		}
		text = ""
	}
	chain, err := b.Messages(t.Context(), conv.ID)
	if err != nil || !done {
		t.Fatalf("the turn is not whole (%v)", err)
	}
	var said []string
	for _, m := range chain {
		if m.Status != store.StatusComplete {
			t.Errorf("a message of the role %s is %s: %s", m.Role, m.Status, m.Error)
		}
		said = append(said, fmt.Sprintf("%s %q %d", m.Role, m.Text(), len(m.Calls())+len(m.Results())))
	}
	if got := strings.Join(said, "; "); got != want {
		t.Errorf("the conversation is %s", got)
	}
	return failures
}
