package provider

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/provider/wiretest"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestAimock asks a model server of others in each of the formats: what is whole
// is taken as it is, and what is not is an error of the right kind.
func TestAimock(t *testing.T) {
	t.Parallel()
	url := wiretest.ServeAimock(t, filepath.Join("..", "..", "app", "testdata", "npm", "node_modules"), filepath.Join("testdata", "aimock.json"))
	for kind, version := range map[store.ProviderKind]string{
		store.ProviderChat: "/v1", store.ProviderResponses: "/v1", store.ProviderAnthropic: "/v1", store.ProviderGemini: "/v1beta",
	} {
		t.Run(string(kind), func(t *testing.T) {
			client := newClient(t, kind, url+version)
			run := func(name string) (store.Parts, model.StopReason, []model.Delta, error) {
				deltas, err := drain(t.Context(), client, ask(fmt.Sprintf("CASE %s.", name)))
				parts, reason := assemble(deltas)
				return parts, reason, deltas, err
			}
			whole := map[string]struct {
				text, calls string
				reason      model.StopReason
			}{
				"text":         {"Hello there, how are you today?", "", model.StopEnd},
				"late":         {"Hello at last.", "", model.StopEnd},
				"reasoning":    {"Done.", "", model.StopEnd},
				"length":       {"It goes on and", "", model.StopLength},
				"call":         {"", `files__read {"path":"a.txt"}`, model.StopCalls},
				"both":         {"I read it.", `files__read {"path":"a.txt"}`, model.StopCalls},
				"parallel":     {"", `files__read {"path":"a.txt"}; files__read {"path":"b.txt"}`, model.StopCalls},
				"no-arguments": {"", `clock__now {}`, model.StopCalls},
			}
			if kind == store.ProviderResponses {
				delete(whole, "length") // in this format the server ends every answer as complete
			}
			for name, want := range whole {
				parts, reason, deltas, err := run(name)
				if err != nil || parts.Text() != want.text || calls(parts) != want.calls || reason != want.reason {
					t.Errorf("%s: %v, %s, %+v", name, err, reason, parts)
				}
				if name == "text" && len(deltas) < 5 {
					t.Errorf("%s: it came in %d pieces", name, len(deltas))
				}
			}
			parts, _, _, _ := run("reasoning")
			thought := ""
			for _, p := range parts {
				if r, ok := p.(store.Reasoning); ok {
					thought += r.Text
				}
			}
			if thought != "Thinking of it." {
				t.Errorf("the reasoning is %q", thought)
			}
			for name, kinds := range map[string][]model.ErrorKind{
				"truncated":        {model.ErrorTransport},
				"disconnected":     {model.ErrorTransport},
				"chaos-disconnect": {model.ErrorTransport},
				"chaos-malformed":  {model.ErrorProtocol, model.ErrorTransport},
				"chaos-drop":       {model.ErrorServer},
				"chaos-rate":       {model.ErrorRate},
				"429":              {model.ErrorRate},
				"500":              {model.ErrorServer},
				"401":              {model.ErrorAuth},
				"400":              {model.ErrorRequest},
			} {
				parts, reason, _, err := run(name)
				var e *model.Error
				if !errors.As(err, &e) || !slices.Contains(kinds, e.Kind) || reason != "" {
					t.Errorf("%s: %v (%+v), %q, %+v", name, err, e, reason, parts)
					continue
				}
				if name == "429" && e.RetryAfter != 7*time.Second {
					t.Errorf("%s: it asks to wait %v", name, e.RetryAfter)
				}
				if strings.HasPrefix(name, "trunc") && (parts.Text() == "" || !errors.Is(err, model.ErrCut)) {
					t.Errorf("%s: %v after %q", name, err, parts.Text())
				}
			}
		})
	}
}
